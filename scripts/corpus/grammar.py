"""A synchronous English–Spanish grammar: both sides of a sentence derived together.

A pattern (patterns/) chooses a subject, a verb frame, objects, a mode and adverbials that license
each other (lexicon.py), and spells the choice out in both languages (agreement.py, clauses.py,
frames.py). The choices of the language policy (POLICY.md) are made here once, so one English
sentence has one Spanish. This module holds the choices that patterns share.

To add a pattern:

1. Write its sentences into phrases/frames.tsv and its lists of phrases into phrases/phrases.tsv.
2. Write a function `(g: Grammar, *arguments: str) -> Pair` that makes the choices, in the module of
   patterns/ on its topic. It calls `reject` where a choice leads to no sensible sentence.
3. Name it, with its weight, in phrases/patterns.tsv.
4. Read some hundred of its sentences: `python scripts/corpus/generate.py --patterns --count 9000`
   shows the pattern of each. Then `make corpus`.

Every random draw shifts those after it, so any change to the grammar changes much of the corpus.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TypeVar

import lexicon
from agreement import (
    EMPTY,
    HE,
    NP,
    OWNER_PERSON,
    SHE,
    THEY,
    WE,
    YOU,
    YOU_GUYS,
    YOU_TWO,
    I,
    Subject,
    agree,
    determiner,
    finish,
    join,
)
from clauses import VP, contracted, en_clause, es_group, finite_aux, modes, unwords
from conjugation import EL, ELLOS, NOSOTROS
from frames import Slot, fill, frames
from lexicon import Adjective, Noun, Phrase, Verb, nouns_of, tagged
from tables import Pair, phrases, table, word_class

T = TypeVar("T")
W = TypeVar("W", Noun, Adjective, Verb, Phrase)

OWNERS = "my your his her our their"
DAY_PART = re.compile(r"night|afternoon|evening|morning|noon|breakfast|lunch|dinner|all day|after")
FAR_TIME = re.compile(r"year|month|summer|winter|^in [JFMASOND]|weeks|spring|autumn")
NEAR_TIME = re.compile(r"minutes|hour|night|later|breakfast|class|dinner|lunch|work$|morning")
# How often an object takes which determiner, by the code of its verb; `own` where one can own it.
DETERMINERS = {
    "the": "the 60, this 14, that 8, own 22",
    "gen": "bare 50, some 20, the 18, a 40",
    "buy": "a 45, bare 20, some 12, the 14, this 10",
    "art": "a 46, the 36, this 12, own 8",
    "any": "a 30, the 34, this 12, own 20, bare 8",
}


class RejectedError(Exception):
    """The choice so far leads to no sensible sentence; the caller tries again."""


def reject(condition: object) -> None:
    """Give the choice up if the condition holds."""
    if condition:
        raise RejectedError


@cache
def names(kind: str) -> tuple[str, ...]:
    """The names of a kind: woman, man, surname."""
    return tuple(row["name"] for row in table("lexicon/names") if row["kind"] == kind)


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

    def pick(self, items: str) -> str:
        """One of the words of a text, such as modes: `past going future`."""
        return self.one(items.split())

    def maybe(self, probability: float, pair: Pair) -> Pair:
        """A phrase with a probability, or nothing."""
        return pair if self.chance(probability) else EMPTY

    def weighted(self, items: Sequence[tuple[str, int]]) -> str:
        """One name by weight."""
        point = self.rng.random() * sum(weight for _, weight in items)
        for name, weight in items:
            point -= weight
            if point < 0:
                return name
        return items[-1][0]

    def word(self, items: Sequence[W], tries: int = 4) -> W:
        """One word, the least used of a few, and note its use."""
        reject(not items)
        best = self.one(items)
        for _ in range(tries - 1):
            other = self.one(items)
            if self.uses[other.key] < self.uses[best.key]:
                best = other
        self.current.append(best.key)
        return best

    def phrase(self, tag: str) -> Pair:
        """An adverb or a time expression with a tag."""
        return self.adverb(tagged(tag))

    def adverb(self, options: Sequence[Phrase], tries: int = 4) -> Pair:
        """One of some adverbs or time expressions."""
        return self.word(options, tries).pair

    def listed(self, name: str) -> Pair:
        """One phrase of a list of phrases/phrases.tsv."""
        return self.one(phrases(name))

    def frame(self, name: str, /, **slots: Slot) -> Pair:
        """A frame of phrases/frames.tsv, one of those with the name, with its slots filled."""
        options = frames(name)
        return fill(options[0] if len(options) == 1 else self.one(options), slots)

    def sentence(self, name: str, /, **slots: Slot) -> Pair:
        """A frame that is a whole sentence, with its spelling."""
        return finish(self.frame(name, **slots))

    # --- nouns

    def noun(self, *kinds: str, but: str = "", numbers: str = "cumpqn") -> Noun:
        """A noun of some types, of some numbers, outside a class."""
        return self.word(nouns_of(*kinds, but=but, numbers=numbers))

    def adjective(self, fits: Callable[[Adjective], bool], noun: Noun | None = None) -> Adjective:
        """An adjective that fits, of a noun where one is given."""
        options = lexicon.adjectives_for(noun) if noun else lexicon.adjectives()
        return self.word([adjective for adjective in options if fits(adjective)])

    def decorate(self, noun: Noun) -> Adjective | None:
        """An adjective that may stand beside a noun."""
        if noun.number == "n":
            return None
        fitting = lexicon.adjectives_beside(noun)
        return self.word(fitting) if fitting else None

    def plural(self, noun: Noun, probability: float) -> bool:
        """Whether a countable noun stands in the plural; some nearly always do."""
        return noun.number == "c" and (noun.among("plural only") or self.chance(probability))

    def owner(self, owners: str = OWNERS) -> str:
        """A possessive determiner."""
        return own(self.pick(owners))

    def np(
        self,
        noun: Noun,
        det: str,
        plural: bool = False,
        *,
        adjective: Adjective | None = None,
        subject: Subject = I,
    ) -> NP:
        """A noun with its determiner, and with an adjective where one is given."""
        en_plural = noun.number in "pq" or (noun.number == "c" and plural)
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
            form = agree(adjective.spanish, noun.gender, es_plural, adjective.has("inv"))
            if adjective.has("pre"):
                before = form[:-1] if form in ("bueno", "malo") else form
            es_noun = unwords(before, es_noun, "" if before else form)
        words = determiner(det, noun, en_plural=en_plural, plural=es_plural, adjacent=not before)
        en, es = unwords(words.en, en_noun), unwords(words.es, es_noun)
        return NP(en, es, noun, en_plural, es_plural, det)

    def bare(self, noun: Noun, plural: bool = False) -> NP:
        """A noun without a determiner."""
        return self.np(noun, "", plural)

    def generic(self, noun: Noun) -> NP:
        """A whole kind: `cats` – `los gatos`, `milk` – `la leche`; names stay bare."""
        if noun.number == "n":
            return self.bare(noun)
        np = self.np(noun, "the", noun.number == "c")
        return replace(np, en=np.en.removeprefix("the "))

    # --- objects

    def object(self, verb: Verb, subject: Subject, negative: bool) -> NP:
        """An object that the verb licenses."""
        noun = self.word(nouns_of(verb.objects), 5)
        abstract = noun.of("subject", "sport", "leisure")
        if verb.english == "talk about" and abstract and not noun.among("talked about with the"):
            return self.bare(noun)
        if noun.of_class("generic") and verb.determiner == "the":
            return self.generic(noun)
        reject(subject.kid and noun.of("acquaintance") and not noun.among("playmates"))
        det, plural = self.choose_det(verb, noun, negative)
        if det == "own" and noun.of("family"):
            noun = self.relative_of(subject, noun)
        if det == "the" and noun.of("occupation") and self.chance(0.2):
            det = "own" if noun.english in ("doctor", "dentist", "lawyer", "coach") else det
        adjective = None
        if det not in ("any", "bare") and not noun.of_class("not decorated") and self.chance(0.16):
            adjective = self.decorate(noun)
        if adjective and adjective.english == "broken" and not verb.among("with broken"):
            adjective = None
        if adjective and adjective.copula == "estar" and verb.among("unstated"):
            adjective = None
        return self.np(
            noun, "" if det == "bare" else det, plural, adjective=adjective, subject=subject
        )

    def relative_of(self, subject: Subject, noun: Noun) -> Noun:
        """A relative whom this subject can have."""
        if subject.is_pronoun and subject.en not in ("he", "she") and not subject.kid:
            reject(subject.plural and noun.among("spouses"))
            return noun
        self.current.pop()
        relatives = "relatives of the old" if subject.word == "old" else "relatives"
        if subject.plural and subject.kind == "noun":  # engineers share no aunt
            relatives = "relatives of children" if subject.kid else "relatives of several"
            if subject.en.endswith("parents"):
                relatives = "relatives of parents"
        options = nouns_of(*sorted(word_class(relatives)))
        return self.word([n for n in options if n.english != subject.en.split()[-1]])

    def choose_det(self, verb: Verb, noun: Noun, negative: bool) -> tuple[str, bool]:
        """A determiner and number for an object."""
        code, count = verb.determiner, noun.number == "c"
        often_plural = noun.among("plural only")
        if code in ("bare", "barepl"):
            return "bare", count
        if code == "only":
            return "the", False
        if code == "own":
            return "own", often_plural
        if code == "the" and noun.of("family"):
            return "own", False
        rows = [row.split() for row in DETERMINERS.get(code, DETERMINERS["any"]).split(", ")]
        impossible = set()
        if not noun.of_class("ownable") or noun.among("nobody's"):
            impossible.add("own")
        if code == "gen" and (not count or often_plural):
            impossible.add("a")
        weights = [(det, int(weight)) for det, weight in rows if det not in impossible]
        return self.number_det(self.weighted(weights), noun, often_plural, negative=negative)

    def number_det(
        self, det: str, noun: Noun, often_plural: bool, *, negative: bool
    ) -> tuple[str, bool]:
        """Settle grammatical number for a determiner, and turn `some` into `any` where negated."""
        if noun.number == "u":
            det = "some" if det == "a" else det
            return ("any" if det == "some" and negative else det), False
        if noun.number in "mpq" and det in ("a", "some"):
            det = "a" if noun.number == "q" else "the"
        rare = 0.0 if noun.of_class("not plural") else 0.18
        plural = often_plural or ((det in ("bare", "some") or self.chance(rare)) and det != "a")
        if det == "a" and often_plural:
            det = "some"
        if det == "some" and negative:
            det = "any"
        if noun.number == "q" and det == "bare":
            det = "the"
        return det, plural

    # --- subjects

    def name(self) -> Subject:
        """A person by first name."""
        if self.chance(0.5):
            name = self.one(names("woman"))
            return Subject(name, name, EL, "f", kind="name")
        name = self.one(names("man"))
        return Subject(name, name, EL, "m", kind="name")

    def relative(self, kids: bool = False) -> Subject:
        """`my mother`, `her grandparents`, `our friends`."""
        kind = "family" if self.chance(0.7) else "acquaintance"
        noun = self.noun(kind, but="" if kids else "kids")
        plural = noun.number == "c" and not noun.among("single") and self.chance(0.18)
        owner = self.pick("my my my my your his her our their")
        if noun.among("spouses"):
            owner = self.pick(f"my my your {'her' if noun.gender == 'm' else 'his'}")
        old = noun.english.startswith("grand") and not noun.english.endswith(("son", "daughter"))
        subject = self.np(noun, own(owner), plural).subject()
        return replace(subject, word="old" if old else "", kid=noun.among("kids"))

    def worker(self) -> Subject:
        """`the doctor`, `that woman`."""
        noun = self.noun("occupation", "person")
        reject(noun.among("kids") and self.chance(0.5))
        det = "the" if noun.of("occupation") else self.pick("the that this")
        np = self.np(noun, det, noun.english != "baby" and self.chance(0.2))
        return replace(np.subject(), kid=noun.among("kids"))

    def titled(self) -> Subject:
        """`Mr. López`, `Mrs. Ruiz`."""
        name = self.one(names("surname"))
        if self.chance(0.5):
            return Subject(f"Mr. {name}", f"el señor {name}", EL, "m", kind="title")
        return Subject(f"Mrs. {name}", f"la señora {name}", EL, "f", kind="title")

    def couple(self) -> Subject:
        """`Ana and Carlos`, `Marta and I`."""
        first = self.name()
        if self.chance(0.4):
            return Subject(f"{first.en} and I", f"{first.es} y yo", NOSOTROS, "m", True, "name")
        second = self.one([n for n in names("man") if n != first.en])
        return Subject(
            f"{first.en} and {second}", f"{first.en} y {second}", ELLOS, "m", True, "name"
        )

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
        return self.couple() if point < 0.93 else self.titled()

    def asked(self) -> Subject:
        """A human subject for a question."""
        point = self.rng.random()
        if point < 0.42:
            return YOU
        if point < 0.47:
            return self.one((YOU_GUYS, YOU_TWO))
        if point < 0.53:
            return self.polite()
        subject = self.someone(0.5)
        return YOU if subject is I else subject

    def who(self, question: bool, pronouns: float = 0.62) -> Subject:
        """A human subject for a question or a statement."""
        return self.asked() if question else self.someone(pronouns)

    def polite(self) -> Subject:
        """`you` spoken to with distance."""
        surname = self.one(names("surname"))
        vocative = self.listed("distance")
        vocative = Pair(vocative.en.format(surname=surname), vocative.es.format(surname=surname))
        gender = "f" if "señora" in vocative.es else "m"
        return Subject("you", "", EL, gender, vocative=vocative)

    # --- verb phrases

    def vp(
        self,
        subject: Subject,
        pool: str,
        negative: bool = False,
        *,
        extras: bool = True,
        verb: Verb | None = None,
    ) -> VP:
        """A verb phrase with object and perhaps place, manner or company."""
        verb = verb or self.word(verb_pool(pool, subject.kid))
        np = self.object(verb, subject, negative) if verb.objects else None
        object_ = np.pair if np else EMPTY
        if np and "own" in np.det and verb.spanish in word_class("worn"):
            object_ = Pair(np.en, self.np(np.noun, "the", np.plural).es)
        if np and verb.has("artes"):
            object_ = Pair(np.en, self.np(np.noun, "the").es)
        adverb = tail = EMPTY
        if extras:
            adverb, tail = self.extras(verb, subject, pool, negative=negative, has_object=bool(np))
        return VP(verb, subject, object_, np, adverb, tail)

    def extras(
        self, verb: Verb, subject: Subject, pool: str, *, negative: bool, has_object: bool
    ) -> tuple[Pair, Pair]:
        """Manner, place and company for a verb."""
        adverb = company = place = EMPTY
        manner = manners(verb, has_object, pool)
        if manner and not negative and self.chance(0.3):
            adverb = self.adverb(manner)
        if verb.social and " with" not in verb.english and self.chance(0.27) and not adverb.en:
            company = self.company(subject)
        if verb.places and self.chance(0.5):
            if verb.among("homely") and self.chance(0.25):
                place = self.adverb([p for p in tagged("where") if p.among("spots")])
            else:
                place = self.place(*verb.places)
        return adverb, join(company, place)

    def company(self, subject: Subject) -> Pair:
        """`with my sister`, `with us`."""
        if self.chance(0.25) and not subject.is_pronoun:
            return self.listed("with us")
        if self.chance(0.35):
            name = self.name()
            reject(name.en in subject.en)
            return Pair(f"with {name.en}", f"con {name.es}")
        noun = self.noun("acquaintance", "family")
        if noun.of("family"):
            noun = self.relative_of(subject, noun)
        plural = not noun.among("single") and self.chance(0.3)
        np = self.np(noun, "own", plural, subject=subject)
        return Pair(f"with {np.en}", f"con {np.es}")

    def place(self, *places: str) -> Pair:
        """`in the park`, `at the library`."""
        noun = self.noun(*places)
        np = self.np(noun, "the")
        preposition = "junto a" if noun.preposition == "by" else "en"
        return Pair(f"{noun.preposition} {np.en}", f"{preposition} {np.es}")

    def time(self, tag: str, verb: Verb | None = None) -> Pair:
        """A time expression for a tense; rare doings do not happen every morning."""
        options = fitting_times(tag, verb)
        if verb is not None and verb.among("morning"):
            options = tuple(p for p in options if not DAY_PART.search(p.english))
        return self.adverb(options, 3)

    def perhaps(self, probability: float, tag: str, verb: Verb | None = None) -> Pair:
        """A time expression with a probability, where a mode has a tag for it."""
        return self.time(tag, verb) if self.chance(probability) and tag else EMPTY

    def timed(self, mode: str, vp: VP) -> Pair:
        """A time expression fit for a mode, or none."""
        rules = modes()[mode]
        if not rules.times or not self.chance(rules.likely) or vp.verb.has("st"):
            return EMPTY
        return self.time(rules.times, vp.verb)

    # --- clauses

    def clause(
        self,
        vp: VP,
        mode: str,
        negative: bool = False,
        *,
        question: bool = False,
        wh: bool = False,
        mid: Pair = EMPTY,
        opening: bool = True,
        time: Pair = EMPTY,
    ) -> Pair:
        """A finite clause on both sides; `wh`: what follows a question word."""
        subject = vp.subject
        if mode == "can" and vp.verb.among("skills"):
            mode = "know_how_can"
        question = question or wh
        denied = negative or question or mid.en in word_class("denying")
        reject(not denied and mid.es not in ("tampoco", "ya no") and vp.np and vp.np.det == "any")
        vp = replace(vp, tail=join(vp.tail, time))
        en = en_clause(vp, modes()[mode], negative, question, mid.en, self.chance(0.85))
        group, no = es_group(vp, modes()[mode]), "no" if negative else ""
        shown = subject.es if opening and not question else subject.inside
        if wh:
            es = unwords(no, mid.es, group, shown, vp.es_rest)
        else:
            es = unwords(shown, mid.es, no, group, vp.es_rest)
        return Pair(en + subject.vocative.en, es + subject.vocative.es)

    def be(
        self,
        subject: Subject,
        complement: Pair,
        copula: str,
        tense: str = "present",
        *,
        negative: bool = False,
        question: bool = False,
        opening: bool = True,
    ) -> Pair:
        """A clause with be and ser, estar or tener."""
        aux = finite_aux({"present": "be", "imperfect": "was"}.get(tense, tense), subject)
        rest = complement.en
        if tense == "future":
            aux, rest = "will", f"be {rest}"
        form = subject.verb_es(copula, tense)
        shown = subject.es if opening and not question else subject.inside
        if question:
            en = unwords(aux, subject.en, rest)
        else:
            en = unwords(contracted(subject, aux, negative, self.chance(0.85)), rest)
        if question and copula != "tener":
            es = unwords(form, shown, complement.es)
        else:
            es = unwords(shown, "no" if negative else "", form, complement.es)
        return Pair(en + subject.vocative.en, es + subject.vocative.es)


def own(owner: str) -> str:
    """The possessive determiner of an owner: `my`, `their`."""
    return f"own:{owner}:{OWNER_PERSON.get(owner, EL)}"


def manners(verb: Verb, has_object: bool, pool: str) -> list[Phrase]:
    """The adverbs of manner that go with a verb."""
    manner = [p for p in lexicon.adverbs() if p.tags & verb.adverbs]
    if pool not in ("habit", "past"):
        manner = [p for p in manner if not p.among("judged")]
    if verb.english in ("love", "miss", "enjoy"):
        return [p for p in manner if p.english == "a lot"]
    if has_object:
        manner = [p for p in manner if not p.tags & {"m", "l", "h"}]
    if verb.english == "go home":
        manner = [p for p in manner if "e" in p.tags]
    return manner


@cache
def fitting_times(tag: str, verb: Verb | None) -> tuple[Phrase, ...]:
    """The time expressions for daily doings, or for those that people do now and then."""
    options = tagged(tag)
    if verb and verb.among("far"):
        far = [p for p in options if not NEAR_TIME.search(p.english)]
        return tuple(p for p in far if tag != "hab" or p.among("long times"))
    seldom = verb is not None and verb.among("seldom")
    if tag == "hab":
        return tuple(p for p in options if p.among("long times") == seldom)
    if tag not in ("past", "fut"):
        return options
    if not (seldom and tag == "past"):
        options = tuple(p for p in options if not FAR_TIME.search(p.english))
    return tuple(p for p in options if not (seldom and NEAR_TIME.search(p.english)))


@cache
def verb_pool(pool: str, kid: bool) -> tuple[Verb, ...]:
    """The verb frames of people for a kind of clause."""
    return tuple(
        verb
        for verb in lexicon.verbs()
        if verb.human
        and (not kid or verb.english.split()[0] in word_class("kid verbs"))
        and _in_pool(verb, pool)
    )


def _in_pool(verb: Verb, pool: str) -> bool:
    if pool != "habit" and verb.has("st"):
        return False
    if pool == "habit":
        return not verb.has("once")
    if pool == "progress":
        lasting = not verb.has("once", "nc") and not (verb.has("inv") and verb.objects)
        return lasting and not verb.among("motion")
    if pool in ("plan", "command", "can") and verb.has("inv"):
        return False
    if pool == "command":
        return not verb.among("not commanded")
    if pool == "can":
        return not verb.among("not can")
    if pool == "transitive":
        return pronounable(verb)
    if pool == "skill":
        return verb.among("skills", "other skills")
    return True


def pronounable(verb: Verb) -> bool:
    """Whether a thing as object can become a pronoun on both sides."""
    return bool(
        verb.objects
        and not verb.has("inv", "st", "nopro", "pre", "artes")
        and verb.determiner in ("the", "any", "art", "buy")
        and " " not in verb.spanish
        and not verb.spanish.endswith("se")
        and verb.english != "see"
    )
