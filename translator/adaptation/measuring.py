"""What preparing, blending and the verdict share: a quick look at how well a model translates."""

from dataclasses import replace

from translator.errors import RunError
from translator.evaluation import EvaluationSet, directed, score, translate
from translator.runs import RunDirectory
from translator.translation import Translator


def bleu_of(translator: Translator, each: EvaluationSet) -> float:
    """BLEU of a set, by greedy search."""
    greedy = translator.config.decoding.greedy()
    texts, _ = translate(directed(translator, each), each.sources, greedy)
    [bleu] = score(texts, *each.references, metrics=("bleu",), target_language=each.target_language)
    return bleu.score


def shortened(test_set: EvaluationSet, most: int) -> EvaluationSet:
    """At most some sentences, from all over the set."""
    count = min(most, len(test_set))
    chosen = [number * len(test_set) // count for number in range(count)]
    return replace(
        test_set,
        sources=tuple(test_set.sources[i] for i in chosen),
        references=tuple(tuple(each[i] for i in chosen) for each in test_set.references),
    )


def not_adapted(run: RunDirectory) -> RunError:
    """The error of whoever asks after the adaptation of a run that has none."""
    return RunError(f"{run.path} was not made by adapt", "Name another one.")
