"""Files → text pairs, every format behind one door, nothing dropped and nothing held in memory."""

import glob
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

from translator.config import LANGUAGE_PLACEHOLDER, Config, CorpusConfig, ModelConfig
from translator.data.readers.arrow import read_parquet
from translator.data.readers.hub import read_dataset
from translator.data.readers.interchange import read_tmx, read_xliff
from translator.data.readers.languages import told_languages
from translator.data.readers.pairs import SentencePair, Sides, column_names, side_names, sides_of
from translator.data.readers.po import read_po
from translator.data.readers.references import (
    is_in_table,
    is_saved_dataset,
    read_frames,
    read_picture,
)
from translator.data.readers.remote import checksums, fetched
from translator.data.readers.shards import embedded_file, parallel_files, shards
from translator.data.readers.tables import read_csv, read_json
from translator.data.readers.text import read_parallel_lines, read_texts, read_tsv
from translator.files import read_lines

__all__ = [
    "SentencePair",
    "Sides",
    "checksums",
    "column_names",
    "fetched",
    "files_of",
    "is_in_table",
    "read_corpus",
    "read_frames",
    "read_lines",
    "read_pairs",
    "read_picture",
    "side_names",
    "sides_of",
    "told_languages",
]


def read_pairs(
    corpus: CorpusConfig,
    source_language: str,
    target_language: str,
    *,
    are_texts: tuple[bool, bool] = (True, True),
) -> Iterator[SentencePair]:
    """Yield the pairs of a corpus in file order, at most `max_pairs`, nothing dropped.

    What stands empty in the file comes as an empty side. Memory does not grow with the corpus.
    A remote corpus is downloaded first, unless the cache has it. Raises DataError, with file and
    line, for what cannot be read; for two files of unequal length only at their end, since only
    there it shows. Columns of bytes are refused for a side of which `are_texts` says that it is
    text; the other has references to them.
    """
    languages = source_language, target_language
    pairs = _all_pairs(fetched(corpus, languages), languages, are_texts)
    return itertools.islice(pairs, corpus.max_pairs)


def files_of(corpus: CorpusConfig, languages: tuple[str, str]) -> list[Path]:
    """The files that a corpus is read from, those that are not there, too.

    A remote corpus is downloaded first; a dataset of the Hub has a name, and no file.
    """
    if corpus.kind == "embedded":
        return [embedded_file(corpus.path)]
    corpus = fetched(corpus, languages)
    sides = column_names(corpus, languages)
    found: list[Path] = []
    for name in dict.fromkeys(corpus.path.replace(LANGUAGE_PLACEHOLDER, each) for each in sides):
        is_pattern = not Path(name).exists()  # else it may be a name with brackets
        matches = sorted(glob.glob(name, recursive=True)) if is_pattern else []  # noqa: PTH207
        for path in map(Path, matches or [name]):
            found += sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
    return found


def read_corpus(corpus: CorpusConfig, config: Config) -> Iterator[SentencePair]:
    """Yield what a configuration learns from: the pairs of a corpus, or its single texts.

    A side that is a picture or a recording is a reference to it.
    """
    languages = config.data.languages_of(corpus)
    corpus = fetched(corpus, languages)
    direction = config.data.direction
    is_turned = languages != direction and languages == direction[::-1]  # not in one language
    are_texts = (config.model.source == "text", config.model.target == "text")
    pairs = read_pairs(corpus, *languages, are_texts=are_texts[::-1] if is_turned else are_texts)
    if is_turned:
        pairs = (SentencePair(pair.target, pair.source) for pair in pairs)
    if not config.model.is_textual:
        return _located(pairs, corpus, config.model)
    return _single_texts(pairs) if config.learns_from_texts else pairs


def _located(
    pairs: Iterable[SentencePair], corpus: CorpusConfig, model: ModelConfig
) -> Iterator[SentencePair]:
    """The names of files in tables, which are relative to the table, as paths from here."""
    path = Path(corpus.path)
    folder = path if path.is_dir() else path.parent
    media = (model.source != "text", model.target != "text")
    for pair in pairs:
        sides = (
            str(folder / name) if of_files and name and not is_in_table(name) else name
            for name, of_files in zip(pair, media, strict=True)
        )
        yield SentencePair(*sides)


def _single_texts(pairs: Iterable[SentencePair]) -> Iterator[SentencePair]:
    """Each side of pairs as a text of its own, which stands on both sides then."""
    for source, target in pairs:
        yield SentencePair(source, source)
        if source != target:
            yield SentencePair(target, target)


def _all_pairs(
    corpus: CorpusConfig, languages: tuple[str, str], are_texts: tuple[bool, bool]
) -> Iterable[SentencePair]:
    match corpus.kind:
        case "embedded":
            return read_tsv(embedded_file(corpus.path), corpus, languages)
        case "text":
            both = parallel_files(corpus.path, column_names(corpus, languages))
            return itertools.chain.from_iterable(read_parallel_lines(*files) for files in both)
        case "dataset":
            return read_dataset(corpus, languages, are_texts)
    if is_saved_dataset(Path(corpus.path)):
        return read_dataset(corpus, languages, are_texts)
    files, known = shards(corpus)
    if known == "parquet":
        read = (read_parquet(file, corpus, languages, are_texts) for file in files)
    else:
        read = (_read(file, known, corpus, languages) for file in files)
    return itertools.chain.from_iterable(read)


def _read(
    file: Path, known: str, corpus: CorpusConfig, languages: tuple[str, str]
) -> Iterator[SentencePair]:
    match known:
        case "tsv":
            return read_tsv(file, corpus, languages)
        case "csv":
            return read_csv(file, corpus, languages)
        case "json" | "jsonl":
            return read_json(file, corpus, languages, lines=known == "jsonl")
        case "tmx":
            return read_tmx(file, corpus, languages)
        case "xliff":
            return read_xliff(file, corpus, languages)
        case "po":
            return read_po(file, corpus, languages)
        case "text":
            return read_texts(file)
    raise ValueError(f"no reader for the format {known}")
