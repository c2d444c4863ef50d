"""`translator attention`: what the model looks at, as a picture, a page and arrays."""

from collections.abc import Container
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from translator.cli.console import (
    SEE,
    RunOption,
    SentenceArgument,
    ToOption,
    app,
    check_outputs,
    find_run,
    load,
    note,
    optional_picture,
    output_files,
    say,
    write_output,
)
from translator.cli.progress import QuietOption, shown_progress

KindName = Literal["encoder", "decoder", "cross"]
_KINDS: dict[KindName, tuple[str, ...]] = {
    "encoder": ("encoder_self_attention",),
    "decoder": ("decoder_self_attention", "self_attention"),
    "cross": ("cross_attention",),
}


@app.command("attention", rich_help_panel=SEE)
def attention_cli(
    text: SentenceArgument,
    run: RunOption = None,
    to: ToOption = None,
    translation: Annotated[
        str | None, typer.Option(help="A translation to look at, instead of the model's own.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write STEM.png, STEM-heads.png, .html and .npz; else RUN/attention.png, …",
        ),
    ] = None,
    pieces: Annotated[
        bool, typer.Option("--pieces", help="Show the tokens as they are, not whole words.")
    ] = False,
    layer: Annotated[
        int | None, typer.Option(min=1, help="The layer to show; without it, the average of all.")
    ] = None,
    head: Annotated[
        int | None, typer.Option(min=1, help="The head to show; without it, the average of all.")
    ] = None,
    attention: Annotated[
        KindName | None,
        typer.Option(
            help="The attention that STEM-heads.png shows and the others begin with; else cross, "
            "or the first that there is."
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Show where the model looks while it translates a sentence: PNG, interactive HTML, arrays."""
    with shown_progress():
        directory = find_run(run, translating=True)
        output = output or directory.results / "attention"
        check_outputs(*output_files(output, ".html", ".npz", ".png", "-heads.png"))
        translator = load(directory)
    if to is not None:
        translator = translator.toward(to)
    from translator.visualization.attention import (
        attention_arrays,
        attention_maps,
        attention_page,
        between_words,
    )
    from translator.visualization.picture import attention_picture, heads_picture

    maps = attention_maps(translator, text, translation)
    note("  →  ".join(filter(None, (maps.source, maps.translation))))
    place = (layer and layer - 1, head and head - 1)
    if attention is not None:
        kind = chosen_kind(maps.kinds_with(*place), attention)
        maps = replace(maps, kinds={kind: maps.kinds[kind]} | maps.kinds)
    shown = maps if pieces else between_words(maps)
    write_output(output, ".html", attention_page(shown, *place).encode())
    write_output(output, ".npz", attention_arrays(maps))
    with optional_picture(output):
        picture = attention_picture(shown, *place)
        write_output(output, ".png", picture.png)
        if maps.shown is None:
            write_output(output, "-heads.png", heads_picture(shown).png)
        if picture.missing:
            say(f"warning: no installed font has {picture.missing}: the PNG shows boxes for it")


def chosen_kind(kinds: Container[str], asked: KindName) -> str:
    """The kind of attention that is asked for, if it is among those that there are."""
    has = {name: kind for name, each in _KINDS.items() for kind in each if kind in kinds}
    if asked not in has:
        raise typer.BadParameter(
            f"of attention there is only: {', '.join(has)}", param_hint="--attention"
        )
    return has[asked]
