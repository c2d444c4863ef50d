"""Leakage: held-out texts that stand in the training side too, the same or nearly so."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from translator.data import SentencePair, bare_text
from translator.doctor.report import Leak, Sample

_MAX_HELD_OUT = 200_000  # pairs that are remembered; more are not compared
_SHINGLE = 3  # words
_MIN_SHINGLES = 4
_NEAR = 0.4  # Jaccard similarity of the shingles: one word of ten is another
_SAMPLES = 5
_WORD = re.compile(r"\w+")


class LeakDetector:
    """Remembers the held-out sets, then looks for every training pair among them.

    Exact means that a side has the same letters and digits (`bare_text`). Near compares the sets
    of word trigrams of the sources (shingles; Broder, 1997). Memory grows with the held-out sets
    only.
    """

    def __init__(self) -> None:
        self._pairs: list[tuple[str, Sample]] = []  # split and pair
        self._texts = defaultdict[tuple[int, str], list[int]](list)  # by side and bare text
        self._shingles = defaultdict[str, list[int]](list)
        self._sizes: list[int] = []  # shingles of each pair
        self._read = Counter[str]()
        self._exact: dict[int, str] = {}  # held-out pair → place in train
        self._near: dict[int, str] = {}

    def remember(self, split: str, place: str, pair: SentencePair) -> None:
        """Take in a held-out pair."""
        self._read[split] += 1
        if len(self._pairs) == _MAX_HELD_OUT:
            return
        number = len(self._pairs)
        self._pairs.append((split, Sample(place, *pair)))
        for side, text in enumerate(pair):
            if bare := bare_text(text):
                self._texts[side, bare].append(number)
        shingles = _shingles(pair.source)
        self._sizes.append(len(shingles))
        if len(shingles) >= _MIN_SHINGLES:
            for shingle in shingles:
                self._shingles[shingle].append(number)

    def check(self, place: str, pair: SentencePair) -> None:
        """Compare a training pair with all that was remembered."""
        if not self._pairs:
            return
        for side, text in enumerate(pair):
            for number in self._texts.get((side, bare_text(text)), ()):
                self._exact.setdefault(number, place)
        shingles = _shingles(pair.source)
        if len(shingles) < _MIN_SHINGLES:
            return
        shared = Counter[int]()
        for shingle in shingles:
            shared.update(self._shingles.get(shingle, ()))
        for number, common in shared.items():
            if common >= _NEAR * (len(shingles) + self._sizes[number] - common):
                self._near.setdefault(number, place)

    def leaks(self) -> Iterator[Leak]:
        """What was found in each held-out set that was remembered."""
        for split, pairs in self._read.items():
            exact = {n: place for n, place in self._exact.items() if self._pairs[n][0] == split}
            near = {
                n: place
                for n, place in self._near.items()
                if self._pairs[n][0] == split and n not in exact
            }
            found = [*exact.items()][:_SAMPLES] + [*near.items()][:_SAMPLES]
            samples = [(place, self._pairs[number][1]) for number, place in found]
            yield Leak(split, pairs, len(exact), len(near), samples)


def _shingles(text: str) -> set[str]:
    words = _WORD.findall(text.lower())
    return {" ".join(words[i : i + _SHINGLE]) for i in range(len(words) - _SHINGLE + 1)}
