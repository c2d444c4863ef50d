"""`translator export`: a run as a model of other programs, with the proof that it is the same."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from translator.cli.console import (
    DEPLOY,
    RunArgument,
    RunOption,
    app,
    bar,
    echo,
    find_run,
    loading_torch,
    named_run,
    note,
    quoted,
    say,
    table,
)
from translator.cli.progress import QuietOption, shown_progress
from translator.cli.sets import ReferenceOption, SourceOption, check_pair, chosen_sets
from translator.progress import activity

if TYPE_CHECKING:
    from translator.evaluation import EvaluationSet
    from translator.export import Certificate, Measured
    from translator.runs import RunDirectory

FormatName = Literal["ctranslate2", "huggingface", "argos"]
Quantization = Literal["float32", "float16", "bfloat16", "int8", "int8_float32"]


@app.command("export", rich_help_panel=DEPLOY)
def export_cli(
    named: RunArgument = None,
    run: RunOption = None,
    form: Annotated[
        FormatName,
        typer.Option("--format", help="argos is a package for Argos Translate and LibreTranslate."),
    ] = "ctranslate2",
    quantization: Annotated[
        Quantization,
        typer.Option(help="Type of the weights (ctranslate2, argos); int8 is small and fast."),
    ] = "float32",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A new folder; else RUN/export/FORMAT."),
    ] = None,
    sample: Annotated[
        int, typer.Option(min=1, help="Sentences to compare the export and the run on.")
    ] = 200,
    source: SourceOption = None,
    reference: ReferenceOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an older export.")] = False,
    push: Annotated[
        str | None,
        typer.Option(
            metavar="USER/NAME",
            help="Upload the export (huggingface) and the run to the Hub.",
        ),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option("--license", help="Licence to state with --push, such as cc-by-4.0."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The certificate and its folder as JSON.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Export a run, and compare its translations of validation sentences with the run's own.

    The sentences are those of the run's validation set, or of --source and --reference. Where that
    set is not here, between English and Spanish everyday sentences of this package stand in.
    """
    run = named_run(named, run)
    check_pair(source, reference)
    if form == "huggingface" and quantization != "float32":
        raise typer.BadParameter("--quantization is of ctranslate2 and argos")
    _check_push(push, licence, form)
    from translator.hypotheses import check_translates

    with shown_progress():
        directory = find_run(run, lasting=True)
        check_translates(directory.read_config())
        folder = output or directory.exports / form
        certificate = None if force or not push else _certificate_of(directory, folder)
        if certificate is None:
            sets = _proving_sets(directory, source, reference)
            certificate = export(directory, form, folder, sets, quantization, sample, force=force)
        address = None
        if push and licence:
            address = _push(directory, folder, certificate, push, licence)
    if as_json:
        pushed = {"address": address} if address else {}
        told = {**dataclasses.asdict(certificate), "folder": str(folder), **pushed}
        echo(json.dumps(told, indent=2))
        return
    if not bar.quiet:
        for direction in (certificate, *certificate.others):
            _show(direction)
        if form == "ctranslate2" and output is None:
            _say_how_to_translate(directory, quantization, sets[0].sources)
        if form == "huggingface" and not address:
            say(f"next: {folder / 'README.md'} says how transformers loads it")
    echo(address or folder)


def _say_how_to_translate(
    run: "RunDirectory", quantization: Quantization, sources: Sequence[str]
) -> None:
    command = f"translator translate {quoted(min(sources[:10], key=len))} --run {run.name}"
    if quantization == "float32":
        say("`translate` takes this export from now on; --engine own does not,")
        say("and TRANSLATOR_ENGINE=own in the environment makes that last")
    else:
        command += " --engine ctranslate2"
    say(f"next:\n    {command}")


def _proving_sets(
    run: "RunDirectory", source: Path | None, references: list[Path] | None
) -> "list[EvaluationSet]":
    """What both translate, in each direction; which sentences these are matters little."""
    from translator.evaluation import known_sets, sets_of_split

    if source:
        return chosen_sets(run, None, None, source, references)
    found, missing = known_sets(run, "valid")
    if found and missing:
        note(
            f"note: {run.name} has no validation set here ({missing}): "
            "everyday sentences of this package stand in"
        )
    return found or sets_of_split(run, "valid")  # which says what is missing


def export(
    run: "RunDirectory",
    form: FormatName,
    folder: Path,
    sets: "list[EvaluationSet]",
    quantization: Quantization,
    sample: int,
    *,
    force: bool,
) -> "Certificate":
    """Export a run to a folder, and prove it on sentences of the test sets of its directions."""
    with loading_torch():
        from translator.export.certified import export_certified

    for each in sets:
        if each.warning:
            say(f"warning: {each.name}: {each.warning}")
    with activity(f"exporting {run.name}, and comparing"):
        return export_certified(
            run,
            form,
            sets[0],
            others=sets[1:],
            folder=folder,
            quantization=quantization,
            sentences=sample,
            force=force,
        )


def _check_push(push: str | None, licence: str | None, form: FormatName) -> None:
    """Refuse what cannot be uploaded, before anything is exported."""
    if push is None:
        if licence is not None:
            raise typer.BadParameter("--license is of --push")
        return
    if form != "huggingface":
        raise typer.BadParameter("--push is of --format huggingface")
    if licence is None:
        raise typer.BadParameter(
            "--push needs a --license that says what others may do with the model, such as "
            "apache-2.0 or cc-by-4.0"
        )
    from translator.hub import check_login

    check_login(push)


def _certificate_of(run: "RunDirectory", folder: Path) -> "Certificate | None":
    """That of an export for transformers which is there already, if it is of these weights."""
    from translator.export import Certificate

    made = Certificate.read(folder)
    of_run = made and (made.format, made.model_sha256) == ("huggingface", run.model_sha256())
    return made if of_run else None


def _push(
    run: "RunDirectory", folder: Path, certificate: "Certificate", repository: str, licence: str
) -> str:
    """Upload an export; returns its address."""
    from translator.export.publishing import publish

    address, is_new = publish(run, folder, certificate, repository, licence)
    say(f"pushed to {address}; `--run hf:{repository}` loads it")
    if is_new:
        say(f"it is private: {address}/settings lets others see it")
    return address


def _show(certificate: "Certificate") -> None:
    say(
        f"{certificate.sentences:,} sentences of {certificate.test_set}, whole and searched once, "
        f"{certificate.threads} thread{'s' * (certificate.threads != 1)} of the CPU"
    )
    say(
        f"  identical: greedy {certificate.identical_greedy:.1%}, "
        f"beam {certificate.beam_size} {certificate.identical:.1%}"
    )
    rows = [["", "BLEU", "sentences/s", "MB"], _row("run", certificate.run)]
    name = certificate.format
    if name != "huggingface":
        name += f" {certificate.quantization}"
    rows.append(_row(name, certificate.export))
    for line in table(rows).splitlines():
        say(f"  {line}")
    p = certificate.bleu_p
    luck = "" if p is None else f", p = {p:.2g} of a paired bootstrap"
    say(f"  Δ BLEU {certificate.bleu_difference:+.2f}{luck} ({certificate.bleu_signature})")


def _row(name: str, measured: "Measured") -> list[str]:
    return [
        name,
        f"{measured.bleu:.2f}",
        f"{measured.sentences_per_second:,.0f}",
        f"{measured.bytes / 1e6:.1f}",
    ]
