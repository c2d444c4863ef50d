"""A file → its bytes, unpacked, and its lines of text; what is wrong is told with its line."""

import bz2
import codecs
import gzip
import io
import itertools
import lzma
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from translator.errors import DataError

COMPRESSIONS = (".gz", ".xz", ".bz2", ".zst")
Unpacked = io.BufferedReader | gzip.GzipFile | lzma.LZMAFile | bz2.BZ2File
LONGEST_LINE = 1 << 24  # bytes: a file without line feeds must not fill the memory
_DAMAGED = (EOFError, lzma.LZMAError, zlib.error, OSError)
_BYTE_ORDER_MARKS = {  # the longer ones first: that of UTF-32 begins like that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    codecs.BOM_UTF8: "utf-8",
}
_WITH_MARK = {"utf-16": "utf-16-le", "utf-32": "utf-32-le", "utf-8-sig": "utf-8"}  # in Python
_HEAD = 1 << 13  # bytes of a file that show what it is
_BINARY = (b"PK\x03\x04", b"%PDF-")  # what a word processor or a printer takes, whatever its name
_PACKED = {b"\x1f\x8b": ".gz", b"\xfd7zXZ": ".xz", b"BZh": ".bz2", b"\x28\xb5\x2f\xfd": ".zst"}
_OLD_MACINTOSH = "A line must end in a line feed; old Macintosh files: tr '\\r' '\\n'."


# --- bytes ----------------------------------------------------------------------------------------


@contextmanager
def open_unpacked(file: Path, place: Callable[[], str] = lambda: "its start") -> Iterator[Unpacked]:
    """Open a file, unpacked as its name says, and turn its faults into DataErrors.

    `place` tells, when a fault shows, what was read last, such as `line 7`.
    """
    try:
        with open_by_name(file) as stream:
            yield stream
    except _DAMAGED as error:
        raise unreadable(file, error, place()) from None


def open_bytes(file: Path) -> Unpacked:
    """Open a file, unpacked as its name says; DataError when that cannot be."""
    try:
        return open_by_name(file)
    except OSError as error:
        raise unreadable(file, error, "its start") from None


def open_by_name(file: Path) -> Unpacked:
    """Open a file that is packed as its name says: gz, xz, bz2, zst, or not at all."""
    match file.suffix.lower():
        case ".gz":
            return gzip.GzipFile(file)
        case ".xz":
            return lzma.LZMAFile(file)
        case ".bz2":
            return bz2.BZ2File(file)
        case ".zst":
            import pyarrow

            return io.BufferedReader(pyarrow.CompressedInputStream(file.open("rb"), "zstd"))
    return file.open("rb")


def intact(stream: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a stream; DataError where what packs them is damaged."""
    number = 0
    try:
        for line in stream:
            number += 1
            yield line
    except _DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(
            f"after line {number}: damaged compressed file ({error})", "Fetch it again."
        ) from None


def unreadable(file: Path, error: Exception, place: str) -> DataError:
    """What is wrong with a file that cannot be read on after a place, such as `line 7`."""
    if isinstance(error, IsADirectoryError):
        return DataError(f"{file} is a directory, not a file", "Name a file.")
    if isinstance(error, FileNotFoundError):
        return DataError(f"there is no file {file}", "Check the path.")
    if isinstance(error, OSError) and error.errno is not None:
        return DataError(
            f"cannot read {file}: {os.strerror(error.errno)}", "Check the permissions."
        )
    return DataError(f"{file}, after {place}: damaged compressed file ({error})", "Fetch it again.")


# --- text in any encoding -------------------------------------------------------------------------


def encoding_of(head: bytes, given: str = "") -> str:
    """The encoding that is `given`, else the one that a byte-order mark tells, else UTF-8.

    DataError for one that is not known.
    """
    told = next((e for mark, e in _BYTE_ORDER_MARKS.items() if head.startswith(mark)), "utf-8")
    if not given:
        return told
    try:
        name = codecs.lookup(given).name
        "".encode(name)
    except (LookupError, UnicodeError):  # the latter of `undefined`
        raise DataError(
            f"there is no encoding {given!r}", "Such as utf-8, utf-16, cp1252, shift_jis, gb18030."
        ) from None
    if name not in _WITH_MARK:
        return name
    return told if told.startswith(name) else _WITH_MARK[name]


def decoded_lines(stream: Iterable[bytes], given: str = "") -> tuple[Iterator[str], str]:
    """The lines of a stream of bytes, their ends kept, and its encoding, as `encoding_of` finds it.

    Only a line feed ends a line. A byte-order mark stays where it is. DataError, with its line, for
    what is not in the encoding.
    """
    chunks = intact(stream)
    first = next(chunks, b"")
    encoding = encoding_of(first, given)
    decode = _utf8_lines if encoding == "utf-8" else partial(_lines_in, encoding)
    return decode(itertools.chain([first] * bool(first), chunks)), encoding


def _utf8_lines(lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"line {number}: not UTF-8 (byte {error.start + 1} of the line)",
                "Name its encoding, such as --encoding cp1252, or convert it: "
                "iconv -f cp1252 -t utf-8",
            ) from None
        yield text


def _lines_in(encoding: str, chunks: Iterable[bytes]) -> Iterator[str]:
    """Lines of an encoding in which the byte of a line feed may be part of another character."""
    decoder = codecs.getincrementaldecoder(encoding)()
    number, rest = 0, ""
    try:
        for chunk in itertools.chain(chunks, [b""]):
            *lines, rest = (rest + decoder.decode(chunk, final=not chunk)).split("\n")
            for line in lines:
                number += 1
                yield line + "\n"
    except UnicodeDecodeError as error:
        raise DataError(
            f"after line {number}: not {encoding} ({error.reason})", "Name the right --encoding."
        ) from None
    if rest:
        yield rest


def check_text(file: Path, given: str = "") -> None:
    """Raise DataError for a file that is binary, not in its encoding, or has no line feeds."""
    with open_unpacked(file) as stream:
        check_head(stream.read(_HEAD), given)
    with open_unpacked(file) as stream:
        lines, _ = decoded_lines(stream, given)
        for number, line in enumerate(lines):
            if not number and _has_carriage_returns_only(line):
                raise DataError("carriage returns end no line", _OLD_MACINTOSH)


def check_head(data: bytes, given: str = "") -> None:
    """Raise DataError for what begins as a binary file."""
    head = data[:_HEAD]
    if _is_binary(head, encoding_of(head, given)):
        raise DataError("a binary file, no text", _hint_for_binary(head))


def _is_binary(head: bytes, encoding: str) -> bool:
    """Whether a file that begins so is of a binary format; a NUL may stray into a text."""
    if head.startswith(_BINARY):
        return True
    if b"\0" not in head or encoding[:6] in ("utf-16", "utf-32"):
        return False
    try:
        codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return True
    return _utf16_by_zeros(head, share=0.25) is not None


def _hint_for_binary(head: bytes) -> str:
    encoding = _utf16_by_zeros(head, share=0.25)  # of Latin letters
    if encoding and not head.startswith(_BINARY):
        return f"If it is UTF-16 without a byte-order mark, give --encoding {encoding}."
    return "Save it as text, or as one of the formats that --format names."


def _utf16_by_zeros(head: bytes, share: float) -> str | None:
    """Which UTF-16 has its zeros where these bytes have that share of zeros and more."""
    zeros, first = max((head[first::2].count(0), first) for first in (0, 1))
    return ("utf-16-be", "utf-16-le")[first] if zeros > share * len(head) else None


def _has_carriage_returns_only(line: str) -> bool:
    """Whether the first line of a file is its only one, and carriage returns are in it."""
    return not line.endswith("\n") and "\r" in line.rstrip("\r")


# --- text in UTF-8, as training reads it ----------------------------------------------------------


def read_lines(file: Path) -> Iterator[str]:
    """Yield the lines of a text file (.gz, .xz, .bz2 and .zst unpacked), without their line ends.

    Only a line feed, with or without a carriage return, ends a line: U+2028 and its kind stay
    inside. Raises DataError for a file that is missing, damaged or not UTF-8.
    """
    return (line.rstrip("\r\n") for line in lines_with_ends(file))


def lines_with_ends(file: Path) -> Iterator[str]:
    """Yield the lines of a text file as `read_lines` does, their line ends kept."""
    number = 0
    try:
        with open_unpacked(file, lambda: f"line {number}") as stream:
            while line := stream.readline(LONGEST_LINE):
                if len(line) == LONGEST_LINE:
                    raise DataError(
                        f"{file}, line {number + 1}: longer than {LONGEST_LINE:,} bytes",
                        _OLD_MACINTOSH,
                    )
                number += 1
                text = line.decode("utf-8")
                if number == 1:
                    check_line_ends(file, text)
                yield text.removeprefix("\ufeff") if number == 1 else text
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file}, line {number}: not UTF-8 (byte {error.start + 1} of the line)",
            how_to_convert(file),
        ) from None


def check_line_ends(file: Path, first: str) -> None:
    """Raise DataError if the first line is all of a file whose lines end in carriage returns."""
    if _has_carriage_returns_only(first):
        raise DataError(f"{file}: carriage returns end no line", _OLD_MACINTOSH)


def is_wide(file: Path) -> bool:
    """Whether a file is in UTF-16 or UTF-32, by its mark or its zeros."""
    with open_unpacked(file) as stream:
        return _wide_encoding(stream.read(_HEAD)) is not None


def how_to_convert(file: Path) -> str:
    """What makes a file UTF-8, mostly a command, by what it seems to be in."""
    with open_unpacked(file) as stream:
        head = stream.read(_HEAD)
    if head.startswith(_BINARY):
        return "Save it as text, such as CSV or lines with tabs."
    for begin, ending in _PACKED.items():
        if head.startswith(begin):
            return f"It is packed: name it {file.name}{ending}."
    unpacked = file.with_suffix("") if file.suffix.lower() in COMPRESSIONS else file
    first = "Convert the file" if unpacked == file else "Unpack the file and convert it"
    encoding = _wide_encoding(head) or "latin1"
    return f"{first}, for example: iconv -f {encoding} -t utf-8 {unpacked}"


def _wide_encoding(head: bytes) -> str | None:
    """The UTF-16 or UTF-32 that a file begins in, as iconv calls it.

    In UTF-16 of any script, spaces and line ends have a zero, each on the same side.
    """
    if (told := encoding_of(head)) != "utf-8":
        return told[:6]  # iconv reads the mark
    zeros = [head[side::2].count(0) for side in (0, 1)]
    if max(zeros) < 4 or max(zeros) < 0.03 * len(head) or 10 * min(zeros) > max(zeros):
        return None
    return "utf-16be" if zeros[0] > zeros[1] else "utf-16le"
