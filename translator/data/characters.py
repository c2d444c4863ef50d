"""What do the characters of a text tell? Letters, digits, scripts, and what is odd.

Many texts are looked at as one array of classes, a byte a character: a pass over it costs some
nanoseconds a text, where a regular expression costs microseconds.
"""

import itertools
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

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

# Which byte a character was before somebody took UTF-8 for Latin-1 or Windows-1252.
BYTE_OF = {chr(byte): byte for byte in range(0x80, 0x100)}
BYTE_OF |= {
    character: byte
    for byte in range(0x80, 0xA0)
    if (character := bytes([byte]).decode("cp1252", "ignore"))
}

_SCRIPTS = {
    "Latin": "41-24F 250-2AF 1D00-1DBF 1E00-1EFF 2C60-2C7F A720-A7FF AB30-AB6F FB00-FB06 FF21-FF5A",
    "Greek": "370-3FF 1F00-1FFF",
    "Cyrillic": "400-52F 1C80-1C8F 2DE0-2DFF A640-A69F",
    "Armenian": "530-58F FB13-FB17",
    "Hebrew": "590-5FF FB1D-FB4F",
    "Arabic": "600-6FF 750-77F 870-8FF FB50-FDFF FE70-FEFE",
    "Devanagari": "900-97F A8E0-A8FF",
    "Bengali": "980-9FF",
    "Gurmukhi": "A00-A7F",
    "Gujarati": "A80-AFF",
    "Odia": "B00-B7F",
    "Tamil": "B80-BFF",
    "Telugu": "C00-C7F",
    "Kannada": "C80-CFF",
    "Malayalam": "D00-D7F",
    "Sinhala": "D80-DFF",
    "Thai": "E00-E7F",
    "Lao": "E80-EFF",
    "Tibetan": "F00-FFF",
    "Burmese": "1000-109F A9E0-A9FF AA60-AA7F",
    "Georgian": "10A0-10FF 1C90-1CBF 2D00-2D2F",
    "Ethiopic": "1200-139F 2D80-2DDF AB00-AB2F",
    "Khmer": "1780-17FF",
    "Hangul": "1100-11FF 3130-318F A960-A97F AC00-D7FF",
    "Kana": "3040-30FF 31F0-31FF FF66-FF9F",
    "Han": "2E80-2FDF 3005-3007 3021-3029 3400-4DBF 4E00-9FFF F900-FAFF 20000-3FFFF",
}
_LANGUAGES = {
    "Latin": "af an ast az br bs ca ceb co cs cy da de en eo es et eu fi fil fo fr fy ga gd gl gn "
    "ha hr ht hu hsb id ig is it jv la lb lt lv mg mi ms mt nb nl nn no nds oc pl pt qu rm ro rw "
    "sc sk sl sm sn so sq st su sv sw tk tl tn tr ts uz vi vec wa wo xh yo zu",
    "Greek": "el grc",
    "Cyrillic": "be bg kk ky mk mn ru tg tt uk ba cv os",
    "Armenian": "hy",
    "Hebrew": "he yi iw",
    "Arabic": "ar fa ur ps sd ug ckb arz pnb",
    "Devanagari": "hi mr ne sa mai bho",
    "Bengali": "bn as",
    "Gurmukhi": "pa",
    "Gujarati": "gu",
    "Odia": "or",
    "Tamil": "ta",
    "Telugu": "te",
    "Kannada": "kn",
    "Malayalam": "ml",
    "Sinhala": "si",
    "Thai": "th",
    "Lao": "lo",
    "Tibetan": "bo dz",
    "Burmese": "my",
    "Georgian": "ka",
    "Ethiopic": "am ti",
    "Khmer": "km",
    "Hangul Han": "ko",
    "Han": "zh yue wuu lzh",
    "Kana Han": "ja",
}


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
    scripts = scripts_of(language)
    if scripts:
        own = np.zeros(len(table), bool)
        for script in scripts:
            for first, last in _blocks(_SCRIPTS[script]):
                own[first : last + 1] = True
        table[((table & LETTER) != 0) & ~own] |= FOREIGN
    marks = [c for c in range(0x20000) if unicodedata.category(chr(c))[0] == "M"]
    table[marks] &= ~np.uint8(FOREIGN)  # accents belong to any script
    return table


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
    table[[ord("&"), ord("Ã")]] |= ODD
    table[[0x20, *SPACES]] |= SPACE
    for character, byte in BYTE_OF.items():
        table[ord(character)] |= NEXT if byte < 0xC0 else LEAD
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


def scripts_of(language: str) -> list[str]:
    """The scripts that a language is written in; none when it is not known here."""
    code, *subtags = language.replace("_", "-").lower().split("-")
    named = {"latn": "Latin", "cyrl": "Cyrillic", "arab": "Arabic", "deva": "Devanagari"}
    for subtag in subtags:
        if subtag in named:
            return [named[subtag]]
    return next(
        (scripts.split() for scripts, codes in _LANGUAGES.items() if code in codes.split()), []
    )


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    for block in text.split():
        first, last = block.split("-") if "-" in block else (block, block)
        yield int(first, 16), int(last, 16)
