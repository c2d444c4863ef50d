"""The site has every page, and its reference every command, key and public name."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import translator
from tests.helpers import ROOT
from tests.pages import PAGES
from translator.config import Config, Section

DOCS = ROOT / "docs"
SITE = runpy.run_path(str(ROOT / "scripts" / "docs_site.py"))


def pages_of(nav: Any) -> Iterator[str]:
    """The files that a navigation names."""
    if isinstance(nav, str):
        yield nav
    else:
        for each in nav.values() if isinstance(nav, dict) else nav:
            yield from pages_of(each)


def keys_of(section: Section, prefix: str = "") -> Iterator[str]:
    for name, value in section:
        if isinstance(value, Section) and name not in ("valid", "test"):
            yield from keys_of(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_every_page_is_in_the_navigation() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    assert sorted(pages_of(nav)) == sorted(pages | {f"reference/{n}.md" for n in SITE["REFERENCE"]})


def test_the_reference_has_every_command_key_and_public_name() -> None:
    commands, configuration, python = (make() for make in SITE["REFERENCE"].values())
    for name in ("train", "data check", "explain"):
        assert f"## translator {name}\n" in commands
    assert "--attention" in commands and "\x1b" not in commands
    for key in keys_of(Config()):
        assert f"| `{key}` |" in configuration
    for name in translator.__all__:
        assert name.startswith("__") or f"\n## {name}\n" in python
    assert "### Translator.from_run\n" in python


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_who_reads_the_repository_finds_what_a_page_links(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\[[^\]]+\]\((?!\w+:|#)([^)\s#]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_a_link_to_what_is_no_page_becomes_text() -> None:
    text = "[a](data.md#x) [b](../translator/model.py) [c](https://d.e) [f](#g) ![h](images/i.png)"
    expected = "[a](data.md#x) b [c](https://d.e) [f](#g) ![h](images/i.png)"
    assert SITE["linked"](text, DOCS) == expected
    assert SITE["linked"]("[a](../../configs/default.yaml)", DOCS / "tutorials") == (
        "[a](../reference/configuration.md)"
    )
    assert SITE["linked"]("[a](../translator/__init__.py)", DOCS) == "[a](reference/python.md)"
    assert SITE["linked"]("[a](../data.md) [b](../../configs/x.yaml)", DOCS / "tutorials") == (
        "[a](../data.md) b"
    )
