"""Write what the site is built from to build/docs: the pages of docs/, and the reference.

Commands come from `--help`, keys from the schema, the Python interface from its docstrings.
"""

import inspect
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

import translator
from translator.cli import app
from translator.config import Config, CorpusConfig, Section

ROOT = Path(__file__).resolve().parents[1]
DOCS, PAGES = ROOT / "docs", ROOT / "build" / "docs"
MADE_OF = {  # who reads the repository finds there what the site has as a page
    ROOT / "configs" / "default.yaml": "configuration",
    ROOT / "translator" / "__init__.py": "python",
}
TERMINAL = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}


def main() -> None:
    """Write the pages of the site anew."""
    shutil.rmtree(PAGES, ignore_errors=True)
    ignored = shutil.ignore_patterns("*.ipynb")
    shutil.copytree(DOCS, PAGES, ignore=ignored)
    for page in PAGES.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        write(page, linked(text, DOCS / page.relative_to(PAGES).parent))
    (PAGES / "reference").mkdir()
    for name, make in REFERENCE.items():
        write(PAGES / "reference" / f"{name}.md", make())


def write(page: Path, text: str) -> None:
    page.write_text(text, encoding="utf-8", newline="\n")


def linked(markdown: str, folder: Path) -> str:
    """A page in which links to what is no page, such as the source, keep their text only.

    A link to a file that a page of the reference is made of leads to that page.
    """

    def replaced(link: re.Match[str]) -> str:
        path = (folder / link[2].partition("#")[0]).resolve()
        if path in MADE_OF:
            page = DOCS / "reference" / f"{MADE_OF[path]}.md"
            return f"[{link[1]}]({Path(os.path.relpath(page, folder)).as_posix()})"
        is_page = path.is_relative_to(DOCS) and path.suffix != ".ipynb"
        return link[0] if is_page or re.match(r"\w+:|#", link[2]) else link[1]

    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", replaced, markdown)


# --- the commands ---------------------------------------------------------------------------------


def commands() -> str:
    """The help of every command, as a terminal shows it."""
    parts = ["# Commands", "What `--help` says."]
    for words in command_names(typer.main.get_command(app)):
        arguments = [*words, "--help"]
        shown = CliRunner().invoke(app, arguments, env=TERMINAL, prog_name="translator").output
        text = "\n".join(line.rstrip() for line in shown.strip("\n").splitlines())
        parts.append(f"## translator {' '.join(words)}".rstrip() + f"\n\n```text\n{text}\n```")
    return "\n\n".join(parts) + "\n"


def command_names(command: Any, *words: str) -> Iterator[list[str]]:
    """The words of a command and of all commands below it."""
    yield [*words]
    for name, below in getattr(command, "commands", {}).items():
        yield from command_names(below, *words, name)


# --- the configuration ----------------------------------------------------------------------------


def configuration() -> str:
    """Every key with its default and what it means, a table for each section."""
    introduction = (
        "Every key has a default. Set one in a YAML file or by `--set section.key=value`; "
        "`configs/default.yaml` has them all."
    )
    corpus = keys_of(CorpusConfig, "A corpus", "`data.train`, `data.valid` and each of `data.test`")
    sections = list(section("Run", Config(), ""))
    return "\n\n".join(["# Configuration", introduction, *sections, corpus]) + "\n"


def section(title: str, values: Section, prefix: str) -> Iterator[str]:
    """The keys of a section, then those of the sections in it."""
    yield keys_of(type(values), title, (type(values).__doc__ or "").strip(), prefix, values)
    for name in type(values).model_fields:
        below = getattr(values, name)
        if isinstance(below, Section) and not isinstance(below, CorpusConfig):
            yield from section(f"`{prefix}{name}`", below, f"{prefix}{name}.")


def keys_of(
    kind: type[Section], title: str, text: str, prefix: str = "", values: Section | None = None
) -> str:
    """A table of keys that hold no section themselves."""
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for name, field in kind.model_fields.items():
        default = getattr(values, name) if values else field.get_default(call_default_factory=True)
        if isinstance(default, Section | list | dict) or name in ("train", "valid", "test"):
            shown = ""
        else:
            shown = "`auto`" if default is None and "auto" in str(field) else f"`{default}`"
        if not isinstance(default, Section) or isinstance(default, CorpusConfig):
            meaning = (field.description or "").replace("|", "\\|").replace("<", "&lt;")
            rows.append(f"| `{prefix}{name}` | {shown} | {meaning} |")
    return f"## {title}\n\n{text}\n\n" + "\n".join(rows)


# --- the Python interface -------------------------------------------------------------------------


def interface() -> str:
    """The public names of the package, their signatures and docstrings."""
    parts = ["# Python", inspect.getdoc(translator) or ""]
    for name in translator.__all__:
        if not name.startswith("__"):
            parts += described(name, getattr(translator, name), "##")
    return "\n\n".join(parts) + "\n"


def described(name: str, thing: Any, level: str) -> Iterator[str]:
    """A heading, a signature and a docstring; of a class its public methods too."""
    yield f"{level} {name}"
    if callable(thing):
        yield f"```python\n{name}{signature_of(thing)}\n```"
    yield text_of(thing)
    if inspect.isclass(thing):
        for each, member in vars(thing).items():
            function = getattr(thing, each) if isinstance(member, classmethod) else member
            if not each.startswith("_") and (callable(function) or isinstance(member, property)):
                yield from described(f"{name}.{each}", function, level + "#")


def signature_of(thing: Any) -> str:
    """Parameters and result, names without their modules."""
    array = "numpy.ndarray[tuple[typing.Any, ...], numpy.dtype[numpy.float32]]"
    text = str(inspect.signature(thing)).replace(array, "Array")
    text = re.sub(r"(?:[a-z_]+\.)+([A-Z]\w*)", r"\1", text)
    return text.removesuffix(" -> None") if inspect.isclass(thing) else text


def text_of(thing: Any) -> str:
    """A docstring, but for that which a dataclass writes itself."""
    text = inspect.getdoc(thing) or ""
    return "" if text.startswith(f"{getattr(thing, '__name__', ' ')}(") else text


REFERENCE = {"commands": commands, "configuration": configuration, "python": interface}

if __name__ == "__main__":
    main()
