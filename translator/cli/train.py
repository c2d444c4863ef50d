"""`translator train`: the run's progress on stderr."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.console import app, duration, say, table
from translator.config import Config, ModelConfig, load_config

if TYPE_CHECKING:
    from translator.data import Counts
    from translator.export.ctranslate2 import Quantization
    from translator.runs import RunDirectory
    from translator.training import Budgeted, Finished, Plan, StepDone, Validated

_STEPS_TO_JUDGE_BY = 20  # until the first estimate of the time to go
_NAMES = {"bleu": "BLEU", "chrf": "chrF"}


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
    settings = load_config(config, overrides or ())
    finished = train(settings, quiet=quiet)
    if finished.completed and settings.export.after_training != "none":
        export_after_training(finished.run, settings.export.after_training, quiet=quiet)
    if not finished.completed:
        say(f"stopped after step {finished.step:,}; everything is saved")
        say("the same command goes on from there, to the same model")
        raise typer.Exit(130)


def train(config: Config, *, quiet: bool = False) -> "Finished":
    """Train and show the progress on stderr."""
    import translator.training as training

    quiet = quiet or _of_several()
    if not quiet:
        paths = [corpus.path for corpus in config.data.train]
        more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
        say(f"reading {', '.join(paths[:3])}{more}")
    display: _Progress | None = None
    events = training.train(config)
    if config.training.tensorboard and not _of_several():
        from translator.visualization.tensorboard import with_tensorboard

        events = with_tensorboard(events)
    for event in events:
        match event:
            case training.Plan():
                _show_plan(event, quiet=quiet)
                display = _Progress(event, quiet=quiet)
            case training.Budgeted() if display:
                display.budget(event)
            case training.StepDone() if display:
                display.step(event)
            case training.Warned() if display:
                display.clear()
                say(f"warning: {event.message}")
            case training.Validated() if display and not quiet:
                display.clear()
                _show_validation(event, display.max_steps)
            case training.Finished():
                if display:
                    display.close()
                if event.completed and not quiet:
                    _show_finish(event, config)
                return event
    raise AssertionError("training ended without saying so")


def export_after_training(
    run: "RunDirectory", quantization: "Quantization", *, quiet: bool
) -> None:
    """Make the export of a run that has ended, unless it is there; say so, and what went wrong.

    An export appears when it is whole: whoever is interrupted gets it by the same command.
    """
    if _of_several():
        return
    from translator.evaluation import sets_of_split
    from translator.export import Certificate
    from translator.export.certified import export_certified

    folder = run.exports / "ctranslate2"
    made = Certificate.read(folder)
    if made and (made.quantization, made.model_sha256) == (quantization, run.model_sha256()):
        return
    try:
        valid, *_ = sets_of_split(run, "valid")
        made = export_certified(run, "ctranslate2", valid, quantization=quantization, force=True)
    except Exception as error:  # whatever it is, the model is trained
        say(f"warning: there is no {quantization} export: {error}")
        return
    if not quiet:
        say(f"export     {folder}, {quantization}: BLEU {made.bleu_difference:+.2f}")


def _of_several() -> bool:
    """Whether this is one of several processes, and not the first, which speaks and writes."""
    return os.environ.get("RANK", "0") != "0"


class _Progress:
    """A bar on a terminal, and once an estimate of the time to go, on anything."""

    def __init__(self, plan: "Plan", *, quiet: bool) -> None:
        from tqdm import tqdm

        self._quiet = quiet
        self._first: StepDone | None = None  # of this sitting
        self.max_steps = plan.max_steps
        self._bar = tqdm(
            total=self.max_steps,
            initial=plan.first_step,
            unit="step",
            disable=quiet or not sys.stderr.isatty(),
            dynamic_ncols=True,
            leave=False,
        )
        self.clear = self._bar.clear
        self.close = self._bar.close

    def budget(self, budgeted: "Budgeted") -> None:
        """From now on it is known how many steps there are."""
        self.max_steps = self._bar.total = budgeted.max_steps
        if not self._quiet:
            self.clear()
            say(
                f"time       {budgeted.max_steps:,} steps fit into the minutes given, "
                f"{budgeted.seconds_per_step:.2f} s each; the validations come on top"
            )

    def step(self, done: "StepDone") -> None:
        self._bar.update()
        if done.loss is not None and done.tokens_per_second is not None:
            self._bar.set_postfix_str(
                f"loss {done.loss:.2f}, {done.tokens_per_second:,.0f} tokens/s"
            )
        self._first = self._first or done
        steps = done.step - self._first.step
        if steps + 1 == _STEPS_TO_JUDGE_BY and self.max_steps is not None and not self._quiet:
            seconds_per_step = (done.seconds - self._first.seconds) / steps
            self.clear()
            to_go = duration(seconds_per_step * (self.max_steps - done.step))
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
        f"model      {plan.parameters / 1e6:.1f} M parameters: {_layers(model)}, "
        f"d_model {model.d_model}, {plan.vocabulary_size:,} pieces"
    )
    if plan.taken:
        say(f"weights    {plan.taken}")
    if config.learns_from_texts:
        say(f"objective  {config.training.objective}")
    else:
        say(f"direction  {config.data.source_language} → {config.data.target_language}")
    together = f", {plan.processes} processes" if plan.processes > 1 else ""
    say(f"computing  {plan.device}, {plan.precision}{together}")
    if config.training.tokens_per_batch is None:
        say(f"batches    of {plan.tokens_per_batch:,} tokens")
    say(f"run        {plan.run.path}")
    if plan.finished:
        say(f"this run is finished ({plan.first_step:,} steps): nothing is left to train")
    elif plan.first_step:
        of = f" of {plan.max_steps:,}" if plan.max_steps is not None else ""
        say(f"continuing at step {plan.first_step:,}{of}")


def _layers(model: ModelConfig) -> str:
    match model.architecture:
        case "decoder_only":
            return f"{model.decoder_layers} layers of a decoder"
        case "encoder_only":
            return f"{model.encoder_layers} layers of an encoder"
    return f"{model.encoder_layers}+{model.decoder_layers} layers"


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


def _show_validation(event: "Validated", max_steps: int | None) -> None:
    of = f"/{max_steps:,}" if max_steps is not None else ""
    found = [f"loss {event.scores['loss']:.3f}", *_named(event.scores)]
    best = ["best so far"] if event.is_best else []
    say("  ".join([f"step {event.step:,}{of}", *found, *best]))
    for source, _, hypothesis in event.samples:
        say(f"    {source}  →  {hypothesis}")


def _named(scores: dict[str, float]) -> list[str]:
    return [f"{_NAMES.get(n, n)} {s:.1f}" for n, s in scores.items() if n not in ("step", "loss")]


def _next_commands(config: Config) -> list[str]:
    """What a run is good for."""
    match config.training.objective:
        case "translate":
            return ['translate "Pizza is great."', "evaluate", "inspect"]
        case "language_model":
            return ['generate "Once upon a time"', "inspect"]
    if config.model.architecture == "decoder_only":
        return ["inspect"]
    return ['embed "Pizza is great."', "inspect"]


def _validation(best: dict[str, float]) -> str:
    named = _named(best)
    return f"{', '.join(named)} (greedy search)" if named else f"loss {best['loss']:.3f}"


def _show_finish(finished: "Finished", config: Config) -> None:
    best, run = finished.best, finished.run
    rows = [
        ["best model", f"step {best['step']:,}"],
        ["validation", _validation(best)],
        *([["stopped", f"early, after step {finished.step:,}"]] if finished.stopped_early else []),
        ["trained in", duration(finished.seconds)],
        ["size", f"{run.model_file.stat().st_size / 1e6:.1f} MB"],
        ["run", str(run.path)],
    ]
    say("\n".join(f"{name:10} {value}" for name, value in rows))
    if finished.changes:
        say("greedy BLEU of at most 300 sentences a set, before → after:")
        rows = [
            [change.test_set, f"{change.sentences:,}", f"{change.before:.1f} → {change.after:.1f}"]
            for change in finished.changes
        ]
        for line in table(rows).splitlines():
            say(f"    {line}")
    say("next:")
    for command in _next_commands(config):
        say(f"    translator {command} --run {run.path}")
