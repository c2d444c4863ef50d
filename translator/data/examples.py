"""Text pairs → encoded examples, all of them counted; and which pairs are drawn at random."""

import heapq
import random
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

import numpy as np

from translator.data.ahead import ahead
from translator.data.characters import normalize
from translator.data.corpus import Corpus
from translator.data.mending import readable
from translator.data.readers import SentencePair
from translator.tokenizer import EOS_ID, Tokenizer

# The marks that are vowels or tones; those of Arabic and Hebrew, which few write, are none.
_MARKS = "".join(
    chr(code)
    for code in (*range(0x300, 0x370), *range(0x900, 0x1DFF), *range(0xA800, 0xAC00))
    if unicodedata.category(chr(code)) in ("Mn", "Mc")
)
_NO_LETTERS = re.compile(rf"(?:[^\w{_MARKS}]|_)+")
_CHUNK = 10_000  # pairs that are encoded together
_CANDIDATES = 4  # so many times the pairs to set aside are drawn at first, since some are refused

T = TypeVar("T")


@dataclass
class Counts:
    """What became of the pairs that were read: `read` = `kept` + the sum of `dropped`."""

    read: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    repaired: dict[str, int] = field(default_factory=dict)  # kept pairs by what was mended

    def repair(self, repairs: Iterable[str]) -> None:
        """Count one kept pair whose texts were mended."""
        for repair in repairs:
            self.repaired[repair] = self.repaired.get(repair, 0) + 1

    def follow(self, earlier: "Counts") -> None:
        """Add what an earlier stage did with the same pairs, before they were read here."""
        self.read += earlier.read - earlier.kept
        for own, other in ((self.dropped, earlier.dropped), (self.repaired, earlier.repaired)):
            for reason, number in other.items():
                own[reason] = own.get(reason, 0) + number

    def drop(self, reason: str) -> None:
        """Count one dropped pair."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1


def encode_pairs(
    pairs: Iterable[SentencePair], tokenizer: Tokenizer, max_tokens: int, counts: Counts
) -> Iterator[Corpus]:
    """Encode pairs, some thousands at a time; the next ones are read meanwhile.

    Empty pairs and those of over `max_tokens` on a side are dropped and counted.
    """
    for chunk in ahead(_chunks(_without_empty(pairs, counts), _CHUNK), 2):
        sources = tokenizer.encode([pair.source for pair in chunk])
        targets = tokenizer.target.encode([pair.target for pair in chunk])
        ids: list[int] = []
        offsets = [0]
        for source, target in zip(sources, targets, strict=True):
            if not source or not target:  # invisible characters only
                counts.drop("empty target" if source else "empty source")
            elif max(len(source), len(target)) > max_tokens:
                counts.drop(f"longer than {max_tokens} tokens")
            else:
                for side in (source, target):
                    ids += side
                    ids.append(EOS_ID)
                    offsets.append(len(ids))
        counts.kept += len(offsets) // 2
        yield Corpus(np.array(ids, np.int32), np.array(offsets, np.int64))


def draw(
    items: Iterable[T], count: int, seed: int, refused: Callable[[T], bool] | None = None
) -> tuple[list[T], int]:
    """The first `count` of the items in a random order of all, less refused ones; how many all are.

    One pass, with memory for `count` items.
    """
    key = random.Random(seed).random
    total = 0

    def keyed() -> Iterator[tuple[float, int, T]]:
        nonlocal total
        for total, item in enumerate(items, start=1):
            place = key()
            if refused is None or not refused(item):
                yield place, total, item

    return [item for _, _, item in heapq.nsmallest(count, keyed())], total


def set_aside(
    read: Callable[[], Iterable[SentencePair]], sets: int, size: int, seed: int
) -> list[list[SentencePair]]:
    """Held-out sets of `size` pairs, at most a tenth of all, drawn from what `read` reads.

    In a random order, which the seed fixes, they are the first that have letters on both sides
    and share no text with an earlier one. Memory is for some times their number. The seed is used
    as it is, by this purpose alone: of a run that does not keep its sets they are drawn again.
    """
    taken = {""}

    def refused(pair: SentencePair) -> bool:
        return shares_text(pair, taken)

    held_out: list[list[SentencePair]] = [[] for _ in range(sets)]
    order, total = draw(read(), _CANDIDATES * sets * size, seed)
    size = min(size, total // 10 or 1)
    while order:
        for pair in order:
            smallest = next((pairs for pairs in held_out if len(pairs) < size), None)
            if smallest is None:
                return held_out
            if not refused(pair):
                taken |= {bare_text(pair.source), bare_text(pair.target)}
                smallest.append(pair)
        order, _ = draw(read(), _CANDIDATES * sets * size, seed, refused)
    return held_out


def shares_text(pair: SentencePair, texts: Set[str]) -> bool:
    """Whether a side of the pair is among some bare texts."""
    return bare_text(pair.source) in texts or bare_text(pair.target) in texts


def bare_text(text: str) -> str:
    """The letters and digits of a text in one case: what two copies of a sentence share.

    Those that entities and mojibake stand for, too.
    """
    normal = normalize("NFKC", readable(text)).casefold()
    return _NO_LETTERS.sub("", normal)


def _without_empty(pairs: Iterable[SentencePair], counts: Counts) -> Iterator[SentencePair]:
    for pair in pairs:
        counts.read += 1
        if not pair.source.strip():
            counts.drop("empty source")
        elif not pair.target.strip():
            counts.drop("empty target")
        else:
            yield pair


def _chunks(pairs: Iterator[SentencePair], size: int) -> Iterator[list[SentencePair]]:
    while chunk := list(islice(pairs, size)):
        yield chunk
