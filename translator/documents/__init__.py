"""How is a file translated and nothing else in it changed? Formats, segments, and jobs that resume.

read → segments (texts in order) → translate → written back. Every format gives an iterator of
`Segment`s; blocks, progress and resume are the same for all of them.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from pathlib import Path

from translator.documents.exchange import decode_xml, tmx_segments, xliff_segments
from translator.documents.job import (
    TEXTS_AT_ONCE,
    DocumentJob,
    Translate,
    blocks,
    count_texts,
    translate_block,
)
from translator.documents.markdown import markdown_segments
from translator.documents.po import po_segments
from translator.documents.segments import Problems, Segment, verbatim
from translator.documents.subtitles import subtitle_segments
from translator.documents.tables import Columns, csv_segments, jsonl_segments, tsv_segments
from translator.documents.text import (
    COMPRESSED,
    line_segments,
    open_bytes,
    paragraph_segments,
    read_lines,
)
from translator.errors import DataError

__all__ = [
    "TEXTS_AT_ONCE",
    "Columns",
    "Document",
    "DocumentJob",
    "Format",
    "Problems",
    "Segment",
    "Settings",
    "Translate",
    "blocks",
    "count_texts",
    "fingerprint_of",
    "open_bytes",
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

    @classmethod
    def of(cls, file: Path) -> "Format":
        """The format that the name of a file tells; lines for an unknown one."""
        name = Path(file.name.lower())
        match Path(name.stem).suffix if name.suffix in COMPRESSED else name.suffix:
            case ".md" | ".markdown":
                return cls.MARKDOWN
            case ".tsv":
                return cls.TSV
            case ".csv":
                return cls.CSV
            case ".jsonl" | ".ndjson":
                return cls.JSONL
            case ".po" | ".pot":
                return cls.PO
            case ".xlf" | ".xliff":
                return cls.XLIFF
            case ".tmx":
                return cls.TMX
            case ".srt" | ".vtt":
                return cls.SUBTITLES
        return cls.LINES

    @property
    def has_columns(self) -> bool:
        """Whether a column must be named."""
        return self in (Format.TSV, Format.CSV, Format.JSONL)


@dataclass(frozen=True)
class Settings:
    """How a document is read: its format and what that needs."""

    format: Format
    languages: tuple[str, str]  # source and target: the variants of a TMX unit
    columns: Columns | None = None
    overwrite: bool = False  # translations that are there already, in PO, XLIFF and TMX


@dataclass(frozen=True)
class Document:
    """A document as its segments, read while they are taken."""

    segments: Iterator[Segment]
    problems: Problems  # complete once the segments are taken
    encoding: str = "utf-8"

    def encode(self, text: str) -> bytes:
        """A stretch of the document as the bytes of its encoding."""
        unknown = "replace" if self.encoding == "utf-8" else "xmlcharrefreplace"
        return text.encode(self.encoding, unknown)


def read_document(stream: Iterable[bytes], settings: Settings, name: str = "") -> Document:
    """Read a document from its lines of bytes; DataError for one that is not of its format.

    XLIFF and TMX are read as a whole; all others line by line, in the memory of a block. Errors
    begin with the `name` of the document, if it has one.
    """
    with _named(name):
        document = _read_document(stream, settings)
    return replace(document, segments=_named_segments(document.segments, name))


def read_texts(stream: Iterable[bytes], problems: Problems, name: str = "") -> Iterator[str]:
    """The lines of a stream as texts, a blank one too; a byte-order mark belongs to none.

    DataError, which begins with the `name` of the stream, for a damaged compressed file.
    """
    with _named(name):
        for number, line in enumerate(read_lines(stream, problems)):
            text = line if number else line.removeprefix("\ufeff")
            yield text.rstrip("\r\n")


def _read_document(stream: Iterable[bytes], settings: Settings) -> Document:
    problems = Problems()
    if settings.format in (Format.XLIFF, Format.TMX):
        text, encoding = decode_xml(b"".join(stream))
        if settings.format is Format.XLIFF:
            segments = xliff_segments(text, problems, overwrite=settings.overwrite)
        else:
            segments = tmx_segments(
                text, problems, settings.languages, overwrite=settings.overwrite
            )
        return Document(segments, problems, encoding)
    return Document(_line_by_line(read_lines(stream, problems), settings, problems), problems)


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
            yield from markdown_segments(lines)
        case Format.TSV:
            yield from tsv_segments(lines, columns, problems)
        case Format.CSV:
            yield from csv_segments(lines, columns, problems)
        case Format.JSONL:
            yield from jsonl_segments(lines, columns, problems)
        case Format.PO:
            yield from po_segments(lines, problems, overwrite=settings.overwrite)
        case Format.SUBTITLES:
            yield from subtitle_segments(lines)


def fingerprint_of(*files: Path) -> str:
    """The SHA-256 of files, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while data := stream.read(2**20):
                digest.update(data)
    return digest.hexdigest()
