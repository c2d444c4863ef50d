"""Which test sets and metrics are meant? What `evaluate`, `compare` and `report` share."""

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.console import say
from translator.config import DataConfig
from translator.errors import TranslatorError
from translator.text.directions import directions_among

if TYPE_CHECKING:
    from translator.data import Fingerprints
    from translator.evaluation import EvaluationSet
    from translator.runs import RunDirectory

SplitOption = Annotated[
    str | None,
    typer.Option("--split", help="Sets of the run: test (the default), valid or test/NAME."),
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
    typer.Option(
        "--hypothesis", help="Translations by any program, one a line, in place of a run's."
    ),
]
MetricOption = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="NAME[=PATH]",
        help="A further metric: rouge, for summaries; comet=PATH of an installed comet-score, or "
        "of a file with one score a line; repeatable.",
    ),
]


def read_trained_on(run: "RunDirectory") -> "dict[str, Fingerprints]":
    """Fingerprints of the sentences that a run was trained on; says so when some are missing.

    Empty where the run keeps none.
    """
    if run.leakage_unknown:
        say(run.leakage_unknown)
    return run.read_fingerprints()


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
    to: str | None = None,
) -> "list[EvaluationSet]":
    """All the test sets that the options name; the run's own where they name none.

    A run of several directions has each set in every direction of its languages, or only in those
    that `to` means.
    """
    from translator.evaluation import (
        AbsentSetError,
        set_by_name,
        set_of_files,
        sets_by_name,
        sets_of_split,
    )

    config = run.read_config() if run else None
    if to and not config:
        raise typer.BadParameter("--to chooses a direction of a run")
    meant = directions_among(to, config) if to and config else []
    if config and config.data.directions:
        pairs = meant or config.data.directions
        sets = [each for name in test_sets or [] for each in sets_by_name(name, pairs)]
    else:
        pairs = []
        languages = config.data.direction if config else None
        sets = [set_by_name(name, languages) for name in test_sets or []]
    if len({each.name for each in sets}) < len(sets) == len(test_sets or []):
        # files of one name: tell where they lie
        sets = [replace(s, name=name) for s, name in zip(sets, test_sets or [], strict=True)]
    if references:
        pair = (meant or [config.data.direction])[0] if config else None
        files = set_of_files(source, references, pair.target if pair else "")
        sets.append(replace(files, direction=str(pair or "")))
    if split or not sets:
        if run is None:
            raise typer.BadParameter("name the sentences: --test-set, or --source and --reference")
        try:
            own = sets_of_split(run, split or "test")
        except AbsentSetError as error:
            error.hint += f" {_other_sets(run.read_config().data)}"
            raise
        sets += [each for each in own if not pairs or each.direction in map(str, pairs)]
    of_text = config is None or config.model.source == "text"
    return [replace(each, of_text=of_text) for each in sets]


def _other_sets(data: DataConfig) -> str:
    """What to name in place of the sets of a run."""
    from translator.evaluation import sacrebleu_set

    known = sacrebleu_set(data.all_directions)
    return (
        f"Or name a test set: --test-set FILE.{data.direction}.tsv, of sources and translations"
        f"{f'; or --test-set {known}, which sacrebleu downloads' * bool(known)}."
    )


def chosen_metrics(
    options: list[str], run: "RunDirectory | None" = None
) -> tuple[tuple[str, ...], dict[str, Path]]:
    """The metrics to compute, and the paths of the neural ones by name.

    Of a run that reads pictures or recordings exact is one. What ROUGE needs is looked for here,
    before anything is translated.
    """
    from translator.evaluation import EXACT, METRICS, ROUGE
    from translator.evaluation.scores import sacrebleu_metric

    metrics = tuple(METRICS)
    neural: dict[str, Path] = {}
    if run and run.read_config().model.source != "text" and "exact" not in options:
        options = ["exact", *options]
    for option in options:
        name, separator, path = option.partition("=")
        name = name.strip().lower()
        if option in ("exact", "rouge"):
            asked = tuple(ROUGE if option == "rouge" else EXACT)
            sacrebleu_metric(asked[0])
            metrics = (*metrics, *asked)
            continue
        if not separator or not path or not re.fullmatch(r"[a-z][\w.+-]*", name):
            raise typer.BadParameter(
                f"--metric takes exact, rouge, or NAME=PATH such as comet=PATH, not {option}"
            )
        if name in {*METRICS, *ROUGE, *EXACT, *neural, "rouge"}:
            raise typer.BadParameter(f"--metric {name}: there is a metric of this name")
        if not Path(path).is_file():
            raise TranslatorError(
                f"--metric {name}: there is no file {path}",
                "Give the path of comet-score, or of a file with one score a line.",
            )
        neural[name] = Path(path)
    return metrics, neural
