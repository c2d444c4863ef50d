"""A corpus as few pairs, and the rest of it as texts without partners.

    python scripts/few_pairs.py tatoeba.en-es.tsv --pairs 5000

writes few.en-es.tsv, and mono.en.txt and mono.es.txt, in which the sentences of all other pairs
stand in an order of their own, without those of the few: what docs/architectures.md measures.
"""

import argparse
import random
from pathlib import Path

from translator.data import read_lines


def split(lines: list[str], count: int) -> tuple[list[str], list[list[str]]]:
    """The first `count` of the lines in a random order, and the shuffled texts of both columns."""
    random.Random(1).shuffle(lines)
    pairs = [line.split("\t") for line in lines]
    known = {text for pair in pairs[:count] for text in pair}
    texts = [sorted({pair[side] for pair in pairs[count:]} - known) for side in (0, 1)]
    for side, each in enumerate(texts):
        random.Random(2 + side).shuffle(each)
    return lines[:count], texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="lines of English, tab, Spanish")
    parser.add_argument("--pairs", type=int, default=5000)
    options = parser.parse_args()
    few, texts = split(list(read_lines(options.corpus)), options.pairs)
    for name, lines in zip(
        ("few.en-es.tsv", "mono.en.txt", "mono.es.txt"), (few, *texts), strict=True
    ):
        Path(name).write_text(
            "".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n"
        )


if __name__ == "__main__":
    main()
