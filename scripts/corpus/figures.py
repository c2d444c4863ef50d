"""Numbers in digits: sentences of phrases/figures.tsv, drawn apart from the grammar's patterns.

A model copies digits only if it has seen them copied, in places of all kinds. Those of prices are
written as the language writes them: `12.50` – `12,50`, `$15` – `15 dólares`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from agreement import Subject, finish
from frames import Slot, fill
from grammar import Grammar, RejectedError
from lexicon import Noun
from tables import Pair, split, table

_MONTHS = (
    *("January enero", "February febrero", "March marzo", "April abril", "May mayo", "June junio"),
    *("July julio", "August agosto", "September septiembre", "October octubre"),
    *("November noviembre", "December diciembre"),
)
_TRANSIT = (Pair("train", "tren"), Pair("bus", "autobús"), Pair("plane", "avión"))
_RELATIVES = (
    *(Pair("son", "hijo"), Pair("daughter", "hija"), Pair("brother", "hermano")),
    *(Pair("mother", "madre"), Pair("grandfather", "abuelo"), Pair("cousin", "primo")),
)
_CURRENCIES = (Pair("euros", "euros"), Pair("euros", "euros"), Pair("dollars", "dólares"))
_CLOCK = re.compile(r"\b(?:at|past|to|quarter|half|o'clock|it's|was) |'clock|-", re.IGNORECASE)
_OF_PERSONS = r"\b(?:you|we|us|they|them) {}\b"  # you two: no count of things
_WHEN = (Pair("yesterday", "ayer"), Pair("today", "hoy"), Pair("on Monday", "el lunes"))


def generate(seed: int, count: int) -> list[tuple[str, str]]:
    """`count` distinct (English, Spanish) pairs with digits, the same for a seed."""
    g, made, turn = Grammar(random.Random(seed)), dict[str, str](), 0
    rows = table("phrases/figures")
    while len(made) < count:
        row, turn = rows[turn % len(rows)], turn + 1
        try:
            pair = fill(Pair(row["english"], row["spanish"]), _slots(g, row))
        except RejectedError:
            continue
        pair = finish(pair) if pair.en[0].isalpha() else pair
        made.setdefault(pair.en.replace("..", "."), pair.es)  # at 5 p.m.
    return list(made.items())


def in_digits(pairs: Sequence[tuple[str, str]], seed: int) -> list[tuple[str, str]]:
    """The pairs with a number in words, with another in digits: `three years`, `12 years`.

    Times of day are left out, and `one`, whose noun is no plural.
    """
    rng = random.Random(seed)
    words = {row["english"]: row["spanish"] for row in table("lexicon/numbers")[2:]}
    found: dict[str, str] = {}
    for english, spanish in pairs:
        numbers = [word for word in re.findall(r"[a-z-]+", english) if word in words]
        if len(numbers) != 1 or _CLOCK.search(english) or english.startswith(numbers[0]):
            continue
        if re.search(_OF_PERSONS.format(numbers[0]), english, re.IGNORECASE):
            continue
        number, other = numbers[0], str(2 + int(rng.random() * rng.choice((9, 30, 98))))
        written, count = re.subn(rf"\b{words[number]}\b", other, spanish)
        if count == 1:
            found.setdefault(re.sub(rf"\b{number}\b", other, english), written)
    return list(found.items())


def _slots(g: Grammar, row: dict[str, str]) -> dict[str, Slot]:
    """What stands in the slots of a row; those that name one noun or one clock agree."""
    names = set(re.findall(r"\{(\w+)", row["english"] + row["spanish"]))
    slots: dict[str, Slot] = {name: SLOTS[name](g) for name in sorted(names & SLOTS.keys())}
    if kinds := [kind for kind in split(row["things"]) if kind != "-"]:
        noun = g.noun(*kinds, but="plural only", numbers="c")
        slots |= _of_noun(g, noun)
    if names & {"clock", "at"}:
        slots |= _clock(g)
    if "date" in names:
        slots |= _date(g)
    return slots


def _of_noun(g: Grammar, noun: Noun) -> dict[str, Slot]:
    the, several = g.np(noun, "the"), g.np(noun, "the", True)
    return {
        "things": g.bare(noun, True).pair,
        "the_things": several.pair,
        "thing": Pair(noun.english, the.es),
        "The_thing": the.pair,
        "room": Pair(noun.english, the.es),
    }


def _clock(g: Grammar) -> dict[str, Slot]:
    hour = 1 + g.number(12)
    article = "la" if hour == 1 else "las"
    if g.chance(0.6):
        time = f"{hour}:{g.one(range(0, 60, 5 if g.chance(0.7) else 1)):02d}"
        clock = Pair(time, f"{article} {time}")
    elif g.chance(0.5) or hour == 12:
        hour = hour % 12 or 11
        article = "la" if hour == 1 else "las"
        clock = Pair(f"{hour} a.m.", f"{article} {hour} de la mañana")
    else:
        part = "tarde" if hour < 8 else "noche"
        clock = Pair(f"{hour} p.m.", f"{article} {hour} de la {part}")
    return {
        "clock": clock,
        "at": Pair(f"at {clock.en}", f"a {clock.es}"),
        "It_is_clock": Pair("", f"{'es' if hour == 1 else 'son'} {clock.es}"),
    }


def _date(g: Grammar) -> dict[str, Slot]:
    english, spanish = g.one(_MONTHS).split()
    day, year = 1 + g.number(28), _year(g).en
    if g.chance(0.5):
        pair = Pair(f"{english} {day}, {year}", f"{day} de {spanish} de {year}")
    else:
        pair = Pair(f"{english} {day}", f"{day} de {spanish}")
    return {"date": pair, "es_date": pair}


def _same(text: str) -> Pair:
    return Pair(text, text)


def _count(g: Grammar) -> Pair:
    most = g.one((10, 10, 20, 100, 100, 1000))
    return _same(str(2 + g.number(most - 2)))


def _few(g: Grammar) -> Pair:
    return _same(str(2 + g.number(g.one((9, 19, 79)))))


def _year(g: Grammar) -> Pair:
    return _same(str(g.one((1900, 1950, 1980)) + g.number(70)))


def _price(g: Grammar) -> Pair:
    whole = 2 + g.number(g.one((10, 100, 1000)))
    english = spanish = str(whole)
    if g.chance(0.4):
        cents = g.one((50, 99, 95, 5 * (1 + g.number(19)), 10 + g.number(90)))
        english, spanish = f"{whole}.{cents:02d}", f"{whole},{cents:02d}"
    elif g.chance(0.3):
        thousands = f"{g.number(1000):03d}"
        english, spanish = f"{whole},{thousands}", f"{whole}.{thousands}"
    if g.chance(0.25):
        return Pair(f"${english}", f"{spanish} dólares")
    unit = g.one(_CURRENCIES)
    return Pair(f"{english} {unit.en}", f"{spanish} {unit.es}")


def _phone(g: Grammar) -> Pair:
    digits = "".join(str(g.number(10)) for _ in range(9))
    form = g.one(("{}{}{} {}{}{} {}{}{}", "{}{}{}-{}{}{}{}", "{}{}{} {}{} {}{} {}{}"))
    return _same(form.format(*digits))


def _percent(g: Grammar) -> Pair:
    share = g.one((5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 75, 90, 12, 33, 47, 96))
    return Pair(f"{share}%", f"{share} %")


def _subject(g: Grammar) -> Subject:
    """Somebody, not spoken to with distance."""
    return replace(g.someone(), vocative=Pair("", ""))


SLOTS: dict[str, Callable[[Grammar], Slot]] = {
    "n": _count,
    "few": _few,
    "year": _year,
    "price": _price,
    "phone": _phone,
    "percent": _percent,
    "subject": _subject,
    "transit": lambda g: g.one(_TRANSIT),
    "relative": lambda g: g.one(_RELATIVES),
    "when": lambda g: g.one(_WHEN),
    "city": lambda g: g.bare(g.noun("city")).pair,
}
