"""How do files become what training reads? Splits, a tokenizer, ids in flat arrays."""

import hashlib
import itertools
import random
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from translator.config import Config, CorpusConfig
from translator.data import (
    Cleaner,
    Corpus,
    Counts,
    SentencePair,
    encode_pairs,
    read_pairs,
    set_aside,
)
from translator.errors import DataError
from translator.runs import RunDirectory
from translator.tokenizer import Tokenizer


@dataclass
class TrainingData:
    """All that training reads: ids to learn from, ids and texts to validate on."""

    tokenizer: Tokenizer
    train: Corpus
    valid: Corpus
    valid_pairs: list[SentencePair]
    counts: dict[str, Counts] = field(default_factory=dict)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the training and validation ids: the same data give the same."""
        digest = hashlib.sha256()
        for corpus in (self.train, self.valid):
            for array in corpus.arrays:
                digest.update(array.tobytes())
        return digest.hexdigest()


def prepare_data(config: Config, run: RunDirectory) -> TrainingData:
    """Read the corpora, train the tokenizer once (or load the run's), and encode."""
    splits = read_splits(config)
    cleaned = Counts()
    train = [
        list(Cleaner.of(config.data, corpus).clean(pairs, cleaned))
        for corpus, pairs in zip(config.data.train, splits.train, strict=True)
    ]
    if run.tokenizer_file.is_file():
        tokenizer = run.read_tokenizer()
    else:
        tokenizer = _train_tokenizer([pair for pairs in train for pair in pairs], config)
        run.write_tokenizer(tokenizer)
    counts = {"train": Counts(read=splits.shared), "valid": Counts()}
    if splits.shared:
        counts["train"].dropped["shares a text with a held-out pair"] = splits.shared
    limit = config.data.max_tokens_per_sentence
    corpora = {
        "train": Corpus.join(
            [
                encode_pairs(pairs, tokenizer, limit, counts["train"], corpus.weight)
                for corpus, pairs in zip(config.data.train, train, strict=True)
            ]
        ),
        "valid": encode_pairs(splits.held_out["valid"], tokenizer, limit, counts["valid"]),
    }
    counts["train"].follow(cleaned)
    for name, corpus in corpora.items():
        if len(corpus) == 0:
            raise DataError(
                f"no {name} pair is left of the {counts[name].read:,} that were read "
                f"({_reasons(counts[name])})",
                f"Check data.{name}"
                + (" and data.held_out_pairs: it takes two pairs and more." * (name == "valid")),
            )
    valid_pairs = [p for p in splits.held_out["valid"] if p.source.strip() and p.target.strip()]
    return TrainingData(tokenizer, corpora["train"], corpora["valid"], valid_pairs, counts)


class Splits(NamedTuple):
    """The pairs of a configuration by their use."""

    train: list[list[SentencePair]]  # of each training corpus
    held_out: dict[str, list[SentencePair]]  # valid and every test/NAME
    shared: int  # pairs that left train because they share a text with one that was set aside


def read_splits(config: Config, *, training: bool = True) -> Splits:
    """Read the pairs of every corpus that the configuration names.

    Held-out sets that the configuration does not name are set aside from the training side.
    Without `training` that side is read only if it is needed for this, else it is left empty.
    """
    data = config.data

    def read(corpus: CorpusConfig) -> list[SentencePair]:
        return list(read_pairs(corpus, data.source_language, data.target_language))

    missing = [] if data.valid is not None else ["valid"]
    missing += [] if data.test else ["test/held-out"]
    train = [read(corpus) for corpus in data.train] if training or missing else []
    held_out = {"valid": read(data.valid)} if data.valid is not None else {}
    held_out |= {f"test/{name}": read(corpus) for name, corpus in data.test.items()}
    shared = 0
    if missing:
        total = sum(map(len, train))
        if total <= len(missing):
            raise DataError(
                f"{', '.join(corpus.path for corpus in data.train)}: no train pair is left of "
                f"{total} when {len(missing)} are set aside to validate and test on",
                "Bring more pairs, or name data.valid and data.test.",
            )
        size = min(data.held_out_pairs, total // 10 or 1)
        train, drawn = set_aside(train, [size] * len(missing), config.seed)
        shared = total - sum(map(len, train)) - sum(map(len, drawn))
        held_out.update(zip(missing, drawn, strict=True))
    return Splits(train, held_out, shared)


def _train_tokenizer(pairs: list[SentencePair], config: Config) -> Tokenizer:
    sample = pairs
    limit = config.tokenizer.sample_sentences // 2
    if len(pairs) > limit:
        sample = random.Random(config.seed).sample(pairs, limit)
    return Tokenizer.train(itertools.chain.from_iterable(sample), config.tokenizer)


def _reasons(counts: Counts) -> str:
    return ", ".join(f"{reason}: {n:,}" for reason, n in counts.dropped.items()) or "none was read"
