"""`translator evaluate`: scores with their signatures."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.console import BeamOption, RunOption, app, decoding_of, find_run, load, say
from translator.config import Config, DecodingConfig
from translator.errors import DataError

if TYPE_CHECKING:
    from translator.evaluation import Evaluation
    from translator.runs import RunDirectory
    from translator.translation import Translator


@app.command("evaluate")
def evaluate_cli(
    run: RunOption = None,
    split: Annotated[str, typer.Option("--split", help="test or valid.")] = "test",
    source: Annotated[Path | None, typer.Option(help="A file of sentences to translate.")] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Their translations, line by line.")
    ] = None,
    beam_size: BeamOption = None,
) -> None:
    """Score the run on its test sets, or on any two files, with sacrebleu and its signatures."""
    from translator.data import read_lines

    if (source is None) != (reference is None):
        raise typer.BadParameter("--source and --reference belong together")
    translator_run = find_run(run)
    if source and reference:
        sets = {source.stem: (list(read_lines(source)), list(read_lines(reference)))}
    else:
        sets = _split_of(translator_run.read_config(), split)
    translator = load(translator_run.path)
    decoding = decoding_of(translator, beam_size)
    for name, (sources, references) in sets.items():
        _evaluate_set(translator, translator_run, name, sources, references, decoding)


def _split_of(config: Config, split: str) -> dict[str, tuple[list[str], list[str]]]:
    from translator.preparation import Splits

    splits = Splits(config).held_out
    chosen = {
        name: pairs
        for name, pairs in splits.items()
        if name == split or name.startswith(f"{split}/")
    }
    if not chosen:
        raise DataError(f"the run has no split {split!r}", f"It has: {', '.join(splits)}.")
    return {
        name: ([pair.source for pair in pairs], [pair.target for pair in pairs])
        for name, pairs in chosen.items()
    }


def _evaluate_set(
    translator: "Translator",
    run: "RunDirectory",
    name: str,
    sources: list[str],
    references: list[str],
    decoding: DecodingConfig,
) -> "Evaluation":
    from translator.evaluation import evaluate

    evaluation = evaluate(translator, sources, references, decoding)
    typer.echo(f"{name}: {len(sources):,} sentences, beam {decoding.beam_size}")
    for score in evaluation.scores:
        typer.echo(f"  {score}")
    stem = f"{name.replace('/', '-')}.beam-{decoding.beam_size}"
    run.write_json(
        run.evaluations / f"{stem}.json",
        {
            "set": name,
            "sentences": len(sources),
            "scores": [vars(score) for score in evaluation.scores],
            "decoding": decoding.model_dump(),
            "seconds": round(evaluation.seconds, 3),
            "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        },
    )
    hypotheses = "".join(line + "\n" for line in evaluation.hypotheses)
    run.write_text(run.evaluations / f"{stem}.hypotheses.txt", hypotheses)
    say(
        f"  {len(sources) / max(1e-9, evaluation.seconds):,.0f} sentences/s; "
        f"hypotheses in {run.evaluations / stem}.hypotheses.txt"
    )
    return evaluation
