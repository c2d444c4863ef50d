"""Every command that a page shows is one: the command line itself reads its words and settings."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.helpers import ROOT
from translator.cli import app
from translator.config import load_config

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?:console|sh|bash)?\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:\$ |.*\| *)?(?:[A-Z_]+=\S+ )*(translator (?!·).*)")
ENDS = ("|", "<", ">", ">>", "2>", "&&", ";", "&")  # of what belongs to a command


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each `translator` command in the blocks of a page."""
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        lines = iter(block.replace("\\\n", " ").splitlines())
        for line in lines:
            if not (found := COMMAND.fullmatch(line)):
                continue
            words = words_of(found[1], lines)
            yield words[1 : next((n for n, word in enumerate(words) if word in ENDS), None)]


def words_of(text: str, lines: Iterator[str]) -> list[str]:
    """Those of a command, whose quotations may go on in the lines that follow."""
    while True:
        try:
            return shlex.split(text, comments=True)
        except ValueError:
            text += "\n" + next(lines)


def read(words: list[str]) -> dict[str, Any]:
    """The values that the command line reads from words, without doing what they say."""
    values: dict[str, Any] = {}

    def silence(command: Any) -> None:
        command.callback = lambda **kwargs: values.update(kwargs)
        for each in getattr(command, "commands", {}).values():
            silence(each)

    command = typer.main.get_command(app)
    silence(command)
    command.main(list(words), "translator", standalone_mode=False)
    return values


def test_pages_show_commands() -> None:
    assert sum(len(list(commands(page))) for page in PAGES) > 130


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_are_commands(page: Path) -> None:
    for words in commands(page):
        try:
            values = read(words)
        except Exception as error:
            raise AssertionError(f"{page.name}: translator {shlex.join(words)}") from error
        load_config(None, values.get("overrides") or [])


@pytest.mark.parametrize(
    "words", ["trian", "train --sett a=1", "translate --beam-size many", "evaluate a b"]
)
def test_what_is_no_command_is_noticed(words: str) -> None:
    with pytest.raises(Exception, match=r"No such|Input should|unexpected"):
        read(words.split())
