"""Conditions and the subjunctive: if, would, want somebody to, hope that, might."""

from dataclasses import replace

from agreement import THEY, WE, YOU, I, agree, join, say
from clauses import en_clause, modes, unwords, verb_phrase
from conjugation import EL, ELLOS, NOSOTROS, YO
from grammar import Grammar, reject
from tables import Pair

from patterns.commands import order
from patterns.joined import as_pronoun, doing, states

SKY = {"rains": "bad", "snows": "bad", "cold": "bad", "sunny": "fine", "hot": "fine"}


def condition(g: Grammar) -> Pair:
    """`If it rains, we'll stay at home.`, `If you have time, call me.`"""
    subject = g.someone(0.8)
    reject(subject.en in ("he", "she") or subject.kid)
    vp = g.vp(subject, "plan", extras=g.chance(0.4))
    if_ = g.listed("if")
    words = if_.en.split()
    for sign in sorted(sign for sign in SKY if sign in if_.en):
        vp = doing(g, subject, states()[SKY[sign]]["doings"])
    reject(words[1] in ("I", "we", "they") and words[1] != subject.en)
    have_time = words[1] == "you" and "time" in words
    reject(words[1] == "you" and subject.en not in (("you",) if have_time else ("I", "we")))
    if have_time:
        reject(vp.verb.among("not commanded"))
        return g.sentence("if, order", condition=if_, order=order(vp))
    main = g.clause(vp, g.pick("future future going can"))
    if g.chance(0.4):
        return say(join(main, if_))
    return g.sentence("if, main", condition=if_, main=main)


def unreal(g: Grammar) -> Pair:
    """`If I had more time, I would learn Italian.`"""
    subject = g.one((I, I, YOU, WE, THEY, g.name(), g.relative()))
    vp = g.vp(subject, "plan", extras=False)
    reject(not vp.object.en and (not vp.verb.places or vp.verb.among("morning")))
    english, spanish = g.listed("if unreal")
    no = "no" if spanish.startswith("no ") else ""
    verb, _, rest = spanish.removeprefix("no ").partition(" ")
    if rest in ("rico", "cansado"):
        rest = agree(rest, subject.gender, subject.plural)
    if rest == "más joven" and subject.plural:
        rest = "más jóvenes"
    had = Pair(english, unwords(no, subject.verb_es(verb, "imperfect_subjunctive"), rest))
    main = g.clause(replace(vp, subject=as_pronoun(subject)), "would", opening=False)
    if g.chance(0.4) and subject.is_pronoun:
        main = g.clause(vp, "would")
        return g.sentence("main if", main=main, subject=subject, rest=had)
    return g.sentence("if unreal", subject=subject, rest=had, main=main)


def want_someone(g: Grammar) -> Pair:
    """`I want you to call me.`, `My mother wants me to study.`"""
    subject = g.someone()
    other = g.one((YOU, I, WE, THEY, g.name(), g.relative(True)))
    reject(other.person == subject.person and other.is_pronoun)
    reject({other.person, subject.person} == {YO, NOSOTROS} or other.es == subject.es)
    reject(other is THEY and subject.person in (EL, ELLOS))
    vp = g.vp(other, "command", extras=g.chance(0.4))
    question = g.chance(0.2) and subject is YOU
    wants = (("want", "querer"), ("want", "querer"), ("need", "necesitar"), ("would like", ""))
    english, spanish = g.one(wants)
    if english == "would like":
        reject(question)
        return g.sentence("would like you to", subject=subject, other=other, doing=vp)
    to = f"{other.object_en} to {vp.en('base')}"
    inner = Pair(to, unwords("que", other.inside, vp.es("subjunctive")))
    time = g.perhaps(0.3, "fut", vp.verb)
    negative = not question and g.chance(0.25)
    want = verb_phrase(subject, english, spanish, inner)
    return say(g.clause(want, "present", negative, question=question, time=time), question)


def hope_that(g: Grammar) -> Pair:
    """`I hope that you sleep well.`, `It's important that you study.`"""
    other = g.one((YOU, WE, THEY, g.name(), g.relative(), I))
    vp = g.vp(other, "plan", extras=g.chance(0.4))
    lead = g.listed("hope that")
    reject(other is I and lead.en[:2] in ("I ", "I'"))
    reject(other is WE and lead.en.startswith("we"))
    doubt = lead.en in ("I doubt that", "I don't think that")
    negative = g.chance(0.25) and not doubt and lead.en != "it's better that"
    glad = lead.en == "I'm glad that"
    reject(glad and vp.verb.among("seldom"))
    mode = "future" if doubt or lead.en == "it's possible that" else "present"
    english = en_clause(vp, modes()[mode], negative)
    clause = Pair(english, unwords(other.inside, "no" if negative else "", vp.es("subjunctive")))
    return say(join(lead, clause, g.perhaps(0.35, "" if glad else "fut", vp.verb)))


def might(g: Grammar) -> Pair:
    """`It might rain.`, `My sister might sell the car.`"""
    other = g.someone(0.5)
    reject(other.en in ("he", "she"))
    vp = g.vp(other, "plan", extras=g.chance(0.4))
    no = g.maybe(0.25, Pair("not", "no"))
    return g.sentence("might", other=other, doing=vp, no=no, time=g.perhaps(0.5, "fut", vp.verb))
