"""Who else keeps the figures of a training: TensorBoard, Weights & Biases, trackio.

A tracker is handed scalars by name. Its library is imported where a training asks for it.
"""

import importlib
import os
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, redirect_stdout
from typing import Any, Protocol

from translator.config import TrackerName
from translator.errors import MissingLibraryError, TranslatorError, writing
from translator.runs import RUNS, RunDirectory
from translator.training.events import Event, Plan, StepDone, Validated

_PROJECT = "translator"  # the others' word for a set of runs
_PATIENCE = 10.0  # seconds without an answer
_TAGS = {  # names of metrics.jsonl → names of scalars
    "train_loss": "train/loss",
    "learning_rate": "train/learning_rate",
    "tokens_per_second": "train/tokens_per_second",
}
_LIBRARIES = {
    "tensorboard": "torch.utils.tensorboard",
    "wandb": "wandb",
    "trackio": "trackio",
}


class Tracker(Protocol):
    """Keeps the scalars of a training; one that goes on is continued, and no point is doubled."""

    def log(self, scalars: Mapping[str, float], step: int) -> None:
        """Keep scalars of a step, by their names."""

    def close(self) -> None:
        """Write what is not written yet."""


def with_trackers(
    events: Iterator[Event], name: str, trackers: Sequence[TrackerName]
) -> Generator[Event, None, None]:
    """Pass on the events of `train` in runs/NAME, and hand their figures to these trackers.

    Raises MissingLibraryError before training begins, and TranslatorError when a tracker refuses.
    """
    for tracker in trackers:
        _check_installed(tracker)
    told = _last_steps(RunDirectory(RUNS / name))  # before a resumed training rewinds it
    plan = next(events)
    if not isinstance(plan, Plan):
        raise TypeError("the events of a training begin with its Plan")
    yield plan
    with ExitStack() as stack:
        opened = [stack.enter_context(closing(_OPEN[each](plan, told))) for each in trackers]
        for event in events:
            if scalars := _scalars(event):
                for each in opened:
                    each.log(*scalars)
            yield event


def _check_installed(tracker: TrackerName) -> None:
    try:
        importlib.import_module(_LIBRARIES[tracker])
    except ImportError:
        raise MissingLibraryError(
            f"training.trackers has {tracker}, which is not installed", tracker
        ) from None


def _scalars(event: Event) -> tuple[dict[str, float], int] | None:
    """The figures of an event, and its step."""
    match event:
        case StepDone(step, loss, tokens_per_second, learning_rate) if loss is not None:
            figures = zip(_TAGS.values(), (loss, learning_rate, tokens_per_second), strict=True)
            return {name: value for name, value in figures if value is not None}, step
        case Validated(step, scores):
            return {f"valid/{name}": value for name, value in scores.items()}, step
    return None


def _last_steps(run: RunDirectory) -> dict[str, int]:
    """Up to which step each scalar of a run was logged."""
    return {
        _TAGS.get(name, name.replace("valid_", "valid/")): entry["step"]
        for entry in run.read_metrics()
        for name in entry
    }


class _TensorBoard:
    """Files in runs/NAME/tensorboard; void is what they have after the step to go on from."""

    def __init__(self, plan: Plan, told: Mapping[str, int]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._folder = plan.run.tensorboard
        with writing(self._folder):
            self._writer = SummaryWriter(self._folder, purge_step=plan.first_step + 1)

    def log(self, scalars: Mapping[str, float], step: int) -> None:
        with writing(self._folder):
            for name, value in scalars.items():
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        with writing(self._folder):
            self._writer.close()


class _Appending:
    """What takes nothing back: of steps that are made again, it is told the first time only.

    They are the same steps, since training goes on exactly.
    """

    def __init__(self, log: Callable[..., Any], told: Mapping[str, int]) -> None:
        self._log = log
        self._told = told

    def log(self, scalars: Mapping[str, float], step: int) -> None:
        new = {name: value for name, value in scalars.items() if step > self._told.get(name, -1)}
        if new:
            self._log(new, step=step)


class _WeightsAndBiases(_Appending):
    """A run of Weights & Biases; its files and its id are in runs/NAME/wandb."""

    def __init__(self, plan: Plan, told: Mapping[str, int]) -> None:
        import wandb

        settings = wandb.setup().settings
        if settings.mode == "online":
            _check_answers(settings.base_url)
        try:
            self._run = wandb.init(
                project=os.environ.get("WANDB_PROJECT", _PROJECT),
                name=plan.config.name,
                id=_kept_id(plan.run),
                resume="allow",
                dir=plan.run.path,
                config=_described(plan),
                settings=wandb.Settings(console="off"),
            )
        except wandb.Error as error:
            raise TranslatorError(
                f"Weights & Biases refuses the run: {error}",
                "Log in with `wandb login`, or set WANDB_MODE=offline and `wandb sync` it later.",
            ) from None
        super().__init__(self._run.log, told)

    def close(self) -> None:
        self._run.finish()


class _Trackio(_Appending):
    """A run of trackio, which says where it is on stdout; that is not the place here."""

    def __init__(self, plan: Plan, told: Mapping[str, int]) -> None:
        import trackio

        with redirect_stdout(sys.stderr):
            run = trackio.init(
                project=_PROJECT,
                name=plan.config.name,
                resume="allow" if told else "never",  # a run of this name may have been deleted
                config=_described(plan),
                embed=False,
            )
        super().__init__(run.log, told)

    def close(self) -> None:
        from trackio import finish

        with redirect_stdout(sys.stderr):
            finish()


_OPEN: dict[TrackerName, Callable[[Plan, Mapping[str, int]], Tracker]] = {
    "tensorboard": _TensorBoard,
    "wandb": _WeightsAndBiases,
    "trackio": _Trackio,
}


def _check_answers(address: str) -> None:
    """TranslatorError where Weights & Biases is silent, which its client bears for two minutes."""
    try:
        urllib.request.urlopen(address, timeout=_PATIENCE).close()
    except urllib.error.HTTPError as error:  # is an answer
        error.close()
    except OSError as error:
        raise TranslatorError(
            f"Weights & Biases does not answer at {address} ({getattr(error, 'reason', error)})",
            "Check the network, or set WANDB_MODE=offline and `wandb sync` it later.",
        ) from None


def _kept_id(run: RunDirectory) -> str:
    """The id by which a run is known to Weights & Biases, made once."""
    if not run.wandb_id_file.is_file():
        run.write_text(run.wandb_id_file, uuid.uuid4().hex[:12])
    return run.wandb_id_file.read_text(encoding="utf-8")


def _described(plan: Plan) -> dict[str, Any]:
    """What a tracker shows beside the curves."""
    facts = {"parameters": plan.parameters, "device": plan.device, "precision": plan.precision}
    return {**plan.config.model_dump(mode="json"), **facts}
