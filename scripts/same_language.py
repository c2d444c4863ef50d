"""Pairs within one language out of pairs of two: what teaches an encoder to read the second one.

    python scripts/same_language.py tatoeba.en-es.tsv > same.es-es.tsv

For each Spanish sentence a pair of it in disorder and itself: each word is left out with a
probability of 0.1, and the others move by up to three places (Lample et al., 2018). For each two
Spanish sentences that translate the same English one a pair of them, in either order.
docs/embeddings.md says what for.
"""

import argparse
import itertools
import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from translator.data import read_lines

_LEFT_OUT, _PLACES = 0.1, 3


def same_language(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Pairs of targets."""
    draw = random.Random(1)
    targets: defaultdict[str, dict[str, None]] = defaultdict(dict)  # the different ones, in order
    for source, target in pairs:
        targets[source][target] = None
    for target in dict.fromkeys(itertools.chain.from_iterable(targets.values())):
        yield in_disorder(target, draw), target
    for alike in targets.values():
        yield from itertools.permutations(alike, 2)


def in_disorder(text: str, draw: random.Random) -> str:
    """The text without some of its words, and the others moved by up to three places."""
    words = text.split()
    words = [word for word in words if draw.random() >= _LEFT_OUT] or words
    places = [place + draw.uniform(0, _PLACES + 1) for place in range(len(words))]
    return " ".join(word for _, word in sorted(zip(places, words, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="lines of source, tab, target")
    options = parser.parse_args()
    rows = (line.split("\t") for line in read_lines(options.corpus))
    pairs = same_language((source, target) for source, target, *_ in rows)
    sys.stdout.buffer.writelines(f"{left}\t{right}\n".encode() for left, right in pairs)


if __name__ == "__main__":
    main()
