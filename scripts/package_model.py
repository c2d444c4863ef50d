"""Put what translates of a run into a package that brings it to others, as models/en-es does.

    python scripts/package_model.py runs/mine mine-en-es
    pip install ./mine-en-es
    translator translate "…" --run model:mine-en-es

A folder that is not there yet becomes a package, with a pyproject.toml and a module. Called again,
the script replaces the run in it and raises the version, so that pip takes it for an upgrade: it is
the day and time of the weights (UTC), or what --version says. The package asks for the versions of
this program that read the run. The weights are rounded to bfloat16, half the size; nothing of the
machine goes along. The run's scores are those of the rounded weights: `translator evaluate --run
model:mine-en-es`.
"""

import argparse
import re
import shutil
import sys
import time
from pathlib import Path

import torch

from translator.errors import DataError, TranslatorError
from translator.export.publishing import shared_files
from translator.runs import RunDirectory, write_atomically
from translator.version import __version__

_PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.24"]
build-backend = "hatchling.build"

[project]
name = "translator-model-{name}"
version = "0"
description = "A model of `translator`: --run model:{name}"
requires-python = ">=3.11"
# license = "…"  # what others may do with it, as the texts that it was trained on allow
dependencies = ["translator-trainer"]

[project.entry-points."translator.models"]
{name} = "{module}"

[tool.hatch.build.targets.wheel]
packages = ["{module}"]
"""


def package(run: RunDirectory, folder: Path, version: str = "") -> Path:
    """Fill run/ beside the one module of a package with the files of a run.

    Makes the package where there is no folder; else gives it the version, by default that of the
    weights. The run in a package stays until the new one is written. Raises DataError for a folder
    that is no package, RunError for a run that is damaged.
    """
    run.check_model()
    if warning := run.unfinished_warning():
        print(f"warning: {warning}", file=sys.stderr)
    tokenizer = run.read_tokenizer()
    weights = run.read_model(tokenizer)
    if not folder.exists():
        _begin(folder)
    modules = [file.parent for file in folder.glob("*/__init__.py")]
    if len(modules) != 1:
        raise DataError(
            f"{folder} is no package of a model, which has one folder with an __init__.py",
            "Name the folder of a package, or one that is not there yet.",
        )
    place, partial = modules[0] / "run", RunDirectory(modules[0] / ".run.partial")
    version = version or version_of(run)
    shutil.rmtree(partial.path, ignore_errors=True)  # of a process that was killed
    try:
        for name, content in shared_files(run).items():
            data = content if isinstance(content, bytes) else content.read_bytes()
            write_atomically(partial.path / name, data)
        partial.write_model(
            {name: each.to(torch.bfloat16) for name, each in weights.items()}, tokenizer
        )
        shutil.rmtree(place, ignore_errors=True)
        partial.path.rename(place)
    finally:
        shutil.rmtree(partial.path, ignore_errors=True)
    _state_versions(folder / "pyproject.toml", version)
    return place


def version_of(run: RunDirectory) -> str:
    """When the weights of a run were written, as 2026.11.30.1542 (UTC): a version that rises."""
    written = time.gmtime(run.model_file.stat().st_mtime)
    clock = 100 * written.tm_hour + written.tm_min
    return f"{written.tm_year}.{written.tm_mon}.{written.tm_mday}.{clock}"


def dependency() -> str:
    """This program in the versions that read its runs: all with the same first two numbers."""
    major, minor = map(int, __version__.split(".")[:2])
    return f"translator-trainer>={major}.{minor},<{major}.{minor + 1}"


def _state_versions(file: Path, version: str) -> None:
    """Put the version of a package, and those of this program, in place of older ones."""
    if not file.is_file():
        return
    text = file.read_text(encoding="utf-8")
    text = re.sub('^version = ".*"$', f'version = "{version}"', text, count=1, flags=re.MULTILINE)
    text = re.sub('(?<=")translator-trainer[^"]*(?=")', dependency(), text)
    file.write_text(text, encoding="utf-8", newline="\n")


def _begin(folder: Path) -> None:
    """Write a package without a run and without versions, which is named as its folder."""
    name = re.sub("[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-") or "mine"
    module = f"translator_model_{name.replace('-', '_')}"
    (folder / module).mkdir(parents=True)
    (folder / module / "__init__.py").touch()
    text = _PYPROJECT.format(name=name, module=module)
    (folder / "pyproject.toml").write_text(text, encoding="utf-8", newline="\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--version", default="", help="else the day and time of the weights")
    options = parser.parse_args()
    if not re.fullmatch(r"([0-9]+[0-9a-zA-Z.+!]*)?", options.version):
        parser.error(f"--version {options.version} is none, such as 1.2.0")
    try:
        folder = package(RunDirectory(options.run), options.folder, options.version)
    except TranslatorError as error:
        sys.exit(f"error: {error.message}\nhint: {error.hint}")
    except OSError as error:
        sys.exit(f"error: {error.filename}: {error.strerror}\nhint: Check the disk.")
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: {size / 1e6:.1f} MB")
    print(f"its licence and what it was trained on are for you to say, in {options.folder}")


if __name__ == "__main__":
    main()
