"""XML files → elements, one at a time, and nothing that could be a bomb or steal a file.

expat, in Python's standard library, is fed block by block, so that only the element at hand is in
memory. It fetches nothing; entities, which could multiply without end, are refused as they appear.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from translator.data.readers.files import open_unpacked
from translator.errors import DataError

_BLOCK = 1 << 16  # bytes
_DEEPEST = 100  # elements within one another


def elements(
    file: Path, root: str, whole: Collection[str], opening: Collection[str] = ()
) -> Iterator[Element]:
    """Yield the elements of some names `whole`, and the bare tag of the `opening` ones.

    Names come without their namespace prefix. Raises DataError for broken XML, another root, and
    entities.
    """
    collector = _Collector(file, root, whole, opening)
    parser = collector.parser
    try:
        with open_unpacked(file, lambda: f"line {parser.CurrentLineNumber}") as stream:
            while block := stream.read1(_BLOCK):
                parser.Parse(block, False)
                yield from collector.take()
            parser.Parse(b"", True)
            yield from collector.take()
    except expat.ExpatError as error:
        raise DataError(
            f"{file}, line {error.lineno}: broken XML ({expat.ErrorString(error.code)})",
            "Export the file again, or mend it there.",
        ) from None
    except (LookupError, ValueError) as error:  # of more bytes a character than expat knows
        raise DataError(
            f"{file}, line 1: the encoding cannot be read ({error})", "Convert it to UTF-8."
        ) from None


class _Collector:
    """What expat tells → elements, built one by one and let go when taken."""

    def __init__(
        self, file: Path, root: str, whole: Collection[str], opening: Collection[str]
    ) -> None:
        self.file, self.root, self.whole, self.opening = file, root, whole, opening
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EntityDeclHandler = self._refuse_entity
        self.parser.SkippedEntityHandler = self._refuse_entity
        self._found: list[Element] = []
        self._builder = TreeBuilder()
        self._depth = 0
        self._is_first = True

    def take(self) -> list[Element]:
        """The elements that are complete, in the order of the file."""
        found, self._found = self._found, []
        return found

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        if self._is_first and name != self.root:
            raise self._error(f"<{name}> is not the root of a {self.root} file")
        self._is_first = False
        if name in self.opening:
            self._found.append(Element(name, attributes))
        if name in self.whole:
            self._builder, self._depth = TreeBuilder(), 0
            self.parser.StartElementHandler = self._start_inside
            self.parser.EndElementHandler = self._end_inside
            self.parser.CharacterDataHandler = self._builder.data
            self._start_inside(name, attributes)

    def _start_inside(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error(f"more than {_DEEPEST} elements within one another")
        self._builder.start(name.rpartition(":")[2], attributes)

    def _end_inside(self, name: str) -> None:
        self._depth -= 1
        self._builder.end(name.rpartition(":")[2])
        if self._depth == 0:
            self._found.append(self._builder.close())
            self.parser.StartElementHandler = self._start
            self.parser.EndElementHandler = self.parser.CharacterDataHandler = None

    def _refuse_entity(self, name: str, *_: object) -> None:
        raise self._error(f"the entity {name!r} is declared or used")

    def _error(self, message: str) -> DataError:
        return DataError(
            f"{self.file}, line {self.parser.CurrentLineNumber}: {message}",
            "Entities are refused, since they can be bombs or steal files; write the characters.",
        )
