"""Lines → pairs: tab-separated values, two files side by side, and single texts."""

import itertools
from collections.abc import Iterator
from pathlib import Path

from translator.config import CorpusConfig
from translator.data.readers.pairs import (
    SentencePair,
    missing_columns,
    name_among,
    numbered_columns,
)
from translator.errors import DataError
from translator.files import read_lines


def read_tsv(
    file: Path, corpus: CorpusConfig, languages: tuple[str, str]
) -> Iterator[SentencePair]:
    """Yield the pairs of tab-separated lines; quotes mean nothing, a blank line is empty.

    All lines have the columns of the first one: of a text that holds a tab a part would be lost. A
    first line that names the languages of its columns is no pair.
    """
    source, target = numbered_columns(file, corpus, languages)
    needed = max(source, target) + 1
    width = 0
    for number, line in enumerate(read_lines(file), start=1):
        fields = line.split("\t")
        width = width or (len(fields) if line.strip() else 0)
        if width and any(field.strip() for field in fields[width:]):
            raise DataError(
                f"{file}, line {number}: {len(fields)} columns, but the first line has {width}",
                "A tab always begins a column: replace one within a text by a space. "
                "`translator data clean` leaves such lines out.",
            )
        if len(fields) < needed:
            if not line.strip():
                yield SentencePair("", "")  # counted as empty by whoever cleans
                continue
            raise missing_columns(file, number, len(fields), needed)
        pair = SentencePair(fields[source], fields[target])
        if number > 1 or source == target or not names_languages(pair, languages):
            yield pair


def names_languages(pair: SentencePair, languages: tuple[str, str]) -> bool:
    """Whether the sides are the names of languages, such as en and es, and no texts."""
    sides = zip(pair, languages, strict=True)
    return all(name_among(language, [side.strip()]) is not None for side, language in sides)


def read_texts(file: Path) -> Iterator[SentencePair]:
    """Yield each line of a file as a single text, on both sides of its pair."""
    for line in read_lines(file):
        yield SentencePair(line, line)


def read_parallel_lines(source: Path, target: Path) -> Iterator[SentencePair]:
    """Yield line n of one file with line n of the other; unequal lengths show at their end."""
    counts = [0, 0]
    for pair in itertools.zip_longest(read_lines(source), read_lines(target)):
        for side, text in enumerate(pair):
            counts[side] += text is not None
        if counts[0] == counts[1]:
            yield SentencePair(*pair)
    if counts[0] != counts[1]:
        raise DataError(
            f"{source} has {counts[0]:,} lines, {target} {counts[1]:,}: they are out of step",
            "Line n of one must be the translation of line n of the other.",
        )
