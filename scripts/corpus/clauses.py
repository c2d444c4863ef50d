"""Clauses: a verb phrase put into a mode (a tense, an auxiliary, a catenative) on both sides.

The modes stand in phrases/modes.tsv; this is how English orders and contracts them, and where
Spanish puts its pronouns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from agreement import EMPTY, NP, Subject, agree
from conjugation import (
    REFLEXIVE,
    TENSES,
    TU,
    attach,
    command,
    english_ing,
    english_participle,
    english_past,
    english_third,
    gerund,
    participle,
)
from lexicon import Verb, simple_verb
from tables import Pair, table, word_class


@dataclass(frozen=True)
class Mode:
    """How a verb is put into a clause: a row of phrases/modes.tsv."""

    aux: str  # do, did, be, was, have, had, or a modal
    chain: str  # English between auxiliary and verb: `want to`, `going to`
    form: str  # form of the English verb after the chain
    head: str  # Spanish auxiliary verb, "" for the verb itself
    tense: str
    link: str
    verb: str  # form of the Spanish verb after a head
    pool: str  # which verbs go with it
    times: str  # the tag of its time expressions
    likely: float  # how often there is one


@cache
def modes() -> dict[str, Mode]:
    """All modes by name."""
    return {
        row["mode"]: Mode(
            **{name: row[name] for name in ("aux", "chain", "form", "head", "tense", "link")},
            verb=row["verb"] or "infinitive",
            pool=row["pool"] or "plan",
            times=row["times"],
            likely=float(row["likely"] or 0.45),
        )
        for row in table("phrases/modes")
    }


NEGATIVES = {
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


def finite(verb: str, subject: Subject) -> str:
    """An auxiliary or a verb as the subject wants it, in the present (`was`: in the past)."""
    table = {
        "be": {"I": "am", "he": "is", "they": "are"},
        "was": {"I": "was", "he": "was", "they": "were"},
    }
    if verb in table:
        return table[verb][subject.agreement]
    return english_third(verb) if subject.agreement == "he" else verb


def finite_aux(aux: str, subject: Subject) -> str:
    """The auxiliary as the subject wants it."""
    return finite(aux, subject) if aux in ("be", "was", "have", "do") else aux


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
        if self.verb.has("ownslot"):
            words = words.replace(" my ", f" {self.subject.own_en} ")
        head = inflect(words, form)
        if self.pronoun:
            if self.verb.has("sep"):
                first, _, particle = head.partition(" ")
                head = f"{first} {self.pronoun} {particle}"
            else:
                head = f"{head} {self.pronoun}"
        return unwords(head, self.object.en, self.adverb.en, self.tail.en)

    @property
    def _split(self) -> tuple[str, str]:
        head, _, rest = self.verb.spanish.partition(" ")
        if self.verb.has("predadj"):
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

    @property
    def person(self) -> int:
        """The Spanish person of the subject."""
        return self.subject.person

    @property
    def all_clitics(self) -> tuple[str, ...]:
        """Reflexive and object pronouns in order."""
        return ((REFLEXIVE[self.person],) if self.reflexive else ()) + self.clitics

    @property
    def es_rest(self) -> str:
        """All that follows the Spanish verb form."""
        early = self.adverb.es in word_class("early")
        adverbs = (self.adverb.es, "") if early else ("", self.adverb.es)
        return unwords(adverbs[0], self._split[1], self.object.es, adverbs[1], self.tail.es)

    def es(self, form: str) -> str:
        """The Spanish verb phrase in a form: infinitive, command, don't, or a tense."""
        if form == "infinitive":
            return unwords(attach(self.infinitive, self.all_clitics), self.es_rest)
        if form == "command":
            order = command(self.infinitive, self.person)
            if self.infinitive == "ir" and self.person == TU and self.all_clitics:
                order = "ve"
            return unwords(attach(order, self.all_clitics), self.es_rest)
        no = "no" if form == "don't" else ""
        tense = TENSES["subjunctive" if no else form]
        return unwords(no, *self.all_clitics, tense(self.infinitive)[self.person], self.es_rest)


def unwords(*words: str) -> str:
    """The words that are not empty, with spaces between them."""
    return " ".join(word for word in words if word)


def es_group(vp: VP, mode: Mode) -> str:
    """The Spanish verb group with its pronouns, without what follows."""
    if not mode.head:
        return unwords(*vp.all_clitics, TENSES[mode.tense](vp.infinitive)[vp.person])
    head = TENSES[mode.tense](mode.head.removesuffix("se"))[vp.person]
    if mode.verb == "infinitive":
        reflexive = REFLEXIVE[vp.person] if mode.head.endswith("se") else ""
        return unwords(reflexive, head, mode.link, attach(vp.infinitive, vp.all_clitics))
    if mode.head == "seguir":
        return unwords(head, attach(gerund(vp.infinitive), vp.all_clitics))
    form = gerund if mode.verb == "gerund" else participle
    return unwords(*vp.all_clitics, head, form(vp.infinitive))


def en_clause(
    vp: VP, mode: Mode, negative: bool, question: bool = False, mid: str = "", short: bool = True
) -> str:
    """The English clause: order, auxiliaries, negation and contractions."""
    subject, aux = vp.subject, finite_aux(mode.aux, vp.subject)
    if mode.aux in ("do", "did") and not negative and not question:
        form = "past" if aux == "did" else ("third" if aux == "does" else "base")
        verb = unwords(inflect(mode.chain, form), vp.en(mode.form)) if mode.chain else vp.en(form)
        return unwords(subject.en, mid, verb)
    rest = unwords(mode.chain, vp.en(mode.form))
    if question:
        return unwords(NEGATIVES.get(aux, aux) if negative else aux, subject.en, mid, rest)
    return unwords(contracted(subject, aux, negative, short), mid, rest)


def contracted(subject: Subject, aux: str, negative: bool, short: bool = True) -> str:
    """Subject and auxiliary, contracted where speech would."""
    if negative and aux == "am" and short:
        return "I'm not"
    if negative and short:
        return f"{subject.en} {NEGATIVES[aux]}"
    if negative:
        return f"{subject.en} cannot" if aux == "can" else f"{subject.en} {aux} not"
    simple = subject.en in ("I", "you", "he", "she", "we", "they")
    return subject.en + (_SHORT[aux] if short and simple and aux in _SHORT else f" {aux}")


def verb_phrase(
    subject: Subject, english: str, spanish: str, thing: Pair = EMPTY, *, tail: Pair = EMPTY
) -> VP:
    """A verb phrase with a verb that is not in the lexicon."""
    return VP(simple_verb(english, spanish), subject, thing, tail=tail)
