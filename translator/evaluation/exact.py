"""How many hypotheses are right to the letter? A share, in the shape of a metric of sacrebleu.

So it has the bootstrap, the tests of significance and the kind of signature that BLEU has.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sacrebleu.metrics.base import Metric, Score  # noqa: TID253 (imported where it is asked for)


class ExactMatch(Metric):
    """The share of the hypotheses that equal a reference, in percent; of case and spaces too."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def _preprocess_segment(self, sent: str) -> str:
        return sent.strip()

    def _extract_reference_info(self, refs: Sequence[str]) -> dict[str, Any]:
        return {"references": refs}

    def _compute_segment_statistics(
        self, hypothesis: str, ref_kwargs: dict[str, Any]
    ) -> list[float]:
        """1 where it is right, and a count of one, whose sums make the share."""
        return [float(hypothesis in ref_kwargs["references"]), 1.0]

    def _compute_score_from_stats(self, stats: Sequence[float]) -> Score:
        return Score("exact", 100.0 * float(stats[0]) / float(stats[1]))

    def _aggregate_and_compute(self, stats: Iterable[Sequence[float]]) -> Score:
        return self._compute_score_from_stats([sum(each) for each in zip(*stats, strict=True)])
