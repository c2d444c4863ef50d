"""Tables: one column of TSV or CSV rows, or one key of JSON lines; all other cells are kept.

Rows are cut, not written anew: quotes, escapes, number formats and the order of keys stay.
"""

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]

from translator.documents.segments import Problems, Segment, join, line_by_line, verbatim
from translator.errors import DataError

_TO_CLOSING_QUOTE = re.compile(r'(?:[^"]++|"")*+"')
_MAX_ROW_LENGTH = 2**20  # characters; beyond it a quote was never closed


@dataclass(frozen=True)
class Columns:
    """The column to translate, and the one to write to: by name, or by number from 0."""

    source: str
    target: str


# --- TSV and CSV ----------------------------------------------------------------------------------


def tsv_segments(lines: Iterable[str], columns: Columns, problems: Problems) -> Iterator[Segment]:
    """Tab-separated values; a tab or a line feed always ends a cell, quotes mean nothing."""
    rows = ((number, line) for number, line in enumerate(lines, start=1))
    return _row_segments(rows, "\t", columns, problems)


def csv_segments(lines: Iterable[str], columns: Columns, problems: Problems) -> Iterator[Segment]:
    """Comma- or semicolon-separated values, quoted where they need it (RFC 4180)."""
    rest = iter(lines)
    first = next(rest, "")
    unquoted = re.sub(r'(^|[,;])"(?:[^"]|"")*(?:"|$)', r"\1", first)
    delimiter = ";" if unquoted.count(";") > unquoted.count(",") else ","
    rows = _csv_rows(itertools.chain([first] * bool(first), rest), delimiter)
    return _row_segments(rows, delimiter, columns, problems)


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
            raise DataError(
                f"line {first}: the quoted cell has no end", 'A " within is written "".'
            )
    if row:
        yield first, "".join(row)


def _ends_in_quotes(line: str, opening: re.Pattern[str], *, is_open: bool) -> bool:
    """Whether a quoted cell goes on after a line, before which one `is_open` or not."""
    position = 0
    while match := (_TO_CLOSING_QUOTE.match if is_open else opening.search)(line, position):
        position, is_open = match.end(), not is_open
    return is_open


def _row_segments(
    rows: Iterator[tuple[int, str]], delimiter: str, columns: Columns, problems: Problems
) -> Iterator[Segment]:
    if columns.source.isdecimal():
        indices = _indices(columns, [])
    else:
        _, header = next(rows, (1, ""))
        cells = _cells(header, delimiter)
        indices = _indices(columns, [_content(cell) for cell in cells])
        is_new = indices[1] == len(cells)
        yield verbatim(
            _with_cell(header, delimiter, indices[1], columns.target if is_new else None)
        )
    for number, row in rows:
        if len(_cells(row, delimiter)) <= indices[0]:
            if row.strip():
                problems.add(f"no column {columns.source}, the row is kept as it is", number)
            yield verbatim(row)
        else:
            yield _row_segment(row, delimiter, *indices)


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


def _cells(row: str, delimiter: str) -> list[str]:
    """The cells of a row as they are written, quotes included."""
    row = row.rstrip("\r\n")
    if delimiter == "\t":
        return row.split("\t")
    cell = rf'(?:^|(?<={delimiter}))(?:"(?:[^"]|"")*"[^{delimiter}]*|[^{delimiter}]*)'
    return re.findall(cell, row)


def _row_segment(row: str, delimiter: str, source: int, target: int) -> Segment:
    cells = _cells(row, delimiter)
    end = row[len(delimiter.join(cells)) :]
    old = cells[source]
    new = line_by_line(_content(old) if delimiter != "\t" else old).map(
        lambda text: _as_cell(text, old, delimiter)
    )
    cells += [""] * (target - len(cells) + 1)
    before = "".join(cell + delimiter for cell in cells[:target])
    after = "".join(delimiter + cell for cell in cells[target + 1 :])
    return join([verbatim(before), new, verbatim(after + end)])


def _with_cell(row: str, delimiter: str, index: int, text: str | None) -> str:
    """A row with a cell added behind its last; unchanged for None."""
    if text is None:
        return row
    bare = row.rstrip("\r\n")
    return bare + delimiter + _as_cell(text, "", delimiter) + row[len(bare) :]


def _content(cell: str) -> str:
    """What a cell says, without the quotes around it."""
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"')
    return cell


def _as_cell(text: str, old: str, delimiter: str) -> str:
    """A text as a cell of a row, in quotes when the old one was or when it needs them."""
    if delimiter == "\t":
        return text.replace("\t", " ")
    special = f"{delimiter}\r\n" if '"' in old and text[:1] != '"' else f'{delimiter}\r\n"'
    if old[:1] == '"' or any(character in text for character in special):
        return '"' + text.replace('"', '""') + '"'
    return text


# --- JSON lines -----------------------------------------------------------------------------------


def jsonl_segments(lines: Iterable[str], columns: Columns, problems: Problems) -> Iterator[Segment]:
    """A JSON object a line; a key that is not there is added behind the last."""
    for number, line in enumerate(lines, start=1):
        try:
            spans = _spans(line) if line.strip() else {}
            if line.strip() and columns.source not in spans:
                problems.add(f"no key {columns.source!r}, the line is kept as it is", number)
            yield _object(line, spans, columns)
        except (ValueError, IndexError, RecursionError):
            problems.add("no JSON object, the line is kept as it is", number)
            yield verbatim(line)


def _object(line: str, spans: dict[str, tuple[int, int]], columns: Columns) -> Segment:
    if columns.source not in spans:
        return verbatim(line)
    start, end = spans[columns.source]
    raw = line[start:end]
    text = json.loads(raw)
    if not isinstance(text, str):  # null, a number: nothing to translate
        return verbatim(line)
    escapes = raw.isascii() and not text.isascii()  # as the file has it
    translated = line_by_line(text).map(lambda t: json.dumps(t, ensure_ascii=escapes))
    if columns.target in spans:
        start, end = spans[columns.target]
        return join([verbatim(line[:start]), translated, verbatim(line[end:])])
    last = max(end for _, end in spans.values())
    key = json.dumps(columns.target, ensure_ascii=False)
    return join([verbatim(f"{line[:last]}, {key}: "), translated, verbatim(line[last:])])


def _spans(line: str) -> dict[str, tuple[int, int]]:
    """Where the value of each key of an object stands; ValueError when it is no JSON object."""
    decoder = json.JSONDecoder()
    _, stop = decoder.raw_decode(line, position := _skip(line, 0))
    if line[position] != "{" or line[stop:].strip():
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
