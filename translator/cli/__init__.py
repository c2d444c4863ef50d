"""What do I type? Parse, call one typed function, print: the only place that prints or exits.

stdout carries results only (translations, scores, tables); everything else goes to stderr.
"""

from translator.cli import (
    data,
    evaluate,
    inspect,
    train,
    translate,
)  # each adds its command to `app`
from translator.cli.console import app, main

__all__ = ["app", "data", "evaluate", "inspect", "main", "train", "translate"]
