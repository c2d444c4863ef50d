"""Exchange formats of translators, in XML: what XLIFF and TMX share, and TMX.

expat finds where each element stands; targets are written there and every other byte is kept. The
whole file is in memory. A document that declares entities is refused, and external ones are never
fetched.
"""

import codecs
import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape

from translator.documents.direction import Direction
from translator.documents.markup import PLACEHOLDERS, TAGS, marked_lines
from translator.documents.segments import Problems, Segment, join, verbatim
from translator.errors import DataError
from translator.files import encoding_of
from translator.text.languages import is_language

Visit = Callable[["list[XmlElement]"], Iterable["XmlEdit"]]  # an element, last, and what it is in

_MAX_DEPTH = 100  # elements within one another
_DECLARED = re.compile(rb"""<\?xml[^>]*\bencoding=["']([A-Za-z][\w.-]*)["']""")
_TAG = re.compile(rb"""<(?:[^<>"']|"[^"]*"|'[^']*')*>""")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_IN_TAG = r"(?:[^<>\"']|\"[^\"]*\"|'[^']*')*"
_MARKS = re.compile(  # the content of bpt, ept, ph, it and ut is code of another format
    rf"(?P<code_opens><bpt\b{_IN_TAG}(?:(?<=/)>|(?<!/)>.*?</bpt>)|<(?:bx|sc)\b{_IN_TAG}/>)"
    rf"|(?P<code_closes><ept\b{_IN_TAG}(?:(?<=/)>|(?<!/)>.*?</ept>)|<(?:ex|ec)\b{_IN_TAG}/>)"
    rf"|(?P<code_stands><(?P<code>ph|it|ut)\b{_IN_TAG}(?<!/)>.*?</(?P=code)>|<\?.*?\?>)"
    r"|(?P<kept_stands><mrk\b[^<>]*\s(?:mtype=[\"']protected|(?:its:)?translate=[\"']no)[\"']"
    r"[^<>]*(?<!/)>.*?</mrk>)"
    rf"|{TAGS}|{PLACEHOLDERS}",
    re.DOTALL,
)
_NO_CHARACTER = re.compile(rb"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));|[\x00-\x08\x0b\x0c\x0e-\x1f]")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


@dataclass
class XmlElement:
    """Where an element stands in the file, in bytes."""

    tag: str
    attributes: dict[str, str]
    start: int  # of its start tag
    inner: int  # of its content
    line: int
    inner_end: int = 0
    end: int = 0
    children: list["XmlElement"] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.tag.rpartition(":")[2]

    def child(self, name: str) -> "XmlElement | None":
        return next((child for child in self.children if child.name == name), None)

    def descendants(self, name: str) -> "Iterator[XmlElement]":
        """The elements of a name in this one, the outer ones where they are nested."""
        for child in self.children:
            if child.name == name:
                yield child
            else:
                yield from child.descendants(name)


@dataclass(frozen=True)
class XmlEdit:
    """What takes the place of a stretch of the file: text, and between it a translation."""

    start: int
    end: int
    before: str = ""
    source: tuple[int, int] | None = None  # the stretch that is translated
    after: str = ""


def decode_xml(data: bytes, given: str = "") -> tuple[str, str]:
    """The text of an XML file, a byte-order mark included, and its encoding.

    That is the `given` one, else what a byte-order mark says, else the XML declaration.
    """
    encoding = encoding_of(data, given)
    declared = _DECLARED.match(data.removeprefix(codecs.BOM_UTF8))
    if declared and not given and encoding == "utf-8":
        encoding = declared[1].decode("ascii")
    try:
        return data.decode(encoding), encoding
    except (UnicodeError, LookupError) as error:
        raise DataError(
            f"no text in {encoding}: {error}", "Correct its XML declaration, or give --encoding."
        ) from None


def tmx_segments(
    text: str, problems: Problems, direction: Direction, *, overwrite: bool
) -> Iterator[Segment]:
    """A variant in the target language for each unit of a TMX document that has the source's.

    DataError where none has it.
    """
    data = text.encode("utf-8")
    languages: set[str] = set()
    sources = 0

    def fill(path: list[XmlElement]) -> Iterator[XmlEdit]:
        nonlocal sources
        unit = path[-1]
        languages.update(map(_language, unit.children))
        source, target = _variant(unit, direction.source), _variant(unit, direction.target)
        segment = source.child("seg") if source else None
        if source is None or segment is None:
            problems.add(f"no text in {direction.source}, the unit is kept as it is", unit.line)
            return
        sources += 1
        old = target.child("seg") if target else None
        if old and (overwrite or is_blank(data, old)):
            start, end, before, after = place_in(old)
            yield XmlEdit(start, end, before, (segment.inner, segment.inner_end), after)
        elif target is None:
            tag, inner = source.tag, segment.tag
            yield XmlEdit(
                *(source.end, source.end),
                before=f"{white_space_before(data, source.start)}"
                f'<{tag} xml:lang="{direction.target}"><{inner}>',
                source=(segment.inner, segment.inner_end),
                after=f"</{inner}></{tag}>",
            )

    edits = find_edits(data, "tmx", {"tu": fill})
    if languages and not sources:
        raise DataError(
            f"no text in {direction.source!r}, only in {', '.join(sorted(languages))}",
            "Take a run that translates from one of these.",
        )
    yield from edited(data, edits)


def _language(variant: XmlElement) -> str:
    return variant.attributes.get("xml:lang", variant.attributes.get("lang", ""))


def _variant(unit: XmlElement, language: str) -> XmlElement | None:
    """The variant of a unit in a language: en-US is en, and where pt-BR is asked, pt is not."""
    variants = (child for child in unit.children if child.name == "tuv")
    return next((each for each in variants if is_language(_language(each), language)), None)


# --- what stands where, and what takes its place --------------------------------------------------


def is_blank(data: bytes, element: XmlElement) -> bool:
    """Whether an element has no content."""
    return not data[element.inner : element.inner_end].strip()


def place_in(element: XmlElement) -> tuple[int, int, str, str]:
    """Where the content of an element stands, and what opens and closes it where it is `<x/>`."""
    if element.inner < element.end:
        return element.inner, element.inner_end, "", ""
    return element.end - 2, element.end, ">", f"</{element.tag}>"


def attribute_edit(
    data: bytes, element: XmlElement, name: str, value: str, *, behind: str = ""
) -> XmlEdit:
    """The edit that sets an attribute, a new one behind another that is there."""
    tag = data[element.start : element.inner].decode("utf-8")
    found = re.search(rf"""\s{name if name in element.attributes else behind}\s*=\s*(["'])""", tag)
    assert found, "expat has seen the attribute here"
    end = tag.index(found[1], found.end())
    places = (len(tag[:n].encode("utf-8")) + element.start for n in (found.end(), end, end + 1))
    inner, inner_end, outer_end = places
    if name in element.attributes:
        return XmlEdit(inner, inner_end, value)
    return XmlEdit(outer_end, outer_end, f' {name}="{value}"')


def white_space_before(data: bytes, position: int) -> str:
    """The line end and the indentation before an element, to begin another one alike."""
    start = position
    while data[max(0, start - 1) : start].isspace():
        start -= 1
    return data[start:position].decode("utf-8")


def find_edits(
    data: bytes, root: str, units: Mapping[str, Visit], around: Mapping[str, Visit] | None = None
) -> list[XmlEdit]:
    """The edits of a document in file order; DataError for one of another `root` element.

    Each visitor gets an element of its name, when it has ended, with those that it is in before
    it. A unit has its children; the elements `around` units have none, since they may hold all of
    the file.
    """
    scanner = _Scanner(data, root, units, around or {})
    try:
        scanner.parser.Parse(_NO_CHARACTER.sub(_mask, data), True)
    except expat.ExpatError as error:
        raise DataError(f"broken XML: {error}", "Check it with an XML editor.") from None
    return sorted(scanner.edits, key=lambda edit: edit.start)


def _mask(match: re.Match[bytes]) -> bytes:
    """As many bytes in place of what is no character of XML, or says that it is one."""
    if match[1] or match[2]:
        code = int(match[1], 16) if match[1] else int(match[2])
        if code < 0x110000 and not _NOT_XML.match(chr(code)):
            return match[0]
    return b" " * len(match[0])


class _Scanner:
    """What expat tells of a document → the edits that its visitors want."""

    def __init__(
        self, data: bytes, root: str, units: Mapping[str, Visit], around: Mapping[str, Visit]
    ) -> None:
        self.edits: list[XmlEdit] = []
        self.parser = expat.ParserCreate("utf-8")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.EntityDeclHandler = self._refuse_entity
        self._data, self._root = data, root
        self._units, self._visitors = units, {**around, **units}
        self._path: list[XmlElement] = []
        self._in_units = 0  # of the elements in the path

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        begin, line = self.parser.CurrentByteIndex, self.parser.CurrentLineNumber
        if len(self._path) >= _MAX_DEPTH:
            raise DataError(
                f"line {line}: more than {_MAX_DEPTH} elements within one another",
                "No translation memory is nested so deeply: export the file again.",
            )
        match = _TAG.match(self._data, begin)
        assert match, "expat has seen a tag here"
        self._path.append(XmlElement(tag, attributes, begin, match.end(), line))
        if len(self._path) == 1 and self._path[0].name != self._root:
            raise DataError(
                f"line {line}: the document is <{tag}>, not <{self._root}>",
                "Export it again, or name its --format.",
            )
        self._in_units += self._path[-1].name in self._units

    def _end(self, _: str) -> None:
        element = self._path[-1]
        if self._data[element.inner - 2 : element.inner] == b"/>":
            element.inner_end = element.end = element.inner
        else:
            element.inner_end = self.parser.CurrentByteIndex
            closing = _TAG.match(self._data, element.inner_end)
            assert closing, "expat has seen a tag here"
            element.end = closing.end()
        if visit := self._visitors.get(element.name):
            self.edits += visit(self._path)
        self._path.pop()
        self._in_units -= element.name in self._units
        if self._in_units:
            self._path[-1].children.append(element)

    def _refuse_entity(self, name: str, *_: object) -> None:
        raise DataError(
            f"line {self.parser.CurrentLineNumber}: the entity {name!r} is declared",
            "Documents that declare entities are not read, since they may be bombs.",
        )


def edited(data: bytes, edits: Iterable[XmlEdit]) -> Iterator[Segment]:
    """The document with its edits, one segment for each of them."""
    position = 0
    for edit in edits:
        yield verbatim(data[position : edit.start].decode("utf-8"))
        start, end = edit.source or (0, 0)
        source = data[start:end].decode("utf-8")
        yield join([verbatim(edit.before), _translated(source), verbatim(edit.after)])
        position = edit.end
    yield verbatim(data[position:].decode("utf-8"))


def _translated(source: str) -> Segment:
    """The content of a source element as that of a target: with its tags and entities."""
    content = _CDATA.sub(lambda match: escape(match[1]), source)
    return marked_lines(content, _MARKS, _as_xml, html.unescape)


def _as_xml(translation: str, _: str) -> str:
    return escape(_NOT_XML.sub(" ", translation))
