"""Every command that a page shows is one: its own parser reads its words and settings."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.helpers import ROOT
from tests.pages import IN_VARIANTS, NOT_RUN, PAGES, commands_of, shown
from translator.cli import app
from translator.config import load_config

SHELL = sorted((ROOT / "scripts").glob("*.sh"))
COMMAND = re.compile(r"(?:.*\| *)?(?:[A-Z_]+=\S+ )*(translator .*)", flags=re.DOTALL)
LOOPS = {"beam": "5", "quantization": "int8"}  # variables of scripts that are no text
END = re.compile(r"\||<|2?>.*|&&?|;")  # a word with which a command ends


def words_of(commands: list[str]) -> Iterator[list[str]]:
    """The words of each `translator` command."""
    for command in commands:
        if found := COMMAND.fullmatch(command):
            words = shlex.split(found[1], comments=True)
            yield words[1 : next((n for n, word in enumerate(words) if END.fullmatch(word)), None)]


def commands_in(script: Path) -> list[str]:
    """The lines of a shell script that call `translator`."""
    lines = script.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    calls = (re.match(r'\s*(?:"\S*/)?translator"?( (?!\().*)', line) for line in lines)
    commands = [f"translator{call[1]}" for call in calls if call]
    return [re.sub(r"\$(beam|quantization)\b", lambda name: LOOPS[name[1]], c) for c in commands]


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
    assert sum(len(commands_of(page.read_text(encoding="utf-8"))) for page in PAGES) > 170


@pytest.mark.parametrize("page", [*PAGES, *SHELL], ids=lambda page: page.stem)
def test_the_commands_of_a_page_are_commands(page: Path) -> None:
    commands = commands_in(page) if page in SHELL else commands_of(page.read_text(encoding="utf-8"))
    for words in words_of(commands):
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


def test_a_command_stands_behind_a_prompt() -> None:
    """So that no test misses one."""
    bare = re.compile(r"^(?:translator|python|pip|hf|curl|torchrun|make) .*", flags=re.MULTILINE)
    for page in PAGES:
        for block in re.findall(r"^```(?!python).*?^```", page.read_text("utf-8"), re.M | re.S):
            assert not bare.findall(block), page.name


@pytest.mark.parametrize("beginning", [*NOT_RUN, *IN_VARIANTS])
def test_what_no_test_runs_as_it_stands_is_on_a_page(beginning: str) -> None:
    assert shown(beginning)


@pytest.mark.parametrize("beginning", IN_VARIANTS)
def test_what_is_run_in_a_variant_is_run(beginning: str) -> None:
    """The file names it, and has all commands that begin so from `shown`."""
    files = ("test_variants.py", "test_faults.py", "test_agreement.py")
    texts = [(Path(__file__).parent / name).read_text(encoding="utf-8") for name in files]
    assert any(repr(beginning) in text or f'"{beginning}"' in text for text in texts)


def test_all_that_the_image_copies_is_in_its_context() -> None:
    """What .dockerignore leaves out, COPY does not find."""
    first, *rest = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert first == "*"
    there = {line[1:] for line in rest if line.startswith("!")}
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = {name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]}
    assert copied == there
    assert all((ROOT / name).exists() for name in copied)
