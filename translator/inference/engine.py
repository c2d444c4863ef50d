"""A trained model, ready to decode: `states` encodes, `begin` opens a past, `step` extends it.

Keys and values of the past and of the memory are projected once and kept.

A guarantee comes with it: on a CPU, what is computed for a sentence is the same, bit for bit,
whatever other sentences are in the batch (of a model with more than one head: one head of one
sentence, MKL shares out among threads). Each row of a packed product depends on its own row only,
and keys are padded so that attention depends on neither the padding nor the thread (`aligned`).

Shapes: B sentences, S source length, P length of a prompt, N hypotheses, D d_model, H num_heads,
d_k = D / H size of a head, L decoder layers, V vocabulary.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from translator.inference.layers import (
    CrossAttentionSublayer,
    FeedForwardSublayer,
    OptionalNorm,
    PrepackedLinear,
    RealPositions,
    SelfAttentionSublayer,
    spare_rows,
)
from translator.inference.past import VECTOR, Past, ProjectedMemory, aligned
from translator.model import Memory, Transformer
from translator.tokenizer import BOS_ID, PAD_ID


class Engine:
    """A trained model, ready to decode."""

    def __init__(self, model: Transformer, precision: torch.dtype = torch.float32) -> None:
        """Take over the weights of a model as they are now.

        With bfloat16 all products but attention's are computed in it; the residual stream, norms
        and every softmax stay float32. A CPU that has no such products rounds to bfloat16 and
        multiplies in float32: the same but for the order of sums, and no faster than float32.
        """
        config = model.config
        self.max_positions = config.max_positions
        self._heads, self._d_model = config.num_heads, config.d_model
        self._scale = math.sqrt(config.d_model)
        self._embeddings = [each.weight.detach() for each in model.embeddings]
        self._positions = model.positions.table.detach()
        self._reads_prefix = config.prefix_attention == "bidirectional"
        self.has_encoder = model.encoder is not None
        self._frontend = model.frontend
        self._encoder = [
            (SelfAttentionSublayer(layer, precision), FeedForwardSublayer(layer, config, precision))
            for layer in (model.encoder.layers if model.encoder else ())
        ]
        self._encoder_norm = OptionalNorm.of(model.encoder and model.encoder.norm)
        decoder = list(model.decoder.layers) if model.decoder else []
        sees_memory = model.decoder is not None and model.decoder.cross_attention
        self._decoder = [
            (
                SelfAttentionSublayer(layer, precision),
                CrossAttentionSublayer(layer, precision) if sees_memory else None,
                FeedForwardSublayer(layer, config, precision),
            )
            for layer in decoder
        ]
        self._decoder_norm = OptionalNorm.of(model.decoder and model.decoder.norm)
        cross = [layer.cross_attention for layer in decoder] if sees_memory else []
        projections = [part for each in cross for part in (each.k_proj, each.v_proj)]
        self._memory_keys_values = PrepackedLinear(projections, precision) if projections else None
        self._output = PrepackedLinear([model.output], precision)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._positions.device

    def states(self, source: Tensor | Sequence[Tensor]) -> Memory:
        """Encode source ids [B, S], padded to the right, or the frames [S, F] of each source."""
        if not self.has_encoder:
            raise ValueError("a model without an encoder encodes nothing")
        if isinstance(source, Tensor):
            x, segments, real = self._embedded(source)
        else:
            x, segments, real = self._framed(source)
        for self_attention, feed_forward in self._encoder:
            x = feed_forward(self_attention.of_source(x, real))
        states = real.pad(self._encoder_norm(x))[:, : segments.shape[1]]
        return Memory(states, segments)

    def _embedded(self, source: Tensor) -> tuple[Tensor, Tensor, RealPositions]:
        """What the encoder's layers read of ids [B, S]: rows [R, D]; and the segments [B, S]."""
        segments = (source != PAD_ID).long()
        padding = self._padding(source.shape[1])
        real = RealPositions(F.pad(segments, (0, padding)) == 1)
        ids = real.unpad(F.pad(source, (0, padding), value=PAD_ID))
        x = self._embeddings[0][ids] * self._scale
        places = real.indices % (source.shape[1] + padding)
        return x + self._positions[places], segments, real

    def _framed(self, source: Sequence[Tensor]) -> tuple[Tensor, Tensor, RealPositions]:
        """The same of the frames of each source, which come one by one through the frontend.

        So what is beside a source changes nothing.
        """
        if self._frontend is None:
            raise ValueError("a model of texts reads no frames")
        ones = torch.ones(1, max(map(len, source)), dtype=torch.long, device=self.device)
        found = [self._frontend(each[None], ones[:, : len(each)]) for each in source]
        lengths = [x.shape[1] for x, _ in found]
        width = max(lengths) + self._padding(max(lengths))
        places = torch.arange(max(lengths), device=self.device)
        segments = (places < torch.tensor(lengths, device=self.device)[:, None]).long()
        real = RealPositions(F.pad(segments, (0, width - max(lengths))) == 1)
        rows = [F.pad(x[0], (0, 0, 0, width - len(x[0]))) for x, _ in found]
        return real.unpad(torch.stack(rows)), segments, real

    def read(self, source: Tensor | Sequence[Tensor]) -> Past:
        """A past that has read a source, through the encoder or, without one, as a prompt.

        The source is ids [B, S], or the frames [S, F] of each. A prompt has no padding. From BOS
        on it is read causally, as the model does.
        """
        if self.has_encoder:
            return self.begin(self.states(source))
        if not isinstance(source, Tensor):
            raise ValueError("a model without an encoder reads no frames")
        is_prefix = self._reads_prefix and not bool((source == BOS_ID).any())
        return self.begin(None, source, causal=not is_prefix)

    def begin(
        self, memory: Memory | None, prompt: Tensor | None = None, *, causal: bool = True
    ) -> Past:
        """A past that has seen nothing but a prompt, ids [B, P], computed in one go.

        What follows looks at the first sentence in each row of the memory; a decoder without
        cross-attention has no memory. Prompts have no padding: each length has a past of its own.
        Unless the prompt is read causally, each of its positions sees all of it.
        """
        begun = prompt if memory is None else memory.states
        if begun is None:
            raise ValueError("without a memory a past begins with a prompt")
        room = self._positions.new_empty(VECTOR, len(self._decoder), len(begun), 2 * self._d_model)
        length = 0 if prompt is None else prompt.shape[1]
        past = Past(room, self._heads, self._projected(memory), new=max(1, length), causal=causal)
        if prompt is not None and length:
            self._extend([prompt.flatten()], [past])
        return past

    def step(self, tokens: Sequence[Tensor], pasts: Sequence[Past]) -> Tensor:
        """Extend the hypotheses of several pasts, which may differ in length, by a token each.

        tokens[i] [Nᵢ] belong to pasts[i]. Returns log-probabilities [N, V] of what may follow,
        N = Σ Nᵢ.
        """
        x = self._extend(tokens, pasts)
        logits = self._output(self._decoder_norm(x))[: sum(map(len, tokens))]
        return torch.log_softmax(logits, dim=1, out=logits)  # in place: it is large

    def _extend(self, tokens: Sequence[Tensor], pasts: Sequence[Past]) -> Tensor:
        """Append the newest tokens [Nᵢ · Pᵢ] of each past to it: states [Σ Nᵢ · Pᵢ + spare, D]."""
        if max(past.length + past.new for past in pasts) > self.max_positions:
            raise ValueError(
                f"a sequence is longer than the model's {self.max_positions} positions"
            )
        spare = tokens[0].new_zeros(spare_rows(sum(map(len, tokens))))
        positions = [
            torch.arange(past.length, past.length + past.new, device=self.device).repeat(
                past.hypotheses
            )
            for past in pasts
        ]
        x = self._embeddings[-1][torch.cat((*tokens, spare))] * self._scale
        x = x + self._positions[torch.cat((*positions, spare))]
        for layer, (self_attention, cross_attention, feed_forward) in enumerate(self._decoder):
            x = self_attention.of_newest(x, pasts, layer)
            if cross_attention is not None:
                x = cross_attention(x, pasts, layer)
            x = feed_forward(x)
        for past in pasts:
            past.advance()
        return x

    def _projected(self, memory: Memory | None) -> ProjectedMemory | None:
        """The keys and values that the decoder's layers look at."""
        if memory is None and self._memory_keys_values is None:
            return None
        if memory is None or self._memory_keys_values is None:
            raise ValueError("a decoder has cross-attention if, and only if, there is a memory")
        padding = self._padding(memory.segments.shape[1])
        real = RealPositions(F.pad(memory.segments, (0, padding)) == 1)
        rows = self._memory_keys_values(real.unpad(F.pad(memory.states, (0, 0, 0, padding))))
        parts = real.pad(rows).unflatten(2, (2 * len(self._decoder), self._heads, -1))
        return ProjectedMemory(parts.permute(2, 0, 3, 1, 4).contiguous(), real.attend)

    def _padding(self, length: int) -> int:
        """How many positions to add, so that attention to a source depends on no other."""
        whole = -(-length // VECTOR) * VECTOR
        return aligned(whole, self._d_model // self._heads) - length
