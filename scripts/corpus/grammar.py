"""A synchronous English–Spanish grammar: both sides of a sentence derived together.

A pattern chooses a subject, a verb frame, objects, a tense and adverbials that license each other
(`lexicon.py`), and spells the choice out in both languages (`conjugation.py`). The choices of the
language policy (POLICY.md) are made here once, so one English sentence has one Spanish.

    python scripts/corpus/grammar.py --seed 0 --count 20
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import NamedTuple, TypeVar

import lexicon
from conjugation import (
    EL,
    ELLOS,
    NOSOTROS,
    REFLEXIVE,
    TENSES,
    TU,
    VOSOTROS,
    YO,
    attach,
    command,
    english_ing,
    english_participle,
    english_past,
    english_third,
    gerund,
    participle,
    subjunctive,
)
from lexicon import Adjective, Noun, Phrase, Verb, nouns_of, tagged

MAX_WORDS = 25
T = TypeVar("T")
W = TypeVar("W", Noun, Adjective, Verb, Phrase)


class RejectedError(Exception):
    """The choice so far leads to no sensible sentence; the caller tries again."""


def words(text: str) -> frozenset[str]:
    """A set of phrases written with bars between them."""
    return frozenset(part.strip() for part in text.replace("\n", "|").split("|") if part.strip())


class Pair(NamedTuple):
    """The same thing said in both languages: a phrase, a clause or a whole sentence."""

    en: str
    es: str


EMPTY = Pair("", "")


def pairs(text: str) -> tuple[Pair, ...]:
    """Phrases written compactly: `now = ahora | soon = pronto`."""
    rows = (row.split(" = ") for row in text.split(" | "))
    return tuple(Pair(english, spanish) for english, spanish in rows)


def join(*parts: Pair) -> Pair:
    """Join phrases in the same order on both sides."""
    return Pair(
        " ".join(part.en for part in parts if part.en),
        " ".join(part.es for part in parts if part.es),
    )


# --- Spelling -----------------------------------------------------------------------------------

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


def say(pair: Pair, mark: str = ".") -> Pair:
    """Make a sentence of a clause: spelling, capital, final and opening marks."""
    opening = {"?": "¿", "!": "¡"}.get(mark, "")
    english = _capital(spell_english(pair.en)) + mark
    return Pair(english, _capital(opening + spell_spanish(pair.es)) + mark)


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


def _syllable_double(adjective: str) -> str:
    return adjective + adjective[-1] if adjective in ("big", "hot", "sad", "wet") else adjective


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
    return _syllable_double(word) + "er"


def superlative(adjective: Adjective) -> str:
    """The English superlative without its article."""
    if adjective.english in ("good", "bad"):
        return {"good": "best", "bad": "worst"}[adjective.english]
    form = comparative(adjective)
    return f"most {adjective.english}" if form.startswith("more ") else form[:-1] + "st"


# --- Noun phrases -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Subject:
    """Who the clause is about, with all that agreement needs."""

    en: str
    es: str
    person: int
    gender: str = "m"
    plural: bool = False
    kind: str = "pronoun"  # or noun, name
    own: int = EL  # whose possessive: a Spanish person
    kid: bool = False
    vocative: Pair = EMPTY
    word: str = ""

    @property
    def agreement(self) -> str:
        """English agreement: I, he (third person singular) or they."""
        if self.en == "I":
            return "I"
        return "he" if self.person == EL and self.en != "you" else "they"

    @property
    def opens(self) -> str:
        """The Spanish subject at the head of a statement."""
        return self.es

    @property
    def inside(self) -> str:
        """The Spanish subject elsewhere: pronouns are dropped."""
        return "" if self.kind == "pronoun" else self.es

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
PRONOUNS = (I, YOU, HE, SHE, WE, THEY)
MEN = (
    "Carlos",
    "David",
    "Tom",
    "Daniel",
    "Pablo",
    "Luis",
    "Hugo",
    "Pedro",
    "Diego",
    "Leo",
    "Javier",
    "Mario",
)
WOMEN = (
    "Ana",
    "Laura",
    "Marta",
    "Sara",
    "Elena",
    "Julia",
    "Irene",
    "Clara",
    "Emma",
    "Nora",
    "Lucía",
    "Carmen",
)
SURNAMES = ("López", "García", "Ruiz", "Moreno", "Torres", "Vega", "Navarro", "Castro")
MASCULINE = "my mi mis|your tu tus|his su sus|her su sus|our nuestro nuestros|their su sus"
POSSESSIVES = {line.split()[0]: line.split()[1:] for line in MASCULINE.split("|")}
POSSESSIVE_ES = ("mi", "tu", "su", "nuestro", "vuestro", "su")
OBJECT_CLITIC = ("me", "te", "lo", "nos", "os", "los")
DATIVE = ("me", "te", "le", "nos", "os", "les")
NUMBERS = {
    2: "two dos", 3: "three tres", 4: "four cuatro", 5: "five cinco", 6: "six seis",
    7: "seven siete", 8: "eight ocho", 9: "nine nueve", 10: "ten diez", 12: "twelve doce",
    15: "fifteen quince", 20: "twenty veinte", 30: "thirty treinta", 40: "forty cuarenta",
    50: "fifty cincuenta",
}  # fmt: skip
PLURAL_ONLY = frozenset(
    "grape cherry raspberry strawberry olive almond walnut peanut lentil bean pea chickpea noodle "
    "prawn cracker mushroom radish meatball croquette ant mosquito shoe boot sandal sock glove "
    "slipper sneaker earring seed vegetable".split()
) | {"sneaker"}
OWNABLE = frozenset(
    "clothes jewel eyewear bag portable elec vehicle furniture home doc message gift pet image "
    "digital task stationery book".split()
)

NOBODYS = frozenset(("subway", "tram", "taxi", "ferry"))
UNSTATED = words("sew|build|design|make|drive|park|rent|book|buy|order|draw|prepare")
PLAYMATES = frozenset(("friend", "neighbor", "classmate"))
WITH_BROKEN = frozenset(("repair", "fix", "throw away", "find", "recycle", "move", "sell"))


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


def _a_es(noun: Noun, plural: bool, adjacent: bool) -> str:
    if plural:
        return "unas" if noun.gender == "f" else "unos"
    return "un" if noun.gender == "m" or (noun.takes_el and adjacent) else "una"


def determiner(det: str, noun: Noun, en_plural: bool, plural: bool, adjacent: bool) -> Pair:
    """The determiner `det` (its English singular name) for a noun on both sides."""
    gender = noun.gender
    if det == "the":
        return Pair("the", article_es(noun, plural, adjacent))
    if det == "a":
        if plural and not en_plural:  # homework
            return Pair("some", _a_es(noun, True, adjacent))
        if en_plural and not plural:  # pajamas
            return Pair("some", _a_es(noun, False, adjacent))
        return Pair("some" if en_plural else "a", _a_es(noun, plural, adjacent))
    if det == "some":
        if noun.number == "u":
            return Pair("some", "un poco de")
        return Pair("some", _a_es(noun, plural, adjacent))
    if det == "this":
        es = ("estos" if plural else "este") if gender == "m" else ("estas" if plural else "esta")
        return Pair("these" if en_plural else "this", es)
    if det == "that":
        es = ("esos" if plural else "ese") if gender == "m" else ("esas" if plural else "esa")
        return Pair("those" if en_plural else "that", es)
    if det == "many":
        return Pair("many" if en_plural else "a lot of", agree("mucho", gender, plural))
    if det == "another":
        return Pair("another", agree("otro", gender, plural))
    if det == "any" or det == "":
        return Pair(det, "")
    if det == "any?":
        return Pair("any", "algún" if gender == "m" else "alguna")
    if det.startswith("own"):
        _, english, person = det.split(":")
        return Pair(english, possessive_es(int(person), gender, plural))
    raise ValueError(det)


# --- Modes: tenses, auxiliaries and catenatives -------------------------------------------------


@dataclass(frozen=True)
class Mode:
    """How a verb is put into a clause: English auxiliary and chain, Spanish head and form."""

    aux: str  # do, did, be, was, have, had, or a modal
    chain: str  # English between auxiliary and verb: `want to`, `going to`
    form: str  # form of the English verb after the chain
    head: str  # Spanish auxiliary verb, "" for the verb itself
    tense: str
    link: str = ""
    spanish: str = "infinitive"  # form of the Spanish verb after a head
    refl: bool = False


def _mode(line: str) -> Mode:
    aux, chain, form, head, tense, *rest = (part.strip() for part in line.split("|"))
    link = rest[0] if rest else ""
    spanish = rest[1] if len(rest) > 1 else "infinitive"
    refl = head.endswith("se")
    return Mode(aux, chain, form, head.removesuffix("se"), tense, link, spanish, refl)


MODES: dict[str, Mode] = {
    "present": _mode("do||base||present"),
    "past": _mode("did||base||preterite"),
    "state_past": _mode("did||base||imperfect"),
    "future": _mode("will||base||future"),
    "would": _mode("would||base||conditional"),
    "progressive": _mode("be||ing|estar|present||gerund"),
    "past_progressive": _mode("was||ing|estar|imperfect||gerund"),
    "perfect": _mode("have||participle|haber|present||participle"),
    "pluperfect": _mode("had||participle|haber|imperfect||participle"),
    "going": _mode("be|going to|base|ir|present|a"),
    "was_going": _mode("was|going to|base|ir|imperfect|a"),
    "can": _mode("can||base|poder|present"),
    "know_how": _mode("do|know how to|base|saber|present"),
    "able": _mode("will|be able to|base|poder|future"),
    "must": _mode("must||base|deber|present"),
    "should": _mode("should||base|deber|conditional"),
    "have_to": _mode("do|have to|base|tener|present|que"),
    "had_to": _mode("did|have to|base|tener|preterite|que"),
    "will_have_to": _mode("will|have to|base|tener|future|que"),
    "want": _mode("do|want to|base|querer|present"),
    "wanted": _mode("did|want to|base|querer|imperfect"),
    "need": _mode("do|need to|base|necesitar|present"),
    "prefer": _mode("do|prefer to|base|preferir|present"),
    "hope": _mode("do|hope to|base|esperar|present"),
    "plan": _mode("do|intend to|base|tener|present|la intención de"),
    "try": _mode("be|trying to|base|estar|present|intentando"),
    "tried": _mode("did|try to|base|intentar|preterite"),
    "learn": _mode("be|learning to|base|estar|present|aprendiendo a"),
    "learned": _mode("did|learn to|base|aprender|preterite|a"),
    "decided": _mode("did|decide to|base|decidir|preterite"),
    "forgot": _mode("did|forget to|base|olvidar|preterite"),
    "promised": _mode("did|promise to|base|prometer|preterite"),
    "started": _mode("did|start|ing|empezar|preterite|a"),
    "stopped": _mode("did|stop|ing|dejar|preterite|de"),
    "stop": _mode("have|stopped|ing|haber|present|dejado de"),
    "finished": _mode("have|finished|ing|haber|present|terminado de"),
    "keep": _mode("do|keep|ing|seguir|present||gerund"),
    "used_to": _mode("did|use to|base||imperfect"),
    "feel_like": _mode("do|feel like|ing|tener|present|ganas de"),
    "afraid": _mode("be|afraid of|ing|tener|present|miedo de"),
    "just": _mode("have|just|participle|acabar|present|de"),
    "refuse": _mode("do|refuse to|base|negarse|present|a"),
    "maybe_future": _mode("will||base||subjunctive"),
    "maybe_going": _mode("be|going to|base|ir|subjunctive|a"),
    "maybe_can": _mode("can||base|poder|subjunctive"),
    "managed": _mode("did|manage to|base|conseguir|preterite"),
    "about": _mode("be|about to|base|estar|present|a punto de"),
    "dare": _mode("do|dare to|base|atreverse|present|a"),
    "like": _mode("would|like to|base||conditional"),
}
_NEGATIVES = {
    "will": "won't", "can": "can't", "would": "wouldn't", "must": "mustn't", "should": "shouldn't",
    "am": "am not", "is": "isn't", "are": "aren't", "was": "wasn't", "were": "weren't",
    "have": "haven't", "has": "hasn't", "had": "hadn't", "do": "don't", "does": "doesn't",
    "did": "didn't",
}  # fmt: skip
_SHORT = {"am": "'m", "is": "'s", "are": "'re", "will": "'ll", "have": "'ve", "has": "'s"}


def inflect(verb: str, form: str) -> str:
    """One form of an English verb."""
    table: dict[str, Callable[[str], str]] = {
        "third": english_third, "past": english_past, "participle": english_participle,
        "ing": english_ing,
    }  # fmt: skip
    return table[form](verb) if form in table else verb


def finite_aux(aux: str, subject: Subject) -> str:
    """The auxiliary as the subject wants it."""
    agreement = subject.agreement
    if subject.word == "en_plural":
        agreement = "they"
    if subject.word == "en_singular":
        agreement = "he"
    table = {
        "be": {"I": "am", "he": "is", "they": "are"},
        "was": {"I": "was", "he": "was", "they": "were"},
        "have": {"I": "have", "he": "has", "they": "have"},
        "do": {"I": "do", "he": "does", "they": "do"},
    }
    return table[aux][agreement] if aux in table else aux


@dataclass(frozen=True)
class VP:
    """A verb with its object and adverbials, ready for any mode."""

    verb: Verb
    subject: Subject
    object: Pair = EMPTY
    np: NP | None = None
    adverb: Pair = EMPTY  # short Spanish adverbs stand right after the verb
    tail: Pair = EMPTY
    clitics: tuple[str, ...] = ()
    pronoun: str = ""  # English object pronoun

    def en(self, form: str) -> str:
        """The English verb phrase in a form: base, third, past, participle, ing."""
        words = self.verb.english
        if "ownslot" in self.verb.flags:
            words = words.replace(" my ", f" {self.subject.own_en} ")
        head = inflect(words, form)
        if self.pronoun:
            if "sep" in self.verb.flags:
                first, _, particle = head.partition(" ")
                head = f"{first} {self.pronoun} {particle}"
            else:
                head = f"{head} {self.pronoun}"
        return " ".join(p for p in (head, self.object.en, self.adverb.en, self.tail.en) if p)

    @property
    def _split(self) -> tuple[str, str]:
        head, _, rest = self.verb.spanish.partition(" ")
        if "predadj" in self.verb.flags:
            front, _, last = rest.rpartition(" ")
            last = agree(last, self.subject.gender, self.subject.plural)
            rest = f"{front} {last}".strip()
        if self.pronoun and rest == "a":
            rest = ""
        return head, rest

    @property
    def infinitive(self) -> str:
        """The bare Spanish infinitive of the inflected word."""
        return self._split[0].removesuffix("se") if self.reflexive else self._split[0]

    @property
    def reflexive(self) -> bool:
        """Whether the Spanish verb is reflexive."""
        return self._split[0].endswith("se")

    def all_clitics(self, person: int) -> tuple[str, ...]:
        """Reflexive and object pronouns in order."""
        return ((REFLEXIVE[person],) if self.reflexive else ()) + self.clitics

    @property
    def es_rest(self) -> str:
        """All that follows the Spanish verb form."""
        rest = self._split[1]
        early, late = (self.adverb.es, "") if self.adverb.es in EARLY else ("", self.adverb.es)
        return " ".join(p for p in (early, rest, self.object.es, late, self.tail.es) if p)

    def es_infinitive(self, person: int) -> str:
        """The infinitive with its pronouns and all that follows."""
        verb = attach(self.infinitive, self.all_clitics(person))
        return f"{verb} {self.es_rest}".strip()

    def es_form(self, form: str, person: int) -> str:
        """A simple tense with proclitic pronouns and all that follows."""
        words = [*self.all_clitics(person), TENSES[form](self.infinitive)[person], self.es_rest]
        return " ".join(word for word in words if word)


EARLY = frozenset(("bien", "muy bien", "mal", "mucho", "demasiado", "muy poco", "perfectamente"))


def es_group(vp: VP, mode: Mode, person: int) -> str:
    """The Spanish verb group with its pronouns, without what follows."""
    clitics = vp.all_clitics(person)
    if not mode.head:
        return " ".join((*clitics, TENSES[mode.tense](vp.infinitive)[person]))
    head = TENSES[mode.tense](mode.head)[person]
    refl = (REFLEXIVE[person],) if mode.refl else ()
    if mode.spanish == "infinitive":
        words = (*refl, head, mode.link, attach(vp.infinitive, clitics))
    elif mode.spanish == "gerund":
        words = (*clitics, head, gerund(vp.infinitive))
        if mode.head == "seguir":
            words = (head, attach(gerund(vp.infinitive), clitics))
    else:
        words = (*clitics, head, participle(vp.infinitive))
    return " ".join(word for word in words if word)


def en_clause(
    subject: Subject, vp: VP, mode: Mode, negative: bool, question: bool, mid: str, short: bool
) -> str:
    """The English clause: order, auxiliaries, negation and contractions."""
    verb = vp.en(mode.form) if mode.chain else ""

    def chained(form: str) -> str:
        if not mode.chain:
            return vp.en(form)
        chain = inflect(mode.chain, form) if mode.aux in ("do", "did") else mode.chain
        return f"{chain} {verb}"

    if mode.aux in ("do", "did"):
        aux = finite_aux(mode.aux, subject)
        if not negative and not question:
            form = "past" if mode.aux == "did" else ("third" if aux == "does" else "base")
            return " ".join(p for p in (subject.en, mid, chained(form)) if p)
        rest = chained("base")
    else:
        aux = finite_aux(mode.aux, subject)
        rest = f"{mode.chain} {verb}" if mode.chain else vp.en(mode.form)
    if question:
        aux = _NEGATIVES.get(aux, aux) if negative else aux
        return " ".join(p for p in (aux, subject.en, mid, rest) if p)
    return " ".join(p for p in (contracted(subject, aux, negative, short), mid, rest) if p)


def contracted(subject: Subject, aux: str, negative: bool, short: bool) -> str:
    """Subject and auxiliary, contracted where speech would."""
    simple = subject.en in ("I", "you", "he", "she", "we", "they")
    if negative:
        if not short:
            return f"{subject.en} " + ("cannot" if aux == "can" else f"{aux} not")
        if aux == "am":
            return "I'm not"
        return f"{subject.en} {_NEGATIVES[aux]}"
    if short and simple and aux in _SHORT:
        return subject.en + _SHORT[aux]
    return f"{subject.en} {aux}"


@dataclass
class Grammar:
    """The state of one generation: random numbers, and how often each word has been used."""

    rng: random.Random
    uses: Counter[str] = field(default_factory=Counter)
    current: list[str] = field(default_factory=list)

    # --- choosing

    def number(self, count: int) -> int:
        """A whole number from 0 to count - 1."""
        return int(self.rng.random() * count)

    def chance(self, probability: float) -> bool:
        """True with a probability."""
        return self.rng.random() < probability

    def one(self, items: Sequence[T]) -> T:
        """One item, all equally likely."""
        return items[self.number(len(items))]

    def word(self, items: Sequence[W], tries: int = 4) -> W:
        """One word, the least used of a few, and note its use."""
        if not items:
            raise RejectedError
        best = self.one(items)
        for _ in range(tries - 1):
            other = self.one(items)
            if self.uses[other.key] < self.uses[best.key]:
                best = other
        self.current.append(best.key)
        return best

    def phrase(self, tag: str) -> Pair:
        """An invariable phrase with a tag."""
        phrase = self.word(tagged(tag))
        return Pair(phrase.english, phrase.spanish)

    # --- nouns

    def decorate(self, noun: Noun) -> Adjective | None:
        """An adjective that may stand beside a noun."""
        if noun.number == "n":
            return None
        fitting = [a for a in lexicon.adjectives_for(noun) if "attr" in a.flags or "pre" in a.flags]
        return self.word(fitting) if fitting else None

    def np(
        self,
        noun: Noun,
        det: str,
        plural: bool = False,
        adjective: Adjective | None = None,
        subject: Subject = I,
    ) -> NP:
        """A noun with its determiner, and with an adjective where one is given."""
        en_plural = noun.number == "p" or noun.number == "q" or (noun.number == "c" and plural)
        es_plural = noun.number in "pm" or (noun.number == "c" and plural)
        if det == "own":
            det = f"own:{subject.own_en}:{subject.person}"
        if det == "a" and noun.number == "u":
            det = "some"
        en_noun = noun.english_plural if en_plural else noun.english
        es_noun = noun.spanish_plural if es_plural else noun.spanish
        before = ""
        if adjective is not None:
            en_noun = f"{adjective.english} {en_noun}"
            form = agree(adjective.spanish, noun.gender, es_plural, "inv" in adjective.flags)
            if "pre" in adjective.flags:
                if form in ("bueno", "malo"):
                    form = form[:-1]
                before = form
                es_noun = f"{form} {es_noun}"
            else:
                es_noun = f"{es_noun} {form}"
        words = determiner(det, noun, en_plural, es_plural, not before)
        en, es = f"{words.en} {en_noun}".strip(), f"{words.es} {es_noun}".strip()
        return NP(en, es, noun, en_plural, es_plural, det)

    def object(self, verb: Verb, subject: Subject, negative: bool) -> NP:
        """An object that the verb licenses."""
        noun = self.word(nouns_of(verb.objects), 5)
        if (
            verb.english == "talk about"
            and noun.types & {"subject", "sport", "leisure"}
            and noun.english not in ("peace", "freedom", "life", "love")
        ):
            return self.np(noun, "")
        if noun.types & GENERIC and verb.determiner == "the":
            return generic(self, noun)
        if subject.kid and "acquaintance" in noun.types and noun.english not in PLAYMATES:
            raise RejectedError
        det, plural = self.choose_det(verb, noun, negative)
        if det == "own" and "family" in noun.types:
            noun = self.relative_of(subject, noun)
        if det == "the" and "occupation" in noun.types and self.chance(0.2):
            det = "own" if noun.english in ("doctor", "dentist", "lawyer", "coach") else det
        adjective = None
        if det not in ("any", "bare") and not noun.types & NOT_DECORATED and self.chance(0.16):
            adjective = self.decorate(noun)
            if adjective and (
                (adjective.english == "broken" and verb.english not in WITH_BROKEN)
                or (adjective.copula == "estar" and verb.english in UNSTATED)
            ):
                adjective = None
        return self.np(noun, "" if det == "bare" else det, plural, adjective, subject)

    def relative_of(self, subject: Subject, noun: Noun) -> Noun:
        """A relative whom this subject can have."""
        if subject.kind == "pronoun" and subject.en not in ("he", "she") and not subject.kid:
            if subject.plural and noun.english in SPOUSES:
                raise RejectedError
            return noun
        safe = ("mother", "father", "brother", "sister", "cousin", "uncle", "aunt", "parents")
        old = ("children", "son", "daughter", "sister", "brother")
        self.current.pop()
        choice = old if subject.word == "old" else safe
        if subject.plural and subject.kind == "noun":  # engineers share no aunt
            choice = ("parents",) if subject.kid else ("parents", "children")
            if subject.en.endswith("parents"):
                choice = ("son", "daughter", "children")
        return self.word([n for n in nouns_of(*choice) if n.english != subject.en.split()[-1]])

    def choose_det(self, verb: Verb, noun: Noun, negative: bool) -> tuple[str, bool]:
        """A determiner and number for an object."""
        code, count = verb.determiner, noun.number == "c"
        often_plural = noun.english in PLURAL_ONLY
        ownable = bool(noun.types & OWNABLE) and noun.english not in NOBODYS
        if code in ("bare", "barepl"):
            return "bare", count
        if code == "only":
            return "the", False
        if code == "own":
            return "own", often_plural
        if code == "the" and "family" in noun.types:
            return "own", False
        if code == "the":
            weights = [("the", 60), ("this", 14), ("that", 8), ("own", 22 if ownable else 0)]
        elif code == "gen":
            weights = [("bare", 50), ("some", 20), ("the", 18)]
            if count and not often_plural:
                weights += [("a", 40)]
        elif code == "buy":
            weights = [("a", 45), ("bare", 20), ("some", 12), ("the", 14), ("this", 10)]
        elif code == "art":
            weights = [("a", 46), ("the", 36), ("this", 12), ("own", 8 if ownable else 0)]
        else:
            weights = [
                ("a", 30),
                ("the", 34),
                ("this", 12),
                ("own", 20 if ownable else 0),
                ("bare", 8),
            ]
        det = self.weighted(weights)
        return self.number_det(det, noun, often_plural, negative)

    def number_det(
        self, det: str, noun: Noun, often_plural: bool, negative: bool
    ) -> tuple[str, bool]:
        """Settle grammatical number for a determiner, and turn `some` into `any` where negated."""
        if noun.number == "u":
            det = "some" if det == "a" else det
            if det == "some" and negative:
                return "any", False
            return det, False
        if noun.number in "mpq" and det in ("a", "some"):
            det = "a" if noun.number == "q" else "the"
        rare = 0.0 if noun.types & NOT_PLURAL else 0.18
        plural = often_plural or ((det in ("bare", "some") or self.chance(rare)) and det != "a")
        if det == "a" and often_plural:
            det = "some"
        if det == "some" and negative:
            det = "any"
        if noun.number == "q" and det == "bare":
            det = "the"
        return det, plural

    def weighted(self, items: Sequence[tuple[str, int]]) -> str:
        """One name by weight."""
        point = self.rng.random() * sum(weight for _, weight in items)
        for name, weight in items:
            point -= weight
            if point < 0:
                return name
        return items[-1][0]

    # --- subjects

    def name(self) -> Subject:
        """A person by first name."""
        if self.chance(0.5):
            name = self.one(WOMEN)
            return Subject(name, name, EL, "f", kind="name")
        name = self.one(MEN)
        return Subject(name, name, EL, "m", kind="name")

    def relative(self, kids: bool = False) -> Subject:
        """`my mother`, `her grandparents`, `our friends`."""
        kind = "family" if self.chance(0.7) else "acquaintance"
        noun = self.word([n for n in nouns_of(kind) if kids or n.english not in KIDS])
        plural = noun.number == "c" and noun.english not in SINGLE and self.chance(0.18)
        owner = self.one(("my", "my", "my", "my", "your", "his", "her", "our", "their"))
        if noun.english in SPOUSES:
            owner = self.one(("my", "my", "your", "her" if noun.gender == "m" else "his"))
        person = {"my": YO, "your": TU, "our": NOSOTROS}.get(owner, EL)
        np = self.np(noun, f"own:{owner}:{person}", plural)
        subject = np.subject()
        old = noun.english.startswith("grand") and not noun.english.endswith(("son", "daughter"))
        word = "old" if old else ""
        return replace(subject, word=word, kid=noun.english in KIDS)

    def worker(self) -> Subject:
        """`the doctor`, `that woman`."""
        noun = self.word(nouns_of("occupation", "person"))
        if noun.english in KIDS and self.chance(0.5):
            raise RejectedError
        det = "the" if "occupation" in noun.types else self.one(("the", "that", "this"))
        np = self.np(noun, det, noun.english != "baby" and self.chance(0.2))
        return replace(np.subject(), kid=noun.english in KIDS)

    def titled(self) -> Subject:
        """`Mr. López`, `Mrs. Ruiz`."""
        name = self.one(SURNAMES)
        if self.chance(0.5):
            return Subject(f"Mr. {name}", f"el señor {name}", EL, "m", kind="title")
        return Subject(f"Mrs. {name}", f"la señora {name}", EL, "f", kind="title")

    def couple(self) -> Subject:
        """`Ana and Carlos`, `Marta and I`."""
        first = self.name()
        if self.chance(0.4):
            return Subject(f"{first.en} and I", f"{first.es} y yo", NOSOTROS, "m", True, "name")
        second = self.one([n for n in MEN if n != first.en])
        both = f"{first.en} and {second}"
        return Subject(both, both.replace(" and ", " y "), ELLOS, "m", True, "name")

    def someone(self, pronouns: float = 0.62) -> Subject:
        """A human subject for a statement."""
        if self.chance(pronouns):
            return self.one((I, I, I, I, YOU, YOU, HE, HE, SHE, SHE, WE, WE, THEY, THEY))
        point = self.rng.random()
        if point < 0.27:
            return self.name()
        if point < 0.62:
            return self.relative()
        if point < 0.85:
            return self.worker()
        if point < 0.93:
            return self.couple()
        return self.titled()

    def asked(self) -> Subject:
        """A human subject for a question."""
        point = self.rng.random()
        if point < 0.42:
            return YOU
        if point < 0.47:
            return replace(self.one((YOU_GUYS, YOU_TWO)))
        if point < 0.53:
            return self.polite()
        subject = self.someone(0.5)
        return YOU if subject is I else subject

    def polite(self) -> Subject:
        """`you` spoken to with distance."""
        surname = self.one(SURNAMES)
        forms = (
            (Pair(", sir", ", señor"), "m"),
            (Pair(", ma'am", ", señora"), "f"),
            (Pair(", doctor", ", doctor"), "m"),
            (Pair(f", Mr. {surname}", f", señor {surname}"), "m"),
            (Pair(f", Mrs. {surname}", f", señora {surname}"), "f"),
        )
        vocative, gender = self.one(forms)
        return Subject("you", "", EL, gender, vocative=vocative)

    def inner(self, main: Subject) -> Subject:
        """A subject for a second clause: the main one, or another that needs no pronoun."""
        if self.chance(0.4) and main.kind == "pronoun" and not main.vocative:
            return main
        subject = self.one((I, YOU, WE)) if self.chance(0.4) else self.someone(0.0)
        if subject.es and (subject.es == main.es or subject.kid):
            raise RejectedError
        return subject

    # --- verb phrases

    def verb(self, pool: str, subject: Subject) -> Verb:
        """A verb frame that people do, fit for the pool of its pattern."""
        frames = verb_pool(pool, subject.kid)
        first = self.one(frames)
        for _ in range(3):
            other = self.one(frames)
            if self.uses[other.key] < self.uses[first.key]:
                first = other
        self.current.append(first.key)
        return first

    def vp(
        self,
        subject: Subject,
        pool: str,
        negative: bool = False,
        extras: bool = True,
        verb: Verb | None = None,
    ) -> VP:
        """A verb phrase with object and perhaps place, manner or company."""
        verb = verb or self.verb(pool, subject)
        np = self.object(verb, subject, negative) if verb.objects else None
        object_ = np.pair if np else EMPTY
        if np and "own" in np.det and verb.spanish in WORN:
            es = self.np(np.noun, "the", np.plural).es
            object_ = Pair(np.en, es)
        if "artes" in verb.flags and np:
            object_ = Pair(np.en, self.np(np.noun, "the").es)
        adverb = tail = EMPTY
        if extras:
            adverb, tail = self.extras(verb, subject, negative, bool(np), pool)
        return VP(verb, subject, object_, np, adverb, tail)

    def extras(
        self, verb: Verb, subject: Subject, negative: bool, has_object: bool, pool: str
    ) -> tuple[Pair, Pair]:
        """Manner, place and company for a verb."""
        adverb = EMPTY
        tails: list[Pair] = []
        manner = [p for p in lexicon.adverbs() if p.tags & verb.adverbs]
        if pool not in ("habit", "past"):
            manner = [p for p in manner if p.english not in JUDGED]
        if has_object and verb.english not in ("love", "miss", "enjoy"):
            manner = [p for p in manner if not p.tags & {"m", "l", "h"}]
        if verb.english in ("love", "miss", "enjoy"):
            manner = [p for p in manner if p.english == "a lot"]
        if verb.english == "go home":
            manner = [p for p in manner if "e" in p.tags]
        if manner and not negative and self.chance(0.3):
            phrase = self.word(manner)
            adverb = Pair(phrase.english, phrase.spanish)
        if (
            verb.spanish.split()[0] in SOCIAL
            and " with" not in verb.english
            and self.chance(0.27)
            and not adverb.en
        ):
            tails.append(self.company(subject))
        if verb.places and self.chance(0.5):
            if verb.english in HOMELY and self.chance(0.25):
                phrase = self.word([p for p in tagged("where") if p.english in SPOTS])
                tails.append(Pair(phrase.english, phrase.spanish))
            else:
                tails.append(self.place(nouns_of(*verb.places)))
        return adverb, join(*tails)

    def company(self, subject: Subject) -> Pair:
        """`with my sister`, `with us`."""
        if self.chance(0.25) and subject.kind != "pronoun":
            return self.one((Pair("with me", "conmigo"), Pair("with us", "con nosotros")))
        if self.chance(0.35):
            name = self.name()
            if name.en in subject.en:
                raise RejectedError
            return Pair(f"with {name.en}", f"con {name.es}")
        noun = self.word(nouns_of("acquaintance", "family"))
        if "family" in noun.types:
            noun = self.relative_of(subject, noun)
        plural = noun.english not in SINGLE and self.chance(0.3)
        np = self.np(noun, "own", plural, None, subject)
        return Pair(f"with {np.en}", f"con {np.es}")

    def place(self, nouns: Sequence[Noun]) -> Pair:
        """`in the park`, `at the library`."""
        noun = self.word(nouns)
        np = self.np(noun, "the")
        preposition = "junto a" if noun.preposition == "by" else "en"
        return Pair(f"{noun.preposition} {np.en}", f"{preposition} {np.es}")

    def time(self, tag: str, verb: Verb | None = None) -> Pair:
        """A time expression for a tense; rare doings do not happen every morning."""
        options = fitting_times(tag, verb.english if verb else "")
        if verb is not None and verb.english in MORNING:
            options = tuple(p for p in options if not DAY_PART.search(p.english))
        phrase = self.word(options, 3)
        return Pair(phrase.english, phrase.spanish)

    # --- clauses

    def clause(
        self,
        subject: Subject,
        vp: VP,
        mode: str,
        negative: bool = False,
        question: str = "",
        mid: Pair = EMPTY,
        opening: bool = True,
        time: Pair = EMPTY,
    ) -> Pair:
        """A finite clause on both sides; question is "", "yes/no" or "wh"."""
        if mode == "can" and vp.verb.english in SKILLS:
            mode = "know_how_can"
        denied = negative or bool(question) or mid.en in DENYING or mid.es in ("tampoco", "ya no")
        if not denied and vp.np is not None and vp.np.det == "any":
            raise RejectedError
        if time.en:
            vp = replace(vp, tail=join(vp.tail, time))
        rules = ALL_MODES[mode]
        short = self.chance(0.85)
        en = en_clause(subject, vp, rules, negative, bool(question), mid.en, short)
        group = es_group(vp, rules, subject.person)
        no = "no" if negative else ""
        shown = subject.opens if opening and not question else subject.inside
        if question == "wh":
            words = [no, mid.es, group, shown, vp.es_rest]
        else:
            words = [shown, mid.es if mid.es != "todavía" else "", no, group, vp.es_rest]
            if mid.es == "todavía":
                words.insert(1, "todavía")
        es = " ".join(word for word in words if word)
        return Pair(en + subject.vocative.en, es + subject.vocative.es)

    def be(
        self,
        subject: Subject,
        complement: Pair,
        copula: str,
        tense: str = "present",
        negative: bool = False,
        question: bool = False,
        mid: Pair = EMPTY,
        opening: bool = True,
    ) -> Pair:
        """A clause with be and ser or estar."""
        aux = finite_aux({"present": "be", "imperfect": "was"}.get(tense, tense), subject)
        rest = complement.en
        if tense == "future":
            aux, rest = "will", f"be {rest}"
        if question:
            en = f"{aux} {subject.en} {mid.en} {rest}".replace("  ", " ")
        else:
            first = contracted(subject, aux, negative, self.chance(0.85))
            en = f"{first} {mid.en} {rest}".replace("  ", " ")
        form = TENSES[tense](copula)[subject.person]
        shown = subject.opens if opening and not question else subject.inside
        words = [shown, mid.es, "no" if negative else "", form, complement.es]
        if question and copula != "tener":
            words = [form, shown, complement.es]
        es = " ".join(word for word in words if word)
        return Pair(en + subject.vocative.en, es + subject.vocative.es)


KIDS = frozenset(
    "child baby boy girl teenager children grandson granddaughter son daughter nephew niece".split()
)
SINGLE = frozenset(
    "mother father husband wife boyfriend girlfriend mother-in-law father-in-law boss parents "
    "grandparents children grandmother grandfather".split()
)
HOMELY = frozenset("eat read study work sleep rest relax play cook exercise".split())
SPOTS = words("here|there|outside|at home|inside|upstairs|downstairs|at work|abroad")
DENYING = words("never|rarely|almost never")
SPOUSES = frozenset("husband wife boyfriend girlfriend mother-in-law father-in-law".split())
KID_VERBS = frozenset(
    "eat drink play sleep cry laugh run draw paint swim sing dance smile jump shout read "
    "fall shower brush wash have look_at learn repeat use break lose forget hide color get sneeze "
    "cough share collect pick touch open close watch listen study do wake sit hug help".split()
)
NOT_DECORATED = frozenset(
    "family acquaintance occupation public transit place appointment room event language".split()
)
NOT_PLURAL = frozenset(
    "public place room event appointment home part landmark sky task material transit".split()
)
WORN = frozenset(("ponerse", "quitarse", "probarse"))
SOCIAL = frozenset(
    "comer cenar desayunar jugar estudiar trabajar viajar bailar cantar cocinar correr nadar "
    "caminar acampar pescar entrenar dar ir salir ver celebrar esquiar".split()
)
SELDOM = words(
    "travel to|fly to|move to|get married|camp|ski|plant|organize|rent|paint|build|design|"
    "decorate|book|explore|sign|repair|fix|climb|plan|celebrate|travel|measure|sew|sell|"
    "recycle|bake|photograph|collect|grow|visit|cancel|hang up|improve|charge|record|surprise|"
    "invite|attend|solve|memorize|translate|print|hide|receive|try|order|get lost|get sick|"
    "move|heat|make|go to event|empty|volunteer"
)
JUDGED = words("badly|too much|very little|enough|perfectly|very well|late|very late|well|a lot")
LONG_TIMES = words(
    "every summer|every month|every year|in summer|in winter|in spring|in autumn|twice a month|"
    "from time to time|every week|every weekend|on weekends"
)
MORNING = words("have breakfast|have dinner|have lunch|get up|wake up|go to bed")
DAY_PART = re.compile(r"night|afternoon|evening|morning|noon|breakfast|lunch|dinner|all day|after")
SKILLS = frozenset("swim ski draw dance play sew speak".split())
NOT_COMMANDED = words(
    "travel to|fly to|move to|visit|earn|dream of|get married|attend|enjoy|celebrate|love|wear|"
    "know|live in|play|speak|ski|camp|fish|rent|build|design|travel"
)
MOTION = words(
    "go to|go back to|go out|come back|arrive at|leave|travel to|fly to|walk to|go home|run to|"
    "go into|move to|stay at|go shopping|stay at home|live in|arrive late|arrive on time"
)
NOT_CAN = words("dream of|get up|wake up|talk about|think about|enjoy")
ALL_MODES = {**MODES, "know_how_can": _mode("can||base|saber|present")}


FAR = words(
    "travel to|fly to|move to|camp|ski|plant|organize|build|design|explore|climb|celebrate|"
    "travel|visit|rent|get married|live in|grow|volunteer"
)
FAR_TIME = re.compile(r"year|month|summer|winter|^in [JFMASOND]|weeks|spring|autumn")
NEAR_TIME = re.compile(r"minutes|hour|night|later|breakfast|class|dinner|lunch|work$|morning")


@cache
def fitting_times(tag: str, name: str) -> tuple[Phrase, ...]:
    """The time expressions for daily doings, or for those that people do now and then."""
    options = tagged(tag)
    if name in FAR:
        return tuple(
            p
            for p in options
            if not NEAR_TIME.search(p.english) and (tag != "hab" or p.english in LONG_TIMES)
        )
    seldom = name in SELDOM
    if tag == "hab":
        return tuple(p for p in options if (p.english in LONG_TIMES) == seldom)
    if tag in ("past", "fut"):
        if not (seldom and tag == "past"):
            options = tuple(p for p in options if not FAR_TIME.search(p.english))
        return tuple(p for p in options if not (seldom and NEAR_TIME.search(p.english)))
    return options


@cache
def verb_pool(pool: str, kid: bool) -> tuple[Verb, ...]:
    """The verb frames of people for a kind of clause."""
    frames = []
    for verb in lexicon.verbs():
        flags = verb.flags
        if not verb.human or (kid and verb.english.split()[0] not in KID_VERBS):
            continue
        if pool != "habit" and "st" in flags:
            continue
        if pool in ("habit", "progress") and "once" in flags:
            continue
        if pool == "progress" and ("nc" in flags or ("inv" in flags and verb.objects)):
            continue
        if pool in ("plan", "command", "can") and "inv" in flags:
            continue
        if pool == "progress" and verb.english in MOTION:
            continue
        if pool == "command" and verb.english in NOT_COMMANDED:
            continue
        if pool == "can" and verb.english in NOT_CAN:
            continue
        if pool == "transitive" and not pronounable(verb):
            continue
        if pool == "skill" and verb.english not in SKILLS | {"drive", "ride", "cook", "speak"}:
            continue
        frames.append(verb)
    return tuple(frames)


def pronounable(verb: Verb) -> bool:
    """Whether a thing as object can become a pronoun on both sides."""
    return bool(
        verb.objects
        and not verb.flags & {"inv", "st", "nopro", "pre", "artes"}
        and verb.determiner in ("the", "any", "art", "buy")
        and " " not in verb.spanish
        and not verb.spanish.endswith("se")
        and verb.english not in ("see",)
    )


# --- Patterns: clauses in every tense ------------------------------------------------------------

Pattern = Callable[[Grammar], Pair]
TIMES_OF = {
    "present": "hab", "past": "past", "future": "fut", "going": "fut", "progressive": "cont",
    "have_to": "fut", "must": "fut", "should": "fut", "want": "fut", "need": "fut", "hope": "fut",
    "plan": "fut", "can": "fut", "had_to": "past", "decided": "past", "forgot": "past",
    "tried": "past", "will_have_to": "fut", "able": "fut", "promised": "past", "like": "fut",
    "feel_like": "fut", "wanted": "", "managed": "past", "was_going": "", "would": "fut",
    "prefer": "fut",
}  # fmt: skip
POOLS = {
    "present": "habit", "past": "past", "progressive": "progress", "perfect": "past",
    "pluperfect": "past", "past_progressive": "progress", "know_how": "skill", "can": "can",
    "forgot": "plan", "used_to": "habit", "learn": "skill", "learned": "skill", "stop": "habit",
    "afraid": "plan", "keep": "progress", "started": "progress", "stopped": "progress",
    "able": "can",
}  # fmt: skip


def tense_pattern(mode: str, negative: bool = False, question: bool = False) -> Pattern:
    """A statement or yes/no question in one tense or with one auxiliary."""

    def pattern(g: Grammar) -> Pair:
        subject = g.asked() if question else g.someone()
        if subject.kid and mode in ("know_how", "learn", "learned"):
            raise RejectedError
        if question and mode in ("should", "have_to", "can") and g.chance(0.3):
            subject = I
        vp = g.vp(
            subject,
            POOLS.get(mode, "plan"),
            negative or question,
            extras=mode not in ("learn", "refuse"),
        )
        used = mode
        if mode in DUTIES and vp.verb.english in JOYS:
            raise RejectedError
        if "st" in vp.verb.flags and mode in ("used_to", "stop"):
            raise RejectedError
        time = timed(g, mode, vp)
        if "ambig" in vp.verb.flags and mode in ("present", "past") and not time.en:
            raise RejectedError
        if mode == "present" and vp.verb.english in SELDOM and not time.en:
            raise RejectedError
        if mode in ("used_to", "keep", "stop", "stopped", "started") and vp.verb.english in ONE_OFF:
            raise RejectedError
        if mode not in ("present", "past", "progressive") and vp.adverb.en in JUDGED:
            raise RejectedError
        if mode == "used_to":
            time = g.time("hab", vp.verb)
        if mode in ("started", "stopped", "stop", "keep") and vp.verb.english in SELDOM:
            raise RejectedError
        if mode == "would":
            time = g.one(WOULD[:3] if negative else WOULD)
            if "friend" in time.en and "friend" in vp.en("base"):
                raise RejectedError
        if mode == "can" and vp.verb.english in SKILLS:
            time = EMPTY
        if mode == "past_progressive":
            time = g.one(MEANWHILE)
        if mode == "progressive" and not time.en and g.chance(0.5):
            time = g.time("cont")
        clause = g.clause(subject, vp, used, negative, "yes/no" if question else "", time=time)
        return say(clause, "?" if question else ".")

    return pattern


DUTIES = frozenset("had_to have_to will_have_to must need forgot refuse afraid".split())
JOYS = frozenset(("enjoy", "have fun", "dream of", "sit down", "smile"))
ONE_OFF = frozenset(
    "open|close|lock|push|touch|carry|fill|fold|choose|pack my suitcase|correct|look for|"
    "heat|peel|cut|park|"
    "bring|send|try on|hide|put on|take off|sell|show|turn on|turn off|recycle|throw away|"
    "pay|share|sit down|have fun|wait for|use|empty|charge".split("|")
)
WOULD = pairs(
    "in that situation = en esa situación | in that case = en ese caso | "
    "in your place = en tu lugar | with more time = con más tiempo | "
    "with pleasure = con mucho gusto | if necessary = si fuera necesario | "
    "without any problem = sin ningún problema | for a friend = por un amigo"
)
MEANWHILE = pairs(
    "at that moment = en ese momento | all morning = toda la mañana | "
    "all afternoon = toda la tarde | at ten o'clock = a las diez | at midnight = a medianoche | "
    "an hour ago = hace una hora | when I saw them = cuando los vi"
)


def timed(g: Grammar, mode: str, vp: VP) -> Pair:
    """A time expression fit for a mode, or none."""
    tag = TIMES_OF.get(mode, "")
    likely = {
        "present": 0.75,
        "past": 0.85,
        "future": 0.7,
        "going": 0.7,
        "progressive": 0.4,
        "would": 0.2,
        "can": 0.35,
    }.get(mode, 0.45)
    if not tag or not g.chance(likely) or "st" in vp.verb.flags:
        return EMPTY
    return g.time(tag, vp.verb)


def frequency(g: Grammar) -> Pair:
    """`I usually cook at home.`"""
    subject = g.someone()
    vp = g.vp(subject, "habit", True)
    if "st" in vp.verb.flags or vp.verb.english in SELDOM:
        raise RejectedError
    phrase = g.phrase("freq")
    time = g.time("hab", vp.verb) if g.chance(0.15) and phrase.en == "usually" else EMPTY
    if phrase.en == "often":
        clause = g.clause(
            subject,
            replace(vp, tail=join(vp.tail, Pair("", "a menudo"))),
            "present",
            mid=Pair("often", ""),
        )
    elif phrase.en in ("never", "rarely", "almost never"):
        clause = g.clause(subject, vp, "present", mid=phrase)
    else:
        clause = g.clause(subject, vp, "present", mid=phrase, time=time)
    if "ambig" in vp.verb.flags and subject.agreement != "he":
        raise RejectedError
    return say(clause)


def frequency_question(g: Grammar) -> Pair:
    """`How often do you wash the car?`"""
    subject = g.asked()
    vp = g.vp(subject, "habit", True, extras=False)
    if "st" in vp.verb.flags:
        raise RejectedError
    clause = g.clause(subject, vp, "present", question="wh")
    return say(Pair(f"how often {clause.en}", f"con qué frecuencia {clause.es}"), "?")


def still(g: Grammar) -> Pair:
    """`I still work at the bank.`, `We don't live in Rome anymore.`"""
    subject = g.someone()
    vp = g.vp(subject, "habit", True)
    if "ambig" in vp.verb.flags or vp.adverb.en:
        raise RejectedError
    if g.chance(0.5):
        return say(g.clause(subject, vp, "present", mid=g.phrase("still")))
    clause = g.clause(subject, vp, "present", True)
    no_longer = g.clause(subject, vp, "present", mid=Pair("", "ya no"))
    return say(Pair(f"{clause.en} anymore", no_longer.es))


def perfect(g: Grammar) -> Pair:
    """`I've already washed the car.`, `She has never been …`, with today, many times …"""
    subject = g.someone()
    vp = g.vp(subject, "past", True, extras=g.chance(0.3))
    point = g.number(4)
    if point == 0:
        return say(g.clause(subject, vp, "perfect", mid=Pair("already", "ya")))
    if point == 1 and vp.verb.objects:
        return say(g.clause(subject, vp, "perfect", mid=Pair("never", "nunca")))
    tag = "perf0" if g.chance(0.5) and not vp.adverb.en else "perf"
    if tag == "perf0" and vp.verb.flags & {"st"}:
        raise RejectedError
    return say(g.clause(subject, vp, "perfect", time=g.time(tag)))


def not_yet(g: Grammar) -> Pair:
    """`I haven't read the book yet.`"""
    subject = g.someone()
    vp = g.vp(subject, "past", True, extras=False)
    clause = g.clause(subject, vp, "perfect", True, mid=Pair("", "todavía"))
    return say(Pair(f"{clause.en} yet", clause.es))


def ever(g: Grammar) -> Pair:
    """`Have you ever visited Rome?`, `Have you finished the report yet?`"""
    subject = g.asked()
    vp = g.vp(subject, "past", True, extras=False)
    if g.chance(0.5):
        clause = g.clause(
            replace(subject, vocative=EMPTY), vp, "perfect", question="yes/no", mid=Pair("ever", "")
        )
        head, rest = clause.es.split(" " + vp.es_rest, 1) if vp.es_rest else (clause.es, "")
        es = " ".join(p for p in (head, "alguna vez", vp.es_rest + rest) if p)
        return say(Pair(clause.en + subject.vocative.en, es + subject.vocative.es), "?")
    plain = replace(subject, vocative=EMPTY)
    clause = g.clause(plain, replace(vp, subject=plain), "perfect", question="yes/no")
    es = (
        f"ya {clause.es}"
        if not subject.inside
        else clause.es.replace(subject.inside, f"{subject.inside} ya", 1)
    )
    return say(Pair(f"{clause.en} yet{subject.vocative.en}", es + subject.vocative.es), "?")


def just_now(g: Grammar) -> Pair:
    """`I've just closed the window.`"""
    subject = g.someone()
    return say(g.clause(subject, g.vp(subject, "past", True, extras=False), "just"))


def while_past(g: Grammar) -> Pair:
    """`I was cooking when you called.`"""
    subject = g.someone()
    vp = g.vp(subject, "progress", extras=g.chance(0.5))
    main = g.clause(subject, vp, "past_progressive")
    event = g.one(
        pairs(
            "when you called = cuando llamaste | when I arrived = cuando llegué | "
            "when it started to rain = cuando empezó a llover | "
            "when the phone rang = cuando sonó el teléfono | "
            "when the lights went out = cuando se fue la luz | "
            "when someone knocked on the door = cuando alguien llamó a la puerta | "
            "at that moment = en ese momento | at ten o'clock = a las diez | "
            "when my phone broke = cuando se me rompió el teléfono | "
            "when we arrived home = cuando llegamos a casa | "
            "when the guests arrived = cuando llegaron los invitados"
        )
    )
    if ("I arrived" in event.en and subject.en == "I") or (
        "you" in event.en and subject.en == "you"
    ):
        raise RejectedError
    return say(join(main, event))


def pluperfect(g: Grammar) -> Pair:
    """`When I arrived, she had already left the office.`"""
    subject = g.someone(0.5)
    vp = g.vp(subject, "past", True, extras=False)
    clause = g.clause(subject, vp, "pluperfect", mid=Pair("already", "ya"), opening=False)
    when = g.one(
        pairs(
            "when I got home = cuando llegué a casa | when I arrived = cuando llegué | "
            "when they called = cuando llamaron | by midnight = a medianoche | "
            "when the film ended = cuando terminó la película | "
            "before ten o'clock = antes de las diez | when the sun came out = cuando salió el sol"
        )
    )
    if subject.en in ("I", "he", "she") or (subject.kind == "name" and "I" in subject.en):
        raise RejectedError
    return say(Pair(f"{when.en}, {clause.en}", f"{when.es}, {clause.es}"))


def wh_question(word: Pair, modes: Sequence[str], pool: str = "", place: bool = True) -> Pattern:
    """When, where, why, how, with whom …"""

    def pattern(g: Grammar) -> Pair:
        subject = g.asked()
        mode = g.one(modes)
        vp = g.vp(subject, pool or POOLS.get(mode, "plan"), extras=False)
        if "st" in vp.verb.flags:
            raise RejectedError
        if word.en == "where" and (not vp.verb.places or "goto" in vp.verb.flags):
            raise RejectedError
        if word.en == "when" and vp.verb.english in ("arrive late", "arrive on time"):
            raise RejectedError
        if word.en == "how" and subject.en == "I":
            raise RejectedError
        if word.en == "who":  # with whom
            if vp.verb.spanish.split()[0] not in SOCIAL:
                raise RejectedError
            clause = g.clause(replace(subject, vocative=EMPTY), vp, mode, question="wh")
            return say(
                Pair(
                    f"who {clause.en} with{subject.vocative.en}",
                    f"con quién {clause.es}{subject.vocative.es}",
                ),
                "?",
            )
        negative = word.en == "why" and g.chance(0.4) and subject.agreement != "I"
        plain = replace(subject, vocative=EMPTY)
        time = (
            g.time(TIMES_OF[mode], vp.verb)
            if word.en == "why" and g.chance(0.4) and (TIMES_OF.get(mode))
            else EMPTY
        )
        clause = g.clause(plain, vp, mode, negative, "wh", time=time)
        return say(
            Pair(
                f"{word.en} {clause.en}{subject.vocative.en}",
                f"{word.es} {clause.es}{subject.vocative.es}",
            ),
            "?",
        )

    return pattern


def what_object(g: Grammar) -> Pair:
    """`What are you cooking?`, `What did your sister buy?`"""
    subject = g.asked()
    verbs = [v for v in verb_pool("plan", subject.kid) if v.english in WHAT_VERBS]
    verb = g.word(verbs)
    mode = g.one(
        (
            "present",
            "past",
            "future",
            "going",
            "progressive",
            "want",
            "can",
            "should",
            "need",
            "have_to",
            "perfect",
        )
    )
    if mode == "progressive" and verb.english in ("choose",):
        raise RejectedError
    vp = replace(g.vp(subject, "plan", verb=verb, extras=False), object=EMPTY, np=None)
    plain = replace(subject, vocative=EMPTY)
    time = EMPTY
    if g.chance(0.6) and TIMES_OF.get(mode):
        time = g.time(TIMES_OF[mode], verb)
    elif verb.places and g.chance(0.4) and "goto" not in verb.flags:
        time = g.place(nouns_of(*verb.places))
    clause = g.clause(plain, vp, mode, question="wh", time=time)
    return say(
        Pair(f"what {clause.en}{subject.vocative.en}", f"qué {clause.es}{subject.vocative.es}"), "?"
    )


WHAT_VERBS = frozenset(
    "eat drink cook prepare buy sell bring carry wear read write send watch study clean "
    "learn teach explain paint draw build design plan organize order download choose repair "
    "practice collect celebrate plant record".split()
)


def which_object(g: Grammar) -> Pair:
    """`Which shirt are you going to buy?`, `How many eggs do you need?`"""
    subject = g.asked()
    verb = g.word([v for v in verb_pool("transitive", subject.kid) if v.objects])
    noun = g.word([n for n in nouns_of(verb.objects) if n.number == "c"])
    plural = g.chance(0.4)
    np = g.np(noun, "", plural)
    mode = g.one(("past", "going", "want", "future", "have_to", "should"))
    if g.chance(0.5):
        start = Pair(f"which {np.en}", f"qué {np.es}")
    else:
        np = g.np(noun, "", True)
        start = Pair(f"how many {np.en}", f"{agree('cuánto', noun.gender, True)} {np.es}")
    vp = VP(verb, subject)
    plain = replace(subject, vocative=EMPTY)
    clause = g.clause(plain, vp, mode, question="wh")
    voc = subject.vocative
    return say(Pair(f"{start.en} {clause.en}{voc.en}", f"{start.es} {clause.es}{voc.es}"), "?")


def who_subject(g: Grammar) -> Pair:
    """`Who broke the window?`, `Who is going to wash the dishes?`"""
    subject = Subject("who", "quién", EL)
    mode = g.one(("past", "going", "want", "can", "future", "have_to", "perfect", "present"))
    vp = g.vp(subject, POOLS.get(mode, "plan"))
    if (vp.np and "own" in vp.np.det) or "ownslot" in vp.verb.flags or "his" in vp.en("base"):
        raise RejectedError
    if mode == "present" and vp.verb.english in SELDOM:
        raise RejectedError
    time = timed(g, mode, vp)
    if vp.verb.flags & {"predadj"}:
        raise RejectedError
    return say(g.clause(subject, vp, mode, time=time), "?")


def who_object(g: Grammar) -> Pair:
    """`Who did you call yesterday?`"""
    subject = g.asked()
    pair = g.one(
        (
            ("call", "llamar", "a"),
            ("help", "ayudar", "a"),
            ("invite", "invitar", "a"),
            ("talk to", "hablar", "con"),
            ("visit", "visitar", "a"),
            ("wait for", "esperar", "a"),
            ("look for", "buscar", "a"),
            ("see", "ver", "a"),
            ("dance with", "bailar", "con"),
            ("work with", "trabajar", "con"),
            ("travel with", "viajar", "con"),
            ("have lunch with", "comer", "con"),
            ("live with", "vivir", "con"),
            ("talk about", "hablar", "de"),
            ("listen to", "escuchar", "a"),
            ("write to", "escribir", "a"),
        )
    )
    english, spanish, preposition = pair
    mode = g.one(("past", "going", "want", "progressive", "have_to", "should", "future"))
    if (english in ("see", "live with") and mode == "progressive") or (
        english == "live with" and mode == "past"
    ):
        raise RejectedError
    if preposition == "a" and english == "write to":
        raise RejectedError
    verb = simple_verb(english, spanish)
    plain = replace(subject, vocative=EMPTY)
    time = g.time(TIMES_OF[mode]) if english != "live with" and g.chance(0.5) else EMPTY
    clause = g.clause(plain, VP(verb, plain), mode, question="wh", time=time)
    voc = subject.vocative
    return say(Pair(f"who {clause.en}{voc.en}", f"{preposition} quién {clause.es}{voc.es}"), "?")


def simple_verb(english: str, spanish: str, flags: str = "") -> Verb:
    """A verb frame made on the spot."""
    return Verb(english, spanish, ("human",), "", "", frozenset(flags.split()), frozenset(), ())


# --- Patterns: commands and requests -------------------------------------------------------------


def es_command(vp: VP, person: int, negative: bool) -> str:
    """The Spanish imperative with its pronouns."""
    clitics = vp.all_clitics(person)
    if negative:
        return " ".join(
            w for w in ("no", *clitics, subjunctive(vp.infinitive)[person], vp.es_rest) if w
        )
    form = command(vp.infinitive, person)
    if vp.infinitive == "ir" and person == TU and clitics:
        form = "ve"
    return f"{attach(form, clitics)} {vp.es_rest}".strip()


def imperative(g: Grammar) -> Pair:
    """Commands to tú, usted and vosotros, affirmative and negative, with please or a vocative."""
    point = g.rng.random()
    name = g.name()
    person, before, after, subject = TU, EMPTY, EMPTY, YOU
    if point < 0.3:
        after = g.one((Pair(", please", ", por favor"), Pair(f", {name.en}", f", {name.es}")))
    elif point < 0.4:
        before = g.one((Pair("Please, ", "Por favor, "), Pair(f"{name.en}, ", f"{name.es}, ")))
    elif point < 0.5:
        person = VOSOTROS
        after = g.one(
            (
                Pair(", children", ", niños"),
                Pair(", everyone", ""),
                Pair(", friends", ", amigos"),
                Pair(", you two", ", vosotros dos"),
            )
        )
        after = Pair(", everyone", ", todos") if after.en == ", everyone" else after
        subject = YOU_GUYS
    elif point < 0.6:
        subject = g.polite()
        person, after = EL, subject.vocative
    if person == VOSOTROS:
        subject = replace(subject, en="you", gender="m", kid=after.en == ", children")
    negative = g.chance(0.35)
    vp = g.vp(subject, "command", negative)
    if vp.verb.english in ("make the bed", "take") and negative:
        raise RejectedError
    base = "hurry up" if vp.verb.english == "hurry" else vp.en("base")
    time = EMPTY
    if g.chance(0.3) and not negative and not vp.adverb.en:
        time = g.one(
            pairs(
                "now = ahora | tomorrow = mañana | today = hoy | "
                "before dinner = antes de cenar | tonight = esta noche | "
                "after class = después de clase"
            )
        )
    en = f"{'don' + chr(39) + 't ' if negative else ''}{base} {time.en}".strip()
    es = f"{es_command(vp, person, negative)} {time.es}".strip()
    mark = "!" if g.chance(0.06) and point >= 0.6 else "."
    return say(Pair(before.en + en + after.en, before.es + es + after.es), mark)


def lets(g: Grammar) -> Pair:
    """`Let's cook something.`"""
    vp = g.vp(WE, "command")
    time = g.time("fut", vp.verb) if g.chance(0.45) else EMPTY
    vp = replace(vp, tail=join(vp.tail, time))
    es = f"vamos a {vp.es_infinitive(NOSOTROS)}"
    return say(Pair(f"let's {vp.en('base')}", es))


def shall_we(g: Grammar) -> Pair:
    """`Why don't we go to the beach?`, `How about cooking fish?`"""
    vp = g.vp(WE, "command")
    time = g.time("fut", vp.verb) if g.chance(0.5) else EMPTY
    vp = replace(vp, tail=join(vp.tail, time))
    if g.chance(0.5):
        return say(
            Pair(f"why don't we {vp.en('base')}", f"por qué no {vp.es_form('present', NOSOTROS)}"),
            "?",
        )
    return say(Pair(f"shall we {vp.en('base')}", vp.es_form("present", NOSOTROS)), "?")


def request(g: Grammar) -> Pair:
    """`Could you open the window, please?`, `Can you help me …?`"""
    subject = g.one((YOU, YOU, YOU, g.polite()))
    vp = g.vp(subject, "command", extras=False)
    rest = vp.es_infinitive(subject.person)
    voc = subject.vocative
    formal = bool(voc.en)
    kind = g.number(4)
    if kind == 1 and vp.verb.english in SKILLS:
        raise RejectedError
    if kind == 0:
        pair = Pair(
            f"could you {vp.en('base')}{voc.en}",
            f"{'podría' if formal else 'podrías'} {rest}{voc.es}",
        )
    elif kind == 1:
        pair = Pair(
            f"can you {vp.en('base')}{voc.en}", f"{'puede' if formal else 'puedes'} {rest}{voc.es}"
        )
    elif kind == 2:
        pair = Pair(
            f"can you help me {vp.en('base')}{voc.en}",
            f"{'puede' if formal else 'puedes'} ayudarme a {rest}{voc.es}",
        )
        if vp.reflexive or vp.verb.english not in HELPED:
            raise RejectedError
    else:
        pair = Pair(
            f"would you mind {vp.en('ing')}{voc.en}",
            f"{'le' if formal else 'te'} importaría {rest}{voc.es}",
        )
    if g.chance(0.4) and not formal:
        pair = Pair(f"{pair.en}, please", f"{pair.es}, por favor")
    return say(pair, "?")


HELPED = frozenset(
    "cook|prepare|wash|clean|tidy|write|translate|repair|fix|move|paint|decorate|build|"
    "solve|finish|"
    "look for|find|choose|carry|fold|hang up|plan|organize|design|correct|understand|"
    "fill in|cut|peel|"
    "make the bed|do the dishes|do the shopping|download|plant|pack my suitcase|park|open|"
    "close".split("|")
)


def may_i(g: Grammar) -> Pair:
    """`Can I open the window?`, `May I sit here?`"""
    vp = g.vp(I, "command")
    english = g.one(("can I", "may I", "could I"))
    spanish = "podría" if english == "could I" else "puedo"
    if (english == "can I" and vp.verb.english in SKILLS) or vp.verb.english in ("shout", "cry"):
        raise RejectedError
    time = g.time("fut", vp.verb) if g.chance(0.15) else EMPTY
    vp = replace(vp, tail=join(vp.tail, time))
    return say(Pair(f"{english} {vp.en('base')}", f"{spanish} {vp.es_infinitive(YO)}"), "?")


def order_food(g: Grammar) -> Pair:
    """`I'd like a coffee, please.`, `A bottle of water, please.`"""
    order = portion(g)
    kind = g.number(5)
    if kind == 0:
        return say(Pair(f"I'd like {order.en}, please", f"quisiera {order.es}, por favor"))
    if kind == 1:
        return say(Pair(f"{order.en}, please", f"{order.es}, por favor"))
    if kind == 2:
        return say(Pair(f"can I have {order.en}, please", f"me pone {order.es}, por favor"), "?")
    if kind == 3:
        return say(Pair(f"would you like {order.en}", f"te gustaría tomar {order.es}"), "?")
    return say(Pair(f"do you want {order.en}", f"quieres {order.es}"), "?")


def portion(g: Grammar) -> Pair:
    """`two glasses of milk`, `a sandwich`, `some bread`."""
    point = g.rng.random()
    count = g.one((1, 1, 1, 2, 2, 3))
    if point < 0.45:
        noun = g.word([n for n in nouns_of("drink") if n.number == "u"])
        unit = (
            "glass vaso m"
            if noun.english not in ("coffee", "tea", "hot chocolate")
            else ("cup taza f")
        )
        if noun.english == "wine":
            unit = "glass copa f"
        elif g.chance(0.4) and not unit.startswith("cup"):
            unit = "bottle botella f"
        return counted(unit, count, noun)
    if point < 0.62:
        noun = g.word([n for n in nouns_of("food", "ingredient") if n.number == "u"])
        unit = "kilo kilo m" if g.chance(0.5) else "piece trozo m"
        if noun.types & {"ingredient"} or noun.english in (
            "yogurt",
            "soup",
            "honey",
            "jam",
            "cream",
        ):
            unit = "spoonful cucharada f"
        if noun.english in ("olive oil", "vinegar"):
            unit = "bottle botella f"
        if noun.english in ("rice", "pasta", "corn", "soup", "paella"):
            unit = "plate plato m"
        if noun.english == "ice cream" and unit.startswith("piece"):
            unit = "cup tarrina f"
        return counted(unit, count, noun)
    if point < 0.8:
        noun = g.word([n for n in nouns_of("fruit", "veg", "cookable") if n.number == "c"])
        unit = "kilo kilo m"
        np = g.np(noun, "", True)
        words = counted(unit, count, noun)
        base = words.en.rsplit(" of ", 1)[0], words.es.rsplit(" de ", 1)[0]
        return Pair(f"{base[0]} of {np.en}", f"{base[1]} de {np.es}")
    noun = g.word([n for n in nouns_of("dish", "sweet", "drink") if n.number == "c"])
    return g.np(noun, "a").pair if count == 1 else counted_np(g, noun, count)


def counted(unit: str, count: int, noun: Noun) -> Pair:
    """`two bottles of water`."""
    english, spanish, gender = unit.split()
    if count == 1:
        article = "una" if gender == "f" else "un"
        return Pair(f"a {english} of {noun.english}", f"{article} {spanish} de {noun.spanish}")
    en_number, es_number = NUMBERS[count].split()
    return Pair(
        f"{en_number} {lexicon.english_plural(english)} of {noun.english}",
        f"{es_number} {spanish}s de {noun.spanish}",
    )


def counted_np(g: Grammar, noun: Noun, count: int) -> Pair:
    """`three apples`."""
    en_number, es_number = NUMBERS[count].split()
    np = g.np(noun, "", True)
    return Pair(f"{en_number} {np.en}", f"{es_number} {np.es}")


# --- Patterns: liking ----------------------------------------------------------------------------


def experiencer(subject: Subject, opening: bool = True, question: bool = False) -> str:
    """The Spanish `A Ana`, `A él` before le gusta."""
    if subject.kind == "pronoun":
        return f"a {subject.es}" if subject.es and opening and not question else ""
    return f"a {subject.es}"


def generic(g: Grammar, noun: Noun) -> NP:
    """A whole kind: `cats` – `los gatos`, `milk` – `la leche`; names stay bare."""
    if noun.number == "n":
        return g.np(noun, "")
    np = g.np(noun, "the", noun.number == "c")
    en = np.en.removeprefix("the ")
    return replace(np, en=en)


KIND_TYPES = (
    "fruit veg cookable dish sweet drink pet farm wild insect vehicle watchable book sport subject "
    "leisure leisure season season weather weather leisure season sky sky sight plant language "
    "instrument weather city country listenable jewel event sky gift creature creature "
    "food".split()
)


NOT_KINDS = words("stone|cold|moon|sun|sea|swimming|dancing|cooking|painting|fishing|cycling")


def kind_noun(g: Grammar) -> Noun:
    """A noun one can like as a kind."""
    kind = g.one(KIND_TYPES)
    nouns = [n for n in nouns_of(kind) if n.english not in NOT_KINDS]
    return g.word(nouns)


def like_kind(negative: bool, question: bool) -> Pattern:
    """gustar and encantar with a kind: `I like apples.`, `Ana loves chess.`"""

    def pattern(g: Grammar) -> Pair:
        subject = g.asked() if question else g.someone()
        noun = kind_noun(g)
        np = generic(g, noun)
        love = not negative and not question and g.chance(0.4)
        tail = EMPTY
        if not love and g.chance(0.35) and not question:
            tail = Pair("very much", "mucho") if g.chance(0.5) else Pair("a lot", "mucho")
            if negative:
                tail = Pair("very much", "mucho")
        verb = "love" if love else "like"
        clitic = DATIVE[subject.person]
        form = ("encanta" if love else "gusta") + ("n" if np.plural else "")
        vp = VP(simple_verb(verb, "gustar"), subject, Pair(np.en, ""), tail=Pair(tail.en, ""))
        plain = replace(subject, vocative=EMPTY)
        en = en_clause(plain, vp, MODES["present"], negative, question, "", True)
        words = (
            experiencer(plain, True, question),
            "no" if negative else "",
            clitic,
            form,
            tail.es,
            np.es,
        )
        es = " ".join(w for w in words if w)
        voc = subject.vocative
        return say(Pair(en + voc.en, es + voc.es), "?" if question else ".")

    return pattern


def like_doing(g: Grammar) -> Pair:
    """`I like reading in bed.`, `She loves to travel.`, `Do you like cooking?`"""
    question = g.chance(0.25)
    subject = g.asked() if question else g.someone()
    vp = g.vp(subject, "plan")
    if vp.verb.flags & {"once"} or vp.verb.english in ("fill", "lock", "print", "pay"):
        raise RejectedError
    if vp.np and vp.np.det in ("a",) and vp.verb.objects not in ("tryable",) and g.chance(0.6):
        raise RejectedError
    love = not question and g.chance(0.35)
    negative = not question and not love and g.chance(0.4)
    verb = "love" if love else "like"
    complement = vp.en("ing") if g.chance(0.6) else "to " + vp.en("base")
    plain = replace(subject, vocative=EMPTY)
    liking = VP(simple_verb(verb, "gustar"), plain, Pair(complement, ""))
    en = en_clause(plain, liking, MODES["present"], negative, question, "", True)
    words = (
        experiencer(plain, True, question),
        "no" if negative else "",
        DATIVE[subject.person],
        "encanta" if love else "gusta",
        vp.es_infinitive(subject.person),
    )
    voc = subject.vocative
    es = " ".join(w for w in words if w)
    return say(Pair(en + voc.en, es + voc.es), "?" if question else ".")


def would_like_to(g: Grammar) -> Pair:
    """`I'd like to visit Rome.`, `Would you like to dance?`"""
    question = g.chance(0.4)
    subject = g.asked() if question else g.someone()
    vp = g.vp(subject, "plan")
    time = g.time("fut", vp.verb) if g.chance(0.4) else EMPTY
    vp = replace(vp, tail=join(vp.tail, time))
    plain = replace(subject, vocative=EMPTY)
    like = "love" if not question and g.chance(0.25) else "like"
    es_like = "encantaría" if like == "love" else "gustaría"
    en_vp = f"{like} to {vp.en('base')}"
    if question:
        en = f"would {plain.en} {en_vp}"
    else:
        short = plain.en in ("I", "you", "he", "she", "we", "they") and g.chance(0.8)
        en = f"{plain.en}{chr(39) + 'd' if short else ' would'} {en_vp}"
    words = (
        experiencer(plain, True, question),
        DATIVE[subject.person],
        es_like,
        vp.es_infinitive(subject.person),
    )
    voc = subject.vocative
    es = " ".join(w for w in words if w)
    return say(Pair(en + voc.en, es + voc.es), "?" if question else ".")


def liked_past(g: Grammar) -> Pair:
    """`I liked the concert a lot.`, `Did you like the soup?`"""
    noun = g.word(
        nouns_of(
            "watchable",
            "dish",
            "event",
            "gift",
            "sight",
            "place",
            "listenable",
            "book",
            "sweet",
            "readable",
            "city",
        )
    )
    np = g.np(
        noun,
        "" if noun.number == "n" else g.one(("the", "the", "this", "that")),
        g.chance(0.2) and noun.number == "c",
    )
    form = "gustaron" if np.plural else "gustó"
    point = g.number(3)
    if point == 0:
        subject = g.asked()
        voc, plain = subject.vocative, replace(subject, vocative=EMPTY)
        es = f"{experiencer(plain, True, True)} {DATIVE[subject.person]} {form} {np.es}".strip()
        return say(Pair(f"did {subject.en} like {np.en}{voc.en}", es + voc.es), "?")
    subject = g.someone()
    head = experiencer(subject)
    if point == 1:
        es = f"{head} no {DATIVE[subject.person]} {form} {np.es}".strip()
        return say(Pair(f"{subject.en} didn't like {np.en}", es))
    verb = "loved" if g.chance(0.4) else "liked"
    if verb == "loved":
        form = "encantaron" if np.plural else "encantó"
    es = f"{head} {DATIVE[subject.person]} {form} {np.es}".strip()
    return say(Pair(f"{subject.en} {verb} {np.en}", es))


def love_people(g: Grammar) -> Pair:
    """`I love my grandmother.`, `Do you miss your friends?`, `He doesn't trust his boss.`"""
    question = g.chance(0.3)
    subject = g.asked() if question else g.someone()
    if subject.kid:
        raise RejectedError
    names = ("love", "miss", "know", "trust", "understand")
    verb = g.word(
        [
            v
            for v in verb_pool("habit", False)
            if v.english in names and "st" in v.flags and v.determiner == "own"
        ]
    )
    voc, plain = subject.vocative, replace(subject, vocative=EMPTY)
    vp = g.vp(plain, "habit", verb=verb)
    negative = not question and verb.english != "love" and g.chance(0.25)
    mode = "state_past" if g.chance(0.2) and not question else "present"
    clause = g.clause(plain, vp, mode, negative, "yes/no" if question else "")
    return say(Pair(clause.en + voc.en, clause.es + voc.es), "?" if question else ".")


def interest(g: Grammar) -> Pair:
    """`I'm interested in history.`, `My sister hates noise.`, `I prefer tea to coffee.`"""
    kind = g.number(3)
    subject = g.someone()
    if kind == 0:
        noun = g.word(
            nouns_of(
                "subject",
                "leisure",
                "sport",
                "language",
                "insect",
                "wild",
                "plant",
                "leisure",
                "leisure",
            )
        )
        np = generic(g, noun)
        form = "interesan" if np.plural else "interesa"
        negative = g.chance(0.3)
        en = contracted(subject, finite_aux("be", subject), negative, True)
        no = " no" if negative else ""
        es = f"{experiencer(subject)}{no} {DATIVE[subject.person]} {form} {np.es}".strip()
        return say(Pair(f"{en} interested in {np.en}", es))
    if kind == 1:
        np = generic(g, g.word(nouns_of("hatable", "insect", "veg")))
        vp = VP(simple_verb("hate", "odiar"), subject, np.pair)
        return say(g.clause(subject, vp, "present"))
    types = g.one(
        (
            ("fruit",),
            ("drink",),
            ("season",),
            ("season",),
            ("leisure",),
            ("sport",),
            ("veg",),
            ("city",),
            ("subject",),
            ("sweet",),
            ("dish",),
            ("watchable",),
            ("pet",),
            ("cookable",),
            ("leisure",),
            ("language",),
            ("jewel",),
            ("vehicle",),
            ("instrument",),
        )
    )
    first, second = g.word(nouns_of(*types)), g.word(nouns_of(*types))
    if first.spanish == second.spanish or {first.english, second.english} & NOT_KINDS:
        raise RejectedError
    one, two = generic(g, first), generic(g, second)
    vp = VP(
        simple_verb("prefer", "preferir"),
        subject,
        Pair(f"{one.en} to {two.en}", f"{one.es} a {two.es}"),
    )
    return say(g.clause(subject, vp, "present"))


# --- Patterns: to be -----------------------------------------------------------------------------


def predicate_np(g: Grammar) -> tuple[NP, Adjective]:
    """A thing or animal and an adjective for it."""
    copulas = [a for a in lexicon.adjectives() if "noprd" not in a.flags and "nat" not in a.flags]
    adjective = g.word(copulas)
    fitting = adjective_nouns(adjective)
    if not fitting:
        raise RejectedError
    noun = g.word(fitting)
    if "family" in noun.types or "acquaintance" in noun.types:
        owner = g.one(("my", "your", "his", "her", "our", "their"))
        det = f"own:{owner}:{({'my': YO, 'your': TU, 'our': NOSOTROS}).get(owner, EL)}"
    elif noun.number == "n":
        det = ""
    elif noun.types & GENERIC or adjective.english == "healthy":
        return generic(g, noun), adjective
    elif noun.number == "u" or noun.types & {"food", "drink", "weather"}:
        det = g.one(("the", "this"))
    elif noun.types & OWNABLE and g.chance(0.35):
        owner = g.one(("my", "your", "his", "her", "our", "their"))
        det = f"own:{owner}:{({'my': YO, 'your': TU, 'our': NOSOTROS}).get(owner, EL)}"
    else:
        det = g.one(("the", "the", "this", "that"))
    plural = (
        noun.number == "c"
        and noun.english not in SINGLE
        and (noun.english in PLURAL_ONLY or g.chance(0.22))
    )
    return g.np(noun, det, plural), adjective


GENERIC = frozenset("subject language sport leisure season value".split())


@cache
def adjective_nouns(adjective: Adjective) -> tuple[Noun, ...]:
    """The nouns that an adjective can be said of."""
    return tuple(n for n in lexicon.nouns() if adjective in lexicon.adjectives_for(n))


def said(np: NP, adjective: Adjective) -> str:
    """The Spanish adjective agreeing with a noun phrase."""
    return agree(adjective.spanish, np.gender, np.plural, "inv" in adjective.flags)


DEGREES = pairs(
    "very = muy | very = muy | too = demasiado | so = tan | quite = bastante | a little = un poco"
)


def graded(g: Grammar, adjective: Adjective, negative: bool = False) -> Pair:
    """Perhaps `very`, `too`, `quite` before a gradable adjective."""
    if (
        not adjective.comparison
        or not g.chance(0.4)
        or adjective.spanish in ("delicioso", "precioso")
    ):
        return EMPTY
    degree = g.one(DEGREES)
    if degree.en == "so" or (negative and degree.en not in ("very", "too")):
        return EMPTY
    if degree.en == "a little" and adjective.english not in NEGATIVE_ADJECTIVES:
        return EMPTY
    if degree.en == "too" and adjective.english not in NEGATIVE_ADJECTIVES | EXCESSIVE:
        return EMPTY
    return degree


EXCESSIVE = frozenset(
    "big small short long hot high sweet narrow wide simple difficult easy huge full young "
    "talkative dangerous quiet fast".split()
)
NEGATIVE_ADJECTIVES = frozenset(
    "expensive heavy tired nervous worried sad boring strange cold salty dirty slow loud angry "
    "bored shy lazy stubborn old wet dark serious".split()
)


def describe(tense: str, negative: bool = False, question: bool = False) -> Pattern:
    """A thing, animal or relative is (was, will be) so."""

    def pattern(g: Grammar) -> Pair:
        np, adjective = predicate_np(g)
        degree = graded(g, adjective, negative or question)
        words = join(degree, Pair(adjective.english, said(np, adjective)))
        passing = {"event", "appointment", "task", "show"}
        if tense == "future" and adjective.copula == "ser" and not np.noun.types & passing:
            raise RejectedError
        clause = g.be(np.subject(), words, adjective.copula, tense, negative, question)
        if question:
            # Verb, adjective, subject: ¿Está abierta la puerta?
            form = TENSES[tense](adjective.copula)[np.subject().person]
            clause = Pair(clause.en, f"{form} {words.es} {np.es}")
        return say(clause, "?" if question else ".")

    return pattern


def person_is(tense: str, negative: bool = False, question: bool = False) -> Pattern:
    """A pronoun or name with an adjective: `She's tired.`, `Are you busy?`"""

    def pattern(g: Grammar) -> Pair:
        subject = g.asked() if question else g.someone(0.85)
        if subject.kid:
            raise RejectedError
        options = [
            a
            for a in lexicon.adjectives()
            if PERSON_NOUN_TYPES & a.types and "noprd" not in a.flags
        ]
        adjective = g.word(options)
        if adjective.english == "handsome" and subject.gender == "f":
            raise RejectedError
        degree = graded(g, adjective, negative or question)
        form = agree(adjective.spanish, subject.gender, subject.plural)
        time = EMPTY
        if adjective.copula == "estar" and g.chance(0.4) and adjective.english != "married":
            time = {
                "present": Pair("today", "hoy"),
                "imperfect": g.one((Pair("yesterday", "ayer"), Pair("last night", "anoche"))),
                "future": Pair("tomorrow", "mañana"),
            }[tense]
        if tense == "future" and adjective.copula == "ser":
            raise RejectedError
        words = join(degree, Pair(adjective.english, form), time)
        voc = subject.vocative
        plain = replace(subject, vocative=EMPTY)
        clause = g.be(plain, words, adjective.copula, tense, negative, question)
        return say(Pair(clause.en + voc.en, clause.es + voc.es), "?" if question else ".")

    return pattern


PERSON_NOUN_TYPES = frozenset(("occupation",))


def profession(g: Grammar) -> Pair:
    """`She's a doctor.`, `My uncle was a sailor.`, `Are you a student?`"""
    question = g.chance(0.25)
    subject = g.asked() if question else g.someone(0.5)
    if subject.kid or subject.person in (NOSOTROS, VOSOTROS) or "the " in subject.en:
        raise RejectedError
    noun = g.word(nouns_of("occupation"))
    if noun.gender == "f" and subject.gender == "m":
        raise RejectedError
    if (
        noun.gender == "m"
        and subject.gender == "f"
        and noun.english in ("actor", "waiter", "fisherman", "postman")
    ):
        raise RejectedError
    es_noun = noun.spanish_plural if subject.plural else noun.spanish
    if subject.gender == "f" and noun.gender == "m":
        es_noun = feminine_job(noun.spanish)
    en_noun = noun.english_plural if subject.plural else f"a {noun.english}"
    tense = g.one(("present", "present", "imperfect"))
    negative = not question and g.chance(0.2)
    voc = subject.vocative
    clause = g.be(
        replace(subject, vocative=EMPTY), Pair(en_noun, es_noun), "ser", tense, negative, question
    )
    return say(Pair(clause.en + voc.en, clause.es + voc.es), "?" if question else ".")


def feminine_job(spanish: str) -> str:
    """The feminine of a job: `médico` -> `médica`, `profesor` -> `profesora`."""
    special = {
        "guía turístico": "guía turística",
        "actor": "actriz",
        "juez": "jueza",
        "bailarín": "bailarina",
        "director de cine": "directora de cine",
    }
    if spanish in special:
        return special[spanish]
    if spanish.endswith("o"):
        return spanish[:-1] + "a"
    if spanish.endswith("or"):
        return spanish + "a"
    return spanish


def wants_to_be(g: Grammar) -> Pair:
    """`My son wants to be a pilot.`"""
    subject = g.one((g.relative(True), g.name(), I, HE, SHE, YOU))
    noun = g.word(nouns_of("occupation"))
    if noun.gender == "f" or subject.plural or subject.word == "old":
        raise RejectedError
    spanish = feminine_job(noun.spanish) if subject.gender == "f" else noun.spanish
    if subject.gender == "f" and noun.english in ("actor", "waiter", "fisherman", "postman"):
        raise RejectedError
    vp = VP(simple_verb("be", "ser"), subject, Pair(f"a {noun.english}", spanish))
    mode = g.one(("want", "would_like", "future"))
    if mode == "would_like":
        es = f"{experiencer(subject)} {DATIVE[subject.person]} gustaría ser {spanish}".strip()
        return say(Pair(f"{subject.en} would like to be a {noun.english}", es))
    return say(g.clause(subject, vp, mode))


def nationality(g: Grammar) -> Pair:
    """`She's Spanish.`, `The new teacher is from Ireland.`, `Where are they from?`"""
    subject = g.someone(0.5)
    if g.chance(0.5):
        adjective = g.word([a for a in lexicon.adjectives() if "nat" in a.flags])
        form = agree(adjective.spanish, subject.gender, subject.plural)
        return say(g.be(subject, Pair(adjective.english, form), "ser", "present", g.chance(0.2)))
    noun = g.word(nouns_of("country", "city"))
    return say(
        g.be(
            subject,
            Pair(f"from {noun.english}", f"de {noun.spanish}"),
            "ser",
            "present",
            g.chance(0.2),
            False,
        )
    )


def great(g: Grammar) -> Pair:
    """`Pizza is great.` -> `¡La pizza es genial!`"""
    noun = g.word([n for n in nouns_of("greatable") if n.spanish != "pavo"])
    if noun.types & {"family", "acquaintance"}:
        owner = g.one(("my", "your", "his", "her", "our", "their"))
        person = {"my": YO, "your": TU, "our": NOSOTROS}.get(owner, EL)
        np = g.np(noun, f"own:{owner}:{person}", g.chance(0.2) and noun.english not in SINGLE)
    elif noun.types & {"food", "drink", "sport", "subject", "leisure", "listenable"} and (
        noun.number != "c" or g.chance(0.4)
    ):
        np = generic(g, noun)
    elif noun.number == "n":
        np = g.np(noun, "")
    else:
        owner = g.one(("my", "your", "his", "her", "our", "their"))
        person = {"my": YO, "your": TU, "our": NOSOTROS}.get(owner, EL)
        own = f"own:{owner}:{person}" if noun.types & (OWNABLE | {"idea"}) else "the"
        np = g.np(noun, g.one(("the", "this", "that", own)), noun.number == "c" and g.chance(0.25))
    subject = np.subject()
    past = bool(noun.types & {"event", "show", "dish"}) and "bare" not in np.det and g.chance(0.3)
    if past:
        es = f"{np.es} {'fueron' if np.plural else 'fue'} "
        es += "geniales" if np.plural else "genial"
        if noun.types & {"dish"}:
            raise RejectedError
        return Pair(
            say(Pair(f"{np.en} {finite_aux('was', subject)} great", "")).en,
            say(Pair("", es), "!").es,
        )
    en = f"{np.en} {finite_aux('be', subject)} great"
    es = f"{np.es} {'son geniales' if np.plural else 'es genial'}"
    mark = "!" if g.chance(0.25) else "."
    return Pair(say(Pair(en, ""), mark).en, say(Pair("", es), "!").es)


def exclaim(g: Grammar) -> Pair:
    """`What a beautiful house!`, `How strange!`, `The view is so beautiful!`"""
    np, adjective = predicate_np(g)
    if adjective.copula != "ser" or "attr" not in adjective.flags or np.noun.number == "n":
        raise RejectedError
    if "col" in adjective.flags or not adjective.comparison or np.noun.types & {"family"}:
        raise RejectedError
    noun, plural = np.noun, np.en_plural
    bare = g.np(noun, "", plural)
    article = "" if bare.en_plural or noun.number in "um" else "a "
    en = f"what {article}{adjective.english} {bare.en}"
    return say(Pair(en, f"qué {bare.es} tan {said(np, adjective)}"), "!")


def comparison(g: Grammar) -> Pair:
    """`My car is faster than your car.`, `Dogs are friendlier than cats.`"""
    np, adjective = predicate_np(g)
    noun = np.noun
    if not adjective.comparison or adjective.copula != "ser" or noun.types & {"food"}:
        raise RejectedError
    options = [n for n in adjective_nouns(adjective) if n.types & noun.types and n is not noun]
    kind = g.number(3)
    point = g.chance(0.5)
    if noun.types & {"family", "acquaintance", "person", "occupation"}:
        if kind == 0:
            mate = g.one((Pair("me", "yo"), Pair("you", "tú"), Pair("us", "nosotros")))
            second = mate
        else:
            name = g.name()
            second = Pair(name.en, name.es)
    elif options:
        other = g.word(options)
        if other.types & GENERIC:
            second = generic(g, other).pair
        elif other.number == "n" or noun.number == "n":
            if other.number != noun.number:
                raise RejectedError
            second = g.np(other, "").pair
        else:
            det = np.det if np.det in ("the", "this") or np.det.startswith("own") else "the"
            second = g.np(other, "the" if det == "this" else det, np.en_plural).pair
    else:
        raise RejectedError
    if point:
        middle = Pair(f"as {adjective.english} as", f"tan {said(np, adjective)} como")
        negative = g.chance(0.5)
    else:
        much = Pair("much ", "mucho ") if g.chance(0.25) else EMPTY
        middle = Pair(
            f"{much.en}{comparative(adjective)} than", f"{much.es}{more(np, adjective)} que"
        )
        negative = g.chance(0.15) and not much.en
    return say(g.be(np.subject(), join(middle, second), "ser", negative=negative))


def more(np: NP, adjective: Adjective) -> str:
    """The Spanish comparative: `más alto`, `mejores`, `mayor`."""
    form = {"bueno": "mejor", "malo": "peor", "mayor": "mayor"}.get(adjective.spanish)
    if form:
        return form + ("es" if np.plural else "")
    return f"más {said(np, adjective)}"


def pronoun_comparison(g: Grammar) -> Pair:
    """`I'm taller than my brother.`, `She runs faster than me.`"""
    subject = g.someone(0.8)
    if subject.kid or subject.plural:
        raise RejectedError
    adjective = g.word(
        [
            a
            for a in lexicon.adjectives()
            if "occupation" in a.types
            and a.comparison
            and a.copula == "ser"
            and "nat" not in a.flags
        ]
    )
    if adjective.english in ("handsome", "poor"):
        raise RejectedError
    other = g.relative()
    if other.en.split()[0] not in ("my", "your") or other.en == subject.en:
        raise RejectedError
    word = {"mayor": "mayor"}.get(adjective.spanish)
    form = word or f"más {agree(adjective.spanish, subject.gender, subject.plural)}"
    negative = g.chance(0.25)
    if g.chance(0.35):
        form = agree(adjective.spanish, subject.gender, subject.plural)
        return say(
            g.be(
                subject,
                Pair(f"as {adjective.english} as {other.en}", f"tan {form} como {other.es}"),
                "ser",
                "present",
                negative,
            )
        )
    complement = Pair(f"{comparative(adjective)} than {other.en}", f"{form} que {other.es}")
    return say(g.be(subject, complement, "ser", "present", negative))


def superlative_sentence(g: Grammar) -> Pair:
    """`This is the most interesting book in the library.`"""
    np, adjective = predicate_np(g)
    noun = np.noun
    if (
        not adjective.comparison
        or adjective.copula != "ser"
        or ("attr" not in adjective.flags and ("pre" not in adjective.flags))
    ):
        raise RejectedError
    bare = g.np(noun, "", np.en_plural and noun.number != "c")
    if noun.number == "n" or noun.number == "m":
        raise RejectedError
    article = article_es(noun, bare.plural, "pre" not in adjective.flags)
    if "pre" in adjective.flags:
        best = "mejor" if adjective.spanish == "bueno" else "peor"
        best += "es" if bare.plural else ""
        es = f"{article_es(noun, bare.plural, False)} {best} {bare.es}"
    else:
        es = f"{article} {bare.es} más {agree(adjective.spanish, noun.gender, bare.plural)}"
    en = f"the {superlative(adjective)} {bare.en}"
    among = scope(g, noun)
    kind = g.number(3)
    if kind == 0 and noun.types & {"family", "acquaintance", "person", "occupation"}:
        subject = g.name()
        if subject.gender != noun.gender:
            raise RejectedError
        return say(g.be(subject, join(Pair(en, es), among), "ser"))
    if kind == 1:
        verb = "es" if not bare.plural else "son"
        demonstrative = {"m": "este", "f": "esta"}[noun.gender]
        if bare.plural:
            demonstrative = {"m": "estos", "f": "estas"}[noun.gender]
        this = "these are" if bare.en_plural else "this is"
        return say(join(Pair(f"{this} {en}", f"{demonstrative} {verb} {es}"), among))
    those = "are those" if bare.en_plural else "is that"
    that = determiner("that", noun, bare.en_plural, bare.plural, True).es
    verb = "son" if bare.plural else "es"
    if noun.types & {"family", "acquaintance", "person", "occupation"}:
        return say(join(Pair(f"who is {en}", f"quién es {es}"), among), "?")
    return say(join(Pair(f"{those} {en}", f"{verb} {that} {es}"), among), "?")


def scope(g: Grammar, noun: Noun) -> Pair:
    """`in the world`, `in the class`."""
    if noun.types & {"family", "acquaintance", "person", "occupation"}:
        options = pairs(
            "in the class = de la clase | in the family = de la familia | "
            "on the team = del equipo | in the village = del pueblo | in the group = del grupo"
        )
        if "family" in noun.types:
            options = options[1:2]
        elif "occupation" in noun.types:
            options = options[2:4]
        elif "person" in noun.types and noun.english not in KIDS:
            options = options[3:]
        return g.one(options)
    if noun.types & {"place", "building", "sight", "landmark", "home", "route"}:
        return g.one(
            (
                Pair("in the city", "de la ciudad"),
                Pair("in the country", "del país"),
                Pair("in Europe", "de Europa"),
                EMPTY,
            )
        )
    if noun.types & {"clothes", "furniture", "elec", "jewel", "bag", "vehicle", "gift"}:
        return g.one((Pair("in the shop", "de la tienda"), EMPTY))
    if noun.types & {"wild", "farm", "insect", "plant"}:
        return g.one((Pair("in the world", "del mundo"), EMPTY))
    return EMPTY


def opinion(g: Grammar) -> Pair:
    """`I think the exam is difficult.`, `I know that …`, `I'm sure that …`"""
    np, adjective = predicate_np(g)
    degree = graded(g, adjective)
    complement = join(degree, Pair(adjective.english, said(np, adjective)))
    clause = g.be(np.subject(), complement, adjective.copula, opening=False)
    kind = g.number(8)
    lead = (
        Pair("I think", "creo que"),
        Pair("I know", "sé que"),
        Pair("I'm sure", "estoy seguro de que"),
        Pair("we think", "creemos que"),
        Pair("they say", "dicen que"),
        Pair("do you think", "crees que"),
        Pair("did you know that", "sabías que"),
        Pair("I don't think", "no creo que"),
    )[kind]
    if kind == 7:
        person = ELLOS if np.plural else EL
        form = subjunctive(adjective.copula)[person]
        clause = Pair(clause.en, f"{np.es} {form} {complement.es}")
    that = "that " if g.chance(0.3) and kind in (0, 1, 2, 3, 4) else ""
    pair = Pair(f"{lead.en} {that}{clause.en}", f"{lead.es} {clause.es}")
    return say(pair, "?" if kind in (5, 6) else ".")


def seems(g: Grammar) -> Pair:
    """`The soup seems cold.`, `You look tired.`"""
    np, adjective = predicate_np(g)
    if adjective.copula == "ser" and "col" not in adjective.flags:
        verb = "parece" + ("n" if np.plural else "")
        seem = (
            "seem"
            if np.subject().agreement != "he" or np.subject().word == "en_plural"
            else "seems"
        )
        if np.subject().word == "en_singular":
            seem = "seems"
        degree = graded(g, adjective)
        return say(
            join(
                Pair(f"{np.en} {seem}", f"{np.es} {verb}"),
                degree,
                Pair(adjective.english, said(np, adjective)),
            )
        )
    subject = g.someone(0.8)
    feeling = g.word(
        [
            a
            for a in lexicon.adjectives()
            if "occupation" in a.types and a.copula == "estar" and a.comparison
        ]
    )
    vp = VP(
        simple_verb("look", "parecer"),
        subject,
        Pair(feeling.english, agree(feeling.spanish, subject.gender, subject.plural)),
    )
    return say(g.clause(subject, vp, "present", g.chance(0.25)))


def location(question: bool, tense: str = "present") -> Pattern:
    """`The keys are on the table.`, `Where is the hotel?`, `Is the bank near the station?`"""

    def pattern(g: Grammar) -> Pair:
        things = g.chance(0.6)
        noun = g.word(
            nouns_of("locatable")
            if things
            else nouns_of("business", "building", "transit", "landmark")
        )
        own = things and bool(noun.types & OWNABLE) and g.chance(0.5)
        owner = g.one(("my", "your", "his", "her", "our"))
        person = {"my": YO, "your": TU, "our": NOSOTROS}.get(owner, EL)
        plural = things and noun.number == "c" and (noun.english in PLURAL_ONLY or g.chance(0.2))
        np = g.np(noun, f"own:{owner}:{person}" if own else "the", plural)
        subject = np.subject()
        if question and g.chance(0.6):
            be = finite_aux("be" if tense == "present" else "was", subject)
            form = TENSES[tense]("estar")[subject.person]
            return say(Pair(f"where {be} {np.en}", f"dónde {form} {np.es}"), "?")
        if things:
            where = spot(g)
        else:
            other = g.word(nouns_of("business", "building", "transit", "landmark", "home"))
            if other is noun:
                raise RejectedError
            preposition = g.one(OUTSIDE)
            where = join(preposition, g.np(other, "the").pair)
        if where.en.split()[-1] == np.en.split()[-1]:
            raise RejectedError
        negative = not question and g.chance(0.2)
        clause = g.be(subject, where, "estar", tense, negative, question)
        if question:
            form = TENSES[tense]("estar")[subject.person]
            clause = Pair(clause.en, f"{form} {np.es} {where.es}")
        return say(clause, "?" if question else ".")

    return pattern


OUTSIDE = pairs(
    "near = cerca de | far from = lejos de | next to = al lado de | behind = detrás de | "
    "opposite = enfrente de | in front of = delante de"
)


def spot(g: Grammar) -> Pair:
    """`on the table`, `under the bed`, `in the drawer`, `in the kitchen`."""
    point = g.rng.random()
    if point < 0.4:
        preposition = g.one(
            pairs("on = en | under = debajo de | next to = al lado de | behind = detrás de")
        )
        return join(preposition, g.np(g.word(nouns_of("surface")), "the").pair)
    if point < 0.7:
        noun = g.word(nouns_of("inside", "bag"))
        det = "the" if "bag" not in noun.types else g.one(("the", "own:my:0", "own:your:1"))
        return join(Pair("in", "en"), g.np(noun, det).pair)
    if point < 0.85:
        return g.place(nouns_of("room"))
    phrase = g.phrase("where") if g.chance(0.5) else Pair("here", "aquí")
    if phrase.en in ("on vacation", "in bed", "abroad", "nearby", "far away"):
        raise RejectedError
    return phrase


def person_at(g: Grammar) -> Pair:
    """`He's at home.`, `Were you at the office yesterday?`"""
    question = g.chance(0.35)
    subject = g.asked() if question else g.someone()
    where = (
        g.phrase("where")
        if g.chance(0.62)
        else g.place(nouns_of("place") if g.chance(0.8) else nouns_of("business"))
    )
    if " junto " in where.es:
        raise RejectedError
    tense, time = g.one(
        (
            ("present", EMPTY),
            ("present", Pair("now", "ahora")),
            ("present", Pair("today", "hoy")),
            ("imperfect", Pair("yesterday", "ayer")),
            ("imperfect", Pair("last night", "anoche")),
            ("imperfect", Pair("at ten o'clock", "a las diez")),
            ("future", Pair("tomorrow", "mañana")),
        )
    )
    voc, plain = subject.vocative, replace(subject, vocative=EMPTY)
    if tense == "future" and question:
        raise RejectedError
    negative = not question and g.chance(0.25)
    clause = g.be(plain, join(where, time), "estar", tense, negative, question)
    return say(Pair(clause.en + voc.en, clause.es + voc.es), "?" if question else ".")


def there_is(kind: str) -> Pattern:
    """hay, había, habrá with things in their places: statements, negatives, questions."""

    def pattern(g: Grammar) -> Pair:
        indoors = g.chance(0.6)
        if indoors:
            options = (
                "kitchenware",
                "food",
                "household",
                "stationery",
                "furniture",
                "container",
                "elec",
            )
            noun = g.word(nouns_of(*options))
            where = spot(g) if not noun.types & {"furniture", "elec"} else g.place(nouns_of("room"))
            if "food" in noun.types:
                where = g.one(FOOD_SPOTS)
        else:
            noun = g.word(
                nouns_of(
                    "plant",
                    "pet",
                    "business",
                    "flier",
                    "landmark",
                    "wild",
                    "insect",
                    "building",
                    "person",
                )
            )
            where = g.place(nouns_of("outdoor"))
            if noun.types & {"wild"} and "flier" not in noun.types:
                where = Pair("at the zoo", "en el zoo")
            if noun.types & {"business", "building", "natural"} or noun.english == "exit":
                where = g.one(
                    pairs(
                        "near here = cerca de aquí | in this street = en esta calle | "
                        "in this city = en esta ciudad | near the hotel = cerca del hotel"
                    )
                )
        time = {"present": "hay", "imperfect": "había", "future": "habrá"}
        tense = g.one(("present", "present", "present", "imperfect"))
        count = g.number(4)
        negative = kind == "negative"
        if noun.number == "u" or noun.number == "m":
            en_np = g.np(noun, "any" if negative or kind == "question" else "some")
            if noun.number == "m":
                en_np = g.np(noun, "")
            single = noun.number == "u" or noun.number == "m"
        elif count == 0 or noun.number in "pq":
            en_np = g.np(noun, "any" if negative or kind == "question" else "some", True)
            single = False
        elif count == 1 and kind == "statement":
            pair = counted_np(g, noun, g.one((2, 3, 4, 5, 6)))
            en_np, single = NP(pair.en, pair.es, noun, True, True), False
        elif count == 2 and kind == "statement":
            en_np, single = g.np(noun, "many", True), False
        else:
            adjective = g.decorate(noun) if g.chance(0.4) else None
            en_np, single = g.np(noun, "a", False, adjective), True
            if negative:
                en_np = NP(en_np.en, en_np.es, noun, False, False)
                es = f"{'ninguna' if noun.gender == 'f' else 'ningún'} {noun.spanish}"
                if adjective is not None:
                    raise RejectedError
                en_np = replace(en_np, es=es)
        be = {"present": ("is", "are"), "imperfect": ("was", "were"), "future": ("", "")}[tense]
        verb = be[0] if single else be[1]
        hay = time[tense]
        if kind == "question":
            return say(join(Pair(f"{verb} there {en_np.en}", f"{hay} {en_np.es}"), where), "?")
        no = "n't" if negative else ""
        return say(
            join(
                Pair(
                    f"there {verb}{no} {en_np.en}", f"{'no ' if negative else ''}{hay} {en_np.es}"
                ),
                where,
            )
        )

    return pattern


FOOD_SPOTS = pairs(
    "in the fridge = en la nevera | on the table = en la mesa | in the kitchen = en la cocina | "
    "at home = en casa | in the basket = en la cesta | on the plate = en el plato | "
    "in the freezer = en el congelador"
)


def how_many_there(g: Grammar) -> Pair:
    """`How many chairs are there in the kitchen?`, `How much milk is there …?`"""
    noun = g.word(nouns_of("kitchenware", "furniture", "food", "drink", "stationery", "container"))
    if noun.number in "pqm":
        raise RejectedError
    np = g.np(noun, "", noun.number == "c")
    where = spot(g) if "furniture" not in noun.types else g.place(nouns_of("room"))
    if noun.types & {"food", "drink"}:
        where = g.one(FOOD_SPOTS)
    much = "how much" if noun.number == "u" else "how many"
    be = "is" if noun.number == "u" else "are"
    quantity = agree("cuánto", noun.gender, noun.number == "c")
    return say(join(Pair(f"{much} {np.en} {be} there", f"{quantity} {np.es} hay"), where), "?")


# --- Patterns: having ----------------------------------------------------------------------------


def have(g: Grammar) -> Pair:
    """`I have a dog.`, `Do you have any milk?`, `She doesn't have a car.`"""
    kind = g.one(("yes", "yes", "no", "question"))
    subject = g.asked() if kind == "question" else g.someone()
    noun = g.word(nouns_of("havable"))
    if (subject.kid and noun.types & {"vehicle", "family", "home"}) or subject.word == "old":
        raise RejectedError
    verb = simple_verb("have", "tener", "st")
    count = noun.number == "c"
    plural = count and (noun.english in PLURAL_ONLY or g.chance(0.3))
    adjective = (
        g.decorate(noun)
        if g.chance(0.25) and kind == "yes" and not (noun.types & {"family", "symptom"})
        else None
    )
    if kind == "yes":
        if plural and g.chance(0.6) and not adjective and not noun.types & {"symptom"}:
            pair = counted_np(g, noun, g.one((2, 3, 4)))
        else:
            pair = g.np(noun, "many" if noun.number == "u" else "a", plural, adjective).pair
            if noun.english in ("fever", "cough"):
                pair = Pair(f"a {noun.english}", noun.spanish)
    elif noun.number == "u" or plural:
        pair = g.np(noun, "any", plural).pair
    elif noun.number == "c":
        pair = Pair(f"a {noun.english}", noun.spanish)
        if not noun.types & {
            "pet",
            "vehicle",
            "home",
            "elec",
            "place",
            "doc",
            "symptom",
            "family",
            "instrument",
            "appointment",
        }:
            pair = Pair(pair.en, ("ninguna " if noun.gender == "f" else "ningún ") + noun.spanish)
            if kind == "question":
                pair = g.np(noun, "a").pair
    else:
        pair = g.np(noun, "any").pair
    if noun.english in ("headache", "toothache", "stomachache") and kind != "yes":
        pair = Pair(f"a {noun.english}", noun.spanish)
    if noun.english in ("headache", "toothache", "stomachache") and kind == "yes":
        pair = Pair(f"a {noun.english}", noun.spanish)
    voc, plain = subject.vocative, replace(subject, vocative=EMPTY)
    mode = g.one(("present", "present", "present", "state_past"))
    if mode == "state_past" and kind == "question":
        mode = "present"
    clause = g.clause(
        plain, VP(verb, plain, pair), mode, kind == "no", "yes/no" if kind == "question" else ""
    )
    return say(Pair(clause.en + voc.en, clause.es + voc.es), "?" if kind == "question" else ".")


SENSATIONS = pairs(
    "hungry = hambre | thirsty = sed | cold = frío | hot = calor | sleepy = sueño | "
    "afraid = miedo | lucky = suerte | right = razón | in a hurry = prisa"
)


def sensation(g: Grammar) -> Pair:
    """`I'm hungry.`, `Are you cold?` – tener hambre, frío …"""
    question = g.chance(0.3)
    subject = g.asked() if question else g.someone()
    feeling = g.one(SENSATIONS)
    very = not question and g.chance(0.3)
    feminine = feeling.es in ("hambre", "sed", "suerte", "razón", "prisa")
    es = f"{'mucha' if feminine else 'mucho'} {feeling.es}" if very else feeling.es
    if feeling.en in ("right", "in a hurry"):
        es, very = feeling.es, False
    en = f"very {feeling.en}" if very else feeling.en
    tense = g.one(("present", "present", "imperfect"))
    negative = not question and not very and g.chance(0.3)
    voc, plain = subject.vocative, replace(subject, vocative=EMPTY)
    time = Pair("", "")
    if tense == "imperfect" and g.chance(0.5):
        time = g.one((Pair("yesterday", "ayer"), Pair("last night", "anoche")))
    clause = g.be(plain, join(Pair(en, es), time), "tener", tense, negative, question)
    return say(Pair(clause.en + voc.en, clause.es + voc.es), "?" if question else ".")


def age(g: Grammar) -> Pair:
    """`My son is seven years old.`, `How old is your brother?`"""
    if g.chance(0.2):
        subject = g.asked()
        if subject.plural:
            raise RejectedError
        voc = subject.vocative
        be = finite_aux("be", subject)
        form = TENSES["present"]("tener")[subject.person]
        es = f"cuántos años {form} {subject.inside}".strip()
        return say(Pair(f"how old {be} {subject.en}{voc.en}", es + voc.es), "?")
    subject = g.someone(0.3)
    number = 2 + g.number(88)
    low, high = (3, 17) if subject.kid else (18, 60)
    if subject.word == "old":
        low, high = 65, 92
    number = low + g.number(high - low)
    words = number_words(number)
    kind = g.number(3)
    if kind == 0 and subject.kind == "pronoun":
        clause = g.be(subject, Pair(words.en, f"{words.es} años"), "tener")
    else:
        clause = g.be(subject, Pair(f"{words.en} years old", f"{words.es} años"), "tener")
    return say(clause)


_TENS = {
    20: "twenty veinte",
    30: "thirty treinta",
    40: "forty cuarenta",
    50: "fifty cincuenta",
    60: "sixty sesenta",
    70: "seventy setenta",
    80: "eighty ochenta",
    90: "ninety noventa",
}
_SMALL = (
    "zero cero|one uno|two dos|three tres|four cuatro|five cinco|six seis|seven siete|eight ocho|"
    "nine nueve|ten diez|eleven once|twelve doce|thirteen trece|fourteen catorce|fifteen quince|"
    "sixteen dieciséis|seventeen diecisiete|eighteen dieciocho|nineteen diecinueve"
).split("|")
_TWENTIES = (
    "veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete "
    "veintiocho veintinueve"
).split()


def number_words(number: int, apocope: bool = True) -> Pair:
    """A number below a hundred in words, before a masculine noun."""
    if number < 20:
        english, spanish = _SMALL[number].split()
    else:
        tens, ones = number - number % 10, number % 10
        english, spanish = _TENS[tens].split()
        if ones:
            one_en, one_es = _SMALL[ones].split()
            english = f"{english}-{one_en}"
            spanish = _TWENTIES[ones] if tens == 20 else f"{spanish} y {one_es}"
    if apocope and spanish.endswith("uno"):
        spanish = "veintiún" if spanish == "veintiuno" else spanish[:-1]
    return Pair(english, spanish)


def price(g: Grammar) -> Pair:
    """`How much does this jacket cost?`, `The book costs ten euros.`"""
    noun = g.word(
        nouns_of(
            "clothes",
            "book",
            "elec",
            "furniture",
            "jewel",
            "bag",
            "fruit",
            "dish",
            "gift",
            "instrument",
            "kitchenware",
            "household",
            "stationery",
        )
    )
    np = g.np(noun, g.one(("the", "this", "that")), noun.number == "c" and g.chance(0.3))
    plural = np.en_plural
    kind = g.number(4)
    if kind == 0:
        do = "do" if plural else "does"
        form = "cuestan" if np.plural else "cuesta"
        return say(Pair(f"how much {do} {np.en} cost", f"cuánto {form} {np.es}"), "?")
    if kind == 1:
        be = "are" if plural else "is"
        return say(
            Pair(
                f"how much {be} {np.en}", f"cuánto {'cuestan' if np.plural else 'cuesta'} {np.es}"
            ),
            "?",
        )
    number = number_words(2 + g.number(97))
    if kind == 2:
        cost, form = ("cost", "cuestan") if plural else ("costs", "cuesta")
        if np.plural != plural:
            form = "cuestan" if np.plural else "cuesta"
        return say(Pair(f"{np.en} {cost} {number.en} euros", f"{np.es} {form} {number.es} euros"))
    subject = g.one((I, HE, SHE, WE, THEY, g.name()))
    form = TENSES["preterite"]("pagar")[subject.person]
    es = f"{subject.opens} {form} {number.es} euros por {np.es}".strip()
    return say(Pair(f"{subject.en} paid {number.en} euros for {np.en}", es))


HOURS = (
    "one la una|two las dos|three las tres|four las cuatro|five las cinco|six las seis|"
    "seven las siete|eight las ocho|nine las nueve|ten las diez|eleven las once|twelve las doce"
).split("|")
MINUTES = pairs(
    "{h} o'clock = {h} | half past {h} = {h} y media | quarter past {h} = {h} y cuarto | "
    "quarter to {h} = {h} menos cuarto | ten past {h} = {h} y diez | "
    "twenty to {h} = {h} menos veinte | five past {h} = {h} y cinco | "
    "twenty past {h} = {h} y veinte"
)


def clock(g: Grammar) -> Pair:
    """A time of day: `half past two` – `las dos y media`."""
    english, spanish = g.one(HOURS).split(" ", 1)
    shape = g.one(MINUTES) if g.chance(0.7) else MINUTES[0]
    return Pair(shape.en.format(h=english), shape.es.format(h=spanish))


def telling_time(g: Grammar) -> Pair:
    """`It's half past two.`, `The train leaves at ten.`, `I get up at seven o'clock.`"""
    hour = clock(g)
    kind = g.number(7)
    part = g.one(
        (EMPTY, Pair("in the morning", "de la mañana"), Pair("in the afternoon", "de la tarde"))
    )
    if kind == 0:
        verb = "es" if hour.es.startswith("la una") else "son"
        almost = g.one((EMPTY, Pair("almost", "casi"), Pair("already", "ya")))
        es = f"{almost.es} {verb} {hour.es}" if almost.es else f"{verb} {hour.es}"
        en = f"it's {almost.en} {hour.en}" if almost.en else f"it's {hour.en}"
        return say(join(Pair(en, es), part if not almost.en else EMPTY))
    if kind <= 3:
        mode = g.one(("present", "past", "going", "future"))
        pair = thing_clause(g, mode, "clock", EMPTY)
        return say(join(pair, Pair(f"at {hour.en}", f"a {hour.es}")))
    subject = g.someone()
    routine = [v for v in verb_pool("habit", subject.kid) if v.english in ROUTINE]
    frame = g.word(routine)
    vp = g.vp(subject, "habit", verb=frame, extras=False)
    mode = g.one(("present", "past", "going", "have_to"))
    mid = g.one((Pair("usually", "normalmente"), Pair("always", "siempre"), EMPTY))
    if mode != "present":
        mid = EMPTY
    part = part if g.chance(0.3) else EMPTY
    time = join(Pair(f"at {hour.en}", f"a {hour.es}"), part)
    return say(g.clause(subject, vp, mode, mid=mid, time=time))


ROUTINE = words(
    "get up|wake up|go to bed|have breakfast|have lunch|have dinner|go out|come back|train|"
    "shower|arrive at|leave|start|go home|walk|finish"
) - {"start", "finish", "leave"}


def at_what_time(g: Grammar) -> Pair:
    """`What time does the museum open?`, `What time did you get up?`"""
    mode = g.one(("present", "past", "going", "future"))
    if g.chance(0.55):
        pair = thing_clause(g, mode, "clock", EMPTY, question="wh")
        return say(Pair(f"what time {pair.en}", f"a qué hora {pair.es}"), "?")
    subject = g.asked()
    verb = g.word([v for v in verb_pool("habit", subject.kid) if v.english in ROUTINE])
    plain = replace(subject, vocative=EMPTY)
    vp = g.vp(plain, "habit", verb=verb, extras=False)
    clause = g.clause(plain, vp, mode, question="wh")
    voc = subject.vocative
    return say(Pair(f"what time {clause.en}{voc.en}", f"a qué hora {clause.es}{voc.es}"), "?")


@cache
def thing_verbs(tag: str) -> tuple[Verb, ...]:
    """The frames whose subject is an animal or a thing."""
    return tuple(v for v in lexicon.verbs() if not v.human and (not tag or tag in v.adverbs))


def thing_clause(
    g: Grammar, mode: str, tag: str, time: Pair, negative: bool = False, question: str = ""
) -> Pair:
    """`The shop opens early.`, `That dog barks a lot.`, `The plants grow quickly.`"""
    verb = g.word(thing_verbs(tag))
    if "once" in verb.flags and mode in ("present", "progressive"):
        raise RejectedError
    if verb.flags & {"nc", "st"} and mode not in ("present",):
        raise RejectedError
    noun = g.word(nouns_of(*verb.subjects))
    owner = g.one(("my", "your", "his", "our"))
    person = {"my": YO, "your": TU, "our": NOSOTROS}.get(owner, EL)
    own = bool(noun.types & {"pet", "elec", "vehicle"}) and not noun.types & {"public"}
    det = g.one(("the", "the", "this", "that", f"own:{owner}:{person}" if own else "the"))
    plural = noun.number == "c" and g.chance(0.25)
    adjective = g.decorate(noun) if g.chance(0.08) else None
    np = g.np(noun, det, plural, adjective)
    object_ = g.object(verb, YOU, False).pair if verb.objects else EMPTY
    manner = [p for p in lexicon.adverbs() if p.tags & verb.adverbs]
    adverb = EMPTY
    if manner and not negative and tag != "clock" and g.chance(0.4):
        phrase = g.word(manner)
        adverb = Pair(phrase.english, phrase.spanish)
    tail = g.place(nouns_of(*verb.places)) if verb.places and g.chance(0.5) else EMPTY
    vp = VP(verb, np.subject(), object_, None, adverb, tail)
    return g.clause(np.subject(), vp, mode, negative, question, time=time)


def things_do(g: Grammar) -> Pair:
    """Animals and things as subjects, in the present, past and future."""
    mode = g.one(("present", "present", "past", "future", "going", "progressive", "perfect"))
    kind = g.one(("", "", "negative", "yes/no"))
    time = EMPTY
    if mode in ("past", "future", "going") and g.chance(0.5):
        time = g.time(TIMES_OF[mode], simple_verb("do", "hacer"))
    question = kind if kind == "yes/no" else ""
    clause = thing_clause(g, mode, "", time, kind == "negative", question)
    return say(clause, "?" if question else ".")


def animals_do(g: Grammar) -> Pair:
    """Whole kinds: `Frogs jump a lot.`, `Do lions eat meat?`"""
    verb = g.word([v for v in thing_verbs("") if "once" not in v.flags])
    noun = g.word(nouns_of(*verb.subjects))
    if not noun.types & {"pet", "farm", "wild", "insect", "plant"}:
        raise RejectedError
    np = generic(g, noun)
    object_ = g.object(verb, YOU, False).pair if verb.objects else EMPTY
    manner = [p for p in lexicon.adverbs() if p.tags & verb.adverbs]
    adverb = EMPTY
    question = g.chance(0.3)
    negative = not question and g.chance(0.15)
    if manner and g.chance(0.6) and not negative:
        phrase = g.word(manner)
        adverb = Pair(phrase.english, phrase.spanish)
    vp = VP(verb, np.subject(), object_, None, adverb)
    clause = g.clause(np.subject(), vp, "present", negative, "yes/no" if question else "")
    return say(clause, "?" if question else ".")


# --- Patterns: objects as pronouns ---------------------------------------------------------------

GIVING = (
    ("give", "dar", "givable"),
    ("lend", "prestar", "lendable"),
    ("send", "enviar", "sendable"),
    ("show", "enseñar", "showable"),
    ("bring", "traer", "givable"),
    ("tell", "contar", "tellable"),
    ("buy", "comprar", "givable"),
    ("pass", "pasar", "passable"),
    ("write", "escribir", "message"),
    ("sell", "vender", "lendable"),
    ("return", "devolver", "lendable"),
    ("explain", "explicar", "explainable"),
    ("read", "leer", "readable_to"),
)


def gift(g: Grammar) -> tuple[Verb, NP]:
    """A verb of giving and a thing to give."""
    english, spanish, things = g.one(GIVING)
    noun = g.word(nouns_of(things))
    verb = replace(simple_verb(english, spanish), objects=things)
    g.current.append(verb.key)
    plural = noun.number == "c" and (noun.english in PLURAL_ONLY or g.chance(0.2))
    det = (
        "the"
        if english in ("return", "pass", "explain") or noun.number in "um"
        else g.one(("a", "a", "the", "this"))
    )
    if english in ("return", "explain"):
        det = g.one(("the", "this"))
    adjective = g.decorate(noun) if g.chance(0.2) else None
    return verb, g.np(noun, det, plural, adjective)


def give_to(g: Grammar) -> Pair:
    """`I gave my sister a book.`, `He told us a story.`, `She explained the rule to me.`"""
    subject = g.someone()
    verb, np = gift(g)
    person = g.number(6)
    receiver = PRONOUNS[(0, 1, 2, 4, 5, 2)[person]]
    if receiver.person == subject.person and receiver.person in (YO, TU, NOSOTROS):
        raise RejectedError
    if {receiver.person, subject.person} == {YO, NOSOTROS}:
        raise RejectedError
    en_to, es_to, clitic = receiver.object_en, "", DATIVE[receiver.person]
    if (receiver is HE and person == 2) or person == 5:
        other = g.relative()
        if other.en == subject.en or subject.kind == "noun" or other.word == "old":
            raise RejectedError
        en_to, es_to, clitic = other.en, f"a {other.es}", DATIVE[other.person]
    elif subject.en in ("he", "she", "they") and receiver is THEY:
        raise RejectedError
    en_object = f"{en_to} {np.en}"
    if verb.english in ("explain", "return") or g.chance(0.2):
        preposition = "for" if verb.english == "buy" else "to"
        en_object = f"{np.en} {preposition} {en_to}"
    mode = g.one(("past", "future", "going", "past", "perfect", "want", "can", "have_to", "past"))
    time = g.time(TIMES_OF[mode]) if g.chance(0.4) and TIMES_OF.get(mode) else EMPTY
    question = mode in ("past", "can", "going") and g.chance(0.15)
    if question and subject.kind == "pronoun" and subject.en == "I":
        raise RejectedError
    negative = not question and g.chance(0.2)
    if negative and np.en.startswith("some"):
        raise RejectedError
    vp = VP(
        verb, subject, Pair(en_object, f"{np.es} {es_to}".strip()), None, EMPTY, EMPTY, (clitic,)
    )
    clause = g.clause(subject, vp, mode, negative, "yes/no" if question else "", time=time)
    return say(clause, "?" if question else ".")


def give_me(g: Grammar) -> Pair:
    """`Give me the keys, please.`, `Don't tell them the secret.`, `Could you pass me the salt?`"""
    verb, np = gift(g)
    receiver = g.one((I, I, I, WE, HE, THEY))
    en = f"{verb.english} {receiver.object_en} {np.en}"
    if verb.english in ("explain", "return"):
        en = f"{verb.english} {np.en} to {receiver.object_en}"
    clitic = DATIVE[receiver.person]
    if receiver is HE and g.chance(0.6):
        other = g.relative()
        if not other.en.startswith(("my", "your", "our")):
            raise RejectedError
        en = en.replace(" him", f" {other.en}")
        np = replace(np, es=f"{np.es} a {other.es}")
        clitic = DATIVE[other.person]
    elif receiver is HE:
        raise RejectedError
    vp = VP(verb, YOU, Pair(np.en, np.es), None, EMPTY, EMPTY, (clitic,))
    kind = g.number(4)
    please = Pair(", please", ", por favor")
    if kind == 0 and not np.en.startswith("some"):
        return say(Pair(f"don't {en}", es_command(vp, TU, True)))
    if kind == 1:
        could = g.one((Pair("could you", "podrías"), Pair("can you", "puedes")))
        end = please if g.chance(0.5) else EMPTY
        return say(
            Pair(f"{could.en} {en}{end.en}", f"{could.es} {vp.es_infinitive(TU)}{end.es}"), "?"
        )
    if kind == 2:
        polite = g.polite()
        return say(
            Pair(
                f"{en}, please{polite.vocative.en}",
                f"{es_command(vp, EL, False)}, por favor{polite.vocative.es}",
            )
        )
    end = please if g.chance(0.6) else EMPTY
    return say(Pair(f"{en}{end.en}", f"{es_command(vp, TU, False)}{end.es}"))


def whom(g: Grammar) -> Pair:
    """`I saw her yesterday.`, `Can you help me?`, `They're waiting for us.`"""
    question = g.chance(0.3)
    subject = g.asked() if question else g.someone()
    english, spanish = g.one(
        (
            ("call", "llamar"),
            ("help", "ayudar"),
            ("see", "ver"),
            ("visit", "visitar"),
            ("invite", "invitar"),
            ("wait for", "esperar"),
            ("look for", "buscar"),
            ("hug", "abrazar"),
            ("listen to", "escuchar"),
            ("understand", "entender"),
            ("follow", "seguir"),
            ("surprise", "sorprender"),
            ("find", "encontrar"),
            ("greet", "saludar"),
            ("hear", "oír"),
            ("forgive", "perdonar"),
            ("thank", "agradecer"),
            ("believe", "creer"),
            ("take home", "llevar"),
            ("forget", "olvidar"),
            ("congratulate", "felicitar"),
            ("meet", "conocer"),
        )
    )
    if english in ("thank", "take home"):
        raise RejectedError
    receiver = g.one((I, YOU, HE, SHE, WE, THEY, HE, SHE))
    if (receiver.person == subject.person and receiver.person in (YO, TU, NOSOTROS)) or (
        (receiver is WE and subject.person in (YO, NOSOTROS))
        or (receiver is I and subject.person == NOSOTROS)
        or (receiver is YOU and (subject.en == "you" or subject.person == VOSOTROS))
        or (receiver is YOU and subject.vocative.en)
        or (subject.en in ("he", "she", "they") and receiver.en == subject.en)
    ):
        raise RejectedError
    clitic = "la" if receiver is SHE else OBJECT_CLITIC[receiver.person]
    mode = g.one(("past", "future", "going", "can", "want", "perfect", "have_to", "past", "should"))
    if english in ("understand", "hear", "believe") and mode not in ("can", "future", "perfect"):
        raise RejectedError
    if english in ("find", "forget", "surprise", "meet") and mode in ("can", "have_to", "should"):
        raise RejectedError
    time = g.time(TIMES_OF[mode]) if g.chance(0.5) and TIMES_OF.get(mode) else EMPTY
    if mode == "can" and english in ("understand", "hear", "believe"):
        time = EMPTY
    verb = simple_verb(english, spanish)
    g.current.append(verb.key)
    voc, plain = subject.vocative, replace(subject, vocative=EMPTY)
    vp = VP(verb, plain, clitics=(clitic,), pronoun=receiver.object_en)
    negative = not question and g.chance(0.3)
    clause = g.clause(plain, vp, mode, negative, "yes/no" if question else "", time=time)
    return say(Pair(clause.en + voc.en, clause.es + voc.es), "?" if question else ".")


def it_again(g: Grammar) -> Pair:
    """`I bought a shirt and washed it.`, `If you like the book, buy it.`"""
    subject = g.someone(0.8)
    verb = g.word(verb_pool("transitive", False))
    noun = g.word([n for n in nouns_of(verb.objects) if n.types & PORTABLE])
    plural = noun.number == "c" and (noun.english in PLURAL_ONLY or g.chance(0.25))
    det = g.one(("the", "this", "that"))
    np = g.np(noun, det, plural)
    vp = replace(VP(verb, subject), clitics=(np.clitic,), pronoun=np.pronoun_en)
    kind = g.number(5)
    if kind == 0:
        mode = g.one(("going", "future", "can", "have_to"))
        clause = g.clause(subject, vp, mode, opening=False)
        if subject.en in ("he", "she") or subject.kid:
            raise RejectedError
        be = "are" if np.en_plural else "is"
        np = g.np(noun, "the", plural)
        here = Pair(f"{np.en} {be} here", f"{np.es} {'están' if np.plural else 'está'} aquí")
        if mode == "future" or verb.english in NOT_YET_MADE:
            raise RejectedError
        return say(Pair(f"{here.en}, so {clause.en}", f"{here.es}, así que {clause.es}"))
    if kind == 1:
        gusta = "gustan" if np.plural else "gusta"
        order = Pair(vp.en("base"), es_command(replace(vp, subject=YOU), TU, False))
        if verb.english in ("clean", "look for", "wait for", "find", "measure"):
            raise RejectedError
        return say(Pair(f"if you like {np.en}, {order.en}", f"si te {gusta} {np.es}, {order.es}"))
    if kind == 2:
        order = Pair(vp.en("base"), es_command(replace(vp, subject=YOU), TU, False))
        lead = g.one((("take", "coger"), ("find", "buscar"), ("bring", "traer")))
        es_take = attach(command(lead[1], TU), ())
        if verb.english not in HANDY:
            raise RejectedError
        return say(Pair(f"{lead[0]} {np.en} and {order.en}", f"{es_take} {np.es} y {order.es}"))
    if kind == 3:
        np = g.np(noun, "a", plural) if noun.number != "u" else g.np(noun, "the")
        clause = g.clause(subject, vp, "perfect", True, mid=Pair("", "todavía"), opening=False)
        do = g.clause(subject, VP(simple_verb("have", "tener", "st"), subject, np.pair), "present")
        if subject.en in ("he", "she"):
            clause = Pair(clause.en, clause.es)
        if verb.english in ("buy", "look for", "wait for", "order"):
            raise RejectedError
        en2 = clause.en if subject.kind == "pronoun" else None
        if en2 is None:
            raise RejectedError
        return say(Pair(f"{do.en}, but {en2} yet", f"{do.es}, pero {clause.es}"))
    buy = g.one((("buy", "comprar"), ("find", "encontrar"), ("get out", "sacar")))
    if buy[0] == "get out" or verb.english in ("buy", "look for", "wait for", "order", "bring"):
        raise RejectedError
    np = g.np(noun, "a", plural) if noun.number != "u" else g.np(noun, "the")
    vp = replace(vp, pronoun=np.pronoun_en, clitics=(np.clitic,))
    first = g.clause(subject, VP(simple_verb(*buy), subject, np.pair), "past")
    en = vp.en("past")
    if "ambig" in verb.flags:
        raise RejectedError
    return say(
        join(
            Pair(f"{first.en} and {en}", f"{first.es} y {vp.es_form('preterite', subject.person)}"),
            g.time("past") if g.chance(0.4) else EMPTY,
        )
    )


NOT_YET_MADE = words(
    "look for|buy|bring|order|prepare|make|build|design|paint|draw|sew|write|record|find|wait for"
)
HANDY = words(
    "wash|iron|fold|open|close|repair|fix|read|print|sign|cut|peel|use|charge|fill|empty|"
    "throw away|hide|recycle|paint|check|translate|correct|hang up"
)
PORTABLE = frozenset(
    "clothes jewel eyewear bag small elec readable image gift household food drink instrument "
    "kitchenware container doc digital stationery".split()
)


def something(g: Grammar) -> Pair:
    """`I don't want anything.`, `She bought something.`, `Nobody called.`"""
    kind = g.number(4)
    if kind == 0:
        vp = g.vp(HE, "past", True)
        if "his" in vp.en("base").split() or vp.verb.flags & {"predadj", "ambig"}:
            raise RejectedError
        who = g.one(
            (Pair("nobody", "nadie"), Pair("someone", "alguien"), Pair("everyone", "todo el mundo"))
        )
        subject = Subject(who.en, who.es, EL, kind="noun")
        mode = (
            g.one(("past", "perfect", "going", "future", "want"))
            if "inv" not in vp.verb.flags
            else "past"
        )
        return say(g.clause(subject, vp, mode, time=timed(g, mode, vp)))
    verb = g.word([v for v in verb_pool("plan", False) if v.english in WHAT_VERBS and v.objects])
    if verb.determiner in ("bare", "barepl") or verb.english in ("celebrate", "practice", "pick"):
        raise RejectedError
    subject = g.someone()
    thing = {
        1: Pair("something", "algo"),
        2: Pair("anything", "nada"),
        3: Pair("something", "algo"),
    }[kind]
    mode = g.one(("past", "want", "going", "perfect", "have_to", "need", "progressive", "future"))
    vp = VP(verb, subject, thing)
    return say(g.clause(subject, vp, mode, kind == 2, time=timed(g, mode, vp)))


# --- Patterns: joined clauses --------------------------------------------------------------------

STATES = (
    "tired|cansado|estar busy|ocupado|estar sick|enfermo|estar hungry|hambre|tener "
    "sad|triste|estar happy|contento|estar angry|enfadado|estar nervous|nervioso|estar "
    "worried|preocupado|estar bored|aburrido|estar excited|emocionado|estar "
    "cold|frío|tener sleepy|sueño|tener thirsty|sed|tener afraid|miedo|tener"
).split()


def as_pronoun(subject: Subject) -> Subject:
    """The subject taken up again in a second clause: a pronoun in English, nothing in Spanish."""
    if subject.kind == "pronoun":
        return subject
    if subject.person == NOSOTROS:
        return replace(WE, gender=subject.gender)
    if subject.person == ELLOS:
        return replace(THEY, gender=subject.gender)
    return replace(SHE if subject.gender == "f" else HE, kind="pronoun")


# What people in a state do, and what they do not feel like doing.
DOINGS: dict[str, str] = {
    "tired": "rest|sleep|go to bed|go home|sit down|take a nap|relax|stay at home",
    "sick": "rest|go to bed|go home|stay at home", "busy": "cancel|stay at|go home",
    "hungry": "eat|cook|have lunch|have dinner|have breakfast|order|prepare|try|fry|bake|peel",
    "thirsty": "drink", "sad": "cry|call|hug|talk to|go home",
    "happy": "sing|dance|smile|celebrate|hug|laugh", "angry": "shout|complain|go home",
    "nervous": "go for a walk|do yoga|call|run|exercise|talk to", "worried": "call|talk to",
    "bored": "watch|read|go out|go for a walk|play|call|draw|paint|go shopping|go to",
    "excited": "sing|dance|jump|shout|call", "cold": "put on|go home|stay at home",
    "sleepy": "go to bed|sleep|take a nap|go home", "afraid": "shout|run|call|cry",
    "fine": "go for a walk|swim|run|ride a bike|walk|go out|camp|explore|climb|go to|visit|fish",
    "bad": "stay at home|read|watch|cook|bake|cancel|put on|take|close|play|tidy|clean",
}  # fmt: skip
FEELINGS = (
    "tired",
    "sick",
    "busy",
    "hungry",
    "thirsty",
    "sad",
    "happy",
    "angry",
    "nervous",
    "worried",
    "bored",
    "excited",
    "cold",
    "sleepy",
    "afraid",
)
AVOIDED: dict[str, str] = {
    "tired": "go out|train|run|dance|cook|study|play|exercise|clean|walk|do|iron|ride|drive",
    "sick": "go out|train|run|work|travel|go to|swim|play|attend|fly to|drive|eat|cook",
    "busy": "go out|watch|cook|help|visit|call|play|take a nap|go to|travel to|attend|repair|paint",
    "bad": "go out|run|swim|go for a walk|ride a bike|walk|camp|drive|climb|cross|fish|walk to",
    "angry": "talk to|call|smile|dance|invite|help", "nervous": "sleep|eat|sing|drive|speak",
    "sad": "go out|dance|sing|play|smile", "sleepy": "read|study|drive|watch|go out|work|solve",
    "hungry": "wait|work|study|walk", "afraid": "climb|swim|drive|touch|ride|fly to|explore",
}  # fmt: skip


def vp_of(g: Grammar, subject: Subject, names: str, pool: str, negative: bool = False) -> VP:
    """A verb phrase with one of the named verbs."""
    wanted = names.split("|")
    verb = g.word([v for v in verb_pool(pool, subject.kid) if v.english in wanted], 6)
    return g.vp(subject, pool, negative, extras=g.chance(0.35), verb=verb)


def cause(g: Grammar, key: str, subject: Subject, past: bool, opening: bool) -> Pair:
    """The state or weather behind a doing: `I'm tired`, `it was raining`."""
    if key in ("fine", "bad"):
        sky = WEATHER_THEN if past else WEATHER_NOW
        fine = ("sunny", "hot", "nice")
        options = [w for w in sky if w.en.endswith(fine) == (key == "fine") and "cool" not in w.en]
        return g.one(options)
    english, spanish, copula = next(row.split("|") for row in STATES if row.startswith(key + "|"))
    form = agree(spanish, subject.gender, subject.plural) if copula == "estar" else spanish
    very = Pair("very ", "muy ") if copula == "estar" and g.chance(0.25) else EMPTY
    return g.be(
        subject,
        Pair(very.en + english, very.es + form),
        copula,
        "imperfect" if past else "present",
        opening=opening,
    )


def because(g: Grammar) -> Pair:
    """`I can't dance because I'm sick.`, `She stayed at home because it was raining.`"""
    subject = g.someone()
    if subject.kid:
        raise RejectedError
    negative = g.chance(0.5)
    past = g.chance(0.45)
    table = AVOIDED if negative else DOINGS
    key = g.one(sorted(table))
    vp = vp_of(g, subject, table[key], "past" if past and not negative else "plan", negative)
    if "ambig" in vp.verb.flags or ("once" in vp.verb.flags and negative and past):
        raise RejectedError
    if past:
        mode = "past"
    else:
        mode = (
            g.one(("can", "want", "going", "future"))
            if negative
            else g.one(
                ("want", "going", "future")
                if key in ("happy", "excited", "angry", "sad", "afraid", "fine")
                else ("want", "going", "have_to", "future", "need")
            )
        )
    time = EMPTY
    if mode in ("going", "future", "past") and g.chance(0.2):
        time = (
            g.one((Pair("today", "hoy"), Pair("tonight", "esta noche")))
            if not past
            else g.one((Pair("yesterday", "ayer"), Pair("last night", "anoche")))
        )
    if mode == "can" and vp.verb.english in SKILLS:
        raise RejectedError
    main = g.clause(subject, vp, mode, negative, time=time)
    reason = cause(g, key, as_pronoun(subject), past, opening=False)
    return say(Pair(f"{main.en} because {reason.en}", f"{main.es} porque {reason.es}"))


WEATHER_NOW = pairs(
    "it's raining = está lloviendo | it's cold = hace frío | it's hot = hace calor | "
    "it's snowing = está nevando | it's very windy = hace mucho viento | it's sunny = hace sol | "
    "it's very cold = hace mucho frío | it's very hot = hace mucho calor | "
    "the weather is nice = hace buen tiempo | the weather is bad = hace mal tiempo | "
    "it's foggy = hay niebla | it's cloudy = está nublado | it's cool = hace fresco"
)
WEATHER_THEN = pairs(
    "it was raining = estaba lloviendo | it was cold = hacía frío | it was hot = hacía calor | "
    "it was snowing = estaba nevando | it was very windy = hacía mucho viento | "
    "it was sunny = hacía sol | the weather was nice = hacía buen tiempo | "
    "the weather was bad = hacía mal tiempo | it was foggy = había niebla | "
    "it was cloudy = estaba nublado"
)


def weather(g: Grammar) -> Pair:
    """Weather with places and times: `It's cold in Madrid today.`, `It rained last night.`"""
    kind = g.number(6)
    city = g.word(nouns_of("city", "country"))
    where = Pair(f"in {city.english}", f"en {city.spanish}")
    if kind == 0:
        time = g.one(
            (EMPTY, Pair("today", "hoy"), Pair("now", "ahora"), Pair("this morning", "esta mañana"))
        )
        return say(join(g.one(WEATHER_NOW), where, time))
    if kind == 1:
        return say(
            join(
                g.one(WEATHER_THEN),
                where,
                g.one((Pair("yesterday", "ayer"), EMPTY, Pair("that day", "ese día"))),
            )
        )
    verb = g.one((("rain", "llover"), ("snow", "nevar")))
    if kind == 2:
        return say(
            join(
                Pair(f"it {english_past(verb[0])}", TENSES["preterite"](verb[1])[EL]),
                g.one((EMPTY, Pair("a lot", "mucho"))),
                where,
                g.phrase("past"),
            )
        )
    if kind == 3:
        form = g.one((Pair("it's going to", "va a"), Pair("it isn't going to", "no va a")))
        return say(
            join(Pair(f"{form.en} {verb[0]}", f"{form.es} {verb[1]}"), where, g.phrase("fut"))
        )
    if kind == 4:
        season = g.one(
            pairs(
                "in winter = en invierno | in summer = en verano | in autumn = en otoño | "
                "in spring = en primavera"
            )
        )
        how = g.one((Pair("a lot", "mucho"), Pair("very little", "muy poco"), EMPTY))
        return say(join(Pair(f"it {verb[0]}s", TENSES["present"](verb[1])[EL]), how, where, season))
    return say(
        join(
            Pair("what's the weather like", "qué tiempo hace"),
            where,
            g.one(
                (
                    EMPTY,
                    Pair("today", "hoy"),
                    Pair("in summer", "en verano"),
                    Pair("in winter", "en invierno"),
                )
            ),
        ),
        "?",
    )


def but_join(g: Grammar) -> Pair:
    """`I want to go, but I can't.`, `She likes tea, but she doesn't like coffee.`"""
    subject = g.someone()
    second = as_pronoun(subject)
    kind = g.number(4)
    key = g.one(sorted(AVOIDED))
    if kind == 0:
        vp = vp_of(g, subject, AVOIDED[key], "plan")
        mode = g.one(("want", "have_to", "need", "going"))
        main = g.clause(subject, vp, mode)
        rest = cause(g, key, second, False, opening=False)
        if g.chance(0.3):
            rest = Pair(f"{second.en} can't", f"no {TENSES['present']('poder')[second.person]}")
            main = g.clause(subject, vp, "want")
            if vp.verb.english in SKILLS:
                raise RejectedError
        return say(Pair(f"{main.en}, but {rest.en}", f"{main.es}, pero {rest.es}"))
    if kind == 1:
        verb = g.word(
            [
                v
                for v in verb_pool("habit", subject.kid)
                if v.determiner in ("gen", "bare")
                and v.objects
                and v.spanish != "montar a"
                and v.english
                not in (
                    "save",
                    "earn",
                    "spend",
                    "waste",
                    "fly to",
                    "move to",
                    "travel to",
                    "live in",
                )
            ]
        )
        first, other = g.word(nouns_of(verb.objects)), g.word(nouns_of(verb.objects))
        if first is other:
            raise RejectedError
        one, two = generic(g, first), generic(g, other)
        es_one, es_two = (
            (one.es, two.es)
            if verb.spanish == "jugar a"
            else (g.np(first, "", one.plural).es, g.np(other, "", two.plural).es)
        )
        main = g.clause(subject, VP(verb, subject, Pair(one.en, es_one)), "present")
        rest = g.clause(
            second, VP(verb, second, Pair(two.en, es_two)), "present", True, opening=False
        )
        return say(Pair(f"{main.en}, but {rest.en}", f"{main.es}, pero {rest.es}"))
    if kind == 2:
        vp = vp_of(g, second, AVOIDED[key], "plan")
        if "ambig" in vp.verb.flags or (key == "bad" and subject.en in ("he", "she")):
            raise RejectedError
        main = cause(g, key, subject, True, opening=True)
        if key == "bad":
            second = subject
            vp = replace(vp, subject=subject)
        rest = g.clause(second, vp, "past", opening=False)
        return say(Pair(f"{main.en}, but {rest.en}", f"{main.es}, pero {rest.es}"))
    vp = g.vp(subject, "plan", extras=False)
    if vp.verb.flags & {"pre", "ambig"}:
        raise RejectedError
    friend = g.someone(0.0)
    if (
        friend.kid
        or friend.es == subject.es
        or subject.kind != "pronoun"
        or "own" in (vp.np.det if vp.np else "")
        or "ownslot" in vp.verb.flags
    ):
        raise RejectedError
    yo = {YO: "yo", TU: "tú", NOSOTROS: "nosotros", ELLOS: "ellos"}.get(subject.person, subject.es)
    main = g.clause(subject, vp, "want")
    es = f"{yo} {main.es.removeprefix(subject.opens).strip()}"
    doesnt = finite_aux("do", friend)
    no = f"{friend.en} {_NEGATIVES[doesnt]}"
    return say(Pair(f"{main.en}, but {no}", f"{es}, pero {friend.es} no"))


def so_join(g: Grammar) -> Pair:
    """`I was tired, so I went home.`, `It's raining, so we can't swim.`"""
    subject = g.someone()
    if subject.kid:
        raise RejectedError
    past = g.chance(0.5)
    negative = not past and g.chance(0.35)
    table = AVOIDED if negative else DOINGS
    key = g.one(sorted(table))
    weather_first = key in ("fine", "bad")
    if weather_first and subject.en in ("he", "she"):
        raise RejectedError
    first = cause(g, key, subject, past, opening=True)
    second = subject if weather_first else as_pronoun(subject)
    if past:
        mode = "past"
    else:
        mode = (
            g.one(("can", "want", "going"))
            if negative
            else g.one(
                ("going", "want", "future")
                if key in ("happy", "excited", "angry", "sad", "afraid", "fine")
                else ("going", "have_to", "want", "future")
            )
        )
    vp = vp_of(g, second, table[key], "plan", negative)
    if "ambig" in vp.verb.flags or (mode == "can" and vp.verb.english in SKILLS):
        raise RejectedError
    rest = g.clause(second, vp, mode, negative, opening=False)
    return say(Pair(f"{first.en}, so {rest.en}", f"{first.es}, así que {rest.es}"))


def when_clause(g: Grammar) -> Pair:
    """`When I'm tired, I read in bed.`, `I always sing when I cook.`, `When I was young, …`"""
    subject = g.someone()
    second = as_pronoun(subject)
    kind = g.number(3)
    if kind == 0:
        main_subject = subject
        key = g.one([k for k in sorted(DOINGS) if k not in ("fine", "bad")])
        vp = vp_of(g, main_subject, DOINGS[key], "habit")
        if vp.verb.flags & {"st", "ambig"} or subject.kid:
            raise RejectedError
        when = cause(g, key, second, False, opening=False)
        main = g.clause(main_subject, vp, "present")
        if g.chance(0.5) and subject.kind == "pronoun" and subject.en not in ("he", "she"):
            return say(Pair(f"when {when.en}, {main.en}", f"cuando {when.es}, {main.es}"))
        return say(Pair(f"{main.en} when {when.en}", f"{main.es} cuando {when.es}"))
    if kind == 1:
        vp = g.vp(subject, "habit", extras=False)
        if vp.verb.english in SELDOM | ONE_OFF:
            raise RejectedError
        if "st" in vp.verb.flags or subject.word == "old" or subject.kid or subject.en == "they":
            raise RejectedError
        childhood = g.one(("young|joven", "little|pequeño", "a child|niño"))
        english, spanish = childhood.split("|")
        form = (
            agree(spanish, second.gender, second.plural)
            if spanish != "joven"
            else ("jóvenes" if second.plural else "joven")
        )
        if english == "a child" and second.plural:
            english = "children"
        was = "was" if second.agreement in ("I", "he") else "were"
        when_en = f"when {second.en} {was} {english}"
        when_es = f"cuando {TENSES['imperfect']('ser')[second.person]} {form}"
        main = g.clause(subject, vp, "used_to")
        return say(Pair(f"{main.en} {when_en}", f"{main.es} {when_es}"))
    hour = g.one(
        pairs(
            "when I get home = cuando llegue a casa | "
            "when it stops raining = cuando deje de llover | "
            "when the film ends = cuando termine la película | "
            "when summer comes = cuando llegue el verano | "
            "when I have time = cuando tenga tiempo | "
            "when the guests arrive = cuando lleguen los invitados | "
            "when class ends = cuando termine la clase | when you come back = cuando vuelvas | "
            "when you have time = cuando tengas tiempo | as soon as I can = en cuanto pueda"
        )
    )
    vp = g.vp(subject, "plan", extras=False)
    if (
        subject.kid
        or (" I " in f" {hour.en} " and subject.en != "I")
        or ("you" in hour.en and (subject.en not in ("I", "we")))
    ):
        raise RejectedError
    main = g.clause(subject, vp, g.one(("future", "going")))
    return say(join(main, hour))


def sequence(g: Grammar) -> Pair:
    """`I have breakfast before going to work.`, `After dinner …`, `I got up and had breakfast.`"""
    subject = g.someone()
    if subject.kid:
        raise RejectedError
    mode = g.one(("past", "going", "future", "past", "have_to"))
    pool = "plan"
    first, second = g.vp(subject, pool, extras=False), g.vp(subject, pool, extras=False)
    if (
        first.verb.english == second.verb.english
        or first.verb.flags & {"ambig"}
        or second.verb.flags & {"ambig", "st"}
        or first.verb.english in SELDOM
        or second.verb.english in SELDOM
        or second.verb.english == "hurry"
    ):
        raise RejectedError
    kind = g.number(3)
    main = g.clause(subject, first, mode)
    if kind == 0:
        return say(
            Pair(
                f"{main.en} before {second.en('ing')}",
                f"{main.es} antes de {second.es_infinitive(subject.person)}",
            )
        )
    if kind == 1:
        return say(
            Pair(
                f"{main.en} after {second.en('ing')}",
                f"{main.es} después de {second.es_infinitive(subject.person)}",
            )
        )
    if mode != "past":
        rest = Pair(second.en("base"), second.es_infinitive(subject.person))
        if mode == "future":
            rest = Pair(rest.en, second.es_form("future", subject.person))
        if mode == "going":
            rest = Pair(rest.en, f"{second.es_infinitive(subject.person)}")
    else:
        rest = Pair(second.en("past"), second.es_form("preterite", subject.person))
    time = g.time(TIMES_OF[mode]) if g.chance(0.4) else EMPTY
    return say(join(Pair(f"{main.en} and {rest.en}", f"{main.es} y {rest.es}"), time))


def two_people(g: Grammar) -> Pair:
    """`I cook and you wash the dishes.`, `Ana is reading while Tom is cooking.`"""
    first = g.one((I, WE, g.name(), g.relative()))
    second = g.one((YOU, g.name(), g.relative(), HE, SHE))
    if (first.kind == "pronoun" and second.kind != "pronoun") or (
        first.es == second.es and first.es
    ):
        raise RejectedError
    if second.kind == "pronoun" and first.kind != "pronoun":
        raise RejectedError
    strong = {YO: "yo", TU: "tú", NOSOTROS: "nosotros"}
    mode = g.one(("progressive", "present", "past", "future", "past_progressive"))
    pool = "progress" if "progressive" in mode else "habit"
    one, two = g.vp(first, pool, extras=False), g.vp(second, pool, extras=False)
    flags = one.verb.flags | two.verb.flags
    if (
        one.verb is two.verb
        or flags & {"st", "ambig", "inv"}
        or {one.verb.english, two.verb.english} & SELDOM
    ):
        raise RejectedError
    a = g.clause(first, one, mode)
    b = g.clause(second, two, mode)
    es_a = f"{strong.get(first.person, '')} {a.es}".strip() if first.kind == "pronoun" else a.es
    es_b = f"{strong.get(second.person, '')} {b.es}".strip() if second.en == "you" else b.es
    link = (
        g.one((Pair("and", "y"), Pair("while", "mientras")))
        if "progressive" in mode
        else Pair("and", "y")
    )
    if link.en == "while" and mode == "past_progressive":  # a plain imperfecto after mientras
        b = Pair(b.en, g.clause(second, two, "state_past").es)
        es_b = f"{strong.get(second.person, '')} {b.es}".strip() if second.en == "you" else b.es
    if link.en == "while" and first.kind == "pronoun":
        es_a, es_b = a.es, es_b
        if first.kind == "pronoun" and second.en == "you":
            es_a = f"{strong[first.person]} {a.es}"
    return say(Pair(f"{a.en} {link.en} {b.en}", f"{es_a} {link.es} {es_b}"))


def condition(g: Grammar) -> Pair:
    """`If it rains, we'll stay at home.`, `If you have time, call me.`"""
    subject = g.someone(0.8)
    if subject.en in ("he", "she") or subject.kid:
        raise RejectedError
    vp = g.vp(subject, "plan", extras=g.chance(0.4))
    ifs = g.one(
        pairs(
            "if it rains = si llueve | if it snows = si nieva | "
            "if it's cold tomorrow = si hace frío mañana | if it's sunny = si hace sol | "
            "if it's hot = si hace calor | "
            "if the shops are closed = si las tiendas están cerradas | "
            "if the bus doesn't come = si no viene el autobús | if you want = si quieres | "
            "if you help me = si me ayudas | if there's time = si hay tiempo | "
            "if nobody comes = si no viene nadie | if everything goes well = si todo va bien | "
            "if I have time = si tengo tiempo | if we have time = si tenemos tiempo | "
            "if you have time = si tienes tiempo | if they have time = si tienen tiempo | "
            "if I get up early = si me levanto temprano | "
            "if we save enough money = si ahorramos suficiente dinero"
        )
    )
    sky = {"rains": "bad", "snows": "bad", "cold": "bad", "sunny": "fine", "hot": "fine"}
    for sign in sorted(sky):
        if sign in ifs.en:
            vp = vp_of(g, subject, DOINGS[sky[sign]], "plan")
    words = ifs.en.split()
    if (words[1] in ("I", "we", "they") and words[1] != subject.en) or (
        words[1] == "you"
        and (
            (subject.en not in ("I", "we") and "time" not in words)
            or ("time" in words and subject.en != "you")
        )
    ):
        raise RejectedError
    if subject.en == "you" and "have time" in ifs.en:
        order = Pair(vp.en("base"), es_command(vp, TU, False))
        if vp.verb.english in NOT_COMMANDED:
            raise RejectedError
        return say(Pair(f"{ifs.en}, {order.en}", f"{ifs.es}, {order.es}"))
    main = g.clause(subject, vp, g.one(("future", "future", "going", "can")), opening=True)
    if g.chance(0.4):
        return say(Pair(f"{main.en} {ifs.en}", f"{main.es} {ifs.es}"))
    return say(Pair(f"{ifs.en}, {main.en}", f"{ifs.es}, {main.es}"))


def unreal(g: Grammar) -> Pair:
    """`If I had more time, I would learn Italian.`"""
    subject = g.one((I, I, YOU, WE, THEY, g.name(), g.relative()))
    vp = g.vp(subject, "plan", extras=False)
    p = subject.person
    if not vp.object.en and (not vp.verb.places or vp.verb.english in MORNING):
        raise RejectedError
    ifs = g.one(
        (
            ("had more time", "tener", "más tiempo"),
            ("had more money", "tener", "más dinero"),
            ("were rich", "ser", "rico"),
            ("lived here", "vivir", "aquí"),
            ("had a car", "tener", "coche"),
            ("could", "poder", ""),
            ("were younger", "ser", "más joven"),
            ("weren't tired", "no estar", "cansado"),
            ("knew how", "saber", "cómo"),
            ("lived near the sea", "vivir", "cerca del mar"),
            ("had a bigger house", "tener", "una casa más grande"),
            ("had to choose", "tener", "que elegir"),
        )
    )
    english, spanish, rest = ifs
    if rest in ("rico", "cansado"):
        rest = agree(rest, subject.gender, subject.plural)
    if rest == "más joven" and subject.plural:
        rest = "más jóvenes"
    no, _, verb = spanish.rpartition(" ")
    form = TENSES["imperfect_subjunctive"](verb)[p]
    second = as_pronoun(subject)
    head = f"{subject.inside} {no} {form} {rest}"
    head = " ".join(head.split())
    main = g.clause(second, vp, "would", opening=False)
    if g.chance(0.4) and subject.kind == "pronoun":
        main = g.clause(subject, vp, "would", opening=True)
        return say(
            Pair(
                f"{main.en} if {second.en} {english}",
                f"{main.es} si {' '.join(f'{no} {form} {rest}'.split())}",
            )
        )
    return say(Pair(f"if {subject.en} {english}, {main.en}", f"si {head}, {main.es}"))


def relative_clause(g: Grammar) -> Pair:
    """`The book that I bought is interesting.`, `The woman who lives here is a doctor.`"""
    kind = g.number(3)
    if kind == 0:
        verb = g.word(verb_pool("transitive", False))
        noun = g.word([n for n in nouns_of(verb.objects) if n.number == "c"])
        plural = g.chance(0.25)
        np = g.np(noun, "the", plural)
        options = [
            a for a in lexicon.adjectives_for(noun) if "noprd" not in a.flags and a.copula == "ser"
        ]
        adjective = g.word(options)
        subject = g.someone(0.8)
        if subject.kid or subject.en in ("he", "she") or verb.flags & {"ambig"}:
            raise RejectedError
        time = g.time("past") if g.chance(0.4) else EMPTY
        mode = g.one(("past", "past", "perfect", "going", "want"))
        inner = g.clause(
            subject, VP(verb, subject), mode, opening=False, time=time if mode == "past" else EMPTY
        )
        be = finite_aux("be", np.subject())
        copula = TENSES["present"](adjective.copula)[np.subject().person]
        that = "that " if g.chance(0.6) else ""
        degree = graded(g, adjective)
        return say(
            join(
                Pair(f"{np.en} {that}{inner.en} {be}", f"{np.es} que {inner.es} {copula}"),
                degree,
                Pair(adjective.english, said(np, adjective)),
            )
        )
    noun = g.word(
        [n for n in nouns_of("person", "occupation", "acquaintance") if n.english not in ("baby",)]
    )
    np = g.np(noun, "the", g.chance(0.2))
    who = replace(np.subject(), kid=noun.english in KIDS)
    pronoun = Subject(
        "who",
        "que",
        who.person,
        who.gender,
        who.plural,
        "noun",
        word="en_plural" if who.plural else "",
    )
    pronoun = replace(pronoun, kid=who.kid)
    vp = g.vp(pronoun, "habit", extras=True)
    if (
        "own" in (vp.np.det if vp.np else "")
        or "ownslot" in vp.verb.flags
        or vp.verb.english in SELDOM
    ):
        raise RejectedError
    mode = g.one(("present", "past", "progressive"))
    if ("st" in vp.verb.flags and mode != "present") or (
        vp.verb.flags & {"nc", "inv"} and mode == "progressive"
    ):
        raise RejectedError
    if "ambig" in vp.verb.flags and mode == "present":
        raise RejectedError
    time = g.time(TIMES_OF[mode], vp.verb) if g.chance(0.3) and mode == "past" else EMPTY
    inner = g.clause(pronoun, vp, mode, time=time)
    if kind == 1:
        be = finite_aux("be", who)
        es_be = TENSES["present"]("ser")[who.person]
        adjective = g.word(
            [
                a
                for a in lexicon.adjectives_for(noun)
                if a.copula == "ser" and "noprd" not in a.flags
            ]
        )
        tail = Pair(f"{be} {adjective.english}", f"{es_be} {said(np, adjective)}")
        return say(join(Pair(f"{np.en} {inner.en}", f"{np.es} {inner.es}"), tail))
    main = g.one((I, I, WE, HE, SHE, YOU))
    know = VP(simple_verb("know", "conocer a", "st"), main, join(np.pair, inner))
    question = main is YOU
    negative = not question and g.chance(0.25)
    clause = g.clause(main, know, "present", negative, "yes/no" if question else "")
    return say(clause, "?" if question else ".")


# --- Patterns: the subjunctive -------------------------------------------------------------------


def want_someone(g: Grammar) -> Pair:
    """`I want you to call me.`, `My mother wants me to study.`, `Tell him to wait.`"""
    subject = g.someone()
    other = g.one((YOU, I, WE, THEY, g.name(), g.relative(True)))
    if (
        (other.person == subject.person and other.kind == "pronoun")
        or (subject.person == NOSOTROS and (other.person == YO))
        or (subject.person == YO and other.person == NOSOTROS)
        or other.es == (subject.es)
        or (other is THEY and subject.person == ELLOS)
    ):
        raise RejectedError
    if other is THEY and subject.person in (EL, ELLOS):
        raise RejectedError
    vp = g.vp(other, "command", extras=g.chance(0.4))
    question = g.chance(0.2) and subject is YOU
    verb = g.one(
        (("want", "querer"), ("want", "querer"), ("need", "necesitar"), ("would like", "gustar"))
    )
    words = " ".join(w for w in (other.inside, vp.es_form("subjunctive", other.person)) if w)
    inner = Pair(f"{other.object_en} to {vp.en('base')}", f"que {words}")
    if verb[0] == "would like":
        if question:
            raise RejectedError
        time = EMPTY
        past = " ".join(
            w for w in (other.inside, vp.es_form("imperfect_subjunctive", other.person)) if w
        )
        es = f"{experiencer(subject)} {DATIVE[subject.person]} gustaría que {past}".strip()
        return say(join(Pair(f"{subject.en} would like {inner.en}", es), time))
    main = VP(simple_verb(*verb), subject, inner)
    time = g.time("fut", vp.verb) if g.chance(0.3) else EMPTY
    negative = not question and g.chance(0.25)
    clause = g.clause(subject, main, "present", negative, "yes/no" if question else "", time=time)
    return say(clause, "?" if question else ".")


def hope_that(g: Grammar) -> Pair:
    """`I hope that it doesn't rain.`, `It's important that you study.`, `Maybe …`"""
    other = g.one((YOU, WE, THEY, g.name(), g.relative(), I))
    vp = g.vp(other, "plan", extras=g.chance(0.4))
    lead = g.one(
        pairs(
            "I hope that = espero que | we hope that = esperamos que | "
            "it's possible that = es posible que | it's important that = es importante que | "
            "I don't think that = no creo que | I doubt that = dudo que | "
            "it's better that = es mejor que | I'm glad that = me alegro de que"
        )
    )
    if (other is I and lead.en[:2] in ("I ", "I'")) or (other is WE and lead.en.startswith("we")):
        raise RejectedError
    negative = g.chance(0.25) and lead.en not in (
        "I doubt that",
        "I don't think that",
        "it's better that",
    )
    if lead.en in ("it's important that", "it's better that"):
        form = en_clause(other, vp, MODES["present"], negative, False, "", True)
    elif lead.en == "I'm glad that":
        form = en_clause(other, vp, MODES["present"], negative, False, "", True)
        if vp.verb.english in SELDOM:
            raise RejectedError
    else:
        form = en_clause(
            other,
            vp,
            MODES["present" if lead.en in ("I hope that", "we hope that") else "future"],
            negative,
            False,
            "",
            True,
        )
    words = (other.inside, "no" if negative else "", vp.es_form("subjunctive", other.person))
    time = g.time("fut", vp.verb) if g.chance(0.35) and "glad" not in lead.en else EMPTY
    return say(
        join(Pair(f"{lead.en} {form}", f"{lead.es} {' '.join(w for w in words if w)}"), time)
    )


def told_to(g: Grammar) -> Pair:
    """`Tell your brother to wash the car.`, `Ask the waiter to bring …`"""
    other = g.one((g.name(), g.relative(True), g.worker(), HE, SHE, THEY))
    if other.en.startswith(("his", "her", "their")) or (
        other.en in ("he", "she", "they") and g.chance(0.3)
    ):
        raise RejectedError
    vp = g.vp(other, "command", extras=g.chance(0.3))
    verb = g.one((("tell", "decir"), ("ask", "pedir")))
    clitic = "les" if other.plural else "le"
    inner = vp.es_form("subjunctive", other.person)
    negative = g.chance(0.2)
    to = f" a {other.es}" if other.kind != "pronoun" else ""
    es = f"{attach(command(verb[1], TU), (clitic,))}{to} que {'no ' if negative else ''}{inner}"
    en = f"{verb[0]} {other.object_en} {'not ' if negative else ''}to {vp.en('base')}"
    end = Pair(", please", ", por favor") if g.chance(0.3) else EMPTY
    return say(Pair(en + end.en, es + end.es))


def good_to(g: Grammar) -> Pair:
    """`It's easy to cook rice.`, `It isn't necessary to wait.`"""
    vp = g.vp(replace(YOU), "plan", extras=g.chance(0.4))
    if vp.reflexive or "your" in vp.en("base").split() or "predadj" in vp.verb.flags:
        raise RejectedError
    adjective = g.one(
        pairs(
            "important = importante | difficult = difícil | easy = fácil | "
            "necessary = necesario | fun = divertido | possible = posible | better = mejor | "
            "impossible = imposible | expensive = caro | boring = aburrido | "
            "dangerous = peligroso | healthy = sano"
        )
    )
    if adjective.en in ("expensive", "dangerous", "healthy") and vp.verb.english not in (
        "travel to",
        "swim",
        "rent",
        "sleep",
        "run",
        "climb",
        "eat",
        "live in",
        "build",
        "repair",
        "exercise",
        "drive",
        "walk",
        "ski",
        "repair",
        "cross",
        "touch",
    ):
        raise RejectedError
    negative = g.chance(0.25)
    en = f"it {'isn' + chr(39) + 't' if negative else 'is'} {adjective.en} to {vp.en('base')}"
    if not negative and g.chance(0.8):
        en = en.replace("it is", "it's", 1)
    es = f"{'no ' if negative else ''}es {adjective.es} {vp.es_infinitive(EL)}"
    return say(Pair(en, es))


def might(g: Grammar) -> Pair:
    """`It might rain.`, `My sister might sell the car.`"""
    other = g.someone(0.5)
    if other.en in ("he", "she"):
        raise RejectedError
    vp = g.vp(other, "plan", extras=g.chance(0.4))
    negative = g.chance(0.25)
    time = g.time("fut", vp.verb) if g.chance(0.5) else EMPTY
    words = (
        "puede que",
        other.inside,
        "no" if negative else "",
        vp.es_form("subjunctive", other.person),
    )
    en = f"{other.en} might {'not ' if negative else ''}{vp.en('base')}"
    return say(join(Pair(en, " ".join(w for w in words if w)), time))


# --- Patterns: possession and identity -----------------------------------------------------------

OWNED = frozenset(
    "clothes jewel eyewear bag elec vehicle stationery book gift image home pet".split()
)
MINE = pairs(
    "mine = mío | yours = tuyo | his = suyo | hers = suyo | ours = nuestro | theirs = suyo"
)


def owned(g: Grammar) -> Noun:
    """A thing that belongs to somebody."""
    return g.word([n for n in nouns_of(*sorted(OWNED)) if n.number != "u"])


def whose(g: Grammar) -> Pair:
    """`Whose is this umbrella?`, `These keys are mine.`, `This is Ana's coat.`"""
    noun = owned(g)
    plural = noun.number == "c" and (noun.english in PLURAL_ONLY or g.chance(0.25))
    kind = g.number(5)
    np = g.np(noun, g.one(("this", "that")), plural)
    be = "are" if np.en_plural else "is"
    es_be = "son" if np.plural else "es"
    if kind == 0:
        demonstrative = np.en.split()[0]
        bare = g.np(noun, "", plural)
        return say(Pair(f"whose {bare.en} {be} {demonstrative}", f"de quién {es_be} {np.es}"), "?")
    owner = g.one((g.name(), g.relative()))
    if kind == 1:
        mine = g.one(MINE)
        question = g.chance(0.3)
        form = agree(mine.es, noun.gender, np.plural)
        if question:
            return say(Pair(f"{be} {np.en} {mine.en}", f"{np.es} {es_be} {form}"), "?")
        no = g.chance(0.3)
        return say(
            Pair(
                f"{np.en} {be}{(chr(110) + chr(39) + 't') if no else ''} {mine.en}",
                f"{np.es} {'no ' if no else ''}{es_be} {form}",
            )
        )
    possessor = owner.en + ("'" if owner.en.endswith("s") and owner.plural else "'s")
    if owner.en == "my parents":
        possessor = "my parents'"
    if kind == 2:
        bare = g.np(noun, "", plural)
        article = article_es(noun, np.plural)
        pronoun = np.es.split()[0]
        this = np.en.split()[0]
        lead = f"{this} {be}" if not (this == "that" and g.chance(0.5)) else "that's"
        return say(
            Pair(
                f"{lead} {possessor} {bare.en}",
                f"{pronoun} {es_be} {article} {bare.es} de {owner.es}",
            )
        )
    if kind == 3:
        return say(Pair(f"{np.en} {be} {possessor}", f"{np.es} {es_be} de {owner.es}"))
    bare, article = g.np(noun, "", plural), article_es(noun, np.plural)
    options = [a for a in lexicon.adjectives_for(noun) if "noprd" not in a.flags]
    adjective = g.word(options)
    copula = TENSES["present"](adjective.copula)[ELLOS if np.plural else EL]
    degree = graded(g, adjective)
    return say(
        join(
            Pair(f"{possessor} {bare.en} {be}", f"{article} {bare.es} de {owner.es} {copula}"),
            degree,
            Pair(adjective.english, said(np, adjective)),
        )
    )


def identify(g: Grammar) -> Pair:
    """`This is my brother.`, `Is that your car?`, `These are my books.`, `What is this?`"""
    noun = owned(g) if g.chance(0.7) else g.word(nouns_of("family", "acquaintance"))
    plural = noun.number == "c" and noun.english not in SINGLE and g.chance(0.3)
    owner = g.one(("my", "your", "his", "her", "our", "their"))
    person = {"my": YO, "your": TU, "our": NOSOTROS}.get(owner, EL)
    adjective = g.decorate(noun) if g.chance(0.35) and "family" not in noun.types else None
    det = f"own:{owner}:{person}"
    if noun.types & OWNED and g.chance(0.3):
        det = "a"
    np = g.np(noun, det, plural, adjective)
    which = g.one(("this", "that"))
    pronoun = determiner(which, noun, np.en_plural, np.plural, True)
    be, es_be = ("are", "son") if np.en_plural else ("is", "es")
    if np.plural != np.en_plural:
        es_be = "son" if np.plural else "es"
    if g.chance(0.3) and det != "a":
        return say(Pair(f"{be} {pronoun.en} {np.en}", f"{es_be} {pronoun.es} {np.es}"), "?")
    negative = g.chance(0.25)
    not_ = "n't" if negative else ""
    if negative and np.en.startswith("some"):
        raise RejectedError
    return say(
        Pair(
            f"{pronoun.en} {be}{not_} {np.en}",
            f"{pronoun.es} {'no ' if negative else ''}{es_be} {np.es}",
        )
    )


def made_of(g: Grammar) -> Pair:
    """`The table is made of wood.`"""
    things = {
        "wood": "furniture",
        "gold": "jewel",
        "silver": "jewel",
        "plastic": "container",
        "leather": "bag",
        "wool": "top",
        "cotton": "top",
        "paper": "kite_x",
        "metal": "inside",
        "stone": "building",
        "silk": "clothes",
        "glass": "kitchenware",
        "cardboard": "box",
        "steel": "kitchenware",
    }
    material = g.word(nouns_of("material"))
    kind = things[material.english]
    noun = g.word(nouns_of("kite" if kind == "kite_x" else kind))
    if noun.english in (
        "mattress",
        "carpet",
        "curtain",
        "napkin",
        "tablecloth",
        "sofa",
        "armchair",
        "furniture",
        "swimsuit",
        "raincoat",
        "bag",
        "cake",
    ):
        raise RejectedError
    plural = noun.number == "c" and g.chance(0.3)
    np = g.np(noun, g.one(("the", "this", "that", "own:my:0", "own:your:1")), plural)
    be, es_be = ("are", "son") if np.en_plural else ("is", "es")
    if np.plural != np.en_plural:
        es_be = "son" if np.plural else "es"
    if g.chance(0.2):
        return say(
            Pair(
                f"{be} {np.en} made of {material.english}", f"{np.es} {es_be} de {material.spanish}"
            ),
            "?",
        )
    return say(
        Pair(f"{np.en} {be} made of {material.english}", f"{np.es} {es_be} de {material.spanish}")
    )


def what_color(g: Grammar) -> Pair:
    """`What color is your car?`, `Her new dress is blue and white.`"""
    noun = g.word(nouns_of("colour"))
    plural = noun.number == "c" and (noun.english in PLURAL_ONLY or g.chance(0.2))
    owner = g.one(("my", "your", "his", "her", "our"))
    person = {"my": YO, "your": TU, "our": NOSOTROS}.get(owner, EL)
    np = g.np(
        noun, g.one(("the", f"own:{owner}:{person}")) if noun.types & OWNABLE else "the", plural
    )
    be, es_be = ("are", "son") if np.en_plural else ("is", "es")
    if np.plural != np.en_plural:
        es_be = "son" if np.plural else "es"
    if g.chance(0.4):
        return say(Pair(f"what color {be} {np.en}", f"de qué color {es_be} {np.es}"), "?")
    colors = [a for a in lexicon.adjectives() if "col" in a.flags and a.english != "orange"]
    one, two = g.word(colors), g.word(colors)
    if one is two:
        raise RejectedError
    link = g.one((Pair("and", "y"), Pair("or", "o")))
    if link.en == "or":
        return say(
            Pair(
                f"{be} {np.en} {one.english} or {two.english}",
                f"{np.es} {es_be} {said(np, one)} o {said(np, two)}",
            ),
            "?",
        )
    return say(
        Pair(
            f"{np.en} {be} {one.english} and {two.english}",
            f"{np.es} {es_be} {said(np, one)} y {said(np, two)}",
        )
    )


# --- Patterns: the body, illness, health ---------------------------------------------------------


def hurts(g: Grammar) -> Pair:
    """`My head hurts.`, `Does your back hurt?`, `My brother's knee hurts.`"""
    noun = g.word(nouns_of("hurt"))
    subject = g.one((I, I, YOU, HE, SHE, WE, g.name(), g.relative(True)))
    single = "single" in noun.types
    plural = (not single and (g.chance(0.4) or subject.plural)) or noun.english in ("tooth",)
    if subject.plural and single:
        raise RejectedError
    np = g.np(noun, "the", plural)
    clitic = DATIVE[subject.person]
    form = "duelen" if plural else "duele"
    bare = g.np(noun, "", plural).en
    owner = subject.own_en if subject.kind == "pronoun" else subject.en + "'s"
    if subject.kind != "pronoun" and subject.plural:
        raise RejectedError
    who = "" if subject.kind == "pronoun" and subject not in (HE, SHE) else f"a {subject.es} "
    hurt = "hurt" if plural else "hurts"
    kind = g.number(4)
    if subject in (HE, SHE):
        who = ""
    if kind == 0:
        return say(
            Pair(
                f"{'do' if plural else 'does'} {owner} {bare} hurt", f"{who}{clitic} {form} {np.es}"
            ),
            "?",
        )
    much = g.one(
        (
            EMPTY,
            Pair("a lot", "mucho"),
            Pair("today", "hoy"),
            Pair("when it's cold", "cuando hace frío"),
            Pair("very much", "mucho"),
            Pair("at night", "por la noche"),
        )
    )
    if kind == 1:
        past = "dolían" if plural else "dolía"
        time = g.one((Pair("yesterday", "ayer"), Pair("last night", "anoche"), EMPTY))
        if not time.en:
            raise RejectedError
        return say(join(Pair(f"{owner} {bare} hurt", f"{who}{clitic} {past} {np.es}"), time))
    if much.es == "mucho":
        return say(Pair(f"{owner} {bare} {hurt} {much.en}", f"{who}{clitic} {form} mucho {np.es}"))
    return say(join(Pair(f"{owner} {bare} {hurt}", f"{who}{clitic} {form} {np.es}"), much))


LOOKS = (
    ("eye", "blue|azul green|verde brown|marrón big|grande beautiful|precioso dark|oscuro"),
    (
        "hair",
        "long|largo short|corto dark|oscuro black|negro straight|liso curly|rizado blond|rubio",
    ),
    ("face", "round|redondo long|alargado"),
    ("mouth", "small|pequeño big|grande"),
    ("nose", "small|pequeño big|grande long|largo"),
    ("skin", "dry|seco soft|suave dark|oscuro"),
    ("hand", "cold|frío big|grande small|pequeño clean|limpio dirty|sucio"),
    ("tooth", "white|blanco straight|recto"),
    ("leg", "long|largo short|corto strong|fuerte"),
    ("arm", "long|largo strong|fuerte"),
    ("neck", "long|largo short|corto"),
    ("voice", "beautiful|precioso nice|bonito strong|fuerte soft|suave"),
    ("smile", "beautiful|precioso nice|bonito pretty|bonito"),
    ("foot", "cold|frío big|grande small|pequeño"),
    ("back", "strong|fuerte"),
    ("shoulder", "wide|ancho strong|fuerte"),
    ("finger", "long|largo short|corto"),
)


def looks(g: Grammar) -> Pair:
    """`She has blue eyes.`, `His voice is soft.`, `My hands are cold.`"""
    part, words = g.one(LOOKS)
    noun = g.word(nouns_of(part))
    english, spanish = g.one(words.split()).split("|")
    plural = part in ("eye", "hand", "tooth", "leg", "arm", "foot", "shoulder", "finger")
    form = agree(spanish, noun.gender, plural)
    subject = g.someone(0.5)
    bare = g.np(noun, "", plural)
    very = (
        Pair("very ", "muy ")
        if g.chance(0.25) and english not in ("blond", "black", "white")
        else EMPTY
    )
    very = (
        EMPTY if english in ("blue", "green", "brown", "straight", "beautiful", "clean") else very
    )
    if (subject.plural and not plural) or subject.person in (NOSOTROS, ELLOS):
        raise RejectedError
    if english in ("cold", "dry", "clean", "dirty") or g.chance(0.35):
        copula = "estar" if english in ("cold", "dry", "clean", "dirty") else "ser"
        owner = subject.own_en if subject.kind == "pronoun" else f"{subject.en}'s"
        article = article_es(noun, plural)
        es_owner = (
            f"{possessive_es(subject.person, noun.gender, plural)} {bare.es}"
            if (subject.kind == "pronoun")
            else f"{article} {bare.es} de {subject.es}"
        )
        verb = TENSES["present"](copula)[ELLOS if plural else EL]
        return say(
            Pair(
                f"{owner} {bare.en} {'are' if plural else 'is'} {very.en}{english}",
                f"{es_owner} {verb} {very.es}{form}",
            )
        )
    article = article_es(noun, plural) if part not in ("voice", "smile") else "una"
    if english == "beautiful" and plural:
        article = _a_es(noun, plural, True)
    a = "a " if not plural and part not in ("hair", "skin") else ""
    vp = VP(
        simple_verb("have", "tener", "st"),
        subject,
        Pair(f"{a}{very.en}{english} {bare.en}", f"{article} {bare.es} {very.es}{form}"),
    )
    return say(g.clause(subject, vp, "present", g.chance(0.15)))


def injury(g: Grammar) -> Pair:
    """`She broke her leg.`, `I cut my finger.`, `He washed his face.`"""
    verbs = (
        ("break", "romperse", "arm leg finger wrist ankle elbow nose"),
        ("hurt", "hacerse daño en", "knee back hand foot shoulder elbow ankle"),
        ("burn", "quemarse", "hand finger arm"),
        ("wash", "lavarse", "hand face foot hair"),
        ("dry", "secarse", "hand hair face"),
        ("brush", "cepillarse", "hair"),
        ("cut", "cortarse", "finger hand"),
        ("comb", "peinarse", "hair"),
    )
    english, spanish, parts = g.one(verbs)
    noun = g.word(nouns_of(*parts.split()))
    subject = g.someone()
    if subject.plural and english in ("break", "hurt", "burn", "cut", "touch"):
        raise RejectedError
    plural = noun.english in ("hand", "foot", "tooth") and english in ("wash", "dry", "brush")
    np = g.np(noun, "the", plural)
    bare = g.np(noun, "", plural)
    accident = english in ("break", "hurt", "burn", "cut")
    mode = (
        g.one(("past", "perfect", "past", "going", "have_to"))
        if not accident
        else g.one(("past", "perfect"))
    )
    es_object = np.es if english != "comb" else ""
    vp = VP(simple_verb(english, spanish), subject, Pair(f"{subject.own_en} {bare.en}", es_object))
    g.current.append(vp.verb.key)
    time = (
        g.time(TIMES_OF[mode])
        if TIMES_OF.get(mode) and (g.chance(0.6) or english in ("cut", "hurt"))
        else EMPTY
    )
    negative = not accident and g.chance(0.15)
    return say(g.clause(subject, vp, mode, negative, time=time))


def feeling(g: Grammar) -> Pair:
    """`I have a cold.`, `Take these pills.`, `She feels better today.`"""
    kind = g.number(3)
    subject = g.someone()
    if kind == 0:
        how, time = (
            g.one(pairs("better = mejor | worse = peor | well = bien | very well = muy bien")),
            g.one(
                (
                    Pair("today", "hoy"),
                    Pair("now", "ahora"),
                    EMPTY,
                    Pair("this week", "esta semana"),
                )
            ),
        )
        vp = VP(simple_verb("feel", "sentirse", "st"), subject, how)
        return say(g.clause(subject, vp, "present", g.chance(0.3) and "well" in how.en, time=time))
    if kind == 1:
        noun = g.word(nouns_of("med"))
        subject = g.asked()
        polite = bool(subject.vocative.en)
        np = g.np(
            noun, g.one(("this", "the")), noun.english in ("pill", "vitamin") and g.chance(0.6)
        )
        when = g.one(
            pairs(
                "before breakfast = antes del desayuno | after dinner = después de cenar | "
                "twice a day = dos veces al día | with water = con agua | "
                "every morning = todas las mañanas | before going to bed = antes de acostarte"
            )
        )
        if polite or subject.plural:
            when = replace_bed(when)
        vp = VP(simple_verb("take", "tomar"), subject, np.pair, tail=when)
        person = subject.person
        if (subject.kind == "pronoun" and person in (TU, VOSOTROS)) or polite:
            if person == VOSOTROS or (person == EL and not polite):
                raise RejectedError
            voc = subject.vocative
            return say(Pair(vp.en("base") + voc.en, es_command(vp, person, False) + voc.es))
        return say(
            g.clause(subject, replace(vp, tail=EMPTY), g.one(("have_to", "should")), time=when)
        )
    noun = g.word(nouns_of("symptom"))
    es = noun.spanish if noun.english not in ("cold", "allergy", "cough") else g.np(noun, "a").es
    if noun.english == "cough":
        es = "tos"
    vp = VP(
        simple_verb("have", "tener", "st"),
        subject,
        Pair(f"a {noun.english}".replace("a allergy", "an allergy"), es),
    )
    time = g.one((EMPTY, EMPTY, Pair("today", "hoy")))
    if noun.english == "allergy":
        time = EMPTY
    return say(
        g.clause(
            subject,
            vp,
            g.one(("present", "present", "state_past")) if not time.en else "present",
            g.chance(0.2) and noun.english != "allergy",
            time=time,
        )
    )


def replace_bed(pair: Pair) -> Pair:
    """Not every person goes to bed with `acostarte`."""
    return Pair("before breakfast", "antes del desayuno") if "acostarte" in pair.es else pair


# --- Patterns: time spans, thanks, short sentences -----------------------------------------------


def how_long(g: Grammar) -> Pair:
    """`I've lived in Madrid for three years.` – `Vivo en Madrid desde hace tres años.`"""
    subject = g.someone()
    if subject.kid:
        raise RejectedError
    verb = g.word(
        [
            v
            for v in verb_pool("habit", False)
            if v.english
            in (
                "live in",
                "work",
                "study",
                "learn",
                "play",
                "know",
                "drive",
                "collect",
                "teach",
                "wait for",
                "look for",
            )
        ]
    )
    vp = g.vp(subject, "habit", verb=verb, extras=verb.english == "work")
    if verb.english == "learn" and verb.determiner != "bare":
        raise RejectedError
    if (
        vp.adverb.en
        or (vp.np and vp.np.det in ("a", "some", "any"))
        or "own" in (vp.np.det if vp.np else "")
        or (verb.english == "work" and not vp.tail.en)
    ):
        raise RejectedError
    span = g.phrase("dur")
    if (
        ("year" in span.en) == (verb.english in ("wait for", "look for"))
        or ("minute" in span.en and (verb.english != "wait for"))
        or ("hour" in span.en and verb.english not in ("wait for", "look for"))
    ):
        raise RejectedError
    aux = finite_aux("have", subject)
    en = f"{contracted(subject, aux, False, True)}"
    if verb.english in ("live in", "know"):
        en = f"{en} {vp.en('participle')}"
    else:
        en = f"{en} been {vp.en('ing')}"
    es = g.clause(subject, vp, "present").es
    return say(join(Pair(en, es), Pair(span.en, f"desde hace {span.es}")))


def how_long_question(g: Grammar) -> Pair:
    """Actions over a span: `I slept for two hours.`, `We're going to rest for an hour.`"""
    subject = g.someone()
    vp = g.vp(subject, "plan", extras=g.chance(0.4))
    if (
        vp.np is not None
        or vp.verb.flags & {"once", "pre"}
        or vp.adverb.en
        or vp.verb.english
        in (
            "get up",
            "wake up",
            "go to bed",
            "get dressed",
            "come back",
            "go out",
            "have breakfast",
            "laugh",
        )
    ):
        raise RejectedError
    span = g.phrase("dur")
    if "year" in span.en and vp.verb.english not in ("work", "study", "travel", "paint"):
        raise RejectedError
    if ("week" in span.en or "month" in span.en) and vp.verb.english not in (
        "work",
        "study",
        "travel",
        "camp",
        "train",
    ):
        raise RejectedError
    if vp.verb.english in ("travel", "camp") and not re.search("week|month|year|long", span.en):
        raise RejectedError
    mode = g.one(("past", "going", "future", "have_to", "want", "past"))
    return say(g.clause(subject, vp, mode, time=Pair(span.en, f"durante {span.es}")))


UNGIVEN = words(
    "problem|mistake|wallet|rule|difference|time|luck|energy|courage|imagination|experience|"
    "practice|fresh air|free time|reason"
)


def thanks(g: Grammar) -> Pair:
    """`Thank you for the gift.`, `Thanks for helping me.`"""
    lead = g.one(
        (
            Pair("thank you for", "gracias por"),
            Pair("thanks for", "gracias por"),
            Pair("thank you very much for", "muchas gracias por"),
        )
    )
    who = g.name()
    end = Pair(f", {who.en}", f", {who.es}") if g.chance(0.35) else EMPTY
    if g.chance(0.6):
        noun = g.word(
            nouns_of(
                "gift",
                "message",
                "dish",
                "value",
                "idea",
                "jewel",
                "image",
                "drink",
                "sweet",
                "invitation",
                "book",
            )
        )
        if noun.english in UNGIVEN:
            raise RejectedError
        det = g.one(("the", "own:your:1")) if noun.types & {"message", "value", "idea"} else "the"
        np = g.np(noun, det, noun.number == "c" and g.chance(0.25))
        return say(Pair(f"{lead.en} {np.en}{end.en}", f"{lead.es} {np.es}{end.es}"))
    vp = g.vp(YOU, "command", extras=False)
    if vp.reflexive or "predadj" in vp.verb.flags or "your" in vp.en("base").split():
        raise RejectedError
    if vp.verb.english in ("get on", "get off"):
        raise RejectedError
    return say(
        Pair(f"{lead.en} {vp.en('ing')}{end.en}", f"{lead.es} {vp.es_infinitive(TU)}{end.es}")
    )


def fragment(g: Grammar) -> Pair:
    """Answers of one to four words: `In the park.`, `A red car.`, `On Monday.`"""
    kind = g.number(6)
    mark = "?" if g.chance(0.15) else "."
    if kind == 0:
        return say(g.place(nouns_of("place")), mark)
    if kind == 1:
        return say(g.company(YOU), mark)
    if kind == 2:
        return say(g.phrase(g.one(("hab", "past", "fut", "perf", "where", "freq", "cont"))), mark)
    noun = g.word(
        [n for n in lexicon.nouns() if n.number in "cpq" and not n.types & {"unit", "body", "sky"}]
    )
    plural = noun.number == "c" and (noun.english in PLURAL_ONLY or g.chance(0.2))
    adjective = g.decorate(noun) if g.chance(0.7) and "family" not in noun.types else None
    det = g.one(("a", "the", "this")) if "family" not in noun.types else "own:my:0"
    np = g.np(noun, det, plural, adjective)
    if (
        kind == 3
        and adjective
        and noun.types & {"idea", "gift", "event", "book", "watchable", "clothes"}
    ):
        bare = g.np(noun, "a", plural, adjective)
        return say(bare.pair, "!")
    return say(np.pair, mark)


def verb_alone(g: Grammar) -> Pair:
    """Sentences of a subject and a verb: `I'm cooking.`, `They laughed.`, `Wait!`"""
    kind = g.number(3)
    if kind == 0:
        verb = g.word([v for v in verb_pool("command", False) if not v.objects])
        subject = YOU
        vp = g.vp(subject, "command", verb=verb, extras=False)
        negative = g.chance(0.4)
        base = "hurry up" if verb.english == "hurry" and not negative else vp.en("base")
        if verb.english == "hurry" and negative:
            raise RejectedError
        mark = g.one((".", ".", "!"))
        name = g.name()
        end = Pair(f", {name.en}", f", {name.es}") if g.chance(0.5) else EMPTY
        return say(
            Pair(
                ("don't " if negative else "") + base + end.en,
                es_command(vp, TU, negative) + end.es,
            ),
            mark,
        )
    subject = g.someone() if kind == 1 else g.asked()
    mode = g.one(("progressive", "past", "perfect", "going", "future", "want"))
    pool = {"progressive": "progress", "past": "past", "perfect": "past"}.get(mode, "plan")
    verb = g.word([v for v in verb_pool(pool, subject.kid) if not v.objects])
    voc, plain = subject.vocative, replace(subject, vocative=EMPTY)
    vp = g.vp(plain, pool, verb=verb, extras=False)
    clause = g.clause(plain, vp, mode, kind == 1 and g.chance(0.25), "yes/no" if kind == 2 else "")
    return say(Pair(clause.en + voc.en, clause.es + voc.es), "?" if kind == 2 else ".")


MISHAPS = words(
    "fail|miss|burn|break|lose|forget|fall|get lost|get sick|get nervous|get angry|get bored|"
    "get tired|arrive late|cry|sneeze|cough|snore|complain|argue with|waste"
)


def attitude(g: Grammar) -> Pair:
    """`Unfortunately, we lost the match.`, `Maybe she's at home.`"""
    lead = g.word(tagged("sent") + tagged("sentp"))
    subject = g.someone()
    if subject.en in ("he", "she"):
        raise RejectedError
    mode = g.one(("past", "past", "going", "perfect", "future", "can"))
    if "sentp" in lead.tags:
        mode = "past"
    if lead.english in ("in my opinion", "maybe"):
        mode = "should" if lead.english == "in my opinion" else g.one(("future", "going", "can"))
    if lead.english == "really" or (lead.english == "in my opinion" and subject is I):
        raise RejectedError
    pool = POOLS.get(mode, "plan")
    vp = g.vp(subject, pool, extras=g.chance(0.5))
    if "ambig" in vp.verb.flags:
        raise RejectedError
    if lead.english in ("luckily", "of course", "finally") and vp.verb.english in MISHAPS:
        raise RejectedError
    if lead.english == "unfortunately" and "inv" not in vp.verb.flags and mode != "can":
        negative = True
    else:
        negative = mode == "can" and lead.english == "unfortunately"
    time = timed(g, mode, vp) if g.chance(0.6) else EMPTY
    if lead.english == "maybe":
        if mode == "can" and vp.verb.english in SKILLS:
            raise RejectedError
        clause = g.clause(subject, vp, f"maybe_{mode}", negative, opening=False, time=time)
        return say(Pair(f"{lead.english} {clause.en}", f"{lead.spanish} {clause.es}"))
    clause = g.clause(subject, vp, mode, negative, time=time)
    return say(Pair(f"{lead.english}, {clause.en}", f"{lead.spanish}, {clause.es}"))


def tag_question(g: Grammar) -> Pair:
    """`You like coffee, don't you?` – `Te gusta el café, ¿verdad?`"""
    subject = g.one((YOU, YOU, HE, SHE, THEY, WE))
    kind = g.number(2)
    mode = g.one(("past", "progressive", "future", "can", "present"))
    vp = g.vp(subject, POOLS.get(mode, "plan"), extras=g.chance(0.4))
    if vp.verb.flags & {"ambig", "st"} or (mode == "present" and not vp.object.en):
        raise RejectedError
    if mode == "can" and vp.verb.english in SKILLS:
        raise RejectedError
    clause = g.clause(subject, vp, mode)
    rules = MODES[mode]
    aux = finite_aux({"do": "do", "did": "did"}.get(rules.aux, rules.aux), subject)
    tag = f"{_NEGATIVES[aux]} {subject.en}" if kind else "right"
    if aux == "am":
        raise RejectedError
    en = say(Pair(f"{clause.en}, {tag}", ""), "?").en
    es = say(Pair("", clause.es), "").es
    return Pair(en, f"{es}, ¿verdad?")


def answers(g: Grammar) -> Pair:
    """`Yes, I like fish.`, `No, she isn't working today.`"""
    subject = g.someone(0.9)
    yes = g.chance(0.5)
    mode = g.one(("present", "past", "progressive", "going", "want", "can", "have_to", "perfect"))
    vp = g.vp(subject, POOLS.get(mode, "plan"), not yes, extras=g.chance(0.4))
    if vp.verb.flags & {"ambig"} or (vp.verb.english in SELDOM and mode == "present"):
        raise RejectedError
    clause = g.clause(
        subject, vp, mode, not yes, time=timed(g, mode, vp) if g.chance(0.5) else EMPTY
    )
    yes_no = Pair("yes", "sí") if yes else Pair("no", "no")
    return say(Pair(f"{yes_no.en}, {clause.en}", f"{yes_no.es}, {clause.es}"))


def also(g: Grammar) -> Pair:
    """`I also like cheese.`, `She only drinks water.`, `He doesn't eat meat either.`"""
    subject = g.someone()
    kind = g.number(3)
    vp = g.vp(subject, "habit", kind == 2, extras=False)
    if vp.verb.flags & {"ambig", "st"} or vp.verb.english in SELDOM:
        raise RejectedError
    if kind == 0:
        return say(g.clause(subject, vp, "present", mid=Pair("also", "también")))
    if kind == 1:
        if not vp.verb.objects or vp.verb.determiner not in ("gen", "bare"):
            raise RejectedError
        return say(g.clause(subject, vp, "present", mid=Pair("only", "solo")))
    en = g.clause(subject, vp, "present", True).en
    es = g.clause(subject, vp, "present", mid=Pair("", "tampoco")).es
    return say(Pair(f"{en} either", es))


def quantity(g: Grammar) -> Pair:
    """`I don't have enough money.`, `We need more milk.`"""
    subject = g.someone()
    noun = g.word(
        nouns_of("value", "food", "drink", "ingredient", "clothes", "kitchenware", "stationery")
    )
    if noun.number in "qp":
        raise RejectedError
    plural = noun.number != "u"
    np = g.np(noun, "", noun.number == "c")
    amount = g.one(
        (
            Pair("more", "más"),
            Pair("enough", "suficiente" + ("s" if plural else "")),
            Pair(
                "too many" if np.en_plural else "too much", agree("demasiado", noun.gender, plural)
            ),
            Pair("a lot of", agree("mucho", noun.gender, plural)),
            Pair("less" if not np.en_plural else "fewer", "menos"),
        )
    )
    verb = g.one((("need", "necesitar"), ("want", "querer"), ("have", "tener"), ("buy", "comprar")))
    if (verb[0] == "buy" and noun.types & {"value"}) or (
        verb[0] in ("need", "want") and amount.en.startswith("too")
    ):
        raise RejectedError
    frame = simple_verb(*verb)
    mode = g.one(("have_to", "past", "going")) if verb[0] == "buy" else "present"
    vp = VP(frame, subject, Pair(f"{amount.en} {np.en}", f"{amount.es} {np.es}"))
    negative = amount.en == "enough" and verb[0] == "have" and g.chance(0.5)
    return say(g.clause(subject, vp, mode, negative))


def all_of(g: Grammar) -> Pair:
    """`All the shops are closed.`, `Every child likes …`, `The other shirt is dirty.`"""
    np, adjective = predicate_np(g)
    noun = np.noun
    if noun.number != "c" or noun.types & {"family"} or noun.english in SINGLE:
        raise RejectedError
    kind = g.number(4)
    det_es = article_es(noun, True)
    plural = replace(np, plural=True, en_plural=True)
    degree = graded(g, adjective)
    if kind == 0:
        en, es = (
            f"all the {noun.english_plural} are",
            f"{agree('todo', noun.gender, True)} {det_es} {noun.spanish_plural}",
        )
    elif kind == 1:
        en, es = (
            f"some {noun.english_plural} are",
            f"{agree('alguno', noun.gender, True)} {noun.spanish_plural}",
        )
    elif kind == 2:
        en, es = (
            f"almost all the {noun.english_plural} are",
            (f"casi {agree('todo', noun.gender, True)} {det_es} {noun.spanish_plural}"),
        )
    else:
        plural = replace(np, plural=False, en_plural=False)
        article = "la" if noun.gender == "f" else "el"
        en, es = (
            f"the other {noun.english} is",
            f"{article} {agree('otro', noun.gender, False)} {noun.spanish}",
        )
    copula = TENSES["present"](adjective.copula)[ELLOS if plural.plural else EL]
    return say(
        join(Pair(en, f"{es} {copula}"), degree, Pair(adjective.english, said(plural, adjective)))
    )


def calendar(g: Grammar) -> Pair:
    """`My birthday is in May.`, `The exam is on Friday.`, `There's a concert tonight.`"""
    noun = g.word(nouns_of("event", "appointment"))
    days = [*tagged("day"), *tagged("month")]
    when = g.word(days) if g.chance(0.6) else g.word(tagged("fut"))
    time = Pair(when.english, when.spanish)
    kind = g.number(4)
    owner = g.one(("my", "our", "your", "the"))
    person = {"my": YO, "your": TU, "our": NOSOTROS}.get(owner, EL)
    np = g.np(noun, "the" if owner == "the" else f"own:{owner}:{person}")
    if noun.english == "birthday" and owner == "the":
        raise RejectedError
    if kind == 0:
        return say(join(Pair(f"{np.en} is", f"{np.es} es"), time))
    if kind == 1:
        return say(Pair(f"when is {np.en}", f"cuándo es {np.es}"), "?")
    np = g.np(noun, "a", False, g.decorate(noun) if g.chance(0.3) else None)
    if noun.english == "birthday":
        raise RejectedError
    if kind == 2:
        return say(join(Pair(f"there's {np.en}", f"hay {np.es}"), time))
    subject = g.someone()
    vp = VP(simple_verb("have", "tener", "st"), subject, np.pair)
    return say(g.clause(subject, vp, "present", time=time))


def sorry(g: Grammar) -> Pair:
    """`Sorry, I can't help you.`, `Excuse me, where is the station?`, `Hello, Ana.`"""
    kind = g.number(3)
    if kind == 0:
        subject = g.one((I, WE))
        vp = g.vp(subject, "plan", True, extras=False)
        time = g.time("fut", vp.verb) if g.chance(0.4) else EMPTY
        clause = g.clause(subject, vp, "can", True, time=time)
        return say(Pair(f"sorry, {clause.en}", f"lo siento, {clause.es}"))
    if kind == 1:
        noun = g.word(nouns_of("business", "transit", "culture", "sight", "landmark"))
        np = g.np(noun, "the")
        question = g.one(
            (
                Pair(f"where is {np.en}", f"dónde está {np.es}"),
                Pair(f"is {np.en} far from here", f"está {np.es} lejos de aquí"),
                Pair(f"how do I get to {np.en}", f"cómo llego a {np.es}"),
                Pair(
                    f"is there a {noun.english} near here",
                    f"hay {_a_es(noun, False, True)} {noun.spanish} cerca de aquí",
                ),
            )
        )
        en = say(Pair(f"excuse me, {question.en}", ""), "?").en
        return Pair(en, f"Perdone, ¿{spell_spanish(question.es)}?")
    greeting = g.one(
        pairs(
            "good morning = buenos días | hello = hola | good afternoon = buenas tardes | "
            "good night = buenas noches | goodbye = adiós | see you tomorrow = hasta mañana | "
            "see you soon = hasta pronto | thank you very much = muchas gracias | "
            "of course = por supuesto | I'm sorry = lo siento | good luck = buena suerte | "
            "welcome = bienvenido | see you later = hasta luego"
        )
    )
    who = g.one((g.name(), g.name(), Subject("sir", "señor", EL), Subject("ma'am", "señora", EL)))
    if (greeting.en == "welcome" and who.gender == "f") or (
        greeting.en == "welcome" and who.en == "ma'am"
    ):
        greeting = Pair("welcome", "bienvenida")
    return say(Pair(f"{greeting.en}, {who.en}", f"{greeting.es}, {who.es}"), g.one((".", "!")))


def speech(g: Grammar) -> Pair:
    """`Ana says that she's tired.`, `He told me that the shop was closed.`"""
    subject = g.one((g.name(), g.relative(), HE, SHE, THEY, g.worker()))
    if subject.kid:
        raise RejectedError
    kind = g.number(3)
    second = as_pronoun(subject)
    if kind == 0:
        inner = cause(g, g.one(FEELINGS), second, False, opening=False)
        return say(
            join(
                g.clause(
                    subject,
                    VP(simple_verb("say", "decir"), subject, Pair("that", "que")),
                    "present",
                ),
                inner,
            )
        )
    if kind == 1:
        vp = g.vp(second, "plan", extras=False)
        mode = g.one(("want", "can", "going", "have_to"))
        inner = g.clause(second, vp, mode, g.chance(0.3), opening=False)
        main = g.clause(
            subject, VP(simple_verb("say", "decir"), subject, Pair("that", "que")), "present"
        )
        return say(join(main, inner))
    np, adjective = predicate_np(g)
    inner = g.be(
        np.subject(),
        Pair(adjective.english, said(np, adjective)),
        adjective.copula,
        "imperfect",
        opening=False,
    )
    shown = subject.opens
    es = f"{shown} me {TENSES['preterite']('decir')[subject.person]} que {inner.es}".strip()
    return say(Pair(f"{subject.en} told me that {inner.en}", es))


CITY_ONLY = frozenset(("plane", "ferry", "subway", "tram", "scooter", "taxi"))


def distance(g: Grammar) -> Pair:
    """`It's ten minutes from the beach.`, `How do I get to the museum?`, `We're going by train.`"""
    place = g.word(nouns_of("transit", "culture", "business", "sight", "outdoor"))
    other = g.word(nouns_of("transit", "culture", "business", "outdoor"))
    if place is other:
        raise RejectedError
    np, np2 = g.np(place, "the"), g.np(other, "the")
    kind = g.number(3)
    vehicle = g.word(
        [
            v
            for v in nouns_of("public", "drive", "ride")
            if v.english not in ("truck", "van", "tractor")
        ]
    )
    by = Pair(f"by {vehicle.english}", f"en {vehicle.spanish}")
    if kind == 0:
        number = number_words(5 + 5 * g.number(9))
        return say(
            Pair(
                f"{np.en} is {number.en} minutes from {np2.en}",
                f"{np.es} está a {number.es} minutos de {np2.es}",
            )
        )
    subject = g.someone()
    mode = g.one(("past", "going", "future", "want", "can", "present"))
    target = np.pair if g.chance(0.5) else Pair(*(2 * ("",)))
    if not target.en:
        if vehicle.english in ("ferry", "tram", "subway", "scooter"):
            raise RejectedError
        city = g.word(nouns_of("city"))
        target = Pair(city.english, city.spanish)
    elif place.types & {"natural", "outdoor"} and vehicle.english in CITY_ONLY:
        raise RejectedError
    if target.en.startswith("the") and vehicle.english in ("plane", "ferry"):
        raise RejectedError
    vp = VP(simple_verb("go to", "ir a"), subject, target, tail=by)
    time = (
        g.time(TIMES_OF[mode])
        if g.chance(0.5) and TIMES_OF.get(mode) and mode != "present"
        else EMPTY
    )
    if mode == "present":
        time = g.time("hab", simple_verb("visit", "visitar"))
    return say(g.clause(subject, vp, mode, time=time))


def ability(g: Grammar) -> Pair:
    """`Can you swim?`, `My sister speaks French very well.`, `I don't speak Greek.`"""
    question = g.chance(0.3)
    subject = g.asked() if question else g.someone()
    if subject.kid:
        raise RejectedError
    noun = g.word(nouns_of("language"))
    voc, plain = subject.vocative, replace(subject, vocative=EMPTY)
    how = g.one(
        (
            EMPTY,
            EMPTY,
            Pair("well", "bien"),
            Pair("very well", "muy bien"),
            Pair("a little", "un poco de"),
            Pair("perfectly", "perfectamente"),
        )
    )
    negative = not question and how.en in ("", "well") and g.chance(0.35)
    verb = simple_verb(*g.one((("speak", "hablar"), ("understand", "entender"))))
    g.current.append(verb.key)
    if how.en == "a little":
        vp = VP(verb, plain, Pair(f"a little {noun.english}", f"un poco de {noun.spanish}"))
    else:
        article = "el " if verb.english == "understand" else ""
        vp = VP(verb, plain, Pair(noun.english, article + noun.spanish), adverb=how)
    clause = g.clause(plain, vp, "present", negative, "yes/no" if question else "")
    return say(Pair(clause.en + voc.en, clause.es + voc.es), "?" if question else ".")


def cooked_by(g: Grammar) -> Pair:
    """Infinitives and gerunds as themes: `Swimming is healthy.`, `Reading in bed relaxes me.`"""
    vp = g.vp(YOU, "plan", extras=g.chance(0.4))
    if vp.reflexive or vp.verb.flags & {"predadj", "once"} or "your" in vp.en("base").split():
        raise RejectedError
    if vp.en("ing") in NOT_KINDS:
        raise RejectedError
    good = g.one(
        pairs(
            "is fun = es divertido | is easy = es fácil | isn't easy = no es fácil | "
            "is difficult = es difícil | is important = es importante | "
            "is boring = es aburrido | relaxes me = me relaja | makes me happy = me hace feliz"
        )
    )
    return say(Pair(f"{vp.en('ing')} {good.en}", f"{vp.es_infinitive(EL)} {good.es}"))


def accompany(g: Grammar) -> Pair:
    """`I'm with Ana.`, `This letter is for you.`, `We talked about you.`"""
    kind = g.number(3)
    strong = g.one(
        (
            Pair("me", "mí"),
            Pair("you", "ti"),
            Pair("him", "él"),
            Pair("her", "ella"),
            Pair("us", "nosotros"),
            Pair("them", "ellos"),
            pair_of_name(g),
        )
    )
    if kind == 0:
        noun = g.word(
            nouns_of("gift", "message", "jewel", "drink", "sweet", "dish", "clothes", "book", "bag")
        )
        np = g.np(noun, g.one(("this", "that", "the")), noun.number == "c" and g.chance(0.25))
        be, es_be = ("are", "son") if np.en_plural else ("is", "es")
        if np.plural != np.en_plural:
            es_be = "son" if np.plural else "es"
        if g.chance(0.3):
            return say(
                Pair(f"{be} {np.en} for {strong.en}", f"{np.es} {es_be} para {strong.es}"), "?"
            )
        return say(Pair(f"{np.en} {be} for {strong.en}", f"{np.es} {es_be} para {strong.es}"))
    subject = g.someone()
    if strong.en in (subject.object_en, subject.en) or {strong.en, subject.object_en} in (
        {"me", "us"},
    ):
        raise RejectedError
    verbs = (
        ("talk about", "hablar de"),
        ("dream of", "soñar con"),
        ("think about", "pensar en"),
        ("depend on", "depender de"),
        ("go with", "ir con"),
        ("talk to", "hablar con"),
        ("dance with", "bailar con"),
        ("work with", "trabajar con"),
        ("play with", "jugar con"),
        ("travel with", "viajar con"),
        ("study with", "estudiar con"),
        ("have dinner with", "cenar con"),
    )
    english, spanish = g.one(verbs)
    mode = g.one(("past", "want", "going", "future", "can", "progressive"))
    if english in ("depend on",):
        mode = "present"
    if english in ("dream of", "think about") and mode in ("want", "going", "can"):
        mode = "past"
    verb = simple_verb(english, spanish)
    g.current.append(verb.key)
    if (subject.en in ("he", "she") or subject.kind == "name") and strong.en in ("him", "her"):
        raise RejectedError
    vp = VP(verb, subject, strong)
    time = g.time(TIMES_OF[mode]) if g.chance(0.6) and TIMES_OF.get(mode) else EMPTY
    if mode in ("progressive", "present"):
        time = EMPTY
    return say(g.clause(subject, vp, mode, g.chance(0.2), time=time))


def pair_of_name(g: Grammar) -> Pair:
    name = g.name()
    return Pair(name.en, name.es)


# --- All patterns --------------------------------------------------------------------------------


def _tenses() -> list[tuple[str, float, Pattern]]:
    """The patterns that differ in tense or auxiliary only."""
    both = ("present past future going progressive can want need have_to should").split()
    rows: list[tuple[str, float, Pattern]] = []
    for mode in both:
        rows.append((mode, 1.5 if mode in ("present", "past") else 1.0, tense_pattern(mode)))
        rows.append((f"{mode} negative", 0.9, tense_pattern(mode, negative=True)))
        rows.append((f"{mode} question", 0.9, tense_pattern(mode, question=True)))
    for mode in ("must", "would", "able"):
        rows.append((mode, 0.6, tense_pattern(mode)))
        rows.append((f"{mode} negative", 0.4, tense_pattern(mode, negative=True)))
    for mode in (
        "used_to had_to will_have_to wanted prefer hope plan try tried decided forgot promised "
        "started stopped stop keep feel_like afraid refuse managed about was_going learn learned "
        "know_how past_progressive"
    ).split():
        rows.append((mode, 0.45, tense_pattern(mode)))
    return rows


def _questions() -> list[tuple[str, float, Pattern]]:
    """The questions with a question word."""
    return [
        ("when", 0.8, wh_question(Pair("when", "cuándo"), ("past", "going", "future", "want"))),
        (
            "where",
            0.6,
            wh_question(Pair("where", "dónde"), ("past", "going", "present", "can", "want")),
        ),
        (
            "why",
            1.0,
            wh_question(
                Pair("why", "por qué"), ("past", "want", "progressive", "have_to", "going")
            ),
        ),
        ("how", 0.4, wh_question(Pair("how", "cómo"), ("past", "can", "going"), "transitive")),
        ("with whom", 0.5, wh_question(Pair("who", "con quién"), ("past", "want", "going"))),
        ("what", 1.2, what_object),
        ("which", 1.0, which_object),
        ("who", 0.9, who_subject),
        ("whom", 0.6, who_object),
        ("how often", 0.5, frequency_question),
        ("what time", 0.5, at_what_time),
    ]


def _states() -> list[tuple[str, float, Pattern]]:
    """The patterns of being and having."""
    return [
        ("describe", 2.2, describe("present")),
        ("describe negative", 1.0, describe("present", True)),
        ("describe question", 1.0, describe("present", False, True)),
        ("described", 1.0, describe("imperfect")),
        ("will be", 0.4, describe("future")),
        ("person is", 1.0, person_is("present")),
        ("person isn't", 0.6, person_is("present", True)),
        ("is person", 0.8, person_is("present", False, True)),
        ("person was", 0.8, person_is("imperfect")),
        ("was person", 0.4, person_is("imperfect", False, True)),
        ("profession", 0.8, profession),
        ("wants to be", 0.3, wants_to_be),
        ("nationality", 0.6, nationality),
        ("great", 1.6, great),
        ("exclaim", 1.0, exclaim),
        ("comparison", 1.4, comparison),
        ("taller than", 0.6, pronoun_comparison),
        ("superlative", 1.1, superlative_sentence),
        ("opinion", 1.5, opinion),
        ("seems", 0.8, seems),
        ("location", 1.2, location(False)),
        ("where is", 0.8, location(True)),
        ("where was", 0.3, location(True, "imperfect")),
        ("person at", 1.2, person_at),
        ("there is", 1.2, there_is("statement")),
        ("there isn't", 0.6, there_is("negative")),
        ("is there", 0.7, there_is("question")),
        ("how many", 0.5, how_many_there),
        ("have", 1.7, have),
        ("sensation", 0.5, sensation),
        ("age", 0.4, age),
        ("price", 0.9, price),
        ("clock", 1.0, telling_time),
        ("whose", 1.0, whose),
        ("identify", 0.8, identify),
        ("made of", 0.5, made_of),
        ("color", 0.6, what_color),
        ("calendar", 0.6, calendar),
        ("all of", 0.8, all_of),
    ]


def _others() -> list[tuple[str, float, Pattern]]:
    """Commands, liking, pronouns, joined clauses and short sentences."""
    return [
        ("frequency", 1.4, frequency),
        ("still", 0.8, still),
        ("perfect", 1.2, perfect),
        ("yet", 0.6, not_yet),
        ("ever", 0.8, ever),
        ("just", 0.5, just_now),
        ("while past", 1.5, while_past),
        ("pluperfect", 0.9, pluperfect),
        ("imperative", 2.2, imperative),
        ("let's", 0.8, lets),
        ("why don't we", 0.5, shall_we),
        ("request", 0.9, request),
        ("may I", 0.6, may_i),
        ("order", 0.9, order_food),
        ("like", 1.2, like_kind(False, False)),
        ("don't like", 0.8, like_kind(True, False)),
        ("do you like", 0.8, like_kind(False, True)),
        ("like doing", 1.0, like_doing),
        ("would like to", 1.0, would_like_to),
        ("liked", 0.8, liked_past),
        ("interest", 1.3, interest),
        ("love people", 0.6, love_people),
        ("things", 1.8, things_do),
        ("animals", 0.8, animals_do),
        ("give to", 1.8, give_to),
        ("give me", 1.1, give_me),
        ("whom pronoun", 1.0, whom),
        ("it again", 1.2, it_again),
        ("something", 0.7, something),
        ("because", 2.4, because),
        ("weather", 0.7, weather),
        ("but", 1.9, but_join),
        ("so", 1.9, so_join),
        ("when clause", 1.9, when_clause),
        ("sequence", 1.8, sequence),
        ("two people", 1.3, two_people),
        ("if", 1.9, condition),
        ("unreal if", 1.3, unreal),
        ("relative", 2.2, relative_clause),
        ("want someone", 1.6, want_someone),
        ("hope that", 1.5, hope_that),
        ("tell to", 0.8, told_to),
        ("easy to", 0.8, good_to),
        ("might", 0.7, might),
        ("hurts", 0.9, hurts),
        ("injury", 0.5, injury),
        ("looks", 0.8, looks),
        ("feeling", 1.1, feeling),
        ("for years", 0.5, how_long),
        ("for hours", 0.4, how_long_question),
        ("thanks", 0.6, thanks),
        ("fragment", 1.3, fragment),
        ("verb alone", 0.9, verb_alone),
        ("attitude", 0.8, attitude),
        ("tag question", 0.6, tag_question),
        ("answers", 1.0, answers),
        ("also", 0.8, also),
        ("quantity", 1.0, quantity),
        ("sorry", 0.5, sorry),
        ("speech", 1.4, speech),
        ("distance", 0.8, distance),
        ("languages", 0.4, ability),
        ("gerund subject", 0.5, cooked_by),
        ("strong pronoun", 0.6, accompany),
    ]


@cache
def patterns() -> tuple[tuple[str, float, Pattern], ...]:
    """All patterns with their names and weights."""
    return tuple(_tenses() + _questions() + _states() + _others())


def acceptable(pair: Pair) -> bool:
    """Length and form of a finished pair."""
    return (
        len(pair.en.split()) <= MAX_WORDS
        and len(pair.es.split()) <= MAX_WORDS
        and "  " not in pair.en + pair.es
    )


def derive(g: Grammar, pattern: Pattern) -> Pair | None:
    """One sentence of a pattern, or None where the choices did not fit."""
    g.current.clear()
    try:
        pair = pattern(g)
    except RejectedError:
        return None
    return pair if acceptable(pair) else None


def generate_named(seed: int, count: int) -> list[tuple[str, Pair]]:
    """`count` distinct pairs, each with the name of its pattern."""
    rng = random.Random(seed)
    g = Grammar(rng)
    made: dict[str, tuple[str, Pair]] = {}
    shares = {name: 0 for name, _, _ in patterns()}
    failures = dict.fromkeys(shares, 0)
    active = list(patterns())
    while len(made) < count and active:
        name, _, pattern = min(
            active, key=lambda row: (shares[row[0]] + 0.5 * rng.random()) / row[1]
        )
        for _ in range(60):
            pair = derive(g, pattern)
            if pair is not None and pair.en not in made:
                made[pair.en] = (name, pair)
                g.uses.update(g.current)
                failures[name] = 0
                break
        else:
            failures[name] += 1
            if failures[name] >= 3:
                active = [row for row in active if row[0] != name]
        shares[name] += 1
    if len(made) < count:
        raise ValueError(f"only {len(made)} distinct pairs for {count}")
    rows = list(made.values())
    for index in range(len(rows) - 1, 0, -1):
        other = int(rng.random() * (index + 1))
        rows[index], rows[other] = rows[other], rows[index]
    return rows


def generate(seed: int, count: int) -> list[tuple[str, str]]:
    """`count` distinct (English, Spanish) pairs, the same for a seed on every Python version."""
    return [(pair.en, pair.es) for _, pair in generate_named(seed, count)]


def main() -> None:
    """Print a sample as tab-separated lines."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--patterns", action="store_true", help="show the pattern of each line")
    options = parser.parse_args()
    for name, pair in generate_named(options.seed, options.count):
        prefix = f"{name}\t" if options.patterns else ""
        print(f"{prefix}{pair.en}\t{pair.es}")


if __name__ == "__main__":
    main()
