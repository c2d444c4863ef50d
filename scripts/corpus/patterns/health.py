"""The body: what hurts, what it looks like, accidents, illness."""

from agreement import (
    EMPTY,
    HE,
    NP,
    SHE,
    WE,
    YOU,
    I,
    Subject,
    agree,
    article_es,
    indefinite_es,
    join,
    possessive_es,
    say,
)
from clauses import VP, modes, verb_phrase
from conjugation import ELLOS, NOSOTROS, TU, VOSOTROS
from grammar import Grammar, reject
from lexicon import special_verbs
from tables import Pair, split, table, word_class

from patterns.commands import order
from patterns.having import possessor


def hurts(g: Grammar) -> Pair:
    """`My head hurts.`, `Does your back hurt?`, `My brother's knee hurts.`"""
    noun = g.noun("hurt")
    subject = g.one((I, I, YOU, HE, SHE, WE, g.name(), g.relative(True)))
    single = noun.of("single")
    plural = not single and (g.chance(0.4) or subject.plural)
    reject(subject.plural and (single or not subject.is_pronoun))
    plural = plural or noun.english == "tooth"
    part, the = g.bare(noun, plural), g.np(noun, "the", plural)
    name = subject.own_en if subject.is_pronoun else possessor(subject.en)
    owner = Pair(name, subject.dative(question=True))
    kind = g.number(4)
    if kind == 0:
        return g.sentence("does it hurt", owner=owner, part=part, the=the)
    much = g.listed("hurts when")
    if kind == 1:
        time = g.listed("hurt when")
        reject(not time.en)
        return g.sentence("it hurt", owner=owner, part=part, the=the, time=time)
    frame = "it hurts a lot" if much.es == "mucho" else "it hurts"
    return g.sentence(frame, owner=owner, part=part, the=the, much=much)


def looks(g: Grammar) -> Pair:
    """`She has blue eyes.`, `His voice is soft.`, `My hands are cold.`"""
    row = g.one(table("phrases/looks"))
    noun = g.noun(row["part"])
    english, spanish = g.one(split(row["looks"])).split(" = ")
    plural = noun.among("several of a body")
    subject = g.someone(0.5)
    very = g.chance(0.25) and english not in word_class("never very")
    reject((subject.plural and not plural) or subject.person in (NOSOTROS, ELLOS))
    so = Pair(english, agree(spanish, noun.gender, plural))
    so = join(Pair("very", "muy"), so) if very else so
    thing = g.bare(noun, plural)
    passing = english in ("cold", "dry", "clean", "dirty")
    if passing or g.chance(0.35):
        copula = Pair("", thing.subject().verb_es("estar" if passing else "ser"))
        owner = _owner(subject, thing)
        return g.sentence("his eyes are", owner=owner, part=thing, copula=copula, so=so)
    article = article_es(noun, plural)
    if noun.english in ("voice", "smile"):
        article = "una"
    if english == "beautiful" and plural:
        article = indefinite_es(noun, plural)
    a = "" if plural or noun.english in ("hair", "skin") else "a "
    had = Pair(f"{a}{so.en} {thing.en}", f"{article} {thing.es} {so.es}")
    return say(g.clause(verb_phrase(subject, "have", "tener", had), "present", g.chance(0.15)))


def _owner(subject: Subject, part: NP) -> Pair:
    """`his` (`sus ojos`), `Ana's` (`los ojos de Ana`)."""
    if subject.is_pronoun:
        own = possessive_es(subject.person, part.gender, part.plural)
        return Pair(subject.own_en, f"{own} {part.es}")
    article = article_es(part.noun, part.plural)
    return Pair(possessor(subject.en), f"{article} {part.es} de {subject.es}")


def injury(g: Grammar) -> Pair:
    """`She broke her leg.`, `I cut my finger.`, `He washed his face.`"""
    verb = g.one(special_verbs("injury"))
    noun = g.noun(*split(verb.objects))
    subject = g.someone()
    accident = verb.english in ("break", "hurt", "burn", "cut")
    reject(subject.plural and accident)
    plural = noun.english in ("hand", "foot") and verb.english in ("wash", "dry", "brush")
    mode = g.pick("past perfect" if accident else "past perfect past going have_to")
    spanish = "" if verb.english == "comb" else g.np(noun, "the", plural).es
    part = Pair(f"{subject.own_en} {g.bare(noun, plural).en}", spanish)
    g.current.append(verb.key)
    time, times = EMPTY, modes()[mode].times
    if times and (g.chance(0.6) or verb.english in ("cut", "hurt")):
        time = g.time(times)
    negative = not accident and g.chance(0.15)
    return say(g.clause(VP(verb, subject, part), mode, negative, time=time))


def feeling(g: Grammar) -> Pair:
    """`I have a cold.`, `Take these pills.`, `She feels better today.`"""
    kind = g.number(3)
    subject = g.someone()
    if kind == 0:
        how, time = g.listed("feel"), g.listed("feel when")
        negative = g.chance(0.3) and "well" in how.en
        vp = verb_phrase(subject, "feel", "sentirse", how)
        return say(g.clause(vp, "present", negative, time=time))
    return _medicine(g) if kind == 1 else _symptom(g, subject)


def _medicine(g: Grammar) -> Pair:
    """`Take these pills after dinner.`, `He has to take the medicine twice a day.`"""
    noun = g.noun("med")
    subject = g.asked()
    polite = bool(subject.vocative.en)
    thing = g.np(noun, g.pick("this the"), noun.english in ("pill", "vitamin") and g.chance(0.6))
    when = g.listed("take when")
    if (polite or subject.plural) and "acostarte" in when.es:
        when = Pair("before breakfast", "antes del desayuno")
    vp = verb_phrase(subject, "take", "tomar", thing.pair)
    if polite or subject.person in (TU, VOSOTROS):
        reject(subject.person == VOSOTROS)
        clause = join(order(vp), when)
        return say(Pair(clause.en + subject.vocative.en, clause.es + subject.vocative.es))
    return say(g.clause(vp, g.pick("have_to should"), time=when))


def _symptom(g: Grammar, subject: Subject) -> Pair:
    """`I have a cold.`, `She doesn't have a fever.`"""
    noun = g.noun("symptom")
    with_article = noun.english in ("cold", "allergy")
    es = g.np(noun, "a").es if with_article else noun.spanish
    vp = verb_phrase(subject, "have", "tener", Pair(f"a {noun.english}", es))
    time = g.listed("ill when")
    allergy = noun.english == "allergy"
    time = EMPTY if allergy else time
    mode = "present" if time.en else g.pick("present present state_past")
    return say(g.clause(vp, mode, g.chance(0.2) and not allergy, time=time))
