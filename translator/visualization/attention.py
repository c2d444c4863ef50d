"""What does the model look at? The attention weights of one sentence and its translation.

Shapes as in `model`: H heads, Q queries, M keys, d_k size of a head.
"""

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from translator.alignment import forced_states, recorded_attention
from translator.config import ModelConfig
from translator.data import png, read_frames
from translator.errors import DataError, check_text
from translator.media import STRIDE, Frames, Pixels, pictures_of
from translator.text.capitals import encode_sentences, likely_cases
from translator.text.directions import tag_of
from translator.text.languages import standard
from translator.text.parts import finished
from translator.tokenizer import BOS_ID, EOS_ID
from translator.translation import Translator
from translator.visualization.page import render_page

_ONE = 10_000  # a page has weights in whole parts of it: half the bytes of decimals
START, END = "⟨start⟩", "⟨end⟩"  # how the ids that are no text are shown


@dataclass(frozen=True)
class AttentionMap:
    """One kind of attention in all its layers and heads."""

    weights: npt.NDArray[np.float32]  # [layers, H, Q, M]; with what is not shown, a row sums to 1
    queries: tuple[str, ...]  # the tokens that look
    keys: tuple[str, ...]  # the tokens that are looked at

    def view(self, layer: int | None = None, head: int | None = None) -> npt.NDArray[np.float32]:
        """The weights [Q, M] of a layer and a head, counted from 0; None averages over all."""
        layers = self.weights if layer is None else self.weights[layer : layer + 1]
        heads = layers if head is None else layers[:, head : head + 1]
        mean: npt.NDArray[np.float32] = heads.mean(axis=(0, 1))
        return mean


@dataclass(frozen=True)
class Shown:
    """What the encoder has seen or heard, as a picture that its positions tile."""

    pixels: Pixels  # [H, W, 3]
    tiles: tuple[int, int]  # rows and columns of them

    def over(self, weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Weights [M] as they lie over the picture: [rows, columns]."""
        return weights.reshape(self.tiles)


@dataclass(frozen=True, kw_only=True)
class AttentionMaps:
    """Where a model looks while it reads a sentence and writes its translation.

    Of a model that learns from single texts there is no translation: an encoder alone reads the
    text, a language model writes it.

    In the maps of a decoder a query is the token that is being written. It was not seen yet:
    the keys of the masked self-attention begin with ⟨start⟩ and lag one token behind. A model
    without an encoder has this one kind of attention, whose queries and keys begin with the
    tokens of the source.
    """

    source: str
    translation: str
    source_language: str
    target_language: str
    kinds: dict[str, AttentionMap]  # under the names that the modules have
    unit: Literal["token", "word"] = "token"  # what is a row or a column, where it is text
    tag: str = ""  # of the direction: the model reads it before the source, and no map shows it
    shown: Shown | None = None  # where the source is a picture or a recording, by its reference

    @property
    def cross_attention(self) -> AttentionMap:
        """Of the decoder, to what the encoder has read."""
        return self._of("cross_attention")

    @property
    def encoder_self_attention(self) -> AttentionMap:
        """Of the encoder, to its own text."""
        return self._of("encoder_self_attention")

    @property
    def decoder_self_attention(self) -> AttentionMap:
        """Of the decoder, to what it has written."""
        return self._of("decoder_self_attention")

    @property
    def self_attention(self) -> AttentionMap:
        """Of a decoder without an encoder, to what it has read and written."""
        return self._of("self_attention")

    def _of(self, kind: str) -> AttentionMap:
        if kind not in self.kinds:
            raise DataError(
                f"this model has no {kind.replace('_', '-')}", f"It has: {', '.join(self.kinds)}."
            )
        return self.kinds[kind]

    @property
    def source_attention(self) -> AttentionMap:
        """What the tokens that are written give to the source: cross-attention.

        Without an encoder it is that part of self-attention; `rest` says where the rest goes.
        """
        if "cross_attention" in self.kinds:
            return self.cross_attention
        every = self.self_attention
        read = every.keys.index(START)
        weights = every.weights[:, :, read:, :read]
        return AttentionMap(weights, every.queries[read:], every.keys[:read])

    @property
    def rest(self) -> str:
        """Where goes what `source_attention` lacks of 1 in each row; empty if it lacks nothing."""
        others = [f"{self.tag}, the tag of the direction"] if self.tag else []
        others += ["what is written"] if "self_attention" in self.kinds else []
        return " and ".join(others)

    def lacks_tag(self, kind: str) -> bool:
        """Whether the rows of a kind have given something to the tag, which is not shown."""
        return bool(self.tag) and kind != "decoder_self_attention"

    def row_sum(self, kind: str) -> str:
        """What the weights of a row of a kind add up to, as a sentence."""
        if self.lacks_tag(kind):
            return (
                f"A row adds up to 1 with what goes to {self.tag}, the tag of the direction, which "
                "is not shown."
            )
        return "A row adds up to 1."

    def _repr_html_(self) -> str:
        """What a notebook shows: the attention to the source between words, mean of all heads."""
        words = between_words(self)
        if {"cross_attention", "self_attention"} & {*words.kinds}:
            shown = words.source_attention
        else:
            [shown] = words.kinds.values()
        weights = shown.view()
        rows = [
            f"<tr><th>{escape(query)}</th>{''.join(_cell(x, weights.max()) for x in row)}</tr>"
            for query, row in zip(shown.queries, weights.tolist(), strict=True)
        ]
        keys = "".join(f"<th>{escape(key)}</th>" for key in shown.keys)
        caption = "row: query, the word that looks; column: key, "
        caption += "what is looked at" if self.shown else "the word that is looked at"
        if self.rest:
            caption += f"; the rest of a row goes to {escape(self.rest)}"
        return f"<table><caption>{caption}</caption><tr><td></td>{keys}</tr>{''.join(rows)}</table>"

    def kinds_with(self, layer: int | None, head: int | None) -> dict[str, AttentionMap]:
        """The kinds that have this layer and head, counted from 0; DataError when none has."""
        layers = {
            "encoder" if kind.startswith("encoder") else "decoder": len(each.weights)
            for kind, each in sorted(self.kinds.items(), reverse=True)  # the encoder first
        }
        heads = next(iter(self.kinds.values())).weights.shape[1]
        check_place(layers, heads, layer or 0, head or 0)
        return {k: each for k, each in self.kinds.items() if (layer or 0) < len(each.weights)}


def check_place(layers: dict[str, int], heads: int, layer: int, head: int) -> None:
    """DataError when no stack has the layer, or none the head, counted from 0."""
    absent = [f"layer {layer + 1}"] if layer >= max(layers.values()) else []
    absent += [f"head {head + 1}"] if head >= heads else []
    if absent:
        stacks = ", ".join(f"{count} of the {stack}" for stack, count in layers.items())
        raise DataError(
            f"there is no {' and no '.join(absent)} in this model",
            f"Layers: {stacks}; heads: {heads}.",
        )


def _cell(weight: float, most: float) -> str:
    """A cell of a table in a notebook, the bluer the more weight."""
    colour = f"rgba(11, 87, 194, {weight / most:.2f})"
    return f'<td style="background: {colour}" title="{weight:.3f}">{weight:.2f}</td>'


def attention_maps(translator: Translator, source: str, target: str | None = None) -> AttentionMaps:
    """The attention weights of a sentence and a translation, by default the model's own.

    The translation is forced: one pass over all its tokens gives the weights that step-by-step
    decoding of the same tokens sees. An encoder alone, or a language model, looks at the source
    only. Raises DataError when a text is blank or too long to be looked at in one piece, and
    for a picture or a recording that cannot be read.
    """
    check_text("attention_maps", source)
    model, languages = translator.model, translator.config.data
    tag, shown = "", None
    if translator.config.model.source != "text":
        target, kinds, shown = _kinds_of_medium(translator, source, target)
    elif model.decoder is None or translator.config.training.objective == "language_model":
        target, kinds = "", _kinds_of_text(translator, source)
    else:
        source_ids, target_ids, target = read_pair(translator, source, target)
        tag = "".join(translator.tokenizer.pieces(tag_of(translator.config, translator.tokenizer)))
        kinds = _kinds_of_pair(translator, source_ids, target_ids)
    return AttentionMaps(
        source=source,
        translation=target,
        source_language=standard(languages.source_language),
        target_language=standard(languages.target_language),
        kinds=kinds,
        tag=tag,
        shown=shown,
    )


def _kinds_of_pair(
    translator: Translator, source: list[int], target: list[int]
) -> dict[str, AttentionMap]:
    """The kinds of attention; what goes to the tag of a direction is left out."""
    read = (*translator.tokenizer.pieces(source), END)
    tag = tag_of(translator.config, translator.tokenizer)
    return _forced_kinds(translator, [*tag, *source], read, target, unshown=len(tag))


def _kinds_of_medium(
    translator: Translator, name: str, target: str | None
) -> tuple[str, dict[str, AttentionMap], Shown]:
    """What is written of a picture or a recording, the kinds of attention, and what is shown."""
    config, tokenizer = translator.config.model, translator.tokenizer
    frames = read_frames(name, config)
    if target is None:
        [[best, *_]] = translator.search([frames])
        ids = list(best.tokens)
        [target] = tokenizer.decode([ids])
    else:
        [ids] = tokenizer.encode([target])
        check_length(ids, config.max_positions - 1, "translation")
    shown = _shown(frames, config)
    rows, columns = shown.tiles
    if config.source == "image":
        read = tuple(f"{row + 1}·{column + 1}" for row in range(rows) for column in range(columns))
    else:
        read = tuple(f"{column * STRIDE / 100:.2f} s" for column in range(columns))
    source = torch.from_numpy(frames).to(translator.model.output.weight.device)
    return target, _forced_kinds(translator, source, read, ids), shown


def _shown(frames: Frames, config: ModelConfig) -> Shown:
    """A picture as it is seen, or the spectrogram of a recording, low sounds below."""
    if config.source == "image":
        count = config.image.size // config.image.patch_size
        return Shown(pictures_of(frames, config.image)[0], (count, count))
    loud = ((frames.astype(np.float32).T[::-1] + 3.0) / 6.0).clip(0.0, 1.0)  # of deviation 1
    grey = np.repeat((255 * (1.0 - loud)).astype(np.uint8)[..., None], 3, axis=2)
    return Shown(grey, (1, len(frames) // STRIDE))


def _forced_kinds(
    translator: Translator,
    source: list[int] | Tensor,
    read: tuple[str, ...],
    target: list[int],
    unshown: int = 0,
) -> dict[str, AttentionMap]:
    """The kinds of attention while the target is written; `read` names what is looked at.

    The first `unshown` tokens of the source have no name.
    """
    model, tokenizer = translator.model, translator.tokenizer
    with torch.inference_mode(), recorded_attention(model.modules()) as weights:
        forced_states(model, source, target)
    pieces = tuple(tokenizer.target.pieces(target))
    written, seen = (*pieces, END), (START, *pieces)
    own = _stacked(weights, model.decoder, "self_attention")
    if model.encoder is None:
        own = own[..., unshown:, unshown:]
        return {"self_attention": AttentionMap(own, (*read, *written), (*read, *seen))}
    cross = _stacked(weights, model.decoder, "cross_attention")[..., unshown:]
    reading = _stacked(weights, model.encoder, "self_attention")[..., unshown:, unshown:]
    return {
        "cross_attention": AttentionMap(cross, written, read),
        "encoder_self_attention": AttentionMap(reading, read, read),
        "decoder_self_attention": AttentionMap(own, written, seen),
    }


def _kinds_of_text(translator: Translator, text: str) -> dict[str, AttentionMap]:
    """The one kind of attention of a model that reads, or writes, single texts."""
    model, tokenizer = translator.model, translator.tokenizer
    [ids] = tokenizer.encode([text])
    if not ids:
        raise DataError("there is no text to look at", "Give a sentence.")
    check_length(ids, translator.config.model.max_positions - 1, "text")
    pieces = tuple(tokenizer.pieces(ids))
    shown = torch.tensor([[BOS_ID, *ids] if model.encoder is None else [*ids, EOS_ID]])
    shown = shown.to(model.output.weight.device)
    with torch.inference_mode(), recorded_attention(model.modules()) as weights:
        model(shown, torch.ones_like(shown))
    own = _stacked(weights, model.encoder or model.decoder, "self_attention")
    if model.encoder is None:
        return {"decoder_self_attention": AttentionMap(own, (*pieces, END), (START, *pieces))}
    return {"encoder_self_attention": AttentionMap(own, (*pieces, END), (*pieces, END))}


def _stacked(
    weights: dict[nn.Module, list[Tensor]], stack: Any, attention: str
) -> npt.NDArray[np.float32]:
    """The weights of one kind of attention in all layers of a stack: [layers, H, Q, M]."""
    found = [weights[getattr(layer, attention)][0] for layer in stack.layers]
    return torch.cat(found).cpu().numpy()


def read_pair(
    translator: Translator, source: str, target: str | None
) -> tuple[list[int], list[int], str]:
    """The ids of a source and of its translation, which a search finds if it is not given."""
    config, tokenizer = translator.config, translator.tokenizer
    longest = config.model.max_positions - 1
    language = config.data.target_language
    [source_ids], [in_capitals] = encode_sentences(tokenizer, [source], config.data.source_language)
    if not source_ids:
        raise DataError("there is no text to look at", "Give a sentence.")
    check_length(source_ids, min(longest, config.data.max_tokens_per_sentence), "text")
    if target is None:
        [[best, *_]] = translator.search([source_ids])
        [found] = tokenizer.target.decode([best.tokens])
        return source_ids, list(best.tokens), finished(found, language, in_capitals=in_capitals)
    written = likely_cases(tokenizer.target, [target], language) if in_capitals else [target]
    [target_ids] = tokenizer.target.encode(written)
    if translator.model.encoder is None:  # which reads both as one sequence
        longest -= len(tag_of(config, tokenizer)) + len(source_ids) + 1
    check_length(target_ids, max(0, longest), "translation")
    return source_ids, target_ids, target


def check_length(ids: Sequence[int], limit: int, what: str) -> None:
    """DataError for more ids than a model looks at in one piece."""
    if len(ids) > limit:
        raise DataError(
            f"the {what} has {len(ids):,} tokens; the model looks at {limit:,} at once",
            "Give one sentence, or a part of it.",
        )


def between_words(maps: AttentionMaps) -> AttentionMaps:
    """The same attention between words in place of pieces; ⟨start⟩ and ⟨end⟩ are words.

    A word gives a word what its pieces give, on average, to all pieces of that word. The tiles of a
    picture and the moments of a recording stay as they are.
    """
    own = maps.translation or maps.source
    read = None if maps.shown else maps.source
    texts = {
        "cross_attention": (maps.translation, read),
        "encoder_self_attention": (read, read),
        "decoder_self_attention": (own, own),
        "self_attention": (f"{maps.source} {maps.translation}",) * 2,
    }
    kinds = {}
    for kind, each in maps.kinds.items():
        asking, queries = _words(each.queries, texts[kind][0])
        asked, keys = _words(each.keys, texts[kind][1])
        weights = (asking / asking.sum(axis=0)).T @ each.weights @ asked
        kinds[kind] = AttentionMap(weights, queries, keys)
    return replace(maps, kinds=kinds, unit="word")


def _words(
    tokens: tuple[str, ...], text: str | None
) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
    """Which token belongs to which word [tokens, words], and the words, as the text has them.

    Without a text each token is one.
    """
    if text is None:
        return np.eye(len(tokens), dtype=np.float32), tokens
    numbers: list[int] = []
    words: list[str] = []
    for before, token in zip((END, *tokens), tokens, strict=False):
        begins = token.startswith("▁") or {before, token} & {START, END}
        if begins:
            words.append("")
        words[-1] += token.removeprefix("▁") if begins else token
        numbers.append(len(words) - 1)
    spelled = iter(text.split())
    if len(text.split()) == sum(word not in (START, END) for word in words):
        words = [word if word in (START, END) else next(spelled) for word in words]
    return np.eye(len(words), dtype=np.float32)[numbers], tuple(words)


def attention_arrays(maps: AttentionMaps) -> bytes:
    """The maps as an .npz archive: arrays named as the attributes of `maps`, and the tokens."""
    arrays: dict[str, Any] = {kind: each.weights for kind, each in maps.kinds.items()}
    arrays |= {"source": maps.source, "translation": maps.translation, **_tokens(maps)}
    archive = io.BytesIO()
    np.savez_compressed(archive, allow_pickle=False, **arrays)
    return archive.getvalue()


def _tokens(maps: AttentionMaps) -> dict[str, Any]:
    """The tokens that are read and written, as far as there are such."""
    if list(maps.kinds) == ["encoder_self_attention"]:
        return {"source_tokens": maps.encoder_self_attention.keys}
    if list(maps.kinds) == ["decoder_self_attention"]:
        written = maps.decoder_self_attention.queries
        read = written[:0]
    else:
        read, written = maps.source_attention.keys, maps.source_attention.queries
    return {
        "source_tokens": read,
        "decoder_input_tokens": (START, *written[:-1]),
        "target_tokens": written,
    }


# --- the page -------------------------------------------------------------------------------------


def attention_page(maps: AttentionMaps, layer: int | None = None, head: int | None = None) -> str:
    """The maps as an interactive page, first shown at a layer and head (from 0; None: average).

    DataError when there is no such layer or head.
    """
    first = next(iter(maps.kinds_with(layer, head)))
    kinds = {
        kind: {
            "explanation": explained(maps, kind),
            "queries": each.queries,
            "keys": each.keys,
            "weights": _in_parts(each, causal=kind.removeprefix("decoder_") == "self_attention"),
        }
        for kind, each in maps.kinds.items()
    }
    data = {
        "source": maps.source,
        "translation": maps.translation,
        "source_language": maps.source_language,
        "target_language": maps.target_language,
        "kind": first,
        "layer": -1 if layer is None else layer,
        "head": -1 if head is None else head,
        "one": _ONE,
        "maps": kinds,
        "shown": maps.shown and _as_url(maps.shown),
    }
    return render_page("attention.html", source=maps.source, data=data)


def explained(maps: AttentionMaps, kind: str) -> str:
    """What the rows and columns of a kind are, and what a row adds up to."""
    unit, written = maps.unit, "translation" if maps.translation else "text"
    one: str = unit
    what = "source" if maps.translation else "text"
    if maps.shown is not None:
        is_picture = maps.shown.tiles[0] > 1
        one, what = ("place", "picture") if is_picture else ("moment", "recording")
    read = f"{one}s of the {what}"
    match kind:
        case "cross_attention":
            said = (
                f"Each row is a {unit} of the translation as it is being written; the columns are "
                f"the {read} that it draws on."
            )
        case "encoder_self_attention":
            said = (
                f"Each row is a {one} of the {what} as it is being read; the columns are the "
                f"{read}, before and after it, that it draws on."
            )
        case "decoder_self_attention":
            said = (
                f"Each row is a {unit} of the {written} as it is being written; the columns are "
                "what has been written so far. The future (hatched) cannot be seen."
            )
        case _:
            said = (
                f"Each row is a {unit} of the source as it is being read, then of the translation "
                f"as it is being written; the columns are the {unit}s that it draws on. What is "
                "hatched cannot be seen."
            )
    return " ".join([said, maps.row_sum(kind), *_of_written(maps, kind)])


def _of_written(maps: AttentionMaps, kind: str) -> Iterator[str]:
    """Where the rows of what is written come from, and what words see of themselves."""
    if kind != "encoder_self_attention" and not maps.shown:  # explain has texts alone
        at = "The row of a token that is written is computed where the token before it is read"
        yield (
            f"{at}; translator explain names it by that one."
            if maps.unit == "token"
            else "The row of a word is the mean of those of its tokens; translator explain names "
            "each of them by the token that is read before it."
        )
    if kind in ("decoder_self_attention", "self_attention") and maps.unit == "word":
        yield "A word of several tokens sees its own earlier tokens."


def _as_url(shown: Shown) -> dict[str, Any]:
    """The picture as the page holds it."""
    content = base64.b64encode(png(shown.pixels)).decode()
    return {"url": f"data:image/png;base64,{content}", "tiles": shown.tiles}


def _in_parts(each: AttentionMap, *, causal: bool) -> list[Any]:
    """Weights [layers][H][Q][M] in parts of _ONE; a causal row ends where its past does."""
    layers: list[Any] = (each.weights * _ONE).round().astype(int).tolist()
    if not causal:
        return layers
    ends = [int(row.nonzero()[0].max()) + 1 for row in each.weights.max(axis=(0, 1))]
    return [
        [[row[:end] for end, row in zip(ends, head, strict=True)] for head in heads]
        for heads in layers
    ]
