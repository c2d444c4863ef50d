"""Which sentences were trained on? Eight bytes each tell it, without keeping the text."""

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from translator.data.examples import bare_text
from translator.data.readers import SentencePair

Fingerprints = npt.NDArray[np.uint64]


class FingerprintCollector:
    """Collects the fingerprints of both sides of pairs that pass by: 16 bytes a pair."""

    def __init__(self) -> None:
        self._hashes = (array("Q"), array("Q"))

    def passing(self, pairs: Iterable[SentencePair]) -> Iterator[SentencePair]:
        """The same pairs."""
        for pair in pairs:
            for text, hashes in zip(pair, self._hashes, strict=True):
                if (each := _fingerprint(text)) is not None:
                    hashes.append(each)
            yield pair

    @property
    def sides(self) -> dict[str, Fingerprints]:
        """The distinct fingerprints, sorted, of the source and the target side."""
        arrays = (np.frombuffer(hashes, dtype=np.uint64) for hashes in self._hashes)
        return dict(zip(("source", "target"), map(np.unique, arrays), strict=True))


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
