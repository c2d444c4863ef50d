"""What is built of the repository: the package as others install it."""

import os
import runpy
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import ROOT
from tests.repository.test_readme import SMALL
from translator import __version__
from translator.errors import MissingLibraryError

FEW = "[{path: 'embedded:train-handwritten', max_pairs: 300}]"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.mark.parametrize("extra", sorted(PROJECT["optional-dependencies"]))
def test_a_missing_library_is_installed_as_its_extra_says(extra: str) -> None:
    packages = [f"'{package}'" for package in PROJECT["optional-dependencies"][extra]]
    assert (
        MissingLibraryError("", extra).hint == f"Install it with: pip install {' '.join(packages)}"
    )


# --- the files ------------------------------------------------------------------------------------

SHIPPED = """
    translator/py.typed translator/model.py translator/server/page/index.html
    translator/server/page/page.js translator/visualization/templates/attention.html
    translator/visualization/templates/curves.js translator/visualization/templates/page.css
    translator/visualization/templates/evaluation.html translator/corpus/README.md
    translator/configs/default.yaml translator/configs/tatoeba.yaml
    translator/corpus/train-grammar.en-es.tsv.xz translator/corpus/valid.en-es.tsv.xz
""".split()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution of this repository."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def files_of_package() -> set[str]:
    """The files below translator/ and configs/ that are no leftovers of Python, named as there."""
    files = (f for top in ("translator", "configs") for f in (ROOT / top).rglob("*") if f.is_file())
    return {file.relative_to(ROOT).as_posix() for file in files if "__pycache__" not in file.parts}


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_nothing_else(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert set(SHIPPED) <= names
    expected = {f"translator/{n}" if n.startswith("configs/") else n for n in files_of_package()}
    assert names == expected


@pytest.mark.slow
def test_the_source_distribution_holds_what_builds_and_tests_it(built: Path) -> None:
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert files_of_package() <= names
    this = "tests/repository/test_wheel.py"
    assert {"pyproject.toml", "LICENSE", "Makefile", this, "PKG-INFO"} <= names
    tops = {"configs", "docs", "scripts", "tests", "translator"}
    assert {name.partition("/")[0] for name in names if "/" in name} == tops


@pytest.mark.slow
def test_an_installed_wheel_runs_from_anywhere(built: Path, tmp_path: Path) -> None:
    place, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    [wheel] = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--no-compile", "--target", str(place), str(wheel)], check=True)

    def python(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(place)}
        return subprocess.run(
            [sys.executable, *words],
            cwd=empty,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    found = python("-c", "import translator; print(translator.__file__)").stdout.strip()
    assert Path(found) == place / "translator" / "__init__.py"
    assert python("-m", "translator", "--version").stdout == f"translator {__version__}\n"
    assert "train" in python("-m", "translator", "--help").stdout
    done = python("-m", "translator", "train", "--set", "sede=1")
    assert done.returncode == 1
    assert f"hint: {place / 'translator/configs/default.yaml'} explains" in done.stderr
    done = python("-m", "translator", "train", "configs/tatoeba.yaml")
    assert f"hint: This package has it: {place / 'translator/configs/tatoeba.yaml'}" in done.stderr
    assert not any(empty.iterdir())
    train = ["train", "ten-minutes", "--set", f"data.train={FEW}", "--set", "data.valid=null"]
    for each in [*SMALL, "name=first"]:
        train += ["--set", each]
    done = python("-m", "translator", *train)
    assert done.returncode == 0, done.stderr
    done = python("-m", "translator", "translate", "Pizza is great.", "--run", "runs/first")
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr
    assert [each.name for each in empty.iterdir()] == ["runs"]


@pytest.mark.slow
def test_an_index_would_take_and_show_what_was_built(built: Path) -> None:
    pytest.importorskip("twine", reason="twine is not installed: make install brings it")
    twine = [sys.executable, "-m", "twine", "check", "--strict", *map(str, built.iterdir())]
    done = subprocess.run(twine, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_tag_is_that_of_a_version_with_a_dated_entry(tmp_path: Path) -> None:
    mistakes = runpy.run_path(str(ROOT / "scripts" / "check_tag.py"))["mistakes"]
    (tmp_path / "translator").mkdir()
    (tmp_path / "translator" / "version.py").write_text('__version__ = "1.2.3"\n', "utf-8")
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text("## [Unreleased]\n\n## [1.2.3] - 2026-11-29\n", "utf-8")
    assert mistakes("v1.2.3", tmp_path) == []
    assert len(mistakes("v1.2.4", tmp_path)) == 1
    changelog.write_text("## [Unreleased]\n", "utf-8")
    assert len(mistakes("1.2.3", tmp_path)) == 2
