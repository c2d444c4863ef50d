"""`translator neighbours`: the lines of a text that mean nearly the same as each of another."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.console import TRANSLATE, RunOption, app, find_run, loading_torch
from translator.cli.progress import QuietOption, on_terminal
from translator.cli.streams import lines_of, write_to
from translator.progress import activity

if TYPE_CHECKING:
    from translator.embedding import Nearest


@app.command("neighbours", rich_help_panel=TRANSLATE)
def neighbours_cli(
    queries: Annotated[
        Path, typer.Argument(metavar="QUERIES", help="Lines to find neighbours of.")
    ],
    corpus: Annotated[Path, typer.Argument(metavar="CORPUS", help="Lines to find them among.")],
    run: RunOption = None,
    k: Annotated[int, typer.Option("--k", min=1, help="How many neighbours of each line.")] = 3,
    output_file: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object for each query.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Find for each line of QUERIES the lines of CORPUS that are nearest to it in meaning.

    Lines of five columns: number of the query, rank, cosine, number of the neighbour, its text.
    All numbers begin at 1. A blank line neither has neighbours nor is one.
    """
    directory = find_run(run)
    texts = list(lines_of(queries))
    with loading_torch():
        from translator.embedding import Embedder, nearest_texts

    with on_terminal(), activity(f"embedding by {directory.name}"):
        embedder = Embedder.from_run(directory.name)
        found, near = nearest_texts(embedder, embedder.embed(texts), lines_of(corpus), k)
    write_to(output_file, _objects(texts, found, near) if as_json else _rows(found, near))


def _rows(found: "Nearest", texts: dict[int, str]) -> Iterator[str]:
    for query, near in enumerate(_neighbours(found), start=1):
        for rank, (score, index) in enumerate(near, start=1):
            text = " ".join(texts[index].split("\t"))
            yield f"{query}\t{rank}\t{score:.4f}\t{index + 1}\t{text}\n"


def _objects(queries: list[str], found: "Nearest", texts: dict[int, str]) -> Iterator[str]:
    for number, (query, near) in enumerate(zip(queries, _neighbours(found), strict=True), start=1):
        neighbours = [
            {"score": round(score, 6), "line": index + 1, "text": texts[index]}
            for score, index in near
        ]
        record = {"line": number, "text": query, "neighbours": neighbours}
        yield json.dumps(record, ensure_ascii=False) + "\n"


def _neighbours(found: "Nearest") -> Iterator[list[tuple[float, int]]]:
    """For each query the scores and indices of its neighbours, best first."""
    for scores, indices in zip(found.scores.tolist(), found.indices.tolist(), strict=True):
        yield [(score, index) for score, index in zip(scores, indices, strict=True) if index >= 0]
