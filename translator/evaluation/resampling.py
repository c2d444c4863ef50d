"""The scores of many resamples at once: sacrebleu's formulas on arrays of summed statistics.

sacrebleu scores one resample after the other in Python, and sums by products of booleans, which
NumPy does without BLAS. Two systems of 2,489 sentences by three metrics took 22 s of a processor so
and take 9 here, most of them for counting n-grams. The random numbers and the formulas are
sacrebleu's own, and so are the results.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from translator.errors import DataError

Array = NDArray[Any]

_ROWS = 512  # resamples drawn at once: whole words of random bits, so parts equal one draw
_ROUNDING = 1e-9  # of a score: what differs by less is equal


def seed() -> int | None:
    """The seed that sacrebleu reads in $SACREBLEU_SEED; None draws from the system.

    DataError where the variable holds anything else.
    """
    value = os.environ.get("SACREBLEU_SEED", "12345")
    if value.lower() == "none":
        return None
    with suppress(ValueError):
        if (number := int(value)) >= 0:
            return number
    raise DataError(
        f"SACREBLEU_SEED is {value!r}, which is no seed", "Set it to a number from 0 on, or none."
    )


def bootstrap_scores(metric: Any, systems: Sequence[Array], resamples: int) -> list[Array]:
    """The scores [resamples] of each system, whose statistics are [N, K], on the same resamples."""
    sentences = len(systems[0])
    generator = np.random.default_rng(seed())
    sums: list[list[Array]] = [[] for _ in systems]
    for rows in in_parts(lambda n: generator.choice(sentences, size=(n, sentences)), resamples):
        times = np.stack([np.bincount(row, minlength=sentences) for row in rows]).astype(float)
        for found, statistics in zip(sums, systems, strict=True):
            found.append(times @ statistics)
    # in single precision, as sacrebleu has them
    return [scores_of(metric, np.concatenate(each).astype(np.float32)) for each in sums]


def bootstrap_p_value(baseline: Array, system: Array, difference: float) -> float:
    """The p-value of the paired bootstrap, by the scores of the same resamples."""
    differences = np.abs(system - baseline)
    return _p_value(differences - differences.mean(), difference)


def randomization_p_value(
    metric: Any, baseline: Array, system: Array, difference: float, trials: int
) -> float:
    """The p-value of approximate randomization, by the statistics [N, K] of two systems.

    In each trial every sentence changes sides with probability ½.
    """
    generator = np.random.default_rng(seed())
    kept = in_parts(lambda n: generator.integers(2, size=(n, len(baseline)), dtype=bool), trials)
    moved = np.concatenate([part.astype(float) @ (baseline - system) for part in kept])
    first, second = system.sum(axis=0) + moved, baseline.sum(axis=0) - moved
    return _p_value(np.abs(scores_of(metric, first) - scores_of(metric, second)), difference)


def in_parts(draw: Callable[[int], Array], resamples: int) -> Iterator[Array]:
    """What `draw` gives for a number of resamples, some at a time: all take much memory."""
    for first in range(0, resamples, _ROWS):
        yield draw(min(_ROWS, resamples - first))


def _p_value(seen_by_chance: Array, seen: float) -> float:
    """How often chance goes beyond what was seen; 1 where that is nothing, which chance equals."""
    if seen <= _ROUNDING:
        return 1.0
    beyond = int(np.sum(seen_by_chance > seen + _ROUNDING))
    return (beyond + 1) / (len(seen_by_chance) + 1)


def scores_of(metric: Any, sums: Array) -> Array:
    """The corpus scores [S] of a metric of sacrebleu's, with its defaults, from sums [S, K]."""
    from sacrebleu import BLEU, CHRF, TER

    with np.errstate(divide="ignore", invalid="ignore"):
        match metric:
            case BLEU():
                return _bleu(sums, metric.max_ngram_order)
            case CHRF():
                return _chrf(sums, metric.beta)
            case TER():
                return _ter(sums)
    return np.array([float(metric._compute_score_from_stats(row).score) for row in sums])


def _bleu(sums: Array, orders: int) -> Array:
    """With the smoothing `exp`: the first order without a match has half of one, the next ¼."""
    length, reference = sums[:, 0].astype(float), sums[:, 1].astype(float)
    correct, total = sums[:, 2 : 2 + orders], sums[:, 2 + orders :]
    halved = (2.0 ** np.cumsum(correct == 0, axis=1)).astype(sums.dtype)
    precisions = np.where(correct == 0, 100.0 / (halved * total), 100.0 * correct / total)
    logs = np.where(total > 0, np.log(precisions.astype(float)), -9_999_999_999.0)
    brevity = np.where(length < reference, np.exp(1.0 - reference / length), 1.0)
    scores = brevity * np.exp(logs.sum(axis=1) / orders)
    return np.where((correct > 0).any(axis=1), scores, 0.0)


def _chrf(sums: Array, beta: float) -> Array:
    """From the mean precision and the mean recall of the orders that both sides have."""
    hypothesis, reference, match = sums[:, 0::3], sums[:, 1::3], sums[:, 2::3]
    both = (hypothesis > 0) & (reference > 0)
    precision, recall = (
        _mean(np.where(both, match / side, 0.0).astype(sums.dtype), both)
        for side in (hypothesis, reference)
    )
    f = (1 + beta**2) * precision * recall / (beta**2 * precision + recall)
    scores: Array = np.where(precision + recall > 0, 100 * f, 0.0).astype(sums.dtype)
    return scores


def _mean(values: Array, counted: Array) -> Array:
    """The means [S] of rows [S, orders], summed in order."""
    total: Array = np.zeros(len(values), values.dtype)
    for column in values.T:
        total += column
    total /= np.maximum(1, counted.sum(axis=1))
    return total


def _ter(sums: Array) -> Array:
    edits, lengths = sums[:, 0], sums[:, 1]
    rates = np.where(lengths > 0, edits / lengths, np.where(edits > 0, 1.0, 0.0))
    scores: Array = (100 * rates).astype(sums.dtype)
    return scores
