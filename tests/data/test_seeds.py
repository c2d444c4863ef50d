"""Seeds: one of the configuration, and for each purpose a stream that no other has."""

import ast
from functools import cache

from tests.helpers import ROOT
from translator.data import generator, stream_seed

PACKAGE = ROOT / "translator"
NAMED = {"generator", "stream_seed"}  # purpose: their second argument
PLAIN = {"default_rng", "Random", "SeedSequence", "manual_seed"}  # seed: their first
# draw() of splits is handed its seed; what evaluation draws is no part of a run.
OWN = {"data/seeds.py", "data/splits.py"}
OWN |= {f"evaluation/{name}.py" for name in ("neural", "resampling", "robustness")}
OWN |= {"visualization/report.py"}


@cache
def trees() -> dict[str, ast.Module]:
    """The files of the package, parsed."""
    files = sorted(PACKAGE.rglob("*.py"))
    return {str(f.relative_to(PACKAGE)): ast.parse(f.read_text(encoding="utf-8")) for f in files}


def calls(names: set[str]) -> list[tuple[str, ast.Call]]:
    """All calls of some functions in the package, with their files."""
    found = []
    for file, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else None
                name = node.func.id if isinstance(node.func, ast.Name) else name
                if name in names:
                    found.append((file, node))
    return found


def test_streams_of_different_purposes_and_numbers_differ() -> None:
    streams: list[tuple[str, *tuple[int, ...]]] = [
        ("a", 1), ("a", 1, 0), ("a", 1, 0, 0), ("a", 0, 1), ("a", 2), ("b", 1), ("a 1",), ("a",),
    ]  # fmt: skip
    first = {tuple(generator(7, *stream).random(4)) for stream in streams}
    assert len(first) == len(streams)
    assert stream_seed(7, "a", 1) == stream_seed(7, "a", 1) != stream_seed(8, "a", 1)
    assert all(0 <= stream_seed(seed, "a") < 1 << 64 for seed in range(1000))  # torch takes no more


def purposes_of_views() -> list[str]:
    """The `purpose` that each view names in its class."""
    return [
        ast.literal_eval(line.value)
        for file in sorted(PACKAGE.rglob("*.py"))
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
        for line in node.body
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "purpose"
    ]


def test_no_two_users_of_chance_share_a_stream() -> None:
    named = [call.args[1] for file, call in calls(NAMED) if file != "data/seeds.py"]
    others = [each for each in named if ast.unparse(each) != "view.purpose"]
    assert len(others) == len(named) - 1
    purposes = [*map(ast.literal_eval, others), *purposes_of_views()]
    assert "augmentation" in purposes
    assert len(purposes) == len(set(purposes)) >= 8


def test_whoever_draws_from_the_seed_names_a_purpose() -> None:
    unnamed = [
        (file, ast.unparse(call))
        for file, call in calls(PLAIN)
        if file not in OWN and not ast.unparse(call.args[0]).startswith("stream_seed(")
    ]
    assert unnamed == []
