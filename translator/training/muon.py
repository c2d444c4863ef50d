"""Muon: momentum whose matrices are made nearly orthogonal before a step (Jordan et al., 2024).

As torch.optim.Muon, bit for bit, where the hardware multiplies bfloat16. Elsewhere torch's own
rounds to bfloat16 all the same, whose products a processor without them takes ten times as long
for: this one computes in float32 there.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from translator.hardware import has_fast_bfloat16

# Of the iteration. 5 steps are usual; they learn no more in a step of training (docs/recipes.md)
# and take 1.7 times as long.
_STEPS = 3
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # the slope at zero is as large as they let it be
_MOMENTUM = 0.95
_EPSILON = 1e-7


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, scaled to AdamW's step size (Liu et al., 2025).

    So one learning rate serves both optimizers. It is for matrices, and for kernels of
    convolutions, whose outputs are rows.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every matrix by its gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                self._update(parameter, self.state[parameter], group["lr"], group["weight_decay"])

    def _update(self, matrix: Tensor, state: dict[str, Any], lr: float, decay: float) -> None:
        gradient = matrix.grad
        assert gradient is not None, "every matrix inside a layer has a gradient"
        momentum = state.setdefault("momentum_buffer", torch.zeros_like(gradient))
        momentum.lerp_(gradient, 1 - _MOMENTUM)
        update = orthogonalized(gradient.lerp(momentum, _MOMENTUM).flatten(1))
        matrix.mul_(1 - lr * decay)
        matrix.add_(update.view_as(matrix), alpha=-lr * (0.2 * math.sqrt(max(update.shape))))


def orthogonalized(matrix: Tensor) -> Tensor:
    """A matrix [A, B] with its singular values brought near 1, by Newton–Schulz iteration."""
    precision = torch.bfloat16 if has_fast_bfloat16(matrix.device) else torch.float32
    a, b, c = _COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.to(precision, copy=True)
    x = x.T if tall else x
    x.div_(x.norm().clamp(min=_EPSILON))  # no singular value is above 1
    for _ in range(_STEPS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x
