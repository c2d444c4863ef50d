"""One model in two directions, really trained on the cipher: each text goes where it is told to."""

import itertools
import json
import random
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.helpers import CIPHER, draw_cipher_pairs, half_forgotten, made_once, tiny_config
from translator import explain
from translator.adaptation import Domain, outcome, prepare
from translator.cli import app
from translator.config import Config, DecodingConfig
from translator.data import SentencePair, read_pairs
from translator.embedding import Embedder
from translator.errors import RunError
from translator.evaluation import EvaluationSet, assess, directed, evaluate, sets_of_split
from translator.export import Certificate
from translator.runs import RUNS, RunDirectory
from translator.server.app import create_app
from translator.text.directions import tag_of
from translator.training import Finished, Validated, train
from translator.translation import Translator
from translator.visualization.attention import END
from translator.visualization.report import render_report

WORDS = ["ana bebe nina", "abba ene", "banana baba nina ana"]
MORDS = ["oto tita rosa", "tor mar", "mimi sol rosa oto"]
STRANGE = ["", " ", ">>en<< ana", "12", "ANA BEBE", "ana. Bebe nina!", "x" * 300, "zebra 中文 😀"]


def configuration(directory: Path, **training: Any) -> Config:
    corpus = directory / "cipher.en-es.tsv"
    lines = [f"{pair.source}\t{pair.target}\n" for pair in draw_cipher_pairs()]
    corpus.write_text("".join(lines), encoding="utf-8", newline="\n")
    values = tiny_config(corpus).model_dump(exclude_unset=True)
    values["name"] = "both"
    values["data"]["directions"] = ["en-es", "es-en"]
    values["training"] |= training
    return Config.model_validate(values)


def train_in(directory: Path, config: Config) -> list[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)  # runs go to ./runs
        return list(train(config))


@pytest.fixture(scope="module")
def both_ways(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run that has learned the cipher in both directions; its path is absolute."""

    def make(directory: Path) -> None:
        steps = dict.fromkeys(("max_steps", "validate_every_steps", "checkpoint_every_steps"), 400)
        train_in(directory, configuration(directory, **steps))

    return RunDirectory(made_once(tmp_path_factory, "both", make) / "runs" / "both")


@pytest.fixture(scope="module")
def translator(both_ways: RunDirectory) -> Translator:
    return Translator.from_run(both_ways.path, device="cpu")


def texts(translator: Translator, *arguments: Any, **settings: Any) -> list[str]:
    return [each.text for each in translator.translate(*arguments, **settings)]


# --- translating ----------------------------------------------------------------------------------


def test_a_text_goes_into_the_language_that_is_named(translator: Translator) -> None:
    assert texts(translator, WORDS) == MORDS  # the first direction is the default
    assert texts(translator, WORDS, to="es") == MORDS
    assert texts(translator, MORDS, to="en") == WORDS
    assert texts(translator.toward("es-en"), MORDS) == WORDS


def test_a_direction_that_was_not_learned_is_refused(translator: Translator) -> None:
    with pytest.raises(RunError, match="into fr: it translates en → es, es → en"):
        translator.translate(WORDS, to="fr")


def test_a_run_of_one_direction_knows_its_own_and_no_other(trained_run: RunDirectory) -> None:
    one = Translator.from_run(trained_run.path, device="cpu")
    assert one.toward("es") is one.toward("en-es") is one
    assert one.directions == [one]
    with pytest.raises(RunError, match="it translates en → es"):
        one.toward("en")


def test_directions_share_the_model(translator: Translator) -> None:
    there, back = translator.directions
    assert there is translator
    assert back.model is there.model
    assert back.toward("es") is there
    assert back is there.toward("en")


@pytest.mark.parametrize("to", ["es", "en"])
def test_a_text_is_translated_alike_whatever_is_beside_it(translator: Translator, to: str) -> None:
    several = [*WORDS, *MORDS, *STRANGE]
    together = translator.translate(several, to=to)
    assert len(together) == len(several)
    assert [translator.translate([text], to=to)[0] for text in several] == together
    small = DecodingConfig.model_validate(
        {**translator.config.decoding.model_dump(), "tokens_per_batch": 16}
    )
    assert translator.translate(several, small, to=to) == together


def test_sentences_of_both_directions_are_searched_for_together(translator: Translator) -> None:
    there, back = translator.directions
    parts = [
        each
        for pair in zip(WORDS, MORDS, strict=True)
        for way, text in zip((there, back), pair, strict=True)
        for each in way._processor.parts([text])
    ]
    decoding = translator.config.decoding
    mixed = translator._search(translator._hypotheses, parts, decoding)
    alone = [
        found
        for part in parts
        for found in translator._search(translator._hypotheses, [part], decoding)
    ]
    assert [each.hypotheses for each in mixed] == [each.hypotheses for each in alone]
    [read] = {part.read for part in parts[:1]}
    assert read[0] == translator.tokenizer.tag_id(">>es<<")


def test_what_looks_like_a_tag_in_a_text_is_text(translator: Translator) -> None:
    plain = translator.tokenizer.encode([">>en<< ana"])
    assert translator.tokenizer.tag_id(">>en<<") not in plain[0]
    assert texts(translator, [">>en<< ana"], to="es") == texts(translator, [">>en<< ana"])


def test_no_output_has_a_tag(translator: Translator) -> None:
    tags = {translator.tokenizer.tag_id(tag) for tag in (">>es<<", ">>en<<")}
    wild = {"sampling": True, "n_best": 20, "temperature": 10.0, "recover_lost": False}
    decoding = translator.config.decoding.model_copy(update=wild)
    drawn = translator.search(translator.tokenizer.encode(WORDS), decoding)
    assert not tags.isdisjoint(token for each in drawn for one in each for token in one.tokens)
    for translation in translator.translate(WORDS, decoding):
        assert not any(re.search(">>(es|en)<<", each.text) for each in translation.alternatives)


def test_details_and_streams_are_those_of_the_direction(translator: Translator) -> None:
    [detailed] = translator.translate(MORDS[:1], to="en", details=True)
    assert detailed.pharaoh == "0-0 1-1 2-2"
    assert [token.piece for token in detailed.tokens][-1] == "</s>"
    steps = translator.toward("en").stream(MORDS[0])
    while True:
        try:
            next(steps)
        except StopIteration as end:
            assert end.value.text == detailed.text
            break


def test_every_text_is_embedded_with_one_tag_and_its_state_left_out(
    both_ways: RunDirectory, translator: Translator
) -> None:
    vectors = translator.embed([*WORDS, *MORDS, ""])
    assert np.array_equal(
        vectors, Embedder.from_run(both_ways.path, "cpu").embed([*WORDS, *MORDS, ""])
    )
    alone = np.concatenate([translator.embed([text]) for text in [*WORDS, *MORDS, ""]])
    assert np.array_equal(vectors, alone)
    assert not vectors[-1].any()


# --- evaluating -----------------------------------------------------------------------------------


def test_each_set_is_evaluated_in_each_direction(
    both_ways: RunDirectory, translator: Translator
) -> None:
    there, back = sets_of_split(both_ways, "test")
    assert (there.name, back.name) == ("test/held-out.en-es", "test/held-out.es-en")
    assert (there.direction, back.target_language) == ("en-es", "en")
    assert back.sources == there.first_references
    assert back.first_references == there.sources
    for each in (there, back):
        way = directed(translator, each)
        assert evaluate(way, each.sources, each.first_references)["BLEU"] > 90.0


def test_commands_know_the_directions(both_ways: RunDirectory, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    shutil.copytree(both_ways.path, run.path)

    def invoke(*arguments: str, code: int = 0) -> Any:
        done = CliRunner().invoke(app, [*arguments, "--run", str(run.path)])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return done

    done = invoke("translate", WORDS[0])
    assert done.stdout == f"{MORDS[0]}\n"
    assert "direction: en → es (--to also: es → en)" in done.stderr
    done = invoke("translate", "--to", "en", MORDS[0])
    assert done.stdout == f"{WORDS[0]}\n"
    assert "direction" not in done.stderr
    assert "en → es (the default), es → en" in invoke("inspect").stdout
    assert json.loads(invoke("inspect", "--json").stdout)["directions"] == ["en-es", "es-en"]
    summaries = json.loads(invoke("evaluate", "--json").stdout)
    assert [each["set"] for each in summaries] == ["test/held-out.en-es", "test/held-out.es-en"]
    tsv = tmp_path / "more.en-es.tsv"
    tsv.write_text(f"{WORDS[2]}\t{MORDS[2]}\n", encoding="utf-8")
    names = ["more.en-es", "more.es-en"]
    for to, expected in (([], names), (["--to", "en"], names[1:])):
        found = json.loads(invoke("evaluate", "--json", "--test-set", str(tsv), *to).stdout)
        assert [each["set"] for each in found] == expected
        assert [each["scores"][0]["score"] for each in found] == pytest.approx([100.0] * len(found))


def test_a_document_says_its_languages_and_the_direction_must_be_theirs(
    both_ways: RunDirectory, tmp_path: Path
) -> None:
    file = tmp_path / "some.xlf"
    file.write_text(
        '<xliff version="1.2"><file source-language="es" target-language="en"><body>'
        f'<trans-unit id="1"><source>{MORDS[0]}</source></trans-unit></body></file></xliff>\n',
        encoding="utf-8",
    )
    arguments = ["translate", "--run", str(both_ways.path), "-i", str(file)]
    refused = CliRunner().invoke(app, arguments)
    assert "--to" in getattr(refused.exception, "hint", "")
    done = CliRunner().invoke(app, [*arguments, "--to", "en"])
    assert f"<target>{WORDS[0]}</target>" in done.stdout


def test_a_server_lists_and_serves_every_direction(translator: Translator) -> None:
    from fastapi.testclient import TestClient

    with TestClient(create_app(translator)) as client:
        languages = client.get("/languages").json()
        assert {each["code"]: each["targets"] for each in languages} == {"en": ["es"], "es": ["en"]}
        for source, target, sent, expected in (
            ("en", "es", WORDS, MORDS),
            ("es", "en", MORDS, WORDS),
        ):
            asked = {"q": sent, "source": source, "target": target}
            answer = client.post("/translate", json=asked).json()
            assert answer == {"translatedText": expected}
            lines = client.post("/live", json=asked | {"q": sent[0]}).text.splitlines()
            [shown] = [each["sentence"] for each in map(json.loads, lines) if "sentence" in each]
            assert shown["rest"] == f">>{target}<<, the tag of the direction"
        assert client.post("/translate", json={"q": "x", "source": "en", "target": "fr"}).is_error


# --- what is made of it ---------------------------------------------------------------------------


def test_an_export_has_a_certificate_for_each_direction(
    both_ways: RunDirectory, tmp_path: Path
) -> None:
    folder = tmp_path / "export"
    done = CliRunner().invoke(app, ["export", str(both_ways.path), "-o", str(folder), "--quiet"])
    assert done.exit_code == 0, done.output
    there = Certificate.read(folder)
    assert there is not None
    [back] = there.others
    assert (there.test_set, back.test_set) == ("valid.en-es", "valid.es-en")
    assert min(there.run.bleu, there.export.bleu, back.run.bleu, back.export.bleu) > 90.0
    assert there.problem == ""
    worse = replace(back, export=replace(back.export, bleu=1.0), bleu_p=0.0)
    assert "BLEU 1.0 against the run's" in replace(there, others=(worse,)).problem


def test_pairs_are_made_in_the_direction_that_is_named(
    both_ways: RunDirectory, tmp_path: Path
) -> None:
    text, output = tmp_path / "text.txt", tmp_path / "out.jsonl"
    text.write_text("".join(f"{each}\n" for each in MORDS), encoding="utf-8")
    options = ["--run", both_ways.path, "--to", "en", "--round-trip", both_ways.path]
    for command, tag in (("distill", ""), ("backtranslate", "[BT] ")):
        words = [command, text, "-o", output, *options]
        done = CliRunner().invoke(app, list(map(str, words)))
        assert done.exit_code == 0, done.output
        rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
        assert [row["es"] for row in rows] == MORDS
        assert [row["en"] for row in rows] == [f"{tag}{each}" for each in WORDS]
        assert [row["round_trip"] for row in rows] == [100.0] * len(MORDS)


def test_an_adaptation_is_measured_in_each_direction(
    both_ways: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    corpus = tmp_path / "new.en-es.tsv"
    draw = random.Random(3)
    pairs = {tuple(draw.choices(list(CIPHER), k=6)) for _ in range(400)}
    lines = (f"{' '.join(p)}\t{' '.join(CIPHER[word] for word in p)}\n" for p in sorted(pairs))
    corpus.write_text("".join(lines), encoding="utf-8")
    steps = ["training.max_steps=4", "training.tokens_per_batch=256"]
    steps += ["training.learning_rate=0.0001", "training.best_metric=loss"]  # it falls a little
    config, _ = prepare(
        both_ways, Domain(corpora=(str(corpus),), glossary=None, replay_share=0.5), "new", steps
    )
    left_out = read_pairs(config.data.leave_out[0], "en", "es")
    assert all({*pair.source.split()} <= CIPHER.keys() for pair in left_out)
    list(train(config))
    changes = outcome(both_ways, RunDirectory(RUNS / "new"), 1.0)["changes"]
    found = {each["test_set"].split()[1] for each in changes}
    assert found == {"test/held-out.en-es", "test/held-out.es-en"}
    assert min(each["before"] for each in changes if not each["is_new"]) > 90.0


# --- training -------------------------------------------------------------------------------------

SHORT = {"validate_every_steps": 8, "checkpoint_every_steps": 4}


def test_training_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    found = []
    for name, stops in (("whole", []), ("in-two", [6])):
        directory = tmp_path / name
        directory.mkdir()
        config = configuration(directory, max_steps=16, **SHORT)
        for stop in stops:
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(directory)
                under_way = train(config)
                for event in under_way:
                    if isinstance(event, Validated) and event.step >= stop:
                        break
                under_way.close()
        assert isinstance(train_in(directory, config)[-1], Finished)
        run = RunDirectory(directory / "runs" / "both")
        files = [run.model_file, *sorted((run.checkpoints / "step-16").glob("*.safetensors"))]
        found.append([file.read_bytes() for file in files])
    assert found[0] == found[1]


def test_validation_is_the_mean_of_the_directions(tmp_path: Path) -> None:
    config = configuration(tmp_path, max_steps=8, **SHORT)
    validated = [each for each in train_in(tmp_path, config) if isinstance(each, Validated)]
    samples = validated[-1].samples
    assert set(samples[0][0].split()) <= CIPHER.keys()
    assert set(samples[1][0].split()) <= set(CIPHER.values())
    run = RunDirectory(tmp_path / "runs" / "both")
    files = sorted(file.name for file in run.held_out.iterdir())
    parts = [
        f"{name}.{pair}.jsonl" for name in ("test.held-out", "valid") for pair in ("en-es", "es-en")
    ]
    assert files == parts
    pairs = run.read_held_out("valid.es-en", ("es", "en"))
    there = run.read_held_out("valid.en-es", ("en", "es"))
    assert pairs == [SentencePair(target, source) for source, target in there or ()]


def test_a_run_without_tags_is_no_start_for_several_directions(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    config = configuration(tmp_path)
    values = config.model_dump(exclude_unset=True, exclude={"model", "tokenizer"})
    values["training"] = {"start_from": str(trained_run.path), "max_steps": 2}
    with pytest.raises(RunError, match=re.escape("the tokenizer has no >>es<<")):
        train_in(tmp_path, Config.model_validate(values))


def test_a_run_that_starts_from_one_of_two_directions_keeps_both(
    both_ways: RunDirectory, tmp_path: Path
) -> None:
    config = configuration(tmp_path)
    values = config.model_dump(exclude_unset=True, exclude={"model", "tokenizer"})
    for key in ("directions", "source_language", "target_language"):
        del values["data"][key]
    start = half_forgotten(both_ways, tmp_path / "start")
    values["name"] = "further"
    values["training"] = {"start_from": str(start.path), "max_steps": 2, "best_metric": "loss"}
    events = train_in(tmp_path, Config.model_validate(values))
    assert isinstance(events[-1], Finished)
    assert [change.test_set.split()[1] for change in events[-1].changes] == [
        "test/held-out.en-es",
        "test/held-out.es-en",
    ]
    further = Translator.from_run(tmp_path / "runs" / "further", device="cpu")
    directions = [each.config.data.direction for each in further.directions]
    assert [*map(str, directions)] == ["en-es", "es-en"]


def test_an_explanation_reads_the_tag_before_the_text(translator: Translator) -> None:
    for direction, text in ((translator, WORDS[0]), (translator.toward("en"), MORDS[0])):
        found = explain(direction, text)
        assert found.embedded["encoder"].ids[0] == tag_of(direction.config, direction.tokenizer)[0]
        assert found.translation == texts(direction, [text])[0]
        [ids] = direction.tokenizer.target.encode([found.translation])
        written = [*direction.tokenizer.target.pieces(ids), END]
        assert [each.likeliest[0][0] for each in found.next_tokens] == written


def test_a_direction_that_one_of_the_compared_runs_lacks_is_refused_before_any_is_translated(
    both_ways: RunDirectory, trained_run: RunDirectory, tmp_path: Path
) -> None:
    file = tmp_path / "few.en-es.tsv"
    file.write_text("ana bebe\toto tita\n", encoding="utf-8")
    words = ["compare", str(both_ways.path), str(trained_run.path), "--test-set", str(file)]
    refused = CliRunner().invoke(app, words)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "does not translate from es-en" in str(refused.exception)
    assert "--to" in getattr(refused.exception, "hint", "")
    compared = CliRunner().invoke(app, [*words, "--to", "es", "--json"])
    assert compared.exit_code == 0, compared.output
    assert len(json.loads(compared.stdout)) == 1


def test_a_report_names_the_directions_that_it_shows(both_ways: RunDirectory) -> None:
    sets = {
        direction: EvaluationSet("a", ("x",), (("x",),), direction=direction)
        for direction in ("en-es", "es-en")
    }
    for direction, other in itertools.permutations(sets):
        page = render_report([assess(sets[direction], ("x",), resamples=0)], both_ways)
        assert direction.replace("-", " → ") in page
        assert other.replace("-", " → ") not in page
