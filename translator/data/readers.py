"""Files → text pairs. A file that cannot be read as pairs is refused with its name and line."""

import gzip
import itertools
import lzma
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from translator.config import CorpusConfig
from translator.errors import DataError

LANGUAGE_PLACEHOLDER = "{language}"
_TABLE_FORMATS = {".parquet": "parquet", ".json": "json", ".jsonl": "json", ".csv": "csv"}


class SentencePair(NamedTuple):
    """A text and its translation, in the direction of the configuration."""

    source: str
    target: str


def read_pairs(
    corpus: CorpusConfig, source_language: str, target_language: str
) -> Iterator[SentencePair]:
    """Yield the pairs of a corpus in file order, nothing dropped.

    Raises DataError, with file and line, for what cannot be read; for two files of unequal length
    only at their end, since only there it shows.
    """
    languages = (source_language, target_language)
    if corpus.path.startswith("embedded:"):
        return _read_tsv(_embedded_file(corpus.path), corpus, languages)
    if corpus.path.startswith("hf:"):
        return _read_dataset(corpus, languages)
    if LANGUAGE_PLACEHOLDER in corpus.path:
        return _read_parallel_files(corpus, languages)
    path = Path(corpus.path)
    if not path.exists():
        raise DataError(
            f"there is no corpus {path}", "Check the path; it is relative to where you are."
        )
    if path.is_dir() or path.suffix in _TABLE_FORMATS:
        return _read_dataset(corpus, languages)
    if re.search(r"\.tsv(\.gz|\.xz)?$", path.name):
        return _read_tsv(path, corpus, languages)
    raise DataError(
        f"the format of {path} is not known by its name",
        "Known: .tsv, two text files as NAME.{language} (these also .gz or .xz), .parquet, .json, "
        ".jsonl, .csv, a folder, hf:NAME.",
    )


# --- text files -----------------------------------------------------------------------------------


def read_lines(file: Path) -> Iterator[str]:
    """Yield the lines of a text file (.gz and .xz unpacked), without their line ends.

    Only a line feed, with or without a carriage return, ends a line: U+2028 and its kind stay
    inside. Raises DataError for a file that is missing, damaged or not UTF-8.
    """
    number = 0
    try:
        with closing(_open(file)) as stream:
            for number, line in enumerate(stream, start=1):
                text = line.decode("utf-8")
                yield (text.removeprefix("\ufeff") if number == 1 else text).rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file}, line {number}: not UTF-8 (byte {error.start + 1} of the line)",
            f"Convert the file, for example: iconv -f latin1 -t utf-8 {file}",
        ) from None
    except IsADirectoryError:
        raise DataError(f"{file} is a directory, not a text file", "Name a file.") from None
    except FileNotFoundError:
        raise DataError(f"there is no file {file}", "Check the path.") from None
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise DataError(
            f"{file}, after line {number}: damaged compressed file ({error})", "Fetch it again."
        ) from None
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror}", "Check the permissions.") from None


def _open(file: Path) -> BinaryIO | gzip.GzipFile | lzma.LZMAFile:
    if file.name.endswith(".gz"):
        return gzip.GzipFile(file)
    if file.name.endswith(".xz"):
        return lzma.LZMAFile(file)
    return file.open("rb")


def _embedded_file(path: str) -> Path:
    folder = Path(__file__).parents[1] / "corpus"
    name = path.removeprefix("embedded:")
    files = {
        re.sub(r"\.en-es\.tsv(\.xz)?$", "", f.name): f for f in folder.iterdir() if ".tsv" in f.name
    }
    if name not in files:
        raise DataError(
            f"there is no embedded corpus {name!r}", f"There are: {', '.join(sorted(files))}."
        )
    return files[name]


def _read_tsv(
    file: Path, corpus: CorpusConfig, languages: tuple[str, str]
) -> Iterator[SentencePair]:
    columns = corpus.columns or _columns_by_name(file.name)
    if columns is None:
        raise DataError(
            f"{file} does not say which column holds which language",
            f"Name it like NAME.{languages[0]}-{languages[1]}.tsv, or set columns: "
            f"{{{languages[0]}: 0, {languages[1]}: 1}} beside its path.",
        )
    source, target = (_tsv_column(columns, language, file) for language in languages)
    needed = max(source, target) + 1
    for number, line in enumerate(read_lines(file), start=1):
        fields = line.split("\t")
        if len(fields) < needed:
            if not line.strip():
                yield SentencePair("", "")  # counted as empty by whoever cleans
                continue
            raise DataError(
                f"{file}, line {number}: {len(fields)} column{'s' * (len(fields) > 1)}, "
                f"but {needed} are needed",
                "Columns are separated by one tab. Mend or delete the line.",
            )
        yield SentencePair(fields[source], fields[target])


def _columns_by_name(name: str) -> dict[str, int | str] | None:
    match = re.search(r"\.([A-Za-z]{2,3})-([A-Za-z]{2,3})\.tsv", name)
    return {match[1]: 0, match[2]: 1} if match else None


def _tsv_column(columns: dict[str, int | str], language: str, file: Path) -> int:
    column = columns.get(language)
    if not isinstance(column, int) or column < 0:
        raise DataError(
            f"{file}: no column is given for language {language!r} (columns: {columns})",
            f"Set columns such as {{{language}: 0, …}}, counted from 0.",
        )
    return column


def _read_parallel_files(
    corpus: CorpusConfig, languages: tuple[str, str]
) -> Iterator[SentencePair]:
    source, target = (Path(corpus.path.replace(LANGUAGE_PLACEHOLDER, each)) for each in languages)
    counts = [0, 0]
    for pair in itertools.zip_longest(read_lines(source), read_lines(target)):
        for side, text in enumerate(pair):
            counts[side] += text is not None
        if counts[0] == counts[1]:
            yield SentencePair(*pair)
    if counts[0] != counts[1]:
        raise DataError(
            f"{source} has {counts[0]:,} lines, {target} {counts[1]:,}: they are out of step",
            "Line n of one must be the translation of line n of the other.",
        )


# --- Hugging Face datasets ------------------------------------------------------------------------


def _read_dataset(corpus: CorpusConfig, languages: tuple[str, str]) -> Iterator[SentencePair]:
    rows = _load_dataset(corpus)
    available = list(rows.column_names)
    columns = corpus.columns
    if columns is None and "translation" in available:
        yield from _pairs_of((row["translation"] for row in rows), corpus, languages)
        return
    names = [str((columns or {}).get(language, language)) for language in languages]
    missing = [name for name in names if name not in available]
    if missing:
        raise DataError(
            f"{corpus.path} has no column {missing[0]!r}, only {', '.join(available)}",
            f"Set columns: {{{languages[0]}: …, {languages[1]}: …}} beside its path.",
        )
    yield from _pairs_of(rows.select_columns(names), corpus, (names[0], names[1]))


def _pairs_of(
    rows: Iterable[dict[str, Any] | None], corpus: CorpusConfig, keys: tuple[str, str]
) -> Iterator[SentencePair]:
    number = 0
    try:
        for number, row in enumerate(rows, start=1):
            columns = row if isinstance(row, dict) else {"translation": row}
            if any(k not in columns or not isinstance(columns[k], str | None) for k in keys):
                raise DataError(
                    f"{corpus.path}, row {number}: no text for {keys[0]!r} and {keys[1]!r}, "
                    f"but {', '.join(f'{k}: {type(v).__name__}' for k, v in columns.items())}",
                    "Set columns, or the languages of the configuration.",
                )
            yield SentencePair(columns[keys[0]] or "", columns[keys[1]] or "")
    except UnicodeDecodeError:
        raise DataError(
            f"{corpus.path}, row {number + 1}: not UTF-8", "Convert the file to UTF-8."
        ) from None


def _load_dataset(corpus: CorpusConfig) -> Any:
    import datasets

    datasets.disable_progress_bars()
    path = Path(corpus.path)
    try:
        if corpus.path.startswith("hf:"):
            return datasets.load_dataset(
                corpus.path.removeprefix("hf:"), corpus.subset, split=corpus.split
            )
        if path.is_dir():
            if (path / "dataset_info.json").exists() or (path / "dataset_dict.json").exists():
                stored = datasets.load_from_disk(str(path))
                return stored[corpus.split] if isinstance(stored, datasets.DatasetDict) else stored
            return datasets.load_dataset(str(path), corpus.subset, split=corpus.split)
        options = {"keep_default_na": False} if path.suffix == ".csv" else {}  # None is a word
        return datasets.load_dataset(
            _TABLE_FORMATS[path.suffix],
            data_files={corpus.split: str(path)},
            split=corpus.split,
            **options,
        )
    except (
        Exception
    ) as error:  # the library raises dozens of kinds for one meaning: it cannot be read
        cause = error.__cause__ or error  # of "An error occurred while generating the dataset"
        reason = next(iter(str(cause).strip().splitlines()), type(cause).__name__)
        raise DataError(
            f"Hugging Face datasets cannot load {corpus.path} (split {corpus.split}): {reason}",
            "Check the name, subset and split; a hub dataset needs the network once. "
            "Sets that consist of a loading script are not supported by datasets ≥ 4.",
        ) from error
