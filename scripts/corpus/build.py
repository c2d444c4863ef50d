"""Build the embedded corpus from its sources: `python scripts/corpus/build.py`.

The hand-written pairs and the grammar's go to translator/corpus/, the held-out pairs first, and
then all of the training side that shares no sentence with them. The same sources give the same
text; a test compares it with what is in the package.
"""

import lzma
import random
import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import figures
import generate

from translator.data import bare_text

Pair = tuple[str, str]

SOURCES = Path(__file__).parent
PACKAGE = SOURCES.parents[1] / "translator" / "corpus"
SEED = 0
GRAMMAR_PAIRS = 68_000
GRAMMAR_VALID = 320
GRAMMAR_TEST = 1_000
FIGURES = 6_000
FIGURES_TEST = 500


def build() -> dict[str, list[Pair]]:
    """All files of the corpus by name, without anything that the held-out sets share."""
    held_out = read(SOURCES / "heldout" / "handwritten.tsv")
    middle = len(held_out) // 2
    generated = generate.generate(SEED, GRAMMAR_PAIRS)
    random.Random(SEED).shuffle(generated)
    valid = held_out[:middle] + generated[:GRAMMAR_VALID]
    generated = without(generated[GRAMMAR_VALID:], valid + held_out[middle:])
    test_grammar, generated = generated[:GRAMMAR_TEST], generated[GRAMMAR_TEST:]
    held_out_pairs = valid + held_out[middle:] + test_grammar
    handwritten = [p for f in sorted((SOURCES / "handwritten").glob("*.tsv")) for p in read(f)]
    handwritten = without(unique(handwritten), held_out_pairs)
    in_figures = figures.generate(SEED, FIGURES)
    in_figures += figures.in_digits(generated + handwritten, SEED)
    random.Random(SEED).shuffle(in_figures)
    in_figures = without(unique(in_figures), held_out_pairs)
    test_figures, in_figures = in_figures[:FIGURES_TEST], in_figures[FIGURES_TEST:]
    return {
        "train-handwritten": handwritten,
        "train-grammar": without(without(generated, held_out_pairs), handwritten, side=0),
        "train-figures": without(in_figures, test_figures),
        "valid": valid,
        "test-handwritten": held_out[middle:],
        "test-grammar": test_grammar,
        "test-figures": test_figures,
    }


def read(file: Path) -> list[Pair]:
    """The pairs of a source file."""
    pairs = []
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n")[:-1], start=1):
        fields = line.split("\t")
        if len(fields) != 2:
            raise SystemExit(f"{file}, line {number}: not one tab: {line!r}")
        pairs.append((fields[0], fields[1]))
    return pairs


def unique(pairs: Iterable[Pair]) -> list[Pair]:
    """Each English sentence once; two Spanish answers to one are an error."""
    answers: dict[str, str] = {}
    for english, spanish in pairs:
        if answers.setdefault(english, spanish) != spanish:
            raise SystemExit(f"{english!r} has two answers: {answers[english]!r}, {spanish!r}")
    return list(answers.items())


def without(pairs: Iterable[Pair], taken: Iterable[Pair], side: int | None = None) -> list[Pair]:
    """The pairs that share no sentence with `taken` on a side (either, unless one is named).

    Sentences are compared by letters and digits only: case, accents kept, and marks do not count.
    """
    sides = (0, 1) if side is None else (side,)
    known = [{bare_text(pair[i]) for pair in taken} for i in (0, 1)]
    return [pair for pair in pairs if all(bare_text(pair[i]) not in known[i] for i in sides)]


def file_text(pairs: Iterable[Pair]) -> str:
    """The pairs as they stand in a file."""
    return "".join(f"{english}\t{spanish}\n" for english, spanish in pairs)


def main() -> None:
    """Write the package's files and say what they hold."""
    PACKAGE.mkdir(exist_ok=True)
    for old in PACKAGE.glob("*.tsv*"):
        old.unlink()
    for name, pairs in build().items():
        data = file_text(pairs).encode()
        compressed = lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)
        (PACKAGE / f"{name}.en-es.tsv.xz").write_bytes(compressed)
        print(f"{name:18} {len(pairs):7,} pairs  {len(data):9,} bytes, packed {len(compressed):7,}")


if __name__ == "__main__":
    main()
