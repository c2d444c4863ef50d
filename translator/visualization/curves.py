"""How did the training go? What metrics.jsonl tells of one or several runs, as curves."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from translator.config import INTERVALS, distinguishing
from translator.errors import RunError
from translator.runs import RunDirectory
from translator.visualization.page import render_page

AXES = {"steps": "step", "minutes": "minutes of training"}  # what curves are drawn over
METRICS = {  # the keys of metrics.jsonl that are drawn, and what they are called
    "train_loss": "Training loss (labels smoothed)",
    "valid_loss": "Validation loss (nats/token)",
    "learning_rate": "Learning rate",
    "valid_bleu": "Validation BLEU",
    "valid_chrf": "Validation chrF",
    "tokens_per_second": "Speed (target tokens/s)",
}


FEW_POINTS = (  # by the number of points: two make a straight line, whatever happened
    "nothing logged yet",
    "one point: too few for a curve",
    "two points: too few for a curve",
)
_TOLD_BY = {  # what each key sets the interval of, and the metric that each time adds a point to
    "log_every_steps": ("log line", "learning_rate"),
    "validate_every_steps": ("validation", "valid_loss"),
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
    few_points: str = ""  # a sentence, where there are too few for a curve


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
    found = []
    for run, label, name in zip(runs, labels, unique, strict=True):
        curves = curves_of(run)
        found.append(RunCurves(label, curves, _few_points(run, name, curves)))
    return found


def _few_points(run: RunDirectory, name: str, curves: Mapping[str, Curve]) -> str:
    """How many points there are, why no more, and what to set; empty where there are enough."""
    steps = max(curve.steps[-1] for curve in curves.values())
    config = run.read_config() if run.config_file.is_file() else None
    found, mended = [], []
    for key, (what, metric) in _TOLD_BY.items():
        count = len(curves[metric].steps) if metric in curves else 0
        if count < len(FEW_POINTS):
            often = f" (one every {getattr(config.training, key):,} steps)" if config else ""
            found.append(f"{count} {what}{'' if count == 1 else 's'}{often}")
            mended.append(f"training.{key}={max(1, steps // INTERVALS[key][0])}")
    if not found:
        return ""
    return (
        f"{name}: {' and '.join(found)} by step {steps:,} are too few points for a curve; "
        f"a longer training has more, and so has one with {' and '.join(mended)}"
    )


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
    if not curves_of(run):
        if not run.is_own:
            raise RunError(f"{run.name} brings no metrics along", "They lie where it was trained.")
        raise RunError(
            f"{run.metrics_file} holds no metrics yet that are finite",
            "Training adds a line to it every training.log_every_steps steps.",
        )


def curves_page(runs: Sequence[RunCurves]) -> str:
    """The curves of runs as an interactive page, over steps or over minutes of training."""
    data = {
        "metrics": METRICS,
        "axes": AXES,
        "few": FEW_POINTS,
        "runs": [
            {
                "name": run.name,
                "curves": {key: _points(curve) for key, curve in run.curves.items()},
            }
            for run in runs
        ],
    }
    notes = [run.few_points for run in runs if run.few_points]
    return render_page("curves.html", names=[run.name for run in runs], notes=notes, data=data)


def _points(curve: Curve) -> dict[str, Any]:
    minutes = [None if math.isnan(minute) else round(minute, 3) for minute in curve.minutes]
    return {"steps": curve.steps, "minutes": minutes, "values": curve.values}
