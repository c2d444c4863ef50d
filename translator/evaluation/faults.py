"""What do users complain of? Faults that a score hides, found sentence by sentence.

Each is judged against the source and the references, so that a sentence whose human translation
does the same (repeats a word, keeps an English name) is no fault.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache

from translator.data import bare_text
from translator.data.characters import normalize
from translator.text.placeholders import lost_placeholders, value_of

_LOOP_WORDS = 3  # so often on end a phrase is a loop
_LOOP_CHARACTERS = 8  # and so often a string, in scripts without spaces and in “jajaja…”
_UNKNOWN = re.compile("[\ufffd\u2047]")  # the replacement character, SentencePiece's ⁇
_NUMBER = re.compile(r"\d+(?:[.,:\u00a0\u202f]\d+)*")
_FINAL = str.maketrans("。．！？；：،؟।…", "..!?;:,?..")  # one sign for one meaning
_CLOSING = "\"'”’»)]}）」』 "

FAULTS = {
    "empty": "no text at all",
    "loop": "a phrase said over and over, more often than in source and references",
    "copy": "the source left as it was, where no reference does so",
    "foreign script": "a script that neither source nor references have, or unknown signs",
    "number lost": "a number of the source that every reference has, and the translation lacks",
    "placeholder lost": "a placeholder, address or emoji that every reference has as the source "
    "does, and the translation does not",
    "punctuation": "another sign at the end than every reference",
}


def find_faults(
    sources: Sequence[str], hypotheses: Sequence[str], *references: Sequence[str | None]
) -> dict[str, tuple[int, ...]]:
    """The indices of the sentences that have each fault of FAULTS."""
    scripts = frozenset().union(*(_scripts(text) for each in references for text in each if text))
    found: dict[str, list[int]] = {fault: [] for fault in FAULTS}
    for index, (source, hypothesis, *given) in enumerate(
        zip(sources, hypotheses, *references, strict=True)
    ):
        own = [text for text in given if text is not None]
        if not source.strip():
            continue
        if not hypothesis.strip():
            found["empty"].append(index)
            continue
        judged = {
            "loop": is_loop(hypothesis, [source, *own]),
            "copy": is_copy(source, hypothesis, own),
            "foreign script": bool(_scripts(hypothesis) - scripts - _scripts(source))
            or has_unknown(source, hypothesis),
            "number lost": bool(lost_numbers(source, hypothesis, own)),
            "placeholder lost": has_lost_placeholders(source, hypothesis, own),
            "punctuation": final_sign(hypothesis) not in {final_sign(text) for text in own},
        }
        for fault in judged:
            if judged[fault]:
                found[fault].append(index)
    return {fault: tuple(indices) for fault, indices in found.items()}


def is_loop(hypothesis: str, known: Sequence[str]) -> bool:
    """Whether a phrase or a string occurs on end, often, and more often than in known texts."""
    words, characters = _most_repetitions([hypothesis])
    usual_words, usual_characters = _most_repetitions(known)
    return (words >= _LOOP_WORDS and words > usual_words) or (
        characters >= _LOOP_CHARACTERS and characters > usual_characters
    )


def _most_repetitions(texts: Sequence[str]) -> tuple[int, int]:
    """Of a phrase of up to 8 words, and of a string of up to 16 characters."""
    split = [text.casefold().split() for text in texts]
    return (
        max(repetitions(words, 8) for words in split),
        max(repetitions("".join(words), 16) for words in split),
    )


def repetitions(units: Sequence[str], longest: int) -> int:
    """How often a group of at most `longest` units occurs on end: 3 in a b c b c b c."""
    most = min(1, len(units))
    for period in range(1, min(longest, len(units) // 2) + 1):
        run = 0
        for index in range(period, len(units)):
            run = run + 1 if units[index] == units[index - period] else 0
            most = max(most, run // period + 1)
    return most


def is_copy(source: str, hypothesis: str, references: Sequence[str]) -> bool:
    """Whether the source came back untranslated; names and numbers that references keep do not."""
    bare = bare_text(hypothesis)
    return (
        any(character.isalpha() for character in bare)
        and bare == bare_text(source)
        and bare not in map(bare_text, references)
    )


def has_unknown(source: str, hypothesis: str) -> bool:
    """Whether a character that stands for unknown ones was made up."""
    return bool(_UNKNOWN.search(hypothesis)) and not _UNKNOWN.search(source)


def lost_numbers(source: str, hypothesis: str, references: Sequence[str]) -> list[str]:
    """Numbers of the source that every reference keeps and the hypothesis does not.

    1,000.5 and 1.000,5 are one number.
    """
    kept = _numbers(source)
    for reference in references:
        kept &= _numbers(reference)
    return sorted((kept - _numbers(hypothesis)).elements())


def has_lost_placeholders(source: str, hypothesis: str, references: Sequence[str]) -> bool:
    """Whether placeholders of the source that every reference keeps are missing or too many."""
    lost = set(lost_placeholders(source, hypothesis))
    kept_by_all = lost.difference(*(lost_placeholders(source, each) for each in references))
    return bool(kept_by_all)


def final_sign(text: str) -> str:
    """The punctuation at the end, quotes and brackets after it aside: . ? ! : ; , or none."""
    last = text.rstrip(_CLOSING)[-1:].translate(_FINAL)
    return last if last in tuple(".?!:;,") else ""


def _numbers(text: str) -> Counter[str]:
    return Counter(map(value_of, _NUMBER.findall(normalize("NFKC", text))))


def _scripts(text: str) -> frozenset[str]:
    """The scripts of the letters of a text; º is Latin, and µ Greek, as what they stand for is."""
    return frozenset(script_of(each) for each in normalize("NFKC", text) if each.isalpha())


@cache
def script_of(letter: str) -> str:
    """The script of a letter by the first word of its Unicode name: LATIN, CYRILLIC, CJK."""
    return unicodedata.name(letter, "UNKNOWN").split()[0].split("-")[0]
