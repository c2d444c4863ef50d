"""scripts/faults.py finds no broken promise, in the small number of tries that a test may take."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import ROOT
from tests.pages import shown

[COMMAND] = shown("python scripts/faults.py ")


@pytest.mark.slow
@pytest.mark.parametrize("part", ["kills", "damage", "lines", "documents"])
def test_no_promise_is_broken(part: str, tmp_path: Path) -> None:
    _, script, *options = shlex.split(COMMAND)
    done = subprocess.run(
        [sys.executable, str(ROOT / script), *options, "--quick", "--part", part],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=1800,  # on a busy machine
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{part} " in done.stdout
    assert "broken promises 0" in done.stdout
    assert f"| {part} | " in done.stdout  # a row of the table
