r"""SubStation Alpha subtitles (.ass, .ssa): the text of each dialogue, all else kept.

A dialogue is a row of fields of which the text is the last, and `\N` a line end in it. What stands
in braces are styles. Drawings and karaoke, which times each syllable, are kept.
"""

import re
from collections.abc import Iterable, Iterator

from translator.documents.segments import Line, Problems, Segment, join, verbatim
from translator.documents.subtitles import cue, cue_line
from translator.text.placeholders import has_words

_FIELDS = 10  # of a dialogue, unless the line of formats says something else
_LINE_END = re.compile(r"\\[Nn]")
_DRAWING = re.compile(r"\{[^{}]*\\p[1-9]")
_KARAOKE = re.compile(r"\{[^{}]*\\[kK][fo]?\d")


def substation_segments(lines: Iterable[str], problems: Problems) -> Iterator[Segment]:
    """Segments of a SubStation Alpha file."""
    fields, in_events, dialogues = _FIELDS, False, 0
    for number, line in enumerate(lines, start=1):
        if line.startswith("["):
            in_events = line.strip().lower() == "[events]"
        elif in_events and line.startswith("Format:") and "," in line:
            fields = line.count(",") + 1
        if not in_events or not line.startswith("Dialogue:"):
            yield verbatim(line)
            continue
        dialogues += 1
        *before, text = line.split(",", fields - 1)
        if len(before) != fields - 1:
            problems.add("fields are missing, the line is kept as it is", number)
            yield verbatim(line)
        elif _KARAOKE.search(text) and has_words(text):
            problems.add("karaoke, the line is kept as it is", number)
            yield verbatim(line)
        else:
            yield join([verbatim("".join(f"{field}," for field in before)), _dialogue(text)])
    if not dialogues:
        problems.add("there is no dialogue, the file is kept as it is", 1)


def _dialogue(text: str) -> Segment:
    if _DRAWING.search(text):
        return verbatim(text)
    words = text.rstrip("\r\n")
    lines: list[Line] = []
    start = 0
    for end in _LINE_END.finditer(words):
        lines.append(_line(words[start : end.start()], end[0]))
        start = end.end()
    return cue([*lines, _line(words[start:], text[len(words) :])])


def _line(text: str, end: str) -> Line:
    line = cue_line(text)
    return line._replace(after=line.after + end)
