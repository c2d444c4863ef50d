"""Examples → batches of one fixed shape, in an order that a seed fixes.

Sentences are packed: a row holds several of them, one after the other, and their segment numbers
keep them apart in attention. Hardly anything is padding then, whatever the lengths, and every batch
has the same shape, so kernels that are chosen or compiled for a shape are so once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from translator.data.examples import Corpus
from translator.functional import IGNORE_INDEX
from translator.tokenizer import BOS_ID, PAD_ID

_BATCHES_PER_POOL = 64
_SHORTEST_ROW = 64
_OPEN_ROWS = 24  # rows that may still take a sentence


@dataclass(frozen=True)
class Batch:
    """R rows of packed pairs: sentence n of a row of `source` goes with sentence n of its target.

    Segments number the sentences of a row from 1; 0 is padding. At the padding of the target they
    are 1, since every query must have something to look at; no label is asked there.
    """

    source: Tensor  # [R, L] ids; each sentence ends in EOS
    source_segments: Tensor  # [R, L]
    decoder_input: Tensor  # [R, L] of each sentence BOS and the target without its EOS
    target_segments: Tensor  # [R, L]
    labels: Tensor  # [R, L] the targets with their EOS; IGNORE_INDEX where nothing is asked

    @property
    def num_target_tokens(self) -> int:
        """How many labels are asked."""
        return int((self.labels != IGNORE_INDEX).sum())

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        return Batch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))

    def share(self, rank: int, world_size: int) -> "Batch":
        """Every world_size-th row, from row `rank` on: what one of several processes computes."""
        return self._rows(slice(rank, None, world_size))

    def split(self, parts: int) -> "list[Batch]":
        """Its rows in at most so many batches, in order."""
        size = max(1, -(-len(self.source) // parts))
        return [self._rows(slice(i, i + size)) for i in range(0, len(self.source), size)]

    def _rows(self, rows: slice) -> "Batch":
        return Batch(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


class Position(TypedDict):
    """Where a BatchStream stands: the epoch, the pool in it, the batch in the pool."""

    epoch: int
    pool: int
    batch: int


class BatchStream:
    """An endless stream of batches; the same corpus and seed give the same stream.

    In an epoch a pair of weight w occurs ⌊w⌋ times, and once more with the probability of the
    remainder. Every epoch is shuffled and packed pool by pool, so that a position is found again
    without packing what came before.
    """

    def __init__(self, corpus: Corpus, tokens_per_batch: int, seed: int) -> None:
        if len(corpus) == 0:
            raise ValueError("an empty corpus has no batches")
        self._corpus = corpus
        self._seed = seed
        self._row_length = row_length(corpus, tokens_per_batch)
        self._rows = max(1, tokens_per_batch // self._row_length)
        mean_length = max(corpus.source_lengths.mean(), corpus.target_lengths.mean())
        self._pool_size = max(1, int(_BATCHES_PER_POOL * tokens_per_batch / mean_length))
        self.position: Position = {"epoch": 0, "pool": 0, "batch": 0}

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches from `position` on; it always names the batch that comes next."""
        while True:
            epoch = self.position["epoch"]
            first_pool, first_batch = self.position["pool"], self.position["batch"]
            order = self._shuffle(epoch)
            pools = range(0, len(order), self._pool_size)
            for pool in range(first_pool, len(pools)):
                rows = pack_rows(
                    self._corpus, order[pools[pool] :][: self._pool_size], self._row_length
                )
                np.random.default_rng([self._seed, epoch, pool]).shuffle(rows)
                starts = range(0, len(rows), self._rows)
                for index in range(first_batch, len(starts)):
                    self.position = {"epoch": epoch, "pool": pool, "batch": index + 1}
                    yield self._batch(rows[starts[index] :][: self._rows])
                first_batch = 0
            self.position = {"epoch": epoch + 1, "pool": 0, "batch": 0}

    def _batch(self, rows: list[list[int]]) -> Batch:
        return fill_batch(self._corpus, rows, self._rows, self._row_length)

    def _shuffle(self, epoch: int) -> npt.NDArray[np.int64]:
        random = np.random.default_rng([self._seed, epoch])
        weights = self._corpus.weights
        whole = weights.astype(np.int64)
        copies = whole + (random.random(len(weights)) < weights - whole)
        return random.permutation(np.repeat(np.arange(len(weights)), copies))


def all_batches(corpus: Corpus, tokens_per_batch: int) -> Iterator[Batch]:
    """All pairs once, in batches: for validation, where the order does not matter."""
    length = row_length(corpus, tokens_per_batch)
    count = max(1, tokens_per_batch // length)
    rows = pack_rows(corpus, np.arange(len(corpus)), length)
    for start in range(0, len(rows), count):
        yield fill_batch(corpus, rows[start : start + count], count, length)


def row_length(corpus: Corpus, tokens_per_batch: int) -> int:
    """Tokens in a row: enough for the longest sentence and for some short ones together."""
    longest = int(max(corpus.source_lengths.max(), corpus.target_lengths.max()))
    return max(min(_SHORTEST_ROW, tokens_per_batch), -(-longest // 16) * 16)


def pack_rows(corpus: Corpus, indices: npt.NDArray[np.int64], length: int) -> list[list[int]]:
    """Put pairs into rows of `length` tokens a side: each into the fullest open row that takes it.

    Only the last few rows stay open, so this takes time in proportion to the pairs.
    """
    rows: list[list[int]] = []
    room: list[tuple[int, int, int]] = []  # of open rows: source and target tokens left, the row
    sources = corpus.source_lengths[indices].tolist()
    targets = corpus.target_lengths[indices].tolist()
    for index, source, target in zip(indices.tolist(), sources, targets, strict=True):
        fitting = [
            (min(left[0] - source, left[1] - target), slot)
            for slot, left in enumerate(room)
            if left[0] >= source and left[1] >= target
        ]
        if fitting:
            _, slot = min(fitting)
        else:
            if len(room) == _OPEN_ROWS:
                room.remove(min(room))  # the one with the least room for a source
            room.append((length, length, len(rows)))
            rows.append([])
            slot = len(room) - 1
        source_left, target_left, row = room[slot]
        rows[row].append(index)
        room[slot] = (source_left - source, target_left - target, row)
    return rows


def fill_batch(corpus: Corpus, rows: Sequence[Sequence[int]], count: int, length: int) -> Batch:
    """Lay rows of pairs out as a batch of `count` rows; those that are missing stay empty."""
    source = np.full((count, length), PAD_ID, dtype=np.int64)
    labels = np.full((count, length), IGNORE_INDEX, dtype=np.int64)
    decoder_input = np.full((count, length), PAD_ID, dtype=np.int64)
    source_segments = np.zeros((count, length), dtype=np.int64)
    target_segments = np.ones((count, length), dtype=np.int64)
    for row, indices in enumerate(rows):
        source_start = target_start = 0
        for segment, index in enumerate(indices, start=1):
            example = corpus[index]
            source_end = source_start + len(example.source)
            target_end = target_start + len(example.target)
            source[row, source_start:source_end] = example.source
            source_segments[row, source_start:source_end] = segment
            labels[row, target_start:target_end] = example.target
            decoder_input[row, target_start] = BOS_ID
            decoder_input[row, target_start + 1 : target_end] = example.target[:-1]
            target_segments[row, target_start:target_end] = segment
            source_start, target_start = source_end, target_end
    source_segments[len(rows) :] = 1  # an empty row looks at itself
    arrays = (source, source_segments, decoder_input, target_segments, labels)
    return Batch(*(torch.from_numpy(array) for array in arrays))
