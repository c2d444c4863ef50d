"""`translator compare`: paired tests tell a better system from a lucky one."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from translator.cli.console import (
    JUDGE,
    BeamOption,
    ToOption,
    app,
    echo,
    note,
    note_run,
    padded,
    say,
    table,
    width_of,
)
from translator.cli.progress import QuietOption, shown_progress
from translator.cli.sets import (
    ReferenceOption,
    SourceOption,
    SplitOption,
    TestSetOption,
    check_pair,
    chosen_metrics,
    chosen_sets,
    read_trained_on,
)
from translator.errors import DataError, TranslatorError
from translator.text.directions import directions_among

if TYPE_CHECKING:
    from translator.evaluation import Comparison, EvaluationSet, TranslatedSet
    from translator.runs import RunDirectory

_SLOW = "ter"  # it would take minutes


@app.command("compare", rich_help_panel=JUDGE)
def compare_cli(
    systems: Annotated[
        list[Path],
        typer.Argument(
            metavar="SYSTEM",
            help="Two or more: run directories, or files of translations by any program, one a "
            "line. The first is the baseline.",
        ),
    ],
    split: SplitOption = None,
    test_set: TestSetOption = None,
    source: SourceOption = None,
    reference: ReferenceOption = None,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="rouge", help="Also ROUGE, for summaries."),
    ] = None,
    to: ToOption = None,
    beam_size: BeamOption = None,
    sentences: Annotated[
        int, typer.Option(min=0, help="How many sentences to show, the most different first.")
    ] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Compare systems on the same sentences: paired tests of significance, wins and losses."""
    if len(systems) < 2:
        raise typer.BadParameter("name two systems or more")
    if source:
        check_pair(source, reference)
    with shown_progress():
        from translator.evaluation import doubts

        metrics, neural = chosen_metrics(metric or [])
        if neural:
            raise typer.BadParameter("compare takes no other --metric than rouge")
        metrics = tuple(name for name in metrics if name != _SLOW)
        runs = _runs(systems)
        first = next(iter(runs.values()), None)
        comparisons = []
        sets = chosen_sets(first, split, test_set, source, reference, to)
        for each in sets:  # before any is translated
            _check_directions(each, runs)
        for each in sets:
            if runs and not each.has_sources:
                raise typer.BadParameter("a run needs a --source to translate")
            for warning in doubts(each):
                say(f"warning: {each.name}: {warning}")
            comparison = _compare(each, systems, runs, metrics, beam_size)
            comparisons.append(_summary(comparison, sentences))
            if not as_json:
                _show(comparison, sentences)
    if as_json:
        echo(json.dumps(comparisons, indent=2, ensure_ascii=False))


def _runs(systems: list[Path]) -> "dict[Path, RunDirectory]":
    from translator.runs import RunDirectory

    def is_run(system: Path) -> bool:
        return RunDirectory.is_name(system) or system.is_dir()

    for system in systems:
        if not system.exists() and not is_run(system):
            raise DataError(
                f"there is no run directory and no file {system}",
                "Name runs such as runs/everyday, or files with one translation a line.",
            )
    runs = {system: RunDirectory.find(system) for system in systems if is_run(system)}
    for run in runs.values():
        note_run(run)
    return runs


def _check_directions(test_set: "EvaluationSet", runs: "dict[Path, RunDirectory]") -> None:
    for run in runs.values():
        try:
            if test_set.direction:
                directions_among(test_set.direction, run.read_config())
        except TranslatorError as error:
            raise DataError(
                f"{run.name}: {error.message}",
                "Compare in a direction that all of them have: --to and its target language.",
            ) from None


def _compare(
    test_set: "EvaluationSet",
    systems: list[Path],
    runs: "dict[Path, RunDirectory]",
    metrics: tuple[str, ...],
    beam_size: int | None,
) -> "Comparison":
    from translator.evaluation import (
        System,
        compare,
        find_leakage,
        read_hypotheses,
        translate_or_reuse,
    )

    chosen: list[System] = []
    for path, name in zip(systems, _names(systems), strict=True):
        if path in runs:
            translated = translate_or_reuse(runs[path], test_set, beam_size)
            made = "translated before" if translated.reused else "translated now"
            where = translated.file or "kept nowhere: no right or room"
            note(f"{name}: {_size_and_speed(runs[path], translated)}; {made}: {where}")
            trained_on = read_trained_on(runs[path])
            leaked = find_leakage(test_set, trained_on).warning(test_set) if trained_on else ""
            if leaked:
                say(f"warning: {test_set.name}: {name}: {leaked}")
            chosen.append(System(name, translated.hypotheses))
        else:
            chosen.append(System(name, read_hypotheses(path, test_set)))
    return compare(test_set, chosen, metrics)


def _size_and_speed(run: "RunDirectory", translated: "TranslatedSet") -> str:
    """What a smaller model is chosen for; the speed is that of when the translations were made."""
    speed = len(translated.hypotheses) / max(1e-9, translated.seconds)
    return f"{run.model_file.stat().st_size / 1e6:.1f} MB, {speed:,.0f} sentences/s"


def _names(systems: list[Path]) -> list[str]:
    """Names of the directories and files; whole paths where two have one name."""
    names = [system.resolve().name for system in systems]
    if len(set(names)) < len(names):
        names = [str(system) for system in systems]
    return names


# --- what is shown --------------------------------------------------------------------------------


def _show(comparison: "Comparison", sentences: int) -> None:
    test_set = comparison.test_set
    baseline, *others = comparison.systems
    echo(f"{test_set.name}: {len(test_set):,} sentences, against {baseline.name}\n")
    rows = [["system", "metric", "score", "Δ", "p bootstrap", "p randomization"]]
    for metric, differences in comparison.differences.items():
        for system, each in zip(comparison.systems, differences, strict=True):
            row = [system.name, metric, f"{each.score:.1f} ± {each.interval:.1f}"]
            if each.p_bootstrap is not None and each.p_randomization is not None:
                row += [f"{each.difference:+.2f}", f"{each.p_bootstrap:.4f}"]
                row += [f"{each.p_randomization:.4f}"]
            rows.append(row + [""] * (6 - len(row)))
    echo(table(rows))
    echo()
    for signatures in comparison.signatures.values():
        echo("  " + "\n  ".join(signatures))
    for index, (system, duel) in enumerate(zip(others, comparison.duels, strict=True), start=1):
        equal = len(test_set) - len(duel.wins) - len(duel.losses)
        echo(
            f"\n{system.name} is better in {len(duel.wins):,} sentences, worse in "
            f"{len(duel.losses):,}, equal in {equal:,} (chrF2); {duel.different:,} differ"
        )
        for number in duel.most_different[:sentences]:
            _show_sentence(comparison, index, number)
    echo()


def _show_sentence(comparison: "Comparison", index: int, number: int) -> None:
    baseline, system = comparison.systems[0], comparison.systems[index]
    scores = comparison.sentence_scores
    lines = [("source", "", comparison.test_set.sources[number])]
    lines += [("reference", "", text) for text in comparison.test_set.references_of(number)]
    lines += [
        (baseline.name, f"{scores[0][number]:.1f}", baseline.hypotheses[number]),
        (system.name, f"{scores[index][number]:.1f}", system.hypotheses[number]),
    ]
    width = max(width_of(name) for name, _, _ in lines)
    echo(f"\n  line {number + 1}")
    for name, value, text in lines:
        if text or value:
            echo(f"  {padded(name, width)}  {value:>5}  {text}".rstrip())


def _summary(comparison: "Comparison", sentences: int) -> dict[str, Any]:
    return {
        "set": comparison.test_set.name,
        "sentences": len(comparison.test_set),
        "systems": [
            {
                "name": system.name,
                "scores": [vars(each[index]) for each in comparison.differences.values()],
            }
            for index, system in enumerate(comparison.systems)
        ],
        "signatures": [s for pair in comparison.signatures.values() for s in pair],
        "against_the_first": [
            {
                "name": system.name,
                "wins": len(duel.wins),
                "losses": len(duel.losses),
                "ties": len(comparison.test_set) - len(duel.wins) - len(duel.losses),
                "different": duel.different,
                "most_different": [
                    _sentence_summary(comparison, index, number)
                    for number in duel.most_different[:sentences]
                ],
            }
            for index, (system, duel) in enumerate(
                zip(comparison.systems[1:], comparison.duels, strict=True), start=1
            )
        ],
    }


def _sentence_summary(comparison: "Comparison", index: int, number: int) -> dict[str, Any]:
    return {
        "line": number + 1,
        "source": comparison.test_set.sources[number],
        "references": comparison.test_set.references_of(number),
        "hypotheses": [comparison.systems[i].hypotheses[number] for i in (0, index)],
        "chrf": [comparison.sentence_scores[i][number] for i in (0, index)],
    }
