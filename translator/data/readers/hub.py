"""Hugging Face datasets → pairs: from the hub, from a folder, downloaded first or streamed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from translator.config import CorpusConfig
from translator.data.readers.arrow import BATCH_ROWS, pairs_in, text_columns
from translator.data.readers.pairs import SentencePair
from translator.errors import DataError


def is_saved_dataset(path: Path) -> bool:
    """Whether a folder was written by `save_to_disk`."""
    return any((path / name).exists() for name in ("dataset_info.json", "dataset_dict.json"))


def read_dataset(corpus: CorpusConfig, languages: tuple[str, str]) -> Iterator[SentencePair]:
    """Yield the pairs of hf:NAME or of a folder for `datasets`, of the corpus's subset and split.

    With `streaming` nothing is downloaded or converted beforehand; rows come as they are needed.
    """
    import datasets

    datasets.disable_progress_bars()
    row = 0
    columns = None
    try:
        for table in _load(corpus).with_format("arrow").iter(BATCH_ROWS):
            if columns is None:
                columns = text_columns(corpus.path, table.schema, corpus, languages)
            for pair in pairs_in(table, columns):
                row += 1
                yield pair
    except DataError:
        raise
    except (
        Exception
    ) as error:  # the library raises dozens of kinds for one meaning: it cannot be read
        cause = error.__cause__ or error  # of "An error occurred while generating the dataset"
        reason = next(iter(str(cause).strip().splitlines()), type(cause).__name__)
        raise DataError(
            f"Hugging Face datasets cannot load {corpus.path} (split {corpus.split}"
            f"{f', after row {row}' * (row > 0)}): {reason}",
            "Check the name, subset and split; a hub dataset needs the network. "
            "Sets that consist of a loading script are not supported by datasets ≥ 4.",
        ) from error


def _load(corpus: CorpusConfig) -> Any:
    import datasets

    path = Path(corpus.path)
    if is_saved_dataset(path):  # memory-mapped: it streams by nature
        stored = datasets.load_from_disk(str(path))
        return stored[corpus.split] if isinstance(stored, datasets.DatasetDict) else stored
    return datasets.load_dataset(
        corpus.path.removeprefix("hf:"),
        corpus.subset,
        split=corpus.split,
        streaming=corpus.streaming,
    )
