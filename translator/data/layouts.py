"""What do the halves of a model see of an example? One layout for each architecture.

Examples are packed: a row holds several of them, one after the other, and their segment numbers
keep them apart in attention. Hardly anything is padding then, whatever the lengths.

R rows of L tokens, P pairs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from translator.config import Config
from translator.data.corpus import Corpus, Ids, Integers, ranges
from translator.functional import IGNORE_INDEX
from translator.media import Frames
from translator.tokenizer import BOS_ID, PAD_ID


class Sequences(NamedTuple):
    """What one half of a model reads: packed rows of ids, or of the frames of what is no text.

    Segments number the examples of a row from 1; 0 is padding.
    """

    inputs: Tensor  # [R, L] ids, or frames [R, L, F]
    segments: Tensor  # [R, L]


@dataclass(frozen=True)
class Batch:
    """R rows of packed examples; example n of a row is segment n in each half that the model has.

    `labels` are asked of the decoder, or of the encoder of a model that has no decoder.
    """

    encoder: Sequences | None
    decoder: Sequences | None
    labels: Tensor  # [R, L] ids; IGNORE_INDEX where nothing is asked

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_target_tokens(self) -> int:
        """How many labels are asked."""
        return int((self.labels != IGNORE_INDEX).sum())

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device; a CUDA GPU is not waited for."""
        non_blocking = device.type == "cuda"
        return self._changed(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def share(self, rank: int, world_size: int) -> "Batch":
        """The rows of one of several processes: every `world_size`-th, from row `rank` on."""
        return self._rows(slice(rank, None, world_size))

    def split(self, parts: int) -> "list[Batch]":
        """The rows in `parts` batches, or in one for each row if there are fewer rows."""
        size = -(-len(self) // parts)
        return [self._rows(slice(start, start + size)) for start in range(0, len(self), size)]

    def _rows(self, rows: slice) -> "Batch":
        return self._changed(lambda tensor: tensor[rows])

    def _changed(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        encoder, decoder = (
            half and Sequences(*map(change, half)) for half in (self.encoder, self.decoder)
        )
        return Batch(encoder, decoder, change(self.labels))


class Layout(Protocol):
    """How an architecture lays the pairs of a corpus out."""

    def sizes(self, corpus: Corpus) -> Integers:
        """How many tokens of each half a pair takes: [halves, P]."""

    def batch(
        self, corpus: Corpus, rows: Sequence[npt.ArrayLike], count: int, lengths: npt.ArrayLike
    ) -> Batch:
        """Lay rows of pairs out as `count` rows; those that are missing stay empty.

        `lengths` is that of a row, or [halves] where they differ.
        """


class EncoderDecoderLayout:
    """The encoder reads the source, the decoder says the target: at each place the next id."""

    def sizes(self, corpus: Corpus) -> Integers:
        """The lengths of source and target, each with its EOS: [2, P]."""
        return np.stack([corpus.source_lengths, corpus.target_lengths])

    def batch(
        self, corpus: Corpus, rows: Sequence[npt.ArrayLike], count: int, lengths: npt.ArrayLike
    ) -> Batch:
        """The decoder reads BOS and the target without its EOS.

        At its padding the segments are 1, since every query must have something to look at.
        """
        pairs, row_of = _in_rows(rows)
        starts = [corpus.offsets[2 * pairs], corpus.offsets[2 * pairs + 1]]
        ends = [starts[1], corpus.offsets[2 * pairs + 2]]
        source_length, target_length = np.broadcast_to(np.asarray(lengths, np.int64), 2).tolist()
        source, source_segments, _ = _packed(
            corpus.ids, starts[0], ends[0] - starts[0], row_of, (count, source_length)
        )
        labels, target_segments, first_places = _packed(
            corpus.ids, starts[1], ends[1] - starts[1], row_of, (count, target_length)
        )
        inputs = (
            source if corpus.frames is None else _framed(corpus.frames, source, source_segments)
        )
        padding = target_segments == 0
        decoder_input = np.roll(labels, 1)  # what a token follows
        decoder_input[padding] = PAD_ID
        decoder_input.flat[first_places] = BOS_ID
        labels[padding] = IGNORE_INDEX
        target_segments[padding] = 1
        source_segments[len(rows) :] = 1  # an empty row looks at itself
        return Batch(
            _sequences(inputs, source_segments),
            _sequences(decoder_input, target_segments),
            torch.from_numpy(labels),
        )


class DecoderOnlyLayout:
    """The decoder reads `source EOS BOS target`, and says the next id from BOS on.

    Of a language model, which learns single texts, an example is `BOS target` alone.
    """

    def __init__(self, *, with_source: bool = True) -> None:
        self._with_source = with_source

    def sizes(self, corpus: Corpus) -> Integers:
        """The length of source and target together, each with its EOS: [1, P]."""
        return (self._source_lengths(corpus) + corpus.target_lengths)[None]

    def batch(
        self, corpus: Corpus, rows: Sequence[npt.ArrayLike], count: int, lengths: npt.ArrayLike
    ) -> Batch:
        """Only the ids of targets are labels; at padding the segments are 1."""
        pairs, row_of = _in_rows(rows)
        source_lengths = self._source_lengths(corpus)[pairs]
        target_lengths = corpus.target_lengths[pairs]
        starts = corpus.offsets[2 * pairs + 1] - source_lengths
        laid, segments, first_places = _packed(
            corpus.ids, starts, source_lengths + target_lengths, row_of, _shape(count, lengths)
        )
        begins = first_places + source_lengths
        asked = ranges(begins, target_lengths)
        inputs, labels = laid.copy(), np.full_like(laid, IGNORE_INDEX)
        inputs.flat[asked] = laid.flat[asked - 1]  # what a token follows
        inputs.flat[begins] = BOS_ID
        labels.flat[asked] = laid.flat[asked]
        segments[segments == 0] = 1
        return Batch(None, _sequences(inputs, segments), torch.from_numpy(labels))

    def _source_lengths(self, corpus: Corpus) -> Integers:
        lengths = corpus.source_lengths
        return lengths if self._with_source else np.zeros_like(lengths)


class EncoderOnlyLayout:
    """The encoder reads the source, and says the id of the target at each place that asks."""

    def sizes(self, corpus: Corpus) -> Integers:
        """The length of the source with its EOS: [1, P]."""
        return corpus.source_lengths[None]

    def batch(
        self, corpus: Corpus, rows: Sequence[npt.ArrayLike], count: int, lengths: npt.ArrayLike
    ) -> Batch:
        """Labels are the ids of the target that are no padding."""
        pairs, row_of = _in_rows(rows)
        inputs, segments, _ = _packed(
            corpus.ids, corpus.offsets[2 * pairs], corpus.source_lengths[pairs], row_of,
            _shape(count, lengths),
        )  # fmt: skip
        labels, _, _ = _packed(
            corpus.ids, corpus.offsets[2 * pairs + 1], corpus.target_lengths[pairs], row_of,
            _shape(count, lengths),
        )  # fmt: skip
        labels[labels == PAD_ID] = IGNORE_INDEX
        return Batch(_sequences(inputs, segments), None, torch.from_numpy(labels))


def layout_of(config: Config) -> Layout:
    """The layout of an architecture and what it learns."""
    match config.model.architecture:
        case "encoder_decoder":
            return EncoderDecoderLayout()
        case "decoder_only":
            with_source = config.training.objective != "language_model"
            return DecoderOnlyLayout(with_source=with_source)
        case "encoder_only":
            return EncoderOnlyLayout()


def _in_rows(rows: Sequence[npt.ArrayLike]) -> tuple[Integers, Integers]:
    """The pairs of all rows, and the row of each."""
    pairs = np.concatenate([np.asarray(row, np.int64) for row in rows])
    return pairs, np.repeat(np.arange(len(rows)), [len(np.atleast_1d(row)) for row in rows])


def _shape(count: int, lengths: npt.ArrayLike) -> tuple[int, int]:
    """That of the rows of a model with one half."""
    return count, int(np.max(lengths))


def _framed(frames: Frames, numbers: Integers, segments: Integers) -> Frames:
    """The frames [R, L, F] of some numbers [R, L]; zeros where nothing is."""
    laid = np.zeros((*numbers.shape, frames.shape[1]), frames.dtype)
    laid[segments != 0] = frames[numbers[segments != 0]]
    return laid


def _sequences(inputs: Integers | Frames, segments: Integers) -> Sequences:
    return Sequences(torch.from_numpy(inputs), torch.from_numpy(segments))


def _packed(
    ids: Ids, starts: Integers, lengths: Integers, row_of: Integers, shape: tuple[int, int]
) -> tuple[Integers, Integers, Integers]:
    """Ids [R, L] laid into rows, segments [R, L], and the flat place where each sequence begins.

    The sequences of a row, which are neighbours in `row_of`, stand one after the other.
    """
    before = np.cumsum(lengths) - lengths
    first_of_row = np.searchsorted(row_of, row_of)
    first_places = row_of * shape[1] + before - before[first_of_row]
    places = ranges(first_places, lengths)
    laid, segments = np.full(shape, PAD_ID, np.int64), np.zeros(shape, np.int64)
    laid.flat[places] = ids[ranges(starts, lengths)]
    segments.flat[places] = np.repeat(np.arange(len(row_of)) - first_of_row + 1, lengths)
    return laid, segments, first_places
