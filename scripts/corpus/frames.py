"""Frames: whole sentences in both languages with slots, read from phrases/frames.tsv.

`{name}` is a slot: the words alone. `{name:form}` is a form of what stands in the slot, or a word
that agrees with it:

    form            the slot      becomes
    be, was, cost   a subject     English: the verb that agrees with it (`was`: the past)
    own, object     a subject     English: `my`, `her`; `me`, `her`
    base, ing, past a verb phrase English: the form
    ser, ser TENSE  a subject     Spanish: the verb that agrees with it, in the present or a tense
    ~cuánto         a subject     Spanish: the adjective that agrees with it
    le, no le, le?  a subject     Spanish: `a Ana le`, `a Ana no le`; in a question
    inside          a subject     Spanish: its words, but nothing for a pronoun
    infinitive, command, don't, TENSE   a verb phrase   Spanish: the form
    voc             a subject     both: the vocative, `, sir` – `, señor`

A noun phrase is a subject too. An empty slot leaves no space behind.
"""

from __future__ import annotations

import re
from functools import cache

from agreement import NP, Subject, agree
from clauses import VP, finite
from lexicon import Noun
from tables import Pair, table

Slot = Pair | Subject | NP | VP | Noun

_SLOT = re.compile(r"\{(\w+)(?::([^}]*))?\}")


@cache
def frames(name: str) -> tuple[Pair, ...]:
    """The frames of a name; where there are several, one is drawn."""
    rows = [row for row in table("phrases/frames") if row["frame"] == name]
    if not rows:
        raise KeyError(name)
    return tuple(Pair(row["english"], row["spanish"]) for row in rows)


def fill(frame: Pair, slots: dict[str, Slot]) -> Pair:
    """A frame with its slots filled in."""
    return Pair(
        _tidy(_SLOT.sub(lambda m: english(slots[m[1]], m[2] or ""), frame.en)),
        _tidy(_SLOT.sub(lambda m: spanish(slots[m[1]], m[2] or ""), frame.es)),
    )


def _tidy(text: str) -> str:
    return re.sub(r" +(?=[ .,?!]|$)", "", text).strip()


def english(value: Slot, form: str) -> str:
    """What stands in an English slot."""
    if isinstance(value, VP):
        return value.en(form)
    if isinstance(value, Noun):
        return value.english
    if isinstance(value, NP):
        value = value.subject()
    if not form or isinstance(value, Pair):
        return value.en
    special = {"own": value.own_en, "object": value.object_en, "voc": value.vocative.en}
    return special[form] if form in special else finite(form, value)


def spanish(value: Slot, form: str) -> str:
    """What stands in a Spanish slot."""
    if isinstance(value, VP):
        return value.es(form)
    if isinstance(value, Noun):
        return value.spanish
    if isinstance(value, NP):
        value = value.subject()
    if not form or isinstance(value, Pair):
        return value.es
    if form.startswith("~"):
        return agree(form[1:], value.gender, value.plural)
    if form.endswith(("le", "le?")):
        return value.dative(negative=form.startswith("no "), question=form.endswith("?"))
    if form in ("inside", "voc"):
        return value.inside if form == "inside" else value.vocative.es
    verb, _, tense = form.partition(" ")
    return value.verb_es(verb, tense or "present")
