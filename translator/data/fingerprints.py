"""Which sentences were trained on? Eight bytes each tell it, without keeping the text."""

import hashlib
import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Sequence, Set
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from translator.config import ModelConfig
from translator.data.characters import normalize
from translator.data.mending import readable
from translator.data.readers import SentencePair

# The marks that are vowels or tones; those of Arabic and Hebrew, which few write, are none.
_MARKS = "".join(
    chr(code)
    for code in (*range(0x300, 0x370), *range(0x900, 0x1DFF), *range(0xA800, 0xAC00))
    if unicodedata.category(chr(code)) in ("Mn", "Mc")
)
# A training pair is asked for twice: whether it is held out, and, some thousands of pairs later,
# for its fingerprints.
_REMEMBERED = 1 << 14  # texts
_LETTER = re.compile(rf"(?!_)[\w{_MARKS}]")

Fingerprints = npt.NDArray[np.uint64]


def telling_sides(pair: SentencePair, model: ModelConfig) -> tuple[str, ...]:
    """The sides by which a pair is known again: both texts, or the reference to what is no text.

    Many pictures have one name, and a text may be drawn or said in many ways.
    """
    if model.is_textual:
        return pair
    return (pair.source,) if model.source != "text" else (pair.target,)


def shares_text(sides: Iterable[str], texts: Set[str]) -> bool:
    """Whether one of some sides is among some bare texts."""
    return any(bare_text(side) in texts for side in sides)


class _Bare(dict[int, int | None]):
    """Of each code point, itself if it is of a letter or digit; as a table, found when needed."""

    def __missing__(self, code: int) -> int | None:
        self[code] = code if _LETTER.match(chr(code)) else None
        return self[code]


_BARE = _Bare()


@lru_cache(_REMEMBERED)
def bare_text(text: str) -> str:
    """The letters and digits of a text in one case: what two copies of a sentence share.

    Those that entities and mojibake stand for, too.
    """
    normal = normalize("NFKC", readable(text)).casefold()
    return normal.translate(_BARE)


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
