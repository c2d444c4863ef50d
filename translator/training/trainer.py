"""The loop: a step over some batches, validations, checkpoints, and going on exactly."""

import itertools
import math
import signal
import statistics
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from translator.config import Config, goes_on
from translator.data import STREAMS, Batch, BatchStream, layout_of, stream_seed
from translator.distributed import World
from translator.errors import RunError, TranslatorError
from translator.hardware import (
    choose_device,
    choose_precision,
    is_out_of_memory,
    keep_memory,
    memory_in_use,
)
from translator.model import build_model
from translator.preparation import TrainingData
from translator.runs import Checkpoint, RunDirectory, steps_in_all
from translator.training.budget import (
    MEASURED_STEPS,
    Decision,
    Pause,
    decision_is_due,
    steps_looked_back_at,
    steps_that_fit,
)
from translator.training.clock import WorkClock
from translator.training.events import (
    Budgeted,
    Event,
    Finished,
    StepDone,
    Validated,
    Warned,
)
from translator.training.loss import loss_sum
from translator.training.optimization import (
    WorkingWeights,
    build_optimizers,
    learning_rate,
)
from translator.training.validation import Validator

_MAX_SKIPPED_STEPS = 20  # in a row, before training gives up


class Trainer:
    """A model, its optimizer and its place in the data; `fit` runs the loop.

    Of several processes (`world`) each computes its share of the rows of every batch, so the
    batches, and the mathematics, are the same however many they are. The clock says how many
    seconds this sitting has worked, what came before the training included.
    """

    def __init__(
        self,
        config: Config,
        run: RunDirectory,
        data: TrainingData,
        world: World | None = None,
        *,
        tokens_per_batch: int | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.config = config
        self.settings = config.training
        self.run = run
        self.data = data
        self.world = world or World()
        self.device = choose_device(config.device)
        keep_memory()
        self.precision = choose_precision(config.precision, self.device)
        self.model = build_model(config.model, data.tokenizer.vocabulary_size).to(self.device)
        self.weights = WorkingWeights(self.model, self.precision)
        self.optimizers = build_optimizers(self.model, self.settings)
        self.tokens_per_batch = tokens_per_batch or self.settings.tokens_per_batch or 0
        self.stream = BatchStream(
            data.train,
            self.tokens_per_batch,
            config.seed,
            views=data.views,
            layout=layout_of(config),
        )
        self.step = 0
        self.decisions: list[Decision] = []  # how many steps there are; later ones are on record
        if self.settings.max_minutes is None:
            self.decisions.append(Decision(0, self.settings.max_steps))
        self._decides = self.settings.max_minutes is not None
        self._clock = clock or WorkClock()
        self._seconds_before = 0.0  # in earlier sittings
        self.timings: deque[float] = deque(maxlen=MEASURED_STEPS)  # of this sitting's last steps
        self.pauses: dict[str, float] = {}  # how long the last validation and checkpoint took
        self.interval = _Interval()
        self.parts = 1  # in which a batch is computed: more than one when it does not fit
        self.skipped = 0
        self.skipped_in_a_row = 0
        self.validations_without_best = 0
        self.best_is_lost = False  # model.safetensors is deleted or damaged
        self.owes_validation = False  # one that is due was interrupted, or is about to begin
        self.best: dict[str, float] = {}
        self.taken = ""  # of a run that learned something else: which parts
        self._goes_on = False  # with what the run that it starts from has learned
        self.warnings: list[str] = []

    @property
    def seconds(self) -> float:
        """Of work on this run, in all sittings."""
        return self._seconds_before + self._clock()

    @property
    def max_steps(self) -> int | None:
        """How many steps there are by the decision under which the last one was made.

        None until a budget of minutes has become one of steps.
        """
        return steps_in_all(self.decisions, self.step)

    @property
    def stopped_early(self) -> bool:
        """Whether `patience` validations in a row brought no better model."""
        patience = self.settings.patience
        return patience is not None and self.validations_without_best >= patience

    @property
    def steps_are_made(self) -> bool:
        """Whether there is no step left to make."""
        return self.stopped_early or (self.max_steps is not None and self.step >= self.max_steps)

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to train, and the last model is validated."""
        return self.steps_are_made and not self.owes_validation

    def fit(self, validator: Validator) -> Iterator[Event]:
        """Train to the last step, validating and saving on the way."""
        batches = iter(self.stream)
        stopping = False
        if self.best_is_lost:
            self.best = {}
        # At the start, what is best may be what it starts from.
        self.owes_validation |= self.best_is_lost or (not self.step and self._goes_on)
        with _stop_requested() as stop:
            while not self.finished and not stopping:
                if not self.owes_validation:
                    if (
                        self._decides
                        and self.timings
                        and decision_is_due(self.decisions, self.step)
                    ):
                        yield from self._decide()
                    yield from self._timed_step(batches)
                    self.owes_validation = self._validation_is_due()
                if self.owes_validation:
                    yield from self._validate(validator, stop)
                stopping = self.world.any(stop.requested, self.device)
                due = self.step % self.settings.checkpoint_every_steps == 0
                if self.step and (due or self.finished or stopping):
                    self._save()
        yield Finished(
            run=self.run,
            step=self.step,
            completed=self.finished,
            signal=stop.signal,
            stopped_early=self.stopped_early,
            best=self.best,
            seconds=self.seconds,
        )

    def _timed_step(self, batches: Iterator[Batch]) -> Iterator[Event]:
        started = self._clock()
        group = list(itertools.islice(batches, self.settings.accumulate_batches))
        loss, tokens = self.train_step(group)
        seconds = self._clock() - started
        self.timings.append(seconds)
        self.interval.seconds += seconds
        if not self.skipped_in_a_row:
            self.interval.add(loss, tokens)
        yield self._log()
        yield from (Warned(self.step, message) for message in self.warnings)
        self.warnings.clear()

    def train_step(self, batches: list[Batch]) -> tuple[Tensor, int]:
        """One optimizer step over some batches; the summed loss and its number of target tokens.

        The loss is the sum over target tokens ÷ their number in the whole step, so a token
        weighs the same in whichever batch of the step, and in whichever process, it lies.
        """
        tokens = sum(batch.num_target_tokens for batch in batches)
        self.step += 1
        loss = self._sum_gradients(batches, tokens)
        self.update(self.world.sum(self.weights.gradients))
        return loss, tokens

    def update(self, gradients: Tensor) -> None:
        """Clip the gradients of a step and let the optimizers use them, unless not finite."""
        norm = gradients.norm()
        if not torch.isfinite(norm):
            self._skip()
            return
        gradients *= (self.settings.max_gradient_norm / (norm + 1e-6)).clamp(max=1.0)
        rate = learning_rate(self.step, self.settings, self.decisions)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        self.weights.refresh()
        self.skipped_in_a_row = 0

    def _sum_gradients(self, batches: list[Batch], tokens: int) -> Tensor:
        """Forward and backward over this process's share; its part of the summed loss.

        When memory does not suffice, the share is computed anew in twice as many parts.
        """
        self.weights.train()
        while True:
            self.weights.forget_gradients()
            # Random numbers depend on the step, not on the past: nothing of them has to be saved.
            self._seed_step()
            try:
                loss = torch.zeros((), device=self.device)
                shares = [batch.share(self.world.rank, self.world.size) for batch in batches]
                for share in shares:
                    for part in share.split(self.parts) if len(share) else []:
                        loss += self._backward(part, tokens)
                return loss
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            self._split_further(max(map(len, batches)) // self.world.size)

    def _seed_step(self) -> None:
        """Seed what the step draws from; `torch.manual_seed` would ask every kind of device."""
        on_device = self.device.type != "cpu"
        generators = [torch.default_generator]
        generators += [torch.get_device_module(self.device)] * on_device
        for each in generators:
            each.manual_seed(stream_seed(self.config.seed, "step", self.step, self.world.rank))

    def _backward(self, batch: Batch, tokens: int) -> Tensor:
        loss = loss_sum(self.weights.model, batch, self.settings.label_smoothing)
        (loss / tokens).backward()
        self.weights.collect_gradients()
        return loss.detach()

    def _split_further(self, rows: int) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if self.parts >= rows:
            raise TranslatorError(
                f"a single row of a batch does not fit into the memory of this {self.device.type}",
                "Lower data.max_tokens_per_sentence or the size of the model.",
            )
        self.parts *= 2
        size, count = self.tokens_per_batch // self.parts, self.settings.accumulate_batches
        self.warnings.append(
            f"a batch of {self.tokens_per_batch:,} tokens does not fit into memory: it is computed "
            f"in {self.parts} parts from now on (training.tokens_per_batch: {size} with "
            f"training.accumulate_batches: {count * self.parts} is the same without the failure)"
        )

    def _skip(self) -> None:
        self.skipped += 1
        self.skipped_in_a_row += 1
        self.warnings.append(
            f"the loss of step {self.step} is not finite: the step is skipped "
            f"({self.skipped} so far)"
        )
        if self.skipped_in_a_row >= _MAX_SKIPPED_STEPS:
            raise TranslatorError(
                f"the loss was not finite in {_MAX_SKIPPED_STEPS} steps in a row, "
                f"the last is step {self.step}",
                "Lower training.learning_rate or set precision: float32, under another name; "
                "the last checkpoint is kept.",
            )

    def _decide(self) -> Iterator[Event]:
        """Give the run as many steps as fit into what is left of training.max_minutes."""
        left = (self.settings.max_minutes or 0.0) * 60 - self.seconds
        last = steps_looked_back_at(self.decisions, self.step)
        seconds = statistics.median(list(self.timings)[-last:])
        pauses = (
            Pause(self.settings.validate_every_steps, self.pauses.get("validation", 0.0)),
            Pause(self.settings.checkpoint_every_steps, self.pauses.get("checkpoint", 0.0)),
        )
        fitting = max(1, steps_that_fit(left, self.step, seconds, pauses))
        if left < 0 and not self.decisions:
            yield Warned(
                self.step,
                f"all {self.settings.max_minutes:g} minutes were over after {self.step} steps and "
                "what comes before them: raise training.max_minutes",
            )
        self.decisions.append(Decision(self.step, self.world.gather(self.step + fitting)[0]))
        if self.world.is_main:
            measured = self.run.read_measured()
            measured["decisions"] = [*self.decisions]
            self.run.write_measured(measured)
        yield Budgeted(*self.decisions[-1], seconds)

    def _validation_is_due(self) -> bool:
        """Now and then and at the end; once by half of a budget, in which it has to fit too."""
        if self.steps_are_made or self.step % self.settings.validate_every_steps == 0:
            return True
        unknown = self._decides and "validation" not in self.pauses
        return unknown and self.max_steps is not None and 2 * self.step >= self.max_steps

    def _save(self) -> None:
        """Write a checkpoint, and how long that takes to where the next decision finds it."""
        started = self._clock()
        self._gather_interval()
        if self.world.is_main:
            self.run.write_checkpoint(self.checkpoint(), self.settings.keep_checkpoints)
        self.pauses["checkpoint"] = self._clock() - started

    def _log(self) -> StepDone:
        if self.step % self.settings.log_every_steps and not self.steps_are_made:
            return StepDone(self.step, seconds=self.seconds)
        interval = self.interval
        total = float(self.world.sum(self._loss_of(interval)))
        loss = total / interval.tokens if interval.tokens else None  # every step was skipped
        rate = learning_rate(self.step, self.settings, self.decisions)
        speed = interval.tokens / interval.seconds
        done = StepDone(self.step, loss, speed, rate, self.seconds)
        self._append_metrics(
            {
                "step": self.step,
                **({} if loss is None else {"train_loss": loss}),
                "learning_rate": rate,
                "tokens_per_second": round(speed),
                "epoch": self.stream.position["epoch"],
                "seconds": round(self.seconds, 3),
                "skipped_steps": self.skipped,
            }
        )
        self.interval = _Interval()
        return done

    def _gather_interval(self) -> None:
        """Let the main process hold the loss of all, since its checkpoint speaks for all."""
        if self.world.size > 1:
            total = self.world.sum(self._loss_of(self.interval))
            self.interval.loss = total if self.world.is_main else 0.0

    def _loss_of(self, interval: "_Interval") -> Tensor:
        """A copy of its loss on the device, where all processes add theirs up."""
        return torch.as_tensor(interval.loss, device=self.device).clone()

    def _append_metrics(self, entry: dict[str, float | None]) -> None:
        if self.world.is_main:
            self.run.append_metrics(entry)

    def _validate(self, validator: Validator, stop: "_Stop") -> Iterator[Event]:
        """Ask the validator about the model, and keep the best one.

        Whoever wants to stop does not wait for it: it is the first thing that the next sitting
        does. Several processes validate together, to the end.
        """
        is_alone = self.world.size == 1
        if is_alone and stop.requested:
            return
        started = self._clock()
        try:
            with stop.at_once() if is_alone else nullcontext():
                found = validator(self.model, self.tokens_per_batch)
        except _Stopped:
            return
        is_best = self._is_best(found.scores)
        self.validations_without_best = 0 if is_best else self.validations_without_best + 1
        result = Validated(self.step, found.scores, is_best, found.samples)
        self._record(result)
        self.pauses["validation"] = self._clock() - started
        self.owes_validation = False
        yield result

    def _is_best(self, scores: dict[str, float]) -> bool:
        """By the metric; of equal values, such as 0 at first, by the loss, of which NaN is last."""

        def rank(values: dict[str, float]) -> tuple[float, float]:
            metric, loss = self.settings.best_metric, values["loss"]
            loss = math.inf if math.isnan(loss) else loss
            return (0.0 if metric == "loss" else values[metric]), -loss

        return not self.best or rank(scores) > rank(self.best)

    def _record(self, result: Validated) -> None:
        if result.is_best:
            self.best = {"step": result.step, **result.scores}
        if not self.world.is_main:
            return
        if result.is_best:
            weights = {name: p.detach().cpu() for name, p in self.model.named_parameters()}
            start = None if result.step else self.settings.start_from
            self.run.write_model(weights, self.data.tokenizer, weights_of=start)
        valid = {f"valid_{name}": value for name, value in result.scores.items()}
        self._append_metrics({"step": result.step, **valid})
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
        }
        for index, optimizer in enumerate(self.optimizers):
            tensors[f"optimizer-{index}"] = {
                f"{parameter}.{name}": torch.as_tensor(value).cpu()
                for parameter, state in optimizer.state_dict()["state"].items()
                for name, value in state.items()
            }
        state = {
            "streams": STREAMS,
            "position": dict(self.stream.position),
            "best": self.best,
            "parts": self.parts,
            "skipped": self.skipped,
            "skipped_in_a_row": self.skipped_in_a_row,
            "validations_without_best": self.validations_without_best,
            "owes_validation": self.owes_validation,
            "seconds": self.seconds,
            "pauses": self.pauses,
            "interval": vars(self.interval) | {"loss": float(self.interval.loss)},
        }
        return Checkpoint(self.step, state, tensors)

    def resume(self) -> list[str]:
        """Go on from the newest whole checkpoint, if there is one; warnings about damaged ones."""
        warnings = []
        streams = STREAMS
        for checkpoint in self.run.read_checkpoints():
            if isinstance(checkpoint, RunError):
                warnings.append(f"{checkpoint.message}; it is passed over")
                continue
            self._restore_whole(checkpoint)
            streams = checkpoint.state.get("streams", 0)
            if self.best and (problem := self.run.model_problem()):
                warnings.append(f"{problem}; the model of step {self.step} takes its place")
                self.best_is_lost = True
            break
        if not self.step:
            self._refuse_to_overwrite(warnings)
            if self.settings.start_from is not None:
                self._start_from(self.settings.start_from)
        if self.settings.max_minutes is not None:
            self._read_decisions()
        if streams != STREAMS and not self.steps_are_made:
            raise RunError(
                f"{self.run.path} was begun by a version of translator that drew the order of the "
                "training pairs otherwise: it cannot go on exactly",
                "Finish it with that version, or train under another name (--set name=…).",
            )
        self.world.agree("the step to go on from", self.step)
        if self.world.is_main:
            if lost := self._lost_metrics():
                warnings.append(lost)
            if damaged := self.run.metrics_warning():
                warnings.append(damaged)
            self.run.rewind_metrics(self.step or -1)  # a first validation is made again
        return warnings

    def _read_decisions(self) -> None:
        measured = self.run.read_measured()
        self.decisions = [Decision(*each) for each in measured.get("decisions", [])]
        if "max_steps" in measured:  # by an earlier version, which decided once
            self.decisions = [Decision(MEASURED_STEPS, measured["max_steps"])]
            self._decides = False

    def _last_logged(self) -> int:
        """The last step in metrics.jsonl; 0 without any."""
        return max((int(entry["step"]) for entry in self.run.read_metrics()), default=0)

    def _lost_metrics(self) -> str | None:
        """Which steps metrics.jsonl should have reached and has not, as a sentence."""
        unlogged = 0 if self.steps_are_made else self.step % self.settings.log_every_steps
        logged, last = self.step - unlogged, self._last_logged()
        if last >= logged:
            return None
        return f"{self.run.metrics_file} has no lines of steps {last + 1:,} to {logged:,}"

    def _refuse_to_overwrite(self, warnings: list[str]) -> None:
        """A model whose checkpoints are all damaged, deleted or not copied is not to be lost."""
        are_lost = warnings or not self.run.checkpoints.is_dir()
        are_lost = are_lost or self._last_logged() > self.settings.checkpoint_every_steps
        if self.run.model_file.is_file() and are_lost:
            reasons = "".join(f"; {warning}" for warning in warnings)
            raise RunError(
                f"{self.run.path} holds a trained model but no checkpoint to go on from{reasons}",
                "Train under another name (--set name=…), or delete the directory.",
            )

    def _start_from(self, path: str) -> None:
        """Take the weights of another run, which has the same tokenizer, by their names.

        Where this run was begun before, they are those that it began with.
        """
        directory = RunDirectory.named(path)
        start = directory.read_trained("cpu")
        known = self.run.read_environment().get("lineage") or [{"run": path}]
        other = ""
        if start.tokenizer.sha256 != self.data.tokenizer.sha256:
            other = "another tokenizer"
        elif known[0].get("model_sha256") not in (None, directory.model_sha256()):
            other = "other weights"
        if other:
            raise RunError(
                f"{path} has {other} now than when {self.run.path} was begun",
                "Train under another name (--set name=…), or delete the directory.",
            )
        self._goes_on = goes_on(self.config, start.config)
        taken, new = take_weights(start.model, self.model)
        self.weights.refresh()
        if not self._goes_on:
            self.taken = f"{_parts(taken)} of {path}; new: {_parts(new)}"

    def _restore_whole(self, checkpoint: Checkpoint) -> None:
        try:
            self._restore(checkpoint)
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
            folder = self.run.checkpoints / f"step-{checkpoint.step}"
            raise RunError(
                f"the checkpoint {folder} does not hold what training needs", f"Delete {folder}."
            ) from None

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.step = checkpoint.step
        self.stream.position = checkpoint.state["position"]
        self.best = checkpoint.state["best"]
        for name in ("parts", "skipped", "skipped_in_a_row", "validations_without_best"):
            setattr(self, name, checkpoint.state[name])
        self.owes_validation = checkpoint.state.get("owes_validation", False)
        self._seconds_before = checkpoint.state["seconds"]
        self.pauses = dict(checkpoint.state.get("pauses", {}))
        self.interval = _Interval(**checkpoint.state["interval"])
        if not self.world.is_main:
            self.interval.loss = 0.0
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


def fitting_tokens_per_batch(config: Config, run: RunDirectory, data: TrainingData) -> int:
    """The largest batch of 1,024 · 2ⁿ tokens whose step leaves a quarter of the memory free.

    Beyond 4,096 tokens a CPU gains no speed, and beyond 32,768 a GPU hardly any.
    """
    device = choose_device(config.device)
    fitting, most = 1024, 32_768 if device.type == "cuda" else 4096
    while fitting < most:
        trainer = Trainer(config, run, data, tokens_per_batch=2 * fitting)
        batches = iter(trainer.stream)
        for _ in range(2):  # the optimizer's state is there from the first step on
            trainer.train_step([next(batches)])
        if trainer.parts > 1 or memory_in_use(device) > 0.75:
            break
        fitting *= 2
    return fitting


@torch.no_grad()
def take_weights(source: nn.Module, target: nn.Module) -> tuple[list[str], list[str]]:
    """Copy the parameters of which both models have one of a name; names of those, and the others.

    A tied parameter has several names.
    """
    theirs = source.state_dict()
    names: dict[Tensor, list[str]] = {}
    for name, parameter in target.state_dict(keep_vars=True).items():
        names.setdefault(parameter, []).append(name)
    taken: list[str] = []
    new: list[str] = []
    for name, parameter in target.named_parameters():
        found = [theirs[each] for each in names[parameter] if each in theirs]
        if found:
            parameter.copy_(found[0])
        (taken if found else new).append(name)
    return taken, new


def _parts(names: list[str]) -> str:
    """The parts of a model that parameters are of, such as encoder, output."""
    parts = dict.fromkeys(name.split(".")[0].replace("_", " ") for name in names)
    return ", ".join(parts) or "nothing"


@dataclass
class _Interval:
    """Loss and tokens since the last log line; the loss stays on its device until it is read."""

    loss: Tensor | float = 0.0
    tokens: int = 0
    seconds: float = 0.0

    def add(self, loss: Tensor, tokens: int) -> None:
        self.loss = self.loss + loss
        self.tokens += tokens


class _Stopped(BaseException):
    """What is under way is not to be waited for; no handler of errors is to take it for one."""


class _Stop:
    """A wish to stop, which the step under way hears at its end."""

    def __init__(self) -> None:
        self.requested = False
        self.signal: int | None = None
        self._at_once = False

    def request(self, number: int, frame: object) -> None:
        """The handler of a signal; the second signal interrupts."""
        if self.requested:
            raise KeyboardInterrupt(number)
        self.requested, self.signal = True, number
        if self._at_once:
            raise _Stopped

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Raise _Stopped where a wish to stop comes within the block."""
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False


@contextmanager
def _stop_requested() -> Iterator[_Stop]:
    """A wish to stop that SIGINT and SIGTERM express, so that the step under way ends whole.

    A second SIGINT interrupts at once. Outside the main thread signals stay as they are.
    """
    stop = _Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    previous = {
        number: signal.signal(number, stop.request) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
