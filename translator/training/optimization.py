"""How a gradient becomes a better model: learning rate, optimizers, working weights."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from translator.config import TrainingConfig
from translator.model import Transformer
from translator.training.budget import Decision
from translator.training.muon import Muon


def learning_rate(step: int, settings: TrainingConfig, decisions: Sequence[Decision]) -> float:
    """The rate of step 1, 2, …: a linear rise, then the schedule's fall to the last step.

    The rise takes at most half of the steps. Their number is what the last decision before the
    step says; whichever decides anew, rise and fall go on from where they are, at another pace.
    Without a decision there is no fall.
    """
    place = _Place(settings.warmup_steps)
    for decision in decisions:
        if decision.step < step:
            place = place.after(decision.step).decided(decision.max_steps)
    warmed = place.after(step).warmed
    if warmed < settings.warmup_steps:
        return settings.learning_rate * warmed / settings.warmup_steps
    fallen = place.after(step - 1).fallen
    match settings.schedule:
        case "linear":
            factor = 1.0 - fallen
        case "cosine":
            factor = 0.5 * (1.0 + math.cos(math.pi * fallen))
        case "inverse_sqrt":  # Vaswani et al. (2017), equation 3
            factor = (max(1.0, place.top) / step) ** 0.5 if step > place.top else 1.0
        case "constant":
            factor = 1.0
    return settings.learning_rate * factor


@dataclass(frozen=True)
class _Place:
    """How far a run is on its schedule, and where it goes from there."""

    warmup_steps: int
    step: int = 0
    warmed: float = 0.0  # of the warm-up, in steps of it
    fallen: float = 0.0  # share of the fall that the next step has behind it
    top: float = math.inf  # the step with which the rise ends
    max_steps: float = math.inf

    def decided(self, max_steps: int) -> "_Place":
        """The same place, with another number of steps ahead."""
        if self.step >= self.top:
            return replace(self, max_steps=max_steps)
        top = max(self.step, min(self.warmup_steps, max_steps // 2))
        warmed = self.warmed if top > self.step else self.warmup_steps
        return replace(self, warmed=warmed, top=top, max_steps=max_steps)

    def after(self, step: int) -> "_Place":
        """Where it is after another step; no earlier than here."""
        step = max(step, self.step)
        warmed, fallen = self.warmed, self.fallen
        end = min(self.top, self.warmup_steps)
        if step >= end:
            warmed = self.warmup_steps
        else:
            warmed += (step - self.step) * ((self.warmup_steps - warmed) / (end - self.step))
        start = max(self.step, self.top)
        if step > start:
            fallen += (1.0 - fallen) * ((step - start) / max(1, self.max_steps - start))
        return replace(self, step=step, warmed=warmed, fallen=fallen)


def build_optimizers(model: nn.Module, settings: TrainingConfig) -> list[torch.optim.Optimizer]:
    """AdamW for everything, or Muon for the matrices inside the layers and AdamW for the rest.

    A kernel of a convolution is a matrix too, from all that it sees to all that it finds. Weight
    decay is for matrices only: a decayed norm or bias is a smaller model for no reason.
    """
    named = dict(model.named_parameters())
    inner = [n for n, p in named.items() if p.dim() > 2 or (p.dim() == 2 and ".layers." in n)]
    matrices = [n for n, p in named.items() if p.dim() == 2 and n not in inner]
    vectors = [n for n, p in named.items() if p.dim() < 2]
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
