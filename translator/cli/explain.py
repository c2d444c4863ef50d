"""`translator explain`: one sentence in numbers, from its tokens to the likeliest ones."""

import math
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.attention import KindName, chosen_kind
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
    table,
)
from translator.cli.progress import QuietOption, shown_progress

if TYPE_CHECKING:
    from translator.visualization.explanation import NextToken, Step

_SHOWN = 6  # dimensions of a vector that the terminal shows


@app.command("explain", rich_help_panel=SEE)
def explain_cli(
    text: SentenceArgument,
    run: RunOption = None,
    to: ToOption = None,
    translation: Annotated[
        str | None, typer.Option(help="A translation to explain, instead of the model's own.")
    ] = None,
    layer: Annotated[int, typer.Option(min=1, help="The layer to explain.")] = 1,
    head: Annotated[int, typer.Option(min=1, help="The head to explain.")] = 1,
    attention: Annotated[
        KindName | None,
        typer.Option(help="The attention to explain; else the first. The page has all."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with every number to this file.")
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Explain a sentence in numbers: embeddings, a head's Q, K, V and softmax, a layer, tokens."""
    if html is not None:
        check_outputs(html)
    with shown_progress():
        translator = load(find_run(run, translating=True))
    if to is not None:
        translator = translator.toward(to)
    from translator.visualization.explanation import STACKS, explain, explanation_page

    found = explain(translator, text, translation, layer=layer - 1, head=head - 1)
    kind = chosen_kind(found.heads, attention) if attention else next(iter(found.heads))
    if html is not None:
        from translator.runs import write_atomically

        write_atomically(html, explanation_page(found).encode())
        typer.echo(html)
        return
    typer.echo("  →  ".join(filter(None, (found.source, found.translation))))
    for stack, embedded in found.embedded.items():
        if stack not in STACKS[kind]:
            continue
        _entitle(f"What the {stack} reads")
        ids = [["token", *embedded.tokens], ["id", *map(str, embedded.ids)]]
        typer.echo(table(ids))
        for step in embedded.steps():
            _show(step)
    _entitle(found.title(kind))
    typer.echo(found.origin(kind))
    if naming := found.rows(kind):
        typer.echo(naming)
    for step in found.steps(kind):
        _show(step)
    _entitle(found.outcome)
    typer.echo(found.outcome_origin)
    if found.written:
        typer.echo(f"In brackets: {found.written}.")
    where = "after" if found.writes_on else "at"
    rows = [(f"{where} {choice.after}", *_choices(choice)) for choice in found.next_tokens]
    columns = zip_longest(*rows, fillvalue="")
    typer.echo(f"\n{table(list(map(list, zip(*columns, strict=True))))}")
    note("\n--html FILE writes every number as a page")


def _choices(choice: "NextToken") -> list[str]:
    """The likeliest tokens with their probabilities, the one that was written in brackets."""
    told = [f"{token} {probability:.3f}" for token, probability in choice.likeliest]
    return [f"[{each}]" if n == choice.written else each for n, each in enumerate(told)]


def _entitle(title: str) -> None:
    typer.echo(f"\n{title}\n{'─' * len(title)}")


def _show(step: "Step") -> None:
    """A matrix with its name, and of long vectors the first numbers."""
    size = step.matrix.shape[1]
    shown = size if step.columns else min(size, _SHOWN)
    more = ["…"] * (shown < size)
    header = step.columns or tuple(str(n + 1) for n in range(shown))
    lines = [["", *header, *more]]
    for token, row in zip(step.rows, step.matrix, strict=True):
        lines.append([token, *(_number(x) for x in row[:shown].tolist()), *more])
    shape = " × ".join(map(str, step.matrix.shape))
    typer.echo(f"\n{step.name}: {step.formula} [{shape}]\n{table(lines)}")


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "–"
