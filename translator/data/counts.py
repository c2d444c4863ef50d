"""What became of the pairs? Every one that was read is counted."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Counts:
    """What became of the pairs that were read: `read` = `kept` + the sum of `dropped`."""

    read: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    repaired: dict[str, int] = field(default_factory=dict)  # kept pairs by what was mended

    @property
    def many_dropped(self) -> bool:
        """Whether a tenth or more were dropped, which may have one cause."""
        return self.kept <= 0.9 * self.read and self.read > 0

    @property
    def reasons(self) -> str:
        """Why pairs were dropped, and how many, the commonest first: `empty: 12, duplicate: 3`."""
        ordered = sorted(self.dropped.items(), key=lambda item: -item[1])
        return ", ".join(f"{reason}: {number:,}" for reason, number in ordered)

    def repair(self, repairs: Iterable[str]) -> None:
        """Count one kept pair whose texts were mended."""
        for repair in repairs:
            self.repaired[repair] = self.repaired.get(repair, 0) + 1

    def follow(self, earlier: "Counts") -> None:
        """Add what an earlier stage did with the same pairs, before they were read here."""
        self.read += earlier.read - earlier.kept
        for own, other in ((self.dropped, earlier.dropped), (self.repaired, earlier.repaired)):
            for reason, number in other.items():
                own[reason] = own.get(reason, 0) + number

    def add(self, others: "Counts") -> None:
        """Add what the same stage did with other pairs."""
        self.kept += others.kept
        self.follow(Counts(others.read, 0, others.dropped, others.repaired))

    def drop(self, reason: str) -> None:
        """Count one dropped pair."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
