"""`translator evaluate`: scores with their signatures and intervals, and what they hide."""

import json
import re
from collections.abc import Iterator, Sequence
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
    decoding_of,
    echo,
    find_run,
    load,
    named_run,
    note,
    say,
    table,
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
from translator.config import DecodingConfig
from translator.errors import VerdictError

if TYPE_CHECKING:
    from translator.evaluation import Evaluation, EvaluationSet, Variant
    from translator.runs import RunDirectory
    from translator.translation import Translator

_LINES_SHOWN = 5  # examples of a fault

GateOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="METRIC=SCORE", help="Exit with 3 if a score is lower: bleu=30. Repeatable."
    ),
]


@app.command("evaluate", rich_help_panel=JUDGE)
def evaluate_cli(
    named: RunArgument = None,
    run: RunOption = None,
    split: SplitOption = None,
    test_set: TestSetOption = None,
    source: SourceOption = None,
    reference: ReferenceOption = None,
    hypothesis: HypothesisOption = None,
    metric: MetricOption = None,
    fail_under: GateOption = None,
    resamples: Annotated[
        int, typer.Option(min=0, max=100_000, help="Draws of the bootstrap; 0: no intervals.")
    ] = 1000,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Also score other cases, no final sign, typos.")
    ] = False,
    to: ToOption = None,
    beam_size: BeamOption = None,
    sentences: Annotated[
        Path | None,
        typer.Option(help="Also write each sentence, its chrF2 and its faults: NAME.jsonl."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Score a run, or any translations, with intervals, signatures and a look at the faults."""
    run = named_run(named, run)
    check_pair(source, reference)
    if hypothesis and (robustness or beam_size):
        raise typer.BadParameter("--hypothesis is a file: nothing is translated")
    if sentences and sentences.suffix != ".jsonl":
        raise typer.BadParameter(
            f"--sentences {sentences}: they are JSON lines, name it NAME.jsonl"
        )
    with shown_progress():
        directory = find_run(run, translating=True) if run or not hypothesis else None
        metrics, neural = chosen_metrics(metric or [], directory)
        gates = _gates(fail_under or [], metrics, neural)
        sets = chosen_sets(directory, split, test_set, source, reference, to)
        if hypothesis and len(sets) > 1:
            raise typer.BadParameter("--hypothesis belongs to one test set")
        if robustness and not sets[0].of_text:
            raise typer.BadParameter("--robustness writes texts otherwise: this run reads none")
        options = {"metrics": metrics, "resamples": resamples, "neural": neural}
        if hypothesis:
            evaluations = [_evaluate_file(hypothesis, sets[0], directory, options, as_json)]
        else:
            assert directory is not None
            evaluations = _evaluate_run(directory, sets, beam_size, options, robustness, as_json)
    if sentences:
        _write_sentences(sentences, [evaluation for evaluation, _ in evaluations])
    verdicts = [list(_verdicts(evaluation, gates)) for evaluation, _ in evaluations]
    if as_json:
        summaries = [
            {**summary, "fail_under": own} if gates else summary
            for (_, summary), own in zip(evaluations, verdicts, strict=True)
        ]
        echo(json.dumps(summaries, indent=2, ensure_ascii=False))
    _raise_where_under(evaluations, verdicts)


def _evaluate_file(
    file: Path,
    test_set: "EvaluationSet",
    run: "RunDirectory | None",
    options: dict[str, Any],
    as_json: bool,
) -> "tuple[Evaluation, dict[str, Any]]":
    from translator.evaluation import assess, read_hypotheses

    trained_on = read_trained_on(run) if run else None
    hypotheses = read_hypotheses(file, test_set)
    evaluation = assess(test_set, hypotheses, trained_on=trained_on, **options)
    if not as_json:
        echo(f"{test_set.name}: {len(test_set):,} sentences, {file}")
        _show(evaluation)
    _warn(evaluation)
    return evaluation, {**evaluation.summary(), "hypotheses": str(file)}


def _evaluate_run(
    run: "RunDirectory",
    sets: "list[EvaluationSet]",
    beam_size: int | None,
    options: dict[str, Any],
    with_robustness: bool,
    as_json: bool,
) -> "list[tuple[Evaluation, dict[str, Any]]]":
    from translator.evaluation import assess, directed, provenance, store, translate

    loaded = load(run)
    if run.weights_of is not None:
        say(f"{run.name} has the weights of {run.weights_of}: nothing that it learned was better")
    decoding = decoding_of(loaded, beam_size)
    trained_on = read_trained_on(run)
    evaluations = []
    for test_set in sets:
        translator = directed(loaded, test_set)
        hypotheses, seconds = translate(translator, test_set.sources, decoding)
        evaluation = assess(test_set, hypotheses, trained_on=trained_on, seconds=seconds, **options)
        if not as_json:
            how = f"beam {decoding.beam_size}, engine own"
            echo(f"{test_set.name}: {len(test_set):,} sentences, {how}")
            _show(evaluation)
        try:
            kept = f"hypotheses in {store(run, evaluation, decoding)}"
        except OSError as error:
            kept = f"hypotheses not kept in {run.results}: {error.strerror or error}"
        note(f"  {len(test_set) / max(1e-9, seconds):,.0f} sentences/s; {kept}")
        _warn(evaluation)
        made_by = {"run": run.name, **provenance(run, test_set, decoding)}
        summary = {**evaluation.summary(), **made_by}
        if with_robustness:
            summary["robustness"] = _robustness(translator, test_set, decoding, as_json)
        evaluations.append((evaluation, summary))
    return evaluations


# --- what is shown --------------------------------------------------------------------------------


def _show(evaluation: "Evaluation") -> None:
    scores = [[score.name, score.value, score.signature] for score in evaluation.scores]
    widths = [max(len(row[column]) for row in scores) for column in (0, 1)]
    for name, value, signature in scores:
        echo(f"  {name:<{widths[0]}}  {value:>{widths[1]}}  {signature}")
    echo(f"  length ratio {_ratio(evaluation.length_ratio)} (characters)\n")
    rows = [["fault", "sentences", "share"]]
    notes = ["lines"]
    for fault, indices in evaluation.faults.items():
        share = len(indices) / len(evaluation.test_set)
        rows.append([fault, f"{len(indices):,}", f"{share:.1%}"])
        lines = ", ".join(str(index + 1) for index in indices[:_LINES_SHOWN])
        notes.append(lines + " …" * (len(indices) > _LINES_SHOWN))
    for row, remark in zip(table(rows).splitlines(), notes, strict=True):
        echo(f"  {row}  {remark}".rstrip())
    echo()
    if not evaluation.by_length:
        return
    rows = [["words of the source", "sentences", "BLEU", "chrF2", "length ratio"]]
    for bucket in evaluation.by_length:
        values = [score.value for score in bucket.scores]
        rows.append([str(bucket), f"{bucket.sentences:,}", *values, _ratio(bucket.length_ratio)])
    echo(_indented(table(rows)))
    echo()


def _ratio(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}"


def _warn(evaluation: "Evaluation") -> None:
    for warning in evaluation.warnings:
        say(f"warning: {evaluation.test_set.name}: {warning}")


def _robustness(
    translator: "Translator", test_set: "EvaluationSet", decoding: DecodingConfig, as_json: bool
) -> list[dict[str, Any]]:
    """Translate the other ways to write the sources, show the table, and give it as JSON."""
    from translator.evaluation import robustness, translate

    def translations(sources: Sequence[str]) -> tuple[str, ...]:
        return translate(translator, sources, decoding)[0]

    variants = robustness(test_set, translations)
    if not as_json:
        echo(_indented(table(_robustness_rows(variants))))
        echo()
    return [
        {
            "sources": variant.name,
            "changed": variant.changed,
            "scores": [score.summary() for score in variant.scores],
        }
        for variant in variants
    ]


def _robustness_rows(variants: "tuple[Variant, ...]") -> list[list[str]]:
    rows = [["sources", "changed"]]
    for score in variants[0].scores:
        rows[0] += [score.name, "Δ"]
    for variant in variants:
        row = [variant.name, f"{variant.changed:,}"]
        for score, plain in zip(variant.scores, variants[0].scores, strict=True):
            difference = score.score - plain.score
            row += [score.value, f"{difference:+.1f}" if variant is not variants[0] else ""]
        rows.append(row)
    return rows


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


# --- gates ----------------------------------------------------------------------------------------


def _gates(
    options: list[str], metrics: tuple[str, ...], neural: dict[str, Path]
) -> dict[str, tuple[str, float]]:
    """The least score that is wanted by name of the metric, beside the name of its Score."""
    from translator.evaluation import EXACT, LOWER_IS_BETTER, METRICS, ROUGE

    named = METRICS | ROUGE | EXACT
    known = {name: named[name] for name in metrics if name not in LOWER_IS_BETTER}
    known |= {name: name for name in neural}
    gates = {}
    for option in options:
        name, _, number = option.partition("=")
        name = name.strip().lower()
        if name in LOWER_IS_BETTER:
            raise typer.BadParameter(f"--fail-under {option}: a lower {name.upper()} is better")
        if name not in known:
            raise typer.BadParameter(
                f"--fail-under {option}: no metric {name!r}, only {', '.join(known)}"
            )
        if not re.fullmatch(r"-?\d+(\.\d+)?", number.strip()):
            raise typer.BadParameter(f"--fail-under takes METRIC=SCORE, bleu=30, not {option}")
        if name in metrics and not 0 <= float(number) <= 100:
            raise typer.BadParameter(f"--fail-under {option}: {name} goes from 0 to 100")
        if name in gates:
            raise typer.BadParameter(f"--fail-under {option}: {name} has a limit already")
        gates[name] = (known[name], float(number))
    return gates


def _verdicts(
    evaluation: "Evaluation", gates: dict[str, tuple[str, float]]
) -> Iterator[dict[str, Any]]:
    """What --fail-under asked of a test set, as JSON."""
    for metric, (name, least) in gates.items():
        passed = evaluation[name] >= least  # no score that is not a number
        yield {"metric": metric, "name": name, "least": least, "passed": passed}


def _raise_where_under(
    evaluations: "list[tuple[Evaluation, dict[str, Any]]]", verdicts: list[list[dict[str, Any]]]
) -> None:
    failed = [
        f"{evaluation.test_set.name}: {name} {evaluation[name]:.2f} is under {each['least']:g}"
        for (evaluation, _), own in zip(evaluations, verdicts, strict=True)
        for each in own
        if (name := each["name"]) and not each["passed"]
    ]
    if failed:
        raise VerdictError(
            "; ".join(failed), "This is what --fail-under asked for; the scores stand above."
        )


# --- sentences ------------------------------------------------------------------------------------


def _write_sentences(file: Path, evaluations: "Sequence[Evaluation]") -> None:
    """A line of JSON for each sentence of the test sets, with its chrF2 and its faults."""
    from translator.evaluation import sentence_chrf
    from translator.runs import written_aside

    with written_aside(file) as stream:
        for each in evaluations:
            test_set = each.test_set
            scores = sentence_chrf(each.hypotheses, *test_set.references)
            for index, value in enumerate(scores):
                row = {
                    "set": test_set.name,
                    "line": index + 1,
                    "source": test_set.sources[index],
                    "references": [texts[index] for texts in test_set.references],
                    "hypothesis": each.hypotheses[index],
                    "chrf2": round(value, 2),
                    "faults": [name for name, found in each.faults.items() if index in found],
                }
                stream.write((json.dumps(row, ensure_ascii=False) + "\n").encode())
    say(f"{sum(len(each.test_set) for each in evaluations):,} sentences in {file}")
