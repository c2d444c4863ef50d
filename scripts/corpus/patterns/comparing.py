"""Comparatives and superlatives."""

from agreement import (
    EMPTY,
    NP,
    agree,
    article_es,
    comparative,
    demonstrative,
    join,
    say,
    superlative,
)
from grammar import Grammar, reject
from lexicon import Adjective, Noun
from tables import Pair

from patterns.being import adjective_nouns, predicate, said

PERSONS = ("family", "acquaintance", "person", "occupation")


def comparison(g: Grammar) -> Pair:
    """`My car is faster than your car.`, `Dogs are friendlier than cats.`"""
    np, adjective = predicate(g)
    reject(not adjective.comparison or adjective.copula != "ser" or np.noun.of("food"))
    kind, equal = g.number(3), g.chance(0.5)
    if np.noun.of(*PERSONS):
        second = g.listed("rival") if kind == 0 else g.name().pair
    else:
        second = _other_thing(g, np, adjective)
    if equal:
        middle = Pair(f"as {adjective.english} as", f"tan {said(np, adjective).es} como")
        negative = g.chance(0.5)
    else:
        much = g.maybe(0.25, Pair("much", "mucho"))
        than = Pair(f"{comparative(adjective)} than", f"{more(np, adjective)} que")
        middle = join(much, than)
        negative = g.chance(0.15) and not much.en
    return say(g.be(np.subject(), join(middle, second), "ser", negative=negative))


def _other_thing(g: Grammar, np: NP, adjective: Adjective) -> Pair:
    """Another thing of the same kind, with the same determiner."""
    noun = np.noun
    other = g.word([n for n in adjective_nouns(adjective) if n.of(*noun.types) and n is not noun])
    if other.of_class("generic"):
        return g.generic(other).pair
    if "n" in (other.number, noun.number):
        reject(other.number != noun.number)
        return g.bare(other).pair
    det = np.det if np.det.startswith("own") else "the"
    return g.np(other, det, np.en_plural).pair


def more(np: NP, adjective: Adjective) -> str:
    """The Spanish comparative: `más alto`, `mejores`, `mayor`."""
    form = {"bueno": "mejor", "malo": "peor", "mayor": "mayor"}.get(adjective.spanish)
    if form:
        return form + ("es" if np.plural else "")
    return f"más {said(np, adjective).es}"


def taller_than(g: Grammar) -> Pair:
    """`I'm taller than my brother.`, `She isn't as tall as my brother.`"""
    subject = g.someone(0.8)
    reject(subject.kid or subject.plural)
    adjective = g.adjective(
        lambda a: (
            "occupation" in a.types
            and bool(a.comparison)
            and a.copula == "ser"
            and not a.has("nat")
        )
    )
    reject(adjective.english in ("handsome", "poor"))
    other = g.relative()
    reject(other.en.split()[0] not in ("my", "your") or other.en == subject.en)
    form = said(subject, adjective).es
    negative = g.chance(0.25)
    if g.chance(0.35):
        so = Pair(f"as {adjective.english} as {other.en}", f"tan {form} como {other.es}")
    else:
        form = "mayor" if adjective.spanish == "mayor" else f"más {form}"
        so = Pair(f"{comparative(adjective)} than {other.en}", f"{form} que {other.es}")
    return say(g.be(subject, so, "ser", negative=negative))


def superlative_of(g: Grammar) -> Pair:
    """`This is the most interesting book in the library.`"""
    np, adjective = predicate(g)
    noun = np.noun
    reject(not adjective.comparison or adjective.copula != "ser")
    reject(not adjective.has("attr", "pre") or noun.number in "nm")
    thing = g.bare(noun, np.en_plural and noun.number != "c")
    best = Pair(f"the {superlative(adjective)} {thing.en}", _most_es(thing, adjective))
    among = _among(g, noun)
    kind, person = g.number(3), noun.of(*PERSONS)
    if kind == 0 and person:
        subject = g.name()
        reject(subject.gender != noun.gender)
        return say(g.be(subject, join(best, among), "ser"))
    if kind == 1:
        this = demonstrative("this", thing)
        return g.sentence("this is the most", this=this, thing=thing, best=best, among=among)
    if person:
        return g.sentence("who is the most", best=best, among=among)
    that = demonstrative("that", thing)
    return g.sentence("is that the most", that=that, thing=thing, best=best, among=among)


def _most_es(thing: NP, adjective: Adjective) -> str:
    """`el libro más interesante`, `la mejor sopa`."""
    noun, before = thing.noun, adjective.has("pre")
    article = article_es(noun, thing.plural, adjacent=not before)
    if before:
        best = ("mejor" if adjective.spanish == "bueno" else "peor") + "es" * thing.plural
        return f"{article} {best} {thing.es}"
    return f"{article} {thing.es} más {agree(adjective.spanish, noun.gender, thing.plural)}"


def _among(g: Grammar, noun: Noun) -> Pair:
    """`in the world`, `in the class`."""
    if noun.of("family"):
        return g.listed("among family")
    if noun.of("occupation"):
        return g.listed("among occupations")
    if noun.of(*PERSONS):
        adult = noun.of("person") and not noun.among("kids")
        return g.listed("among adults" if adult else "among persons")
    if noun.of("place", "building", "sight", "landmark", "home", "route"):
        return g.listed("among places")
    if noun.of("clothes", "furniture", "elec", "jewel", "bag", "vehicle", "gift"):
        return g.listed("among goods")
    if noun.of("wild", "farm", "insect", "plant"):
        return g.listed("among nature")
    return EMPTY
