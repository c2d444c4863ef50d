"""Texts within elements, as in HTML, Word and OpenDocument: what is around words follows them.

A paragraph is read as stretches of text, each with the elements around it, and marks between them.
Most of the text is within the same elements; what is not becomes a marked text of `markup`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from translator.documents.markup import PLACEHOLDERS, marked
from translator.documents.segments import LookUp, Segment, join, verbatim
from translator.text.languages import is_unspaced
from translator.text.placeholders import has_words

# Marks are numbered, and written with code points that are no characters.
_OPENS, _CLOSES, _STANDS, _FLOATS, _BREAKS, _END = map(chr, range(0xFDD0, 0xFDD6))
_NO_CHARACTERS = re.compile(f"[{_OPENS}-{_END}]")
_MARKS = re.compile(
    rf"(?P<inside_opens>{_OPENS}\d+{_END})|(?P<inside_closes>{_CLOSES}\d+{_END})"
    rf"|(?P<mark_stands>{_STANDS}\d+{_END})|(?P<mark_floats>{_FLOATS}\d+{_END})|{PLACEHOLDERS}"
)
_MARK = re.compile(rf"([{_OPENS}-{_BREAKS}])(\d+){_END}")
_SIDES = re.compile(r"(\s*)(.*?)(\s*)", re.DOTALL)


@dataclass(frozen=True, eq=False)
class Element:
    """An element around texts: its start tag, which may hold texts too, and its end tag."""

    opening: Segment
    closing: str


Around = tuple[Element, ...]  # the outermost first


class Text(NamedTuple):
    """A stretch of text, as it is read."""

    text: str
    around: Around


class Mark(NamedTuple):
    """What stands between texts, and what it `reads`: a word or two, or nothing.

    One that `breaks` ends the text before it, as a line break does.
    """

    written: Segment
    around: Around
    reads: str = ""
    breaks: bool = False


Part = Text | Mark


def paragraph(parts: Sequence[Part], raw: str, escape: Callable[[str], str]) -> Segment:
    """A paragraph that stands in the file as `raw`, and stays so where no text changes."""
    base = _base(parts)
    parts = _whole(parts, base)
    prose = _prose(parts, base)
    held = dict.fromkeys(_held(parts))
    texts = (*prose.texts, *(text for segment in held for text in segment.texts))

    def put_back(look_up: LookUp) -> str:
        line = prose.put_back(look_up)
        written = {each: each.put_back(look_up) for each in held}
        return "".join(_written(line, parts, base, written, escape))

    return Segment(texts, put_back).kept_as(raw)


def _base(parts: Sequence[Part]) -> Around:
    """The elements that most of the letters are within; of like ones the fewest.

    A word that is in several, as un<b>happy</b>, counts for none: its translation has one place.
    """
    read = [p.text if isinstance(p, Text) else " " * (p.breaks or bool(p.reads)) for p in parts]
    around = [part.around for part, text in zip(parts, read, strict=True) for _ in text]
    letters = Counter({part.around: 0 for part in parts if isinstance(part, Text)})
    for word in re.finditer(r"[^\W\d_]+", "".join(read)):
        within = around[word.start() : word.end()]
        if len(set(within)) == 1 or is_unspaced(word[0]):
            letters.update(within)
    return max(letters, key=lambda each: (letters[each], -len(each)), default=())


def _whole(parts: Sequence[Part], base: Around) -> list[Part]:
    """Neighbours within the same elements as one text.

    Marks that read as nothing and stand within a text that is not the base's go behind it.
    """
    found: list[Part] = []
    place: int | None = None  # in `found`, of the text that may go on
    for part in parts:
        going_on = found[place] if place is not None else None
        if isinstance(part, Mark):
            found.append(part)
            if part.breaks or part.reads or (going_on and going_on.around == base):
                place = None
        elif isinstance(going_on, Text) and place is not None and going_on.around == part.around:
            found[place] = Text(going_on.text + part.text, part.around)
        else:
            place = len(found)
            found.append(part)
    return found


def _prose(parts: Sequence[Part], base: Around) -> Segment:
    """The lines of a paragraph with numbered marks."""
    segments: list[Segment] = []
    line = ""
    for number, part in enumerate(parts):
        if isinstance(part, Mark) and part.breaks:
            segments += [_line(line, parts), verbatim(f"{_BREAKS}{number}{_END}")]
            line = ""
        elif isinstance(part, Mark):
            line += f"{_STANDS if part.reads else _FLOATS}{number}{_END}"
        elif part.around == base:
            line += _NO_CHARACTERS.sub("", part.text)
        elif not has_words(part.text):
            before, inside, after = _sides(_NO_CHARACTERS.sub("", part.text))
            kind = _STANDS if any(map(str.isalnum, inside)) else _FLOATS
            line += f"{before}{kind}{number}{_END}{after}"
        else:
            before, inside, after = _sides(_NO_CHARACTERS.sub("", part.text))
            line += f"{before}{_OPENS}{number}{_END}{inside}{_CLOSES}{number}{_END}{after}"
    return join([*segments, _line(line, parts)])


def _line(line: str, parts: Sequence[Part]) -> Segment:
    def reads(mark: str) -> str:
        numbered = _MARK.fullmatch(mark)
        if not numbered:
            return mark  # a placeholder
        part = parts[int(numbered[2])]
        return part.reads if isinstance(part, Mark) else part.text.strip()

    return marked(line, _MARKS, plain=reads)


def _sides(text: str) -> tuple[str, str, str]:
    match = _SIDES.fullmatch(text)
    assert match
    return match[1], match[2], match[3]


def _held(parts: Sequence[Part]) -> Iterator[Segment]:
    """The start tags of elements, and the marks, each of which may hold texts."""
    for part in parts:
        yield from (element.opening for element in part.around)
        if isinstance(part, Mark):
            yield part.written


class _Run(NamedTuple):
    """Text or a mark as it will stand in the file, and what it comes from."""

    around: Around
    text: str
    part: Part | None = None


def _written(
    line: str,
    parts: Sequence[Part],
    base: Around,
    written: dict[Segment, str],
    escape: Callable[[str], str],
) -> Iterator[str]:
    """A line with numbered marks as it stands in the file: each text within its elements."""
    around: Around = ()
    for run in _with_spaces(_runs(line, parts, base)):
        if run.text or isinstance(run.part, Mark):
            yield from _from_to(around, run.around, written)
            around = run.around
            mark = run.part
            yield written[mark.written] if isinstance(mark, Mark) else escape(run.text)
    yield from _from_to(around, (), written)


def _runs(line: str, parts: Sequence[Part], base: Around) -> list[_Run]:
    """The pieces of a line with numbered marks."""
    runs: list[_Run] = []
    inside: Part | None = None
    pieces = _MARK.split(line)
    for text, kind, number in zip(
        pieces[::3], [*pieces[1::3], ""], [*pieces[2::3], "0"], strict=True
    ):
        around = inside.around if inside else base
        runs.append(_Run(around, _NO_CHARACTERS.sub("", text), inside))
        part = parts[int(number)]
        inside = part if kind == _OPENS else None
        if kind and kind not in (_OPENS, _CLOSES):
            runs.append(
                _Run(part.around, "" if isinstance(part, Mark) else part.text.strip(), part)
            )
    return runs


def _with_spaces(runs: list[_Run]) -> list[_Run]:
    """A text gets back the white space that it began or ended with from the text beside it."""
    for here, run in enumerate(runs):
        source = run.part.text if isinstance(run.part, Text) else ""
        if source[:1].isspace() and here and runs[here - 1].part is None:
            before = runs[here - 1]
            words = before.text.rstrip()
            runs[here - 1] = before._replace(text=words)
            runs[here] = run = run._replace(text=before.text[len(words) :] + run.text)
        if source[-1:].isspace() and here + 1 < len(runs) and runs[here + 1].part is None:
            after = runs[here + 1]
            words = after.text.lstrip()
            runs[here + 1] = after._replace(text=words)
            space = after.text[: len(after.text) - len(words)]
            runs[here] = run._replace(text=run.text + space)
    return runs


def _from_to(old: Around, new: Around, written: dict[Segment, str]) -> Iterator[str]:
    """The tags that lead out of some elements and into others."""
    shared = 0
    while shared < min(len(old), len(new)) and old[shared] is new[shared]:
        shared += 1
    yield from (element.closing for element in reversed(old[shared:]))
    yield from (written[element.opening] for element in new[shared:])
