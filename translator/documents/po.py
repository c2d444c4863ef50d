"""GNU gettext catalogues (.po, .pot): empty `msgstr` are filled in, all other lines are kept."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from gettext import c2py

from translator.documents.direction import Direction
from translator.documents.markup import PLACEHOLDERS, TAGS, marked_lines
from translator.documents.segments import Problems, Segment, join, verbatim
from translator.errors import DataError
from translator.text.placeholders import has_words

_FIELD = re.compile(r'(msgctxt|msgid|msgid_plural|msgstr(?:\[(\d+)\])?)\s+(".*")\s*$')
_CONTINUED = re.compile(r'\s*(".*")\s*$')
_MARKS = re.compile(
    rf"{TAGS}|{PLACEHOLDERS}|(?P<entity_stands>&\w+;)|(?P<terminal_floats>\x1b\[[\d;]*[A-Za-z])"
)
_ESCAPED = re.compile(r"((?:\\[0-7]{1,3}|\\x[0-9a-fA-F]{2})+)|\\(.)")  # bytes, or a character
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_PLURAL = re.compile(r"plural\s*=\s*([^;\n]+)")
_LANGUAGE = re.compile(r'"((?:X-(?P<source>Source)-)?Language): *(?P<language>[\w@-]*)')
_CHARSET = re.compile(r"charset=([\w.-]+)", re.IGNORECASE)


def po_segments(
    lines: Iterable[str], problems: Problems, direction: Direction, *, overwrite: bool
) -> Iterator[Segment]:
    """Segments of a catalogue; translations that are there stay unless `overwrite`.

    DataError for a catalogue in another encoding than UTF-8, or in other languages.
    """
    entry, singular = _Entry(), 0
    for number, line in enumerate(lines, start=1):
        if (field := _FIELD.match(line)) and entry.ends_before(field[1]):
            singular = entry.singular_form(singular)
            yield from entry.segments(singular, overwrite=overwrite)
            entry = _Entry()
        if not entry.add(line):
            problems.add("not understood, the line is kept as it is", number)
        if entry.is_header and (charset := _CHARSET.search(line)):
            line = f"{line[: charset.start(1)]}{_utf8(charset[1])}{line[charset.end(1) :]}"
            entry.replace_line(line)
        if entry.is_header and (stated := _LANGUAGE.match(line)):
            side = "source" if stated["source"] else "target"
            direction.check(f"line {number}, {stated[1]}", **{side: stated["language"]})
            if side == "target" and not stated["language"]:
                language = direction.target.replace("-", "_")
                entry.replace_line(f'"{stated[1]}: {language}{line[stated.end() :]}')
    yield from entry.segments(singular, overwrite=overwrite)


def _utf8(charset: str) -> str:
    """The charset of a header as it is to be: UTF-8 for ASCII, which translations seldom are."""
    if charset.upper() in ("UTF-8", "UTF8"):
        return charset
    if charset.upper() in ("ASCII", "US-ASCII", "CHARSET"):  # the last one of a template
        return "UTF-8"
    raise DataError(
        f"the catalogue is in {charset}, not in UTF-8",
        "Convert it first: msgconv -t UTF-8 in.po -o out.po",
    )


class _Entry:
    """The lines of an entry, with what its fields say."""

    def __init__(self) -> None:
        self._parts: list[tuple[str, list[str]]] = []  # a field (or "" for other lines), its lines
        self._fields: dict[str, str] = {}

    @property
    def is_header(self) -> bool:
        return self._fields.get("msgid") == "" and "msgctxt" not in self._fields

    def ends_before(self, name: str) -> bool:
        """Whether a field of this name belongs to the next entry."""
        begins = name in ("msgid", "msgctxt") and "msgstr" in "".join(self._fields)
        return begins or name in self._fields

    def add(self, line: str) -> bool:
        """Take a line; False when it belongs to nothing."""
        if field := _FIELD.match(line):
            self._parts.append((field[1], [line]))
            self._fields[field[1]] = _unquote(field[3])
        elif (more := _CONTINUED.match(line)) and self._parts and self._parts[-1][0]:
            self._parts[-1][1].append(line)
            self._fields[self._parts[-1][0]] += _unquote(more[1])
        else:
            self._parts.append(("", [line]))
            return not line.strip() or line.startswith("#")
        return True

    def replace_line(self, line: str) -> None:
        """Write another line instead of the last one."""
        self._parts[-1][1][-1] = line

    def singular_form(self, known: int) -> int:
        """The number of the form for one, by the header; what was known if this is none."""
        plural = self.is_header and _PLURAL.search(self._fields.get("msgstr", ""))
        if not plural:
            return known
        with suppress(ValueError, ArithmeticError, RecursionError):  # n % 0
            return c2py(plural[1])(1)
        return known

    def segments(self, singular: int, *, overwrite: bool) -> Iterator[Segment]:
        for name, lines in self._parts:
            source = self._source_of(name, singular)
            if source and (overwrite or not self._fields[name]):
                yield _filled(name, lines, source)
            else:
                yield verbatim("".join(lines))

    def _source_of(self, name: str, singular: int) -> str:
        """What a `msgstr` translates: the form for one the singular, the others the plural.

        An only form stands for any number.
        """
        is_only = name == "msgstr[0]" and "msgstr[1]" not in self._fields
        if name == "msgstr" or (name == f"msgstr[{singular}]" and not is_only):
            return self._fields.get("msgid", "")
        return self._fields.get("msgid_plural", "") if name.startswith("msgstr") else ""


def _filled(name: str, lines: list[str], source: str) -> Segment:
    last = lines[-1]
    end = last[len(last.rstrip("\r\n")) :]
    newline = "\r\n" if "\r\n" in lines[0] else "\n"
    if not has_words(source):
        return verbatim(f"{name} {_quote(source, newline)}{end}")
    translated = marked_lines(source, _MARKS)
    return join(
        [verbatim(f"{name} "), translated.map(lambda text: _quote(text, newline)), verbatim(end)]
    )


def _unquote(quoted: str) -> str:
    return _ESCAPED.sub(_unescaped, quoted[1:-1])


def _unescaped(match: re.Match[str]) -> str:
    if not match[1]:
        return _ESCAPES.get(match[2], match[2])
    _, *codes = match[1].split("\\")
    numbers = (int(code[1:], 16) if code[0] == "x" else int(code, 8) & 0xFF for code in codes)
    return bytes(numbers).decode("utf-8", "replace")


def _quote(text: str, newline: str) -> str:
    """A string as gettext writes it: on one line, or, when it holds line ends, a line for each."""
    names = {character: f"\\{name}" for name, character in _ESCAPES.items()}
    escaped = "".join(names.get(c, "\\" + c if c in '"\\' else c) for c in text)
    pieces = re.findall(r".+?(?:\\n|$)", escaped) if "\\n" in escaped[:-2] else [escaped]
    quoted = newline.join(f'"{piece}"' for piece in pieces)
    return f'""{newline}{quoted}' if len(pieces) > 1 else quoted
