"""What would a training take? The corpora are prepared as for it, and a few steps are timed."""

import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from translator.config import Config, starting_from
from translator.data import Counts
from translator.data.sides import exchanged_sides
from translator.hardware import describe
from translator.preparation import prepare_data
from translator.progress import activity
from translator.runs import RUNS, RunDirectory
from translator.training.trainer import Trainer, fitting_tokens_per_batch

_STEPS = 5  # the first two of which are slower than all others


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What a training takes, by the few steps that were made."""

    counts: dict[str, Counts]  # by split: what became of the pairs that were read
    vocabulary_size: int
    parameters: int
    device: str
    max_steps: int | None  # None where training.max_minutes decides
    tokens_per_batch: int
    seconds_per_step: float
    seconds: float  # of all steps, without validations
    memory_bytes: int  # that the process has taken at most
    prepared: str  # the folder that keeps the prepared corpora
    warnings: tuple[str, ...] = ()


def rehearse(config: Config) -> Rehearsal:
    """Prepare the corpora, which the training will find prepared, and time some steps.

    No run is left, but the prepared corpora are.
    """
    if config.training.start_from is not None:
        start = RunDirectory.named(config.training.start_from)
        start.check_model()
        config = starting_from(config, start.read_config())
    RUNS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".dry-run-", dir=RUNS) as folder:
        run = RunDirectory(Path(folder))
        data = prepare_data(config, run)
        tokens = config.training.tokens_per_batch or fitting_tokens_per_batch(config, run, data)
        trainer = Trainer(config, run, data, tokens_per_batch=tokens)
        batches = iter(trainer.stream)
        seconds = []
        with activity("trying some steps", _STEPS, "steps") as steps:
            for _ in range(_STEPS):
                started = time.perf_counter()
                group = [next(batches) for _ in range(config.training.accumulate_batches)]
                loss, _ = trainer.train_step(group)
                float(loss)  # a GPU is waited for
                seconds.append(time.perf_counter() - started)
                steps.done += 1
    per_step = statistics.median(seconds[2:])
    minutes = config.training.max_minutes
    return Rehearsal(
        counts=data.counts,
        vocabulary_size=data.tokenizer.vocabulary_size,
        parameters=sum(p.numel() for p in trainer.model.parameters()),
        device=describe(trainer.device),
        max_steps=trainer.max_steps,
        tokens_per_batch=tokens,
        seconds_per_step=per_step,
        seconds=60 * minutes if minutes else per_step * config.training.max_steps,
        memory_bytes=_most_memory(trainer.device),
        prepared=str(run.prepared),
        warnings=tuple(map(str, exchanged_sides(config))),
    )


def _most_memory(device: torch.device) -> int:
    """The most that was taken: of a GPU's memory, else of this process's."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return 0  # not told
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
