"""Which head of the decoder sees what *it* stands for? One look is hidden at a time.

    python scripts/measure_agreement.py model:en-es

In "The house is behind the hotel, but it is open." *it* is the house. Spanish has to know: *La casa
está detrás del hotel, pero está abierta*, not *abierto*. A run translates 72 such sentences of two
nouns, of which one is feminine and one masculine. Then one head of masked self-attention at a time
is kept from seeing, where the adjective's gender is chosen, the article with which the translation
begins. docs/translating.md says what came of it.
"""

import argparse
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from translator import Translator
from translator.alignment import forced_states, recorded_attention
from translator.model import Attention
from translator.text.directions import tag_of

FEMININE = "house", "church", "school", "library", "door", "table"
MASCULINE = "hotel", "park", "museum", "hospital", "theater", "garden"
ADJECTIVES = "abierta", "abierto"
ARTICLE = 1  # its position in the decoder's input, after the start


def sentences() -> Iterator[tuple[str, str, str]]:
    """A sentence, the adjective that is right in its translation, and the one that is wrong."""
    for nouns in itertools.product(FEMININE, MASCULINE):
        for (first, second), (right, wrong) in zip(
            (nouns, nouns[::-1]), (ADJECTIVES, ADJECTIVES[::-1]), strict=True
        ):
            yield f"The {first} is behind the {second}, but it is open.", right, wrong


@contextmanager
def hidden(attention: Attention, head: int, query: int, key: int) -> Iterator[None]:
    """In one head, one position does not see another."""

    def hide(_: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        states, keys_values, attend = inputs
        seen = attend.repeat(1, attention.num_heads, 1, 1)  # [B, H, Q, M]
        seen[:, head, query, key] = False
        return states, keys_values, seen

    hook = attention.register_forward_pre_hook(hide)
    try:
        yield
    finally:
        hook.remove()


def self_attentions(translator: Translator) -> list[Attention]:
    """Masked self-attention, layer by layer."""
    decoder = translator.model.decoder
    if decoder is None:
        raise SystemExit("this run does not translate")
    return [layer.self_attention for layer in decoder.layers]


class Case:
    """A translation of the run, up to the gender of its adjective."""

    def __init__(self, translator: Translator, source: str, written: str, right: str, wrong: str):
        self.model, tokenizer = translator.model, translator.tokenizer
        self.attentions = self_attentions(translator)
        self.source = [*tag_of(translator.config, tokenizer), *tokenizer.encode([source])[0]]
        self.agrees = right in written
        neutral = written.replace(wrong, right)
        either = tokenizer.target.encode([neutral, neutral.replace(right, wrong)])
        pieces = enumerate(zip(*either, strict=False))
        self.query, self.pieces = next((i, ids) for i, ids in pieces if ids[0] != ids[1])
        self.written = either[0][: self.query]

    @torch.inference_mode()
    def prefers_right(self) -> bool:
        """Whether the next piece is rather the right adjective's."""
        states = forced_states(self.model, self.source, self.written)
        right, wrong = self.model.output(states[-1])[list(self.pieces)].tolist()
        return bool(right > wrong)

    @torch.inference_mode()
    def weights(self) -> list[list[float]]:
        """What each head [layers, H] gives to the article where the gender is chosen."""
        with recorded_attention(self.attentions) as weights:
            forced_states(self.model, self.source, self.written)
        return [weights[each][0][0, :, self.query, ARTICLE].tolist() for each in self.attentions]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="from English to Spanish: a run directory or model:NAME")
    translator = Translator.from_run(parser.parse_args().run)
    asked = list(sentences())
    written = [each.text for each in translator.translate([source for source, _, _ in asked])]
    cases = [
        Case(translator, source, text, right, wrong)
        for (source, right, wrong), text in zip(asked, written, strict=True)
        if right in text or wrong in text
    ]
    print(f"{len(asked)} sentences, {len(cases)} of them with {' or '.join(ADJECTIVES)};")
    if not cases:
        raise SystemExit("there is nothing to compare: this run says it in other words")
    print(f"{sum(case.agrees for case in cases)} agree with what it stands for")
    print("layer  head  weight of the article  agree where it is hidden")
    weights = torch.tensor([case.weights() for case in cases]).mean(dim=0)
    for number, attention in enumerate(self_attentions(translator)):
        for head, weight in enumerate(weights[number].tolist()):
            agreeing = 0
            for case in cases:
                with hidden(attention, head, case.query, ARTICLE):
                    agreeing += case.prefers_right()
            print(f"{number + 1:5}  {head + 1:4}  {weight:21.2f}  {agreeing:24}")


if __name__ == "__main__":
    main()
