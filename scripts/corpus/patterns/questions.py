"""Questions with a question word."""

from dataclasses import replace

from agreement import EMPTY, Subject, say
from clauses import VP, modes
from conjugation import EL
from grammar import Grammar, reject, verb_pool
from lexicon import special_verbs
from tables import Pair

from patterns.things import thing_clause


def wh(g: Grammar, word: str, choice: str, pool: str = "") -> Pair:
    """When, where, why, how, with whom …"""
    subject = g.asked()
    mode = g.pick(choice)
    vp = g.vp(subject, pool or modes()[mode].pool, extras=False)
    reject(vp.verb.has("st"))
    reject(word == "where" and (not vp.verb.places or vp.verb.has("goto")))
    reject(word == "when" and vp.verb.english in ("arrive late", "arrive on time"))
    if word == "with whom":
        reject(not vp.verb.social)
        clause = g.clause(replace(vp, subject=subject.plain), mode, wh=True)
        return g.sentence("with whom", clause=clause, subject=subject)
    negative = word == "why" and g.chance(0.4)
    time = g.perhaps(0.4, modes()[mode].times, vp.verb) if word == "why" else EMPTY
    return g.sentence(word, clause=g.clause(vp, mode, negative, wh=True, time=time))


def what_object(g: Grammar) -> Pair:
    """`What are you cooking?`, `What did your sister buy?`"""
    subject = g.asked()
    verb = g.word([v for v in verb_pool("plan", subject.kid) if v.among("what verbs")])
    mode = g.pick("present past future going progressive want can should need have_to perfect")
    reject(mode == "progressive" and verb.english == "choose")
    vp = replace(g.vp(subject, "plan", verb=verb, extras=False), object=EMPTY, np=None)
    time, times = EMPTY, modes()[mode].times
    if g.chance(0.6) and times:
        time = g.time(times, verb)
    elif verb.places and g.chance(0.4) and not verb.has("goto"):
        time = g.place(*verb.places)
    return g.sentence("what", clause=g.clause(vp, mode, wh=True, time=time))


def which_object(g: Grammar) -> Pair:
    """`Which shirt are you going to buy?`, `How many eggs do you need?`"""
    subject = g.asked()
    verb = g.word(verb_pool("transitive", subject.kid))
    noun = g.noun(verb.objects, numbers="c")
    plural = g.chance(0.4)
    mode = g.pick("past going want future have_to should")
    many = not g.chance(0.5)
    clause = g.clause(VP(verb, subject), mode, wh=True)
    things = g.bare(noun, plural or many)
    return g.sentence("how many" if many else "which", things=things, clause=clause)


def who_subject(g: Grammar) -> Pair:
    """`Who broke the window?`, `Who is going to wash the dishes?`"""
    subject = Subject("who", "quién", EL)
    mode = g.pick("past going want can future have_to perfect present")
    vp = g.vp(subject, modes()[mode].pool)
    reject((vp.np and "own" in vp.np.det) or vp.verb.has("ownslot") or "his" in vp.en("base"))
    reject(mode == "present" and vp.verb.among("seldom"))
    time = g.timed(mode, vp)
    reject(vp.verb.has("predadj"))
    return say(g.clause(vp, mode, time=time), True)


def who_object(g: Grammar) -> Pair:
    """`Who did you call yesterday?`"""
    subject = g.asked()
    verb = g.one(special_verbs("whom"))
    mode = g.pick("past going want progressive have_to should future")
    reject(verb.english == "see" and mode == "progressive")
    reject(verb.english == "live with" and mode in ("progressive", "past"))
    reject(verb.english == "write to")
    time = EMPTY if verb.english == "live with" else g.perhaps(0.5, modes()[mode].times)
    infinitive, _, preposition = verb.spanish.rpartition(" ")
    vp = VP(replace(verb, spanish=infinitive), subject)
    clause = g.clause(vp, mode, wh=True, time=time)
    return g.sentence("whom", preposition=Pair("", preposition), clause=clause)


def how_often(g: Grammar) -> Pair:
    """`How often do you wash the car?`"""
    vp = g.vp(g.asked(), "habit", True, extras=False)
    reject(vp.verb.has("st"))
    return g.sentence("how often", clause=g.clause(vp, "present", wh=True))


def at_what_time(g: Grammar) -> Pair:
    """`What time does the museum open?`, `What time did you get up?`"""
    mode = g.pick("present past going future")
    if g.chance(0.55):
        return g.sentence("what time", clause=thing_clause(g, mode, "clock", wh=True))
    subject = g.asked()
    verb = g.word([v for v in verb_pool("habit", subject.kid) if v.among("routine")])
    vp = g.vp(subject, "habit", verb=verb, extras=False)
    return g.sentence("what time", clause=g.clause(vp, mode, wh=True))
