"""TEXT IN CAPITALS is read in the letters that a model knows.

Capitals have few pieces longer than a letter, so a model would have to learn to spell from them.
Each word of a sentence in capitals is read in the case that takes the fewest pieces, such as
`NATO and the EU`, and the translation is written in capitals. A tokenizer of text in capitals has
pieces for them, and reads them as they are.
"""

from collections.abc import Iterator, Sequence

from translator.data.languages import lower
from translator.tokenizer import UNK_ID, Tokenizer

_ABBREVIATION = 3  # a word of so many letters that stands alone is one


def encode_sentences(
    tokenizer: Tokenizer, sentences: Sequence[str], language: str
) -> tuple[list[list[int]], list[bool]]:
    """The ids of each sentence, and whether its translation is to be put in capitals.

    `language` is that of the sentences.
    """
    ids = tokenizer.encode(sentences)
    loud = [n for n, sentence in enumerate(sentences) if _is_in_capitals(sentence)]
    likely = likely_cases(tokenizer, [sentences[n] for n in loud], language)
    in_capitals = [False] * len(sentences)
    for n, text, found in zip(loud, likely, tokenizer.encode(likely), strict=True):
        if text.split() != sentences[n].split():
            ids[n], in_capitals[n] = found, True
    return ids, in_capitals


def likely_cases(tokenizer: Tokenizer, texts: Sequence[str], language: str) -> list[str]:
    """Texts in capitals, each word as the tokenizer has it: in capitals, Capitalised or small.

    The first word is not in small letters. Of two cases that take as many pieces it is the smaller.
    """
    cases = {
        word: (lower(word, language), _capitalised(word, language), word)
        for text in texts
        for word in text.split()
    }
    forms = [form for each in cases.values() for form in each]
    costs = dict(zip(forms, _costs(tokenizer, forms), strict=True))
    return [
        " ".join(
            min(cases[word][1:] if is_first else cases[word], key=costs.__getitem__)
            for word, is_first in _words(text)
        )
        for text in texts
    ]


def _is_in_capitals(text: str) -> bool:
    """Whether all letters are capitals, and more than an abbreviation.

    A letter without case, such as 我, is no capital.
    """
    if not text.isupper() or not all(map(str.isupper, filter(str.isalpha, text))):
        return False
    letters = [sum(map(str.isalpha, word)) for word in text.split()]
    return max(letters) > (1 if sum(map(bool, letters)) > 1 else _ABBREVIATION)


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


def _costs(tokenizer: Tokenizer, words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """How many unknown pieces each word takes, and how many others; a byte counts twice."""
    for ids in tokenizer.encode(words):
        pieces = tokenizer.pieces(ids)
        yield ids.count(UNK_ID), len(ids) + sum(piece.startswith("<0x") for piece in pieces)
