"""`python -m translator` is the same as `translator`; torchrun starts it so."""

from translator.cli import program

program()
