"""Encoded pairs in two flat arrays, in memory or mapped from files: no object a sentence."""

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from translator.media import Frames, FrameShape

Ids = npt.NDArray[np.integer[Any]]
Integers = npt.NDArray[np.int64]


class Example(NamedTuple):
    """The ids of a pair, each side ending in EOS."""

    source: Ids  # [S]
    target: Ids  # [T]


class Part(NamedTuple):
    """Pairs of a corpus that stand together and have one weight."""

    pairs: int
    weight: float  # occurrences of each of them in an epoch


class Corpus:
    """Encoded pairs back to back: source 0, target 0, source 1, target 1 and so on.

    `ids` [tokens] holds them, `offsets` [2 × pairs + 1] where each sentence begins and the last
    one ends. `parts` says how often the pairs occur in an epoch, in their order.

    Where the sources are pictures or recordings, their ids are the numbers of their rows in
    `frames` [frames, F].
    """

    def __init__(
        self,
        ids: Ids,
        offsets: Integers,
        parts: Sequence[Part] | None = None,
        frames: Frames | None = None,
    ) -> None:
        self.ids = ids
        self.offsets = offsets
        self.parts = tuple(parts) if parts is not None else (Part(len(self), 1.0),)
        self.frames = frames

    @classmethod
    def of(
        cls, source: Sequence[npt.ArrayLike], target: Sequence[npt.ArrayLike], weight: float = 1.0
    ) -> "Corpus":
        """The pairs of two lists of sentences, each a list of ids that ends in EOS."""
        sentences = [np.asarray(ids) for pair in zip(source, target, strict=True) for ids in pair]
        offsets = _offsets(np.array([len(ids) for ids in sentences], np.int64))
        ids = np.concatenate(sentences) if sentences else np.zeros(0, np.int32)
        return cls(ids, offsets, [Part(len(source), weight)])

    @classmethod
    def of_frames(cls, frames: Sequence[Frames], target: Sequence[npt.ArrayLike]) -> "Corpus":
        """The pairs of pictures or recordings [S, F] each, and sentences that end in EOS."""
        ends = np.cumsum([0, *map(len, frames)])
        numbers = [np.arange(*span) for span in itertools.pairwise(ends)]
        pairs = cls.of(numbers, target)
        together = np.concatenate(frames) if frames else None
        return cls(pairs.ids, pairs.offsets, frames=together)

    @classmethod
    def of_flat(
        cls, source: Ids, source_lengths: Integers, target: Ids, target_lengths: Integers
    ) -> "Corpus":
        """The pairs of two arrays of ids, each with the lengths of its sentences: [P]."""
        lengths = np.stack([source_lengths, target_lengths], axis=1).ravel()
        offsets = _offsets(lengths)
        ids = np.empty(offsets[-1], np.int64)
        ids[ranges(offsets[:-1:2], source_lengths)] = source
        ids[ranges(offsets[1:-1:2], target_lengths)] = target
        return cls(ids, offsets)

    @classmethod
    def join(cls, corpora: "Sequence[Corpus]") -> "Corpus":
        """The pairs of several corpora of text one after the other, each with its weight."""
        lengths = [np.diff(corpus.offsets) for corpus in corpora]
        return cls(
            np.concatenate([corpus.ids for corpus in corpora]),
            _offsets(np.concatenate(lengths)),
            [part for corpus in corpora for part in corpus.parts],
        )

    @classmethod
    def map(
        cls, files: "CorpusFiles", parts: Sequence[Part], shape: FrameShape | None = None
    ) -> "Corpus":
        """The corpus that a `CorpusWriter` left in files; they are read as it is used.

        `shape` is that of the frames, where the sources are no text.
        """
        pairs = sum(part.pairs for part in parts)
        offsets = np.asarray(np.memmap(files.offsets, "<i8", "r", shape=(2 * pairs + 1,)))
        tokens = int(offsets[-1])
        dtype = f"<u{files.ids.stat().st_size // max(1, tokens)}"
        ids = np.asarray(np.memmap(files.ids, dtype, "r", shape=(tokens,)))
        if shape is None:
            return cls(ids, offsets, parts)
        frames = np.memmap(files.frames, shape.dtype, "r").reshape(-1, shape.size)
        return cls(ids, offsets, parts, np.asarray(frames))

    def __len__(self) -> int:
        return len(self.offsets) // 2

    def __getitem__(self, index: int) -> Example:
        if not 0 <= index < len(self):
            raise IndexError(index)
        start, middle, end = self.offsets[2 * index : 2 * index + 3]
        return Example(self.ids[start:middle], self.ids[middle:end])

    def select(self, indices: Integers) -> "Corpus":
        """The pairs of some indices, in their order, in memory."""
        starts = self.offsets[2 * indices]
        lengths = np.stack(
            [self.offsets[2 * indices + 1] - starts, self.offsets[2 * indices + 2] - starts]
        )  # of the source, of the pair
        sentences = np.stack([lengths[0], lengths[1] - lengths[0]], axis=1).ravel()
        ids = self.ids[ranges(starts, lengths[1])]
        return Corpus(ids, _offsets(sentences), frames=self.frames)

    @property
    def source_lengths(self) -> Integers:
        """Number of source ids of each pair, EOS included: [len(self)]."""
        return self.offsets[1::2] - self.offsets[:-1:2]

    @property
    def target_lengths(self) -> Integers:
        """Number of target ids of each pair, EOS included: [len(self)]."""
        return self.offsets[2::2] - self.offsets[1::2]


def ranges(starts: Integers, lengths: Integers) -> Integers:
    """The numbers start, start + 1, … start + length - 1 of each start, one after the other."""
    before = np.cumsum(lengths) - lengths
    numbers: Integers = np.repeat(starts - before, lengths) + np.arange(lengths.sum())
    return numbers


def _offsets(lengths: Integers) -> Integers:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))


# --- on disk --------------------------------------------------------------------------------------


class CorpusFiles(NamedTuple):
    """The files of a corpus on disk, raw little-endian numbers: all else is known of them."""

    ids: Path  # two bytes each below 65,536 pieces, else four
    offsets: Path  # eight bytes each
    frames: Path  # only where the sources are no text


def corpus_fingerprint(files: CorpusFiles) -> str:
    """A hash of all that the files of a corpus hold."""
    digests = []
    for file in files:
        if file != files.frames or file.exists():
            with file.open("rb") as stream:
                digests.append(hashlib.file_digest(stream, "sha256"))
    return _fingerprint(digests)


def corpora_fingerprint(fingerprints: Iterable[str]) -> str:
    """One hash for those of several corpora, in their order."""
    return hashlib.sha256("".join(fingerprints).encode()).hexdigest()


def _fingerprint(digests: Iterable[Any]) -> str:
    return "".join(digest.hexdigest()[:32] for digest in digests)


class CorpusWriter:
    """Appends pairs to the files of a corpus, from which `Corpus.map` reads them."""

    def __init__(self, files: CorpusFiles, vocabulary_size: int, *, with_frames: bool = False):
        """`with_frames` where the sources are pictures or recordings."""
        self._ids_type = "<u2" if vocabulary_size <= 1 << 16 and not with_frames else "<u4"
        written = files if with_frames else files[:2]
        self._streams = [file.open("wb") for file in written]
        self._digests = [hashlib.sha256() for _ in written]
        self._tokens = self._frames = 0
        self._write(np.zeros(0, self._ids_type), np.zeros(1, "<i8"))

    def append(self, corpora: Iterable[Corpus]) -> int:
        """Append all pairs; how many there were."""
        pairs = 0
        for corpus in corpora:
            ids = self._numbered(corpus).astype(self._ids_type)
            offsets = (self._tokens + corpus.offsets[1:]).astype("<i8")
            self._write(ids, offsets, *([] if corpus.frames is None else [corpus.frames]))
            self._tokens += len(ids)
            pairs += len(corpus)
        return pairs

    def _numbered(self, corpus: Corpus) -> Ids:
        """The ids, those of frames as they will be numbered in the file."""
        if corpus.frames is None:
            return corpus.ids
        ids = corpus.ids.astype(np.int64)
        ids[ranges(corpus.offsets[:-1:2], corpus.source_lengths)] += self._frames
        self._frames += len(corpus.frames)
        return ids

    def _write(self, *parts: npt.NDArray[Any]) -> None:
        for part, digest, stream in zip(parts, self._digests, self._streams, strict=False):
            data = part.tobytes()
            digest.update(data)
            stream.write(data)

    @property
    def fingerprint(self) -> str:
        """A hash of all that was written, as `corpus_fingerprint` reads it from the files."""
        return _fingerprint(self._digests)

    def __enter__(self) -> "CorpusWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for stream in self._streams:
            stream.close()
