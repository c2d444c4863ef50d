"""`translator translate` at a terminal: a prompt with history, and more on demand."""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from translator.cli.console import echo, say

if TYPE_CHECKING:
    from translator.hypotheses import Translation

_HELP = """\
a text       is translated
:alternatives [N]  the N best translations of the last text
:alignments  which word of the last text each of its translation comes from
:score       the log-probability of the last translation
:help        this
:quit        ends, as Ctrl-D does"""


def converse(translate: "Callable[[str, int, bool], Translation]", languages: str) -> None:
    """Translate what is typed until :quit or Ctrl-D, a line each.

    `translate` takes a text, how many alternatives, and whether it is to be aligned.
    """
    say(f"{languages}: type a text to translate it; :help lists the commands, :quit ends")
    last = ""
    for line in _typed():
        command, _, argument = line.partition(" ")
        if not command.startswith(":"):
            last = line
            echo(translate(last, 1, False).text)
        elif command in (":quit", ":q"):
            return
        elif command == ":help":
            say(_HELP)
        elif not last:
            say("type a text first")
        elif command in (":alternatives", ":a"):
            number = int(argument) if argument.isdecimal() and int(argument) else 3
            for each in translate(last, min(number, 50), False).alternatives:
                echo(f"{each.score:8.2f}  {each.text}")
        elif command == ":alignments":
            for pair in _aligned(translate(last, 1, True)):
                echo(f"  {pair}")
        elif command == ":score":
            echo(f"{translate(last, 1, False).score:.4f}")
        else:
            say(f"no command {command}; :help lists them")


def _aligned(translation: "Translation") -> Iterator[str]:
    sources, targets = translation.source.split(), translation.text.split()
    for source, target in translation.alignment:
        if source < len(sources) and target < len(targets):
            yield f"{sources[source]} → {targets[target]}"


def _typed() -> Iterator[str]:
    """Lines that are typed, with history where the system has readline; Ctrl-C drops a line."""
    with suppress(ImportError):
        import readline  # noqa: F401 (input() uses it)
    while True:
        try:
            line = input("> ")
        except EOFError:
            sys.stderr.write("\n")
            return
        except KeyboardInterrupt:
            sys.stderr.write("\n")
            continue
        if line.strip():
            yield line.strip()
