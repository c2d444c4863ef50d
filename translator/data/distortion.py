"""What else could a picture or a recording look like? Moved, tinted, masked, with noise.

N pictures or recordings, H and W pixels, S frames, F numbers of a frame.
"""

import numpy as np
import numpy.typing as npt

from translator.config import AugmentationConfig, Config, ModelConfig
from translator.data.corpus import Corpus, Integers, ranges
from translator.media import Frames, Pixels, patches, pictures_of

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
    """The patches [S, F] of pictures that are moved, zoomed, turned and tinted."""
    pixels = pictures_of(frames.astype(np.uint8, copy=False), model.image)
    ink = 255.0 - _moved(pixels, config, random)  # white stays white
    change = 1.0 + config.colour * random.uniform(-1.0, 1.0, (2, len(ink), 1, 1, 3))
    contrast = change[1, ..., :1]  # one for all channels
    ink *= (change[0] * contrast).astype(np.float32)
    if config.noise:
        ink += 255.0 * config.noise * random.standard_normal(ink.shape, np.float32)
    return patches((255.0 - ink).clip(0, 255).astype(np.uint8), model.image.patch_size)


def _moved(pixels: Pixels, config: AugmentationConfig, random: np.random.Generator) -> Floats:
    """Pictures [N, H, W, 3], each shifted, zoomed and turned around its middle; white around."""
    count, height, width, _ = pixels.shape
    draws = random.uniform(-1.0, 1.0, (4, count)).astype(np.float32)
    zoom = (1.0 + config.zoom * draws[2])[:, None, None]
    angle = (np.deg2rad(config.turn) * draws[3])[:, None, None]
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    y, x = rows - (height - 1) / 2, columns - (width - 1) / 2
    shift = config.shift * draws[:2, :, None, None]
    from_y = (np.cos(angle) * y - np.sin(angle) * x) / zoom + (height - 1) / 2 + height * shift[0]
    from_x = (np.sin(angle) * y + np.cos(angle) * x) / zoom + (width - 1) / 2 + width * shift[1]
    return _between(pixels, from_y.astype(np.float32), from_x.astype(np.float32))


def _between(pixels: Pixels, y: Floats, x: Floats) -> Floats:
    """What lies at places [N, H, W] between the pixels of pictures: bilinear interpolation."""
    count, height, width, _ = pixels.shape
    framed = np.pad(pixels, ((0, 0), (2, 2), (2, 2), (0, 0)), constant_values=255)
    y, x = (y + 2.0).clip(0.0, height + 2), (x + 2.0).clip(0.0, width + 2)
    top, left = y.astype(np.int64), x.astype(np.int64)
    below, right = (y - top)[..., None], (x - left)[..., None]
    number = np.arange(count)[:, None, None]
    upper = framed[number, top, left] * (1 - right) + framed[number, top, left + 1] * right
    lower = framed[number, top + 1, left] * (1 - right) + framed[number, top + 1, left + 1] * right
    found: Floats = upper * (1 - below) + lower * below
    return found


# --- recordings -----------------------------------------------------------------------------------


def distorted_recordings(
    frames: Frames, lengths: Integers, config: AugmentationConfig, random: np.random.Generator
) -> Frames:
    """Spectrograms [S, F] whose frequencies are moved, and of which some are masked.

    The silence that ends each, and keeps it apart from its neighbour, stays.
    """
    sounds = frames.any(1, keepdims=True)
    found = frames.astype(np.float32)
    ends = np.cumsum(lengths)
    for begin, end in zip(ends - lengths, ends, strict=True):
        found[begin:end] = _heard(found[begin:end], config, random)
    if config.noise:
        found += config.noise * random.standard_normal(found.shape, np.float32)
    return (found * sounds).astype(np.float16)


def _heard(frames: Floats, config: AugmentationConfig, random: np.random.Generator) -> Floats:
    """One recording [S, F], as by another voice (Jaitly and Hinton, 2013) and with masks."""
    time, bins = frames.shape
    faster, longer = 1.0 + config.zoom * random.uniform(-1.0, 1.0, 2)
    by = config.shift * bins * random.uniform(-1.0, 1.0)
    frames = _bent(frames, np.arange(time) * faster)
    frames = _bent(frames.T, np.arange(bins) * longer + by).T
    frames = frames + config.colour * _tone(bins, random)
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


def _tone(bins: int, random: np.random.Generator) -> Floats:
    """A gain for each band that changes slowly, as of another microphone: of deviation 1."""
    waves = np.cos(np.pi * np.outer(np.arange(1, 5), np.arange(bins) + 0.5) / bins)
    found: Floats = (random.standard_normal(4) @ waves / np.sqrt(2)).astype(np.float32)
    return found
