"""Clauses in every tense and with every auxiliary."""

from dataclasses import replace

from agreement import EMPTY, I, join, say
from clauses import VP, modes, unwords
from grammar import Grammar, reject
from tables import Pair, word_class


def tense(g: Grammar, mode: str, kind: str = "") -> Pair:
    """A statement, its negative or a yes/no question in one mode."""
    question = kind == "question"
    subject = g.who(question)
    reject(subject.kid and mode in ("know_how", "learn", "learned"))
    if question and mode in ("should", "have_to", "can") and g.chance(0.3):
        subject = I
    extras = mode not in ("learn", "refuse")
    vp = g.vp(subject, modes()[mode].pool, bool(kind), extras=extras)
    reject(mode in word_class("duties") and vp.verb.among("joys"))
    reject(vp.verb.has("st") and mode in ("used_to", "stop"))
    time = g.timed(mode, vp)
    reject(_odd(vp, mode, time))
    time = _time(g, vp, mode, time, negative=kind == "negative")
    return say(g.clause(vp, mode, kind == "negative", question=question, time=time), question)


def _odd(vp: VP, mode: str, time: Pair) -> bool:
    """Whether the verb and its adverbials do not go with the mode."""
    verb, lasting = vp.verb, mode in ("keep", "stop", "stopped", "started")
    if mode in ("present", "past") and verb.has("ambig") and not time.en:
        return True
    if mode == "present" and verb.among("seldom") and not time.en:
        return True
    if mode not in ("present", "past", "progressive") and vp.adverb.en in word_class("judged"):
        return True
    if lasting and verb.among("seldom"):
        return True
    return (lasting or mode == "used_to") and verb.among("one-off")


def _time(g: Grammar, vp: VP, mode: str, time: Pair, negative: bool) -> Pair:
    """The time of a clause where its mode wants another than usual."""
    if mode == "used_to":
        return g.time("hab", vp.verb)
    if mode == "would":
        time = g.listed("would not" if negative else "would")
        reject("friend" in time.en and "friend" in vp.en("base"))
        return time
    if mode == "can" and vp.verb.among("skills"):
        return EMPTY
    if mode == "past_progressive":
        return g.listed("meanwhile")
    if mode == "progressive" and not time.en and g.chance(0.5):
        return g.time("cont")
    return time


def frequency(g: Grammar) -> Pair:
    """`I usually cook at home.`"""
    vp = g.vp(g.someone(), "habit", True)
    reject(vp.verb.has("st") or vp.verb.among("seldom"))
    often = g.phrase("freq")
    time = g.time("hab", vp.verb) if g.chance(0.15) and often.en == "usually" else EMPTY
    if often.en == "often":  # Spanish puts it last
        vp = replace(vp, tail=join(vp.tail, Pair("", often.es)))
        often = Pair("often", "")
    clause = g.clause(vp, "present", mid=often, time=time)
    reject(vp.verb.has("ambig") and vp.subject.agreement != "he")
    return say(clause)


def still(g: Grammar) -> Pair:
    """`I still work at the bank.`, `We don't live in Rome anymore.`"""
    vp = g.vp(g.someone(), "habit", True)
    reject(vp.verb.has("ambig") or vp.adverb.en)
    if g.chance(0.5):
        return say(g.clause(vp, "present", mid=g.phrase("still")))
    negative = g.clause(vp, "present", True)
    no_longer = g.clause(vp, "present", mid=Pair("", "ya no"))
    return say(Pair(f"{negative.en} anymore", no_longer.es))


def perfect(g: Grammar) -> Pair:
    """`I've already washed the car.`, `She has never been …`, with today, many times …"""
    vp = g.vp(g.someone(), "past", True, extras=g.chance(0.3))
    point = g.number(4)
    if point == 0:
        return say(g.clause(vp, "perfect", mid=Pair("already", "ya")))
    if point == 1 and vp.verb.objects:
        return say(g.clause(vp, "perfect", mid=Pair("never", "nunca")))
    tag = "perf0" if g.chance(0.5) and not vp.adverb.en else "perf"
    reject(tag == "perf0" and vp.verb.has("st"))
    return say(g.clause(vp, "perfect", time=g.time(tag)))


def not_yet(g: Grammar) -> Pair:
    """`I haven't read the book yet.`"""
    vp = g.vp(g.someone(), "past", True, extras=False)
    clause = g.clause(vp, "perfect", True, mid=Pair("", "todavía"))
    return say(Pair(f"{clause.en} yet", clause.es))


def ever(g: Grammar) -> Pair:
    """`Have you ever visited Rome?`, `Have you finished the report yet?`"""
    subject = g.asked()
    vp = g.vp(subject.plain, "past", True, extras=False)
    if g.chance(0.5):
        clause = g.clause(vp, "perfect", question=True, mid=Pair("ever", ""))
        head = clause.es.removesuffix(vp.es_rest).strip()
        clause = Pair(clause.en, unwords(head, "alguna vez", vp.es_rest))
    else:
        clause = g.clause(vp, "perfect", question=True)
        name = subject.inside
        es = clause.es.replace(name, f"{name} ya", 1) if name else f"ya {clause.es}"
        clause = Pair(f"{clause.en} yet", es)
    return say(Pair(clause.en + subject.vocative.en, clause.es + subject.vocative.es), True)


def just_now(g: Grammar) -> Pair:
    """`I've just closed the window.`"""
    return say(g.clause(g.vp(g.someone(), "past", True, extras=False), "just"))


def while_past(g: Grammar) -> Pair:
    """`I was cooking when you called.`"""
    subject = g.someone()
    vp = g.vp(subject, "progress", extras=g.chance(0.5))
    main = g.clause(vp, "past_progressive")
    event = g.listed("interruption")
    reject("I arrived" in event.en and subject.en == "I")
    reject("you" in event.en and subject.en == "you")
    return say(join(main, event))


def pluperfect(g: Grammar) -> Pair:
    """`When I arrived, they had already left the office.`"""
    subject = g.someone(0.5)
    vp = g.vp(subject, "past", True, extras=False)
    clause = g.clause(vp, "pluperfect", mid=Pair("already", "ya"), opening=False)
    when = g.listed("when already")
    reject(subject.en in ("I", "he", "she") or (subject.kind == "name" and "I" in subject.en))
    return g.sentence("pluperfect", when=when, clause=clause)
