"""Runs that are installed as packages of their own, as that of models/en-es is.

A package names its run by an entry point of the group `translator.models`, whose value is a module;
the files that translate are in the folder run/ beside it.
"""

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from translator.errors import RunError

MODEL_PREFIX = "model:"
_GROUP = "translator.models"
_FOLDER = "run"


def is_packaged(name: str | Path) -> bool:
    """Whether a run is named model:NAME."""
    return str(name).startswith(MODEL_PREFIX)


def packaged_names() -> Sequence[str]:
    """The runs that are installed, as model:NAME, in the order of their names."""
    return sorted({f"{MODEL_PREFIX}{each.name}" for each in entry_points(group=_GROUP)})


def packaged_licence(name: str) -> str | None:
    """What the package of model:NAME says of its licence; None where it says nothing or is gone."""
    package = next((each.dist for each in _named(name)), None) if is_packaged(name) else None
    key = "License-Expression"
    return package.metadata[key] if package and key in package.metadata else None


def packaged_run(name: str) -> Path:
    """The folder of the run model:NAME; RunError unless its package is installed and whole."""
    found = _named(name)
    if not found:
        others = ", ".join(packaged_names())
        raise RunError(
            f"{name} is not installed",
            f"Installed are: {others}."
            if others
            else "Install the package of the model, such as `pip install ./models/en-es`.",
        )
    spec = find_spec(found[0].module)
    places = (spec and spec.submodule_search_locations) or ()
    for place in places:
        if (folder := Path(place) / _FOLDER).is_dir():
            return folder
    raise RunError(f"the package of {name} holds no run", "Install it anew.")


def _named(name: str) -> Sequence[EntryPoint]:
    return [*entry_points(group=_GROUP, name=name.removeprefix(MODEL_PREFIX))]
