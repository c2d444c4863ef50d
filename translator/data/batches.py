"""Examples → batches of one fixed shape, in an order that a seed fixes.

Every batch has the same shape, so kernels that are chosen or compiled for a shape are so once.
"""

from collections.abc import Iterator, Sequence
from typing import TypedDict, cast

import numpy as np

from translator.data.corpus import Corpus, Ids, Integers
from translator.data.layouts import Batch, EncoderDecoderLayout, Layout
from translator.data.objectives import View
from translator.data.packing import pack_rows, row_lengths
from translator.data.prefetch import prefetch
from translator.data.seeds import generator

_BATCHES_PER_POOL = 64  # which are made at one go
_PREFETCHED = _BATCHES_PER_POOL  # so a pool is made while the one before is used


class Position(TypedDict):
    """Where a BatchStream stands: the epoch, the pool in it, the batch in the pool."""

    epoch: int
    pool: int
    batch: int


class BatchStream:
    """An endless stream of batches; the same corpus, settings and seed give the same stream.

    In an epoch a pair of weight w occurs ⌊w⌋ times, and once more with the probability of the
    remainder. Every epoch is shuffled, then seen through the views, one after the other, and packed
    pool by pool, so that a position is found again without doing what came before.
    """

    def __init__(
        self,
        corpus: Corpus,
        tokens_per_batch: int,
        seed: int,
        *,
        views: Sequence[View] = (),
        layout: Layout | None = None,
    ) -> None:
        if len(corpus) == 0:
            raise ValueError("an empty corpus has no batches")
        self._corpus = corpus
        self._seed = seed
        self._views = views
        self._layout = layout or EncoderDecoderLayout()
        sizes = self._layout.sizes(corpus)
        self._row_lengths = row_lengths(sizes, tokens_per_batch)
        self._longest = int(self._row_lengths.max())
        self._rows = max(1, tokens_per_batch // self._longest)
        mean_length = sizes.mean(1).max()
        self._pool_size = max(1, int(_BATCHES_PER_POOL * tokens_per_batch / mean_length))
        self.position: Position = {"epoch": 0, "pool": 0, "batch": 0}

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches from `position` on; it always names the batch that comes next.

        They are made ahead of time on a thread, which ends with the iterator.
        """
        for batch, position in prefetch(self._batches(self.position), _PREFETCHED):
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
                    batch = self._layout.batch(pairs, chosen, self._rows, self._row_lengths)
                    yield batch, {"epoch": epoch, "pool": pool, "batch": index + 1}
                first_batch = 0
            epoch, first_pool = epoch + 1, 0

    def _pool(self, indices: Ids, epoch: int, pool: int) -> tuple[Corpus, list[Integers]]:
        """The pairs of a pool, as they are seen in this epoch, and its shuffled rows of them."""
        pairs = self._corpus.select(np.sort(indices).astype(np.int64))  # as they lie on the disk
        for view in self._views:
            random = generator(self._seed, view.purpose, epoch, pool)
            pairs = self._fitting(view(pairs, self._longest, random), pairs)
        rows = pack_rows(self._layout.sizes(pairs), self._row_lengths)
        order = generator(self._seed, "rows of a pool", epoch, pool).permutation(len(rows))
        return pairs, [rows[i] for i in order]

    def _fitting(self, viewed: Corpus, pairs: Corpus) -> Corpus:
        """The pairs as they are viewed; as they were, where they would not fit a row then."""
        too_long = (self._layout.sizes(viewed) > self._row_lengths[:, None]).any(0)
        if not too_long.any():
            return viewed
        order = np.arange(len(viewed)) + len(viewed) * too_long
        return Corpus.join([viewed, pairs]).select(order)

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


def all_batches(
    corpus: Corpus, tokens_per_batch: int, layout: Layout | None = None
) -> Iterator[Batch]:
    """All pairs once, in batches: for validation, where the order does not matter."""
    layout = layout or EncoderDecoderLayout()
    sizes = layout.sizes(corpus)
    lengths = row_lengths(sizes, tokens_per_batch)
    count = max(1, tokens_per_batch // int(lengths.max()))
    rows = pack_rows(sizes, lengths)
    for start in range(0, len(rows), count):
        yield layout.batch(corpus, rows[start : start + count], count, lengths)
