"""Short sentences: thanks, apologies, answers, fragments, tags."""

import lexicon
from agreement import EMPTY, HE, SHE, THEY, WE, YOU, I, Subject, agree, indefinite_es, join, say
from clauses import NEGATIVES, VP, finite_aux, modes
from conjugation import EL
from grammar import Grammar, own, reject, verb_pool
from lexicon import special_verbs, tagged
from tables import Pair

from patterns.being import impersonal
from patterns.commands import hurrying, order


def _called(name: Subject) -> Pair:
    """`, Ana` after a sentence."""
    return Pair(f", {name.en}", f", {name.es}")


def thanks(g: Grammar) -> Pair:
    """`Thank you for the gift.`, `Thanks for helping me.`"""
    lead = g.listed("thanks for")
    name = g.name()
    called = g.maybe(0.35, _called(name))
    if g.chance(0.6):
        kinds = "gift message dish value idea jewel image drink sweet invitation book"
        noun = g.noun(*kinds.split())
        reject(noun.among("not given"))
        det = g.one(("the", own("your"))) if noun.of("message", "value", "idea") else "the"
        thing = g.np(noun, det, noun.number == "c" and g.chance(0.25))
        return g.sentence("thanks for a thing", thanks=lead, thing=thing, name=called)
    vp = g.vp(YOU, "command", extras=False)
    reject(not impersonal(vp) or vp.verb.english in ("get on", "get off"))
    return g.sentence("thanks for doing", thanks=lead, doing=vp, name=called)


def fragment(g: Grammar) -> Pair:
    """Answers of one to four words: `In the park.`, `A red car.`, `On Monday.`"""
    kind = g.number(6)
    mark = "?" if g.chance(0.15) else "."
    if kind == 0:
        return say(g.place("place"), mark=mark)
    if kind == 1:
        return say(g.company(YOU), mark=mark)
    if kind == 2:
        return say(g.phrase(g.pick("hab past fut perf where freq cont")), mark=mark)
    things = [n for n in lexicon.nouns() if n.number in "cpq" and not n.of("unit", "body", "sky")]
    noun = g.word(things)
    plural = g.plural(noun, 0.2)
    family = noun.of("family")
    adjective = g.decorate(noun) if g.chance(0.7) and not family else None
    det = own("my") if family else g.pick("a the this")
    if kind == 3 and adjective and noun.of("idea", "gift", "event", "book", "watchable", "clothes"):
        det, mark = "a", "!"
    return say(g.np(noun, det, plural, adjective=adjective).pair, mark=mark)


def verb_alone(g: Grammar) -> Pair:
    """Sentences of a subject and a verb: `I'm cooking.`, `They laughed.`, `Wait!`"""
    kind = g.number(3)
    if kind == 0:
        return _command_alone(g)
    question = kind == 2
    subject = g.who(question)
    mode = g.pick("progressive past perfect going future want")
    pool = modes()[mode].pool
    verb = g.word([v for v in verb_pool(pool, subject.kid) if not v.objects])
    vp = g.vp(subject, pool, verb=verb, extras=False)
    return say(g.clause(vp, mode, kind == 1 and g.chance(0.25), question=question), question)


def _command_alone(g: Grammar) -> Pair:
    """`Wait!`, `Don't run, Ana.`"""
    verb = g.word([v for v in verb_pool("command", False) if not v.objects])
    vp = g.vp(YOU, "command", verb=verb, extras=False)
    negative = g.chance(0.4)
    reject(verb.english == "hurry" and negative)
    mark = g.pick(". . !")
    name = g.name()
    clause, called = order(hurrying(vp), negative), g.maybe(0.5, _called(name))
    return say(Pair(clause.en + called.en, clause.es + called.es), mark=mark)


def attitude(g: Grammar) -> Pair:
    """`Unfortunately, we lost the match.`, `Maybe we'll go home.`"""
    lead = g.word(tagged("sent") + tagged("sentp"))
    subject = g.someone()
    reject(subject.en in ("he", "she"))
    mode = g.pick("past past going perfect future can")
    if "sentp" in lead.tags:
        mode = "past"
    if lead.english == "in my opinion":
        mode = "should"
    if lead.english == "maybe":
        mode = g.pick("future going can")
    reject(lead.english == "really" or (lead.english == "in my opinion" and subject is I))
    vp = g.vp(subject, modes()[mode].pool, extras=g.chance(0.5))
    reject(vp.verb.has("ambig"))
    glad = lead.english in ("luckily", "of course", "finally")
    reject(glad and vp.verb.among("mishaps"))
    unlucky = lead.english == "unfortunately"
    negative = unlucky and (mode == "can" or not vp.verb.has("inv"))
    time = g.timed(mode, vp) if g.chance(0.6) else EMPTY
    if lead.english != "maybe":
        clause = g.clause(vp, mode, negative, time=time)
        return g.sentence("lead", lead=lead.pair, clause=clause)
    reject(mode == "can" and vp.verb.among("skills"))
    clause = g.clause(vp, f"maybe_{mode}", negative, opening=False, time=time)
    return say(join(lead.pair, clause))


def tag_question(g: Grammar) -> Pair:
    """`You like coffee, don't you?` – `Te gusta el café, ¿verdad?`"""
    subject = g.one((YOU, YOU, HE, SHE, THEY, WE))
    tagged = g.number(2) == 1
    mode = g.pick("past progressive future can present")
    vp = g.vp(subject, modes()[mode].pool, extras=g.chance(0.4))
    reject(vp.verb.has("ambig", "st") or (mode == "present" and not vp.object.en))
    reject(mode == "can" and vp.verb.among("skills"))
    clause = g.clause(vp, mode)
    aux = finite_aux(modes()[mode].aux, subject)
    tag = Pair(f"{NEGATIVES[aux]} {subject.en}" if tagged else "right", "")
    return g.sentence("tag question", clause=clause, tag=tag)


def answers(g: Grammar) -> Pair:
    """`Yes, I like fish.`, `No, she isn't working today.`"""
    subject = g.someone(0.9)
    yes = g.chance(0.5)
    mode = g.pick("present past progressive going want can have_to perfect")
    vp = g.vp(subject, modes()[mode].pool, not yes, extras=g.chance(0.4))
    reject(vp.verb.has("ambig") or (vp.verb.among("seldom") and mode == "present"))
    time = g.timed(mode, vp) if g.chance(0.5) else EMPTY
    lead = Pair("yes", "sí") if yes else Pair("no", "no")
    return g.sentence("lead", lead=lead, clause=g.clause(vp, mode, not yes, time=time))


def also(g: Grammar) -> Pair:
    """`I also read books.`, `She only drinks water.`, `He doesn't eat meat either.`"""
    subject = g.someone()
    kind = g.number(3)
    vp = g.vp(subject, "habit", kind == 2, extras=False)
    reject(vp.verb.has("ambig", "st") or vp.verb.among("seldom"))
    if kind == 0:
        return say(g.clause(vp, "present", mid=Pair("also", "también")))
    if kind == 1:
        reject(not vp.verb.objects or vp.verb.determiner not in ("gen", "bare"))
        return say(g.clause(vp, "present", mid=Pair("only", "solo")))
    negative = g.clause(vp, "present", True)
    neither = g.clause(vp, "present", mid=Pair("", "tampoco"))
    return say(Pair(f"{negative.en} either", neither.es))


def sorry(g: Grammar) -> Pair:
    """`Sorry, I can't help you.`, `Excuse me, where is the station?`, `Hello, Ana.`"""
    kind = g.number(3)
    if kind == 0:
        vp = g.vp(g.one((I, WE)), "plan", True, extras=False)
        time = g.perhaps(0.4, "fut", vp.verb)
        return g.sentence("sorry", clause=g.clause(vp, "can", True, time=time))
    if kind == 1:
        noun = g.noun("business", "transit", "culture", "sight", "landmark")
        a = Pair(f"a {noun.english}", f"{indefinite_es(noun, False)} {noun.spanish}")
        return g.sentence("excuse me", place=g.np(noun, "the"), a=a)
    greeting = g.listed("greeting")
    sir, madam = Subject("sir", "señor", EL), Subject("ma'am", "señora", EL, "f")
    who = g.one((g.name(), g.name(), sir, madam))
    if greeting.en == "welcome":
        greeting = Pair("welcome", agree("bienvenido", who.gender, False))
    return say(Pair(f"{greeting.en}, {who.en}", f"{greeting.es}, {who.es}"), mark=g.pick(". !"))


def language(g: Grammar) -> Pair:
    """`Do you speak Greek?`, `My sister speaks French very well.`"""
    question = g.chance(0.3)
    subject = g.who(question)
    reject(subject.kid)
    noun = g.noun("language")
    how = g.listed("speak how")
    negative = not question and how.en in ("", "well") and g.chance(0.35)
    verb = g.one(special_verbs("language"))
    g.current.append(verb.key)
    if how.en == "a little":
        vp = VP(verb, subject, join(how, noun.pair))
    else:
        article = "el " if verb.english == "understand" else ""
        vp = VP(verb, subject, Pair(noun.english, article + noun.spanish), adverb=how)
    return say(g.clause(vp, "present", negative, question=question), question)
