"""From a MarianMT checkpoint to a run: written aside, compared, moved in.

Marian's layers compute what ours do, with the norm after each sublayer; importing is renaming, and
giving the pieces our ids. Marian forbids <pad>, with which it begins a translation, while it
searches; here the bias of the output does, so that no search, ours or an export's, has to know.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from translator.config import Config, DataConfig, LanguagePair, validated
from translator.data import read_pairs
from translator.errors import ConfigError, RunError, check_list
from translator.export.huggingface import their_name
from translator.importing.checkpoint import MarianCheckpoint, load_checkpoint
from translator.importing.pieces import joint_model
from translator.importing.proof import Proof, prove
from translator.model import Seq2SeqTransformer
from translator.runs import RUNS, RunDirectory, lock
from translator.text.languages import are_alike
from translator.tokenizer import Tokenizer
from translator.translation import Translator
from translator.version import __version__

_SENTENCES = 100  # to compare on
_FORBIDDEN_BIAS = -1000.0  # the bias of a piece that may not follow; smoothed losses hardly feel it


def import_checkpoint(
    origin: str,
    sentences: Sequence[str] | None = None,
    *,
    name: str | None = None,
    languages: tuple[str | None, str | None] = (None, None),
) -> tuple[RunDirectory, Proof]:
    """Make runs/NAME of a MarianMT checkpoint, hf:PATH_OR_NAME, and prove that it is the same.

    The proof translates `sentences`, by default some of this package. Without a name the run is
    called as the checkpoint; without `languages`, source and target, it must say them. The run
    appears when the proof has succeeded. Raises RunError when it has not, when runs/NAME exists, or
    when the checkpoint is not one that a run can be.
    """
    check_list("import_checkpoint", sentences)
    checkpoint = load_checkpoint(origin)
    config = _config(checkpoint, name, languages)
    run = RunDirectory(RUNS / config.name)
    if run.path.exists():
        raise RunError(f"{run.path} exists already", "Name another run with --name.")
    with _moved_in(run.path) as partial:
        _write(checkpoint, config, RunDirectory(partial))
        translator = Translator.from_run(partial, device="cpu")
        proof = prove(checkpoint, translator, sentences or _sentences(config))
        if proof.problem:
            raise RunError(
                f"the run does not translate as {origin}: {proof.problem}",
                "Nothing was kept. Name other sentences with --source; else report it.",
            )
        RunDirectory(partial).write_json(
            RunDirectory(partial).environment_file,
            {
                "imported": origin,
                "packages": {"translator": __version__, "transformers": version("transformers")},
                "proof": vars(proof),
            },
        )
    return run, proof


def _sentences(config: Config) -> list[str]:
    """Validation sentences of this package: Spanish for a model that reads it, English for all."""
    default = DataConfig()
    assert default.valid is not None
    pairs = list(read_pairs(default.valid, default.source_language, default.target_language))
    spanish = config.data.source_language == default.target_language
    return [pair[spanish] for pair in pairs[:: max(1, len(pairs) // _SENTENCES)]][:_SENTENCES]


def _write(checkpoint: MarianCheckpoint, config: Config, run: RunDirectory) -> None:
    spm = [Path(file).read_bytes() for file in checkpoint.tokenizer.spm_files]
    tokenizer = Tokenizer(*(joint_model(model, checkpoint.pieces) for model in spm))
    model = Seq2SeqTransformer(config.model, tokenizer.vocabulary_size)
    weights = _weights(checkpoint, model)
    run.write_config(config)
    run.write_tokenizer(tokenizer)
    run.write_model(weights, tokenizer)


def _weights(checkpoint: MarianCheckpoint, model: Seq2SeqTransformer) -> dict[str, Tensor]:
    """The weights of a checkpoint under the names of our parameters, rows in our order."""
    theirs: dict[str, Tensor] = checkpoint.model.state_dict()
    order = checkpoint.their_ids
    bias = theirs["final_logits_bias"][0, order]
    bias[torch.isin(order, torch.tensor(checkpoint.forbidden_ids))] = _FORBIDDEN_BIAS
    special = {
        "source_embedding.weight": theirs["model.encoder.embed_tokens.weight"][order],
        "target_embedding.weight": theirs["model.decoder.embed_tokens.weight"][order],
        "output.weight": theirs["lm_head.weight"][order],
        "output.bias": bias,
    }
    return {
        name: (special[name] if name in special else theirs[their_name(name)]).contiguous()
        for name, _ in model.named_parameters()
    }


def _config(
    checkpoint: MarianCheckpoint, name: str | None, languages: tuple[str | None, str | None]
) -> Config:
    theirs, search = checkpoint.config, checkpoint.model.generation_config
    positions = theirs.max_position_embeddings
    values = {
        "name": name or re.sub(r"[^A-Za-z0-9._-]+|^[._-]+", "-", checkpoint.name).strip("-"),
        "data": _data(checkpoint, languages) | {"max_tokens_per_sentence": positions - 1},
        "tokenizer": {"vocabulary_size": theirs.vocab_size + 1},
        "model": {
            "d_model": theirs.d_model,
            "num_heads": theirs.encoder_attention_heads,
            "d_ff": theirs.encoder_ffn_dim,
            "encoder_layers": theirs.encoder_layers,
            "decoder_layers": theirs.decoder_layers,
            "dropout": theirs.dropout,
            "activation": checkpoint.activation,
            "norm": "post",
            "max_positions": positions,
            "tie_embeddings": theirs.tie_word_embeddings,
            "output_bias": True,
        },
        "training": {"start_from": checkpoint.origin},
        "decoding": {
            "beam_size": search.num_beams or 1,
            "length_penalty": 1.0 if search.length_penalty is None else search.length_penalty,
            "length_normalization": "length",
            "no_repeat_ngram_size": search.no_repeat_ngram_size or 0,
        },
    }
    return validated(values, f"the configuration of {checkpoint.origin}")


def _data(checkpoint: MarianCheckpoint, languages: tuple[str | None, str | None]) -> dict[str, Any]:
    """The languages; and the sets of this package to evaluate on, where they are its languages."""
    known = checkpoint.languages or (None, None)
    source, target = (chosen or told for chosen, told in zip(languages, known, strict=True))
    targets = checkpoint.targets
    if targets:
        target = _target_among(targets, languages[1], known[1], checkpoint.origin)
    if not source or not target:
        raise ConfigError(
            f"{checkpoint.origin} does not say between which languages it translates",
            "Name them: --from en --to es",
        )
    data: dict[str, Any] = {"source_language": source, "target_language": target, "train": []}
    pairs = (LanguagePair.of(f"{source}-{each}") for each in targets)
    data |= {"directions": [str(pair) for pair in pairs if pair]}
    default = DataConfig()
    if {source, target} == default.direction.languages:
        own = {"languages": default.direction} if targets else {}
        data |= {
            "valid": default.valid and default.valid.model_copy(update=own),
            "test": {name: each.model_copy(update=own) for name, each in default.test.items()},
        }
    return data


def _target_among(
    targets: Sequence[str], chosen: str | None, told: str | None, origin: str
) -> str | None:
    """The target language that is meant if nothing else is said, of those that a model has."""
    for wanted in filter(None, (chosen, told)):
        alike = [each for each in targets if are_alike(each, wanted)]
        if alike:
            return wanted if wanted in alike else alike[0]
    if chosen:
        raise ConfigError(
            f"{origin} does not translate into {chosen}",
            f"It translates into {', '.join(targets)}.",
        )
    return targets[0]


@contextmanager
def _moved_in(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of `folder` if nothing is raised, and vanishes if not.

    It lies deeper than runs do, so that what a killed process leaves is not taken for one.
    """
    partial = folder.parent / ".imports" / folder.name
    with ExitStack() as held:
        try:
            held.enter_context(lock(folder, seconds=0.0, keep=False))
        except TimeoutError:
            raise RunError(
                f"another process is importing {folder}", "Name another run with --name."
            ) from None
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        held.callback(_delete, partial)
        yield partial
        partial.rename(folder)


def _delete(partial: Path) -> None:
    shutil.rmtree(partial, ignore_errors=True)
    with suppress(OSError):  # another import may be under way
        partial.parent.rmdir()
