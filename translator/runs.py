"""What is on disk? Every path of a run directory is spelled here and nowhere else.

A file is written beside its place and moved in, so a reader sees the old one or the new one whole.
Torch and all that computes are imported where tensors are read or written: that a path is wrong is
known without them, and an export translates without them.
"""

import hashlib
import itertools
import json
import math
import os
import re
import shlex
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple, NotRequired, TypeVar

from pydantic import ConfigDict, PositiveInt, with_config
from typing_extensions import TypedDict  # pydantic wants it before Python 3.12

from translator.config import (
    HUB_PREFIX,
    Config,
    DecodingConfig,
    ImageConfig,
    dump_config,
    load_config,
)
from translator.errors import ConfigError, RunError, writing
from translator.hub import download_run, is_of_hub
from translator.integrity import read_object, sealed_json, sealed_tensors, tensors_metadata
from translator.packaged import MODEL_PREFIX, is_packaged, packaged_names, packaged_run
from translator.tokenizer import Tokenizer
from translator.version import __version__

if TYPE_CHECKING:
    from torch import Tensor

    from translator.data import Codebook, CorpusFiles, Fingerprints, SentencePair
    from translator.model import Transformer

T = TypeVar("T", bound=Mapping[str, Any])

RUNS = Path("runs")
RUN_VARIABLE = "TRANSLATOR_RUN"
CERTIFICATE = "certificate.json"  # of an export
MOMENT = 1.0  # seconds, in which whoever only asks if a run is being trained is done for certain
_TOKENIZER_KEY = "tokenizer_sha256"
_UNKNOWN_KEY = "not_known"
_BOTH_SIDES = "both"
_WEIGHTS_OF_KEY = "weights_of"
_GLANCE = 0.1  # seconds, in which such a one is done as a rule
_LARGEST = 1e15  # number of metrics; beyond it only infinity is one
_NUMBERS = ("float32", "float64", "bfloat16", "float16")  # of weights
_WHOLE_COPY = "Copy it again, or repeat `translator train` with the run's configuration."


class CountsRecord(TypedDict):
    """What `Counts` holds, as JSON."""

    read: int
    kept: int
    dropped: dict[str, int]
    repaired: NotRequired[dict[str, int]]


class Ancestor(TypedDict):
    """A run that another one began from."""

    run: str  # its directory; of an import the model, as hf:NAME
    model_sha256: NotRequired[str]


@with_config(ConfigDict(extra="allow"))
class Environment(TypedDict, total=False):
    """environment.json: what a run was made with. Further keys are for people."""

    packages: dict[str, str]  # with their versions, `translator` among them
    pairs: dict[str, CountsRecord]  # by split
    data_fingerprint: str
    corpora: dict[str, str]  # what tells the files of each from others, by its path
    downloads: dict[str, str]  # the SHA-256 of the corpora that were downloaded, by address
    tokenizer_sha256: str
    seed: int
    proof: dict[str, float]  # of an imported model, that it translates as its original
    held_out_sha256: dict[str, str]  # of the drawn sets, by name
    lineage: list[Ancestor]  # the run that training started from, the one before it, and so on


class ChangeRecord(TypedDict):
    """What fine-tuning did to the BLEU of a test set."""

    test_set: str
    sentences: int
    before: float
    after: float


class ScoreChange(TypedDict):
    """What adaptation did to a score of a test set."""

    test_set: str  # with its run
    is_new: bool  # of the new domain
    sentences: int
    metric: str
    before: float
    after: float
    p: float  # of approximate randomization


class Resemblance(TypedDict):
    """How much of a test of the new domain is nearly what was learned from."""

    test_set: str  # with its run
    sentences: int
    resembling: int  # that differ in one word at most from a text that was learned from
    before: NotRequired[float]  # BLEU of the others, where they are enough to be scored
    after: NotRequired[float]


class Blend(TypedDict):
    """How far the weights of an adapted run are from those that it began from."""

    model_sha256: str  # of the trained weights
    share: float  # of them; the rest is the old ones


class Adaptation(TypedDict):
    """adaptation.json: what `translator adapt` made a run of, and what came of it."""

    made_of: dict[str, str]  # by name, all that determines the files and the settings
    pairs: int  # of the new corpora, cleaned
    replayed: int  # pairs that the old model knows
    distilled: bool  # whether the old model translated those itself
    terms: int  # of a glossary
    before: NotRequired[float]  # BLEU of the old model, of some new pairs
    learning_rate: NotRequired[float]  # chosen by that
    max_steps: int
    replay_weight: float
    warnings: list[str]
    blended: NotRequired[Blend]
    model_sha256: NotRequired[str]  # of the weights that were compared
    changes: NotRequired[list[ScoreChange]]
    resemblances: NotRequired[list[Resemblance]]
    refused: NotRequired[list[str]]  # why the run is no better than the one that it began from


class Measurements(TypedDict, total=False):
    """measured.json: what training measured and decided, and goes by when it goes on."""

    decisions: list[tuple[PositiveInt, PositiveInt]]  # after which step, how many steps in all
    max_steps: PositiveInt  # by earlier versions, which decided once
    tokens_per_batch: PositiveInt
    changes: list[ChangeRecord]  # of fine-tuning that has ended


class Description(TypedDict):
    """description.json of prepared corpora."""

    pairs: dict[str, list[int]]  # of each corpus, by train and valid
    counts: dict[str, CountsRecord]
    fingerprint: str
    valid_pairs: list[list[tuple[str, str]]]  # of each direction
    drawn: dict[str, list[tuple[str, str]]]  # the held-out sets that no file of their own holds
    sizes: dict[str, int]  # of the files, in bytes


@with_config(ConfigDict(extra="allow"))
class _CheckpointState(TypedDict):
    step: PositiveInt
    checksums: dict[str, str]  # of the files of tensors
    validations_without_best: NotRequired[int]
    owes_validation: NotRequired[bool]  # one that was due was interrupted


@dataclass(frozen=True)
class Checkpoint:
    """All that is needed to go on exactly from a step."""

    step: int
    state: dict[str, Any]  # numbers and names, kept as JSON
    tensors: "dict[str, dict[str, Tensor]]"  # file stem → name → tensor


@dataclass(frozen=True)
class Progress:
    """How far the training of a run has come."""

    state: Literal["finished", "training", "stopped"]  # training: a process is at it now
    step: int  # in training the last that was logged, else the one to go on from
    max_steps: int | None  # None until a budget of minutes has become one of steps

    def __str__(self) -> str:
        """In words, such as `stopped at step 158 of 240`."""
        of = f" of {self.max_steps:,}" if self.max_steps is not None else ""
        said = {"training": "still in training:"}.get(self.state, f"{self.state} at")
        return f"{said} step {self.step:,}{of}"


class Trained(NamedTuple):
    """What a run has learned."""

    config: Config
    tokenizer: Tokenizer
    model: "Transformer"


class RunDirectory:
    """A directory runs/NAME: the files that translate, and what training leaves beside them."""

    def __init__(self, path: Path, name: str = "") -> None:
        self.path = path
        self.name = name or str(path)  # hf:USER/NAME of one of the Hub, model:NAME of a package
        self.is_own = not name
        # Where commands keep what they make of it. The Hub's cache and installed packages belong to
        # others, so that of model:en-es is runs/model-en-es.
        self.results = path if self.is_own else RUNS / _as_file_name(name)
        self.config_file = path / "config.yaml"
        self.tokenizer_file = path / "tokenizer.model"
        self.target_tokenizer_file = path / "tokenizer.target.model"
        self.codebook_file = path / "codebook.safetensors"  # of a model that draws
        self.model_file = path / "model.safetensors"
        self.environment_file = path / "environment.json"
        self.measured_file = path / "measured.json"
        self.fingerprints_file = path / "training_fingerprints.safetensors"
        self.held_out = path / "held_out"
        self.metrics_file = path / "metrics.jsonl"
        self.adaptation = path / "adaptation"  # the corpora that `adapt` has made
        self.adaptation_file = path / "adaptation.json"
        self.samples = path / "samples"
        self.checkpoints = path / "checkpoints"
        self.evaluations = self.results / "evaluations"
        self.tensorboard = path / "tensorboard"
        self.wandb_id_file = path / "wandb" / "id"
        self.exports = self.results / "export"
        self.prepared = path.parent / ".prepared"  # what runs share, see PreparedDirectory

    @classmethod
    def named(cls, name: str | Path) -> "RunDirectory":
        """The run in a directory, or the installed model:NAME, or hf:USER/NAME of the Hub."""
        name = name if isinstance(name, str) else name.as_posix()
        if is_packaged(name):
            return cls(packaged_run(name), name)
        if is_of_hub(name):
            return cls(download_run(name), name)
        return cls(Path(name))

    @classmethod
    def is_name(cls, name: str | Path) -> bool:
        """Whether this names a run that is no directory here, without asking if there is one."""
        return is_packaged(name) or is_of_hub(name)

    @classmethod
    def find(
        cls, path: Path | None = None, able: Callable[[Config], bool] | None = None
    ) -> "RunDirectory":
        """The run that is meant: `path`, else $TRANSLATOR_RUN, else the newest that has a model.

        Of those in runs/ it is the newest that is `able` to, if there is one. Where runs/ has no
        model it is the one that is installed as a package.
        """
        if path is None and os.environ.get(RUN_VARIABLE):
            path = Path(os.environ[RUN_VARIABLE])
        if path is not None:
            run = cls.named(path)
            run.check_model()
            return run
        runs = cls.newest()
        if not runs:
            installed = packaged_names()
            if len(installed) == 1:
                return cls.named(installed[0])
            others = passed_over()
            raise RunError(
                f"there is no trained model in {RUNS}{os.sep}" + f", where {others}" * bool(others),
                f"Name an installed one with --run: {', '.join(installed)}."
                if installed
                else "Train one with `translator train`, or name its directory with --run.",
            )
        run = next((each for each in runs if able and each.is_able(able)), runs[0])
        run.check_model()
        return run

    @classmethod
    def newest(cls) -> "list[RunDirectory]":
        """The runs in runs/ that have a model and were not refused, the newest first."""
        models = [file for file in RUNS.glob("*/model.safetensors") if file.is_file()]
        models = [file for file in models if not cls(file.parent).refused]
        models.sort(key=lambda file: file.stat().st_mtime, reverse=True)
        return [cls(file.parent) for file in models]

    def is_able(self, able: Callable[[Config], bool]) -> bool:
        """Whether its configuration can be read and passes."""
        with suppress(RunError):  # whoever uses the run says what is wrong with it
            return able(self.read_config())
        return False

    def check_model(self) -> None:
        """Raise RunError unless the files that translate are here."""
        if not self.path.is_dir():
            meant = RUNS / self.path
            packaged = f"{MODEL_PREFIX}{self.path}"
            raise RunError(
                f"there is no run directory {self.path}",
                f"Name the whole path: {meant}."
                if meant.is_dir()
                else f"The installed one is named {packaged}."
                if packaged in packaged_names()
                else "`translator train` makes one; --run takes the directory, such as "
                "runs/everyday.",
            )
        inside = sorted(self.path.glob(f"*/{self.config_file.name}"))
        for file in (self.config_file, self.tokenizer_file, self.model_file):
            if not file.is_file():
                raise RunError(
                    f"{self.path} holds no {file.name}",
                    f"Name a run in it, such as {inside[0].parent}."
                    if inside
                    else "It is an export: name the run that it was made of."
                    if (self.path / CERTIFICATE).is_file()
                    else "Train it to its first validation, or name another --run.",
                )

    @property
    def title(self) -> str:
        """What pictures and pages call it: its directory's name, or model:NAME, or hf:USER/NAME."""
        return self.path.resolve().name if self.is_own else self.name

    @property
    def is_made_of_others(self) -> bool:
        """Whether this is no run but what commands made of an installed one or one of the Hub."""
        prefixes = tuple(map(_as_file_name, (MODEL_PREFIX, HUB_PREFIX)))
        is_named_so = self.path.parent == RUNS and self.path.name.startswith(prefixes)
        return is_named_so and self.path.is_dir() and not self.config_file.is_file()

    @property
    def next_name(self) -> str:
        """The name of this run with the first number behind it that is not taken."""
        numbered = (f"{self.path.name}-{number}" for number in itertools.count(2))
        return next(name for name in numbered if not self.path.with_name(name).exists())

    @property
    def has_begun(self) -> bool:
        """Whether something was learned, here or where the run was imported from."""
        learned = self.environment_file.is_file() or self.model_file.is_file()
        return learned or bool(self.checkpoint_steps())

    @property
    def is_in_training(self) -> bool:
        """Whether a process trains this run now."""
        if not (self.path / ".training.lock").is_file():
            return False
        try:
            with lock(self.path / "training", seconds=_GLANCE):  # another may ask the same
                return False
        except TimeoutError:
            return True
        except OSError:  # it may not be written to, so nobody trains it
            return False

    @contextmanager
    def claimed(self, *, keep: bool = True) -> Iterator[None]:
        """Be the only process that trains this run, or prepares that; RunError where another does.

        Without `keep` there is no directory at the end if nothing was written into it.
        """
        with ExitStack() as held:
            if not keep:
                held.callback(_delete_empty, self.path)
            try:
                held.enter_context(lock(self.path / "training", seconds=MOMENT, keep=keep))
            except TimeoutError:
                raise RunError(
                    f"another process is training {self.path}",
                    "Let it end or stop it; then the same command goes on.",
                ) from None
            yield

    @property
    def progress(self) -> Progress | None:
        """How far training has come; None where that was elsewhere, or nothing tells.

        The newest checkpoint tells it: it holds the step, and how long no validation was better.
        Where the checkpoints are no more, as people delete them, the log has the last step.
        """
        is_in_training = self.is_in_training
        last = None if is_in_training else next(self._checkpoint_states(), None)
        try:
            steps = [int(entry["step"]) for entry in self.read_metrics()]
            settings, measured = self.read_config().training, self.read_measured()
        except (OSError, RunError):  # whoever uses these files says what is wrong with them
            return None
        if not (is_in_training or last or steps):
            return None
        step = last["step"] if last else max(steps, default=0)
        max_steps: int | None = settings.max_steps
        if settings.max_minutes is not None:
            decided = steps_in_all(measured.get("decisions", []), step)
            max_steps = measured.get("max_steps", decided)  # by an earlier version
        if is_in_training:
            return Progress("training", step, max_steps)
        ended = max_steps is not None and step >= max_steps
        if settings.patience is not None:
            without = math.inf if last is None else last.get("validations_without_best", 0)
            ended = ended or without >= settings.patience
        owes = last is not None and last.get("owes_validation", False)
        return Progress("finished" if ended and not owes else "stopped", step, max_steps)

    def unfinished_warning(self) -> str | None:
        """That training has not come to its end, as a sentence; None where it has."""
        progress = self.progress
        if progress is None or progress.state == "finished":
            return None
        goes_on = ""
        is_here = self.path.parent.resolve() == RUNS.resolve()
        if progress.state == "stopped" and self.checkpoint_steps() and is_here:
            goes_on = f"; `{self._command_to_go_on}` goes on"
        return (
            f"{self.name} is not trained to its end ({progress}): its weights are the best "
            f"so far{goes_on}"
        )

    @property
    def _command_to_go_on(self) -> str:
        """What trains a run in runs/ on; a directory that was renamed is named."""
        if self.adaptation_file.is_file():
            return "translator adapt"
        was_renamed = self.read_config().name != self.path.name
        renamed = ["--set", f"name={self.path.name}"] if was_renamed else []
        return shlex.join(["translator", "train", str(self.config_file), *renamed])

    def forget(self) -> None:
        """Delete what training wrote before its first step, perhaps with other settings or data."""
        if self.config_file.is_file():
            for file in self._first_files:
                file.unlink(missing_ok=True)
            shutil.rmtree(self.held_out, ignore_errors=True)

    @property
    def _first_files(self) -> list[Path]:
        """What training writes before its first step; config.yaml, which says so, is the last."""
        return [
            self.tokenizer_file,
            self.target_tokenizer_file,
            self.codebook_file,
            self.fingerprints_file,
            self.measured_file,
            self.config_file,
        ]

    def delete_leftovers(self) -> None:
        """Delete what a killed training left half written. Call it with its lock held.

        An evaluation, an export or a picture may be under way: what those leave, the next one
        overwrites.
        """
        for folder in self.checkpoints.glob(".step-*.partial"):
            shutil.rmtree(folder, ignore_errors=True)
        later = [self.model_file, self.environment_file, self.metrics_file, self.adaptation_file]
        for file in (*self._first_files, *later):
            for partial in self.path.glob(f".{file.name}*.partial"):
                partial.unlink(missing_ok=True)
        for folder in (self.held_out, self.samples):
            for file in folder.glob(".*.partial"):
                file.unlink(missing_ok=True)

    # --- the files that translate -----------------------------------------------------------------

    def read_config(self, overrides: Sequence[str] = ()) -> Config:
        """The resolved configuration of the run, with `key=value` overrides of this moment.

        RunError says what is wrong with the file; ConfigError where it may be an override.
        """
        try:
            return load_config(self.config_file, overrides)
        except ConfigError as error:
            if self.config_file.is_file() and not os.access(self.config_file, os.R_OK):
                raise RunError(error.message, "Check the permissions.") from None
            if newer := self.newer_version:
                raise RunError(
                    f"{self.path} was made by translator {newer}, and this is {__version__}: "
                    f"{error.message}",
                    f"Upgrade translator to {newer} or later.",
                ) from None
            if overrides:
                raise
            raise RunError(
                f"the configuration of the run is damaged: {error.message}",
                "Restore the file from the configuration that made the run.",
            ) from None

    @property
    def newer_version(self) -> str:
        """The version that made the run, if it is newer than this one; empty otherwise."""
        made_by = ""
        with suppress(RunError):  # whoever reads the file for its own sake says so
            made_by = self.read_environment().get("packages", {}).get("translator", "")
        numbers = [[*map(int, re.findall(r"\d+", each))] for each in (made_by, __version__)]
        return made_by if numbers[0] > numbers[1] else ""

    def write_config(self, config: Config) -> None:
        """Keep the resolved configuration, every default written out."""
        self.write_text(self.config_file, dump_config(config))

    @property
    def tokenizer_files(self) -> list[Path]:
        """The file of the tokenizer; two if the target language has a tokenizer of its own."""
        own = [self.target_tokenizer_file] if self.target_tokenizer_file.is_file() else []
        return [self.tokenizer_file, *own]

    @property
    def files(self) -> list[Path]:
        """The files that translate."""
        drawing = [self.codebook_file] if self.codebook_file.is_file() else []
        return [self.config_file, *self.tokenizer_files, *drawing, self.model_file]

    def read_tokenizer(self) -> Tokenizer:
        """The tokenizer of the run; RunError unless it is the one that the run was made with."""
        models = [file.read_bytes() for file in self.tokenizer_files]
        made_with = self._tokenizer_sha256()
        if made_with and hashlib.sha256(b"".join(models)).hexdigest() != made_with:
            raise self._other_tokenizer()
        return Tokenizer(*models)

    def _tokenizer_sha256(self) -> str | None:
        """The hash of the tokenizer as the model tells it, or before there is one, training."""
        if not self.model_file.is_file():
            return self.read_environment().get("tokenizer_sha256")
        with suppress(OSError, ValueError):  # whoever reads the model says what is wrong with it
            return tensors_metadata(self.model_file, verify=False).get(_TOKENIZER_KEY)
        return None

    def _other_tokenizer(self) -> RunError:
        return RunError(
            f"{self.tokenizer_file} does not belong to {self.model_file.name}, or is damaged",
            "Both files, and config.yaml, must come from the same run: copy them again.",
        )

    def write_tokenizer(self, tokenizer: Tokenizer) -> None:
        """Keep the tokenizer; where there are two, the first file tells that both are there."""
        if tokenizer.target is not tokenizer:
            write_atomically(self.target_tokenizer_file, tokenizer.target.model)
        write_atomically(self.tokenizer_file, tokenizer.model)

    def read_codebook(self, config: ImageConfig) -> "Codebook":
        """The patches that the model draws with; RunError when missing or damaged."""
        import safetensors.numpy

        from translator.data import Codebook

        try:
            tensors_metadata(self.codebook_file)
            codes = safetensors.numpy.load(self.codebook_file.read_bytes())["codes"]
            if codes.shape != (config.codebook_size, 3 * config.patch_size**2):
                raise ValueError(f"its codes are {codes.shape}")
            if codes.dtype != "uint8":
                raise ValueError(f"its codes are {codes.dtype}")
        except Exception as error:  # safetensors' own error type is not public everywhere
            raise RunError(
                f"{self.codebook_file} is missing or damaged ({error})", _WHOLE_COPY
            ) from None
        return Codebook(codes, config)

    def write_codebook(self, codebook: "Codebook") -> None:
        """Keep the patches that the model draws with."""
        import safetensors.numpy

        data = safetensors.numpy.save({"codes": codebook.codes})
        write_atomically(self.codebook_file, sealed_tensors(data))

    def read_model(self, tokenizer: Tokenizer) -> "dict[str, Tensor]":
        """The best weights so far; RunError when damaged or made with another tokenizer."""
        import safetensors

        try:
            metadata = tensors_metadata(self.model_file)
            with safetensors.safe_open(self.model_file, framework="pt") as file:
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except PermissionError:
            raise
        except Exception as error:  # safetensors' own error type is not public everywhere
            raise RunError(
                f"{self.model_file} is damaged or no safetensors file ({error})", _WHOLE_COPY
            ) from None
        if metadata.get(_TOKENIZER_KEY) != tokenizer.sha256:
            raise self._other_tokenizer()
        for name, weight in weights.items():
            if (numbers := str(weight.dtype).removeprefix("torch.")) not in _NUMBERS:
                problem = f"{name} holds {numbers}"
                raise RunError(f"{self.model_file} holds no weights: {problem}", _WHOLE_COPY)
            if not weight.isfinite().all():
                raise RunError(
                    f"{self.model_file} is damaged: {name} has numbers that are not finite",
                    _WHOLE_COPY,
                )
        return weights

    def read_trained(self, device: str = "auto") -> Trained:
        """The best model so far, with all that belongs to it; RunError when missing or damaged."""
        self.check_model()
        config = self.read_config()
        from translator.hardware import choose_device
        from translator.model import blank_model, parameter_shapes

        tokenizer = self.read_tokenizer()
        weights = self.read_model(tokenizer)
        expected = parameter_shapes(config.model, tokenizer.vocabulary_size)
        if expected != {name: weight.shape for name, weight in weights.items()}:
            raise RunError(
                f"{self.model_file} does not have the shape that {self.config_file} describes",
                "Both files must come from the same run.",
            )
        model = blank_model(config.model, tokenizer.vocabulary_size)
        model.load_state_dict(weights, strict=False)  # tied names are one parameter, stored once
        return Trained(config, tokenizer, model.to(choose_device(device)))

    def model_problem(self) -> str | None:
        """What is wrong with the file of the weights, as a sentence; None when it is whole."""
        try:
            tensors_metadata(self.model_file)
        except FileNotFoundError:
            return f"{self.model_file} is missing"
        except (OSError, ValueError) as error:
            return f"{self.model_file} is damaged ({error})"
        return None

    def model_sha256(self) -> str:
        """A hash of the best weights so far: what was translated with others is out of date."""
        return _sha256(self.model_file.read_bytes())

    def write_model(
        self, weights: "dict[str, Tensor]", tokenizer: Tokenizer, weights_of: str | None = None
    ) -> None:
        """Keep weights as the best so far, with the run that they are of if not of this one."""
        import safetensors.torch

        metadata = {_TOKENIZER_KEY: tokenizer.sha256}
        if weights_of is not None:
            metadata[_WEIGHTS_OF_KEY] = weights_of
        write_atomically(self.model_file, sealed_tensors(safetensors.torch.save(weights), metadata))

    @property
    def weights_of(self) -> str | None:
        """The run that training started from, where nothing better than its weights came."""
        try:
            return tensors_metadata(self.model_file, verify=False).get(_WEIGHTS_OF_KEY)
        except (OSError, ValueError):  # whoever reads the weights says so
            return None

    # --- what training leaves ---------------------------------------------------------------------

    def write_json(self, file: Path, content: object) -> None:
        """Write a JSON file for people and programs."""
        self.write_text(file, json.dumps(content, indent=2, ensure_ascii=False) + "\n")

    def write_text(self, file: Path, text: str) -> None:
        """Write a UTF-8 file."""
        write_atomically(file, text.encode())

    def read_environment(self) -> Environment:
        """What the run was made with; empty before training has started."""
        return self._read(self.environment_file, Environment, "Delete it; training writes it.")

    def read_measured(self) -> Measurements:
        """What training measured and decided, and goes by when it goes on."""
        hint = "Train under another name (--set name=…)."
        return self._read(self.measured_file, Measurements, hint)

    def write_measured(self, content: Measurements) -> None:
        """Keep what was measured."""
        write_atomically(self.measured_file, sealed_json(content))

    def _read(self, file: Path, kind: type[T], hint: str) -> T:
        if not file.is_file():
            return kind()
        try:
            return read_object(file, kind)
        except ValueError as error:
            raise RunError(f"{file} is damaged ({error})", hint) from None

    def read_adaptation(self) -> Adaptation | None:
        """What the run was made of by `adapt`; None where it was not."""
        if not self.adaptation_file.is_file():
            return None
        return self._read(self.adaptation_file, Adaptation, "Adapt under another --name.")

    def write_adaptation(self, content: Adaptation) -> None:
        """Keep what the run is made of by `adapt`."""
        write_atomically(self.adaptation_file, sealed_json(content))

    @property
    def refused(self) -> list[str]:
        """Why `adapt` found the run no better than the one that it began from; empty otherwise."""
        with suppress(OSError, ValueError):  # whoever adapts says what is wrong with it
            return read_object(self.adaptation_file, Adaptation).get("refused", [])
        return []

    @property
    def lineage(self) -> list[Ancestor]:
        """The run that this one began from, the one that that began from, and so on."""
        known = self.read_environment().get("lineage")
        if known is not None or not self.config_file.is_file():
            return known or []
        start = self.read_config().training.start_from  # of an older version, or an import
        return [{"run": start}] if start else []

    def descent(self) -> list[Ancestor]:
        """The lineage of a run that begins from this one."""
        return [{"run": self.name, "model_sha256": self.model_sha256()}, *self.lineage]

    def keep_fingerprints(self, prepared: "PreparedDirectory", start: str | None) -> None:
        """Keep what tells the sentences trained on, in the run to start from too, if there is one.

        It belongs to the model.
        """
        with suppress(RunError):  # a damaged one is made again
            if self.read_fingerprints():
                return
        import numpy as np

        sides, metadata = _read_fingerprints(prepared.fingerprints_file)
        if start is not None:
            origin = RunDirectory.named(start)
            before = origin.read_fingerprints()
            sides |= {side: np.union1d(sides[side], before[side]) for side in before}
            unknown = origin.unknown_start if before else start
            metadata = {_UNKNOWN_KEY: unknown} if unknown else {}
        write_atomically(self.fingerprints_file, _fingerprints_bytes(sides, metadata))

    @property
    def unknown_start(self) -> str | None:
        """The run whose training text is not known, of those that this one started from."""
        if not self.fingerprints_file.is_file():
            return None
        return _read_fingerprints(self.fingerprints_file)[1].get(_UNKNOWN_KEY)

    @property
    def leakage_unknown(self) -> str:
        """Why nobody can tell whether test sentences were trained on; empty where it shows."""
        if not self.fingerprints_file.is_file():
            file = self.fingerprints_file.name
            return f"{self.name} has no {file}: whether test sentences leaked is not known"
        if self.unknown_start:
            return (
                f"{self.name} started from {self.unknown_start}, of whose training text nothing is "
                "known: test sentences may have leaked there"
            )
        return ""

    def read_fingerprints(self) -> "dict[str, Fingerprints]":
        """Fingerprints by side, source and target; empty where the run keeps none."""
        if not self.fingerprints_file.is_file():
            return {}
        return _read_fingerprints(self.fingerprints_file)[0]

    def held_out_file(self, name: str) -> Path:
        """Where a held-out set that was drawn is kept: JSON lines, the texts by their language."""
        return self.held_out / f"{name.replace('/', '.')}.jsonl"

    def keep_held_out(
        self,
        name: str,
        pairs: "Sequence[SentencePair]",
        languages: tuple[str, str],
        *,
        known: str | None = None,
    ) -> str:
        """Keep a held-out set that was drawn, unless another one of the hash `known` is kept.

        Returns the SHA-256 of what is kept, which belongs into environment.json.
        """
        from translator.data import side_names

        names = side_names(languages)
        lines = (
            json.dumps(dict(zip(names, pair, strict=True)), ensure_ascii=False) for pair in pairs
        )
        data = "".join(f"{line}\n" for line in lines).encode()
        if known in (None, _sha256(data)):
            write_atomically(self.held_out_file(name), data)
        return known or _sha256(data)

    def read_held_out(self, name: str, languages: tuple[str, str]) -> "list[SentencePair] | None":
        """The pairs of a held-out set that was drawn; None where the run keeps none.

        Raises RunError unless the file is the one that training wrote.
        """
        known = self.read_environment().get("held_out_sha256", {}).get(name)
        if known is None:
            return None
        file = self.held_out_file(name)
        try:
            data = file.read_bytes()
        except OSError as error:
            problem = f"cannot be read ({error.strerror or error})"
        else:
            problem = "" if _sha256(data) == known else "is not what training has written"
        if problem:
            raise RunError(
                f"{file}, a held-out set of the run, {problem}",
                "Copy it again from where the run was trained; there, the command that trained "
                "the run writes it anew.",
            )
        from translator.data import SentencePair, side_names

        lines = map(json.loads, data.decode().removesuffix("\n").split("\n"))
        names = side_names(languages)
        try:
            return [SentencePair(*(line[name] for name in names)) for line in lines]
        except KeyError as error:
            raise RunError(
                f"{file}, a held-out set of the run, has no texts for {error}",
                f"Restore the languages in {self.config_file} that it was made with.",
            ) from None

    def evaluation_file(self, test_set: str, decoding: DecodingConfig) -> Path:
        """Where the scores of a test set are kept; the hypotheses lie beside it."""
        return self.evaluations / f"{_as_file_name(test_set)}.beam-{decoding.beam_size}.json"

    def append_metrics(self, entry: dict[str, Any]) -> None:
        """Add a line to metrics.jsonl."""
        file = self.metrics_file
        with writing(file), file.open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(json.dumps(entry) + "\n")

    def read_metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl, each with its step; damaged ones are passed over."""
        return [entry for entry in self._metrics() if entry is not None]

    def metrics_warning(self) -> str | None:
        """How many lines of metrics.jsonl are damaged, as a sentence; None when all are whole.

        What a kill cut short, a last line without its end, is not counted.
        """
        damaged = sum(entry is None for entry in self._metrics())
        if not damaged:
            return None
        lines = f"{damaged:,} line{'s' * (damaged > 1)}"
        return f"{self.metrics_file}: {lines} damaged and passed over"

    def _metrics(self) -> Iterator[dict[str, Any] | None]:
        """Each line of metrics.jsonl; None for one that is damaged."""
        lines = self.metrics_file.read_bytes().split(b"\n") if self.metrics_file.is_file() else []
        for number, line in enumerate(lines, start=1):
            entry = _metrics_entry(line)
            if entry or number < len(lines):
                yield entry

    def rewind_metrics(self, step: int) -> None:
        """Forget what was logged after a step that training goes on from."""
        kept = [entry for entry in self.read_metrics() if entry["step"] <= step]
        self.write_text(self.metrics_file, "".join(json.dumps(entry) + "\n" for entry in kept))

    # --- checkpoints ------------------------------------------------------------------------------

    def write_checkpoint(self, checkpoint: Checkpoint, keep: int) -> None:
        """Save a checkpoint whole or not at all, then delete all but the newest `keep`."""
        import safetensors.torch

        folder = self.checkpoints / f"step-{checkpoint.step}"
        partial = self.checkpoints / f".{folder.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        checksums = {}
        for stem, tensors in checkpoint.tensors.items():
            data = safetensors.torch.save(tensors)
            checksums[f"{stem}.safetensors"] = _sha256(data)
            _write_durably(partial / f"{stem}.safetensors", data)
        state = {"step": checkpoint.step, "checksums": checksums, **checkpoint.state}
        _write_durably(partial / "state.json", sealed_json(state))
        if folder.exists():  # a damaged one that was passed over
            shutil.rmtree(folder)
        partial.rename(folder)
        steps = self.checkpoint_steps()
        newer = [step for step in steps if step > checkpoint.step]  # damaged, or not gone on from
        for step in newer + steps[len(newer) + keep :]:
            shutil.rmtree(self.checkpoints / f"step-{step}", ignore_errors=True)

    def checkpoint_steps(self) -> list[int]:
        """Steps of the complete checkpoints, newest first."""
        names = [folder.name for folder in self.checkpoints.glob("step-*") if folder.is_dir()]
        steps = [name.removeprefix("step-") for name in names]
        return sorted((int(step) for step in steps if step.isdecimal()), reverse=True)

    def _checkpoint_states(self) -> Iterator[_CheckpointState]:
        """What the checkpoints say in numbers, the newest first; damaged ones are passed over."""
        for step in self.checkpoint_steps():
            with suppress(OSError, ValueError):
                yield read_object(
                    self.checkpoints / f"step-{step}" / "state.json", _CheckpointState
                )

    def read_checkpoints(self) -> Iterator[Checkpoint | RunError]:
        """Checkpoints, newest first; a damaged one is yielded as the error that tells so."""
        import safetensors.torch

        for step in self.checkpoint_steps():
            folder = self.checkpoints / f"step-{step}"
            try:
                state: dict[str, Any] = {**read_object(folder / "state.json", _CheckpointState)}
                tensors = {}
                for name, checksum in state.pop("checksums").items():
                    data = (folder / name).read_bytes()
                    if _sha256(data) != checksum:
                        raise ValueError(f"{name} does not match its checksum")
                    tensors[name.removesuffix(".safetensors")] = safetensors.torch.load(data)
            except (OSError, ValueError) as error:
                yield RunError(f"the checkpoint {folder} is damaged: {error}", f"Delete {folder}.")
            else:
                yield Checkpoint(state.pop("step"), state, tensors)


class PreparedDirectory:
    """A directory runs/.prepared/KEY: corpora as ids, made once for all runs that learn from them.

    It is complete or not there. The key tells the content and the settings that it was made of,
    so it is never out of date; whoever deletes it loses time only.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._description_file = path / "description.json"

    def corpus_files(self, name: str) -> "CorpusFiles":
        """The files of a corpus, train or valid."""
        from translator.data import CorpusFiles

        return CorpusFiles(*(self.path / f"{name}.{part}" for part in CorpusFiles._fields))

    @property
    def fingerprints_file(self) -> Path:
        """The fingerprints of the sentences that are trained on."""
        return self.path / "fingerprints.safetensors"

    def read(self) -> Description | None:
        """What is told of the corpora; None unless all files are here, and are what was written.

        To hash them takes a second for a gigabyte, of which training reads every byte anyway.
        """
        from translator.data import corpora_fingerprint, corpus_fingerprint

        try:
            content = read_object(self._description_file, Description)
            for name, size in content["sizes"].items():
                if (self.path / name).stat().st_size != size:
                    return None
            tensors_metadata(self.fingerprints_file)
            found = (corpus_fingerprint(self.corpus_files(name)) for name in content["pairs"])
            return content if corpora_fingerprint(found) == content["fingerprint"] else None
        except (OSError, ValueError):
            return None

    def write_fingerprints(self, sides: "dict[str, Fingerprints]") -> None:
        """Write the fingerprints of the training sentences by side, source and target."""
        write_atomically(self.fingerprints_file, _fingerprints_bytes(sides))

    @contextmanager
    def make(self) -> "Iterator[tuple[PreparedDirectory, dict[str, Any]]]":
        """A directory to write the files in, and a description to fill; then it takes this place.

        What was here, and what a killed process left, is deleted. Call it with `lock` held.
        """
        partial = PreparedDirectory(self.path.with_name(f".{self.path.name}.partial"))
        for leftover in (partial.path, self.path):
            shutil.rmtree(leftover, ignore_errors=True)
        partial.path.mkdir(parents=True)
        description: dict[str, Any] = {}
        try:
            yield partial, description
            sizes = {file.name: file.stat().st_size for file in partial.path.iterdir()}
            for name in sizes:
                _sync(partial.path / name)
            content = sealed_json({**description, "sizes": sizes})
            _write_durably(partial._description_file, content)
            partial.path.rename(self.path)
        finally:
            shutil.rmtree(partial.path, ignore_errors=True)


def steps_in_all(decisions: Iterable[tuple[int, int]], step: int) -> int | None:
    """How many steps a run has by the decision under which a step was made; None before any.

    A decision is the step after which it was made, and how many steps there are since.
    """
    known = [max_steps for after, max_steps in decisions if after < max(1, step)]
    return known[-1] if known else None


def passed_over() -> str:
    """Which runs in runs/ are not taken unless they are named, and why; empty without any."""
    found = [RunDirectory(file.parent) for file in sorted(RUNS.glob("*/config.yaml"))]
    said = [
        f"{run.path.name} {'was refused by adapt' if run.refused else 'has no model yet'}"
        for run in found
        if run.refused or not run.model_file.is_file()
    ]
    return ", ".join(said[:3]) + (f" and {len(said) - 3} more" if len(said) > 3 else "")


@contextmanager
def lock(path: Path, *, seconds: float = -1.0, keep: bool = True) -> Iterator[None]:
    """Be the only process on this machine or file system that makes `path`; wait for another.

    The lock is a file beside `path`, freed by the system when its process ends in any way.
    TimeoutError is raised where another process holds it for longer than these seconds; of those
    below zero, never. Without `keep` the file is deleted at the end.
    """
    import filelock

    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.with_name(f".{path.name}.lock")
    file.touch()  # filelock takes a file that cannot be made for one that is held
    with filelock.FileLock(file, timeout=seconds):
        try:
            yield
        finally:
            if not keep:  # filelock sees that what another process has just opened is gone
                file.unlink(missing_ok=True)


def write_atomically(file: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees a part of it; makes its directory.

    OSError, of a full disk FullDiskError, leaves what was there before, and nothing beside it.
    """
    with written_aside(file, len(data)) as stream:
        stream.write(data)


@contextmanager
def written_aside(file: Path, size: int | None = None) -> Iterator[BinaryIO]:
    """A stream into a file that takes the place of `file` if nothing is raised, else vanishes.

    The file of `size` bytes, if that is known, is on the disk before it takes its place, which is
    that of its target where `file` is a symbolic link. Of several that are written at once the last
    one to be whole stays. A device, a pipe and what is a standard stream of this process are
    written to themselves.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    if not is_replaceable(file):
        with file.open("ab") as stream:  # after what stands there, where it is a file
            yield stream
        return
    place = file.resolve()
    with writing(file, size), _own_partial(place) as partial, _vanishing(partial):
        with partial.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(place)


@contextmanager
def _own_partial(place: Path) -> Iterator[Path]:
    """A file beside `place` that nobody else writes to; what a killed process left is taken anew.

    On Windows, which renames no file that is open, it is one for all.
    """
    with ExitStack() as held:
        for number in itertools.count(1):
            behind = f".{number}" if number > 1 else ""
            partial = place.with_name(f".{place.name}{behind}.partial")
            if sys.platform == "win32" or _is_ours(partial, held):
                break
        yield partial


def _is_ours(partial: Path, held: ExitStack) -> bool:
    """Make a file and lock it until `held` ends; False where another has it or moves it away."""
    import fcntl

    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT, 0o666)
    except OSError as error:
        error.filename = None  # it is the file itself that cannot be written
        raise
    held.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    try:
        return os.path.samestat(partial.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def is_replaceable(file: Path) -> bool:
    """Whether a file can be written aside and moved in."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return True
    for stream in (1, 2):
        with suppress(OSError):  # a closed one
            if os.path.samestat(status, os.fstat(stream)):
                return False
    return stat.S_ISREG(status.st_mode)


def _write_durably(file: Path, data: bytes) -> None:
    with writing(file, len(data)), _vanishing(file), file.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def _vanishing(file: Path) -> Iterator[None]:
    """Delete a file if anything is raised: what is free then is what there is room for."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            file.unlink()
        raise


def _fingerprints_bytes(
    sides: "dict[str, Fingerprints]", metadata: dict[str, str] | None = None
) -> bytes:
    """Fingerprints by side; those of both directions are the same on both sides, and kept once."""
    import numpy as np
    import safetensors.numpy

    is_one = np.array_equal(sides["source"], sides["target"])
    kept = {_BOTH_SIDES: sides["source"]} if is_one else dict(sides)
    return sealed_tensors(safetensors.numpy.save(kept), metadata)


def _read_fingerprints(file: Path) -> "tuple[dict[str, Fingerprints], dict[str, str]]":
    """Fingerprints by side, and the metadata beside them."""
    import safetensors.numpy

    try:
        metadata = tensors_metadata(file)
        sides = safetensors.numpy.load(file.read_bytes())
        names = {side: side if side in sides else _BOTH_SIDES for side in ("source", "target")}
        found = {side: sides[name] for side, name in names.items()}
        if other := {str(each.dtype) for each in found.values()} - {"uint64"}:
            raise ValueError(f"it holds {', '.join(other)}")
        return found, metadata
    except PermissionError:
        raise
    except Exception as error:  # safetensors' own error type is not public everywhere
        raise RunError(
            f"{file} is damaged ({error})",
            "Copy it again, or delete it: evaluation then cannot tell what was trained on.",
        ) from None


def _metrics_entry(line: bytes) -> dict[str, Any] | None:
    """A line of metrics.jsonl: a step and numbers; None for anything else."""
    try:
        entry = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or type(entry.get("step")) is not int:
        return None
    for each in entry.values():
        if not isinstance(each, int | float) or _LARGEST < abs(each) < math.inf:
            return None
    return entry


def _as_file_name(name: str) -> str:
    return re.sub(r"[^\w.+-]+", "-", name)


def _delete_empty(folder: Path) -> None:
    with suppress(OSError):  # something is in it
        folder.rmdir()


def _sync(file: Path) -> None:
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
