"""What can be mended in a text: entities, mojibake, invisible characters, white space, NFC."""

import re
from collections.abc import Iterator
from html import unescape
from html.entities import html5

from translator.data.characters import INVISIBLE, LEADS, NEXTS, SPACES, normalize

ENTITIES, MOJIBAKE, NORMALIZED, TAGS = (
    "entities unescaped",
    "mojibake mended",
    "normalised",
    "tags stripped",
)

_CLEAR = dict.fromkeys(INVISIBLE) | dict.fromkeys(SPACES, " ")
_ENTITY = re.compile(r"&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

# Escaped several times: at one go, for time would be the square of the times.
_AMPERSANDS = re.compile(r"&(?:amp;|AMP;|#0{0,5}38;|#[xX]0{0,4}26;)+")

# What ftfy is asked about: its own test takes half a microsecond a character. Â and Ã may stand
# before a space that was a no-break space; U+0085 alone is a line break, not an ellipsis.
_LEAD, _NEXT = ("".join(map(re.escape, sorted(signs))) for signs in (LEADS, NEXTS))
_SUSPECT = re.compile(f"[{_LEAD}][{_NEXT}]|[ÂÃ\x80-\x84\x86-\x9f]")

# What ftfy passes over: Å, Ì, Î and å, and words of two letters in another script.
_TAIL = f"[{re.escape(bytes(range(0x80, 0xC0)).decode('cp1252', 'ignore'))}]"
_CAPITALS = "(?:[À-ÖØ-Þ][ŠŽŒŸ])"  # words: PŘIBLÍŽÍŠ
_PASSED_OVER = re.compile(
    f"Ã[…ŒŽ¥]|(?!{_CAPITALS}{{2}})(?:[Ä-ß]{_TAIL}){{2}}|(?:[à-ï]{_TAIL}{{2}}){{2}}"
)
_SEQUENCE = re.compile(f"[Â-ß]{_TAIL}|[à-ï]{_TAIL}{{2}}|[ð-ô]{_TAIL}{{3}}")

_CAPITAL = "[A-ZÀ-ÖØ-ÞĐ]"
# Ã is a letter in words like AMANHÃ— and XÃ HỘI with a no-break space: these alone prove nothing.
_NO_PROOF = re.compile(f"(?<={_CAPITAL})Ã(?=\u00a0|[»”’…–—](?!\\w))")
_LOST_QUOTE = re.compile(r"â€(?=[ .,;:!?)\]]|$)")  # ”, whose last byte Windows-1252 lacks
_BROKEN = re.compile(f"[\ud800-\udfff\ufffd]|â€|(?<!{_CAPITAL})Ã(?= )")

_ELEMENTS = (
    "a abbr acronym address area article aside audio b base big blockquote body br button caption "
    "center cite code col dd del div dl dt em embed fieldset figure font footer form frame h1 h2 "
    "h3 h4 h5 h6 head header hr html i iframe img input ins kbd label legend li link main map "
    "mark meta nav noscript object ol option p param pre q s samp script section select small "
    "source span strike strong style sub summary sup svg table tbody td textarea tfoot th thead "
    "title tr tt u ul var video wbr"
)
_TAG = re.compile(rf"<(/?(?:{'|'.join(_ELEMENTS.split())}))(?:\s[^<>]*)?/?>", re.IGNORECASE)
_TAG_OR_COMMENT = re.compile(rf"{_TAG.pattern}|<!--.*?-->", re.IGNORECASE)


def mend(text: str) -> tuple[str, set[str]]:
    """The mended text, and what was mended; mending it again changes nothing.

    Entities are unescaped, also twice where they were escaped twice.
    """
    repairs = set()
    changed = True
    while changed:  # a removed character may bring an entity together
        before = text
        for repair, change in _REPAIRS:
            if (mended := change(text)) != text:
                repairs.add(repair)
                text = mended
        changed = text != before
    return text, repairs


def readable(text: str) -> str:
    """The text with its entities unescaped and its mojibake mended, quickly where it has none."""
    while (mended := _mend_mojibake(_unescape(text))) != text:
        text = mended
    return text


def is_broken(text: str) -> bool:
    """Whether a mended text still has characters that come from a wrong encoding."""
    return _BROKEN.search(text) is not None


def tags(text: str) -> list[str]:
    """The names of the HTML tags of a text, sorted, comments as "": what both sides share."""
    found = (pattern.finditer(part) for pattern, part in _with_patterns(text))
    return sorted((match[1] or "").lower() for matches in found for match in matches)


def strip_tags(text: str) -> str:
    """A mended text without HTML tags and comments; a space where one parted two words."""
    while (bare := mend(_without_tags(text))[0]) != text:  # which may bring a tag together
        text = bare
    return text


def _without_tags(text: str) -> str:
    return "".join(pattern.sub(_space_for, part) for pattern, part in _with_patterns(text))


def _with_patterns(text: str) -> Iterator[tuple[re.Pattern[str], str]]:
    """The text in two parts, each with what finds its tags: behind the last comment there is none.

    Its end would be looked for from each beginning of one.
    """
    comments_end = text.rfind("-->") + len("-->") if "-->" in text else 0
    yield _TAG_OR_COMMENT, text[:comments_end]
    yield _TAG, text[comments_end:]


def _space_for(tag: "re.Match[str]") -> str:
    breaks = re.match(r"/?(?:br|p|div|li|td|th|tr|h\d|dd|dt|hr)$", (tag[1] or "").lower())
    return " " if breaks else ""


def _unescape(text: str) -> str:
    if "&" not in text:
        return text
    text = _AMPERSANDS.sub("&", text)
    return _ENTITY.sub(
        lambda match: (
            unescape(match[0]) if match[1][0] == "#" or match[0][1:] in html5 else match[0]
        ),
        text,
    )


def _mend_mojibake(text: str) -> str:
    if text.isascii() or not _SUSPECT.search(text):
        return text
    text = _LOST_QUOTE.sub("â€\x9d", text)
    proof = _NO_PROOF.sub("A", text)
    return text if _decode(proof) == proof else _decode(text)


def _decode(text: str) -> str:
    from ftfy import TextFixerConfig, fix_encoding  # whose tables a translation does not need

    text = fix_encoding(text, TextFixerConfig(explain=False))
    return _SEQUENCE.sub(_decode_one, text) if _PASSED_OVER.search(text) else text


def _decode_one(match: "re.Match[str]") -> str:
    try:
        return match[0].encode("cp1252").decode("utf-8")
    except UnicodeDecodeError:
        return match[0]


def _normalize(text: str) -> str:
    return normalize("NFC", " ".join(text.translate(_CLEAR).split()))


_REPAIRS = ((ENTITIES, _unescape), (MOJIBAKE, _mend_mojibake), (NORMALIZED, _normalize))
