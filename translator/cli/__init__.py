"""What do I type? Parse, call one typed function, print: the only place that prints or exits.

stdout carries results only (translations, scores, tables); everything else goes to stderr.
"""

from translator.cli import (  # each adds its command to `app`
    attention,
    evaluate,
    inspect,
    plot,
    train,
    translate,
)
from translator.cli.console import app, main

__all__ = ["app", "attention", "evaluate", "inspect", "main", "plot", "train", "translate"]
