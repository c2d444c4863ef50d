"""`translator translate`: texts, stdin or a document in, its translation out."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from translator import __version__
from translator.cli.console import BeamOption, RunOption, app, find_run, say
from translator.config import DecodingConfig, load_config
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
from translator.errors import DataError, FullDiskError, TranslatorError, writing

if TYPE_CHECKING:
    from tqdm import tqdm

    from translator.export import CTranslate2Translator
    from translator.runs import RunDirectory
    from translator.translation import Translation

Engine = Literal["own", "ctranslate2", "auto"]
EngineOption = Annotated[
    Engine, typer.Option(help="ctranslate2: the run's export; auto: that, if it fits the model.")
]
Translate = Callable[[list[str]], list[str]]
_INTERRUPTED = 130


@dataclass(frozen=True)
class Asked:
    """How to search, what the translations must hold, and what comes with them."""

    beam_size: int | None = None
    overrides: tuple[str, ...] = ()
    prefix: str = ""
    glossary: Path | None = None
    keep: tuple[str, ...] = ()  # regular expressions of what is not translated
    as_json: bool = False
    n_best: int | None = None
    scores: bool = False
    alignments: bool = False

    @property
    def needs_own_engine(self) -> bool:
        """Whether an export cannot do it: it gives texts, and searches by beam and penalty."""
        return self.more_than_text or bool(self.prefix or self.glossary or self.keep)

    @property
    def more_than_text(self) -> bool:
        """Whether a line of output is more than a translation."""
        return self.as_json or bool(self.n_best) or self.scores or self.alignments

    def decoding(self, run: "RunDirectory") -> DecodingConfig:
        """The settings of the run with what replaces them."""
        decoding = load_config(run.config_file, self.overrides).decoding
        asked = {"beam_size": self.beam_size, "n_best": self.n_best}
        return decoding.changed(**{key: each for key, each in asked.items() if each})

    def line(self, translation: "Translation") -> str:
        """A translation as a line: JSON, or what was asked for, separated by tabs."""
        if self.as_json:
            return json.dumps(_record(translation), ensure_ascii=False)
        columns = []
        for each in translation.alternatives if self.n_best else (translation,):
            columns += [f"{each.score:.4f}"] * self.scores + [each.text]
        return "\t".join([*columns, *[translation.pharaoh] * self.alignments])


def _record(translation: "Translation") -> dict[str, Any]:
    return {
        "source": translation.source,
        "translation": translation.text,
        "score": translation.score,
        "alternatives": [asdict(each) for each in translation.alternatives],
        "tokens": [asdict(each) for each in translation.tokens],
        "alignment": translation.pharaoh,
        "warnings": translation.warnings,
    }


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
        str | None, typer.Option(help="Write to this column, new or not; else to --column.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace translations in PO, XLIFF and TMX.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted job of this --output.")
    ] = False,
    beam_size: BeamOption = None,
    engine: EngineOption = "own",
    n_best: Annotated[
        int | None, typer.Option("--n-best", min=1, help="So many alternatives, then, for a text.")
    ] = None,
    scores: Annotated[
        bool, typer.Option("--scores", help="Before each translation its score and a tab.")
    ] = False,
    alignments: Annotated[
        bool,
        typer.Option("--alignments", help="After a translation a tab and which word is whose."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON object a text: all that is known of it.")
    ] = False,
    glossary: Annotated[
        Path | None, typer.Option(help="Lines of a source term, a tab, its required target term.")
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(help="Do not translate what this pattern matches.")
    ] = None,
    prefix: Annotated[str, typer.Option(help="Every translation begins with this.")] = "",
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="Search otherwise than the run: decoding.sampling=true, …"),
    ] = None,
) -> None:
    """Translate texts, stdin or a document: as many lines out as in, only its prose changed."""
    asked = Asked(
        beam_size,
        tuple(overrides or ()),
        prefix,
        glossary,
        tuple(keep or ()),
        as_json,
        n_best,
        scores,
        alignments,
    )
    texts = [_text(argument) for argument in texts or ()]
    chosen = file_format or (Format.of(input_file) if input_file else Format.LINES)
    columns = Columns(column, into or column) if column else None
    _check_usage(texts, input_file, output_file, chosen, columns, resume=resume)
    if asked.more_than_text and chosen is not Format.LINES:
        raise typer.BadParameter("--json, --n-best, --scores and --alignments need plain lines")
    if engine == "ctranslate2" and asked.needs_own_engine:
        raise typer.BadParameter("--engine ctranslate2 gives the translation and nothing more")
    if not texts and not input_file and sys.stdin.isatty():
        say("type a line to translate it; end with Ctrl-D")
    directory = find_run(run)
    from translator.runs import is_replaceable

    decoding = asked.decoding(directory)
    exported = None if asked.needs_own_engine else _exported(directory, engine, decoding)
    translate, languages = (
        _load_exported(exported, decoding) if exported else _load(directory, decoding, asked)
    )
    settings = Settings(chosen, languages, columns, overwrite)
    if texts:
        _write_to(output_file, (text + "\n" for text in translate(texts)))
    elif input_file and input_file.is_file() and output_file and is_replaceable(output_file):
        fingerprint = _fingerprint(directory, decoding, asked, input_file, settings)
        fingerprint["engine"] = f"ctranslate2 {exported.compute_type}" if exported else "own"
        job = Job(output_file.resolve(), fingerprint, *_process())
        _translate_file(input_file, settings, translate, job, resume=resume)
    else:
        _write_to(output_file, _stream(input_file, settings, translate))


def _exported(
    run: "RunDirectory", engine: Engine, decoding: DecodingConfig
) -> "CTranslate2Translator | None":
    """The run's export where it is wanted; `auto` says why it does without one that is there."""
    if engine == "own" or (engine == "auto" and not (run.exports / "ctranslate2").is_dir()):
        return None
    from translator.export import CTranslate2Translator, certified_engine

    _take_own_gpu()
    try:
        CTranslate2Translator.check_decoding(decoding)
        return certified_engine(run)
    except TranslatorError as error:
        if engine == "ctranslate2":
            raise
        say(f"{error.message}: translating with the run itself")
        return None


def _load_exported(
    translator: "CTranslate2Translator", decoding: DecodingConfig
) -> tuple[Translate, tuple[str, str]]:
    """What `_load` gives, by an export."""
    data = translator.config.data

    def translate(texts: list[str]) -> list[str]:
        return [each.text for each in translator.translate(texts, decoding)]

    return translate, (data.source_language, data.target_language)


def _load(
    run: "RunDirectory", decoding: DecodingConfig, asked: Asked
) -> tuple[Translate, tuple[str, str]]:
    """The model as a function from texts to lines, and its two languages."""
    from translator.text.glossary import Glossary

    glossary = Glossary.read(asked.glossary, asked.keep)
    _take_own_gpu()
    from translator.translation import Translator

    translator = Translator.from_run(run.path, precision=decoding.precision)
    data = translator.config.data

    def translate(texts: list[str]) -> list[str]:
        found = translator.translate(
            texts,
            decoding,
            prefix=asked.prefix,
            glossary=glossary,
            details=asked.as_json or asked.alignments,
        )
        return [asked.line(each) if asked.more_than_text else each.text for each in found]

    return translate, (data.source_language, data.target_language)


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
    if input_file and (input_file.is_file() or input_file.is_dir() or not input_file.exists()):
        open_bytes(input_file).close()
    elif input_file and (resume or _process()[1] > 1):
        raise typer.BadParameter("a pipe is read once: save it in a file to resume or share it")


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
    run: "RunDirectory",
    decoding: DecodingConfig,
    asked: Asked,
    input_file: Path,
    settings: Settings,
) -> dict[str, str]:
    """All that determines the bytes of the output."""
    return {
        "version of translator": __version__,
        "model": fingerprint_of(*run.files),
        "search": decoding.model_dump_json(),
        "options": repr(asked),
        "glossary": fingerprint_of(asked.glossary) if asked.glossary else "",
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
        document = read_document(stream, settings, str(input_file or "stdin"))
        ended = True
        for block in blocks(document.segments, at_once):
            text = translate_block(block, translate)
            ended = text.endswith("\n")
            yield document.encode(text)
        if not ended:
            yield "\n"  # whoever reads a stream line by line waits for it
        _say_problems(document, input_file)


def _text(argument: str) -> str:
    """A text of the command line, with the sign U+FFFD for bytes that are not UTF-8."""
    text = argument.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if text != argument:
        say(f"warning: {text!r} is not UTF-8")
    return text


def _write_to(output_file: Path | None, parts: Iterator[str | bytes]) -> None:
    from translator.runs import written_aside

    try:
        with written_aside(output_file) if output_file else _stdout() as output:
            for part in parts:
                output.write(part.encode() if isinstance(part, str) else part)
                output.flush()
    except BrokenPipeError:  # `| head -1` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if output_file is None:
            raise
        raise _cannot_write(output_file, error, "Make room, or name another --output.") from None


@contextmanager
def _stdout() -> Iterator[Any]:
    """Standard output as a context that does not close it."""
    yield sys.stdout.buffer


def _cannot_write(output_file: Path, error: OSError, remedy: str) -> DataError:
    """What a full disk, else what the permissions or the name, of an output need."""
    hint = remedy if isinstance(error, FullDiskError) else "Name another --output."
    return DataError(f"cannot write {output_file}: {error.strerror}", hint)


def _say_problems(document: Document, input_file: Path | None) -> None:
    for problem in document.problems:
        say(f"warning: {input_file or 'stdin'}, {problem}")


# --- to a file ------------------------------------------------------------------------------------


def _translate_file(
    input_file: Path, settings: Settings, translate: Translate, job: Job, *, resume: bool
) -> None:
    """Translate a document into a file as a job; an interruption says how to go on."""
    done = 0
    try:
        with _interruptible(), writing(job.output), job.alone():
            begun = job.begin(resume=resume)
            if resume and not begun:
                say("there is nothing to resume: starting from the beginning")
            with open_bytes(input_file) as stream, _progress(input_file, settings, job) as bar:
                document = read_document(stream, settings, str(input_file or "stdin"))
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
        remedy = "Make room: the same command with --resume goes on from there."
        raise _cannot_write(job.output, error, remedy) from None


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
            total = count_texts(
                read_document(stream, settings, str(input_file or "stdin")).segments
            )
    return tqdm(total=total, unit=" sentences", disable=not shown, dynamic_ncols=True, leave=False)
