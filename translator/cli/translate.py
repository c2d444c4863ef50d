"""`translator translate`: texts, stdin or a document in, its translation out."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from textwrap import shorten
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from translator.cli.console import (
    TRANSLATE,
    BeamOption,
    RunOption,
    ToOption,
    app,
    bar,
    find_run,
    load,
    loading_torch,
    meant_run,
    note,
    say,
)
from translator.cli.media import draw, is_medium, names_in, say_error, say_if_meant_as_text
from translator.cli.progress import QuietOption, on_terminal, shown_progress
from translator.cli.streams import (
    STREAM,
    count,
    is_file,
    resumable,
    say_problems,
    text_of,
    write_to,
)
from translator.config import (
    Config,
    DecodingConfig,
    LanguagePair,
    changed_decoding,
)
from translator.documents import (
    TEXTS_AT_ONCE,
    Aligned,
    Attention,
    Columns,
    Document,
    DocumentJob,
    Format,
    Settings,
    Translate,
    blocks,
    check_document,
    count_texts,
    fingerprint_of,
    read_document,
    translate_block,
)
from translator.errors import (
    DataError,
    MissingLibraryError,
    RunError,
    TranslatorError,
    writing,
)
from translator.files import encoding_of, open_bytes
from translator.progress import Activity, activity
from translator.text.directions import directions_among
from translator.text.languages import primary
from translator.version import __version__

if TYPE_CHECKING:
    from translator.export import CTranslate2Translator
    from translator.hypotheses import Translation
    from translator.runs import RunDirectory
    from translator.text.glossary import Glossary

_NAMED_TEXTS = 10  # whose translations lack something

EngineName = Literal["own", "ctranslate2", "auto"]

Texts = Annotated[
    list[str] | None, typer.Argument(metavar="TEXT", help="Texts; else lines of stdin.")
]
InputOption = Annotated[
    Path | None, typer.Option("--input", "-i", help="Translate this document; - is stdin.")
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")
]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="Format of --input, if its name says another.")
]
EncodingOption = Annotated[
    str, typer.Option(help="Encoding of input and output; else the byte-order mark's, else UTF-8.")
]
FrontMatterOption = Annotated[
    bool, typer.Option("--front-matter", help="Also translate Markdown's title and description.")
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Even if the document declares other languages.")
]
ColumnOption = Annotated[
    str | None, typer.Option(help="Column of TSV, CSV or JSON lines to translate: name, or 0 …")
]
IntoOption = Annotated[
    str | None, typer.Option(help="Column to write to, new or not; else --column.")
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace existing translations in PO, XLIFF and TMX.")
]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Refuse to start an interrupted job anew.")
]
EngineOption = Annotated[
    EngineName,
    typer.Option(
        envvar="TRANSLATOR_ENGINE",
        help="ctranslate2: the run's export; auto: one in float32, where it can do what is asked. "
        "With a beam an export may find another text than the run itself (own).",
    ),
]
NBestOption = Annotated[
    int | None, typer.Option("--n-best", min=1, help="Give this many alternatives for each text.")
]
ScoresOption = Annotated[
    bool, typer.Option("--scores", help="Put score and tab before each translation.")
]
AlignmentsOption = Annotated[
    bool, typer.Option("--alignments", help="Append a tab and the word alignment.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Write a JSON object for each text, with all that is known.")
]
GlossaryOption = Annotated[
    list[Path] | None,
    typer.Option(
        help="Required terms: lines of term, tab, translation; or .csv, .tbx, .tmx. Of several "
        "files the first with a term counts."
    ),
]
KeepOption = Annotated[
    list[str] | None, typer.Option(help="Do not translate what this pattern matches.")
]
PrefixOption = Annotated[str, typer.Option(help="Begin every translation with this.")]
OverridesOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change how to search: decoding.sampling=true, …"),
]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is translated, and where to."""

    texts: list[str]
    input_file: Path | None
    output_file: Path | None
    format: Format
    columns: Columns | None
    overwrite: bool
    front_matter: bool
    encoding: str
    force: bool
    resume: bool


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to search, what the translations must hold, and what comes with them."""

    to: str | None = None
    beam_size: int | None = None
    overrides: tuple[str, ...] = ()
    prefix: str = ""
    glossary: tuple[Path, ...] = ()
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
    def sets_precision(self) -> bool:
        """Whether the numbers that the run itself computes with are chosen."""
        return any(each.startswith("decoding.precision") for each in self.overrides)

    @property
    def more_than_text(self) -> bool:
        """Whether a line of output is more than a translation."""
        return self.as_json or bool(self.n_best) or self.scores or self.alignments

    def decoding(self, run: "RunDirectory") -> DecodingConfig:
        """The settings of the run with what replaces them."""
        decoding = run.read_config(self.overrides).decoding
        changes = {"beam_size": self.beam_size, "n_best": self.n_best}
        return changed_decoding(decoding, **{key: each for key, each in changes.items() if each})

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
        **({"error": translation.error} if translation.error else {}),
    }


@app.command("translate", rich_help_panel=TRANSLATE)
def translate_cli(
    texts: Texts = None,
    run: RunOption = None,
    input_file: InputOption = None,
    output_file: OutputOption = None,
    file_format: FormatOption = None,
    encoding: EncodingOption = "",
    column: ColumnOption = None,
    into: IntoOption = None,
    overwrite: OverwriteOption = False,
    front_matter: FrontMatterOption = False,
    force: ForceOption = False,
    resume: ResumeOption = False,
    to: ToOption = None,
    beam_size: BeamOption = None,
    engine: EngineOption = "auto",
    n_best: NBestOption = None,
    scores: ScoresOption = False,
    alignments: AlignmentsOption = False,
    as_json: JsonOption = False,
    glossary: GlossaryOption = None,
    keep: KeepOption = None,
    prefix: PrefixOption = "",
    overrides: OverridesOption = None,
    quiet: QuietOption = False,
) -> None:
    """Translate texts, stdin or a document: as many lines out as in, only its prose changed."""
    names = None
    input_file, output_file = (None if f == STREAM else f for f in (input_file, output_file))
    if (meant := _meant_as_input(texts, input_file, run, to)) is not None:
        note(f"translating the file {meant} (as --input)")
        texts, input_file = None, meant
    elif texts and not input_file and _names_a_missing_document(texts):
        say(f"warning: there is no file {texts[0]}: its name is translated as a text")
    if input_file and is_medium(input_file):
        names = names_in(input_file, find_run(run, translating=True).read_config())
        input_file = None if names else input_file
    request = Request(
        texts=names or [text_of(argument) for argument in texts or ()],
        input_file=input_file,
        output_file=output_file,
        format=file_format or (_format_of(input_file, run, to) if input_file else Format.LINES),
        columns=Columns(column, into or column) if column else None,
        overwrite=overwrite,
        front_matter=front_matter,
        encoding=encoding,
        force=force,
        resume=resume,
    )
    options = Options(
        to=to,
        beam_size=beam_size,
        overrides=tuple(overrides or ()),
        prefix=prefix,
        glossary=tuple(glossary or ()),
        keep=tuple(keep or ()),
        as_json=as_json,
        n_best=n_best,
        scores=scores,
        alignments=alignments,
    )
    _check_usage(request, options, engine)
    if _is_conversation(request, options, engine):
        _converse(options, find_run(run, translating=True))
        return
    if not request.texts and not input_file and sys.stdin.isatty():
        note("type a line to translate it; end with Ctrl-D")
    translate(request, options, find_run(run, translating=True), engine)


def _is_conversation(request: Request, options: Options, engine: EngineName) -> bool:
    """Whether somebody sits at a terminal and has named nothing to translate."""
    nothing = not request.texts and not request.input_file and not request.output_file
    plain = request.format is Format.LINES and not options.more_than_text
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return nothing and plain and at_terminal and engine != "ctranslate2"


def _converse(options: Options, run: "RunDirectory") -> None:
    """Translate what is typed at a terminal, with what options ask for."""
    from translator.cli.interactive import converse

    decoding = options.decoding(run)
    pair = _direction(run.read_config(), options.to)
    glossary = _glossary(options, pair)
    with on_terminal():
        translator = load(run).toward(str(pair))

    def translate(text: str, alternatives: int, aligned: bool) -> "Translation":
        (found,) = translator.translate(
            [text],
            changed_decoding(decoding, n_best=alternatives),
            prefix=options.prefix,
            glossary=glossary,
            details=aligned,
        )
        if say_error(found):
            say_if_meant_as_text([text], run)
        return found

    converse(translate, f"{pair.source} → {pair.target}")


def _glossary(options: Options, pair: LanguagePair) -> "Glossary":
    """The terms that options ask for, with a warning where a file has none in these languages."""
    from translator.text.glossary import Glossary

    terms: dict[str, str] = {}
    for file in options.glossary:
        glossary = Glossary.read(file, languages=(pair.source, pair.target))
        for warning in glossary.warnings:
            say(f"warning: {warning}")
        terms = {**glossary.terms, **terms}
    return Glossary(terms, options.keep)


def translate(request: Request, options: Options, run: "RunDirectory", engine: EngineName) -> None:
    """Translate with a run, or with its export, to a stream or as a job that can be resumed."""
    from translator.runs import is_replaceable

    decoding = options.decoding(run)
    if run.read_config().model.target == "image":
        draw(request.texts, request.output_file, run, decoding)
        return
    pair = _direction(run.read_config(), options.to)
    if options.needs_own_engine or (engine == "auto" and options.sets_precision):
        engine = "own"
    exported = _exported(run, engine, decoding)
    trouble = _Trouble()

    @cache
    def itself() -> _Itself:
        return _load(run, decoding, options, pair, trouble)

    if exported:
        if engine == "auto" and decoding.beam_size > 1:
            note(
                "engine: the run's CTranslate2 export; with a beam its text may differ from the "
                "run's own (--engine own)"
            )
        lines_of = _load_exported(
            exported, decoding, pair, trouble, itself if engine == "auto" else None
        )
    else:
        lines_of = itself().translate
    settings = Settings(
        request.format,
        pair,
        request.columns,
        overwrite=request.overwrite,
        front_matter=request.front_matter,
        encoding=request.encoding,
        force=request.force,
    )
    source, output = request.input_file, request.output_file
    if request.texts:
        write_to(output, (text + "\n" for text in lines_of(request.texts)))
    elif source and source.is_file() and output and is_replaceable(output):
        fingerprint = _fingerprint(run, decoding, options, source, settings)
        fingerprint["engine"] = f"{engine}, {exported.compute_type}" if exported else "own"
        job = DocumentJob(output.resolve(), fingerprint, *_process())
        _translate_file(source, settings, lines_of, job, resume=request.resume)
    else:
        write_to(output, _stream(source, settings, lines_of))
    trouble.say_losses()
    if trouble.unread:
        say_if_meant_as_text(trouble.unread, run)
        raise typer.Exit(1)


# --- what can be known to be wrong before the model is loaded -------------------------------------


def _meant_as_input(
    texts: list[str] | None, input_file: Path | None, run: Path | None, to: str | None
) -> Path | None:
    """The document that is named in place of a text: it is there, and its name ends as one's.

    A run that reads pictures or recordings takes their names as texts.
    """
    if input_file or not texts or len(texts) > 1 or not is_file(texts[0]):
        return None
    file = Path(texts[0])
    if not file.suffix:
        return None
    config = meant_run(run, translating=True).read_config()
    if config.model.source != "text":
        return None
    try:
        _format_of(file, run, to)
    except DataError:
        return None
    return file


def _names_a_missing_document(texts: list[str]) -> bool:
    """Whether the only text is the name of a document, in one word, and no file has it."""
    name = texts[0]
    if len(texts) > 1 or len(name.split()) != 1 or not Path(name).suffix or is_file(name):
        return False
    try:
        return bool(Format.of(Path(name)))
    except DataError:
        return False


def _format_of(file: Path, run: Path | None, to: str | None) -> Format:
    """What the name of a document tells: its format, or as test.en the language of its lines."""
    try:
        return Format.of(file)
    except DataError:
        config = meant_run(run, translating=True).read_config()
        spoken = directions_among(to, config)[0] if to else config.data.direction
        if primary(file.suffix.removeprefix(".")) == primary(spoken.source):
            return Format.LINES
        raise


def _check_usage(request: Request, options: Options, engine: EngineName) -> None:
    _check_files(request)
    _check_columns(request.format, request.columns)
    encoding_of(b"", request.encoding)
    if request.input_file:
        _check_input(request.input_file, request)
    if options.more_than_text and request.format is not Format.LINES:
        raise typer.BadParameter("--json, --n-best, --scores and --alignments need plain lines")
    if engine == "ctranslate2" and options.needs_own_engine:
        raise typer.BadParameter("--engine ctranslate2 gives the translation and nothing more")


def _check_files(request: Request) -> None:
    if request.texts and request.input_file:
        raise typer.BadParameter("give texts or --input, not both")
    if request.input_file and request.output_file:
        partial = (
            DocumentJob(request.output_file, {}, *_process()).partial_output(_process()[0]).file
        )
        for file in (request.output_file, partial):
            if file.exists() and file.samefile(request.input_file):
                raise typer.BadParameter("--output is the same file as --input")
    elif request.resume or _is_shared():
        raise typer.BadParameter("a job that resumes or is shared needs --input and --output")


def _check_columns(file_format: Format, columns: Columns | None) -> None:
    if file_format.has_columns and not columns:
        raise typer.BadParameter(f"{file_format.value} needs --column NAME, or a number from 0")
    if columns and not file_format.has_columns:
        raise typer.BadParameter(f"{file_format.value} has no columns; see --format")


def _check_input(file: Path, request: Request) -> None:
    if file.is_file():
        check_document(file, request.format, request.encoding)
    elif file.is_dir() or not file.exists():
        open_bytes(file).close()
    elif request.resume or _is_shared():
        raise typer.BadParameter("a pipe is read once: save it in a file to resume or share it")


# --- processes ------------------------------------------------------------------------------------


def _process() -> tuple[int, int]:
    """Rank and number of the processes that torchrun started; 0 and 1 without it."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def _is_shared() -> bool:
    return _process()[1] > 1


# --- the model as a function from texts to lines -------------------------------------------------


def _direction(config: Config, to: str | None) -> LanguagePair:
    """The direction that is meant; says which it is where there are others."""
    if to is not None:
        return directions_among(to, config)[0]
    default, *others = dict.fromkeys((config.data.direction, *config.data.all_directions))
    if others:
        said = ", ".join(f"{pair.source} → {pair.target}" for pair in others)
        note(f"direction: {default.source} → {default.target} (--to also: {said})")
    return default


def _exported(
    run: "RunDirectory", engine: EngineName, decoding: DecodingConfig
) -> "CTranslate2Translator | None":
    """The run's export where it is wanted."""
    if engine == "own" or (engine == "auto" and not (run.exports / "ctranslate2").is_dir()):
        return None
    from translator.export import CTranslate2Translator, certified_engine

    if engine == "auto":
        return _export_that_fits(run, decoding)
    CTranslate2Translator.check_decoding(decoding)
    return certified_engine(run)


def _export_that_fits(
    run: "RunDirectory", decoding: DecodingConfig
) -> "CTranslate2Translator | None":
    """The run's export if it can do what is asked; why not, of one broken or out of date."""
    from translator.export import CTranslate2Translator, certified_engine

    try:
        CTranslate2Translator.check_decoding(decoding)
    except RunError:
        return None
    try:
        exported = certified_engine(run)
    except MissingLibraryError:
        return None
    except TranslatorError as error:
        say(f"warning: {error.message}; translating with the run itself")
        return None
    return exported if exported.is_exact else None


@dataclass
class _Trouble:
    """What cannot be read, and what translations lack, to be said when all is done."""

    unread: list[str] = field(default_factory=list)  # names of pictures and recordings
    _losses: list[str] = field(default_factory=list)  # of the first texts
    _texts: int = 0  # whose translations lack something

    def add_losses(self, found: "Iterable[Translation]") -> None:
        """Note what translations lack."""
        for each in found:
            if each.losses:
                self._texts += 1
                if self._texts <= _NAMED_TEXTS:
                    text = shorten(each.source, 60, placeholder="…")
                    self._losses.append(f"{text}: {', '.join(each.losses)}")

    def say_losses(self) -> None:
        """Warn of what translations lack."""
        for loss in self._losses:
            say(f"warning: {loss}")
        if (more := self._texts - len(self._losses)) > 0:
            say(f"warning: {more:,} more translations lack something")


class _Itself(NamedTuple):
    """What a run does that its export does not: lines as they were asked for, and attention."""

    translate: Translate
    word_attention: Callable[[str, str], Attention]


def _load_exported(
    translator: "CTranslate2Translator",
    decoding: DecodingConfig,
    pair: LanguagePair,
    trouble: "_Trouble",
    itself: Callable[[], _Itself] | None,
) -> Translate:
    """An export as a function from texts to lines.

    What it does not translate well, such as a text whose number it loses, is left to the run
    `itself`, which searches for what is lost; without one it stays as it is. So is the question
    which words come from which.
    """
    translator = translator.toward(str(pair))

    def look(source: str, translation: str) -> Attention:
        return itself().word_attention(source, translation) if itself else ()

    def translate(texts: list[str]) -> list[str]:
        found = translator.translate(texts, decoding)
        lines: list[str] = [Aligned(each.text, each.source, look, pair.target) for each in found]
        doubtful = [i for i, each in enumerate(found) if each.warnings]
        if itself and doubtful:
            better = itself().translate([texts[i] for i in doubtful])
            for i, line in zip(doubtful, better, strict=True):
                lines[i] = line
        elif doubtful:
            trouble.add_losses(found)
        return lines

    return translate


def _load(
    run: "RunDirectory",
    decoding: DecodingConfig,
    options: Options,
    pair: LanguagePair,
    trouble: "_Trouble",
) -> _Itself:
    """The model as a function from texts to lines, which tells of its `trouble`.

    Why pictures and recordings cannot be read is said at once.
    """
    glossary = _glossary(options, pair)
    with loading_torch():
        from translator.hardware import take_own_gpu
        from translator.translation import Translator

    take_own_gpu()
    with on_terminal(), activity(f"loading {run.name}"):
        translator = Translator.from_run(run.name, precision=decoding.precision).toward(str(pair))

    def translate(texts: list[str]) -> list[str]:
        found = translator.translate(
            texts,
            decoding,
            prefix=options.prefix,
            glossary=glossary,
            details=options.as_json or options.alignments,
        )
        trouble.unread.extend(each.source for each in found if say_error(each))
        if not options.as_json:  # which has the warnings of each text
            trouble.add_losses(found)
        if options.more_than_text:
            return [options.line(each) for each in found]
        look = translator.word_attention
        return [Aligned(each.text, each.source, look, pair.target) for each in found]

    return _Itself(translate, translator.word_attention)


def _fingerprint(
    run: "RunDirectory",
    decoding: DecodingConfig,
    options: Options,
    input_file: Path,
    settings: Settings,
) -> dict[str, str]:
    """All that determines the bytes of the output."""
    return {
        "version of translator": __version__,
        "model": fingerprint_of(*run.files),
        "search": decoding.model_dump_json(),
        "options": repr(vars(options)),
        "glossary": fingerprint_of(*options.glossary) if options.glossary else "",
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
        parts = (translate_block(block, translate) for block in blocks(document.segments, at_once))
        if document.pack:
            yield document.pack(b"".join(map(document.encode, parts)))
        else:
            yield from _with_line_end(parts, document)
        say_problems(document.problems, input_file)


def _with_line_end(parts: Iterator[str], document: Document) -> Iterator[bytes]:
    ended = True
    for text in parts:
        ended = text.endswith("\n")
        yield document.encode(text)
    if not ended:
        yield document.encode("\n")  # whoever reads a stream line by line waits for it


# --- to a file ------------------------------------------------------------------------------------


def _translate_file(
    input_file: Path, settings: Settings, translate: Translate, job: DocumentJob, *, resume: bool
) -> None:
    """Translate a document into a file as a job; an interruption says how to go on."""

    def counted(block: list[str]) -> list[str]:
        texts.step = len(block)
        return translate(block)

    with (
        _shown(job) as texts,
        resumable(job.output, texts),
        _interruptible(),
        writing(job.output),
        job.locked(),
    ):
        was_there = job.partial_output(job.rank).journal.exists()
        begun = job.begin(resume=resume)
        if begun and not resume:
            note("going on with the interrupted job of this --output")
        elif not begun and (resume or was_there):
            what = "nothing to resume" if resume else "an interrupted job, but nothing of it fits"
            note(f"there is {what}: starting from the beginning")
        texts.total = _count_texts(input_file, settings)
        with open_bytes(input_file) as stream:
            document = read_document(stream, settings, str(input_file or "stdin"))
            for block in job.translate(document.segments, counted, document.encode):
                count(texts, block)
                texts.step = 0
        if not job.finish(document.pack):
            note(f"part {job.rank + 1} of {job.world_size} is done; the last one joins them")
        if job.rank == 0:
            say_problems(document.problems, input_file)


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends the job like Ctrl-C."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _shown(job: DocumentJob) -> Iterator[Activity]:
    """The texts of a document as they are done; the first of several processes shows them."""
    with (
        shown_progress() if job.rank == 0 else nullcontext(),
        activity(job.output.name, unit="texts") as texts,
    ):
        yield texts


def _count_texts(input_file: Path, settings: Settings) -> int | None:
    """How many texts a document holds, where it is shown how many are done."""
    if bar.quiet:
        return None
    with suppress(DataError), open_bytes(input_file) as stream:
        return count_texts(read_document(stream, settings, str(input_file)).segments)
    return None
