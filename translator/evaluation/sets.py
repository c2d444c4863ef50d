"""What is scored against what? Sentences, their reference translations, and where they come from.

Lines are read as sacrebleu's command reads them: a line feed ends a line (a carriage return before
it goes), spaces at the end of a line do not count, a blank line is an empty sentence, and the last
line may lack its line feed. A byte order mark is dropped.
"""

import itertools
import re
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from translator.config import CorpusConfig, LanguagePair
from translator.data import IMPORTED, Splits, read_lines, read_pairs
from translator.data.readers.pairs import ReferencedPair, languages_in_name
from translator.errors import DataError, TranslatorError
from translator.runs import RunDirectory
from translator.text.languages import primary

STAND_INS = {  # what stands in for the corpora of a run, where those are not here
    "train": ("embedded:train-handwritten", "embedded:train-grammar"),
    "valid": ("embedded:valid",),
    "test": ("embedded:test-handwritten", "embedded:test-grammar"),
}
STAND_IN_LANGUAGES = ("en", "es")

_DOWNLOAD_TIMEOUT = 10.0  # seconds without an answer


class AbsentSetError(DataError):
    """Held-out sets of a run that cannot be read here."""


@dataclass(frozen=True)
class EvaluationSet:
    """N sentences with up to R references each, and at least one."""

    name: str
    sources: tuple[str, ...]  # [N]; blank where only references are known
    references: tuple[tuple[str | None, ...], ...]  # [R][N]; None where a sentence has fewer
    target_language: str = ""  # as in the configuration; sacrebleu chooses BLEU's tokenizer by it
    direction: str = ""  # such as es-en, where it is that of a run
    warning: str = ""  # what makes it doubtful, whoever translates it
    of_text: bool = True  # or the sources are references to pictures or recordings

    def __post_init__(self) -> None:
        """Raise DataError unless all sides have the same number of sentences, and some."""
        for references in self.references:
            if len(references) != len(self.sources):
                raise DataError(
                    f"{self.name}: {len(self.sources):,} source lines but {len(references):,} "
                    "reference lines: they are out of step",
                    "Line n of one must be the translation of line n of the other.",
                )
        if not self.sources:
            raise DataError(
                f"there is nothing to score: the test set {self.name} is empty", "Check its path."
            )
        if not self.references:
            raise DataError(f"the test set {self.name} has no reference", "Name a --reference.")
        if None in self.references[0]:
            raise ValueError(f"{self.name}: each sentence has a first reference")

    @property
    def first_references(self) -> tuple[str, ...]:
        """One reference of each sentence, the first."""
        return tuple(text for text in self.references[0] if text is not None)

    def references_of(self, index: int) -> list[str]:
        """All references of a sentence."""
        return [text for each in self.references if (text := each[index]) is not None]

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def has_sources(self) -> bool:
        """Whether there is anything to translate."""
        return any(self.sources)


def read_sentences(file: Path) -> tuple[str, ...]:
    """The lines of a text file without spaces at their ends."""
    return tuple(line.rstrip() for line in read_lines(file))


def read_hypotheses(file: Path, test_set: EvaluationSet) -> tuple[str, ...]:
    """Translations of a test set by any system, line by line."""
    hypotheses = read_sentences(file)
    if len(hypotheses) != len(test_set):
        raise DataError(
            f"{file} has {len(hypotheses):,} lines, but {test_set.name} has {len(test_set):,} "
            "sentences: they are out of step",
            "Line n must be the translation of sentence n, and an empty translation a blank line.",
        )
    return hypotheses


def set_of_files(
    source: Path | None, references: Sequence[Path], target_language: str = ""
) -> EvaluationSet:
    """A test set of text files, line by line; without a source only hypotheses can be scored."""
    files = [*([source] if source else []), *references]
    sides = [read_sentences(file) for file in files]
    for file, lines in zip(files, sides, strict=True):
        if len(lines) != len(sides[0]):
            raise DataError(
                f"{files[0]} has {len(sides[0]):,} lines, {file} has {len(lines):,}: "
                "they are out of step",
                "Line n of one must be the translation of line n of the other.",
            )
        if not lines:
            raise DataError(f"{file} is empty: there is nothing to score", "Check its path.")
    sources = sides.pop(0) if source else ("",) * len(sides[0])
    return EvaluationSet(files[0].stem, sources, tuple(sides), target_language)


def sets_of_split(run: RunDirectory, split: str) -> list[EvaluationSet]:
    """The held-out sets of a run: valid, test (all of them) or test/NAME.

    Sets that the configuration names are read from their files. Those that were drawn are the ones
    that the run keeps; where it keeps none they are drawn anew, with a warning. Raises
    AbsentSetError where they cannot be read here.
    """
    found = [(s, name) for s in Splits.by_direction(run.read_config()) for name in s.names]
    chosen = [(splits, name) for splits, name in found if splits.belongs_to(split, name)]
    if found and not chosen:
        names = ", ".join(name for _, name in found)
        raise DataError(f"the run has no split {split!r}", f"It has: {names}.")
    try:
        if not found:
            raise DataError(*IMPORTED)
        return [_held_out_set(run, splits, name) for splits, name in chosen]
    except DataError as error:
        of_others = (
            f"{run.name} speaks of it and does not bring it along: name --source and --reference."
        )
        raise AbsentSetError(error.message, error.hint if run.is_own else of_others) from None


def sacrebleu_set(directions: Sequence[LanguagePair]) -> str | None:
    """The newest test set of sacrebleu in all of these directions, as SET/LANGUAGES of the first.

    None where it has none.
    """
    from sacrebleu.dataset import DATASETS

    pairs = ["-".join(map(primary, each)) for each in directions]
    named = (name for name, each in DATASETS.items() if {*pairs} <= each.langpairs.keys())
    return next((f"{name}/{pairs[0]}" for name in named if "/" not in name), None)


def _held_out_set(run: RunDirectory, splits: Splits, name: str) -> EvaluationSet:
    data = splits.config.data
    warning = ""
    if name in splits.named:
        pairs = splits.read_named(name)
    else:
        kept = run.read_held_out(name, data.direction)
        pairs = splits.drawn[name] if kept is None else kept
        if kept is None:
            warning = (
                f"{run.name} does not keep this set: it was drawn anew from today's corpora, and "
                "whether the model was trained on it is not known"
            )
    references = [
        pair.references if isinstance(pair, ReferencedPair) else (pair.target,) for pair in pairs
    ]
    stripped = ([text.rstrip() for text in each] for each in references)
    return EvaluationSet(
        name,
        tuple(pair.source.rstrip() for pair in pairs),
        tuple(itertools.zip_longest(*stripped)),
        data.target_language,
        direction=str(data.direction),
        warning=warning,
        of_text=splits.config.model.source == "text",
    )


def known_sets(run: RunDirectory, split: str) -> tuple[list[EvaluationSet], str]:
    """The sets of a run, and why they are not its own but those of the package, if so.

    The package has some for translations between English and Spanish; there may be none.
    """
    try:
        return sets_of_split(run, split), ""
    except TranslatorError as error:
        config = run.read_config()
        translates = config.model.is_textual and not config.learns_from_texts
        directions = [
            each
            for each in config.data.all_directions
            if translates and {*map(primary, each)} == {*STAND_IN_LANGUAGES}
        ]
        sets = itertools.product(directions, STAND_INS[split])
        return [_embedded_set(each, path) for each, path in sets], error.message


def _embedded_set(direction: LanguagePair, path: str) -> EvaluationSet:
    pairs = read_pairs(CorpusConfig(path=path), *map(primary, direction))
    sources, targets = zip(*pairs, strict=True)
    name = f"{path}.{direction}"
    return EvaluationSet(name, sources, (targets,), direction.target, str(direction))


def sets_by_name(name: str, directions: Sequence[LanguagePair]) -> list[EvaluationSet]:
    """A test set as `set_by_name` reads it, once for each direction that has its languages."""
    found: list[EvaluationSet] = []
    for number, pair in enumerate(directions, start=1):
        try:
            each = set_by_name(name, pair)
        except DataError:
            if number == len(directions) and not found:
                raise
        else:
            own = each.name if each.name.endswith(f"{pair}") else f"{each.name}.{pair}"
            found.append(replace(each, name=own, direction=str(pair)))
    return found


def set_by_name(name: str, languages: tuple[str, str] | None = None) -> EvaluationSet:
    """A test set of sacrebleu, such as wmt13/en-es, or a TSV file.

    `languages` are the source and target of the run; without them a TSV file's first column is
    the source and its second the reference.
    """
    if re.search(r"\.tsv(\.gz|\.xz)?$", name):
        return _set_of_tsv(Path(name), languages)
    return _set_of_sacrebleu(name, languages)


def _set_of_tsv(file: Path, languages: tuple[str, str] | None) -> EvaluationSet:
    named = languages_in_name(file, languages)
    first, second = named or languages or ("aa", "bb")  # names of columns only
    source, target = languages or (first, second)
    if not file.is_file():
        raise DataError(f"there is no file {file}", "Check the path.")
    if {first, second} != {source, target}:
        raise DataError(
            f"{file} is of {first} and {second}, the run translates {source} → {target}",
            "Name a set of these languages, or another --run.",
        )
    forward = (first, second) == (source, target)
    corpus = CorpusConfig(path=str(file), columns={"source": 1 - forward, "target": int(forward)})
    stem = re.sub(r"\.tsv(\.\w+)?$", "", file.name)  # less the languages it is the set's name
    pairs = list(read_pairs(corpus, source, target))
    if not pairs:
        raise DataError(f"{file} is empty: there is nothing to score", "Check its path.")
    return EvaluationSet(
        stem.rpartition(".")[0] if named else stem,
        tuple(pair.source.rstrip() for pair in pairs),
        (tuple(pair.target.rstrip() for pair in pairs),),
        target if named or languages else "",
    )


# --- sacrebleu's test sets ------------------------------------------------------------------------


def _set_of_sacrebleu(name: str, languages: tuple[str, str] | None) -> EvaluationSet:
    from sacrebleu.dataset import DATASETS

    set_name, _, pair = name.rpartition("/")
    dataset = DATASETS.get(set_name)
    if dataset is None:
        raise DataError(
            f"there is no test set {name!r}: it is neither a .tsv file nor known to sacrebleu",
            "Name sacrebleu's as SET/LANGUAGES, such as wmt13/en-es; "
            "`sacrebleu --list` shows them.",
        )
    if pair not in dataset.langpairs:
        raise DataError(
            f"sacrebleu's {set_name} has no languages {pair!r}",
            f"It has: {', '.join(sorted(dataset.langpairs))}.",
        )
    if languages and [*map(primary, pair.split("-"))] != [*map(primary, languages)]:
        raise DataError(
            f"the run translates {' → '.join(languages)}, but {name} is {pair.replace('-', ' → ')}",
            "Name a set of these languages, or another --run.",
        )
    with _undone_on_failure(name):
        source = Path(dataset.get_source_file(pair))
        references = [Path(file) for file in dataset.get_reference_files(pair)]
    target_language = pair.split("-")[1]
    files = set_of_files(source, references, target_language)
    return EvaluationSet(name, files.sources, files.references, target_language)


@contextmanager
def _undone_on_failure(name: str) -> Iterator[None]:
    """Let sacrebleu fetch a set that its cache lacks; a failure leaves the cache as it was."""
    from sacrebleu.utils import SACREBLEU_DIR

    folder = Path(SACREBLEU_DIR) / name.rpartition("/")[0]
    missing = next((each for each in (folder.parent, folder) if not each.exists()), None)
    before = set(folder.rglob("*"))
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_DOWNLOAD_TIMEOUT)
    try:
        yield
    except BaseException as error:
        _remove([missing] if missing else sorted(set(folder.rglob("*")) - before))
        if not isinstance(error, Exception | SystemExit):  # such as Ctrl-C
            raise
        raise DataError(
            f"sacrebleu cannot fetch {name} ({_reason(error)}), and {folder} does not hold it",
            "Fetch it where there is a network, `sacrebleu -t "
            f"{name.rpartition('/')[0]} -l {name.rpartition('/')[2]} --echo src > /dev/null`, "
            "and copy that folder; or give files with --source and --reference.",
        ) from error
    finally:
        socket.setdefaulttimeout(timeout)


def _reason(error: BaseException) -> Any:
    return getattr(error, "reason", None) or str(error) or type(error).__name__


def _remove(paths: list[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
