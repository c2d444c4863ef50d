"""Hugging Face datasets → pairs: from the hub, from a folder, downloaded first or streamed."""

from collections.abc import Iterator

from translator.config import CorpusConfig
from translator.data.readers.arrow import BATCH_ROWS, PairColumn, pair_columns, pairs_in
from translator.data.readers.pairs import SentencePair
from translator.data.readers.references import dataset_name, load_dataset
from translator.errors import DataError


def read_dataset(
    corpus: CorpusConfig,
    languages: tuple[str, str],
    are_texts: tuple[bool, bool],
) -> Iterator[SentencePair]:
    """Yield the pairs of hf:NAME or of a folder for `datasets`, of the corpus's subset and split.

    With `streaming` nothing is downloaded or converted beforehand; rows come as they are needed.
    """
    import datasets

    datasets.disable_progress_bars()
    row = 0
    columns: list[PairColumn] | None = None
    name = dataset_name(corpus.path, corpus.subset, corpus.split)
    try:
        data = load_dataset(
            corpus.path, corpus.subset, corpus.split, streaming=corpus.streaming
        ).with_format("arrow")
        for table in data.iter(BATCH_ROWS):
            if columns is None:
                columns = pair_columns(corpus.path, table.schema, corpus, languages, are_texts)
                _check_media(corpus, columns)
            for pair in pairs_in(table, columns, name, row):
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
            "Check the name, subset and split. A set of the Hub needs the network, unless it is in "
            "the cache ($HF_HOME); a folder of its files, named as path, needs none. "
            "Sets that consist of a loading script are not supported by datasets ≥ 4.",
        ) from error


def _check_media(corpus: CorpusConfig, columns: list[PairColumn]) -> None:
    if corpus.streaming and any(column.is_media for column in columns):
        raise DataError(
            f"{corpus.path}: pictures and recordings are not read while they arrive",
            "Leave streaming out.",
        )
