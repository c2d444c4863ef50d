"""`translator data`: what is in the corpora, before a model learns it."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.console import (
    DATA,
    VERDICT,
    Commands,
    app,
    check_outputs,
    echo,
    note,
    say,
    table,
)
from translator.cli.corpora import OverridesOption, WhatArgument, config_of
from translator.cli.progress import QuietOption, shown_progress

if TYPE_CHECKING:
    from translator.doctor import CorpusReport, Report

data_app = typer.Typer(
    cls=Commands,
    help="Examine and clean the corpora of a configuration, or files themselves.",
    no_args_is_help=True,
)
app.add_typer(data_app, name="data", rich_help_panel=DATA)


@data_app.command("check")
def check_cli(
    what: WhatArgument = None,
    overrides: OverridesOption = None,
    html: Annotated[Path | None, typer.Option(help="Also write the report as a page.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Report what is wrong with the data, and where; exit code 3 when it is serious."""
    if html:
        check_outputs(html)
    with shown_progress():
        config, _ = config_of(what, overrides)
        from translator.doctor import examine

        report = examine(config)
    if html:
        from translator.runs import write_atomically
        from translator.visualization.diagnosis import render_diagnosis

        write_atomically(html, render_diagnosis(report).encode())
        say(f"report: {html}")
    if as_json:
        echo(json.dumps(dataclasses.asdict(report), indent=2, ensure_ascii=False))
    else:
        echo("\n".join(_lines(report)))
    if report.serious:
        raise typer.Exit(VERDICT)


@data_app.command("clean")
def clean_cli(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A directory, or NAME.tsv for all corpora.")
    ],
    what: WhatArgument = None,
    overrides: OverridesOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The counts as JSON.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Write the training pairs that cleaning keeps, and those it drops with the reason."""
    with shown_progress():
        config, _ = config_of(what, overrides)
        from translator.data.sides import exchanged_sides
        from translator.doctor import write_clean

        cleaned = write_clean(config, output)
    if as_json:
        echo(json.dumps({path: vars(counts) for path, counts in cleaned.items()}, indent=2))
        return
    rows = [["corpus", "read", "kept", "dropped", "mended"]]
    for path, counts in cleaned.items():
        dropped, mended = counts.read - counts.kept, sum(counts.repaired.values())
        rows.append([path, *(f"{n:,}" for n in (counts.read, counts.kept, dropped, mended))])
    echo(table(rows))
    for each in exchanged_sides(config):
        say(f"warning: {each}")
    for path, counts in cleaned.items():
        if counts.many_dropped:
            note(f"{path}: many pairs were dropped; `translator data check` shows which, and where")
        if lines := counts.dropped.get("invalid UTF-8"):
            say(
                f"warning: {path}: {lines:,} lines are not UTF-8 and were left out; "
                "`translator data check` says how to convert the file"
            )


def _lines(report: "Report") -> "list[str]":
    """The report for a terminal: findings first, then the figures."""
    lines = []
    for finding in report.findings:
        lines.append(f"{finding.severity}: {finding.kind}: {finding.message}")
        lines += [f"    {finding.hint}"] * bool(finding.hint)
    lines += ["nothing serious was found"] * (not report.serious) + [""]
    rows = [["corpus", "use", "looks like", "pairs", "dropped", "mended", "longest"]]
    for corpus in report.corpora:
        counts = corpus.counts
        languages = " → ".join(language or "?" for language in corpus.languages)
        figures = (counts.read, counts.read - counts.kept, sum(counts.repaired.values()))
        longest = max(histogram.longest for histogram in corpus.lengths)
        rows.append(
            [corpus.path, corpus.split, languages, *(f"{n:,}" for n in (*figures, longest))]
        )
    lines += [table(rows), ""]
    for corpus in report.corpora:
        lines += _rules(corpus)
    if report.coverage:
        lines += [f"tokens, of {report.vocabulary_size:,} pieces from a sample", _coverage(report)]
    for leak in report.leaks:
        lines.append(
            f"{leak.split}: {leak.exact:,} of {leak.pairs:,} pairs share a text with train, "
            f"{leak.near:,} more nearly"
        )
    if report.suggestions:
        lines += ["", "suggested settings", *(f"    {line}" for line in report.suggestions)]
    return lines


def _rules(corpus: "CorpusReport") -> "list[str]":
    """What cleaning drops and mends, the commonest first, with one pair each."""
    counts = corpus.counts
    found = [*counts.dropped.items(), *counts.repaired.items()]
    if not found:
        return []
    lines = [f"{corpus.path} ({corpus.split})"]
    for rule, number in sorted(found, key=lambda item: -item[1]):
        what = "dropped" if rule in counts.dropped else "mended"
        lines.append(f"    {number:,} {what}: {rule}")
        for sample in corpus.samples.get(rule, [])[:1]:
            texts = f"{_short(sample.source)} | {_short(sample.target)}"
            lines.append(f"        {sample.place}: {texts}")
    return [*lines, ""]


def _short(text: str, most: int = 60) -> str:
    visible = "".join(c if c.isprintable() else f"⟨U+{ord(c):04X}⟩" for c in text)
    return visible if len(visible) <= most else visible[: most - 1] + "…"


def _coverage(report: "Report") -> str:
    rows = [["split", "tokens a word", "bytes", "words not in train", "pairs too long"]]
    for each in report.coverage:
        shares = (each.byte_share, each.unseen_word_share, each.too_long_share)
        rows.append([each.split, f"{each.tokens_per_word:.2f}", *(f"{s:.2%}" for s in shares)])
    return table(rows)
