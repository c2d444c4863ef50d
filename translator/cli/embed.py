"""`translator embed`: texts in, their meanings as vectors out."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from translator.cli.console import TRANSLATE, RunOption, app, find_run, loading_torch, note
from translator.cli.progress import QuietOption, on_terminal
from translator.cli.streams import lines_of, output_to, text_of, write_to
from translator.progress import activity

if TYPE_CHECKING:
    from translator.embedding import Vectors

TextsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="TEXT", help="Texts; else lines of stdin.")
]
InputOption = Annotated[
    Path | None, typer.Option("--input", "-i", help="Lines of this file; - is stdin.")
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="A .npy or .jsonl file; else JSON lines to stdout."),
]


@app.command("embed", rich_help_panel=TRANSLATE)
def embed_cli(
    texts: TextsArgument = None,
    run: RunOption = None,
    input_file: InputOption = None,
    output_file: OutputOption = None,
    quiet: QuietOption = False,
) -> None:
    """Turn each text or line into a vector: the mean of the encoder's states, of length 1.

    N lines give N vectors; that of a blank line is zero.
    """
    if texts and input_file:
        raise typer.BadParameter("give texts or --input, not both")
    if output_file and output_file.suffix not in (".npy", ".jsonl"):
        raise typer.BadParameter("the name of --output must end in .npy or .jsonl")
    if not texts and input_file in (None, Path("-")) and sys.stdin.isatty():
        note("type a line to embed it; end with Ctrl-D")
    embed(map(text_of, texts) if texts else lines_of(input_file), find_run(run).name, output_file)


def embed(texts: Iterable[str], run: str, output_file: Path | None) -> None:
    """Write the vectors of texts, some thousands at a time."""
    with loading_torch():
        from translator.embedding import Embedder

    with on_terminal(), activity(f"loading {run}"):
        embedder = Embedder.from_run(run)
    vectors = embedder.stream(texts)
    if output_file and output_file.suffix == ".npy":
        with output_to(output_file) as output:
            _write_npy(output, vectors, embedder.size)
    else:
        write_to(output_file, map(_json_lines, vectors))


def _write_npy(output: BinaryIO, blocks: "Iterator[Vectors]", size: int) -> None:
    """Write vectors as NumPy's one array [N, D]; how many they are is known at the end.

    NumPy's header has room for the number to grow.
    """
    if not output.seekable():
        raise typer.BadParameter("a pipe takes no .npy: name a file, or NAME.jsonl")
    _write_header(output, 0, size)
    number = 0
    for vectors in blocks:
        output.write(vectors.astype("<f4").tobytes())
        number += len(vectors)
    output.seek(0)
    _write_header(output, number, size)


def _write_header(output: BinaryIO, number: int, size: int) -> None:
    from numpy.lib import format as npy

    header = {"descr": "<f4", "fortran_order": False, "shape": (number, size)}
    npy.write_array_header_1_0(output, header)


def _json_lines(vectors: "Vectors") -> str:
    """Each vector as a JSON array; its numbers are as short as float32 allows."""
    return "".join(f"[{', '.join(map(str, vector))}]\n" for vector in vectors)
