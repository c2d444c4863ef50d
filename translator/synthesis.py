"""How does a text without a translation become a pair to learn from? A run translates it.

Where translations become targets, a smaller model learns from a larger one (sequence-level
knowledge distillation; Kim and Rush, 2016). Where they become sources, a model of the other
direction learns to write the text itself (back-translation; Sennrich et al., 2016), and a tag
before them tells it what no person wrote (Caswell et al., 2019).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from translator.config import CorpusConfig, DecodingConfig
from translator.data import read_pairs, side_names
from translator.documents.segments import Segment, prose
from translator.errors import RunError
from translator.evaluation import sentence_chrf
from translator.translation import Translator


@dataclass(frozen=True, kw_only=True)
class Synthesis:
    """A translator as a maker of training pairs, and which of them are good enough."""

    translator: Translator
    decoding: DecodingConfig
    is_back: bool = False  # whether a translation is the source of its pair
    tag: str = ""  # before each translation
    min_score: float | None = None  # of a translation, see `Translation.score`
    backward: Translator | None = None  # which translates a translation back
    min_chrf: float = 0.0  # between a text and what comes back

    def __post_init__(self) -> None:
        """Raise RunError unless what translates back is of the other direction."""
        if self.backward is None:
            return
        there, back = (each.config.data for each in (self.translator, self.backward))
        if (there.source_language, there.target_language) != (
            back.target_language,
            back.source_language,
        ):
            raise RunError(
                f"the run to translate back is {back.source_language} → {back.target_language}",
                f"Name one of {there.target_language} → {there.source_language}.",
            )

    def pairs(self, texts: Sequence[str]) -> list[str]:
        """A line of JSON for each text, the texts by their languages; empty if not good enough."""
        found = self.translator.translate(texts, self.decoding)
        translations = [each.text.strip() for each in found]
        scores = [each.score for each in found]
        chrf = self._round_trips(texts, translations)
        return [
            self._line(*each) if each[1] and self._is_good(*each[2:]) else ""
            for each in zip(texts, translations, scores, chrf, strict=True)
        ]

    def _round_trips(self, texts: Sequence[str], translations: Sequence[str]) -> list[float | None]:
        """How much of each text comes back, in chrF2; None where nothing is translated back."""
        if self.backward is None:
            return [None] * len(texts)
        back = self.backward.translate(translations, self.backward.config.decoding.greedy())
        return list(sentence_chrf([each.text for each in back], texts))

    def _is_good(self, score: float, chrf: float | None) -> bool:
        if self.min_score is not None and score < self.min_score:
            return False
        return chrf is None or chrf >= self.min_chrf

    def _line(self, text: str, translation: str, score: float, chrf: float | None) -> str:
        languages = self.translator.config.data.direction
        names = side_names(languages[::-1])[::-1] if self.is_back else side_names(languages)
        pair = {
            names[0]: text,
            names[1]: f"{self.tag} {translation}" if self.tag else translation,
            "score": round(score, 4),
        }
        round_trip = {} if chrf is None else {"round_trip": round(chrf, 1)}
        return json.dumps({**pair, **round_trip}, ensure_ascii=False)


def texts_of(corpus: str, languages: tuple[str, str]) -> Iterator[Segment]:
    """The lines of a .txt file, or the sources of pairs, each to be replaced by its pair."""
    for source, _ in read_pairs(CorpusConfig(path=corpus), *languages):
        if text := " ".join(source.split()):
            yield prose(text).map(_as_line)


def _as_line(line: str) -> str:
    return f"{line}\n" if line else ""
