"""Corpora whose sides stand in each other's place are noticed, and what is advised helps."""

import itertools
import re
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import yaml

from tests.commands import run_command
from tests.data.test_readers import WRITERS
from translator.config import Config, CorpusConfig, load_config
from translator.data import SentencePair, read_pairs
from translator.data.sides import exchanged_sides
from translator.training import Plan, train

Pairs = list[SentencePair]


@pytest.fixture(scope="module")
def sound() -> Pairs:
    pairs = read_pairs(CorpusConfig(path="embedded:train-handwritten"), "en", "es")
    return list(itertools.islice(pairs, 300))


def turned(pairs: Pairs) -> Pairs:
    return [SentencePair(*pair[::-1]) for pair in pairs]


def write_parquet(file: Path, pairs: Pairs, *, inside: bool) -> None:
    rows = [dict(zip(("en", "es"), pair, strict=True)) for pair in pairs]
    content = [{"translation": row} for row in rows] if inside else rows
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(content), file)


def write(name: str, pairs: Pairs) -> str:
    """A corpus of any kind in the directory, and the path by which it is named."""
    match name:
        case "a.{language}":
            for side, language in enumerate(("en", "es")):
                text = "".join(f"{pair[side]}\n" for pair in pairs)
                Path(f"a.{language}").write_text(text, encoding="utf-8")
        case "a.parquet" | "inside.parquet":
            write_parquet(Path(name), pairs, inside=name.startswith("inside"))
        case "bare.en-es.csv":
            rows = "".join(f'"{source}","{target}"\n' for source, target in pairs)
            Path(name).write_text(rows, encoding="utf-8")
        case "words.csv":
            rows = "".join(f'"{source}","{target}"\n' for source, target in pairs)
            Path(name).write_text(f"English,Spanish\n{rows}", encoding="utf-8")
        case _:
            known = name.replace("b.en-es.tsv", "a.en-es.tsv")
            Path(name).write_bytes(WRITERS[known](pairs))
    return name


def config_of(corpus: CorpusConfig, *overrides: str) -> Config:
    return load_config(None, overrides, {"data.train": corpus.model_dump(exclude_unset=True)})


def followed(hint: str, path: str) -> CorpusConfig:
    """The corpus after what the hint says was done."""
    if renamed := re.search(r"Rename it to (\S+);", hint):
        Path(path).rename(renamed[1])
        return CorpusConfig(path=renamed[1])
    [said] = re.findall(r"--set 'data.train=({.*?})'", hint)
    return CorpusConfig.model_validate(yaml.safe_load(said))


KINDS = [*WRITERS, "b.en-es.tsv", "a.{language}", "a.parquet", "inside.parquet"]
KINDS += ["bare.en-es.csv", "words.csv"]


@pytest.mark.parametrize("name", KINDS)
def test_what_is_advised_exchanges_the_sides_of_any_format(
    sound: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    corpus = CorpusConfig(path=write(name, turned(sound)))
    [warning] = map(str, exchanged_sides(config_of(corpus)))
    assert warning.startswith(f"{name}: by its texts the source is es and the target en. ")
    mended = followed(warning, name)
    assert list(read_pairs(mended, "en", "es")) == sound
    assert list(exchanged_sides(config_of(mended))) == []


@pytest.mark.parametrize("columns", [{"en": 0, "es": 1}, {"source": 0, "target": 1}])
def test_columns_that_are_set_are_exchanged(
    sound: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: dict[str, int | str]
) -> None:
    monkeypatch.chdir(tmp_path)
    corpus = CorpusConfig(path=write("a.en-es.tsv", turned(sound)), columns=columns)
    [warning] = map(str, exchanged_sides(config_of(corpus)))
    assert "columns: {en: 1, es: 0}" in warning
    assert list(read_pairs(followed(warning, corpus.path), "en", "es")) == sound


@pytest.mark.parametrize("name", KINDS)
def test_nothing_is_said_of_sides_in_their_places(
    sound: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(exchanged_sides(config_of(CorpusConfig(path=write(name, sound))))) == []


def test_nothing_is_said_of_what_is_no_translation(
    sound: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    corpus = CorpusConfig(path=write("a.en-es.tsv", turned(sound)))
    objective = ("model.architecture=decoder_only", "training.objective=language_model")
    assert list(exchanged_sides(config_of(corpus, *objective))) == []


def test_nothing_is_said_of_what_was_made_of_other_files(
    sound: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("made").mkdir()
    write("a.en-es.tsv", turned(sound))
    config = config_of(CorpusConfig(path=str(Path("a.en-es.tsv").rename("made/a.en-es.tsv"))))
    assert len(list(exchanged_sides(config))) == 1
    assert list(exchanged_sides(config, Path("made"))) == []


TINY = (
    *("name=small", "tokenizer.vocabulary_size=400", "model.d_model=16", "model.num_heads=2"),
    *("training.max_steps=1", "training.tokens_per_batch=512"),
)


def test_training_warns_of_every_corpus_and_a_dry_run_too(
    sound: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    corpus = CorpusConfig(path=write("b.en-es.tsv", turned(sound)))
    write("a.tmx", turned(sound))
    config = config_of(corpus, *TINY, "data.valid=a.tmx")
    warnings = list(map(str, exchanged_sides(config)))
    assert [warning.partition(":")[0] for warning in warnings] == ["b.en-es.tsv", "a.tmx"]
    plan = next(event for event in train(config) if isinstance(event, Plan))
    assert [each for each in plan.warnings if "by its texts" in each] == warnings
    words = [word for each in (*TINY, "data.valid=a.tmx") for word in ("--set", each)]
    said = run_command("train", "b.en-es.tsv", "--dry-run", *words).stderr
    assert [line for line in said.splitlines() if line.startswith("warning: ")] == [
        f"warning: {warning}" for warning in warnings
    ]


def test_clean_warns_as_training_does(
    sound: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = write("a.en-es.tsv", [*turned(sound), *turned(sound)[:100]])  # duplicates
    done = run_command("data", "clean", name, "--output", "out.tsv")
    assert done.returncode == 0, done.stderr
    assert f"warning: {next(exchanged_sides(config_of(CorpusConfig(path=name))))}" in done.stderr
    much = "many pairs were dropped; `translator data check` shows which, and where"
    assert f"{name}: {much}" in done.stderr
    sound_name = write("b.en-es.tsv", sound)
    assert run_command("data", "clean", sound_name, "--output", "b.tsv").stderr == ""


def test_a_file_that_clean_writes_with_the_columns_exchanged_is_right_for_every_command(
    sound: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = write("a.tmx", turned(sound))
    [warning] = map(str, exchanged_sides(config_of(CorpusConfig(path=name))))
    [said] = re.findall(r"--set '(data.train={.*?})'", warning)
    done = run_command("data", "clean", name, "--set", said, "--output", "mended.en-es.tsv")
    assert done.returncode == 0, done.stderr
    mended = CorpusConfig(path="mended.en-es.tsv")
    assert set(read_pairs(mended, "en", "es")) <= set(sound)
    assert list(exchanged_sides(config_of(mended))) == []
