"""The lecture runs, cell by cell, on a run of the reader's own; the notebook has the same cells."""

import ast
import json
import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers import ROOT
from translator.runs import RunDirectory

SCRIPT = runpy.run_path(str(ROOT / "scripts" / "lecture_notebook.py"))
PAGE = (ROOT / "docs" / "lecture.md").read_text(encoding="utf-8")
NOTEBOOK = (ROOT / "docs" / "lecture.ipynb").read_text(encoding="utf-8")


def shown(cell: str, names: dict[str, Any]) -> Any:
    """What a notebook shows of a cell: the value of its last line, if that is an expression."""
    body = ast.parse(cell).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "<cell>", "exec"), names)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
    return None


def test_the_notebook_is_written_from_the_page() -> None:
    """`python scripts/lecture_notebook.py` writes it anew."""
    assert SCRIPT["notebook_of"](PAGE) == NOTEBOOK
    cells = SCRIPT["cells_of"]("a\n\n```python\nb\n```\n\nc\n")
    assert cells == [("markdown", "a\n"), ("code", "b\n"), ("markdown", "c\n")]


@pytest.mark.parametrize("place", ["docs/runs", "runs", "elsewhere"])
def test_the_first_cell_finds_the_run_or_says_that_it_trains_one(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / place / "everyday").mkdir(parents=True)
    (tmp_path / "docs").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "docs")
    monkeypatch.setattr("sys.executable", shutil.which("echo"))  # in place of Python: it trains not
    exec(SCRIPT["SETUP"], {})
    said = capfd.readouterr().out
    if place == "elsewhere":
        trained = tmp_path / "docs" / "runs" / "everyday"
        assert f"training {trained}: about" in said and "-m translator train\n" in said
    else:
        assert said == "" and Path("runs/everyday").is_dir()


def test_every_cell_of_the_notebook_runs_in_its_order(
    trained_run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained_run.path, tmp_path / "runs" / "everyday")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    displayed = []
    try:
        for cell in json.loads(NOTEBOOK)["cells"]:
            if cell["cell_type"] == "code":
                displayed.append(shown("".join(cell["source"]), names))
    finally:
        torch.set_grad_enabled(True)  # the lecture trains nothing, other tests do
    shows = [each._repr_html_() for each in displayed if hasattr(each, "_repr_html_")]
    assert len(shows) == 2 and "<table>" in shows[0] and "Pizza is great." in shows[1]
