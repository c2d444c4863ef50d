"""The tables of the grammar: tab-separated text with a header line; `#` begins a comment line.

Empty fields at the end of a line may be left out. All tables lie in lexicon/ and phrases/.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
Row = dict[str, str]


class Pair(NamedTuple):
    """The same thing said in both languages: a phrase, a clause or a whole sentence."""

    en: str
    es: str


@cache
def table(name: str) -> tuple[Row, ...]:
    """The rows of a table by the names of its columns; `name` is a path such as lexicon/nouns."""
    lines = (HERE / f"{name}.tsv").read_text(encoding="utf-8").split("\n")
    numbered = [(i, line.split("\t")) for i, line in enumerate(lines, 1) if line and line[0] != "#"]
    (_, header), rows = numbered[0], []
    for number, fields in numbered[1:]:
        if len(fields) > len(header):
            raise SystemExit(f"{name}.tsv, line {number}: more fields than the header names")
        rows.append(dict(zip(header, fields + [""] * (len(header) - len(fields)), strict=True)))
    return tuple(rows)


def split(text: str) -> tuple[str, ...]:
    """The parts of a field that are separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


@cache
def _classes() -> dict[str, frozenset[str]]:
    return {row["class"]: frozenset(split(row["members"])) for row in table("lexicon/classes")}


def word_class(name: str) -> frozenset[str]:
    """The members of a class of lexicon/classes.tsv."""
    return _classes()[name]


@cache
def phrases(name: str) -> tuple[Pair, ...]:
    """A list of phrases/phrases.tsv; a line that stands twice is drawn twice as often."""
    rows = [row for row in table("phrases/phrases") if row["list"] == name]
    if not rows:
        raise KeyError(name)
    return tuple(Pair(row["english"], row["spanish"]) for row in rows)
