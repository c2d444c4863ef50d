"""Where do the terms of a glossary come from? Lines with tabs, CSV, TBX and TMX."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from translator.errors import DataError
from translator.files import how_to_convert
from translator.text.inline_codes import plain_text
from translator.text.languages import code_of, is_language, primary

_HEADERS = ({"source", "target"}, {"source term", "target term"})
_UNITS = {".tbx": ("termEntry", "conceptEntry"), ".tmx": ("tu",)}  # TBX 2 and 3, TMX
_SIDES = {".tbx": ("langSet", "langSec"), ".tmx": ("tuv",)}
_TERMS = {".tbx": "term", ".tmx": "seg"}
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def read_terms(path: Path, languages: tuple[str, str] | None) -> Iterator[tuple[str, str]]:
    """Source and target terms of a file, in order; DataError with the line for what is none.

    `.csv` has two columns; every other file has lines of a source term, a tab and a target term;
    blank ones, and those that begin with #, are none. Both may begin with a header. It, and the
    tags of `.tbx` and `.tmx`, name the languages, of which `languages` are source and target.
    """
    suffix = path.suffix.lower()
    if suffix in _UNITS:
        return _of_xml(path, suffix, languages)
    text = _text_of(path)
    return (_of_csv if suffix == ".csv" else _of_lines)(path, text, languages)


def term_languages(path: Path) -> list[str]:
    """The languages of the terms of a `.tbx` or `.tmx` file, by their tags; others have no tags."""
    suffix = path.suffix.lower()
    if suffix not in _UNITS:
        return []
    sides = _elements(_root(path), *_SIDES[suffix])
    with_terms = (side for side in sides if [*_elements(side, _TERMS[suffix])])
    return sorted({_tag_of(side) for side in with_terms} - {""})


def _tag_of(side: Any) -> str:
    return side.get(_LANGUAGE) or side.get("lang") or ""


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", "Check the path.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8", how_to_convert(path)) from None


def _of_lines(
    path: Path, text: str, languages: tuple[str, str] | None
) -> Iterator[tuple[str, str]]:
    source, target = 0, 1
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("\t")]
        if len(parts) != 2 or not all(parts):
            raise DataError(
                f"{path}, line {number}: not a source term, a tab and a target term",
                _hint_for_line(path, line),
            )
        if number == 1 and (named := _columns(parts, languages)):
            source, target = named
        else:
            yield parts[source], parts[target]


def _hint_for_line(path: Path, line: str) -> str:
    """What to make of a file whose lines have no tab between two terms."""
    if line.lstrip().startswith(("{", "[")):
        return "JSON is not read: write lines of a term, a tab and its translation, or a .csv."
    if "\t" not in line and (comma := next((each for each in ",;" if each in line), "")):
        return f"Its columns are separated by {comma!r}: name it {path.with_suffix('.csv').name}."
    return (
        "Write one term a line: the source, one tab, the target; lines that begin with # are "
        "comments."
    )


def _of_csv(path: Path, text: str, languages: tuple[str, str] | None) -> Iterator[tuple[str, str]]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    source, target = 0, 1
    for number, row in enumerate(_rows(path, text, delimiter), start=1):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if number == 1 and (named := _columns(cells, languages)):
            source, target = named
        elif len(cells) <= max(source, target) or not (cells[source] and cells[target]):
            raise DataError(
                f"{path}, row {number}: not a source term and a target term",
                f"Write both in columns of their own, separated by {delimiter!r}.",
            )
        else:
            yield cells[source], cells[target]


def _rows(path: Path, text: str, delimiter: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        yield from reader
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num}: broken CSV: {error}",
            "A quote that is opened must be closed.",
        ) from None


def _columns(header: list[str], languages: tuple[str, str] | None) -> tuple[int, int] | None:
    """The columns that a header names; None where the first row is none."""
    names = [cell.lower() for cell in header]
    if set(names[:2]) in _HEADERS:
        return (0, 1) if names[0].startswith("source") else (1, 0)
    if languages:
        codes = [primary(code_of(name)) for name in names]
        found = [[i for i, code in enumerate(codes) if code == primary(e)] for e in languages]
        if all(found):
            return found[0][0], found[1][0]
    return None


def _of_xml(
    path: Path, suffix: str, languages: tuple[str, str] | None
) -> Iterator[tuple[str, str]]:
    if languages is None:
        raise DataError(f"{path}: which of its languages?", "Read it with those of a run.")
    for unit in _elements(_root(path), *_UNITS[suffix]):
        sides: list[str] = []
        for language in languages:
            terms = (
                " ".join(plain_text(term).split())
                for side in _elements(unit, *_SIDES[suffix])
                if is_language(_tag_of(side), language)
                for term in _elements(side, _TERMS[suffix])
            )
            sides += [next(filter(None, terms), "")]
        if all(sides):
            yield sides[0], sides[1]


def _root(path: Path) -> Any:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        return etree.parse(str(path), parser).getroot()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}", "Check it.") from None
    except etree.XMLSyntaxError as error:
        raise DataError(f"{path}: broken XML: {error.msg}", "Export it anew.") from None


def _elements(element: Any, *names: str) -> Iterator[Any]:
    """The elements of some names below one, whatever their namespace."""
    return element.iter(*(f"{{*}}{name}" for name in names))  # type: ignore[no-any-return]
