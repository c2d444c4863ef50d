"""Examples → batches that hold a budget of tokens, in an order that a seed fixes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from translator.data.examples import Corpus, Example
from translator.tokenizer import BOS_ID, PAD_ID

IGNORE_INDEX = -100
_BATCHES_PER_POOL = 64


@dataclass(frozen=True)
class Batch:
    """Padded pairs: B sentences, S source ids, T target ids; masks are True at padding."""

    source: Tensor  # [B, S] ids, ending in EOS
    source_padding_mask: Tensor  # [B, S]
    decoder_input: Tensor  # [B, T] BOS and the target without its EOS
    labels: Tensor  # [B, T] the target with its EOS; IGNORE_INDEX where nothing is asked

    @property
    def num_target_tokens(self) -> int:
        """How many labels are asked."""
        return int((self.labels != IGNORE_INDEX).sum())

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        return Batch(
            self.source.to(device, non_blocking=True),
            self.source_padding_mask.to(device, non_blocking=True),
            self.decoder_input.to(device, non_blocking=True),
            self.labels.to(device, non_blocking=True),
        )


class Position(TypedDict):
    """Where a BatchStream stands: the epoch, the pool in it, the batch in the pool."""

    epoch: int
    pool: int
    batch: int


class BatchStream:
    """An endless stream of batches; the same corpus and seed give the same stream.

    In an epoch a pair of weight w occurs ⌊w⌋ times, and once more with the probability of the
    remainder. Every epoch is shuffled. Then pools of sentences are sorted by length, cut into
    batches of at most `tokens_per_batch` padded tokens on either side, and the batches of a pool
    are shuffled: neighbours in length share a batch, so little is padding, and yet no order is
    left to learn.
    """

    def __init__(self, corpus: Corpus, tokens_per_batch: int, seed: int) -> None:
        if len(corpus) == 0:
            raise ValueError("an empty corpus has no batches")
        self._corpus = corpus
        self._tokens_per_batch = tokens_per_batch
        self._seed = seed
        self._source_lengths = corpus.source_lengths
        self._target_lengths = corpus.target_lengths
        mean_length = max(self._source_lengths.mean(), self._target_lengths.mean())
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
                batches = self._plan(order[pools[pool] :][: self._pool_size], epoch, pool)
                for index in range(first_batch, len(batches)):
                    self.position = {"epoch": epoch, "pool": pool, "batch": index + 1}
                    yield collate([self._corpus[i] for i in batches[index]])
                first_batch = 0
            self.position = {"epoch": epoch + 1, "pool": 0, "batch": 0}

    def _shuffle(self, epoch: int) -> npt.NDArray[np.int64]:
        random = np.random.default_rng([self._seed, epoch])
        weights = self._corpus.weights
        whole = weights.astype(np.int64)
        copies = whole + (random.random(len(weights)) < weights - whole)
        return random.permutation(np.repeat(np.arange(len(weights)), copies))

    def _plan(
        self, indices: npt.NDArray[np.int64], epoch: int, pool: int
    ) -> list[npt.NDArray[np.int64]]:
        """Cut one pool into batches of neighbours in length, in random order."""
        by_length = np.lexsort((self._source_lengths[indices], self._target_lengths[indices]))
        batches = _cut(
            indices[by_length], self._source_lengths, self._target_lengths, self._tokens_per_batch
        )
        np.random.default_rng([self._seed, epoch, pool]).shuffle(batches)
        return batches


def fixed_batches(corpus: Corpus, tokens_per_batch: int) -> Iterator[Batch]:
    """All pairs once, longest first: for validation, where the order does not matter."""
    source, target = corpus.source_lengths, corpus.target_lengths
    order = np.lexsort((source, target))[::-1]
    for indices in _cut(order, source, target, tokens_per_batch):
        yield collate([corpus[i] for i in indices])


def collate(examples: Sequence[Example]) -> Batch:
    """Pad examples to one batch."""
    source = _pad([example.source for example in examples], PAD_ID)
    labels = _pad([example.target for example in examples], IGNORE_INDEX)
    decoder_input = np.full_like(labels, PAD_ID)
    decoder_input[:, 0] = BOS_ID
    decoder_input[:, 1:] = np.where(labels[:, 1:] == IGNORE_INDEX, PAD_ID, labels[:, :-1])
    return Batch(
        source=torch.from_numpy(source),
        source_padding_mask=torch.from_numpy(source == PAD_ID),
        decoder_input=torch.from_numpy(decoder_input),
        labels=torch.from_numpy(labels),
    )


def _pad(sentences: Sequence[npt.NDArray[np.int32]], value: int) -> npt.NDArray[np.int64]:
    lengths = np.array([len(ids) for ids in sentences])
    padded = np.full((len(sentences), lengths.max()), value, dtype=np.int64)
    padded[np.arange(lengths.max()) < lengths[:, None]] = np.concatenate(sentences)
    return padded


def _cut(
    order: npt.NDArray[np.int64],
    source_lengths: npt.NDArray[np.int64],
    target_lengths: npt.NDArray[np.int64],
    tokens_per_batch: int,
) -> list[npt.NDArray[np.int64]]:
    """Cut an order of sentences where one more would pass the budget; never an empty batch."""
    batches, start, longest = [], 0, 0
    lengths = np.maximum(source_lengths[order], target_lengths[order])
    for end, length in enumerate(lengths.tolist()):
        longest = max(longest, length)
        if (end + 1 - start) * longest > tokens_per_batch and end > start:
            batches.append(order[start:end])
            start, longest = end, length
    batches.append(order[start:])
    return batches
