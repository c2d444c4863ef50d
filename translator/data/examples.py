"""Pairs → encoded examples, all of them counted."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from translator.config import ModelConfig
from translator.data.codebook import Codebook
from translator.data.corpus import Corpus
from translator.data.counts import Counts
from translator.data.prefetch import prefetch
from translator.data.readers import SentencePair, read_frames
from translator.errors import DataError
from translator.tokenizer import EOS_ID, Tokenizer

_CHUNK = 10_000  # pairs that are encoded together
_CHUNK_OF_FRAMES = 256  # pictures or recordings
UNREADABLE = {"image": "unreadable picture", "speech": "unreadable recording"}


def encode_pairs(
    pairs: Iterable[SentencePair],
    tokenizer: Tokenizer,
    max_tokens: int,
    counts: Counts,
    tag: Sequence[int] = (),
) -> Iterator[Corpus]:
    """Encode pairs, some thousands at a time; the next ones are read meanwhile.

    Empty pairs and those of over `max_tokens` on a side are dropped and counted. `tag` is the id
    before each source that says into which language it goes, if there are several.
    """
    for chunk in prefetch(_chunks(_without_empty(pairs, counts), _CHUNK), 2):
        sources = tokenizer.encode([pair.source for pair in chunk])
        targets = tokenizer.target.encode([pair.target for pair in chunk])
        ids: list[int] = []
        offsets = [0]
        for source, target in zip(sources, targets, strict=True):
            if not source or not target:  # invisible characters only
                counts.drop("empty target" if source else "empty source")
            elif max(len(tag) + len(source), len(target)) > max_tokens:
                counts.drop(f"longer than {max_tokens} tokens")
            else:
                for side in ([*tag, *source], target):
                    ids += side
                    ids.append(EOS_ID)
                    offsets.append(len(ids))
        counts.kept += len(offsets) // 2
        yield Corpus(np.array(ids, np.int32), np.array(offsets, np.int64))


def encode_frames(
    pairs: Iterable[SentencePair],
    config: ModelConfig,
    tokenizer: Tokenizer,
    max_tokens: int,
    counts: Counts,
) -> Iterator[Corpus]:
    """Encode pairs of a reference to a picture or a recording and a text, some hundreds at a time.

    What cannot be read, is empty or has a target of over `max_tokens` is dropped and counted.
    """
    for chunk in prefetch(_chunks(_without_empty(pairs, counts), _CHUNK_OF_FRAMES), 2):
        frames, targets = [], []
        for pair, target in zip(chunk, tokenizer.encode([p.target for p in chunk]), strict=True):
            if not target:
                counts.drop("empty target")
            elif len(target) > max_tokens:
                counts.drop(f"longer than {max_tokens} tokens")
            else:
                try:
                    frames.append(read_frames(pair.source, config))
                    targets.append([*target, EOS_ID])
                except DataError:
                    counts.drop(UNREADABLE[config.source])
        counts.kept += len(frames)
        yield Corpus.of_frames(frames, targets)


def encode_pictures(
    pairs: Iterable[SentencePair],
    tokenizer: Tokenizer,
    codebook: Codebook,
    max_tokens: int,
    counts: Counts,
) -> Iterator[Corpus]:
    """Encode pairs of a text and a reference to a picture that is to be drawn for it.

    What cannot be read, is empty or has a source of over `max_tokens` is dropped and counted.
    """
    for chunk in prefetch(_chunks(_without_empty(pairs, counts), _CHUNK_OF_FRAMES), 2):
        sources, targets = [], []
        for pair, source in zip(chunk, tokenizer.encode([p.source for p in chunk]), strict=True):
            if not source:
                counts.drop("empty source")
            elif len(source) > max_tokens:
                counts.drop(f"longer than {max_tokens} tokens")
            else:
                try:
                    targets.append([*codebook.encode(pair.target), EOS_ID])
                    sources.append([*source, EOS_ID])
                except DataError:
                    counts.drop(UNREADABLE["image"])
        counts.kept += len(sources)
        yield Corpus.of(sources, targets)


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
