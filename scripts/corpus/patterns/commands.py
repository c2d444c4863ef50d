"""Commands, requests and orders."""

from dataclasses import replace

from agreement import EMPTY, HE, SHE, THEY, WE, YOU, YOU_GUYS, I, join, say
from clauses import VP, verb_phrase
from grammar import Grammar, reject
from tables import Pair

from patterns.amounts import portion

PLEASE = Pair(", please", ", por favor")


def order(vp: VP, negative: bool = False) -> Pair:
    """The imperative."""
    if negative:
        return Pair(f"don't {vp.en('base')}", vp.es("don't"))
    return Pair(vp.en("base"), vp.es("command"))


def hurrying(vp: VP) -> VP:
    """`Hurry up!` where the verb stands alone."""
    hurry = vp.verb.english == "hurry"
    return replace(vp, verb=replace(vp.verb, english="hurry up")) if hurry else vp


def imperative(g: Grammar) -> Pair:
    """Commands to tú, usted and vosotros, affirmative and negative, with please or a vocative."""
    point = g.rng.random()
    name = g.name()
    before, after, subject = EMPTY, EMPTY, YOU
    if point < 0.3:
        after = g.one((PLEASE, Pair(f", {name.en}", f", {name.es}")))
    elif point < 0.4:
        please = Pair("Please, ", "Por favor, ")
        before = g.one((please, Pair(f"{name.en}, ", f"{name.es}, ")))
    elif point < 0.5:
        after = g.listed("several people")
        subject = replace(YOU_GUYS, en="you", kid=after.en == ", children")
    elif point < 0.6:
        subject = g.polite()
        after = subject.vocative
    negative = g.chance(0.35)
    vp = g.vp(subject, "command", negative)
    reject(vp.verb.english in ("make the bed", "take") and negative)
    time = EMPTY
    if g.chance(0.3) and not negative and not vp.adverb.en:
        time = g.listed("soon")
    mark = "!" if g.chance(0.06) and point >= 0.6 else "."
    clause = join(order(hurrying(vp), negative), time)
    return say(Pair(before.en + clause.en + after.en, before.es + clause.es + after.es), mark=mark)


def lets(g: Grammar) -> Pair:
    """`Let's cook something.`"""
    return g.sentence("let's", doing=_planned(g, g.vp(WE, "command"), 0.45))


def shall_we(g: Grammar) -> Pair:
    """`Why don't we go to the beach?`, `Shall we cook fish?`"""
    return g.sentence("shall we", doing=_planned(g, g.vp(WE, "command"), 0.5))


def _planned(g: Grammar, vp: VP, probability: float) -> VP:
    """The verb phrase, with a time perhaps."""
    return replace(vp, tail=join(vp.tail, g.perhaps(probability, "fut", vp.verb)))


def request(g: Grammar) -> Pair:
    """`Could you open the window, please?`, `Can you help me …?`"""
    you = g.one((YOU, YOU, YOU, g.polite()))
    vp = g.vp(you, "command", extras=False)
    kind = g.one(("could you", "can you", "can you help me", "would you mind"))
    reject(kind == "can you" and vp.verb.among("skills"))
    reject(kind == "can you help me" and (vp.reflexive or not vp.verb.among("helped")))
    please = PLEASE if g.chance(0.4) and not you.vocative.en else EMPTY
    return g.sentence(kind, you=you, doing=vp, please=please)


def may_i(g: Grammar) -> Pair:
    """`Can I open the window?`, `May I sit here?`"""
    vp = g.vp(I, "command")
    kind = g.one(("can I", "may I", "could I"))
    reject(kind == "can I" and vp.verb.among("skills"))
    reject(vp.verb.english in ("shout", "cry"))
    return g.sentence(kind, doing=_planned(g, vp, 0.15))


def tell_to(g: Grammar) -> Pair:
    """`Tell your brother to wash the car.`, `Ask the waiter to bring …`"""
    other = g.one((g.name(), g.relative(True), g.worker(), HE, SHE, THEY))
    reject(other.en.startswith(("his", "her", "their")))
    reject(other.en in ("he", "she", "they") and g.chance(0.3))
    vp = g.vp(other, "command", extras=g.chance(0.3))
    tell = verb_phrase(YOU, *g.one((("tell", "decir"), ("ask", "pedir"))))
    return g.sentence(
        "tell to",
        order=replace(tell, clitics=("les" if other.plural else "le",)),
        to=Pair("", f"a {other.es}" if other.inside else ""),
        no=g.maybe(0.2, Pair("not ", "no ")),
        other=other,
        doing=vp,
        please=g.maybe(0.3, PLEASE),
    )


def order_food(g: Grammar) -> Pair:
    """`I'd like a coffee, please.`, `A bottle of water, please.`"""
    return g.sentence("order", order=portion(g))
