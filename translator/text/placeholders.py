"""Which part of a text is no language? It stands in the translation as it was written.

Placeholders of programs and templates, tags, addresses, paths, names of users, tags of topics and
emoji are one pattern, for plain lines and for every format. Numbers are another matter: a language
may write them otherwise, so of them the value counts.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from translator.text.languages import UNSPACED

EMOJI = (  # pictographs with what varies or joins them, keycaps; possessive: read in one way only
    "(?:[\u231a-\u27bf\u2b05-\u2b55\u3030\u303d\U0001f000-\U0001faff]"
    "[\ufe0e\ufe0f\u20e3\u200d\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*+"
    "|[0-9*#]\ufe0f?\u20e3)++"
)
_IN_ADDRESS, _ENDS_ADDRESS = r"[^\s<>\"'“”‘’«»{}|]", r"[^\s<>\"'“”‘’«»{}|.,;:!?)\]]"
_FILE_ENDINGS = (
    "txt|pdf|docx?|xlsx?|pptx?|csv|tsv|json|ya?ml|xml|html?|png|jpe?g|gif|svg|zip|gz|tar"
)
_FILE_ENDINGS += "|exe|py|js|css|md|mp[34]|wav|srt|po|ini|cfg|conf|log|sh"
_FILE_ENDINGS += f"|{_FILE_ENDINGS.upper()}"  # README.TXT, but not: it ends.Log in
TAG_OF_LANGUAGE = r"(?:>>|(?<!\S))[A-Za-z]{2,3}(?:[-_]\w+)*<<"  # es<< is what Markdown leaves of it
_LONGEST_WORD = 100  # letters, marks and digits
_IN_WORD = rf"[^\s!-/:-@\[-`{{-~\u00a0-\u00bf\u2000-\u2bff\u3000-\u303f{UNSPACED}]"
PLACEHOLDER = "|".join(
    (
        r"<%.{0,200}?%>|\{\{[^{}]{0,200}\}\}|\[%.{0,200}?%\]",  # <%= x %>, {{ x }}
        r"[$%#]?\{[^{}]{0,80}\}",  # {x}, {0:.2f}, ${x}, %{x}
        r"%\(\w+\)[#0+-]*\d*(?:\.\d+)?[a-zA-Z]",  # %(n)d
        r"%[A-Za-z_][\w.]+%(?!%)",  # %name%
        r"%(?:\d+\$)?[#0+-]*\d*(?:\.\d+)?(?:hh?|ll?|[zjtL])?[diouxXeEfFgGcspn@%](?![a-z])",  # %1$s
        r"%[1-9](?!\d*[%\w])",  # %1
        r"%[-_0^#]?[aAbBcCdDeFgGhHIjklLmMnNpPrRsStTuUvVwWxXyYzZ](?![A-Za-z])",  # %B of dates
        rf"(?i:https?|ftp|file)://{_IN_ADDRESS}*{_ENDS_ADDRESS}",
        rf"(?<!\w)(?i:mailto:|www\.){_IN_ADDRESS}*{_ENDS_ADDRESS}",
        r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+",  # e-mail
        r"(?<!\S)(?:~|\.{1,2})/[\w./-]*\w/?|(?<![\w/.<])/(?:[\w.-]+/)+(?:[\w.-]*[\w-])?",  # paths
        r"(?<!\w)[A-Za-z]:\\[^\s\"'<>|]*[\w\\]",
        rf"(?<![\w.-])[\w-]+(?:\.[\w-]+)*\.(?:{_FILE_ENDINGS})(?!\w)",
        r"(?<![\w@])@[A-Za-z_](?:[\w.-]*\w)?",  # @name
        r"(?<![\w&#])#\w*[^\W\d]\w*|(?<!\S)#(?!\S)",  # #tag, and # of ICU messages
        r"(?<!\S):[A-Za-z_]\w*",  # :name, :D
        r"\$[A-Za-z_]\w*\$?",  # $name, $name$
        TAG_OF_LANGUAGE,
        r"&(?:[A-Za-z][A-Za-z0-9]*|#\d+|#[xX][0-9A-Fa-f]+);",  # &amp;
        EMOJI,
        rf"(?<!{_IN_WORD}){_IN_WORD}{{{_LONGEST_WORD + 1},}}+",  # no word is so long
    )
)
_TAG = re.compile(  # bounded: what is open for ever takes the square of a line's length
    r"<!--.{0,1000}?-->|</?\d{1,3}/?>|</?[A-Za-z](?:[^<>\"']|\"[^\"]{0,1000}\"|'[^']{0,1000}'){0,1000}>"
)
_FOUND = re.compile(f"{_TAG.pattern}|{PLACEHOLDER}")
_LIKELY = re.compile(
    r"[%{}<>@#$&/\\:]|www\.|\.[A-Za-z0-9]|[\u20e3\u231a-\u27bf\u2b05-\U0010ffff]"
    rf"|{_IN_WORD}{{{_LONGEST_WORD + 1}}}"
)
_UNBROKEN = re.compile(rf"(?<!{_IN_WORD}){_IN_WORD}{{{_LONGEST_WORD + 1},}}+")
_IN_RUN = re.compile(rf"[^\s{UNSPACED}]")  # what stands before and behind it without a space
_ACCELERATOR = re.compile(
    r"(?<![\w&])&(?=[^\W\d_])(?!#?\w+;)|(?<=(?<!\w)[A-Z])&(?=[a-z])|(?<!\w)_(?=[^\W\d_]+(?:\W|$))"
)
_NUMBER = re.compile(r"(?<![^\W\d])\d+(?:[.,:/\u00a0\u202f-]\d+)*(?![\w\u00aa\u00ba])")


def placeholders(text: str) -> list[str]:
    """What must stand in a translation of a text as often as here, in order."""
    if not _LIKELY.search(text):  # nearly everywhere
        return []
    return [match[0] for match in _FOUND.finditer(text)]


def has_words(text: str) -> bool:
    """Whether there is anything to translate: a letter of any script, outside of placeholders."""
    if _LIKELY.search(text):
        text = _FOUND.sub(" ", text)
    return any(map(str.isalpha, text))


def without_accelerator(text: str) -> tuple[str, str]:
    """A text without the only sign before a key of a menu, and the sign: &Open, E&xit, _Close."""
    found = [*_ACCELERATOR.finditer(text)] if "&" in text or "_" in text else []
    if len(found) != 1:
        return text, ""
    [match] = found
    return text[: match.start()] + text[match.end() :], match[0]


def with_accelerator(text: str, sign: str) -> str:
    """A text with a sign before its first letter."""
    place = next((n for n, letter in enumerate(text) if letter.isalpha()), 0)
    return text[:place] + sign + text[place:]


def split_placeholders(text: str) -> list[tuple[str, bool]]:
    """The stretches of a text, and whether each is a placeholder; joined they are the text."""
    stretches, end = [], 0
    for match in _FOUND.finditer(text) if _LIKELY.search(text) else ():
        stretches += [(text[end : match.start()], False), (match[0], True)]
        end = match.end()
    return [*stretches, (text[end:], False)]


def split_unbroken(text: str) -> Iterator[tuple[str, str]]:
    """A text cut around words that are too long for any, each stretch with the space behind it.

    Such a word is cut out with all that stands around it without a space. Joined in order the
    stretches are the text.
    """
    begin = 0
    for match in _FOUND.finditer(text) if _UNBROKEN.search(text) else ():
        start, end = match.span()
        if start < begin or not _UNBROKEN.search(match[0]):
            continue
        while start > begin and _IN_RUN.match(text, start - 1):
            start -= 1
        while end < len(text) and _IN_RUN.match(text, end):
            end += 1
        before = text[begin:start]
        if before.strip():
            yield _with_space(before)
            before = ""
        begin = _end_of_space(text, end)
        yield before + text[start:end], text[end:begin]
    if begin < len(text) or not text:
        yield text[begin:], ""


def _end_of_space(text: str, begin: int) -> int:
    while text[begin : begin + 1].isspace():
        begin += 1
    return begin


def _with_space(text: str) -> tuple[str, str]:
    bare = text.rstrip()
    return bare, text[len(bare) :]


def numbers(text: str) -> list[str]:
    """The numbers of a text outside of placeholders, as written: 7, 12.50, 2024-01-05, not 3rd."""
    if not any(map(str.isdigit, text)):
        return []
    prose = (each for each, is_placeholder in split_placeholders(text) if not is_placeholder)
    return [number for each in prose for number in _NUMBER.findall(each)]


def value_of(number: str) -> str:
    """A number in one spelling, whatever its script: 1000.5 for 1,000.5 and 1.000,5.

    Three digits behind a sign are thousands, any other number of them is a fraction: 1,250 is
    1.250, and 12.50 is 12,50 but neither 1250 nor 12.5.
    """
    first, *groups = re.split(r"\D", "".join(map(_western, number)))
    if not groups:
        return first.lstrip("0") or "0"
    if first.startswith("0"):
        return ".".join((first, *groups))
    *thousands, last = groups
    if any(len(group) != 3 for group in thousands):
        return ".".join((first, *groups))  # an address, a version
    whole = "".join((first, *thousands))
    return whole + last if len(last) == 3 else f"{whole}.{last}"


def _western(sign: str) -> str:
    return str(unicodedata.digit(sign)) if sign.isdigit() else sign


def lost_placeholders(source: str, translation: str) -> list[str]:
    """The placeholders of a source that its translation does not have as often, or too often."""
    wanted = Counter(placeholders(source))
    if not wanted:
        return []
    found = Counter(placeholders(translation))
    return [each for each, count in wanted.items() if found[each] != count]


def lost_numbers(source: str, translation: str) -> list[str]:
    """The numbers of a source that its translation has less often, in any spelling."""
    wanted = numbers(source)
    if not wanted:
        return []
    found = Counter(part for each in numbers(translation) for part in _parts(each))
    lost = []
    for number in wanted:
        parts = Counter(_parts(number))
        if parts <= found:
            found -= parts
        else:
            lost.append(number)
    return lost


def _parts(number: str) -> list[str]:
    """Each part of a date or a telephone number, any other number as a whole, by value."""
    return [value_of(part) for part in re.split("[-/]", number)]


def with_stand_ins(text: str, words: Sequence[str]) -> tuple[str, list[tuple[str, str]]]:
    """A text with words in place of its placeholders, and which stands for which.

    Tags have none and are left out, words of the text itself stand for nothing, and where there are
    too few words the other placeholders stay. A space keeps a word from what its placeholder
    touches, as in {n}px.
    """
    free = iter([word for word in words if word.lower() not in text.lower()])
    written, pairs, stood = "", list[tuple[str, str]](), False  # whether a word stands at its end
    for stretch, is_placeholder in split_placeholders(text):
        stands = False
        if is_placeholder and _TAG.fullmatch(stretch):
            stretch = ""
        elif is_placeholder and (word := next(free, "")):
            pairs.append((word, stretch))
            stretch, stands = word, True
        touches = written[-1:].isalnum() and stretch[:1].isalnum()
        written += " " * (touches and (stood or stands)) + stretch
        stood = stands or (stood and not stretch)
    return written, pairs


def put_back(translation: str, stand_ins: Iterable[tuple[str, str]], source: str) -> str:
    """A translation with the placeholders of its source in place of what stood for them.

    One that has no place there, or several, gets the place where it stands in the source: at the
    same share of the words.
    """
    for word, placeholder in stand_ins:
        translation = _word(word).sub(placeholder.replace("\\", r"\\"), translation)
    for placeholder in lost_placeholders(source, translation):
        stretches = split_placeholders(translation)
        left = "".join(" " if each == placeholder else each for each, _ in stretches)
        translation = " ".join(left.split())
        for match in _FOUND.finditer(source):  # a.txt is none of data.txt
            if match[0] == placeholder:
                translation = _inserted(translation, placeholder, match.start() / len(source))
    return translation


def stand_alone(translation: str, stand_ins: Iterable[tuple[str, str]]) -> list[str]:
    """The placeholders for which no word, or more than one, stands in a translation."""
    return [each for word, each in stand_ins if len(_word(word).findall(translation)) != 1]


def _word(word: str) -> re.Pattern[str]:
    """A whole word; signs that are written without spaces, such as 打开, are none of it."""
    letter = rf"[^\W{UNSPACED}]"
    return re.compile(rf"(?<!{letter}){re.escape(word)}(?!{letter})", re.IGNORECASE)


def _inserted(text: str, placeholder: str, share: float) -> str:
    """A text with a placeholder between two words; a tag touches what it stands around."""
    words = text.split()
    place = round(share * len(words))
    before, after = " ".join(words[:place]), " ".join(words[place:])
    if _TAG.fullmatch(placeholder):
        if placeholder.startswith("</"):
            return f"{before}{placeholder} {after}".strip()
        return f"{before} {placeholder}{after}".strip()
    return f"{before} {placeholder} {after}".strip()
