"""How is a file translated and nothing else in it changed? Formats, segments, and jobs that resume.

read → segments (texts in order) → translate → written back. Every format gives an iterator of
`Segment`s; blocks, progress and resume are the same for all of them. The file of a format is
imported when a document of it is read: most of them compile many patterns, and a sentence needs
none.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from itertools import chain
from pathlib import Path

from translator.documents.aligned import Aligned, Attention
from translator.documents.direction import Direction
from translator.documents.job import (
    TEXTS_AT_ONCE,
    BlockDone,
    DocumentJob,
    Translate,
    blocks,
    count_texts,
    translate_block,
)
from translator.documents.segments import Problems, Segment, join, verbatim
from translator.documents.tables import Columns, csv_segments, jsonl_segments, tsv_segments
from translator.documents.text import line_segments, paragraph_segments
from translator.errors import DataError
from translator.files import COMPRESSIONS, check_head, check_text, decoded_lines, intact

__all__ = [
    "TEXTS_AT_ONCE",
    "Aligned",
    "Attention",
    "BlockDone",
    "Columns",
    "Document",
    "DocumentJob",
    "Format",
    "Problems",
    "Segment",
    "Settings",
    "Translate",
    "blocks",
    "check_document",
    "count_texts",
    "fingerprint_of",
    "fragment_of_html",
    "read_document",
    "read_texts",
    "translate_block",
]


class Format(StrEnum):
    """The formats of documents."""

    LINES = "lines"
    PARAGRAPHS = "paragraphs"
    MARKDOWN = "markdown"
    TSV = "tsv"
    CSV = "csv"
    JSONL = "jsonl"
    PO = "po"
    XLIFF = "xliff"
    TMX = "tmx"
    SUBTITLES = "subtitles"
    HTML = "html"
    DOCX = "docx"
    ODT = "odt"
    JSON = "json"
    YAML = "yaml"

    @classmethod
    def of(cls, file: Path) -> "Format":
        """The format that the name of a file tells; DataError for an unknown one."""
        name = Path(file.name.lower())
        suffix = Path(name.stem).suffix if name.suffix in COMPRESSIONS else name.suffix
        if suffix not in _FORMATS:
            raise DataError(
                f"the format of {file} is not known by its name",
                f"Known: {', '.join(filter(None, _FORMATS))}, each also {', '.join(COMPRESSIONS)}. "
                "Give --format lines to take it as plain text, or another --format.",
            )
        return _FORMATS[suffix]

    @classmethod
    def endings(cls) -> list[str]:
        """The endings of the names of all formats that need no column."""
        return [ending for ending, each in _FORMATS.items() if ending and not each.has_columns]

    @classmethod
    def endings_of_zips(cls) -> list[str]:
        """The endings of those that are a zip."""
        return [ending for ending, each in _FORMATS.items() if each in (cls.DOCX, cls.ODT)]

    @property
    def has_columns(self) -> bool:
        """Whether a column must be named."""
        return self in (Format.TSV, Format.CSV, Format.JSONL)


_FORMATS = {  # by the ending of a name
    "": Format.LINES,
    ".txt": Format.LINES,
    ".text": Format.LINES,
    ".md": Format.MARKDOWN,
    ".markdown": Format.MARKDOWN,
    ".tsv": Format.TSV,
    ".csv": Format.CSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".po": Format.PO,
    ".pot": Format.PO,
    ".xlf": Format.XLIFF,
    ".xliff": Format.XLIFF,
    ".sdlxliff": Format.XLIFF,
    ".mqxliff": Format.XLIFF,
    ".tmx": Format.TMX,
    ".srt": Format.SUBTITLES,
    ".vtt": Format.SUBTITLES,
    ".html": Format.HTML,
    ".htm": Format.HTML,
    ".xhtml": Format.HTML,
    ".docx": Format.DOCX,
    ".docm": Format.DOCX,
    ".dotx": Format.DOCX,
    ".odt": Format.ODT,
    ".ott": Format.ODT,
    ".json": Format.JSON,
    ".arb": Format.JSON,
    ".yaml": Format.YAML,
    ".yml": Format.YAML,
    ".ass": Format.SUBTITLES,
    ".ssa": Format.SUBTITLES,
}


_SELF_DESCRIBING = (Format.XLIFF, Format.TMX, Format.HTML, Format.DOCX, Format.ODT)


@dataclass(frozen=True)
class Settings:
    """How a document is read: its format and what that needs."""

    format: Format
    languages: tuple[str, str]  # source and target: the variants of a TMX unit
    columns: Columns | None = None
    overwrite: bool = False  # translations that are there already, in PO, XLIFF and TMX
    front_matter: bool = False  # whether the title and description of Markdown are translated
    force: bool = False  # though it says that it is in other languages
    encoding: str = ""  # else as a byte-order mark or an XML declaration says, else UTF-8

    @property
    def direction(self) -> Direction:
        return Direction(*self.languages, forced=self.force)


@dataclass(frozen=True)
class Document:
    """A document as its segments, read while they are taken."""

    segments: Iterator[Segment]
    problems: Problems  # complete once the segments are taken
    encoding: str = "utf-8"
    in_xml: bool = False  # which can write every character in any encoding
    pack: Callable[[bytes], bytes] | None = None  # makes the file of all stretches, if it must

    def encode(self, text: str) -> bytes:
        """A stretch of the document as the bytes of its encoding; DataError where it lacks one."""
        unknown = "xmlcharrefreplace" if self.in_xml else "strict"
        if self.encoding.startswith("utf-"):
            unknown = "replace"  # all that it lacks is half of a surrogate pair
        try:
            return text.encode(self.encoding, unknown)
        except UnicodeEncodeError as error:
            raise DataError(
                f"{self.encoding} has no {text[error.start]!r}, which a translation holds",
                "Convert the document to UTF-8 first, with iconv.",
            ) from None


def read_document(stream: Iterable[bytes], settings: Settings, name: str = "") -> Document:
    """Read a document from its lines of bytes; DataError for one that is not of its format.

    What nests or is packed is read as a whole; all others line by line, in the memory of a block.
    Errors begin with the `name` of the document, if it has one.
    """
    with _named(name):
        document = _read_document(stream, settings)
    return replace(document, segments=_named_segments(document.segments, name))


def fragment_of_html(text: str) -> Segment:
    """A page, or a part of one, as one segment."""
    from translator.documents.html import html_segments

    return join(html_segments(text))


def check_document(file: Path | bytes, file_format: Format, encoding: str = "") -> None:
    """Raise DataError for what can be known of a file without a look at its format.

    It is binary, or not in its encoding, or has no line ends. Some formats say what they are. Of
    bytes the first ones are looked at.
    """
    if file_format in _SELF_DESCRIBING:
        return
    if isinstance(file, bytes):
        check_head(file, encoding)
        return
    with _named(str(file)):
        check_text(file, encoding)


def read_texts(stream: Iterable[bytes], name: str = "") -> Iterator[str]:
    """The lines of a stream as texts, a blank one too; a byte-order mark belongs to none.

    DataError, which begins with the `name` of the stream, for what is not UTF-8, and for a damaged
    compressed file.
    """
    with _named(name):
        for number, line in enumerate(decoded_lines(stream)[0]):
            text = line if number else line.removeprefix("\ufeff")
            yield text.rstrip("\r\n")


def _read_document(stream: Iterable[bytes], settings: Settings) -> Document:
    problems = Problems()
    match settings.format:
        case Format.XLIFF:
            from translator.documents.exchange import decode_xml
            from translator.documents.xliff import xliff_segments

            text, encoding = decode_xml(b"".join(intact(stream)), settings.encoding)
            segments = xliff_segments(text, settings.direction, overwrite=settings.overwrite)
            return Document(segments, problems, encoding, in_xml=True)
        case Format.TMX:
            from translator.documents.exchange import decode_xml, tmx_segments

            text, encoding = decode_xml(b"".join(intact(stream)), settings.encoding)
            segments = tmx_segments(
                text, problems, settings.direction, overwrite=settings.overwrite
            )
            return Document(segments, problems, encoding, in_xml=True)
        case Format.HTML:
            from translator.documents.html import decode_html, html_segments

            text, encoding = decode_html(b"".join(intact(stream)), settings.encoding)
            return Document(
                html_segments(text, settings.direction), problems, encoding, in_xml=True
            )
        case Format.DOCX:
            from translator.documents.docx import docx_package, docx_segments

            package = docx_package(b"".join(intact(stream)))
            return Document(
                package.segments(partial(docx_segments, direction=settings.direction)),
                problems,
                pack=package.pack,
            )
        case Format.ODT:
            from translator.documents.odt import odt_package, odt_segments

            package = odt_package(b"".join(intact(stream)))
            return Document(
                package.segments(partial(odt_segments, direction=settings.direction)),
                problems,
                pack=package.pack,
            )
    lines, encoding = decoded_lines(stream, settings.encoding)
    match settings.format:
        case Format.JSON:
            from translator.documents.messages import json_segments

            return Document(json_segments("".join(lines), settings.direction), problems, encoding)
        case Format.YAML:
            from translator.documents.messages import yaml_segments

            return Document(yaml_segments("".join(lines), settings.direction), problems, encoding)
    return Document(_line_by_line(lines, settings, problems), problems, encoding)


@contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise DataError(f"{name}, {error.message}" if name else error.message, error.hint) from None


def _named_segments(segments: Iterator[Segment], name: str) -> Iterator[Segment]:
    with _named(name):
        yield from segments


def _line_by_line(
    lines: Iterator[str], settings: Settings, problems: Problems
) -> Iterator[Segment]:
    first = next(lines, "")
    if first.startswith("\ufeff"):
        yield verbatim("\ufeff")  # a byte-order mark belongs to no text
        first = first[1:]
    lines = chain([first] if first else [], lines)
    columns = settings.columns or Columns("0", "0")
    match settings.format:
        case Format.LINES:
            yield from line_segments(lines)
        case Format.PARAGRAPHS:
            yield from paragraph_segments(lines)
        case Format.MARKDOWN:
            from translator.documents.markdown import markdown_segments

            yield from markdown_segments(
                lines, problems, settings.direction, front_matter=settings.front_matter
            )
        case Format.TSV:
            yield from tsv_segments(lines, columns, problems)
        case Format.CSV:
            yield from csv_segments(lines, columns, problems)
        case Format.JSONL:
            yield from jsonl_segments(lines, columns, problems)
        case Format.PO:
            from translator.documents.po import po_segments

            yield from po_segments(
                lines, problems, settings.direction, overwrite=settings.overwrite
            )
        case Format.SUBTITLES:
            if first.startswith("["):  # of its first section
                from translator.documents.substation import substation_segments

                yield from substation_segments(lines, problems)
            else:
                from translator.documents.subtitles import subtitle_segments

                yield from subtitle_segments(lines, problems, settings.direction)


def fingerprint_of(*files: Path) -> str:
    """The SHA-256 of files, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while data := stream.read(2**20):
                digest.update(data)
    return digest.hexdigest()
