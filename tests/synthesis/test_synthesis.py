"""Texts become pairs: what is written, what is left out, and going on after an interruption."""

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from tests.commands import run_command
from tests.helpers import CIPHER, tiny_config
from translator.cli.synthesize import write_pairs
from translator.config import Config, CorpusConfig
from translator.data import SentencePair, read_pairs
from translator.documents import DocumentJob, Segment
from translator.runs import RunDirectory
from translator.synthesis import Synthesis, texts_of
from translator.training import train
from translator.translation import Translator


def sentences(count: int) -> list[str]:
    draw, found = random.Random(5), dict[str, None]()
    while len(found) < count:
        found[" ".join(draw.choices(list(CIPHER), k=draw.randint(2, 5)))] = None
    return list(found)


@pytest.fixture
def place(trained_run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the trained run and a text that it can read."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained_run.path, "runs/old")
    Path("text.txt").write_text("".join(f"{each}\n" for each in sentences(30)), encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def reverse_run(
    tmp_path_factory: pytest.TempPathFactory, cipher_pairs: list[SentencePair]
) -> RunDirectory:
    """A run that has learned to read the cipher."""
    directory = tmp_path_factory.mktemp("reverse")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        corpus = directory / "cipher.en-es.tsv"
        lines = [f"{pair.source}\t{pair.target}\n" for pair in cipher_pairs]
        corpus.write_text("".join(lines), encoding="utf-8")
        values = tiny_config(corpus).model_dump(exclude_unset=True)
        values["data"] |= {"source_language": "es", "target_language": "en"}
        for _ in train(Config.model_validate(values)):
            pass
    return RunDirectory(directory / "runs" / "tiny")


def made(*arguments: object) -> list[dict[str, object]]:
    done = run_command(*arguments, "-o", "out.jsonl", timeout=300.0)
    assert done.returncode == 0, done.stderr
    lines = Path("out.jsonl").read_text(encoding="utf-8").splitlines()
    assert f"{len(lines):,} pairs of 30 texts in out.jsonl" in done.stderr
    return [json.loads(line) for line in lines]


def test_a_distilled_pair_is_a_text_and_its_translation(place: Path) -> None:
    rows = made("distill", "text.txt", "--run", "runs/old")
    texts = Path("text.txt").read_text(encoding="utf-8").splitlines()
    expected = Translator.from_run("runs/old").translate(texts)
    assert [(row["en"], row["es"]) for row in rows] == [(e.source, e.text) for e in expected]
    pairs = list(read_pairs(CorpusConfig(path="out.jsonl"), "en", "es"))
    assert pairs == [SentencePair(e.source, e.text) for e in expected]


def test_a_back_translated_pair_is_a_tagged_translation_and_its_text(place: Path) -> None:
    made("backtranslate", "text.txt", "--run", "runs/old")
    texts = Path("text.txt").read_text(encoding="utf-8").splitlines()
    expected = Translator.from_run("runs/old").translate(texts)
    pairs = list(read_pairs(CorpusConfig(path="out.jsonl"), "es", "en"))
    assert pairs == [SentencePair(f"[BT] {each.text}", each.source) for each in expected]


@pytest.mark.parametrize(("is_back", "sides"), [(False, (0, 1)), (True, (1, 0))])
def test_the_sides_of_pairs_of_one_language_are_named_by_their_roles(
    place: Path, is_back: bool, sides: tuple[int, int]
) -> None:
    trained = RunDirectory(Path("runs/old")).read_trained()
    data = trained.config.data.model_copy(update={"target_language": "en"})
    config = trained.config.model_copy(update={"data": data})
    translator = Translator(config, trained.tokenizer, trained.model)
    decoding = config.decoding.greedy()
    [line] = Synthesis(translator=translator, decoding=decoding, is_back=is_back).pairs(["ana"])
    Path("out.jsonl").write_text(f"{line}\n", encoding="utf-8")
    expected = ("ana", translator.translate(["ana"], decoding)[0].text)
    [pair] = read_pairs(CorpusConfig(path="out.jsonl"), "en", "en")
    assert pair == tuple(expected[side] for side in sides)


def test_the_sources_of_pairs_are_texts_too(place: Path, cipher_pairs: list[SentencePair]) -> None:
    lines = [f"{pair.source}\t{pair.target}\n" for pair in cipher_pairs[:30]]
    Path("pairs.en-es.tsv").write_text("".join(lines), encoding="utf-8")
    rows = made("distill", "pairs.en-es.tsv", "--run", "runs/old")
    assert [row["en"] for row in rows] == [pair.source for pair in cipher_pairs[:30]]


def test_what_is_left_out_is_what_scores_less(place: Path, reverse_run: RunDirectory) -> None:
    beside = ("--run", "runs/old", "--round-trip", reverse_run.path)
    everything = made("backtranslate", "text.txt", *beside, "--min-chrf=0")
    chrf = sorted(float(str(row["round_trip"])) for row in everything)
    least, score = chrf[10], sorted(float(str(row["score"])) for row in everything)[10]
    assert chrf[0] < least
    kept = made("backtranslate", "text.txt", *beside, f"--min-chrf={least - 0.05}")
    assert kept == [row for row in everything if float(str(row["round_trip"])) >= least]
    surer = made("distill", "text.txt", "--run", "runs/old", f"--min-score={score - 0.00005}")
    scores = [row["en"] for row in everything if float(str(row["score"])) >= score]
    assert [row["en"] for row in surer] == scores


def test_an_interrupted_job_ends_in_the_same_bytes(place: Path) -> None:
    Path("text.txt").write_text("".join(f"{each}\n" for each in sentences(2100)), encoding="utf-8")
    translator = Translator.from_run("runs/old")
    decoding = translator.config.decoding.greedy()
    synthesis = Synthesis(translator=translator, decoding=decoding)

    def interrupted() -> Iterator[Segment]:
        yield from list(texts_of("text.txt", ("en", "es")))[:2060]
        raise KeyboardInterrupt

    whole, job = DocumentJob(Path("whole.jsonl"), {}), DocumentJob(Path("job.jsonl"), {})
    assert write_pairs(whole, texts_of("text.txt", ("en", "es")), synthesis, resume=False) == 2100
    with pytest.raises(typer.Exit):
        write_pairs(job, interrupted(), synthesis, resume=False)
    done = job.partial_output(0).file.read_bytes()
    assert done and whole.output.read_bytes().startswith(done)
    assert write_pairs(job, texts_of("text.txt", ("en", "es")), synthesis, resume=True) == 2100
    assert job.output.read_bytes() == whole.output.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["text.txt", "-o", "out.tsv"], 2, "NAME.jsonl"),
        (["text.txt", "-o", "out.jsonl", "--min-chrf", "50"], 2, "--min-chrf"),
        (["text.jsonl", "-o", "./text.jsonl"], 2, "is the text itself"),
        (["text.txt", "-o", "/proc/a.jsonl"], 1, "cannot write /proc/a.jsonl"),
        (["nothing.txt", "-o", "out.jsonl"], 1, "nothing.txt"),
        (["text.txt", "-o", "out.jsonl", "--round-trip", "runs/old"], 1, "Name one of es → en"),
        (["text.txt", "-o", "out.jsonl", "--round-trip", "runs/no"], 1, "no run directory runs/no"),
        (["text.txt", "-o", "out.jsonl", "--set", "decoding.beam=1"], 1, "beam_size"),
    ],
)
def test_bad_input_is_an_error_that_names_it(
    place: Path, arguments: list[str], code: int, message: str
) -> None:
    Path("text.jsonl").write_text('{"en": "ana", "es": "oto"}\n', encoding="utf-8")
    before = Path("text.jsonl").read_bytes()
    done = run_command("distill", "--run", "runs/old", *arguments)
    assert done.returncode == code
    assert Path("text.jsonl").read_bytes() == before
    assert message in done.stderr
    assert not list(place.glob("out*"))
