"""How does it learn? From a configuration to a run directory, resumable to the bit."""

from translator.training.budget import Decision
from translator.training.events import (
    Budgeted,
    Event,
    Finished,
    Plan,
    StepDone,
    Validated,
    Warned,
)
from translator.training.loss import loss_sum
from translator.training.optimization import WorkingWeights, build_optimizers, learning_rate
from translator.training.rehearsal import Rehearsal, rehearse
from translator.training.run import train
from translator.training.trackers import Tracker, with_trackers
from translator.training.trainer import Trainer
from translator.training.validation import (
    LossValidator,
    TranslationValidator,
    Validation,
    Validator,
)

__all__ = [
    "Budgeted",
    "Decision",
    "Event",
    "Finished",
    "LossValidator",
    "Plan",
    "Rehearsal",
    "StepDone",
    "Tracker",
    "Trainer",
    "TranslationValidator",
    "Validated",
    "Validation",
    "Validator",
    "Warned",
    "WorkingWeights",
    "build_optimizers",
    "learning_rate",
    "loss_sum",
    "rehearse",
    "train",
    "with_trackers",
]
