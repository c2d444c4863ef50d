"""Liking, loving, hating, preferring."""

from dataclasses import replace

from agreement import EMPTY, Subject, join, say
from clauses import contracted, finite, verb_phrase
from conjugation import EL
from frames import Slot
from grammar import Grammar, reject, verb_pool
from tables import Pair

# The types of what one likes as a kind, and of what one prefers to another of its type.
KINDS = (
    "fruit veg cookable dish sweet drink pet farm wild insect vehicle watchable book sport subject "
    "leisure leisure season season weather weather leisure season sky sky sight plant language "
    "instrument weather city country listenable jewel event sky gift creature creature food"
)
PREFERRED = (
    "fruit drink season season leisure sport veg city subject sweet dish watchable pet cookable "
    "leisure language jewel vehicle instrument"
)


def _liking(g: Grammar, subject: Subject, thing: Slot, kind: str, much: Pair = EMPTY) -> Pair:
    """A sentence with gustar or encantar."""
    return g.sentence(kind, subject=subject, thing=thing, much=much)


def like_kind(g: Grammar, kind: str = "") -> Pair:
    """gustar and encantar with a kind: `I like apples.`, `Ana loves chess.`"""
    subject = g.who(kind == "question")
    thing = g.generic(g.noun(g.pick(KINDS), but="not a kind"))
    if kind == "" and g.chance(0.4):
        return _liking(g, subject, thing, "love")
    much = EMPTY
    if g.chance(0.35) and kind != "question":
        very_much = g.chance(0.5) or kind == "negative"
        much = Pair("very much" if very_much else "a lot", "mucho")
    frame = {"": "like", "negative": "don't like", "question": "do you like"}[kind]
    return _liking(g, subject, thing, frame, much)


def like_doing(g: Grammar) -> Pair:
    """`I like reading in bed.`, `She loves to travel.`, `Do you like cooking?`"""
    question = g.chance(0.25)
    subject = g.who(question)
    vp = g.vp(subject, "plan")
    reject(vp.verb.has("once") or vp.verb.among("not liked"))
    reject(vp.np and vp.np.det == "a" and vp.verb.objects != "tryable" and g.chance(0.6))
    love = not question and g.chance(0.35)
    negative = not question and not love and g.chance(0.4)
    english = vp.en("ing") if g.chance(0.6) else f"to {vp.en('base')}"
    doing = Subject(english, vp.es("infinitive"), EL, kind="noun")
    if love:
        return _liking(g, subject, doing, "love")
    kind = "do you like" if question else "don't like" if negative else "like"
    return _liking(g, subject, doing, kind)


def would_like_to(g: Grammar) -> Pair:
    """`I'd like to visit Rome.`, `Would you like to dance?`"""
    question = g.chance(0.4)
    subject = g.who(question)
    vp = g.vp(subject, "plan")
    vp = replace(vp, tail=join(vp.tail, g.perhaps(0.4, "fut", vp.verb)))
    if question:
        return g.sentence("would you like to", subject=subject, doing=vp)
    kind = "would love to" if g.chance(0.25) else "would like to"
    would = Pair("'d" if subject.is_pronoun and g.chance(0.8) else " would", "")
    return g.sentence(kind, subject=subject, would=would, doing=vp)


def liked_past(g: Grammar) -> Pair:
    """`I liked the concert.`, `Did you like the soup?`"""
    kinds = "watchable dish event gift sight place listenable book sweet readable city"
    noun = g.noun(*kinds.split())
    det = "" if noun.number == "n" else g.pick("the the this that")
    thing = g.np(noun, det, g.chance(0.2) and noun.number == "c")
    kind = g.one(("did you like", "didn't like", "liked"))
    subject = g.who(kind == "did you like")
    if kind == "liked" and g.chance(0.4):
        kind = "loved"
    return _liking(g, subject, thing, kind)


def love_people(g: Grammar) -> Pair:
    """`I love my grandmother.`, `Do you miss your friends?`, `He doesn't trust his boss.`"""
    question = g.chance(0.3)
    subject = g.who(question)
    reject(subject.kid)
    states = [v for v in verb_pool("habit", False) if v.has("st") and v.determiner == "own"]
    verb = g.word([v for v in states if v.among("felt for people")])
    vp = g.vp(subject, "habit", verb=verb)
    negative = not question and verb.english != "love" and g.chance(0.25)
    mode = "state_past" if g.chance(0.2) and not question else "present"
    return say(g.clause(vp, mode, negative, question=question), question)


def interest(g: Grammar) -> Pair:
    """`I'm interested in history.`, `My sister hates noise.`, `I prefer tea to coffee.`"""
    kind = g.number(3)
    subject = g.someone()
    if kind == 0:
        kinds = "subject leisure sport language insect wild plant leisure leisure"
        thing = g.generic(g.noun(*kinds.split()))
        negative = g.chance(0.3)
        english = contracted(subject, finite("be", subject), negative)
        who = Pair(english, subject.dative(negative))
        return g.sentence("interested", who=who, thing=thing)
    if kind == 1:
        thing = g.generic(g.noun("hatable", "insect", "veg"))
        return say(g.clause(verb_phrase(subject, "hate", "odiar", thing.pair), "present"))
    types = g.pick(PREFERRED)
    first, second = g.noun(types), g.noun(types)
    reject(first.spanish == second.spanish)
    reject(first.among("not a kind") or second.among("not a kind"))
    one, two = g.generic(first), g.generic(second)
    both = Pair(f"{one.en} to {two.en}", f"{one.es} a {two.es}")
    return say(g.clause(verb_phrase(subject, "prefer", "preferir", both), "present"))
