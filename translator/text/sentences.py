"""Where does a sentence end? sentencex's rules for each language, with few exceptions.

Models learn from single sentences and translate several at once badly. Splitting must not break a
sentence that goes on after an abbreviation, an initial or a number, and loses no white space.
"""

import re
from collections.abc import Iterator, Sequence

import sentencex

from translator.text.languages import primary
from translator.text.placeholders import EMOJI, TAG_OF_LANGUAGE

MARKS = frozenset(".!?…؟۔।॥。！？")  # end a sentence, though not each time that they occur
_LINE_END = re.compile(r"(?<!\s)\s*[\r\n]\s*")
_ABBREVIATIONS = frozenset(  # of more languages than one, or that sentencex cuts after
    """
    mr mrs ms dr drs prof jr sr sra srta dra ud uds dña mme mlle mm vs núm fig figs vol vols ed eds
    pp pág págs approx aprox ca fa e.g i.e p.ej z.b d.h
    """.split()
)
_ORDINALS_WITH_STOP = frozenset("cs da de et fi hr hu is lb lv nb nn no pl sk sl sr tr".split())
_ORDINAL = re.compile(r"\d{1,2}|[IVX]{2,}")
_HALF_DAY = re.compile(r"\b[ap]\.\s?m\.$", re.IGNORECASE)
_DAY = re.compile(
    "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|January|February|March|April|May|June|July|August"
    "|(?:Septem|Octo|Novem|Decem)ber"
)
_ALSO_ENDS = re.compile(
    r"""(?:(?<![.!?…])[.!?…]+[)\]]+|…)(?P<space>\s+)(?=["'“‘«(\[¿¡]*[^\W\d_])"""
)
_OPENING = "\"'“‘«([¿¡"
_WIDE_MARK = re.compile("[。！？，、；：][”’」』）]*$")  # it brings its own space
_SIGN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")  # of Chinese and Japanese
_AFTER_QUOTATION = re.compile("[ぁ-ゟ、]")  # the sentence goes on: 「…。」と言った
_WINDOW = 4096  # characters of a line that are looked at together
_LONGEST_WORD = 20  # of which it is asked whether it is an abbreviation
_CLOSING = {"¿": "?", "¡": "!"}
_OPENING_OR_CLOSING = re.compile(r"""[¿¡](?=[¿¡"'“‘«(\[]*\w)|[?!]""")
_QUOTES = {'"': '"', "'": "'", "”": "“", "’": "‘", "»": "«", ")": "(", "]": "["}
_NUMBERED = re.compile(r"\d{1,3}(?:\.\d{1,3})*\.")
_HEAD = re.compile(  # 2.1.  (3)  b)  c.  IV.  [1]  -  • [x]  >>  😊  >>es<<
    rf"""\s*(?:(?:
        \d{{1,3}}(?:\.\d{{1,3}})*[.)] | \((?:\d{{1,3}}|[A-Za-z]|[ivx]+)\) | \[[\dxX ]{{1,3}}\]
        | [A-Za-z]\) | [a-z]\. | [ivx]+\) | I\. | [IVX]{{2,5}}[.)]
        | [-–—*+•·◦‣▪▫■□●○◆♦►▶➤→»>\#♪♫☐☑✓✔✗✘]+
        | {EMOJI} | {TAG_OF_LANGUAGE}
    )(?:\s+|$))+""",
    re.VERBOSE,
)
_TAIL = re.compile(rf"(?:\s*(?:{EMOJI}|[♪♫]))++\s*$")
_LONGEST_TAIL = 100  # characters


def split_sentences(text: str, language: str = "en") -> list[tuple[str, str]]:
    """The sentences of a text, each with the white space that follows it. None goes over lines.

    Joined in order they are the text. The head of a line, such as `2.1.`, is no sentence.

    >>> split_sentences("Mr. Smith left.  Why? He was 3.5 hours late.")
    [('Mr. Smith left.', '  '), ('Why?', ' '), ('He was 3.5 hours late.', '')]
    """
    parts: list[tuple[str, str]] = []
    begin = 0
    for match in _LINE_END.finditer(text):
        if text[begin : match.start()].strip() and match.end() < len(text):
            *before, (last, space) = _of_line(text[begin : match.start()], primary(language))
            parts += [*before, (last, space + match[0])]
            begin = match.end()
    return parts + _of_line(text[begin:], primary(language))


def _of_line(line: str, language: str) -> list[tuple[str, str]]:
    """The sentences of a line, each with the white space that follows it."""
    sentences, begin = [], 0
    for cut in [*_cuts(line, language), len(line)]:
        sentence = line[begin:cut]
        if sentence.strip() and cut < len(line):
            bare = sentence.rstrip()
            sentences.append((bare, sentence[len(bare) :]))
            begin = cut
    return [*sentences, (line[begin:], "")] if begin < len(line) else sentences


def _cuts(line: str, language: str) -> Iterator[int]:
    """Where sentences of a line begin, from the second on."""
    cuts = {match.end("space") for match in _ALSO_ENDS.finditer(line)} | {*_ends(line, language)}
    after_head = len(head_of(line, language))
    return (
        cut
        for cut in sorted(cuts)
        if after_head < cut < len(line) and not _goes_on(line, cut, language)
    )


def _ends(line: str, language: str) -> Iterator[int]:
    """Where sentencex ends sentences; it takes the square of the length, so it sees windows."""
    line = line.encode("utf-8", "replace").decode()  # it refuses half of a surrogate pair
    begin = 0
    while begin < len(line):
        window = line[begin : begin + _WINDOW]
        lengths = [len(segment) for segment in sentencex.segment(language, window)]
        # where the line goes on, the last segment may
        whole = lengths if begin + _WINDOW >= len(line) else lengths[:-1]
        for length in whole:
            begin += length
            yield begin
        if not whole:
            begin += len(window)


def _goes_on(line: str, cut: int, language: str) -> bool:
    """Whether a sentence goes on where one might begin."""
    before, after = line[max(0, cut - _LONGEST_WORD) : cut], line[cut : cut + _LONGEST_WORD]
    bare = before.rstrip()
    if not bare or (bare == before and bare[-1].isascii() and not _SIGN.match(after)):
        return True  # D.ª Ana
    if bare[-1] in "」』”）":
        return bool(_AFTER_QUOTATION.match(after))
    if bare[-1] != ".":
        return False
    if after.lstrip(_OPENING)[:1].islower():
        return True
    if _HALF_DAY.search(bare) and _DAY.match(after):
        return True  # 5 p.m. Monday
    word = bare[:-1].split()[-1:] or [""]
    return _is_abbreviation(word[0].lstrip(_OPENING)) or bool(
        language in _ORDINALS_WITH_STOP and _ORDINAL.fullmatch(word[0])
    )


def _is_abbreviation(word: str) -> bool:
    """Whether a full stop after this word may be a part of it."""
    initial = len(word) == 1 and word.isalpha() and word.isupper() and word != "I"
    return initial or word.lower() in _ABBREVIATIONS


def head_of(line: str, language: str) -> str:
    """What stands at the head of a line before its words, white space included.

    It is the number of a list or its bullet, a sign of quotation or an emoji.

    >>> head_of("2.1. My sister is tired.", "en")
    '2.1. '
    """
    match = _HEAD.match(line)
    if not match or not line[match.end() :].strip():
        return ""
    head = match[0]
    if language in _ORDINALS_WITH_STOP and _NUMBERED.fullmatch(head.strip()):
        return head if next(_ends(line, language)) == len(head) else ""  # 3. Juli
    return head


def tail_of(sentence: str) -> str:
    """The emoji or notes at the end of a sentence, with the white space around them."""
    start = max(0, len(sentence) - _LONGEST_TAIL)
    match = _TAIL.search(sentence, start)
    return match[0] if match and match.start() > start else ""


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


# --- marks that open a sentence -------------------------------------------------------------------


def close_marks(text: str, language: str = "es") -> str:
    """A text in which every ¿ or ¡ before a word is closed, at the end of its sentence.

    A full stop there gives way to the mark, and quotes opened before it stay around it. One mark
    may close another's sentence, ¡Qué has hecho?, or two sentences: ¿Vienes, ¿verdad?

    >>> close_marks("¡Hola, ¿cómo estás? «¡Muy bien.»")
    '¡Hola, ¿cómo estás?! «¡Muy bien!»'
    """
    for start in reversed(_unclosed(text)):
        end = _end_of_sentence(text, start, language)
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


def _end_of_sentence(text: str, place: int, language: str) -> int:
    """The end of the sentence that holds a place, without the space after it."""
    end = 0
    for sentence, space in split_sentences(text, language):
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
    if body.endswith(mark) and text[start + 1] != text[start]:  # it is not doubled: ¿¿Qué??
        return text
    if closing:
        body, inner = _cut_stop(body)
        return body + mark + inner.replace(".", "") + closing + stop
    return body + mark + stop.replace(".", "")


def _cut_stop(text: str) -> tuple[str, str]:
    """A text without the full stop, comma or colon at its end, and that sign."""
    if text[-1:] not in tuple(".,:;") or text.endswith(".."):
        return text, ""
    if text[-1] == "." and _is_abbreviation(text[:-1].split()[-1].lstrip(_OPENING)):
        return text, ""
    return text[:-1], text[-1]
