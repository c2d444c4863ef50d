"""`translator data mine`: parallel sentences out of two texts that are not parallel."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from translator.cli.console import RunOption, find_run, loading_torch, note, say
from translator.cli.data import data_app
from translator.cli.progress import QuietOption, shown_progress
from translator.cli.streams import lines_of, write_to
from translator.progress import activity

if TYPE_CHECKING:
    from translator.runs import RunDirectory


@data_app.command("mine")
def mine_cli(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="Sentences in one language, one a line.")
    ],
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="Sentences in the other, one a line.")
    ],
    run: RunOption = None,
    output_file: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="NAME.en-es.tsv, which training reads; else stdout."),
    ] = None,
    k: Annotated[
        int | None, typer.Option("--k", min=1, help="Neighbours to compare a pair with; else 4.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="Lowest margin of a pair: higher gives fewer, surer; else 1.06."
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Find the sentences of two files that translate each other, best first.

    Lines of source, target and margin: the cosine of a pair's vectors ÷ the mean cosine of both to
    their nearest neighbours on the other side. Each sentence is used once.

    The encoder of the run must have read both languages in training. A run that translates in one
    direction has read its source language only.
    """
    given = {"k": k, "threshold": threshold}
    settings = {key: value for key, value in given.items() if value is not None}
    mine(source, target, find_run(run), output_file, **settings)


def mine(
    source: Path,
    target: Path,
    run: "RunDirectory",
    output_file: Path | None,
    **settings: Any,
) -> None:
    """Write the pairs of two files as TSV and say how many; `settings` are those of `mining`."""
    with loading_torch():
        from translator.embedding import Embedder
        from translator.mining import mine as mine_vectors

    config = run.read_config()
    source_language, target_language = config.data.direction
    read = {pair.source for pair in config.data.all_directions}
    if config.training.objective == "translate" and target_language not in read:
        say(
            f"warning: {run.name} translates from {source_language}: its encoder has not learned "
            f"to read {target_language}"
        )
    texts = _distinct_texts(source), _distinct_texts(target)
    with shown_progress():
        with activity(f"loading {run.name}"):
            embedder = Embedder.from_run(run.name)
        with activity("embedding both texts"):
            vectors = [embedder.as_read(embedder.embed(each)) for each in texts]
        with activity("comparing them"):
            found = mine_vectors(*vectors, **settings)
    rows = (f"{texts[0][i]}\t{texts[1][j]}\t{score:.4f}\n" for i, j, score in found)
    write_to(output_file, rows)
    say(f"pairs found: {len(found):,}")


def _distinct_texts(file: Path) -> list[str]:
    """The sentences of a file; says which lines are not among them."""
    from translator.mining import DistinctTexts

    found = DistinctTexts.of(lines_of(file))
    left_out = f"left out: {found.repeated:,} repeated, {found.blank:,} blank"
    note(f"{file}: {len(found.texts):,} sentences; {left_out}")
    return found.texts
