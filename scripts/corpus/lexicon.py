"""The words of the synchronous grammar: TSV tables read into typed records.

A noun has semantic types (`food`, `job`, `vehicle`). `groups.tsv` names unions of types and single
English words (`repairable`: elec, vehicle, chair, …), and verbs and adjectives are licensed by
types, groups or single words alike.

Numbers of nouns: `c` count, `u` mass, `p` plural in both languages, `m` mass in English and plural
in Spanish (`homework`, `los deberes`), `q` the reverse (`pajamas`, `el pijama`), `n` a name.
Genders: `m`, `f`, and `F` for feminine nouns that take `el` and `un` (`el agua`).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "lexicon"
_PLAIN = str.maketrans("áéíóú", "aeiou")


@dataclass(frozen=True)
class Noun:
    """A noun with both plurals and its semantic types."""

    english: str
    spanish: str
    gender: str
    number: str
    types: frozenset[str]
    preposition: str
    english_plural: str
    spanish_plural: str
    takes_el: bool

    @property
    def key(self) -> str:
        """The name under which uses of the word are counted."""
        return f"n:{self.english}:{self.spanish}"


@dataclass(frozen=True)
class Adjective:
    """An adjective, its copula, and the nouns that license it."""

    english: str
    spanish: str
    copula: str
    comparison: str
    flags: frozenset[str]
    types: frozenset[str]

    @property
    def key(self) -> str:
        """The name under which uses of the word are counted."""
        return f"a:{self.english}:{self.spanish}"


@dataclass(frozen=True)
class Verb:
    """A verb frame: who does it, to what (with which determiners), how and where."""

    english: str
    spanish: str
    subjects: tuple[str, ...]
    objects: str
    determiner: str
    flags: frozenset[str]
    adverbs: frozenset[str]
    places: tuple[str, ...]

    @property
    def key(self) -> str:
        """The name under which uses of the word are counted."""
        return f"v:{self.english}:{self.spanish}"

    @property
    def human(self) -> bool:
        """Whether people do it."""
        return "human" in self.subjects


@dataclass(frozen=True)
class Phrase:
    """An invariable word or phrase with tags that say where it fits."""

    english: str
    spanish: str
    tags: frozenset[str]

    @property
    def key(self) -> str:
        """The name under which uses of the word are counted."""
        return f"p:{self.english}:{self.spanish}"


def english_plural(noun: str) -> str:
    """The regular English plural."""
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def spanish_plural(word: str) -> str:
    """The regular Spanish plural of a noun or adjective, accents included."""
    if word == "joven":
        return "jóvenes"
    if word[-1] in "aeiouéáó":
        return word + "s"
    if word.endswith("z"):
        return word[:-1] + "ces"
    if word[-1] in "ns" and word[-2] in "áéíóú":
        return word[:-2] + word[-2].translate(_PLAIN) + word[-1] + "es"
    return word + "es"


def _read(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _set(text: str) -> frozenset[str]:
    return frozenset(part for part in text.replace(",", " ").split() if part)


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


@cache
def groups() -> dict[str, tuple[str, ...]]:
    """Group name to its members: types, other groups or English words."""
    return {row["group"]: _list(row["members"]) for row in _read("groups.tsv")}


@cache
def expand(name: str) -> frozenset[str]:
    """All types and words that a type, group or word stands for."""
    found = {name}
    for member in groups().get(name, ()):
        if member not in found:
            found |= expand(member)
    return frozenset(found)


@cache
def nouns() -> tuple[Noun, ...]:
    """All nouns in file order."""
    records = []
    for row in _read("nouns.tsv"):
        plural_only = row["number"] in "pmq"
        english, spanish = row["english"], row["spanish"]
        records.append(
            Noun(
                english=english,
                spanish=spanish,
                gender=row["gender"].lower(),
                number=row["number"],
                types=_set(row["types"]),
                preposition=row["preposition"] or "in",
                english_plural=english
                if plural_only
                else row["english_plural"] or english_plural(english),
                spanish_plural=spanish
                if plural_only
                else row["spanish_plural"] or spanish_plural(spanish),
                takes_el=row["gender"] == "F",
            )
        )
    return tuple(records)


@cache
def _first_by_word() -> dict[str, Noun]:
    table: dict[str, Noun] = {}
    for noun in nouns():
        table.setdefault(noun.english, noun)
    return table


@cache
def _types() -> frozenset[str]:
    return frozenset().union(*(noun.types for noun in nouns()))


def fits(noun: Noun, names: frozenset[str]) -> bool:
    """Whether a noun belongs to one of the expanded types, or is itself named there."""
    if noun.types & names:
        return True
    if noun.english not in names or noun.english in _types():
        return False
    return _first_by_word()[noun.english] is noun


@cache
def nouns_of(*names: str) -> tuple[Noun, ...]:
    """All nouns of the given types, groups or words."""
    wanted = frozenset(part for name in names for part in expand(name))
    return tuple(noun for noun in nouns() if fits(noun, wanted))


@cache
def adjectives() -> tuple[Adjective, ...]:
    """All adjectives in file order."""
    return tuple(
        Adjective(
            english=row["english"],
            spanish=row["spanish"],
            copula=row["copula"],
            comparison=row["comparison"],
            flags=_set(row["flags"]),
            types=frozenset().union(*(expand(name) for name in _list(row["types"]))),
        )
        for row in _read("adjectives.tsv")
    )


@cache
def adjectives_for(noun: Noun) -> tuple[Adjective, ...]:
    """The adjectives that can be said of a noun."""
    return tuple(adjective for adjective in adjectives() if fits(noun, adjective.types))


@cache
def verbs() -> tuple[Verb, ...]:
    """All verb frames in file order."""
    records = []
    for row in _read("verbs.tsv"):
        objects, _, determiner = row["object"].partition(":")
        records.append(
            Verb(
                english=row["english"],
                spanish=row["spanish"],
                subjects=_list(row["subjects"]),
                objects=objects,
                determiner=determiner,
                flags=_set(row["flags"]),
                adverbs=_set(row["adverbs"]),
                places=_list(row["places"]),
            )
        )
    return tuple(records)


def _phrases(name: str) -> tuple[Phrase, ...]:
    return tuple(Phrase(row["english"], row["spanish"], _set(row["tags"])) for row in _read(name))


@cache
def adverbs() -> tuple[Phrase, ...]:
    """Adverbs of manner, frequency, place and attitude."""
    return _phrases("adverbs.tsv")


@cache
def times() -> tuple[Phrase, ...]:
    """Expressions of time; the tags say which tenses they go with."""
    return _phrases("times.tsv")


@cache
def tagged(tag: str) -> tuple[Phrase, ...]:
    """All adverbs and time expressions with a tag."""
    return tuple(phrase for phrase in adverbs() + times() if tag in phrase.tags)
