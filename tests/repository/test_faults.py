"""scripts/faults.py finds no broken promise, in the small number of tries that a test may take."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import ROOT

SCRIPT = ROOT / "scripts" / "faults.py"


@pytest.mark.slow
@pytest.mark.parametrize("parts", [["kills"], ["damage", "lines", "documents"]])
def test_no_promise_is_broken(parts: list[str], tmp_path: Path) -> None:
    """The last three share a run and what is imported."""
    words = [word for part in parts for word in ("--part", part)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick", *words],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=1800,  # on a busy machine
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    for line, part in zip(lines, parts, strict=True):
        assert line.startswith(f"{part} ") and "broken promises 0" in line, done.stdout
