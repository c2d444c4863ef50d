"""Having: things, sensations, age, price, possession, material, color."""

from agreement import EMPTY, HE, NP, SHE, THEY, WE, I, agree, article_es, demonstrative, join, say
from clauses import verb_phrase
from grammar import Grammar, own, reject
from lexicon import Noun, special_verbs
from tables import Pair, word_class

from patterns.amounts import none_es, number_words, several
from patterns.being import quality, said


def have(g: Grammar) -> Pair:
    """`I have a dog.`, `Do you have any milk?`, `She doesn't have a car.`"""
    kind = g.pick("yes yes no question")
    question = kind == "question"
    subject = g.who(question)
    noun = g.noun("havable")
    reject(subject.kid and noun.of("vehicle", "family", "home"))
    reject(subject.word == "old")
    thing = _had(g, noun, kind)
    mode = g.pick("present present present state_past")
    mode = "present" if question else mode
    vp = verb_phrase(subject, "have", "tener", thing)
    return say(g.clause(vp, mode, kind == "no", question=question), question)


def _had(g: Grammar, noun: Noun, kind: str) -> Pair:
    """What somebody has, does not have, or is asked for."""
    plural = g.plural(noun, 0.3)
    plain = kind == "yes" and not noun.of("family", "symptom")
    adjective = g.decorate(noun) if g.chance(0.25) and plain else None
    bare = Pair(f"a {noun.english}", noun.spanish)
    if kind == "yes":
        if plural and g.chance(0.6) and not adjective and not noun.of("symptom"):
            thing = several(g, noun, g.one((2, 3, 4)))
        else:
            thing = g.np(
                noun, "many" if noun.number == "u" else "a", plural, adjective=adjective
            ).pair
        return bare if noun.among("aches", "fevers") else thing
    if noun.among("aches"):
        return bare
    if noun.number != "c" or plural:
        return g.np(noun, "any", plural).pair
    if noun.of_class("had or not"):
        return bare
    return Pair(bare.en, none_es(noun)) if kind == "no" else g.np(noun, "a").pair


def sensation(g: Grammar) -> Pair:
    """`I'm hungry.`, `Are you cold?` – tener hambre, frío …"""
    question = g.chance(0.3)
    subject = g.who(question)
    feeling = g.listed("sensation")
    very = not question and g.chance(0.3) and feeling.en not in ("right", "in a hurry")
    tense = g.pick("present present imperfect")
    negative = not question and not very and g.chance(0.3)
    if very:
        much = "mucha" if feeling.es in word_class("feminine sensations") else "mucho"
        feeling = Pair(f"very {feeling.en}", f"{much} {feeling.es}")
    time = g.listed("last") if tense == "imperfect" and g.chance(0.5) else EMPTY
    complement = join(feeling, time)
    return say(
        g.be(subject, complement, "tener", tense, negative=negative, question=question), question
    )


def age(g: Grammar) -> Pair:
    """`My son is seven years old.`, `How old is your brother?`"""
    if g.chance(0.2):
        subject = g.asked()
        reject(subject.plural)
        return g.sentence("how old", subject=subject)
    subject = g.someone(0.3)
    g.number(88)  # drawn in vain: without it, all that follows would change
    low, high = (3, 17) if subject.kid else (18, 60)
    if subject.word == "old":
        low, high = 65, 92
    years = number_words(low + g.number(high - low))
    old = "" if g.number(3) == 0 and subject.is_pronoun else " years old"
    return say(g.be(subject, Pair(years.en + old, f"{years.es} años"), "tener"))


def price(g: Grammar) -> Pair:
    """`How much does this jacket cost?`, `The book costs ten euros.`"""
    kinds = (
        "clothes book elec furniture jewel bag fruit dish gift instrument kitchenware household "
        "stationery"
    )
    noun = g.noun(*kinds.split())
    thing = g.np(noun, g.pick("the this that"), noun.number == "c" and g.chance(0.3))
    kind = g.one(("how much", "how much is", "costs", "paid"))
    if kind.startswith("how much"):
        return g.sentence(kind, thing=thing)
    number = number_words(2 + g.number(97))
    if kind == "costs":
        return g.sentence("costs", thing=thing, number=number)
    subject = g.one((I, HE, SHE, WE, THEY, g.name()))
    return g.sentence("paid", subject=subject, number=number, thing=thing)


def quantity(g: Grammar) -> Pair:
    """`I don't have enough money.`, `We need more milk.`"""
    subject = g.someone()
    kinds = "value food drink ingredient clothes kitchenware stationery"
    noun = g.noun(*kinds.split())
    reject(noun.number in "qp")
    things = g.bare(noun, noun.number == "c")
    amount = g.one(_amounts(things))
    verb = g.one(special_verbs("quantity"))
    reject(verb.english == "buy" and noun.of("value"))
    reject(verb.english in ("need", "want") and amount.en.startswith("too"))
    mode = g.pick("have_to past going") if verb.english == "buy" else "present"
    vp = verb_phrase(subject, verb.english, verb.spanish, join(amount, things.pair))
    negative = amount.en == "enough" and verb.english == "have" and g.chance(0.5)
    return say(g.clause(vp, mode, negative))


def _amounts(things: NP) -> tuple[Pair, ...]:
    """`more`, `enough`, `too much` … before a thing."""
    gender, many, plural = things.gender, things.en_plural, things.noun.number != "u"
    return (
        Pair("more", "más"),
        Pair("enough", agree("suficiente", gender, plural)),
        Pair("too many" if many else "too much", agree("demasiado", gender, plural)),
        Pair("a lot of", agree("mucho", gender, plural)),
        Pair("fewer" if many else "less", "menos"),
    )


def _owned(g: Grammar) -> Noun:
    """A thing that belongs to somebody."""
    return g.noun(*sorted(word_class("owned")), numbers="cmpqn")


def whose(g: Grammar) -> Pair:
    """`Whose is this umbrella?`, `These keys are mine.`, `This is Ana's coat.`"""
    noun = _owned(g)
    plural = g.plural(noun, 0.25)
    kind = g.number(5)
    thing, bare = g.np(noun, g.pick("this that"), plural), g.bare(noun, plural)
    this = Pair(thing.en.split()[0], thing.es.split()[0])
    if kind == 0:
        return g.sentence("whose", bare=bare, this=this, thing=thing)
    person = g.one((g.name(), g.relative()))
    if kind == 1:
        mine = g.listed("mine")
        mine = Pair(mine.en, agree(mine.es, noun.gender, thing.plural))
        question = g.chance(0.3)
        negative = not question and g.chance(0.3)
        frame = "is it mine" if question else "it isn't mine" if negative else "it is mine"
        return g.sentence(frame, thing=thing, mine=mine)
    owner = Pair(possessor(person.en, person.plural), f"de {person.es}")
    the = Pair("", article_es(noun, thing.plural))
    if kind == 2:
        short = this.en == "that" and g.chance(0.5)
        be = "are" if thing.en_plural else "is"
        lead = Pair("that's" if short else f"{this.en} {be}", this.es)
        return g.sentence("this is Ana's", lead=lead, owner=owner, thing=thing, the=the, bare=bare)
    if kind == 3:
        return g.sentence("it is Ana's", thing=thing, owner=owner)
    adjective = g.adjective(lambda a: not a.has("noprd"), noun)
    return g.sentence(
        "Ana's is",
        owner=owner,
        the=the,
        bare=bare,
        thing=thing,
        copula=Pair("", thing.subject().verb_es(adjective.copula)),
        quality=quality(g, thing, adjective),
    )


def possessor(name: str, plural: bool = False) -> str:
    """`Ana's`, `my parents'`."""
    return name + ("'" if plural and name.endswith("s") else "'s")


def identify(g: Grammar) -> Pair:
    """`This is my brother.`, `Is that your car?`, `These are my books.`"""
    noun = _owned(g) if g.chance(0.7) else g.noun("family", "acquaintance")
    plural = noun.number == "c" and not noun.among("single") and g.chance(0.3)
    det = g.owner()
    adjective = g.decorate(noun) if g.chance(0.35) and not noun.of("family") else None
    if noun.of_class("owned") and g.chance(0.3):
        det = "a"
    thing = g.np(noun, det, plural, adjective=adjective)
    this = demonstrative(g.pick("this that"), thing)
    if g.chance(0.3) and det != "a":
        return g.sentence("is this", this=this, thing=thing)
    negative = g.chance(0.25)
    reject(negative and thing.en.startswith("some"))
    return g.sentence("this isn't" if negative else "this is", this=this, thing=thing)


def made_of(g: Grammar) -> Pair:
    """`The table is made of wood.`"""
    material = g.noun("material")
    noun = g.noun(f"of {material.english}")
    reject(noun.among("of another material"))
    plural = noun.number == "c" and g.chance(0.3)
    thing = g.np(noun, g.one(("the", "this", "that", own("my"), own("your"))), plural)
    frame = "is it made of" if g.chance(0.2) else "made of"
    return g.sentence(frame, thing=thing, material=material)


def what_color(g: Grammar) -> Pair:
    """`What color is your car?`, `Her new dress is blue and white.`"""
    noun = g.noun("colour")
    plural = g.plural(noun, 0.2)
    owner = g.owner("my your his her our")
    det = g.one(("the", owner)) if noun.of_class("ownable") else "the"
    thing = g.np(noun, det, plural)
    if g.chance(0.4):
        return g.sentence("what color", thing=thing)
    colors = [g.adjective(lambda a: a.has("col") and a.english != "orange") for _ in range(2)]
    reject(colors[0] is colors[1])
    one, two = (said(thing, color) for color in colors)
    frame = g.one(("it is red and blue", "is it red or blue"))
    return g.sentence(frame, thing=thing, one=one, two=two)
