"""Objects as pronouns: to give it to her, to see them, to buy a book and read it."""

from dataclasses import replace

from agreement import (
    DATIVE,
    EMPTY,
    HE,
    NP,
    OBJECT_CLITIC,
    SHE,
    THEY,
    WE,
    YOU,
    I,
    Subject,
    say,
)
from clauses import VP, modes, verb_phrase
from conjugation import EL, NOSOTROS, TU, VOSOTROS, YO
from grammar import Grammar, reject, verb_pool
from lexicon import Verb, nouns_of, special_verbs
from tables import Pair, phrases

from patterns.commands import PLEASE, order

TO_AFTER = ("return", "explain")  # verbs that have their `to` after the thing, which is known


def gift(g: Grammar) -> tuple[Verb, NP]:
    """A verb of giving and a thing to give."""
    verb = g.one(special_verbs("give"))
    noun = g.noun(verb.objects)
    g.current.append(verb.key)
    plural = g.plural(noun, 0.2)
    if verb.english in TO_AFTER:
        det = g.pick("the this")
    else:
        known = verb.english == "pass" or noun.number in "um"
        det = "the" if known else g.pick("a a the this")
    adjective = g.decorate(noun) if g.chance(0.2) else None
    return verb, g.np(noun, det, plural, adjective=adjective)


def give_to(g: Grammar) -> Pair:
    """`I gave my sister a book.`, `He told us a story.`, `She explained the rule to me.`"""
    subject = g.someone()
    verb, np = gift(g)
    receiver = g.one((I, YOU, HE, WE, THEY, HE))
    persons = {receiver.person, subject.person}
    reject(receiver.person == subject.person and receiver.person in (YO, TU, NOSOTROS))
    reject(persons == {YO, NOSOTROS})
    reject(receiver is THEY and subject.en in ("he", "she", "they"))
    if receiver is HE:
        receiver = g.relative()
        reject(receiver.en == subject.en or subject.kind == "noun" or receiver.word == "old")
    english = f"{receiver.object_en} {np.en}"
    if verb.english in TO_AFTER or g.chance(0.2):
        to = "for" if verb.english == "buy" else "to"
        english = f"{np.en} {to} {receiver.object_en}"
    mode = g.pick("past future going past perfect want can have_to past")
    time = g.perhaps(0.4, modes()[mode].times)
    question = mode in ("past", "can", "going") and g.chance(0.15)
    reject(question and subject is I)
    negative = not question and g.chance(0.2)
    reject(negative and np.en.startswith("some"))
    to_es = f" a {receiver.es}" if receiver.inside else ""
    given = Pair(english, np.es + to_es)
    vp = VP(verb, subject, given, clitics=(DATIVE[receiver.person],))
    return say(g.clause(vp, mode, negative, question=question, time=time), question)


def give_me(g: Grammar) -> Pair:
    """`Give me the keys, please.`, `Don't tell them the secret.`, `Could you pass me the salt?`"""
    verb, np = gift(g)
    receiver = g.one((I, I, I, WE, HE, THEY))
    if receiver is HE:
        reject(not g.chance(0.6))
        receiver = g.relative()
        reject(not receiver.en.startswith(("my", "your", "our")))
    english = f"{receiver.object_en} {np.en}"
    if verb.english in TO_AFTER:
        english = f"{np.en} to {receiver.object_en}"
    to_es = f" a {receiver.es}" if receiver.inside else ""
    vp = VP(verb, YOU, Pair(english, np.es + to_es), clitics=(DATIVE[receiver.person],))
    kind = g.number(4)
    if kind == 0 and not np.en.startswith("some"):
        return say(order(vp, negative=True))
    if kind == 1:
        frame = g.one(("could you", "can you"))
        return g.sentence(frame, you=YOU, doing=vp, please=g.maybe(0.5, PLEASE))
    if kind == 2:
        polite = g.polite()
        clause = order(replace(vp, subject=polite))
        return say(_then(clause, _then(PLEASE, polite.vocative)))
    return say(_then(order(vp), g.maybe(0.6, PLEASE)))


def _then(first: Pair, second: Pair) -> Pair:
    return Pair(first.en + second.en, first.es + second.es)


def whom(g: Grammar) -> Pair:
    """`I saw her yesterday.`, `Can you help me?`, `They're waiting for us.`"""
    question = g.chance(0.3)
    subject = g.who(question)
    verb = g.one(special_verbs("clitic"))
    reject(verb.english in ("thank", "take home"))
    receiver = g.one((I, YOU, HE, SHE, WE, THEY, HE, SHE))
    reject(_same(receiver, subject))
    mode = g.pick("past future going can want perfect have_to past should")
    sensed = verb.english in ("understand", "hear", "believe")
    reject(sensed and mode not in ("can", "future", "perfect"))
    unwilled = verb.english in ("find", "forget", "surprise", "meet")
    reject(unwilled and mode in ("can", "have_to", "should"))
    time = g.perhaps(0.5, modes()[mode].times)
    if mode == "can" and sensed:
        time = EMPTY
    g.current.append(verb.key)
    clitic = "la" if receiver is SHE else OBJECT_CLITIC[receiver.person]
    vp = VP(verb, subject, clitics=(clitic,), pronoun=receiver.object_en)
    negative = not question and g.chance(0.3)
    return say(g.clause(vp, mode, negative, question=question, time=time), question)


def _same(receiver: Subject, subject: Subject) -> bool:
    """Whether subject and object are the same, or one of them is among the other."""
    if receiver is YOU:
        return subject.en == "you" or subject.person in (TU, VOSOTROS)
    if receiver in (I, WE):
        return subject.person in (YO, NOSOTROS)
    return receiver.en == subject.en


def it_again(g: Grammar) -> Pair:
    """`I bought a shirt and washed it.`, `If you like the book, buy it.`"""
    subject = g.someone(0.8)
    verb = g.word(verb_pool("transitive", False))
    noun = g.word([n for n in nouns_of(verb.objects) if n.of_class("portable")])
    plural = g.plural(noun, 0.25)
    thing = g.np(noun, g.pick("the this that"), plural)
    vp = VP(verb, subject, clitics=(thing.clitic,), pronoun=thing.pronoun_en)
    kind = g.one((_it_is_here, _if_you_like_it, _take_it, _have_it, _bought_it))
    return kind(g, vp, thing)


def _it_is_here(g: Grammar, vp: VP, thing: NP) -> Pair:
    mode = g.pick("going future can have_to")
    clause = g.clause(vp, mode, opening=False)
    reject(vp.subject.en in ("he", "she") or vp.subject.kid)
    reject(mode == "future" or vp.verb.among("not yet made"))
    return g.sentence("it's here, so", thing=_with(g, thing, "the"), clause=clause)


def _with(g: Grammar, thing: NP, det: str) -> NP:
    """The thing with another determiner."""
    return g.np(thing.noun, det, thing.en_plural)


def _if_you_like_it(g: Grammar, vp: VP, thing: NP) -> Pair:
    reject(vp.verb.english in ("clean", "look for", "wait for", "find", "measure"))
    return g.sentence("if you like it", thing=thing, order=order(replace(vp, subject=YOU)))


def _take_it(g: Grammar, vp: VP, thing: NP) -> Pair:
    take = g.listed("take")
    reject(not vp.verb.among("handy"))
    return g.sentence("take it and", take=take, thing=thing, order=order(replace(vp, subject=YOU)))


def _new(g: Grammar, thing: NP) -> NP:
    return _with(g, thing, "the" if thing.noun.number == "u" else "a")


def _have_it(g: Grammar, vp: VP, thing: NP) -> Pair:
    not_yet = g.clause(vp, "perfect", True, mid=Pair("", "todavía"), opening=False)
    have = verb_phrase(vp.subject, "have", "tener", _new(g, thing).pair)
    clause = g.clause(have, "present")
    reject(vp.verb.english in ("buy", "look for", "wait for", "order"))
    reject(not vp.subject.is_pronoun)
    return g.sentence("have it, but", have=clause, clause=not_yet)


def _bought_it(g: Grammar, vp: VP, thing: NP) -> Pair:
    english, spanish = g.one((("buy", "comprar"), ("find", "encontrar"), ("", "")))
    reject(not english or vp.verb.among("got by it"))
    new = _new(g, thing)
    vp = replace(vp, pronoun=new.pronoun_en, clitics=(new.clitic,))
    bought = g.clause(verb_phrase(vp.subject, english, spanish, new.pair), "past")
    reject(vp.verb.has("ambig"))
    return g.sentence("bought it and", bought=bought, doing=vp, time=g.perhaps(0.4, "past"))


def something(g: Grammar) -> Pair:
    """`I don't want anything.`, `She bought something.`, `Nobody called.`"""
    kind = g.number(4)
    if kind == 0:
        return _somebody(g)
    verbs = [v for v in verb_pool("plan", False) if v.among("what verbs") and v.objects]
    verb = g.word(verbs)
    reject(verb.determiner in ("bare", "barepl"))
    reject(verb.english in ("celebrate", "practice"))
    thing = Pair("anything", "nada") if kind == 2 else Pair("something", "algo")
    vp = VP(verb, g.someone(), thing)
    mode = g.pick("past want going perfect have_to need progressive future")
    return say(g.clause(vp, mode, kind == 2, time=g.timed(mode, vp)))


def _somebody(g: Grammar) -> Pair:
    """`Nobody called.`, `Everyone is going to dance.`"""
    vp = g.vp(HE, "past", True)
    reject("his" in vp.en("base").split() or vp.verb.has("predadj", "ambig"))
    who = g.listed("somebody")
    vp = replace(vp, subject=Subject(who.en, who.es, EL, kind="noun"))
    mode = "past" if vp.verb.has("inv") else g.pick("past perfect going future want")
    return say(g.clause(vp, mode, time=g.timed(mode, vp)))


def strong_pronoun(g: Grammar) -> Pair:
    """`I'm working with Ana.`, `This letter is for you.`, `We talked about you.`"""
    kind = g.number(3)
    person = g.one((*phrases("strong pronoun"), g.name().pair))
    if kind == 0:
        kinds = "gift message jewel drink sweet dish clothes book bag"
        noun = g.noun(*kinds.split())
        thing = g.np(noun, g.pick("this that the"), noun.number == "c" and g.chance(0.25))
        frame = "is it for you" if g.chance(0.3) else "for you"
        return g.sentence(frame, thing=thing, person=person)
    subject = g.someone()
    reject(person.en in (subject.object_en, subject.en))
    reject({person.en, subject.object_en} == {"me", "us"})
    verb = g.one(special_verbs("strong pronoun"))
    mode = g.pick("past want going future can progressive")
    if verb.english == "depend on":
        mode = "present"
    if verb.english in ("dream of", "think about") and mode in ("want", "going", "can"):
        mode = "past"
    g.current.append(verb.key)
    third = subject.en in ("he", "she") or subject.kind == "name"
    reject(third and person.en in ("him", "her"))
    time = g.perhaps(0.6, modes()[mode].times)
    if mode in ("progressive", "present"):
        time = EMPTY
    return say(g.clause(VP(verb, subject, person), mode, g.chance(0.2), time=time))
