"""`translator config`: a configuration for one's own corpus, the values that hold, the schema."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.console import TRAIN, Commands, app, echo, note, say
from translator.cli.corpora import OverridesOption, WhatArgument, config_of
from translator.cli.progress import QuietOption, shown_progress
from translator.config import Config, dump_config, json_schema
from translator.errors import DataError

if TYPE_CHECKING:
    from translator.doctor import Report

config_app = typer.Typer(
    cls=Commands,
    help="Write a configuration for a corpus, or show one in full.",
    no_args_is_help=True,
)
app.add_typer(config_app, name="config", rich_help_panel=TRAIN)


@config_app.command("init")
def init_cli(
    corpora: Annotated[
        list[str], typer.Argument(metavar="CORPUS", help="my.en-es.tsv, my.tmx, my.en my.es, …")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file to write; else NAME.yaml; - is stdout."),
    ] = None,
    overrides: OverridesOption = None,
    quiet: QuietOption = False,
) -> None:
    """Write a commented configuration for corpora: languages guessed, the doctor's advice applied.

    The other keys keep their defaults: `translator config show` writes them all.
    """
    with shown_progress():
        config, notes = config_of(corpora, overrides)
        file = output or Path(f"{config.name}.yaml")
        if file != Path("-") and file.exists():
            raise DataError(f"{file} is there already", "Name another --output, or delete it.")
        from translator.doctor import examine

        report = examine(config)
        advice = [line.partition("  #")[0].replace(": ", "=", 1) for line in report.suggestions]
        config, _ = config_of(corpora, [*advice, *(overrides or ())])
    text = _commented(config, report)
    for finding in report.findings:
        if finding.severity == "serious":
            say(f"warning: {finding.message}")
    note("\n".join(notes))
    if file == Path("-"):
        echo(text.removesuffix("\n"))
        return
    from translator.runs import write_atomically

    write_atomically(file, text.encode())
    echo(file)


@config_app.command("show")
def show_cli(what: WhatArgument = None, overrides: OverridesOption = None) -> None:
    """Show every value that is in force as YAML, each below its explanation."""
    config, _ = config_of(what, overrides)
    echo(dump_config(config).removesuffix("\n"))


@config_app.command("schema")
def schema_cli() -> None:
    """Show the JSON Schema of configurations, for editors that complete and check them.

    A file that begins with `# yaml-language-server: $schema=FILE` names it.
    """
    echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


def _commented(config: Config, report: "Report") -> str:
    """The keys that are set, below what the doctor found."""
    findings = [f"{each.severity}: {each.message}" for each in report.findings]
    found = findings or ["nothing serious was found"]
    head = [
        f"# translator train {config.name}.yaml",
        "# Keys that are not here have their defaults: `translator config show`.",
        "#",
        *(f"# {line}" for each in found for line in f"data check: {each}".splitlines()),
        *(f"# data check advised {line}" for line in report.suggestions),
    ]
    return "\n".join(head) + "\n\n" + dump_config(config, only_set=True)
