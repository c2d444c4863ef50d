"""What do I type? Parse, call one typed function, print: the only place that prints or exits.

stdout carries results only (translations, scores, tables); everything else goes to stderr.
"""

import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from translator import __version__
from translator.config import Config, DecodingConfig, load_config
from translator.errors import DataError, TranslatorError

if TYPE_CHECKING:
    from translator.data import Counts
    from translator.evaluation import Evaluation
    from translator.runs import RunDirectory
    from translator.training import Finished, Plan, StepDone, Validated
    from translator.translation import Translator

app = typer.Typer(
    help="Train your own translator: text pairs in, a deployable transformer out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

RunOption = Annotated[
    Path | None,
    typer.Option(
        "--run", help="Run directory [default: $TRANSLATOR_RUN, else the newest in runs/]."
    ),
]
BeamOption = Annotated[
    int | None, typer.Option("--beam-size", min=1, help="Slots of the beam; 1 is greedy search.")
]
_STEPS_TO_JUDGE_BY = 20  # until the first estimate of the time to go
_LINES_AT_ONCE = 2048  # lines that are translated together, where nobody waits for each


def main() -> None:
    """Run the command line: exit code 1 and two lines, error and hint, for a TranslatorError."""
    debug = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", newline="\n" if stream is sys.stdout else None)
    if hasattr(sys.stderr, "reconfigure"):
        sys.stderr.reconfigure(errors="backslashreplace")  # a message must not fail itself
    try:
        app()
    except TranslatorError as error:
        if debug:
            raise
        _say(f"error: {error.message}")
        if error.hint:
            _say(f"hint: {error.hint}")
        sys.exit(1)
    except OSError as error:
        if debug:
            raise
        _say(f"error: {error.filename or 'input or output'}: {error.strerror or error}")
        _say("hint: Check the disk and the permissions; training goes on from its last checkpoint.")
        sys.exit(1)


def _say(text: str = "") -> None:
    typer.echo(text, err=True)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"translator {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    """Train your own translator: text pairs in, a deployable transformer out."""


# --- train ----------------------------------------------------------------------------------------


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
        _say(f"stopped after step {finished.step:,}; everything is saved")
        _say("the same command goes on from there, to the same model")
        raise typer.Exit(130)


def train(config: Config, *, quiet: bool = False) -> "Finished":
    """Train and show the progress on stderr."""
    from translator import training

    if not quiet:
        _say(f"reading {', '.join(corpus.path for corpus in config.data.train)}")
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
            to_go = _duration(seconds_per_step * (self._max_steps - done.step))
            _say(f"time       about {to_go} to go, and the validations")


def _show_plan(plan: "Plan", *, quiet: bool) -> None:
    for warning in plan.warnings:
        _say(f"warning: {warning}")
    if quiet:
        return
    config = plan.config
    _say(_counts_table(plan.counts))
    if plan.vocabulary_size < config.tokenizer.vocabulary_size:
        _say(
            f"the corpus is too small for {config.tokenizer.vocabulary_size:,} pieces: "
            f"the vocabulary has {plan.vocabulary_size:,}"
        )
    model = config.model
    _say(
        f"model      {plan.parameters / 1e6:.1f} M parameters: {model.encoder_layers}+"
        f"{model.decoder_layers} layers, d_model {model.d_model}, {plan.vocabulary_size:,} pieces"
    )
    _say(f"direction  {config.data.source_language} → {config.data.target_language}")
    _say(f"computing  {plan.device}, {plan.precision}")
    _say(f"run        {plan.run.path}")
    if plan.first_step >= config.training.max_steps:
        _say(f"this run is finished ({plan.first_step:,} steps): nothing is left to train")
    elif plan.first_step:
        _say(f"continuing at step {plan.first_step:,} of {config.training.max_steps:,}")


def _counts_table(counts: "dict[str, Counts]") -> str:
    reasons = sorted({reason for each in counts.values() for reason in each.dropped})
    header = ["pairs", "read", *(f"dropped: {reason}" for reason in reasons), "kept"]
    rows = [
        [name, f"{c.read:,}", *(f"{c.dropped.get(r, 0):,}" for r in reasons), f"{c.kept:,}"]
        for name, c in counts.items()
    ]
    return _table([header, *rows])


def _show_validation(event: "Validated", max_steps: int) -> None:
    _say(
        f"step {event.step:,}/{max_steps:,}  loss {event.loss:.3f}  BLEU {event.bleu:.1f}  "
        f"chrF {event.chrf:.1f}{'  best so far' if event.is_best else ''}"
    )
    for source, _, hypothesis in event.samples:
        _say(f"    {source}  →  {hypothesis}")


def _show_finish(finished: "Finished") -> None:
    best, run = finished.best, finished.run
    rows = [
        ["best model", f"step {best['step']:,}"],
        ["validation", f"BLEU {best['bleu']:.1f}, chrF {best['chrf']:.1f} (greedy search)"],
        ["trained in", _duration(finished.seconds)],
        ["size", f"{run.model_file.stat().st_size / 1e6:.1f} MB"],
        ["run", str(run.path)],
    ]
    _say("\n".join(f"{name:10} {value}" for name, value in rows))
    _say("next:")
    for command in ('translate "Pizza is great."', "evaluate", "inspect"):
        _say(f"    translator {command} --run {run.path}")


# --- translate ------------------------------------------------------------------------------------


@app.command("translate")
def translate_cli(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", help="Texts; else lines of stdin.")
    ] = None,
    run: RunOption = None,
    input_file: Annotated[
        Path | None, typer.Option("--input", "-i", help="Translate the lines of this file.")
    ] = None,
    output_file: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")
    ] = None,
    beam_size: BeamOption = None,
) -> None:
    """Translate texts, a file or stdin: as many lines out as in, the translation only."""
    from translator.data import read_lines

    if texts and input_file:
        raise typer.BadParameter("give texts or --input, not both")
    if input_file and output_file and output_file.exists() and output_file.samefile(input_file):
        raise typer.BadParameter("--output is the same file as --input")
    if input_file and not input_file.is_file():
        raise DataError(f"there is no file {input_file}", "Check the path.")  # before the model
    if not texts and not input_file and sys.stdin.isatty():
        _say("type a line to translate it; end with Ctrl-D")
    translator = _load(run)
    decoding = _decoding(translator, beam_size)
    lines = iter(texts) if texts else read_lines(input_file) if input_file else _stdin_lines()
    try:
        with _output(output_file) as output:
            interactive = not texts and not input_file and sys.stdin.isatty()
            at_once = 1 if interactive else _LINES_AT_ONCE
            for translation in _translate_lines(translator, lines, decoding, at_once):
                output.write(translation + "\n")
                output.flush()
    except BrokenPipeError:  # `| head -1` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if output_file is None:
            raise
        raise DataError(
            f"cannot write {output_file}: {error.strerror}", "Name another --output."
        ) from None


def _translate_lines(
    translator: "Translator", lines: Iterator[str], decoding: DecodingConfig, at_once: int
) -> Iterator[str]:
    """Translate lines in blocks, so that a file of any size needs the memory of one."""
    while block := list(itertools.islice(lines, at_once)):
        yield from (translation.text for translation in translator.translate(block, decoding))


def _stdin_lines() -> Iterator[str]:
    for number, line in enumerate(sys.stdin.buffer, start=1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"stdin, line {number}: not UTF-8 (byte {error.start + 1} of the line)",
                "Convert it first, for example with: iconv -f latin1 -t utf-8",
            ) from None
        yield text.rstrip("\r\n")


def _output(file: Path | None) -> Any:
    if file is None:
        return _Stdout()
    return file.open("w", encoding="utf-8", newline="\n")


class _Stdout:
    """Standard output as a context that does not close it."""

    def __enter__(self) -> TextIO:
        return sys.stdout

    def __exit__(self, *details: object) -> None:
        sys.stdout.flush()


# --- evaluate -------------------------------------------------------------------------------------


@app.command("evaluate")
def evaluate_cli(
    run: RunOption = None,
    split: Annotated[str, typer.Option("--split", help="test or valid.")] = "test",
    source: Annotated[Path | None, typer.Option(help="A file of sentences to translate.")] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Their translations, line by line.")
    ] = None,
    beam_size: BeamOption = None,
) -> None:
    """Score the run on its test sets, or on any two files, with sacrebleu and its signatures."""
    from translator.data import read_lines

    if (source is None) != (reference is None):
        raise typer.BadParameter("--source and --reference belong together")
    translator_run = _find_run(run)
    if source and reference:
        sets = {source.stem: (list(read_lines(source)), list(read_lines(reference)))}
    else:
        sets = _split_of(translator_run.read_config(), split)
    translator = _load(translator_run.path)
    decoding = _decoding(translator, beam_size)
    for name, (sources, references) in sets.items():
        _evaluate_set(translator, translator_run, name, sources, references, decoding)


def _split_of(config: Config, split: str) -> dict[str, tuple[list[str], list[str]]]:
    from translator.training import read_splits

    splits = read_splits(config, training=False).held_out
    chosen = {
        name: pairs
        for name, pairs in splits.items()
        if name == split or name.startswith(f"{split}/")
    }
    if not chosen:
        raise DataError(f"the run has no split {split!r}", f"It has: {', '.join(splits)}.")
    return {
        name: ([pair.source for pair in pairs], [pair.target for pair in pairs])
        for name, pairs in chosen.items()
    }


def _evaluate_set(
    translator: "Translator",
    run: "RunDirectory",
    name: str,
    sources: list[str],
    references: list[str],
    decoding: DecodingConfig,
) -> "Evaluation":
    from translator.evaluation import evaluate

    evaluation = evaluate(translator, sources, references, decoding)
    typer.echo(f"{name}: {len(sources):,} sentences, beam {decoding.beam_size}")
    for score in evaluation.scores:
        typer.echo(f"  {score}")
    stem = f"{name.replace('/', '-')}.beam-{decoding.beam_size}"
    run.write_json(
        run.evaluations / f"{stem}.json",
        {
            "set": name,
            "sentences": len(sources),
            "scores": [vars(score) for score in evaluation.scores],
            "decoding": decoding.model_dump(),
            "seconds": round(evaluation.seconds, 3),
            "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        },
    )
    hypotheses = "".join(line + "\n" for line in evaluation.hypotheses)
    run.write_text(run.evaluations / f"{stem}.hypotheses.txt", hypotheses)
    _say(
        f"  {len(sources) / max(1e-9, evaluation.seconds):,.0f} sentences/s; "
        f"hypotheses in {run.evaluations / stem}.hypotheses.txt"
    )
    return evaluation


# --- inspect --------------------------------------------------------------------------------------


@app.command("inspect")
def inspect_cli(
    run: RunOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Show the model of a run: each parameter with its shape and size, and the files on disk."""
    translator = _load(run)
    directory = _find_run(run, quiet=True)
    rows = [(name, list(p.shape), p.numel()) for name, p in translator.model.named_parameters()]
    files = {
        file.name: file.stat().st_size
        for file in (directory.config_file, directory.tokenizer_file, directory.model_file)
    }
    if as_json:
        parameters = [dict(zip(("name", "shape", "parameters"), row, strict=True)) for row in rows]
        typer.echo(json.dumps({"parameters": parameters, "files": files}, indent=2))
        return
    table = [["parameter", "shape", "parameters"]]
    table += [[name, " × ".join(map(str, shape)), f"{count:,}"] for name, shape, count in rows]
    table += [["total", "", f"{sum(count for *_, count in rows):,}"]]
    typer.echo(_table(table))
    typer.echo("")
    typer.echo(_table([["file", "bytes"], *([name, f"{size:,}"] for name, size in files.items())]))


# --- shared ---------------------------------------------------------------------------------------


def _find_run(run: Path | None, *, quiet: bool = False) -> "RunDirectory":
    from translator.runs import RUN_VARIABLE, RunDirectory

    found = RunDirectory.find(run)
    if run is None and not quiet:
        origin = f"${RUN_VARIABLE}" if os.environ.get(RUN_VARIABLE) else "the newest"
        _say(f"run: {found.path} ({origin})")
    return found


def _load(run: Path | None) -> "Translator":
    directory = _find_run(run)
    from translator.translation import Translator

    return Translator.from_run(directory.path)


def _decoding(translator: "Translator", beam_size: int | None) -> DecodingConfig:
    decoding = translator.config.decoding
    return decoding.model_copy(update={"beam_size": beam_size}) if beam_size else decoding


def _table(rows: list[list[str]]) -> str:
    """Columns as wide as their widest cell; the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
