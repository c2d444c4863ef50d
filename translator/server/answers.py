"""What is asked for, as texts to translate; and their translations as what is answered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from translator.documents import Segment, fragment_of_html
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
        whole = (Segment((text,), lambda translations: translations[0]) for text in asked.texts)
        html = asked.format == "html"
        return cls(asked, [fragment_of_html(text) for text in asked.texts] if html else [*whole])

    @property
    def texts(self) -> list[str]:
        return [text for fragment in self.fragments for text in fragment.texts]

    def answers(self, translations: Sequence[Translation]) -> Iterator[Answer]:
        """An answer for each text of the request."""
        rest = iter(translations)
        for source, fragment in zip(self.asked.texts, self.fragments, strict=True):
            found = [next(rest) for _ in fragment.texts]
            count = max([1, *(len(each.alternatives) for each in found)])
            texts = [fragment.put_back([_nth(each, n) for each in found]) for n in range(count)]
            score = min((each.score for each in found), default=0.0)
            yield Answer(source, texts[0], texts[1:], score)


def _nth(translation: Translation, number: int) -> str:
    """An alternative; the best where there are fewer."""
    others = translation.alternatives
    return others[number].text if number < len(others) else translation.text
