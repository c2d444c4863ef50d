"""What is a model's mistake? One loss for every architecture."""

from torch import Tensor

from translator.data import Batch
from translator.functional import cross_entropy_sum
from translator.model import Transformer


def loss_sum(model: Transformer, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy in nats of the labels of a batch, summed over those that ask, in float32."""
    states = model.states(batch)  # [R, T, D]
    return cross_entropy_sum(
        states.flatten(0, 1),
        model.output.weight,
        batch.labels.flatten(),
        label_smoothing,
        model.output.bias,
    )
