"""Runs that are installed as packages of their own, as that of models/en-es is.

A package names its run by an entry point of the group `translator.models`, whose value is a module;
the files that translate are in the folder run/ beside it.
"""

from collections.abc import Sequence
from importlib.metadata import entry_points
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


def packaged_run(name: str) -> Path:
    """The folder of the run model:NAME; RunError unless its package is installed and whole."""
    found = entry_points(group=_GROUP, name=name.removeprefix(MODEL_PREFIX))
    if not found:
        others = ", ".join(packaged_names())
        raise RunError(
            f"{name} is not installed",
            f"Installed are: {others}."
            if others
            else "Install the package of the model, such as `pip install ./models/en-es`.",
        )
    spec = find_spec(next(iter(found)).module)
    places = (spec and spec.submodule_search_locations) or ()
    for place in places:
        if (folder := Path(place) / _FOLDER).is_dir():
            return folder
    raise RunError(f"the package of {name} holds no run", "Install it anew.")
