"""Which sentences were trained on? Eight bytes each tell it, without keeping the text."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from translator.data.examples import bare_text

Fingerprints = npt.NDArray[np.uint64]


def fingerprints(texts: Iterable[str]) -> Fingerprints:
    """Hashes of the distinct texts, sorted; copies that differ in case or signs are one.

    BLAKE2b of `bare_text`, 8 bytes: among 10 million texts a new one is taken for a known one with
    a probability of 5e-13. A text without letters and digits has none.
    """
    hashes = (_fingerprint(text) for text in texts)
    return np.unique(np.array([each for each in hashes if each is not None], dtype=np.uint64))


def occurring(texts: Sequence[str], known: Fingerprints) -> list[bool]:
    """Whether each text is among those that `known` was made of."""
    found = set(np.intersect1d(fingerprints(texts), known).tolist())
    return [_fingerprint(text) in found for text in texts]


def _fingerprint(text: str) -> int | None:
    bare = bare_text(text)
    if not bare:
        return None
    return int.from_bytes(hashlib.blake2b(bare.encode(), digest_size=8).digest(), "big")
