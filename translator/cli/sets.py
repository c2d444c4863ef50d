"""Which test sets are meant? The options that `evaluate`, `compare` and `report` share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from translator.config import Config
    from translator.evaluation import EvaluationSet

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


def check_pair(source: Path | None, references: list[Path] | None) -> None:
    """Refuse sentences without references and references without sentences."""
    if bool(source) != bool(references):
        raise typer.BadParameter("--source and --reference belong together")


def chosen_sets(
    config: "Config | None",
    split: str | None,
    test_sets: list[str] | None,
    source: Path | None,
    references: list[Path] | None,
) -> "list[EvaluationSet]":
    """All the test sets that the options name; the run's own where they name none."""
    from translator.evaluation import set_by_name, set_of_files, sets_of_split

    languages = (config.data.source_language, config.data.target_language) if config else None
    sets = [set_by_name(name, languages) for name in test_sets or []]
    if references:
        sets.append(set_of_files(source, references, languages[1] if languages else ""))
    if split or not sets:
        if config is None:
            raise typer.BadParameter("name the sentences: --test-set, or --source and --reference")
        sets += sets_of_split(config, split or "test")
    return sets
