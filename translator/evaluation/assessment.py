"""How good is it? Everything that is said of one system on one test set, in one place."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translator.config import DecodingConfig
from translator.data import Fingerprints, occurring
from translator.errors import DataError, check_texts
from translator.evaluation.faults import find_faults
from translator.evaluation.neural import neural_score
from translator.evaluation.scores import (
    METRICS,
    LengthBucket,
    Score,
    by_length,
    length_ratio,
    score,
)
from translator.evaluation.sets import EvaluationSet
from translator.integrity import lines_sha256

if TYPE_CHECKING:
    from translator.translation import Translator

RESAMPLES = 1000  # of the bootstrap, as sacrebleu's
_FEW_SENTENCES = 100
_NEAR_ZERO_BLEU = 2.0  # of unrelated sentences: even a poor translation shares more four-grams
_LINES_SHOWN = 20  # line numbers of a fault that are kept as examples


@dataclass(frozen=True)
class Leakage:
    """Which test sentences the run was trained on, by index."""

    sources: tuple[int, ...]
    references: tuple[int, ...]  # by the first reference

    def warning(self, test_set: EvaluationSet) -> str:
        """What to say of it; nothing where no sentence leaked."""
        if not self.sources and not self.references:
            return ""
        return (
            f"{len(self.sources):,} of {len(test_set):,} sources and {len(self.references):,} "
            "references occur in the training data: the model may know them by heart"
        )


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is known of one system's hypotheses for one test set."""

    test_set: EvaluationSet
    hypotheses: tuple[str, ...]
    scores: tuple[Score, ...]
    length_ratio: float | None  # characters of the hypotheses ÷ characters of the references
    faults: dict[str, tuple[int, ...]]  # sentences by fault, see faults.FAULTS
    by_length: tuple[LengthBucket, ...]
    leakage: Leakage | None = None  # None: the run keeps no fingerprints
    warnings: tuple[str, ...] = ()
    seconds: float | None = None  # spent translating

    def __getitem__(self, name: str) -> float:
        """The value of a score by its name, such as BLEU."""
        return {score.name: score.score for score in self.scores}[name]

    def summary(self) -> dict[str, Any]:
        """All but the sentences, as JSON; line numbers count from 1."""
        n = len(self.test_set)
        return {
            "set": self.test_set.name,
            "sentences": n,
            "references": len(self.test_set.references),
            "sources_sha256": lines_sha256(self.test_set.sources),
            "references_sha256": [
                lines_sha256(text or "" for text in each) for each in self.test_set.references
            ],
            "hypotheses_sha256": lines_sha256(self.hypotheses),
            "scores": [score.summary() for score in self.scores],
            "length_ratio": self.length_ratio,
            "faults": {
                fault: {
                    "sentences": len(indices),
                    "rate": len(indices) / n,
                    "lines": [index + 1 for index in indices[:_LINES_SHOWN]],
                }
                for fault, indices in self.faults.items()
            },
            "by_length": [
                {
                    "words": [bucket.first, bucket.last],
                    "sentences": bucket.sentences,
                    "length_ratio": bucket.length_ratio,
                    "scores": [score.summary() for score in bucket.scores],
                }
                for bucket in self.by_length
            ],
            "leaked": self.leakage
            and {side: len(indices) for side, indices in vars(self.leakage).items()},
            "warnings": list(self.warnings),
            "seconds": self.seconds and round(self.seconds, 3),
        }


def directed(translator: "Translator", test_set: EvaluationSet) -> "Translator":
    """The translator in the direction of a test set, where it has several and the set has one."""
    several = len(translator.config.data.directions) > 1
    return translator.toward(test_set.direction) if several and test_set.direction else translator


def evaluate(
    translator: "Translator",
    sources: Sequence[str],
    references: Sequence[str],
    decoding: DecodingConfig | None = None,
) -> Evaluation:
    """Translate the sources and assess the result; `decoding` replaces the settings of the run."""
    check_texts("evaluate", sources, references)
    language = translator.config.data.target_language
    test_set = EvaluationSet("these sentences", tuple(sources), (tuple(references),), language)
    hypotheses, seconds = translate(translator, test_set.sources, decoding)
    return assess(test_set, hypotheses, seconds=seconds)


def translate(
    translator: "Translator", sources: Sequence[str], decoding: DecodingConfig | None = None
) -> tuple[tuple[str, ...], float]:
    """Translations, without spaces at their ends, and the seconds that they took."""
    started = time.perf_counter()
    translations = translator.translate(sources, decoding)
    seconds = time.perf_counter() - started
    return tuple(translation.text.rstrip() for translation in translations), seconds


def assess(
    test_set: EvaluationSet,
    hypotheses: Sequence[str],
    *,
    metrics: Sequence[str] = tuple(METRICS),
    resamples: int = RESAMPLES,
    neural: Mapping[str, Path] | None = None,
    trained_on: Mapping[str, Fingerprints] | None = None,
    seconds: float | None = None,
) -> Evaluation:
    """Score the translations of a test set and look for what is wrong with them.

    `metrics` are keys of METRICS, ROUGE and EXACT, BLEU among them; `neural` names further ones:
    see `neural_score`. `trained_on` are the fingerprints of the training sources and targets: a
    test sentence among them is warned of.
    """
    if len(hypotheses) != len(test_set):
        raise DataError(
            f"{len(hypotheses):,} hypotheses but {test_set.name} has {len(test_set):,} sentences",
            "Line n of one must belong to line n of the other.",
        )
    sources, references, language = test_set.sources, test_set.references, test_set.target_language
    texts = sources if test_set.of_text else ("",) * len(sources)
    options: dict[str, Any] = {"resamples": resamples, "target_language": language}
    scores = score(hypotheses, *references, metrics=metrics, **options)
    scores += tuple(
        neural_score(name, path, test_set, hypotheses, resamples)
        for name, path in (neural or {}).items()
    )
    evaluation = Evaluation(
        test_set=test_set,
        hypotheses=tuple(hypotheses),
        scores=scores,
        length_ratio=length_ratio(hypotheses, *references),
        faults=find_faults(texts, hypotheses, *references),
        by_length=by_length(texts, hypotheses, *references, **options) if test_set.of_text else (),
        leakage=find_leakage(test_set, trained_on) if trained_on else None,
        seconds=seconds,
    )
    return replace(evaluation, warnings=tuple(_warnings(evaluation)))


def find_leakage(test_set: EvaluationSet, trained_on: Mapping[str, Fingerprints]) -> Leakage:
    """The test sentences whose letters and digits occur as a training sentence.

    Of pictures and recordings only these themselves: many have the same words.
    """
    references = test_set.first_references if test_set.of_text else ()
    sides = {"source": test_set.sources, "target": references}
    found = {
        side: tuple(i for i, known in enumerate(occurring(texts, trained_on[side])) if known)
        for side, texts in sides.items()
    }
    return Leakage(found["source"], found["target"])


def doubts(test_set: EvaluationSet) -> list[str]:
    """What makes numbers of a test set doubtful, whoever translates it."""
    warnings = [test_set.warning] if test_set.warning else []
    if len(test_set) < _FEW_SENTENCES:
        warnings.append(f"few sentences ({len(test_set)}): mind the intervals")
    return warnings


def _warnings(evaluation: Evaluation) -> list[str]:
    """What makes the numbers doubtful."""
    warnings = doubts(evaluation.test_set)
    of_text = evaluation.test_set.of_text  # names of pictures have no four words to match
    if of_text and evaluation["BLEU"] < _NEAR_ZERO_BLEU:
        warnings.append(
            f"BLEU is near zero ({evaluation['BLEU']:.1f}): are the references in another order "
            "or language, or is the model hardly trained?"
        )
    leakage = evaluation.leakage
    if empty := _without_reference(evaluation.test_set):
        lines = ", ".join(map(str, empty[:_LINES_SHOWN])) + " …" * (len(empty) > _LINES_SHOWN)
        warnings.append(
            f"{len(empty):,} sentences have an empty reference, for which no translation is right: "
            f"lines {lines}"
        )
    if leakage and (warning := leakage.warning(evaluation.test_set)):
        leaked = {*leakage.sources, *leakage.references}
        warnings.append(warning + _score_without(evaluation, leaked))
    return warnings


def _without_reference(test_set: EvaluationSet) -> list[int]:
    """The lines of the sentences that have words and no reference that has any."""
    return [
        index + 1
        for index, source in enumerate(test_set.sources)
        if (source.strip() or not test_set.has_sources)
        and not any(text.strip() for text in test_set.references_of(index))
    ]


def _score_without(evaluation: Evaluation, leaked: set[int]) -> str:
    rest = [index for index in range(len(evaluation.test_set)) if index not in leaked]
    if not rest:
        return ""
    bleu, chrf = score(
        [evaluation.hypotheses[i] for i in rest],
        *([each[i] for i in rest] for each in evaluation.test_set.references),
        target_language=evaluation.test_set.target_language,
    )
    return f"; without them BLEU is {bleu.score:.1f} and chrF2 {chrf.score:.1f}"
