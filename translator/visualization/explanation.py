"""What does the model compute? One sentence, from its tokens to the likeliest ones, in numbers.

Shapes as in `model`: T tokens, D d_model, Q queries, M keys, d_k size of a head.
"""

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from translator.alignment import recorded
from translator.errors import DataError, check_text
from translator.model import (
    Attention,
    DecoderLayer,
    EncoderLayer,
    Residual,
    Seq2SeqTransformer,
    Transformer,
    attention,
)
from translator.text.directions import tag_of
from translator.tokenizer import BOS_ID, EOS_ID
from translator.translation import Translator
from translator.visualization.attention import END, START, check_length, check_place, read_pair
from translator.visualization.page import render_page

Matrix = npt.NDArray[np.float32]
AnyLayer = TypeVar("AnyLayer", EncoderLayer, DecoderLayer)
_CHOICES = 3  # tokens that are named for each position
STACKS = {  # which of them each kind of attention has its queries and its keys from
    "encoder_self_attention": ("encoder", "encoder"),
    "decoder_self_attention": ("decoder", "decoder"),
    "self_attention": ("decoder", "decoder"),
    "cross_attention": ("decoder", "encoder"),
}
_KINDS = {
    "encoder_self_attention": "Encoder self-attention",
    "decoder_self_attention": "Masked decoder self-attention",
    "self_attention": "Masked self-attention",
    "cross_attention": "Cross-attention",
}


class Step(NamedTuple):
    """A matrix of the explanation and what it is."""

    name: str
    formula: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]  # tokens; nothing where they are numbered dimensions
    matrix: Matrix


@dataclass(frozen=True)
class Embedded:
    """The tokens that a stack reads, as it reads them."""

    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    embeddings: Matrix  # [T, D] rows of the embedding table, times √D
    positions: Matrix  # [T, D] what is added to them

    @property
    def states(self) -> Matrix:
        """Embeddings plus positions [T, D]: the input of the first layer."""
        return self.embeddings + self.positions

    def steps(self) -> tuple[Step, ...]:
        """From ids to the input of the first layer."""
        scale = f"√{self.embeddings.shape[1]}"
        steps = (
            ("Embeddings", f"the row of the table for each token, times {scale}", self.embeddings),
            ("Positions", "the row for each place in the sentence", self.positions),
            ("Input", "x = embedding + position", self.states),
        )
        return tuple(Step(name, how, self.tokens, (), matrix) for name, how, matrix in steps)


@dataclass(frozen=True)
class Head:
    """One head of one attention, step by step: softmax(Q Kᵀ / √d_k) V."""

    asking: tuple[str, ...]  # the tokens of the queries
    asked: tuple[str, ...]  # the tokens of the keys and values
    states: Matrix  # [Q, D] what the queries are projected from
    queries: Matrix  # [Q, d_k]
    keys: Matrix  # [M, d_k]
    values: Matrix  # [M, d_k]
    scores: Matrix  # [Q, M] Q Kᵀ / √d_k; -∞ where a query may not see a key
    weights: Matrix  # [Q, M] softmax of the scores, row by row
    result: Matrix  # [Q, d_k] weights times values

    def steps(self) -> tuple[Step, ...]:
        """From queries, keys and values to what the head brings."""
        root, asking, asked = f"√{self.queries.shape[1]}", self.asking, self.asked
        return (
            Step("Queries", "Q = y W_Q + b_Q, the part of this head", asking, (), self.queries),
            Step("Keys", "K = m W_K + b_K", asked, (), self.keys),
            Step("Values", "V = m W_V + b_V", asked, (), self.values),
            Step("Scores", f"Q Kᵀ / {root}; a row is a query", asking, asked, self.scores),
            Step("Weights", "softmax of each row, which sums to 1", asking, asked, self.weights),
            Step("Result", "weights · V", asking, (), self.result),
        )


@dataclass(frozen=True)
class AllHeads:
    """What a layer makes of all heads of one attention, as far as the next attention or its end."""

    tokens: tuple[str, ...]  # those of the queries
    mixed: Matrix  # [Q, D] the results of all heads side by side, times W_O
    added: Matrix  # [Q, D] after the residual connection
    put_out: Matrix | None  # [Q, D] after the feed-forward; None where cross-attention comes first
    pre_norm: bool
    activation: str

    def steps(self) -> tuple[Step, ...]:
        """From the results of the heads to what the layer puts out."""
        formulas = {
            "All heads": "h = their results side by side · W_O + b_O",
            "After attention": "x_1 = x + h" if self.pre_norm else "x_1 = norm(x + h)",
            "After the feed-forward": (
                "x_1 + f(norm(x_1))" if self.pre_norm else "norm(x_1 + f(x_1))"
            )
            + f", f(n) = {self.activation}(n W_1 + b_1) W_2 + b_2; the layer puts this out",
        }
        matrices = (self.mixed, self.added, self.put_out)
        return tuple(
            Step(name, formula, self.tokens, (), matrix)
            for (name, formula), matrix in zip(formulas.items(), matrices, strict=True)
            if matrix is not None
        )


class Sublayers(NamedTuple):
    """The modules of a layer around one of its attentions."""

    attention: Attention
    residual: Residual
    feed_forward: Residual | None  # the residual around it; None where cross-attention comes first

    def modules(self) -> tuple[Attention | Residual, ...]:
        """Those that there are."""
        return tuple(module for module in self if module is not None)


class NextToken(NamedTuple):
    """What the model would write after a token, or of an encoder alone in the place of it."""

    after: str  # the token at this position, the last that a decoder has seen
    likeliest: tuple[tuple[str, float], ...]  # then the one that was written, if it is none of them
    written: int | None = None  # which of these it is; None of an encoder alone


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a model computes of one sentence in one layer; of attention, in one head."""

    source: str
    translation: str  # nothing where the model learns from single texts
    layer: int  # from 0
    head: int  # from 0
    pre_norm: bool  # whether a norm comes before attention
    embedded: dict[str, Embedded]  # by stack: "encoder", "decoder"
    heads: dict[str, Head]  # by kind of attention, in the order in which they are computed
    all_heads: dict[str, AllHeads]  # by the same kinds
    next_tokens: tuple[NextToken, ...]

    @property
    def writes_on(self) -> bool:
        """Whether a position asks for the token after it; an encoder alone, for the one in it."""
        return "decoder" in self.embedded

    @property
    def outcome(self) -> str:
        """What `next_tokens` are, as a heading."""
        return "The next token" if self.writes_on else "The token in each place"

    @property
    def outcome_origin(self) -> str:
        """Where the probabilities of `next_tokens` come from."""
        norm = " and a last norm" * self.pre_norm
        softmax = f"after all layers{norm}, a softmax over the whole vocabulary, at each position"
        if self.writes_on:
            return softmax
        return f"{softmax}; training asks for it where a token is hidden"

    @property
    def written(self) -> str:
        """What the marked ones of `next_tokens` are; nothing where none is marked."""
        if not self.writes_on:
            return ""
        follows = "was written" if self.translation else "follows in the text"
        return f"the token that {follows} (at the end: {END})"

    def title(self, kind: str) -> str:
        """A kind of attention with its layer and head, as a heading."""
        return f"{_KINDS[kind]}, layer {self.layer + 1}, head {self.head + 1}"

    def origin(self, kind: str) -> str:
        """Where y and m come from, of which queries and keys are made, by the names of lecture.md.

        x is what the residual connection passes on.
        """
        below = "the input" if self.layer == 0 else f"what layer {self.layer} puts out"
        is_cross = kind == "cross_attention"
        x = "what self-attention leaves in the decoder" if is_cross else below
        y = f"norm(x), where x is {x}" if self.pre_norm else f"x, {x}"
        return (
            f"y = {y}; m = the memory, which the encoder puts out" if is_cross else f"y = m = {y}"
        )

    def rows(self, kind: str) -> str:
        """By which token a row is named, where `attention` names it by another; else nothing."""
        if STACKS[kind][0] == "encoder":
            return ""
        return (
            "A row is named by the token that is read; the maps of attention name what is written "
            "by the token that follows it."
        )

    def steps(self, kind: str) -> tuple[Step, ...]:
        """A kind of attention from the queries of the head to what the layer makes of all heads."""
        return (*self.heads[kind].steps(), *self.all_heads[kind].steps())


def explain(
    translator: Translator,
    source: str,
    target: str | None = None,
    *,
    layer: int = 0,
    head: int = 0,
) -> Explanation:
    """What the model computes while it reads a sentence and writes its translation.

    The translation, by default the model's own, is forced in one pass, as in training; so each
    row has the numbers that step-by-step decoding has. Layer and head count from 0. Raises
    DataError when there is no such layer or head, when a text is blank or too long to be looked at
    in one piece, and for a model that reads or draws pictures or reads recordings.
    """
    check_text("explain", source)
    config, model = translator.config.model, translator.model
    if (config.source, config.target) != ("text", "text"):
        raise DataError(
            "only texts are explained in numbers", "See what it looks at: translator attention"
        )
    ids, translation = _read(translator, source, target)
    layers = {"encoder": config.encoder_layers} if model.encoder is not None else {}
    layers |= {"decoder": config.decoder_layers} if model.decoder is not None else {}
    check_place(layers, config.num_heads, layer, head)
    parts = _sublayers(translator, layer)
    modules = [module for each in parts.values() for module in each.modules()]
    with torch.inference_mode(), recorded(modules, _observed(head)) as found:
        states = _states(model, ids)
    embedded = {stack: _embedded(translator, stack, each) for stack, each in ids.items()}
    return Explanation(
        source=source,
        translation=translation,
        layer=layer,
        head=head,
        pre_norm=config.norm == "pre",
        embedded=embedded,
        heads={
            kind: Head(*_sides(kind, embedded), *found[each.attention][0][1:])
            for kind, each in parts.items()
        },
        all_heads={
            kind: AllHeads(
                _sides(kind, embedded)[0],
                found[each.attention][0][0],
                found[each.residual][0][0],
                found[each.feed_forward][0][0] if each.feed_forward else None,
                config.norm == "pre",
                config.activation,
            )
            for kind, each in parts.items()
        },
        next_tokens=_next_tokens(translator, list(embedded.values())[-1], states),
    )


def _read(
    translator: Translator, source: str, target: str | None
) -> tuple[dict[str, list[int]], str]:
    """The ids that each stack reads, and the translation."""
    model, config = translator.model, translator.config
    if model.decoder is not None and config.training.objective != "language_model":
        source_ids, target_ids, translation = read_pair(translator, source, target)
        tag = tag_of(translator.config, translator.tokenizer)
        read, written = [*tag, *source_ids, EOS_ID], [BOS_ID, *target_ids]
        if model.encoder is None:
            return {"decoder": [*read, *written]}, translation
        return {"encoder": read, "decoder": written}, translation
    [ids] = translator.tokenizer.encode([source])
    if not ids:
        raise DataError("there is no text to explain", "Give a sentence.")
    check_length(ids, config.model.max_positions - 1, "text")
    return {"encoder": [*ids, EOS_ID]} if model.encoder else {"decoder": [BOS_ID, *ids]}, ""


def _sublayers(translator: Translator, layer: int) -> dict[str, Sublayers]:
    """What a layer is made of, by kind of attention, as far as the stacks have that layer."""
    model, parts = translator.model, {}
    if model.encoder is not None and (reading := _layer(model.encoder.layers, layer)):
        parts["encoder_self_attention"] = Sublayers(
            reading.self_attention, reading.self_attention_residual, reading.feed_forward_residual
        )
    if model.decoder is not None and (chosen := _layer(model.decoder.layers, layer)):
        reads = model.encoder is None and translator.config.training.objective != "language_model"
        looks = model.decoder.cross_attention
        parts["self_attention" if reads else "decoder_self_attention"] = Sublayers(
            chosen.self_attention,
            chosen.self_attention_residual,
            None if looks else chosen.feed_forward_residual,
        )
        if looks:
            parts["cross_attention"] = Sublayers(
                chosen.cross_attention,
                chosen.cross_attention_residual,
                chosen.feed_forward_residual,
            )
    return parts


def _layer(layers: Iterable[AnyLayer], number: int) -> AnyLayer | None:
    """The layer of that number, from 0; None where there is none."""
    return next(itertools.islice(layers, number, None), None)


def _observed(head: int) -> Callable[..., list[Matrix]]:
    """What a module puts out [T, D] and, of an attention, what one head computes.

    That is in the order of `Head`.
    """

    def observed(module: nn.Module, output: Tensor, states: Tensor, *others: Any) -> list[Matrix]:
        found = [output[0]]
        if isinstance(module, Attention):
            keys_values, *attend = others
            queries = module.queries(states)
            in_heads = (queries, *keys_values, *attention(queries, *keys_values, *attend))
            found += [states[0], *(x[0, head] for x in in_heads)]
        return [each.cpu().numpy() for each in found]

    return observed


def _states(model: Transformer, ids: dict[str, list[int]]) -> Tensor:
    """The last states [T, D] of the last stack, of one pass over all tokens."""
    device = model.output.weight.device
    rows = [torch.tensor([each], device=device) for each in ids.values()]
    if isinstance(model, Seq2SeqTransformer):
        source, target = rows
        states = model(source, torch.ones_like(source), target)
    else:
        states = model(rows[0], torch.ones_like(rows[0]))
    last: Tensor = states[0]
    return last


def _embedded(translator: Translator, stack: str, ids: list[int]) -> Embedded:
    """The ids of a stack as its model embeds them."""
    model = translator.model
    table = model.embeddings[0 if stack == "encoder" else -1].weight.detach().cpu()
    embeddings = table[ids] * math.sqrt(model.config.d_model)
    positions = model.positions.table[: len(ids)].detach().cpu()
    return Embedded(
        tuple(ids), _tokens(translator, stack, ids), embeddings.numpy(), positions.numpy()
    )


def _tokens(translator: Translator, stack: str, ids: list[int]) -> tuple[str, ...]:
    """The pieces of the ids; before BOS they are of the source."""
    own = translator.tokenizer
    tokens: list[str] = []
    for i in ids:
        is_source = stack == "encoder" or START not in tokens
        [piece] = (own if is_source else own.target).pieces([i])
        tokens.append({BOS_ID: START, EOS_ID: END}.get(i, piece))
    return tuple(tokens)


def _sides(kind: str, embedded: dict[str, Embedded]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tokens that ask and those that are asked."""
    asking, asked = (embedded[stack].tokens for stack in STACKS[kind])
    return asking, asked


def _next_tokens(translator: Translator, last: Embedded, states: Tensor) -> tuple[NextToken, ...]:
    """What `output` makes of the last states, from where something is written."""
    writes = BOS_ID in last.ids
    begin = last.ids.index(BOS_ID) if writes else 0
    with torch.inference_mode():
        probabilities = translator.model.output(states[begin:]).float().softmax(dim=-1).cpu()
    named = translator.tokenizer.target
    found = []
    for place, row in enumerate(probabilities, begin):
        ids = row.topk(_CHOICES).indices.tolist()
        written = (*last.ids, EOS_ID)[place + 1]
        if writes and written not in ids:
            ids.append(written)
        names = [END if i == EOS_ID else named.pieces([i])[0] for i in ids]
        likeliest = tuple(zip(names, row[ids].tolist(), strict=True))
        found.append(
            NextToken(last.tokens[place], likeliest, ids.index(written) if writes else None)
        )
    return tuple(found)


def explanation_page(explanation: Explanation) -> str:
    """The explanation as a page with every number, that needs no network and no script."""
    return render_page("explanation.html", explanation=explanation, shade=_shade, inf=math.inf)


def _shade(value: float, step: Step) -> float:
    """How strong a number is in its matrix: -1 … 1; 0 for what is not seen."""
    most = float(np.abs(step.matrix[np.isfinite(step.matrix)]).max(initial=0.0))
    return value / most if most and math.isfinite(value) else 0.0
