"""What an adaptation brought, what it cost, and whether it is refused."""

import functools
import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress

from translator.adaptation.measuring import not_adapted, shortened
from translator.data import Counts, Splits
from translator.errors import DataError
from translator.evaluation import (
    EvaluationSet,
    System,
    compare,
    directed,
    known_sets,
    score,
    sets_of_split,
    translate,
)
from translator.evaluation.significance import LUCK
from translator.progress import activity
from translator.runs import Adaptation, Resemblance, RunDirectory, ScoreChange
from translator.similarity import similarity_of
from translator.translation import Translator

NOTHING_GAINED = "nothing was gained on the new domain"
NO_STEP_BETTER = "no step was better on the new domain than the model that it began from"

_MOST_COMPARED = 1000  # sentences of a test set
_ALIKE_SHARE = 0.1  # of a test of the new domain; a warning if as much is nearly what was learned
_FEWEST_WORDS = 4  # of a text that is compared with others
_FEWEST_OTHERS = 30  # sentences, fewer of which get no score
_WORD = re.compile(r"\w+")


def outcome(start: RunDirectory, run: RunDirectory, max_loss: float) -> Adaptation:
    """What adaptation changed on the test sets of both, and why the run is refused, if it is.

    Translates once in the life of a model, and not if its weights are still the old ones. The
    verdict is kept, and `RunDirectory.find` passes a refused run over.
    """
    found = run.read_adaptation()
    if found is None:
        raise not_adapted(run)
    model = run.model_sha256()
    if run.weights_of is not None:
        found |= {"changes": [], "resemblances": [], "refused": [NO_STEP_BETTER]}
    else:
        if found.get("model_sha256") != model or "changes" not in found:
            found["changes"], found["resemblances"] = _compared(start, run)
        found["refused"] = [*_refusals(found["changes"], max_loss)]
    found["model_sha256"] = model
    run.write_adaptation(found)
    return found


def _compared(
    start: RunDirectory, run: RunDirectory
) -> tuple[list[ScoreChange], list[Resemblance]]:
    """BLEU and chrF2 of both models on the test sets of both, and what to make of the new ones."""
    changes: list[ScoreChange] = []
    resemblances: list[Resemblance] = []
    models = [Translator.from_run(each.name) for each in (start, run)]
    known, missing = known_sets(start, "test")
    sets = [(run, each) for each in sets_of_split(run, "test")]
    sets += [(start, each) for each in known]
    for number, (directory, whole) in enumerate(sets, start=1):
        each = shortened(whole, _MOST_COMPARED)
        own = directory is run or not missing
        name_of_set = f"{directory.name} {each.name}" if own else each.name
        systems = []
        for name, model in zip(("old", "new"), models, strict=True):
            with activity(f"set {number} of {len(sets)}, {name} model"):
                texts, _ = translate(directed(model, each), each.sources)
            systems.append(System(name, texts))
        compared = compare(each, systems, ("bleu", "chrf"))
        for metric, (before, after) in compared.differences.items():
            changes.append(
                {
                    "test_set": name_of_set,
                    "is_new": directory is run,
                    "sentences": len(each),
                    "metric": metric,
                    "before": before.score,
                    "after": after.score,
                    "p": 1.0 if after.p_randomization is None else after.p_randomization,
                }
            )
        if directory is run:
            with suppress(DataError):  # corpora that are gone
                resemblances.append(_resemblance(name_of_set, each, systems, run))
    return changes, resemblances


def _resemblance(
    name: str, test_set: EvaluationSet, systems: Sequence[System], run: RunDirectory
) -> Resemblance:
    """How many sentences are nearly texts that were learned from, and the scores of the others."""
    alike = _alike(test_set.sources, run)
    found: Resemblance = {"test_set": name, "sentences": len(test_set), "resembling": len(alike)}
    others = [number for number in range(len(test_set)) if number not in alike]
    if len(others) >= _FEWEST_OTHERS:
        references = [[texts[i] for i in others] for texts in test_set.references]
        before, after = (
            score(
                [system.hypotheses[i] for i in others],
                *references,
                metrics=("bleu",),
                target_language=test_set.target_language,
            )[0].score
            for system in systems
        )
        found |= {"before": before, "after": after}
    return found


def _alike(texts: Sequence[str], run: RunDirectory) -> set[int]:
    """The numbers of texts that differ in one word at most from one that was learned from."""
    places = defaultdict[str, set[int]](set)
    for number, text in enumerate(texts):
        for form in _forms(text):
            places[form].add(number)
    found: set[int] = set()
    new = Splits.by_direction(run.read_config(), functools.cache(similarity_of))[0]
    for corpus in new.config.data.train:
        if corpus.held_out:  # is of the new domain
            for text in itertools.chain.from_iterable(new.train(corpus, Counts())):
                for form in _forms(text):
                    found |= places.pop(form, set())
    return found


def _forms(text: str) -> Iterator[str]:
    """The words of a text, whole and with each left out in turn; none of a text of few words.

    Two texts that share a form differ in one word: it is another, added, left out or moved.
    """
    words = _WORD.findall(text.casefold())
    if len(words) >= _FEWEST_WORDS:
        yield " ".join(words)
        yield from (" ".join(words[:i] + words[i + 1 :]) for i in range(len(words)))


def _refusals(changes: Sequence[ScoreChange], max_loss: float) -> Iterator[str]:
    new = [each for each in changes if each["is_new"]]
    gain = sum(each["after"] - each["before"] for each in new if each["metric"] == "BLEU")
    if gain <= 0.0 and not _is_sure_of_gain(new):
        yield NOTHING_GAINED
    for each, loss in _lost(changes, max_loss):
        if each["p"] < LUCK:
            yield f"{each['test_set']} lost {loss:.1f} BLEU, more than {max_loss:g}"


def doubts(found: Adaptation, max_loss: float) -> Iterator[str]:
    """What the changes that a run was not refused for may hide: luck, and a test that is easy."""
    changes = found.get("changes", [])
    new = [each for each in changes if each["is_new"]]
    if new and not _is_sure_of_gain(new):
        yield (
            f"the gain on the new domain may be luck: {new[0]['sentences']} pairs show large gains "
            "only; to test on pairs of your own: --set data.test.own.path=FILE, under another "
            "--name"
        )
    for each, loss in _lost(changes, max_loss):
        yield f"{each['test_set']} lost {loss:.1f} BLEU, which may be luck (p {each['p']:.2f})"
    for like in found.get("resemblances", []):
        if like["resembling"] >= _ALIKE_SHARE * like["sentences"]:
            yield _told(like)


def _told(like: Resemblance) -> str:
    others = "of sentences unlike those it says little"
    if "before" in like and "after" in like:
        count = like["sentences"] - like["resembling"]
        gained = f"BLEU {like['before']:.1f} to {like['after']:.1f}"
        others = f"the other {count:,} went from {gained}"
    return (
        f"{like['resembling']:,} of the {like['sentences']:,} sentences of {like['test_set']} "
        f"differ in at most one word from a text that was learned from; {others}"
    )


def _is_sure_of_gain(new: Sequence[ScoreChange]) -> bool:
    return any(each["after"] > each["before"] and each["p"] < LUCK for each in new)


def _lost(changes: Sequence[ScoreChange], max_loss: float) -> Iterator[tuple[ScoreChange, float]]:
    """The old test sets that lost more BLEU than they may, and how much."""
    for each in changes:
        loss = each["before"] - each["after"]
        if not each["is_new"] and each["metric"] == "BLEU" and loss > max_loss:
            yield each, loss
