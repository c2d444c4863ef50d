"""What is typed for vectors, neighbours and parallel sentences, and what comes out."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from translator.cli import app
from translator.embedding import Embedder
from translator.errors import DataError
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
    assert done.stdout.count("\n") == 3
    assert "stdin, line 2: not UTF-8" in done.stderr


def test_a_failure_leaves_what_was_there_before(trained_run: RunDirectory, tmp_path: Path) -> None:
    output = tmp_path / "v.npy"
    output.write_bytes(b"before")
    done = translator("embed", "--run", trained_run.path, "-i", tmp_path / "no.txt", "-o", output)
    assert isinstance(done.exception, DataError)
    assert "no.txt" in done.exception.message
    assert [file.name for file in tmp_path.iterdir()] == ["v.npy"]
    assert output.read_bytes() == b"before"


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
