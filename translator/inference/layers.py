"""The sublayers of a transformer with their weights laid out for fast products.

Projections of the same states are one product; on a CPU, weights lie in the order in which
oneDNN's product reads them. No product computes padding: states are rows, one for each real
position of the source or for each newest position of a hypothesis, and a few to spare.

Shapes: B sentences, S source length, R real positions of the source and the spare ones,
N hypotheses, P newest positions of each, D d_model, H num_heads, d_k = D / H size of a head.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translator.config import ModelConfig
from translator.hardware import cpu_multiplies
from translator.inference.past import Past
from translator.model import DecoderLayer, EncoderLayer, Residual

try:  # the operators that torch's own compiler packs weights with; not every build has them
    _pack = torch.ops.mkldnn._reorder_linear_weight.default
    _product = torch.ops.mkldnn._linear_pointwise.default
    _PACKS = torch.backends.mkldnn.is_available()
except AttributeError:
    _PACKS = False
_FEW_ROWS, _MANY_ROWS = 4, 16  # what the number of rows of a product is a multiple of


def spare_rows(rows: int) -> int:
    """How many rows to add, so that products have few shapes: oneDNN keeps a kernel for each.

    With every number of rows that occurs, its cache would take gigabytes and overflow.
    """
    return -rows % (_FEW_ROWS if rows < _MANY_ROWS else _MANY_ROWS)


class PrepackedLinear:
    """One product for linear layers that read the same states, computed in `precision`."""

    def __init__(
        self,
        layers: Sequence[nn.Linear],
        precision: torch.dtype,
        activation: str = "none",
        result: torch.dtype = torch.float32,
    ) -> None:
        weight = torch.cat([layer.weight.detach() for layer in layers])
        biases = [layer.bias.detach() for layer in layers if layer.bias is not None]
        on_cpu = weight.device.type == "cpu"
        self._precision, self._result = precision, result
        # A processor without products of bfloat16 multiplies the rounded numbers in float32, which
        # is what the others do too: they only add up in float32.
        self._multiplied = torch.float32 if on_cpu and not cpu_multiplies(precision) else precision
        self._bias = self._rounded(torch.cat(biases)) if biases else None
        self._activation = activation
        self._packed = on_cpu and _PACKS
        weight = self._rounded(weight)
        self._weight = _pack(weight, None) if self._packed else weight

    def __call__(self, x: Tensor) -> Tensor:
        """[rows, in] → [rows, out], those of the first layer first."""
        x = self._rounded(x)
        if self._packed:
            name = "swish" if self._activation == "silu" else self._activation
            y: Tensor = _product(x, self._weight, self._bias, name, [], "none")
        else:
            y = F.linear(x, self._weight, self._bias)
            if self._activation != "none":
                y = getattr(F, self._activation)(y)
        return y.to(self._precision).to(self._result)

    def _rounded(self, x: Tensor) -> Tensor:
        return x.to(self._precision).to(self._multiplied)


class OptionalNorm(NamedTuple):
    """A LayerNorm, or nothing."""

    norm: nn.LayerNorm | None

    @classmethod
    def of(cls, module: nn.Module | None) -> "OptionalNorm":
        """The norm that a module is; None and nn.Identity are none."""
        return cls(module if isinstance(module, nn.LayerNorm) else None)

    def __call__(self, x: Tensor) -> Tensor:
        """[rows, D] → [rows, D]."""
        norm = self.norm
        if norm is None:
            return x
        return torch.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


class RealPositions:
    """The positions of a batch [B, S] that are no padding, which alone are computed."""

    def __init__(self, is_real: Tensor) -> None:
        self._shape = is_real.shape
        real = is_real.flatten().nonzero()[:, 0]
        real = torch.cat((real, real[:1].expand(spare_rows(len(real)))))  # the first several times
        self.indices = real  # [R] in the B · S positions
        attend = torch.zeros(is_real.shape, device=is_real.device)
        attend = attend.masked_fill(~is_real, -torch.inf)
        self.attend = attend[:, None, None]  # [B, 1, 1, S] 0, or -inf at padding

    def unpad(self, states: Tensor) -> Tensor:
        """[B, S, …] → [R, …]."""
        return states.flatten(0, 1)[self.indices]

    def pad(self, rows: Tensor) -> Tensor:
        """[R, …] → [B, S, …], zeros at padding."""
        padded = rows.new_zeros(self._shape.numel(), *rows.shape[1:])
        padded[self.indices] = rows
        return padded.view(*self._shape, *rows.shape[1:])


class Sublayer:
    """A sublayer and its residual connection, with the norm before it or after the sum."""

    def __init__(self, residual: Residual) -> None:
        norm, nothing = OptionalNorm.of(residual.norm), OptionalNorm(None)
        self.before, self.after = (norm, nothing) if residual.pre_norm else (nothing, norm)


class FeedForwardSublayer(Sublayer):
    """The position-wise feed-forward network."""

    def __init__(
        self, layer: EncoderLayer | DecoderLayer, config: ModelConfig, dtype: torch.dtype
    ) -> None:
        super().__init__(layer.feed_forward_residual)
        self._inner = PrepackedLinear([layer.feed_forward.in_proj], dtype, config.activation, dtype)
        self._outer = PrepackedLinear([layer.feed_forward.out_proj], dtype)

    def __call__(self, x: Tensor) -> Tensor:
        """[rows, D] → [rows, D]."""
        return self.after(x + self._outer(self._inner(self.before(x))))


class SelfAttentionSublayer(Sublayer):
    """Attention among the positions of a source, or of a hypothesis to its past."""

    def __init__(self, layer: EncoderLayer | DecoderLayer, dtype: torch.dtype) -> None:
        super().__init__(layer.self_attention_residual)
        attention = layer.self_attention
        self._heads = attention.num_heads
        self._qkv = PrepackedLinear([attention.q_proj, attention.k_proj, attention.v_proj], dtype)
        self._out = PrepackedLinear([attention.out_proj], dtype)

    def of_source(self, x: Tensor, real: RealPositions) -> Tensor:
        """All real positions of the source: [R, D] → [R, D]."""
        projected = real.pad(self._qkv(self.before(x)))  # [B, S, 3D]
        queries, keys, values = projected.unflatten(2, (3, self._heads, -1)).permute(2, 0, 3, 1, 4)
        heads = F.scaled_dot_product_attention(queries, keys, values, attn_mask=real.attend)
        return self.after(x + self._out(real.unpad(heads.transpose(1, 2).flatten(2))))

    def of_newest(self, x: Tensor, pasts: Sequence[Past], layer: int) -> Tensor:
        """The newest positions, which see all before them: [Σ N · P + spare, D] → the same."""
        projected = self._qkv(self.before(x))
        heads = []
        for past, rows in zip(pasts, _rows_of(pasts, projected), strict=True):
            keys_values = past.append(layer, rows[:, x.shape[1] :])
            queries = rows[:, : x.shape[1]].view(past.hypotheses, past.new, self._heads, -1)
            attended = F.scaled_dot_product_attention(
                queries.transpose(1, 2), *keys_values, attn_mask=past.attend
            )  # [N, H, P, d_k]
            heads.append(attended.transpose(1, 2).reshape(len(rows), -1))
        return self.after(x + self._out(_with_spare(heads, len(x))))


class CrossAttentionSublayer(Sublayer):
    """Attention to the memory."""

    def __init__(self, layer: DecoderLayer, dtype: torch.dtype) -> None:
        super().__init__(layer.cross_attention_residual)
        self._heads = layer.cross_attention.num_heads
        self._queries = PrepackedLinear([layer.cross_attention.q_proj], dtype)
        self._out = PrepackedLinear([layer.cross_attention.out_proj], dtype)

    def __call__(self, x: Tensor, pasts: Sequence[Past], layer: int) -> Tensor:
        """[Σ N · P + spare, D] → the same.

        All hypotheses of a sentence ask one memory, which is not copied.
        """
        projected = self._queries(self.before(x))
        heads = []
        for past, rows in zip(pasts, _rows_of(pasts, projected), strict=True):
            assert past.memory is not None, "layers with cross-attention need a memory"
            keys, values = past.memory.of_layer(layer)
            queries = past.by_sentence(rows).unflatten(2, (self._heads, -1)).transpose(1, 2)
            attended = F.scaled_dot_product_attention(
                queries, keys, values, attn_mask=past.memory.attend
            )  # [B, H, slots · P, d_k]
            heads.append(past.of_hypotheses(attended.transpose(1, 2).flatten(2)))
        return self.after(x + self._out(_with_spare(heads, len(x))))


def _rows_of(pasts: Sequence[Past], states: Tensor) -> list[Tensor]:
    """The rows of each past; the spare ones at the end are nobody's."""
    sizes = [past.hypotheses * past.new for past in pasts]
    return list(states[: sum(sizes)].split(sizes))


def _with_spare(parts: list[Tensor], rows: int) -> Tensor:
    """Parts joined and filled with zeros to `rows`."""
    spare = parts[0].new_zeros(rows - sum(map(len, parts)), parts[0].shape[1])
    return torch.cat((*parts, spare))
