"""What do the characters of a text tell? Letters, digits, scripts, and what is odd.

Many texts are looked at as one array of classes, a byte a character: a pass over it costs some
nanoseconds a text, where a regular expression costs microseconds.
"""

import itertools
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import regex

from translator.text.languages import scripts_of

# The bits of a class. NEXT is the bit after LEAD, so that a shift compares neighbours.
LETTER, DIGIT, SPACE, ODD, LEAD, NEXT, FOREIGN, MARK = (1 << bit for bit in range(8))

_LONG = 1000  # characters of a text in which marks may be too many …
_MANY_MARKS = 30  # … which no letter has

# White space that becomes a space, and what nobody sees: the same as in the tokenizer, and the
# private use area, whose characters mean something in one font only.
SPACES = {*range(0x09, 0x0E), *range(0x1C, 0x20), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)}
SPACES |= {0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
INVISIBLE = {*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x200B, 0x200E, 0x200F} - SPACES
INVISIBLE |= {*range(0x202A, 0x202F), *range(0x2060, 0x2065), *range(0x2066, 0x206A), 0xFEFF}
INVISIBLE |= {*range(0xE000, 0xF900)}
_BROKEN = {*range(0xD800, 0xE000), 0xFFFD}

# UTF-8 that was read as one of these is mojibake: a lead byte became one character, each byte that
# continues it another. Of other encodings than Western Europe's there are only the pairs that
# sound texts lack: a sign for a byte that continues, and none of “— ¿ for a lead; but the pairs
# that begin quotation marks, вЂ and ‚Ä, too.
_WESTERN = ("latin-1", "cp1252")
_OTHERS = "cp1250 cp1251 cp1253 cp1254 cp1257 iso-8859-2 mac-roman cp437".split()


def _read_as(encodings: Iterable[str], first: int, last: int) -> set[str]:
    read = (bytes(range(first, last + 1)).decode(each, "ignore") for each in encodings)
    return {character for characters in read for character in characters}


LEADS = _read_as(_WESTERN, 0xC2, 0xF4)
LEADS |= {"‚"} | {
    c for c in _read_as(_OTHERS, 0xC2, 0xF4) if unicodedata.category(c)[0] not in "PZ"
}
NEXTS = _read_as(_WESTERN, 0x80, 0xBF)
NEXTS |= {*"ЂÄ"} | {c for c in _read_as(_OTHERS, 0x80, 0xBF) if not c.isalpha()}


class Scan:
    """The classes of the characters of some texts."""

    def __init__(self, texts: Sequence[str], language: str) -> None:
        self.texts = texts
        joined = "\n".join(["", *texts, ""]).encode("utf-32-le", "surrogatepass")
        codes = np.frombuffer(joined, np.uint32)
        self._classes = class_table(language).take(codes)
        self.lengths = np.fromiter(map(len, texts), np.int64, len(texts))  # [texts], characters
        ends = np.cumsum(self.lengths + 1)  # of each text: the place of its line feed
        self._starts = ends - self.lengths
        self._mark_odd_neighbours()
        self._classes[ends] = 0
        self._classes[:1] = 0

    def _mark_odd_neighbours(self) -> None:
        """Two spaces, or one at an end; a lead byte of UTF-8 before one that continues it."""
        first, second = self._classes[:-1], self._classes[1:]
        odd = ((first & SPACE) | ((first & LEAD) << 1)) & second & (SPACE | NEXT)
        self.odd_neighbours = np.zeros(len(self.texts), bool)
        places = np.flatnonzero(odd) + 1
        rows = np.searchsorted(self._starts, places, "right") - 1
        self.odd_neighbours[rows[rows >= 0]] = True

    @property
    def odd(self) -> list[int]:
        """Indices of the texts that may have something to mend."""
        return self.having(ODD, self.odd_neighbours)

    def having(self, classes: int, other: Any = False) -> list[int]:
        """Indices of the texts with a character of any of these classes, or of `other`."""
        if not self.texts:
            return []
        bits = np.bitwise_or.reduceat(self._classes, self._starts)
        found: list[int] = np.flatnonzero((bits & classes).astype(bool) | other).tolist()
        return found

    def count(self, classes: int) -> npt.NDArray[np.int32]:
        """How many characters of any of these classes each text has: [texts]."""
        if not self.texts:
            return np.zeros(0, np.int32)
        found = (self._classes & classes).astype(bool)
        counts: npt.NDArray[np.int32] = np.add.reduceat(found, self._starts, dtype=np.int32)
        return counts


@lru_cache(maxsize=8)
def class_table(language: str) -> npt.NDArray[np.uint8]:
    """The class of each code point; letters of other scripts than the language's are FOREIGN."""
    table: npt.NDArray[np.uint8] = _common_classes().copy()
    if foreign := _foreign_letters(language):
        letters = np.flatnonzero(table & LETTER)
        for match in foreign.finditer("".join(map(chr, letters.tolist()))):
            table[letters[match.start() : match.end()]] |= FOREIGN
    marks = [c for c in range(0x20000) if unicodedata.category(chr(c))[0] == "M"]
    table[marks] &= ~np.uint8(FOREIGN)  # accents belong to any script
    return table


def _foreign_letters(language: str) -> "regex.Pattern[str] | None":
    """What finds letters of other scripts than the language's; None where these are not known."""
    scripts = [*scripts_of(language), "Zyyy", "Zinh"]  # and those that scripts share
    if len(scripts) == 2:
        return None
    try:
        return regex.compile("[^" + "".join(rf"\p{{scx={script}}}" for script in scripts) + "]+")
    except regex.error:  # a script that Unicode does not have
        return None


@lru_cache(maxsize=1)
def _common_classes() -> npt.NDArray[np.uint8]:
    table = np.zeros(0x110000, np.uint8)
    for code in range(0x20000):
        character = chr(code)
        category = unicodedata.category(character)
        if category[0] in "LM":
            table[code] |= LETTER
        elif category == "Nd":
            table[code] |= DIGIT
        if _composes(character):
            table[code] |= ODD
    table[0x20000:0x40000] = LETTER  # Han
    table[0x2F800:0x2FA20] |= ODD  # compatibility ideographs, which NFC replaces
    table[[*SPACES, *INVISIBLE, *_BROKEN]] |= ODD
    table[[ord(character) for character in "&ÂÃ"]] |= ODD
    table[[0x20, *SPACES]] |= SPACE
    table[[*map(ord, LEADS)]] |= LEAD
    table[[*map(ord, NEXTS)]] |= NEXT
    table[[ord(character) for character in "<@/"]] |= MARK
    return table


def _composes(character: str) -> bool:
    """Whether NFC may change the character, alone or after another one."""
    code = ord(character)
    jamo = 0x1161 <= code <= 0x1175 or 0x11A8 <= code <= 0x11C2
    return (
        jamo
        or unicodedata.category(character)[0] == "M"
        or not unicodedata.is_normalized("NFC", character)
    )


def normalize(form: Literal["NFC", "NFKC", "NFKD"], text: str) -> str:
    """What `unicodedata.normalize` gives, in linear time.

    It sorts the marks of a letter by insertion, which takes the square of their number as time:
    of a long text they are sorted before.
    """
    if len(text) > _LONG and not text.isascii():
        text = "".join(_sorted_marks(text, "NFKD" if "K" in form else "NFD"))
    return unicodedata.normalize(form, text)


def _sorted_marks(text: str, form: Literal["NFD", "NFKD"]) -> Iterator[str]:
    for is_mark, group in itertools.groupby(text, lambda sign: unicodedata.combining(sign) > 0):
        signs = "".join(group)
        if is_mark and len(signs) > _MANY_MARKS:
            parts = "".join(unicodedata.normalize(form, sign) for sign in signs)
            signs = "".join(sorted(parts, key=unicodedata.combining))
        yield signs
