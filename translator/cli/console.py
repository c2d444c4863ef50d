"""What the commands share: the application, their common options, and how they speak."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.config import DecodingConfig, changed_decoding
from translator.errors import FullDiskError, MissingLibraryError, TranslatorError
from translator.version import __version__

if TYPE_CHECKING:
    from translator.export import CTranslate2Translator
    from translator.runs import RunDirectory
    from translator.translation import Translator

app = typer.Typer(
    help="Train your own translator: text pairs in, a deployable transformer out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

RunOption = Annotated[
    Path | None,
    typer.Option("--run", help="Run directory; else $TRANSLATOR_RUN, else the newest in runs/."),
]
BeamOption = Annotated[
    int | None, typer.Option("--beam-size", min=1, help="Slots of the beam; 1 is greedy search.")
]


def main() -> None:
    """Run the command line: exit code 1 and two lines, error and hint, for a TranslatorError."""
    debug = "--debug" in sys.argv
    sys.argv = [_with_home(argument) for argument in sys.argv if argument != "--debug"]
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", newline="\n" if stream is sys.stdout else None)
    if hasattr(sys.stderr, "reconfigure"):
        sys.stderr.reconfigure(errors="backslashreplace")  # a message must not fail itself
    try:
        app()
    except TranslatorError as error:
        if debug:
            raise
        say(f"error: {error.message}")
        if error.hint:
            say(f"hint: {error.hint}")
        sys.exit(1)
    except OSError as error:
        if debug:
            raise
        say(f"error: {error.filename or 'input or output'}: {error.strerror or error}")
        full = isinstance(error, FullDiskError)
        remedy = "Make room there" if full else "Check the disk and the permissions"
        say(f"hint: {remedy}; training goes on from its last checkpoint.")
        sys.exit(1)


def _with_home(argument: str) -> str:
    """`--input=~/a`, in which no shell replaces the tilde, with the home directory in its place."""
    option, sign, value = argument.partition("=")
    is_path = option.startswith("--") and value.startswith(("~/", "~\\"))
    return option + sign + str(Path(value).expanduser()) if is_path else argument


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"translator {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    """Train your own translator: text pairs in, a deployable transformer out."""


def say(text: str = "") -> None:
    typer.echo(text, err=True)


def find_run(run: Path | None, *, quiet: bool = False) -> "RunDirectory":
    from translator.runs import RUN_VARIABLE, RunDirectory

    found = RunDirectory.find(run)
    if run is None and not quiet:
        origin = f"${RUN_VARIABLE}" if os.environ.get(RUN_VARIABLE) else "the newest"
        say(f"run: {found.path} ({origin})")
    if found.refused and not quiet:
        say(f"warning: {found.path} was refused when it was adapted: {'; '.join(found.refused)}")
    return found


def load(run: Path | None) -> "Translator":
    directory = find_run(run)
    from translator.translation import Translator

    return Translator.from_run(directory.path)


def decoding_of(
    translator: "Translator | CTranslate2Translator", beam_size: int | None
) -> DecodingConfig:
    decoding = translator.config.decoding
    return changed_decoding(decoding, beam_size=beam_size) if beam_size else decoding


def table(rows: list[list[str]]) -> str:
    """Columns as wide as their widest cell; the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def write_output(stem: Path, ending: str, data: bytes) -> None:
    """Write the file STEM + ending and tell its path on stdout; STEM.png means STEM, too."""
    from translator.runs import write_atomically

    if stem.suffix in (".html", ".npz", ".png"):
        stem = stem.with_suffix("")
    file = Path(f"{stem}{ending}")
    write_atomically(file, data)
    typer.echo(file)


@contextmanager
def optional_picture(stem: Path) -> Iterator[None]:
    """Without the library that draws, say so and go on; unless --output asks for the picture."""
    try:
        yield
    except MissingLibraryError as error:
        if stem.suffix == ".png":
            raise
        say(f"note: no picture: {error.message}")
        say(f"note: {error.hint}")


def duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
