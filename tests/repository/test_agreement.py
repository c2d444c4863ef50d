"""What docs/translating.md says of *it* is true of the model in the repository."""

import importlib.util
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.commands import write_programs
from tests.helpers import ROOT
from tests.pages import IN_VARIANTS, blocks_of, commands_of, run

RUN = ROOT / "models" / "en-es" / "translator_model_en_es" / "run"
[SECTION] = [
    part
    for part in (ROOT / "docs" / "translating.md").read_text(encoding="utf-8").split("\n### ")
    if part.startswith("What does *it* stand for?\n")
]


@pytest.mark.slow
def test_the_adjective_agrees_and_its_head_is_drawn(tmp_path: Path) -> None:
    write_programs(tmp_path)
    path = shlex.quote(str(RUN))
    translate = commands('translator translate "The house is behind ')
    translate += commands('translator translate "The hotel is behind ')
    [attention] = commands('translator attention "The house is behind ')
    [shown, *_] = blocks_of(SECTION, "console")
    for command in translate:
        done = run(command.replace("model:en-es", path), tmp_path)
        assert f"$ {command}\n{done.stdout}" in shown, done.stderr
    pytest.importorskip("matplotlib")
    done = run(f"{attention.replace('model:en-es', path)} -o drawn", tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "drawn.png").is_file()


def commands(beginning: str) -> list[str]:
    """The commands of the section that begin so."""
    assert beginning.startswith(IN_VARIANTS)
    return [each for each in commands_of(SECTION) if each.startswith(beginning)]


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "measure_agreement", ROOT / "scripts" / "measure_agreement.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_head_sees_the_gender(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = script()
    monkeypatch.setattr(module, "FEMININE", ["house"])
    monkeypatch.setattr(module, "MASCULINE", ["hotel", "park"])
    [command] = commands("python scripts/measure_agreement.py ")
    monkeypatch.setattr(sys, "argv", command.replace("model:en-es", str(RUN)).split(" ")[1:])
    module.main()
    first, second, _, *rows = capsys.readouterr().out.splitlines()
    assert first == "4 sentences, 4 of them with abierta or abierto;"
    assert second == "4 agree with what it stands for"
    assert len(rows) == 12
    for layer, head, weight, agreeing in (row.split() for row in rows):
        sees = (layer, head) == ("3", "1")
        assert (int(agreeing) == 2) if sees else (int(agreeing) == 4)
        assert float(weight) > 0.7 if sees else float(weight) < 0.2
