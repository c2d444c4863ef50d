"""Arrow tables → pairs: Parquet files, and what Hugging Face datasets gives.

Of a picture or a recording, which such a table holds as `datasets` does (a struct of its bytes and
its path, or the bytes alone), the pair has a reference (`references`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from translator.config import CorpusConfig
from translator.data.readers.pairs import (
    SentencePair,
    beside_path,
    column_names,
    columns_example,
    hint_for,
    language_codes,
    name_among,
)
from translator.data.readers.references import reference
from translator.errors import DataError
from translator.files import unreadable

BATCH_ROWS = 4096


def read_parquet(
    file: Path,
    corpus: CorpusConfig,
    languages: tuple[str, str],
    are_texts: tuple[bool, bool],
) -> Iterator[SentencePair]:
    """Yield the pairs of a Parquet file; only its text columns are read, some rows at a time."""
    import pyarrow
    import pyarrow.parquet

    row = 0
    try:
        with pyarrow.parquet.ParquetFile(file, pre_buffer=False, buffer_size=1 << 16) as parquet:
            columns = pair_columns(str(file), parquet.schema_arrow, corpus, languages, are_texts)
            selected = [".".join(column.way) for column in columns if not column.is_media]
            for batch in parquet.iter_batches(BATCH_ROWS, columns=selected, use_threads=False):
                for pair in pairs_in(batch, columns, str(file), row):
                    row += 1
                    yield pair
    except UnicodeDecodeError:
        raise DataError(
            f"{file}, row {row + 1} or soon after: not UTF-8", "Write the file again."
        ) from None
    except PermissionError as error:
        raise unreadable(file, error, f"row {row}") from None
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(
            f"{file}, after row {row}: cannot be read as Parquet ({str(error).splitlines()[0]})",
            "Fetch or write it again.",
        ) from None


class PairColumn(NamedTuple):
    """Where a side of the pairs stands in a table."""

    way: tuple[str, ...]  # (en,), or (translation, en) in a struct
    is_media: bool  # a picture or a recording, of which a pair has a reference


def pair_columns(
    name: str,
    schema: Any,
    corpus: CorpusConfig,
    languages: tuple[str, str],
    are_texts: tuple[bool, bool],
) -> list[PairColumn]:
    """The columns of source and target in an Arrow schema.

    Bytes are refused where they are to be texts.
    """
    import pyarrow

    keys = column_names(corpus, languages)
    columns = beside_path(corpus.path, f"columns: {columns_example(languages)}")
    inside = "translation" in schema.names and not (
        corpus.columns and all(name_among(key, schema.names) for key in keys)
    )
    if inside and not pyarrow.types.is_struct(schema.field("translation").type):
        raise DataError(
            f"{name}: column 'translation' holds {schema.field('translation').type}, no texts",
            f"Set its columns: {columns}.",
        )
    fields = list(schema.field("translation").type) if inside else list(schema)
    types = {field.name: field.type for field in fields}
    found = []
    for name_or_language, is_text in zip(keys, are_texts, strict=True):
        key = name_among(name_or_language, types)
        if key is None:
            raise DataError(
                f"{name} has no column {name_or_language!r}, only {', '.join(types)}",
                hint_for(languages, language_codes(types), f"Set its columns: {columns}."),
            )
        if [field.name for field in fields].count(key) > 1:
            raise DataError(f"{name} has several columns {key!r}", "Give each a name of its own.")
        is_media = not is_text and _is_media(types[key])
        if not is_media and not _is_text(types[key]):
            raise DataError(
                f"{name}: column {key!r} holds {types[key]}, no text",
                f"Write it as a string a row, or name other columns: {columns}.",
            )
        way = ("translation", key) if inside else (key,)
        found.append(PairColumn(way, is_media))
    return found


def pairs_in(
    table: Any, columns: list[PairColumn], name: str, rows_before: int
) -> Iterator[SentencePair]:
    """Yield the pairs of a record batch or table, part of the table `name`.

    A missing text is empty.
    """
    import pyarrow.compute

    sides = []
    for (first, *inside), is_media in columns:
        if is_media:
            numbers = range(rows_before + 1, rows_before + len(table) + 1)
            sides.append([reference(name, first, row) for row in numbers])
            continue
        column = table.column(first)
        if inside:
            column = pyarrow.compute.struct_field(column, inside)
        sides.append(column.to_pylist())
    for source, target in zip(*sides, strict=True):
        yield SentencePair(source or "", target or "")


def _is_media(kind: Any) -> bool:
    from pyarrow import types

    if types.is_struct(kind):
        return "bytes" in {field.name for field in kind}
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))
