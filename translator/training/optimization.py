"""How a gradient becomes a better model: learning rate, optimizers, working weights."""

import copy
import math

import torch
from torch import Tensor, nn

from translator.config import TrainingConfig
from translator.model import Transformer
from translator.training.muon import Muon

MEASURED_STEPS = 30  # after which a budget of minutes becomes one of steps


def learning_rate(step: int, settings: TrainingConfig, max_steps: int | None) -> float:
    """The rate of optimizer step 1 … max_steps: a linear rise, then the schedule's fall.

    The rise takes at most half of the steps. With a budget of minutes these are known only after
    MEASURED_STEPS: a rise that would take too long is then steeper from there on.
    """
    wanted = warmup = settings.warmup_steps
    measured = MEASURED_STEPS if settings.max_minutes is not None else 0
    if max_steps is not None:
        warmup = min(wanted, max(max_steps // 2, measured))
    if step <= (wanted if warmup == wanted else measured):
        return settings.learning_rate * step / wanted
    if step <= warmup:
        begun = measured / wanted
        share = (step - measured) / (warmup - measured)
        return settings.learning_rate * (begun + (1.0 - begun) * share)
    warmup = max(warmup, measured)  # the fall waits until its end is known
    if step <= warmup or max_steps is None:
        return settings.learning_rate
    done = (step - warmup - 1) / max(1, max_steps - warmup)  # 0 … just below 1
    match settings.schedule:
        case "linear":
            factor = 1.0 - done
        case "cosine":
            factor = 0.5 * (1.0 + math.cos(math.pi * done))
        case "inverse_sqrt":  # Vaswani et al. (2017), equation 3
            factor = (max(1, warmup) / step) ** 0.5
        case "constant":
            factor = 1.0
    return settings.learning_rate * factor


def build_optimizers(model: nn.Module, settings: TrainingConfig) -> list[torch.optim.Optimizer]:
    """AdamW for everything, or Muon for the matrices inside the layers and AdamW for the rest.

    Weight decay is for matrices only: a decayed norm or bias is a smaller model for no reason.
    """
    named = dict(model.named_parameters())
    inner = [n for n, p in named.items() if p.dim() == 2 and ".layers." in n]
    matrices = [n for n, p in named.items() if p.dim() == 2 and n not in inner]
    vectors = [n for n, p in named.items() if p.dim() != 2]
    optimizers: list[torch.optim.Optimizer] = []
    if settings.optimizer == "muon":
        optimizers.append(
            Muon([named[n] for n in inner], settings.learning_rate, settings.weight_decay)
        )
    else:
        matrices += inner
    groups = [
        {"params": [named[n] for n in matrices], "weight_decay": settings.weight_decay},
        {"params": [named[n] for n in vectors], "weight_decay": 0.0},
    ]
    betas = (settings.beta1, settings.beta2)
    optimizers.append(
        torch.optim.AdamW(groups, lr=settings.learning_rate, betas=betas, eps=1e-9, fused=True)
    )
    return optimizers


class WorkingWeights:
    """The weights that the forward and backward passes use, and the gradients of all weights.

    In float32 they are the model's own. In bfloat16 they are a copy, refreshed after each step:
    the float32 originals take the small updates that bfloat16 would round away, and no cast is
    repeated within a step.
    """

    def __init__(self, model: Transformer, precision: torch.dtype) -> None:
        self._originals: list[Tensor] = list(model.parameters())
        self.model = model
        if precision != torch.float32:
            self.model = copy.deepcopy(model).to(precision)
        self._copies: list[Tensor] = list(self.model.parameters())
        sizes = [parameter.numel() for parameter in self._originals]
        # One buffer, float32, of which each parameter's gradient is a part: processes sum it in
        # one piece, and its norm is the norm of them all.
        self.gradients = torch.zeros(sum(sizes), device=self._originals[0].device)
        for original, part in zip(self._originals, self.gradients.split(sizes), strict=True):
            original.grad = part.view_as(original)

    def train(self) -> None:
        """Switch dropout on."""
        self.model.train()

    def forget_gradients(self) -> None:
        """Begin a step anew."""
        self.gradients.zero_()
        if self._copies[0] is not self._originals[0]:
            for working in self._copies:
                working.grad = None

    def collect_gradients(self) -> None:
        """Add the gradients of the copies to those of the originals, in float32."""
        if self._copies[0] is self._originals[0]:
            return
        for original, working in zip(self._originals, self._copies, strict=True):
            if working.grad is not None and original.grad is not None:
                original.grad += working.grad
                working.grad = None

    @torch.no_grad()
    def refresh(self) -> None:
        """Round the originals to the copies anew."""
        if self._copies[0] is not self._originals[0]:
            torch._foreach_copy_(self._copies, self._originals)
