"""What a document is made of: segments, each with texts to translate and a way to put them back.

A text is one line of prose without white space around it. A document without its texts is kept to
the byte: translated by the identity it comes back as it was.
"""

import itertools
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

_NAMED_LINES = 10  # of each kind of problem
_BEGINNING = 200  # characters of a line that are looked at to see what it begins
_NEAR = 8  # spaces to either side that a line may be broken at instead


LookUp = Callable[[str], str]  # a text → its translation, without a line feed


class Segment(NamedTuple):
    """A stretch of a document: its texts, and the stretch with their translations in place.

    `put_back` looks the translation of each text up. It may look up others, whose translations it
    needs only where those of the texts have turned out to be of no use.
    """

    texts: tuple[str, ...]
    put_back: Callable[[LookUp], str]

    def map(self, change: Callable[[str], str]) -> "Segment":
        """The same texts; the stretch goes through `change` when they are put back."""
        return Segment(self.texts, lambda look_up: change(self.put_back(look_up)))

    def kept_as(self, raw: str) -> "Segment":
        """The same; where no text changes, the stretch stays as the file has it: `raw`."""

        def put_back(look_up: LookUp) -> str:
            same = all(look_up(text) == text for text in self.texts)
            return raw if same else self.put_back(look_up)

        return Segment(self.texts, put_back) if self.texts else verbatim(raw)


def verbatim(text: str) -> Segment:
    """A stretch without prose."""
    return Segment((), lambda _: text) if text else _NOTHING


_NOTHING = Segment((), lambda _: "")


def join(segments: Iterable[Segment]) -> Segment:
    """Neighbours as one segment."""
    parts = [part for part in segments if part is not _NOTHING]
    if len(parts) == 1:
        return parts[0]

    texts = tuple(text for part in parts for text in part.texts)
    return Segment(texts, lambda look_up: "".join(part.put_back(look_up) for part in parts))


def prose(line: str) -> Segment:
    """A line as one text; the white space around it, and a blank line, are kept."""
    text = line.strip()
    if not text:
        return verbatim(line)
    before, after = surrounding_space(line)
    return Segment((text,), lambda look_up: before + look_up(text) + after)


def surrounding_space(text: str) -> tuple[str, str]:
    """The white space before and after what is not blank."""
    return text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]


def line_by_line(text: str, part: Callable[[str], Segment] = prose) -> Segment:
    """A value of several lines: each is a part of its own, the line ends between them are kept."""
    if "\n" not in text and "\r" not in text:
        return part(text)
    pieces = re.split(r"(\r\n|\n|\r)", text)
    return join(verbatim(p) if index % 2 else part(p) for index, p in enumerate(pieces))


# --- texts that go over several lines -------------------------------------------------------------


class Line(NamedTuple):
    """A line of a text that goes over several: what stands before its words, they, and after."""

    before: str
    text: str
    after: str


def wrapped(
    lines: Sequence[Line],
    part: Callable[[str], Segment] = prose,
    may_begin: Callable[[str], bool] = bool,
) -> Segment:
    """Lines as one text, broken again at the spaces nearest to where they were, in proportion.

    There are as many lines as before, or fewer where the words do not suffice. `may_begin` tells
    whether a line may begin with the words that it is given.
    """
    joined = " ".join(line.text for line in lines)
    *breaks, _ = (end - 1 for end in itertools.accumulate(len(line.text) + 1 for line in lines))

    def put_lines_back(text: str) -> str:
        found = _spaces_nearest(text, breaks, len(joined), may_begin)
        starts, ends = [0, *(space + 1 for space in found)], [*found, len(text)]
        chosen = [*lines[: len(found)], lines[-1]]  # the last line end is that of the last line
        return "".join(
            lines[i].before + text[start:end] + line.after
            for i, (start, end, line) in enumerate(zip(starts, ends, chosen, strict=True))
        )

    return part(joined).map(put_lines_back)


def _spaces_nearest(
    text: str, breaks: list[int], length: int, may_begin: Callable[[str], bool]
) -> list[int]:
    """Rising positions of spaces: each is as far in the text as its break was in `length`."""
    spaces = [match.start() for match in re.finditer(r"(?<=[^ ]) (?=[^ ])", text)]
    found: list[int] = []
    for position in breaks:
        wanted = position * len(text) / length
        nearest = bisect_left(spaces, wanted)
        later = [
            space
            for space in spaces[max(0, nearest - _NEAR) : nearest + _NEAR]
            if not found or space > found[-1]
        ]
        later.sort(key=lambda space: abs(space - wanted))
        chosen = next(
            (space for space in later if may_begin(text[space + 1 : space + 1 + _BEGINNING])), None
        )
        if chosen is not None:
            found.append(chosen)
    return found


# --- what a document tells besides ----------------------------------------------------------------


@dataclass
class Problems:
    """What could not be read as it should, counted, with the first line numbers of each kind."""

    _counts: dict[str, int] = field(default_factory=dict)
    _lines: dict[str, list[int]] = field(default_factory=dict)

    def add(self, kind: str, line: int) -> None:
        """Note a problem of a line (from 1)."""
        self._counts[kind] = self._counts.get(kind, 0) + 1
        lines = self._lines.setdefault(kind, [])
        if len(lines) < _NAMED_LINES:
            lines.append(line)

    def __iter__(self) -> Iterator[str]:
        """A sentence for each kind."""
        for kind, count in self._counts.items():
            lines = self._lines[kind]
            numbers = ", ".join(f"{line:,}" for line in lines)
            more = f" and {count - len(lines):,} more" if count > len(lines) else ""
            yield f"line{'s' * (count > 1)} {numbers}{more}: {kind}"
