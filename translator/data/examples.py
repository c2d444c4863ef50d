"""Text pairs → encoded examples, all of them counted."""

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from translator.data.corpus import Corpus
from translator.data.counts import Counts
from translator.data.prefetch import prefetch
from translator.data.readers import SentencePair
from translator.tokenizer import EOS_ID, Tokenizer

_CHUNK = 10_000  # pairs that are encoded together


def encode_pairs(
    pairs: Iterable[SentencePair], tokenizer: Tokenizer, max_tokens: int, counts: Counts
) -> Iterator[Corpus]:
    """Encode pairs, some thousands at a time; the next ones are read meanwhile.

    Empty pairs and those of over `max_tokens` on a side are dropped and counted.
    """
    for chunk in prefetch(_chunks(_without_empty(pairs, counts), _CHUNK), 2):
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
