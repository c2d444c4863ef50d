"""A file → its bytes, unpacked, and its lines. What is wrong with it is told with its line."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from translator.errors import DataError

COMPRESSIONS = (".gz", ".xz", ".bz2", ".zst")
Unpacked = io.BufferedReader | gzip.GzipFile | lzma.LZMAFile | bz2.BZ2File
LONGEST_LINE = 1 << 24  # bytes: a file without line feeds must not fill the memory


@contextmanager
def open_unpacked(file: Path, place: Callable[[], str]) -> Iterator[Unpacked]:
    """Open a file, unpacked as its name says, and turn its faults into DataErrors.

    `place` tells, when a fault shows, what was read last, such as `line 7`.
    """
    try:
        with open_by_name(file) as stream:
            yield stream
    except IsADirectoryError:
        raise DataError(f"{file} is a directory, not a file", "Name a file.") from None
    except FileNotFoundError:
        raise DataError(f"there is no file {file}", "Check the path.") from None
    except (EOFError, lzma.LZMAError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(
                f"cannot read {file}: {error.strerror}", "Check the permissions."
            ) from None
        raise DataError(
            f"{file}, after {place()}: damaged compressed file ({error})", "Fetch it again."
        ) from None


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
                        "A line must end in a line feed; old Macintosh files: tr '\\r' '\\n'.",
                    )
                number += 1
                text = line.decode("utf-8")
                yield text.removeprefix("\ufeff") if number == 1 else text
    except UnicodeDecodeError as error:
        wide = error.object[:2] in (b"\xff\xfe", b"\xfe\xff")
        raise DataError(
            f"{file}, line {number}: not UTF-8 (byte {error.start + 1} of the line)",
            "Convert the file, for example: "
            f"iconv -f {'utf-16' if wide else 'latin1'} -t utf-8 {file}",
        ) from None


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
