"""How does a picture become ids and come back? A codebook of patches, as a tokenizer of pictures.

K codes, N patches, P size of a patch in pixels.
"""

import hashlib
import io
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from translator.config import ImageConfig, ModelConfig
from translator.data.corpus import Integers
from translator.data.readers import read_picture
from translator.data.seeds import generator
from translator.media import Pixels, patches, pictures_of
from translator.tokenizer import EOS_ID

_ROUNDS = 20  # of k-means
_SAMPLE = 200_000  # patches that the codes are learned from
_AT_ONCE = 4096  # patches that are compared with all codes

FIRST_ID = EOS_ID + 1  # of a code; below are the special ids, as in a tokenizer
Centres = npt.NDArray[np.float32]


def drawn_vocabulary(config: ModelConfig) -> int | None:
    """How many ids a decoder that draws can write, the special ones included; None of another."""
    return FIRST_ID + config.image.codebook_size if config.target == "image" else None


class Codebook:
    """Patches that stand for all patches: a picture is as many ids as it has patches.

    `codes` [K, 3P²] are the means of clusters of the patches of the training pictures, in uint8.
    """

    def __init__(self, codes: Pixels, config: ImageConfig) -> None:
        self.codes = codes
        self.config = config
        self._centres = codes.astype(np.float32)

    @classmethod
    def train(cls, names: Iterable[str], config: ImageConfig, seed: int) -> "Codebook":
        """Learn the codes from pictures, by their references: k-means (Lloyd, 1982).

        DataError for a picture that cannot be read.
        """
        random = generator(seed, "codes of a codebook")
        pixels = np.stack([read_picture(name, config) for name in names])
        found = patches(pixels, config.patch_size)
        found, counts = np.unique(found, axis=0, return_counts=True)
        if len(found) > _SAMPLE:
            chosen = np.sort(random.choice(len(found), _SAMPLE, replace=False))
            found, counts = found[chosen], counts[chosen]
        weights = np.sqrt(counts)  # or the background would have most of the codes
        return cls(_means(found.astype(np.float32), weights, config.codebook_size, random), config)

    @property
    def sha256(self) -> str:
        """A hash of all that decides which ids a picture has."""
        return hashlib.sha256(self.codes.tobytes()).hexdigest()

    def encode(self, name: str) -> list[int]:
        """The ids of a picture by its reference, row by row; DataError where it cannot be read."""
        found = patches(read_picture(name, self.config), self.config.patch_size)
        ids: list[int] = (FIRST_ID + _nearest(found.astype(np.float32), self._centres)).tolist()
        return ids

    def decode(self, ids: Sequence[int]) -> Pixels:
        """The picture [size, size, 3] of ids; what is missing stays white."""
        count = self.config.patches
        drawn = np.full((count, self.codes.shape[1]), 255, np.uint8)
        numbers = np.array([i - FIRST_ID for i in ids if i >= FIRST_ID][:count], np.int64)
        drawn[: len(numbers)] = self.codes[numbers]
        picture: Pixels = pictures_of(drawn, self.config)[0]
        return picture


def png(picture: Pixels) -> bytes:
    """A picture [H, W, 3] as a PNG file."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


def _means(
    found: npt.NDArray[np.float32],
    weights: npt.NDArray[np.float64],
    count: int,
    random: np.random.Generator,
) -> Pixels:
    """The weighted means of `count` clusters of patches [N, 3P²], the same ones if they are few."""
    shares = weights / weights.sum()
    first = random.choice(len(found), min(count, len(found)), replace=False, p=shares)
    centres = found[first]
    for _ in range(_ROUNDS):
        nearest = _nearest(found, centres)
        totals = np.bincount(nearest, weights, len(centres))
        for number in np.flatnonzero(totals):
            own = nearest == number
            centres[number] = np.average(found[own], 0, weights[own])
    codes = np.zeros((count, found.shape[1]), np.uint8)
    codes[: len(centres)] = centres.round()
    return codes


def _nearest(found: npt.NDArray[np.float32], centres: Centres) -> Integers:
    """The number of the centre that is nearest to each patch: [N]."""
    squares = (centres**2).sum(1)
    blocks = range(0, len(found), _AT_ONCE)
    return np.concatenate(
        [(squares - 2 * found[i : i + _AT_ONCE] @ centres.T).argmin(1) for i in blocks]
    )
