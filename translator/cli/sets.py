"""Which test sets are meant? The options that `evaluate`, `compare` and `report` share."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.console import say

if TYPE_CHECKING:
    from translator.data import Fingerprints
    from translator.evaluation import EvaluationSet
    from translator.runs import RunDirectory

SplitOption = Annotated[
    str | None,
    typer.Option(
        "--split", help="Of the run's configuration: test (the default), valid or test/NAME."
    ),
]
TestSetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--test-set",
        "--test",
        help="A test set of sacrebleu, such as wmt13/en-es, or a .tsv file; repeatable.",
    ),
]
SourceOption = Annotated[
    Path | None, typer.Option("--source", help="A file of sentences, one a line.")
]
ReferenceOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--reference", help="Their translations, line by line; repeatable for more references."
    ),
]

HypothesisOption = Annotated[
    Path | None,
    typer.Option("--hypothesis", help="Translations by any system, line by line, not a run's."),
]


def read_trained_on(run: "RunDirectory") -> "dict[str, Fingerprints]":
    """Fingerprints of the sentences that a run was trained on; says so when some are missing.

    Empty where the run keeps none.
    """
    trained_on = run.read_fingerprints()
    if not trained_on:
        say(f"{run.fingerprints_file} is missing: whether test sentences leaked is not known")
    elif run.unknown_start:
        say(
            f"{run.path} started from {run.unknown_start}, of whose training text nothing is "
            "known: test sentences may have leaked there"
        )
    return trained_on


def check_pair(source: Path | None, references: list[Path] | None) -> None:
    """Refuse sentences without references and references without sentences."""
    if bool(source) != bool(references):
        raise typer.BadParameter("--source and --reference belong together")


def chosen_sets(
    run: "RunDirectory | None",
    split: str | None,
    test_sets: list[str] | None,
    source: Path | None,
    references: list[Path] | None,
) -> "list[EvaluationSet]":
    """All the test sets that the options name; the run's own where they name none."""
    from translator.evaluation import set_by_name, set_of_files, sets_of_split

    data = run.read_config().data if run else None
    languages = (data.source_language, data.target_language) if data else None
    sets = [set_by_name(name, languages) for name in test_sets or []]
    if len({each.name for each in sets}) < len(sets):  # files of one name: tell where they lie
        sets = [replace(s, name=name) for s, name in zip(sets, test_sets or [], strict=True)]
    if references:
        sets.append(set_of_files(source, references, languages[1] if languages else ""))
    if split or not sets:
        if run is None:
            raise typer.BadParameter("name the sentences: --test-set, or --source and --reference")
        sets += sets_of_split(run, split or "test")
    return sets
