"""The commands of the page of adapting, and of the recipe of back-translation, are run."""

import subprocess
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from tests.helpers import ROOT
from tests.pages import commands_of, run, small
from tests.repository.test_readme import place
from translator.cli.console import VERDICT
from translator.config import load_config
from translator.data import read_pairs

__all__ = ["place"]

PAGE = (ROOT / "docs" / "adapting.md").read_text(encoding="utf-8")
[BACK_TRANSLATION] = [
    part
    for part in (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8").split("\n## ")
    if part.startswith("Back-translation and distillation\n")
]


# The loss of a model that knows nothing yet falls; whether its BLEU rises is luck.
TWO_STEPS = "--set training.max_steps=2 --set training.best_metric=loss"


def write_memory(file: Path) -> None:
    """A translation memory of three hundred pairs."""
    pairs = list(read_pairs(load_config().data.train[-1], "en", "es"))[-300:]
    units = "".join(
        f'<tu><tuv xml:lang="en"><seg>{escape(pair.source)}</seg></tuv>'
        f'<tuv xml:lang="es"><seg>{escape(pair.target)}</seg></tuv></tu>\n'
        for pair in pairs
    )
    head = '<?xml version="1.0" encoding="utf-8"?>\n<tmx version="1.4"><header srclang="en"/>'
    file.write_text(f"{head}<body>\n{units}</body></tmx>\n", encoding="utf-8")


def assert_judged(done: "subprocess.CompletedProcess[str]", test_set: str) -> None:
    """It learned and was tested: two steps teach next to nothing, whichever way that goes."""
    assert test_set in done.stdout, done.stderr
    assert done.returncode == VERDICT * ("is refused: " in done.stderr), done.stderr


@pytest.mark.slow
def test_every_command_of_the_page_of_adapting_runs(place: Path) -> None:
    write_memory(place / "memory.tmx")
    assert run(small("translator train"), place).returncode == 0
    for command in commands_of(PAGE):
        if command.startswith("translator adapt"):
            test = "tested test/own" if "data.test.own" in command else "everyday-adapted test/held"
            assert_judged(run(f"{command} {TWO_STEPS}", place), f"runs/{test}")
            continue
        done = run(command, place)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert "began from" in done.stdout


@pytest.mark.slow
def test_every_command_of_the_loop_of_back_translation_runs(place: Path) -> None:
    pairs = (place / "tatoeba.en-es.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    for name, own in (("pairs", pairs[:120]), ("valid", pairs[120:140]), ("test", pairs[140:160])):
        (place / f"{name}.en-es.tsv").write_text("".join(own), encoding="utf-8")
    for command in commands_of(BACK_TRANSLATION):
        done = run(small(command) if "translator train" in command else command, place)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert "student" in done.stdout
