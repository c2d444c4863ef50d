"""Which sentences of two texts translate each other? Those nearer than others that are near.

Artetxe and Schwenk (2019), "Margin-based Parallel Corpus Mining with Multilingual Sentence
Embeddings". Shapes: N source and M target sentences, D d_model, k neighbours.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from translator.embedding import Nearest, Vectors, cosines, rows_of

NEIGHBOURS = 4  # as in the paper
THRESHOLD = 1.06  # of CCMatrix (Schwenk et al., 2021)
_LEAST_VARIANCE = 0.01  # of the largest; along a direction of less there is little but noise

Levels = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DistinctTexts:
    """The different texts among lines, in their order, and how many lines are not among them."""

    texts: list[str]
    blank: int
    repeated: int

    @classmethod
    def of(cls, lines: Iterable[str]) -> "DistinctTexts":
        """Lines that differ in white space only are the same."""
        counts = Counter(" ".join(line.split()) for line in lines)
        blank = counts.pop("", 0)
        return cls(list(counts), blank, counts.total() - len(counts))


class MinedPair(NamedTuple):
    """A source and a target sentence, by their numbers from 0, and their margin."""

    source: int
    target: int
    score: float


def mine(
    source: Vectors,
    target: Vectors,
    *,
    k: int = NEIGHBOURS,
    threshold: float = THRESHOLD,
    whitened: bool = True,
) -> list[MinedPair]:
    """Pairs of vectors [N, D] and [M, D] whose ratio margin is at least `threshold`, best first.

    The margin of a pair is its cosine ÷ the mean cosine of its two sides to their k nearest on the
    other side. Each vector proposes the best of its k nearest; proposals are accepted in the order
    of their margins, those whose source or target is taken are not. With `whitened` the vectors
    are first those of `half_whitened`, whose products take the place of cosines.

    All N × M cosines are computed, in blocks.
    """
    if not len(source) or not len(target):
        return []
    if whitened:
        source, target = half_whitened(source, target)
        texts = min(int(np.count_nonzero(side.any(1))) for side in (source, target))
        k = min(k, max(1, texts - 1))  # the mean product with all of a side is 0, and no measure
    forward, backward = _both_ways(source, target, k)
    levels = _levels(forward), _levels(backward)
    proposals = [
        *_proposals(forward, levels[0], levels[1]),
        *(MinedPair(j, i, score) for i, j, score in _proposals(backward, levels[1], levels[0])),
    ]
    proposals.sort(key=lambda pair: (-pair.score, pair.source, pair.target))
    return list(_accepted(pair for pair in proposals if pair.score >= threshold))


def half_whitened(source: Vectors, target: Vectors) -> tuple[Vectors, Vectors]:
    """Vectors [N, D] and [M, D] in which no direction counts for much more than the others.

    The mean of each side is subtracted: what all its sentences have in common is no sentence's
    meaning. Then both are multiplied by C^(-1/4), where C is the mean of their covariances. Of
    whitening, C^(-1/2) (Su et al., 2021), that is half the way: all of it would make as much of
    the noise. Lengths stay as they become: what lies near the mean says little, and of length 1 it
    would be near to many others. Vectors that are zero stay so.
    """
    sides = _less_mean(source), _less_mean(target)
    spread = (_covariance(sides[0]) + _covariance(sides[1])) / 2
    variances, directions = np.linalg.eigh(spread)  # from the least to the largest
    if variances[-1] > 0.0:
        scale = np.maximum(variances, _LEAST_VARIANCE * variances[-1]) ** -0.25
        sides = sides[0] @ (directions * scale), sides[1] @ (directions * scale)
    return sides[0].astype(np.float32), sides[1].astype(np.float32)


def _less_mean(vectors: Vectors) -> npt.NDArray[np.float64]:
    """Vectors [N, D] less their mean; those that are zero are none, and stay so."""
    is_text = vectors.any(1, keepdims=True)
    mean = vectors.sum(0, np.float64) / max(1, np.count_nonzero(is_text))
    return np.where(is_text, vectors - mean, 0.0)


def _covariance(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The covariance [D, D] of vectors [N, D] whose mean is zero, of those that are not zero."""
    number = int(np.count_nonzero(vectors.any(1)))
    return vectors.T @ vectors / max(1, number)


def _both_ways(source: Vectors, target: Vectors, k: int) -> tuple[Nearest, Nearest]:
    """The nearest targets of each source, and the nearest sources of each target."""
    forward, backward = Nearest(len(source), k), Nearest(len(target), k)
    for rows in rows_of(source):
        for columns in rows_of(target):
            scores = cosines(source[rows], target[columns])
            forward.add(rows, columns.start, scores)
            backward.add(columns, rows.start, scores.T)
    return forward, backward


def _levels(found: Nearest) -> Levels:
    """The mean score of each query's neighbours [N]; 0 where there are none."""
    is_there = found.indices >= 0
    sums = found.scores.sum(1, np.float64, where=is_there)
    levels: Levels = sums / np.maximum(1, is_there.sum(1))
    return levels


def _proposals(found: Nearest, own: Levels, others: Levels) -> Iterator[MinedPair]:
    """For each query the neighbour of the highest margin, if it has neighbours that are near."""
    levels = (own[:, None] + others[found.indices]) / 2  # [N, k]
    margins = np.divide(found.scores, levels, out=np.full_like(levels, -np.inf), where=levels > 0)
    best = margins.argmax(1)
    queries = np.arange(len(best))
    scores = margins[queries, best]
    for query in np.flatnonzero(scores > -np.inf).tolist():
        yield MinedPair(query, int(found.indices[query, best[query]]), float(scores[query]))


def _accepted(pairs: Iterable[MinedPair]) -> Iterator[MinedPair]:
    """Pairs both of whose sides are new."""
    sources: set[int] = set()
    targets: set[int] = set()
    for pair in pairs:
        if pair.source not in sources and pair.target not in targets:
            sources.add(pair.source)
            targets.add(pair.target)
            yield pair
