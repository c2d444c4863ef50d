"""`translator inspect`: what a model consists of, and which runs it began from."""

import json
from typing import Annotated

import typer

from translator.cli.console import RunOption, app, find_run, load, table


@app.command("inspect")
def inspect_cli(
    run: RunOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Show the model of a run: each parameter with its shape and size, and the files on disk."""
    translator = load(run)
    directory = find_run(run, quiet=True)
    rows = [(name, list(p.shape), p.numel()) for name, p in translator.model.named_parameters()]
    files = {file.name: file.stat().st_size for file in directory.files}
    if as_json:
        parameters = [dict(zip(("name", "shape", "parameters"), row, strict=True)) for row in rows]
        content = {"parameters": parameters, "files": files, "lineage": directory.lineage}
        typer.echo(json.dumps(content, indent=2))
        return
    lines = [["parameter", "shape", "parameters"]]
    lines += [[name, " × ".join(map(str, shape)), f"{count:,}"] for name, shape, count in rows]
    lines += [["total", "", f"{sum(count for *_, count in rows):,}"]]
    typer.echo(table(lines))
    typer.echo("")
    typer.echo(table([["file", "bytes"], *([name, f"{size:,}"] for name, size in files.items())]))
    if directory.lineage:
        typer.echo("")
        before = [[each["run"], each.get("model_sha256", "")] for each in directory.lineage]
        typer.echo(table([["began from", "SHA-256 of its weights"], *before]))
