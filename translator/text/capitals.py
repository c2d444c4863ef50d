"""TEXT IN CAPITALS, or In Title Case, is read in the letters that a model knows.

Capitals have few pieces longer than a letter, so a model would have to learn to spell from them,
and a Word with a capital is a name to it. So each word is read in the case that takes the fewest
pieces, such as `NATO and the EU`. The translation of capitals is written in capitals, that of a
heading as the model gives it: most languages write headings as they write sentences. A tokenizer
of text in capitals has pieces for them, and reads them as they are.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence

from translator.text.languages import capitalises_nouns, lower, primary
from translator.tokenizer import UNK_ID, Tokenizer

_ABBREVIATION = 3  # a word of this many letters that stands alone is one
_MOST_SMALL = 1 / 4  # share of the letters that are no capitals
_LEAST_ORDINARY = 2  # words of a heading that become small
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_ONE_LETTER = re.compile(r"\W*[^\W\d_](?:\W|$)")  # A, I'm: capitals of no heading
_SMALL_IN_HEADINGS = {  # other languages have few headings in Title Case, and no such words here
    "en": frozenset(
        "a an and as at but by for from in into nor of on onto or over per than the to upon via vs "
        "with".split()
    )
}


def encode_sentences(
    tokenizer: Tokenizer, sentences: Sequence[str], language: str
) -> tuple[list[list[int]], list[bool]]:
    """The ids of each sentence, and whether its translation is to be put in capitals.

    `language` is that of the sentences.
    """
    ids = tokenizer.encode(sentences)
    in_capitals = [False] * len(sentences)
    loud = [n for n, sentence in enumerate(sentences) if _is_in_capitals(sentence)]
    headings = [n for n, sentence in enumerate(sentences) if _is_heading(sentence, language)]
    for chosen, read in ((loud, likely_cases), (headings, sentence_case)):
        likely = read(tokenizer, [sentences[n] for n in chosen], language)
        for n, text, found in zip(chosen, likely, tokenizer.encode(likely), strict=True):
            if text.split() != sentences[n].split():
                ids[n], in_capitals[n] = found, read is likely_cases
    return ids, in_capitals


def likely_cases(tokenizer: Tokenizer, texts: Sequence[str], language: str) -> list[str]:
    """Texts in capitals, each word as the tokenizer has it: in capitals, Capitalised or small.

    The first word is not in small letters, and a word that has some stays as it is. Of two cases
    that take as many pieces it is the likelier.
    """
    cases = {
        word: (lower(word, language), _capitalised(word, language), word)
        for text in texts
        for word in text.split()
        if not any(map(str.islower, word))
    }
    forms = [form for each in cases.values() for form in each]
    costs = dict(zip(forms, _costs(tokenizer, forms), strict=True))
    return [
        " ".join(
            min(cases[word][is_first:], key=costs.__getitem__) if word in cases else word
            for word, is_first in _words(text)
        )
        for text in texts
    ]


def sentence_case(tokenizer: Tokenizer, texts: Sequence[str], language: str) -> list[str]:
    """Texts in Title Case, each word but the first in small letters if the tokenizer has it so.

    A word that it must spell in small letters is taken for a name; where most are names, all are.
    """
    given = sorted({word for text in texts for word in text.split() if _is_capitalised(word)})
    small = [lower(word, language) for word in given]
    costs = zip(_costs(tokenizer, given), _costs(tokenizer, small), strict=True)
    ordinary = {
        word: quiet
        for word, quiet, ids, (cost, quiet_cost) in zip(
            given, small, tokenizer.encode(small), costs, strict=True
        )
        if quiet_cost < cost and not _is_spelled(tokenizer.pieces(ids))
    }
    return [_in_small_letters(text, ordinary) for text in texts]


def _in_small_letters(text: str, ordinary: Mapping[str, str]) -> str:
    """A text whose words, but the first, are in small letters if most of them are ordinary."""
    words = [*_words(text)]
    later = [word for word, is_first in words if not is_first and _is_capitalised(word)]
    if sum(word in ordinary for word in later) < max(_LEAST_ORDINARY, len(later) / 2):
        return text
    return " ".join(word if is_first else ordinary.get(word, word) for word, is_first in words)


def _is_spelled(pieces: Sequence[str]) -> bool:
    """Whether no piece holds more than half of the letters of a word."""
    letters = [sum(map(str.isalpha, piece)) for piece in pieces if not piece.startswith("<0x")]
    return 2 * max(letters, default=0) <= sum(letters)


def _is_in_capitals(text: str) -> bool:
    """Whether all letters are capitals, and more than an abbreviation.

    A few small letters may be inside words (McDONALD'S), or a unit (3 kg). A letter without case,
    such as 我, is no capital.
    """
    words = text.split()
    letters = [sum(map(str.isalpha, word)) for word in words]
    capitals = sum(map(str.isupper, text))
    if not capitals or sum(letters) - capitals > _MOST_SMALL * sum(letters):
        return False
    for before, word in itertools.pairwise(("", *words)):
        if word.islower() and not any(map(str.isdigit, before)):
            return False  # NATO and WHO
    return max(letters) > (1 if sum(map(bool, letters)) > 1 else _ABBREVIATION)


def _is_heading(text: str, language: str) -> bool:
    """Whether all words are capitalised, save some as small as `of`, and not only the first.

    In a language that capitalises nouns a heading cannot be told from prose. A letter without case
    is in none.
    """
    if capitalises_nouns(language) or not all(map(_has_case, filter(str.isalpha, text))):
        return False
    later = [w for w, is_first in _words(text) if not is_first and any(map(str.isalpha, w))]
    capitalised = sum(_is_capitalised(w) and not _ONE_LETTER.match(w) for w in later)
    small = [w for w in later if not any(map(str.isupper, w)) and not any(map(str.isdigit, w))]
    allowed = _SMALL_IN_HEADINGS.get(primary(language), frozenset())
    return (
        capitalised >= (3 if small else 2)
        and capitalised > len(small)
        and all("".join(filter(str.isalpha, word)) in allowed for word in small)
    )


def _has_case(letter: str) -> bool:
    return letter.isupper() or letter.islower()


def _is_capitalised(word: str) -> bool:
    """Whether capitals begin each part of a word, such as Self-Driving, and are nowhere else."""
    parts = _WORD.findall(word)
    return bool(parts) and all(
        part[0].isupper() and not any(map(str.isupper, part[1:])) for part in parts
    )


def _words(text: str) -> Iterator[tuple[str, bool]]:
    """The words, and whether each is the first that is more than marks."""
    begun = False
    for word in text.split():
        is_word = any(map(str.isalnum, word))
        yield word, is_word and not begun
        begun = begun or is_word


def _capitalised(word: str, language: str) -> str:
    first = next((n for n, sign in enumerate(word) if sign.isalnum()), 0)
    head = word[: first + 1]
    return head + lower(word, language)[len(lower(head, language)) :]  # Greek ends words in ς


def _costs(tokenizer: Tokenizer, words: Sequence[str]) -> Iterator[tuple[int, int, float]]:
    """How many unknown pieces each word takes, how many others, and how unlikely they are.

    A byte counts twice.
    """
    for ids in tokenizer.encode(words):
        pieces = tokenizer.pieces(ids)
        count = len(ids) + sum(piece.startswith("<0x") for piece in pieces)
        yield ids.count(UNK_ID), count, -sum(tokenizer.scores(ids))
