"""Muon: momentum whose matrices are made nearly orthogonal before a step (Jordan et al., 2024).

As torch.optim.Muon, bit for bit, where the hardware multiplies bfloat16. Elsewhere torch's own
rounds to bfloat16 all the same, whose products a processor without them takes ten times as long
for: this one computes in float32 there, with fewer products. Matrices of one shape are taken
together, since a product of small ones costs more to begin than to compute.
"""

import math
from collections.abc import Callable, Iterable
from functools import reduce

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
        """Update every matrix by its gradient; those of one shape at once."""
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = {}
            for matrix in group["params"]:
                alike.setdefault(matrix.shape, []).append(matrix)
            for matrices in alike.values():
                self._update(matrices, group["lr"], group["weight_decay"])

    def _update(self, matrices: list[Tensor], lr: float, decay: float) -> None:
        gradients = [matrix.grad for matrix in matrices if matrix.grad is not None]
        assert len(gradients) == len(matrices), "every matrix inside a layer has a gradient"
        momenta = [self._momentum(matrix) for matrix in matrices]
        torch._foreach_lerp_(momenta, gradients, 1 - _MOMENTUM)
        ahead = torch._foreach_lerp(gradients, momenta, _MOMENTUM)
        stacked = torch.stack(list(ahead))  # [N, A, B], or kernels [N, A, …]
        updates = orthogonalized(stacked.flatten(2))
        scale = 0.2 * math.sqrt(max(updates.shape[1:]))
        torch._foreach_mul_(matrices, 1 - lr * decay)
        torch._foreach_add_(matrices, updates.reshape(stacked.shape).unbind(), alpha=-lr * scale)

    def _momentum(self, matrix: Tensor) -> Tensor:
        state = self.state[matrix]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(matrix)
        return state["momentum_buffer"]  # type: ignore[no-any-return]


def orthogonalized(matrices: Tensor) -> Tensor:
    """Matrices [N, A, B] with their singular values brought near 1, by Newton–Schulz iteration."""
    precision = torch.bfloat16 if has_fast_bfloat16(matrices.device) else torch.float32
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.to(precision, copy=True)
    x = x.mT if tall else x
    norms = torch.linalg.matrix_norm(x, keepdim=True)
    x.div_(norms.clamp(min=_EPSILON))  # no singular value is above 1
    is_long = x.shape[2] >= 2 * x.shape[1]
    x = _iterated_as_gram(x) if is_long and precision == torch.float32 else _iterated(x)
    return x.mT if tall else x


def _iterated(x: Tensor) -> Tensor:
    """X ← (a + b G + c G²) X, where G = X Xᵀ."""
    a, b, c = _COEFFICIENTS
    for _ in range(_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def _iterated_as_gram(x: Tensor) -> Tensor:
    """The same of matrices with long rows, which take part in two products instead of six.

    A step multiplies X by F = a + b G + c G², which is symmetric and commutes with G. So G becomes
    F G F, and the product of all F, as small as G, is multiplied by X at last.
    """
    a, b, c = _COEFFICIENTS
    gram = x @ x.mT
    factors: list[Tensor] = []
    for _ in range(_STEPS):
        if factors:
            gram = factors[-1] @ gram @ factors[-1]
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal(dim1=1, dim2=2).add_(a)
        factors.append(factor)
    return reduce(torch.matmul, factors) @ x
