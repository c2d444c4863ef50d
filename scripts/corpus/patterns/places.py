"""Where things and people are, what there is, and how far it is."""

from agreement import NP, join, say
from clauses import modes, verb_phrase
from grammar import Grammar, own, reject
from lexicon import Noun, simple_verb
from tables import Pair

from patterns.amounts import none_es, number_words, several

HERE = Pair("here", "aquí")
IN_TOWN = ("business", "building", "transit", "landmark")


def location(g: Grammar, tense: str, kind: str = "") -> Pair:
    """`The keys are on the table.`, `Where is the hotel?`, `Is the bank near the station?`"""
    question, things = kind == "question", g.chance(0.6)
    noun = g.noun("locatable") if things else g.noun(*IN_TOWN)
    owned = things and noun.of_class("ownable") and g.chance(0.5)
    owner = g.owner("my your his her our")
    np = g.np(noun, owner if owned else "the", things and g.plural(noun, 0.2))
    if question and g.chance(0.6):
        return g.sentence("where is" if tense == "present" else "where was", thing=np)
    if things:
        where = spot(g)
    else:
        other = g.noun(*IN_TOWN, "home")
        reject(other is noun)
        where = join(g.listed("outside"), g.np(other, "the").pair)
    reject(where.en.split()[-1] == np.en.split()[-1])
    negative, subject = not question and g.chance(0.2), np.subject()
    clause = g.be(subject, where, "estar", tense, negative=negative, question=question)
    return say(clause, question)


def spot(g: Grammar) -> Pair:
    """`on the table`, `under the bed`, `in the drawer`, `in the kitchen`."""
    point = g.rng.random()
    if point < 0.4:
        return join(g.listed("spot"), g.np(g.noun("surface"), "the").pair)
    if point < 0.7:
        noun = g.noun("inside", "bag")
        det = g.one(("the", own("my"), own("your"))) if noun.of("bag") else "the"
        return join(Pair("in", "en"), g.np(noun, det).pair)
    if point < 0.85:
        return g.place("room")
    where = g.phrase("where") if g.chance(0.5) else HERE
    reject(where.en in ("on vacation", "in bed", "abroad", "nearby", "far away"))
    return where


def person_at(g: Grammar) -> Pair:
    """`He's at home.`, `Were you at the office yesterday?`"""
    question = g.chance(0.35)
    subject = g.who(question)
    if g.chance(0.62):
        where = g.phrase("where")
    else:
        where = g.place("place" if g.chance(0.8) else "business")
    reject(" junto " in where.es)
    time = g.listed("person at")
    tense = {"": "present", "now": "present", "today": "present", "tomorrow": "future"}.get(
        time.en, "imperfect"
    )
    reject(tense == "future" and question)
    negative = not question and g.chance(0.25)
    at = join(where, time)
    return say(g.be(subject, at, "estar", tense, negative=negative, question=question), question)


def there_is(g: Grammar, kind: str) -> Pair:
    """hay and había with things in their places: statements, negatives, questions."""
    noun, where = _in_its_place(g)
    tense = g.pick("present present present imperfect")
    things, single = _some(g, noun, kind)
    be = {"present": ("is", "are"), "imperfect": ("was", "were")}[tense][not single]
    there = Pair(be, "hay" if tense == "present" else "había")
    frame = {"statement": "there is", "negative": "there isn't", "question": "is there"}[kind]
    return g.sentence(frame, there=there, things=things, where=where)


def _in_its_place(g: Grammar) -> tuple[Noun, Pair]:
    """A thing, animal, person or building and where there may be one."""
    if g.chance(0.6):
        kinds = "kitchenware food household stationery furniture container elec"
        noun = g.noun(*kinds.split())
        where = g.place("room") if noun.of("furniture", "elec") else spot(g)
        return noun, g.listed("food spot") if noun.of("food") else where
    kinds = "plant pet business flier landmark wild insect building person"
    noun = g.noun(*kinds.split())
    where = g.place("outdoor")
    if noun.of("wild") and not noun.of("flier"):
        where = Pair("at the zoo", "en el zoo")
    if noun.of("business", "building", "natural") or noun.english == "exit":
        where = g.listed("in town")
    return noun, where


def _some(g: Grammar, noun: Noun, kind: str) -> tuple[Pair, bool]:
    """How much of a thing there is, and whether English counts it as one."""
    count, statement = g.number(4), kind == "statement"
    some = "some" if statement else "any"
    if noun.number in "um":
        return g.np(noun, some if noun.number == "u" else "").pair, True
    if count == 0 or noun.number in "pq":
        return g.np(noun, some, True).pair, False
    if count == 1 and statement:
        return several(g, noun, g.one((2, 3, 4, 5, 6))), False
    if count == 2 and statement:
        return g.np(noun, "many", True).pair, False
    adjective = g.decorate(noun) if g.chance(0.4) else None
    np = g.np(noun, "a", adjective=adjective)
    if kind == "negative":
        reject(adjective is not None)
        return Pair(np.en, none_es(noun)), True
    return np.pair, True


def how_many_there(g: Grammar) -> Pair:
    """`How many chairs are there in the kitchen?`, `How much milk is there …?`"""
    noun = g.noun("kitchenware", "furniture", "food", "drink", "stationery", "container")
    reject(noun.number in "pqm")
    where = g.place("room") if noun.of("furniture") else spot(g)
    if noun.of("food", "drink"):
        where = g.listed("food spot")
    frame = "how much there" if noun.number == "u" else "how many there"
    return g.sentence(frame, things=g.bare(noun, noun.number == "c"), where=where)


def distance(g: Grammar) -> Pair:
    """`The beach is ten minutes from the hotel.`, `We're going to the museum by bus.`"""
    place = g.noun("transit", "culture", "business", "sight", "outdoor")
    other = g.noun("transit", "culture", "business", "outdoor")
    reject(place is other)
    here, there = g.np(place, "the"), g.np(other, "the")
    kind = g.number(3)
    vehicle = g.noun("public", "drive", "ride", but="for loads")
    if kind == 0:
        number = number_words(5 + 5 * g.number(9))
        return g.sentence("minutes from", place=here, number=number, other=there)
    subject = g.someone()
    mode = g.pick("past going future want can present")
    target = _goal(g, here, vehicle)
    by = Pair(f"by {vehicle.english}", f"en {vehicle.spanish}")
    times = modes()[mode].times if mode != "present" else ""
    time = g.perhaps(0.5, times)
    if mode == "present":
        time = g.time("hab", simple_verb("visit", "visitar"))
    vp = verb_phrase(subject, "go to", "ir a", target, tail=by)
    return say(g.clause(vp, mode, time=time))


def _goal(g: Grammar, place: NP, vehicle: Noun) -> Pair:
    """A place or a city that one can reach by a vehicle."""
    if not g.chance(0.5):
        reject(vehicle.english in ("ferry", "tram", "subway", "scooter"))
        return g.bare(g.noun("city")).pair
    reject(place.noun.of("natural", "outdoor") and vehicle.among("city only"))
    reject(vehicle.english in ("plane", "ferry"))
    return place.pair
