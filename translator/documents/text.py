"""Plain text: lines or paragraphs to segments."""

from collections.abc import Iterable, Iterator

from translator.documents.segments import Line, Segment, prose, verbatim, wrapped


def line_segments(lines: Iterable[str]) -> Iterator[Segment]:
    """A text for each line: as many lines out as in, whatever the translations hold."""
    return (prose(line) for line in lines)


def paragraph_segments(lines: Iterable[str]) -> Iterator[Segment]:
    """A text for each paragraph: the lines between blank ones, translated as one."""
    paragraph: list[Line] = []
    for line in lines:
        if line.strip():
            paragraph.append(split_line(line))
            continue
        if paragraph:
            yield wrapped(paragraph)
        paragraph = []
        yield verbatim(line)
    if paragraph:
        yield wrapped(paragraph)


def split_line(line: str, before: str = "") -> Line:
    """A line behind `before` as its indentation, its words, and white space with the line end."""
    text = line[len(before) :]
    words = text.strip(" \t\r\n")  # other white space begins no line of a text format
    start = text.index(words)
    return Line(before + text[:start], words, text[start + len(words) :])
