"""`translator backtranslate` and `translator distill`: texts in, pairs to learn from out."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from translator.cli.console import (
    DATA,
    BeamOption,
    RunOption,
    ToOption,
    app,
    find_run,
    loading_torch,
    note,
    say,
)
from translator.cli.progress import QuietOption, shown_progress
from translator.cli.streams import count, resumable
from translator.config import CorpusConfig, LanguagePair, changed_decoding
from translator.documents import DocumentJob, Segment, fingerprint_of
from translator.errors import writing
from translator.progress import activity
from translator.text.directions import directions_among
from translator.version import __version__

if TYPE_CHECKING:
    from translator.runs import RunDirectory
    from translator.synthesis import Synthesis


CorpusArgument = Annotated[
    str,
    typer.Argument(
        metavar="TEXT",
        help="A .txt file of sentences, or pairs of which the source is taken, also by address.",
    ),
]
OutputOption = Annotated[
    Path, typer.Option("--output", "-o", help="NAME.jsonl, which training reads.")
]
MinScoreOption = Annotated[
    float | None,
    typer.Option(max=0.0, help="Leave out translations that the model is less sure of: -1."),
]
RoundTripOption = Annotated[
    Path | None,
    typer.Option("--round-trip", metavar="RUN", help="Translate back with this run and compare."),
]
MinChrfOption = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=100.0,
        help="With --round-trip: leave out texts that come back less alike; else 30.",
    ),
]
OverridesOption = Annotated[
    list[str] | None, typer.Option("--set", help="decoding.sampling=true, … Repeatable.")
]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Refuse to start an interrupted job anew.")
]


@app.command("backtranslate", rich_help_panel=DATA)
def backtranslate_cli(
    text: CorpusArgument,
    output: OutputOption,
    run: RunOption = None,
    to: ToOption = None,
    tag: Annotated[str, typer.Option(help="Tag before each translation; empty: none.")] = "[BT]",
    min_score: MinScoreOption = None,
    round_trip: RoundTripOption = None,
    min_chrf: MinChrfOption = None,
    beam_size: BeamOption = None,
    overrides: OverridesOption = None,
    resume: ResumeOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make training pairs from texts in the TARGET language, with a run that translates back.

    The run translates the other way: to learn en → es, Spanish text and a run es → en. What it
    writes becomes the source of a pair, with a tag; the text itself is the target.
    """
    options = {"is_back": True, "tag": tag, "min_score": min_score}
    with shown_progress():
        synthesize(
            text,
            output,
            find_run(run, translating=True),
            to,
            round_trip,
            options | _least_chrf(min_chrf, round_trip),
            beam_size=beam_size,
            overrides=overrides or (),
            resume=resume,
        )


@app.command("distill", rich_help_panel=DATA)
def distill_cli(
    text: CorpusArgument,
    output: OutputOption,
    run: RunOption = None,
    to: ToOption = None,
    min_score: MinScoreOption = None,
    round_trip: RoundTripOption = None,
    min_chrf: MinChrfOption = None,
    beam_size: BeamOption = None,
    overrides: OverridesOption = None,
    resume: ResumeOption = False,
    quiet: QuietOption = False,
) -> None:
    """Pair texts with their translations by a run, for a smaller model to learn from."""
    options = {"min_score": min_score}
    with shown_progress():
        synthesize(
            text,
            output,
            find_run(run, translating=True),
            to,
            round_trip,
            options | _least_chrf(min_chrf, round_trip),
            beam_size=beam_size,
            overrides=overrides or (),
            resume=resume,
        )


def _least_chrf(min_chrf: float | None, round_trip: Path | None) -> dict[str, Any]:
    if min_chrf is not None and round_trip is None:
        raise typer.BadParameter("--min-chrf compares what --round-trip brings back: name its run")
    return {"min_chrf": 30.0 if min_chrf is None else min_chrf}


def synthesize(
    text: str,
    output: Path,
    run: "RunDirectory",
    to: str | None,
    round_trip: Path | None,
    options: dict[str, Any],
    *,
    beam_size: int | None,
    overrides: Sequence[str],
    resume: bool,
) -> None:
    """Write the pairs of a text as a job that can be resumed; `options` are those of Synthesis."""
    if output.suffix != ".jsonl":
        raise typer.BadParameter(f"--output {output}: the pairs are JSON lines, name it NAME.jsonl")
    from translator.data import files_of
    from translator.runs import RunDirectory

    with loading_torch():
        from translator.synthesis import Synthesis, texts_of
        from translator.translation import Translator

    config = run.read_config()
    languages = directions_among(to, config)[0] if to else config.data.direction
    decoding = run.read_config(overrides).decoding
    if beam_size:
        decoding = changed_decoding(decoding, beam_size=beam_size)
    next(texts_of(text, languages), None)  # before the model is loaded
    runs = [run, *([RunDirectory.find(round_trip)] if round_trip else [])]
    files = [each for each in files_of(CorpusConfig(path=text), languages) if each.is_file()]
    if output.exists() and any(output.samefile(each) for each in files):
        raise typer.BadParameter(f"--output {output} is the text itself: name another file")
    fingerprint = {
        "version of translator": __version__,
        "model": fingerprint_of(*(file for each in runs for file in each.files)),
        "search": decoding.model_dump_json(),
        "options": repr(options),
        "direction": str(languages),
        "text": fingerprint_of(*files) if files else text,  # the name of a dataset of the Hub
    }
    job = DocumentJob(output.resolve(), fingerprint)
    note(f"{run.name} translates {' → '.join(languages)}")
    with activity("loading " + " and ".join(each.name for each in runs)):
        forward, *others = (Translator.from_run(each.name) for each in runs)
    back = LanguagePair(languages.target, languages.source)
    backward = next(iter(others), None)
    if backward and backward.config.data.directions:
        backward = backward.toward(str(back))
    synthesis = Synthesis(
        translator=forward.toward(str(languages)),
        backward=backward,
        decoding=decoding,
        **options,
    )
    read = write_pairs(job, texts_of(text, languages), synthesis, resume=resume)
    with output.open("rb") as lines:
        kept = sum(1 for _ in lines)
    say(f"{kept:,} pairs of {read:,} texts in {output}")
    note(f"to learn from them: data.train: [..., {{path: {output}, held_out: false}}]")


def write_pairs(
    job: DocumentJob, segments: Iterator[Segment], synthesis: "Synthesis", *, resume: bool
) -> int:
    """Translate what is not done yet, move the output into place; how many texts there were."""
    with (
        activity(job.output.name, unit="texts") as texts,
        resumable(job.output, texts),
        writing(job.output),
        job.locked(),
    ):
        if not job.begin(resume=resume) and resume:
            note("there is nothing to resume: starting from the beginning")
        for block in job.translate(segments, synthesis.pairs, str.encode):
            count(texts, block)
        job.finish()
    return texts.done
