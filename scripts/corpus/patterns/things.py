"""Animals and things as subjects."""

from functools import cache

import lexicon
from agreement import EMPTY, YOU, say
from clauses import VP, modes
from grammar import Grammar, reject
from lexicon import Verb, simple_verb
from tables import Pair


@cache
def thing_verbs(tag: str) -> tuple[Verb, ...]:
    """The frames whose subject is an animal or a thing."""
    return tuple(v for v in lexicon.verbs() if not v.human and (not tag or tag in v.adverbs))


def thing_clause(
    g: Grammar,
    mode: str,
    tag: str = "",
    negative: bool = False,
    *,
    question: bool = False,
    wh: bool = False,
    time: Pair = EMPTY,
) -> Pair:
    """`The shop opens early.`, `That dog barks a lot.`, `The plants grow quickly.`"""
    verb = g.word(thing_verbs(tag))
    reject(verb.has("once") and mode in ("present", "progressive"))
    reject(verb.has("nc", "st") and mode != "present")
    noun = g.noun(*verb.subjects)
    owner = g.owner("my your his our")
    own = noun.of("pet", "elec", "vehicle") and not noun.of("public")
    det = g.one(("the", "the", "this", "that", owner if own else "the"))
    plural = noun.number == "c" and g.chance(0.25)
    adjective = g.decorate(noun) if g.chance(0.08) else None
    np = g.np(noun, det, plural, adjective=adjective)
    object_ = g.object(verb, YOU, False).pair if verb.objects else EMPTY
    manner = [p for p in lexicon.adverbs() if p.tags & verb.adverbs]
    adverb = EMPTY
    if manner and not negative and tag != "clock" and g.chance(0.4):
        adverb = g.adverb(manner)
    tail = g.place(*verb.places) if verb.places and g.chance(0.5) else EMPTY
    vp = VP(verb, np.subject(), object_, None, adverb, tail)
    return g.clause(vp, mode, negative, question=question, wh=wh, time=time)


def things_do(g: Grammar) -> Pair:
    """Animals and things as subjects, in the present, past and future."""
    mode = g.pick("present present past future going progressive perfect")
    kind = g.one(("", "", "negative", "question"))
    time, question = EMPTY, kind == "question"
    if mode in ("past", "future", "going") and g.chance(0.5):
        time = g.time(modes()[mode].times, simple_verb("do", "hacer"))
    clause = thing_clause(g, mode, "", kind == "negative", question=question, time=time)
    return say(clause, question)


def animals_do(g: Grammar) -> Pair:
    """Whole kinds: `Frogs jump a lot.`, `Do lions eat meat?`"""
    verb = g.word([v for v in thing_verbs("") if not v.has("once")])
    noun = g.noun(*verb.subjects)
    reject(not noun.of("pet", "farm", "wild", "insect", "plant"))
    np = g.generic(noun)
    object_ = g.object(verb, YOU, False).pair if verb.objects else EMPTY
    manner = [p for p in lexicon.adverbs() if p.tags & verb.adverbs]
    question = g.chance(0.3)
    negative = not question and g.chance(0.15)
    adverb = g.adverb(manner) if manner and g.chance(0.6) and not negative else EMPTY
    vp = VP(verb, np.subject(), object_, None, adverb)
    return say(g.clause(vp, "present", negative, question=question), question)
