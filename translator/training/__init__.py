"""How does it learn? From a configuration to a run directory, resumable to the bit."""

from translator.training.events import (
    Budgeted,
    Change,
    Event,
    Finished,
    Plan,
    StepDone,
    Validated,
    Warned,
)
from translator.training.optimization import WorkingWeights, build_optimizers, learning_rate
from translator.training.run import train
from translator.training.trainer import Trainer, loss_sum

__all__ = [
    "Budgeted",
    "Change",
    "Event",
    "Finished",
    "Plan",
    "StepDone",
    "Trainer",
    "Validated",
    "Warned",
    "WorkingWeights",
    "build_optimizers",
    "learning_rate",
    "loss_sum",
    "train",
]
