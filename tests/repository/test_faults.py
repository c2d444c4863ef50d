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
@pytest.mark.parametrize("parts", [["kills"], ["damage", "lines", "documents"]])
def test_no_promise_is_broken(parts: list[str], tmp_path: Path) -> None:
    """The last three share a run and what is imported."""
    _, script, *options = shlex.split(COMMAND)
    words = [word for part in parts for word in ("--part", part)]
    done = subprocess.run(
        [sys.executable, str(ROOT / script), *options, "--quick", *words],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=1800,  # on a busy machine
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines() if "broken promises 0 |" in line]
    assert [row.split(" | ")[0] for row in rows] == [f"| {part}" for part in parts], done.stdout
