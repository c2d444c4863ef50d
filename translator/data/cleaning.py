"""Which pairs are worth learning from? What can be mended is mended, the others are dropped.

Every rule first asks the arrays of a `Scan`, for thousands of pairs at once, which of them it may
concern; only these few are looked at one by one.
"""

import hashlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from translator.config import CleaningConfig, Config, CorpusConfig
from translator.data.characters import DIGIT, FOREIGN, LETTER, MARK, SPACE, Scan
from translator.data.counts import Counts
from translator.data.fingerprints import bare_text
from translator.data.mending import TAGS, is_broken, mend, strip_tags, tags
from translator.data.readers import SentencePair, Sides, sides_of
from translator.processes import spread
from translator.text.languages import LanguageIdentifier, primary

_CHUNK = 2048  # pairs that are looked at together; it changes speed only
_FULL = 0.7  # share of a hash table beyond which probing becomes slow
_LENGTH_SLACK = 20  # characters added to both sides before their ratio is taken
_FOREIGN_LETTERS = 3  # fewer are a formula: μ = 484
_CHARACTERS_PER_SIGN = {"zh": 3.0, "ja": 2.0, "ko": 2.0}  # a sign says as much as this many letters

_ADDRESS = re.compile(  # names and hosts of mail are no longer: else it would take the square
    r"(?:https?|ftp)://\S+|www\.\S+|(?<!\S)\S{1,100}@\S{1,255}\.\w+"
)
_WORD = re.compile(r"[^\W\d_]{2,}")  # a letter alone is a formula
_NUMBER = re.compile(r"\d{1,40}")
_THOUSANDS = re.compile(r"(?<=\d)[.,'’ ](?=\d{3}(?!\d))")

Hashes = npt.NDArray[np.uint64]

Similarity = Callable[[Sequence[str], Sequence[str]], npt.NDArray[np.float32]]
"""How alike in meaning sources and targets are, pair by pair: [P]."""


@dataclass(frozen=True)
class Verdicts:
    """What became of a chunk of pairs; indices count from its beginning."""

    pairs: list[SentencePair]  # mended
    dropped: dict[int, str]  # index → rule
    repaired: dict[int, set[str]]  # index → repairs

    def count(self, counts: Counts) -> None:
        """Add these pairs to `counts`; repairs count for kept pairs."""
        counts.read += len(self.pairs)
        counts.kept += len(self.pairs) - len(self.dropped)
        for rule in self.dropped.values():
            counts.drop(rule)
        for index, repairs in self.repaired.items():
            if index not in self.dropped:
                counts.repair(repairs)


class Cleaner:
    """Mends and drops pairs by the rules of a configuration.

    It keeps nothing from one call to the next and, unless it compares meanings, can be sent to
    another process.
    """

    def __init__(
        self,
        config: CleaningConfig,
        source_language: str,
        target_language: str,
        similarity: Similarity | None = None,
    ) -> None:
        """`similarity` is needed for `min_similarity`, and for nothing else."""
        if config.compares_meanings and similarity is None:
            raise ValueError("nothing that tells how alike meanings are was given")
        self.config = config
        self.languages = (source_language, target_language)
        self._phrases = {p.lower(): _ascii_part(p.lower()) for p in config.boilerplate}
        self._identifier = LanguageIdentifier() if config.enabled and config.language else None
        self._similarity = similarity

    @classmethod
    def of(
        cls,
        config: Config,
        corpus: CorpusConfig,
        similarity_of: Callable[[str], Similarity] | None = None,
    ) -> "Cleaner":
        """The cleaner of a training corpus, whose own settings win over those of the section.

        `similarity_of` gives the similarity by a run; it is asked only where it is needed.
        """
        cleaning = config.cleaning_of(corpus)
        run = cleaning.similarity_run if cleaning.compares_meanings else None
        similarity = similarity_of(run) if similarity_of and run else None
        languages = (config.data.source_language, config.data.target_language)
        return cls(cleaning, *languages, similarity)

    def clean(self, pairs: Iterable[SentencePair], counts: Counts) -> Iterator[SentencePair]:
        """Yield the pairs that are worth keeping, mended, in their order.

        `counts` tells of the others: of the rules that a pair breaks, the first. Of several
        copies the first stays; nothing else depends on the order of the pairs.
        """
        for verdicts in self.judge(pairs):
            verdicts.count(counts)
            for index, pair in enumerate(verdicts.pairs):
                if index not in verdicts.dropped:
                    yield pair

    def judge(self, pairs: Iterable[SentencePair]) -> Iterator[Verdicts]:
        """Yield the verdicts on all pairs, some thousands at a time."""
        seen = _Seen()
        waiting = iter(pairs)
        chunks, sent = itertools.tee(iter(lambda: list(itertools.islice(waiting, _CHUNK)), []))
        texts = map(sides_of, sent)
        found = map(self._judge, texts) if self._similarity else spread(self._judge, texts)
        for chunk, judgement in zip(chunks, found, strict=True):
            verdicts = judgement.on(chunk)
            if self.config.enabled:
                self._drop_repeated(verdicts.dropped, judgement.hashes, seen)
            yield verdicts

    def judge_chunk(self, chunk: Sequence[SentencePair]) -> Verdicts:
        """Judge pairs by all rules but those of repetition."""
        return self._judge(sides_of(chunk)).on(chunk)

    def _judge(self, sides: Sides) -> "_Judgement":
        """A pure function, for any process: only texts are sent, and only mended ones back."""
        texts = list(map(list, sides))
        if not self.config.enabled or not texts[0]:
            return _Judgement({}, {}, {}, np.zeros((2, 0), np.uint64))
        repaired: dict[int, set[str]] = {}
        source, target = map(self._mended, texts, self.languages, [repaired, repaired])
        dropped: dict[int, str] = {}
        for rule, indices in self._broken_rules(source, target):
            for index in indices:
                dropped.setdefault(index, rule)
        if self._similarity and self.config.min_similarity is not None:
            left = [index for index in range(len(source.texts)) if index not in dropped]
            kept = ([scan.texts[index] for index in left] for scan in (source, target))
            unlike = self._similarity(*kept) < self.config.min_similarity
            dropped.update((left[i], "meanings differ") for i in _where(unlike))
        mended = {i: SentencePair(source.texts[i], target.texts[i]) for i in repaired}
        hashes = np.stack([_hashes(source.texts), _hashes(target.texts)])
        return _Judgement(mended, dropped, repaired, hashes)

    def _mended(self, texts: list[str], language: str, repaired: dict[int, set[str]]) -> Scan:
        scan = Scan(texts, language)
        changed = False
        for index in scan.odd:
            texts[index], repairs = mend(texts[index])
            if repairs:
                repaired.setdefault(index, set()).update(repairs)
                changed = True
        if changed:
            scan = Scan(texts, language)
        if self.config.markup == "strip":
            for index in scan.having(MARK):
                if (bare := strip_tags(texts[index])) != texts[index]:
                    texts[index] = bare
                    repaired.setdefault(index, set()).add(TAGS)
            scan = Scan(texts, language)
        return scan

    def _broken_rules(self, source: Scan, target: Scan) -> Iterator[tuple[str, Iterable[int]]]:
        """Each rule with the indices of the pairs that break it, the surest rules first."""
        config = self.config
        for side, scan in (("source", source), ("target", target)):
            yield f"empty {side}", _where(scan.lengths == 0)
        for scan in (source, target):
            yield "broken encoding", (i for i in scan.odd if is_broken(scan.texts[i]))
        lengths = np.stack([source.lengths, target.lengths])
        yield "too short", _where(lengths.min(0) < config.min_characters)
        yield "too long", _where(lengths.max(0) > config.max_characters)
        if config.markup == "alike":
            yield "markup", self._unlike_tags(source, target)
        yield "boilerplate", self._boilerplate(source, target)
        signs = [_CHARACTERS_PER_SIGN.get(primary(language), 1.0) for language in self.languages]
        for scan, weight in zip((source, target), signs, strict=True):
            letters = scan.count(LETTER)
            visible = scan.lengths - scan.count(SPACE)
            yield "few letters", _where(letters < config.min_letter_share * visible)
            foreign = scan.count(FOREIGN)
            own = weight * (letters - foreign)
            other = own < config.min_script_share * (own + foreign)
            yield "wrong script", _where(other & (foreign >= _FOREIGN_LETTERS))
        if config.max_length_ratio is not None:
            spans = lengths * np.array(signs)[:, None] + _LENGTH_SLACK
            yield "length ratio", _where(spans.max(0) > config.max_length_ratio * spans.min(0))
        if config.min_copied_words is not None:
            yield "copy", self._copies(source, target, config.min_copied_words)
        if config.min_number_digits is not None:
            yield "numbers differ", self._lost_numbers(source, target, config.min_number_digits)
        if self._identifier:
            yield "wrong language", self._other_languages(source, target, self._identifier)

    def _unlike_tags(self, source: Scan, target: Scan) -> Iterator[int]:
        for index in sorted({*source.having(MARK), *target.having(MARK)}):
            if tags(source.texts[index]) != tags(target.texts[index]):
                yield index

    def _boilerplate(self, source: Scan, target: Scan) -> Iterator[int]:
        for scan in (source, target):
            everything = "\n".join(scan.texts).encode("utf-8", "surrogatepass").lower()
            phrases = [phrase for phrase, part in self._phrases.items() if part in everything]
            if phrases:
                for index, text in enumerate(map(str.lower, scan.texts)):
                    if any(phrase in text for phrase in phrases):
                        yield index
            bare = [i for i, text in enumerate(scan.texts) if "www." in text]
            for index in (*scan.having(MARK), *bare):
                text = scan.texts[index]
                if _ADDRESS.search(text) and not bare_text(_ADDRESS.sub("", text)):
                    yield index

    def _copies(self, source: Scan, target: Scan, min_words: int) -> Iterator[int]:
        letters = source.count(LETTER | DIGIT)
        same_size = (letters == target.count(LETTER | DIGIT)) & (letters >= min_words)
        for index in _where(same_size):
            text, translation = source.texts[index], target.texts[index]
            if len(_WORD.findall(text)) >= min_words and bare_text(text) == bare_text(translation):
                yield index

    def _lost_numbers(self, source: Scan, target: Scan, min_digits: int) -> Iterator[int]:
        digits = np.maximum(source.count(DIGIT), target.count(DIGIT))
        for index in _where(digits >= min_digits):
            if {*_NUMBER.findall(source.texts[index])} & {*_NUMBER.findall(target.texts[index])}:
                continue
            sides = [_numbers(source.texts[index]), _numbers(target.texts[index])]
            longest = max(len(number) for numbers in sides for number in numbers)
            if longest >= min_digits and not sides[0] & sides[1]:
                yield index

    def _other_languages(
        self, source: Scan, target: Scan, identifier: LanguageIdentifier
    ) -> Iterator[int]:
        for scan, language in zip((source, target), self.languages, strict=True):
            for index, text in enumerate(scan.texts):
                if identifier.is_other(text, language):
                    yield index

    def _drop_repeated(self, dropped: dict[int, str], hashes: Hashes, seen: "_Seen") -> None:
        """Drop copies and texts that are repeated too often, by the hashes [2, P] of all texts."""
        indices = np.array([i for i in range(hashes.shape[1]) if i not in dropped], np.int64)
        source, target = hashes[:, indices]
        if self.config.duplicates:
            again = seen.count(source * np.uint64(3) + target) > 0
            dropped.update(dict.fromkeys(indices[again].tolist(), "duplicate"))
            source, target, indices = source[~again], target[~again], indices[~again]
        if self.config.max_repeats is not None:
            for keys, rule in ((source, "repeated source"), (~target, "repeated target")):
                often = indices[seen.count(keys) >= self.config.max_repeats].tolist()
                for index in often:
                    dropped.setdefault(index, rule)


@dataclass(frozen=True)
class _Judgement:
    """What was found out about a chunk of pairs; indices count from its beginning."""

    mended: dict[int, SentencePair]
    dropped: dict[int, str]
    repaired: dict[int, set[str]]
    hashes: Hashes  # [2, P], of the mended texts

    def on(self, chunk: Sequence[SentencePair]) -> Verdicts:
        """The verdicts on the chunk that was judged."""
        pairs = list(chunk)
        for index, pair in self.mended.items():
            pairs[index] = pair
        return Verdicts(pairs, self.dropped, self.repaired)


class _Seen:
    """How often 64-bit hashes have been seen: an open-addressed table of 9 bytes a slot.

    It grows up to 300 MB, about eight million pairs with their sides. Past that it recognises
    what it holds but learns nothing new: duplicates of later pairs stay.
    """

    largest = 1 << 25  # slots

    def __init__(self) -> None:
        self._keys = np.zeros(1 << 16, np.uint64)  # 0: free
        self._counts = np.zeros(1 << 16, np.uint8)  # up to 255
        self._used = 0

    def count(self, keys: Hashes) -> npt.NDArray[np.int64]:
        """How often each key was seen before, here or earlier among `keys`: up to 255."""
        unique, inverse, times = np.unique(
            np.maximum(keys, np.uint64(1)), return_inverse=True, return_counts=True
        )
        self._make_room(len(unique))
        slots = self._slots_of(unique)
        known = slots >= 0
        before = np.where(known, self._counts[slots], 0).astype(np.int64)
        self._counts[slots[known]] = np.minimum(255, (before + times)[known])
        order = np.argsort(inverse, kind="stable")
        earlier = np.empty(len(keys), np.int64)  # copies among the keys themselves
        earlier[order] = np.arange(len(keys)) - np.repeat(np.cumsum(times) - times, times)
        times_before: npt.NDArray[np.int64] = before[inverse] + earlier
        return times_before

    def _make_room(self, more: int) -> None:
        while self._used + more > _FULL * len(self._keys) and len(self._keys) < self.largest:
            held = np.flatnonzero(self._keys)
            keys, counts = self._keys[held], self._counts[held]
            self._keys = np.zeros(2 * len(self._keys), np.uint64)
            self._counts = np.zeros(len(self._keys), np.uint8)
            self._used = 0
            self._counts[self._slots_of(keys)] = counts

    def _slots_of(self, keys: Hashes) -> npt.NDArray[np.int64]:
        """Where each of different keys is, or now goes; -1 where there is no room."""
        mask = len(self._keys) - 1
        has_room = self._used + len(keys) <= _FULL * len(self._keys)
        slots: npt.NDArray[np.int64] = (keys & np.uint64(mask)).astype(np.int64)
        pending = np.arange(len(keys))
        while len(pending):  # linear probing, all keys a slot further at once
            if has_room:
                self._claim(slots[pending], keys[pending])
            held = self._keys[slots[pending]]
            slots[pending[held == 0]] = -1
            pending = pending[(held != 0) & (held != keys[pending])]
            slots[pending] = (slots[pending] + 1) & mask
        return slots

    def _claim(self, slots: npt.NDArray[np.int64], keys: Hashes) -> None:
        """Put keys into their slots where these are free; of two for one slot, the last."""
        free = self._keys[slots] == 0
        slots, keys = slots[free], keys[free]
        self._keys[slots] = keys
        self._used += int(np.count_nonzero(self._keys[slots] == keys))


def _hashes(texts: Iterable[str]) -> Hashes:
    digests = (
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for text in texts
    )
    return np.frombuffer(b"".join(digests), np.uint64)


def _ascii_part(text: str) -> bytes:
    """The longest run of ASCII: to look for it is quick, since bytes change their case quickly."""
    parts: list[str] = re.findall(r"[\x00-\x7f]*", text)
    return max(parts, key=len).encode()


def _numbers(text: str) -> set[str]:
    """The numbers of a text, with and without separators of thousands, less trailing zeros."""
    runs = [*_NUMBER.findall(text), *_NUMBER.findall(_THOUSANDS.sub("", text))]
    return {str(int(run)).rstrip("0") or "0" for run in runs}


def _where(condition: npt.NDArray[np.bool_]) -> list[int]:
    indices: list[int] = np.flatnonzero(condition).tolist()
    return indices
