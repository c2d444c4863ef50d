"""The transformer of "Attention Is All You Need" (Vaswani et al., 2017): attention, the layers,
and the encoder–decoder they build. Section and equation numbers below are that paper's.

Shapes are written beside the lines that change them:
B batch, S source length, T target length, D d_model, H num_heads, d_k = D / H size of a head,
V vocabulary. In attention, Q is the number of queries and M the number of keys (and values).

`attend` masks are True where attention is allowed, as in torch's scaled_dot_product_attention.
`segments` number the sentences of a row 1, 2, 3 …, with 0 at padding: a row may hold several, one
after the other, which see nothing of each other. One sentence a row is all ones, then zeros.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from translator.config import ModelConfig
from translator.data import Batch, drawn_vocabulary
from translator.frontends import (
    ImageFrontend,
    SpeechFrontend,
    build_frontend,
    positions_in,
    sinusoids,
)
from translator.functional import Dropout, scaled_dot_product_attention
from translator.tokenizer import BOS_ID, PAD_ID


class KeysValues(NamedTuple):
    """What queries of one attention look at: keys to be matched and values to be averaged.

    Each attention projects its own from states: those of its stack, or those of the `Memory`.
    """

    keys: Tensor  # [B, H, M, d_k]
    values: Tensor  # [B, H, M, d_k]


class Attended(NamedTuple):
    """What attention computes on its way, and what it brings."""

    scores: Tensor  # [B, H, Q, M]; -∞ where a query may not see a key
    weights: Tensor  # [B, H, Q, M]; what a query gives to all keys sums to 1
    result: Tensor  # [B, H, Q, d_k]


def attention(
    queries: Tensor, keys: Tensor, values: Tensor, attend: Tensor | None = None
) -> Attended:
    """Scaled dot-product attention (section 3.2.1): softmax(Q Kᵀ / √d_k) V, eq. 1.

    Queries [B, H, Q, d_k], keys and values [B, H, M, d_k]; `attend`, broadcastable to [B, H, Q, M],
    says which keys a query may see; None: all. This is the definition, for whoever wants to see
    its steps. Layers call `functional.scaled_dot_product_attention`, the same made fast.
    """
    scores = queries @ keys.transpose(-2, -1) / math.sqrt(queries.shape[-1])  # [B, H, Q, M]
    if attend is not None:
        scores = scores.masked_fill(~attend, -torch.inf)
    weights = scores.softmax(dim=-1)
    return Attended(scores, weights, weights @ values)


class Attention(nn.Module):
    """Multi-head attention (section 3.2.2): `attention` in each head, then all heads joined.

    One class serves three purposes; only where queries, keys and values come from differs:

    * encoder self-attention: all three from the source;
    * masked decoder self-attention: all three from the target, no position sees a later one;
    * encoder–decoder (cross-) attention: keys and values from the encoder's output, the memory,
      and queries from the decoder.
    """

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q_proj = nn.Linear(d_model, d_model)
        self.k_proj = nn.Linear(d_model, d_model)
        self.v_proj = nn.Linear(d_model, d_model)
        self.out_proj = nn.Linear(d_model, d_model)

    def queries(self, states: Tensor) -> Tensor:
        """Project states [B, Q, D] to the queries of every head: [B, H, Q, d_k]."""
        return self._split_heads(self.q_proj(states))

    def keys_values(self, states: Tensor) -> KeysValues:
        """Project states [B, M, D] to the keys and values of every head."""
        return KeysValues(
            self._split_heads(self.k_proj(states)), self._split_heads(self.v_proj(states))
        )

    def forward(
        self,
        states: Tensor,
        keys_values: KeysValues,
        attend: Tensor | None = None,
    ) -> Tensor:
        """States [B, Q, D] look at keys and values; returns [B, Q, D].

        `attend`, broadcastable to [B, H, Q, M], says which keys a query may see; None: all.
        """
        heads = scaled_dot_product_attention(
            self.queries(states), *keys_values, attend
        )  # [B, H, Q, d_k]; `attention`, faster
        return self.out_proj(heads.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _split_heads(self, states: Tensor) -> Tensor:
        """[B, M, D] → [B, H, M, d_k]."""
        heads: Tensor = states.unflatten(-1, (self.num_heads, -1))
        return heads.transpose(1, 2)


class FeedForward(nn.Module):
    """The position-wise feed-forward network (section 3.3, eq. 2)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.in_proj = nn.Linear(config.d_model, config.d_ff)
        self.out_proj = nn.Linear(config.d_ff, config.d_model)
        self.activation: Callable[[Tensor], Tensor] = getattr(F, config.activation)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, D] → [B, T, D], each position by itself."""
        return self.out_proj(self.dropout(self.activation(self.in_proj(x))))  # type: ignore[no-any-return]


class Residual(nn.Module):
    """The residual connection around a sublayer (section 3.1), with its norm before or after it.

    `post` is the paper's; `pre` trains more steadily (Xiong et al., 2020).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.d_model)
        self.dropout = Dropout(config.dropout)
        self.pre_norm = config.norm == "pre"

    def forward(self, x: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        """[B, T, D] → [B, T, D]."""
        if self.pre_norm:
            return x + self.dropout(sublayer(self.norm(x)))  # type: ignore[no-any-return]
        return self.norm(x + self.dropout(sublayer(x)))  # type: ignore[no-any-return]


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.self_attention = Attention(config.d_model, config.num_heads)
        self.self_attention_residual = Residual(config)
        self.feed_forward = FeedForward(config)
        self.feed_forward_residual = Residual(config)

    def forward(self, x: Tensor, attend: Tensor) -> Tensor:
        """[B, S, D] → [B, S, D]; `attend` is broadcastable to [B, H, S, S]."""
        x = self.self_attention_residual(
            x, lambda y: self.self_attention(y, self.self_attention.keys_values(y), attend)
        )
        return self.feed_forward_residual(x, self.feed_forward)  # type: ignore[no-any-return]


class DecoderLayer(nn.Module):
    """Masked self-attention, then cross-attention to the memory if there is one, then feed-forward.

    Without cross-attention it is the layer of a decoder-only model (Radford et al., 2018).
    """

    def __init__(self, config: ModelConfig, cross_attention: bool = True) -> None:
        super().__init__()
        self.self_attention = Attention(config.d_model, config.num_heads)
        self.self_attention_residual = Residual(config)
        if cross_attention:
            self.cross_attention = Attention(config.d_model, config.num_heads)
            self.cross_attention_residual = Residual(config)
        self.feed_forward = FeedForward(config)
        self.feed_forward_residual = Residual(config)

    def forward(
        self,
        x: Tensor,
        attend: Tensor,
        memory_keys_values: KeysValues | None = None,
        attend_memory: Tensor | None = None,
    ) -> Tensor:
        """All target positions at once, as in training: [B, T, D] → [B, T, D].

        `attend`, broadcastable to [B, H, T, T], hides the future and the row's other sentences;
        `attend_memory` [B, H, T, S]. The keys and values are those that this layer's
        cross-attention makes of the memory; None: there is none.
        """
        x = self.self_attention_residual(
            x, lambda y: self.self_attention(y, self.self_attention.keys_values(y), attend)
        )
        if memory_keys_values is not None:
            x = self.cross_attention_residual(
                x, lambda y: self.cross_attention(y, memory_keys_values, attend_memory)
            )
        return self.feed_forward_residual(x, self.feed_forward)  # type: ignore[no-any-return]


class PositionalEncoding(nn.Module):
    """Positions added to embeddings: sinusoids (section 3.5), a learned table, or nothing.

    The sinusoids lie in halves, [sin … | cos …], as the formats that we export to have them; the
    paper interleaves them. That only renumbers the columns, and the learned weights, which have a
    number for each column, are renumbered with them.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if config.positions == "learned":
            self.table = nn.Parameter(torch.empty(config.max_positions, config.d_model))
        else:
            table = sinusoids(config.max_positions, config.d_model)
            if config.positions == "none":  # to see what they are for: order is lost
                table = torch.zeros_like(table)
            self.register_buffer("table", table, persistent=False)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """Add to x [B, T, D] the encoding of positions [B, T] or [T]."""
        return x + F.embedding(positions, self.table).to(x.dtype)  # `[…]` is summed by threads


class Memory(NamedTuple):
    """What was encoded, for the decoder to look at; it need not come from text.

    It is made once. Each layer's cross-attention then makes `KeysValues` of its states.
    """

    states: Tensor  # [B, S, D]
    segments: Tensor  # [B, S] the number of the sentence in its row; 0 at padding


def same_segment(queries: Tensor, keys: Tensor) -> Tensor:
    """The `attend` mask [B, 1, Q, M] of segments [B, Q] and [B, M]: a sentence sees itself."""
    return (queries[:, :, None] == keys[:, None, :])[:, None]


class Encoder(nn.Module):
    """A stack of encoder layers."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers: Iterable[EncoderLayer] = nn.ModuleList(  # type: ignore[assignment]
            EncoderLayer(config) for _ in range(config.encoder_layers)
        )
        # Not the paper's: with pre-norm nothing else normalises what the last layer has added.
        self.norm = nn.LayerNorm(config.d_model) if config.norm == "pre" else nn.Identity()

    def forward(self, x: Tensor, segments: Tensor) -> Memory:
        """Embedded source [B, S, D] and its segments [B, S] → Memory."""
        attend = same_segment(segments, segments)
        for layer in self.layers:
            x = layer(x, attend)
        return Memory(self.norm(x), segments)


class Decoder(nn.Module):
    """A stack of decoder layers, with cross-attention or without."""

    def __init__(self, config: ModelConfig, cross_attention: bool = True) -> None:
        super().__init__()
        self.cross_attention = cross_attention
        self.layers: Iterable[DecoderLayer] = nn.ModuleList(  # type: ignore[assignment]
            DecoderLayer(config, cross_attention) for _ in range(config.decoder_layers)
        )
        # Not the paper's, as in the encoder.
        self.norm = nn.LayerNorm(config.d_model) if config.norm == "pre" else nn.Identity()

    def forward(
        self, x: Tensor, segments: Tensor, memory: Memory | None, prefix: Tensor | None = None
    ) -> Tensor:
        """Embedded target [B, T, D] → states [B, T, D]; position t has seen 0 … t only.

        Where `prefix` [B, T] is True, however, a position is seen by all of its sentence.
        """
        if self.cross_attention != (memory is not None):
            raise ValueError("a decoder has cross-attention if, and only if, there is a memory")
        past = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()
        seen = past if prefix is None else past | prefix[:, None, None]
        attend = same_segment(segments, segments) & seen
        attend_memory = None if memory is None else same_segment(segments, memory.segments)
        for layer in self.layers:
            keys_values = memory and layer.cross_attention.keys_values(memory.states)
            x = layer(x, attend, keys_values, attend_memory)
        return self.norm(x)  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """What the architectures share: embeddings with positions, and `output`, which scores pieces.

    Each brings the halves that it has, an encoder, a decoder or both.
    """

    encoder: Encoder | None
    decoder: Decoder | None
    frontend: ImageFrontend | SpeechFrontend | None  # where the encoder reads no text
    positions: PositionalEncoding
    dropout: Dropout
    output: nn.Linear

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = self.decoder = self.frontend = None

    def states(self, batch: Batch) -> Tensor:
        """States [B, T, D], from which `output` scores the labels of a batch."""
        raise NotImplementedError

    @property
    def embeddings(self) -> list[nn.Embedding]:
        """Those of the source and of the target, as far as there are such halves."""
        return [module for module in self.children() if isinstance(module, nn.Embedding)]

    def _initialize(self) -> None:
        if self.config.tie_embeddings:  # section 3.4
            alike = self.embeddings if self.config.target == "text" else self.embeddings[-1:]
            for each in (*alike[1:], self.output):
                each.weight = alike[0].weight
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif "embedding" in name or "positions" in name or name == "output.weight":
                nn.init.normal_(parameter, std=self.config.d_model**-0.5)
            elif parameter.dim() == 2:
                nn.init.xavier_uniform_(parameter)
        with torch.no_grad():
            for embedding in self.embeddings:
                embedding.weight[PAD_ID].zero_()

    def _embed(self, embedding: nn.Embedding, ids: Tensor, positions: Tensor) -> Tensor:
        """Embeddings scaled by √D (section 3.4) plus positions: [B, T] → [B, T, D]."""
        most = self.config.max_positions
        if ids.shape[1] > most:  # else no position can be too large
            if int((positions * (ids != PAD_ID)).max()) >= most:
                raise ValueError(f"a sequence is longer than the model's {most} positions")
            positions = positions.clamp(max=most - 1)  # of padding
        x = embedding(ids) * math.sqrt(self.config.d_model)
        return self.dropout(self.positions(x, positions))  # type: ignore[no-any-return]


class Seq2SeqTransformer(Transformer):
    """Ids of one language in, states out, from which `output` scores the next id of the other.

    What is read may be the frames of a picture or a recording instead, and what is written the
    patches of a picture: the decoder never learns what was encoded.
    """

    encoder: Encoder
    decoder: Decoder

    def __init__(self, config: ModelConfig, vocabulary_size: int) -> None:
        super().__init__(config)
        written = drawn_vocabulary(config) or vocabulary_size
        if config.source == "text":
            self.source_embedding = nn.Embedding(vocabulary_size, config.d_model, PAD_ID)
        else:
            self.frontend = build_frontend(config)
        self.target_embedding = nn.Embedding(written, config.d_model, PAD_ID)
        self.positions = PositionalEncoding(config)
        self.dropout = Dropout(config.dropout)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.output = nn.Linear(config.d_model, written, bias=config.output_bias)
        self._initialize()

    def encode(self, source: Tensor, segments: Tensor) -> Memory:
        """Source ids [B, S], or frames [B, S, F], and their segments [B, S] → Memory."""
        if self.frontend is not None:
            x, segments = self.frontend(source, segments)
            return self.encoder(self.dropout(x), segments)  # type: ignore[no-any-return]
        x = self._embed(self.source_embedding, source, positions_in(segments))
        return self.encoder(x, segments)  # type: ignore[no-any-return]

    def decode(
        self, decoder_input: Tensor, memory: Memory, segments: Tensor | None = None
    ) -> Tensor:
        """Target ids so far [B, T] → states [B, T, D], to be scored by `output`.

        Without segments [B, T], every row is one sentence, the first of its row of the memory.
        """
        if segments is None:
            segments = torch.ones_like(decoder_input)
        x = self._embed(self.target_embedding, decoder_input, positions_in(segments))
        return self.decoder(x, segments, memory)  # type: ignore[no-any-return]

    def forward(
        self,
        source: Tensor,
        source_segments: Tensor,
        decoder_input: Tensor,
        target_segments: Tensor | None = None,
    ) -> Tensor:
        """States [B, T, D] of all target positions, each seeing the source and its own past."""
        return self.decode(decoder_input, self.encode(source, source_segments), target_segments)

    def states(self, batch: Batch) -> Tensor:
        """States [B, T, D], from which `output` scores the labels of a batch."""
        if batch.encoder is None or batch.decoder is None:
            raise ValueError("an encoder–decoder reads batches with both halves")
        return self(*batch.encoder, *batch.decoder)  # type: ignore[no-any-return]


class DecoderOnlyTransformer(Transformer):
    """One stack of masked self-attention that reads a text and goes on with it.

    A text is `source EOS BOS target`. The source is a prefix, all of which its own tokens may see
    (Raffel et al., 2020, "prefix LM"), or is seen causally like the target.
    """

    decoder: Decoder

    def __init__(self, config: ModelConfig, vocabulary_size: int) -> None:
        super().__init__(config)
        self.target_embedding = nn.Embedding(vocabulary_size, config.d_model, PAD_ID)
        self.positions = PositionalEncoding(config)
        self.dropout = Dropout(config.dropout)
        self.decoder = Decoder(config, cross_attention=False)
        self.output = nn.Linear(config.d_model, vocabulary_size, bias=config.output_bias)
        self._initialize()

    def forward(self, ids: Tensor, segments: Tensor | None = None) -> Tensor:
        """Ids [B, T] → states [B, T, D]; without segments [B, T], every row is one text."""
        if segments is None:
            segments = torch.ones_like(ids)
        prefix = None
        if self.config.prefix_attention == "bidirectional":
            begun = (ids == BOS_ID).cumsum(dim=1)  # how many targets of the row have begun
            prefix = begun < segments
        x = self._embed(self.target_embedding, ids, positions_in(segments))
        return self.decoder(x, segments, None, prefix)  # type: ignore[no-any-return]

    def states(self, batch: Batch) -> Tensor:
        """States [B, T, D], from which `output` scores the labels of a batch."""
        if batch.decoder is None:
            raise ValueError("a decoder reads the decoder's half of a batch")
        return self(*batch.decoder)  # type: ignore[no-any-return]


class EncoderOnlyTransformer(Transformer):
    """An encoder whose states embed each token in its context (Devlin et al., 2019).

    `output` tells from them which tokens stood where the text has masks.
    """

    encoder: Encoder

    def __init__(self, config: ModelConfig, vocabulary_size: int) -> None:
        super().__init__(config)
        self.source_embedding = nn.Embedding(vocabulary_size, config.d_model, PAD_ID)
        self.positions = PositionalEncoding(config)
        self.dropout = Dropout(config.dropout)
        self.encoder = Encoder(config)
        self.output = nn.Linear(config.d_model, vocabulary_size, bias=config.output_bias)
        self._initialize()

    def forward(self, ids: Tensor, segments: Tensor) -> Tensor:
        """Ids [B, S], segments [B, S] → states [B, S, D], each of which has seen all its text."""
        x = self._embed(self.source_embedding, ids, positions_in(segments))
        return self.encoder(x, segments).states  # type: ignore[no-any-return]

    def states(self, batch: Batch) -> Tensor:
        """States [B, S, D], from which `output` scores the labels of a batch."""
        if batch.encoder is None:
            raise ValueError("an encoder reads the encoder's half of a batch")
        return self(*batch.encoder)  # type: ignore[no-any-return]


def build_model(config: ModelConfig, vocabulary_size: int) -> Transformer:
    """The model of a configuration, initialised from torch's random state."""
    match config.architecture:
        case "encoder_decoder":
            return Seq2SeqTransformer(config, vocabulary_size)
        case "decoder_only":
            return DecoderOnlyTransformer(config, vocabulary_size)
        case "encoder_only":
            return EncoderOnlyTransformer(config, vocabulary_size)


def blank_model(config: ModelConfig, vocabulary_size: int) -> Transformer:
    """That model without its first weights, which take time to draw: others are to be loaded."""
    with _Uninitialized():
        return build_model(config, vocabulary_size)


def parameter_shapes(config: ModelConfig, vocabulary_size: int) -> dict[str, torch.Size]:
    """The shape of each parameter of that model, known without the memory and time to make one."""
    with torch.device("meta"):
        model = blank_model(config, vocabulary_size)
    return {name: parameter.shape for name, parameter in model.named_parameters()}


class _Uninitialized(TorchFunctionMode):
    """Draws no numbers: to draw some that are nowhere torch imports its compiler, for seconds."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if getattr(function, "__name__", "") in ("normal_", "uniform_", "kaiming_uniform_"):
            return args[0] if args else (kwargs or {})["tensor"]
        return function(*args, **kwargs or {})
