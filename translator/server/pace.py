"""How fast is this server? Learned from the batches that it has translated."""

from collections.abc import Iterable

from translator.config import DecodingConfig


class Pace:
    """Seconds for each unit of work, smoothed; 0 before anything was measured."""

    def __init__(self) -> None:
        self.seconds_per_unit = 0.0

    def observe(self, seconds: float, *, begun: int, done: int, full: bool) -> None:
        """Learn from a batch; `full` when it took all the work that it had room for.

        Of the work that was begun, what is not done was cancelled, nobody knows how early: the
        pace lies between that of what was done and that of all. Much work at once is faster than
        little, so a batch that was not full shows only how fast the server is at least.
        """
        if not begun:
            return
        fastest, slowest = seconds / begun, seconds / (done or begun)
        if not self.seconds_per_unit:
            self.seconds_per_unit = slowest
        elif done and self.seconds_per_unit > slowest:
            self.seconds_per_unit = (self.seconds_per_unit + slowest) / 2
        elif full and self.seconds_per_unit < fastest:
            self.seconds_per_unit = (self.seconds_per_unit + fastest) / 2


def work_of(texts: Iterable[str], decoding: DecodingConfig) -> int:
    """How much work texts are: their characters, blank ones aside, for each hypothesis kept."""
    characters = sum(len(word) for text in texts for word in text.split())
    return characters * max(decoding.beam_size, decoding.n_best)
