"""What is typed for vectors, neighbours and parallel sentences, and what comes out."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from translator.cli import app
from translator.config import CorpusConfig
from translator.data import SentencePair, read_pairs
from translator.embedding import Embedder
from translator.errors import DataError
from translator.mining import NEIGHBOURS, THRESHOLD
from translator.runs import RunDirectory

LINES = ["ana bebe", "", "nina. Baba!", "  ", "abba\u2028ene"]


def translator(*arguments: str | Path, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)), input=stdin)


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """A file with a byte-order mark, line ends of both kinds and none at its end."""
    file = tmp_path / "lines.txt"
    file.write_bytes(
        b"\xef\xbb\xbf" + "\r\n".join(LINES[:3]).encode() + b"\n  \nabba\xe2\x80\xa8ene"
    )
    return file


# --- embed ----------------------------------------------------------------------------------------


def test_each_line_gives_a_vector_in_each_format(
    trained_run: RunDirectory, lines: Path, tmp_path: Path
) -> None:
    expected = Embedder.from_run(trained_run.path, "cpu").embed(LINES)
    arrays, objects = tmp_path / "v.npy", tmp_path / "v.jsonl"
    for output in (arrays, objects):
        done = translator("embed", "--run", trained_run.path, "-i", lines, "-o", output)
        assert (done.exit_code, done.stdout) == (0, "")
    found = np.load(arrays)
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)
    assert np.array_equal(numbers(objects.read_text("utf-8")), expected)


def numbers(lines: str) -> np.ndarray:
    return np.array([json.loads(line) for line in lines.splitlines()], np.float32)


def test_stdin_and_texts_give_the_same_on_stdout(trained_run: RunDirectory, lines: Path) -> None:
    expected = Embedder.from_run(trained_run.path, "cpu").embed(LINES)
    for arguments in ((), ("--input", "-")):
        piped = translator("embed", "--run", trained_run.path, *arguments, stdin=lines.read_bytes())
        assert np.array_equal(numbers(piped.stdout), expected)
    typed = translator("embed", "--run", trained_run.path, *LINES)
    assert np.array_equal(numbers(typed.stdout), expected)


@pytest.mark.parametrize("count", [0, 1, 1234])
def test_the_array_has_as_many_rows_as_there_are_lines(
    trained_run: RunDirectory, tmp_path: Path, count: int
) -> None:
    output = tmp_path / "v.npy"
    translator("embed", "--run", trained_run.path, "-o", output, stdin=b"ana\n" * count)
    assert np.load(output, mmap_mode="r").shape == (count, 32)


def test_what_is_no_utf8_is_told_with_its_line(trained_run: RunDirectory) -> None:
    done = translator("embed", "--run", trained_run.path, stdin=b"ana\n\xff\nnina\n")
    assert done.exit_code == 1
    assert isinstance(done.exception, DataError)
    assert done.exception.message.startswith("stdin, line 2: not UTF-8")


def test_a_failure_leaves_what_was_there_before(trained_run: RunDirectory, tmp_path: Path) -> None:
    output = tmp_path / "v.npy"
    output.write_bytes(b"before")
    done = translator("embed", "--run", trained_run.path, "-i", tmp_path / "no.txt", "-o", output)
    assert isinstance(done.exception, DataError)
    assert "no.txt" in done.exception.message
    assert [file.name for file in tmp_path.iterdir()] == ["v.npy"]
    assert output.read_bytes() == b"before"


# --- neighbours -----------------------------------------------------------------------------------


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    file = tmp_path / "queries.txt"
    file.write_bytes(b"nina\n\nana bebe\n")
    return file


def test_each_line_has_its_neighbours_as_rows_and_as_objects(
    trained_run: RunDirectory, queries: Path, tmp_path: Path
) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_bytes(b"ana bebe\n\nbaba\nnina\nana\tbebe\nnina\n")
    arguments = ("neighbours", queries, corpus, "--run", trained_run.path, "--k", "2")
    rows = [line.split("\t") for line in translator(*arguments).stdout.splitlines()]
    assert rows == [
        ["1", "1", "1.0000", "4", "nina"],
        ["1", "2", "1.0000", "6", "nina"],
        ["3", "1", "1.0000", "1", "ana bebe"],
        ["3", "2", "1.0000", "5", "ana bebe"],
    ]
    output = tmp_path / "out.jsonl"
    assert translator(*arguments, "--json", "--output", output).stdout == ""
    objects = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    assert [each["text"] for each in objects] == ["nina", "", "ana bebe"]
    assert [[near["line"] for near in each["neighbours"]] for each in objects] == [
        [4, 6],
        [],
        [1, 5],
    ]
    assert objects[2]["neighbours"][1]["text"] == "ana\tbebe"


# --- data mine ------------------------------------------------------------------------------------


def test_mined_pairs_are_a_corpus_that_training_reads(
    trained_run: RunDirectory, cipher_pairs: list[SentencePair], tmp_path: Path
) -> None:
    texts = list(dict.fromkeys(pair.source for pair in cipher_pairs))[:60]
    source, target, output = (tmp_path / name for name in ("a", "b", "mined.en-es.tsv"))
    source.write_text("".join(f"{text}\n" for text in [*texts[:40], texts[0], ""]), "utf-8")
    target.write_text("".join(f"{text} \n" for text in texts[:19:-1]), "utf-8")
    done = translator("data", "mine", source, target, "--run", trained_run.path, "-o", output)
    assert (done.exit_code, done.stdout) == (0, "")
    assert f"{source}: 40 sentences; left out: 1 repeated, 1 blank" in done.stderr
    assert f"{target}: 40 sentences; left out: 0 repeated, 0 blank" in done.stderr
    assert "has not learned to read es" in done.stderr
    pairs = list(read_pairs(CorpusConfig(path=str(output)), "en", "es"))
    assert f"pairs found: {len(pairs)}\n" in done.stderr
    assert {SentencePair(text, text) for text in texts[20:40]} <= set(pairs)
    scores = [float(line.split("\t")[2]) for line in output.read_text("utf-8").splitlines()]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] >= THRESHOLD


def test_a_threshold_of_nothing_leaves_out_nothing_that_is_near(
    trained_run: RunDirectory, queries: Path
) -> None:
    arguments = ("data", "mine", queries, queries, "--run", trained_run.path, "--k", "1")
    assert translator(*arguments, "--threshold", "0").stdout.count("\n") == 2
    assert translator(*arguments, "--threshold", "9").stdout == ""


def test_the_help_says_the_numbers_that_hold() -> None:
    wide = {"COLUMNS": "200"}  # a description stands in one line
    told = CliRunner().invoke(app, ["data", "mine", "--help"], env=wide).stdout
    assert f"compare a pair with; else {NEIGHBOURS}." in told
    assert f"fewer, surer; else {THRESHOLD}." in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("embed", "x", "--input", "y"), "not both"),
        (("embed", "x", "--output", "v.csv"), ".npy or .jsonl"),
    ],
)
def test_wrong_usage_exits_with_two(arguments: tuple[str, ...], message: str) -> None:
    done = translator(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr
