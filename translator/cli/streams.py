"""Texts from arguments, files and stdin, and results to files and stdout: what commands share."""

import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import typer

from translator.cli.console import exit_code, say
from translator.documents import BlockDone, Problems, read_texts
from translator.errors import DataError, FullDiskError
from translator.files import open_bytes
from translator.progress import Activity

STREAM = Path("-")  # in place of a file: stdin, or stdout

_MEDIA = (
    ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff",
    ".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff",
)  # fmt: skip


def text_of(argument: str) -> str:
    """A text of the command line; DataError for bytes that are not UTF-8.

    One that is the name of a file is a text all the same, but hardly meant so: there is a hint,
    unless it is a picture or a recording, which are named so.
    """
    try:
        argument.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(
            f"the text {argument!r} is not UTF-8", "Put it into a file and name its --encoding."
        ) from None
    if is_file(argument) and not is_named_as_medium(Path(argument)):
        say(f"hint: {argument!r} is a file; to read it: --input {shlex.quote(argument)}")
    elif os.path.isdir(argument):  # noqa: PTH112
        say(f"hint: {argument!r} is a directory; to translate a document: --input FILE")
    return argument


def is_file(text: str) -> bool:
    """Whether a text is the name of a file; no text is too long to ask."""
    return os.path.isfile(text)  # noqa: PTH113


def is_named_as_medium(file: Path) -> bool:
    """Whether a file is a picture or a recording by its name."""
    return file.suffix.lower() in _MEDIA


def lines_of(input_file: Path | None) -> Iterator[str]:
    """The lines of a file; of stdin without one, or for `-`."""
    input_file = None if input_file == STREAM else input_file
    with open_bytes(input_file) if input_file else sys.stdin.buffer as stream:
        yield from read_texts(stream, str(input_file or "stdin"))


def count(texts: Activity, block: BlockDone) -> None:
    """Count the texts of a block of a job; those of an earlier sitting are no part of the speed."""
    texts.done += block.texts
    if block.skipped:
        texts.first += block.texts


@contextmanager
def resumable(output: Path, texts: Activity) -> Iterator[None]:
    """Say of a job that is interrupted, or whose output cannot be written, how to go on."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        said = f"interrupted after {texts.done:,} texts; "
        say(said + "the same command with --resume goes on from there")
        raise typer.Exit(exit_code(interrupt)) from None
    except OSError as error:
        remedy = "Make room: the same command with --resume goes on from there."
        raise cannot_write(output, error, remedy) from None


def say_problems(problems: Problems, input_file: Path | None) -> None:
    """Warn of what could not be read as it should."""
    for problem in problems:
        say(f"warning: {input_file or 'stdin'}, {problem}")


@contextmanager
def output_to(output_file: Path | None) -> Iterator[BinaryIO]:
    """A stream to a file, which is there when all is written, or to stdout."""
    from translator.runs import written_aside

    try:
        with written_aside(output_file) if output_file else _stdout() as output:
            yield output
    except BrokenPipeError:  # `| head -1` has read enough
        forget_stdout()
    except OSError as error:
        if output_file is None:
            raise
        raise cannot_write(output_file, error, "Make room, or name another --output.") from None


def forget_stdout() -> None:
    """Write to nowhere from now on, what is still to be flushed too: its reader has left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_to(output_file: Path | None, parts: Iterable[str | bytes]) -> None:
    """Write to a file or stdout, part by part."""
    with output_to(output_file) as output:
        for part in parts:
            output.write(part.encode() if isinstance(part, str) else part)
            output.flush()


@contextmanager
def _stdout() -> Iterator[BinaryIO]:
    """Standard output as a context that does not close it."""
    yield sys.stdout.buffer


def cannot_write(output_file: Path, error: OSError, remedy: str) -> DataError:
    """What a full disk, else what the permissions or the name, of an output need."""
    hint = remedy if isinstance(error, FullDiskError) else "Name another --output."
    return DataError(f"cannot write {output_file}: {error.strerror}", hint)
