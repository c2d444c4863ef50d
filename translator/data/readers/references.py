"""What stands in a pair for a picture or a recording? Its name, by which it is read when needed.

A reference is the path of a file, or TABLE#COLUMN/ROW: a row, counted from 1, of a Parquet file or
of a set of Hugging Face datasets, hf:NAME?split=train.
"""

import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from translator.config import HUB_PREFIX, ImageConfig, ModelConfig
from translator.errors import DataError
from translator.hub import unreached
from translator.media import Frames, Pixels, frames_of, picture_of

_IN_TABLE = re.compile(r"(?P<table>.+)#(?P<column>[^#/]+)/(?P<row>[1-9][0-9]*)")
_DATASET = re.compile(r"(?P<path>.+)\?(?:subset=(?P<subset>[^&]*)&)?split=(?P<split>.+)")
_GROUPS = 2  # of rows that are kept of the tables that were read last


def reference(table: object, column: str, row: int) -> str:
    """What stands for a row, counted from 1, of a column of a table."""
    return f"{table}#{column}/{row}"


def is_in_table(name: str) -> bool:
    """Whether a reference is to a row of a table, and not to a file."""
    return bool(_IN_TABLE.fullmatch(name))


def dataset_name(path: str, subset: str | None, split: str) -> str:
    """What a set of Hugging Face datasets is called as a table."""
    return f"{path}?{f'subset={subset}&' if subset else ''}split={split}"


def read_frames(name: str, config: ModelConfig) -> Frames:
    """The frames [S, F] of a picture or a recording by its reference.

    DataError, which begins with the reference, where there is none that a model can read.
    """
    return frames_of(read_bytes(name), name, config)


def read_picture(name: str, config: ImageConfig) -> Pixels:
    """The picture [size, size, 3] of a reference; DataError as of `read_frames`."""
    return picture_of(read_bytes(name), name, config)


def read_bytes(name: str) -> bytes:
    """The content of what a reference names; DataError where there is none."""
    match = _IN_TABLE.fullmatch(name)
    if match and not Path(name).exists():
        return _in_table(name, match["table"], match["column"], int(match["row"]))
    try:
        return Path(name).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{name}: {reason}", "Name a picture or a recording that exists.") from None


def _in_table(name: str, table: str, column: str, row: int) -> bytes:
    dataset = _DATASET.fullmatch(table)
    try:
        if dataset:
            cell = _cell_of_dataset(dataset, column, row - 1)
        else:
            cell = _cell(table, Path(table).stat().st_mtime_ns, column, row - 1)
    except Exception as error:  # of pyarrow and datasets, which raise dozens of kinds
        raise DataError(
            f"{name}: {_reason(error)}", "Check the table, the column and the row."
        ) from None
    content = cell.get("bytes") if isinstance(cell, dict) else cell
    if content is None and isinstance(cell, dict) and cell.get("path"):
        return read_bytes(str(Path(table).parent / cell["path"]))
    if not isinstance(content, bytes):
        raise DataError(f"{name}: the row holds nothing", "Delete the row, or fill it.")
    return content


def _reason(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _cell_of_dataset(match: re.Match[str], column: str, row: int) -> Any:
    data = _kept_dataset(match["path"], match["subset"], match["split"])
    return data.with_format("arrow")[row : row + 1].column(column)[0].as_py()


@functools.lru_cache(_GROUPS)
def _kept_dataset(path: str, subset: str | None, split: str) -> Any:
    return load_dataset(path, subset, split)


def load_dataset(path: str, subset: str | None, split: str, *, streaming: bool = False) -> Any:
    """A split of hf:NAME, or of a folder for Hugging Face datasets."""
    import datasets

    if is_saved_dataset(Path(path)):  # memory-mapped: it streams by nature
        stored = datasets.load_from_disk(path)
        return stored[split] if isinstance(stored, datasets.DatasetDict) else stored
    name = path.removeprefix(HUB_PREFIX)
    silence = None if Path(name).exists() else unreached(name, "dataset")
    try:
        with _offline() if silence else nullcontext():
            return datasets.load_dataset(name, subset, split=split, streaming=streaming)
    except Exception:  # of many kinds, and the cache has no such set
        if silence is None:
            raise
        raise DataError(
            f"{path}: the Hub cannot be reached ({_reason(silence)})",
            "Check the network and HF_HUB_OFFLINE. Without a network, name a folder of its files "
            "as path; a set that was loaded before is read from the cache ($HF_HOME).",
        ) from None


@contextmanager
def _offline() -> Iterator[None]:
    """Let `datasets` read its cache, where it would ask the Hub for half a minute first."""
    from datasets import config

    before = config.HF_HUB_OFFLINE
    config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = before


def is_saved_dataset(path: Path) -> bool:
    """Whether a folder was written by `save_to_disk`."""
    return any((path / name).exists() for name in ("dataset_info.json", "dataset_dict.json"))


def _cell(table: str, modified: int, column: str, row: int) -> Any:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(table) as parquet:
        metadata = parquet.metadata
        for group in range(metadata.num_row_groups):
            rows = metadata.row_group(group).num_rows
            if row < rows:
                return _group(table, modified, column, group)[row].as_py()
            row -= rows
    raise IndexError("there is no such row")


@functools.lru_cache(_GROUPS)
def _group(table: str, modified: int, column: str, group: int) -> Any:
    """A column of a group of rows, which is packed as a whole."""
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(table) as parquet:
        return parquet.read_row_group(group, columns=[column]).column(0)
