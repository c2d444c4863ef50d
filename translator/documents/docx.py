"""Word documents (.docx): each paragraph is a text, of the body, tables, notes, headers, footers.

Formats and links follow their words. What is tracked as inserted is text like any other, what is
tracked as deleted stays, as do comments, fields, formulas and pictures, where they were in
proportion. (ECMA-376, Part 1, chapter 17.)
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from translator.documents.direction import Direction
from translator.documents.inline import Around, Element, Mark, Part, Text, paragraph
from translator.documents.package import (
    Node,
    Package,
    as_xml,
    parse,
    text_of,
    with_paragraphs,
)
from translator.documents.segments import Segment, join, verbatim
from translator.text.languages import with_territory

_TEXTS = re.compile(r"word/(?:(?:document|header|footer|footnotes|endnotes)\d*|styles)\.xml")
_STYLES = re.compile(rb"<w:styles[\s>]")  # they have no texts, but a language
_LANGUAGE = re.compile(rb'(<w:lang\b[^>]*?\sw:val=")([\w-]+)')  # of the words of a format
_PREFIXES = {
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main": "w",
    "http://purl.oclc.org/ooxml/wordprocessingml/main": "w",
}
_CONTAINERS = frozenset(
    "w:hyperlink w:ins w:moveTo w:smartTag w:customXml w:dir w:bdo w:fldSimple w:sdt".split()
)
_PROPERTIES = ("w:smartTagPr", "w:customXmlPr", "w:sdtPr", "w:sdtEndPr")
_BREAKS = ("w:tab", "w:br", "w:cr", "w:ptab")
_SIGNS = {"w:noBreakHyphen": "\u2011", "w:softHyphen": ""}
_UNSEEN = re.compile(rb"<w:(?:lang|noProof)\b[^>]*/>")  # of a format
_SPACES = re.compile(r"[\t\r\n]+")


def docx_package(data: bytes) -> Package:
    """A Word document; DataError when it is none."""
    return Package(data, _TEXTS.fullmatch, "Word (.docx)")


def docx_segments(data: bytes, direction: Direction) -> Iterator[Segment]:
    """Segments of a part of a Word document, whose words are checked in their new language."""
    language = with_territory(direction.target).encode()

    def replaced(stated: re.Match[bytes]) -> bytes:
        return stated[1] + (language if direction.is_source(stated[2].decode()) else stated[2])

    data = _LANGUAGE.sub(replaced, data)
    if _STYLES.search(data):
        yield verbatim(data.decode("utf-8"))
    else:
        yield from _segments(data, parse(data, _PREFIXES))


def _segments(data: bytes, node: Node) -> Iterator[Segment]:
    return with_paragraphs(data, node, {"w:p": _paragraph}, kept=("w:del", "w:moveFrom"))


def _paragraph(data: bytes, node: Node) -> Segment:
    properties = node.child("w:pPr")
    begin = properties.end if properties else node.inner
    reader = _ParagraphReader(data)
    reader.read([child for child in node.children if child.start >= begin], ())
    before = verbatim(data[node.inner : begin].decode("utf-8"))
    raw = data[begin : node.inner_end].decode("utf-8")
    return join([before, paragraph(list(_fields(reader.parts)), raw, as_xml)])


class _Coded(NamedTuple):
    """A part, and what it says of a field: begin, separate or end, or its code."""

    part: Part
    says: str = ""


def _fields(parts: Sequence[_Coded]) -> list[Part]:
    """Parts, where a field that begins and ends among them is a link around its text, or a mark."""
    found: list[_Coded] = []
    begun: list[int] = []  # places in `found`
    for part in parts:
        found.append(part)
        if part.says == "begin":
            begun.append(len(found) - 1)
        elif part.says == "end" and begun:
            begin = begun.pop()
            found[begin:] = _field(found[begin:])
    return [each.part for each in found]


def _field(parts: list[_Coded]) -> list[_Coded]:
    outer = parts[0].part.around
    says = [each.says for each in parts]
    begin = says.index("separate") if "separate" in says else len(parts) - 1
    inside = parts[begin + 1 : -1]
    marks = [each.part for each in (*parts[: begin + 1], parts[-1]) if isinstance(each.part, Mark)]
    if any(mark.around != outer for mark in marks) or any(
        each.part.around[: len(outer)] != outer for each in inside
    ):
        return parts
    if "".join(says[1:begin]).split()[:1] == ["HYPERLINK"]:
        opening, closing = join(mark.written for mark in marks[:-1]), marks[-1].written
        link = Element(opening, closing.put_back(str))
        return [_Coded(_inside(each.part, link, len(outer))) for each in inside]
    reads = "".join(each.part.text for each in inside if isinstance(each.part, Text))
    written = join(_as_it_is(each.part, len(outer)) for each in parts)
    return [_Coded(Mark(written, outer, reads.strip()))]


def _inside(part: Part, element: Element, depth: int) -> Part:
    return part._replace(around=(*part.around[:depth], element, *part.around[depth:]))


def _as_it_is(part: Part, depth: int) -> Segment:
    """A part that is not translated, within its elements from a depth on."""
    inner = verbatim(as_xml(part.text)) if isinstance(part, Text) else part.written
    elements = part.around[depth:]
    ends = (verbatim(element.closing) for element in reversed(elements))
    return join([*(element.opening for element in elements), inner, *ends])


class _ParagraphReader:
    """The parts of a paragraph, as they are found."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._formats: dict[tuple[Around, bytes], Element] = {}
        self.parts: list[_Coded] = []

    def read(self, nodes: Sequence[Node], around: Around) -> None:
        """Take the elements of a paragraph in their order."""
        for node in nodes:
            code = node.attributes.get("w:instr", "").split()
            if node.name == "w:r":
                self._read_run(node, around)
            elif node.name in _CONTAINERS and (not code or code[0] == "HYPERLINK"):
                self._read_container(node, around)
            else:
                self._add(Mark(self._held(node), around, self._text(node) if code else ""))

    def _read_container(self, node: Node, around: Around) -> None:
        inner = node.child("w:sdtContent") or node
        properties = [child.end for child in inner.children if child.name in _PROPERTIES]
        begin = max([inner.inner, *properties])
        element = Element(
            verbatim(self._slice(node.start, begin)), self._slice(inner.inner_end, node.end)
        )
        inside = [child for child in inner.children if child.start >= begin]
        if any(self._text(child).strip() for child in inside):
            self.read(inside, (*around, element))
        else:
            self._add(Mark(self._held(node), around))

    def _read_run(self, node: Node, around: Around) -> None:
        properties = node.child("w:rPr")
        begin = properties.end if properties else node.inner
        opening = self._slice(node.start, begin)
        closing = self._slice(node.inner_end, node.end)
        for child in node.children:
            if child.start < begin:
                continue
            if child.name == "w:t" or child.name in _SIGNS:
                text = _SIGNS.get(child.name, _SPACES.sub(" ", self._text(child)))
                element = self._format(around, node, begin)
                self._add(Text(text, (*around, element)))
            elif base := child.child("w:rubyBase"):  # words, and how they are pronounced
                inner = verbatim(opening + self._slice(child.start, base.inner))
                element = Element(inner, self._slice(base.inner_end, child.end) + closing)
                self.read(base.children, (*around, element))
            else:
                written = join([verbatim(opening), self._held(child), verbatim(closing)])
                mark = Mark(written, around, breaks=child.name in _BREAKS)
                self._add(mark, self._says(child))

    def _format(self, around: Around, run: Node, begin: int) -> Element:
        """The format of a run, the same for all runs that look alike."""
        look = _UNSEEN.sub(b"", self._data[run.inner : begin])
        key = around, look.replace(b"<w:rPr></w:rPr>", b"")
        if key not in self._formats:
            opening = self._slice(run.start, begin)
            prefix = opening[1 : opening.index(":") + 1] if ":" in opening.split()[0] else ""
            self._formats[key] = Element(
                verbatim(f'{opening}<{prefix}t xml:space="preserve">'),
                f"</{prefix}t>{self._slice(run.inner_end, run.end)}",
            )
        return self._formats[key]

    def _says(self, node: Node) -> str:
        if node.name == "w:instrText":
            return text_of(self._data, node.inner, node.inner_end)
        return node.attributes.get("w:fldCharType", "") if node.name == "w:fldChar" else ""

    def _held(self, node: Node) -> Segment:
        """What stays as it is but for the paragraphs within it, as of a text box."""
        return join(_segments(self._data, node))

    def _text(self, node: Node) -> str:
        """The text of a line within an element."""
        if node.name == "w:t":
            return text_of(self._data, node.inner, node.inner_end)
        within = node.name in ("w:r", "w:sdtContent") or node.name in _CONTAINERS
        return "".join(map(self._text, node.children)) if within else ""

    def _slice(self, start: int, end: int) -> str:
        return self._data[start:end].decode("utf-8")

    def _add(self, part: Part, says: str = "") -> None:
        self.parts.append(_Coded(part, says))
