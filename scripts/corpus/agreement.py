"""Agreement and spelling: what a phrase must know of another before both sides are written.

Pairs of phrases and their spelling, adjectives, subjects, noun phrases and determiners.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import lexicon
from conjugation import EL, ELLOS, NOSOTROS, TENSES, TU, VOSOTROS, YO
from lexicon import Adjective, Noun
from tables import Pair

EMPTY = Pair("", "")


def join(*parts: Pair) -> Pair:
    """Join phrases in the same order on both sides."""
    return Pair(
        " ".join(part.en for part in parts if part.en),
        " ".join(part.es for part in parts if part.es),
    )


_AN = re.compile(r"\b([Aa]) (?=(?:[aeio]|u(?!ni(?:f|v|q|t)|s[aeiu])|hour|honest|[AEIO])\w)")
_CONTRACTIONS = (
    (re.compile(r"\b([Aa]) el (?=\S)"), r"\1l "),
    (re.compile(r"\b([Dd]e) el (?=\S)"), r"\1l "),
    (re.compile(r"\by (?=(?:i|hi(?!e)|í)\w)"), "e "),
    (re.compile(r"\by (?=(?:I|Hi(?!e))\w)"), "e "),
    (re.compile(r"\bo (?=(?:o|ho|O|Ho|ó)\w)"), "u "),
    (re.compile(r"\bcon mí\b"), "conmigo"),
    (re.compile(r"\bcon ti\b"), "contigo"),
)


def spell_english(text: str) -> str:
    """Choose a or an."""
    return _AN.sub(r"\1n ", text)


def spell_spanish(text: str) -> str:
    """Contract al, del, conmigo and turn y, o into e, u before the same sound."""
    for pattern, replacement in _CONTRACTIONS:
        text = pattern.sub(replacement, text)
    return text


def _capital(text: str) -> str:
    for index, letter in enumerate(text):
        if letter.isalpha():
            return text[:index] + letter.upper() + text[index + 1 :]
    return text


def finish(pair: Pair) -> Pair:
    """Spelling and the capital of a sentence that has its marks."""
    return Pair(_capital(spell_english(pair.en)), _capital(spell_spanish(pair.es)))


def say(pair: Pair, question: bool = False, mark: str = "") -> Pair:
    """Make a sentence of a clause: spelling, capital, final and opening marks."""
    mark = mark or ("?" if question else ".")
    opening = {"?": "¿", "!": "¡"}.get(mark, "")
    return finish(Pair(pair.en + mark, opening + pair.es + mark))


def agree(adjective: str, gender: str, plural: bool, fixed: bool = False) -> str:
    """Inflect a Spanish adjective or participle (masculine singular) for gender and number."""
    if fixed:
        return adjective
    if gender == "f":
        if adjective.endswith("o"):
            adjective = adjective[:-1] + "a"
        elif adjective.endswith(("dor", "ñol")):
            adjective += "a"
        elif adjective.endswith(("és", "án")) and adjective != "cortés":
            adjective = adjective[:-2] + {"é": "e", "á": "a"}[adjective[-2]] + adjective[-1] + "a"
    return lexicon.spanish_plural(adjective) if plural else adjective


def comparative(adjective: Adjective) -> str:
    """The English comparative: `taller`, `more useful`, `better`."""
    word = adjective.english
    if adjective.comparison == "more":
        return f"more {word}"
    if adjective.comparison != "er":
        return adjective.comparison
    if word.endswith("e"):
        return word + "r"
    if word.endswith("y") and word != "shy":
        return word[:-1] + "ier"
    return word + (word[-1] if word in ("big", "hot", "sad", "wet") else "") + "er"


def superlative(adjective: Adjective) -> str:
    """The English superlative without its article."""
    if adjective.english in ("good", "bad"):
        return {"good": "best", "bad": "worst"}[adjective.english]
    form = comparative(adjective)
    return f"most {adjective.english}" if form.startswith("more ") else form[:-1] + "st"


POSSESSIVE_ES = ("mi", "tu", "su", "nuestro", "vuestro", "su")
OBJECT_CLITIC = ("me", "te", "lo", "nos", "os", "los")
DATIVE = ("me", "te", "le", "nos", "os", "les")
OWNER_PERSON = {"my": YO, "your": TU, "our": NOSOTROS}


@dataclass(frozen=True)
class Subject:
    """Who the clause is about, with all that agreement needs."""

    en: str
    es: str
    person: int
    gender: str = "m"
    plural: bool = False
    kind: str = "pronoun"  # or noun, name
    kid: bool = False
    vocative: Pair = EMPTY
    word: str = ""  # old, or an English number that is not the Spanish one: en_plural, en_singular

    @property
    def pair(self) -> Pair:
        """Both sides alone."""
        return Pair(self.en, self.es)

    @property
    def agreement(self) -> str:
        """English agreement: I, he (third person singular) or they."""
        if self.word in ("en_plural", "en_singular"):
            return "they" if self.word == "en_plural" else "he"
        if self.en == "I":
            return "I"
        return "he" if self.person == EL and self.en != "you" else "they"

    @property
    def is_pronoun(self) -> bool:
        """Whether it is a pronoun, which Spanish drops."""
        return self.kind == "pronoun"

    @property
    def plain(self) -> Subject:
        """The subject without its vocative."""
        return replace(self, vocative=EMPTY)

    @property
    def inside(self) -> str:
        """The Spanish subject elsewhere: pronouns are dropped."""
        return "" if self.is_pronoun else self.es

    @property
    def strong(self) -> str:
        """The Spanish subject where a contrast wants the pronoun."""
        words = {YO: "yo", TU: "tú", NOSOTROS: "nosotros", ELLOS: "ellos"}
        return words.get(self.person, self.es) if self.is_pronoun else self.es

    def dative(self, negative: bool = False, question: bool = False) -> str:
        """The Spanish experiencer: `a Ana le`, `a él no le`, `te`."""
        named = self.es and not (self.is_pronoun and question)
        words = (f"a {self.es}" if named else "", "no" if negative else "", DATIVE[self.person])
        return " ".join(word for word in words if word)

    def verb_es(self, infinitive: str, tense: str = "present") -> str:
        """The Spanish verb form that agrees."""
        return TENSES[tense](infinitive)[self.person]

    @property
    def own_en(self) -> str:
        """The English possessive that refers back to the subject."""
        if self.person == EL:
            if self.en == "you":
                return "your"
            return "her" if self.gender == "f" else "his"
        return ("my", "your", "", "our", "your", "their")[self.person]

    @property
    def object_en(self) -> str:
        """The English object form."""
        table = {"I": "me", "he": "him", "she": "her", "we": "us", "they": "them"}
        return table.get(self.en, self.en)


I = Subject("I", "", YO)  # noqa: E741
YOU = Subject("you", "", TU)
HE = Subject("he", "él", EL)
SHE = Subject("she", "ella", EL, "f")
WE = Subject("we", "", NOSOTROS, plural=True)
THEY = Subject("they", "", ELLOS, plural=True)
YOU_GUYS = Subject("you guys", "", VOSOTROS, plural=True)
YOU_TWO = Subject("you two", "", VOSOTROS, plural=True)


def possessive_es(person: int, gender: str, plural: bool) -> str:
    """`mi`, `tus`, `nuestra` …"""
    word = POSSESSIVE_ES[person]
    if word.endswith("o"):
        return agree(word, gender, plural)
    return word + "s" if plural else word


@dataclass(frozen=True)
class NP:
    """A noun phrase with its agreement on both sides."""

    en: str
    es: str
    noun: Noun
    en_plural: bool
    plural: bool  # of the Spanish
    det: str = ""

    @property
    def gender(self) -> str:
        """The Spanish gender."""
        return self.noun.gender

    @property
    def pair(self) -> Pair:
        """The words alone."""
        return Pair(self.en, self.es)

    @property
    def pronoun_en(self) -> str:
        """The English object pronoun for a thing."""
        return "them" if self.en_plural else "it"

    @property
    def clitic(self) -> str:
        """The Spanish direct object pronoun."""
        return ("la" if self.gender == "f" else "lo") + ("s" if self.plural else "")

    def subject(self, kind: str = "noun") -> Subject:
        """The noun phrase as the subject of a clause."""
        person = ELLOS if self.plural else EL
        subject = Subject(self.en, self.es, person, self.gender, self.plural, kind)
        if self.en_plural != self.plural:
            subject = replace(subject, word="en_plural" if self.en_plural else "en_singular")
        return subject


def article_es(noun: Noun, plural: bool, adjacent: bool = True) -> str:
    """The definite article."""
    if plural:
        return "las" if noun.gender == "f" else "los"
    if noun.gender == "f":
        return "el" if noun.takes_el and adjacent else "la"
    return "el"


def indefinite_es(noun: Noun, plural: bool, adjacent: bool = True) -> str:
    """The indefinite article."""
    if plural:
        return "unas" if noun.gender == "f" else "unos"
    return "un" if noun.gender == "m" or (noun.takes_el and adjacent) else "una"


def determiner(
    det: str, noun: Noun, *, en_plural: bool, plural: bool, adjacent: bool = True
) -> Pair:
    """The determiner `det` (its English singular name) for a noun on both sides."""
    gender = noun.gender
    if det == "the":
        return Pair("the", article_es(noun, plural, adjacent))
    if det == "a":
        some = en_plural or plural  # `some pajamas`, `some homework` – `un pijama`, `unos deberes`
        return Pair("some" if some else "a", indefinite_es(noun, plural, adjacent))
    if det == "some":
        if noun.number == "u":
            return Pair("some", "un poco de")
        return Pair("some", indefinite_es(noun, plural, adjacent))
    if det in ("this", "that"):
        stem = "est" if det == "this" else "es"
        es = f"{stem}{'a' if gender == 'f' else 'o'}s" if plural else stem + "ea"[gender == "f"]
        return Pair({"this": "these", "that": "those"}[det] if en_plural else det, es)
    if det == "many":
        return Pair("many" if en_plural else "a lot of", agree("mucho", gender, plural))
    if det in ("any", ""):
        return Pair(det, "")
    if det.startswith("own"):
        _, english, person = det.split(":")
        return Pair(english, possessive_es(int(person), gender, plural))
    raise ValueError(det)


def demonstrative(det: str, np: NP) -> Pair:
    """`this`, `that`, `these` alone, for a thing that is named elsewhere."""
    return determiner(det, np.noun, en_plural=np.en_plural, plural=np.plural)
