"""SubRip (.srt) and WebVTT (.vtt) subtitles: a text for each cue, numbers and timing kept.

Both have cues that begin with a line of two times and `-->` and end with a blank line; all else is
numbers, identifiers, notes, styles and the header.
"""

import re
from collections.abc import Iterable, Iterator

from translator.documents.markup import TAGS, marked
from translator.documents.segments import Line, Segment, join, verbatim, wrapped
from translator.documents.text import split_line

_TIMING = re.compile(r"\s*(\d+:)?\d+:\d+[.,]\d+\s*-->\s*(\d+:)?\d+:\d+[.,]\d+")
_MARKS = re.compile(
    rf"(?P<voice_stands><v\b[^<>]*>)|{TAGS}|(?P<style_stands>\{{\\[^{{}}]*\}}|<[\d:.]+>)"
    r"|(?P<entity_stands>&\w+;)"
)
_SPEAKER = re.compile(r"\s*[-–—]")  # each speaker of a cue has a line


def subtitle_segments(lines: Iterable[str]) -> Iterator[Segment]:
    """Segments of a subtitle file; the lines of a speaker are one text, broken again alike.

    Where the blank line between two cues is missing, the second begins with its number or times.
    """
    cue: list[str] = []
    in_cue = False
    for line in lines:
        begins = bool(_TIMING.match(line))
        if in_cue and line.strip() and not begins:
            cue.append(line)
            continue
        number = cue.pop() if begins and cue and cue[-1].strip().isdecimal() else ""
        if cue:
            yield _cue(cue)
        cue = []
        in_cue = begins
        yield verbatim(number + line)
    if cue:
        yield _cue(cue)


def _cue(lines: list[str]) -> Segment:
    speeches: list[list[Line]] = []
    for line in lines:
        speaker = _SPEAKER.match(line)
        if speaker or not speeches or not speeches[-1][-1].text:
            speeches.append([])
        speeches[-1].append(split_line(line, speaker[0] if speaker else ""))
    return join(wrapped(speech, _speech, _may_begin_line) for speech in speeches)


def _may_begin_line(words: str) -> bool:
    """Whether words at the beginning of a line begin no other cue."""
    return not _TIMING.match(words)


def _speech(text: str) -> Segment:
    return marked(text, _MARKS, escape=_without_arrow)


def _without_arrow(translation: str, source: str) -> str:
    """A translation that brings an arrow along would begin a cue."""
    return translation if "-->" in source else translation.replace("-->", "→")
