"""Which languages is a corpus in? Its name says it, its tags, else the texts themselves."""

import csv
import itertools
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from translator.config import LANGUAGE_PLACEHOLDER, CorpusConfig
from translator.data.readers.pairs import ROLES, language_codes, languages_in_name
from translator.data.readers.remote import told_by_name
from translator.data.readers.shards import embedded_file, shards
from translator.data.readers.tables import read_csv
from translator.data.readers.text import read_tsv
from translator.documents.tables import HEAD_LINES, guess_delimiter
from translator.errors import DataError
from translator.files import open_unpacked, read_lines
from translator.text.languages import guess_languages, is_code, primary

_HEAD = 1 << 16  # bytes
_GUESSED_ROWS = 1000
_TAGS = {
    "tmx": (r'\bsrclang\s*=\s*["\']([^"\']+)', r'\blang\s*=\s*["\']([^"\']+)'),
    "xliff": (
        r'\b(?:source-language|srcLang)\s*=\s*["\']([^"\']+)',
        r'\b(?:target-language|trgLang)\s*=\s*["\']([^"\']+)',
    ),
    "po": (r'"X-Source-Language:\s*([\w-]+)', r'"Language:\s*([\w-]+)'),
}
_KEY = re.compile(r'"([A-Za-z_-]{2,11})"\s*:\s*["\[]')  # of a text in JSON


def told_languages(corpus: CorpusConfig) -> tuple[CorpusConfig, tuple[str, str] | None]:
    """The languages of a corpus, source first; None where nothing tells both.

    Two columns that no name tells are read, and the corpus comes back with its `columns` set if it
    shows which language each is in. Raises DataError for a file that is missing or damaged.
    """
    if corpus.is_remote:
        file, named = told_by_name(corpus)
        if file is None:
            return corpus, named
        read, languages = told_languages(file)
        found = {"columns": read.columns} if read.columns else {}
        return corpus.model_copy(update=found), languages
    if corpus.kind == "text":
        return corpus, _of_file_names(corpus.path)
    if corpus.kind == "dataset":
        return corpus, None
    if corpus.kind == "embedded":
        return corpus, languages_in_name(embedded_file(corpus.path))
    if len(codes := language_codes(corpus.columns or {})) == 2:
        return corpus, (codes[0], codes[1])
    files, form = shards(corpus)
    told = languages_in_name(files[0]) or _of_content(files[0], form)
    if told or form not in ("tsv", "csv"):
        return corpus, told
    guessed = _guessed(files[0], form, corpus)
    if guessed and not corpus.columns:
        columns = {guessed[0]: 0, guessed[1]: 1}
        corpus = CorpusConfig.model_validate({**corpus.model_dump(), "columns": columns})
    return corpus, guessed


def _of_file_names(path: str) -> tuple[str, str] | None:
    """The two languages of which there is a file in the place of {language}, sorted."""
    before, _, after = Path(path).name.partition(LANGUAGE_PLACEHOLDER)
    names = (file.name for file in Path(path).parent.glob(f"{before}*{after}"))
    codes = sorted({name[len(before) : len(name) - len(after)] for name in names})
    return _pair(filter(is_code, codes))


def _of_content(file: Path, form: str) -> tuple[str, str] | None:
    """The languages that the tags of a file or the names of its columns tell."""
    match form:
        case "tmx" | "xliff" | "po":
            return _of_tags(_head(file), form)
        case "json" | "jsonl":
            return _pair(language_codes(dict.fromkeys(_KEY.findall(_head(file)))))
        case "csv":
            return _pair(language_codes(_header(file)))
        case "parquet":
            return _pair(_of_schema(file))
    return None


def _of_tags(head: str, form: str) -> tuple[str, str] | None:
    """The languages without their countries: a reader finds en-GB for en."""
    first, second = (re.findall(pattern, head) for pattern in _TAGS[form])
    if form == "po" and not first:
        first = ["en"]  # what is translated is English by custom
    tags = [tag for tag in (*first[:1], *second) if is_code(tag)]  # *all* of TMX is none
    return _pair(map(primary, tags))


def _header(file: Path) -> list[str]:
    head = list(itertools.islice(read_lines(file), HEAD_LINES))
    with suppress(csv.Error):  # whoever reads it all says what is wrong
        return next(filter(None, csv.reader(head, delimiter=guess_delimiter(head))), [])
    return []


def _of_schema(file: Path) -> list[str]:
    import pyarrow
    import pyarrow.parquet

    try:
        schema = pyarrow.parquet.read_schema(file)
    except (pyarrow.ArrowException, OSError):
        return []  # whoever reads it says what is wrong
    names = list(schema.names)
    for field in schema:
        if pyarrow.types.is_struct(field.type):
            names += [inner.name for inner in field.type]
    return language_codes(names)


def _pair(codes: Iterable[str]) -> tuple[str, str] | None:
    """The two languages that codes name, however often; None unless they are two."""
    distinct = list(dict.fromkeys(codes))
    return (distinct[0], distinct[1]) if len(distinct) == 2 else None


def _guessed(file: Path, form: str, corpus: CorpusConfig) -> tuple[str, str] | None:
    """The languages of two columns of a table as its first rows look: those set, or the first two.

    None for a CSV of more columns, the first of which often numbers the rows.
    """
    if not corpus.columns:
        if form == "csv" and any(_header(file)[2:]):
            return None
        corpus = corpus.model_copy(update={"columns": dict(zip(ROLES, (0, 1), strict=True))})
    read = read_csv if form == "csv" else read_tsv
    pairs: list[tuple[str, str]] = []
    with suppress(DataError):  # whoever reads it all says what is wrong
        pairs += itertools.islice(read(file, corpus, ROLES), _GUESSED_ROWS)
    first, second = guess_languages(pairs)
    return (first, second) if first and second and first != second else None


def _head(file: Path) -> str:
    with open_unpacked(file) as stream:
        data = stream.read(_HEAD)
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    return data.decode("utf-16" if wide else "utf-8", errors="ignore")
