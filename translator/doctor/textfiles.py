"""Text files as they are on disk: read to the end whatever is in them, every fault with its line.

Training refuses a file at its first fault; here all of them are wanted.
"""

import itertools
import lzma
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from translator.config import CorpusConfig
from translator.data import SentencePair, fetched
from translator.data.readers.pairs import column_names, column_numbers
from translator.data.readers.text import names_languages
from translator.doctor.report import Finding, Places, Severity
from translator.errors import DataError
from translator.files import (
    LONGEST_LINE,
    Unpacked,
    check_line_ends,
    how_to_convert,
    is_wide,
    open_by_name,
    unreadable,
)

_DAMAGED = (EOFError, OSError, lzma.LZMAError, zlib.error)
UNMENDABLE = ("unreadable", "unequal length")  # kinds of findings of no single line
HEADER = "header"  # no fault, and no pair either
_ENDLESS = "endless line"

# Faults of the bytes of a line: kind → severity, message, hint.
_FAULTS: dict[str, tuple[Severity, str, str]] = {
    "byte-order mark": ("note", "the file begins with a byte-order mark", "It is skipped."),
    "CRLF": ("note", "lines end in CR LF", "The carriage return is removed."),
    "NUL bytes": (
        "warning",
        "NUL bytes",
        "Often UTF-16 that was taken for UTF-8, or a damaged disk; cleaning removes them.",
    ),
    "invalid UTF-8": (
        "serious",
        "bytes that are not UTF-8",
        "Training refuses it. ",  # and how to convert it
    ),
    _ENDLESS: (
        "serious",
        f"longer than {LONGEST_LINE:,} bytes",
        "A line must end in a line feed; training refuses the file, `data clean` leaves out such "
        "lines.",
    ),
    "missing column": (
        "serious",
        "too few columns",
        "Columns are separated by one tab; training refuses the file, `data clean` leaves out such "
        "lines.",
    ),
    "surplus column": (
        "serious",
        "more columns than the first line has",
        "A tab always begins a column; training refuses the file, `data clean` leaves out such "
        "lines.",
    ),
}


class TextFile:
    """The lines of a file, and the faults that were met on the way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines_read = 0
        self.fault = ""  # of the last line, for which training refuses the file
        self.faults: dict[str, Places] = {}
        self.damage: DataError | None = None

    def lines(self) -> Iterator[str]:
        """Yield all lines; what is not UTF-8 becomes U+FFFD, and endless ones are cut."""
        try:
            with open_by_name(self.path) as stream:
                for number, line in enumerate(_lines(stream), start=1):
                    self.lines_read = number
                    text = self._text(line, number)
                    if number == 1:
                        check_line_ends(self.path, line.decode("utf-8", "replace"))
                        self._check_encoding()
                    yield text
        except DataError as error:
            self.damage = error
        except _DAMAGED as error:
            self.damage = unreadable(self.path, error, f"line {self.lines_read:,}")

    def _check_encoding(self) -> None:
        if is_wide(self.path):
            self.faults.clear()  # what looks like other faults is this one
            raise DataError(f"{self.path}: not UTF-8", how_to_convert(self.path))

    def note(self, fault: str, line: int) -> None:
        """Count a fault."""
        self.faults.setdefault(fault, Places()).add(line)

    def findings(self, corpus: str) -> Iterator[Finding]:
        """What is wrong with the file, once its lines have been read."""
        for kind, places in self.faults.items():
            severity, message, hint = _FAULTS[kind]
            if kind == "invalid UTF-8":
                hint += how_to_convert(self.path)
            yield Finding(severity, kind, corpus, f"{self.path}, {places}: {message}", hint)
        if self.damage:
            yield Finding("serious", "unreadable", corpus, self.damage.message, self.damage.hint)

    def _text(self, line: bytes, number: int) -> str:
        self.fault = _ENDLESS if len(line) == LONGEST_LINE else ""
        if line.endswith(b"\r\n"):
            self.note("CRLF", number)
        if b"\x00" in line:
            self.note("NUL bytes", number)
        if number == 1 and line.startswith(b"\xef\xbb\xbf"):
            self.note("byte-order mark", number)
            line = line[3:]
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            self.fault = self.fault or "invalid UTF-8"
            text = line.decode("utf-8", "replace")
        if self.fault:
            self.note(self.fault, number)
        return text.rstrip("\r\n")


def _lines(stream: Unpacked) -> Iterator[bytes]:
    """The lines of a stream; of one that is too long the beginning, lest it fill the memory."""
    while line := stream.readline(LONGEST_LINE):
        yield line
        while len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            line = stream.readline(LONGEST_LINE)


class TextCorpus:
    """A corpus of one TSV file or of two parallel files, read to its end."""

    def __init__(
        self,
        files: list[TextFile],
        languages: tuple[str, str],
        columns: tuple[int, int] | None = None,
    ) -> None:
        self.files = files
        self._languages = languages
        self._columns = columns  # of source and target in a TSV file

    @classmethod
    def of(cls, corpus: CorpusConfig, languages: tuple[str, str]) -> "TextCorpus | None":
        """The corpus if it consists of existing text files whose columns are known."""
        with suppress(DataError):  # whoever reads the pairs says what is wrong
            corpus = fetched(corpus, languages)
        if corpus.format not in (None, "tsv", "text"):
            return None
        if "{language}" in corpus.path:
            names = column_names(corpus, languages)
            paths = [Path(corpus.path.replace("{language}", each)) for each in names]
            found = all(path.is_file() for path in paths)
            return cls([TextFile(path) for path in paths], languages) if found else None
        path = Path(corpus.path)
        if not re.search(r"\.tsv(\.gz|\.xz|\.bz2|\.zst)?$", path.name) or not path.is_file():
            return None
        columns = column_numbers(path, corpus, languages) or ()
        numbers = [column for column in columns if isinstance(column, int)]
        if len(numbers) != 2:
            return None
        return cls([TextFile(path)], languages, (numbers[0], numbers[1]))

    def pairs(self) -> Iterator[SentencePair]:
        """Yield the pair of every line: the n-th of them stands in line n."""
        return (pair for pair, _ in self.lines())

    def lines(self) -> Iterator[tuple[SentencePair, str]]:
        """Yield the pair of every line, and the fault for which training refuses it, if any.

        A first line with the names of the languages has `HEADER` for a fault.
        """
        for pair, fault in self._of_columns() if self._columns else self._of_two_files():
            yield pair, next((file.fault for file in self.files if file.fault), fault)

    def _of_two_files(self) -> Iterator[tuple[SentencePair, str]]:
        source, target = self.files
        for pair in itertools.zip_longest(source.lines(), target.lines()):
            if None not in pair:
                yield SentencePair(*pair), ""

    def _of_columns(self) -> Iterator[tuple[SentencePair, str]]:
        """As `read_tsv` has it: all lines have the columns of the first one."""
        assert self._columns
        (file,) = self.files
        needed, width = max(self._columns) + 1, 0
        for line in file.lines():
            fields = line.split("\t")
            fault = ""
            if line.strip() and file.fault != _ENDLESS:
                width = width or len(fields)
                surplus = any(field.strip() for field in fields[width:])
                fault = "missing column" if len(fields) < needed else "surplus column" * surplus
            if fault:
                file.note(fault, file.lines_read)
            fields += [""] * (needed - len(fields))
            pair = SentencePair(*(fields[column] for column in self._columns))
            if file.lines_read == 1 and not fault and names_languages(pair, self._languages):
                fault = HEADER
            yield pair, fault

    def findings(self, corpus: str) -> Iterator[Finding]:
        """What is wrong with the files, once the pairs have been read."""
        for file in self.files:
            yield from file.findings(corpus)
        lengths = [file.lines_read for file in self.files]
        if len(set(lengths)) > 1:
            names = " and ".join(f"{f.path} has {f.lines_read:,} lines" for f in self.files)
            yield Finding(
                "serious",
                "unequal length",
                corpus,
                f"{names}: from line {min(lengths) + 1:,} on there is one side only",
                "Line n of one must be the translation of line n of the other.",
            )
