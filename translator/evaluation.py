"""How good is it? A score that says how it was made."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from translator.config import DecodingConfig
from translator.errors import DataError
from translator.translation import Translator


@dataclass(frozen=True)
class Score:
    """A corpus score of sacrebleu and the signature with which others reproduce it."""

    name: str
    score: float
    signature: str

    def __str__(self) -> str:
        return f"{self.name} {self.score:.1f} ({self.signature})"


@dataclass(frozen=True)
class Evaluation:
    """The scores of one test set, and the hypotheses that earned them."""

    scores: tuple[Score, ...]
    hypotheses: tuple[str, ...]
    seconds: float  # spent translating

    def __getitem__(self, name: str) -> float:
        """The value of a score by its name, such as BLEU."""
        return {score.name: score.score for score in self.scores}[name]


def score(hypotheses: Sequence[str], references: Sequence[str]) -> tuple[Score, ...]:
    """Corpus BLEU and chrF2 of hypotheses against one reference each, by sacrebleu's defaults."""
    from sacrebleu import BLEU, CHRF  # a second of imports that `translate` need not pay

    if len(hypotheses) != len(references):
        raise DataError(
            f"{len(hypotheses)} hypotheses but {len(references)} references: they are out of step",
            "Line n of one must belong to line n of the other.",
        )
    if not references:
        raise DataError("there is nothing to score: the test set is empty", "Check its path.")
    scores = []
    for metric in (BLEU(), CHRF()):
        result = metric.corpus_score(list(hypotheses), [list(references)])
        scores.append(Score(result.name, result.score, str(metric.get_signature())))
    return tuple(scores)


def evaluate(
    translator: Translator,
    sources: Sequence[str],
    references: Sequence[str],
    decoding: DecodingConfig | None = None,
) -> Evaluation:
    """Translate the sources and score them; `decoding` replaces the settings of the run."""
    if len(sources) != len(references):
        raise DataError(
            f"{len(sources):,} source lines but {len(references):,} reference lines: "
            "they are out of step",
            "Line n of one must be the translation of line n of the other.",
        )
    if not sources:
        raise DataError("there is nothing to score: the test set is empty", "Check its path.")
    started = time.perf_counter()
    hypotheses = tuple(translation.text for translation in translator.translate(sources, decoding))
    seconds = time.perf_counter() - started
    return Evaluation(score(hypotheses, references), hypotheses, seconds)
