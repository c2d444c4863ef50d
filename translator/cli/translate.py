"""`translator translate`: texts, a file or stdin in, as many lines out."""

import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from translator.cli.console import BeamOption, RunOption, app, decoding_of, load, say
from translator.config import DecodingConfig
from translator.errors import DataError

if TYPE_CHECKING:
    from translator.translation import Translator

_LINES_AT_ONCE = 2048  # lines that are translated together, where nobody waits for each


@app.command("translate")
def translate_cli(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", help="Texts; else lines of stdin.")
    ] = None,
    run: RunOption = None,
    input_file: Annotated[
        Path | None, typer.Option("--input", "-i", help="Translate the lines of this file.")
    ] = None,
    output_file: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")
    ] = None,
    beam_size: BeamOption = None,
) -> None:
    """Translate texts, a file or stdin: as many lines out as in, the translation only."""
    from translator.data import read_lines

    if texts and input_file:
        raise typer.BadParameter("give texts or --input, not both")
    if input_file and output_file and output_file.exists() and output_file.samefile(input_file):
        raise typer.BadParameter("--output is the same file as --input")
    if input_file and not input_file.is_file():
        raise DataError(f"there is no file {input_file}", "Check the path.")  # before the model
    if not texts and not input_file and sys.stdin.isatty():
        say("type a line to translate it; end with Ctrl-D")
    translator = load(run)
    decoding = decoding_of(translator, beam_size)
    lines = iter(texts) if texts else read_lines(input_file) if input_file else _stdin_lines()
    try:
        with _output(output_file) as output:
            interactive = not texts and not input_file and sys.stdin.isatty()
            at_once = 1 if interactive else _LINES_AT_ONCE
            for translation in _translate_lines(translator, lines, decoding, at_once):
                output.write(translation + "\n")
                output.flush()
    except BrokenPipeError:  # `| head -1` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if output_file is None:
            raise
        raise DataError(
            f"cannot write {output_file}: {error.strerror}", "Name another --output."
        ) from None


def _translate_lines(
    translator: "Translator", lines: Iterator[str], decoding: DecodingConfig, at_once: int
) -> Iterator[str]:
    """Translate lines in blocks, so that a file of any size needs the memory of one."""
    while block := list(itertools.islice(lines, at_once)):
        yield from (translation.text for translation in translator.translate(block, decoding))


def _stdin_lines() -> Iterator[str]:
    for number, line in enumerate(sys.stdin.buffer, start=1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"stdin, line {number}: not UTF-8 (byte {error.start + 1} of the line)",
                "Convert it first, for example with: iconv -f latin1 -t utf-8",
            ) from None
        yield text.rstrip("\r\n")


def _output(file: Path | None) -> Any:
    if file is None:
        return _Stdout()
    return file.open("w", encoding="utf-8", newline="\n")


class _Stdout:
    """Standard output as a context that does not close it."""

    def __enter__(self) -> TextIO:
        return sys.stdout

    def __exit__(self, *details: object) -> None:
        sys.stdout.flush()
