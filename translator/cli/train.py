"""`translator train`: the run's progress on stderr."""

import dataclasses
import json
import math
import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import BaseModel

from translator.cli.console import (
    TRAIN,
    app,
    bar,
    duration,
    echo,
    listed,
    loading_torch,
    note,
    quoted,
    say,
    signal_code,
    table,
)
from translator.cli.corpora import OverridesOption, WhatArgument, check_corpora, config_of
from translator.cli.progress import QuietOption, shown_progress
from translator.cli.runs import validation_set
from translator.cli.streams import forget_stdout
from translator.cli.verdict import meaning, prospect
from translator.config import Config, ModelConfig
from translator.errors import OtherConfigurationError
from translator.progress import activity

if TYPE_CHECKING:
    from translator.data import Counts
    from translator.export.ctranslate2 import Quantization
    from translator.runs import RunDirectory
    from translator.training import (
        Budgeted,
        Event,
        Finished,
        Plan,
        Rehearsal,
        StepDone,
        Validated,
    )

_STEPS_TO_JUDGE_BY = 20  # until the first estimate of the time to go
_LEGIBLE_CHRF = 30.0  # below it samples are no words yet
_NAMES = {"bleu": "BLEU", "chrf": "chrF"}
_FILES = {"image": "picture.png", "speech": "recording.wav"}


@app.command("train", rich_help_panel=TRAIN)
def train_cli(
    what: WhatArgument = None,
    overrides: OverridesOption = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only show pairs, parameters, steps, memory, minutes; the corpora stay prepared.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write events to stdout as JSON, one a line.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Train a model in runs/NAME; the same command continues an unfinished run exactly."""
    with shown_progress(quiet=as_json or _of_several()):
        config, notes = config_of(what, overrides)
        check_corpora(config)
    if notes:
        note("\n".join(notes))
    if dry_run:
        _show_rehearsal(rehearse(config), as_json=as_json)
        return
    try:
        finished = train(config, as_json=as_json)
    except OtherConfigurationError as error:
        beside = f"Train beside it, under another name: {_command_named(error.free_name)}"
        error.hint = f"{beside}\n{error.onward}".rstrip()
        raise
    if finished.completed and config.export.after_training != "none":
        with shown_progress(quiet=as_json):
            export_after_training(finished.run, config.export.after_training)
    if not finished.completed:
        say(f"stopped after step {finished.step:,}; everything is saved")
        say("the same command goes on from there, to the same model")
        raise typer.Exit(signal_code(finished.signal))


def _command_named(name: str) -> str:
    """The command that was typed, with another name for its run."""
    words = " ".join(map(shlex.quote, sys.argv[1:]))
    words = re.sub(r" --set[ =]name=\S+", "", words)
    return f"translator {words} --set name={name}"


def train(config: Config, *, as_json: bool = False, adapting: bool = False) -> "Finished":
    """Train and show the progress on stderr, or all events on stdout.

    What comes of adapting is said elsewhere.
    """
    others_speak = _of_several()
    bar.quiet |= others_speak
    started = time.perf_counter() - time.process_time()  # to start a process is mostly computing
    with shown_progress(quiet=as_json):
        note(f"reading {listed([corpus.path for corpus in config.data.train])}")
        with loading_torch():
            import translator.training as training
        events = training.train(config, seconds=time.perf_counter() - started, compare=not adapting)
        if config.training.trackers and not others_speak:
            events = training.with_trackers(events, config.name, config.training.trackers)
        try:
            if as_json:
                return _as_json(events, quiet=others_speak)
            return _as_text(events, config, adapting=adapting)
        except OSError as error:
            error.add_note("training goes on from its last checkpoint")
            raise


def _as_text(events: "Iterator[Event]", config: Config, *, adapting: bool) -> "Finished":
    import translator.training as training

    display: _Display | None = None
    with ExitStack() as stack:
        for event in events:
            match event:
                case training.Plan():
                    _show_plan(event)
                    display = _Display(event, stack)
                case training.Budgeted() if display:
                    display.budget(event)
                case training.StepDone() if display:
                    display.step(event)
                case training.Warned():
                    say(f"warning: {event.message}")
                case training.Validated() if display:
                    note(_validation_lines(event, display.max_steps))
                case training.Finished():
                    stack.close()
                    if event.completed and not adapting:
                        note(_finish_lines(event, config))
                    return event
    raise AssertionError("training ended without saying so")


def export_after_training(run: "RunDirectory", quantization: "Quantization") -> None:
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
        valid, *others = sets_of_split(run, "valid")
        with activity(f"exporting {run.path}, and comparing"):
            made = export_certified(
                run, "ctranslate2", valid, others=others, quantization=quantization, force=True
            )
    except Exception as error:  # whatever it is, the model is trained
        say(f"warning: there is no {quantization} export: {error}")
        return
    note(f"export     {folder}, {quantization}: BLEU {made.bleu_difference:+.2f}")


def _of_several() -> bool:
    """Whether this is one of several processes, and not the first, which speaks and writes."""
    return os.environ.get("RANK", "0") != "0"


class _Display:
    """The steps as a task under way, once an estimate of the time to go, and Ctrl-C answered."""

    def __init__(self, plan: "Plan", stack: ExitStack) -> None:
        self._stack = stack
        self._first: StepDone | None = None  # of this sitting
        self.max_steps = plan.max_steps
        self._steps = stack.enter_context(activity("training", plan.max_steps, "steps"))
        self._steps.done = self._steps.first = plan.first_step

    def budget(self, budgeted: "Budgeted") -> None:
        """From now on it is known how many steps there are, about."""
        is_first = self.max_steps is None
        self.max_steps = self._steps.total = budgeted.max_steps
        if is_first:
            note(
                f"time       {budgeted.max_steps:,} steps fit into the minutes given, "
                f"{budgeted.seconds_per_step:.2f} s each, as long as the machine stays as fast"
            )

    def step(self, done: "StepDone") -> None:
        if self._first is None:
            self._stack.enter_context(_interruption_answered())
        self._steps.done = done.step
        if done.loss is not None and done.tokens_per_second is not None:
            self._steps.note = f"loss {done.loss:.2f}, {done.tokens_per_second:,.0f} tokens/s"
        self._first = self._first or done
        steps = done.step - self._first.step
        if steps + 1 == _STEPS_TO_JUDGE_BY and self.max_steps is not None:
            seconds_per_step = (done.seconds - self._first.seconds) / steps
            to_go = duration(seconds_per_step * (self.max_steps - done.step))
            note(f"time       about {to_go} to go, and the validations")


@contextmanager
def _interruption_answered() -> Iterator[None]:
    """Say at once that Ctrl-C was heard; what training does about it, it does after its step."""
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):  # outside the main thread, or ignored
        yield
        return

    def answer(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        say("stopping after this step; once more to stop at once, without saving it")
        before(number, frame)

    signal.signal(signal.SIGINT, answer)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is answer:
            signal.signal(signal.SIGINT, before)


# --- events as JSON -------------------------------------------------------------------------------


def _as_json(events: "Iterator[Event]", *, quiet: bool) -> "Finished":
    import translator.training as training

    for event in events:
        if not quiet:
            echo_event(type(event).__name__, vars(event))
        if isinstance(event, training.Finished):
            return event
    raise AssertionError("training ended without saying so")


def echo_event(name: str, fields: Mapping[str, Any]) -> None:
    """Write an event to stdout as a line of JSON; without a reader, say so once and go on."""
    try:
        echo(json.dumps({"event": name, **_plain(dict(fields))}, ensure_ascii=False))
    except BrokenPipeError:
        forget_stdout()
        say("nobody reads the events any more: it goes on without them, and Ctrl-C stops it")


def _plain(value: Any) -> Any:
    """What JSON can hold of a field of an event: numbers that are not finite are null."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case BaseModel():
            return value.model_dump(mode="json")
        case None | bool() | int() | str():
            return value
        case Path():
            return str(value)
    if dataclasses.is_dataclass(value):
        return _plain(vars(value))
    return str(value.path)  # of a run directory


# --- without training -----------------------------------------------------------------------------


def rehearse(config: Config) -> "Rehearsal":
    """Prepare the corpora and make some steps, to tell what training would take."""
    with shown_progress():
        with loading_torch():
            from translator.training import rehearse as rehearse_training
        return rehearse_training(config)


def _show_rehearsal(found: "Rehearsal", *, as_json: bool) -> None:
    if as_json:
        echo(json.dumps(_plain(vars(found)), ensure_ascii=False))
        return
    for warning in found.warnings:
        say(f"warning: {warning}")
    train = found.counts["train"]
    why = "; `translator data check` shows which were dropped" if train.many_dropped else ""
    steps = (
        f"{found.max_steps:,}" if found.max_steps else "as many as fit into training.max_minutes"
    )
    rows = [
        ["pairs", f"{train.kept:,} of {train.read:,}{why}"],
        ["parameters", f"{found.parameters / 1e6:.1f} M, {found.vocabulary_size:,} pieces"],
        ["steps", f"{steps}, of {found.tokens_per_batch:,} tokens"],
        ["memory", f"{found.memory_bytes / 1e9:.1f} GB"],
        ["time", f"about {duration(found.seconds)}, and the validations ({found.device})"],
        ["kept", f"the prepared corpora in {found.prepared}, which training takes"],
    ]
    echo("\n".join(f"{name:10} {value}" for name, value in rows))


# --- what is shown --------------------------------------------------------------------------------


def _show_plan(plan: "Plan") -> None:
    for warning in plan.warnings:
        say(f"warning: {warning}")
    note("\n".join(_plan_lines(plan)))


def _plan_lines(plan: "Plan") -> list[str]:
    config = plan.config
    lines = []
    lines.append(_counts_table(plan.counts))
    if plan.vocabulary_size < config.tokenizer.vocabulary_size:
        lines.append(
            f"the corpus is too small for {config.tokenizer.vocabulary_size:,} pieces: "
            f"the vocabulary has {plan.vocabulary_size:,}"
        )
    model = config.model
    lines.append(
        f"model      {plan.parameters / 1e6:.1f} M parameters: {_layers(model)}, "
        f"d_model {model.d_model}, {plan.vocabulary_size:,} pieces"
    )
    if plan.taken:
        lines.append(f"weights    {plan.taken}")
    if config.learns_from_texts:
        lines.append(f"objective  {config.training.objective}")
    else:
        pairs = config.data.all_directions
        said = ", ".join(f"{pair.source} → {pair.target}" for pair in pairs)
        lines.append(f"direction{'s' if len(pairs) > 1 else ' '} {said}")
    together = f", {plan.processes} processes" if plan.processes > 1 else ""
    lines.append(f"computing  {plan.device}, {plan.precision}{together}")
    if config.training.tokens_per_batch is None:
        lines.append(f"batches    of {plan.tokens_per_batch:,} tokens")
    lines.append(f"run        {plan.run.path}")
    if plan.finished:
        lines.append(f"this run is finished ({plan.first_step:,} steps): nothing is left to train")
    elif plan.first_step:
        of = f" of {plan.max_steps:,}" if plan.max_steps is not None else ""
        lines.append(f"continuing at step {plan.first_step:,}{of}")
    return lines


def _layers(model: ModelConfig) -> str:
    match model.architecture:
        case "decoder_only":
            return f"{model.decoder_layers} layers of a decoder"
        case "encoder_only":
            return f"{model.encoder_layers} layers of an encoder"
    return f"{model.encoder_layers}+{model.decoder_layers} layers"


def _counts_table(counts: "dict[str, Counts]") -> str:
    """Pairs read and kept, a line a split, and below it what was dropped and mended."""
    rows = [[name, f"{each.read:,}", f"{each.kept:,}"] for name, each in counts.items()]
    header, *splits = table([["pairs", "read", "kept"], *rows]).splitlines()
    lines = [header]
    for split, each in zip(splits, counts.values(), strict=True):
        lines.append(split)
        for what, numbers in (("dropped", each.dropped), ("mended", each.repaired)):
            lines += [f"    {n:,} {what}: {rule}" for rule, n in sorted(numbers.items()) if n]
        if each.many_dropped:
            lines.append("    that is a lot: `translator data check` shows which pairs, and where")
    return "\n".join(lines)


def _validation_lines(event: "Validated", max_steps: int | None) -> str:
    """The scores; and samples, once there are words to be read."""
    of = f"/{max_steps:,}" if max_steps is not None else ""
    found = [f"validation loss {event.scores['loss']:.3f}", *_named(event.scores)]
    best = ["best so far"] if event.is_best else []
    lines = ["  ".join([f"step {event.step:,}{of}", *found, *best])]
    if event.scores.get("chrf", 0.0) >= _LEGIBLE_CHRF or event.step == max_steps:
        lines += [f"    {source}  →  {hypothesis}" for source, _, hypothesis in event.samples]
    return "\n".join(lines)


def _named(scores: dict[str, float]) -> list[str]:
    return [f"{_NAMES.get(n, n)} {s:.1f}" for n, s in scores.items() if n not in ("step", "loss")]


def _next_commands(run: "RunDirectory") -> list[str]:
    """What a run is good for."""
    config = run.read_config()
    match config.training.objective:
        case "translate":
            example = _FILES.get(config.model.source) or quoted(_example(run))
            drawn = " --output drawn.png" if config.model.target == "image" else ""
            return [f"translate {example}{drawn}", "evaluate", "inspect"]
        case "language_model":
            return ['generate "…"', "inspect"]
    if config.model.architecture == "decoder_only":
        return ["inspect"]
    return ['embed "…"', "inspect"]


def _example(run: "RunDirectory") -> str:
    """A sentence in the language of a run, which it was validated on; … where it kept none."""
    try:
        file = next(run.samples.glob("step-*.json"))
        sources = [each["source"] for each in json.loads(file.read_text(encoding="utf-8"))]
    except (StopIteration, OSError, ValueError, LookupError, TypeError):
        return "…"
    return min(sources, key=len, default="…")


def _validation(best: dict[str, float], config: Config) -> str:
    """The scores, and the pairs that have them."""
    pairs = validation_set(config.data)
    named = _named(best)
    if not named:
        return f"loss {best['loss']:.3f} ({pairs})"
    return f"{', '.join(named)} (greedy search; {pairs})"


def _finish_lines(finished: "Finished", config: Config) -> str:
    best, run = finished.best, finished.run
    rows = [
        ["best model", f"step {best['step']:,}"],
        ["validation", _validation(best, config)],
        *_words(finished, config),
        *([["stopped", f"early, after step {finished.step:,}"]] if finished.stopped_early else []),
        ["trained in", duration(finished.seconds)],
        ["size", f"{run.model_file.stat().st_size / 1e6:.1f} MB"],
        ["run", str(run.path)],
    ]
    lines = [f"{name:10} {value}" for name, value in rows]
    if finished.changes:
        lines.append("greedy BLEU of at most 300 sentences a set, before → after:")
        rows = [
            [change.test_set, f"{change.sentences:,}", f"{change.before:.1f} → {change.after:.1f}"]
            for change in finished.changes
        ]
        lines += [f"    {line}" for line in table(rows).splitlines()]
    lines.append("next:")
    lines += [f"    translator {command} --run {run.path}" for command in _next_commands(run)]
    return "\n".join(lines)


def _words(finished: "Finished", config: Config) -> list[list[str]]:
    """What the scores mean, and whether more steps would pay, as far as that can be told."""
    rows = []
    if "bleu" in finished.best and config.training.best_metric == "bleu":
        kept = finished.run.read_environment().get("pairs", {}).get("valid")
        pairs = min(kept["kept"] if kept else 0, config.training.validation_pairs)
        rows.append(["meaning", meaning(finished.best, pairs)])
    if outlook := prospect(finished.run.read_metrics(), config.training.best_metric):
        rows.append(["outlook", outlook])
    return rows
