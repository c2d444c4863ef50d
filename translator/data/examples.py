"""Pairs → encoded examples, all of them counted."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice

import numpy as np

from translator.config import ModelConfig
from translator.data.codebook import Codebook
from translator.data.corpus import Corpus
from translator.data.counts import Counts
from translator.data.readers import SentencePair, Sides, read_frames, sides_of
from translator.errors import DataError
from translator.processes import spread
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
    """Encode pairs, some thousands at a time.

    Empty pairs and those of over `max_tokens` on a side are dropped and counted. `tag` is the id
    before each source that says into which language it goes, if there are several.
    """
    encode = partial(_encoded, tokenizer=tokenizer, max_tokens=max_tokens, tag=tag)
    yield from _counted(encode, pairs, _CHUNK, counts)


def _encoded(
    pairs: list[SentencePair],
    counts: Counts,
    tokenizer: Tokenizer,
    max_tokens: int,
    tag: Sequence[int],
) -> Corpus:
    sources = tokenizer.encode([pair.source for pair in pairs])
    targets = tokenizer.target.encode([pair.target for pair in pairs])
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
    return Corpus(np.array(ids, np.int32), np.array(offsets, np.int64))


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
    encode = partial(_encoded_frames, config=config, tokenizer=tokenizer, max_tokens=max_tokens)
    yield from _counted(encode, pairs, _CHUNK_OF_FRAMES, counts)


def _encoded_frames(
    pairs: list[SentencePair],
    counts: Counts,
    config: ModelConfig,
    tokenizer: Tokenizer,
    max_tokens: int,
) -> Corpus:
    frames, targets = [], []
    for pair, target in zip(pairs, tokenizer.encode([p.target for p in pairs]), strict=True):
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
    return Corpus.of_frames(frames, targets)


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
    encode = partial(
        _encoded_pictures, tokenizer=tokenizer, codebook=codebook, max_tokens=max_tokens
    )
    yield from _counted(encode, pairs, _CHUNK_OF_FRAMES, counts)


def _encoded_pictures(
    pairs: list[SentencePair],
    counts: Counts,
    tokenizer: Tokenizer,
    codebook: Codebook,
    max_tokens: int,
) -> Corpus:
    sources, targets = [], []
    for pair, source in zip(pairs, tokenizer.encode([p.source for p in pairs]), strict=True):
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
    return Corpus.of(sources, targets)


def _counted(
    encode: Callable[[list[SentencePair], Counts], Corpus],
    pairs: Iterable[SentencePair],
    size: int,
    counts: Counts,
) -> Iterator[Corpus]:
    """The encoded pairs, `size` at a time; what became of them is added to `counts`."""
    waiting = iter(pairs)
    chunks = iter(lambda: list(islice(waiting, size)), [])
    for corpus, own in spread(partial(_with_counts, encode), map(sides_of, chunks)):
        counts.add(own)
        yield corpus


def _with_counts(
    encode: Callable[[list[SentencePair], Counts], Corpus], sides: Sides
) -> tuple[Corpus, Counts]:
    counts = Counts(read=len(sides[0]))
    corpus = encode([*_without_empty(map(SentencePair, *sides), counts)], counts)
    counts.kept = len(corpus)
    return corpus, counts


def _without_empty(pairs: Iterable[SentencePair], counts: Counts) -> Iterator[SentencePair]:
    for pair in pairs:
        if not pair.source.strip():
            counts.drop("empty source")
        elif not pair.target.strip():
            counts.drop("empty target")
        else:
            yield pair
