"""Tables of text → pairs: CSV, and JSON as lines or as one array."""

import csv
import io
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from translator.config import CorpusConfig
from translator.data.readers.pairs import (
    ReferencedPair,
    SentencePair,
    beside_path,
    column_names,
    column_numbers,
    columns_example,
    hint_for,
    language_codes,
    languages_in_name,
    missing_columns,
    name_among,
    numbered_columns,
    side_names,
)
from translator.documents.tables import HEAD_LINES, guess_delimiter
from translator.errors import DataError
from translator.files import (
    LONGEST_LINE,
    how_to_convert,
    lines_with_ends,
    open_unpacked,
    read_lines,
)
from translator.text.languages import guess_language

_BLOCK = 1 << 16  # characters
_GUESSED_ROWS = 1000
_BETWEEN = re.compile(r"[\s,]*")


# --- CSV ------------------------------------------------------------------------------------------


def read_csv(
    file: Path, corpus: CorpusConfig, languages: tuple[str, str]
) -> Iterator[SentencePair]:
    """Yield the pairs of a table whose fields may be quoted and hold delimiters and line feeds.

    Columns that are numbers mean a file without a header, as do languages that only the name of a
    file of two columns tells. Blank lines are no rows.
    """
    records = _csv_records(file)
    first = next(records, None)
    if first is None:
        return
    header = first[1]
    named = [name_among(name, header) for name in column_names(corpus, languages)]
    names = [name for name in named if name is not None]
    width = len(header)
    if len(names) == 2:
        source, target = map(header.index, names)
    else:
        source, target = _columns_without_header(file, header, corpus, languages)
        records = itertools.chain([first], records)
    needed = max(source, target) + 1
    for line, fields in records:
        if len(fields) < needed:
            raise missing_columns(file, line, len(fields), needed)
        if any(fields[width:]):
            raise DataError(
                f"{file}, line {line}: {len(fields)} columns, but the first row has {width}",
                'A text that holds the delimiter stands in quotes: "Yes, Tom".',
            )
        yield SentencePair(fields[source], fields[target])


def _columns_without_header(
    file: Path, first: list[str], corpus: CorpusConfig, languages: tuple[str, str]
) -> tuple[int, int]:
    columns = column_numbers(file, corpus, languages) or ()
    which_is_clear = corpus.columns or not any(first[2:])
    if which_is_clear and any(isinstance(column, int) for column in columns):
        return numbered_columns(file, corpus, languages)
    missing = next(n for n in column_names(corpus, languages) if name_among(n, first) is None)
    named = language_codes(corpus.columns or ()) or languages_in_name(file) or language_codes(first)
    guessed = languages if named else _guessed_languages(file) or languages
    raise DataError(
        f"{file} has no column {missing!r}, only {', '.join(map(_short, first))}",
        hint_for(
            languages,
            named,
            f"Name them {' and '.join(side_names(guessed))} in its first row, or set columns by "
            "name or, without a header, counted from 0: "
            f"{beside_path(corpus.path, f'columns: {columns_example(guessed)}')}.",
        ),
    )


def _guessed_languages(file: Path) -> tuple[str, str] | None:
    """The languages of the two columns that are in any, as the first rows look."""
    rows = [fields for _, fields in itertools.islice(_csv_records(file), _GUESSED_ROWS)]
    found = [
        language for column in zip(*rows, strict=False) if (language := guess_language(column))
    ]
    return (found[0], found[1]) if len(found) == 2 and found[0] != found[1] else None


def _short(name: str, most: int = 40) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _csv_records(file: Path) -> Iterator[tuple[int, list[str]]]:
    """The fields of each record, with the line on which it starts."""
    csv.field_size_limit(LONGEST_LINE)
    lines = lines_with_ends(file)
    head = list(itertools.islice(lines, HEAD_LINES))
    records = csv.reader(itertools.chain(head, lines), delimiter=guess_delimiter(head), strict=True)
    start = 1
    try:
        for record in records:
            if record:
                yield start, record
            start = records.line_num + 1
    except csv.Error as error:
        if "new-line character" in str(error):
            raise DataError(
                f"{file}, line {start}: a carriage return within a field",
                "A text of several lines stands in quotes; else delete the carriage return.",
            ) from None
        raise DataError(
            f"{file}, line {start}: {error}",
            "A quote that opens a field must close it; a quote inside is written twice.",
        ) from None


# --- JSON -----------------------------------------------------------------------------------------


def read_json(
    file: Path, corpus: CorpusConfig, languages: tuple[str, str], *, lines: bool
) -> Iterator[SentencePair]:
    """Yield the pairs of objects, one in each line (`lines`) or as they come in one array.

    An object holds its texts under its languages (or `columns`), or under `translation`. Several
    references of one source are a list of texts in place of the target.
    """
    keys = column_names(corpus, languages)
    for place, row in _json_lines(file) if lines else _json_values(file):
        fields = row
        named = corpus.columns and isinstance(row, dict) and all(name_among(k, row) for k in keys)
        if isinstance(row, dict) and "translation" in row and not named:
            fields = row["translation"]
        if not isinstance(fields, dict):
            fields = {"row": fields}
        found = [name_among(key, fields) or key for key in keys]
        source, target = (
            fields.get(key, 0) for key in found
        )  # 0: no text, as null is an empty one
        references = _references(target, keys[1], f"{file}, {place}")
        target = references[0] if references else target
        if not isinstance(source, str | None) or not isinstance(target, str | None):
            raise DataError(
                f"{file}, {place}: no text for {keys[0]!r} and {keys[1]!r}, "
                f"but {', '.join(f'{k}: {type(v).__name__}' for k, v in fields.items())}",
                hint_for(languages, language_codes(fields), _hint_for(fields, corpus, languages)),
            )
        try:
            "".join([source or "", target or "", *references]).encode("utf-8")
        except UnicodeEncodeError:
            raise DataError(
                f"{file}, {place}: half of a surrogate pair is no text", "Write the file as UTF-8."
            ) from None
        if len(references) > 1:
            yield ReferencedPair(source or "", references)
        else:
            yield SentencePair(source or "", target or "")


def _hint_for(fields: dict[str, Any], corpus: CorpusConfig, languages: tuple[str, str]) -> str:
    """How to mend a row in which a text is not found: by columns, where it has texts to choose."""
    if corpus.of_texts:
        return f"Set its column: {beside_path(corpus.path, 'columns: {text: …}')}."
    if sum(isinstance(value, str) for value in fields.values()) > 1:
        columns = beside_path(corpus.path, f"columns: {columns_example(languages)}")
        return f"Set its columns: {columns}."
    row = json.dumps(dict.fromkeys(side_names(languages), "…"), ensure_ascii=False)
    return f"A row is an object with both texts, such as {row}; null stands for a missing one."


def _references(value: Any, key: str, place: str) -> list[str]:
    """The texts of a list that are not blank; none where the value is no list."""
    if not isinstance(value, list):
        return []
    for number, text in enumerate(value, start=1):
        if not isinstance(text, str):
            raise DataError(
                f"{place}: {key!r} is a list, and number {number} of it is no text but "
                f"{type(text).__name__}",
                "A list holds the references of one source, each of them a text.",
            )
    return [text for text in value if text.strip()] or [""]


def _json_lines(file: Path) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(read_lines(file), start=1):
        if line.strip():
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise _broken_json(file, f"line {number}", error) from None
            yield f"line {number}", value


def _json_values(file: Path) -> Iterator[tuple[str, Any]]:
    """The values of one array, or one after the other; only the one that is read is in memory."""
    decoder, row = json.JSONDecoder(), 0
    try:
        with open_unpacked(file, lambda: f"row {row}") as stream:
            text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
            buffer = text.read(_BLOCK).lstrip()
            end = "]" if buffer.startswith("[") else ""
            position = len(end)
            while True:
                position = _BETWEEN.match(buffer, position).end()  # type: ignore[union-attr]
                try:
                    value, position = decoder.raw_decode(buffer, position)
                except (ValueError, RecursionError) as error:
                    rest = buffer[position:]
                    if len(rest) < LONGEST_LINE and (more := text.read(max(_BLOCK, len(rest)))):
                        buffer, position = rest + more, 0
                        continue
                    if rest.strip() == end:
                        return
                    raise _broken_json(file, f"row {row + 1}", error) from None
                row += 1
                yield f"row {row}", value
    except UnicodeDecodeError:
        raise DataError(f"{file}, after row {row}: not UTF-8", how_to_convert(file)) from None


def _broken_json(file: Path, place: str, error: Exception) -> DataError:
    return DataError(
        f"{file}, {place}: broken JSON ({getattr(error, 'msg', error)})", "Mend or delete it."
    )
