"""What training tells while it happens; whoever runs it may show it, log it or ignore it."""

from dataclasses import dataclass

from translator.config import Config
from translator.data import Counts
from translator.evaluation import Change
from translator.runs import RunDirectory


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is about to happen, told before the first step."""

    run: RunDirectory
    config: Config
    counts: dict[str, Counts]  # by split: what became of the pairs that were read
    vocabulary_size: int
    parameters: int
    device: str
    precision: str
    processes: int
    tokens_per_batch: int
    first_step: int
    finished: bool  # nothing is left to train
    max_steps: int | None  # None until a budget of minutes has become one of steps
    taken: str = ""  # which parts of a run that learned something else were taken, which are new
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Budgeted:
    """The number of steps that fits into training.max_minutes, as it was decided anew."""

    step: int  # after which it was decided
    max_steps: int
    seconds_per_step: float


@dataclass(frozen=True)
class StepDone:
    """An optimizer step; every few, what happened since the last one that told it."""

    step: int
    loss: float | None = None  # mean per target token
    tokens_per_second: float | None = None
    learning_rate: float | None = None  # of this step
    seconds: float = 0.0  # of work in all sittings, to the end of this step


@dataclass(frozen=True)
class Warned:
    """Something that training could go on from, but that its user should know."""

    step: int
    message: str


@dataclass(frozen=True)
class Validated:
    """What the validation set says."""

    step: int
    scores: dict[str, float]  # by name: the loss, in nats per target token, and what is measured
    is_best: bool
    samples: tuple[tuple[str, str, str], ...]  # source, reference, hypothesis


@dataclass(frozen=True, kw_only=True)
class Finished:
    """Training is over: all steps were made, or it was asked to stop and can go on from `step`."""

    run: RunDirectory
    step: int
    completed: bool
    signal: int | None  # that asked this process to stop
    stopped_early: bool  # completed, since training.patience validations brought nothing better
    best: dict[str, float]  # of the best model: its step and scores; empty before a validation
    seconds: float  # of work in all sittings; not those in which the process was stopped
    changes: tuple[Change, ...] = ()  # of the test sets, where training started from a run


Event = Plan | Budgeted | StepDone | Warned | Validated | Finished
