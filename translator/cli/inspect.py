"""`translator inspect`: what a model consists of."""

import json
from typing import Annotated

import typer

from translator.cli.console import (
    SEE,
    RunArgument,
    RunOption,
    app,
    echo,
    find_run,
    load,
    named_run,
    table,
)


@app.command("inspect", rich_help_panel=SEE)
def inspect_cli(
    named: RunArgument = None,
    run: RunOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Show the model of a run: each parameter with its shape and size, and the files on disk."""
    run = named_run(named, run)
    translator = load(run)
    directory = find_run(run, quiet=True)
    rows = [(name, list(p.shape), p.numel()) for name, p in translator.model.named_parameters()]
    files = {file.name: file.stat().st_size for file in directory.files}
    if as_json:
        parameters = [dict(zip(("name", "shape", "parameters"), row, strict=True)) for row in rows]
        echo(json.dumps({"parameters": parameters, "files": files}, indent=2))
        return
    lines = [["parameter", "shape", "parameters"]]
    lines += [[name, " × ".join(map(str, shape)), f"{count:,}"] for name, shape, count in rows]
    lines += [["total", "", f"{sum(count for *_, count in rows):,}"]]
    echo(table(lines))
    echo("")
    echo(table([["file", "bytes"], *([name, f"{size:,}"] for name, size in files.items())]))
