"""What the commands share: the application, their common options, and how they speak."""

import atexit
import errno
import gc
import os
import re
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from translator.config import Config, DecodingConfig, changed_decoding
from translator.errors import (
    DataError,
    FullDiskError,
    MissingLibraryError,
    TranslatorError,
    VerdictError,
)
from translator.progress import activity
from translator.version import __version__

if TYPE_CHECKING:
    from translator.export import CTranslate2Translator
    from translator.runs import RunDirectory
    from translator.translation import Translator

PANELS = TRAIN, TRANSLATE, JUDGE, DATA, DEPLOY, SEE = (
    "Train", "Translate", "Judge", "Data", "Deploy", "See"
)  # fmt: skip
VERDICT = 3  # the exit code of a command that succeeded, and judged that something is not good
_MAIN = ("train", "translate", "evaluate", "export", "inspect")
_KINDS = {  # of files that commands replace, and how one begins
    ".html": ("page", b"<!doctype html"),
    ".png": ("picture", b"\x89png"),
    ".npz": ("file of arrays", b"pk"),
}
_COLOURS = {"error": typer.colors.RED, "warning": typer.colors.YELLOW, "hint": typer.colors.CYAN}


class Bar:
    """The line of a terminal that shows how far a command is; what is written goes above it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal may come while it is held
        self._shown = False
        self.quiet = False  # whether --quiet was given: no progress, and no notes

    def draw(self, line: str) -> None:
        """Show a line in place of the one before."""
        with self._lock:
            sys.stderr.write(f"\r{line}\x1b[K")
            sys.stderr.flush()
            self._shown = True

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """No line is there, and none is drawn, as long as the block lasts."""
        with self._lock:
            if self._shown:
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()
                self._shown = False
            yield


bar = Bar()


class Commands(TyperGroup):
    """The commands in the order of the panels of --help, the main one of each panel first."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command whose paragraphs of help are lines, broken where the terminal ends."""
        command = super().get_command(ctx, cmd_name)
        if command and command.help:
            paragraphs = command.help.split("\n\n")
            command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is named; where there is none, the error says which there are."""
        name, names = args[0], self.list_commands(ctx)
        if name not in names and not name.startswith("-"):
            near = get_close_matches(name, names)
            are = "are" if len(names) > 1 else "is"
            known = f"Did you mean {' or '.join(near)}?" if near else f"There {are} {_and(names)}."
            ctx.fail(f"No such command {name!r}. {known}")
        return super().resolve_command(ctx, args)

    def list_commands(self, context: Any) -> list[str]:
        def place(name: str) -> tuple[int, bool]:
            panel = getattr(self.get_command(context, name), "rich_help_panel", None)
            return PANELS.index(panel) if panel in PANELS else len(PANELS), name not in _MAIN

        return sorted(super().list_commands(context), key=place)


app = typer.Typer(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train your own translator: text pairs in, a deployable transformer out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

RunOption = Annotated[
    Path | None,
    typer.Option(
        "--run",
        help="Run directory, hf:USER/NAME or model:NAME; else $TRANSLATOR_RUN, else the newest "
        "in runs/, else the installed model.",
    ),
]
ToOption = Annotated[
    str | None,
    typer.Option(help="Target of a run with several directions: es, or fr-es; else its first."),
]


def _not_empty(text: str) -> str:
    """Refuse what has no text, before anything is loaded."""
    if not text.strip():
        raise DataError("there is no text to look at", "Give a sentence.")
    return text


SentenceArgument = Annotated[
    str,
    typer.Argument(metavar="TEXT", help="The sentence to translate.", callback=_not_empty),
]
RunArgument = Annotated[
    Path | None, typer.Argument(metavar="RUN", help="The same as --run.", show_default=False)
]
BeamOption = Annotated[
    int | None, typer.Option("--beam-size", min=1, help="Width of the beam; 1 is greedy search.")
]


def main() -> None:
    """Run the command line: two lines, error and hint, for a TranslatorError.

    The exit code is then 1, or that of a verdict.
    """
    debug = "--debug" in sys.argv
    sys.argv = [_with_home(argument) for argument in sys.argv if argument != "--debug"]
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", newline="\n" if stream is sys.stdout else None)
    if hasattr(sys.stderr, "reconfigure"):
        sys.stderr.reconfigure(errors="backslashreplace")  # a message must not fail itself
    try:
        app()
    except SystemExit as end:
        interrupt = getattr(end.__context__, "__cause__", None)
        if isinstance(interrupt, KeyboardInterrupt):
            say("interrupted")  # where no command has said more
            end.code = exit_code(interrupt)
        for code in map(signal_code, (signal.SIGINT, signal.SIGTERM)):
            if end.code == code:
                _leave(code)
        raise
    except TranslatorError as error:
        if debug:
            raise
        say(f"error: {error.message}")
        if error.hint:
            say(f"hint: {error.hint}")
        sys.exit(VERDICT if isinstance(error, VerdictError) else 1)
    except OSError as error:
        if debug:
            raise
        say(f"error: {error.filename or 'input or output'}: {error.strerror or error}")
        remedy = "Check the disk"
        if isinstance(error, FullDiskError):
            remedy = "Make room there"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            remedy = "Check the permissions, or name another file"
        say(f"hint: {'; '.join([remedy, *getattr(error, '__notes__', ())])}.")
        sys.exit(1)


def signal_code(number: int | None) -> int:
    """The exit code of what a signal ended, SIGINT if nothing else is known, as shells have it."""
    return 128 + (number or signal.SIGINT)


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """That of what was interrupted by Ctrl-C, or by a signal whose handler gave its number."""
    return signal_code(interrupt.args[0] if interrupt.args else None)


def program() -> None:
    """Be a process: the command line, and an end that does not take torch down for a second.

    What is registered with `atexit` has run by then, and other threads have ended.
    """
    ended: list[int] = []

    def leave() -> None:
        with suppress(OSError, ValueError):  # which Python will say itself
            sys.stdout.flush()
            if ended:
                _leave(ended[0])

    atexit.register(leave)  # the first of all, so the last to run
    try:
        main()
    except SystemExit as end:
        ended.append(end.code if isinstance(end.code, int) else int(end.code is not None))
        raise
    ended.append(0)


def _leave(code: int) -> None:
    """End the process at once, with nothing left to write.

    To take torch down takes a second, and CTranslate2's threads would first finish their batch.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # it is closed, or nobody reads it
            stream.flush()
    os._exit(code)


@contextmanager
def loading_torch() -> Iterator[None]:
    """Be seen to import what needs torch, and to look for garbage in it neither now nor later.

    Of the half million objects that torch is made of none is garbage.
    """
    collects = gc.isenabled() and "torch" not in sys.modules
    if collects:
        gc.disable()
    try:
        with activity("loading torch"):
            yield
    finally:
        if collects:
            gc.freeze()
            gc.enable()


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
    bar.quiet = False


def say(text: str = "") -> None:
    """Write to stderr; on a terminal errors, warnings and hints have colours, unless NO_COLOR."""
    has_colours = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    with bar.lifted():
        typer.echo(_coloured(text) if has_colours else text, err=True)


def note(text: str) -> None:
    """Say what is good to know, unless --quiet asks for warnings and results only."""
    if not bar.quiet:
        say(text)


def echo(text: object = "") -> None:
    """Write a result to stdout."""
    with bar.lifted():
        typer.echo(text)


def _coloured(text: str) -> str:
    def styled(match: re.Match[str]) -> str:
        return typer.style(match[0], fg=_COLOURS[match[1]], bold=True)

    return re.sub(r"^(error|warning|hint):", styled, text, flags=re.MULTILINE)


def named_run(argument: Path | None, option: Path | None) -> Path | None:
    """The run that is named in either place."""
    if argument and option and argument != option:
        raise typer.BadParameter(f"two runs are named: {argument} and --run {option}")
    return argument or option


def meant_run(run: Path | None, *, translating: bool = False) -> "RunDirectory":
    """The run that is meant; `translating`, without a name the newest that has learned to."""
    from translator.runs import RunDirectory

    return RunDirectory.find(run, able=_translates if translating else None)


def find_run(
    run: Path | None, *, translating: bool = False, lasting: bool = False
) -> "RunDirectory":
    """The run that is meant; says what there is to know of it, as that it was refused.

    `lasting`, that its training has not ended is a warning, and no note: what is made of it lasts.
    """
    found = meant_run(run, translating=translating)
    warning = found.unfinished_warning() if lasting else None
    note_run(found, "" if run else _origin(found), says_progress=not warning)
    if warning:
        say(f"warning: {warning}")
    if found.refused:
        say(f"warning: {found.name} was refused when it was adapted: {'; '.join(found.refused)}")
    return found


def note_run(run: "RunDirectory", origin: str = "", *, says_progress: bool = True) -> None:
    """Say which run is taken, where it has no name, and that its training has not ended."""
    facts = [origin] if origin else []
    progress = run.progress if says_progress else None
    if progress and progress.state != "finished":
        facts.append(str(progress))
    if facts:
        note(f"run: {run.name} ({', '.join(facts)})")


def _origin(run: "RunDirectory") -> str:
    """Why it is this run that a command takes, without a name."""
    from translator.packaged import is_packaged
    from translator.runs import RUN_VARIABLE, RunDirectory, passed_over

    if os.environ.get(RUN_VARIABLE):
        return f"${RUN_VARIABLE}"
    if is_packaged(run.name):
        others = passed_over()
        return f"installed; in runs/, {others}" if others else "installed; runs/ has none"
    return "the newest" if run.path == RunDirectory.find().path else "the newest that can"


def _translates(config: Config) -> bool:
    return not config.learns_from_texts


def load(run: "RunDirectory") -> "Translator":
    """The translator of a run."""
    with loading_torch():
        from translator.translation import Translator

    with activity(f"loading {run.name}"):
        return Translator.from_run(run.name)


def decoding_of(
    translator: "Translator | CTranslate2Translator", beam_size: int | None
) -> DecodingConfig:
    decoding = translator.config.decoding
    return changed_decoding(decoding, beam_size=beam_size) if beam_size else decoding


def table(rows: list[list[str]]) -> str:
    """Columns as wide as their widest cell; the first to the left, the others to the right."""
    widths = [max(width_of(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            padded(cell, width, right=i > 0)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def padded(text: str, width: int, *, right: bool = False) -> str:
    """A text in a column of a terminal, to its left or its right."""
    spaces = " " * (width - width_of(text))
    return spaces + text if right else text + spaces


def width_of(text: str) -> int:
    """The cells of a terminal that a text takes: two for 中 or 😀, none for a combining mark."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def check_outputs(*files: Path) -> None:
    """Say which files are there and will be replaced; DataError for one that is not of its kind."""
    there = [file for file in files if file.is_file()]
    for file in there:
        kind, beginning = _KINDS[file.suffix if file.suffix in _KINDS else ".html"]
        with file.open("rb") as stream:
            begins = stream.read(100).lstrip()
        if begins and not begins.lower().startswith(beginning):
            raise DataError(
                f"{file} is there and no {kind}: it is not replaced", "Name another file."
            )
    if there:
        note(f"note: replacing {listed([str(file) for file in there])}")


def output_files(stem: Path, *endings: str) -> list[Path]:
    """The files STEM + ending; STEM.png means STEM, too."""
    if stem.suffix in _KINDS:
        stem = stem.with_suffix("")
    return [Path(f"{stem}{ending}") for ending in endings]


def write_output(stem: Path, ending: str, data: bytes) -> None:
    """Write the file STEM + ending and tell its path on stdout."""
    from translator.runs import write_atomically

    [file] = output_files(stem, ending)
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


def listed(names: list[str]) -> str:
    """The first three of some names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def quoted(text: str) -> str:
    """A text as a shell takes it for one word."""
    return shlex.quote(text) if set(text) & set('"$`\\!') else f'"{text}"'


def _and(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
