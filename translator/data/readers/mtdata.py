"""Where mtdata (Gowda et al., 2021) finds a corpus: its index knows 290,000 by identifiers.

It pins libraries that others want newer, so it stays in an environment of its own: we run its
program, once, and read the index that it writes.
"""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from translator.config import MTDATA_PREFIX
from translator.data.downloads import Address
from translator.errors import DataError
from translator.progress import activity

_IDENTIFIER = re.compile(
    r"(?P<name>[^-\s]+-[^-\s]+-[^-\s]+)-(?P<first>[^-\s]+)-(?P<second>[^-\s]+)"
)


def languages_of(path: str) -> tuple[str, str]:
    """The languages that mtdata:ID names, such as eng and spa."""
    match = _match(path)
    return match["first"], match["second"]


def address_of(path: str) -> Address:
    """Where the corpus mtdata:ID is, and how it is read; DataError where that is not known."""
    match = _match(path)
    with activity("asking mtdata"):
        if not any(_indexes()):
            _make_index()
        entry = next(filter(None, (_entry(index, match[0]) for index in _indexes())), None)
    if entry is None:
        raise DataError(f"mtdata has no {match[0]}", "`mtdata list --id` shows what it has.")
    url, ending = entry["url"], entry.get("in_ext") or entry["ext"]
    if not isinstance(url, str) or ending == "hfds":
        raise DataError(
            f"{path} is no file, but {url}", "Of the Hugging Face Hub, hf:NAME reads it."
        )
    members = entry.get("in_paths") or []
    if len(members) == 2 and ending == "txt":  # in the order of the languages
        sides = (f"{match['name']}.{language}" for language in languages_of(path))
        return Address(url, dict(zip(members, sides, strict=True)))
    keys: dict[str, Any] = {}
    if ending.startswith("tsv"):
        columns = entry.get("cols") or (0, 1)
        keys = {"format": "tsv", "columns": dict(zip(languages_of(path), columns, strict=True))}
    return Address(url, dict.fromkeys(members, ""), keys)


def _match(path: str) -> re.Match[str]:
    match = _IDENTIFIER.fullmatch(path.removeprefix(MTDATA_PREFIX))
    if match is None:
        raise DataError(
            f"{path} is no pair of languages of mtdata",
            f"Write {MTDATA_PREFIX}GROUP-NAME-VERSION-LANGUAGE-LANGUAGE, as `mtdata list` does.",
        )
    return match


def _indexes() -> list[Path]:
    """The indexes that versions of mtdata have written, the newest first."""
    folder = Path(os.environ.get("MTDATA") or Path.home() / ".mtdata").expanduser()
    files = folder.glob("mtdata.index.*.jsonl")
    return sorted(files, key=lambda file: file.stat().st_mtime, reverse=True)


def _entry(index: Path, identifier: str) -> dict[str, Any] | None:
    """What an index says of an identifier."""
    did = json.dumps(identifier)
    with index.open(encoding="utf-8") as lines:
        found = (json.loads(line) for line in lines if did in line)
        return next((entry for entry in found if entry["did"] == identifier), None)


def _make_index() -> None:
    wanted = "Install mtdata ≥ 0.5 in an environment of its own, such as by `pipx install mtdata`."
    try:
        done = subprocess.run(
            ["mtdata", "list", "--id", "--groups", "none"],
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    except OSError:
        raise DataError(
            "mtdata, which knows where the corpus is, is not installed", wanted
        ) from None
    if not any(_indexes()):
        reason = next(reversed(done.stderr.strip().splitlines()), "it says nothing")
        raise DataError(f"`mtdata list` has written no index: {reason}", wanted)
