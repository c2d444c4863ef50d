"""What does the model look at? The attention weights of one sentence and its translation.

Shapes as in `model`: H heads, Q queries, M keys, K size of a head.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from translator.alignment import recorded_attention, word_numbers
from translator.errors import DataError
from translator.text.capitals import encode_sentences, likely_cases
from translator.text.parts import finished
from translator.tokenizer import BOS_ID, EOS_ID
from translator.translation import Translator
from translator.visualization.page import render_page

_ONE = 10_000  # a page has weights in whole parts of it: half the bytes of decimals
START, END = "⟨start⟩", "⟨end⟩"  # how the ids that are no text are shown


@dataclass(frozen=True)
class AttentionMap:
    """One kind of attention in all its layers and heads."""

    weights: npt.NDArray[np.float32]  # [layers, H, Q, M]; what a query gives to all keys sums to 1
    queries: tuple[str, ...]  # the tokens that look
    keys: tuple[str, ...]  # the tokens that are looked at

    def view(self, layer: int | None = None, head: int | None = None) -> npt.NDArray[np.float32]:
        """The weights [Q, M] of a layer and a head, counted from 0; None averages over all."""
        layers = self.weights if layer is None else self.weights[layer : layer + 1]
        heads = layers if head is None else layers[:, head : head + 1]
        mean: npt.NDArray[np.float32] = heads.mean(axis=(0, 1))
        return mean


@dataclass(frozen=True, kw_only=True)
class AttentionMaps:
    """Where a model looks while it reads a sentence and writes its translation.

    In both maps of the decoder a query is the token that is being written. It was not seen yet:
    the keys of the masked self-attention begin with ⟨start⟩ and lag one token behind.
    """

    source: str
    translation: str
    source_language: str
    target_language: str
    encoder_self_attention: AttentionMap
    decoder_self_attention: AttentionMap
    cross_attention: AttentionMap

    def by_kind(self) -> dict[str, AttentionMap]:
        """The three maps under the names that their modules have."""
        return {
            "cross_attention": self.cross_attention,
            "encoder_self_attention": self.encoder_self_attention,
            "decoder_self_attention": self.decoder_self_attention,
        }

    def kinds_with(self, layer: int | None, head: int | None) -> dict[str, AttentionMap]:
        """The kinds that have this layer and head, counted from 0; DataError when none has."""
        encoder, heads = self.encoder_self_attention.weights.shape[:2]
        decoder = len(self.decoder_self_attention.weights)
        if (layer or 0) >= max(encoder, decoder) or (head or 0) >= heads:
            place = [f"layer {layer + 1}"] if layer is not None else []
            place += [f"head {head + 1}"] if head is not None else []
            raise DataError(
                f"there is no {', '.join(place)} in this model",
                f"Layers: {encoder} of the encoder, {decoder} of the decoder; heads: {heads}.",
            )
        return {k: each for k, each in self.by_kind().items() if (layer or 0) < len(each.weights)}


def attention_maps(translator: Translator, source: str, target: str | None = None) -> AttentionMaps:
    """The attention weights of a sentence and a translation, by default the model's own.

    The translation is forced: one pass over all its tokens gives the weights that step-by-step
    decoding of the same tokens sees. Raises DataError when a text is blank or too long to be
    looked at in one piece.
    """
    tokenizer, model, languages = translator.tokenizer, translator.model, translator.config.data
    source_ids, target_ids, target = _read(translator, source, target)
    device = next(model.parameters()).device
    with torch.inference_mode(), recorded_attention(model.modules()) as weights:
        reads = torch.tensor([[*source_ids, EOS_ID]], device=device)
        model(reads, torch.ones_like(reads), torch.tensor([[BOS_ID, *target_ids]], device=device))

    def stacked(modules: Iterable[Any]) -> npt.NDArray[np.float32]:
        return torch.cat([weights[module][0] for module in modules]).cpu().numpy()

    encoder, decoder = model.encoder.layers, model.decoder.layers
    read = (*tokenizer.pieces(source_ids), END)
    pieces = tuple(tokenizer.pieces(target_ids))
    written, seen = (*pieces, END), (START, *pieces)
    return AttentionMaps(
        source=source,
        translation=target,
        source_language=languages.source_language,
        target_language=languages.target_language,
        encoder_self_attention=AttentionMap(
            stacked(layer.self_attention for layer in encoder), read, read
        ),
        decoder_self_attention=AttentionMap(
            stacked(layer.self_attention for layer in decoder), written, seen
        ),
        cross_attention=AttentionMap(
            stacked(layer.cross_attention for layer in decoder), written, read
        ),
    )


def _read(
    translator: Translator, source: str, target: str | None
) -> tuple[list[int], list[int], str]:
    """The ids of a source and of its translation, which a search finds if it is not given."""
    config, tokenizer = translator.config, translator.tokenizer
    longest = config.model.max_positions - 1
    language = config.data.target_language
    [source_ids], [in_capitals] = encode_sentences(tokenizer, [source], config.data.source_language)
    if not source_ids:
        raise DataError("there is no text to look at", "Give a sentence.")
    _check_length(source_ids, min(longest, config.data.max_tokens_per_sentence), "text")
    if target is None:
        [[best, *_]] = translator.search([source_ids])
        [found] = tokenizer.target.decode([best.tokens])
        return source_ids, list(best.tokens), finished(found, language, in_capitals=in_capitals)
    written = likely_cases(tokenizer.target, [target], language) if in_capitals else [target]
    [target_ids] = tokenizer.target.encode(written)
    _check_length(target_ids, longest, "translation")
    return source_ids, target_ids, target


def _check_length(ids: list[int], limit: int, what: str) -> None:
    if len(ids) > limit:
        raise DataError(
            f"the {what} has {len(ids):,} tokens; the model looks at {limit:,} at once",
            "Give one sentence, or a part of it.",
        )


def word_attention(maps: AttentionMaps) -> AttentionMap:
    """The cross-attention between words, ⟨end⟩ the last of either side.

    A target word gives a source word what its pieces give, on average, to all pieces of that word.
    """
    cross = maps.cross_attention
    target, target_words = _words(cross.queries, maps.translation)
    source, source_words = _words(cross.keys, maps.source)
    weights = (target / target.sum(axis=0)).T @ cross.weights @ source
    return AttentionMap(weights, target_words, source_words)


def _words(pieces: tuple[str, ...], text: str) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
    """Which piece belongs to which word [pieces, words], and the words of a text."""
    numbers = word_numbers(pieces[:-1])
    count = max(numbers, default=-1) + 1
    words = text.split()
    if len(words) != count:  # the tokenizer sees other words, and spells them its own way
        joined = "".join(pieces[:-1]).removeprefix("▁").split("▁")
        words = joined if count else []
    belongs = np.eye(count + 1, dtype=np.float32)[[*numbers, count]]
    return belongs, (*words, END)


def attention_arrays(maps: AttentionMaps) -> bytes:
    """The maps as an .npz archive: arrays named as the attributes of `maps`, and the tokens."""
    arrays: dict[str, Any] = {kind: each.weights for kind, each in maps.by_kind().items()}
    arrays |= {
        "source": maps.source,
        "translation": maps.translation,
        "source_tokens": maps.encoder_self_attention.keys,
        "decoder_input_tokens": maps.decoder_self_attention.keys,
        "target_tokens": maps.decoder_self_attention.queries,
    }
    archive = io.BytesIO()
    np.savez_compressed(archive, allow_pickle=False, **arrays)
    return archive.getvalue()


# --- the page -------------------------------------------------------------------------------------


def attention_page(maps: AttentionMaps, layer: int | None = None, head: int | None = None) -> str:
    """The maps as an interactive page, first shown at a layer and head (from 0; None: average).

    DataError when there is no such layer or head.
    """
    first = next(iter(maps.kinds_with(layer, head)))
    kinds = {
        kind: {
            "queries": each.queries,
            "keys": each.keys,
            "weights": _in_parts(each, causal=kind == "decoder_self_attention"),
        }
        for kind, each in maps.by_kind().items()
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
    }
    return render_page("attention.html", source=maps.source, data=data)


def _in_parts(each: AttentionMap, *, causal: bool) -> list[Any]:
    """Weights [layers][H][Q][M] in parts of _ONE; a causal row ends where its past does."""
    layers: list[Any] = (each.weights * _ONE).round().astype(int).tolist()
    if not causal:
        return layers
    return [[[row[: i + 1] for i, row in enumerate(head)] for head in heads] for heads in layers]
