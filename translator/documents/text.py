"""Plain text: bytes to lines whatever the bytes are, and lines or paragraphs to segments."""

import gzip
import lzma
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from translator.documents.segments import Line, Problems, Segment, prose, verbatim, wrapped
from translator.errors import DataError

COMPRESSED = (".gz", ".xz")


def open_bytes(file: Path) -> BinaryIO:
    """Open a file to read its bytes, .gz and .xz unpacked; DataError when that cannot be."""
    try:
        match file.suffix:
            case ".gz":
                return gzip.open(file)  # type: ignore[return-value]
            case ".xz":
                return lzma.open(file)  # type: ignore[return-value]
        return file.open("rb")
    except IsADirectoryError:
        raise DataError(f"{file} is a directory, not a document", "Name a file.") from None
    except FileNotFoundError:
        raise DataError(f"there is no file {file}", "Check the path.") from None
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror}", "Check the permissions.") from None


def read_lines(stream: Iterable[bytes], problems: Problems) -> Iterator[str]:
    """Lines with their ends. Only a line feed ends a line; what is no UTF-8 becomes U+FFFD."""
    number = 0
    try:
        for number, line in enumerate(stream, start=1):
            try:
                yield line.decode("utf-8")
            except UnicodeDecodeError:
                problems.add("not UTF-8, the bytes are replaced by U+FFFD", number)
                yield line.decode("utf-8", errors="replace")
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise DataError(
            f"after line {number}: damaged compressed file ({error})", "Fetch it again."
        ) from None


def line_segments(lines: Iterable[str]) -> Iterator[Segment]:
    """A text for each line: as many lines out as in, whatever the translations hold."""
    return (prose(line) for line in lines)


def paragraph_segments(lines: Iterable[str]) -> Iterator[Segment]:
    """A text for each paragraph: the lines between blank ones, translated as one."""
    paragraph: list[Line] = []
    for line in lines:
        if line.strip():
            paragraph.append(split_line(line))
            continue
        if paragraph:
            yield wrapped(paragraph)
        paragraph = []
        yield verbatim(line)
    if paragraph:
        yield wrapped(paragraph)


def split_line(line: str, before: str = "") -> Line:
    """A line behind `before` as its indentation, its words, and white space with the line end."""
    text = line[len(before) :]
    words = text.strip(" \t\r\n")  # other white space begins no line of a text format
    start = text.index(words)
    return Line(before + text[:start], words, text[start + len(words) :])
