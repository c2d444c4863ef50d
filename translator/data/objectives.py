"""What is a model to learn from a text? Views that hide some of it, drawn anew in every epoch.

`<unk>` stands for what is hidden: texts have none, since bytes spell what has no piece. A single
text is both sides of its pair; its target side is what is shown here.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from translator.config import NoiseConfig, TrainingConfig
from translator.data.corpus import Corpus, Integers, ranges
from translator.tokenizer import EOS_ID, MASK_ID, PAD_ID

_KEPT, _REPLACED = 0.1, 0.1  # shares of the masked tokens that stay, or become others, in the input


class View(Protocol):
    """How an epoch shows the pairs: an augmentation, or the noise of an objective.

    The same state of `random`, a stream of chance named by `purpose`, gives the same view.
    """

    purpose: str

    def __call__(self, pairs: Corpus, max_length: int, random: np.random.Generator) -> Corpus:
        """Each of the pairs, in their order, as it is shown: no side over `max_length` ids."""


class Denoise:
    """The source is the text with masks for some of its pieces, the target all of the text.

    Text infilling of BART (Lewis et al., 2020): a span of a random length is hidden behind a
    single mask, so that how much is missing must be told, too. Spans may touch, and are one then.
    """

    purpose = "noise"

    def __init__(self, config: NoiseConfig) -> None:
        self._config = config

    def __call__(self, pairs: Corpus, max_length: int, random: np.random.Generator) -> Corpus:
        """The texts with spans of a mean length hidden, on average the configured share."""
        ids, lengths = _texts(pairs)
        hidden = _hidden_spans(ids, lengths, self._config, random)
        kept = ~hidden | _begins_run(hidden)
        source = np.where(hidden, MASK_ID, ids)[kept]
        ends = np.cumsum(lengths)
        counts = np.diff(np.concatenate(([0], np.cumsum(kept)[ends - 1])))
        return Corpus.of_flat(source, counts, ids, lengths)


class Masked:
    """The source is the text with some tokens masked, the target these tokens at their places.

    Elsewhere the target is padding, which asks nothing. Of the masked tokens a tenth stays as it
    is and a tenth becomes another one, since what is read later has no masks (BERT; Devlin et al.,
    2019).
    """

    purpose = "masks"

    def __init__(self, config: NoiseConfig, vocabulary_size: int) -> None:
        self._share = config.share
        self._vocabulary_size = vocabulary_size

    def __call__(self, pairs: Corpus, max_length: int, random: np.random.Generator) -> Corpus:
        """The texts with the configured share of their tokens masked, on average."""
        ids, lengths = _texts(pairs)
        draws = random.random((2, len(ids)))
        asked = (draws[0] < self._share) & (ids != EOS_ID)
        others = random.integers(EOS_ID + 1, self._vocabulary_size, len(ids))
        shown = np.where(draws[1] < _KEPT, ids, MASK_ID)
        shown = np.where(draws[1] >= 1.0 - _REPLACED, others, shown)
        source = np.where(asked, shown, ids)
        return Corpus.of_flat(source, lengths, np.where(asked, ids, PAD_ID), lengths)


def noise_of(config: TrainingConfig, vocabulary_size: int) -> View | None:
    """What an objective hides of the texts; None where it shows them as they are."""
    match config.objective:
        case "denoise":
            return Denoise(config.noise)
        case "masked":
            return Masked(config.noise, vocabulary_size)
        case "translate" | "language_model":
            return None


def _texts(pairs: Corpus) -> tuple[Integers, Integers]:
    """The target ids of all pairs, one after the other, and their lengths [P], EOS included."""
    lengths = pairs.target_lengths
    return pairs.ids[ranges(pairs.offsets[1:-1:2], lengths)].astype(np.int64), lengths


def _hidden_spans(
    ids: Integers, lengths: Integers, config: NoiseConfig, random: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Which of the ids spans hide; they begin anywhere, and end with their text at the latest."""
    rate = -np.expm1(np.log1p(-config.share) / config.mean_span)  # for spans overlap
    begins = random.random(len(ids)) < rate
    spans = 1 + random.poisson(config.mean_span - 1.0, len(ids))
    ends_of_texts = np.repeat(np.cumsum(lengths) - 1, lengths)  # EOS is never hidden
    places = np.arange(len(ids))
    starts = np.flatnonzero(begins & (places < ends_of_texts))
    change = np.zeros(len(ids) + 1, np.int64)
    np.add.at(change, starts, 1)
    np.add.at(change, np.minimum(starts + spans[starts], ends_of_texts[starts]), -1)
    hidden: npt.NDArray[np.bool_] = np.cumsum(change[:-1]) > 0
    return hidden


def _begins_run(hidden: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Where what is hidden begins: texts end in what is not."""
    before = np.concatenate(([False], hidden[:-1]))
    return hidden & ~before
