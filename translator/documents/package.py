"""Documents that are a zip of XML, as Word and OpenDocument write them: only texts' parts change.

While such a document is translated, its parts with texts are written one after another, after each
a NUL, which no XML has; so blocks and resuming are those of all documents. `pack` makes the zip.
expat finds where each element stands, and every other byte of a part is kept.
"""

import html
import io
import lzma
import re
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape

from translator.documents.exchange import decode_xml
from translator.documents.segments import Segment, verbatim
from translator.errors import DataError

_MAX_DEPTH = 200  # elements within one another
_MAX_BYTES = 2**28  # of the parts with texts, unpacked
_AFTER_PART = "\0"
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_NO_TEXT = re.compile(r"<!--.*?-->|<\?.*?\?>|<[^<>]*>", re.DOTALL)
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_TAG = re.compile(rb"""<(?:[^<>"']|"[^"]*"|'[^']*')*>""")
_MAX_BYTES_OF_ALL = 2**32
_DAMAGES = (  # as zipfile says them; RuntimeError: a password is needed
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(ValueError, OverflowError, NotImplementedError, RuntimeError),
)


@dataclass
class Node:
    """An element and where it stands, in bytes; names have the prefix that is usual for them."""

    name: str
    attributes: dict[str, str]
    start: int  # of its start tag
    inner: int = 0  # of its content
    inner_end: int = 0
    end: int = 0
    children: list["Node"] = field(default_factory=list)

    def child(self, name: str) -> "Node | None":
        """The first child of this name."""
        return next((child for child in self.children if child.name == name), None)


class Package:
    """A zip and its parts with texts, which are those whose names match.

    DataError for bytes that are no zip, or a zip without such parts.
    """

    def __init__(self, data: bytes, is_text: Callable[[str], object], kind: str) -> None:
        self._kind = kind
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            self._parts = [each for each in self._zip.infolist() if is_text(each.filename)]
            self._check_sizes()
            damaged = self._zip.testzip()  # else it would be found when all is translated
        except _DAMAGES as error:
            raise self._damaged(f"{error}") from None
        if damaged or not self._parts:
            raise self._damaged(damaged or "the part with its text is missing")

    def _check_sizes(self) -> None:
        texts, whole = (sum(e.file_size for e in es) for es in (self._parts, self._zip.infolist()))
        if texts > _MAX_BYTES or whole > _MAX_BYTES_OF_ALL:
            raise DataError(
                f"unpacked, its text has {texts:,} bytes, and all of it {whole:,}",
                f"At most {_MAX_BYTES:,} and {_MAX_BYTES_OF_ALL:,} are read: cut it into several.",
            )

    def segments(self, read: Callable[[bytes], Iterator[Segment]]) -> Iterator[Segment]:
        """The segments of all parts, where `read` gives those of one."""
        for info in self._parts:
            text, _ = self._decoded(info)
            try:
                yield from read(text.encode("utf-8"))
            except expat.ExpatError as error:
                raise self._damaged(f"{info.filename}, broken XML: {error}") from None
            yield verbatim(_AFTER_PART)

    def pack(self, translated: bytes) -> bytes:
        """The zip with the parts as `translated`; all others are as they were."""
        texts = translated.decode("utf-8").split(_AFTER_PART)
        parts = dict(zip(map(id, self._parts), texts, strict=False))
        packed = io.BytesIO()
        try:
            with zipfile.ZipFile(packed, "w") as output:
                output.comment = self._zip.comment
                for info in self._zip.infolist():
                    if (text := parts.get(id(info))) is not None:
                        _, encoding = self._decoded(info)
                        output.writestr(copy(info), text.encode(encoding, "xmlcharrefreplace"))
                    else:
                        with self._zip.open(info) as old, output.open(copy(info), "w") as new:
                            shutil.copyfileobj(old, new)
        except _DAMAGES as error:
            raise self._damaged(f"{error}") from None
        return packed.getvalue()

    def _decoded(self, info: zipfile.ZipInfo) -> tuple[str, str]:
        try:
            return decode_xml(self._zip.read(info))
        except _DAMAGES as error:
            raise self._damaged(f"{info.filename}, {error}") from None

    def _damaged(self, why: str) -> DataError:
        hint = (
            f"Open it in an office program and save it again as {self._kind}, without a password."
        )
        return DataError(f"this is no {self._kind} document, or a damaged one: {why}", hint)


def parse(data: bytes, prefixes: Mapping[str, str]) -> Node:
    """The tree of an XML document; `prefixes` are the usual ones of namespaces.

    ExpatError for broken XML; DataError for entities that it declares, and endless nesting.
    """
    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    root = Node("", {}, 0)
    path = [root]

    def usual(name: str) -> str:
        namespace, _, local = name.rpartition(" ")
        return f"{prefixes.get(namespace, '?')}:{local}" if namespace else local

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(path) > _MAX_DEPTH:
            raise DataError(
                f"more than {_MAX_DEPTH} elements within one another",
                "No document is nested so deeply: save it again.",
            )
        begin = parser.CurrentByteIndex
        tag = _TAG.match(data, begin)
        assert tag, "expat has seen a tag here"
        named = {usual(each): value for each, value in attributes.items()}
        node = Node(usual(name), named, begin, inner=tag.end())
        path[-1].children.append(node)
        path.append(node)

    def end(_: str) -> None:
        node = path.pop()
        is_empty = data[node.inner - 2 : node.inner] == b"/>"
        node.inner_end = node.inner if is_empty else parser.CurrentByteIndex
        node.end = node.inner if is_empty else data.index(b">", node.inner_end) + 1

    def refuse_entities(name: str, *_: object) -> None:
        raise DataError(
            f"the entity {name!r} is declared",
            "Documents that declare entities are not read, since they may be bombs.",
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.EntityDeclHandler = refuse_entities
    parser.Parse(data, True)
    root.end = root.inner_end = len(data)
    return root


def with_paragraphs(
    data: bytes,
    node: Node,
    paragraphs: Mapping[str, Callable[[bytes, Node], Segment]],
    kept: Sequence[str] = (),
) -> Iterator[Segment]:
    """The segments of an element: its outermost paragraphs, and all between them as it is.

    `paragraphs` has what makes a segment of the content of each kind; what is within elements that
    are `kept` is none.
    """
    position = node.start
    for found in _paragraphs(node, paragraphs, kept):
        yield verbatim(data[position : found.inner].decode("utf-8"))
        yield paragraphs[found.name](data, found)
        position = found.inner_end
    yield verbatim(data[position : node.end].decode("utf-8"))


def _paragraphs(node: Node, names: Mapping[str, object], kept: Sequence[str]) -> Iterator[Node]:
    for child in node.children if node.name not in kept else ():
        if child.name in names:
            yield child
        else:
            yield from _paragraphs(child, names, kept)


def text_of(data: bytes, start: int, end: int) -> str:
    """The text of a stretch of XML, tags, comments and instructions left out."""
    raw = _CDATA.sub(lambda match: escape(match[1]), data[start:end].decode("utf-8"))
    return html.unescape(_NO_TEXT.sub("", raw))


def as_xml(text: str) -> str:
    """A text as XML has it."""
    return escape(_NOT_XML.sub(" ", text))
