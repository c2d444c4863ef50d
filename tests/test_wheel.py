"""What is built of the repository: the package as others install it."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from translator.errors import MissingLibraryError

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.mark.parametrize("extra", sorted({*PROJECT["optional-dependencies"]} - {"dev"}))
def test_a_missing_library_is_installed_as_its_extra_says(extra: str) -> None:
    packages = [f"'{package}'" for package in PROJECT["optional-dependencies"][extra]]
    assert (
        MissingLibraryError("", extra).hint == f"Install it with: pip install {' '.join(packages)}"
    )
