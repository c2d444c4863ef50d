"""Corpora by name → files of this machine: opus:CORPUS/VERSION, mtdata:ID, and addresses."""

import os
import re
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

from translator.config import LANGUAGE_PLACEHOLDER, MTDATA_PREFIX, OPUS_PREFIX, CorpusConfig
from translator.data.downloads import AbsentError, Address, Download, downloaded, file_name
from translator.data.readers.mtdata import address_of, languages_of
from translator.data.readers.pairs import beside_path, column_names, columns_example, name_among
from translator.data.readers.shards import format_by_name
from translator.errors import DataError
from translator.text.languages import is_code, primary

OPUS_VARIABLE = "TRANSLATOR_OPUS"
_OPUS = "https://object.pouta.csc.fi"
_OPUS_NAME = re.compile(r"(?P<corpus>[\w.-]+)/(?P<version>[\w.-]+)")
_MOST_NAMES = 6  # of files that an error names


def fetched(corpus: CorpusConfig, languages: tuple[str, str]) -> CorpusConfig:
    """A corpus as files of this machine: what is named or has an address is downloaded, once.

    Raises DataError for what is not to be had, or is not in the languages.
    """
    if not corpus.is_remote:
        return corpus
    sides = column_names(corpus, languages)
    first, *_ = _downloads(corpus.path, sides)
    if LANGUAGE_PLACEHOLDER not in corpus.path:
        return _read_from(first, corpus, sides)
    path = first.folder.parent / LANGUAGE_PLACEHOLDER / file_name(corpus.path)
    return corpus.model_copy(update={"path": str(path)})


def checksums(corpus: CorpusConfig, languages: tuple[str, str]) -> dict[str, str]:
    """The SHA-256 of what a corpus was downloaded as, by address; none of what was here before."""
    if not corpus.is_remote:
        return {}
    downloads = _downloads(corpus.path, column_names(corpus, languages))
    return {each.url: each.sha256 for each in downloads}


def bare_name(path: str) -> str:
    """What to call what is made of a remote corpus: Books for opus:Books/v1."""
    if path.startswith(OPUS_PREFIX):
        return path.removeprefix(OPUS_PREFIX).partition("/")[0]
    return file_name(path) if "://" in path else path.removeprefix(MTDATA_PREFIX)


def told_by_name(corpus: CorpusConfig) -> tuple[CorpusConfig | None, tuple[str, str] | None]:
    """The languages that the name of a remote corpus tells, or the files in its archive.

    Where it is a single file, that file instead, which may tell them.
    """
    path = corpus.path
    if path.startswith(MTDATA_PREFIX):
        first, second = map(primary, languages_of(path))
        return None, (first, second)
    if path.startswith(OPUS_PREFIX) or LANGUAGE_PLACEHOLDER in path:
        return None, None
    [download] = _downloads(path, ("", ""))
    if table := _table(download):
        return corpus.model_copy(update={"path": str(table)}), None
    codes = (sorted(filter(is_code, each)) for each in _patterns(download.files).values())
    return None, next(((each[0], each[1]) for each in codes if len(each) == 2), None)


def _downloads(path: str, sides: tuple[str, str]) -> list[Download]:
    """What a corpus is read from: one download, or of {language} one for each side."""
    if path.startswith(OPUS_PREFIX):
        return [_of_opus(path, sides)]
    if path.startswith(MTDATA_PREFIX):
        return [downloaded(path, lambda: [address_of(path)], title=path)]
    if LANGUAGE_PLACEHOLDER not in path:
        return [downloaded(path, _at(path))]
    for side in sides:
        if Path(side).name != side:  # it becomes the name of a folder
            raise DataError(f"{path}: {side!r} is no language", "Set other columns beside it.")
    return [
        downloaded(path, _at(path.replace(LANGUAGE_PLACEHOLDER, side)), part=side) for side in sides
    ]


def _at(*urls: str) -> Callable[[], Sequence[Address]]:
    return lambda: [Address(url) for url in urls]


# --- what is in a download ------------------------------------------------------------------------


def _read_from(download: Download, corpus: CorpusConfig, sides: tuple[str, str]) -> CorpusConfig:
    """A corpus as two of the files of a download, side by side, or as the only table in it."""
    keys = {key: value for key, value in download.keys.items() if getattr(corpus, key) is None}
    found = {}
    for pattern, parts in _patterns(download.files).items():
        source, target = (_among(side, parts) for side in sides)
        if source and target and source != target:
            found[pattern] = {"source": source, "target": target}
    if len(found) == 1:
        [(pattern, columns)] = found.items()
        path = str(download.folder / pattern)
        return corpus.model_copy(update={"path": path, "columns": columns})
    if not found and (table := _table(download)):
        return corpus.model_copy(update={"path": str(table), **keys})
    several = [*found] or _tables(download)
    names = several or download.files
    listed = ", ".join(names[:_MOST_NAMES]) + ", …" * (len(names) > _MOST_NAMES)
    if several:
        raise DataError(
            f"{corpus.path} holds several corpora: {listed}",
            f"They lie in {download.folder}: name the one that you mean by its path.",
        )
    raise DataError(
        f"{corpus.path} has no texts in {' and '.join(sides)}, but {listed}",
        "Set data.source_language and data.target_language to what the names of the files say, or "
        f"columns: {beside_path(corpus.path, f'columns: {columns_example(sides)}')}. The files lie "
        f"in {download.folder}.",
    )


def _patterns(files: Sequence[str]) -> dict[str, list[str]]:
    """Names that several files share but for one part, {language}, and those parts."""
    found: dict[str, list[str]] = {}
    for file in files:
        folder, slash, name = file.rpartition("/")
        parts = name.split(".")
        for number, part in enumerate(parts):
            with_gap = [*parts[:number], LANGUAGE_PLACEHOLDER, *parts[number + 1 :]]
            found.setdefault(folder + slash + ".".join(with_gap), []).append(part)
    return {pattern: parts for pattern, parts in found.items() if len(parts) > 1}


def _among(side: str, parts: Sequence[str]) -> str | None:
    """The part that a side is called by: pt_BR of pt-BR, eng of en, or pt of pt-BR."""
    return name_among(side, parts) or name_among(primary(side), parts)


def _table(download: Download) -> Path | None:
    """The only file of a download, or the only one that is more than lines of text."""
    chosen = download.files if len(download.files) == 1 else _tables(download)
    return download.folder / chosen[0] if len(chosen) == 1 else None


def _tables(download: Download) -> list[str]:
    known = ((file, format_by_name(Path(file))) for file in download.files)
    return [file for file, form in known if form not in (None, "text")]


# --- collections ----------------------------------------------------------------------------------


def _of_opus(path: str, sides: tuple[str, str]) -> Download:
    """What OPUS (Tiedemann, 2012) has of a corpus in two languages: an archive of two files."""
    match = _OPUS_NAME.fullmatch(path.removeprefix(OPUS_PREFIX))
    if match is None:
        raise DataError(
            f"{path} is no corpus of OPUS", f"Write {OPUS_PREFIX}CORPUS/VERSION: opus:Books/v1."
        )
    base = (os.environ.get(OPUS_VARIABLE) or _OPUS).rstrip("/")
    folder = f"{base}/OPUS-{match['corpus']}/{match['version']}/moses"
    pairs = dict.fromkeys(
        "-".join(sorted(pair)) for pair in product(*map(_spellings, sides)) if pair[0] != pair[1]
    )
    urls = [f"{folder}/{pair}.txt.zip" for pair in pairs]
    try:
        return downloaded(urls[0], _at(*urls), title=path)
    except AbsentError:
        raise DataError(
            f"OPUS has no {match[0]} in {' and '.join(sides)}: there is no {urls[-1]}",
            "https://opus.nlpl.eu lists its corpora with their versions and languages; columns may "
            f"say how it calls yours: {beside_path(path, f'columns: {columns_example(sides)}')}.",
        ) from None


def _spellings(language: str) -> list[str]:
    """How OPUS may write a language: pt-BR, pt_BR, pt."""
    return [language, language.replace("-", "_"), primary(language)]
