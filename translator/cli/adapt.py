"""`translator adapt`: a run learns a new domain, and is refused where that did harm."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.console import (
    TRAIN,
    app,
    echo,
    loading_torch,
    note,
    note_run,
    say,
    signal_code,
    table,
)
from translator.cli.progress import QuietOption, shown_progress
from translator.cli.train import echo_event, train
from translator.config import HUB_PREFIX
from translator.errors import OtherConfigurationError, VerdictError
from translator.progress import activity

if TYPE_CHECKING:
    from translator.adaptation import Domain
    from translator.runs import Adaptation, RunDirectory


_PREPARED = (  # what --json tells of what is trained on
    *("pairs", "before", "replayed", "distilled", "terms", "learning_rate", "max_steps"),
    "warnings",
)
_UNTESTED = "no step was better, so the weights are those of {start}, and there is nothing to test"


@app.command("adapt", rich_help_panel=TRAIN)
def adapt_cli(
    run: Annotated[Path, typer.Argument(help="The run to begin from; it stays as it is.")],
    corpora: Annotated[
        list[str],
        typer.Argument(
            metavar="CORPUS",
            help="Pairs of the new domain: .tmx, .tsv, .xliff, .po and others, also by address.",
        ),
    ],
    glossary: Annotated[
        Path | None,
        typer.Option(help="Terms to learn: lines of term, tab, translation; or .csv, .tbx, .tmx."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The new run is runs/NAME; else RUN-adapted.")
    ] = None,
    replay_share: Annotated[
        float,
        typer.Option(min=0.0, max=0.95, help="Share of what the model knows among what it reads."),
    ] = 0.67,
    replay_text: Annotated[
        str | None,
        typer.Option(help="Sentences to go on translating as now, in place of the run's corpora."),
    ] = None,
    max_loss: Annotated[
        float, typer.Option(min=0.0, help="Refuse a model that loses more BLEU on an old test.")
    ] = 1.0,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="Train otherwise: training.max_steps=500. Repeatable."),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Write events to stdout as JSON, one a line; the last is the verdict."
        ),
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Adapt a run to your texts: train it on them and on what it knows, and test it on both.

    A tenth of the new pairs is a test, another tenth chooses the best model. When nothing is gained
    on the new test or too much lost on an old one, the new run is refused: exit code 3, and
    commands without --run pass it over. The same command goes on with an interrupted adaptation.
    """
    with shown_progress(quiet=as_json), loading_torch():
        import translator.training  # noqa: F401  # now, so that training need not say it again
        from translator.adaptation import Domain
        from translator.runs import RunDirectory

    start = RunDirectory.find(run)
    note_run(start)
    domain = Domain(
        corpora=tuple(corpora),
        glossary=glossary,
        replay_share=replay_share,
        replay_text=replay_text,
    )
    name = name or f"{_bare(start.name)}-adapted"
    adapt(start, domain, name, max_loss, overrides or [], as_json=as_json)


def _bare(run: str) -> str:
    """The last part of a run's path, or of its name without what it is a name for."""
    if run.startswith(HUB_PREFIX):
        run = run.partition("@")[0]  # its revision
    return Path(run.rpartition(":")[2]).resolve().name


def adapt(
    start: "RunDirectory",
    domain: "Domain",
    name: str,
    max_loss: float,
    overrides: list[str],
    *,
    as_json: bool = False,
) -> None:
    """Adapt, show the table or all events, and raise VerdictError for a run that is refused."""
    from translator.adaptation import blend, doubts, outcome, prepare

    with shown_progress(quiet=as_json):
        config, prepared = prepare(start, domain, name, overrides)
    if as_json:
        echo_event("Prepared", {key: prepared.get(key) for key in _PREPARED})
    else:
        for warning in prepared["warnings"]:
            say(f"warning: {warning}")
        note(_plan(prepared, config.training.learning_rate))
    try:
        finished = train(config, as_json=as_json, adapting=True)
    except OtherConfigurationError as error:
        error.hint = (
            f"Adapt under another name (--name {error.free_name}), or delete the directory."
        )
        raise
    if not finished.completed:
        say(f"stopped after step {finished.step:,}; the same command goes on from there")
        raise typer.Exit(signal_code(finished.signal))
    with shown_progress(quiet=as_json), activity("validating what was known"):
        share = blend(start, finished.run, max_loss)
    if 0.0 < share < 1.0 and not as_json:
        note(f"weights    {share:.0%} new, the rest of {start.name}, to keep more of what it knew")
    with shown_progress(quiet=as_json), activity("testing both models"):
        found = outcome(start, finished.run, max_loss)
    doubtful = [] if found["refused"] else [*doubts(found, max_loss)]
    if as_json:
        verdict = {"run": finished.run, "start": start.name, "max_loss": max_loss, "share": share}
        figures = {"changes": found["changes"], "refused": found["refused"], "doubts": doubtful}
        echo_event("Adapted", {**verdict, **figures})
    else:
        echo(_table(found) if found["changes"] else _UNTESTED.format(start=start.name))
    if found["refused"]:
        raise VerdictError(
            f"{finished.run.path} is refused: {'; '.join(found['refused'])}",
            f"{start.name} stays the model to use. "
            f"{_way_out(found['refused'], config.training.learning_rate)}",
        )
    if as_json:
        return
    for doubt in doubtful:
        say(f"warning: {doubt}")
    say(f"accepted: {finished.run.path} translates both; {start.name} is as it was")


def _plan(prepared: "Adaptation", learning_rate: float) -> str:
    known = "translated by the model itself" if prepared["distilled"] else "that the model knows"
    before = f" ({prepared['before']:.1f} BLEU before)" if "before" in prepared else ""
    parts = [f"{prepared['pairs']:,} new pairs{before}"]
    parts += [f"{prepared['replayed']:,} {known}"] if prepared["replayed"] else []
    parts += [f"{prepared['terms']:,} terms"] if prepared["terms"] else []
    return f"adapting   to {', '.join(parts)}; learning rate {learning_rate:g}"


def _way_out(refusals: list[str], learning_rate: float) -> str:
    from translator.adaptation import NO_STEP_BETTER, NOTHING_GAINED

    ways = []
    if NO_STEP_BETTER in refusals:
        ways.append(
            f"Try a lower rate: --set training.learning_rate={learning_rate / 5:g}, under another "
            "--name."
        )
    if {NO_STEP_BETTER, NOTHING_GAINED} & set(refusals):
        ways.append(
            "Are the new pairs translations of one another? `translator data check` finds lines "
            "that are out of step."
        )
    if set(refusals) - {NO_STEP_BETTER, NOTHING_GAINED}:
        ways.append(
            "To keep more of what is known: --replay-share 0.8, under another --name. To accept a "
            "loss: the same command with a larger --max-loss, which judges again without training."
        )
    return " ".join(ways)


def _table(found: "Adaptation") -> str:
    rows = [["test set", "sentences", "metric", "before", "after", "Δ", "p"]]
    for each in found.get("changes", []):
        before, after = each["before"], each["after"]
        scores = [f"{before:.1f}", f"{after:.1f}", f"{after - before:+.1f}", f"{each['p']:.4f}"]
        rows.append([each["test_set"], f"{each['sentences']:,}", each["metric"], *scores])
    return table(rows)
