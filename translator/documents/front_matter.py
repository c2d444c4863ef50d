"""The lines before a Markdown document that say something of it, in YAML or TOML."""

import re

from translator.documents.direction import Direction
from translator.documents.segments import Segment, join, prose, verbatim

_PROSE = re.compile(  # a field, the quotes around its value, the value
    r"((?:title|description)[ \t]*[:=][ \t]*)([\"\']?)(.*\w.*?)(\2[ \t]*)(\r?\n?)", re.IGNORECASE
)
_LANGUAGE = re.compile(  # what is before its tag, it, and what is after
    r"(lang[ \t]*[:=][ \t]*[\"\']?)([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]+)*)([\"\']?\s*)"
)
_UNSAFE = re.compile(r"[-?:,\[\]{}#&*!|>%@`\"\']|.*(?::(?:\s|$)|\s#)")  # of YAML without quotes


def front_matter_line(line: str, direction: Direction, *, translated: bool) -> Segment:
    """A line: the value of `title` or `description` is prose where these are `translated`.

    `lang` becomes the target language; DataError where it is another one than the source.
    """
    if stated := _LANGUAGE.fullmatch(line):
        direction.check("the front matter", source=stated[2])
        if direction.is_source(stated[2]):
            return verbatim(stated[1] + direction.target + stated[3])
    field = _PROSE.fullmatch(line) if translated else None
    if not field or (not field[2] and _UNSAFE.match(field[3])) or "\\" in field[3]:
        return verbatim(line)
    before, quote, value, after, end = field.groups()
    value = value.replace("''", "'") if quote == "'" else value
    quoted = prose(value).map(lambda text: _quoted(text, quote, yaml=":" in before))
    return join([verbatim(before), quoted, verbatim(after.removeprefix(quote) + end)])


def _quoted(text: str, quote: str, *, yaml: bool) -> str:
    """A value as it was quoted, or in double quotes where that would not do."""
    if not quote and not _UNSAFE.match(text):
        return text
    if quote == "'" and (yaml or "'" not in text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
