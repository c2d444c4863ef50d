"""The boundaries between the rooms, read from the source: no module is imported here."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.helpers import ROOT

PACKAGE = ROOT / "translator"
ORDER = """
version errors progress processes files integrity config hub packaged media functional hardware
distributed protobuf tokenizer text hypotheses documents data frontends model decoding inference
alignment runs inputs embedding similarity mining preparation doctor translation generation
evaluation synthesis training adaptation visualization export importing server cli
""".split()
HEAVY = {"torch", "datasets", "sacrebleu"}


def module_of(file: Path) -> str:
    """The room a file belongs to: `data` for data/readers/text.py; `translator` for the package."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return {"__init__": "translator", "__main__": "cli"}.get(parts[0], parts[0])


def imported(node: ast.stmt) -> Iterator[str]:
    """Absolute dotted names that a statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"line {node.lineno}: imports are absolute here"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def all_imports(source: str) -> set[str]:
    """What a file imports anywhere, inside functions and for type checking too."""
    statements = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt))
    return {name for node in statements for name in imported(node)}


@cache
def imports_on_import(source: str) -> set[str]:
    """What a file imports when it is imported itself: not in functions, not for type checking."""

    def walk(body: list[ast.stmt]) -> Iterator[str]:
        for node in body:
            yield from imported(node)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                yield from walk(node.orelse)
            elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for block in ("body", "orelse", "finalbody"):
                    yield from walk(getattr(node, block, []))
                for handler in getattr(node, "handlers", []):
                    yield from walk(handler.body)

    return set(walk(ast.parse(source).body))


def asks_the_package(source: str) -> bool:
    """Whether a file imports from the package's own face, which leads to every room below it."""
    nodes = list(ast.walk(ast.parse(source)))
    modules = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    aliases = (node.names for node in nodes if isinstance(node, ast.Import))
    return "translator" in modules | {alias.name for names in aliases for alias in names}


def rooms(names: set[str]) -> set[str]:
    """The rooms among imported names: `runs` for `translator.runs.RunDirectory`."""
    parts = (name.split(".") for name in names)
    return {part[1] for part in parts if part[0] == "translator" and part[1] in ORDER}


@cache
def sources() -> dict[Path, str]:
    return {file: file.read_text(encoding="utf-8") for file in sorted(PACKAGE.rglob("*.py"))}


def heavy_imports(module: str) -> set[str]:
    """The heavy libraries that importing a room imports, by itself or by way of other rooms."""
    found: set[str] = set()
    waiting, seen = {module}, set()
    while waiting:
        room = waiting.pop()
        seen.add(room)
        for file, source in sources().items():
            if module_of(file) in (room, "translator"):
                names = imports_on_import(source)
                found |= {name.split(".")[0] for name in names} & HEAVY
                waiting |= rooms(names) - seen
    return found


FILES = [pytest.param(f, s, id=str(f.relative_to(PACKAGE))) for f, s in sources().items()]


def test_every_module_has_a_place_in_the_order():
    assert {module_of(file) for file in sources()} - {"translator"} == set(ORDER)


@pytest.mark.parametrize(("file", "source"), FILES)
def test_a_module_imports_only_modules_above_it(file, source):
    module = module_of(file)
    below = ["cli"] if module == "translator" else ORDER[ORDER.index(module) + 1 :]
    assert rooms(all_imports(source)) & set(below) == set()


@pytest.mark.parametrize(("file", "source"), FILES)
def test_no_module_imports_from_the_face_of_the_package(file, source):
    assert module_of(file) == "translator" or not asks_the_package(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from translator import __version__", True),
        ("def function():\n    from translator import Translator", True),
        ("import translator", True),
        ("import translator.training as training", False),
        ("from translator.version import __version__", False),
        ("from translators import x", False),
    ],
)
def test_an_import_from_the_face_is_seen(source, expected):
    assert asks_the_package(source) is expected


@pytest.mark.parametrize(("file", "source"), FILES)
def test_only_the_command_line_imports_itself(file, source):
    assert module_of(file) == "cli" or "cli" not in rooms(all_imports(source))


def test_no_two_classes_have_one_name():
    names: dict[str, list[str]] = {}
    for file, source in sources().items():
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef):
                names.setdefault(node.name, []).append(str(file.relative_to(PACKAGE)))
    assert {name: files for name, files in names.items() if len(files) > 1} == {}


@pytest.mark.parametrize("module", ["cli", "config", "errors", "hypotheses", "runs"])
def test_importing_it_waits_for_no_heavy_library(module):
    assert heavy_imports(module) == set()


@pytest.mark.parametrize("module", ["model", "translation", "evaluation", "training"])
def test_the_walk_finds_torch_where_it_is(module):
    assert "torch" in heavy_imports(module)


def test_the_walk_tells_apart_what_is_imported_when():
    source = """
import a
if TYPE_CHECKING:
    import b
else:
    import c
try:
    import d
except ImportError:
    import e
class C:
    import f
    def method(self):
        import g
def function():
    from translator.runs import RunDirectory
"""
    assert imports_on_import(source) == set("acdef")
    assert all_imports(source) == {*"abcdefg", "translator.runs.RunDirectory"}


def test_a_room_is_seen_in_each_way_to_import_it():
    source = "import translator.runs\nfrom translator import cli\nfrom translator.data import x"
    assert rooms(all_imports(source)) == {"runs", "cli", "data"}
