"""What do the scores of a training say, in words? Rules of thumb, and said to be that."""

from collections.abc import Mapping, Sequence
from typing import Any

_BANDS = (  # of BLEU, as a rule of thumb
    (10.0, "hardly any translation is usable"),
    (20.0, "the gist can be guessed"),
    (30.0, "the gist is clear, with many errors"),
    (40.0, "understandable, with errors"),
    (50.0, "good"),
    (101.0, "very good"),
)
_FEW_PAIRS = 100  # of validation, whose scores vary much
_CLOSE_CHRF = 50.0  # with which no sentences have so low a BLEU as answers of few words
_SIGNIFICANT = {"bleu": 1.0, "chrf": 1.0}  # points that are no chance in some hundred sentences
_PERFECT = 99.0  # of BLEU and chrF: more steps gain nothing that could be seen
_NAMES = {"bleu": "BLEU", "chrf": "chrF"}


def meaning(scores: Mapping[str, float], pairs: int) -> str:
    """What the scores on the validation pairs mean for sentences like those.

    BLEU counts four words in a row: answers of fewer words have none, and no rule of thumb.
    """
    bleu = scores["bleu"]
    if bleu < _BANDS[0][0] and scores["chrf"] >= _CLOSE_CHRF:
        share = f"{scores['exact']:.1f} % are exact" if "exact" in scores else "go by chrF"
        return f"BLEU counts four words in a row, and many answers are shorter: {share}"
    words = next(words for most, words in _BANDS if bleu < most)
    doubt = f" (uncertain: only {pairs:,} pairs)" if pairs < _FEW_PAIRS else ""
    return f"{words}: a rule of thumb for sentences like those of validation{doubt}"


def prospect(entries: Sequence[dict[str, Any]], metric: str) -> str:
    """Whether more steps would pay, by the validations among the lines of metrics.jsonl.

    Empty where there are too few of them, where all scores are 0, as the BLEU of short answers, or
    one has nothing left to gain, or the metric is the loss, of which no step is known that is worth
    its time.
    """
    key = f"valid_{metric}"
    found = [(entry["step"], entry[key], entry["valid_loss"]) for entry in entries if key in entry]
    if len(found) < 4 or metric not in _SIGNIFICANT:
        return ""
    steps, scores, losses = zip(*found, strict=True)
    if not any(scores) or max(scores) >= _PERFECT:
        return ""
    if metric == "bleu" and max(scores) < _BANDS[0][0]:  # which moves by luck
        return prospect(entries, "chrf")
    late = next(index for index, step in enumerate(steps) if step >= 0.7 * steps[-1])
    gained = max(scores[late + 1 :], default=scores[late]) - max(scores[: late + 1])
    name = _NAMES[metric]
    since = f"between step {steps[late]:,} and {steps[-1]:,}"
    if gained >= _SIGNIFICANT[metric]:
        return (
            f"{name} still rose by {gained:.1f} {since}, with the falling learning rate: more "
            "steps, under another name, will probably pay"
        )
    if losses[-1] > 1.05 * min(losses):
        best = steps[losses.index(min(losses))]
        return (
            f"the validation loss was lowest at step {best:,} and has risen since: the pairs are "
            "learned by heart, and more pairs would help, not more steps"
        )
    return f"{name} gained {max(gained, 0.0):.1f} {since}: more steps will hardly pay"
