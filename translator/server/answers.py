"""What is asked for, as texts to translate; and their translations as what is answered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from translator.documents import Aligned, Attention, Segment, fragment_of_html
from translator.hypotheses import Translation
from translator.server.interface import TranslateRequest


class Answer(NamedTuple):
    """The translation of a text or of HTML, others of it, and how sure the model is."""

    source: str
    text: str
    alternatives: list[str]
    score: float


@dataclass(frozen=True)
class Question:
    """What of a request is to be translated."""

    asked: TranslateRequest
    fragments: list[Segment]  # one for each of its texts

    @classmethod
    def of(cls, asked: TranslateRequest) -> "Question":
        """The texts of a request, those within HTML without its tags."""
        whole = fragment_of_html if asked.format == "html" else _plain
        return cls(asked, [whole(text) for text in asked.texts])

    @property
    def texts(self) -> list[str]:
        return list(dict.fromkeys(text for each in self.fragments for text in each.texts))

    def answers(
        self,
        translations: Mapping[str, Translation],
        word_attention: Callable[[str, str], Attention],
    ) -> tuple[list[Answer], list[str]]:
        """An answer for each text of the request, and the texts that these lack translations of."""
        missing: dict[str, None] = {}

        def translated(text: str, number: int) -> str:
            if text not in translations:
                missing[text] = None
                return text
            best = _nth(translations[text], number)
            return Aligned(best, text, word_attention, self.asked.target)

        answers = []
        for source, fragment in zip(self.asked.texts, self.fragments, strict=True):
            found = [translations[text] for text in fragment.texts]
            count = max([1, *(len(each.alternatives) for each in found)])
            texts = [fragment.put_back(partial(translated, number=n)) for n in range(count)]
            score = min((each.score for each in found), default=0.0)
            answers.append(Answer(source, texts[0], texts[1:], score))
        return answers, list(missing)


def _plain(text: str) -> Segment:
    return Segment((text,), lambda look_up: look_up(text))


def _nth(translation: Translation, number: int) -> str:
    """An alternative; the best where there are fewer."""
    others = translation.alternatives
    return others[number].text if number < len(others) else translation.text
