"""What is built of the repository: the package as others install it."""

import os
import re
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
from tests.pages import SMALL
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
    translator/configs/default.yaml translator/configs/tatoeba.yaml translator/configs/schema.json
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
    assert "hatch_build.py" in names
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


def test_an_index_shows_a_readme_whose_links_lead_to_the_repository() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    absolute = runpy.run_path(str(ROOT / "hatch_build.py"))["with_absolute_links"]
    shown = absolute(readme, "https://host/user/name", "v1.2.3")
    links = re.findall(r"\[[^\]]*\]\(([^)]+)\)", shown)
    assert len(links) == len(re.findall(r"\[[^\]]*\]\(([^)]+)\)", readme))
    assert [link for link in links if not link.startswith("https://")] == []
    places = [
        link.partition("/user/name/")[2].partition("#")[0] for link in links if "host/" in link
    ]
    kinds = {True: "raw/v1.2.3/", False: "blob/v1.2.3/"}
    for place in places:
        kind = kinds[place.endswith((".svg", ".png"))]
        assert place.startswith(kind) and (ROOT / place.removeprefix(kind)).exists()


def released(folder: Path, **files: str) -> list[str]:
    """What keeps version 1.2.3 from being released as v1.2.3, in a folder with other files."""
    release = runpy.run_path(str(ROOT / "scripts" / "release.py"))
    (folder / "translator").mkdir(exist_ok=True)
    whole = {
        "translator/version.py": '__version__ = "1.2.3"\n',
        "CHANGELOG.md": "## [Unreleased]\n\n## [1.2.3] - 2026-11-29\n\n* A line.\n",
        "CITATION.cff": "version: 1.2.3\ndate-released: 2026-11-29\n",
        "pyproject.toml": "[tool.hatch.metadata.hooks.custom]\naddress = 'https://host/name'\n",
    }
    for name, content in {**whole, **files}.items():
        (folder / name).write_text(content, "utf-8")
    found: list[str] = release["mistakes"]("v1.2.3", folder)
    return found


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("translator/version.py", '__version__ = "1.2.4"\n', "the tag is v1.2.3"),
        ("CHANGELOG.md", "## [Unreleased]\n", "has no line `## [1.2.3] - YYYY-MM-DD`"),
        (
            "CHANGELOG.md",
            "## [Unreleased]\n\n* New.\n\n## [1.2.3] - 2026-11-29\n",
            "lines under [Unreleased]",
        ),
        ("CITATION.cff", "version: 1.2.3\n", "no line `date-released: 2026-11-29`"),
        ("pyproject.toml", "[tool.hatch.metadata.hooks.custom]\naddress = ''\n", "no address"),
    ],
)
def test_a_release_needs_a_version_a_date_and_an_address(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    assert released(tmp_path) == []
    found = released(tmp_path, **{name: content})
    assert message in found[0]


def test_this_version_is_dated_in_every_place() -> None:
    release = runpy.run_path(str(ROOT / "scripts" / "release.py"))
    found = release["mistakes"](f"v{__version__}")
    assert [each for each in found if "[Unreleased]" not in each and "no address" not in each] == []
