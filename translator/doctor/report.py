"""What the doctor says: findings with their places, and the figures behind them."""

from dataclasses import dataclass, field
from typing import Literal

from translator.data import Counts

_PLACES = 5  # of each fault that are named
Severity = Literal["serious", "warning", "note"]


@dataclass
class Places:
    """Where a fault is: the numbers of the first lines (or pairs), and how many there are."""

    unit: str = "line"

    first: list[int] = field(default_factory=list)
    number: int = 0

    def add(self, line: int) -> None:
        """Count a place."""
        self.number += 1
        if len(self.first) < _PLACES:
            self.first.append(line)

    def __str__(self) -> str:
        lines = ", ".join(f"{line:,}" for line in self.first)
        rest = f" … ({self.number:,} {self.unit}s)" if self.number > len(self.first) else ""
        return f"{self.unit}{'s' * (self.number > 1)} {lines}{rest}"


@dataclass(frozen=True)
class Finding:
    """One fault of the data: what, where, and what mends it."""

    severity: Severity
    kind: str  # a few words, the same for the same fault
    corpus: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Sample:
    """A pair that stands for a rule or a finding."""

    place: str  # such as "line 17"
    source: str
    target: str


@dataclass
class Histogram:
    """The numbers of texts by their characters, in classes that double from one to the next."""

    bins: list[int] = field(default_factory=lambda: [0] * 14)  # bin n: 2^n ≤ characters < 2^(n+1)
    longest: int = 0

    def add(self, characters: int) -> None:
        """Count a text."""
        self.bins[min(max(characters, 1).bit_length(), len(self.bins)) - 1] += 1
        self.longest = max(self.longest, characters)


@dataclass
class CorpusReport:
    """One corpus: what cleaning would do with it, and what it looks like."""

    split: str  # train, valid or test/NAME
    path: str
    counts: Counts = field(default_factory=Counts)
    samples: dict[str, list[Sample]] = field(default_factory=dict)  # by rule
    lengths: tuple[Histogram, Histogram] = field(default_factory=lambda: (Histogram(), Histogram()))
    languages: tuple[str | None, str | None] = (None, None)  # guessed


@dataclass(frozen=True)
class TokenizerCoverage:
    """How the tokenizer of the configuration spells a split."""

    split: str
    texts: int  # looked at
    tokens_per_word: float
    byte_share: float  # of the tokens: characters without a piece
    too_long_share: float  # of the pairs: over max_tokens_per_sentence
    unseen_word_share: float  # of the words: not in train
    byte_characters: str  # the commonest characters without a piece


@dataclass(frozen=True)
class Leak:
    """How much of a held-out set stands in the training side."""

    split: str
    pairs: int  # of the set
    exact: int  # pairs with a side that is a training text, but for case and punctuation
    near: int  # pairs whose source shares most of its word trigrams with a training source
    samples: list[tuple[str, Sample]]  # place in train, held-out pair


@dataclass
class Report:
    """All that `examine` found out."""

    corpora: list[CorpusReport] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    coverage: list[TokenizerCoverage] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)
    vocabulary_size: int = 0
    suggestions: list[str] = field(default_factory=list)  # lines of YAML, each with its reason

    @property
    def serious(self) -> bool:
        """Whether something was found that would spoil a training or its scores."""
        return any(finding.severity == "serious" for finding in self.findings)
