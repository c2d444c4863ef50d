"""What else could a picture or a recording look like? Moved, tinted, masked, with noise.

N pictures or recordings, H and W pixels, S frames, F numbers of a frame. The frames of recordings
lie one after the other, and all of them are distorted at once.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from translator.config import AugmentationConfig, Config, ModelConfig, SpeechConfig
from translator.data.corpus import Corpus, Integers, ranges
from translator.media import LOUD, STRIDE, UNIT, Frames, Pixels, patches, pictures_of

_KNOTS = 4  # each way, by which a picture is bent
_SPECKLE = 0.3  # deviation of noise from frame to frame and from band to band
_LEAST = 4  # frames of a recording that is shown faster
_SILENCE = 0.2  # of tempo: up to which share of a recording is silence before it
_MASKS = 2  # of time and of frequency in a recording, as SpecAugment's policies have

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


class Distortion:
    """A view in which every picture or recording is a little different in every epoch."""

    purpose = "distortion"

    def __init__(self, config: Config) -> None:
        self._config = config.data.augmentation
        self._model = config.model

    def __call__(self, pairs: Corpus, max_length: int, random: np.random.Generator) -> Corpus:
        """The same pairs in the same order, none longer than `max_length`."""
        if pairs.frames is None:
            raise ValueError("only pictures and recordings are distorted")
        lengths = pairs.source_lengths
        frames = pairs.frames[pairs.ids[ranges(pairs.offsets[:-1:2], lengths)]]
        target = pairs.ids[ranges(pairs.offsets[1:-1:2], pairs.target_lengths)]
        if self._model.source == "image":
            frames = distorted_pictures(frames, self._config, self._model, random)
        else:
            frames, lengths = distorted_recordings(
                frames, lengths, self._config, self._model.speech, max_length, random
            )
        numbers = np.arange(len(frames))
        new = Corpus.of_flat(numbers, lengths, target, pairs.target_lengths)
        return Corpus(new.ids, new.offsets, frames=frames)


# --- pictures -------------------------------------------------------------------------------------


def distorted_pictures(
    frames: Frames, config: AugmentationConfig, model: ModelConfig, random: np.random.Generator
) -> Pixels:
    """The patches [S, F] of pictures that are moved, zoomed, turned, bent and tinted."""
    pixels = torch.from_numpy(pictures_of(frames.astype(np.uint8, copy=False), model.image))
    ink = 255.0 - pixels.permute(0, 3, 1, 2)  # [N, 3, H, W]; white is 0, and stays it
    ink = F.grid_sample(ink, _places(ink.shape, config, random), align_corners=False)
    mixed = np.eye(3) + config.colour * random.uniform(-1.0, 1.0, (len(ink), 3, 3))
    ink = (_tensor(mixed) @ ink.flatten(2)).view_as(ink)
    if config.noise:
        ink += 255.0 * config.noise * _tensor(random.standard_normal(ink.shape, np.float32))
    changed = (255.0 - ink).round().clamp(0, 255).byte().permute(0, 2, 3, 1)
    return patches(changed.numpy(), model.image.patch_size)


def _places(shape: torch.Size, config: AugmentationConfig, random: np.random.Generator) -> Tensor:
    """From where each pixel of pictures [N, 3, H, W] comes: x and y of -1 … 1, [N, H, W, 2].

    Bends are displacements that change smoothly (Simard et al., 2003), given at _KNOTS² places.
    """
    count = shape[0]
    angle = np.deg2rad(config.turn) * random.uniform(-1.0, 1.0, count)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    zoomed = np.eye(2) + config.zoom * random.uniform(-1.0, 1.0, (count, 2, 2))
    shift = 2.0 * config.shift * random.uniform(-1.0, 1.0, (count, 2, 1))  # of a height of 2
    affine = np.concatenate([turned.transpose(2, 0, 1) @ zoomed, shift], 2)  # [N, 2, 3]
    places = F.affine_grid(_tensor(affine), list(shape), align_corners=False)
    knots = 2.0 * config.bend * random.uniform(-1.0, 1.0, (count, 2, _KNOTS, _KNOTS))
    bends = F.interpolate(_tensor(knots), shape[2:], mode="bicubic", align_corners=True)
    return places + bends.permute(0, 2, 3, 1)


def _tensor(values: npt.NDArray[Any]) -> Tensor:
    return torch.from_numpy(values).float()


# --- recordings -----------------------------------------------------------------------------------


def distorted_recordings(
    frames: Frames,
    lengths: Integers,
    config: AugmentationConfig,
    speech: SpeechConfig,
    max_length: int,
    random: np.random.Generator,
) -> tuple[Frames, Integers]:
    """Spectrograms [S, F] of lengths [N], each as by another voice, in noise, masked; new lengths.

    The silence that ends each, and keeps it apart from its neighbour, stays.
    """
    begins = np.cumsum(lengths) - lengths
    spoken = np.maximum(1, np.add.reduceat((frames != 0).any(1), begins))  # [N]; more is silence
    silence = lengths - spoken
    heard, places = _retimed(spoken, max_length // STRIDE * STRIDE - silence, config, random)
    shown = np.repeat(np.arange(len(lengths)), heard)  # the recording of each frame that is heard
    quietest = np.minimum.reduceat(frames.min(1), begins)[shown]
    found = _between(frames, begins[shown], places.clip(0, spoken[shown] - 1))
    found = np.where(places[:, None] < 0, quietest[:, None], found)
    found = _as_other_throats(found, shown, config, random)
    found += (config.colour * _tones(len(lengths), frames.shape[1], random))[shown]
    found = _drowned(found, heard, config, speech, random)
    found[_masked(heard, shown, frames.shape[1], config, random)] = 0.0  # the mean
    new = np.where(heard == spoken, lengths, -(-(heard + silence) // STRIDE) * STRIDE)
    changed: Frames = np.zeros((new.sum(), frames.shape[1]), np.float16)
    changed[ranges(np.cumsum(new) - new, heard)] = found
    return changed, new


def _retimed(
    spoken: Integers, most: Integers, config: AugmentationConfig, random: np.random.Generator
) -> tuple[Integers, Doubles]:
    """How many frames of each recording are heard, [N], and where in it each of them lies: [S'].

    Each is spoken faster or slower, here more and there less, after some silence.
    """
    count = len(spoken)
    slower = (1.0 + config.tempo) ** random.uniform(-1.0, 1.0, count)
    before = (config.tempo * _SILENCE * random.uniform(0.0, 1.0, count) * spoken).astype(np.int64)
    uneven = 0.5 * np.log1p(config.tempo) * random.uniform(-1.0, 1.0, (2, count))
    wanted = np.round(spoken * slower).astype(np.int64)
    lasting = wanted.clip(np.minimum(spoken, _LEAST), most - before)
    heard = before + lasting
    shown = np.repeat(np.arange(count), heard)
    at = np.arange(len(shown)) - (np.cumsum(heard) - heard + before)[shown]
    part = at / np.maximum(1, lasting - 1)[shown]
    bend = sum(
        each[shown] * np.sin(np.pi * n * part) / (np.pi * n) for n, each in enumerate(uneven, 1)
    )
    pace = ((spoken - 1) / np.maximum(1, lasting - 1))[shown]
    return heard, at * pace + bend * (spoken - 1)[shown]


def _between(frames: Frames, begins: Integers, places: Doubles) -> Floats:
    """What lies at places in recordings that begin somewhere: linear interpolation, [S', F]."""
    whole = places.astype(np.int64)
    part = (places - whole).astype(np.float32)[:, None]
    rows = begins + whole
    after = np.minimum(rows + 1, len(frames) - 1)
    found: Floats = frames[rows] * (1 - part) + frames[after] * part
    return found


def _as_other_throats(
    frames: Floats, shown: Integers, config: AugmentationConfig, random: np.random.Generator
) -> Floats:
    """Frequencies higher or lower, nearer or farther (Jaitly and Hinton, 2013): [S', F]."""
    count, bins = shown[-1] + 1, frames.shape[1]
    longer = 1.0 + config.zoom * random.uniform(-1.0, 1.0, (count, 1))
    lower = config.shift * bins * random.uniform(-1.0, 1.0, (count, 1))
    places = (np.arange(bins) * longer + lower).clip(0, bins - 1)
    whole = places.astype(np.int64)
    part = (places - whole).astype(np.float32)[shown]
    after = np.minimum(whole + 1, bins - 1)
    low = np.take_along_axis(frames, whole[shown], 1)
    found: Floats = low + (np.take_along_axis(frames, after[shown], 1) - low) * part
    return found


def _tones(count: int, bins: int, random: np.random.Generator) -> Floats:
    """Gains [N, F] that change slowly from band to band, as of other microphones: deviation 1."""
    waves = np.cos(np.pi * np.outer(np.arange(1, 5), np.arange(bins) + 0.5) / bins)
    found: Floats = (random.standard_normal((count, 4)) @ waves / np.sqrt(2)).astype(np.float32)
    return found


def _drowned(
    frames: Floats,
    heard: Integers,
    config: AugmentationConfig,
    speech: SpeechConfig,
    random: np.random.Generator,
) -> Floats:
    """What is left of recordings in noise that fills a part of their range, normalised: [S', F].

    The noise has a colour too. What is spoken is normalised as `media.log_mel` does.
    """
    if not config.noise:
        return frames
    begins, shown = np.cumsum(heard) - heard, np.repeat(np.arange(len(heard)), heard)
    low = np.minimum.reduceat(frames.min(1), begins)
    high = np.maximum.reduceat(frames.max(1), begins)
    level = low + config.noise * random.uniform(0.0, 1.0, len(heard)) * (high - low)
    noise = level[:, None].astype(np.float32)
    noise = noise + config.colour * _tones(len(heard), frames.shape[1], random)
    speckle = _SPECKLE * random.standard_normal(frames.shape, np.float32)
    found = np.maximum(frames, noise[shown] + speckle)
    if speech.normalization == "whole":
        counts, chosen = heard, np.ones(len(found), bool)
    else:
        loudest = np.maximum.reduceat(found.max(1), begins)
        chosen = found.max(1) >= loudest[shown] - LOUD / UNIT
        counts = np.add.reduceat(chosen, begins)
    found -= (np.add.reduceat(found.mean(1) * chosen, begins) / counts)[shown, None]
    if speech.normalization == "whole":
        found /= np.sqrt(np.add.reduceat((found**2).mean(1), begins) / heard)[shown, None]
    normalised: Floats = found.astype(np.float32)
    return normalised


def _masked(
    heard: Integers,
    shown: Integers,
    bins: int,
    config: AugmentationConfig,
    random: np.random.Generator,
) -> npt.NDArray[np.bool_]:
    """Which numbers of recordings are hidden (SpecAugment; Park et al., 2019): [S', F]."""
    count = len(heard)
    at = np.arange(len(shown)) - (np.cumsum(heard) - heard)[shown]
    times, bands = np.zeros(len(shown), bool), np.zeros((count, bins), bool)
    for _ in range(_MASKS):
        begin, end = _spans(heard, config.time_mask, random)
        times |= (at >= begin[shown]) & (at < end[shown])
        begin, end = _spans(np.full(count, bins), config.frequency_mask, random)
        bands |= (np.arange(bins) >= begin[:, None]) & (np.arange(bins) < end[:, None])
    return times[:, None] | bands[shown]


def _spans(sizes: Integers, share: float, random: np.random.Generator) -> tuple[Integers, Integers]:
    """Where something of at most a share of sizes [N] begins and ends."""
    width = random.integers(0, (sizes * share).astype(np.int64) + 1)
    begin = random.integers(0, sizes - width + 1)
    return begin, begin + width
