"""What is on disk? Every path of a run directory is spelled here and nowhere else.

A file is written beside its place and moved in, so a reader sees the old one or the new one whole.
"""

import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import filelock
import numpy as np
import safetensors
import safetensors.numpy
import safetensors.torch
from torch import Tensor

from translator.config import Config, DecodingConfig, dump_config, load_config
from translator.data import CorpusFiles, Fingerprints
from translator.errors import ConfigError, RunError, writing
from translator.tokenizer import Tokenizer

RUNS = Path("runs")
RUN_VARIABLE = "TRANSLATOR_RUN"
_TOKENIZER_KEY = "tokenizer_sha256"
_UNTOLD_KEY = "not_known"


@dataclass(frozen=True)
class Checkpoint:
    """All that is needed to go on exactly from a step."""

    step: int
    state: dict[str, Any]  # numbers and names, kept as JSON
    tensors: dict[str, dict[str, Tensor]]  # file stem → name → tensor


class RunDirectory:
    """A directory runs/NAME: the files that translate, and what training leaves beside them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_file = path / "config.yaml"
        self.tokenizer_file = path / "tokenizer.model"
        self.target_tokenizer_file = path / "tokenizer.target.model"
        self.model_file = path / "model.safetensors"
        self.environment_file = path / "environment.json"
        self.measured_file = path / "measured.json"
        self.fingerprints_file = path / "training_fingerprints.safetensors"
        self.metrics_file = path / "metrics.jsonl"
        self.samples = path / "samples"
        self.checkpoints = path / "checkpoints"
        self.evaluations = path / "evaluations"
        self.tensorboard = path / "tensorboard"
        self.exports = path / "export"
        self.prepared = path.parent / ".prepared"  # what runs share, see PreparedDirectory

    @classmethod
    def find(cls, path: Path | None = None) -> "RunDirectory":
        """The run that is meant: `path`, else $TRANSLATOR_RUN, else the newest that has a model."""
        if path is None and os.environ.get(RUN_VARIABLE):
            path = Path(os.environ[RUN_VARIABLE])
        if path is not None:
            run = cls(path)
            run.check_model()
            return run
        models = [file for file in RUNS.glob("*/model.safetensors") if file.is_file()]
        if not models:
            raise RunError(
                f"there is no trained model in {RUNS}{os.sep}",
                "Train one with `translator train`, or name its directory with --run.",
            )
        run = cls(max(models, key=lambda file: file.stat().st_mtime).parent)
        run.check_model()
        return run

    def check_model(self) -> None:
        """Raise RunError unless the files that translate are here."""
        if not self.path.is_dir():
            raise RunError(
                f"there is no run directory {self.path}",
                "`translator train` makes one; --run wants the directory, such as runs/everyday.",
            )
        for file in (self.config_file, self.tokenizer_file, self.model_file):
            if not file.is_file():
                raise RunError(
                    f"{self.path} holds no {file.name}",
                    "Train it to its first validation, or name another --run.",
                )

    @property
    def has_begun(self) -> bool:
        """Whether something was learned, here or where the run was imported from."""
        learned = self.environment_file.is_file() or self.model_file.is_file()
        return learned or bool(self.checkpoint_steps())

    def forget(self) -> None:
        """Delete what training wrote before its first step, perhaps with other settings or data."""
        if self.config_file.is_file():
            own = (self.tokenizer_file, self.target_tokenizer_file, self.fingerprints_file)
            for file in (*own, self.measured_file, self.config_file):
                file.unlink(missing_ok=True)

    # --- the files that translate -----------------------------------------------------------------

    def read_config(self) -> Config:
        """The resolved configuration of the run."""
        try:
            return load_config(self.config_file)
        except ConfigError as error:
            raise RunError(
                f"the configuration of the run is damaged: {error.message}",
                "Restore the file from the configuration that made the run.",
            ) from None

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
        return [self.config_file, *self.tokenizer_files, self.model_file]

    def read_tokenizer(self) -> Tokenizer:
        """The tokenizer of the run."""
        return Tokenizer(*(file.read_bytes() for file in self.tokenizer_files))

    def write_tokenizer(self, tokenizer: Tokenizer) -> None:
        """Keep the tokenizer; where there are two, the first file tells that both are there."""
        if tokenizer.target is not tokenizer:
            write_atomically(self.target_tokenizer_file, tokenizer.target.model)
        write_atomically(self.tokenizer_file, tokenizer.model)

    def read_model(self, tokenizer: Tokenizer) -> dict[str, Tensor]:
        """The best weights so far; RunError when damaged or made with another tokenizer."""
        try:
            with safetensors.safe_open(self.model_file, framework="pt") as file:
                metadata = file.metadata() or {}
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except Exception as error:  # safetensors' own error type is not public everywhere
            raise RunError(
                f"{self.model_file} is damaged or no safetensors file ({error})",
                "Copy it again, or repeat `translator train` with the run's configuration.",
            ) from None
        if metadata.get(_TOKENIZER_KEY) != tokenizer.sha256:
            raise RunError(
                f"{self.tokenizer_file} does not belong to {self.model_file.name}",
                "Both files, and config.yaml, must come from the same run.",
            )
        return weights

    def model_sha256(self) -> str:
        """A hash of the best weights so far: what was translated with others is out of date."""
        return _sha256(self.model_file.read_bytes())

    def write_model(self, weights: dict[str, Tensor], tokenizer: Tokenizer) -> None:
        """Keep weights as the best so far."""
        data = safetensors.torch.save(weights, {_TOKENIZER_KEY: tokenizer.sha256})
        write_atomically(self.model_file, data)

    # --- what training leaves ---------------------------------------------------------------------

    def write_json(self, file: Path, content: object) -> None:
        """Write a JSON file for people and programs."""
        self.write_text(file, json.dumps(content, indent=2, ensure_ascii=False) + "\n")

    def write_text(self, file: Path, text: str) -> None:
        """Write a UTF-8 file."""
        write_atomically(file, text.encode())

    def read_environment(self) -> dict[str, Any]:
        """What the run was made with; empty before training has started."""
        return self._read_json(self.environment_file, "Delete it; training writes it.")

    def read_measured(self) -> dict[str, Any]:
        """What training measured once and holds fixed from then on: its steps, its batch size."""
        return self._read_json(self.measured_file, "Train under another name (--set name=…).")

    def write_measured(self, content: dict[str, Any]) -> None:
        """Keep what was measured."""
        self.write_json(self.measured_file, content)

    def _read_json(self, file: Path, hint: str) -> dict[str, Any]:
        if not file.is_file():
            return {}
        try:
            content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise RunError(f"{file} is damaged ({error})", hint) from None
        return content

    def keep_fingerprints(self, prepared: "PreparedDirectory", start: Path | None) -> None:
        """Keep what tells the sentences trained on, in the run to start from too, if there is one.

        It belongs to the model.
        """
        if self.fingerprints_file.is_file():
            return
        data = prepared.fingerprints_file.read_bytes()
        if start is not None:
            sides, before = safetensors.numpy.load(data), RunDirectory(start).read_fingerprints()
            sides |= {side: np.union1d(sides[side], before[side]) for side in before}
            untold = RunDirectory(start).untold_start if before else str(start)
            data = safetensors.numpy.save(sides, {_UNTOLD_KEY: untold} if untold else None)
        write_atomically(self.fingerprints_file, data)

    @property
    def untold_start(self) -> str | None:
        """The run whose training text is not known, of those that this one started from."""
        if not self.fingerprints_file.is_file():
            return None
        with safetensors.safe_open(self.fingerprints_file, framework="numpy") as file:
            metadata: dict[str, str] = file.metadata() or {}
        return metadata.get(_UNTOLD_KEY)

    def read_fingerprints(self) -> dict[str, Fingerprints]:
        """Fingerprints by side, source and target; empty where the run keeps none."""
        if not self.fingerprints_file.is_file():
            return {}
        try:
            sides = safetensors.numpy.load(self.fingerprints_file.read_bytes())
            return {side: sides[side].astype(np.uint64) for side in ("source", "target")}
        except Exception as error:  # safetensors' own error type is not public everywhere
            raise RunError(
                f"{self.fingerprints_file} is damaged ({error})",
                "Copy it again, or delete it: evaluation then cannot tell what was trained on.",
            ) from None

    def evaluation_file(self, test_set: str, decoding: DecodingConfig) -> Path:
        """Where the scores of a test set are kept; the hypotheses lie beside it."""
        name = re.sub(r"[^\w.+-]+", "-", test_set)
        return self.evaluations / f"{name}.beam-{decoding.beam_size}.json"

    def append_metrics(self, entry: dict[str, Any]) -> None:
        """Add a line to metrics.jsonl."""
        file = self.metrics_file
        with writing(file), file.open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(json.dumps(entry) + "\n")

    def read_metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl; one that a kill cut short is left out."""
        entries = []
        if self.metrics_file.is_file():
            for line in self.metrics_file.read_text(encoding="utf-8").splitlines():
                try:
                    entries.append(json.loads(line))
                except json.JSONDecodeError:
                    continue
        return entries

    def rewind_metrics(self, step: int) -> None:
        """Forget what was logged after a step that training goes on from."""
        kept = [entry for entry in self.read_metrics() if entry["step"] <= step]
        self.write_text(self.metrics_file, "".join(json.dumps(entry) + "\n" for entry in kept))

    # --- checkpoints ------------------------------------------------------------------------------

    def write_checkpoint(self, checkpoint: Checkpoint, keep: int) -> None:
        """Save a checkpoint whole or not at all, then delete all but the newest `keep`."""
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
        _write_durably(partial / "state.json", json.dumps(state, indent=2).encode())
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

    def read_checkpoints(self) -> Iterator[Checkpoint | RunError]:
        """Checkpoints, newest first; a damaged one is yielded as the error that tells so."""
        for step in self.checkpoint_steps():
            folder = self.checkpoints / f"step-{step}"
            try:
                state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
                tensors = {}
                for name, checksum in state.pop("checksums").items():
                    data = (folder / name).read_bytes()
                    if _sha256(data) != checksum:
                        raise ValueError(f"{name} does not match its checksum")
                    tensors[name.removesuffix(".safetensors")] = safetensors.torch.load(data)
                yield Checkpoint(state.pop("step"), state, tensors)
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                yield RunError(f"the checkpoint {folder} is damaged: {error}", f"Delete {folder}.")


class PreparedDirectory:
    """A directory runs/.prepared/KEY: corpora as ids, made once for all runs that learn from them.

    It is complete or not there. The key tells the content and the settings that it was made of,
    so it is never out of date; whoever deletes it loses time only.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._description_file = path / "description.json"

    def corpus_files(self, name: str) -> CorpusFiles:
        """The two files of a corpus, train or valid."""
        return CorpusFiles(self.path / f"{name}.ids", self.path / f"{name}.offsets")

    @property
    def fingerprints_file(self) -> Path:
        """The fingerprints of the sentences that are trained on."""
        return self.path / "fingerprints.safetensors"

    def read(self) -> dict[str, Any] | None:
        """What is told of the corpora; None unless all files are here in their full size."""
        try:
            content: dict[str, Any] = json.loads(self._description_file.read_text("utf-8"))
            sizes: dict[str, int] = content.pop("sizes")
            whole = all((self.path / name).stat().st_size == n for name, n in sizes.items())
        except (OSError, ValueError, KeyError, AttributeError):
            return None
        return content if whole else None

    def write_fingerprints(self, sides: dict[str, Fingerprints]) -> None:
        """Write the fingerprints of the training sentences by side, source and target."""
        write_atomically(self.fingerprints_file, safetensors.numpy.save(dict(sides)))

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
            content = json.dumps({**description, "sizes": sizes})
            _write_durably(partial._description_file, content.encode())
            partial.path.rename(self.path)
        finally:
            shutil.rmtree(partial.path, ignore_errors=True)


@contextmanager
def lock(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Be the only process on this machine or file system that makes `path`; wait for another.

    The lock is a file beside `path`, freed by the system when its process ends in any way. Without
    `wait` TimeoutError is raised where another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(path.with_name(f".{path.name}.lock"), timeout=-1 if wait else 0):
        yield


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
    that of its target where `file` is a symbolic link. A device, a pipe and what is a standard
    stream of this process are written to themselves.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    if not is_replaceable(file):
        with file.open("ab") as stream:  # after what stands there, where it is a file
            yield stream
        return
    place = file.resolve()
    partial = place.with_name(f".{place.name}.partial")
    with writing(file, size), _vanishing(partial):
        with partial.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(place)


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


def _sync(file: Path) -> None:
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
