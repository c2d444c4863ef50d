"""What every reader gives, and how it finds out which text is in which language."""

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from translator.config import CorpusConfig
from translator.errors import DataError
from translator.text.languages import is_code, primary

_LANGUAGES_IN_NAME = re.compile(r"\.([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]+)+)\.[tc]sv")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*")


class SentencePair(NamedTuple):
    """A text and its translation, in the direction of the configuration."""

    source: str
    target: str


@lru_cache
def is_language(tag: str, language: str) -> bool:
    """Whether a language tag is the language or a variant of it: en-US and EN_us are en."""
    subtags, wanted = (re.split(r"[-_@.]", each.lower()) for each in (tag, language))
    return subtags[: len(wanted)] == wanted


def columns_by_name(
    file: Path, languages: tuple[str, str] | None = None
) -> dict[str, int | str] | None:
    """The columns that NAME.en-es.tsv speaks of: {en: 0, es: 1}.

    They are called as in `languages` where those are meant, which may be more or less exact: both
    pt and pt-BR are in NAME.en-pt-BR.tsv and in NAME.en-pt.tsv.
    """
    match = _LANGUAGES_IN_NAME.search(file.name)
    tags = match[1].split("-") if match else []
    halves = [("-".join(tags[:n]), "-".join(tags[n:])) for n in range(1, len(tags))]
    sides = [each for each in halves if _LANGUAGE.fullmatch(each[1])]
    for first, second in (languages, languages[::-1]) if languages else ():
        if any(_are_alike(a, first) and _are_alike(b, second) for a, b in sides):
            return {first: 0, second: 1}
    likely = [each for each in sides if all(map(is_code, each))] or sides  # en-US and es, not US-es
    return {likely[0][0]: 0, likely[0][1]: 1} if likely else None


def _are_alike(tag: str, language: str) -> bool:
    return is_language(tag, language) or is_language(language, tag)


def column_names(corpus: CorpusConfig, languages: tuple[str, str]) -> tuple[str, str]:
    """What the texts of both languages are called; as the languages themselves by default."""
    source, target = (str((corpus.columns or {}).get(each, each)) for each in languages)
    return source, target


def numbered_columns(
    columns: dict[str, int | str], languages: tuple[str, str], file: Path
) -> tuple[int, int]:
    """The numbers of both languages' columns, counted from 0."""
    numbers = []
    for language in languages:
        column = columns.get(language)
        if not isinstance(column, int) or column < 0:
            raise DataError(
                f"{file}: no column is given for language {language!r} (columns: {columns})",
                hint_for(
                    languages,
                    columns if len(columns) > 1 else (),
                    f"Set columns such as {{{language}: 0, …}}, counted from 0.",
                ),
            )
        numbers.append(column)
    return numbers[0], numbers[1]


def hint_for(languages: tuple[str, str], codes: Iterable[str], columns: str) -> str:
    """How to mend that a file has no text in one of the languages: `columns` says it by columns.

    That is no way where the language `codes` of the file are those of other languages: columns
    would declare one language to be another.
    """
    codes = list(dict.fromkeys(codes))
    own = {primary(code) for code in codes}
    if not codes or own.issuperset(map(primary, languages)):
        return columns
    return (
        "Set data.source_language and data.target_language to those of the file "
        f"({', '.join(codes)})."
    )


def language_codes(names: Iterable[Any]) -> list[str]:
    """The names of columns that are codes of languages; none where only one looks so by chance."""
    codes = [name for name in names if isinstance(name, str) and is_code(name)]
    return codes if len(codes) > 1 else []


def missing_columns(file: Path, line: int, found: int, needed: int) -> DataError:
    """The error of a line of a table that is too short."""
    return DataError(
        f"{file}, line {line}: {found} column{'s' * (found != 1)}, but {needed} are needed",
        "Columns are separated by one delimiter, the same in each line. Mend or delete the line.",
    )


def is_forward(
    file: Path,
    sides: tuple[str, str],
    tags: list[str | None],
    corpus: CorpusConfig,
    languages: tuple[str, str],
) -> bool:
    """Whether the first side of a file is in the source language: `tags` say it, or `columns`.

    `sides` are the names of both sides, such as msgid and msgstr.
    """
    if corpus.columns:
        names = column_names(corpus, languages)
        if set(names) == set(sides):
            return names == sides
    elif any(tags):
        for wanted in (languages, languages[::-1]):
            if all(
                tag is None or is_language(tag, language)
                for tag, language in zip(tags, wanted, strict=True)
            ):
                return wanted == languages
    said = ", ".join(f"{side}: {tag}" for side, tag in zip(sides, tags, strict=True) if tag)
    maybe = any(
        all(tag is None or primary(tag) == primary(each) for tag, each in zip(tags, w, strict=True))
        for w in (languages, languages[::-1])
    )
    raise DataError(
        f"{file} does not say that it is in {languages[0]!r} and {languages[1]!r}, "
        f"but {said or 'no language'}",
        hint_for(
            languages,
            [] if maybe else filter(None, tags),
            f"Set columns: {{{languages[0]}: {sides[0]}, {languages[1]}: {sides[1]}}} "
            "beside its path.",
        ),
    )
