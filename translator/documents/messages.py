"""Messages of programs, in JSON and YAML: each string is a text, however deep it stands.

Keys, numbers, order, comments and layout stay; plural forms are strings like any other. What
describes a message for its translators stays, too. A root that the source language names, as of
Rails, and the locale of a file are named by the target language.
"""

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import yaml

from translator.documents.direction import Direction
from translator.documents.markup import PLACEHOLDERS, TAGS, by_branches, marked
from translator.documents.segments import Line, Segment, join, line_by_line, verbatim, wrapped
from translator.errors import DataError
from translator.text.messages import message_stretches

_MARKS = re.compile(
    r"(?P<reference_stands>\$t\([^()]*\)|@(?:\.\w+)?:[\w.]+|%\{[^{}]*\}|\$\w+\$)"
    rf"|{TAGS}|{PLACEHOLDERS}|(?P<entity_stands>&\w+;)"
)
_FORMS = re.compile(r"(\s\|\s)")  # between the plural forms of a message of vue-i18n
_LOCALES = ("locale", "@@locale")  # keys of Angular and Flutter
_OF_A_MESSAGE = {"id", "message", "defaultMessage", "description", "placeholders"}
_STRING = "tag:yaml.org,2002:str"


class _Edit(NamedTuple):
    """A stretch of a file, and the segment that takes its place."""

    start: int
    end: int
    segment: Segment


def _edited(text: str, edits: Iterable[_Edit]) -> Iterator[Segment]:
    position = 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        yield join([verbatim(text[position : edit.start]), edit.segment])
        position = edit.end
    yield verbatim(text[position:])


def _message(text: str) -> Segment:
    return by_branches(text, lambda branch: line_by_line(branch, _forms))


def _forms(line: str) -> Segment:
    pieces = enumerate(_FORMS.split(line))
    return join(verbatim(p) if number % 2 else marked(p, _MARKS) for number, p in pieces)


def _is_for_translators(keys: Sequence[str], beside: set[str]) -> bool:
    """Whether a string describes a message: by the last of its keys, and those beside it."""
    described = beside <= _OF_A_MESSAGE and beside & {"message", "defaultMessage"}
    is_other = keys[-1:] and keys[-1] not in ("message", "defaultMessage")
    is_example = "placeholders" in keys[:-1] and keys[-1] in ("content", "example")
    about = any(key.startswith("@") for key in keys)  # Flutter
    return about or is_example or bool(described and is_other)


def _says(keys: Sequence[str], text: str, direction: Direction) -> bool:
    """Whether a string is the language of the file."""
    return len(keys) == 1 and keys[0] in _LOCALES and direction.is_source(text)


# --- JSON -----------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r'(?P<string>"(?:[^"\\]|\\.)*+")|(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<mark>[{}\[\],:])',
    re.DOTALL,
)


class _String(NamedTuple):
    """A string of a JSON file, the keys that lead to it, and the object or list that it is in."""

    match: re.Match[str]
    keys: tuple[str, ...]
    within: int
    is_key: bool

    @property
    def text(self) -> str:
        return str(json.loads(self.match[0]))


def json_segments(text: str, direction: Direction) -> Iterator[Segment]:
    """Segments of a JSON file, which may have comments; DataError where it is broken."""
    content = text.removeprefix("\ufeff")
    try:
        root = json.loads(_TOKEN.sub(_without_comment, content), parse_int=str)  # of any length
    except json.JSONDecodeError as error:
        raise DataError(f"line {error.lineno}: no JSON: {error.msg}", "Mend it first.") from None
    except RecursionError:
        raise DataError("nested too deeply", "No file of messages is: export it again.") from None
    strings = list(_strings(text))
    beside: dict[int, set[str]] = {}
    for string in strings:
        if string.is_key:
            beside.setdefault(string.within, set()).add(string.text)
    is_named = isinstance(root, dict) and len(root) == 1
    edits = []
    for string in strings:
        if string.is_key and not (is_named and len(string.keys) == 1):
            continue
        segment = _in_json(string, beside.get(string.within, set()), direction)
        edits.append(_Edit(*string.match.span(), segment))
    yield from _edited(text, edits)


def _in_json(string: _String, beside: set[str], direction: Direction) -> Segment:
    raw, text = string.match[0], string.text
    if string.is_key or _says(string.keys, text, direction):
        is_named = direction.is_source(text)
        return verbatim(json.dumps(direction.target)) if is_named else verbatim(raw)
    if _is_for_translators(string.keys, beside):
        return verbatim(raw)
    escapes = raw.isascii() and not text.isascii()  # as the file has it
    return _message(text).map(lambda t: json.dumps(t, ensure_ascii=escapes)).kept_as(raw)


def _without_comment(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0]) if match["comment"] else match[0]


def _strings(text: str) -> Iterator[_String]:
    """The strings of a JSON file that is not broken."""
    numbers = itertools.count()
    open_: list[tuple[str, int]] = []  # each with its number
    keys: list[str] = []  # one of each that is open
    is_value = False
    for token in _TOKEN.finditer(text):
        if token["string"]:
            kind, number = open_[-1] if open_ else ("", next(numbers))
            if kind == "{" and not is_value:
                keys[-1] = json.loads(token[0])
            path = tuple(key for key in keys if key)
            yield _String(token, path, number, kind == "{" and not is_value)
        elif token["mark"] and token[0] in "{[":
            open_.append((token[0], next(numbers)))
            keys.append("")
            is_value = False
        elif token["mark"] and token[0] in "}]":
            open_.pop()
            keys.pop()
        elif token["mark"]:
            is_value = token[0] == ":"


# --- YAML -----------------------------------------------------------------------------------------


def yaml_segments(text: str, direction: Direction) -> Iterator[Segment]:
    """Segments of a YAML file; DataError where it is broken."""
    edits: list[_Edit] = []
    try:
        for root in yaml.compose_all(text, Loader=yaml.SafeLoader):
            strings = _Strings(text, direction)
            strings.read_root(root)
            edits += strings.edits
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a character beyond Unicode
        mark = getattr(error, "problem_mark", None)
        line = mark.line if mark else text.count("\n", 0, getattr(error, "position", 0))
        place = f"line {line + 1}: " if mark or hasattr(error, "position") else ""
        why = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise DataError(f"{place}no YAML: {why}", "Mend it first.") from None
    except RecursionError:
        raise DataError("nested too deeply", "No file of messages is: export it again.") from None
    yield from _edited(text, edits)


class _Strings:
    """The strings of a YAML document, as they are found."""

    def __init__(self, text: str, direction: Direction) -> None:
        self._text = text
        self._direction = direction
        self._seen: set[int] = set()  # nodes: an alias is the node of its anchor
        self.edits: list[_Edit] = []

    def read_root(self, root: yaml.Node) -> None:
        """Take a document."""
        if isinstance(root, yaml.MappingNode) and len(root.value) == 1:
            key, value = root.value[0]
            named = isinstance(key, yaml.ScalarNode) and self._direction.is_source(key.value)
            if named and isinstance(value, yaml.MappingNode):
                self._write(key, verbatim(_as_plain(self._direction.target, in_flow=False)))
        self._read(root, (), set(), in_flow=False)

    def _read(
        self, node: yaml.Node, keys: tuple[str, ...], beside: set[str], *, in_flow: bool
    ) -> None:
        if id(node) in self._seen:
            return
        self._seen.add(id(node))
        in_flow = in_flow or bool(getattr(node, "flow_style", False))
        if isinstance(node, yaml.MappingNode):
            names = {_name(key) for key, _ in node.value}
            for key, value in node.value:
                self._read(value, (*keys, _name(key)), names, in_flow=in_flow)
        elif isinstance(node, yaml.SequenceNode):
            for each in node.value:
                self._read(each, keys, set(), in_flow=in_flow)
        elif node.tag == _STRING and _says(keys, str(node.value), self._direction):
            self._write(node, verbatim(_as_plain(self._direction.target, in_flow=in_flow)))
        elif node.tag == _STRING and not _is_for_translators(keys, beside):
            self._read_string(node, in_flow=in_flow)

    def _read_string(self, node: yaml.Node, *, in_flow: bool) -> None:
        value, style = str(node.value), str(getattr(node, "style", None) or "")
        raw = self._text[self._start(node) : node.end_mark.index]
        if style in ("|", ">") and message_stretches(raw):
            self._write(node, _message(raw).kept_as(raw))
        elif style in ("|", ">"):
            self._write(node, _block(raw, is_folded=style == ">").kept_as(raw))
        else:
            segment = _message(value).map(lambda text: _quoted(text, style, in_flow=in_flow))
            self._write(node, segment.kept_as(raw))

    def _start(self, node: yaml.Node) -> int:
        """Where a scalar stands, behind its anchor and tag."""
        properties = re.compile(r"(?:[&!]\S*\s+)*").match(self._text, node.start_mark.index)
        return properties.end() if properties else node.start_mark.index

    def _write(self, node: yaml.Node, segment: Segment) -> None:
        self.edits.append(_Edit(self._start(node), node.end_mark.index, segment))


def _name(key: yaml.Node) -> str:
    """What a key is called; a list or a mapping, which may be an alias of aliases, has no name."""
    return str(key.value) if isinstance(key, yaml.ScalarNode) else ""


def _quoted(text: str, style: str, *, in_flow: bool) -> str:
    """A text as a scalar of a style, if that can say it, else in double quotes."""
    if style == "'" and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return _in_double_quotes(text) if style else _as_plain(text, in_flow=in_flow)


def _as_plain(text: str, *, in_flow: bool) -> str:
    """A text without quotes, where that is read as a string and as this one."""
    source = f"{{k: {text}}}" if in_flow else f"k: {text}"
    try:
        root = yaml.compose(source, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return _in_double_quotes(text)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    is_read = len(pairs) == 1 and (pairs[0][1].tag, pairs[0][1].value) == (_STRING, text)
    return text if is_read and text.isprintable() else _in_double_quotes(text)


def _in_double_quotes(text: str) -> str:
    width = 2 * len(text) + 100  # never broken over lines
    return str(yaml.dump(text, default_style='"', allow_unicode=True, width=width)).rstrip("\n")


def _block(raw: str, *, is_folded: bool) -> Segment:
    """A scalar of several lines: each is a text, or, where they are folded, each paragraph."""
    header, *lines = raw.splitlines(keepends=True)
    segments = [verbatim(header)]
    for (is_blank, _), group in itertools.groupby(lines, lambda line: _indentation(line)):
        paragraph = [_line(line) for line in group]
        if is_blank or not is_folded:
            segments += [
                join([verbatim(line.before), _forms(line.text), verbatim(line.after)])
                for line in paragraph
            ]
        else:
            segments.append(wrapped(paragraph, _forms))
    return join(segments)


def _indentation(line: str) -> tuple[bool, int]:
    words = line.lstrip(" ")
    return not words.strip(), len(line) - len(words)


def _line(line: str) -> Line:
    words = line.strip()
    start = line.index(words)
    return Line(line[:start], words, line[start + len(words) :])
