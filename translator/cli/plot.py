"""`translator plot`: the learning curves of runs, as pictures and a page."""

from pathlib import Path
from typing import Annotated

import typer

from translator.cli.console import (
    SEE,
    app,
    check_outputs,
    find_run,
    note,
    optional_picture,
    output_files,
    say,
    write_output,
)
from translator.cli.progress import QuietOption


@app.command("plot", rich_help_panel=SEE)
def plot_cli(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN", help="Run directories, drawn over each other."),
    ] = None,
    run: Annotated[
        list[Path] | None, typer.Option("--run", help="The same as an argument.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write STEM.html, STEM.png and STEM-minutes.png; else RUN/curves.html, …; "
            "for several runs curves.html, … beside the first.",
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Draw loss, BLEU, chrF, learning rate and speed of one or several runs."""
    runs = [*(runs or ()), *(run or ())]
    from translator.runs import RunDirectory
    from translator.visualization.curves import curves_page, read_curves
    from translator.visualization.picture import curves_picture

    directories = [RunDirectory.named(each) for each in runs] if runs else [find_run(None)]
    first = directories[0].results
    output = output or (first if len(directories) == 1 else first.parent) / "curves"
    check_outputs(*output_files(output, ".html", ".png", "-minutes.png"))
    curves = read_curves(directories)
    for directory in directories:
        if damaged := directory.metrics_warning():
            say(f"warning: {damaged}")
    for each in curves:
        if each.few_points:
            note(each.few_points)
    write_output(output, ".html", curves_page(curves).encode())
    with optional_picture(output):
        picture = curves_picture(curves, "steps")
        write_output(output, ".png", picture.png)
        write_output(output, "-minutes.png", curves_picture(curves, "minutes").png)
        if picture.missing:
            say(f"warning: no installed font has {picture.missing}: the PNG shows boxes for it")
