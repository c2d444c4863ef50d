"""A path → the files that it means, in order, and the one format that they have."""

import glob
import re
from collections.abc import Sequence
from pathlib import Path

from translator.config import FORMATS, LANGUAGE_PLACEHOLDER, CorpusConfig, CorpusFormat
from translator.data.readers.pairs import beside_path
from translator.errors import DataError
from translator.files import COMPRESSIONS

_METADATA = ("metadata.csv", "metadata.jsonl", "metadata.tsv", "metadata.parquet")
_SPLIT = re.compile(r"(?:^|[-_.])(train|valid|validation|dev|test|eval)(?=[-_.])")


def shards(corpus: CorpusConfig) -> tuple[list[Path], str]:
    """The files of a path (a file, a glob or a folder), sorted by name, and their format.

    Raises DataError where there is none, where formats mix, and where a folder holds what is no
    shard of the corpus.
    """
    path = Path(corpus.path)
    if path.is_dir():
        described = [path / name for name in _METADATA if (path / name).is_file()]
        files = described[:1] or _files_of_folder(path, corpus.format)
    elif path.exists():
        files = [path]
    elif glob.has_magic(corpus.path):
        files = _matches(corpus.path)
    else:
        raise DataError(
            f"there is no corpus {path}", "Check the path; it is relative to where you are."
        )
    formats = {file: corpus.format or _known_format(file) for file in files}
    other = next((file for file in files if formats[file] != formats[files[0]]), None)
    if other:
        raise DataError(
            f"{path} mixes formats: {files[0].name} is {formats[files[0]]}, "
            f"{other.name} is {formats[other]}",
            "Make a corpus of each: data.train may be a list.",
        )
    return files, formats[files[0]]


def parallel_files(path: str, names: tuple[str, str]) -> list[tuple[Path, Path]]:
    """The files of both sides that a path with {language} means, matched by name.

    `names` stand in the place of {language}: the languages themselves, or what `columns` says.

    Raises DataError for a file whose partner is missing.
    """
    source, target = names
    path = str(Path(path))  # spelled as the matches will be
    sides = [path.replace(LANGUAGE_PLACEHOLDER, name) for name in names]
    if not glob.has_magic(path) or all(Path(side).exists() for side in sides):
        return [(Path(sides[0]), Path(sides[1]))]
    sources, targets = (_matches(side) for side in sides)
    both = [(file, _partner(file, path, source, target)) for file in sources]
    both += [(_partner(file, path, target, source), file) for file in targets]
    there = {*sources, *targets}
    for pair in both:
        if not there.issuperset(pair):
            here, missing = sorted(pair, key=lambda file: file not in there)
            raise DataError(
                f"there is no {missing} beside {here}", "Each file needs its translation."
            )
    return both[: len(sources)]


def embedded_file(path: str) -> Path:
    """The file of embedded:NAME."""
    folder = Path(__file__).parents[2] / "corpus"
    name = path.removeprefix("embedded:")
    files = {
        re.sub(r"\.en-es\.tsv(\.xz)?$", "", f.name): f for f in folder.iterdir() if ".tsv" in f.name
    }
    if name not in files:
        raise DataError(
            f"there is no embedded corpus {name!r}", f"There are: {', '.join(sorted(files))}."
        )
    return files[name]


def _files_of_folder(folder: Path, given: CorpusFormat | None) -> list[Path]:
    files = sorted(f for f in folder.iterdir() if not f.name.startswith((".", "_")))
    hint = (
        f"Name what you mean, such as {folder}/*.tsv.gz or {folder}/NAME.{LANGUAGE_PLACEHOLDER}, "
        "or set format: dataset."
    )
    if not files:
        raise DataError(f"the folder {folder} holds no files", hint)
    inner = next((file for file in files if file.is_dir()), None)
    if inner:
        raise DataError(f"the folder {folder} holds another folder, {inner.name}", hint)
    other = next((file for file in files if not given and not format_by_name(file)), None)
    if other:  # a README or a licence, or the pairs themselves
        raise DataError(
            f"the folder {folder} holds {other.name}, of no format that is known by its name", hint
        )
    splits = {match[1] for file in files if (match := _SPLIT.search(file.name))}
    if len(splits) > 1:  # or one would learn what one tests on
        raise DataError(
            f"the folder {folder} holds several splits: {', '.join(sorted(splits))}", hint
        )
    return files


def _matches(pattern: str) -> list[Path]:
    found = glob.glob(pattern, recursive=True)  # noqa: PTH207 (Path.glob wants relative patterns)
    files = sorted(file for file in map(Path, found) if not file.is_dir())
    if not files:
        raise DataError(
            f"no file matches {pattern}", "Check the path; it is relative to where you are."
        )
    return files


def format_by_name(file: Path) -> CorpusFormat | None:
    """The format that the ending of a file's name tells; None where it tells none."""
    suffixes = [suffix.lower() for suffix in file.suffixes]
    packed = bool(suffixes) and suffixes[-1] in COMPRESSIONS
    ending = "".join(suffixes[:-1][-1:] if packed else suffixes[-1:])
    return None if packed and ending == ".parquet" else FORMATS.get(ending)


def _known_format(file: Path) -> CorpusFormat:
    found = format_by_name(file)
    if found is None:
        raise DataError(
            f"the format of {file} is not known by its name",
            f"Known: {', '.join(FORMATS)}, two text files as NAME.{LANGUAGE_PLACEHOLDER} (all but "
            f".parquet also {', '.join(COMPRESSIONS)}), hf:NAME. Else set it: "
            f"{beside_path(file, 'format: …')}.",
        )
    return found


def _partner(file: Path, pattern: str, language: str, other: str) -> Path:
    """The file that has the other language where the pattern has its placeholder."""
    pieces = map(_regex, pattern.split(LANGUAGE_PLACEHOLDER))
    match = re.fullmatch(f"({re.escape(language)})".join(pieces), str(file), re.DOTALL)
    if match is None:
        raise DataError(f"cannot tell which part of {file} is the language", "Rename the file.")
    name = str(file)
    for group in range(match.re.groups, 0, -1):  # from the end: the spans before stay true
        name = name[: match.start(group)] + other + name[match.end(group) :]
    return Path(name)


def _regex(pattern: str) -> str:
    """The regular expression of a glob pattern."""
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces: Sequence[str] = re.split(r"(\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\])", pattern)
    return "".join(
        wild.get(piece)
        or (f"[{piece[1:-1].replace('!', '^', 1)}]" if number % 2 else re.escape(piece))
        for number, piece in enumerate(pieces)
    )
