"""Examples → batches of one fixed shape, in an order that a seed fixes.

Sentences are packed: a row holds several of them, one after the other, and their segment numbers
keep them apart in attention. Hardly anything is padding then, whatever the lengths, and every batch
has the same shape, so kernels that are chosen or compiled for a shape are so once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from translator.data.ahead import ahead
from translator.data.augmentation import Augmenter
from translator.data.corpus import Corpus, Ids, Integers, ranges
from translator.data.packing import pack_rows, row_length
from translator.data.seeds import generator
from translator.functional import IGNORE_INDEX
from translator.tokenizer import BOS_ID, PAD_ID

_BATCHES_PER_POOL = 64  # which are made at one go
_BATCHES_AHEAD = _BATCHES_PER_POOL  # so a pool is made while the one before is used


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
        return Batch(*(tensor.to(device) for tensor in self._tensors()))

    def share(self, rank: int, world_size: int) -> "Batch":
        """The rows of one of several processes: every `world_size`-th, from row `rank` on."""
        return Batch(*(tensor[rank::world_size] for tensor in self._tensors()))

    def split(self, parts: int) -> "list[Batch]":
        """The rows in `parts` batches, or in one for each row if there are fewer rows."""
        chunks = [tensor.chunk(parts) for tensor in self._tensors()]
        return [Batch(*tensors) for tensors in zip(*chunks, strict=True)]

    def _tensors(self) -> Iterator[Tensor]:
        return (getattr(self, name) for name in self.__dataclass_fields__)


class Position(TypedDict):
    """Where a BatchStream stands: the epoch, the pool in it, the batch in the pool."""

    epoch: int
    pool: int
    batch: int


class BatchStream:
    """An endless stream of batches; the same corpus, settings and seed give the same stream.

    In an epoch a pair of weight w occurs ⌊w⌋ times, and once more with the probability of the
    remainder. Every epoch is shuffled, then changed by the augmenter and packed pool by pool, so
    that a position is found again without doing what came before.
    """

    def __init__(
        self,
        corpus: Corpus,
        tokens_per_batch: int,
        seed: int,
        augmenter: Augmenter | None = None,
    ) -> None:
        if len(corpus) == 0:
            raise ValueError("an empty corpus has no batches")
        self._corpus = corpus
        self._seed = seed
        self._augmenter = augmenter
        self._row_length = row_length(corpus, tokens_per_batch)
        self._rows = max(1, tokens_per_batch // self._row_length)
        mean_length = max(corpus.source_lengths.mean(), corpus.target_lengths.mean())
        self._pool_size = max(1, int(_BATCHES_PER_POOL * tokens_per_batch / mean_length))
        self.position: Position = {"epoch": 0, "pool": 0, "batch": 0}

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches from `position` on; it always names the batch that comes next.

        They are made ahead of time on a thread, which ends with the iterator.
        """
        for batch, position in ahead(self._batches(self.position), _BATCHES_AHEAD):
            self.position = position
            yield batch

    def _batches(self, position: Position) -> Iterator[tuple[Batch, Position]]:
        """Each batch from `position` on, with the position of the one after it."""
        epoch, first_pool, first_batch = position["epoch"], position["pool"], position["batch"]
        while True:
            order = self._shuffle(epoch)
            pools = range(0, len(order), self._pool_size)
            for pool in range(first_pool, len(pools)):
                pairs, rows = self._pool(order[pools[pool] :][: self._pool_size], epoch, pool)
                starts = range(0, len(rows), self._rows)
                for index in range(first_batch, len(starts)):
                    chosen = rows[starts[index] :][: self._rows]
                    batch = fill_batch(pairs, chosen, self._rows, self._row_length)
                    yield batch, {"epoch": epoch, "pool": pool, "batch": index + 1}
                first_batch = 0
            epoch, first_pool = epoch + 1, 0

    def _pool(self, indices: Ids, epoch: int, pool: int) -> tuple[Corpus, list[Integers]]:
        """The pairs of a pool, as they are seen in this epoch, and its shuffled rows of them."""
        pairs = self._corpus.select(np.sort(indices).astype(np.int64))  # as they lie on the disk
        if self._augmenter:
            random = generator(self._seed, "augmentation", epoch, pool)
            pairs = self._augmenter(pairs, self._row_length, random)
        rows = pack_rows(pairs, np.arange(len(pairs)), self._row_length)
        order = generator(self._seed, "rows of a pool", epoch, pool).permutation(len(rows))
        return pairs, [rows[i] for i in order]

    def _shuffle(self, epoch: int) -> Ids:
        """The order of an epoch: four bytes a pair, if there are less than four billion."""
        random = generator(self._seed, "order of an epoch", epoch)
        dtype = np.uint32 if len(self._corpus) < 1 << 32 else np.int64
        copies: list[Ids] = []
        first = 0
        for size, weight in self._corpus.parts:
            pairs = cast("Ids", np.arange(first, first + size, dtype=dtype))
            copies += [pairs] * int(weight)
            if weight % 1:
                copies.append(pairs[random.random(size, np.float32) < weight % 1])
            first += size
        order = np.concatenate(copies)
        random.shuffle(order)
        return order


def all_batches(corpus: Corpus, tokens_per_batch: int) -> Iterator[Batch]:
    """All pairs once, in batches: for validation, where the order does not matter."""
    length = row_length(corpus, tokens_per_batch)
    count = max(1, tokens_per_batch // length)
    rows = pack_rows(corpus, np.arange(len(corpus)), length)
    for start in range(0, len(rows), count):
        yield fill_batch(corpus, rows[start : start + count], count, length)


def fill_batch(corpus: Corpus, rows: Sequence[npt.ArrayLike], count: int, length: int) -> Batch:
    """Lay rows of pairs out as a batch of `count` rows; those that are missing stay empty."""
    pairs = np.concatenate([np.asarray(row, np.int64) for row in rows])
    row_of = np.repeat(np.arange(len(rows)), [len(np.atleast_1d(row)) for row in rows])
    starts = [corpus.offsets[2 * pairs], corpus.offsets[2 * pairs + 1]]
    ends = [starts[1], corpus.offsets[2 * pairs + 2]]
    source, source_segments, _ = _lay_out(
        corpus.ids, starts[0], ends[0] - starts[0], row_of, (count, length)
    )
    labels, target_segments, first_places = _lay_out(
        corpus.ids, starts[1], ends[1] - starts[1], row_of, (count, length)
    )
    padding = target_segments == 0
    decoder_input = np.roll(labels, 1)  # what a token follows
    decoder_input[padding] = PAD_ID
    decoder_input.flat[first_places] = BOS_ID
    labels[padding] = IGNORE_INDEX
    target_segments[padding] = 1
    source_segments[len(rows) :] = 1  # an empty row looks at itself
    arrays = (source, source_segments, decoder_input, target_segments, labels)
    return Batch(*(torch.from_numpy(array) for array in arrays))


def _lay_out(
    ids: Ids, starts: Integers, lengths: Integers, row_of: Integers, shape: tuple[int, int]
) -> tuple[Integers, Integers, Integers]:
    """One side of a batch: ids [R, L], segments [R, L], and the flat place where each begins.

    The sentences of a row, which are neighbours in `row_of`, stand one after the other.
    """
    before = np.cumsum(lengths) - lengths
    first_of_row = np.searchsorted(row_of, row_of)
    first_places = row_of * shape[1] + before - before[first_of_row]
    places = ranges(first_places, lengths)
    laid, segments = np.full(shape, PAD_ID, np.int64), np.zeros(shape, np.int64)
    laid.flat[places] = ids[ranges(starts, lengths)]
    segments.flat[places] = np.repeat(np.arange(len(row_of)) - first_of_row + 1, lengths)
    return laid, segments, first_places
