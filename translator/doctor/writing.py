"""The kept and the dropped pairs of all training corpora, as TSV files."""

import functools
import itertools
import re
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from translator.config import Config, CorpusConfig
from translator.data import Cleaner, Counts, SentencePair, read_corpus
from translator.data.readers.remote import bare_name
from translator.doctor.textfiles import HEADER, UNMENDABLE, TextCorpus
from translator.errors import DataError
from translator.progress import tracked
from translator.runs import is_replaceable, written_aside
from translator.similarity import similarity_of


def write_clean(config: Config, output: Path) -> dict[str, Counts]:
    """Clean the training corpora as training would; the counts of each by its path.

    `output` is a file NAME.tsv for the kept pairs of all of them, or a directory for a file each.
    The dropped pairs stand beside, in dropped.tsv: corpus, number of the pair, rule, source,
    target. Lines of a TSV or text file for which training refuses it are among them. Kept files
    have columns in the direction of the configuration and say so in their names inside a directory.
    DataError when a file would be written over.
    """
    data = config.data
    single = output.suffix == ".tsv"
    if single and len({data.languages_of(each).languages for each in data.train}) > 1:
        raise DataError(
            "the corpora are not all in the same two languages",
            f"Name a directory, such as {output.with_suffix('')}, for a file of each.",
        )
    folder = output.parent if single else output
    folder.mkdir(parents=True, exist_ok=True)
    dropped = output.with_suffix(".dropped.tsv") if single else folder / "dropped.tsv"
    counts: dict[str, Counts] = {}
    meanings = functools.cache(similarity_of)
    with ExitStack() as files:
        rest = files.enter_context(_new(dropped))
        whole = files.enter_context(_new(output)) if single else None
        for corpus, stem in zip(data.train, _stems(data.train), strict=True):
            own = config.toward_languages_of(corpus)
            name = f"{stem}.{own.data.direction}.tsv"
            kept = whole or files.enter_context(_new(folder / name))
            counts.setdefault(corpus.path, Counts())
            numbers: deque[int] = deque()  # of the pairs that the cleaner has not judged yet
            pairs = _readable(corpus, own, numbers, counts[corpus.path], rest)
            cleaner = Cleaner.of(own, corpus, meanings)
            for verdicts in cleaner.judge(tracked(pairs, f"cleaning {corpus.path}")):
                verdicts.count(counts[corpus.path])
                for index, pair in enumerate(verdicts.pairs):
                    number = numbers.popleft()
                    if rule := verdicts.dropped.get(index):
                        rest.write(_row(corpus.path, str(number), rule, *pair))
                    else:
                        kept.write(_row(*pair))
    return counts


def _readable(
    corpus: CorpusConfig,
    config: Config,
    numbers: deque[int],
    counts: Counts,
    rest: BinaryIO,
) -> Iterator[SentencePair]:
    """The pairs of a corpus, whose `numbers` are noted; lines that training refuses go to the rest.

    Raises DataError for what no line is to blame for, such as files of unequal length.
    """
    languages, direction = config.data.languages_of(corpus), config.data.direction
    translates = config.model.is_textual and not config.learns_from_texts
    files = TextCorpus.of(corpus, languages) if translates else None
    if files is None:
        for number, pair in enumerate(read_corpus(corpus, config), start=1):
            numbers.append(number)
            yield pair
        return
    lines = itertools.islice(files.lines(), corpus.max_pairs)
    for number, (pair, fault) in enumerate(lines, start=1):
        turned = SentencePair(*pair[::-1]) if languages == direction[::-1] != direction else pair
        if fault == HEADER:
            continue
        if fault:
            counts.read += 1
            counts.drop(fault)
            rest.write(_row(corpus.path, str(number), fault, *turned))
        else:
            numbers.append(number)
            yield turned
    for finding in files.findings(corpus.path):
        if finding.kind in UNMENDABLE:
            raise DataError(finding.message, finding.hint)


@contextmanager
def _new(path: Path) -> Iterator[BinaryIO]:
    """A file that is there when all is written, never in the place of another."""
    if is_replaceable(path) and path.exists():
        raise DataError(f"{path} is there already", "Name another output, or delete it.")
    with written_aside(path) as stream:
        yield stream


def _row(*fields: str) -> bytes:
    """One line, whatever is in the fields."""
    return ("\t".join(" ".join(field.split()) for field in fields) + "\n").encode()


def _stems(corpora: list[CorpusConfig]) -> list[str]:
    """A file name that tells each corpus, tatoeba of data/tatoeba.en-es.tsv.xz; a second one of a
    name is tatoeba-2.
    """
    stems: list[str] = []
    for corpus in corpora:
        path = bare_name(corpus.path) if corpus.is_remote else corpus.path
        name = path.rsplit("/", 1)[-1].rsplit(":", 1)[-1]
        name = re.sub(
            r"(\.\{language\})?(\.[A-Za-z]{2,3}(-[A-Za-z0-9_]+)+)?(\.[a-z0-9]{2,7}){0,2}$", "", name
        )
        stem = re.sub(r"[^\w.-]", "-", name) or "corpus"
        taken = (f"{stem}-{n}" if n > 1 else stem for n in itertools.count(1))
        stems.append(next(name for name in taken if name not in stems))
    return stems
