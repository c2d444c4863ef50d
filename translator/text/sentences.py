"""Where does a sentence end? Rules for languages that end sentences with marks and spaces.

Models learn from single sentences and translate several at once badly. Splitting must not break a
sentence that goes on after an abbreviation, an initial or a number, and loses no white space.
"""

import re
from collections.abc import Sequence

MARKS = frozenset(".!?…؟۔।॥。！？")  # end a sentence, though not each time that they occur
_ABBREVIATIONS = frozenset(
    # titles, references and companies whose full stop is followed by a capital or a number
    """
    mr mrs ms mx messrs dr drs prof rev hon gen col capt lt sgt maj cmdr gov sen rep pres st sr jr
    sra srta dra prof. ud uds d dña mme mlle hr fr vs etc no nos nr núm art arts fig figs eq ch cap
    sec vol vols ed eds pp pág págs p approx ca cf al e.g i.e p.ej z.b d.h u.s u.k inc ltd co corp
    jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun mt ft ave blvd rd
    """.split()
)
_END = re.compile(  # the signs of Arabic, Urdu and the scripts of India among them
    r"""(?<![.!?…؟۔।॥])(?P<marks>[.!?…؟۔।॥]+)
        (?P<closing>["'”’»)\]]*)
        (?P<space>\s+)
        (?=["'“‘«(\[¿¡]*[\w¿¡])
    """,
    re.VERBOSE,
)
_OPENING = re.compile("[\"'“‘«(\\[]*")
_WIDE_MARK = re.compile("[。！？，、；：][”’」』）]*$")  # it brings its own space
_SIGN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")  # of Chinese and Japanese
_LONGEST_WORD = 20  # of which it is asked whether it is an abbreviation
# After a quotation the sentence goes on where hiragana follow: 「…。」と言った。
_ENDS_WITHOUT_SPACE = re.compile(r"[。！？]+(?:[」』”）]+(?![」』”）ぁ-ゟ、])|(?![」』”）]))\s*")
_CLOSING = {"¿": "?", "¡": "!"}
_OPENING_OR_CLOSING = re.compile(r"""[¿¡](?=[¿¡"'“‘«(\[]*\w)|[?!]""")
_QUOTES = {'"': '"', "'": "'", "”": "“", "’": "‘", "»": "«", ")": "(", "]": "["}
_LINE_END = re.compile(r"(?<!\s)\s*[\r\n]\s*")


def split_sentences(text: str) -> list[tuple[str, str]]:
    """The sentences of a text, each with the white space that follows it. None goes over lines.

    Joined in order they are the text.

    >>> split_sentences("Mr. Smith left.  Why? He was 3.5 hours late.")
    [('Mr. Smith left.', '  '), ('Why?', ' '), ('He was 3.5 hours late.', '')]
    """
    ends = [match for match in _END.finditer(text) if _ends_sentence(text, match)]
    cuts = sorted(
        {(match.start("space"), match.end("space")) for match in ends}
        | {match.span() for match in _LINE_END.finditer(text) if match.end() < len(text)}
        | {
            (match.start() + len(match.group().rstrip()), match.end())
            for match in _ENDS_WITHOUT_SPACE.finditer(text)
            if match.end() < len(text)
        }
    )
    parts, start = [], 0
    for end, following in cuts:
        if text[start:end].strip():
            parts.append((text[start:end], text[end:following]))
            start = following
    return [*parts, (text[start:], "")] if start < len(text) else parts


def join_sentences(texts: Sequence[str], spaces: Sequence[str]) -> str:
    """Translations of sentences with the white space that followed each source.

    Beside an empty one there is none. One space is put or left out as the translation is written:
    Chinese and Japanese have none.

    >>> join_sentences(["Hello.", "World!"], ["", ""])
    'Hello. World!'
    """
    joined: list[str] = []
    space = ""
    for text, following in zip(texts, spaces, strict=True):
        if text:
            if joined:
                joined.append(_space_between(joined[-1], text) if space in ("", " ") else space)
            joined.append(text)
            space = following
    return "".join(joined)


def _space_between(text: str, following: str) -> str:
    if _WIDE_MARK.search(text[-_LONGEST_WORD:]):
        return ""
    return "" if _SIGN.match(text[-1]) and _SIGN.match(following) else " "


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - _LONGEST_WORD) : match.start()]
    word, marks = re.split(r"\s", before)[-1].lstrip("\"'“‘«([¿¡"), match["marks"]
    begin = _OPENING.match(text, match.end())
    if begin and text[begin.end() : begin.end() + 1].islower():
        return False  # "Yahoo! is …", "… he said"
    if marks != "." or match["closing"]:
        return True
    return not _is_abbreviation(word)


def _is_abbreviation(word: str) -> bool:
    """Whether a full stop after this word may be a part of it."""
    initial = len(word) == 1 and word.isalpha() and word.isupper() and word != "I"
    return initial or word.lower() in _ABBREVIATIONS


# --- marks that open a sentence -------------------------------------------------------------------


def close_marks(text: str) -> str:
    """A text in which every ¿ or ¡ before a word is closed, at the end of its sentence.

    A full stop there gives way to the mark, and quotes opened before it stay around it. One mark
    may close another's sentence: ¡Qué has hecho?

    >>> close_marks("¡Hola, ¿cómo estás? «¡Muy bien.»")
    '¡Hola, ¿cómo estás?! «¡Muy bien!»'
    """
    for start in reversed(_unclosed(text)):
        end = _end_of_sentence(text, start)
        text = _with_mark(text[:end], start, _CLOSING[text[start]]) + text[end:]
    return text


def _unclosed(text: str) -> list[int]:
    """Where the marks stand that open a sentence and are not closed."""
    opened: list[int] = []
    for match in _OPENING_OR_CLOSING.finditer(text):
        if match[0] in _CLOSING:
            opened.append(match.start())
        elif opened:
            own = [start for start in opened if _CLOSING[text[start]] == match[0]]
            opened.remove(own[-1] if own else opened[-1])
    return opened


def _end_of_sentence(text: str, place: int) -> int:
    """The end of the sentence that holds a place, without the space after it."""
    end = 0
    for sentence, space in split_sentences(text):
        if end + len(sentence) > place:
            return end + len(sentence)
        end += len(sentence) + len(space)
    return len(text)


def _with_mark(text: str, start: int, mark: str) -> str:
    """A text that ends in the mark of what is opened at `start`."""
    body, stop = _cut_stop(text)
    end = len(body)
    while body[end - 1] in _QUOTES and _QUOTES[body[end - 1]] not in body[start : end - 1]:
        end -= 1
    body, closing = body[:end], body[end:]
    if closing:
        body, inner = _cut_stop(body)
        return body + mark + inner.replace(".", "") + closing + stop
    return body + mark + stop.replace(".", "")


def _cut_stop(text: str) -> tuple[str, str]:
    """A text without the full stop, comma or colon at its end, and that sign."""
    if text[-1:] not in tuple(".,:;") or text.endswith(".."):
        return text, ""
    if text[-1] == "." and _is_abbreviation(text[:-1].split()[-1].lstrip("\"'“‘«([¿¡")):
        return text, ""
    return text[:-1], text[-1]
