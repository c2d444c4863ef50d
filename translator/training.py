"""How does it learn? From a configuration to a run directory, resumable to the bit."""

import copy
import itertools
import math
import platform
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, nn

from translator.config import Config, TrainingConfig
from translator.data import Batch, BatchStream, Counts, all_batches
from translator.errors import RunError, TranslatorError
from translator.evaluation import score
from translator.functional import cross_entropy_sum
from translator.hardware import choose_device, choose_precision, describe, keep_memory
from translator.model import Seq2SeqTransformer, build_model
from translator.preparation import TrainingData, prepare_data
from translator.runs import RUNS, Checkpoint, RunDirectory
from translator.translation import Translator

_SAMPLES = 3  # sentences shown at every validation
_MAX_SKIPPED_STEPS = 20  # in a row, before training gives up


# --- what training tells --------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """What is about to happen, told before the first step."""

    run: RunDirectory
    config: Config
    counts: dict[str, Counts]  # by split: what became of the pairs that were read
    vocabulary_size: int
    parameters: int
    device: str
    precision: str
    first_step: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepDone:
    """An optimizer step; `loss` is the mean per target token since the last one that had it."""

    step: int
    loss: float | None
    tokens_per_second: float | None


@dataclass(frozen=True)
class Validated:
    """What the validation set says."""

    step: int
    loss: float  # cross-entropy in nats per target token, without label smoothing
    bleu: float
    chrf: float
    is_best: bool
    samples: tuple[tuple[str, str, str], ...]  # source, reference, hypothesis


@dataclass(frozen=True)
class Finished:
    """Training is over: all steps were made, or it was asked to stop and can go on from `step`."""

    run: RunDirectory
    step: int
    completed: bool
    best: dict[str, float]  # of the best model: step, loss, bleu, chrf; empty before a validation
    seconds: float  # of training in all sittings


Event = Plan | StepDone | Validated | Finished


def train(config: Config) -> Iterator[Event]:
    """Train a model in runs/NAME, or continue the unfinished run of the same configuration.

    Yields what happens, as it happens. SIGINT and SIGTERM end it after the step under way, with a
    checkpoint written. Raises RunError when runs/NAME holds another configuration or other data.
    """
    torch.manual_seed(config.seed)
    run = RunDirectory(RUNS / config.name)
    _claim(run, config)
    data = prepare_data(config, run)
    trainer = Trainer(config, run, data)
    warnings = trainer.resume()
    environment = {**_environment(config, trainer), **run.read_environment()}
    _check_fingerprint(environment, data)
    run.write_json(run.environment_file, environment)
    yield Plan(
        run,
        config,
        data.counts,
        data.tokenizer.vocabulary_size,
        sum(p.numel() for p in trainer.model.parameters()),
        describe(trainer.device),
        str(trainer.precision).removeprefix("torch."),
        trainer.step,
        tuple(warnings),
    )
    yield from trainer.fit()


# --- the trainer ----------------------------------------------------------------------------------


class Trainer:
    """A model, its optimizer and its place in the data; `fit` runs the loop."""

    def __init__(self, config: Config, run: RunDirectory, data: TrainingData) -> None:
        self.config = config
        self.settings = config.training
        self.run = run
        self.data = data
        self.device = choose_device(config.device)
        keep_memory()
        self.precision = choose_precision(config.precision, self.device)
        self.model = build_model(config.model, data.tokenizer.vocabulary_size).to(self.device)
        self.weights = WorkingWeights(self.model, self.precision)
        self.optimizers = build_optimizers(self.model, self.settings)
        self.stream = BatchStream(
            data.train, self.settings.tokens_per_batch, config.seed, data.augmenter
        )
        self.step = 0
        self.seconds = 0.0
        self.interval = _Interval()
        self.skipped_in_a_row = 0
        self.best: dict[str, float] = {}

    def fit(self) -> Iterator[Event]:
        """Train to the last step, validating and saving on the way."""
        batches = iter(self.stream)
        stopping = False
        with _stop_requested() as stop:
            while self.step < self.settings.max_steps and not stopping:
                started = time.perf_counter()
                group = list(itertools.islice(batches, self.settings.accumulate_batches))
                loss, tokens = self.train_step(group)
                seconds = time.perf_counter() - started
                self.seconds += seconds
                self.interval.add(loss, tokens, seconds)
                yield self._log()
                last = self.step >= self.settings.max_steps
                if last or self.step % self.settings.validate_every_steps == 0:
                    yield self.validate()
                stopping = stop.is_set()
                if last or stopping or self.step % self.settings.checkpoint_every_steps == 0:
                    self.run.write_checkpoint(self.checkpoint(), self.settings.keep_checkpoints)
        yield Finished(
            self.run,
            self.step,
            self.step >= self.settings.max_steps,
            self.best,
            self.seconds,
        )

    def train_step(self, batches: list[Batch]) -> tuple[Tensor, int]:
        """One optimizer step over some batches; the summed loss and its number of target tokens.

        The loss is the sum over target tokens ÷ their number in the whole step, so a token
        weighs the same in whichever batch of the step it lies.
        """
        self.weights.train()
        tokens = sum(batch.num_target_tokens for batch in batches)
        total = torch.zeros((), device=self.device)
        for batch in batches:
            loss = loss_sum(
                self.weights.model, batch.to(self.device), self.settings.label_smoothing
            )
            (loss / tokens).backward()
            self.weights.collect_gradients()
            total += loss.detach()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.max_gradient_norm)
        self.step += 1
        if torch.isfinite(norm):
            rate = learning_rate(self.step, self.settings)
            for optimizer in self.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = rate
                optimizer.step()
            self.weights.refresh()
            self.skipped_in_a_row = 0
        else:
            self.skipped_in_a_row += 1
            if self.skipped_in_a_row >= _MAX_SKIPPED_STEPS:
                raise TranslatorError(
                    f"the loss was not finite in {_MAX_SKIPPED_STEPS} steps in a row, "
                    f"the last is step {self.step}",
                    "Lower training.learning_rate or set precision: float32, under another name; "
                    "the last checkpoint is kept.",
                )
        self.model.zero_grad()
        return total, tokens

    def _log(self) -> StepDone:
        interval = self.interval
        if self.step % self.settings.log_every_steps and self.step < self.settings.max_steps:
            return StepDone(self.step, None, None)
        done = StepDone(self.step, interval.mean_loss, interval.tokens / interval.seconds)
        self.run.append_metrics(
            {
                "step": self.step,
                "train_loss": done.loss,
                "learning_rate": learning_rate(self.step, self.settings),
                "tokens_per_second": round(done.tokens_per_second or 0.0),
                "epoch": self.stream.position["epoch"],
                "seconds": round(self.seconds, 3),
            }
        )
        self.interval = _Interval()
        return done

    @torch.inference_mode()
    def validate(self) -> Validated:
        """Loss on valid, BLEU and chrF of greedy translations; keeps the best model."""
        self.model.eval()
        total, tokens = 0.0, 0
        for batch in all_batches(self.data.valid, self.settings.tokens_per_batch):
            total += float(loss_sum(self.model, batch.to(self.device)))
            tokens += batch.num_target_tokens
        pairs = random.Random(self.config.seed).sample(
            self.data.valid_pairs, min(self.settings.validation_pairs, len(self.data.valid_pairs))
        )
        greedy = self.config.decoding.model_copy(update={"beam_size": 1})
        translator = Translator(self.config, self.data.tokenizer, self.model)
        texts = [t.text for t in translator.translate([pair.source for pair in pairs], greedy)]
        bleu, chrf = (s.score for s in score(texts, [pair.target for pair in pairs]))
        samples = tuple((*pair, text) for pair, text in zip(pairs, texts, strict=True))[:_SAMPLES]
        result = Validated(
            self.step,
            total / tokens,
            bleu,
            chrf,
            self._is_best(total / tokens, bleu, chrf),
            samples,
        )
        self._record(result)
        return result

    def _is_best(self, loss: float, bleu: float, chrf: float) -> bool:
        metric = self.settings.best_metric
        value = {"loss": -loss, "bleu": bleu, "chrf": chrf}[metric]
        best = self.best.get(metric)
        return best is None or value > (-best if metric == "loss" else best)

    def _record(self, result: Validated) -> None:
        scores = {
            "step": result.step,
            "loss": result.loss,
            "bleu": result.bleu,
            "chrf": result.chrf,
        }
        if result.is_best:
            self.best = scores
            weights = {name: p.detach().cpu() for name, p in self.model.named_parameters()}
            self.run.write_model(weights, self.data.tokenizer)
        self.run.append_metrics(
            {
                "step": result.step,
                "valid_loss": result.loss,
                "valid_bleu": result.bleu,
                "valid_chrf": result.chrf,
            }
        )
        self.run.write_json(
            self.run.samples / f"step-{result.step}.json",
            [
                dict(zip(("source", "reference", "hypothesis"), s, strict=True))
                for s in result.samples
            ],
        )

    # --- going on exactly -------------------------------------------------------------------------

    def checkpoint(self) -> Checkpoint:
        """Everything that the next step depends on."""
        tensors = {
            "model": {name: p.detach().cpu() for name, p in self.model.named_parameters()},
            "random": {"cpu": torch.get_rng_state()},
        }
        if self.device.type == "cuda":
            tensors["random"]["cuda"] = torch.cuda.get_rng_state(self.device)
        elif self.device.type == "mps":
            tensors["random"]["mps"] = torch.mps.get_rng_state()
        for index, optimizer in enumerate(self.optimizers):
            tensors[f"optimizer-{index}"] = {
                f"{parameter}.{name}": torch.as_tensor(value).cpu()
                for parameter, state in optimizer.state_dict()["state"].items()
                for name, value in state.items()
            }
        state = {
            "position": dict(self.stream.position),
            "best": self.best,
            "skipped_in_a_row": self.skipped_in_a_row,
            "seconds": self.seconds,
            "interval": vars(self.interval) | {"loss": float(self.interval.loss)},
        }
        return Checkpoint(self.step, state, tensors)

    def resume(self) -> list[str]:
        """Go on from the newest whole checkpoint, if there is one; warnings about damaged ones."""
        warnings = []
        for checkpoint in self.run.read_checkpoints():
            if isinstance(checkpoint, RunError):
                warnings.append(f"{checkpoint.message}; it is passed over")
                continue
            self._restore(checkpoint)
            break
        if not self.step:
            self._refuse_to_overwrite()
        self.run.rewind_metrics(self.step)
        return warnings

    def _refuse_to_overwrite(self) -> None:
        """A model whose checkpoints were deleted or not copied along is not to be lost."""
        if self.run.model_file.is_file() and not self.run.checkpoints.is_dir():
            raise RunError(
                f"{self.run.path} holds a trained model but no checkpoint to go on from",
                "Train under another name (--set name=…), or delete the directory.",
            )

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.step = checkpoint.step
        self.stream.position = checkpoint.state["position"]
        self.best = checkpoint.state["best"]
        self.skipped_in_a_row = checkpoint.state["skipped_in_a_row"]
        self.seconds = checkpoint.state["seconds"]
        self.interval = _Interval(**checkpoint.state["interval"])
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(checkpoint.tensors["model"][name])
        self.weights.refresh()
        for index, optimizer in enumerate(self.optimizers):
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in checkpoint.tensors[f"optimizer-{index}"].items():
                parameter_index, _, name = key.partition(".")
                state.setdefault(int(parameter_index), {})[name] = value
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        torch.set_rng_state(checkpoint.tensors["random"]["cpu"])
        if "cuda" in checkpoint.tensors["random"] and self.device.type == "cuda":
            torch.cuda.set_rng_state(checkpoint.tensors["random"]["cuda"], self.device)
        if "mps" in checkpoint.tensors["random"] and self.device.type == "mps":
            torch.mps.set_rng_state(checkpoint.tensors["random"]["mps"])


def loss_sum(model: Seq2SeqTransformer, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of a batch, summed over its target tokens, in float32."""
    states = model(
        batch.source, batch.source_segments, batch.decoder_input, batch.target_segments
    )  # [R, T, D]
    return cross_entropy_sum(
        states.flatten(0, 1), model.output.weight, batch.labels.flatten(), label_smoothing
    )


def learning_rate(step: int, settings: TrainingConfig) -> float:
    """The rate of optimizer step 1 … max_steps: a linear rise, then the schedule's fall."""
    warmup = settings.warmup_steps
    if step <= warmup:
        return settings.learning_rate * step / warmup
    done = (step - warmup - 1) / max(1, settings.max_steps - warmup)  # 0 … just below 1
    match settings.schedule:
        case "linear":
            factor = 1.0 - done
        case "cosine":
            factor = 0.5 * (1.0 + math.cos(math.pi * done))
        case "inverse_sqrt":  # Vaswani et al. (2017), equation 3
            factor = (max(1, warmup) / step) ** 0.5
        case "constant":
            factor = 1.0
    return settings.learning_rate * factor


def build_optimizers(model: nn.Module, settings: TrainingConfig) -> list[torch.optim.Optimizer]:
    """AdamW for everything, or Muon for the matrices inside the layers and AdamW for the rest.

    Weight decay is for matrices only: a decayed norm or bias is a smaller model for no reason.
    Muon (Jordan et al., 2024) is scaled to AdamW's step size (Liu et al., 2025), so that one
    learning rate serves both.
    """
    named = dict(model.named_parameters())
    inner = [n for n, p in named.items() if p.dim() == 2 and ".layers." in n]
    matrices = [n for n, p in named.items() if p.dim() == 2 and n not in inner]
    vectors = [n for n, p in named.items() if p.dim() != 2]
    optimizers: list[torch.optim.Optimizer] = []
    if settings.optimizer == "muon":
        optimizers.append(
            torch.optim.Muon(
                [named[n] for n in inner],
                lr=settings.learning_rate,
                weight_decay=settings.weight_decay,
                momentum=0.95,
                adjust_lr_fn="match_rms_adamw",
            )
        )
    else:
        matrices += inner
    groups = [
        {"params": [named[n] for n in matrices], "weight_decay": settings.weight_decay},
        {"params": [named[n] for n in vectors], "weight_decay": 0.0},
    ]
    betas = (settings.beta1, settings.beta2)
    optimizers.append(
        torch.optim.AdamW(groups, lr=settings.learning_rate, betas=betas, eps=1e-9, fused=True)
    )
    return optimizers


class WorkingWeights:
    """The weights that the forward and backward passes use.

    In float32 they are the model's own. In bfloat16 they are a copy, refreshed after each step:
    the float32 originals take the small updates that bfloat16 would round away, and no cast is
    repeated within a step.
    """

    def __init__(self, model: Seq2SeqTransformer, precision: torch.dtype) -> None:
        self._originals: list[Tensor] = list(model.parameters())
        self.model = model
        if precision != torch.float32:
            self.model = copy.deepcopy(model).to(precision)
        self._copies: list[Tensor] = list(self.model.parameters())

    def train(self) -> None:
        """Switch dropout on."""
        self.model.train()

    def collect_gradients(self) -> None:
        """Add the gradients of the copies to those of the originals, in float32."""
        if self._copies[0] is self._originals[0]:
            return
        for original, working in zip(self._originals, self._copies, strict=True):
            if working.grad is None:
                continue
            if original.grad is None:
                original.grad = working.grad.float()
            else:
                original.grad += working.grad
            working.grad = None

    @torch.no_grad()
    def refresh(self) -> None:
        """Round the originals to the copies anew."""
        if self._copies[0] is not self._originals[0]:
            torch._foreach_copy_(self._copies, self._originals)


@dataclass
class _Interval:
    """Loss and tokens since the last log line; the loss stays on its device until it is read."""

    loss: Tensor | float = 0.0
    tokens: int = 0
    seconds: float = 0.0

    def add(self, loss: Tensor, tokens: int, seconds: float) -> None:
        self.loss = self.loss + loss
        self.tokens += tokens
        self.seconds += seconds

    @property
    def mean_loss(self) -> float:
        return float(self.loss) / self.tokens


@contextmanager
def _stop_requested() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, so that the step under way ends whole.

    A second SIGINT interrupts at once. Outside the main thread signals stay as they are.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def request(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    previous = {
        number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


# --- one run, one configuration, one corpus -------------------------------------------------------


def _claim(run: RunDirectory, config: Config) -> None:
    """Write the configuration of a new run; refuse to mix two configurations in one directory."""
    try:
        if not run.config_file.is_file():
            run.checkpoints.mkdir(parents=True, exist_ok=True)
            run.write_config(config)
            return
    except OSError as error:
        raise RunError(
            f"cannot write {run.path}: {error.strerror}", "Check the permissions and the disk."
        ) from None
    old, new = run.read_config().model_dump(), config.model_dump()
    changes = [
        f"{key}: {old_value} → {new_value}"
        for (key, old_value), (_, new_value) in zip(_flat(old), _flat(new), strict=False)
        if old_value != new_value
    ]
    if old != new:
        raise RunError(
            f"{run.path} was made with another configuration ({'; '.join(changes)})",
            "Train under another name (--set name=…), or delete the directory.",
        )


def _flat(section: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, dict) and prefix.count(".") < 1:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _check_fingerprint(environment: dict[str, Any], data: TrainingData) -> None:
    if environment["data_fingerprint"] != data.fingerprint:
        raise RunError(
            "the training data are not those that the run began with",
            "Bring the old files back, or train under another name (--set name=…).",
        )


def _environment(config: Config, trainer: Trainer) -> dict[str, Any]:
    packages = ("translator", "torch", "sentencepiece", "sacrebleu", "safetensors", "numpy")
    return {
        "packages": {name: version(name) for name in packages},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": describe(trainer.device),
        "precision": str(trainer.precision).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "command": " ".join(sys.argv),
        "seed": config.seed,
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "vocabulary_size": trainer.data.tokenizer.vocabulary_size,
        "pairs": {name: vars(counts) for name, counts in trainer.data.counts.items()},
        "data_fingerprint": trainer.data.fingerprint,
    }
