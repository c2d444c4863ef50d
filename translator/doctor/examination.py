"""The examination: every corpus is read once, and what is seen becomes findings."""

import functools
import itertools
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from translator.config import Config, CorpusConfig
from translator.data import Cleaner, SentencePair, Similarity, read_corpus, stream_seed
from translator.data.mending import MOJIBAKE
from translator.data.sides import describe_exchanged, how_to_exchange
from translator.doctor.leakage import LeakDetector
from translator.doctor.misalignment import MisalignmentDetector, OffsetRange, find_swapped
from translator.doctor.report import (
    CorpusReport,
    Finding,
    Leak,
    Places,
    Report,
    Sample,
    Severity,
    TokenizerCoverage,
)
from translator.doctor.textfiles import TextCorpus
from translator.errors import DataError, TranslatorError
from translator.progress import activity, tracked
from translator.runs import RunDirectory
from translator.similarity import similarity_of
from translator.text.languages import (
    LanguageIdentifier,
    are_exchanged,
    guess_languages,
    primary,
)
from translator.tokenizer import UNK_ID, Tokenizer

_SAMPLE_PAIRS = 20_000  # of each corpus, drawn evenly, for what need not see every pair
_TOKENIZED_PAIRS = 5000  # of each split
_SAMPLES = 3  # shown for a rule
_MAX_WORDS = 2_000_000  # of train that are remembered
_SERIOUS_SHARE = 0.01  # of the pairs: swapped, or leaked from a held-out set
_HEAVY_SHARE = 0.05  # of the pairs: dropped by one rule
_MOST_SHARE = 0.9  # of the pairs: dropped by all rules, of which training would learn little

_BROKEN = "broken encoding"  # a rule of cleaning

_WORD = re.compile(r"[^\W\d_]+")
_LINE_BREAKS = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029\r\n]")


def examine(config: Config) -> Report:
    """Examine all corpora that a configuration names, each read once, in bounded memory.

    Nothing is changed. What cannot be read is a finding, and the next corpus is looked at.
    """
    report = Report()
    leaks = LeakDetector()
    meanings = functools.cache(similarity_of)
    words: set[str] = set()  # of train
    samples: dict[str, list[SentencePair]] = {}
    data = config.data
    held_out = {f"test/{name}": corpus for name, corpus in data.test.items()}
    if data.valid is not None:
        held_out = {"valid": data.valid, **held_out}
    for split, corpus in held_out.items():
        exam = _Examination(config, split, corpus, meanings)
        exam.run(functools.partial(leaks.remember, split))
        samples[split] = exam.finish(report)

    def look(place: str, pair: SentencePair) -> None:
        leaks.check(place, pair)
        if len(words) < _MAX_WORDS:
            words.update(_WORD.findall(f"{pair.source} {pair.target}".lower()))

    train: list[SentencePair] = []
    for corpus in data.train:
        exam = _Examination(config, "train", corpus, meanings)
        exam.run(look)
        train += exam.finish(report)
    samples = {"train": train, **samples}
    report.leaks = list(leaks.leaks())
    report.findings += filter(None, map(_leak_finding, report.leaks))
    with activity("measuring the tokenizer"):
        _measure_tokenizer(report, config, samples, words)
    report.suggestions = list(_suggestions(report, config))
    order = {"serious": 0, "warning": 1, "note": 2}
    report.findings.sort(key=lambda finding: order[finding.severity])
    return report


class _Examination:
    """One corpus: read once, with everything that watches it."""

    def __init__(
        self,
        config: Config,
        split: str,
        corpus: CorpusConfig,
        similarity_of: Callable[[str], Similarity],
    ) -> None:
        self.config = config = config.toward_languages_of(corpus)
        self._similarity_of = similarity_of
        self.corpus = corpus
        self.report = CorpusReport(split, corpus.path)
        self.findings: list[Finding] = []
        self._files = TextCorpus.of(corpus, config.data.languages_of(corpus))
        embedded = corpus.path.startswith("embedded:")
        self._unit = "line" if self._files or embedded else "pair"
        self._places: dict[str, Places] = {}  # of rules, repairs and line breaks
        self._misalignment = MisalignmentDetector()
        self._random = random.Random(stream_seed(config.seed, "examined pairs"))
        self._kept = 0  # pairs so far
        self._sample: list[tuple[int, SentencePair]] = []  # of them, with their numbers

    @property
    def _languages(self) -> tuple[str, str]:
        return self.config.data.source_language, self.config.data.target_language

    def run(self, visit: Callable[[str, SentencePair], None]) -> None:
        """Read the corpus; `visit` gets every pair, mended, with its place."""
        cleaner = Cleaner.of(self.config, self.corpus, self._similarity_of)
        number = 0
        for verdicts in cleaner.judge(self._raw_pairs()):
            for index, pair in enumerate(verdicts.pairs):
                number += 1
                self._see(number, pair, verdicts.dropped.get(index))
                for repair in verdicts.repaired.get(index, ()):
                    self._note(repair, number, pair)
                visit(f"{self.corpus.path}, {self._unit} {number:,}", pair)
            verdicts.count(self.report.counts)

    def _raw_pairs(self) -> Iterator[SentencePair]:
        try:
            read = self._files.pairs if self._files else self._read
            pairs = tracked(read(), f"examining {self.corpus.path}")
            for number, pair in enumerate(itertools.islice(pairs, self.corpus.max_pairs), start=1):
                for character in {c for text in pair for c in _LINE_BREAKS.findall(text)}:
                    self._note(f"U+{ord(character):04X}", number, pair)
                yield pair
        except DataError as error:
            self._find("serious", "unreadable", error.message, error.hint or "")

    def _read(self) -> Iterator[SentencePair]:
        yield from read_corpus(self.corpus, self.config)

    def _see(self, number: int, pair: SentencePair, rule: str | None) -> None:
        self._misalignment.add(pair)
        for histogram, text in zip(self.report.lengths, pair, strict=True):
            histogram.add(len(text))
        if rule:
            self._note(rule, number, pair)
            return
        self._kept += 1
        if len(self._sample) < _SAMPLE_PAIRS:
            self._sample.append((number, pair))
        elif (slot := self._random.randrange(self._kept)) < _SAMPLE_PAIRS:
            self._sample[slot] = (number, pair)

    def _note(self, kind: str, number: int, pair: SentencePair) -> None:
        self._places.setdefault(kind, Places(self._unit)).add(number)
        samples = self.report.samples.setdefault(kind, [])
        if len(samples) < _SAMPLES:
            samples.append(Sample(f"{self._unit} {number:,}", *pair))

    def _find(self, severity: Severity, kind: str, message: str, hint: str = "") -> None:
        self.findings.append(Finding(severity, kind, self.corpus.path, message, hint))

    def finish(self, report: Report) -> list[SentencePair]:
        """Add the report of this corpus and its findings; a sample of its pairs is left."""
        if self._files:
            self.findings += self._files.findings(self.corpus.path)
        if not self.report.counts.read and not self.findings:
            self._find("serious", "empty", f"{self.corpus.path} has no pairs", "Check the path.")
        self._find_misalignment()
        self._find_languages()
        self._find_characters()
        self._find_heavy_rules()
        report.corpora.append(self.report)
        report.findings += self.findings
        return [pair for _, pair in self._sample]

    def _find_misalignment(self) -> None:
        before = 0
        for found in self._misalignment.ranges():
            if found.offset:
                self._find("serious", "out of step", *self._describe_misalignment(found, before))
            before = found.offset

    def _describe_misalignment(self, found: OffsetRange, before: int) -> tuple[str, str]:
        change = found.offset - before
        side, other = ("source", "target") if change > 0 else ("target", "source")
        lines = f"{abs(change)} {self._unit}{'s' * (abs(change) > 1)}"
        message = (
            f"{self.corpus.path}, {self._unit}s {found.first:,} to {found.last:,}: the sides "
            f"are out of step: the translation of source n is target n{found.offset:+d}"
        )
        hint = (
            f"Near {self._unit} {found.first:,} the {side} has lost {lines}, or the {other} "
            "has as many too many."
        )
        return message, hint

    def _find_languages(self) -> None:
        pairs = [pair for _, pair in self._sample]
        self.report.languages = guesses = guess_languages(pairs[:5000])
        if self.config.learns_from_texts:  # of whichever language
            return
        identifier = LanguageIdentifier()
        expected = tuple(map(primary, self._languages))
        is_translation = expected[0] != expected[1]
        if are_exchanged(guesses, self._languages):
            message = describe_exchanged(self.corpus, guesses)
            hint = how_to_exchange(self.corpus, self.config)
            self._find("serious", "swapped columns", message, hint)
            return
        for side, guess, language in zip(("source", "target"), guesses, expected, strict=True):
            if guess and primary(guess) != language and identifier.knows(language):
                message = f"{self.corpus.path}: the {side} looks like {guess}, not {language}"
                self._find("warning", "other language", message, "Check the columns.")
        swapped = find_swapped(pairs) if is_translation else []
        as_declared = self._languages[::-1]  # which `are_exchanged` asks the other way round
        found = guess_languages([pairs[index] for index in swapped])
        if are_exchanged(found, as_declared) and not are_exchanged(guesses, as_declared):
            swapped = sorted({*range(len(pairs))}.difference(swapped))  # most of the pairs
        share = len(swapped) / max(1, len(pairs))
        if len(swapped) >= 5 and share >= _SERIOUS_SHARE / 10:
            places = Places(self._unit)
            for number in sorted(self._sample[index][0] for index in swapped):
                places.add(number)
            self._find(
                "serious" if share >= _SERIOUS_SHARE else "warning",
                "swapped pairs",
                f"{self.corpus.path}: {share:.1%} of the pairs have their sides swapped: {places}"
                + (", in a sample" * (self.report.counts.kept > _SAMPLE_PAIRS)),
                "Exchange their sides."
                if self.config.cleaning_of(self.corpus).language
                else "Exchange their sides, or drop them: --set data.cleaning.language=true",
            )

    def _find_characters(self) -> None:
        for kind, places in self._places.items():
            if kind.startswith("U+"):
                message = f"line-break characters {kind} inside texts: {places}"
                hint = "Programs that split lines there get out of step; cleaning makes spaces."
                self._find("warning", "line-break trap", f"{self.corpus.path}: {message}", hint)
        if where := self._places.get(MOJIBAKE):
            message = f"{self.corpus.path}, {where}: UTF-8 that was read as something else"
            self._find("warning", "mojibake", message, "Cleaning mends it.")
        if where := self._places.get(_BROKEN):
            message = f"{self.corpus.path}, {where}: characters lost to a wrong encoding, such as �"
            self._find("warning", _BROKEN, message, "Cleaning drops these pairs.")

    def _find_heavy_rules(self) -> None:
        counts = self.report.counts
        all_dropped = counts.read - counts.kept
        unexplained = all_dropped - counts.dropped.get(_BROKEN, 0)  # which has a finding already
        if self.report.split == "train" and 0 < _MOST_SHARE * counts.read <= unexplained:
            self._find(
                "serious",
                "nearly everything dropped",
                f"{self.corpus.path}: cleaning drops {all_dropped:,} of the {counts.read:,} pairs "
                f"({counts.reasons})",
                "Check the columns and the languages, and look at the samples below; data.cleaning "
                "says what is dropped.",
            )
        for rule, dropped in counts.dropped.items():
            share = dropped / counts.read
            if share >= _HEAVY_SHARE and rule != _BROKEN:
                places = self._places[rule]
                message = f"{self.corpus.path}, {places}: {share:.0%} of the pairs: {rule}"
                self._find("warning", rule, message, "Look at the samples below.")


def _leak_finding(leak: Leak) -> Finding | None:
    if not leak.exact and not leak.near:
        return None
    serious = leak.exact >= _SERIOUS_SHARE * leak.pairs
    hint = "Remove them from train: scores on texts that were learned say nothing."
    alike = "Sentences may be alike by nature: look at the samples."
    places = [f"{sample.place} in {place}" for place, sample in leak.samples[:3]]
    return Finding(
        "serious" if serious else "warning" if leak.exact else "note",
        "leakage",
        leak.split,
        f"{leak.exact:,} of the {leak.pairs:,} pairs share a text with train, and {leak.near:,} "
        f"more nearly: {'; '.join(places)}",
        hint if leak.exact else alike,
    )


def _measure_tokenizer(
    report: Report, config: Config, samples: dict[str, list[SentencePair]], words: set[str]
) -> None:
    """How the tokenizer that training will have spells samples of all splits."""
    if not samples["train"] and report.serious:
        return  # what is wrong has been said
    try:
        tokenizer = _tokenizer(config, samples["train"])
    except TranslatorError as error:
        report.findings.append(Finding("serious", "tokenizer", "train", error.message, error.hint))
        return
    report.vocabulary_size = tokenizer.vocabulary_size
    for split, pairs in samples.items():
        pairs = pairs[:_TOKENIZED_PAIRS]
        source = _Tokenized([pair.source for pair in pairs], tokenizer)
        target = _Tokenized([pair.target for pair in pairs], tokenizer.target)
        limit = config.data.max_tokens_per_sentence
        report.coverage.append(_coverage(split, source, target, limit, words))


class _Tokenized:
    """Texts of one side, and what the tokenizer makes of them."""

    def __init__(self, texts: list[str], tokenizer: Tokenizer) -> None:
        without_piece = _ids_without_piece(tokenizer)
        ids = tokenizer.encode(texts)
        self.lengths = np.array([len(each) for each in ids], int)  # tokens of each text
        self.byte_tokens = sum(i in without_piece for each in ids for i in each)
        self.words = [word for text in texts for word in _WORD.findall(text.lower())]
        characters = Counter(itertools.chain.from_iterable(texts))
        alone = zip(characters, tokenizer.encode(list(characters)), strict=True)
        spelled_in_bytes = (c for c, own in alone if without_piece.intersection(own))
        self.byte_characters = Counter({c: characters[c] for c in spelled_in_bytes})


def _coverage(
    split: str, source: _Tokenized, target: _Tokenized, limit: int, known_words: set[str]
) -> TokenizerCoverage:
    tokens = int(source.lengths.sum() + target.lengths.sum())
    words = source.words + target.words
    too_long = np.maximum(source.lengths, target.lengths) > limit
    byte_characters = source.byte_characters + target.byte_characters
    return TokenizerCoverage(
        split=split,
        texts=2 * len(too_long),
        tokens_per_word=tokens / max(1, len(words)),
        byte_share=(source.byte_tokens + target.byte_tokens) / max(1, tokens),
        too_long_share=int(too_long.sum()) / max(1, len(too_long)),
        unseen_word_share=sum(word not in known_words for word in words) / max(1, len(words)),
        byte_characters="".join(character for character, _ in byte_characters.most_common(20)),
    )


def _tokenizer(config: Config, train: list[SentencePair]) -> Tokenizer:
    """That of the run to start from, or one that is learned from a sample."""
    if config.training.start_from is not None:
        start = RunDirectory.named(config.training.start_from)
        start.check_model()
        return start.read_tokenizer()
    if len(train) > _SAMPLE_PAIRS:
        draw = random.Random(stream_seed(config.seed, "examined tokenizer"))
        train = draw.sample(train, _SAMPLE_PAIRS)
    return Tokenizer.train(itertools.chain.from_iterable(train), config.tokenizer)


def _ids_without_piece(tokenizer: Tokenizer) -> set[int]:
    """The ids of bytes, and of what has not even those: they spell what has no piece."""
    names = tokenizer.pieces(range(tokenizer.vocabulary_size))
    return {i for i, name in enumerate(names) if i == UNK_ID or re.fullmatch("<0x..>", name)}


def _suggestions(report: Report, config: Config) -> Iterator[str]:
    pairs = sum(corpus.counts.kept for corpus in report.corpora if corpus.split == "train")
    size = next(
        (
            size
            for limit, size in ((30_000, 4000), (300_000, 8000), (3_000_000, 16_000))
            if pairs < limit
        ),
        32_000,
    )
    learned = config.training.start_from is None
    if learned and not size / 2 <= config.tokenizer.vocabulary_size <= size * 2:
        yield f"tokenizer.vocabulary_size: {size}  # for {pairs:,} pairs"
    train = next((each for each in report.coverage if each.split == "train"), None)
    if train and train.too_long_share > 0.02:
        longer = 2 * config.data.max_tokens_per_sentence
        yield (
            f"data.max_tokens_per_sentence: {longer}  # {train.too_long_share:.0%} of the pairs "
            "are longer"
        )
    swapped = any(finding.kind == "swapped pairs" for finding in report.findings)
    if swapped and not config.data.cleaning.language:
        yield "data.cleaning.language: true  # drops pairs whose sides are swapped"
    if learned and train and train.byte_share > 0.005:
        yield (
            "tokenizer.character_coverage: 1.0  # characters without a piece: "
            f"{train.byte_characters}"
        )
