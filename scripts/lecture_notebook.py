"""Write docs/lecture.ipynb from docs/lecture.md: prose and code as cells, in the same order.

The first cell is the notebook's own: it installs the package where it is missing, as on Colab,
looks for the run of the lecture, also one folder up, and trains one where there is none.
"""

import json
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
SETUP = """\
# On Colab: upload the wheel of this package first (`make wheel` builds it in dist/).
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

if importlib.util.find_spec("translator") is None:
    wheels = map(str, Path.cwd().glob("*.whl"))
    subprocess.run([sys.executable, "-m", "pip", "install", *wheels], check=True)
RUN = Path("runs/everyday")  # the model that this page looks into
if not RUN.exists() and (".." / RUN).exists():
    os.chdir("..")  # to where it is
if not RUN.exists():
    print(f"training {RUN.absolute()}: about five minutes on two fast cores, 14 on slow ones …")
    subprocess.run([sys.executable, "-m", "translator", "train"], check=True)
"""


def cells_of(page: str) -> list[tuple[str, str]]:
    """The page as cells: ("code", source) for a Python block, ("markdown", text) for the rest."""
    cells = []
    for position, text in enumerate(re.split(r"^```python\n(.*?)^```\n", page, flags=re.M | re.S)):
        if text.strip():
            cells.append(("code" if position % 2 else "markdown", text.strip() + "\n"))
    return cells


def notebook_of(page: str) -> str:
    """The page as a notebook, in the bytes that a repository keeps: no outputs, no counts."""
    [title, *rest] = cells_of(page)
    cells = [_cell(n, *each) for n, each in enumerate([title, ("code", SETUP), *rest])]
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    book = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _cell(number: int, kind: str, text: str) -> dict[str, Any]:
    cell = {
        "cell_type": kind,
        "id": f"cell-{number}",
        "metadata": {},
        "source": text.rstrip("\n").splitlines(keepends=True),
    }
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


if __name__ == "__main__":
    page = (DOCS / "lecture.md").read_text(encoding="utf-8")
    (DOCS / "lecture.ipynb").write_text(notebook_of(page), encoding="utf-8", newline="\n")
