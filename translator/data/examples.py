"""Text pairs → what the model sees: cleaned, counted, encoded ids in flat arrays."""

import random
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from translator.data.readers import SentencePair
from translator.tokenizer import EOS_ID, Tokenizer

Ids = npt.NDArray[np.int32]
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")


class Example(NamedTuple):
    """The ids of a pair, each side ending in EOS."""

    source: Ids  # [S]
    target: Ids  # [T]


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


class Corpus:
    """Encoded pairs, back to back in flat arrays: 8 bytes a token, no object a sentence."""

    def __init__(self, source: list[Ids], target: list[Ids], weight: float = 1.0) -> None:
        self._source, self._source_starts = _flatten(source)
        self._target, self._target_starts = _flatten(target)
        self.weights = np.full(len(source), weight)  # occurrences of each pair in an epoch

    def __len__(self) -> int:
        return len(self._source_starts) - 1

    def __getitem__(self, index: int) -> Example:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return Example(
            self._source[self._source_starts[index] : self._source_starts[index + 1]],
            self._target[self._target_starts[index] : self._target_starts[index + 1]],
        )

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """All that the corpus consists of: ids and sentence starts of both sides, weights."""
        return (
            self._source,
            self._source_starts,
            self._target,
            self._target_starts,
            self.weights,
        )

    @classmethod
    def join(cls, corpora: "Sequence[Corpus]") -> "Corpus":
        """The pairs of several corpora one after the other, each with its weight."""
        joined = cls([], [])
        joined._source = np.concatenate([corpus._source for corpus in corpora])
        joined._target = np.concatenate([corpus._target for corpus in corpora])
        joined._source_starts = _starts(np.concatenate([c.source_lengths for c in corpora]))
        joined._target_starts = _starts(np.concatenate([c.target_lengths for c in corpora]))
        joined.weights = np.concatenate([corpus.weights for corpus in corpora])
        return joined

    @property
    def source_lengths(self) -> npt.NDArray[np.int64]:
        """Number of source ids of each pair, EOS included: [len(self)]."""
        return np.diff(self._source_starts)

    @property
    def target_lengths(self) -> npt.NDArray[np.int64]:
        """Number of target ids of each pair, EOS included: [len(self)]."""
        return np.diff(self._target_starts)


def encode_pairs(
    pairs: Iterable[SentencePair],
    tokenizer: Tokenizer,
    max_tokens: int,
    counts: Counts,
    weight: float = 1.0,
) -> Corpus:
    """Encode pairs; empty ones and those over `max_tokens` on a side are dropped and counted."""
    source: list[Ids] = []
    target: list[Ids] = []
    for chunk in _chunks(_without_empty(pairs, counts), 10_000):
        encoded_source = tokenizer.encode([pair.source for pair in chunk])
        encoded_target = tokenizer.encode([pair.target for pair in chunk])
        for source_ids, target_ids in zip(encoded_source, encoded_target, strict=True):
            if not source_ids or not target_ids:  # invisible characters only
                counts.drop("empty target" if source_ids else "empty source")
                continue
            if max(len(source_ids), len(target_ids)) > max_tokens:
                counts.drop(f"longer than {max_tokens} tokens")
                continue
            counts.kept += 1
            source.append(np.array([*source_ids, EOS_ID], dtype=np.int32))
            target.append(np.array([*target_ids, EOS_ID], dtype=np.int32))
    return Corpus(source, target, weight)


def set_aside(
    corpora: list[list[SentencePair]], sizes: list[int], seed: int
) -> tuple[list[list[SentencePair]], list[list[SentencePair]]]:
    """Split corpora into their training sides and held-out sets of the given sizes.

    The held-out pairs are drawn with the seed; every other pair that shares a text with one of
    them, on either side, leaves the training side too, so that nothing leaks.
    """
    order = [pair for pairs in corpora for pair in pairs]
    random.Random(seed).shuffle(order)
    rest = iter(order)
    held_out: list[list[SentencePair]] = []
    taken: set[str] = set()
    for size in sizes:
        chosen: list[SentencePair] = []
        while len(chosen) < size and (pair := next(rest, None)) is not None:
            sides = {bare_text(pair.source), bare_text(pair.target)}
            if "" in sides or sides & taken:
                continue
            taken |= sides
            chosen.append(pair)
        held_out.append(chosen)
    train = [
        [p for p in pairs if not {bare_text(p.source), bare_text(p.target)} & taken]
        for pairs in corpora
    ]
    return train, held_out


def bare_text(text: str) -> str:
    """The letters and digits of a text in one case: what two copies of a sentence share."""
    normal = unicodedata.normalize("NFKC", text).casefold()
    return _NOT_ALPHANUMERIC.sub("", normal)


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


def _flatten(sentences: list[Ids]) -> tuple[Ids, npt.NDArray[np.int64]]:
    starts = _starts(np.array([len(ids) for ids in sentences], dtype=np.int64))
    return (np.concatenate(sentences) if sentences else np.zeros(0, np.int32)), starts


def _starts(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
