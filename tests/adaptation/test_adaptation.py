"""A run is adapted to a new domain: what it is trained on, what is refused, and going on."""

import json
import random
import re
import shutil
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.commands import run_command
from tests.helpers import CIPHER
from translator.adaptation import (
    NO_STEP_BETTER,
    Domain,
    blend,
    blending,
    outcome,
    prepare,
    preparing,
    verdict,
)
from translator.cli.console import VERDICT
from translator.config import Config, CorpusConfig, LanguagePair
from translator.data import Counts, SentencePair, Splits, occurring, read_pairs
from translator.errors import ConfigError, DataError, RunError
from translator.evaluation import EvaluationSet, sets_of_split
from translator.progress import Activity, activity
from translator.runs import RunDirectory, ScoreChange
from translator.training import StepDone, train
from translator.translation import Translator

NEW = {"zaza": "pepe", "keke": "lulu", "mumu": "gigi", "wawa": "fefe", "hoho": "nono"}
SHORT = [
    "training.max_steps=6",
    "training.checkpoint_every_steps=3",
    "training.tokens_per_batch=64",
]
GENTLE = [  # the loss falls, if only a little
    *SHORT,
    "training.learning_rate=0.0001",
    "training.best_metric=loss",
]
QUICK = ["decoding.beam_size=1", "decoding.max_length_ratio=0.1", "decoding.max_length_extra=1"]
ENOUGH = ["training.max_steps=60", "training.learning_rate=0.01", "training.tokens_per_batch=512"]


def draw_new_pairs(count: int = 300) -> Iterator[SentencePair]:
    """Pairs of the cipher with words that it has not had."""
    draw, seen = random.Random(2), set[str]()
    while len(seen) < count:
        words = [draw.choice(list(NEW)), *draw.choices([*NEW, *CIPHER], k=draw.randint(1, 4))]
        source = " ".join(words)
        if source not in seen:
            seen.add(source)
            yield SentencePair(source, " ".join((CIPHER | NEW)[word] for word in words))


def draw_long_pairs(count: int) -> Iterator[SentencePair]:
    """Pairs of more tokens than a run is trained on."""
    for number in range(count):
        yield SentencePair(f"{'zaza ' * 99}{number}", f"{'pepe ' * 99}{number}")


def write(file: str, pairs: list[SentencePair]) -> str:
    lines = "".join(f"{pair.source}\t{pair.target}\n" for pair in pairs)
    Path(file).write_text(lines, encoding="utf-8", newline="\n")
    return file


@pytest.fixture
def start(trained_run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the trained run in an empty directory, beside pairs of a new domain."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained_run.path, "runs/old")
    write("new.en-es.tsv", list(draw_new_pairs()))
    return Path("runs/old")


def domain(*corpora: str, glossary: Path | None = None, replay_share: float = 0.5) -> Domain:
    corpora = corpora or ("new.en-es.tsv",)
    return Domain(corpora=corpora, glossary=glossary, replay_share=replay_share)


def config_of(
    start: Path, *overrides: str, glossary: Path | None = None, replay_share: float = 0.5
) -> Config:
    wanted = domain(glossary=glossary, replay_share=replay_share)
    return prepare(RunDirectory(start), wanted, "new", [*SHORT, *overrides])[0]


def adapt(*arguments: str) -> tuple[int, str, str]:
    done = run_command("adapt", "runs/old", "-q", *arguments, timeout=600.0)
    return done.returncode, done.stdout, done.stderr


def sets(*overrides: str) -> list[str]:
    return [word for override in overrides for word in ("--set", override)]


# --- what is trained on ---------------------------------------------------------------------------


def test_the_model_is_trained_on_new_pairs_and_on_those_that_it_knows(
    start: Path, cipher_pairs: list[SentencePair]
) -> None:
    config, made = prepare(RunDirectory(start), domain(), "new", SHORT)
    new, replay = config.data.train
    assert new.path == "new.en-es.tsv"
    assert not made["distilled"]
    learned = {
        pair for pair in cipher_pairs if pair in set(Splits(config)._read(replay, "reading"))
    }
    assert len(learned) == made["replayed"] > 100
    held_out = [*sets_of_split(RunDirectory(start), "test")[0].sources]
    assert not learned & {pair for pair in cipher_pairs if pair.source in held_out}


def test_the_tests_of_both_domains_are_never_trained_on(
    start: Path, cipher_pairs: list[SentencePair]
) -> None:
    write("new.en-es.tsv", [*draw_new_pairs(), *cipher_pairs])
    list(train(config_of(start)))
    run, old = RunDirectory(Path("runs/new")), RunDirectory(start)
    known = old.read_fingerprints()
    of_run = {side: np.setdiff1d(own, known[side]) for side, own in run.read_fingerprints().items()}
    for directory, trained_on in ((old, run.read_fingerprints()), (run, of_run)):
        for test_set in (*sets_of_split(directory, "test"), *sets_of_split(directory, "valid")):
            assert not any(occurring(test_set.sources, trained_on["source"]))
            assert not any(occurring(test_set.first_references, trained_on["target"]))


def test_a_model_whose_corpora_are_gone_is_trained_on_its_own_translations(
    start: Path, trained_run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "_MOST_DISTILLED", 100)
    config = RunDirectory(start).read_config()
    data = config.data.model_copy(
        update={"train": [config.data.train[0].model_copy(update={"path": "gone.en-es.tsv"})]}
    )
    RunDirectory(start).write_config(config.model_copy(update={"data": data}))
    config, made = prepare(RunDirectory(start), domain(), "new", SHORT)
    assert made["distilled"]
    assert any("gone.en-es.tsv" in warning for warning in made["warnings"])
    pairs = list(Splits(config)._read(config.data.train[-1], "reading"))[:40]
    translator = Translator.from_run(trained_run.path)
    own = translator.translate([pair.source for pair in pairs], translator.config.decoding.greedy())
    assert [pair.target for pair in pairs] == [each.text.rstrip() for each in own]


def test_a_text_takes_the_place_of_the_corpora(start: Path) -> None:
    Path("text.txt").write_text("ana bebe\nnina\nana bebe\n", encoding="utf-8")
    wanted = replace(domain(), replay_text="text.txt")
    config, made = prepare(RunDirectory(start), wanted, "new", SHORT)
    assert made["distilled"]
    pairs = list(Splits(config)._read(config.data.train[-1], "reading"))
    assert [pair.source for pair in pairs] == ["ana bebe", "nina"]


def import_again(start: Path, source: str, target: str) -> RunDirectory:
    """The run as an import leaves it: without corpora, from one language into another."""
    old = RunDirectory(start)
    config = old.read_config()
    languages = {"source_language": source, "target_language": target}
    data = config.data.model_copy(update={"train": [], **languages})
    training = config.training.model_copy(update={"start_from": "hf:someone/model"})
    old.write_config(config.model_copy(update={"data": data, "training": training}))
    environment = {**old.read_environment()}
    del environment["held_out_sha256"]
    old.write_json(old.environment_file, environment)
    return old


def test_sentences_of_the_package_stand_in_for_sets_that_are_not_here(
    start: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "_MOST_DISTILLED", 100)
    old = import_again(start, "en", "es")
    config, made = prepare(old, domain(), "new", [*GENTLE, *QUICK])
    assert made["distilled"] and made["replayed"] == 100
    valid, test = made["warnings"]
    assert "runs/old has no valid set here" in valid
    assert "everyday sentences of this package stand in" in test
    list(train(config))
    run = RunDirectory(Path("runs/new"))
    seen: list[str] = []

    def noted(name: str) -> AbstractContextManager[Activity]:
        seen.append(name)
        return activity(name)

    monkeypatch.setattr(verdict, "activity", noted)
    known = [each for each in outcome(old, run, 1.0).get("changes", []) if not each["is_new"]]
    assert [(each["test_set"], each["sentences"]) for each in known[::2]] == [
        ("embedded:test-handwritten.en-es", 320),
        ("embedded:test-grammar.en-es", 1000),
    ]
    expected = [
        f"set {number} of 3, {name} model" for number in (1, 2, 3) for name in ("old", "new")
    ]
    assert [name for name in seen if name.startswith("set")] == expected
    left_out = set(Splits(config)._read(config.data.leave_out[0], "reading"))
    assert {*read_pairs(CorpusConfig(path="embedded:valid"), "en", "es")} <= left_out


def test_an_imported_model_has_no_old_test_and_says_so(start: Path) -> None:
    old = import_again(start, "de", "fr")
    write("new.de-fr.tsv", list(draw_new_pairs()))
    config, made = prepare(old, domain("new.de-fr.tsv"), "new", GENTLE)
    assert made["warnings"][-2] == "what the model forgets is not measured"
    assert "--replay-text" in made["warnings"][-1]
    list(train(config))
    run = RunDirectory(Path("runs/new"))
    assert run.lineage == [
        {"run": "runs/old", "model_sha256": old.model_sha256()},
        {"run": "hf:someone/model"},
    ]
    assert {each["is_new"] for each in outcome(old, run, 1.0).get("changes", [])} == {True}


def test_terms_are_trained_on_and_are_no_test(start: Path) -> None:
    Path("terms.csv").write_text("Spanish,English\npepe lulu,zaza keke\n", encoding="utf-8")
    config = config_of(start, glossary=Path("terms.csv"))
    [terms] = [each for each in config.data.train if each.path.endswith("terms.jsonl")]
    assert list(Splits(config)._read(terms, "reading")) == [SentencePair("zaza keke", "pepe lulu")]
    assert not terms.held_out


def test_a_glossary_in_other_languages_is_a_warning(start: Path) -> None:
    foreign = '<tmx><body><tu><tuv lang="de"><seg>Haus</seg></tuv></tu></body></tmx>'
    Path("de.tmx").write_text(foreign, encoding="utf-8")
    _, made = prepare(RunDirectory(start), domain(glossary=Path("de.tmx")), "new")
    assert made["terms"] == 0
    assert any("no term of de.tmx is in both" in each for each in made["warnings"])


def test_the_share_of_replay_is_that_of_the_tokens(start: Path) -> None:
    for share in (0.25, 0.75):
        shutil.rmtree("runs/new", ignore_errors=True)
        config = config_of(start, replay_share=share)
        new, replay = config.data.train
        tokenizer = RunDirectory(start).read_tokenizer()
        splits = Splits(config)

        def tokens(pairs: list[SentencePair]) -> int:
            sides = [tokenizer.encode([p[side] for p in pairs]) for side in (0, 1)]  # noqa: B023
            return sum(1 + max(map(len, pair)) for pair in zip(*sides, strict=True))

        ours = tokens(list(splits.train(new, Counts())))
        known = tokens(list(splits.train(replay, Counts()))) * replay.weight
        assert known / (ours + known) == pytest.approx(share, abs=0.01)


def test_no_replay_is_none(start: Path) -> None:
    assert [each.path for each in config_of(start, replay_share=0.0).data.train] == [
        "new.en-es.tsv"
    ]


def test_steps_are_for_as_many_directions_as_a_pair_is_shown_in(
    start: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "_MIN_STEPS", 1)
    monkeypatch.setattr(preparing, "_before", lambda *_: 0.0)  # its tokenizer has no tags
    old = RunDirectory(start)
    _, one = prepare(old, domain(), "one")
    config = old.read_config()
    directions = [LanguagePair("en", "es"), LanguagePair("es", "en")]
    data = config.data.model_copy(update={"directions": directions})
    old.write_config(config.model_copy(update={"data": data}))
    _, both = prepare(old, domain(), "both")
    assert both["max_steps"] == pytest.approx(2 * one["max_steps"], abs=1)
    assert both["replay_weight"] == pytest.approx(one["replay_weight"], rel=0.1)


def draw_known_pairs(count: int) -> Iterator[SentencePair]:
    """Pairs of the cipher alone, which the model translates well."""
    draw = random.Random(5)
    for _ in range(count):
        words = draw.choices([*CIPHER], k=5)
        yield SentencePair(" ".join(words), " ".join(CIPHER[word] for word in words))


def test_a_model_that_knows_the_domain_learns_at_a_lower_rate(start: Path) -> None:
    write("known.en-es.tsv", list(draw_known_pairs(300)))
    rates = {}
    for name in ("new", "known"):
        config, made = prepare(RunDirectory(start), domain(f"{name}.en-es.tsv"), name)
        [bleu] = blending._validated(
            Translator.from_run(start),
            [evaluation_set(Splits(config).drawn["valid"])],
        )
        assert made.get("before") == bleu
        rates[name] = config.training.learning_rate
        pauses = config.training.validate_every_steps, config.training.checkpoint_every_steps
        assert pauses == (50, 50) and config.training.max_steps == 300
    assert rates["known"] < rates["new"]
    assert prepare(RunDirectory(start), domain("known.en-es.tsv"), "known", SHORT)[0].training == (
        config.training.model_copy(
            update={
                **{"max_steps": 6, "checkpoint_every_steps": 3, "tokens_per_batch": 64},
                "log_every_steps": 1,  # fits the six
            }
        )
    )


def evaluation_set(pairs: list[SentencePair]) -> EvaluationSet:
    sources, targets = zip(*pairs, strict=True)
    return EvaluationSet("valid", sources, (targets,), "es")


def test_pairs_that_the_model_was_trained_on_are_a_warning(
    start: Path, cipher_pairs: list[SentencePair]
) -> None:
    old = RunDirectory(start)
    held_out = {s for each in sets_of_split(old, "test") for s in each.sources}
    known = [pair for pair in cipher_pairs if pair.source not in held_out]
    write("half.en-es.tsv", [*draw_new_pairs(), *known])
    _, made = prepare(old, domain("half.en-es.tsv"), "half")
    [warning] = made["warnings"]
    share, _, rest = warning.partition("%")
    assert rest.startswith(" of the new pairs are among those that runs/old was trained on")
    assert 30 <= int(share) <= 60
    assert prepare(old, domain(), "new")[1]["warnings"] == []


# --- what comes of it -----------------------------------------------------------------------------


def test_a_test_of_ones_own_takes_the_place_of_the_one_that_is_drawn(start: Path) -> None:
    write("own.en-es.tsv", list(draw_known_pairs(20)))
    code, table, said = adapt("new.en-es.tsv", *sets(*GENTLE, "data.test.own.path=own.en-es.tsv"))
    assert code == VERDICT * ("is refused" in said), said
    rows = [line.split() for line in table.splitlines()]
    assert ["runs/old-adapted", "test/own", "20", "BLEU"] in [row[:4] for row in rows]
    assert "held-out" not in "".join(line for line in table.splitlines() if "adapted" in line)


def test_a_run_in_which_no_step_was_better_says_so(start: Path) -> None:
    words = ("new.en-es.tsv", *sets(*SHORT, "training.learning_rate=0.5"))
    code, told, said = adapt(*words)
    assert RunDirectory(Path("runs/old-adapted")).weights_of == "runs/old"
    assert code == VERDICT
    assert told == (
        "no step was better, so the weights are those of runs/old, and there is nothing to test\n"
    )
    assert "no step was better on the new domain than the model that it began from" in said
    assert "--set training.learning_rate=0.1, under another --name" in said
    code, told, again = adapt(*words, "--json")
    assert code == VERDICT and again == said
    judged = json.loads(told.splitlines()[-1])
    assert judged["refused"] == [NO_STEP_BETTER] and judged["changes"] == []


def change(before: float, after: float, p: float, *, is_new: bool) -> ScoreChange:
    return {
        "test_set": "test",
        "is_new": is_new,
        "sentences": 60,
        "metric": "BLEU",
        "before": before,
        "after": after,
        "p": p,
    }


@pytest.mark.parametrize(
    ("gains", "p_of_gains", "p_of_loss", "refusals", "doubts"),
    [
        ((5.0,), 0.001, 0.04, ["test lost 1.5 BLEU, more than 1"], ["lost"]),
        ((5.0,), 0.001, 0.15, [], ["test lost 1.5 BLEU, which may be luck (p 0.15)"]),
        ((1.2, -0.1), 0.3, 0.15, [], ["the gain on the new domain may be luck: 60", "lost"]),
        ((0.1, -0.2), 0.3, 0.15, ["nothing was gained on the new domain"], ["luck", "lost"]),
        ((2.0, -3.0), 0.01, 0.15, [], ["lost"]),  # in one direction more than luck
    ],
)
def test_what_may_be_luck_is_said_and_refuses_nothing(
    gains: tuple[float, ...],
    p_of_gains: float,
    p_of_loss: float,
    refusals: list[str],
    doubts: list[str],
) -> None:
    changes = [change(20.0, 20.0 + gain, p_of_gains, is_new=True) for gain in gains]
    changes += [change(40.0, 38.5, p_of_loss, is_new=False)]
    assert list(verdict._refusals(changes, 1.0)) == refusals
    found = json.loads(json.dumps({"changes": changes}))
    for said, expected in zip(verdict.doubts(found, 1.0), doubts, strict=True):
        assert expected in said
    assert "lost" not in "".join([*verdict._refusals(changes, 2.0)])


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        ("the valve is closed", True),  # but for letters and marks the same
        ("The pump is closed.", True),
        ("The old valve is closed.", True),
        ("The valve closed.", False),  # too short to be told by its words
        ("Is the valve closed?", True),
        ("The pump is open.", False),
        ("The valve is closed from now on.", False),
    ],
)
def test_two_texts_are_alike_if_they_differ_in_one_word(other: str, alike: bool) -> None:
    forms = (set(verdict._forms(text)) for text in ("The valve is closed.", other))
    assert bool(set.intersection(*forms)) == alike


def test_a_test_that_is_nearly_what_was_learned_from_is_told_of() -> None:
    like: dict[str, Any] = {"test_set": "new test", "sentences": 100, "resembling": 9}
    changes = [change(20.0, 30.0, 0.001, is_new=True)]

    def doubts() -> list[str]:
        found = json.loads(json.dumps({"changes": changes, "resemblances": [like]}))
        return list(verdict.doubts(found, 1.0))

    assert doubts() == []
    like["resembling"] = 80
    told = (
        "80 of the 100 sentences of new test differ in at most one word from a text that was "
        "learned from; "
    )
    assert doubts() == [f"{told}of sentences unlike those it says little"]
    like |= {"before": 40.04, "after": 48.0}
    assert doubts() == [f"{told}the other 20 went from BLEU 40.0 to 48.0"]


def test_a_model_that_has_learned_the_new_domain_is_the_one_to_use(start: Path) -> None:
    # How much so small a model forgets hangs on how a processor rounds; here it may.
    command = ("new.en-es.tsv", "--max-loss", "100", *sets(*ENOUGH))
    code, table, said = adapt(*command)
    assert code == 0, said
    assert "runs/old-adapted test/held-out" in table
    assert "runs/old test/held-out" in table
    run = RunDirectory.find()
    assert run.path == Path("runs/old-adapted")
    old = RunDirectory(start)
    assert run.lineage == [{"run": "runs/old", "model_sha256": old.model_sha256()}]
    shown = json.loads(run_command("inspect", "--json", "--run", run.path).stdout)
    assert shown["lineage"] == run.lineage
    changes = outcome(old, run, 100.0).get("changes", [])
    assert [each["is_new"] for each in changes] == [True, True, False, False]
    code, told, said = adapt(*command, "--json")  # nothing is left to do
    assert (code, said) == (0, ""), said
    events = [json.loads(line) for line in told.splitlines()]
    assert [each["event"] for each in events] == ["Prepared", "Plan", "Finished", "Adapted"]
    prepared, judged = events[0], events[-1]
    made = run.read_adaptation()
    assert made is not None and (prepared["pairs"], prepared["before"]) == (
        made["pairs"],
        made.get("before"),
    )
    assert judged["changes"] == changes and judged["refused"] == []
    assert (judged["run"], judged["start"]) == ("runs/old-adapted", "runs/old")
    assert judged["share"] == made["blended"]["share"]
    [like] = made["resemblances"]
    assert (like["test_set"], like["sentences"]) == (
        changes[0]["test_set"],
        changes[0]["sentences"],
    )
    [tested] = sets_of_split(run, "test")
    assert like["resembling"] == len(verdict._alike(tested.sources, run))
    learned = Splits(run.read_config()).train(run.read_config().data.train[0], Counts())
    copied = [pair.target for pair in learned if len(pair.target.split()) > 3][:2]
    assert verdict._alike(["no word of it", *copied], run) == {*range(1, 1 + len(copied))}
    assert [row["after"] for row in changes] == [
        pytest.approx(float(line.split()[-3]), abs=0.051) for line in table.splitlines()[1:]
    ]


def test_a_harmful_adaptation_is_refused_and_passed_over(start: Path) -> None:
    pairs = list(draw_new_pairs())
    targets = [pair.target for pair in pairs]
    random.Random(3).shuffle(targets)
    write("new.en-es.tsv", list(map(SentencePair, [pair.source for pair in pairs], targets)))
    before = {file: file.read_bytes() for file in start.rglob("*") if file.is_file()}
    code, table, said = adapt("new.en-es.tsv", "--replay-share=0", *sets(*ENOUGH))
    assert code == VERDICT
    assert "runs/old-adapted is refused: " in said
    assert "BLEU, more than 1" in said and "--max-loss" in said
    no_gain = "nothing was gained" in said or "no step was better" in said
    assert no_gain == ("translations of one another?" in said)
    assert "chrF2" in table
    assert RunDirectory.find().path == start
    assert {file: file.read_bytes() for file in start.rglob("*") if file.is_file()} == before
    shown = run_command("translate", "--run", "runs/old-adapted", "ana")
    assert "was refused" in shown.stderr
    assert re.search("refused +runs/old\n", run_command("runs").stdout)
    lenient = adapt("new.en-es.tsv", "--replay-share=0", "--max-loss=100", *sets(*ENOUGH))
    assert "more than" not in lenient[2]  # judged again, by what was measured
    assert lenient[1] == table


def test_a_model_that_learned_nothing_is_refused(start: Path) -> None:
    config = config_of(start, "training.learning_rate=0.0000001")
    list(train(config))
    found = outcome(RunDirectory(start), RunDirectory(Path("runs/new")), 1.0)
    [reason] = found.get("refused", [])
    assert reason.startswith("nothing was gained")


def harmful_config(start: Path) -> Config:
    """Of an adaptation to pairs that are out of step, without replay."""
    sources, targets = zip(*draw_new_pairs(), strict=True)
    write("new.en-es.tsv", list(map(SentencePair, sources, random.Random(3).sample(targets, 300))))
    return config_of(start, *ENOUGH, replay_share=0.0)


def test_weights_that_forgot_are_taken_back_toward_the_old_ones(start: Path) -> None:
    list(train(harmful_config(start)))
    old, run = RunDirectory(start), RunDirectory(Path("runs/new"))
    tokenizer = run.read_tokenizer()
    before, trained = old.read_model(tokenizer), run.read_model(tokenizer)
    trained_file = run.model_file.read_bytes()
    assert blend(old, run, 1.0) == 0.4
    blended_file = run.model_file.read_bytes()
    for name, weight in run.read_model(tokenizer).items():
        assert torch.equal(weight, before[name].lerp(trained[name], 0.4))
    assert blend(old, run, 1.0) == 0.4  # and nothing is left to do
    assert run.model_file.read_bytes() == blended_file
    run.model_file.write_bytes(trained_file)  # as an interruption leaves it
    assert blend(old, run, 1.0) == 0.4
    assert run.model_file.read_bytes() == blended_file


def test_weights_that_forgot_nothing_stay_as_they_are(start: Path) -> None:
    list(train(config_of(start, "training.learning_rate=0.0000001")))
    run = RunDirectory(Path("runs/new"))
    trained = run.model_file.read_bytes()
    assert blend(RunDirectory(start), run, 1.0) == 1.0
    assert run.model_file.read_bytes() == trained


# --- going on exactly -----------------------------------------------------------------------------


@pytest.mark.parametrize("last", [1, 4])
def test_an_interrupted_adaptation_ends_in_the_same_bytes(start: Path, last: int) -> None:
    run = RunDirectory(Path("runs/new"))
    list(train(config_of(start)))
    expected = run.model_file.read_bytes()
    run.path.rename("runs/uninterrupted")

    for event in train(config_of(start)):
        if isinstance(event, StepDone) and event.step == last:
            break
    shutil.rmtree("runs/.prepared")
    replay = run.adaptation / "replay.jsonl"
    made_at = replay.stat().st_mtime_ns
    list(train(config_of(start)))
    assert run.model_file.read_bytes() == expected
    assert replay.stat().st_mtime_ns == made_at


def test_an_adaptation_to_something_else_is_another_run(start: Path) -> None:
    list(train(config_of(start)))
    with pytest.raises(RunError, match="begun otherwise: share of replay changed"):
        config_of(start, replay_share=0.1)
    with Path("new.en-es.tsv").open("a", encoding="utf-8") as corpus:
        corpus.write("nana\tmama\n")
    with pytest.raises(RunError, match="begun otherwise: content of the corpora changed"):
        config_of(start)
    with pytest.raises(RunError, match="there is a run"):
        prepare(RunDirectory(start), domain(), "old")


def test_what_a_training_learns_from_is_not_prepared_anew_beside_it(
    start: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("translator.runs.MOMENT", 0.0)
    config, run = config_of(start), RunDirectory(Path("runs/new"))
    made = run.adaptation_file.read_bytes()
    training = train(config)
    assert isinstance(training, Generator)
    next(training)
    run.environment_file.unlink()  # as before its first step
    with pytest.raises(RunError, match="another process is training runs/new"):
        config_of(start, replay_share=0.1)
    assert run.adaptation_file.read_bytes() == made
    training.close()
    config_of(start, replay_share=0.1)


def test_an_adaptation_with_other_settings_is_one_of_another_name(start: Path) -> None:
    next(iter(train(config_of(start))))
    code, _, said = adapt("new.en-es.tsv", "--name=new", "--replay-share=0.5", *sets(*GENTLE))
    assert code == 1
    assert "training.learning_rate: 0.002 → 0.0001" in said
    assert "hint: Adapt under another name (--name new-2), or delete the directory.\n" in said


# --- what cannot be adapted to --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "pairs", "message"),
    [
        ("few.en-es.tsv", list(draw_new_pairs(40)), "too few pairs to adapt to: 32 are left"),
        ("two.en-es.tsv", list(draw_new_pairs(2)), "0 are left beside the 2 that are set aside"),
        ("same.en-es.tsv", list(draw_new_pairs(1)) * 300, r"\(read: 300, duplicate: 299\)"),
        ("long.en-es.tsv", list(draw_long_pairs(300)), "longer than 40 tokens: 260"),
        ("none.en-es.tsv", [], "none was read"),
        ("other.en-fr.tsv", list(draw_new_pairs(300)), "no column is given for 'es'"),
    ],
)
def test_pairs_that_do_not_fit_leave_nothing_behind(
    start: Path, name: str, pairs: list[SentencePair], message: str
) -> None:
    write(name, pairs)
    with pytest.raises(DataError, match=message) as error:
        prepare(RunDirectory(start), domain(name), "new")
    assert "data." not in error.value.hint
    assert not Path("runs/new").exists()


def test_an_adaptation_has_one_name(start: Path) -> None:
    with pytest.raises(ConfigError, match="not named by --set name"):
        config_of(start, "name=other")
    assert not Path("runs/new").exists()


def test_what_was_prepared_before_a_failure_is_prepared_again(start: Path) -> None:
    write("few.en-es.tsv", list(draw_new_pairs(40)))
    made = prepare(RunDirectory(start), domain(), "new")[1]
    with pytest.raises(DataError, match="too few pairs"):
        prepare(RunDirectory(start), domain("few.en-es.tsv"), "new")
    assert prepare(RunDirectory(start), domain(), "new")[1] == made


def test_exchanged_sides_are_refused(start: Path) -> None:
    """Their test is exchanged, too, and would find that much was gained."""
    pairs = [
        ("Where is the library?", "¿Dónde está la biblioteca?"),
        ("The house is very big and old.", "La casa es muy grande y vieja."),
    ]
    lines = [SentencePair(f"{es} {n}", f"{en} {n}") for n in range(200) for en, es in pairs]
    write("swapped.en-es.tsv", lines)
    with pytest.raises(DataError, match="by its texts the source is es and the target en") as error:
        prepare(RunDirectory(start), domain("swapped.en-es.tsv"), "new")
    assert error.value.hint.startswith("Rename it to swapped.es-en.tsv")
    assert not Path("runs/new").exists()
    Path("swapped.en-es.tsv").rename("swapped.es-en.tsv")
    prepare(RunDirectory(start), domain("swapped.es-en.tsv"), "new")


def test_pairs_that_stand_in_for_the_old_test_are_none_to_learn_from(start: Path) -> None:
    held_out = list(read_pairs(CorpusConfig(path="embedded:test-handwritten"), "en", "es"))
    write("test.en-es.tsv", held_out)
    reason = f"shares a text with a held-out pair: {len(held_out)}"
    with pytest.raises(DataError, match=reason) as error:
        prepare(import_again(start, "en", "es"), domain("test.en-es.tsv"), "new")
    assert "is in the validation and test sets of runs/old" in error.value.hint


def test_pairs_that_the_old_test_holds_are_too_few(
    start: Path, cipher_pairs: list[SentencePair]
) -> None:
    write("known.en-es.tsv", cipher_pairs[:150])
    with pytest.raises(DataError, match="shares a text with a held-out pair"):
        prepare(RunDirectory(start), domain("known.en-es.tsv"), "new")
