"""`translator import`: a MarianMT model of transformers as a run, with the proof that it is one."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from translator.cli.console import TRAIN, app, echo, loading_torch, note
from translator.cli.progress import QuietOption, shown_progress
from translator.progress import activity


@app.command("import", rich_help_panel=TRAIN)
def import_cli(
    origin: Annotated[
        str,
        typer.Argument(
            metavar="hf:PATH_OR_NAME",
            help="A MarianMT folder, or the name of one on the Hugging Face hub.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the run, runs/NAME; else the checkpoint's.")
    ] = None,
    source_language: Annotated[
        str | None,
        typer.Option("--from", help="Source language, if the name does not end in -en-es."),
    ] = None,
    target_language: Annotated[str | None, typer.Option("--to", help="Target language.")] = None,
    source: Annotated[
        Path | None,
        typer.Option(help="Sentences to compare on, one a line; else some of this package."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The proof and the run as JSON.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Make a run of a MarianMT model, and compare its translations with the model's own.

    The run translates, exports and serves like any other; `training.start_from` fine-tunes it.
    """
    with shown_progress(), activity(f"importing {origin}"):
        from translator.evaluation.sets import read_sentences

        with loading_torch():
            from translator.importing import import_checkpoint

        run, proof = import_checkpoint(
            origin,
            read_sentences(source) if source else None,
            name=name,
            languages=(source_language, target_language),
        )
    if as_json:
        echo(json.dumps({**dataclasses.asdict(proof), "run": str(run.path)}, indent=2))
        return
    note(
        f"{proof.sentences:,} sentences: read alike {proof.identical_ids:.1%}, "
        f"translated alike (greedy) {proof.identical_greedy:.1%}, "
        f"logits within {proof.logits_difference:.0e}"
    )
    echo(run.path)
