"""ICU messages: the branches of `{count, plural, one {# file} other {# files}}` are texts.

What chooses between them (the argument, plural or select, the keywords, all braces) is kept.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from translator.text.placeholders import has_words

_ARGUMENT = re.compile(r"\{\s*[\w.]+\s*,\s*(?:plural|select|selectordinal)\s*,\s*(?:offset:\d+)?")
_BRANCH = re.compile(r"\s*=?\w+\s*\{")
_CLOSING = re.compile(r"\s*\}")


class Stretch(NamedTuple):
    """A stretch of a message: a text, what is kept around it, and the white space that follows."""

    head: str
    text: str
    tail: str
    space: str


def message_stretches(message: str) -> list[Stretch]:
    """The stretches of a message, which joined are the message; none of another text.

    A message without words is one stretch, of which all is kept.

    >>> [each.text for each in message_stretches("{n, plural, one {a file} other {# files}}")]
    ['a file', '# files']
    """
    if not _ARGUMENT.search(message):
        return []
    try:
        spans = [*_spans(message, 0, len(message))]
    except (ValueError, RecursionError):  # no message is nested a thousand times
        return []
    spans = [_stripped(message, *span) for span in spans if has_words(message[slice(*span)])]
    if not spans:
        return [Stretch(message, "", "", "")]
    stretches, begin = [], 0
    for number, (start, end) in enumerate(spans, start=1):
        head = message[begin:start]
        if number == len(spans):
            stretches.append(Stretch(head, message[start:end], message[end:], ""))
            break
        structure = message[end : spans[number][0]]
        gap = re.search(r"\s+", structure) or re.search(r"(?<=\})", structure)
        tail, space = (structure[: gap.start()], gap[0]) if gap else ("", "")
        stretches.append(Stretch(head, message[start:end], tail, space))
        begin = end + len(tail) + len(space)
    return stretches


def _spans(message: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Where texts stand between begin and end; ValueError where braces do not match."""
    while argument := _ARGUMENT.search(message, begin, end):
        yield begin, argument.start()
        begin = argument.end()
        while branch := _BRANCH.match(message, begin, end):
            closed = _closing_brace(message, branch.end(), end)
            yield from _spans(message, branch.end(), closed)
            begin = closed + 1
        closing = _CLOSING.match(message, begin, end)
        if not closing:
            raise ValueError("the argument is not closed")
        begin = closing.end()
    yield begin, end


def _closing_brace(message: str, begin: int, end: int) -> int:
    depth = 1
    for match in re.finditer(r"[{}]", message[begin:end]):
        depth += 1 if match[0] == "{" else -1
        if not depth:
            return begin + match.start()
    raise ValueError("a branch is not closed")


def _stripped(message: str, start: int, end: int) -> tuple[int, int]:
    text = message[start:end]
    return start + len(text) - len(text.lstrip()), end - len(text) + len(text.rstrip())
