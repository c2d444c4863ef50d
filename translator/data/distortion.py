"""What else could a picture or a recording look like? Moved, tinted, masked, with noise.

N pictures or recordings, H and W pixels, S frames, F numbers of a frame.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from translator.config import AugmentationConfig, Config, ModelConfig
from translator.data.corpus import Corpus, Integers, ranges
from translator.media import Frames, Pixels, patches, pictures_of

_KNOTS = 4  # each way, by which a picture is bent
_SPECKLE = 0.3  # deviation of noise from frame to frame and from band to band
_MASKS = 2  # of time and of frequency in a recording, as SpecAugment's policies have

Floats = npt.NDArray[np.float32]


class Distortion:
    """A view in which every picture or recording is a little different in every epoch."""

    purpose = "distortion"

    def __init__(self, config: Config) -> None:
        self._config = config.data.augmentation
        self._model = config.model

    def __call__(self, pairs: Corpus, max_length: int, random: np.random.Generator) -> Corpus:
        """The same pairs in the same order, none longer than it was."""
        if pairs.frames is None:
            raise ValueError("only pictures and recordings are distorted")
        lengths = pairs.source_lengths
        frames = pairs.frames[pairs.ids[ranges(pairs.offsets[:-1:2], lengths)]]
        target = pairs.ids[ranges(pairs.offsets[1:-1:2], pairs.target_lengths)]
        numbers = np.arange(len(frames))
        new = Corpus.of_flat(numbers, lengths, target, pairs.target_lengths)
        return Corpus(new.ids, new.offsets, frames=self._distorted(frames, lengths, random))

    def _distorted(self, frames: Frames, lengths: Integers, random: np.random.Generator) -> Frames:
        if self._model.source == "image":
            return distorted_pictures(frames, self._config, self._model, random)
        return distorted_recordings(frames, lengths, self._config, random)


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
    frames: Frames, lengths: Integers, config: AugmentationConfig, random: np.random.Generator
) -> Frames:
    """Spectrograms [S, F] whose times and frequencies are moved, and of which some are masked.

    The silence that ends each, and keeps it apart from its neighbour, stays.
    """
    sounds = (frames != 0).any(1)  # [S]
    found = frames.astype(np.float32)
    begins = np.cumsum(lengths) - lengths
    for begin, length in zip(begins, np.add.reduceat(sounds, begins), strict=True):
        end = begin + max(1, length)  # of silence nothing is heard
        found[begin:end] = _heard(found[begin:end], config, random)
    changed: Frames = (found * sounds[:, None]).astype(np.float16)
    return changed


def _heard(frames: Floats, config: AugmentationConfig, random: np.random.Generator) -> Floats:
    """One recording [S, F], as by another voice (Jaitly and Hinton, 2013) and with masks.

    What is spoken faster leaves silence before it and after it; nothing of it is cut off.
    """
    time, bins = frames.shape
    faster = 1.0 + config.zoom * random.uniform(0.0, 2.0)
    before = (time - time / faster) * random.uniform(0.0, 1.0)
    places, quiet = (np.arange(time) - before) * faster, frames.min()
    frames = _bent(frames, places)
    frames[(places < 0) | (places > time - 1)] = quiet
    longer = 1.0 + config.zoom * random.uniform(-1.0, 1.0)
    lower = config.shift * random.uniform(-1.0, 1.0)
    frames = _bent(frames.T, np.arange(bins) * longer + lower * bins).T
    frames = frames + config.colour * _tone(bins, random)
    frames = _drowned(frames, config.noise, random)
    for _ in range(_MASKS):
        for axis, size, share in ((0, time, config.time_mask), (1, bins, config.frequency_mask)):
            width = int(random.integers(0, int(size * share) + 1))
            begin = int(random.integers(0, size - width + 1))
            frames[(slice(None),) * axis + (slice(begin, begin + width),)] = 0.0  # the mean
    return frames


def _bent(rows: Floats, places: npt.NDArray[np.float64]) -> Floats:
    """What lies at places between rows: linear interpolation; the last goes on."""
    places = places.clip(0.0, len(rows) - 1)
    before = places.astype(np.int64)
    after = np.minimum(before + 1, len(rows) - 1)
    part = (places - before).astype(np.float32)[:, None]
    found: Floats = rows[before] * (1 - part) + rows[after] * part
    return found


def _drowned(frames: Floats, share: float, random: np.random.Generator) -> Floats:
    """What is left of a recording [S, F] in noise that fills a part of its range, normalised."""
    if not share:
        return frames
    level = frames.min() + share * random.uniform(0.0, 1.0) * np.ptp(frames)
    noise = level + _SPECKLE * random.standard_normal(frames.shape, np.float32)
    frames = np.maximum(frames, noise)
    found: Floats = (frames - frames.mean()) / frames.std()
    return found


def _tone(bins: int, random: np.random.Generator) -> Floats:
    """A gain for each band that changes slowly, as of another microphone: of deviation 1."""
    waves = np.cos(np.pi * np.outer(np.arange(1, 5), np.arange(bins) + 0.5) / bins)
    found: Floats = (random.standard_normal(4) @ waves / np.sqrt(2)).astype(np.float32)
    return found
