"""Check the embedded corpus: `python scripts/corpus/check.py` (exit code 1 if a fault is found).

Encoding and form, opening marks, duplicates, leaks into the held-out sets, words left in English,
length ratios. What it cannot check, the Spanish itself, was read by an editor (the data card).
"""

import lzma
import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from translator.data import bare_text

CORPUS = Path(__file__).parents[2] / "translator" / "corpus"
HELD_OUT = ("valid", "test-handwritten", "test-grammar", "test-figures")
# English words that are no Spanish words, frequent enough to betray a missing translation.
ENGLISH = set(
    "the and of to is are was were you he she it we they this that with for from have has had "
    "what when where who which how my your his her our their please thank yes because but if "
    "there here very good house water time day night people friend".split()
)


def load() -> dict[str, list[tuple[str, str]]]:
    """The pairs of every file of the package."""
    corpus = {}
    for file in sorted(CORPUS.glob("*.tsv.xz")):
        lines = lzma.decompress(file.read_bytes()).decode("utf-8").split("\n")[:-1]
        corpus[file.name.split(".")[0]] = [
            (english, spanish) for english, spanish in (line.split("\t") for line in lines)
        ]
    return corpus


def faults_of_pair(english: str, spanish: str) -> Iterator[str]:
    """What is wrong with one pair by its form."""
    for text in (english, spanish):
        if text != unicodedata.normalize("NFC", text):
            yield "not NFC"
        if text != " ".join(text.split()) or not text:
            yield "spaces"
        if not re.search(r"[.!?…\"]$", text):
            yield "no final punctuation"
        if re.match(r"[a-zñáéíóú]", text):
            yield "starts in lower case"
    for opening, closing in ("¿?", "¡!"):
        if spanish.count(opening) != spanish.count(closing):
            yield f"{opening} {closing} do not balance"
    if english.count("?") != spanish.count("?"):
        yield "a question on one side only"
    words = set(re.findall(r"[a-záéíóúüñ]+", spanish.lower()))
    if left := words & ENGLISH - {"a", "he", "has"}:  # haber: he, has
        yield f"English in the Spanish: {', '.join(sorted(left))}"
    ratio = (len(spanish) + 8) / (len(english) + 8)
    if not 0.5 < ratio < 2.0:
        yield f"length ratio {ratio:.2f}"
    if len(english.split()) > 26:
        yield "more than 26 words"


def faults(corpus: dict[str, list[tuple[str, str]]]) -> Iterator[str]:
    """Every fault of the corpus, as a sentence that names its place."""
    for name, pairs in corpus.items():
        for number, (english, spanish) in enumerate(pairs, start=1):
            for fault in faults_of_pair(english, spanish):
                yield f"{name}, line {number}: {fault}: {english} | {spanish}"
        if len({english for english, _ in pairs}) != len(pairs):
            yield f"{name}: an English sentence occurs twice"
    for side in (0, 1):
        seen: dict[str, str] = {}
        for name in HELD_OUT:
            seen.update((bare_text(pair[side]), name) for pair in corpus[name])
        for name in corpus.keys() - set(HELD_OUT):
            for pair in corpus[name]:
                if (owner := seen.get(bare_text(pair[side]))) is not None:
                    yield f"{name}: a sentence of {owner} leaks: {pair[side]}"
    answers: dict[str, str] = {}
    for name, pairs in corpus.items():
        for english, spanish in pairs:
            if answers.setdefault(english, spanish) != spanish:
                yield f"{name}: two answers to {english!r}: {answers[english]!r}, {spanish!r}"


def main() -> None:
    """Print the faults and a summary."""
    corpus = load()
    found = list(faults(corpus))
    print("\n".join(found[:200]))
    for name, pairs in corpus.items():
        words = [len(english.split()) for english, _ in pairs]
        print(
            f"{name:18} {len(pairs):7,} pairs, {min(words)} to {max(words)} words, "
            f"mean {sum(words) / len(words):.1f}; "
            f"{len({w for e, _ in pairs for w in re.findall('[a-z]+', e.lower())}):,} words"
        )
    print(f"{len(found)} faults")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
