"""How do files become what training reads? Splits, a tokenizer, ids in files, made once.

Pairs pass as streams, so memory does not grow with the corpora: read → held-out ones left out →
encoded → appended to files, which training maps into memory. They are kept for the next start, and
for other runs, under a key that changes with the corpora and with every setting that matters.
"""

import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from translator.config import Config
from translator.data import (
    Augmenter,
    Codebook,
    Corpus,
    CorpusWriter,
    Counts,
    Distortion,
    FingerprintCollector,
    Part,
    SentencePair,
    Splits,
    View,
    corpora_fingerprint,
    drawn_vocabulary,
    encode_frames,
    encode_pairs,
    encode_pictures,
    files_of,
    generator,
    is_in_table,
    noise_of,
    read_corpus,
    telling_sides,
)
from translator.errors import DataError, RunError, writing
from translator.media import FrameShape
from translator.runs import PreparedDirectory, RunDirectory, lock, write_atomically
from translator.similarity import similarity_fingerprint, similarity_of
from translator.tokenizer import Tokenizer
from translator.version import __version__

_LAYOUT = 4  # of the prepared files; another number leaves older ones alone
_SAMPLED_PICTURES = 2000  # that a codebook is learned from
_SAMPLED_BLOCKS, _BLOCK_BYTES = 16, 1 << 16  # of each file, to tell it from another


@dataclass(frozen=True)
class TrainingData:
    """All that training reads: ids to learn from, ids and texts to validate on."""

    tokenizer: Tokenizer
    views: tuple[View, ...]  # of train: how an epoch shows the pairs
    train: Corpus
    valid: Corpus
    valid_pairs: list[list[SentencePair]]  # of each direction
    drawn: dict[str, list[SentencePair]]  # the held-out sets that no file of their own holds
    counts: dict[str, Counts]
    fingerprint: str  # a hash of the training and validation ids: the same data give the same


def prepare_data(config: Config, run: RunDirectory) -> TrainingData:
    """Read the corpora, train the tokenizer once (or load the run's), and encode.

    What was prepared before, by this run or another, is mapped without reading the corpora.
    """
    splits = Splits.by_direction(config, functools.cache(similarity_of))
    with _disk_errors(run.prepared):
        tokenizer = _tokenizer(config, splits, run)
        codebook = _codebook(splits[0], run)
        directory = PreparedDirectory(run.prepared / _key_of_ids(config, tokenizer, codebook))
        content = directory.read()
        if content is None:
            with lock(directory.path):
                content = directory.read()  # another process may have made it meanwhile
                if content is None:
                    _prepare(splits, tokenizer, codebook, directory)
                    content = directory.read()
    if content is None:
        raise RunError(f"{directory.path} has vanished", "Start again; let no one delete it.")
    with _disk_errors(run.path), lock(directory.path):  # other processes may train the same run
        start = config.training.start_from
        run.keep_fingerprints(directory, start)
    noise = noise_of(config.training, tokenizer.vocabulary_size)
    shape = FrameShape.of_source(config.model)
    parts = _parts(content["pairs"]["train"], config)
    return TrainingData(
        tokenizer,
        (*_augmentation(config, tokenizer), *([noise] if noise else [])),
        Corpus.map(directory.corpus_files("train"), parts, shape),
        _valid(directory, sum(content["pairs"]["valid"]), config, noise),
        [[SentencePair(*pair) for pair in pairs] for pairs in content["valid_pairs"]],
        {name: [SentencePair(*p) for p in pairs] for name, pairs in content["drawn"].items()},
        {name: Counts(**counts) for name, counts in content["counts"].items()},
        content["fingerprint"],
    )


def _augmentation(config: Config, tokenizer: Tokenizer) -> tuple[View, ...]:
    if config.model.source != "text":
        return (Distortion(config),)
    return (Augmenter(config.data, tokenizer),) if config.model.target == "text" else ()


def _valid(directory: PreparedDirectory, pairs: int, config: Config, noise: View | None) -> Corpus:
    """The pairs to validate on, with what an objective hides of them once and for all."""
    shape = FrameShape.of_source(config.model)
    valid = Corpus.map(directory.corpus_files("valid"), [Part(pairs, 1.0)], shape)
    if noise is None:
        return valid
    random = generator(config.seed, "noise of validation")
    return noise(valid, config.data.max_tokens_per_sentence + 1, random)


def _prepare(
    splits: list[Splits],
    tokenizer: Tokenizer,
    codebook: Codebook | None,
    directory: PreparedDirectory,
) -> None:
    """Encode the train and valid pairs into the files of a directory."""
    counts = {"train": Counts(), "valid": Counts()}
    model = splits[0].config.model
    vocabulary_size = max(tokenizer.vocabulary_size, drawn_vocabulary(model) or 0)
    trained_on = FingerprintCollector()
    corpora: dict[str, list[tuple[Splits, Iterable[SentencePair]]]] = {
        "train": [
            (each, trained_on.passing(each.train(corpus, counts["train"])))
            for each in splits
            for corpus in each.config.data.train
        ],
        "valid": [(each, each.held_out[each.valid]) for each in splits],
    }
    pairs: dict[str, list[int]] = {}
    fingerprints = []
    with directory.make() as (made, description):
        for name, parts in corpora.items():
            files = made.corpus_files(name)
            with_frames = model.source != "text"
            with CorpusWriter(files, vocabulary_size, with_frames=with_frames) as writer:
                pairs[name] = [
                    writer.append(
                        _encoding(each.config, tokenizer, codebook)(part, counts=counts[name])
                    )
                    for each, part in parts
                ]
            if name == "train":
                for each in splits:
                    each.leave_out_held_out(counts["train"])
            if not sum(pairs[name]):
                raise _nothing_left(name, counts[name])
            fingerprints.append(writer.fingerprint)
        made.write_fingerprints(trained_on.sides)
        description |= {
            "pairs": pairs,  # of each corpus
            "counts": {name: vars(each) for name, each in counts.items()},
            "fingerprint": corpora_fingerprint(fingerprints),
            "valid_pairs": [
                [pair for pair in part if all(map(str.strip, pair))] for _, part in corpora["valid"]
            ],
            "drawn": {name: drawn for each in splits for name, drawn in each.drawn.items()},
        }


def _encoding(
    config: Config, tokenizer: Tokenizer, codebook: Codebook | None
) -> Callable[..., Iterator[Corpus]]:
    """The function from pairs and `counts` to encoded ones."""
    most = config.data.max_tokens_per_sentence
    if codebook is not None:
        return partial(encode_pictures, tokenizer=tokenizer, codebook=codebook, max_tokens=most)
    if config.model.source != "text":
        return partial(encode_frames, config=config.model, tokenizer=tokenizer, max_tokens=most)
    tag = [tokenizer.tag_id(config.data.direction.tag)] if config.data.directions else []
    return partial(encode_pairs, tokenizer=tokenizer, max_tokens=most, tag=tag)


def _nothing_left(name: str, counts: Counts) -> DataError:
    return DataError(
        f"no {name} pair is left of the {counts.read:,} that were read "
        f"({counts.reasons or 'none was read'})",
        "Check data.valid and data.held_out_pairs: it takes two pairs and more."
        if name == "valid"
        else "Check data.train; `translator data check` shows what is dropped.",
    )


def _parts(pairs: list[int], config: Config) -> list[Part]:
    """The training corpora with their weights, those of small ones raised by the temperature.

    A corpus of n pairs has the share n^(1/T) of an epoch (Arivazhagan et al., 2019), in which
    those of the largest occur once.
    """
    exponent = 1.0 - 1.0 / config.data.temperature
    corpora = [corpus for each in config.by_direction for corpus in each.data.train]
    return [
        Part(size, corpus.weight * (max(pairs) / size) ** exponent if size else 1.0)
        for size, corpus in zip(pairs, corpora, strict=True)
    ]


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        with writing(folder):
            yield
    except OSError as error:
        raise RunError(
            f"cannot prepare the corpora in {folder}: {error.strerror or error}",
            "Check the permissions and the room on the disk.",
        ) from None


# --- the tokenizer --------------------------------------------------------------------------------


def _tokenizer(config: Config, splits: list[Splits], run: RunDirectory) -> Tokenizer:
    """The run's own tokenizer; else that of the run to start from; else the one that was learned
    from these corpora, or a new one.
    """
    if run.tokenizer_file.is_file():
        return run.read_tokenizer()
    start = config.training.start_from
    if start is not None:
        with lock(run.tokenizer_file):
            run.write_tokenizer(RunDirectory.named(start).read_tokenizer())
        return run.read_tokenizer()
    file = run.prepared / f"{_key_of_tokenizer(config)}.model"
    with lock(file):
        if not file.is_file():
            tags = dict.fromkeys(pair.tag for pair in config.data.directions)
            trained = Tokenizer.train(_texts(splits), config.tokenizer, [*tags])
            write_atomically(file, trained.model)
        if not run.tokenizer_file.is_file():
            run.write_tokenizer(Tokenizer.load(file))
    return run.read_tokenizer()


def _texts(splits: list[Splits]) -> list[str]:
    """The texts that a tokenizer learns from, of both sides as far as they are text.

    There are as many of each pair of languages, whichever is the source. DataError where cleaning
    leaves none.
    """
    of_languages = {each.config.data.direction.languages: each for each in reversed(splits)}
    texts: list[str] = []
    counts = Counts()
    for each in splits:
        if each in of_languages.values():
            model, tokenizer = each.config.model, each.config.tokenizer
            are_texts = (model.source == "text", model.target == "text")
            pairs = each.sample(tokenizer.sample_sentences // 2 // len(of_languages), counts)
            texts += [
                side
                for pair in pairs
                for side, is_text in zip(pair, are_texts, strict=True)
                if is_text
            ]
    if not texts:
        raise _nothing_left("train", counts)
    return texts


def _codebook(splits: Splits, run: RunDirectory) -> Codebook | None:
    """The patches that the model draws with: the run's, or those of the run to start from, or new.

    None where it writes text.
    """
    config = splits.config
    if config.model.target == "text":
        return None
    if not run.codebook_file.is_file():
        start = config.training.start_from
        with lock(run.codebook_file):
            if start is not None:
                made = RunDirectory.named(start).read_codebook(config.model.image)
            else:
                names = [pair.target for pair in splits.sample(_SAMPLED_PICTURES)]
                made = Codebook.train(names, config.model.image, config.seed)
            if not run.codebook_file.is_file():
                run.write_codebook(made)
    return run.read_codebook(config.model.image)


# --- what the prepared files are made of ----------------------------------------------------------


def _key_of_tokenizer(config: Config) -> str:
    """A name that changes with whatever changes the tokenizer."""
    return _key(config, config.tokenizer.model_dump(), config.seed, config.learns_from_texts)


def _key_of_ids(config: Config, tokenizer: Tokenizer, codebook: Codebook | None) -> str:
    """A name that changes with whatever changes the prepared ids."""
    drawn = config.data.valid is None or not config.data.test
    seed = config.seed if drawn else None
    settings: list[object] = [tokenizer.sha256, seed, config.learns_from_texts]
    if not config.model.is_textual:
        shown = config.model.model_dump(include={"source", "target", "image", "speech"})
        settings += [shown, codebook and codebook.sha256, *_shown_files(config)]
    return _key(config, *settings)


def _shown_files(config: Config) -> Iterator[list[Any]]:
    """What changes with the pictures and recordings that tables name: sizes and times."""
    corpora = [*config.data.train, *([config.data.valid] if config.data.valid else [])]
    for corpus in corpora:
        for pair in read_corpus(corpus, config):
            for side in telling_sides(pair, config.model):
                if not is_in_table(side) and (file := Path(side)).is_file():
                    status = file.stat()
                    yield [side, status.st_size, status.st_mtime_ns]


def _key(config: Config, *settings: object) -> str:
    data = config.data.model_dump(exclude={"test", "temperature", "augmentation"})
    data["drawn"] = not config.data.test
    for corpus, own in zip(data["train"], config.data.train, strict=True):
        del corpus["weight"]  # of the epoch, not of the files
        corpus["cleaning"] = config.cleaning_of(own).model_dump()  # what holds for it
    cleanings = map(config.cleaning_of, config.data.train)
    runs = {each.similarity_run for each in cleanings if each.compares_meanings}
    corpora = [*config.data.train, *([config.data.valid] if config.data.valid else [])]
    corpora += config.data.leave_out
    content = {
        "layout": _LAYOUT,
        "versions": [__version__, version("sentencepiece")],
        "data": data,
        "settings": settings,
        "similarity": [similarity_fingerprint(run) for run in sorted(filter(None, runs))],
        "files": [
            [_identity(file) for file in files_of(corpus, config.data.languages_of(corpus))]
            for corpus in corpora
        ],
    }
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]


def corpora_hashes(config: Config) -> dict[str, str]:
    """By the path of each corpus, what tells its files from others; their times do not matter."""
    data = config.data
    corpora = [*data.train, *([data.valid] if data.valid else []), *data.leave_out]
    hashes = {}
    for corpus in corpora:
        files = files_of(corpus, data.languages_of(corpus))
        known = [[value for value in _identity(file) if type(value) is str] for file in files]
        hashes[corpus.path] = hashlib.sha256(json.dumps(known).encode()).hexdigest()
    return hashes


def _identity(file: Path) -> list[Any]:
    """What changes with the content of a file: name, size, time, and a hash of some blocks.

    To read all of it would cost a large corpus a minute at every start; the blocks find a file
    that was replaced by one of the same size and time.
    """
    try:
        status = file.stat()
        digest = hashlib.sha256()
        with file.open("rb") as stream:
            for number in range(_SAMPLED_BLOCKS):
                stream.seek(status.st_size * number // _SAMPLED_BLOCKS)
                digest.update(stream.read(_BLOCK_BYTES))
    except OSError:
        return [file.name]  # whoever reads it says what is wrong
    return [file.name, status.st_size, status.st_mtime_ns, digest.hexdigest()]
