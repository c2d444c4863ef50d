"""How many steps fit into the minutes given? Decided on the way, again and again, and kept.

Nobody knows how fast a machine will be. So what is left of the minutes becomes steps anew after
each eighth of the steps to go: seldom at first, at the end after every one. A decision is written
into the run, since the learning rate follows it: going on makes the same steps at the same rates.
"""

import bisect
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

MEASURED_STEPS = 30  # after which the first decision is made, and that any other looks back at
_FEWEST_STEPS = 5  # to look back at
_SHARE = 8  # of the steps to go, one part lies between two decisions


class Decision(NamedTuple):
    """After `step` steps, a run was given `max_steps` in all."""

    step: int
    max_steps: int

    @property
    def next_step(self) -> int:
        """After which step the next decision is due."""
        return self.step + max(1, (self.max_steps - self.step) // _SHARE)


@dataclass(frozen=True)
class Pause:
    """A validation or a checkpoint: it takes `seconds` after every `every_steps` and at the end."""

    every_steps: int
    seconds: float

    def count(self, first: int, last: int) -> int:
        """How often it comes after steps `first` + 1 to `last`, the last step of all."""
        return math.ceil(last / self.every_steps) - first // self.every_steps


def decision_is_due(decisions: Sequence[Decision], step: int) -> bool:
    """Whether after a step the number of steps has to be decided; not where it is on record."""
    return step >= (decisions[-1].next_step if decisions else MEASURED_STEPS)


def steps_looked_back_at(decisions: Sequence[Decision], step: int) -> int:
    """How many of the last steps say how long the next ones take: fewer when few are to go."""
    since = step - decisions[-1].step if decisions else MEASURED_STEPS
    return min(max(since, _FEWEST_STEPS), MEASURED_STEPS)


def steps_that_fit(
    seconds: float, step: int, seconds_per_step: float, pauses: Iterable[Pause]
) -> int:
    """How many steps after `step` fit into `seconds`, their pauses included."""
    pauses = tuple(pauses)

    def cost(steps: int) -> float:
        paused = sum(pause.seconds * pause.count(step, step + steps) for pause in pauses)
        return steps * seconds_per_step + paused

    most = max(0, int(seconds / seconds_per_step))
    return bisect.bisect_right(range(1, most + 1), seconds, key=cost)
