"""What is in a MarianMT checkpoint? transformers loads it; what no run can be is refused."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import torch
from torch import Tensor

from translator.config import HUB_PREFIX
from translator.errors import RunError, TranslatorError
from translator.export.huggingface import import_transformers, quietly
from translator.hub import download

_DESCRIPTION = ("*.json", "*.spm")
_WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")  # of both the first are read
_ACTIVATIONS = {"relu": "relu", "gelu": "gelu", "silu": "silu", "swish": "silu"}  # theirs → ours


@dataclass(frozen=True)
class MarianCheckpoint:
    """A MarianMT model and its tokenizer as transformers loads them, checked."""

    origin: str  # hf:PATH_OR_NAME
    model: Any  # MarianMTModel, in float32
    tokenizer: Any  # MarianTokenizer

    @property
    def config(self) -> Any:
        """Its MarianConfig."""
        return self.model.config

    @property
    def name(self) -> str:
        """The last part of the path, or of the name without its revision."""
        path = self.origin.removeprefix(HUB_PREFIX)
        named = path if Path(path).is_dir() else path.partition("@")[0]  # refs/pr/1 has parts, too
        return PurePath(named).name

    @property
    def languages(self) -> tuple[str, str] | None:
        """Source and target, if the name ends in them (…-en-es) or the tokenizer knows."""
        named = re.search(r"-([a-z]{2,3})-([a-z]{2,3})$", self.name)
        if named:
            return named[1], named[2]
        known = self.tokenizer.source_lang, self.tokenizer.target_lang
        return known if all(known) else None

    @property
    def targets(self) -> list[str]:
        """The languages of its tags, such as >>es<<, where a text must say into which it goes."""
        tags = (re.fullmatch(">>(.+)<<", piece) for piece in self.pieces)
        return [tag[1] for tag in tags if tag]

    @property
    def activation(self) -> str:
        """The activation as a run's configuration names it."""
        return _ACTIVATIONS[self.config.activation_function]

    @property
    def their_ids(self) -> Tensor:
        """The checkpoint's id [V] for each of our ids, which begin with <pad>, <unk>, <s> and </s>.

        Marian begins a translation with <pad>: that is its <s>.
        """
        pad, end = self.config.pad_token_id, self.config.eos_token_id
        unknown = self.tokenizer.encoder["<unk>"]
        special = {pad, unknown, end}
        others = (i for i in sorted(self.tokenizer.encoder.values()) if i not in special)
        return torch.tensor([pad, unknown, pad, end, *others])

    @property
    def pieces(self) -> list[str]:
        """The piece of each of our ids."""
        by_id = {number: piece for piece, number in self.tokenizer.encoder.items()}
        return ["<pad>", "<unk>", "<s>", "</s>", *(by_id[i] for i in self.their_ids[4:].tolist())]

    @property
    def forbidden_ids(self) -> list[int]:
        """Their ids that no translation holds: <pad>, and those that generation forbids."""
        forbidden = self.model.generation_config.bad_words_ids or []
        single = {ids[0] for ids in forbidden if len(ids) == 1}
        return sorted({self.config.pad_token_id, *single})


def load_checkpoint(origin: str) -> MarianCheckpoint:
    """Load hf:PATH_OR_NAME, a folder or a model of the Hugging Face hub; also hf:NAME@REVISION.

    Weights that are pickled are read as weights only: nothing in them is run. Raises RunError for
    what cannot be loaded, and for a model that a run of ours cannot be.
    """
    if not origin.startswith(HUB_PREFIX):
        raise RunError(
            f"{origin} does not begin with {HUB_PREFIX}",
            f"Write {HUB_PREFIX}{origin}, a folder or a name of the Hugging Face hub.",
        )
    path = _folder_of(origin)
    transformers = import_transformers()
    with _explained(origin), quietly(transformers):
        config = transformers.AutoConfig.from_pretrained(path)
        if config.model_type != "marian":
            kind = (config.architectures or [config.model_type])[0]
            raise RunError(
                f"{origin} is a {kind}, which cannot be imported",
                "Only MarianMTModel can, such as Helsinki-NLP/opus-mt-en-es.",
            )
        path = _folder_of(origin, *_WEIGHTS[:1])
        if not any(path.glob(_WEIGHTS[0])):
            path = _folder_of(origin, *_WEIGHTS)
        tokenizer = transformers.MarianTokenizer.from_pretrained(path)
        model, loading = transformers.MarianMTModel.from_pretrained(
            path, dtype=torch.float32, weights_only=True, output_loading_info=True
        )
    if loading["missing_keys"]:
        missing = sorted(loading["missing_keys"])
        raise RunError(f"{origin} lacks weights: {', '.join(missing[:3])}", "Fetch it again.")
    checkpoint = MarianCheckpoint(origin, model.eval(), tokenizer)
    for reason in _obstacles(checkpoint):
        raise RunError(
            f"{origin} cannot be imported: {reason}",
            "Only what Helsinki-NLP/opus-mt models are made of can be.",
        )
    return checkpoint


def _folder_of(origin: str, *weights: str) -> Path:
    """A folder itself; that of a model of the Hub in the cache, without other weights than these.

    transformers would download them, too, but where there is no network it tries for half a minute.
    """
    path = Path(origin.removeprefix(HUB_PREFIX))
    if path.is_dir():
        return path
    return download(
        origin,
        (*_DESCRIPTION, *weights),
        f"a folder of the model, as hf:FOLDER (there is no {path})",
    )


@contextmanager
def _explained(origin: str) -> Iterator[None]:
    """Tell what transformers could not load in one sentence: it raises many kinds of errors."""
    try:
        yield
    except TranslatorError:
        raise
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise RunError(
            f"transformers cannot load {origin}: {reason}",
            "It needs config.json, the weights, source.spm, target.spm and vocab.json.",
        ) from error


def _obstacles(checkpoint: MarianCheckpoint) -> Iterator[str]:
    """What this checkpoint has and a run cannot have."""
    config, vocabulary = checkpoint.config, checkpoint.tokenizer.encoder
    if checkpoint.tokenizer.separate_vocabs or not config.share_encoder_decoder_embeddings:
        yield "each language has a vocabulary of its own"
    is_of_numbers = all(type(number) is int for number in vocabulary.values())
    if not is_of_numbers or sorted(vocabulary.values()) != list(range(config.vocab_size)):
        yield f"vocab.json does not have the {config.vocab_size:,} pieces of the model"
    pieces = "".join(vocabulary)
    if pieces != pieces.encode("utf-8", "ignore").decode():  # half of a surrogate pair
        yield "vocab.json has a piece that is no text"
    if "<s>" in vocabulary:
        yield "vocab.json has a piece <s>"
    special = {"<pad>": config.pad_token_id, "</s>": config.eos_token_id}
    if any(vocabulary.get(piece) != number for piece, number in special.items()):
        yield "<pad> and </s> are not where config.json says"
    if config.decoder_start_token_id != config.pad_token_id:
        yield "a translation does not begin with <pad>"
    if not config.scale_embedding:
        yield "the embeddings are not scaled"
    if not _are_sequences(checkpoint.model.generation_config.bad_words_ids or [], config):
        yield "bad_words_ids in generation_config.json are no lists of its ids"
    for name, weight in checkpoint.model.state_dict().items():
        if not weight.isfinite().all():
            yield f"its weights are damaged: {name} has numbers that are not finite"
    if config.activation_function not in _ACTIVATIONS:
        yield f"the activation is {config.activation_function}"
    for part in ("attention_heads", "ffn_dim"):
        if getattr(config, f"encoder_{part}") != getattr(config, f"decoder_{part}"):
            yield f"encoder and decoder differ in {part}"


def _are_sequences(value: object, config: Any) -> bool:
    """Whether a value of JSON is a list of lists of ids."""
    ids = range(config.vocab_size)
    return isinstance(value, list) and all(
        isinstance(each, list) and all(type(number) is int and number in ids for number in each)
        for each in value
    )
