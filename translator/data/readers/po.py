"""gettext PO → pairs, parsed by polib, some messages at a time."""

import re
from collections.abc import Callable, Iterator
from gettext import c2py
from pathlib import Path
from typing import Any

from translator.config import CorpusConfig
from translator.data.readers.pairs import SentencePair, is_forward
from translator.errors import DataError
from translator.files import read_lines

_LINES = 100  # parsed together
# polib takes these for line ends, gettext does not: while it parses, noncharacters stand for them.
_LINE_ENDS = "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_GUARDED = {ord(end): 0xFDD0 + number for number, end in enumerate(_LINE_ENDS)}
_UNGUARDED = {guard: end for end, guard in _GUARDED.items()}

# polib takes the last sign of a string for the quote that ends it, whatever it is.
_STRING = re.compile(r'(?:msg\w+(?:\[\d+\])?\s+)?"[^"\\]*(?:\\.[^"\\]*)*"')


def read_po(file: Path, corpus: CorpusConfig, languages: tuple[str, str]) -> Iterator[SentencePair]:
    """Yield the pair of each message, and of its plural; fuzzy and untranslated ones are empty.

    The header says the language of the translations, or `columns: {en: msgid, es: msgstr}` does.
    Obsolete messages are comments.
    """
    forward: bool | None = None
    form_of: Callable[[int], int] | None = None
    for start, block in _blocks(file):
        catalog = _parse(block, file, start)
        if forward is None:
            tags = [None, catalog.metadata.get("Language") or None]
            forward = is_forward(file, ("msgid", "msgstr"), tags, corpus, languages)
            form_of = _form_of(catalog.metadata.get("Plural-Forms", ""))
        for entry in catalog:
            if entry.msgid and not entry.obsolete:
                for message, translation in _texts(entry, form_of):
                    pair = (
                        message.translate(_UNGUARDED),
                        "" if entry.fuzzy else translation.translate(_UNGUARDED),
                    )
                    yield SentencePair(*(pair if forward else pair[::-1]))


def _texts(entry: Any, form_of: Callable[[int], int] | None) -> Iterator[tuple[str, str]]:
    """The message with the form for one, and its plural with that for a hundred."""
    if not entry.msgid_plural:
        yield entry.msgid, entry.msgstr
        return
    forms = {int(number): text for number, text in entry.msgstr_plural.items()}
    one, many = (form_of(1), form_of(100)) if form_of else (0, max(forms, default=0))
    if len(forms) > 1:  # a language without plural has one form, which is used for many
        yield entry.msgid, forms.get(one, "")
    yield entry.msgid_plural, forms.get(many if len(forms) > 1 else 0, "")


def _form_of(plural_forms: str) -> Callable[[int], int] | None:
    """Which form a number takes, by the header of the catalogue; None where it does not say."""
    expression = re.search(r"plural\s*=\s*([^;]+)", plural_forms)
    try:
        form_of = c2py(expression[1]) if expression else None
        return form_of if form_of and [form_of(1), form_of(100)] else None
    except (ValueError, ArithmeticError, RecursionError):  # n % 0
        return None


def _parse(block: str, file: Path, start: int) -> Any:
    import polib

    try:
        catalog = polib.pofile(block.translate(_GUARDED))
    except OSError as error:  # its syntax error, with the line in the block
        found = re.search(r"line (\d+)\)(?:: (.*))?", str(error), re.DOTALL)
        line = start - 1 + int(found[1]) if found else start
        raise _broken(file, line, (found and found[2]) or "syntax error") from None
    for line, text in enumerate(map(str.strip, block.split("\n")), start):
        if text and not text.startswith("#") and not _STRING.fullmatch(text):
            raise _broken(file, line, "a string without its quotes")
    return catalog


def _broken(file: Path, line: int, reason: str) -> DataError:
    return DataError(
        f"{file}, line {line}: broken PO file ({reason})", "msgfmt --check explains it."
    )


def _blocks(file: Path) -> Iterator[tuple[int, str]]:
    """Whole messages, about `_LINES` lines together, with the number of their first line."""
    block: list[str] = []
    start, complete = 1, False  # whether the lines before this one are whole messages
    for number, line in enumerate(read_lines(file), start=1):
        text = line.removeprefix("#~").lstrip()  # obsolete messages look like others
        if text.startswith("msgstr"):
            complete = True
        elif complete and text.startswith(("#", "msgctxt", "msgid")):
            if len(block) >= _LINES:
                yield start, "\n".join(block)
                block, start = [], number
            complete = False
        block.append(line)
    if block:
        yield start, "\n".join(block)
