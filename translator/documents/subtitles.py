"""Subtitles, SubRip (.srt) and WebVTT (.vtt): a text for each speaker of a cue, all else kept.

A line of two times and an arrow begins a cue, whatever stands before it: blank lines may be missing
or too many, times may lack hours or milliseconds. What frames a text stays around it: notes of
music, brackets, dashes and the names of speakers. Words that belong to no cue are passed over, with
a warning.
"""

import re
from collections.abc import Iterable, Iterator

from translator.documents.direction import Direction
from translator.documents.markup import TAGS, marked
from translator.documents.segments import (
    Line,
    Problems,
    Segment,
    join,
    verbatim,
    wrapped,
)
from translator.documents.text import split_line
from translator.text.placeholders import has_words

_TIME = r"(?:\d+[ \t]*:[ \t]*){1,3}\d+(?:[ \t]*[.,][ \t]*\d+)?[.,]?"
_TIMING = re.compile(rf"\s*{_TIME}\s*(?:-+\s?>|[–—→]+)\s*{_TIME}")
_SETTINGS = re.compile(r"(?:\s+[A-Za-z]+\d?\s*:\s*[-\w.,%]+)*\s*$")  # X1:40 of SubRip, align:start
_NUMBER = re.compile(r"\W*\d+\W*$")
_BLANK = " \t\r\n\u00a0\u200b\ufeff"
_BLOCK = re.compile(r"(?:NOTE|STYLE|REGION)\b")  # of WebVTT, which is no cue
_LANGUAGE = re.compile(r"(Language:\s*)([\w-]+)")  # in the header of WebVTT

_SIGNS = "♩♪♫♬¶"
_MARKS = re.compile(
    r"(?P<style_opens>\{\\[ibus]1\})|(?P<style_closes>\{\\[ibus]0?\})"
    rf"|(?P<code_floats>\{{[^{{}}]*\}}|<[\d:.]+>|<v\b[^<>]*>|\\h)|{TAGS}"
    rf"|(?P<entity_stands>&\w+;)|(?P<sign_floats>[{_SIGNS}]+|(?<!\S)#(?!\S)|[\[\]])"
)
_HEAD = re.compile(rf"(?:\s*(?:>{{1,3}}|[-–—‐]{{1,2}}|[{_SIGNS}]+|#(?=\s))(?=[^-–—‐]))*")
_NAME = re.compile(r"\s*[^\s:<>()\[\]{}][^:<>()\[\]{}]{0,30}:(?=\s)")
_ASIDE = re.compile(r"((?:[^\w(\[<{]|<[^<>]*>|\{[^{}]*\})*[(\[])([^()\[\]]*)([)\]]\s*)")
_LAST_ASIDE = re.compile(r"(\s[(\[])([^()\[\]]*)([)\]](?:[^\w>}]|<[^<>]*>|\{[^{}]*\})*)$")


def subtitle_segments(
    lines: Iterable[str], problems: Problems, direction: Direction
) -> Iterator[Segment]:
    """Segments of a subtitle file; the lines of a speaker are one text, broken again alike.

    DataError where WebVTT says that it is in another language.
    """
    reader = _CueReader(problems, direction)
    for line in lines:
        yield from reader.read(line)
    yield from reader.end()


class _CueReader:
    """The lines since the last line of times: the text of its cue, then the number of the next."""

    def __init__(self, problems: Problems, direction: Direction) -> None:
        self._problems, self._direction = problems, direction
        self._lines: list[str] = []
        self._first = 1  # the number of the first of them
        self._in_cue = self._in_webvtt = False

    def read(self, line: str) -> Iterator[Segment]:
        """Segments that are complete once this line is known."""
        number = self._first + len(self._lines)
        if number == 1:
            self._in_webvtt = line.startswith("WEBVTT")
        times = _TIMING.match(line)
        if not times and not ("-->" in line and re.search(r"\d", line) and not has_words(line)):
            self._lines.append(line)
            return
        identifier = self._identifier()
        yield from self._passage()
        self._in_cue, self._first = True, number + 1
        if not times:
            self._problems.add("the times are not understood, the line is kept as it is", number)
        elif not _SETTINGS.match(line, times.end()):  # the text stands behind the times
            yield verbatim(identifier + times[0])
            self._lines, self._first = [line[times.end() :]], number
            return
        yield verbatim(identifier + line)

    def end(self) -> Iterator[Segment]:
        """What is left at the end of the file."""
        if self._in_cue or self._in_webvtt:
            yield from self._passage()
            return
        if any(map(has_words, self._lines)):
            self._problems.add("no cue begins here or later, the file is kept as it is", 1)
        yield verbatim("".join(self._lines))

    def _identifier(self) -> str:
        """Take the last line where it is the number of the next cue, or the name that it has."""
        *before, last = self._lines or [""]
        is_alone = not before or not before[-1].strip(_BLANK)
        is_name = self._in_webvtt and is_alone and last.strip(_BLANK) and (self._in_cue or before)
        if _NUMBER.match(last) or is_name:
            return self._lines.pop()
        return ""

    def _passage(self) -> Iterator[Segment]:
        """The paragraphs between two lines of times; only WebVTT has any that are no cue's."""
        paragraph: list[str] = []
        for number, line in enumerate([*self._lines, ""], start=self._first):
            if line.strip(_BLANK):
                paragraph.append(line)
                continue
            if paragraph:
                yield self._paragraph(paragraph, number - len(paragraph))
            paragraph = []
            yield verbatim(line)
        self._lines = []

    def _paragraph(self, lines: list[str], number: int) -> Segment:
        if self._in_webvtt and number == 1:
            return verbatim("".join(map(self._header, lines)))
        if self._in_webvtt and _BLOCK.match(lines[0]):
            return verbatim("".join(lines))
        if self._in_cue:
            return cue([cue_line(line) for line in lines])
        for position, line in enumerate(lines):
            if has_words(line):
                self._problems.add(
                    "belongs to no cue, the line is kept as it is", number + position
                )
        return verbatim("".join(lines))

    def _header(self, line: str) -> str:
        """A line of WebVTT's header: the language that it may state is that of the translation."""
        if stated := _LANGUAGE.match(line):
            self._direction.check("the header", source=stated[2])
            return stated[1] + self._direction.target + line[stated.end() :]
        return line


def cue(lines: list[Line]) -> Segment:
    """The text of a cue: each speaker has a speech of one or more lines."""
    speeches: list[list[Line]] = []
    for line in lines:
        last = speeches[-1][-1].text if speeches else ""
        if not last or line.before.strip() or _ASIDE.fullmatch(last) or _ASIDE.match(line.text):
            speeches.append([])
        speeches[-1].append(line)
    return join(wrapped(speech, _speech, _may_begin_line) for speech in speeches)


def cue_line(line: str) -> Line:
    """A line of a cue: behind the signs and the name that say whose it is come its words."""
    signs = _HEAD.match(line)
    assert signs, "it may be empty"
    name = _NAME.match(line, signs.end())
    return split_line(line, signs[0] + (name[0] if name and name[0].isupper() else ""))


def _may_begin_line(words: str) -> bool:
    """Whether words at the beginning of a line begin no other cue."""
    return not _TIMING.match(words)


def _speech(text: str) -> Segment:
    """What one says, without what is said of it in brackets before and after."""
    segments: list[Segment] = []
    start = 0
    while aside := _ASIDE.match(text, start):
        segments += _bracketed(aside)
        start = aside.end()
    last = _LAST_ASIDE.search(text, start)
    segments.append(_spoken(text[start : last.start() if last else len(text)]))
    return join([*segments, *(_bracketed(last) if last else ())])


def _bracketed(aside: re.Match[str]) -> list[Segment]:
    return [verbatim(aside[1]), _spoken(aside[2]), verbatim(aside[3])]


def _spoken(text: str) -> Segment:
    return marked(text, _MARKS, escape=_without_arrow)


def _without_arrow(translation: str, source: str) -> str:
    """A translation that brings an arrow along would begin a cue."""
    return translation if "-->" in source else translation.replace("-->", "→")
