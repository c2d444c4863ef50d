"""Exchange formats of translators, in XML: XLIFF (1.2 and 2.x) and TMX; targets are filled in.

expat finds where each element stands; targets are written there and every other byte is kept. The
whole file is in memory. A document that declares entities is refused, and external ones are never
fetched.
"""

import codecs
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape

from translator.documents.markup import PLACEHOLDERS, TAGS, marked_lines
from translator.documents.segments import Problems, Segment, join, verbatim
from translator.errors import DataError

_MAX_DEPTH = 100  # elements within one another
_DECLARED = re.compile(rb"""<\?xml[^>]*\bencoding=["']([A-Za-z][\w.-]*)["']""")
_TAG = re.compile(rb"""<(?:[^<>"']|"[^"]*"|'[^']*')*>""")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_MARKS = re.compile(  # the content of the first ones is code of another format
    r"(?P<code_stands><(?P<code>bpt|ept|ph|it|ut)\b(?:[^<>\"']|\"[^\"]*\"|'[^']*')*(?<!/)>"
    r".*?</(?P=code)>|<\?.*?\?>)"
    rf"|{TAGS}|{PLACEHOLDERS}",
    re.DOTALL,
)
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


@dataclass
class _Element:
    """Where an element stands in the file, in bytes."""

    tag: str
    attributes: dict[str, str]
    start: int  # of its start tag
    inner: int  # of its content
    line: int
    inner_end: int = 0
    end: int = 0
    children: list["_Element"] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.tag.rpartition(":")[2]

    def child(self, name: str) -> "_Element | None":
        return next((child for child in self.children if child.name == name), None)


@dataclass(frozen=True)
class _Edit:
    """A stretch of the file that a target takes the place of; an empty one to insert it."""

    start: int
    end: int
    source: _Element
    before: str = ""
    after: str = ""


def decode_xml(data: bytes) -> tuple[str, str]:
    """The text of an XML file, a byte-order mark included, and its encoding."""
    if data.startswith(codecs.BOM_UTF16_LE):
        encoding = "utf-16-le"
    elif data.startswith(codecs.BOM_UTF16_BE):
        encoding = "utf-16-be"
    elif declared := _DECLARED.match(data.removeprefix(codecs.BOM_UTF8)):
        encoding = declared[1].decode("ascii")
    else:
        encoding = "utf-8"
    try:
        return data.decode(encoding), encoding
    except (UnicodeDecodeError, LookupError) as error:
        raise DataError(f"no text in {encoding}: {error}", "Correct its XML declaration.") from None


def xliff_segments(text: str, problems: Problems, *, overwrite: bool) -> Iterator[Segment]:
    """A target for each source of an XLIFF document."""
    data = text.encode("utf-8")

    def edit(path: list[_Element]) -> _Edit | None:
        unit = path[-1]
        source, target = unit.child("source"), unit.child("target")
        if source is None or not _is_translatable(path):
            return None
        if target is None:
            behind = unit.child("seg-source") or source
            tag = source.tag.removesuffix("source") + "target"
            return _Edit(
                *(behind.end, behind.end, source),
                before=f"{_white_space_before(data, source.start)}<{tag}>",
                after=f"</{tag}>",
            )
        return _filling(data, target, source, overwrite=overwrite)

    yield from _edited(data, _find_edits(data, ("trans-unit", "segment"), edit))


def tmx_segments(
    text: str, problems: Problems, languages: tuple[str, str], *, overwrite: bool
) -> Iterator[Segment]:
    """A variant in the target language for each unit of a TMX document that has the source's."""
    data = text.encode("utf-8")

    def edit(path: list[_Element]) -> _Edit | None:
        unit = path[-1]
        source, target = (_variant(unit, language) for language in languages)
        segment = source.child("seg") if source else None
        if source is None or segment is None:
            problems.add(f"no text in {languages[0]}, the unit is kept as it is", unit.line)
            return None
        if target is None:
            tag, inner = source.tag, segment.tag
            return _Edit(
                *(source.end, source.end, segment),
                before=f"{_white_space_before(data, source.start)}"
                f'<{tag} xml:lang="{languages[1]}"><{inner}>',
                after=f"</{inner}></{tag}>",
            )
        old = target.child("seg")
        return _filling(data, old, segment, overwrite=overwrite) if old else None

    yield from _edited(data, _find_edits(data, ("tu",), edit))


def _variant(unit: _Element, language: str) -> _Element | None:
    """The variant of a unit in a language: en-US is en, and where pt-BR is asked, pt is not."""
    wanted = re.split("[-_]", language.lower())
    for child in unit.children:
        code = child.attributes.get("xml:lang", child.attributes.get("lang", ""))
        subtags = re.split("[-_]", code.lower())
        if child.name == "tuv" and subtags[: len(wanted)] == wanted:
            return child
    return None


def _is_translatable(path: list[_Element]) -> bool:
    """What the innermost `translate` attribute says."""
    said = [e.attributes["translate"] for e in path if "translate" in e.attributes]
    return not said or said[-1] != "no"


def _filling(data: bytes, target: _Element, source: _Element, *, overwrite: bool) -> _Edit | None:
    """The edit that fills a target; None when it has a translation that stays."""
    if data[target.inner : target.inner_end].strip() and not overwrite:
        return None
    if target.inner < target.end:
        return _Edit(target.inner, target.inner_end, source)
    # <target/>: the tag is opened
    return _Edit(target.end - 2, target.end, source, before=">", after=f"</{target.tag}>")


def _white_space_before(data: bytes, position: int) -> str:
    """The line end and the indentation before an element, to begin another one alike."""
    start = position
    while data[max(0, start - 1) : start].isspace():
        start -= 1
    return data[start:position].decode("utf-8")


def _find_edits(
    data: bytes, units: tuple[str, ...], edit: Callable[[list[_Element]], _Edit | None]
) -> list[_Edit]:
    """The edits of all units in file order; `edit` gets a unit and the elements around it."""
    parser = expat.ParserCreate("utf-8")
    edits: list[_Edit] = []
    path: list[_Element] = []
    in_units = 0  # of the elements in `path`

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal in_units
        begin, line = parser.CurrentByteIndex, parser.CurrentLineNumber
        if len(path) >= _MAX_DEPTH:
            raise DataError(
                f"line {line}: more than {_MAX_DEPTH} elements within one another",
                "No translation memory is nested so deeply: export the file again.",
            )
        match = _TAG.match(data, begin)
        assert match, "expat has seen a tag here"
        path.append(_Element(tag, attributes, begin, match.end(), line))
        in_units += path[-1].name in units

    def end(_: str) -> None:
        nonlocal in_units
        element = path[-1]
        element.inner_end = parser.CurrentByteIndex
        closing = None if data[element.inner - 2 : element.inner] == b"/>" else True
        match = _TAG.match(data, element.inner_end) if closing else None
        element.end = match.end() if match else element.inner
        if element.name in units and (found := edit(path)):
            edits.append(found)
        path.pop()
        in_units -= element.name in units
        if in_units:
            path[-1].children.append(element)

    def refuse_entities(name: str, *_: object) -> None:
        raise DataError(
            f"line {parser.CurrentLineNumber}: the entity {name!r} is declared",
            "Documents that declare entities are not read, since they may be bombs.",
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.EntityDeclHandler = refuse_entities
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise DataError(f"broken XML: {error}", "Check it with an XML editor.") from None
    return edits


def _edited(data: bytes, edits: list[_Edit]) -> Iterator[Segment]:
    position = 0
    for edit in edits:
        yield verbatim(data[position : edit.start].decode("utf-8"))
        source = data[edit.source.inner : edit.source.inner_end].decode("utf-8")
        yield join([verbatim(edit.before), _translated(source), verbatim(edit.after)])
        position = edit.end
    yield verbatim(data[position:].decode("utf-8"))


def _translated(source: str) -> Segment:
    """The content of a source element as that of a target: with its tags and entities."""
    content = _CDATA.sub(lambda match: escape(match[1]), source)
    return marked_lines(content, _MARKS, _as_xml, html.unescape)


def _as_xml(translation: str, _: str) -> str:
    return escape(_NOT_XML.sub(" ", translation))
