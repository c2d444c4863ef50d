"""Are the sides of a corpus where it says? Those that are exchanged are told, with a way out."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from translator.config import Config, CorpusConfig
from translator.data.readers import SentencePair, read_corpus, read_pairs, side_names
from translator.data.readers.pairs import (
    beside_path,
    column_numbers,
    columns_example,
    exchanged_name,
)
from translator.errors import DataError
from translator.text.languages import Guesses, are_exchanged, guess_languages

_SAMPLED_PAIRS = 1000  # the first ones of a corpus, whose languages are guessed
_COMPARED_PAIRS = 100
_SIDES = (("target", "source"), ("msgstr", "msgid"))  # of XLIFF and PO


class Exchanged(NamedTuple):
    """A corpus whose sides look exchanged."""

    problem: str  # names it
    way_out: str

    def __str__(self) -> str:
        return f"{self.problem}. {self.way_out}"


def exchanged_sides(config: Config, made: Path | None = None) -> Iterator[Exchanged]:
    """The corpora whose first pairs look exchanged.

    Of what is no translation, nothing is known. What cannot be read is told elsewhere, and what
    was `made` of files, in that folder, by whoever made it.
    """
    if config.learns_from_texts or not config.model.is_textual:
        return
    for corpus in config.data.corpora:
        if made in Path(corpus.path).parents:
            continue
        own = config.toward_languages_of(corpus)
        with suppress(DataError):
            pairs = list(itertools.islice(read_corpus(corpus, own), _SAMPLED_PAIRS))
            guesses = guess_languages(pairs)
            if are_exchanged(guesses, own.data.direction):
                hint = how_to_exchange(corpus, config)
                yield Exchanged(describe_exchanged(corpus, guesses), hint)


def describe_exchanged(corpus: CorpusConfig, guesses: Guesses) -> str:
    """What is wrong with a corpus whose sides are exchanged."""
    source, target = guesses
    return f"{corpus.path}: by its texts the source is {source} and the target {target}"


def how_to_exchange(corpus: CorpusConfig, config: Config) -> str:
    """What makes the two sides of a corpus stand for each other: another name, or columns."""
    languages = config.data.languages_of(corpus)
    columns = _exchanged_columns(corpus, languages)
    if columns is None:
        return "Exchange the two sides in the file."
    renamed = exchanged_name(Path(corpus.path))
    if renamed and not corpus.columns and isinstance(columns[0], int):
        keeps = f"; --set data.source_language={languages[0]} then keeps the direction"
        return f"Rename it to {renamed}{keeps * (not config.data.directions)}."
    example = columns_example(languages, *columns)
    return (
        f"Exchange its columns: {beside_path(corpus.path, f'columns: {example}')}; "
        "`translator data clean` with it writes a file in which they are exchanged."
    )


def _exchanged_columns(
    corpus: CorpusConfig, languages: tuple[str, str]
) -> Sequence[int | str | None] | None:
    """The columns with which the first pairs of a corpus are read the other way round."""
    pairs = _first_pairs(corpus, languages)
    columns = column_numbers(Path(corpus.path), corpus, languages)
    for each in ([*columns[::-1]] if columns else None, languages[::-1], *_SIDES):
        if each:
            named = dict(zip(side_names(languages), each, strict=True))
            with suppress(DataError):
                read = _first_pairs(corpus.model_copy(update={"columns": named}), languages)
                if read == [(target, source) for source, target in pairs]:
                    return each
    return None


def _first_pairs(corpus: CorpusConfig, languages: tuple[str, str]) -> list[SentencePair]:
    return list(itertools.islice(read_pairs(corpus, *languages), _COMPARED_PAIRS))
