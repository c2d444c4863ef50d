"""What else could a pair look like? Cases, missing full stops, typos, other pieces.

A share of the pairs is changed anew in every epoch, in ways in which people write, so that the
model has seen them all: SHOUTING, no full stop, a slip of the finger.
"""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from translator.config import DataConfig, LanguagePair
from translator.data.corpus import Corpus, Integers
from translator.text.languages import lower, upper
from translator.tokenizer import EOS_ID, Tokenizer

_FINAL = ".!?…。！？؟۔।॥።"
_OPENING = {"?": "¿", "!": "¡"}  # Spanish
_LONG_WORD = re.compile(r"[^\W\d_]{4,}")  # shorter ones would become other words


class Augmenter:
    """A view in which some pairs are changed, as the rates of a configuration say."""

    purpose = "augmentation"

    def __init__(self, data: DataConfig, tokenizer: Tokenizer) -> None:
        config = self._config = data.augmentation
        self._max_length = data.max_tokens_per_sentence + 1  # and an end
        self._tokenizers = (tokenizer, tokenizer.target)
        self._languages: dict[tuple[int, ...], tuple[str, str]] = {  # by the tag before a source
            (tokenizer.tag_id(pair.tag),): _languages_into(pair.target, data.directions)
            for pair in data.directions
        } or {(): data.direction}
        self._cases = np.cumsum([config.upper_case, config.lower_case, config.title_case])
        self._rates = np.array(
            [self._cases[-1], config.no_final_punctuation, config.typos, config.other_pieces]
        )

    def __call__(self, pairs: Corpus, max_length: int, random: np.random.Generator) -> Corpus:
        """The same pairs in the same order, some of them changed.

        No side grows over `max_length` ids, or over what the configuration lets be trained on.
        The same state of `random` gives the same changes.
        """
        draws = random.random((len(self._rates), len(pairs)))
        touched = np.flatnonzero((draws < self._rates[:, None]).any(0))
        if not len(touched):
            return pairs
        tags = self._tags(pairs, touched)
        changed = [
            self._changed(texts, self._languages[tag], draw, random)
            for texts, tag, draw in zip(
                self._texts(pairs, touched), tags, draws[:, touched].T, strict=True
            )
        ]
        cut_anew = draws[3, touched] < self._config.other_pieces
        source, target = (
            _encode(tokenizer, texts, cut_anew, self._config.alpha, random)
            for tokenizer, texts in zip(self._tokenizers, zip(*changed, strict=True), strict=True)
        )
        tagged = [
            [*tag, *ids] if len(ids) > 1 else ids for tag, ids in zip(tags, source, strict=True)
        ]
        new = Corpus.of(tagged, target)
        return _replace(pairs, touched, new, min(max_length, self._max_length))

    def _tags(self, pairs: Corpus, indices: Integers) -> list[tuple[int, ...]]:
        """What says before each source into which language it goes; nothing if there is one."""
        if () in self._languages:
            return [()] * len(indices)
        return [(int(first),) for first in pairs.ids[pairs.offsets[2 * indices]]]

    def _changed(
        self,
        texts: tuple[str, str],
        languages: tuple[str, str],
        draw: npt.NDArray[np.float64],
        random: np.random.Generator,
    ) -> tuple[str, str]:
        """The texts of a pair, as what was drawn for it asks."""
        case, final, typo, _ = draw
        upper_case, lower_case, any_case = self._cases
        hurried = upper_case + self._config.lower_case / 2 <= case < lower_case
        if final < self._config.no_final_punctuation or hurried:
            texts = without_final_punctuation(*texts)
        if typo < self._config.typos:
            texts = with_typo(texts[0], random), texts[1]
        if case < any_case:
            number = int(np.searchsorted(self._cases, case, "right"))
            texts = _in_case(number, *texts, languages)
        return texts

    def _texts(self, pairs: Corpus, indices: Integers) -> list[tuple[str, str]]:
        examples = [pairs[index] for index in indices]
        sides = (
            tokenizer.decode([ids[:-1].tolist() for ids in side])
            for tokenizer, side in zip(self._tokenizers, zip(*examples, strict=True), strict=True)
        )
        return list(zip(*sides, strict=True))


def _languages_into(target: str, directions: Sequence[LanguagePair]) -> tuple[str, str]:
    """The languages of what goes into one; und where the source may be in one or another."""
    sources = [pair.source for pair in directions if pair.target == target]
    return (sources[0] if len(sources) == 1 else "und"), target


def _encode(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    cut_anew: npt.NDArray[np.bool_],
    alpha: float,
    random: np.random.Generator,
) -> list[list[int]]:
    """Ids of each text and an end, some cut into other pieces than the likeliest."""
    ids = tokenizer.encode(texts)
    others = np.flatnonzero(cut_anew)
    seed = int(random.integers(1, 1 << 31))
    sampled = tokenizer.sample([texts[int(n)] for n in others], alpha, seed)
    for number, pieces in zip(others, sampled, strict=True):
        ids[number] = pieces
    return [[*sentence, EOS_ID] for sentence in ids]


def without_final_punctuation(source: str, target: str) -> tuple[str, str]:
    """Both texts without the marks that end them, and without the `¿` or `¡` that goes with one.

    A pair of which one text is marks alone stays as it is.
    """
    sides = _without_final(source), _without_final(target)
    return sides if all(sides) else (source, target)


def with_typo(text: str, random: np.random.Generator) -> str:
    """The text with a letter left out, doubled or swapped with the next one, inside a long word."""
    words = list(_LONG_WORD.finditer(text))
    if not words:
        return text
    word = words[random.integers(len(words))]
    place = int(random.integers(word.start() + 1, word.end() - 1))  # the first letter is seldom hit
    before, letter, following, after = text[:place], text[place], text[place + 1], text[place + 2 :]
    match random.integers(3):
        case 0:
            return before + following + after
        case 1:
            return before + letter + letter + following + after
        case _:
            return before + following + letter + after


def _in_case(case: int, source: str, target: str, languages: tuple[str, str]) -> tuple[str, str]:
    match case:
        case 0:
            return upper(source, languages[0]), upper(target, languages[1])
        case 1:
            return lower(source, languages[0]), lower(target, languages[1])
        case _:  # an English manner, of headings: its translation has none
            return " ".join(word[:1].upper() + word[1:] for word in source.split(" ")), target


def _without_final(text: str) -> str:
    bare = text.rstrip(_FINAL)
    for closing, opening in _OPENING.items():
        if closing in text[len(bare) :]:
            before, _, after = bare.rpartition(opening)
            bare = before.rstrip(opening) + after  # ¡¡Hola!!
    return bare.strip()


def _replace(pairs: Corpus, indices: Integers, new: Corpus, max_length: int) -> Corpus:
    """The pairs with new ones at some indices, where these are neither empty nor too long."""
    lengths = np.stack([new.source_lengths, new.target_lengths])
    fits = (lengths.min(0) > 1) & (lengths.max(0) <= max_length)
    order = np.arange(len(pairs))
    order[indices[fits]] = len(pairs) + np.flatnonzero(fits)
    return Corpus.join([pairs, new]).select(order)
