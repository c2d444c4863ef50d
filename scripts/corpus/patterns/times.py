"""The clock, the weather, dates and spans of time."""

import re

from agreement import EMPTY, join, say
from clauses import contracted, finite, verb_phrase
from conjugation import EL, TENSES, english_past
from grammar import Grammar, own, reject, verb_pool
from lexicon import tagged
from tables import Pair

from patterns.things import thing_clause


def clock(g: Grammar) -> Pair:
    """A time of day: `half past two` – `las dos y media`."""
    hour = g.listed("hour")
    minutes = g.listed("minutes") if g.chance(0.7) else Pair("{h} o'clock", "{h}")
    return Pair(minutes.en.format(h=hour.en), minutes.es.format(h=hour.es))


def telling_time(g: Grammar) -> Pair:
    """`It's half past two.`, `The train leaves at ten.`, `I get up at seven o'clock.`"""
    hour = clock(g)
    kind = g.number(7)
    part = g.listed("part of the day")
    if kind == 0:
        copula = Pair("", "es" if hour.es.startswith("la una") else "son")
        almost = g.listed("almost")
        part = EMPTY if almost.en else part
        return g.sentence("it's three", almost=almost, copula=copula, hour=hour, part=part)
    at = Pair(f"at {hour.en}", f"a {hour.es}")
    if kind <= 3:
        mode = g.pick("present past going future")
        return say(join(thing_clause(g, mode, "clock"), at))
    subject = g.someone()
    verb = g.word([v for v in verb_pool("habit", subject.kid) if v.among("routine")])
    vp = g.vp(subject, "habit", verb=verb, extras=False)
    mode = g.pick("present past going have_to")
    usually = g.listed("usually")
    time = join(at, g.maybe(0.3, part))
    return say(g.clause(vp, mode, mid=usually if mode == "present" else EMPTY, time=time))


def weather(g: Grammar) -> Pair:
    """Weather with places and times: `It's cold in Madrid today.`, `It rained last night.`"""
    kind = g.number(6)
    city = g.noun("city", "country")
    where = Pair(f"in {city.english}", f"en {city.spanish}")
    if kind == 0:
        time = g.listed("weather today")
        return say(join(g.listed("weather now"), where, time))
    if kind == 1:
        return say(join(g.listed("weather then"), where, g.listed("weather that day")))
    english, spanish = g.one((("rain", "llover"), ("snow", "nevar")))
    if kind == 2:
        verb = Pair(f"it {english_past(english)}", TENSES["preterite"](spanish)[EL])
        return say(join(verb, g.listed("rained a lot"), where, g.phrase("past")))
    if kind == 3:
        verb = join(g.listed("going to rain"), Pair(english, spanish))
        return say(join(verb, where, g.phrase("fut")))
    if kind == 4:
        season = g.listed("season")
        verb = Pair(f"it {english}s", TENSES["present"](spanish)[EL])
        return say(join(verb, g.listed("rains a lot"), where, season))
    return g.sentence("what's the weather like", where=where, time=g.listed("weather when"))


def calendar(g: Grammar) -> Pair:
    """`My birthday is in May.`, `The exam is on Friday.`, `There's a concert tonight.`"""
    noun = g.noun("event", "appointment")
    days = (*tagged("day"), *tagged("month"))
    time = g.adverb(days if g.chance(0.6) else tagged("fut"))
    kind = g.number(4)
    owner = g.pick("my our your the")
    event = g.np(noun, "the" if owner == "the" else own(owner))
    birthday = noun.english == "birthday"
    reject(birthday and owner == "the")
    if kind == 0:
        return g.sentence("it is on", event=event, time=time)
    if kind == 1:
        return g.sentence("when is", event=event)
    event = g.np(noun, "a", adjective=g.decorate(noun) if g.chance(0.3) else None)
    reject(birthday)
    if kind == 2:
        return g.sentence("there's", event=event, time=time)
    return say(
        g.clause(verb_phrase(g.someone(), "have", "tener", event.pair), "present", time=time)
    )


def for_years(g: Grammar) -> Pair:
    """`I've lived in Madrid for three years.` – `Vivo en Madrid desde hace tres años.`"""
    subject = g.someone()
    reject(subject.kid)
    verb = g.word([v for v in verb_pool("habit", False) if v.among("lasting")])
    vp = g.vp(subject, "habit", verb=verb, extras=verb.english == "work")
    reject(verb.english == "learn" and verb.determiner != "bare")
    reject(vp.adverb.en or (verb.english == "work" and not vp.tail.en))
    reject(vp.np and (vp.np.det in ("a", "some", "any") or "own" in vp.np.det))
    span = g.phrase("dur")
    searching = verb.english in ("wait for", "look for")
    reject(("year" in span.en) == searching or ("hour" in span.en and not searching))
    reject("minute" in span.en and verb.english != "wait for")
    have = contracted(subject, finite("have", subject), False)
    plain = verb.english in ("live in", "know")
    doing = vp.en("participle") if plain else f"been {vp.en('ing')}"
    main = Pair(f"{have} {doing}", g.clause(vp, "present").es)
    return say(join(main, Pair(span.en, f"desde hace {span.es}")))


def for_hours(g: Grammar) -> Pair:
    """Actions over a span: `I slept for two hours.`, `We're going to rest for an hour.`"""
    vp = g.vp(g.someone(), "plan", extras=g.chance(0.4))
    verb = vp.verb
    reject(vp.np or vp.adverb.en or verb.has("once", "pre") or verb.among("momentary"))
    span = g.phrase("dur")
    reject("year" in span.en and verb.english not in ("work", "study", "travel", "paint"))
    reject(re.search("week|month", span.en) and not verb.among("for weeks"))
    long = re.search("week|month|year|long", span.en)
    reject(verb.english in ("travel", "camp") and not long)
    mode = g.pick("past going future have_to want past")
    return say(g.clause(vp, mode, time=Pair(span.en, f"durante {span.es}")))
