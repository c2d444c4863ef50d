"""To be and to seem: adjectives and jobs said of things and people."""

from functools import cache

import lexicon
from agreement import EMPTY, HE, NP, SHE, YOU, I, Subject, agree, article_es, join, say
from clauses import VP, verb_phrase
from conjugation import NOSOTROS, VOSOTROS, subjunctive
from grammar import Grammar, reject
from lexicon import Adjective, Noun
from tables import Pair


@cache
def adjective_nouns(adjective: Adjective) -> tuple[Noun, ...]:
    """The nouns that an adjective can be said of."""
    return tuple(n for n in lexicon.nouns() if adjective in lexicon.adjectives_for(n))


def predicate(g: Grammar) -> tuple[NP, Adjective]:
    """A thing, animal or relative and an adjective for it."""
    adjective = g.adjective(lambda a: not a.has("noprd", "nat"))
    noun = g.word(adjective_nouns(adjective))
    generic = noun.of_class("generic") or adjective.english == "healthy"
    if noun.of("family", "acquaintance"):
        det = g.owner()
    elif noun.number == "n":
        det = ""
    elif generic:
        return g.generic(noun), adjective
    elif noun.number == "u" or noun.of("food", "drink", "weather"):
        det = g.pick("the this")
    elif noun.of_class("ownable") and g.chance(0.35):
        det = g.owner()
    else:
        det = g.pick("the the this that")
    plural = not noun.among("single") and g.plural(noun, 0.22)
    return g.np(noun, det, plural), adjective


def said(np: NP | Subject, adjective: Adjective) -> Pair:
    """The adjective agreeing with what it is said of."""
    form = agree(adjective.spanish, np.gender, np.plural, adjective.has("inv"))
    return Pair(adjective.english, form)


def graded(g: Grammar, adjective: Adjective, weak: bool = False) -> Pair:
    """Perhaps `very`, `too`, `quite` before a gradable adjective; `weak`: denied or asked."""
    if not adjective.comparison or not g.chance(0.4):
        return EMPTY
    if adjective.spanish in ("delicioso", "precioso"):
        return EMPTY
    degree = g.listed("degree")
    allowed = {
        "so": False,
        "quite": not weak,
        "a little": not weak and adjective.among("negative"),
        "too": adjective.among("negative", "excessive"),
    }
    return degree if allowed.get(degree.en, True) else EMPTY


def quality(g: Grammar, np: NP | Subject, adjective: Adjective, weak: bool = False) -> Pair:
    """An adjective, perhaps with its degree: `very tired`."""
    return join(graded(g, adjective, weak), said(np, adjective))


def describe(g: Grammar, tense: str, kind: str = "") -> Pair:
    """A thing, animal or relative is (was, will be) so."""
    np, adjective = predicate(g)
    so = quality(g, np, adjective, bool(kind))
    passing = np.noun.of("event", "appointment", "task", "show")
    reject(tense == "future" and adjective.copula == "ser" and not passing)
    question, subject, copula = kind == "question", np.subject(), adjective.copula
    clause = g.be(subject, so, copula, tense, negative=kind == "negative", question=question)
    if question:  # verb, adjective, subject: ¿Está abierta la puerta?
        clause = Pair(clause.en, f"{subject.verb_es(copula, tense)} {so.es} {np.es}")
    return say(clause, question)


def person_is(g: Grammar, tense: str, kind: str = "") -> Pair:
    """A pronoun or name with an adjective: `She's tired.`, `Are you busy?`"""
    question = kind == "question"
    subject = g.who(question, 0.85)
    reject(subject.kid)
    adjective = g.adjective(lambda a: "occupation" in a.types and not a.has("noprd"))
    reject(adjective.english == "handsome" and subject.gender == "f")
    so = quality(g, subject, adjective, bool(kind))
    time = EMPTY
    if adjective.copula == "estar" and g.chance(0.4) and adjective.english != "married":
        past = g.listed("last")
        time = past if tense == "imperfect" else Pair("today", "hoy")
    so = join(so, time)
    return say(
        g.be(subject, so, adjective.copula, tense, negative=kind == "negative", question=question),
        question,
    )


def profession(g: Grammar) -> Pair:
    """`She's a doctor.`, `My uncle was a sailor.`, `Are you a student?`"""
    question = g.chance(0.25)
    subject = g.who(question, 0.5)
    reject(subject.kid or subject.person in (NOSOTROS, VOSOTROS) or "the " in subject.en)
    noun = g.noun("occupation")
    reject(noun.gender == "f" and subject.gender == "m")
    job = job_of(noun, subject)
    tense = g.pick("present present imperfect")
    negative = not question and g.chance(0.2)
    return say(g.be(subject, job, "ser", tense, negative=negative, question=question), question)


def job_of(noun: Noun, subject: Subject) -> Pair:
    """What a man, a woman or several people are by profession."""
    woman = subject.gender == "f" and noun.gender == "m"
    reject(woman and noun.among("men's jobs"))
    english = noun.english_plural if subject.plural else f"a {noun.english}"
    spanish = noun.spanish_plural if subject.plural else noun.spanish
    return Pair(english, feminine_job(noun.spanish) if woman else spanish)


def feminine_job(spanish: str) -> str:
    """The feminine of a job: `médico` -> `médica`, `profesor` -> `profesora`."""
    special = {
        "guía turístico": "guía turística",
        "actor": "actriz",
        "juez": "jueza",
        "bailarín": "bailarina",
        "director de cine": "directora de cine",
    }
    if spanish in special:
        return special[spanish]
    if spanish.endswith("o"):
        return spanish[:-1] + "a"
    return spanish + "a" if spanish.endswith("or") else spanish


def wants_to_be(g: Grammar) -> Pair:
    """`My son wants to be a pilot.`"""
    subject = g.one((g.relative(True), g.name(), I, HE, SHE, YOU))
    noun = g.noun("occupation")
    reject(noun.gender == "f" or subject.plural or subject.word == "old")
    job = job_of(noun, subject)
    mode = g.pick("want would_like future")
    if mode == "would_like":
        return g.sentence("would like to be", subject=subject, job=job)
    return say(g.clause(verb_phrase(subject, "be", "ser", job), mode))


def nationality(g: Grammar) -> Pair:
    """`She's Spanish.`, `The new teacher isn't from Ireland.`"""
    subject = g.someone(0.5)
    if g.chance(0.5):
        origin = said(subject, g.adjective(lambda a: a.has("nat")))
    else:
        noun = g.noun("country", "city")
        origin = Pair(f"from {noun.english}", f"de {noun.spanish}")
    return say(g.be(subject, origin, "ser", negative=g.chance(0.2)))


def great(g: Grammar) -> Pair:
    """`Pizza is great.` -> `¡La pizza es genial!`"""
    noun = g.noun("greatable", but="not great")
    kind = noun.of("food", "drink", "sport", "subject", "leisure", "listenable")
    if noun.of("family", "acquaintance"):
        thing = g.np(noun, g.owner(), g.chance(0.2) and not noun.among("single"))
    elif kind and (noun.number != "c" or g.chance(0.4)):
        thing = g.generic(noun)
    elif noun.number == "n":
        thing = g.bare(noun)
    else:
        owner = g.owner()
        own = owner if noun.of_class("ownable") or noun.of("idea") else "the"
        det = g.one(("the", "this", "that", own))
        thing = g.np(noun, det, noun.number == "c" and g.chance(0.25))
    if noun.of("event", "show", "dish") and g.chance(0.3):
        reject(noun.of("dish"))
        return g.sentence("was great", thing=thing)
    return g.sentence("great!" if g.chance(0.25) else "great", thing=thing)


def exclaim(g: Grammar) -> Pair:
    """`What a beautiful house!`, `What strange noises!`"""
    np, adjective = predicate(g)
    noun = np.noun
    reject(adjective.copula != "ser" or not adjective.has("attr") or noun.number == "n")
    reject(adjective.has("col") or not adjective.comparison or noun.of("family"))
    thing = g.bare(noun, np.en_plural)
    article = Pair("" if thing.en_plural or noun.number in "um" else "a ", "")
    return g.sentence("what a", a=article, adjective=said(np, adjective), thing=thing)


def opinion(g: Grammar) -> Pair:
    """`I think the exam is difficult.`, `I'm sure that …`, `Do you think …?`"""
    np, adjective = predicate(g)
    so = quality(g, np, adjective)
    clause = g.be(np.subject(), so, adjective.copula, opening=False)
    lead = g.listed("opinion")
    if lead.en == "I don't think":
        form = subjunctive(adjective.copula)[np.subject().person]
        clause = Pair(clause.en, f"{np.es} {form} {so.es}")
    question = lead.en in ("do you think", "did you know that")
    if g.chance(0.3) and not question and lead.en != "I don't think":
        lead = Pair(f"{lead.en} that", lead.es)
    return say(join(lead, clause), question)


def seems(g: Grammar) -> Pair:
    """`The soup seems cold.`, `You look tired.`"""
    np, adjective = predicate(g)
    if adjective.copula == "ser" and not adjective.has("col"):
        return g.sentence("seems", thing=np, quality=quality(g, np, adjective))
    subject = g.someone(0.8)
    feeling = g.adjective(
        lambda a: "occupation" in a.types and a.copula == "estar" and bool(a.comparison)
    )
    look = verb_phrase(subject, "look", "parecer", said(subject, feeling))
    return say(g.clause(look, "present", g.chance(0.25)))


def all_of(g: Grammar) -> Pair:
    """`All the shops are closed.`, `Some dogs are big.`, `The other shirt is dirty.`"""
    np, adjective = predicate(g)
    noun = np.noun
    reject(noun.number != "c" or noun.of("family") or noun.among("single"))
    kind = g.one(("all of", "some of", "almost all of", "the other"))
    things = g.bare(noun, kind != "the other")
    so = quality(g, things, adjective)
    be = "are" if things.plural else "is"
    is_so = Pair(f"{be} {so.en}", f"{things.subject().verb_es(adjective.copula)} {so.es}")
    article = Pair("the", article_es(noun, things.plural, adjacent=False))
    return g.sentence(kind, things=things, the=article, is_so=is_so)


def impersonal(vp: VP) -> bool:
    """Whether a verb phrase can be said of nobody in particular."""
    own = "your" in vp.en("base").split()
    return not (own or vp.reflexive or vp.verb.has("predadj"))


def easy_to(g: Grammar) -> Pair:
    """`It's easy to cook rice.`, `It isn't necessary to wait.`"""
    vp = g.vp(YOU, "plan", extras=g.chance(0.4))
    reject(not impersonal(vp))
    easy = g.listed("easy to")
    judged = easy.en in ("expensive", "dangerous", "healthy")
    reject(judged and not vp.verb.among("risky"))
    if g.chance(0.25):
        it_is = Pair("it isn't", "no es")
    else:
        it_is = Pair("it's" if g.chance(0.8) else "it is", "es")
    return g.sentence("easy to", it_is=it_is, easy=easy, doing=vp)


def gerund_subject(g: Grammar) -> Pair:
    """Infinitives and gerunds as themes: `Swimming is fun.`, `Reading in bed relaxes me.`"""
    vp = g.vp(YOU, "plan", extras=g.chance(0.4))
    reject(not impersonal(vp) or vp.verb.has("once"))
    reject(vp.en("ing") in ("swimming", "dancing", "cooking", "painting", "fishing", "cycling"))
    return g.sentence("gerund subject", doing=vp, is_so=g.listed("doing is"))
