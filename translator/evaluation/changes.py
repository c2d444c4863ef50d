"""What did fine-tuning change? The test sets of the start and of the run, before and after."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator.errors import TranslatorError
from translator.evaluation.assessment import directed, translate
from translator.evaluation.scores import score
from translator.evaluation.sets import EvaluationSet, sets_of_split
from translator.runs import ChangeRecord, RunDirectory

if TYPE_CHECKING:
    from translator.translation import Translator

_SENTENCES = 300  # of each set: more would take longer than a short training


@dataclass(frozen=True)
class Change:
    """What fine-tuning did to a test set: BLEU of greedy translations before and after."""

    test_set: str  # with its run
    sentences: int
    before: float  # with the weights that training started from
    after: float  # with the best ones


def changes_since(start: RunDirectory, run: RunDirectory) -> tuple[list[Change], list[str]]:
    """BLEU on the test sets of the start and of the run, and warnings of what cannot be read.

    Translated greedily, once in the life of a run.
    """
    measured = run.read_measured()
    if "changes" in measured:
        return [Change(**each) for each in measured["changes"]], []
    sets, warnings = _test_sets(start, run)
    from translator.translation import Translator

    try:
        models = [Translator.from_run(each.name) for each in (start, run)]
    except TranslatorError as error:
        return [], [f"BLEU before and after fine-tuning is not known: {error.message}"]
    changes = [_change(name, each, models) for name, each in sets.items()]
    records: list[ChangeRecord] = [
        {
            "test_set": change.test_set,
            "sentences": change.sentences,
            "before": change.before,
            "after": change.after,
        }
        for change in changes
    ]
    run.write_measured({**measured, "changes": records})
    return changes, warnings


def _test_sets(
    start: RunDirectory, run: RunDirectory
) -> tuple[dict[str, EvaluationSet], list[str]]:
    """Test sets by run and name, those of both once, and warnings of those that are lost."""
    sets: dict[str, EvaluationSet] = {}
    warnings = []
    for directory in (start, run):
        try:
            found = sets_of_split(directory, "test")
        except TranslatorError as error:
            warnings.append(f"the test sets of {directory.name} are not compared: {error.message}")
            continue
        new = [each for each in found if each not in sets.values()]
        sets |= {f"{directory.name} {each.name}": each for each in new}
    return sets, warnings


def _change(name: str, test_set: EvaluationSet, models: "list[Translator]") -> Change:
    """BLEU of both models, on sentences from all over the set."""
    count = min(_SENTENCES, len(test_set))
    chosen = [number * len(test_set) // count for number in range(count)]
    sources, references = (
        [side[i] for i in chosen] for side in (test_set.sources, test_set.first_references)
    )
    found = []
    for model in models:
        texts, _ = translate(directed(model, test_set), sources, model.config.decoding.greedy())
        bleu, _ = score(texts, references, target_language=test_set.target_language)
        found.append(bleu.score)
    return Change(name, count, *found)
