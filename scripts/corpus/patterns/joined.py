"""Two clauses: because, but, so, when, before, and, who, that."""

from dataclasses import replace
from functools import cache

from agreement import (
    EMPTY,
    HE,
    SHE,
    THEY,
    WE,
    YOU,
    I,
    Subject,
    agree,
    join,
    say,
)
from clauses import NEGATIVES, VP, finite, modes, verb_phrase
from conjugation import ELLOS, NOSOTROS
from grammar import Grammar, reject, verb_pool
from tables import Pair, Row, phrases, split, table

from patterns.being import graded, predicate, said

THAT = Pair("that", "que")
WEATHERS = ("fine", "bad")  # the states that are no states of people


def as_pronoun(subject: Subject) -> Subject:
    """The subject taken up again in a second clause: a pronoun in English, nothing in Spanish."""
    if subject.is_pronoun:
        return subject
    pronoun = {NOSOTROS: WE, ELLOS: THEY}.get(subject.person, HE if subject.gender == "m" else SHE)
    return replace(pronoun, gender=subject.gender)


@cache
def states() -> dict[str, Row]:
    """The states and weathers of phrases/states.tsv by name."""
    return {row["state"]: row for row in table("phrases/states")}


def states_with(column: str) -> list[str]:
    """The states that have doings, or have what people avoid, in alphabetical order."""
    return sorted(state for state, row in states().items() if row[column])


def doing(
    g: Grammar, subject: Subject, verbs: str, pool: str = "plan", negative: bool = False
) -> VP:
    """What one does in a state, or avoids: one of the verbs of its row."""
    wanted = split(verbs)
    verb = g.word([v for v in verb_pool(pool, subject.kid) if v.english in wanted], 6)
    return g.vp(subject, pool, negative, extras=g.chance(0.35), verb=verb)


def cause(
    g: Grammar, state: str, subject: Subject, past: bool = False, *, opening: bool = False
) -> Pair:
    """The state or weather behind a doing: `I'm tired`, `it was raining`."""
    if state in WEATHERS:
        sky = phrases("weather then" if past else "weather now")
        fine, ends = state == "fine", ("sunny", "hot", "nice")
        return g.one([w for w in sky if w.en.endswith(ends) == fine and "cool" not in w.en])
    copula, spanish = states()[state]["spanish"].split()
    very = EMPTY
    if copula == "estar":
        spanish = agree(spanish, subject.gender, subject.plural)
        very = g.maybe(0.25, Pair("very", "muy"))
    so = join(very, Pair(state, spanish))
    return g.be(subject, so, copula, "imperfect" if past else "present", opening=opening)


def because(g: Grammar) -> Pair:
    """`I can't dance because I'm sick.`, `She stayed at home because it was raining.`"""
    subject = g.someone()
    reject(subject.kid)
    negative, past = g.chance(0.5), g.chance(0.45)
    column = "avoided" if negative else "doings"
    state = g.one(states_with(column))
    pool = "past" if past and not negative else "plan"
    vp = doing(g, subject, states()[state][column], pool, negative)
    reject(vp.verb.has("ambig") or (vp.verb.has("once") and negative and past))
    mode = "past"
    if not past and negative:
        mode = g.pick("can want going future")
    elif not past:
        free = state in ("happy", "excited", "angry", "sad", "afraid", "fine")
        mode = g.pick("want going future" if free else "want going have_to future need")
    time = EMPTY
    if mode in ("going", "future", "past") and g.chance(0.2):
        time = g.listed("last" if past else "soon today")
    reject(mode == "can" and vp.verb.among("skills"))
    main = g.clause(vp, mode, negative, time=time)
    return g.sentence("because", main=main, cause=cause(g, state, as_pronoun(subject), past))


def so(g: Grammar) -> Pair:
    """`I was tired, so I went home.`, `It's raining, so we can't swim.`"""
    subject = g.someone()
    reject(subject.kid)
    past = g.chance(0.5)
    negative = not past and g.chance(0.35)
    column = "avoided" if negative else "doings"
    state = g.one(states_with(column))
    reject(state in WEATHERS and subject.en in ("he", "she"))
    first = cause(g, state, subject, past, opening=True)
    second = subject if state in WEATHERS else as_pronoun(subject)
    mode = "past"
    if negative:
        mode = g.pick("can want going")
    elif not past:
        free = state in ("happy", "excited", "angry", "sad", "afraid", "fine")
        mode = g.pick("going want future" if free else "going have_to want future")
    vp = doing(g, second, states()[state][column], negative=negative)
    reject(vp.verb.has("ambig") or (mode == "can" and vp.verb.among("skills")))
    return g.sentence("so", cause=first, main=g.clause(vp, mode, negative, opening=False))


def but(g: Grammar) -> Pair:
    """`I want to run, but I'm tired.`, `She eats fish, but she doesn't eat meat.`"""
    subject = g.someone()
    kind = g.one((_but_tired, _but_not_the_other, _tired_but, _but_others_not))
    state = g.one(states_with("avoided"))
    main, rest = kind(g, subject, state)
    return g.sentence("but", main=main, rest=rest)


def _but_tired(g: Grammar, subject: Subject, state: str) -> tuple[Pair, Pair]:
    vp = doing(g, subject, states()[state]["avoided"])
    second = as_pronoun(subject)
    mode = g.pick("want have_to need going")
    main, rest = g.clause(vp, mode), cause(g, state, second)
    if g.chance(0.3):
        rest = Pair(f"{second.en} can't", f"no {second.verb_es('poder')}")
        main = g.clause(vp, "want")
        reject(vp.verb.among("skills"))
    return main, rest


def _but_not_the_other(g: Grammar, subject: Subject, state: str) -> tuple[Pair, Pair]:
    habits = [v for v in verb_pool("habit", subject.kid) if v.objects]
    kinds = [v for v in habits if v.determiner in ("gen", "bare") and v.spanish != "montar a"]
    verb = g.word([v for v in kinds if not v.among("not contrasted")])
    first, other = g.noun(verb.objects), g.noun(verb.objects)
    reject(first is other)
    one, two = g.generic(first).pair, g.generic(other).pair
    if verb.spanish != "jugar a":
        one = Pair(one.en, g.bare(first, first.number == "c").es)
        two = Pair(two.en, g.bare(other, other.number == "c").es)
    main = g.clause(VP(verb, subject, one), "present")
    return main, g.clause(VP(verb, as_pronoun(subject), two), "present", True, opening=False)


def _tired_but(g: Grammar, subject: Subject, state: str) -> tuple[Pair, Pair]:
    vp = doing(g, as_pronoun(subject), states()[state]["avoided"])
    reject(vp.verb.has("ambig") or (state == "bad" and subject.en in ("he", "she")))
    main = cause(g, state, subject, True, opening=True)
    if state == "bad":
        vp = replace(vp, subject=subject)
    return main, g.clause(vp, "past", opening=False)


def _but_others_not(g: Grammar, subject: Subject, state: str) -> tuple[Pair, Pair]:
    vp = g.vp(subject, "plan", extras=False)
    reject(vp.verb.has("pre", "ambig"))
    friend = g.someone(0.0)
    reject(friend.kid or friend.es == subject.es or not subject.is_pronoun)
    reject((vp.np and "own" in vp.np.det) or vp.verb.has("ownslot"))
    main = g.clause(vp, "want")
    main = Pair(main.en, f"{subject.strong} {main.es.removeprefix(subject.es).strip()}")
    return main, Pair(f"{friend.en} {NEGATIVES[finite('do', friend)]}", f"{friend.es} no")


def when(g: Grammar) -> Pair:
    """`When I'm tired, I read in bed.`, `I sang when I was a child.`, `I'll call when I …`"""
    subject = g.someone()
    return g.one((_when_tired, _when_young, _when_i_have_time))(g, subject)


def _when_tired(g: Grammar, subject: Subject) -> Pair:
    state = g.one([s for s in states_with("doings") if s not in WEATHERS])
    vp = doing(g, subject, states()[state]["doings"], "habit")
    reject(vp.verb.has("st", "ambig") or subject.kid)
    tired = cause(g, state, as_pronoun(subject))
    main = g.clause(vp, "present")
    first = g.chance(0.5) and subject.is_pronoun and subject.en not in ("he", "she")
    return g.sentence("when, main" if first else "main when", main=main, cause=tired)


def _when_young(g: Grammar, subject: Subject) -> Pair:
    vp = g.vp(subject, "habit", extras=False)
    reject(vp.verb.among("seldom", "one-off") or vp.verb.has("st"))
    reject(subject.word == "old" or subject.kid or subject.en == "they")
    person = as_pronoun(subject)
    english, spanish = g.listed("child")
    if english == "a child" and person.plural:
        english = "children"
    child = Pair(english, agree(spanish, person.gender, person.plural))
    return g.sentence("when I was", main=g.clause(vp, "used_to"), person=person, child=child)


def _when_i_have_time(g: Grammar, subject: Subject) -> Pair:
    later = g.listed("when later")
    vp = g.vp(subject, "plan", extras=False)
    reject(subject.kid or (" I " in f" {later.en} " and subject.en != "I"))
    reject("you" in later.en and subject.en not in ("I", "we"))
    return say(join(g.clause(vp, g.pick("future going")), later))


def sequence(g: Grammar) -> Pair:
    """`I had breakfast before going to work.`, `I got up and had breakfast.`"""
    subject = g.someone()
    reject(subject.kid)
    mode = g.pick("past going future past have_to")
    first, second = (g.vp(subject, "plan", extras=False) for _ in range(2))
    reject(first.verb.english == second.verb.english or second.verb.english == "hurry")
    reject(first.verb.has("ambig") or second.verb.has("ambig", "st"))
    reject(first.verb.among("seldom") or second.verb.among("seldom"))
    kind = g.one(("before", "after", "and then"))
    main = g.clause(first, mode)
    if kind != "and then":
        return g.sentence(kind, main=main, doing=second)
    form = {"past": "preterite", "future": "future"}.get(mode, "infinitive")
    rest = Pair(second.en("past" if mode == "past" else "base"), second.es(form))
    return g.sentence(kind, main=main, rest=rest, time=g.perhaps(0.4, modes()[mode].times))


def two_people(g: Grammar) -> Pair:
    """`I cook and you wash the dishes.`, `Ana is reading while Tom is cooking.`"""
    first = g.one((I, WE, g.name(), g.relative()))
    second = g.one((YOU, g.name(), g.relative(), HE, SHE))
    reject(first.is_pronoun != second.is_pronoun or (first.es == second.es and first.es))
    mode = g.pick("progressive present past future past_progressive")
    pool = "progress" if "progressive" in mode else "habit"
    one, two = g.vp(first, pool, extras=False), g.vp(second, pool, extras=False)
    reject(one.verb is two.verb or one.verb.among("seldom") or two.verb.among("seldom"))
    reject(one.verb.has("st", "ambig", "inv") or two.verb.has("st", "ambig", "inv"))
    a, b = g.clause(one, mode), g.clause(two, mode)
    link = g.listed("and while") if "progressive" in mode else Pair("and", "y")
    if link.en == "while" and mode == "past_progressive":  # a plain imperfecto after mientras
        b = Pair(b.en, g.clause(two, "state_past").es)
    if first.is_pronoun and (link.en == "and" or second is YOU):
        a = Pair(a.en, f"{first.strong} {a.es}")
    if second is YOU:
        b = Pair(b.en, f"{second.strong} {b.es}")
    return say(join(a, link, b))


def relative_clause(g: Grammar) -> Pair:
    """`The book that I bought is interesting.`, `I know the woman who lives here.`"""
    kind = g.number(3)
    if kind == 0:
        return _that_i_bought(g)
    noun = g.noun("person", "occupation", "acquaintance", but="babies")
    np = g.np(noun, "the", g.chance(0.2))
    who = np.subject()
    pronoun = replace(who, en="who", es="que", kid=noun.among("kids"))
    vp = g.vp(pronoun, "habit")
    reject((vp.np and "own" in vp.np.det) or vp.verb.has("ownslot") or vp.verb.among("seldom"))
    mode = g.pick("present past progressive")
    reject(vp.verb.has("st") and mode != "present")
    reject(vp.verb.has("nc", "inv") and mode == "progressive")
    reject(vp.verb.has("ambig") and mode == "present")
    time = g.time("past", vp.verb) if g.chance(0.3) and mode == "past" else EMPTY
    known = join(np.pair, g.clause(vp, mode, time=time))
    if kind == 1:
        adjective = g.adjective(lambda a: a.copula == "ser" and not a.has("noprd"), noun)
        return say(join(known, Pair(finite("be", who), who.verb_es("ser")), said(np, adjective)))
    main = g.one((I, I, WE, HE, SHE, YOU))
    question = main is YOU
    negative = not question and g.chance(0.25)
    know = verb_phrase(main, "know", "conocer a", known)
    return say(g.clause(know, "present", negative, question=question), question)


def _that_i_bought(g: Grammar) -> Pair:
    verb = g.word(verb_pool("transitive", False))
    noun = g.noun(verb.objects, numbers="c")
    np = g.np(noun, "the", g.chance(0.25))
    adjective = g.adjective(lambda a: a.copula == "ser" and not a.has("noprd"), noun)
    subject = g.someone(0.8)
    reject(subject.kid or subject.en in ("he", "she") or verb.has("ambig"))
    time = g.perhaps(0.4, "past")
    mode = g.pick("past past perfect going want")
    time = time if mode == "past" else EMPTY
    bought = g.clause(VP(verb, subject), mode, opening=False, time=time)
    that = Pair("that" if g.chance(0.6) else "", "que")
    thing = np.subject()
    be = Pair(finite("be", thing), thing.verb_es(adjective.copula))
    return say(join(np.pair, that, bought, be, graded(g, adjective), said(np, adjective)))


def speech(g: Grammar) -> Pair:
    """`Ana says that she's tired.`, `He told me that the shop was closed.`"""
    subject = g.one((g.name(), g.relative(), HE, SHE, THEY, g.worker()))
    reject(subject.kid)
    kind = g.number(3)
    second = as_pronoun(subject)
    says = verb_phrase(subject, "say", "decir", THAT)
    if kind == 0:
        inner = cause(g, g.one([s for s in states() if s not in WEATHERS]), second)
        return say(join(g.clause(says, "present"), inner))
    if kind == 1:
        vp = g.vp(second, "plan", extras=False)
        mode = g.pick("want can going have_to")
        inner = g.clause(vp, mode, g.chance(0.3), opening=False)
        return say(join(g.clause(says, "present"), inner))
    np, adjective = predicate(g)
    so = said(np, adjective)
    clause = g.be(np.subject(), so, adjective.copula, "imperfect", opening=False)
    return g.sentence("told me", subject=subject, clause=clause)
