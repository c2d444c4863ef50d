"""A run as a CTranslate2 model: https://opennmt.net/CTranslate2, fast inference without torch.

Exporting is renaming: their layers compute what ours do once they are told of the norm's place,
the scaled embeddings and the table of positions. They join the projections that read the same
states: queries, keys and values of self-attention, keys and values of cross-attention.
"""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from translator.errors import DataError, MissingLibraryError
from translator.export.architectures import encoder_decoder_of
from translator.model import (
    Attention,
    FeedForward,
    Residual,
    Seq2SeqTransformer,
)
from translator.runs import RunDirectory
from translator.tokenizer import BOS_ID, EOS_ID, UNK_ID, Tokenizer
from translator.translation import Translator

if TYPE_CHECKING:
    from ctranslate2.specs import TransformerSpec

Quantization = Literal["float32", "float16", "bfloat16", "int8", "int8_float32", "int16"]


def export_ctranslate2(
    run: RunDirectory, folder: Path, quantization: Quantization = "float32"
) -> Path:
    """Write the model of a run, its vocabulary and its tokenizer as a new CTranslate2 folder.

    The translator of the folder takes and returns SentencePiece pieces (`tokenizer.model` lies
    beside them) and adds the end of the source itself. Raises RunError for a run without a model,
    DataError when the folder holds something already.
    """
    specs = _import_specs()
    if folder.exists() and any(folder.iterdir() if folder.is_dir() else [folder]):
        raise DataError(f"{folder} is not empty", "Name a new folder for the export.")
    translator = Translator.from_run(run.name, device="cpu")
    model = encoder_decoder_of(translator, "CTranslate2")
    spec = _specification(specs, model, translator.tokenizer)
    spec.validate()
    spec.optimize(quantization=None if quantization == "float32" else quantization)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    for file in run.tokenizer_files:
        shutil.copyfile(file, folder / file.name)
    return folder


def _import_specs() -> Any:
    try:
        from ctranslate2 import specs
    except ImportError:
        raise MissingLibraryError("ctranslate2 is not installed", "export") from None
    return specs


def _specification(
    specs: Any, model: Seq2SeqTransformer, tokenizer: Tokenizer
) -> "TransformerSpec":
    config = model.config
    spec = specs.TransformerSpec.from_config(
        (config.encoder_layers, config.decoder_layers),
        config.num_heads,
        pre_norm=config.norm == "pre",
        activation={
            "relu": specs.Activation.RELU,
            "gelu": specs.Activation.GELU,
            "silu": specs.Activation.SWISH,
        }[config.activation],
        alignment_heads=config.num_heads,
    )
    positions = model.positions.table.detach()[: config.max_positions]
    for side, embedding in (
        (spec.encoder, model.source_embedding),
        (spec.decoder, model.target_embedding),
    ):
        embeddings = side.embeddings[0] if side is spec.encoder else side.embeddings
        embeddings.weight = _numbers(embedding.weight)
        side.scale_embeddings = True
        side.position_encodings.encodings = _numbers(positions)
    _encoder(spec.encoder, model)
    _decoder(spec.decoder, model)
    pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
    spec.register_source_vocabulary(pieces)
    spec.register_target_vocabulary(pieces)
    spec.config.add_source_bos = False
    spec.config.add_source_eos = True
    spec.config.unk_token = pieces[UNK_ID]
    spec.config.bos_token = pieces[BOS_ID]
    spec.config.eos_token = pieces[EOS_ID]
    spec.config.decoder_start_token = pieces[BOS_ID]
    return spec


def _encoder(spec: Any, model: Seq2SeqTransformer) -> None:
    for layer, theirs in zip(model.encoder.layers, spec.layer, strict=True):
        _attention(theirs.self_attention, layer.self_attention, layer.self_attention_residual)
        _feed_forward(theirs.ffn, layer.feed_forward, layer.feed_forward_residual)
    if model.config.norm == "pre":
        _norm(spec.layer_norm, model.encoder.norm)


def _decoder(spec: Any, model: Seq2SeqTransformer) -> None:
    for layer, theirs in zip(model.decoder.layers, spec.layer, strict=True):
        _attention(theirs.self_attention, layer.self_attention, layer.self_attention_residual)
        _attention(theirs.attention, layer.cross_attention, layer.cross_attention_residual)
        _feed_forward(theirs.ffn, layer.feed_forward, layer.feed_forward_residual)
    if model.config.norm == "pre":
        _norm(spec.layer_norm, model.decoder.norm)
    spec.projection.weight = _numbers(model.output.weight)
    if model.config.output_bias:
        spec.projection.bias = _numbers(model.output.bias)


def _attention(spec: Any, attention: Attention, residual: Residual) -> None:
    """Their attention has two joined projections in a self-attention, and three in a cross one."""
    _norm(spec.layer_norm, residual.norm)
    q, k, v = attention.q_proj, attention.k_proj, attention.v_proj
    joined = [[q, k, v]] if len(spec.linear) == 2 else [[q], [k, v]]
    for theirs, parts in zip(spec.linear, [*joined, [attention.out_proj]], strict=True):
        _linear(theirs, parts)


def _feed_forward(spec: Any, feed_forward: FeedForward, residual: Residual) -> None:
    _norm(spec.layer_norm, residual.norm)
    _linear(spec.linear_0, [feed_forward.in_proj])
    _linear(spec.linear_1, [feed_forward.out_proj])


def _linear(spec: Any, parts: list[nn.Linear]) -> None:
    spec.weight = _numbers(torch.cat([part.weight for part in parts]))
    spec.bias = _numbers(torch.cat([part.bias for part in parts]))


def _norm(spec: Any, norm: nn.Module) -> None:
    assert isinstance(norm, nn.LayerNorm)
    spec.gamma, spec.beta = _numbers(norm.weight), _numbers(norm.bias)


def _numbers(tensor: Tensor) -> Any:
    return tensor.detach().float().contiguous().numpy()
