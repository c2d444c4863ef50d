"""Do the two sides belong together? Sides out of step by some lines, and swapped columns.

Neither needs to know the languages. Translations share numbers, names and cognates, and are about
as long: where line i of the source shares most with line i + k of the target, over many lines, the
sides are k lines out of step. A swapped pair has words on its source side that in other pairs
stand on the target side.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from translator.data import SentencePair
from translator.data.characters import normalize

MAX_SHIFT = 40  # lines out of step that are looked for
_BLOCK = 1000  # lines whose shared words are looked up together
_COMMON = 20  # a word in more lines of a block says nothing about which belong together
_VOTE_CAP = 12.0  # of one line: a copied list must not decide for a page
_SWITCH = 60.0  # evidence that it takes to believe in another offset
_MIN_LINES = 30  # of a range out of step
_WORD = re.compile(r"\w+")
_ACCENTS = re.compile("[\u0300-\u036f]+")
_MIN_LOG_ODDS = 3.0  # log odds that a pair is swapped
_STEM = 5  # letters of a word that cognates have in common

Scores = npt.NDArray[np.float64]


class OffsetRange(NamedTuple):
    """Lines whose source belongs to the target `offset` lines further down."""

    first: int
    last: int
    offset: int


class _Path(NamedTuple):
    """A range that began at a line, and the one before it."""

    first: int
    offset: int
    before: "_Path | None"


class MisalignmentDetector:
    """Finds where the sides are out of step: the likeliest offset of each line (Viterbi).

    Lines are added one by one; memory stays at two blocks of them. Swapped pairs are turned
    first: among alike sentences they would match their neighbours better than each other.
    """

    def __init__(self) -> None:
        self._new: list[SentencePair] = []
        self._source: list[set[str]] = []
        self._target: list[set[str]] = []
        self._lengths: list[tuple[float, float]] = []  # logarithms of characters
        self._first = 1  # line of the first held one
        offsets = range(-MAX_SHIFT, MAX_SHIFT + 1)
        self._score = np.full(len(offsets), -_SWITCH)
        self._score[MAX_SHIFT] = 0.0
        self._began = np.ones(len(offsets), np.int64)  # line since which each offset has held
        self._before = np.full(len(offsets), None, object)  # the path that led there
        self._lines = 0

    def add(self, pair: SentencePair) -> None:
        """Look at the next line."""
        self._lines += 1
        self._new.append(pair)
        if len(self._new) == _BLOCK:
            self._take()
            self._follow(len(self._source) - MAX_SHIFT)

    def ranges(self) -> list[OffsetRange]:
        """The lines in order, in ranges of one offset; short ones join the one before."""
        self._take()
        if self._source:
            self._follow(len(self._source))
            self._source = []
        path: _Path | None = self._path(int(self._score.argmax()))
        ranges: list[OffsetRange] = []
        last = self._lines
        while path:
            ranges.append(OffsetRange(path.first, last, path.offset))
            last, path = path.first - 1, path.before
        return _without_short(ranges[::-1])

    def _take(self) -> None:
        turned = set(find_swapped(self._new))
        for index, pair in enumerate(self._new):
            source, target = reversed(pair) if index in turned else pair
            self._source.append(_features(source))
            self._target.append(_features(target))
            self._lengths.append((math.log(len(source) + 5), math.log(len(target) + 5)))
        self._new = []

    def _path(self, state: int) -> _Path:
        return _Path(int(self._began[state]), state - MAX_SHIFT, self._before[state])

    def _follow(self, end: int) -> None:
        """Extend the paths over the held lines up to `end`; keep what the next ones need."""
        begin = 0 if self._first == 1 else MAX_SHIFT
        evidence = self._votes(begin, end) + self._likeness_of_lengths(begin, end)
        for line, scores in enumerate(evidence, start=self._first + begin):
            best = int(self._score.argmax())
            switching = self._score < self._score[best] - _SWITCH
            path = self._path(best)
            self._score = np.maximum(self._score, self._score[best] - _SWITCH) + scores
            self._began[switching] = line
            for state in np.flatnonzero(switching):
                self._before[state] = path
        self._score -= self._score.max()
        done = max(0, end - MAX_SHIFT)
        del self._source[:done], self._target[:done], self._lengths[:done]
        self._first += done

    def _votes(self, begin: int, end: int) -> Scores:
        """What each line shares with its neighbours, rare words weighing more: [lines, offsets]."""
        places = defaultdict[str, list[int]](list)
        for line, words in enumerate(self._target):
            for word in words:
                places[word].append(line)
        votes = np.zeros((end - begin, 2 * MAX_SHIFT + 1))
        for line in range(begin, end):
            for word in self._source[line]:
                lines = places.get(word, ())
                if 0 < len(lines) <= _COMMON:
                    weight = math.log(len(self._target) / len(lines))
                    for other in lines:
                        if abs(other - line) <= MAX_SHIFT:
                            votes[line - begin, other - line + MAX_SHIFT] += weight
        return np.minimum(votes, _VOTE_CAP)

    def _likeness_of_lengths(self, begin: int, end: int) -> Scores:
        """Minus the squared deviation of the length ratio, at most 2: [lines, offsets]."""
        source, target = np.array(self._lengths).T
        deviation = source - source.mean(), target - target.mean()
        padded = np.pad(deviation[1], MAX_SHIFT, constant_values=np.inf)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * MAX_SHIFT + 1)[begin:end]
        difference = (windows - deviation[0][begin:end, None]) / 0.35
        likeness: Scores = -np.minimum(difference * difference / 2, 2.0)
        return likeness


def _without_short(ranges: Sequence[OffsetRange]) -> list[OffsetRange]:
    """Short ranges, and those of the same offset, join the one before."""
    joined: list[OffsetRange] = []
    for each in ranges:
        short = each.last - each.first + 1 < _MIN_LINES
        if joined and (short or each.offset == joined[-1].offset):
            joined[-1] = joined[-1]._replace(last=each.last)
        elif each.last >= each.first:
            joined.append(each)
    return joined


def _features(text: str) -> set[str]:
    """Numbers, and beginnings of longer words without accents: what translations share."""
    if not text.isascii():
        text = _ACCENTS.sub("", normalize("NFKD", text))
    return {
        word[:_STEM]
        for word in _WORD.findall(text.lower())
        if len(word) >= 4 or word[0].isdecimal()
    }


def find_swapped(pairs: Sequence[SentencePair], rounds: int = 3) -> list[int]:
    """Indices of the pairs whose words stand on the other side elsewhere.

    The side of a word is learned from the pairs themselves, again after each round with the pairs
    turned that were found swapped; so most pairs must be right.
    """
    words = [(_words(pair.source), _words(pair.target)) for pair in pairs]
    swapped: set[int] = set()
    for _ in range(rounds):
        counts = (Counter[str](), Counter[str]())
        for index, sides in enumerate(words):
            for side in (0, 1):
                counts[side ^ (index in swapped)].update(sides[side])
        found: set[int] = set()
        for index, (source, target) in enumerate(words):
            turned = index in swapped
            total = sum(_evidence(counts, word, int(turned)) for word in source - target)
            total -= sum(_evidence(counts, word, int(not turned)) for word in target - source)
            if total <= -_MIN_LOG_ODDS:
                found.add(index)
        if found == swapped:
            break
        swapped = found
    return sorted(swapped)


def _evidence(counts: tuple["Counter[str]", "Counter[str]"], word: str, side: int) -> float:
    """Log odds that a word stands in sources, without the pair itself, where it is on `side`."""
    source, target = counts[0][word] - (side == 0), counts[1][word] - (side == 1)
    if source + target < 3:
        return 0.0
    return math.log((source + 0.5) / (target + 0.5))


def _words(text: str) -> set[str]:
    """Words; single characters where words are not parted by spaces."""
    words = set(_WORD.findall(text.lower()))
    if text.isascii() or max(text) < "\u3040":
        return words
    return {part for word in words for part in (word if word[0] >= "\u3040" else [word])}
