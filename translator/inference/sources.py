"""Which sentences are encoded together? Those of like length, so that little is padding."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from translator.tokenizer import EOS_ID, PAD_ID


def batches_of_like_length(
    lengths: Sequence[int], tokens: int, most: int | None = None, *, equal: bool = False
) -> Iterator[list[int]]:
    """Indices of sentences, longest first, cut where a batch would pass `tokens` with padding.

    A batch has at most `most` sentences, if need be all of an `equal` length.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        full = batch and (len(batch) + 1) * (lengths[batch[0]] + 1) > tokens
        if full or len(batch) == most or (equal and batch and lengths[index] < lengths[batch[0]]):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def padded_sources(sentences: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """What `Engine.states` reads: the ids of each sentence, EOS and then padding: [B, S]."""
    width = max(map(len, sentences)) + 1
    rows = [[*ids, EOS_ID, *[PAD_ID] * (width - 1 - len(ids))] for ids in sentences]
    return torch.tensor(rows, device=device)
