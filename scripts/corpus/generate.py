"""Generate pairs: the patterns of phrases/patterns.tsv, drawn by their weights.

python scripts/corpus/generate.py --seed 0 --count 20
"""

from __future__ import annotations

import argparse
import importlib
import random
from collections.abc import Callable
from functools import cache

from grammar import Grammar, RejectedError
from tables import Pair, split, table

MAX_WORDS = 25
Pattern = Callable[[Grammar], Pair]


@cache
def patterns() -> tuple[tuple[str, float, Pattern], ...]:
    """All patterns with their names and weights."""
    rows = []
    for row in table("phrases/patterns"):
        module, function = row["rule"].split(".")
        rule = getattr(importlib.import_module(f"patterns.{module}"), function)
        rows.append((row["pattern"], float(row["weight"]), _bind(rule, split(row["arguments"]))))
    return tuple(rows)


def _bind(rule: Callable[..., Pair], arguments: tuple[str, ...]) -> Pattern:
    return lambda g: rule(g, *arguments)


def acceptable(pair: Pair) -> bool:
    """Whether neither side is too long."""
    return max(len(pair.en.split()), len(pair.es.split())) <= MAX_WORDS


def derive(g: Grammar, pattern: Pattern) -> Pair | None:
    """One sentence of a pattern, or None where the choices did not fit."""
    g.current.clear()
    try:
        pair = pattern(g)
    except RejectedError:
        return None
    return pair if acceptable(pair) else None


def generate_named(seed: int, count: int) -> list[tuple[str, Pair]]:
    """`count` distinct pairs, each with the name of its pattern."""
    rng = random.Random(seed)
    g = Grammar(rng)
    made: dict[str, tuple[str, Pair]] = {}
    shares = {name: 0 for name, _, _ in patterns()}
    failures = dict.fromkeys(shares, 0)
    active = list(patterns())
    while len(made) < count and active:
        behind = [(shares[name] + 0.5 * rng.random()) / weight for name, weight, _ in active]
        name, _, pattern = active[behind.index(min(behind))]
        for _ in range(60):
            pair = derive(g, pattern)
            if pair is not None and pair.en not in made:
                made[pair.en] = (name, pair)
                g.uses.update(g.current)
                failures[name] = 0
                break
        else:
            failures[name] += 1
            if failures[name] >= 3:
                active = [row for row in active if row[0] != name]
        shares[name] += 1
    if len(made) < count:
        raise ValueError(f"only {len(made)} distinct pairs for {count}")
    rows = list(made.values())
    for index in range(len(rows) - 1, 0, -1):
        other = int(rng.random() * (index + 1))
        rows[index], rows[other] = rows[other], rows[index]
    return rows


def generate(seed: int, count: int) -> list[tuple[str, str]]:
    """`count` distinct (English, Spanish) pairs, the same for a seed on every Python version."""
    return [(pair.en, pair.es) for _, pair in generate_named(seed, count)]


def main() -> None:
    """Print a sample as tab-separated lines."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--patterns", action="store_true", help="show the pattern of each line")
    options = parser.parse_args()
    for name, pair in generate_named(options.seed, options.count):
        prefix = f"{name}\t" if options.patterns else ""
        print(f"{prefix}{pair.en}\t{pair.es}")


if __name__ == "__main__":
    main()
