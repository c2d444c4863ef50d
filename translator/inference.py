"""How does a trained model compute fast? The same mathematics as `model`, one position at a time.

The encoder computes no padding; keys and values of the past and of the memory are projected once
and kept; projections of the same states are one product. On a CPU, weights are laid out once in
the order in which oneDNN's product reads them.

A guarantee comes with it: on a CPU, what is computed for a sentence is the same, bit for bit,
whatever other sentences are in the batch (of a model with more than one head: one head of one
sentence, MKL shares out among threads). Each row of a packed product depends on its own row only,
and keys are padded so that attention depends on neither the padding nor the thread (`_aligned`).

Shapes: B sentences, S source length, N hypotheses, D d_model, H num_heads, K = D / H size of a
head, L decoder layers, V vocabulary.
"""

import math
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translator.config import ModelConfig
from translator.decoding import Ask, Hypothesis, Search
from translator.hardware import cpu_multiplies
from translator.model import DecoderLayer, EncoderLayer, Residual, Seq2SeqTransformer
from translator.tokenizer import PAD_ID

try:  # the operators that torch's own compiler packs weights with; not every build has them
    _pack = torch.ops.mkldnn._reorder_linear_weight.default
    _product = torch.ops.mkldnn._linear_pointwise.default
    _PACKS = torch.backends.mkldnn.is_available()
except AttributeError:
    _PACKS = False
_FEW_ROWS, _MANY_ROWS = 4, 16  # what the number of rows of a product is a multiple of
_VECTOR = 16  # so many float32 are in the widest vector of a CPU
_ALIGNMENT = 4  # so many float32 are 16 bytes


class Past:
    """What the engine keeps between steps for N hypotheses of B sentences.

    The first dimension of the past is time, so that what is kept for a new order of the hypotheses
    is copied in whole rows, and a step writes one position. The room doubles when it is full.
    """

    def __init__(self, memory: Tensor, attend_memory: Tensor) -> None:
        parts, sentences, heads, _, size = memory.shape
        layers, width = parts // 2, 2 * heads * size
        self.memory = memory  # [2L, B, H, S, K] keys, values of the first layer, of the second, …
        self.attend_memory = attend_memory  # [B, 1, 1, S] 0, or -inf at padding
        self.heads = heads
        self.length = 0
        self.hypotheses = sentences
        self._all = torch.arange(sentences, device=memory.device)
        self._states = memory.new_empty(_VECTOR, layers, sentences, width)  # [room, L, N, 2D]
        self._padded = 0  # positions that the next step looks at; those to come are zeros
        self.attend_past = memory.new_empty(0)  # [1, 1, 1, padded] 0, or -inf at those to come
        self._make_room()

    def append(self, layer: int, keys_values: Tensor) -> tuple[Tensor, Tensor]:
        """Add the newest position [N, 2D] of a layer: all its keys and values [N, H, padded, K]."""
        self._states[self.length, layer] = keys_values
        past = self._states[: self._padded, layer]  # [padded, N, 2D]
        keys, values = past.unflatten(2, (2, self.heads, -1)).permute(2, 1, 3, 0, 4)
        return keys, values

    def memory_of(self, layer: int) -> tuple[Tensor, Tensor]:
        """Keys and values [B, H, S, K] of the memory in a layer."""
        return self.memory[2 * layer], self.memory[2 * layer + 1]

    def advance(self) -> None:
        """All layers have been given the newest position: make room for the next."""
        self.length += 1
        self._make_room()

    def reorder(self, rows: Tensor) -> None:
        """Go on with these rows [N'] of the N hypotheses, sentence by sentence."""
        sentences = self.memory.shape[1]
        if len(rows) == self.hypotheses and torch.equal(rows, self._all):
            return
        kept = torch.unique_consecutive(rows // (self.hypotheses // sentences))
        if len(kept) < sentences:
            self.memory = self.memory.index_select(1, kept)
            self.attend_memory = self.attend_memory.index_select(0, kept)
        states = self._states.new_empty(*self._states.shape[:2], len(rows), self._states.shape[3])
        known = self._states[: self.length]
        torch.index_select(known, 2, rows, out=states[: self.length])
        states[self.length : self._padded] = 0.0
        self._states = states
        self.hypotheses = len(rows)
        self._all = torch.arange(len(rows), device=rows.device)

    def _make_room(self) -> None:
        """For the newest position and the padding after it."""
        known, self._padded = self._padded, _aligned(self.length + 1, self.memory.shape[4])
        if self._padded > len(self._states):
            self._states = torch.cat((self._states, torch.empty_like(self._states)))
        self._states[known : self._padded] = 0.0
        self.attend_past = self.memory.new_zeros(1, 1, 1, self._padded)
        self.attend_past[..., self.length + 1 :] = -torch.inf


class Engine:
    """A trained model, ready to decode."""

    def __init__(self, model: Seq2SeqTransformer, precision: torch.dtype = torch.float32) -> None:
        """Take over the weights of a model as they are now.

        With bfloat16 the products inside the layers are computed in it; the residual stream,
        norms, attention's softmax and the scores of the vocabulary stay float32. A CPU that has no
        such products rounds to bfloat16 and multiplies in float32: the same but for the order of
        sums, and no faster than float32.
        """
        config = model.config
        self.heads = config.num_heads
        self.max_positions = config.max_positions
        self._scale = math.sqrt(config.d_model)
        self._source_embedding = model.source_embedding.weight.detach()
        self._target_embedding = model.target_embedding.weight.detach()
        self._positions = model.positions.table.detach()
        self._encoder = [
            (_SelfAttention(layer, precision), _FeedForward(layer, config, precision))
            for layer in model.encoder.layers
        ]
        self._decoder = [
            (
                _SelfAttention(layer, precision),
                _CrossAttention(layer, precision),
                _FeedForward(layer, config, precision),
            )
            for layer in model.decoder.layers
        ]
        self._memory_norm, self._norm = _Norm.of(model.encoder.norm), _Norm.of(model.decoder.norm)
        cross = [layer.cross_attention for layer in model.decoder.layers]
        projections = [part for each in cross for part in (each.k_proj, each.v_proj)]
        self._memory_keys_values = _Linear(projections, precision)
        self._output = _Linear([model.output], torch.float32)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._source_embedding.device

    def encode(self, source: Tensor) -> Past:
        """Encode source ids [B, S], padded to the right; nothing has been decoded yet."""
        whole = -(-source.shape[1] // _VECTOR) * _VECTOR
        length = _aligned(whole, self._source_embedding.shape[1] // self.heads)
        source = F.pad(source, (0, length - source.shape[1]), value=PAD_ID)
        sentences = len(source)
        is_real = source != PAD_ID
        real = is_real.flatten().nonzero()[:, 0]  # [R] the positions that are no padding …
        real = torch.cat((real, real[:1].expand(_spare(len(real)))))  # … the first several times
        attend = torch.zeros(source.shape, device=source.device)
        attend = attend.masked_fill(~is_real, -torch.inf)[:, None, None]  # [B, 1, 1, S]
        x = self._source_embedding[source.flatten()[real]] * self._scale
        x = x + self._positions[real % length]  # [R, D]
        for self_attention, feed_forward in self._encoder:
            x = feed_forward(self_attention.of_source(x, real, attend))
        projected = self._memory_keys_values(self._memory_norm(x))  # [R, L · 2D]
        memory = projected.new_zeros(sentences * length, projected.shape[1])
        memory[real] = projected
        shape = (sentences, length, 2 * len(self._decoder), self.heads, -1)
        return Past(memory.view(shape).permute(2, 0, 3, 1, 4).contiguous(), attend)

    def step(self, tokens: Sequence[Tensor], pasts: Sequence["Past"]) -> Tensor:
        """Extend the hypotheses of several pasts, which may differ in length, by a token each.

        tokens[i] [Nᵢ] belong to pasts[i]. Returns log-probabilities [N, V] of what may follow,
        N = Σ Nᵢ.
        """
        longest = max(past.length for past in pasts)
        if longest >= self.max_positions:
            raise ValueError(
                f"a sequence is longer than the model's {self.max_positions} positions"
            )
        rows = sum(past.hypotheses for past in pasts)
        spare = tokens[0].new_zeros(_spare(rows))
        lengths = torch.tensor([*(past.length for past in pasts), 0])
        sizes = torch.tensor([*(past.hypotheses for past in pasts), len(spare)])
        positions = lengths.repeat_interleave(sizes).to(self.device)
        x = self._target_embedding[torch.cat((*tokens, spare))] * self._scale
        x = x + self._positions[positions]  # [N + spare, D]
        for layer, (self_attention, cross_attention, feed_forward) in enumerate(self._decoder):
            x = self_attention.of_newest(x, pasts, layer)
            x = feed_forward(cross_attention(x, pasts, layer))
        for past in pasts:
            past.advance()
        logits = self._output(self._norm(x))[:rows]
        return torch.log_softmax(logits, dim=1, out=logits)  # in place: it is large


def _aligned(keys: int, head_size: int) -> int:
    """To how many keys so many are padded, for attention to have the same bits in every thread.

    Torch's attention gives each thread a scratch of keys + K + 2 numbers for every query, and how
    MKL adds up hangs on whether that begins at a multiple of 16 bytes: so each of them must. The
    softmax adds whole vectors of keys otherwise than those left over: what is padded in one batch
    and not in another must fill whole vectors before.
    """
    return keys + -(keys + head_size + 2) % _ALIGNMENT


def _spare(rows: int) -> int:
    """How many rows to add, so that products have few shapes: oneDNN keeps a kernel for each.

    With every number of rows that occurs, its cache would take gigabytes and overflow.
    """
    return -rows % (_FEW_ROWS if rows < _MANY_ROWS else _MANY_ROWS)


class ModelStepper:
    """A model as the `Stepper` that a single search drives."""

    @torch.inference_mode()
    def __init__(self, model: Seq2SeqTransformer | Engine, source: Tensor) -> None:
        """Encode source ids [B, S] once."""
        self._engine = model if isinstance(model, Engine) else Engine(model)
        self._past = self._engine.encode(source)

    @torch.inference_mode()
    def step(self, tokens: Tensor) -> Tensor:
        """Ids [N] → log-probabilities [N, V]."""
        return self._engine.step([tokens], [self._past])

    @torch.inference_mode()
    def reorder(self, rows: Tensor) -> None:
        """Keep these rows of the past, and the memory of the sentences that they belong to."""
        self._past.reorder(rows)


class Job(NamedTuple):
    """A batch of source sentences, ids [B, S], and the search for their translations."""

    source: Tensor
    search: Search
    sentences: Sequence[int] = ()  # which they are, for whoever asked
    slots: int = 1  # hypotheses of each, once the first step has been made


@torch.inference_mode()
def run_searches(
    engine: Engine, waiting: deque[Job], rows_at_once: int
) -> Iterator[tuple[Job, list[list[Hypothesis]]]]:
    """Run the searches of many batches; yields each job that has ended and what its search found.

    A batch ends with a few long sentences, and steps of few rows take nearly as long as steps of
    many. So the next batch begins as soon as fewer than `rows_at_once` hypotheses are under way,
    and one step of the model serves them all. Whoever gets what was found may add to `waiting`.
    """
    active: list[_Active] = []
    while waiting or active:
        under_way = sum(len(each.ask.tokens) for each in active)
        while waiting and under_way < rows_at_once:
            job = waiting.popleft()
            active.append(_Active(job, engine.encode(job.source), next(job.search)))
            under_way += len(job.source) * job.slots
        log_probs = engine.step([each.ask.tokens for each in active], [e.past for e in active])
        going = []
        for each, following in zip(
            active, log_probs.split([len(each.ask.tokens) for each in active]), strict=True
        ):
            try:
                ask = each.job.search.send(following)
            except StopIteration as end:
                yield each.job, end.value
            else:
                each.past.reorder(ask.rows)
                going.append(each._replace(ask=ask))
        active = going


@torch.inference_mode()
def watched_search(
    engine: Engine, job: Job
) -> Generator[tuple[int, ...], None, list[list[Hypothesis]]]:
    """Run the search of a job of one sentence, and yield its best prefix after each step.

    What the search returns is what `run_searches` finds. The best prefix may be another one in the
    next step, and what is found at last may be none of them.
    """
    past, ask = engine.encode(job.source), next(job.search)
    prefixes: list[tuple[int, ...]] = [()]
    while True:
        try:
            ask = job.search.send(engine.step([ask.tokens], [past]))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        past.reorder(ask.rows)
        extended = zip(ask.rows.tolist(), ask.tokens.tolist(), strict=True)
        prefixes = [(*prefixes[row], token) for row, token in extended]
        yield prefixes[0]


class _Active(NamedTuple):
    """A search under way."""

    job: Job
    past: Past
    ask: Ask


class _Linear:
    """One product for linear layers that read the same states, computed in `precision`."""

    def __init__(
        self,
        layers: list[nn.Linear],
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

    def _rounded(self, x: Tensor) -> Tensor:
        return x.to(self._precision).to(self._multiplied)

    def __call__(self, x: Tensor) -> Tensor:
        x = self._rounded(x)
        if self._packed:
            name = "swish" if self._activation == "silu" else self._activation
            y: Tensor = _product(x, self._weight, self._bias, name, [], "none")
        else:
            y = F.linear(x, self._weight, self._bias)
            if self._activation != "none":
                y = getattr(F, self._activation)(y)
        return y.to(self._precision).to(self._result)


class _Norm(NamedTuple):
    """A LayerNorm, or nothing."""

    norm: nn.LayerNorm | None

    @classmethod
    def of(cls, module: nn.Module) -> "_Norm":
        return cls(module if isinstance(module, nn.LayerNorm) else None)

    def __call__(self, x: Tensor) -> Tensor:
        norm = self.norm
        if norm is None:
            return x
        return torch.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


class _Residual:
    """Where the norm of a residual connection stands: before the sublayer, or after the sum."""

    def __init__(self, residual: Residual) -> None:
        norm, nothing = _Norm.of(residual.norm), _Norm(None)
        self.before, self.after = (norm, nothing) if residual.pre_norm else (nothing, norm)


class _FeedForward(_Residual):
    def __init__(self, layer: EncoderLayer | DecoderLayer, config: ModelConfig, dtype: torch.dtype):
        super().__init__(layer.feed_forward_residual)
        self.inner = _Linear([layer.feed_forward.in_proj], dtype, config.activation, dtype)
        self.outer = _Linear([layer.feed_forward.out_proj], dtype)

    def __call__(self, x: Tensor) -> Tensor:
        return self.after(x + self.outer(self.inner(self.before(x))))


class _SelfAttention(_Residual):
    def __init__(self, layer: EncoderLayer | DecoderLayer, dtype: torch.dtype) -> None:
        super().__init__(layer.self_attention_residual)
        attention = layer.self_attention
        self.heads = attention.num_heads
        self.qkv = _Linear([attention.q_proj, attention.k_proj, attention.v_proj], dtype)
        self.out = _Linear([attention.out_proj], dtype)

    def of_source(self, x: Tensor, real: Tensor, attend: Tensor) -> Tensor:
        """All positions of the source that are no padding: [R, D] → [R, D]."""
        sentences, length = attend.shape[0], attend.shape[3]
        projected = self.qkv(self.before(x))
        padded = projected.new_zeros(sentences * length, projected.shape[1])
        padded[real] = projected
        queries, keys, values = padded.view(sentences, length, 3, self.heads, -1).permute(
            2, 0, 3, 1, 4
        )  # [B, H, S, K] each
        heads = F.scaled_dot_product_attention(queries, keys, values, attn_mask=attend)
        return self.after(x + self.out(heads.transpose(1, 2).reshape(len(padded), -1)[real]))

    def of_newest(self, x: Tensor, pasts: Sequence["Past"], layer: int) -> Tensor:
        """The newest position, which sees all before it: [N + spare, D] → [N + spare, D]."""
        projected = self.qkv(self.before(x))
        heads = []
        for past, rows in zip(pasts, _rows_of(pasts, projected), strict=True):
            keys, values = past.append(layer, rows[:, x.shape[1] :])
            queries = rows[:, : x.shape[1]].unflatten(1, (self.heads, 1, -1))
            attended = F.scaled_dot_product_attention(
                queries, keys, values, attn_mask=past.attend_past
            )  # [Nᵢ, H, 1, K]
            heads.append(attended.flatten(1))
        return self.after(x + self.out(_with_spare(heads, len(x))))


class _CrossAttention(_Residual):
    def __init__(self, layer: DecoderLayer, dtype: torch.dtype) -> None:
        super().__init__(layer.cross_attention_residual)
        self.heads = layer.cross_attention.num_heads
        self.queries = _Linear([layer.cross_attention.q_proj], dtype)
        self.out = _Linear([layer.cross_attention.out_proj], dtype)

    def __call__(self, x: Tensor, pasts: Sequence["Past"], layer: int) -> Tensor:
        """The hypotheses of a sentence ask as N / B queries of one memory, which is not copied."""
        projected = self.queries(self.before(x))
        heads = []
        for past, rows in zip(pasts, _rows_of(pasts, projected), strict=True):
            keys, values = past.memory_of(layer)
            queries = rows.view(len(keys), -1, self.heads, keys.shape[3]).transpose(1, 2)
            attended = F.scaled_dot_product_attention(
                queries, keys, values, attn_mask=past.attend_memory
            )  # [B, H, Nᵢ / B, K]
            heads.append(attended.transpose(1, 2).reshape(rows.shape))
        return self.after(x + self.out(_with_spare(heads, len(x))))


def _rows_of(pasts: Sequence["Past"], states: Tensor) -> list[Tensor]:
    """The rows of each past; the spare ones at the end are nobody's."""
    sizes = [past.hypotheses for past in pasts]
    return list(states[: sum(sizes)].split(sizes))


def _with_spare(parts: list[Tensor], rows: int) -> Tensor:
    """Parts joined and filled with zeros to so many rows."""
    spare = parts[0].new_zeros(rows - sum(map(len, parts)), parts[0].shape[1])
    return torch.cat((*parts, spare))
