"""Three functions that dominate a training step outside the matrix products, made fast.

All compute what torch's own do; they exist because on a CPU `F.dropout` spends its time drawing
one random number after another, `F.cross_entropy` passes many times over B × T × V numbers, and
the backward pass of `F.scaled_dot_product_attention` takes longer than the products in it.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

IGNORE_INDEX = -100  # a label that asks for nothing, as in torch's cross_entropy
_INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}  # by their bytes
_TINY = 1e-38  # a label that is less probable counts as that: 87 nats


class Dropout(nn.Module):
    """Zero a share `p` of the elements and scale the rest by 1 / (1 - p), in training only."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Any shape in, the same shape out."""
        if not self.training or self.p == 0.0:
            return x
        if x.device.type == "cpu":
            return x * cpu_dropout_mask(x, self.p)
        return F.dropout(x, self.p)


def cpu_dropout_mask(x: Tensor, p: float) -> Tensor:
    """Factors shaped as x: 0 with probability p, else what keeps the mean; p in steps of 1/256.

    One byte decides an element. The bytes come from NumPy's SFC64, ten times as fast as torch's
    Bernoulli on a CPU, seeded from torch's random state so that one state reproduces a run.
    """
    threshold = min(255, max(1, round((1.0 - p) * 256)))
    seed = int(torch.randint(2**62, ()).item())
    words = np.random.SFC64(seed).random_raw((x.numel() + 7) // 8)
    random_bytes = torch.from_numpy(words.view(np.uint8)[: x.numel()]).view(x.shape)
    # A comparison would cost more than these three passes over integers as wide as x.
    integers = _INTEGERS[x.element_size()]
    mask = random_bytes.to(integers).sub_(threshold)  # negative where an element is kept
    mask.bitwise_right_shift_(8 * x.element_size() - 1)  # now all of its bits are its sign
    factor = torch.tensor(256.0 / threshold, dtype=x.dtype).view(integers)
    return mask.bitwise_and_(factor).view(x.dtype)


def scaled_dot_product_attention(
    queries: Tensor, keys: Tensor, values: Tensor, attend: Tensor | None
) -> Tensor:
    """softmax(q kᵀ / √d_k) v of Vaswani et al. (2017), eq. 1, where `attend` allows it.

    queries [B, H, Q, d_k], keys and values [B, H, M, d_k], `attend` broadcastable to [B, H, Q, M]
    with at least one True in each row; None: all. Returns [B, H, Q, d_k].
    """
    if queries.device.type != "cpu" or not torch.is_grad_enabled():
        return F.scaled_dot_product_attention(queries, keys, values, attn_mask=attend)
    scores = queries * queries.shape[-1] ** -0.5 @ keys.transpose(-1, -2)  # [B, H, Q, M]
    if attend is not None:
        forbidden = torch.zeros(attend.shape, dtype=scores.dtype).masked_fill_(~attend, -torch.inf)
        scores += forbidden
    return torch.softmax(scores, dim=-1) @ values


def cross_entropy_sum(
    states: Tensor,
    weight: Tensor,
    labels: Tensor,
    label_smoothing: float = 0.0,
    bias: Tensor | None = None,
) -> Tensor:
    """Sum over N positions of the cross-entropy of softmax(states @ weightᵀ + bias) with labels.

    states [N, D], weight [V, D], labels [N], IGNORE_INDEX where nothing is asked, bias [V]; the sum
    is float32. With smoothing ε the target distribution is 1 - ε + ε/V for the label and ε/V
    elsewhere (Szegedy et al., 2016), as in torch's cross_entropy. The N × V logits exist only in
    slices.
    """
    if not torch.is_grad_enabled():  # of which needs_input_grad does not know
        states, weight = states.detach(), weight.detach()
        bias = None if bias is None else bias.detach()
    total: Tensor = _CrossEntropySum.apply(  # type: ignore[no-untyped-call]
        states, weight, bias, labels, label_smoothing
    )
    return total


class _CrossEntropySum(torch.autograd.Function):
    """The gradients are computed with the loss, while a slice of the logits is at hand.

    d loss / d logits = softmax(logits) - target distribution. A slice is passed over once to make
    its softmax; all else is products, or concerns the labels alone.
    """

    SLICE_ELEMENTS = 8_000_000  # logits in flight: 32 MB in float32
    SLICES_IN_ONE = 8  # on a GPU, which computes one in less time than it takes to ask for it

    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        labels: Tensor,
        label_smoothing: float,
    ) -> Tensor:
        size = weight.shape[0]
        most = _CrossEntropySum.SLICE_ELEMENTS
        most *= 1 if states.device.type == "cpu" else _CrossEntropySum.SLICES_IN_ONE
        slices = max(1, -(-labels.numel() * size // most))
        rows = max(1, -(-labels.numel() // slices))
        needs_gradient = any(ctx.needs_input_grad[:3])
        total = states.new_zeros((), dtype=torch.float32)
        states_gradient = torch.empty_like(states) if needs_gradient else None
        weight_gradient = (
            weight.new_zeros(weight.shape, dtype=torch.float32) if needs_gradient else None
        )
        bias_gradient = None if bias is None else torch.zeros_like(bias, dtype=torch.float32)
        # What smoothing asks of all pieces alike goes through their mean, not through all logits.
        mean_weight = weight.mean(dim=0, dtype=torch.float32)
        mean_bias = 0.0 if bias is None else bias.mean(dtype=torch.float32)
        states_sum = torch.zeros_like(mean_weight)
        share = label_smoothing / size
        for x, label, gradient in zip(
            states.split(rows),
            labels[:, None].split(rows),
            (states if states_gradient is None else states_gradient).split(rows),
            strict=True,
        ):
            asked = label != IGNORE_INDEX  # [rows, 1]
            label = label.masked_fill(~asked, 0)
            logits = x @ weight.t() if bias is None else torch.addmm(bias, x, weight.t())
            probs = torch.softmax(logits, dim=-1)  # in one pass, and as precise as the logits are
            label_prob = probs.gather(1, label).float()
            label_log_prob = label_prob.clamp(min=_TINY).log()
            loss = (label_smoothing - 1.0) * label_log_prob
            if label_smoothing:
                log_sum = logits.gather(1, label) - label_log_prob  # of the exponentials
                mean_logit = (x.float() @ mean_weight)[:, None] + mean_bias
                loss -= label_smoothing * (mean_logit - log_sum)
            total += loss.masked_fill(~asked, 0.0).sum()
            if states_gradient is None or weight_gradient is None:
                continue
            x = x.masked_fill(~asked, 0.0)
            every = torch.arange(len(label), device=label.device)
            probs[every, label[:, 0]] = (label_prob[:, 0] - 1.0 + label_smoothing).to(probs.dtype)
            smoothing = (-label_smoothing * mean_weight).to(weight.dtype)
            torch.addmm(smoothing, probs, weight, out=gradient).masked_fill_(~asked, 0.0)
            weight_gradient += probs.t() @ x
            states_sum += x.sum(dim=0, dtype=torch.float32)
            if bias_gradient is not None:
                bias_gradient += (asked.t().to(probs.dtype) @ probs)[0] - share * asked.sum()
        if states_gradient is not None and weight_gradient is not None:
            weight_gradient -= share * states_sum
            if bias_gradient is not None:
                bias_gradient = bias_gradient.to(weight.dtype)
            ctx.save_for_backward(states_gradient, weight_gradient.to(weight.dtype), bias_gradient)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        scaled = [
            None if gradient is None else gradient * scale.to(gradient.dtype)
            for gradient in ctx.saved_tensors
        ]
        return *scaled, None, None
