"""A sound corpus, spoiled on purpose: one fault or several, at known lines."""

import random
from collections.abc import Sequence
from pathlib import Path

from translator.data import SentencePair

Pairs = list[SentencePair]


def shifted(pairs: Sequence[SentencePair], lines: int = 1) -> Pairs:
    """From the middle on, the targets have lost some lines."""
    middle = len(pairs) // 2
    targets = [pair.target for pair in pairs]
    targets = targets[:middle] + targets[middle + lines :]
    return [SentencePair(p.source, t) for p, t in zip(pairs, targets, strict=False)]


def swapped(pairs: Sequence[SentencePair], share: float = 0.1) -> tuple[Pairs, list[int]]:
    """Some pairs with their sides exchanged, and their line numbers."""
    turned = set(random.Random(1).sample(range(len(pairs)), round(share * len(pairs))))
    return (
        [SentencePair(p.target, p.source) if i in turned else p for i, p in enumerate(pairs)],
        sorted(index + 1 for index in turned),
    )


def leaking(
    pairs: Sequence[SentencePair], test: Sequence[SentencePair], share: float = 0.05
) -> Pairs:
    """Some test pairs, in other case and punctuation, at the end."""
    return [
        *pairs,
        *(SentencePair(p.source.upper() + "!", p.target) for p in test[: round(share * len(test))]),
    ]


def mojibake(text: str) -> str:
    """UTF-8 that was read as Windows-1252."""
    return "".join(
        bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in text.encode("utf-8")
    )


def write(file: Path, pairs: Sequence[SentencePair], line_end: str = "\n", start: str = "") -> Path:
    """A TSV file, with any line ends and anything before its first line."""
    rows = "".join(f"{pair.source}\t{pair.target}{line_end}" for pair in pairs)
    file.write_bytes((start + rows).encode("utf-8", "surrogateescape"))
    return file


def everything(pairs: Sequence[SentencePair], test: Sequence[SentencePair], file: Path) -> Path:
    """All faults at once: lines 10 to 13 are odd, line 100 is not UTF-8, then see above."""
    wrong, _ = swapped(shifted(leaking(pairs, test)))
    wrong[9] = SentencePair(wrong[9].source + "\u2028x", wrong[9].target)
    wrong[10] = SentencePair(wrong[10].source, "\x00" + wrong[10].target)
    wrong[11] = SentencePair(wrong[11].source, mojibake("¿Cómo está la señora?"))
    wrong[12] = SentencePair(wrong[12].source + "\x85y\x0bz", wrong[12].target)
    wrong[99] = SentencePair(wrong[99].source, wrong[99].target + "\udcff")
    return write(file, wrong, "\r\n", "\ufeff")
