"""What do I type? Parse, call one typed function, print: the only place that prints or exits.

stdout carries results only (translations, scores, tables); everything else goes to stderr.
"""

# each of these adds its command to `app`
from translator.cli import (
    adapt,
    attention,
    compare,
    configuration,
    data,
    embed,
    evaluate,
    explain,
    export,
    generate,
    importing,
    inspect,
    mine,
    neighbours,
    plot,
    report,
    runs,
    serve,
    synthesize,
    train,
    translate,
)
from translator.cli.console import app, main, program

__all__ = [
    "adapt",
    "app",
    "attention",
    "compare",
    "configuration",
    "data",
    "embed",
    "evaluate",
    "explain",
    "export",
    "generate",
    "importing",
    "inspect",
    "main",
    "mine",
    "neighbours",
    "plot",
    "program",
    "report",
    "runs",
    "serve",
    "synthesize",
    "train",
    "translate",
]
