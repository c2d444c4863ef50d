"""XLIFF 1.2 and 2.x, as Trados and memoQ write it too: targets that wait are filled in.

A unit is translated segment by segment where it is segmented: by `mrk` elements of the type `seg`.
A target that was filled says so by its state, and the file its language.
"""

from collections.abc import Iterable, Iterator, Mapping

from translator.documents.direction import Direction
from translator.documents.exchange import (
    XmlEdit,
    XmlElement,
    attribute_edit,
    edited,
    find_edits,
    is_blank,
    place_in,
    white_space_before,
)
from translator.documents.segments import Segment

_SIDES = ("source-language", "target-language")  # of XLIFF 1.2
_WAITING = ("new", "needs-translation", "initial", "NotStarted")
_FILLED = (  # what an attribute says of a target that a machine has filled
    ("target", "state", "needs-review-translation"),  # XLIFF 1.2
    ("trans-unit", "approved", "no"),
    ("trans-unit", "mq:status", "Pretranslated"),  # memoQ
    ("segment", "state", "translated"),  # XLIFF 2: "not reviewed yet"
)


def waits(*attributes: Mapping[str, str]) -> bool:
    """Whether the attributes of a unit, a segment or a target say that it is not translated yet.

    Their names come with or without a prefix or namespace.
    """
    return any(
        value in _WAITING and name.endswith(("state", "status"))
        for each in attributes
        for name, value in each.items()
    )


def xliff_segments(text: str, direction: Direction, *, overwrite: bool) -> Iterator[Segment]:
    """A target for each source of an XLIFF document that has none, or one that waits."""
    filling = _Filling(text.encode("utf-8"), direction, overwrite=overwrite)
    units = {"trans-unit": filling.unit, "segment": filling.unit}
    around = {"file": filling.file, "xliff": filling.file}
    yield from edited(filling.data, find_edits(filling.data, "xliff", units, around))


class _Filling:
    """The edits of a document, unit by unit."""

    def __init__(self, data: bytes, direction: Direction, *, overwrite: bool) -> None:
        self.data, self.direction, self.overwrite = data, direction, overwrite

    def file(self, path: list[XmlElement]) -> Iterator[XmlEdit]:
        """The languages of a file: they are checked, and that of its targets is added."""
        element = path[-1]
        sides = ("srcLang", "trgLang") if element.name == "xliff" else _SIDES
        source, target = map(element.attributes.get, sides)
        self.direction.check(f"line {element.line}, {sides[0]}", source=source)
        self.direction.check(f"line {element.line}, {sides[1]}", target=target)
        if source is not None and target is None:
            language = self.direction.target
            yield attribute_edit(self.data, element, sides[1], language, behind=sides[0])

    def unit(self, path: list[XmlElement]) -> Iterator[XmlEdit]:
        """The target of a unit, or of a segment of XLIFF 2, and its state."""
        unit = path[-1]
        source, target = unit.child("source"), unit.child("target")
        if source is None or not _is_translatable(path):
            return
        segmented = unit.child("seg-source") or source
        segments = _segments(segmented)
        if target is None:
            yield from self._add(source, segmented)
            yield from self._states(unit, segments)
            return
        replaced = self.overwrite or waits(unit.attributes, target.attributes)
        places = _segments(target)
        done = [mid for mid in places if replaced or is_blank(self.data, places[mid])]
        done = [mid for mid in done if mid in segments]
        for mid in done:
            yield from self._fill(*place_in(places[mid]), segments[mid])
        if not places and (replaced or is_blank(self.data, target)):
            yield from self._fill(*place_in(target), segmented)
            done = list(segments) or [""]
        if done:
            yield from self._states(unit, done)

    def _add(self, source: XmlElement, segmented: XmlElement) -> Iterator[XmlEdit]:
        """A target behind what it translates."""
        tag = source.tag.removesuffix("source") + "target"
        before = f"{white_space_before(self.data, source.start)}<{tag}>"
        return self._fill(segmented.end, segmented.end, before, f"</{tag}>", segmented)

    def _fill(
        self, start: int, end: int, before: str, after: str, source: XmlElement
    ) -> Iterator[XmlEdit]:
        """The translation of a source, segment by segment, between two texts."""
        position = source.inner
        segments = _segments(source).values()
        for segment in segments:
            before += self.data[position : segment.inner].decode("utf-8")
            yield XmlEdit(start, end, before, (segment.inner, segment.inner_end))
            start, position, before = end, segment.inner_end, ""
        if segments:
            rest = self.data[position : source.inner_end].decode("utf-8")
            yield XmlEdit(start, end, rest + after)
        else:
            yield XmlEdit(start, end, before, (source.inner, source.inner_end), after)

    def _states(self, unit: XmlElement, done: Iterable[str]) -> Iterator[XmlEdit]:
        """What unit, target and segments say of themselves, after they were filled."""
        for element in (unit, unit.child("target")):
            for name, attribute, value in _FILLED:
                if element and element.name == name and attribute in element.attributes:
                    yield attribute_edit(self.data, element, attribute, value)
        definitions = unit.child("seg-defs")  # of Trados
        for segment in definitions.children if definitions else ():
            if segment.attributes.get("id", "") in done:
                yield attribute_edit(self.data, segment, "conf", "Draft", behind="id")


def _segments(element: XmlElement) -> dict[str, XmlElement]:
    """The segments of a source or a target by their numbers."""
    return {
        each.attributes.get("mid", ""): each
        for each in element.descendants("mrk")
        if each.attributes.get("mtype") == "seg"
    }


def _is_translatable(path: list[XmlElement]) -> bool:
    """What the innermost `translate` attribute says."""
    said = [e.attributes["translate"] for e in path if "translate" in e.attributes]
    return not said or said[-1] != "no"
