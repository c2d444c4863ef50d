"""What is a model's mistake? One loss for every architecture."""

import torch
from torch import Tensor

from translator.data import Batch
from translator.functional import IGNORE_INDEX, cross_entropy_sum
from translator.model import Transformer

_MOSTLY = 0.75  # share of labels that ask, from which on it does not pay to leave the others out
_MULTIPLE = 128  # of what a number of positions is, so that products have few shapes


def loss_sum(model: Transformer, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy in nats of the labels of a batch, summed over those that ask, in float32."""
    states, labels = _asked(model.states(batch).flatten(0, 1), batch.labels.flatten())
    return cross_entropy_sum(
        states, model.output.weight, labels, label_smoothing, model.output.bias
    )


def _asked(states: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The positions [N] whose labels ask, and a few to spare, where many do not.

    A vocabulary is scored at each of them, which is a good part of a step.
    """
    asks = labels != IGNORE_INDEX
    asked = asks.nonzero()[:, 0]
    if len(asked) > _MOSTLY * len(labels):
        return states, labels
    chosen = torch.cat((asked, (~asks).nonzero()[: -len(asked) % _MULTIPLE, 0]))
    return states[chosen], labels[chosen]
