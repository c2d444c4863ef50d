"""The words of the synchronous grammar: TSV tables read into typed records.

A noun has semantic types (`food`, `job`, `vehicle`). `groups.tsv` names unions of types and single
English words (`repairable`: elec, vehicle, chair, …), and verbs and adjectives are licensed by
types, groups or single words alike.

Numbers of nouns: `c` count, `u` mass, `p` plural in both languages, `m` mass in English and plural
in Spanish (`homework`, `los deberes`), `q` the reverse (`pajamas`, `el pijama`), `n` a name.
Genders: `m`, `f`, and `F` for feminine nouns that take `el` and `un` (`el agua`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

from tables import Pair, split, table, word_class

_PLAIN = str.maketrans("áéíóú", "aeiou")


@dataclass(frozen=True)
class Word:
    """What all words have: both sides, and classes that they belong to."""

    english: str
    spanish: str

    @property
    def pair(self) -> Pair:
        """Both sides alone."""
        return Pair(self.english, self.spanish)

    def among(self, *classes: str) -> bool:
        """Whether the English word belongs to one of the classes of lexicon/classes.tsv."""
        return any(self.english in word_class(name) for name in classes)


@dataclass(frozen=True)
class Noun(Word):
    """A noun with both plurals and its semantic types."""

    gender: str
    number: str
    types: frozenset[str]
    preposition: str
    english_plural: str
    spanish_plural: str
    takes_el: bool

    @cached_property
    def key(self) -> str:
        """The name under which uses of the word are counted."""
        return f"n:{self.english}:{self.spanish}"

    def of(self, *types: str) -> bool:
        """Whether the noun has one of the types."""
        return not self.types.isdisjoint(types)

    def of_class(self, name: str) -> bool:
        """Whether the noun has a type of a class of lexicon/classes.tsv."""
        return self.of(*word_class(name))


@dataclass(frozen=True)
class Adjective(Word):
    """An adjective, its copula, and the nouns that license it."""

    copula: str
    comparison: str
    flags: frozenset[str]
    types: frozenset[str]

    @cached_property
    def key(self) -> str:
        """The name under which uses of the word are counted."""
        return f"a:{self.english}:{self.spanish}"

    def has(self, *flags: str) -> bool:
        """Whether the adjective has one of the flags."""
        return not self.flags.isdisjoint(flags)


@dataclass(frozen=True)
class Verb(Word):
    """A verb frame: who does it, to what (with which determiners), how and where."""

    subjects: tuple[str, ...]
    objects: str
    determiner: str
    flags: frozenset[str]
    adverbs: frozenset[str]
    places: tuple[str, ...]

    @cached_property
    def key(self) -> str:
        """The name under which uses of the word are counted."""
        return f"v:{self.english}:{self.spanish}"

    def has(self, *flags: str) -> bool:
        """Whether the verb has one of the flags."""
        return not self.flags.isdisjoint(flags)

    @property
    def social(self) -> bool:
        """Whether people do it with somebody."""
        return self.spanish.split()[0] in word_class("social")

    @property
    def human(self) -> bool:
        """Whether people do it."""
        return "human" in self.subjects


@dataclass(frozen=True)
class Phrase(Word):
    """An invariable word or phrase with tags that say where it fits."""

    tags: frozenset[str]

    @cached_property
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


def _set(text: str) -> frozenset[str]:
    return frozenset(text.replace(",", " ").split())


@cache
def groups() -> dict[str, tuple[str, ...]]:
    """Group name to its members: types, other groups or English words."""
    return {row["group"]: split(row["members"]) for row in table("lexicon/groups")}


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
    for row in table("lexicon/nouns"):
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
def nouns_of(*names: str, but: str = "", numbers: str = "cumpqn") -> tuple[Noun, ...]:
    """All nouns of the given types, groups or words, of some numbers, outside a class."""
    wanted = frozenset(part for name in names for part in expand(name))
    return tuple(
        noun
        for noun in nouns()
        if fits(noun, wanted) and noun.number in numbers and not (but and noun.among(but))
    )


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
            types=frozenset().union(*(expand(name) for name in split(row["types"]))),
        )
        for row in table("lexicon/adjectives")
    )


@cache
def adjectives_for(noun: Noun) -> tuple[Adjective, ...]:
    """The adjectives that can be said of a noun."""
    return tuple(adjective for adjective in adjectives() if fits(noun, adjective.types))


@cache
def adjectives_beside(noun: Noun) -> tuple[Adjective, ...]:
    """The adjectives that may stand beside a noun."""
    return tuple(each for each in adjectives_for(noun) if each.has("attr", "pre"))


@cache
def verbs() -> tuple[Verb, ...]:
    """All verb frames in file order."""
    records = []
    for row in table("lexicon/verbs"):
        objects, _, determiner = row["object"].partition(":")
        records.append(
            Verb(
                english=row["english"],
                spanish=row["spanish"],
                subjects=split(row["subjects"]),
                objects=objects,
                determiner=determiner,
                flags=_set(row["flags"]),
                adverbs=_set(row["adverbs"]),
                places=split(row["places"]),
            )
        )
    return tuple(records)


def simple_verb(english: str, spanish: str, objects: str = "") -> Verb:
    """A verb frame that one pattern needs and the table of verbs does not have."""
    none: frozenset[str] = frozenset()
    return Verb(english, spanish, ("human",), objects, "", none, none, ())


@cache
def special_verbs(pattern: str) -> tuple[Verb, ...]:
    """The verb frames of lexicon/special_verbs.tsv for a pattern."""
    rows = (row for row in table("lexicon/special_verbs") if row["pattern"] == pattern)
    return tuple(simple_verb(row["english"], row["spanish"], row["objects"]) for row in rows)


def _phrases(name: str) -> tuple[Phrase, ...]:
    return tuple(
        Phrase(row["english"], row["spanish"], _set(row["tags"]))
        for row in table(f"lexicon/{name}")
    )


@cache
def adverbs() -> tuple[Phrase, ...]:
    """Adverbs of manner, frequency, place and attitude."""
    return _phrases("adverbs")


@cache
def times() -> tuple[Phrase, ...]:
    """Expressions of time; the tags say which tenses they go with."""
    return _phrases("times")


@cache
def tagged(tag: str) -> tuple[Phrase, ...]:
    """All adverbs and time expressions with a tag."""
    return tuple(phrase for phrase in adverbs() + times() if tag in phrase.tags)
