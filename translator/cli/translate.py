"""`translator translate`: texts, stdin or a document in, its translation out."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from translator import __version__
from translator.cli.console import BeamOption, RunOption, app, decoding_of, find_run, load, say
from translator.config import DecodingConfig
from translator.documents import (
    TEXTS_AT_ONCE,
    Columns,
    Document,
    Format,
    Job,
    Settings,
    blocks,
    count_texts,
    fingerprint_of,
    open_bytes,
    read_document,
    translate_block,
)
from translator.errors import DataError, TranslatorError

if TYPE_CHECKING:
    from tqdm import tqdm

    from translator.export import CTranslate2Translator
    from translator.runs import RunDirectory
    from translator.translation import Translator

Engine = Literal["own", "ctranslate2", "auto"]
EngineOption = Annotated[
    Engine, typer.Option(help="ctranslate2: the run's export; auto: that, if it fits the model.")
]
Translate = Callable[[list[str]], list[str]]
_INTERRUPTED = 130


@app.command("translate")
def translate_cli(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", help="Texts; else lines of stdin.")
    ] = None,
    run: RunOption = None,
    input_file: Annotated[
        Path | None, typer.Option("--input", "-i", help="Translate this document.")
    ] = None,
    output_file: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")
    ] = None,
    file_format: Annotated[
        Format | None, typer.Option("--format", help="Instead of what the name of --input tells.")
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="What to translate of TSV, CSV and JSON lines: name, or 0 …")
    ] = None,
    into: Annotated[
        str | None, typer.Option(help="Write to this column, new or not [default: --column].")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace translations in PO, XLIFF and TMX.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted job of this --output.")
    ] = False,
    beam_size: BeamOption = None,
    engine: EngineOption = "own",
) -> None:
    """Translate texts, stdin or a document: as many lines out as in, only its prose changed."""
    chosen = file_format or (Format.of(input_file) if input_file else Format.LINES)
    columns = Columns(column, into or column) if column else None
    _check_usage(texts, input_file, output_file, chosen, columns, resume=resume)
    if not texts and not input_file and sys.stdin.isatty():
        say("type a line to translate it; end with Ctrl-D")
    directory = find_run(run)
    translator, computed_by = _translator(directory, engine)
    translate, decoding, languages = _load(translator, beam_size)
    settings = Settings(chosen, languages, columns, overwrite)
    if texts:
        _write_to(output_file, (text + "\n" for text in translate(list(texts))))
    elif input_file and output_file and _is_replaceable(output_file):
        fingerprint = _fingerprint(directory, decoding, input_file, settings)
        fingerprint["engine"] = computed_by
        job = Job(output_file.resolve(), fingerprint, *_process())
        _translate_file(input_file, settings, translate, job, resume=resume)
    else:
        _write_to(output_file, _stream(input_file, settings, translate))


def _translator(
    run: "RunDirectory", engine: Engine
) -> "tuple[Translator | CTranslate2Translator, str]":
    """The model by the engine that is wanted, and the engine's name.

    `auto` says why it does without an export that is there.
    """
    _take_own_gpu()
    if engine == "ctranslate2" or (engine == "auto" and (run.exports / "ctranslate2").is_dir()):
        from translator.export import certified_engine

        try:
            exported = certified_engine(run)
            return exported, f"ctranslate2 {exported.compute_type}"
        except TranslatorError as error:
            if engine == "ctranslate2":
                raise
            say(f"{error.message}: translating with the run itself")
    return load(run.path), "own"


def _load(
    translator: "Translator | CTranslate2Translator", beam_size: int | None
) -> tuple[Translate, DecodingConfig, tuple[str, str]]:
    """The model as a function from texts to texts, how it searches, and its two languages."""
    decoding = decoding_of(translator, beam_size)
    data = translator.config.data

    def translate(texts: list[str]) -> list[str]:
        return [translation.text for translation in translator.translate(texts, decoding)]

    return translate, decoding, (data.source_language, data.target_language)


def _check_usage(
    texts: list[str] | None,
    input_file: Path | None,
    output_file: Path | None,
    file_format: Format,
    columns: Columns | None,
    *,
    resume: bool,
) -> None:
    """What can be known to be wrong before the model is loaded."""
    if texts and input_file:
        raise typer.BadParameter("give texts or --input, not both")
    if input_file and output_file:
        for file in (output_file, Job(output_file, {}, *_process()).part(_process()[0]).file):
            if file.exists() and file.samefile(input_file):
                raise typer.BadParameter("--output is the same file as --input")
    elif resume or _process()[1] > 1:
        raise typer.BadParameter("a job that resumes or is shared needs --input and --output")
    if file_format.has_columns and not columns:
        raise typer.BadParameter(f"{file_format.value} needs --column NAME, or a number from 0")
    if columns and not file_format.has_columns:
        raise typer.BadParameter(f"{file_format.value} has no columns; see --format")
    if input_file:
        open_bytes(input_file).close()


def _process() -> tuple[int, int]:
    """Rank and number of the processes that torchrun started; 0 and 1 without it."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def _take_own_gpu() -> None:
    """Let each process of a machine compute on its own GPU, where there are several."""
    if "LOCAL_RANK" in os.environ:
        import torch

        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())


def _fingerprint(
    run: "RunDirectory", decoding: DecodingConfig, input_file: Path, settings: Settings
) -> dict[str, str]:
    """All that determines the bytes of the output."""
    return {
        "version of translator": __version__,
        "model": fingerprint_of(run.config_file, run.tokenizer_file, run.model_file),
        "search": decoding.model_dump_json(),
        "input": fingerprint_of(input_file),
        "format": repr(settings),
    }


# --- to a stream ----------------------------------------------------------------------------------


def _stream(
    input_file: Path | None, settings: Settings, translate: Translate
) -> Iterator[str | bytes]:
    """The translated document, block by block; line by line where somebody waits for each."""
    at_once = 1 if not input_file and sys.stdin.isatty() else TEXTS_AT_ONCE
    with open_bytes(input_file) if input_file else sys.stdin.buffer as stream:
        document = read_document(stream, settings)
        ended = True
        for block in blocks(document.segments, at_once):
            text = translate_block(block, translate)
            ended = text.endswith("\n")
            yield document.encode(text)
        if not ended:
            yield "\n"  # whoever reads a stream line by line waits for it
        _say_problems(document, input_file)


def _write_to(output_file: Path | None, parts: Iterator[str | bytes]) -> None:
    try:
        with output_file.open("wb") if output_file else _stdout() as output:
            for part in parts:
                output.write(part.encode() if isinstance(part, str) else part)
                output.flush()
    except BrokenPipeError:  # `| head -1` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if output_file is None:
            raise
        raise _cannot_write(output_file, error) from None


@contextmanager
def _stdout() -> Iterator[Any]:
    """Standard output as a context that does not close it."""
    yield sys.stdout.buffer


def _cannot_write(output_file: Path, error: OSError) -> DataError:
    return DataError(f"cannot write {output_file}: {error.strerror}", "Name another --output.")


def _say_problems(document: Document, input_file: Path | None) -> None:
    for problem in document.problems:
        say(f"warning: {input_file or 'stdin'}, {problem}")


# --- to a file ------------------------------------------------------------------------------------


def _is_replaceable(file: Path) -> bool:
    """Whether a file can be written aside and moved in: not a device or a pipe."""
    return file.is_file() or not file.exists()


def _translate_file(
    input_file: Path, settings: Settings, translate: Translate, job: Job, *, resume: bool
) -> None:
    """Translate a document into a file as a job; an interruption says how to go on."""
    done = 0
    try:
        with _interruptible():
            begun = job.begin(resume=resume)
            if resume and not begun:
                say("there is nothing to resume: starting from the beginning")
            with open_bytes(input_file) as stream, _progress(input_file, settings, job) as bar:
                document = read_document(stream, settings)
                for block in job.translate(document.segments, translate, document.encode):
                    done += block.texts
                    if block.passed_over and not bar.disable:
                        bar.initial += block.texts  # no part of the speed
                    bar.update(block.texts)
            if not job.finish():
                say(f"part {job.rank + 1} of {job.world_size} is done; the last one joins them")
            if job.rank == 0:
                _say_problems(document, input_file)
    except KeyboardInterrupt:
        say(f"interrupted after {done:,} texts; the same command with --resume goes on from there")
        raise typer.Exit(_INTERRUPTED) from None
    except OSError as error:
        raise _cannot_write(job.output, error) from None


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends the job like Ctrl-C."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _progress(input_file: Path, settings: Settings, job: Job) -> "tqdm[Any]":
    """A bar on a terminal: sentences per second, and the time to go."""
    from tqdm import tqdm

    shown = sys.stderr.isatty() and job.rank == 0
    total = None
    if shown:
        with suppress(DataError), open_bytes(input_file) as stream:
            total = count_texts(read_document(stream, settings).segments)
    return tqdm(total=total, unit=" sentences", disable=not shown, dynamic_ncols=True, leave=False)
