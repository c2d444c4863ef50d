"""`translator runs`: what runs are there, how good they are, and how to be rid of them."""

import dataclasses
import json
import os
import shutil
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Any

import typer

from translator.cli.console import SEE, Commands, app, echo, note, say, table
from translator.config import DataConfig
from translator.errors import RunError, TranslatorError

if TYPE_CHECKING:
    from translator.runs import RunDirectory

runs_app = typer.Typer(
    cls=Commands,
    help="List the runs in runs/ and the installed ones, or delete some.",
    invoke_without_command=True,
)
app.add_typer(runs_app, name="runs", rich_help_panel=SEE)


@dataclass(frozen=True)
class Listed:
    """A run in the list."""

    name: str
    languages: str
    bleu: float | None  # of its best model on the validation pairs, by greedy search
    validated_on: str  # which pairs these are: BLEU of others cannot be compared
    bytes: int  # of all its files, checkpoints and exports too
    date: str  # of its weights, or where there are none yet, of its configuration
    # finished, training, stopped, no model yet, installed, refused, damaged, or of a newer version
    state: str
    step: int | None  # that training has come to, where it was here
    max_steps: int | None  # that it has in all, as far as that is decided
    lineage: str  # what it started from


@runs_app.callback()
def runs_cli(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """List the runs in runs/, and installed ones: languages, BLEU of validation, size, date."""
    if context.invoked_subcommand:
        return
    from translator.packaged import packaged_names
    from translator.runs import RUNS, RunDirectory

    found = [RunDirectory(file.parent) for file in sorted(RUNS.glob("*/config.yaml"))]
    found += map(RunDirectory.named, packaged_names())
    runs = sorted(map(_listed, found), key=lambda run: run.date, reverse=True)
    if as_json:
        echo(json.dumps(list(map(dataclasses.asdict, runs)), indent=2, ensure_ascii=False))
    elif runs:
        echo(table(_rows(runs)))
        if len({run.validated_on for run in runs if run.bleu is not None}) > 1:
            note(
                "note: BLEU on different sets says nothing of which run is better; "
                "`translator compare` tests runs on one"
            )
    else:
        say(f"there is no run in {RUNS}/: `translator train` makes one")


@runs_app.command("rm")
def rm_cli(
    names: Annotated[list[Path], typer.Argument(metavar="NAME", help="Runs in runs/.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete runs with everything in their directories.

    So go runs/model-NAME and runs/hf-USER-NAME, which commands made of runs that lie elsewhere.
    """
    from translator.runs import MOMENT, RUNS, RunDirectory, lock

    runs = [RunDirectory(name if name.is_dir() else RUNS / name) for name in names]
    for name, run in zip(names, runs, strict=True):
        if RunDirectory.is_name(name):
            raise RunError(f"{name} is not in {RUNS}/", "An installed one goes with its package.")
        if not (run.config_file.is_file() or run.is_made_of_others):
            raise RunError(
                f"there is no run {run.path}", "`translator runs` lists those there are."
            )
    paths = ", ".join(str(run.path) for run in runs)
    if not yes and not sys.stdin.isatty():
        raise typer.BadParameter("nobody can be asked here: say --yes")
    if not yes:
        typer.confirm(f"Delete {paths}?", abort=True, err=True)
    for run in runs:  # none is deleted if one cannot be
        try:
            with lock(run.path / "training", seconds=MOMENT):
                pass
        except TimeoutError:
            raise RunError(f"{run.path} is being trained", "Stop the training first.") from None
    for run in runs:
        if run.path.is_dir():  # it may be named twice
            shutil.rmtree(run.path.resolve())
        if run.path.is_symlink():
            run.path.unlink()
    say(f"deleted: {paths}")


def _listed(run: "RunDirectory") -> Listed:
    has_model = run.model_file.is_file()
    name = run.path.name if run.is_own else run.name
    file = run.model_file if has_model else run.config_file
    date = time.strftime("%Y-%m-%d %H:%M", time.localtime(file.stat().st_mtime))
    size = _size(run.path)
    try:
        config = run.read_config()
    except TranslatorError:
        state = "newer" if run.newer_version else "damaged"
        return Listed(name, "?", None, "", size, date, state, None, None, "")
    progress = run.progress
    state = progress.state if progress else "finished" if has_model else "no model yet"
    pairs = dict.fromkeys((config.data.direction, *config.data.all_directions))
    return Listed(
        name=name,
        languages=", ".join(f"{pair.source} → {pair.target}" for pair in pairs),
        bleu=_best_bleu(run.read_metrics()),
        validated_on=validation_set(config.data),
        bytes=size,
        date=date,
        state="installed" if not run.is_own else "refused" if run.refused else state,
        step=progress.step if progress else None,
        max_steps=progress.max_steps if progress else None,
        lineage=config.training.start_from or "",
    )


def _size(folder: Path) -> int:
    """The bytes of all files in it; what a training deletes meanwhile is passed over."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                size += Path(parent, name).stat().st_size
    return size


def _best_bleu(metrics: list[dict[str, Any]]) -> float | None:
    return max((each["valid_bleu"] for each in metrics if "valid_bleu" in each), default=None)


def validation_set(data: DataConfig) -> str:
    """What the validation pairs are called: their file, or those that they were held out of."""
    if data.valid:
        return PurePath(data.valid.path).name
    first, *others = [PurePath(each.path).name for each in data.train if each.held_out] or ["none"]
    return f"held out of {first}" + (f" and {len(others)} more" if others else "")


def _rows(runs: list[Listed]) -> list[list[str]]:
    rows = [["run", "languages", "BLEU", "validated on", "MB", "date", "state", "started from"]]
    for run in runs:
        bleu = "" if run.bleu is None else f"{run.bleu:.1f}"
        state = run.state
        if state in ("training", "stopped") and run.step is not None:
            state += f" at step {run.step:,}" + (f" of {run.max_steps:,}" if run.max_steps else "")
        size = f"{run.bytes / 1e6:.1f}"
        validated_on = run.validated_on if bleu else ""
        row = [run.name, run.languages, bleu, validated_on, size, run.date, state, run.lineage]
        rows.append(row)
    return rows
