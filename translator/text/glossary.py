"""Which terms must a translation hold? Terms of a glossary, and spans that are not translated."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from translator.errors import DataError
from translator.text.languages import are_exchanged, guess_languages, word_edges
from translator.text.terms import read_terms, term_languages


class Glossary:
    """Source terms with the target terms that they require, and patterns of what stays as it is."""

    def __init__(self, terms: Mapping[str, str] | None = None, keep: Sequence[str] = ()) -> None:
        """`terms` maps source terms to target terms; `keep` are regular expressions.

        Raises DataError for a term that is blank or a pattern that is none or matches nothing.
        """
        if isinstance(keep, str):
            raise TypeError("keep is a list of patterns; put the one pattern in a list")
        self.warnings: list[str] = []  # of a file: what in it will not help
        self._terms = {}
        for source, target in (terms or {}).items():
            if not source.strip() or not target.strip():
                raise DataError(
                    f"a glossary term is blank: {source!r} → {target!r}", "Give both sides."
                )
            self._terms[_composed(source)] = _composed(target)
        self._first_words = {term: term.split()[0].casefold() for term in self._terms}
        self._keep = [_compiled(pattern) for pattern in keep]

    @classmethod
    def read(
        cls,
        path: Path | None,
        keep: Sequence[str] = (),
        languages: tuple[str, str] | None = None,
    ) -> "Glossary":
        """Read a file of terms, see `read_terms`; of a term that occurs twice the first counts.

        Raises DataError that names the line, or the file that has no term at all. `warnings` tell
        of terms with several targets, of columns in each other's place, and of a file with terms in
        other languages alone, which is read as nothing.
        """
        if path is None:
            return cls(keep=keep)
        read = [
            (_composed(source), _composed(target)) for source, target in read_terms(path, languages)
        ]
        terms: dict[str, str] = {}
        for source, target in read:
            terms.setdefault(source, target)
        glossary = cls(terms, keep)
        glossary.warnings = list(_warnings(path, read, languages))
        return glossary

    @property
    def terms(self) -> Mapping[str, str]:
        """Target terms by source term."""
        return self._terms

    def __bool__(self) -> bool:
        return bool(self._terms or self._keep)

    def required(self, text: str) -> list[str]:
        """The target terms that a translation of this text (NFC) must hold, each as often as due.

        A source term is found as whole words: in any case if it is written in lower case, else in
        its own. A target is required as the glossary has it, whatever the case of the source.
        Longer terms win over shorter ones that they contain, kept spans over terms.
        """
        return [term for _, term in self._found(text)]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where in the text stands what requires a term: it must not be cut there."""
        return [span for span, _ in self._found(text)]

    def has_small(self, text: str, begin: int) -> bool:
        """Whether a term begins there that has a capital here, and none in the glossary."""
        for (start, end), target in self._found(text):
            if start == begin and text[start].isupper():
                term = _composed(text[start:end])
                return not term.isupper() and self._terms.get(term.lower()) == target
        return False

    def _found(self, text: str) -> Iterator[tuple[tuple[int, int], str]]:
        free = text
        for pattern in self._keep:
            for match in pattern.finditer(free):
                if kept := " ".join(match.group().split()):
                    yield match.span(), kept
            free = pattern.sub(lambda match: "\0" * len(match.group()), free)
        if near := self._terms_near(free):
            for match in _any_of(near).finditer(free):
                if term := self._target_of(" ".join(match.group().split())):
                    yield match.span(), term

    def _terms_near(self, text: str) -> tuple[str, ...]:
        """The terms that may be in a text: to look for each of thousands takes a second."""
        folded = text.casefold()
        return tuple(term for term, first in self._first_words.items() if first in folded)

    def _target_of(self, occurrence: str) -> str | None:
        return self._terms.get(occurrence) or self._terms.get(occurrence.lower())


def _warnings(
    path: Path, terms: Sequence[tuple[str, str]], languages: tuple[str, str] | None
) -> Iterator[str]:
    """What in a file of terms will not help; DataError where there is no term."""
    tags = term_languages(path)
    if not terms and not tags:
        raise DataError(f"{path} has no term", "Write one a line: source, tab, target.")
    if not terms:
        yield (
            f"no term of {path} is in both {' and '.join(languages or ())}: "
            f"its languages are {', '.join(tags)}"
        )
    targets: dict[str, list[str]] = {}
    for term, target in terms:
        others = targets.setdefault(term, [])
        others += [target] * (target not in others)
    if several := [f"{s} ({', '.join(t)})" for s, t in targets.items() if len(t) > 1]:
        more = f" and {len(several) - 3} more" if len(several) > 3 else ""
        yield f"{path}: of several targets the first counts: {', '.join(several[:3])}{more}"
    if languages and not tags and are_exchanged(guesses := guess_languages(terms), languages):
        first, second = guesses
        yield (
            f"{path}: its first column looks like {first} and its second like {second}, so no "
            f"term will be found: exchange them, or put {first} and {second} into a first row"
        )


def _composed(term: str) -> str:
    """As the tokenizer reads and writes it: NFC, words with single spaces between them."""
    return unicodedata.normalize("NFC", " ".join(term.split()))


@lru_cache
def _any_of(terms: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(_spelled, sorted(terms, key=len, reverse=True))))


def _spelled(term: str) -> str:
    """A pattern for a term as whole words: in any case if it is written in lower case.

    Where signs are written without spaces no word ends, and a term may stand anywhere.
    """
    words = r"\s+".join(map(re.escape, term.split()))
    before, after = word_edges(term)
    return f"{before}(?i:{words}){after}" if term == term.lower() else f"{before}{words}{after}"


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(unicodedata.normalize("NFC", pattern))
    except re.error as error:
        raise DataError(
            f"{pattern!r} is not a regular expression: {error}",
            "Put a backslash before characters that are meant literally, such as \\+ or \\(.",
        ) from None
    if compiled.match(""):
        raise DataError(
            f"the pattern {pattern!r} matches nothing at all", "Let it match a character or more."
        )
    return compiled
