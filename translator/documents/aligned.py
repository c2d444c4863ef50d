"""Translations that say where their words come from: at what the model looked for each."""

from collections.abc import Callable, Container, Sequence
from functools import cached_property
from typing import NamedTuple

Attention = Sequence[Sequence[float]]
"""How much each word of a translation looks at each of its source's [T][S].

Words are what spaces separate. It is empty where nothing is known."""


class Aligned(str):
    """A translation that says its language and, once it is asked, at what each word looks."""

    language: str
    _source: str
    _word_attention: Callable[[str, str], Attention]

    def __new__(
        cls,
        translation: str,
        source: str,
        word_attention: Callable[[str, str], Attention],
        language: str = "",
    ) -> "Aligned":
        """Take a translation, its source, the function that is asked about both, its language."""
        aligned = super().__new__(cls, translation)
        aligned._source, aligned._word_attention = source, word_attention
        aligned.language = language
        return aligned

    @cached_property
    def attention(self) -> Attention:
        """A row for each word of the translation, or nothing."""
        return self._word_attention(self._source, str(self))


def attention_of(translation: str) -> Attention:
    """What the words of a translation looked at; nothing of one that does not say."""
    return translation.attention if isinstance(translation, Aligned) else ()


def language_of(translation: str) -> str:
    """The language of a translation; blank for one that does not say."""
    return translation.language if isinstance(translation, Aligned) else ""


class AlignedStretch(NamedTuple):
    """Neighbouring words, the first and the last, and how much they are what was looked for."""

    first: int
    last: int
    share: float  # of attention, the mean of its words: -1 … 1, at 0 half of it is elsewhere


def stretch_from(
    attention: Attention, is_meant: Sequence[bool], taken: Container[int] = ()
) -> AlignedStretch | None:
    """The neighbouring words of a translation that come from some words of the source.

    Each word counts by its share of attention to the words that are meant, less that to the others;
    the sum is the greatest. What many words look at counts less. Words that are `taken` are left
    out; None where all are.
    """
    looked_at = [1.0 + sum(column) for column in zip(*attention, strict=True)]
    best: tuple[float, int, int] | None = None
    total, first = 0.0, 0  # of the best stretch that ends here: Kadane's algorithm
    for here, row in enumerate(attention):
        if here in taken:
            total = 0.0
            continue
        shares = [weight / all_of_it for weight, all_of_it in zip(row, looked_at, strict=True)]
        meant = sum(share for share, is_one in zip(shares, is_meant, strict=True) if is_one)
        if total <= 0:
            total, first = 0.0, here
        total += (2 * meant - sum(shares)) / max(sum(shares), 1e-9)
        if best is None or total > best[0]:
            best = total, first, here
    if best is None:
        return None
    total, first, last = best
    return AlignedStretch(first, last, total / (last + 1 - first))
