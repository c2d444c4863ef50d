"""Numbers, portions and none."""

import lexicon
from agreement import join
from grammar import Grammar
from lexicon import Noun
from tables import Pair, phrases, table


def portion(g: Grammar) -> Pair:
    """`two glasses of milk`, `a sandwich`, `some bread`."""
    point = g.rng.random()
    count = g.one((1, 1, 1, 2, 2, 3))
    if point < 0.45:
        noun = g.noun("drink", numbers="u")
        return counted(_unit_of_drink(g, noun), count, g.bare(noun).pair)
    if point < 0.62:
        noun = g.noun("food", "ingredient", numbers="u")
        return counted(_unit_of_food(g, noun), count, g.bare(noun).pair)
    if point < 0.8:
        noun = g.noun("fruit", "veg", "cookable", numbers="c")
        return counted("kilo", count, g.bare(noun, True).pair)
    noun = g.noun("dish", "sweet", "drink", numbers="c")
    return g.np(noun, "a").pair if count == 1 else several(g, noun, count)


def _unit_of_drink(g: Grammar, noun: Noun) -> str:
    if noun.english == "wine":
        return "wine"
    bottle = g.chance(0.4)
    if noun.among("by the cup"):
        return "cup"
    return "bottle" if bottle else "glass"


def _unit_of_food(g: Grammar, noun: Noun) -> str:
    unit = "kilo" if g.chance(0.5) else "piece"
    if noun.among("by the plate"):
        return "plate"
    if noun.among("by the bottle"):
        return "bottle"
    if noun.of("ingredient") or noun.among("by the spoonful"):
        return "spoonful"
    return "tub" if noun.english == "ice cream" and unit == "piece" else unit


def counted(unit: str, count: int, thing: Pair) -> Pair:
    """`two bottles of water`."""
    english, spanish = phrases(f"unit {unit}")[0]
    if count == 1:
        return Pair(f"a {english} of {thing.en}", f"{spanish} de {thing.es}")
    number, units = number_words(count), spanish.split()[1] + "s"
    english = f"{number.en} {lexicon.english_plural(english)} of {thing.en}"
    return Pair(english, f"{number.es} {units} de {thing.es}")


def several(g: Grammar, noun: Noun, count: int) -> Pair:
    """`three apples`."""
    return join(number_words(count), g.bare(noun, True).pair)


def number_words(number: int) -> Pair:
    """A number below a hundred in words, before a masculine noun."""
    words = {int(row["number"]): row for row in table("lexicon/numbers")}
    if number in words:
        english, spanish = words[number]["english"], words[number]["spanish"]
    else:
        tens, ones = words[number - number % 10], words[number % 10]
        english = f"{tens['english']}-{ones['english']}"
        spanish = f"{tens['spanish']} y {ones['spanish']}"
    if spanish.endswith("uno"):
        spanish = "veintiún" if spanish == "veintiuno" else spanish[:-1]
    return Pair(english, spanish)


def none_es(noun: Noun) -> str:
    """`ningún libro`, `ninguna silla`."""
    return f"{'ninguna' if noun.gender == 'f' else 'ningún'} {noun.spanish}"
