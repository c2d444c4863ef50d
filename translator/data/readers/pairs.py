"""What every reader gives, and how it finds out which text is in which language."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Self

from translator.config import FORMATS, TEXT_ROLE, CorpusConfig
from translator.errors import DataError
from translator.text.languages import are_alike, code_of, is_code, is_language, primary

ROLES = ("source", "target")
_ENDINGS = "|".join(ending.removeprefix(".") for ending in FORMATS)
_LANGUAGES_IN_NAME = re.compile(rf"\.([A-Za-z]{{2,3}}(?:[-_][A-Za-z0-9]+)+)\.(?:{_ENDINGS})")
_SPECIAL_IN_YAML = re.compile(r"[][{},#&*!|>%@`]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*")


class SentencePair(NamedTuple):
    """A text and what is to be made of it, such as its translation; itself, of a single text."""

    source: str
    target: str


class ReferencedPair(SentencePair):
    """A pair with several references, the first of which is its target."""

    references: tuple[str, ...]

    def __new__(cls, source: str, references: Sequence[str]) -> Self:
        pair = super().__new__(cls, source, references[0])
        pair.references = tuple(references)
        return pair


Sides = tuple[Sequence[str], Sequence[str]]
"""The sources and the targets of some pairs: in two lists they are sent faster than in pairs."""


def sides_of(pairs: Sequence[SentencePair]) -> Sides:
    """The sources and the targets of pairs."""
    return [pair.source for pair in pairs], [pair.target for pair in pairs]


def side_names(languages: tuple[str, str]) -> tuple[str, str]:
    """What source and target are called: as their languages, by their roles if these are one."""
    return languages if languages[0] != languages[1] else ROLES


def columns_example(languages: tuple[str, str], source: object = "…", target: object = "…") -> str:
    """How columns are set: {en: 0, es: 1}."""
    names = side_names(languages)
    return f"{{{names[0]}: {source}, {names[1]}: {target}}}"


def beside_path(path: object, keys: str) -> str:
    """How keys of a corpus are set where its path stands, as a command line takes them."""
    name = str(path)
    name = f'"{name}"' if _SPECIAL_IN_YAML.search(name) else name
    return f"--set 'data.train={{path: {name}, {keys}}}', or likewise in a configuration"


def languages_in_name(
    file: Path, languages: tuple[str, str] | None = None
) -> tuple[str, str] | None:
    """The languages of the columns of NAME.en-es.tsv: en, es.

    They are called as in `languages` where those are meant, which may be more or less exact: both
    pt and pt-BR are in NAME.en-pt-BR.tsv and in NAME.en-pt.tsv.
    """
    match = _LANGUAGES_IN_NAME.search(file.name)
    tags = match[1].split("-") if match else []
    halves = [("-".join(tags[:n]), "-".join(tags[n:])) for n in range(1, len(tags))]
    sides = [each for each in halves if _LANGUAGE.fullmatch(each[1])]
    for first, second in (languages, languages[::-1]) if languages else ():
        if any(are_alike(a, first) and are_alike(b, second) for a, b in sides):
            return first, second
    likely = [each for each in sides if all(map(is_code, each))] or sides  # en-US and es, not US-es
    return likely[0] if likely else None


def exchanged_name(file: Path) -> Path | None:
    """NAME.es-en.tsv for NAME.en-es.tsv; None for a name that tells no languages."""
    named = languages_in_name(file)
    if named is None:
        return None
    first, second = named
    return file.with_name(file.name.replace(f".{first}-{second}.", f".{second}-{first}."))


def name_among(name: str, names: Iterable[str]) -> str | None:
    """A name that is among others, else the only other one of its language: eng, English for en."""
    names = tuple(names)
    return name if name in names else _variant_among(name, names)


@lru_cache(maxsize=256)
def _variant_among(name: str, names: tuple[str, ...]) -> str | None:
    variants = [each for each in names if is_language(code_of(each), name)]
    return variants[0] if len(variants) == 1 else None


def column_names(corpus: CorpusConfig, languages: tuple[str, str]) -> tuple[str, str]:
    """What the texts of both sides are called; as `side_names` by default."""
    pairs = zip(_set_columns(corpus, languages), side_names(languages), strict=True)
    source, target = (name if column is None else str(column) for column, name in pairs)
    if not corpus.of_texts:
        _check_differ(corpus.path, source, target)
    return source, target


def _set_columns(corpus: CorpusConfig, languages: tuple[str, str]) -> list[int | str | None]:
    """What `columns` says of source and target, by their role or their language."""
    columns = corpus.columns or {}
    if TEXT_ROLE in columns:
        return [columns[TEXT_ROLE]] * 2
    return [
        columns.get(role, columns.get(name_among(language, columns) or language))
        for role, language in zip(ROLES, languages, strict=True)
    ]


def column_numbers(
    file: Path, corpus: CorpusConfig, languages: tuple[str, str]
) -> list[int | str | None] | None:
    """The columns of source and target that are set, else those that the name of a file means."""
    if corpus.columns:
        return _set_columns(corpus, languages)
    named = languages_in_name(file, languages)
    if named == languages:
        return [0, 1]
    return named and [named.index(each) if each in named else None for each in languages]


def numbered_columns(
    file: Path, corpus: CorpusConfig, languages: tuple[str, str]
) -> tuple[int, int]:
    """The numbers of the columns of source and target, counted from 0."""
    columns = column_numbers(file, corpus, languages)
    if columns is None:
        raise DataError(
            f"{file} does not say which column holds which language",
            f"Name it like NAME.{languages[0]}-{languages[1]}.tsv, or set its columns: "
            f"{beside_path(corpus.path, f'columns: {columns_example(languages, 0, 1)}')}.",
        )
    numbers = []
    for column, name in zip(columns, side_names(languages), strict=True):
        if not isinstance(column, int) or column < 0:
            given = corpus.columns or {
                each: n for n, each in enumerate(languages_in_name(file, languages) or ())
            }
            raise DataError(
                f"{file}: no column is given for {name!r} (columns: {given})",
                hint_for(
                    languages,
                    given if len(given) > 1 else (),
                    f"Set columns such as {{{name}: 0, …}}, counted from 0.",
                ),
            )
        numbers.append(column)
    source, target = numbers
    if not corpus.of_texts:
        _check_differ(file, source, target)
    return source, target


def _check_differ(place: object, source: object, target: object) -> None:
    if source == target:
        raise DataError(
            f"{place}: source and target are the same column, {source}",
            "Set other languages, or other columns: "
            f"{beside_path('…', 'columns: {source: …, target: …}')}.",
        )


def hint_for(languages: tuple[str, str], codes: Iterable[str], columns: str) -> str:
    """How to mend that a file has no text in one of the languages: `columns` says it by columns.

    That is no way where the language `codes` of the file are those of other languages: columns
    would declare one language to be another.
    """
    codes = list(dict.fromkeys(codes))
    own = {primary(code) for code in codes}
    if not codes or own.issuperset(map(primary, languages)):
        return columns
    hint = (
        "Set data.source_language and data.target_language to those of the file "
        f"({', '.join(codes)})"
    )
    if len(codes) != 2:
        return hint + "."
    sides = [primary(language) for language in languages]
    is_backward = primary(codes[0]) == sides[1] or primary(codes[1]) == sides[0]
    source, target = codes[::-1] if is_backward else codes
    return f"{hint}: --set data.source_language={source} --set data.target_language={target}"


def language_codes(names: Iterable[Any]) -> list[str]:
    """The languages that columns are named after; none where only one looks so by chance."""
    codes = [code for name in names if isinstance(name, str) and is_code(code := code_of(name))]
    if len(codes) > 2 and primary(codes[0]) == "id":
        codes = codes[1:]  # what numbers the rows, not Indonesian
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
            "Say which side is which: "
            f"{beside_path(corpus.path, f'columns: {columns_example(languages, *sides)}')}.",
        ),
    )
