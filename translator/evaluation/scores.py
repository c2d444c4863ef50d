"""What do the words say? sacrebleu's scores, with the signature that says how each was made.

Of N sentences the references are R lists of N texts; None stands where a sentence has fewer.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from translator.errors import DataError, MissingLibraryError, check_list, check_texts
from translator.evaluation.resampling import bootstrap_scores, seed
from translator.progress import activity
from translator.text.languages import primary

METRICS = {"bleu": "BLEU", "chrf": "chrF2", "chrf++": "chrF2++", "ter": "TER"}
ROUGE = {"rouge-1": "ROUGE-1", "rouge-2": "ROUGE-2", "rouge-l": "ROUGE-L"}  # of summaries
EXACT = {"exact": "exact"}  # of names and the like
LOWER_IS_BETTER = {"ter"}
_BUCKETS = (1, 5, 9, 17, 33)  # the first length of each, in words of the source


@dataclass(frozen=True)
class Score:
    """A corpus score and the signature with which others reproduce it.

    `interval` is half the width of the 95 % bootstrap interval around the resamples' `mean`, which
    sacrebleu prints as μ = mean ± interval; both are None where nothing was resampled.
    """

    name: str
    score: float
    signature: str
    mean: float | None = None
    interval: float | None = None
    decimals: int = 1  # to print
    details: Mapping[str, Any] = field(default_factory=dict)  # of BLEU, what it is made of

    @property
    def value(self) -> str:
        """The number to print, with its interval."""
        number = f"{self.score:.{self.decimals}f}"
        if self.interval is None or math.isnan(self.interval):
            return number
        return f"{number} ± {self.interval:.{self.decimals}f}"

    def __str__(self) -> str:
        return f"{self.name} {self.value} ({self.signature})"

    def summary(self) -> dict[str, Any]:
        """The score as JSON."""
        return {
            "name": self.name,
            "score": self.score,
            "mean": self.mean,
            "interval": self.interval,
            "signature": self.signature,
            **self.details,
        }


@dataclass(frozen=True)
class LengthBucket:
    """The scores of the sentences whose sources have `first` … `last` words."""

    first: int
    last: int | None  # None: no limit
    sentences: int
    length_ratio: float | None
    scores: tuple[Score, ...]  # BLEU, chrF2

    def __str__(self) -> str:
        return f"{self.first}–{self.last}" if self.last else f"{self.first} and more"


def score(
    hypotheses: Sequence[str],
    *references: Sequence[str | None],
    metrics: Sequence[str] = ("bleu", "chrf"),
    resamples: int = 0,
    target_language: str = "",
) -> tuple[Score, ...]:
    """Corpus scores of hypotheses against one or more references each, by sacrebleu's defaults.

    `metrics` are keys of METRICS, ROUGE and EXACT. With `resamples` each score has a 95 % bootstrap
    interval (Koehn, 2004), resampled as sacrebleu does, seeded by its variable $SACREBLEU_SEED
    (12345).
    """
    check_list("score", *references)  # of which some may be missing
    check_texts("score", hypotheses)
    hypotheses = [hypothesis.rstrip() for hypothesis in hypotheses]
    streams = [[text if text is None else text.rstrip() for text in each] for each in references]
    for stream in streams:
        if len(hypotheses) != len(stream):
            raise DataError(
                f"{len(hypotheses)} hypotheses but {len(stream)} references: they are out of step",
                "Line n of one must belong to line n of the other.",
            )
    if not hypotheses or not streams:
        raise DataError("there is nothing to score: the test set is empty", "Check its path.")
    scores = []
    for name in metrics:
        metric = sacrebleu_metric(name, target_language)
        with activity(f"computing {name}"):
            result = _corpus_score(metric, hypotheses, streams, resamples)
        mean = float(result._mean) if resamples > 1 else None
        interval = float(result._ci) if resamples > 1 else None
        signature = str(metric.get_signature())
        value = float(result.score)
        if name not in LOWER_IS_BETTER:
            value = min(100.0, value)  # which BLEU's logarithms may miss by a rounding
        details = _details(result) if name == "bleu" else {}
        scores.append(Score(result.name, value, signature, mean, interval, details=details))
    return tuple(scores)


def _details(bleu: Any) -> dict[str, Any]:
    """What BLEU is made of: precisions of 1- to 4-grams in percent, and lengths in tokens."""
    return {
        "precisions": [float(each) for each in bleu.precisions],
        "brevity_penalty": float(bleu.bp),
        "hypothesis_tokens": int(bleu.sys_len),
        "reference_tokens": int(bleu.ref_len),
    }


def _corpus_score(
    metric: Any, hypotheses: list[str], references: list[list[str | None]], resamples: int
) -> Any:
    """The score by sacrebleu, with its interval for two resamples and more."""
    statistics = metric._extract_corpus_statistics(hypotheses, references)
    result = metric._aggregate_and_compute(statistics)
    if resamples > 1:
        from sacrebleu.significance import estimate_ci

        metric.n_bootstrap, metric.seed = resamples, str(seed()).lower()  # of its signature
        [drawn] = bootstrap_scores(metric, [np.array(statistics)], resamples)
        _, result._ci = estimate_ci(drawn)
        result._mean = drawn.mean(dtype=float).astype(drawn.dtype)  # sacrebleu rounds once
    return result


def sacrebleu_metric(name: str, target_language: str = "", *, lowercase: bool = False) -> Any:
    """A metric of METRICS with sacrebleu's defaults, or of ROUGE or EXACT.

    Tokenizers follow the target language. Raises DataError or MissingLibraryError where what it
    needs is not installed.
    """
    from sacrebleu import BLEU, CHRF, TER  # a second of imports that `translate` need not pay

    match name:
        case "bleu":
            language = primary(target_language)
            try:
                return BLEU(lowercase=lowercase, trg_lang=language)
            except (ImportError, RuntimeError):  # Japanese and Korean need MeCab
                raise DataError(
                    f"sacrebleu's tokenizer for {language!r} is not installed",
                    f"Install it: pip install 'sacrebleu[{language}]'.",
                ) from None
        case "chrf":
            return CHRF(lowercase=lowercase)
        case "chrf++":
            return CHRF(word_order=2, lowercase=lowercase)
        case "ter":
            return TER()
        case "exact":
            from translator.evaluation.exact import ExactMatch

            return ExactMatch()
        case "rouge-1" | "rouge-2" | "rouge-l":
            return _rouge(name, target_language)
    raise ValueError(f"no metric {name!r}")


def _rouge(name: str, target_language: str) -> Any:
    try:
        from translator.evaluation.rouge import Rouge
    except ImportError:
        raise MissingLibraryError("rouge-score is not installed", "rouge") from None
    return Rouge(f"rouge{name[-1].upper()}", target_language)


def sentence_chrf(hypotheses: Sequence[str], *references: Sequence[str | None]) -> list[float]:
    """chrF2 of each sentence, in percent: what sentences are ranked by."""
    metric = sacrebleu_metric("chrf")
    return [
        metric.sentence_score(hypothesis, list(own)).score
        for hypothesis, *own in zip(hypotheses, *references, strict=True)
    ]


def length_ratio(hypotheses: Sequence[str], *references: Sequence[str | None]) -> float | None:
    """Characters of the hypotheses ÷ characters of the references (their mean, if several).

    None where the references have none.
    """
    lengths = (
        [len(text) for text in own if text is not None] for own in zip(*references, strict=True)
    )
    total = sum(sum(each) / len(each) for each in lengths)
    return sum(map(len, hypotheses)) / total if total else None


def by_length(
    sources: Sequence[str],
    hypotheses: Sequence[str],
    *references: Sequence[str | None],
    resamples: int = 0,
    target_language: str = "",
) -> tuple[LengthBucket, ...]:
    """BLEU and chrF of short and long sources; a bucket without sentences is left out."""
    lengths = [len(source.split()) for source in sources]
    buckets = []
    for first, after in zip(_BUCKETS, (*_BUCKETS[1:], None), strict=True):
        chosen = [i for i, n in enumerate(lengths) if n >= first and (after is None or n < after)]
        if not chosen:
            continue
        side = [hypotheses[i] for i in chosen]
        streams = [[each[i] for i in chosen] for each in references]
        buckets.append(
            LengthBucket(
                first,
                after and after - 1,
                len(chosen),
                length_ratio(side, *streams),
                score(side, *streams, resamples=resamples, target_language=target_language),
            )
        )
    return tuple(buckets)
