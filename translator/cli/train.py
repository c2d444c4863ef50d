"""`translator train`: the run's progress on stderr."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.console import app, duration, say, table
from translator.config import Config, load_config

if TYPE_CHECKING:
    from translator.data import Counts
    from translator.training import Finished, Plan, StepDone, Validated

_STEPS_TO_JUDGE_BY = 20  # until the first estimate of the time to go


@app.command("train")
def train_cli(
    config: Annotated[
        Path | None, typer.Argument(help="YAML file; without one, the embedded corpus is learned.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="Set one key, such as training.max_steps=500. Repeatable."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show warnings only.")] = False,
) -> None:
    """Train a model in runs/NAME; the same command continues an unfinished run exactly."""
    finished = train(load_config(config, overrides or ()), quiet=quiet)
    if not finished.completed:
        say(f"stopped after step {finished.step:,}; everything is saved")
        say("the same command goes on from there, to the same model")
        raise typer.Exit(130)


def train(config: Config, *, quiet: bool = False) -> "Finished":
    """Train and show the progress on stderr."""
    from translator import training

    if not quiet:
        say(f"reading {', '.join(corpus.path for corpus in config.data.train)}")
    display: _Progress | None = None
    for event in training.train(config):
        match event:
            case training.Plan():
                _show_plan(event, quiet=quiet)
                display = _Progress(event, quiet=quiet)
            case training.StepDone() if display:
                display.step(event)
            case training.Validated() if display and not quiet:
                display.clear()
                _show_validation(event, config.training.max_steps)
            case training.Finished():
                if display:
                    display.close()
                if event.completed and not quiet:
                    _show_finish(event)
                return event
    raise AssertionError("training ended without saying so")


class _Progress:
    """A bar on a terminal, and once an estimate of the time to go, on anything."""

    def __init__(self, plan: "Plan", *, quiet: bool) -> None:
        from tqdm import tqdm

        self._quiet = quiet
        self._first_step = plan.first_step
        self._started = time.monotonic()
        self._max_steps = plan.config.training.max_steps
        self._bar = tqdm(
            total=self._max_steps,
            initial=plan.first_step,
            unit="step",
            disable=quiet or not sys.stderr.isatty(),
            dynamic_ncols=True,
            leave=False,
        )
        self.clear = self._bar.clear
        self.close = self._bar.close

    def step(self, done: "StepDone") -> None:
        self._bar.update()
        if done.loss is not None and done.tokens_per_second is not None:
            self._bar.set_postfix_str(
                f"loss {done.loss:.2f}, {done.tokens_per_second:,.0f} tokens/s"
            )
        if done.step == self._first_step + _STEPS_TO_JUDGE_BY and not self._quiet:
            seconds_per_step = (time.monotonic() - self._started) / _STEPS_TO_JUDGE_BY
            self.clear()
            to_go = duration(seconds_per_step * (self._max_steps - done.step))
            say(f"time       about {to_go} to go, and the validations")


def _show_plan(plan: "Plan", *, quiet: bool) -> None:
    for warning in plan.warnings:
        say(f"warning: {warning}")
    if quiet:
        return
    config = plan.config
    say(_counts_table(plan.counts))
    if plan.vocabulary_size < config.tokenizer.vocabulary_size:
        say(
            f"the corpus is too small for {config.tokenizer.vocabulary_size:,} pieces: "
            f"the vocabulary has {plan.vocabulary_size:,}"
        )
    model = config.model
    say(
        f"model      {plan.parameters / 1e6:.1f} M parameters: {model.encoder_layers}+"
        f"{model.decoder_layers} layers, d_model {model.d_model}, {plan.vocabulary_size:,} pieces"
    )
    say(f"direction  {config.data.source_language} → {config.data.target_language}")
    say(f"computing  {plan.device}, {plan.precision}")
    say(f"run        {plan.run.path}")
    if plan.first_step >= config.training.max_steps:
        say(f"this run is finished ({plan.first_step:,} steps): nothing is left to train")
    elif plan.first_step:
        say(f"continuing at step {plan.first_step:,} of {config.training.max_steps:,}")


def _counts_table(counts: "dict[str, Counts]") -> str:
    reasons = sorted({reason for each in counts.values() for reason in each.dropped})
    repairs = sorted({repair for each in counts.values() for repair in each.repaired})
    header = ["pairs", "read", *(f"dropped: {reason}" for reason in reasons), "kept", *repairs]
    rows = [
        [
            name,
            f"{each.read:,}",
            *(f"{each.dropped.get(reason, 0):,}" for reason in reasons),
            f"{each.kept:,}",
            *(f"{each.repaired.get(repair, 0):,}" for repair in repairs),
        ]
        for name, each in counts.items()
    ]
    return table([header, *rows])


def _show_validation(event: "Validated", max_steps: int) -> None:
    say(
        f"step {event.step:,}/{max_steps:,}  loss {event.loss:.3f}  BLEU {event.bleu:.1f}  "
        f"chrF {event.chrf:.1f}{'  best so far' if event.is_best else ''}"
    )
    for source, _, hypothesis in event.samples:
        say(f"    {source}  →  {hypothesis}")


def _show_finish(finished: "Finished") -> None:
    best, run = finished.best, finished.run
    rows = [
        ["best model", f"step {best['step']:,}"],
        ["validation", f"BLEU {best['bleu']:.1f}, chrF {best['chrf']:.1f} (greedy search)"],
        ["trained in", duration(finished.seconds)],
        ["size", f"{run.model_file.stat().st_size / 1e6:.1f} MB"],
        ["run", str(run.path)],
    ]
    say("\n".join(f"{name:10} {value}" for name, value in rows))
    say("next:")
    for command in ('translate "Pizza is great."', "evaluate", "inspect"):
        say(f"    translator {command} --run {run.path}")
