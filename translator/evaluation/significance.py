"""Is B better than A, or was it luck? Paired tests, and the sentences that make the difference."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from translator.errors import DataError
from translator.evaluation.resampling import (
    Array,
    bootstrap_p_value,
    bootstrap_scores,
    randomization_p_value,
    seed,
)
from translator.evaluation.scores import METRICS, sacrebleu_metric, sentence_chrf
from translator.evaluation.sets import EvaluationSet
from translator.progress import activity

TRIALS = 10_000  # of approximate randomization, as sacrebleu's
LUCK = 0.05  # the p-value from which on a difference may be luck


@dataclass(frozen=True)
class System:
    """A name and its translations of the test set."""

    name: str
    hypotheses: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One metric of one system, against the baseline; the p-values are None for the baseline.

    `mean` ± `interval` is the 95 % bootstrap interval.
    """

    metric: str
    score: float
    mean: float
    interval: float
    difference: float
    p_bootstrap: float | None
    p_randomization: float | None


@dataclass(frozen=True)
class Duel:
    """A system and the baseline, sentence by sentence in chrF2."""

    wins: tuple[int, ...]  # indices of the sentences that the system translates better
    losses: tuple[int, ...]
    different: int  # sentences that are translated differently
    most_different: tuple[int, ...]  # by the difference in chrF2, the widest first


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Systems on one test set; the first is the baseline that the others are tested against."""

    test_set: EvaluationSet
    systems: tuple[System, ...]
    differences: dict[str, tuple[Difference, ...]]  # by metric, one for each system
    signatures: dict[str, tuple[str, str]]  # by metric: of the bootstrap, of the randomization
    sentence_scores: tuple[tuple[float, ...], ...]  # chrF2, [system][sentence]
    duels: tuple[Duel, ...]  # of each system but the first


def compare(
    test_set: EvaluationSet,
    systems: Sequence[System],
    metrics: Sequence[str] = tuple(METRICS),
    *,
    resamples: int = 1000,
    trials: int = TRIALS,
) -> Comparison:
    """Test systems against the first by paired bootstrap and approximate randomization.

    The p-values are sacrebleu's for the same seed ($SACREBLEU_SEED). Its bootstrap, shifted to
    a difference of zero, counts one tail and gives about half of a two-sided p; the
    randomization is two-sided. There is one exception. Its tests count only resamples *beyond*
    the difference that was seen, so of two systems that agree in all but k sentences it says p
    ≈ 0: swapping k translations can only give 2^k outcomes, and two of them always equal what
    was seen. No such test can be surer than 2^(1-k), so this is the least p-value of a
    randomization here; it matters for k < 15. Sentences agree in which a metric counts the same.
    Systems of equal scores have p = 1 in both.
    """
    _check(systems, test_set)
    differences, signatures = {}, {}
    for name in metrics:
        tested = _Tested.of(name, systems, test_set)
        with activity(f"paired bootstrap and randomization of {tested.name} on {test_set.name}"):
            differences[tested.name] = tested.differences(resamples, trials)
        signatures[tested.name] = (
            tested.signature("bs", resamples),
            tested.signature("ar", trials),
        )
    scores = tuple(
        tuple(sentence_chrf(system.hypotheses, *test_set.references)) for system in systems
    )
    return Comparison(
        test_set=test_set,
        systems=tuple(systems),
        differences=differences,
        signatures=signatures,
        sentence_scores=scores,
        duels=tuple(
            _duel(systems[0], system, scores[0], scores[n])
            for n, system in enumerate(systems[1:], start=1)
        ),
    )


def bootstrap_p(
    test_set: EvaluationSet,
    baseline: Sequence[str],
    system: Sequence[str],
    *,
    metric: str = "bleu",
    resamples: int = 1000,
) -> float:
    """The p-value of sacrebleu's paired bootstrap for two systems: see `compare`."""
    tested = _Tested.of(metric, [System("", tuple(baseline)), System("", tuple(system))], test_set)
    first, second = bootstrap_scores(tested.metric, tested.statistics, resamples)
    return bootstrap_p_value(first, second, abs(tested.scores[1] - tested.scores[0]))


def binomial_tail(least: int, trials: int, probability: float) -> float:
    """The probability of `least` successes or more in independent trials, each of 0 < p < 1.

    In logarithms: of a thousand trials and more the binomial coefficients are no floats.
    """
    yes, no = math.log(probability), math.log1p(-probability)
    return math.fsum(
        math.exp(
            math.lgamma(trials + 1)
            - math.lgamma(k + 1)
            - math.lgamma(trials - k + 1)
            + k * yes
            + (trials - k) * no
        )
        for k in range(least, trials + 1)
    )


def _check(systems: Sequence[System], test_set: EvaluationSet) -> None:
    if len(systems) < 2:
        raise DataError("one system alone cannot be compared", "Name two or more.")
    for system in systems:
        if len(system.hypotheses) != len(test_set):
            raise DataError(
                f"{system.name} has {len(system.hypotheses):,} translations, but {test_set.name} "
                f"has {len(test_set):,} sentences",
                "All systems must have translated the same sentences.",
            )


@dataclass(frozen=True)
class _Tested:
    """Systems by one metric: its statistics [N, K] of each, whose sums give the scores."""

    metric: Any  # of sacrebleu
    name: str
    statistics: list[Array]
    scores: list[float]

    @classmethod
    def of(cls, metric: str, systems: Sequence[System], test_set: EvaluationSet) -> "_Tested":
        chosen = sacrebleu_metric(metric, test_set.target_language)
        references = [list(stream) for stream in test_set.references]
        rows = [
            chosen._extract_corpus_statistics(list(system.hypotheses), references)
            for system in systems
        ]
        results = [chosen._aggregate_and_compute(each) for each in rows]
        scores = [float(result.score) for result in results]
        return cls(chosen, results[0].name, [np.array(each) for each in rows], scores)

    def differences(self, resamples: int, trials: int) -> tuple[Difference, ...]:
        """Compare each system with the first."""
        from sacrebleu.significance import estimate_ci

        sampled = bootstrap_scores(self.metric, self.statistics, resamples)
        found = []
        for number, score in enumerate(self.scores):
            mean, interval = estimate_ci(sampled[number])
            p_bootstrap = p_randomization = None
            if number:
                gap = abs(score - self.scores[0])
                p_bootstrap = bootstrap_p_value(sampled[0], sampled[number], gap)
                sides = self.statistics[0], self.statistics[number]
                k = np.count_nonzero((sides[0] != sides[1]).any(axis=1))
                p_randomization = randomization_p_value(self.metric, *sides, gap, trials)
                p_randomization = max(p_randomization, min(1.0, 2.0 ** (1 - k)))
            found.append(
                Difference(
                    metric=self.name,
                    score=score,
                    mean=float(mean),
                    interval=float(interval),
                    difference=score - self.scores[0],
                    p_bootstrap=p_bootstrap,
                    p_randomization=p_randomization,
                )
            )
        return tuple(found)

    def signature(self, test: str, samples: int) -> str:
        """The signature that sacrebleu gives its test, `bs` or `ar`, with a number of samples."""
        signature = self.metric.get_signature()
        signature.update("seed", str(seed()).lower())
        signature.update(test, samples)
        return str(signature)


def _duel(
    baseline: System, system: System, before: Sequence[float], after: Sequence[float]
) -> Duel:
    """Two systems and the chrF2 of their sentences."""
    gains = [b - a for a, b in zip(before, after, strict=True)]
    order = sorted(range(len(gains)), key=lambda index: -abs(gains[index]))
    return Duel(
        tuple(i for i, gain in enumerate(gains) if gain > 0),
        tuple(i for i, gain in enumerate(gains) if gain < 0),
        sum(a != b for a, b in zip(baseline.hypotheses, system.hypotheses, strict=True)),
        tuple(index for index in order if gains[index]),
    )
