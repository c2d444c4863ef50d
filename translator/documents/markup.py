"""Sentences with marks in them: emphasis, links, code, tags and placeholders stay as written.

A sentence is translated whole, without its marks, and so is the text within each pair of marks.
Where that, or most of it, is found once in the whole, its marks go around it. Where a mark finds no
place so, the stretches between the marks are translated each by itself: less fluent, but nothing is
lost.
"""

import html
import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from translator.documents.segments import Segment, join, surrounding_space, verbatim
from translator.text.placeholders import has_words
from translator.text.sentences import split_sentences

_Sides = tuple[re.Pattern[str], re.Pattern[str]]  # what may stand before a text, and after it
_ALONE: _Sides = (re.compile(r"\s*"), re.compile(r"[\s:]*"))
_BETWEEN_MARKS: _Sides = (re.compile(r"[^\w¿¡]*"), re.compile(r"[^\w.!?…]*"))
_MAX_SPANS = 100  # of a sentence, each of which is looked for in all of it
_MAX_WORDS = 12  # of a phrase of which a part is looked for
_SOME_WORD = "Xx"
_SENTENCE_MARKS = " .!?…¡¿"

TAGS = (
    r"(?P<tag_stands><!--.*?-->|<(?:br|hr|img|wbr|input)\b[^<>]*>"
    r"|<[A-Za-z](?:[^<>\"']|\"[^\"]*\"|'[^']*')*/>)"
    r"|(?P<tag_closes></[A-Za-z][^<>]*>)"
    r"|(?P<tag_opens><[A-Za-z](?:[^<>\"']|\"[^\"]*\"|'[^']*')*>)"
)
PLACEHOLDERS = (
    r"(?P<place_stands>%\(\w+\)[#0+-]*\d*(?:\.\d+)?[a-zA-Z]"
    r"|%(?:\d+\$)?[#0+-]*\d*(?:\.\d+)?(?:hh?|ll?|[zjtL])?[diouxXeEfFgGcspn%](?![a-z])"
    r"|%(?:[1-9]|[A-Z][A-Z0-9_]+%)|\$?\{\{?[\w.:!\[\]-]*\}?\})"
)

Kind = Literal["text", "opens", "closes", "toggles", "stands", "floats"]
Escape = Callable[[str, str], str]  # a translation, its source → the translation as it is written


class _Token(NamedTuple):
    kind: Kind
    text: str


class _Span(NamedTuple):
    """A text between marks; one without text is a mark that stands for itself, read as `plain`."""

    before: str
    text: str
    after: str
    plain: str
    floats: bool = False  # it has no width, and a place in proportion


def marked(
    text: str,
    marks: re.Pattern[str],
    escape: Escape = lambda translation, _: translation,
    unescape: Callable[[str], str] = str,
    plain: Callable[[str], str] | None = None,
) -> Segment:
    """A text with marks. The groups of the pattern are named NAME_KIND.

    A mark of kind `opens`, `closes` or `toggles` is one of a pair around a text; one that `stands`
    is kept with all that it holds, and read as `plain` says; one that `floats` is not read at all:
    it goes where it was in proportion, or with the marked text beside it.
    """
    if not marks.search(text):
        return _fragment(unescape(text), escape, _ALONE)
    tokens = _tokens(text, marks, unescape)
    parts = _pair_up(tokens, plain or _plain)
    if parts is None:
        unpaired = [t.text if t.kind == "text" else _Span(t.text, "", "", "") for t in tokens]
        return _fragments(unpaired, escape)
    return join(_sentence(sentence, escape) for sentence in _sentences(parts))


def _tokens(text: str, marks: re.Pattern[str], unescape: Callable[[str], str]) -> list[_Token]:
    tokens: list[_Token] = []
    end = 0
    for match in marks.finditer(text):
        tokens.append(_Token("text", unescape(text[end : match.start()])))
        kind: Kind = str(match.lastgroup).rpartition("_")[2]  # type: ignore[assignment]
        tokens.append(_Token(kind, match[0]))
        end = match.end()
    tokens.append(_Token("text", unescape(text[end:])))
    return [token for token in tokens if token.text]


def marked_lines(
    text: str,
    marks: re.Pattern[str],
    escape: Escape = lambda translation, _: translation,
    unescape: Callable[[str], str] = str,
) -> Segment:
    """A text of several lines, each with marks; the line ends within a mark are the mark's."""
    lines_or_marks = re.compile(rf"(?P<line_end>\r\n|\n|\r)|(?:{marks.pattern})", marks.flags)
    segments: list[Segment] = []
    begin = 0
    for match in lines_or_marks.finditer(text):
        if match["line_end"]:
            segments.append(marked(text[begin : match.start()], marks, escape, unescape))
            segments.append(verbatim(match["line_end"]))
            begin = match.end()
    return join([*segments, marked(text[begin:], marks, escape, unescape)])


def _plain(mark: str) -> str:
    """How a mark that stands for itself reads in a sentence; empty where it cannot be read."""
    match mark[0]:
        case "`":
            return mark.strip("`").strip()
        case "\\":
            return mark[1:]
        case "&":
            return html.unescape(mark)
        case "<" | "[" | "!" | ":":
            return ""
    return mark


def _pair_up(tokens: list[_Token], plain: Callable[[str], str]) -> list[str | _Span] | None:
    """Texts and spans; None when marks are nested around more than one text, or not in pairs."""
    parts: list[str | _Span] = []
    end = 0
    while end < len(tokens):
        begin = inner = end
        while inner < len(tokens) and tokens[inner].kind in ("opens", "toggles"):
            inner += 1
        end = inner + 1 + (inner - begin)  # as many marks close as have opened
        opening, closing = tokens[begin:inner], tokens[inner + 1 : end]
        if end > len(tokens) or tokens[inner].kind == "closes" or not _match(opening, closing):
            return None
        parts.append(_part(opening, tokens[inner], closing, plain))
    return parts


def _match(opening: list[_Token], closing: list[_Token]) -> bool:
    """Whether each mark closes the one that was opened last."""
    return all(
        first == second if first.kind == "toggles" else second.kind == "closes"
        for first, second in zip(reversed(opening), closing, strict=True)
    )


def _part(
    opening: list[_Token], inner: _Token, closing: list[_Token], plain: Callable[[str], str]
) -> str | _Span:
    """A text, or a mark that stands for itself, with the marks around it."""
    before, after = ("".join(token.text for token in side) for side in (opening, closing))
    if inner.kind == "stands":
        return _Span(before + inner.text + after, "", "", plain(inner.text))
    if inner.kind == "floats":
        return _Span(before + inner.text + after, "", "", "", floats=True)
    return _Span(before, inner.text, after, inner.text) if opening else inner.text


def _sentences(parts: list[str | _Span]) -> list[list[str | _Span]]:
    """Cut between sentences; a sentence keeps the white space that follows it."""
    if not any(isinstance(part, _Span) for part in parts):
        return [parts]  # whoever translates it cuts it better
    texts = [_read_as(part) for part in parts]
    lengths = (len(text) + len(space) for text, space in split_sentences("".join(texts)))
    cuts = sorted(set(itertools.accumulate(lengths)))
    sentences: list[list[str | _Span]] = [[]]
    begin = 0
    for part, text in zip(parts, texts, strict=True):
        if isinstance(part, _Span):
            sentences[-1].append(part)
        else:
            first, *others = _cut(text, begin, cuts)
            sentences[-1].append(first)
            sentences += [[piece] for piece in others]
        begin += len(text)
    return [filled for sentence in sentences if (filled := [part for part in sentence if part])]


def _cut(text: str, begin: int, cuts: list[int]) -> list[str]:
    """The pieces of a text that stands at `begin`; a cut at one of its ends leaves an empty one."""
    end = begin + len(text)
    here = cuts[bisect_left(cuts, begin) : bisect_right(cuts, end)]
    return [text[a - begin : b - begin] for a, b in itertools.pairwise([begin, *here, end])]


def _read_as(part: str | _Span) -> str:
    """What stands in a sentence, with a word that ends none for code and the like."""
    if isinstance(part, str):
        return part
    if part.floats:
        return ""
    return part.text or (" " * len(part.plain) if part.plain.isspace() else _SOME_WORD)


def _fragments(parts: Sequence[str | _Span], escape: Escape) -> Segment:
    """Every text by itself, the marks between them kept."""
    segments: list[Segment] = []
    for part in parts:
        before, text, after = ("", part, "") if isinstance(part, str) else part[:3]
        sides = _ALONE if len(parts) == 1 else _BETWEEN_MARKS
        segments += [verbatim(before), _fragment(text, escape, sides), verbatim(after)]
    return join(segments)


def _fragment(text: str, escape: Escape, sides: _Sides) -> Segment:
    """A stretch between marks as one text; what `sides` finds around it is kept."""
    if not has_words(text):
        return verbatim(escape(text, text))
    begin = _length_of(sides[0], text)
    end = max(begin, len(text) - _length_of(sides[1], text[::-1]))
    before, source, after = text[:begin], text[begin:end], text[end:]

    def put_back(translations: Sequence[str]) -> str:
        return (
            escape(before, before)
            + escape(_like(source, translations[0]), source)
            + escape(after, after)
        )

    return Segment((source,), put_back)


def _length_of(pattern: re.Pattern[str], text: str) -> int:
    match = pattern.match(text)
    return match.end() if match else 0


def _like(source: str, translation: str) -> str:
    """Models end every text like a sentence and begin it with a capital: not where it was none."""
    if source[-1].isalnum() and translation.endswith(".") and not translation.endswith(".."):
        translation = translation[:-1]
    if source[0].islower() and translation[:1].isupper() and translation[1:2].islower():
        translation = translation[0].lower() + translation[1:]
    return translation


def _sentence(parts: list[str | _Span], escape: Escape) -> Segment:
    """A sentence whose marks are found again in its translation, else in fragments."""
    first, last = 0, len(parts)
    while first < last and _has_no_place(parts[first]):
        first += 1
    while last > first and _has_no_place(parts[last - 1]):
        last -= 1
    inner = parts[first:last]
    outer = [_fragments(side, escape) for side in (parts[:first], parts[last:])]
    fragments = _fragments(inner, escape)
    placeable = 1 < len(inner) <= _MAX_SPANS
    sentence = _placed(inner, fragments, escape) if placeable else fragments
    return join([outer[0], sentence, outer[1]])


def _has_no_place(part: str | _Span) -> bool:
    return isinstance(part, _Span) and not part.plain


def _placed(parts: list[str | _Span], fragments: Segment, escape: Escape) -> Segment:
    """Marks around the translations of their texts, where these are found in that of the whole."""
    spans = [part for part in parts if isinstance(part, _Span)]
    plain = "".join(part.plain if isinstance(part, _Span) else part for part in parts)
    whole = plain.strip()
    before, after = surrounding_space(plain)
    texts = (whole, *(span.text for span in spans if span.text))
    floating = _floating(parts, len(before))
    unplaced = _with_marks(whole, whole, spans, [span.plain for span in spans], floating, escape)
    if not has_words(whole) or before + str(unplaced) + after != fragments.put_back(
        fragments.texts
    ):
        return fragments  # not even the source tells where the marks belong

    if all(span.floats for span in spans):
        fragments = verbatim("")  # whatever the translation, they have a place

    def put_back(translations: Sequence[str]) -> str:
        rest = iter(translations[1:])
        phrases = [next(rest) if span.text else span.plain for span in spans]
        translation = _like(whole, translations[0])
        found = _with_marks(translation, whole, spans, phrases, floating, escape)
        if found is None:
            return fragments.put_back(translations[len(texts) :])
        return before + found + after

    return Segment((*texts, *fragments.texts), put_back)


def _with_marks(
    translation: str,
    source: str,
    spans: list[_Span],
    phrases: list[str],
    floating: "list[_Floating]",
    escape: Escape,
) -> str | None:
    """The translation with marks around the phrases; None unless each occurs just once."""
    places: list[tuple[int, int, _Span]] = []
    for span, phrase in zip(spans, phrases, strict=True):
        if span.floats:
            continue
        place = _find(phrase, translation) or _find(phrase.strip(_SENTENCE_MARKS), translation)
        if place is None and span.text:
            place = _find_most(phrase, translation)
        if place is None:
            return None
        places.append((*place, span))
    places += _float(floating, translation, source, places)
    result, end = "", 0
    for start, stop, span in sorted(places, key=lambda place: place[:2]):
        if start < end:
            return None
        inside = escape(translation[start:stop], span.text) if span.text else ""
        result += escape(translation[end:start], source) + span.before + inside + span.after
        end = stop
    return result + escape(translation[end:], source)


class _Floating(NamedTuple):
    """A mark without width: where it is in the source, and which marked text it is beside."""

    span: _Span
    offset: int
    behind: _Span | None
    ahead: _Span | None


def _floating(parts: list[str | _Span], begin: int) -> list[_Floating]:
    """The floating marks of a sentence, whose words begin at `begin`."""
    found: list[_Floating] = []
    read = [part for part in parts if isinstance(part, str) or not part.floats]
    offset, number = -begin, 0
    for part in parts:
        if isinstance(part, _Span) and part.floats:
            sides = (_span_at(read, number - 1), _span_at(read, number))
            found.append(_Floating(part, offset, *sides))
        else:
            offset += len(part.plain if isinstance(part, _Span) else part)
            number += 1
    return found


def _span_at(parts: list[str | _Span], number: int) -> _Span | None:
    part = parts[number] if 0 <= number < len(parts) else ""
    return part if isinstance(part, _Span) else None


def _float(
    floating: list[_Floating],
    translation: str,
    source: str,
    places: list[tuple[int, int, _Span]],
) -> list[tuple[int, int, _Span]]:
    """Where floating marks go in a translation: beside their marked text, else in proportion.

    They keep their order, and none goes into a marked text.
    """
    found: list[tuple[int, int, _Span]] = []
    last = 0
    for span, offset, behind, ahead in floating:
        beside = [stop for _, stop, other in places if other is behind]
        beside += [start for start, _, other in places if other is ahead]
        if beside:
            place = beside[0]
        elif translation == source:
            place = min(max(0, offset), len(source))
        elif offset <= 0 or offset >= len(source):
            place = 0 if offset <= 0 else len(translation)
        else:
            place = _alike(source, offset, translation, places)
        last = max(last, place)
        found.append((last, last, span))
    return found


def _alike(source: str, offset: int, translation: str, places: list[tuple[int, int, _Span]]) -> int:
    """The nearest place, in proportion, that is between the same kinds of characters."""
    wanted = offset * len(translation) / len(source)
    free = [
        place
        for place in range(len(translation) + 1)
        if not any(start < place < stop for start, stop, _ in places)
    ]
    kinds = _kinds_around(source, offset)
    within_word = kinds == ("word", "word")
    alike = [
        place for place in free if not within_word and _kinds_around(translation, place) == kinds
    ]
    ends = [place for place in free if _kinds_around(translation, place)[1] != "word"]
    return min(alike or ends or free, key=lambda place: abs(place - wanted))


def _kinds_around(text: str, place: int) -> tuple[str, str]:
    before, after = text[max(0, place - 1) : place], text[place : place + 1]
    kinds = (
        "word" if c.isalnum() else "space" if c.isspace() or not c else c for c in (before, after)
    )
    return next(kinds), next(kinds)


def _find(phrase: str, text: str) -> tuple[int, int] | None:
    """Where whole words occur in a text, when they do so just once."""
    if not phrase.strip():
        return None
    places = re.finditer(rf"(?<!\w){re.escape(phrase)}(?!\w)", text, re.IGNORECASE)
    found = [match.span() for match in itertools.islice(places, 2)]
    return found[0] if len(found) == 1 else None


def _find_most(phrase: str, text: str) -> tuple[int, int] | None:
    """Where most of a phrase occurs once: an article, or an ending, may differ in the sentence."""
    words = phrase.strip(_SENTENCE_MARKS).split()
    letters = sum(map(len, words))
    for count in range(len(words) - 1, 0, -1) if len(words) <= _MAX_WORDS else ():
        for start in range(len(words) - count + 1):
            some = words[start : start + count]
            place = _find(" ".join(some), text) if 2 * sum(map(len, some)) > letters else None
            if place:
                return place
    return None
