"""Tables: one column of TSV or CSV rows, or one key of JSON lines; all other cells are kept.

Rows are cut, not written anew: quotes, escapes, number formats and the order of keys stay.
"""

import csv
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]

from translator.documents.segments import Problems, Segment, join, line_by_line, verbatim
from translator.errors import DataError

HEAD_LINES = 100  # enough of a file to see its delimiter
_TO_CLOSING_QUOTE = re.compile(r'(?:[^"]++|"")*+"')
_MAX_ROW_LENGTH = 2**20  # characters; beyond it a quote was never closed


@dataclass(frozen=True)
class Columns:
    """The column to translate, and the one to write to: by name, or by number from 0."""

    source: str
    target: str


# --- TSV and CSV ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Dialect:
    """How the cells of a row are separated, and whether they may stand in quotes (RFC 4180)."""

    delimiter: str
    has_quotes: bool = True

    def cells(self, row: str) -> list[str]:
        """The cells of a row as they are written, quotes included."""
        row = row.rstrip("\r\n")
        if not self.has_quotes:
            return row.split(self.delimiter)
        end = self.delimiter
        return re.findall(rf'(?:^|(?<={end}))(?:"(?:[^"]|"")*"[^{end}]*|[^{end}]*)', row)

    def content(self, cell: str) -> str:
        """What a cell says, without the quotes around it."""
        if self.has_quotes and len(cell) > 1 and cell[0] == cell[-1] == '"':
            return cell[1:-1].replace('""', '"')
        return cell

    def cell(self, text: str, old: str) -> str:
        """A text as a cell, in quotes when the old one was or when it needs them."""
        if not self.has_quotes:
            return text.replace(self.delimiter, " ")
        special = f"{self.delimiter}\r\n"
        special += "" if '"' in old and text[:1] != '"' else '"'
        if old[:1] == '"' or any(character in text for character in special):
            return '"' + text.replace('"', '""') + '"'
        return text


def guess_delimiter(head: Sequence[str]) -> str:
    """Of tab, semicolon and comma the one that cuts most of the first lines into equally many.

    Of two the one that leaves fewer quotes within cells, then the one that is rarer in prose; the
    comma where none cuts.
    """
    fits = {delimiter: _fit(head, delimiter) for delimiter in "\t;,"}
    best = max(fits, key=fits.__getitem__)
    return best if fits[best][0] else ","


def _fit(head: Sequence[str], delimiter: str) -> tuple[int, int]:
    """How many lines a delimiter cuts into equally many cells; the cells with quotes, negative."""
    widths: Counter[int] = Counter()
    quotes = 0
    # Errors come of the wrong delimiter; those of the right one are told when it is read.
    with suppress(csv.Error):
        for cells in csv.reader(head, delimiter=delimiter):
            widths[len(cells)] += 1
            quotes += sum('"' in cell for cell in cells)
    return max((lines for width, lines in widths.items() if width > 1), default=0), -quotes


def tsv_segments(lines: Iterable[str], columns: Columns, problems: Problems) -> Iterator[Segment]:
    """Tab-separated values; a tab or a line feed always ends a cell, quotes mean nothing."""
    rows = ((number, line) for number, line in enumerate(lines, start=1))
    return _row_segments(rows, _Dialect("\t", has_quotes=False), columns, problems)


def csv_segments(lines: Iterable[str], columns: Columns, problems: Problems) -> Iterator[Segment]:
    """Values separated by commas, semicolons or tabs, quoted where they need it (RFC 4180)."""
    rest = iter(lines)
    head = list(itertools.islice(rest, HEAD_LINES))
    dialect = _Dialect(guess_delimiter(head))
    rows = _csv_rows(itertools.chain(head, rest), dialect.delimiter)
    return _row_segments(rows, dialect, columns, problems)


def _csv_rows(lines: Iterable[str], delimiter: str) -> Iterator[tuple[int, str]]:
    """Rows with the number of their first line: a line feed within quotes is part of a cell."""
    opening = re.compile(rf'(?:^|{delimiter})"')  # elsewhere a quote is a sign like any other: 5"
    row: list[str] = []
    first, size, is_open = 1, 0, False
    for number, line in enumerate(lines, start=1):
        if not row:
            first, size = number, 0
        row.append(line)
        size += len(line)
        is_open = _ends_in_quotes(line, opening, is_open=is_open)
        if not is_open:
            yield first, "".join(row)
            row = []
        elif size > _MAX_ROW_LENGTH:
            break
    if row:  # which would hold all that follows
        raise DataError(f"line {first}: the quoted cell has no end", 'A " within is written "".')


def _ends_in_quotes(line: str, opening: re.Pattern[str], *, is_open: bool) -> bool:
    """Whether a quoted cell goes on after a line, before which one `is_open` or not."""
    position = 0
    while match := (_TO_CLOSING_QUOTE.match if is_open else opening.search)(line, position):
        position, is_open = match.end(), not is_open
    return is_open


def _row_segments(
    rows: Iterator[tuple[int, str]], dialect: _Dialect, columns: Columns, problems: Problems
) -> Iterator[Segment]:
    number, first = next(rows, (1, ""))
    if not first:
        return
    cells = dialect.cells(first)
    width = len(cells)
    if columns.source.isdecimal():
        indices = _indices(columns, [])
        rows = itertools.chain([(number, first)], rows)
    else:
        indices = _indices(columns, [dialect.content(cell) for cell in cells])
        yield verbatim(_header(first, dialect, columns.target if indices[1] == width else None))
    for number, row in rows:
        cells = dialect.cells(row)
        if len(cells) <= indices[0]:
            if row.strip():
                problems.add(f"no column {columns.source}, the row is kept as it is", number)
            yield verbatim(row)
        elif any(cells[width:]):  # a delimiter within a text: which cell is which is not known
            problems.add("more columns than the first row, the row is kept as it is", number)
            yield verbatim(row)
        else:
            yield _row_segment(row, dialect, *indices)


def _indices(columns: Columns, header: list[str]) -> tuple[int, int]:
    """The numbers of the source and the target column; a new target is behind the last."""
    found = []
    for name in (columns.source, columns.target):
        if name.isdecimal():
            found.append(int(name))
        elif name in header:
            found.append(header.index(name))
        elif name == columns.target != columns.source and header:
            found.append(len(header))
        else:
            raise DataError(
                f"there is no column {name!r} in the first line",
                f"It has: {', '.join(header)}." if header else "Name both columns, or number both.",
            )
    return found[0], found[1]


def _row_segment(row: str, dialect: _Dialect, source: int, target: int) -> Segment:
    cells, delimiter = dialect.cells(row), dialect.delimiter
    end = row[len(delimiter.join(cells)) :]
    old = cells[source]
    content = line_by_line(dialect.content(old))
    new = content.map(lambda text: dialect.cell(text, old)).kept_as(old)
    cells += [""] * (target - len(cells) + 1)
    before = "".join(cell + delimiter for cell in cells[:target])
    after = "".join(delimiter + cell for cell in cells[target + 1 :])
    return join([verbatim(before), new, verbatim(after + end)])


def _header(row: str, dialect: _Dialect, new: str | None) -> str:
    """The first row, with the name of a new column behind its last."""
    if new is None:
        return row
    bare = row.rstrip("\r\n")
    return bare + dialect.delimiter + dialect.cell(new, "") + row[len(bare) :]


# --- JSON lines -----------------------------------------------------------------------------------


def jsonl_segments(lines: Iterable[str], columns: Columns, problems: Problems) -> Iterator[Segment]:
    """A JSON object a line; a key that is not there is added behind the last.

    `a.b` is the key b in the object that is at a, unless there is a key a.b. DataError where no
    line has the key.
    """
    found, first_keys = False, ""
    for number, line in enumerate(lines, start=1):
        try:
            source = _find(line, columns.source) if line.strip() else None
            if source:
                found = True
                if line[source[0]] in "[{":  # null and numbers have nothing to translate
                    problems.add(
                        f"{columns.source!r} is no text, the line is kept as it is", number
                    )
                yield _object(line, *source, columns)
                continue
            if line.strip():
                first_keys = first_keys or ", ".join(_members(line, _skip(line, 0)))
                problems.add(f"no key {columns.source!r}, the line is kept as it is", number)
        except (ValueError, IndexError, RecursionError):
            problems.add("no JSON object, the line is kept as it is", number)
        yield verbatim(line)
    if not found and any(problems):
        raise DataError(
            f"no line has the key {columns.source!r}",
            f"The first has: {first_keys}." if first_keys else "Each line must be a JSON object.",
        )


def _object(line: str, start: int, end: int, columns: Columns) -> Segment:
    """A line with the translation of what stands from `start` to `end`."""
    raw = line[start:end]
    text = json.loads(raw)
    if not isinstance(text, str):  # null, a number: nothing to translate
        return verbatim(line)
    escapes = raw.isascii() and not text.isascii()  # as the file has it
    translated = line_by_line(text).map(lambda t: json.dumps(t, ensure_ascii=escapes))
    if target := _find(line, columns.target):
        start, end = target
        return join([verbatim(line[:start]), translated, verbatim(line[end:])])
    is_nested = columns.source not in _members(line, _skip(line, 0))
    place, before, after = _new_member(line, columns.target, is_nested=is_nested)
    return join([verbatim(line[:place] + before), translated, verbatim(after + line[place:])])


def _find(line: str, name: str) -> tuple[int, int] | None:
    """Where the value of a key stands, that of a.b in an object in the object, if it does."""
    position = _skip(line, 0)
    while True:
        members = _members(line, position)
        if name in members:
            return members[name]
        parent, dot, rest = name.partition(".")
        if not dot or parent not in members or line[members[parent][0]] != "{":
            return None
        position, name = members[parent][0], rest


def _new_member(line: str, name: str, *, is_nested: bool) -> tuple[int, str, str]:
    """Where a key is to be added, and what stands before and after its value then."""
    position = _skip(line, 0)
    members = _members(line, position)
    parents = name.split(".") if is_nested else [name]
    while len(parents) > 1 and parents[0] in members and line[members[parents[0]][0]] == "{":
        position = members[parents.pop(0)][0]
        members = _members(line, position)
    place = max((end for _, end in members.values()), default=position + 1)
    keys = ": {".join(json.dumps(key, ensure_ascii=False) for key in parents)
    return place, f"{', ' if members else ''}{keys}: ", "}" * (len(parents) - 1)


def _members(line: str, position: int) -> dict[str, tuple[int, int]]:
    """Where the value of each key of the object at a position stands.

    ValueError when it is no JSON object, or the line goes on after the outermost one.
    """
    decoder = json.JSONDecoder()
    _, stop = decoder.raw_decode(line, position)
    if line[position] != "{" or (not line[:position].strip() and line[stop:].strip()):
        raise ValueError("not an object")
    spans: dict[str, tuple[int, int]] = {}
    position = _skip(line, position + 1)
    while line[position] != "}":
        key, position = scanstring(line, position + 1)
        position = _skip(line, _skip(line, position) + 1)  # the colon
        _, end = decoder.raw_decode(line, position)
        spans[key] = (position, end)
        position = _skip(line, end)
        position = _skip(line, position + 1) if line[position] == "," else position
    return spans


def _skip(line: str, position: int) -> int:
    while line[position] in " \t\r\n":
        position += 1
    return position
