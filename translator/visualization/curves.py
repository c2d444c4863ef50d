"""How did the training go? What metrics.jsonl tells of one or several runs, as curves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from translator.config import distinguishing
from translator.errors import RunError
from translator.runs import RunDirectory
from translator.visualization.page import render_page

METRICS = {  # the keys of metrics.jsonl that are drawn, and what they are called
    "train_loss": "Training loss (labels smoothed)",
    "valid_loss": "Validation loss (nats/token)",
    "learning_rate": "Learning rate",
    "valid_bleu": "Validation BLEU",
    "valid_chrf": "Validation chrF",
    "tokens_per_second": "Speed (target tokens/s)",
}


@dataclass(frozen=True)
class Curve:
    """A metric over training; where it was not finite there is no point."""

    steps: tuple[int, ...]
    minutes: tuple[float, ...]  # of training, without validations; NaN until a log line tells it
    values: tuple[float, ...]


@dataclass(frozen=True)
class RunCurves:
    """The curves of a run, by the keys of METRICS; one without points is not there."""

    name: str
    curves: dict[str, Curve]


def read_curves(runs: Sequence[RunDirectory]) -> list[RunCurves]:
    """What each run has logged so far, resumed and unfinished ones too, named with what differs.

    Raises RunError for a run that is not there or has logged nothing yet.
    """
    for run in runs:
        _check_metrics(run)
    names = [run.title for run in runs]
    unique = [
        name if names.count(name) == 1 else run.name for name, run in zip(names, runs, strict=True)
    ]
    labels = (
        f"{name} ({each})" if each else name
        for name, each in zip(unique, _settings(runs), strict=True)
    )
    return [RunCurves(label, curves_of(run)) for label, run in zip(labels, runs, strict=True)]


def _settings(runs: Sequence[RunDirectory]) -> list[str]:
    """What sets the runs apart; nothing where a configuration is missing."""
    if not all(run.config_file.is_file() for run in runs):
        return [""] * len(runs)
    return distinguishing([run.read_config() for run in runs])


def curves_of(run: RunDirectory) -> dict[str, Curve]:
    """The curves of a run by the keys of METRICS; none for what it has not logged."""
    entries = sorted(run.read_metrics(), key=lambda entry: entry["step"])  # as np.interp wants it
    timed = [entry for entry in entries if "seconds" in entry]
    clock_steps, clock_seconds = ([0, *(e[key] for e in timed)] for key in ("step", "seconds"))
    curves = {}
    for key in METRICS:
        points = {e["step"]: e[key] for e in entries if key in e and math.isfinite(e[key])}
        if points:
            steps = sorted(points)
            seconds = np.interp(steps, clock_steps, clock_seconds, right=math.nan)
            values = tuple(points[step] for step in steps)
            curves[key] = Curve(tuple(steps), tuple((seconds / 60).tolist()), values)
    return curves


def _check_metrics(run: RunDirectory) -> None:
    if not run.path.is_dir():
        raise RunError(f"there is no run directory {run.path}", "Name one, such as runs/everyday.")
    if not any(key in entry for entry in run.read_metrics() for key in METRICS):
        if not run.is_own:
            raise RunError(f"{run.name} brings no metrics along", "They lie where it was trained.")
        raise RunError(
            f"{run.metrics_file} holds no metrics yet",
            "Training adds a line to it every training.log_every_steps steps.",
        )


def curves_page(runs: Sequence[RunCurves]) -> str:
    """The curves of runs as an interactive page, over steps or over minutes of training."""
    data = {
        "metrics": METRICS,
        "runs": [
            {
                "name": run.name,
                "curves": {key: _points(curve) for key, curve in run.curves.items()},
            }
            for run in runs
        ],
    }
    return render_page("curves.html", names=[run.name for run in runs], data=data)


def _points(curve: Curve) -> dict[str, Any]:
    minutes = [None if math.isnan(minute) else round(minute, 3) for minute in curve.minutes]
    return {"steps": curve.steps, "minutes": minutes, "values": curve.values}
