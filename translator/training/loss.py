"""What is a model's mistake? One loss for every architecture."""

import torch
from torch import Tensor

from translator.data import Batch
from translator.functional import IGNORE_INDEX, cross_entropy_sum
from translator.model import Transformer

_MOSTLY = 0.75  # share of labels that ask, from which on it does not pay to leave the others out
_MULTIPLE = 128  # of what a number of positions is, so that products have few shapes


def loss_sum(model: Transformer, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy in nats of the labels of a batch, summed over those that ask, in float32.

    The batch may lie on another device than the model. It best lies on the CPU: which labels ask is
    found where it lies, and a GPU would have to be waited for.
    """
    asked = _asked(batch.labels.flatten())
    batch = batch.to(model.output.weight.device)
    states, labels = model.states(batch).flatten(0, 1), batch.labels.flatten()
    if asked is not None:
        chosen = asked.to(labels.device)
        states, labels = states[chosen], labels[chosen]
    return cross_entropy_sum(
        states, model.output.weight, labels, label_smoothing, model.output.bias
    )


def _asked(labels: Tensor) -> Tensor | None:
    """The positions [N] whose labels ask, and a few to spare; None, all, where most of them do.

    A vocabulary is scored at each of them, which is a good part of a step.
    """
    asks = labels != IGNORE_INDEX
    asked = asks.nonzero()[:, 0]
    if len(asked) > _MOSTLY * len(labels):
        return None
    return torch.cat((asked, (~asks).nonzero()[: -len(asked) % _MULTIPLE, 0]))
