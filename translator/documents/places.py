"""Marked texts of a sentence: where they stand in its translation.

That is where the translation of such a text is found; else where the words stand that the model
aligns to it; else where most of that translation is found. Marks without a width go beside a marked
text, or to the same place in proportion.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from translator.documents.aligned import Attention, stretch_from
from translator.text.languages import is_unspaced, word_edges
from translator.text.placeholders import has_words

_MAX_WORDS = 12  # of a phrase of which a part is looked for
_SENTENCE_MARKS = " .!?…¡¿"
_LEAST_SHARE = 0.1  # of words that a mark replaces: most that had less were others
_OUTSIDE = " .,;:!?…¡¿'\"‘’“”«»()[]–—"  # of marks around words, where it is outside in the source


class Span(NamedTuple):
    """A text between marks; one without text is a mark that stands for itself, read as `plain`."""

    before: str
    text: str
    after: str
    plain: str
    floats: bool = False  # it has no width, and a place in proportion


class Place(NamedTuple):
    """Where a span is in a sentence."""

    start: int
    stop: int
    span: Span

    def overlaps(self, others: Iterable["Place"]) -> bool:
        return any(self.start < other.stop and other.start < self.stop for other in others)


def find_places(
    translation: str,
    source: str,
    places: Sequence[Place],
    phrases: Sequence[str],
    ask: Callable[[], Attention],
) -> list[Place] | None:
    """Where spans belong in a translation, from where they are in the source.

    `phrases` are the translations of their texts by themselves. The attention is asked for only
    where these do not suffice. None unless each span has a place of its own.
    """
    found: list[Place] = []
    left: list[tuple[Place, str]] = []
    for place, phrase in zip(places, phrases, strict=True):
        there = _find_again(translation, source, place, phrase)
        if there and not there.overlaps(found):
            found.append(there)
        else:
            left.append((place, phrase))
    spaced = not is_unspaced(translation + source)  # else no word is known
    attention = ask() if left and spaced else ()
    for place, phrase in left:
        there = _aligned(translation, source, place, attention, found) or _find_most(
            translation, source, place, phrase
        )
        if there is None or there.overlaps(found):
            return None
        found.append(there)
    return found


def is_kept(translation: str, source: str, place: Place) -> bool:
    """Whether a span that stands for itself is in a translation as it is, or is part of a word."""
    found = _find_again(translation, source, place, place.span.plain)
    return bool(found) or _is_part_of_word(source, place)


def float_places(
    translation: str, source: str, floating: "Sequence[Floating]", places: Sequence[Place]
) -> list[Place]:
    """Where floating marks go in a translation: beside their marked text, else in proportion.

    They keep their order, and none goes into a marked text.
    """
    found: list[Place] = []
    last = 0
    for span, offset, behind, ahead in floating:
        beside = [stop for _, stop, other in places if other is behind]
        beside += [start for start, _, other in places if other is ahead]
        if beside:
            place = beside[0]
        elif offset <= 0 or offset >= len(source):
            place = 0 if offset <= 0 else len(translation)
        else:
            place = _alike(source, offset, translation, places)
        last = max(last, place)
        found.append(Place(last, last, span))
    return found


class Floating(NamedTuple):
    """A mark without width: where it is in the source, and which marked text it is beside."""

    span: Span
    offset: int
    behind: Span | None
    ahead: Span | None


# --- by their translations ------------------------------------------------------------------------


def _find_again(translation: str, source: str, place: Place, phrase: str) -> Place | None:
    """Where a phrase is, if it occurs as often as what it translates: the same one in order."""
    within = _is_part_of_word(source, place)
    for marks in ("", _SENTENCE_MARKS):
        theirs = _occurrences(place.span.plain.strip(marks), source, within=within)
        ours = _occurrences(phrase.strip(marks), translation, within=within)
        as_often = len(theirs) == len(ours)
        for there, here in zip(theirs, ours, strict=True) if as_often else ():
            if place.start <= there[0] and there[1] <= place.stop:
                return _with_its_marks(translation, source, place, there, here)
    return None


def _with_its_marks(
    translation: str, source: str, place: Place, there: tuple[int, int], here: tuple[int, int]
) -> Place:
    """What is found here of a span that is there, with the marks at its ends if they follow it."""
    start, stop = here
    before, behind = source[place.start : there[0]], source[there[1] : place.stop]
    if translation[:start].endswith(before):
        start -= len(before)
    if translation[stop:].startswith(behind):
        stop += len(behind)
    return Place(start, stop, place.span)


def _find_most(translation: str, source: str, place: Place, phrase: str) -> Place | None:
    """Where most of a phrase occurs once: an article, or an ending, may differ in the sentence."""
    words = phrase.strip(_SENTENCE_MARKS).split()
    letters = sum(map(len, words))
    is_alone = len(_occurrences(place.span.plain.strip(_SENTENCE_MARKS), source)) == 1
    if not place.span.text or not is_alone or len(words) > _MAX_WORDS:
        return None
    for count in range(len(words) - 1, 0, -1):
        for start in range(len(words) - count + 1):
            some = words[start : start + count]
            found = _occurrences(" ".join(some), translation)
            if 2 * sum(map(len, some)) > letters and len(found) == 1:
                return Place(*found[0], place.span)
    return None


def _is_part_of_word(source: str, place: Place) -> bool:
    """Whether a mark stands for a part of a word, such as the number in H₂O, or the & in AT&T."""
    beside = source[max(0, place.start - 1) : place.start], source[place.stop : place.stop + 1]
    return not has_words(place.span.text) and any(map(str.isalnum, beside))


def _occurrences(phrase: str, text: str, *, within: bool = False) -> list[tuple[int, int]]:
    """Where whole words occur in a text, or parts of words, which may be any but of a number."""
    if not phrase.strip():
        return []
    before, after = word_edges(phrase)
    if within:  # only a letter or a digit goes on in another
        before = r"(?<!\d)" if phrase[0].isalnum() else ""
        after = r"(?!\d)" if phrase[-1].isalnum() else ""
    places = re.finditer(f"{before}{re.escape(phrase)}{after}", text, re.IGNORECASE)
    return [match.span() for match in places]


# --- by alignment ---------------------------------------------------------------------------------


def _aligned(
    translation: str,
    source: str,
    place: Place,
    attention: Attention,
    others: Collection[Place],
) -> Place | None:
    """The words that are aligned to those of a span, and are in no other place.

    None for a mark that stands for a part of a word: the rest of the word would be lost.
    """
    there, here = _words(source), _words(translation)
    known = attention and len(attention[0]) == len(there)
    if not known or _is_part_of_word(source, place):
        return None
    is_meant = [start < place.stop and place.start < stop for start, stop in there]
    taken = {n for n, word in enumerate(here) if Place(*word, place.span).overlaps(others)}
    found = stretch_from(attention[: len(here)], is_meant, taken)
    if found is None or (not place.span.text and found.share < _LEAST_SHARE):
        return None
    start, stop = here[found.first][0], here[found.last][1]
    before, _, behind = _with_ends(translation[start:stop])
    before_it, _, behind_it = _with_ends(source[place.start : place.stop])
    belong = len(before_it) + any(mark in "?!" for mark in behind_it)  # with an inverted one
    start += max(0, len(before) - belong)
    stop -= max(0, len(behind) - len(behind_it))
    return Place(start, stop, place.span) if start < stop else None


def _with_ends(text: str) -> tuple[str, str, str]:
    """The punctuation before and behind a text; where there is nothing else, it is behind."""
    words = text.rstrip(_OUTSIDE)
    inner = words.lstrip(_OUTSIDE)
    return words[: len(words) - len(inner)], inner, text[len(words) :]


def _words(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"\S+", text)]


# --- in proportion --------------------------------------------------------------------------------


def _alike(source: str, offset: int, translation: str, places: Sequence[Place]) -> int:
    """The nearest place, in proportion, that is between the same kinds of characters."""
    wanted = offset * len(translation) / len(source)
    free = [
        place
        for place in range(len(translation) + 1)
        if not any(start < place < stop for start, stop, _ in places)
    ]
    kinds = _kinds_around(source, offset)
    within_word = kinds == ("word", "word")
    alike = [
        place for place in free if not within_word and _kinds_around(translation, place) == kinds
    ]
    ends = [place for place in free if _kinds_around(translation, place)[1] != "word"]
    return min(alike or ends or free, key=lambda place: abs(place - wanted))


def _kinds_around(text: str, place: int) -> tuple[str, str]:
    before, after = text[max(0, place - 1) : place], text[place : place + 1]
    kinds = (
        "word" if c.isalnum() else "space" if c.isspace() or not c else c for c in (before, after)
    )
    return next(kinds), next(kinds)
