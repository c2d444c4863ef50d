"""Sentences with marks in them: emphasis, links, code, tags and placeholders stay as written.

A sentence is translated whole, without its marks, and so is the text within each pair of marks.
Where that is found in the whole, its marks go around it. Those of another text go around the words
that the model aligns to it: see `places`. Code that is not found again has taken words with it: the
sentence is translated once more, with a placeholder in its place. Where a mark finds no place so,
the stretches between the marks are translated each by itself: less fluent, but nothing is lost.
"""

import html
import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, NamedTuple

from translator.documents.aligned import attention_of, language_of
from translator.documents.places import (
    Floating,
    Place,
    Span,
    find_places,
    float_places,
    is_kept,
)
from translator.documents.segments import LookUp, Segment, join, surrounding_space, verbatim
from translator.text.languages import begins_with_capital, lower, with_capital
from translator.text.messages import message_stretches
from translator.text.placeholders import has_words
from translator.text.sentences import split_sentences

_Sides = tuple[re.Pattern[str], re.Pattern[str]]  # what may stand before a text, and after it
_ALONE: _Sides = (re.compile(r"\s*"), re.compile(r"[\s:]*"))
_BETWEEN_MARKS: _Sides = (re.compile(r"[^\w¿¡]*"), re.compile(r"[^\w.!?…]*"))
_MAX_SPANS = 100  # of a sentence, each of which is looked for in all of it
_SOME_WORD = "Xx"
_TAG = re.compile("<[^<>]*>")
_READ = re.compile(r"<(?:code|kbd|mrk|samp)\b", re.IGNORECASE)  # what is in them is not translated

TAGS = (  # no comment holds another: what is open for ever would take the square of a text's length
    r"(?P<tag_stands><!--(?:(?!<!--)[\s\S])*?-->|<(?:br|hr|img|wbr|input)\b[^<>]*>"
    r"|<[A-Za-z](?:[^<>\"']|\"[^\"]*\"|'[^']*')*/>|<\d{1,3} ?/>)"
    r"|(?P<tag_closes></(?:[A-Za-z][^<>]*|\d{1,3})>)"  # <0>…</0> of React
    r"|(?P<tag_opens><(?:[A-Za-z](?:[^<>\"']|\"[^\"]*\"|'[^']*')*|\d{1,3})>)"
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
    return by_branches(text, lambda branch: _marked(branch, marks, escape, unescape, plain))


def by_branches(text: str, part: Callable[[str], Segment]) -> Segment:
    """A text that `part` makes a segment of, or each branch of it where it is an ICU message."""
    segments = [
        segment
        for each in message_stretches(text)
        for segment in (verbatim(each.head), part(each.text), verbatim(each.tail + each.space))
    ]
    return join(segments) if segments else part(text)


def _marked(
    text: str,
    marks: re.Pattern[str],
    escape: Escape,
    unescape: Callable[[str], str],
    plain: Callable[[str], str] | None,
) -> Segment:
    if not marks.search(text):
        return _fragment(unescape(text), escape, _ALONE)
    tokens = _tokens(text, marks, unescape)
    parts = _pair_up(tokens, plain or _plain)
    if parts is None:
        unpaired = [t.text if t.kind == "text" else Span(t.text, "", "", "") for t in tokens]
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
    return by_branches(text, lambda branch: _marked_lines(branch, marks, escape, unescape))


def _marked_lines(
    text: str, marks: re.Pattern[str], escape: Escape, unescape: Callable[[str], str]
) -> Segment:
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
        case "<" if _READ.match(mark):
            return html.unescape(_TAG.sub("", mark))
        case "<" | "[" | "!" | ":":
            return ""
    return mark


def _pair_up(tokens: list[_Token], plain: Callable[[str], str]) -> list[str | Span] | None:
    """Texts and spans; None when marks are nested around more than one text, or not in pairs."""
    parts: list[str | Span] = []
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
) -> str | Span:
    """A text, or a mark that stands for itself, with the marks around it."""
    before, after = ("".join(token.text for token in side) for side in (opening, closing))
    if inner.kind == "stands":
        return Span(before + inner.text + after, "", "", plain(inner.text))
    if inner.kind == "floats":
        return Span(before + inner.text + after, "", "", "", floats=True)
    return Span(before, inner.text, after, inner.text) if opening else inner.text


def _sentences(parts: list[str | Span]) -> list[list[str | Span]]:
    """Cut between sentences; a sentence keeps the white space that follows it."""
    if not any(isinstance(part, Span) for part in parts):
        return [parts]  # whoever translates it cuts it better
    texts = [_read_as(part) for part in parts]
    lengths = (len(text) + len(space) for text, space in split_sentences("".join(texts)))
    cuts = sorted(set(itertools.accumulate(lengths)))
    sentences: list[list[str | Span]] = [[]]
    begin = 0
    for part, text in zip(parts, texts, strict=True):
        if isinstance(part, Span):
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


def _read_as(part: str | Span) -> str:
    """What stands in a sentence, with a word that ends none for code and the like."""
    if isinstance(part, str):
        return part
    if part.floats:
        return ""
    return part.text or (" " * len(part.plain) if part.plain.isspace() else _SOME_WORD)


def _fragments(parts: Sequence[str | Span], escape: Escape) -> Segment:
    """Every text by itself, the marks between them kept."""
    segments: list[Segment] = []
    begun = False
    for part in parts:
        before, text, after = ("", part, "") if isinstance(part, str) else part[:3]
        sides = _ALONE if len(parts) == 1 else _BETWEEN_MARKS
        fragment = _fragment(text, escape, sides, begins=not begun)
        segments += [verbatim(before), fragment, verbatim(after)]
        begun = begun or any(map(str.isalnum, part if isinstance(part, str) else part.plain))
    return join(segments)


def _fragment(text: str, escape: Escape, sides: _Sides, *, begins: bool = True) -> Segment:
    """A stretch between marks as one text; what `sides` finds around it is kept."""
    if not has_words(text):
        return verbatim(escape(text, text))
    begin = _length_of(sides[0], text)
    end = max(begin, len(text) - _length_of(sides[1], text[::-1]))
    before, source, after = text[:begin], text[begin:end], text[end:]

    def put_back(look_up: LookUp) -> str:
        return (
            escape(before, before)
            + escape(_like(source, look_up(source), begins=begins), source)
            + escape(after, after)
        )

    return Segment((source,), put_back)


def _length_of(pattern: re.Pattern[str], text: str) -> int:
    match = pattern.match(text)
    return match.end() if match else 0


def _like(source: str, translation: str, *, begins: bool = True) -> str:
    """A translation that begins and ends as its source does, not always like a sentence.

    One that does not `begins` a sentence gets no capital.
    """
    language = language_of(translation)
    if source[-1].isalnum() and translation.endswith(".") and not translation.endswith(".."):
        translation = translation[:-1]
    if source[0].islower() and translation[:1].isupper() and translation[1:2].islower():
        return lower(translation[0], language) + translation[1:]
    if begins and begins_with_capital(source):
        return with_capital(translation, language)
    return translation


def _sentence(parts: list[str | Span], escape: Escape) -> Segment:
    """A sentence whose marks are found again in its translation, else in fragments."""
    first, last = 0, len(parts)
    while first < last and _has_no_place(parts[first]):
        first += 1
    while last > first and _has_no_place(parts[last - 1]):
        last -= 1
    inner = parts[first:last]
    outer = [_fragments(side, escape) for side in (parts[:first], parts[last:])]
    fragments = _fragments(inner, escape)
    placeable = 1 < len(inner) <= _MAX_SPANS and not any(map(_is_gap, inner))
    sentence = _placed(inner, fragments, escape) if placeable else fragments
    return join([outer[0], sentence, outer[1]])


def _has_no_place(part: str | Span) -> bool:
    return isinstance(part, Span) and not part.plain


def _is_gap(part: str | Span) -> bool:
    """Whether it stands between words and cannot be looked for, such as a picture or a space."""
    return isinstance(part, Span) and not part.plain.strip() and not part.floats


def _placed(parts: list[str | Span], fragments: Segment, escape: Escape) -> Segment:
    """Marks around the translations of their texts, where these are found in that of the whole."""
    read = _Read.of(parts)
    identity = read.written(read.whole, read.places, escape)
    if not has_words(read.whole) or identity != fragments.put_back(str):
        return fragments  # not even the source tells where the marks belong

    def put_back(look_up: LookUp) -> str:
        translation = look_up(read.whole)
        if translation == read.whole:
            return identity
        placed = None
        if changed := read.changed(translation):
            numbered = _Read.of(_numbered(parts, changed, read.whole))
            again = look_up(numbered.whole) if has_words(numbered.whole) else numbered.whole
            if again is numbered.whole:
                return identity  # it is nothing but code, or is not translated yet
            if not numbered.changed(again):
                placed = numbered.translated(again, look_up, escape)
        if placed is None:
            placed = read.translated(translation, look_up, escape)
        return fragments.put_back(look_up) if placed is None else placed

    texts = (place.span.text for place in read.places if place.span.text)
    return Segment((read.whole, *texts), put_back)


def _numbered(parts: list[str | Span], spans: Sequence[Span], whole: str) -> list[str | Span]:
    """The parts of a sentence, where some spans read as {0}, {1}: a translation leaves these."""
    free = (f"{{{n}}}" for n in itertools.count() if f"{{{n}}}" not in whole)
    return [
        part._replace(plain=next(free)) if isinstance(part, Span) and part in spans else part
        for part in parts
    ]


class _Read(NamedTuple):
    """A sentence as it is read, and where its marks are in that."""

    before: str  # white space
    whole: str
    after: str
    places: list[Place]
    floating: list[Floating]  # those of them that have no width

    @classmethod
    def of(cls, parts: list[str | Span]) -> "_Read":
        plain = "".join(part.plain if isinstance(part, Span) else part for part in parts)
        before, after = surrounding_space(plain)
        whole = plain.strip()
        places = _places(parts, len(before), len(whole))
        return cls(before, whole, after, places, _floating(parts, places))

    def changed(self, translation: str) -> list[Span]:
        """The spans of code and the like that a translation does not have as they are."""
        return [
            place.span
            for place in self.places
            if not place.span.text
            and any(map(str.isalnum, place.span.plain))
            and not is_kept(translation, self.whole, place)
        ]

    def translated(self, translation: str, look_up: LookUp, escape: Escape) -> str | None:
        """A translation with marks; None where one has no place in it."""
        liked = _like(self.whole, translation)
        places = [place for place in self.places if not place.span.floats]
        phrases = [look_up(span.text) if span.text else span.plain for _, _, span in places]
        ask = partial(attention_of, translation)
        found = find_places(liked, self.whole, places, phrases, ask)
        if found is None:
            return None
        found += float_places(liked, self.whole, self.floating, found)
        return self.written(liked, found, escape)

    def written(self, translation: str, places: Sequence[Place], escape: Escape) -> str:
        """A translation with marks in their places."""
        result, end = self.before, 0
        for start, stop, span in sorted(places, key=lambda place: place[:2]):
            inside = escape(translation[start:stop], span.text) if span.text else ""
            result += escape(translation[end:start], self.whole) + span.before + inside + span.after
            end = stop
        return result + escape(translation[end:], self.whole) + self.after


def _places(parts: list[str | Span], begin: int, length: int) -> list[Place]:
    """Where spans are in a sentence of some length, whose words begin at `begin`."""
    reads = [part if isinstance(part, str) else part.plain for part in parts]
    ends = [min(max(0, end - begin), length) for end in itertools.accumulate(map(len, reads))]
    return [
        Place(start, stop, part)
        for start, stop, part in zip([0, *ends], ends, parts, strict=False)
        if isinstance(part, Span)
    ]


def _floating(parts: list[str | Span], places: Sequence[Place]) -> list[Floating]:
    """The floating marks of a sentence, which are among its places."""
    found: list[Floating] = []
    read = [part for part in parts if isinstance(part, str) or not part.floats]
    number, rest = 0, iter(places)
    for part in parts:
        place = next(rest) if isinstance(part, Span) else None
        if place and place.span.floats:
            sides = (_span_at(read, number - 1), _span_at(read, number))
            found.append(Floating(place.span, place.start, *sides))
        else:
            number += 1
    return found


def _span_at(parts: list[str | Span], number: int) -> Span | None:
    part = parts[number] if 0 <= number < len(parts) else ""
    return part if isinstance(part, Span) else None
