"""`translator report`: an evaluation as one HTML page that needs nothing but itself."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from translator.cli.console import (
    JUDGE,
    BeamOption,
    RunArgument,
    RunOption,
    ToOption,
    app,
    check_outputs,
    find_run,
    load,
    named_run,
    say,
)
from translator.cli.progress import QuietOption, shown_progress
from translator.cli.sets import (
    HypothesisOption,
    MetricOption,
    ReferenceOption,
    SourceOption,
    SplitOption,
    TestSetOption,
    check_pair,
    chosen_metrics,
    chosen_sets,
    read_trained_on,
)
from translator.progress import activity

if TYPE_CHECKING:
    from translator.evaluation import Evaluation, EvaluationSet
    from translator.runs import RunDirectory
    from translator.visualization.report import SentenceAttention


@app.command("report", rich_help_panel=JUDGE)
def report_cli(
    named: RunArgument = None,
    run: RunOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The page; else RUN/report.html, or report.html."),
    ] = None,
    split: SplitOption = None,
    test_set: TestSetOption = None,
    source: SourceOption = None,
    reference: ReferenceOption = None,
    hypothesis: HypothesisOption = None,
    metric: MetricOption = None,
    to: ToOption = None,
    beam_size: BeamOption = None,
    quiet: QuietOption = False,
) -> None:
    """Write scores, plots, faults, sentences and the run's data and settings as one HTML file.

    Translations given with --hypothesis are shown without a run.
    """
    run = named_run(named, run)
    check_pair(source, reference)
    with shown_progress():
        metrics, neural = chosen_metrics(metric or [])
        directory = find_run(run, translating=True) if run or not hypothesis else None
        sets = chosen_sets(directory, split, test_set, source, reference, to)
        if hypothesis and (len(sets) > 1 or beam_size):
            raise typer.BadParameter("--hypothesis is the one translation of one test set")
        made_by = None if hypothesis else directory
        file = output or (made_by.results / "report.html" if made_by else Path("report.html"))
        check_outputs(file)
        from translator.runs import write_atomically
        from translator.visualization.report import render_report

        evaluations = [
            _evaluation(each, directory, hypothesis, beam_size, metrics=metrics, neural=neural)
            for each in sets
        ]
        attention = _attention_by(made_by) if made_by else None
        with activity(f"writing {file}"):
            write_atomically(file, render_report(evaluations, made_by, attention).encode())
    for evaluation in evaluations:
        for warning in evaluation.warnings:
            say(f"warning: {evaluation.test_set.name}: {warning}")
    if made_by and not made_by.environment_file.is_file():
        missing = f"{made_by.name} has no {made_by.environment_file.name}"
        say(f"warning: {missing}: the report does not say what the run was made with")
    if made_by and (damaged := made_by.metrics_warning()):
        say(f"warning: {damaged}")
    say(f"the report is {file}: open it in a browser")


def _attention_by(
    run: "RunDirectory",
) -> "Callable[[EvaluationSet, str, str], SentenceAttention | None]":
    """What tells where the model of a run looked while it wrote a translation."""
    from translator.errors import DataError
    from translator.evaluation import directed

    translator = load(run)
    from translator.visualization.attention import attention_maps, between_words
    from translator.visualization.report import SentenceAttention

    def attention(
        test_set: "EvaluationSet", source: str, hypothesis: str
    ) -> SentenceAttention | None:
        try:
            maps = attention_maps(directed(translator, test_set), source, hypothesis)
        except DataError:  # too long to be looked at in one piece
            return None
        words = between_words(maps).source_attention
        return SentenceAttention(words.keys, words.queries, words.view().tolist(), maps.rest)

    return attention


def _evaluation(
    test_set: "EvaluationSet",
    run: "RunDirectory | None",
    hypothesis: Path | None,
    beam_size: int | None,
    **options: Any,
) -> "Evaluation":
    from translator.evaluation import assess, read_hypotheses, translate_or_reuse

    options["trained_on"] = read_trained_on(run) if run else None
    if hypothesis:
        return assess(test_set, read_hypotheses(hypothesis, test_set), **options)
    assert run is not None
    translated = translate_or_reuse(run, test_set, beam_size)
    return assess(test_set, translated.hypotheses, seconds=translated.seconds, **options)
