"""A run as a folder of Hugging Face transformers: https://huggingface.co/docs/transformers.

Three of their classes compute what our model computes: Marian with the norm after each sublayer,
Pegasus with the norm before it and at the end, OPT a decoder alone that reads its source causally.
The table of positions is stored with the weights, so it is ours to the bit. The tokenizer class is
the one that only runs a SentencePiece model and adds the end; its name speaks of the first model
that it served. The classes made for other models convert the normalisation, and not exactly. Two
models, one for each language, are what Marian's tokenizer runs; it also knows >>es<< before a text.
"""

import json
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
import torch.nn.functional as F
from torch import Tensor

from translator.config import Config, DecodingConfig
from translator.errors import MissingLibraryError
from translator.export.architectures import causal_decoder_of, encoder_decoder_of
from translator.export.card import CARD, card_of
from translator.export.engine import ranked
from translator.hypotheses import LOOPED, loops, max_target_tokens
from translator.model import DecoderOnlyTransformer, Seq2SeqTransformer
from translator.runs import RunDirectory, write_atomically
from translator.text.directions import directions_among
from translator.text.parts import finished
from translator.tokenizer import BOS_ID, EOS_ID, PAD_ID, Tokenizer
from translator.translation import Translator

_NAMES = (  # ours → theirs, each a part of a parameter's name
    ("encoder.norm.", "encoder.layer_norm."),
    ("decoder.norm.", "decoder.layer_norm."),
    (".self_attention_residual.norm.", ".self_attn_layer_norm."),
    (".cross_attention_residual.norm.", ".encoder_attn_layer_norm."),
    (".feed_forward_residual.norm.", ".final_layer_norm."),
    (".self_attention.", ".self_attn."),
    (".cross_attention.", ".encoder_attn."),
    (".feed_forward.in_proj.", ".fc1."),
    (".feed_forward.out_proj.", ".fc2."),
)
_OPT_OFFSET = 2  # rows of OPT's table of positions before the first
_SENTENCES_AT_ONCE = 32


def export_huggingface(run: RunDirectory, folder: Path) -> Path:
    """Write a run as a new folder that `AutoModelForSeq2SeqLM` and `AutoTokenizer` load.

    Of a decoder alone it is `AutoModelForCausalLM`. Raises RunError for a run without a model, and
    for one that no class computes.
    """
    transformers = import_transformers()
    translator = Translator.from_run(run.name, device="cpu")
    decoder = causal_decoder_of(translator, "transformers")
    if decoder is None:
        weights = _weights(encoder_decoder_of(translator, "transformers"))
        config = _config(transformers, translator)
    else:
        weights = _opt_weights(decoder)
        config = _opt_config(transformers, translator)
    folder.mkdir(parents=True, exist_ok=True)
    data = safetensors.torch.save(weights, {"format": "pt"})
    write_atomically(folder / "model.safetensors", data)
    config.save_pretrained(folder)
    _generation(transformers, translator.config).save_pretrained(folder)
    _write_tokenizer(run, translator.tokenizer, translator.config, folder)
    (folder / CARD).write_text(transformers_card(run), encoding="utf-8", newline="\n")
    return folder


def transformers_card(run: RunDirectory) -> str:
    """The card of a run's export, with the scores that the run has now."""
    config = run.read_config()
    usage = _OPT_USAGE if config.model.architecture == "decoder_only" else _USAGE
    if config.data.directions:
        usage = usage.replace('"Hello."', f'"{config.data.direction.tag} Hello."')
    return card_of(run, "transformers", usage)


class TransformersTranslator:
    """Translates texts as a user of transformers does, with the search of a run."""

    def __init__(self, config: Config, folder: Path) -> None:
        """Load model and tokenizer by their Auto classes, to compute on the CPU."""
        transformers = import_transformers()
        self.config = config
        with quietly(transformers):
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            self._is_prompt = config.model.architecture == "decoder_only"
            if self._is_prompt:
                self._tokenizer.padding_side = "left"
                model = transformers.AutoModelForCausalLM.from_pretrained(folder)
            else:
                model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder)
        self._model = model.eval()

    def translate(
        self, texts: Sequence[str], decoding: DecodingConfig, to: str | None = None
    ) -> list[str]:
        """Translate texts, one for one and in order; none may be too long for the model.

        Where there are several directions the tag of one stands before each text.

        All that a beam finds is ranked here, for transformers has another length penalty. What it
        writes is shown as `Translator` does, without U+FFFD, its sign for bytes of no character.
        """
        pair = directions_among(to, self.config)[0] if to else self.config.data.direction
        if self.config.data.directions:
            texts = [f"{pair.tag} {text}" for text in texts]
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        found: dict[int, str] = {}
        for start in range(0, len(order), _SENTENCES_AT_ONCE):
            chosen = order[start : start + _SENTENCES_AT_ONCE]
            ids = self._searched([texts[i] for i in chosen], decoding)
            decoded = self._tokenizer.batch_decode(ids, skip_special_tokens=True)
            found.update(zip(chosen, decoded, strict=True))
        return [
            finished(found[index].replace("\ufffd", ""), pair.target) for index in range(len(texts))
        ]

    def _searched(self, texts: list[str], decoding: DecodingConfig) -> list[Sequence[int]]:
        """The best ids of each text; as a run does, search again where they are a loop."""
        best = self._batch(texts, decoding)
        looped = [
            i
            for i, source in enumerate(self._tokenizer(texts)["input_ids"])
            if loops(source, best[i])
        ]
        if looped and not decoding.no_repeat_ngram_size:
            other = decoding.model_copy(update=LOOPED.remedy)
            again = self._batch([texts[i] for i in looped], other)
            for i, ids in zip(looped, again, strict=True):
                best[i] = ids
        return best

    def _batch(self, texts: list[str], decoding: DecodingConfig) -> list[Sequence[int]]:
        inputs = self._tokenizer(texts, padding=True, return_tensors="pt")
        special = 1 + bool(self.config.data.directions)  # the end, and a tag
        lengths = (inputs["attention_mask"].sum(dim=1) - special).tolist()
        limits = [max_target_tokens(self.config, decoding, length) for length in lengths]
        size = decoding.beam_size
        begun = 0  # ids that are given before the start
        if self._is_prompt:
            begun = inputs["input_ids"].shape[1]
            inputs = {name: _with_start(each, name) for name, each in inputs.items()}
        search = {"length_penalty": 0.0} if size > 1 else {}
        result = self._model.generate(
            **inputs,
            max_length=begun + 1 + max(limits),  # with the start
            num_beams=size,
            num_return_sequences=size,
            return_dict_in_generate=True,
            output_scores=True,
            logits_processor=_no_repeats(decoding.no_repeat_ngram_size, begun),
            **search,
        )
        log_probs = result.sequences_scores.tolist() if size > 1 else [0.0] * len(texts)
        best: list[Sequence[int]] = []
        for number, limit in enumerate(limits):
            beam = slice(number * size, (number + 1) * size)
            rows = result.sequences[beam, begun:].tolist()
            ids = [_without_special(row)[:limit] for row in rows]
            best.append(ranked(ids, log_probs[beam], decoding)[0].tokens)
        return best


def _no_repeats(size: int, begun: int) -> list[Callable[[Tensor, Tensor], Tensor]]:
    """For `generate`: no sequence of `size` ids twice; the `begun` ids of a prompt do not count."""
    if not size:
        return []
    rule = import_transformers().NoRepeatNGramLogitsProcessor(size)
    return [lambda ids, scores: rule(ids[:, begun:], scores)]


@contextmanager
def quietly(transformers: Any) -> Iterator[None]:
    """Let transformers load a model without progress bars and recommendations."""
    logging = transformers.utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _with_start(inputs: Tensor, name: str) -> Tensor:
    """Ids [B, S] and BOS, or their attention mask and that of BOS: [B, S + 1]."""
    return F.pad(inputs, (0, 1), value=BOS_ID if name == "input_ids" else 1)


def _without_special(ids: list[int]) -> list[int]:
    """What stands between the start and the end."""
    end = ids.index(EOS_ID) if EOS_ID in ids else len(ids)
    return ids[1:end]


# --- the files ------------------------------------------------------------------------------------


def their_name(name: str) -> str:
    """What transformers calls a parameter of the encoder or the decoder."""
    for ours, theirs in _NAMES:
        name = name.replace(ours, theirs)
    return f"model.{name}"


def _weights(model: Seq2SeqTransformer) -> dict[str, Tensor]:
    """Our parameters under their names; tied ones once."""
    tied = model.config.tie_embeddings
    weights = {}
    for name, parameter in model.named_parameters():
        if name.startswith(("encoder.", "decoder.")):
            weights[their_name(name)] = parameter.detach().contiguous()
    embeddings = {"model.shared.weight": model.source_embedding.weight}
    if not tied:
        embeddings = {
            "model.encoder.embed_tokens.weight": model.source_embedding.weight,
            "model.decoder.embed_tokens.weight": model.target_embedding.weight,
            "lm_head.weight": model.output.weight,
        }
    table = model.positions.table[: model.config.max_positions]
    for side in ("encoder", "decoder"):
        embeddings[f"model.{side}.embed_positions.weight"] = table.clone()
    if model.config.output_bias:
        embeddings["final_logits_bias"] = model.output.bias[None]
    return weights | {name: weight.detach().contiguous() for name, weight in embeddings.items()}


def _opt_weights(model: DecoderOnlyTransformer) -> dict[str, Tensor]:
    """Our parameters under OPT's names; the embedding scaled, since OPT does not do it."""
    weights: dict[str, Tensor] = {
        their_name(name).replace("decoder.layer_norm.", "decoder.final_layer_norm."): parameter
        for name, parameter in model.named_parameters()
        if name.startswith("decoder.")
    }
    table = model.positions.table[: model.config.max_positions]
    weights["model.decoder.embed_tokens.weight"] = (
        model.target_embedding.weight * model.config.d_model**0.5
    )
    weights["model.decoder.embed_positions.weight"] = F.pad(table, (0, 0, _OPT_OFFSET, 0))
    weights["lm_head.weight"] = model.output.weight
    return {name: weight.detach().contiguous() for name, weight in weights.items()}


def _opt_config(transformers: Any, translator: Translator) -> Any:
    model = translator.config.model
    return transformers.OPTConfig(
        architectures=["OPTForCausalLM"],
        vocab_size=translator.tokenizer.vocabulary_size,
        hidden_size=model.d_model,
        word_embed_proj_dim=model.d_model,
        num_hidden_layers=model.decoder_layers,
        num_attention_heads=model.num_heads,
        ffn_dim=model.d_ff,
        activation_function=model.activation,
        dropout=model.dropout,
        max_position_embeddings=model.max_positions,
        do_layer_norm_before=model.norm == "pre",
        tie_word_embeddings=False,
        pad_token_id=PAD_ID,
        bos_token_id=BOS_ID,
        eos_token_id=EOS_ID,
    )


def _config(transformers: Any, translator: Translator) -> Any:
    model = translator.config.model
    settings = {
        "architectures": ["PegasusForConditionalGeneration"],
        "vocab_size": translator.tokenizer.vocabulary_size,
        "d_model": model.d_model,
        "encoder_layers": model.encoder_layers,
        "decoder_layers": model.decoder_layers,
        "encoder_attention_heads": model.num_heads,
        "decoder_attention_heads": model.num_heads,
        "encoder_ffn_dim": model.d_ff,
        "decoder_ffn_dim": model.d_ff,
        "activation_function": model.activation,
        "dropout": model.dropout,
        "activation_dropout": model.dropout,
        "max_position_embeddings": model.max_positions,
        "scale_embedding": True,
        "tie_word_embeddings": model.tie_embeddings,
        "pad_token_id": PAD_ID,
        "bos_token_id": BOS_ID,
        "eos_token_id": EOS_ID,
        "decoder_start_token_id": BOS_ID,
        "forced_eos_token_id": None,
    }
    if model.norm == "pre":
        return transformers.PegasusConfig(**settings)
    settings |= {
        "architectures": ["MarianMTModel"],
        "share_encoder_decoder_embeddings": model.tie_embeddings,
    }
    return transformers.MarianConfig(**settings)


def _generation(transformers: Any, config: Config) -> Any:
    """What `generate` does unless it is told otherwise: the search of the run."""
    return transformers.GenerationConfig(
        num_beams=config.decoding.beam_size,
        length_penalty=config.decoding.length_penalty,
        max_length=config.model.max_positions - 1,
        pad_token_id=PAD_ID,
        bos_token_id=BOS_ID,
        eos_token_id=EOS_ID,
        decoder_start_token_id=BOS_ID,
    )


def _write_tokenizer(run: RunDirectory, tokenizer: Tokenizer, config: Config, folder: Path) -> None:
    pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
    special = {"pad_token": 0, "unk_token": 1, "bos_token": 2, "eos_token": 3}
    if tokenizer.target is tokenizer and not config.data.directions:
        name, files = "Speech2TextTokenizer", ["sentencepiece.bpe.model"]
    else:  # it knows tags
        name, files = "MarianTokenizer", ["source.spm", "target.spm"]
    own = run.tokenizer_files
    for ours, theirs in zip((own[0], own[-1]), files, strict=False):
        shutil.copyfile(ours, folder / theirs)
    _write_json(folder / "vocab.json", {piece: i for i, piece in enumerate(pieces)})
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": name,
            **{token: pieces[i] for token, i in special.items()},
            "split_special_tokens": True,  # </s> in a text is text
            "clean_up_tokenization_spaces": False,
            "model_max_length": config.model.max_positions,
        },
    )


def _write_json(file: Path, content: object) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    file.write_text(text, encoding="utf-8", newline="\n")


def import_transformers() -> Any:
    """The library; MissingLibraryError where it is not installed."""
    try:
        import transformers
    except ImportError:
        raise MissingLibraryError("transformers is not installed", "export") from None
    return transformers


_OPT_USAGE = """\
```python
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("this/folder")
model = AutoModelForCausalLM.from_pretrained("this/folder")
source = tokenizer("Hello.", return_tensors="pt").input_ids  # its end included
start = torch.full((1, 1), tokenizer.bos_token_id)
ids = model.generate(torch.cat((source, start), dim=1))
print(tokenizer.decode(ids[0, source.shape[1] :], skip_special_tokens=True))
```

The model reads the source as a prompt and goes on with the translation. The tokenizer needs
`sentencepiece`.
"""

_USAGE = """\
```python
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("this/folder")
model = AutoModelForSeq2SeqLM.from_pretrained("this/folder")
inputs = tokenizer(["Hello."], return_tensors="pt", padding=True)
print(tokenizer.batch_decode(model.generate(**inputs), skip_special_tokens=True))
```

The tokenizer needs `sentencepiece`. transformers divides a log-probability by
length ** length_penalty, and `translator` by ((5 + length) / 6) ** length_penalty: with more than
one beam a translation differs here and there.
"""
