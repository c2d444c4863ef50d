"""HTML: paragraphs, headings, cells and other blocks are texts, and so are some attributes.

Attributes are alt, title and placeholder, and the description of a page. Scripts, styles, code,
comments and what says translate="no" are kept. A tokenizer of our own, by the rules of the standard
(https://html.spec.whatwg.org/multipage/parsing.html), finds where each tag stands: no library
writes a page back to the byte.
"""

import codecs
import html
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from translator.documents.direction import Direction
from translator.documents.inline import Around, Element, Mark, Part, Text, paragraph
from translator.documents.markup import PLACEHOLDERS, marked
from translator.documents.segments import Segment, join, line_by_line, verbatim
from translator.errors import DataError
from translator.files import encoding_of
from translator.text.languages import with_territory

_ATTRIBUTE = r"[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+|(?=>)))?+"
_TOKEN = re.compile(
    r"(?P<comment><!--(?:-?>|.*?(?:--!?>|\Z))|<!\[CDATA\[.*?(?:\]\]>|\Z)"
    r"|<\?(?:php|=).*?(?:\?>|\Z)|<%.*?(?:%>|\Z)|<(?:[!?]|/(?![A-Za-z]))[^>]*+(?:>|\Z))"
    rf"|<(?P<slash>/?)(?P<name>[A-Za-z][^\s/>]*+)(?:[\s/]++|{_ATTRIBUTE})*+>"
    r"|(?P<cut><[A-Za-z/].*\Z)",
    re.DOTALL,
)
_ATTRIBUTES = re.compile(
    r"(?<=[\s/\"'])(?P<name>[^\s/>=][^\s/>=]*+)"
    r"(?:\s*+=\s*+(?:\"(?P<double>[^\"]*+)\"|'(?P<single>[^']*+)'|(?P<bare>[^\s>\"'][^\s>]*+)))?+"
)
_DECLARED = [
    re.compile(rb"<meta[^>]+?charset\s*=\s*[\"']?\s*([A-Za-z][\w.:-]*)", re.IGNORECASE),
    re.compile(rb"^\s*<\?xml[^>]+?encoding\s*=\s*[\"']([A-Za-z][\w.:-]*)"),
]
_DECLARED_WITHIN = 1024  # bytes
_MEANT = {  # what browsers read where a page declares the first ones (https://encoding.spec.whatwg.org)
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
_SPACES = re.compile(r"[ \t\n\f\r]+")
_SPACE = " \t\n\f\r"
_TEMPLATE = re.compile(  # its code is no HTML: {% if a > b %}; a < that begins a tag is in none
    r"(\{\{(?:[^{}<]|<(?![A-Za-z/!?])){0,200}\}\}|\{%(?:[^<]|<(?![A-Za-z/!?])){0,200}?%\})"
)

_INLINE = frozenset(
    """a abbr acronym b bdi bdo big cite data del dfn em font i ins label mark nobr output picture q
    ruby s small span strike strong sub sup time tt u""".split()
)
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_IN_LINES = frozenset("br embed img input source wbr".split())  # of the void ones
_CODE = frozenset("code kbd samp var".split())
_UNREAD = frozenset(  # rp and rt say how a word beside them is pronounced
    "iframe math noembed noframes object rp rt script style svg textarea xmp".split()
)
_RAW = frozenset(
    "iframe noembed noframes script style textarea title xmp".split()
)  # no tags within
_WITH_TEXT = {"alt", "title", "placeholder"}  # attributes
_PLACEHOLDERS = re.compile(PLACEHOLDERS)
_MAX_DEPTH = 50  # elements of a line within one another; deeper ones are marks


class _Tag(NamedTuple):
    """A tag, or a comment, which has no name; an element that is kept is one with its end."""

    start: int
    end: int
    name: str = ""
    closes: bool = False
    attributes: tuple[re.Match[str], ...] = ()
    reads: str = ""  # an element that is kept

    def says(self, name: str) -> str:
        """The value of an attribute."""
        found = (each for each in self.attributes if each["name"].lower() == name)
        return next((_value(each) for each in found), "")

    @property
    def is_kept(self) -> bool:
        """Whether nothing within is to be translated."""
        named = self.name in _CODE or self.name in _UNREAD or self.name == "pre"
        said = self.says("translate").lower() == "no" or "notranslate" in self.says("class").split()
        return named or said

    @property
    def is_in_lines(self) -> bool:
        """Whether it may stand within a line of text."""
        return not self.name or self.name in _INLINE | _CODE | _UNREAD | _IN_LINES


def decode_html(data: bytes, given: str = "") -> tuple[str, str]:
    """The text of a page, a byte-order mark included, and its encoding.

    That is the `given` one, else what a byte-order mark says, else a <meta> or the XML declaration,
    else UTF-8.
    """
    encoding = encoding_of(data, given)
    head = data[:_DECLARED_WITHIN]
    declared = next(filter(None, (each.search(head) for each in _DECLARED)), None)
    try:
        if declared and not given and encoding == "utf-8" and not data.startswith(codecs.BOM_UTF8):
            encoding = declared[1].decode("ascii")
            with suppress(UnicodeError):
                meant = _MEANT.get(codecs.lookup(encoding).name, encoding)
                return data.decode(meant), meant
        return data.decode(encoding), encoding
    except (UnicodeError, LookupError) as error:
        raise DataError(
            f"no text in {encoding}: {error}",
            'Say its encoding in the page, <meta charset="…">, or give --encoding.',
        ) from None


def html_segments(text: str, direction: Direction | None = None) -> Iterator[Segment]:
    """Segments of a page, or of a part of one; DataError where it says another language."""
    begin = 0
    line: list[_Tag] = []  # of the paragraph that begins at `begin`
    for tag in _elements(text):
        if tag.is_in_lines:
            line.append(tag)
            continue
        if tag.name == "html" and direction:
            direction.check("<html lang>", source=tag.says("lang") or None)
        yield _paragraph(text, begin, tag.start, line)
        yield verbatim(text[tag.start : tag.end]) if tag.reads else _tag(text, tag, direction)
        begin, line = tag.end, []
    yield _paragraph(text, begin, len(text), line)


# --- tags -----------------------------------------------------------------------------------------


def _elements(text: str) -> Iterator[_Tag]:
    """Tags; an element that is kept is one tag that reads as its content, or as a blank."""
    tags = list(_tags(text))
    ends = _ends(tags)
    number = 0
    while number < len(tags):
        tag = tags[number]
        number += 1
        if tag.is_kept and not tag.closes and tag.name not in _VOID:
            end = _end(text, tags, number - 1, ends)
            content = _TOKEN.sub("", text[tag.end : end])
            tag = tag._replace(end=end, reads=_read(content).strip() or " ")
            while number < len(tags) and tags[number].start < end:
                number += 1
        yield tag


def _tags(text: str) -> Iterator[_Tag]:
    position = 0
    while match := _TOKEN.search(text, position):
        position = match.end()
        name = (match["name"] or "").lower()
        found = _ATTRIBUTES.finditer(text, match.end("name"), match.end() - 1) if name else ()
        yield _Tag(match.start(), match.end(), name, match["slash"] == "/", tuple(found))
        if name in _RAW and not match["slash"]:
            closing = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(text, position)
            position = closing.start() if closing else len(text)


def _ends(tags: Sequence[_Tag]) -> dict[int, int]:
    """The numbers of start tags with those of their end tags."""
    ends: dict[int, int] = {}
    opened: dict[str, list[int]] = {}
    for number, tag in enumerate(tags):
        if tag.closes and opened.get(tag.name):
            ends[opened[tag.name].pop()] = number
        elif not tag.closes:
            opened.setdefault(tag.name, []).append(number)
    return ends


def _end(text: str, tags: Sequence[_Tag], number: int, ends: dict[int, int]) -> int:
    """Where an element ends. One without an end tag ends before a block, within a line at once."""
    if number in ends:
        return tags[ends[number]].end
    if tags[number].is_in_lines:
        return len(text) if tags[number].name in _RAW else tags[number].end
    later = (tags[n] for n in range(number + 1, len(tags)))
    return next((tag.start for tag in later if not tag.is_in_lines), len(text))


def _read(text: str) -> str:
    return _outside_templates(html.unescape, _SPACES.sub(" ", text))


def _outside_templates(change: Callable[[str], str], text: str) -> str:
    pieces = enumerate(_TEMPLATE.split(text))
    return "".join(piece if number % 2 else change(piece) for number, piece in pieces)


def _value(attribute: re.Match[str]) -> str:
    value = attribute["double"] or attribute["single"] or attribute["bare"] or ""
    return _outside_templates(html.unescape, value)


def _tag(text: str, tag: _Tag, direction: Direction | None = None) -> Segment:
    """A tag, in which some attributes are texts, and some say the language of the text.

    One around some words of a line says what these are, and stays.
    """
    with_text = set() if tag.name in ("link", "style") else _WITH_TEXT
    if tag.name == "meta" and tag.says("name").lower() == "description":
        with_text = {"content"}
    segments: list[Segment] = []
    position = tag.start
    for attribute in tag.attributes:
        group = attribute.lastgroup or "name"
        if group == "name":
            continue
        if attribute["name"].lower() in with_text:
            segment = _attribute(attribute)
        elif direction and (language := _new_language(tag, attribute, direction)):
            segment = verbatim(language)
        else:
            continue
        segments += [verbatim(text[position : attribute.start(group)]), segment]
        position = attribute.end(group)
    return join([*segments, verbatim(text[position : tag.end])])


def _new_language(tag: _Tag, attribute: re.Match[str], direction: Direction) -> str:
    """What an attribute is to say that says that the text is in the source language."""
    name = attribute["name"].lower()
    if not direction.is_source(_value(attribute)):
        return ""
    if tag.name == "meta" and name == "content":
        if tag.says("property").lower() == "og:locale":
            return with_territory(direction.target).replace("-", "_")
        return direction.target if tag.says("http-equiv").lower() == "content-language" else ""
    return direction.target if name in ("lang", "xml:lang") else ""


def _attribute(attribute: re.Match[str]) -> Segment:
    """The value of an attribute; one without quotes gets them where it changes."""
    group = attribute.lastgroup or ""
    quote = "'" if group == "single" else '"'
    ends = quote * (group == "bare")

    def written(value: str) -> str:
        return ends + _escape(value).replace(quote, "&#39;" if quote == "'" else "&quot;") + ends

    value = line_by_line(_value(attribute), lambda line: marked(line, _PLACEHOLDERS))
    return value.map(written).kept_as(attribute[group])


# --- paragraphs -----------------------------------------------------------------------------------


def _paragraph(text: str, begin: int, end: int, tags: Sequence[_Tag]) -> Segment:
    """The text of a block; the white space around it is kept."""
    raw = text[begin:end]
    before = raw[: len(raw) - len(raw.lstrip(_SPACE))]
    after = raw[len(raw.rstrip(_SPACE)) :] if raw.strip(_SPACE) else ""
    begin, end = begin + len(before), end - len(after)
    whole = paragraph(_parts(text, begin, end, tags), text[begin:end], _escape)
    return join([verbatim(before), whole, verbatim(after)])


def _parts(text: str, begin: int, end: int, tags: Sequence[_Tag]) -> list[Part]:
    """The texts and marks between two places."""
    parts: list[Part] = []
    around: list[tuple[Element, int]] = []  # with the number of parts before it
    pairs = _pairs(tags)
    position = begin
    for tag in [*tags, _Tag(end, end)]:
        elements = tuple(element for element, _ in around)
        if position < tag.start:
            parts.append(Text(_read(text[position : tag.start]), elements))
        position = max(position, tag.end)
        if tag.start not in pairs:
            if tag.name == "br":  # with the line end after it
                position = end - len(text[position:end].lstrip(_SPACE))
            if tag.start < position:
                parts.append(_mark(text, tag, position, elements))
        elif not tag.closes:
            closing = text[pairs[tag.start].start : pairs[tag.start].end]
            around.append((Element(_tag(text, tag), closing), len(parts)))
        else:
            element, first = around.pop()
            parts[first:] = _within(element, parts[first:], elements[:-1])
    return parts


def _within(element: Element, inside: list[Part], around: Around) -> list[Part]:
    """What is inside an element; one without any text is a mark."""
    if any(isinstance(part, Mark) or part.text.strip() for part in inside):
        return inside
    blank = "".join(part.text for part in inside if isinstance(part, Text))
    empty = Mark(join([element.opening, verbatim(blank + element.closing)]), around)
    return [Text(blank, around), empty] if blank else [empty]


def _mark(text: str, tag: _Tag, end: int, around: Around) -> Mark:
    if tag.reads:
        reads = "" if tag.name in _UNREAD else tag.reads.strip()
        return Mark(verbatim(text[tag.start : end]), around, reads)
    written = join([_tag(text, tag), verbatim(text[tag.end : end])])
    return Mark(written, around, breaks=tag.name == "br")


def _pairs(tags: Sequence[_Tag]) -> dict[int, _Tag]:
    """The start tags of a paragraph, by their places, that have end tags there; and these."""
    pairs: dict[int, _Tag] = {}
    opened: list[_Tag] = []
    for tag in tags:
        if tag.name not in _INLINE or tag.reads:
            continue
        if not tag.closes and len(opened) < _MAX_DEPTH:
            opened.append(tag)
        elif tag.closes and any(each.name == tag.name for each in opened):
            while (other := opened.pop()).name != tag.name:
                pass
            pairs[other.start] = pairs[tag.start] = tag
    return pairs


def _escape(text: str) -> str:
    return _outside_templates(_escaped, text)


def _escaped(text: str) -> str:
    return html.escape(text, quote=False).replace("\xa0", "&nbsp;")
