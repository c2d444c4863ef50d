"""OpenDocument texts (.odt): each paragraph and heading is a text, of the body and page styles.

Spans and links follow their words. Notes and text boxes within a paragraph are texts of their own;
comments, deleted text and fields stay. (OASIS OpenDocument 1.3, Part 3, chapters 5 to 7.)
"""

import re
from collections.abc import Iterator, Sequence

from translator.documents.direction import Direction
from translator.documents.inline import Around, Element, Mark, Part, Text, paragraph
from translator.documents.package import Node, Package, as_xml, parse, text_of, with_paragraphs
from translator.documents.segments import Segment, join, verbatim
from translator.text.languages import with_territory

_TEXTS = re.compile(r"(?:content|styles)\.xml")
_LANGUAGE = re.compile(rb'(\sfo:language=")(\w+)(")(?:(\sfo:country=")\w*")?')  # of a style's words
_PREFIXES = {
    f"urn:oasis:names:tc:opendocument:xmlns:{name}:1.0": prefix
    for name, prefix in (("text", "text"), ("office", "office"), ("drawing", "draw"))
}
_KEPT = ("text:tracked-changes", "office:annotation")
_CONTAINERS = ("text:span", "text:a", "text:meta", "text:ruby", "text:ruby-base")
_BREAKS = ("text:line-break", "text:tab")
_SPACES = re.compile(r"[ \t\r\n]+")


def odt_package(data: bytes) -> Package:
    """An OpenDocument text; DataError when it is none."""
    return Package(data, _TEXTS.fullmatch, "OpenDocument (.odt)")


def odt_segments(data: bytes, direction: Direction) -> Iterator[Segment]:
    """Segments of a part of an OpenDocument text, whose words are checked in their new language."""
    language, *others = with_territory(direction.target).encode().split(b"-")
    country = others[-1] if others else b"none"

    def replaced(stated: re.Match[bytes]) -> bytes:
        if not direction.is_source(stated[2].decode()):
            return stated[0]
        where = stated[4] + country + b'"' if stated[4] else b""
        return stated[1] + language + stated[3] + where

    data = _LANGUAGE.sub(replaced, data)
    yield from _segments(data, parse(data, _PREFIXES))


def _segments(data: bytes, node: Node) -> Iterator[Segment]:
    return with_paragraphs(data, node, {"text:p": _paragraph, "text:h": _paragraph}, _KEPT)


def _paragraph(data: bytes, node: Node) -> Segment:
    raw = data[node.inner : node.inner_end].decode("utf-8")
    return paragraph(_parts(data, node, ()), raw, as_xml)


def _parts(data: bytes, node: Node, around: Around) -> list[Part]:
    """The texts and marks within an element."""
    parts: list[Part] = []
    position = node.inner
    for child in [*node.children, Node("", {}, node.inner_end)]:
        text = _SPACES.sub(" ", text_of(data, position, child.start))
        parts += [Text(text, around)] * bool(text)
        position = child.end
        if child.name in _CONTAINERS:
            parts += _container(data, child, around)
        elif child.name == "text:s" and child.attributes.get("text:c", "1") == "1":
            parts.append(Text(" ", around))
        elif child.name:
            parts.append(_mark(data, child, around))
    return parts


def _container(data: bytes, node: Node, around: Around) -> Sequence[Part]:
    opening = verbatim(data[node.start : node.inner].decode("utf-8"))
    element = Element(opening, data[node.inner_end : node.end].decode("utf-8"))
    inside = _parts(data, node, (*around, element))
    return inside or [Mark(verbatim(data[node.start : node.end].decode("utf-8")), around)]


def _mark(data: bytes, node: Node, around: Around) -> Mark:
    """What stays as it is but for the paragraphs within; a field reads as its text."""
    breaks = node.name in _BREAKS or node.name == "text:s"
    is_said = node.name == "text:ruby-text"  # how a word beside it is pronounced
    is_field = (
        node.name.startswith("text:")
        and not is_said
        and not any(child.name.startswith(("text:", "draw:", "office:")) for child in node.children)
    )
    reads = text_of(data, node.inner, node.inner_end) if is_field else ""
    return Mark(join(_segments(data, node)), around, reads.strip(), breaks)
