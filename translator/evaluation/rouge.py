"""ROUGE (Lin, 2004) by the Google Research library, in the shape of a metric of sacrebleu.

So it has the bootstrap, the tests of significance and the kind of signature that BLEU and chrF
have. `scores` imports this module when ROUGE is asked for: only then is the library needed.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.base import Metric, Score, Signature  # noqa: TID253 (see above)

from translator.data.characters import normalize
from translator.evaluation.faults import script_of
from translator.text.languages import primary

_WITHOUT_SPACES = {"CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR"}


class Rouge(Metric):
    """ROUGE-1, ROUGE-2 or ROUGE-L: the mean F1 of the sentences, in percent.

    Of several references the one with the best F1 counts, for each of the three by itself, as in
    the library's `score_multi`. English is cut into words and stemmed as the library does it, whose
    tokenizer deletes all letters but a–z; every other language by `Words`, without a stemmer.
    """

    def __init__(self, kind: str, target_language: str = "") -> None:
        """`kind` is the library's name: rouge1, rouge2 or rougeL."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.kind = kind
        self.english = primary(target_language) == "en"
        tokenizer = None if self.english else Words()
        self._scorer = RougeScorer([kind], use_stemmer=self.english, tokenizer=tokenizer)

    def get_signature(self) -> Signature:
        """What the figure rests on: the library and its version, not sacrebleu's."""
        signature = super().get_signature()
        signature.update("f", 1)
        signature.update("multi", "best")
        signature.update("tok", "rouge" if self.english else "unicode")
        signature.update("stem", "porter" if self.english else "no")
        signature.update("lib", "rouge-score")
        signature.update("version", version("rouge-score"))
        return signature

    def _preprocess_segment(self, sent: str) -> str:
        return sent

    def _extract_reference_info(self, refs: Sequence[str]) -> dict[str, Any]:
        return {"references": refs}

    def _compute_segment_statistics(
        self, hypothesis: str, ref_kwargs: dict[str, Any]
    ) -> list[float]:
        """F1 and a count of one, whose sums make the mean."""
        best = self._scorer.score_multi(ref_kwargs["references"], hypothesis)[self.kind]
        return [float(best.fmeasure), 1.0]

    def _compute_score_from_stats(self, stats: Sequence[float]) -> Score:
        return Score(f"ROUGE-{self.kind[-1]}", 100.0 * float(stats[0]) / float(stats[1]))

    def _aggregate_and_compute(self, stats: Iterable[Sequence[float]]) -> Score:
        f1, count = (sum(column) for column in zip(*stats, strict=True))
        return self._compute_score_from_stats([f1, count])


class Words:
    """Words of any script, for the library: runs of letters, their marks and digits.

    Case does not count. Where words are written without spaces, each character is a word.
    """

    def tokenize(self, text: str) -> list[str]:
        """The words of a text."""
        return "".join(map(_spaced, normalize("NFKC", text).casefold())).split()


@cache
def _spaced(character: str) -> str:
    if unicodedata.category(character)[0] not in "LMN":
        return " "
    return f" {character} " if script_of(character) in _WITHOUT_SPACES else character
