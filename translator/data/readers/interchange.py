"""The XML that translators exchange → pairs: TMX and XLIFF."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from translator.config import CorpusConfig
from translator.data.readers.pairs import (
    SentencePair,
    beside_path,
    column_names,
    hint_for,
    is_forward,
)
from translator.data.readers.xml import child, elements, name_in
from translator.documents.xliff import waits
from translator.errors import DataError
from translator.text.inline_codes import plain_text
from translator.text.languages import is_language, primary

_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


# --- TMX ------------------------------------------------------------------------------------------


def read_tmx(
    file: Path, corpus: CorpusConfig, languages: tuple[str, str]
) -> Iterator[SentencePair]:
    """Yield a pair for each translation unit (TMX 1.4b), empty on the side that is missing.

    `en` takes a text in en, else in a variant such as en-US; `columns: {en: en-GB}` asks for one.
    """
    wanted = column_names(corpus, languages)
    found: set[str] = set()
    for unit in elements(file, "tmx", {"tu"}):
        variants: dict[str, Any] = {}
        for variant in unit:
            if name_in(variant.tag) == "tuv":
                language = variant.get(_LANGUAGE) or variant.get("lang") or ""
                variants.setdefault(language, variant)
        found |= variants.keys()
        yield SentencePair(*(_text_in(variants, language) for language in wanted))
    for language in wanted:
        if found and not any(is_language(each, language) for each in found):
            raise DataError(
                f"{file} has no text in {language!r}, only in {', '.join(sorted(found))}",
                hint_for(
                    languages,
                    sorted(found),
                    "Set its columns: "
                    + beside_path(
                        corpus.path, f"columns: {{{language}: {_like(language, found)}, …}}"
                    )
                    + ".",
                ),
            )


def _like(language: str, tags: set[str]) -> str:
    return min((tag for tag in tags if primary(tag) == primary(language)), default="…")


def _text_in(variants: dict[str, Any], language: str) -> str:
    fitting = [each for each in variants if is_language(each, language)]
    if not fitting:
        return ""
    exact = min(fitting, key=len)  # the shortest is the tag alone
    return plain_text(variants[exact].find("{*}seg"))


# --- XLIFF ----------------------------------------------------------------------------------------


def read_xliff(
    file: Path, corpus: CorpusConfig, languages: tuple[str, str]
) -> Iterator[SentencePair]:
    """Yield the pair of each unit (XLIFF 1.2) or segment (2.x), in the direction of the languages.

    A target that says of itself that it is not translated yet is empty.
    """
    forward: bool | None = None
    for element in elements(file, "xliff", {"trans-unit", "segment"}, {"xliff", "file"}):
        if name_in(element.tag) in ("xliff", "file"):  # of 2.x and of 1.2
            tags = [element.get("srcLang") or element.get("source-language")]
            tags += [element.get("trgLang") or element.get("target-language")]
            if any(tags):
                forward = is_forward(file, ("source", "target"), tags, corpus, languages)
            continue
        if forward is None:
            forward = is_forward(file, ("source", "target"), [None, None], corpus, languages)
        source, target = child(element, "source"), child(element, "target")
        is_waiting = target is None or waits(element.attrib, target.attrib)
        pair = (plain_text(source), "" if is_waiting else plain_text(target))
        yield SentencePair(*(pair if forward else pair[::-1]))
