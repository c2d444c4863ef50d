"""What if people type otherwise? The same test set with its sources written in other ways."""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from translator.evaluation.faults import final_sign
from translator.evaluation.scores import Score, sacrebleu_metric, score
from translator.evaluation.sets import EvaluationSet

_TYPOS = 0.1  # share of the words of four letters and more that get one


@dataclass(frozen=True)
class Variant:
    """The scores of one way to write the sources; the references stay as they are."""

    name: str
    changed: int  # sentences
    scores: tuple[Score, ...]  # BLEU, BLEU ignoring case, chrF2
    hypotheses: tuple[str, ...]


def robustness(
    test_set: EvaluationSet, translate: Callable[[Sequence[str]], Sequence[str]], seed: int = 1
) -> tuple[Variant, ...]:
    """Translate the sources as they are and in every other way of `ways_to_write`, and score.

    BLEU ignoring case is there since an answer in capitals to a question in capitals is no fault.
    """
    variants = []
    for name, sources in ways_to_write(test_set.sources, seed).items():
        hypotheses = tuple(hypothesis.rstrip() for hypothesis in translate(sources))
        bleu, chrf = score(
            hypotheses, *test_set.references, target_language=test_set.target_language
        )
        caseless = sacrebleu_metric("bleu", test_set.target_language, lowercase=True)
        result = caseless.corpus_score(hypotheses, test_set.references)
        ignoring_case = Score("BLEU-lc", result.score, str(caseless.get_signature()))
        changed = sum(a != b for a, b in zip(sources, test_set.sources, strict=True))
        variants.append(Variant(name, changed, (bleu, ignoring_case, chrf), hypotheses))
    return tuple(variants)


def ways_to_write(sources: Sequence[str], seed: int = 1) -> dict[str, list[str]]:
    """The sources as they are, in other cases, without their final sign, and with typos."""
    draw = random.Random(seed)
    return {
        "as it is": list(sources),
        "UPPER CASE": [source.upper() for source in sources],
        "lower case": [source.lower() for source in sources],
        "Title Case": [title_case(source) for source in sources],
        "no final sign": [without_final_sign(source) for source in sources],
        "typos": [with_typos(source, draw) for source in sources],
    }


def title_case(text: str) -> str:
    """The first letter of every word in upper case: Don't, where str.title writes Don'T."""
    return re.sub(r"(^|\s)(\w)", lambda match: match[1] + match[2].upper(), text)


def without_final_sign(text: str) -> str:
    """The text without the punctuation at its end, quotes included, if there is any."""
    return text.rstrip(" .?!:;,。．！？；：،؟।…\"'”’»") if final_sign(text) else text


def with_typos(text: str, draw: random.Random) -> str:
    """One slip in every tenth longer word: two letters swapped, one lost, one doubled."""
    return re.sub(
        r"[^\W\d_]{4,}",
        lambda match: _slip(match[0], draw) if draw.random() < _TYPOS else match[0],
        text,
    )


def _slip(word: str, draw: random.Random) -> str:
    at = draw.randrange(1, len(word) - 1)  # people get the first letter right
    match draw.choice(("swap", "lose", "double")):
        case "swap":
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        case "lose":
            return word[:at] + word[at + 1 :]
        case _:
            return word[: at + 1] + word[at:]
