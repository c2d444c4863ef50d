"""How far the new weights may go from the old ones."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from translator.adaptation.measuring import bleu_of, not_adapted, shortened
from translator.evaluation import EvaluationSet, known_sets
from translator.progress import activity
from translator.runs import RunDirectory
from translator.translation import Translator

if TYPE_CHECKING:
    from torch import Tensor

_MOST_VALIDATED = 1000  # of a validation set
_SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)  # of the new weights
_MARGIN = 0.5  # of what may be lost: the test sets that judge are others than those that choose


def blend(start: RunDirectory, run: RunDirectory, max_loss: float) -> float:
    """Take the weights of an adapted run back toward the old ones, as far as the old domain asks.

    Returns the share of the new weights: the largest at which no validation set of the old run
    loses more than half of `max_loss` BLEU, or the least that is tried. Between a model and its
    fine-tuning, what was forgotten comes back faster than what was learned goes (WiSE-FT; Wortsman
    et al., 2022, https://arxiv.org/abs/2109.01903). Done once in the life of a run; a call that was
    interrupted is repeated to the same bytes.
    """
    found = run.read_adaptation()
    if found is None:
        raise not_adapted(run)
    if run.weights_of is not None:  # nothing better than the old weights was found
        return 0.0
    trained = run.model_sha256()
    if "blended" not in found:
        if "changes" in found:  # an older version has judged these weights
            return 1.0
        found["blended"] = {"model_sha256": trained, "share": _share_of_new(start, run, max_loss)}
        run.write_adaptation(found)
    blended = found["blended"]
    if blended["share"] < 1.0 and blended["model_sha256"] == trained:
        run.write_model(_between(start, run, blended["share"]), run.read_tokenizer())
    return blended["share"]


def _share_of_new(start: RunDirectory, run: RunDirectory, max_loss: float) -> float:
    """The largest share at which what the old run validates on is safe from losing `max_loss`."""
    known, _ = known_sets(start, "valid")
    if not known:
        return 1.0  # `prepare` has warned of it
    sets = [shortened(each, _MOST_VALIDATED) for each in known]
    with activity("the old weights"):
        before = _validated(Translator.from_run(start.name), sets)

    def loss(share: float) -> float:
        trained = run.read_trained()
        trained.model.load_state_dict(_between(start, run, share), strict=False)
        with activity(f"{share:.0%} of the new weights"):
            after = _validated(Translator(*trained), sets)
        return max(old - new for old, new in zip(before, after, strict=True))

    *shares, least = _SHARES
    return next((share for share in shares if loss(share) <= _MARGIN * max_loss), least)


def _validated(translator: Translator, sets: Sequence[EvaluationSet]) -> list[float]:
    """BLEU of each set, by greedy search."""
    scores = []
    for number, each in enumerate(sets, start=1):
        with activity(f"set {number} of {len(sets)}"):
            scores.append(bleu_of(translator, each))
    return scores


def _between(start: RunDirectory, run: RunDirectory, share: float) -> "dict[str, Tensor]":
    """Weights by name, on the line from those of the old run to those of the new one."""
    old, new = (each.read_model(each.read_tokenizer()) for each in (start, run))
    return {name: old[name].to(new[name]).lerp(new[name], share) for name in new}
