"""Segments of TMX and XLIFF → plain text: what is in their inline codes is no text."""

import re
from collections.abc import Iterator
from typing import Any

_CODE = set("bpt ept ph it ut sub x bx ex sc ec cp sm em".split())
_STANDALONE = {"ph", "x"}  # stand for something, such as a line break
_NO_TEXT = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f]")  # what XML has no characters for


def plain_text(element: Any) -> str:
    """The text of an lxml element, or of None, without its inline codes.

    Words that only a standalone code, such as a line break, kept apart get a space between them.
    """
    if element is None:
        return ""
    text = _NO_TEXT.sub("", "".join(_texts(element)))
    if "\0" not in text:  # which cannot occur in XML: it marks a standalone code
        return text
    return re.sub(r"(?<=\w)\0+(?=\w)", " ", text).replace("\0", "")


def _texts(element: Any) -> Iterator[str]:
    yield element.text or ""
    for inline in element:
        if not isinstance(inline.tag, str):  # a comment
            yield inline.tail or ""
            continue
        name = inline.tag.rpartition("}")[2]
        if name in _STANDALONE:
            yield "\0"
        if name not in _CODE:
            yield from _texts(inline)
        yield inline.tail or ""
