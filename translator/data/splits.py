"""Which pair serves for what? Held-out sets, named or drawn, and the pairs to learn from."""

import heapq
import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from operator import attrgetter, itemgetter
from typing import TypeVar

from translator.config import Config, CorpusConfig
from translator.data.cleaning import Cleaner, Similarity
from translator.data.counts import Counts
from translator.data.fingerprints import bare_text, shares_text, telling_sides
from translator.data.readers import SentencePair, read_corpus
from translator.data.seeds import stream_seed
from translator.errors import DataError
from translator.progress import activity, tracked

IMPORTED = (  # what a run without corpora is told, and the way out
    "the run was imported and has no corpora to validate and test on",
    "Name sentences and their translations with --source and --reference.",
)
_CANDIDATES = 4  # times the pairs to set aside are drawn at first, since some are refused
_SHARED = "shares a text with a held-out pair"

T = TypeVar("T")


class Splits:
    """The pairs of a configuration, in one direction, by their use.

    Held-out sets that the configuration does not name are drawn from the training corpora with
    its seed; pairs that share a text with them are not trained on.
    """

    def __init__(
        self, config: Config, similarity_of: Callable[[str], Similarity] | None = None
    ) -> None:
        """`similarity_of` is what a `Cleaner` needs to compare meanings, by a run."""
        self.config = config
        self._similarity_of = similarity_of
        data = config.data
        self._sizes: dict[str, int] = {}  # of the corpora that were read to their ends, in pairs
        ending = f".{data.direction}" if data.directions else ""
        self.valid = f"valid{ending}"
        self.named = {} if data.valid is None else {self.valid: data.valid}
        self.named |= {f"test/{name}{ending}": corpus for name, corpus in data.test.items()}
        self.missing = [] if data.valid is not None else [self.valid]
        self.missing += [] if data.test else [f"test/held-out{ending}"]
        if data.directions and not data.train:  # imported: there is nothing to draw them from
            self.missing = []
        self._others: list[Splits] = []  # of the other directions

    @classmethod
    def by_direction(
        cls, config: Config, similarity_of: Callable[[str], Similarity] | None = None
    ) -> "list[Splits]":
        """Those of each direction; what one of them holds out, none of them trains on.

        Both directions of a pair of languages hold the same pairs out.
        """
        found = [cls(each, similarity_of) for each in config.by_direction]
        for each in found:
            each._others = [other for other in found if other is not each]
        return found

    @property
    def names(self) -> list[str]:
        """Of all held-out sets."""
        return [*self.named, *self.missing]

    def belongs_to(self, split: str, name: str) -> bool:
        """Whether the set NAME is of a split: of test, valid, test/NAME, in this direction or any.

        So test/news.es-en is of test, of test/news and of test/news.es-en.
        """
        plain = name.removesuffix(self.valid.removeprefix("valid"))
        return split in (name, plain) or name.startswith(f"{split}/")

    @cached_property
    def held_out(self) -> dict[str, list[SentencePair]]:
        """The pairs of valid and of every test/NAME, named test/NAME.es-en if there are others."""
        return {name: self.read_named(name) for name in self.named} | self.drawn

    def read_named(self, name: str) -> list[SentencePair]:
        """The pairs of a held-out set that the configuration names."""
        return list(self._read(self.named[name], "reading"))

    @cached_property
    def drawn(self) -> dict[str, list[SentencePair]]:
        """The held-out sets that the configuration does not name, drawn from today's files."""
        data = self.config.data
        if not self.missing:
            return {}
        if not data.train:
            raise DataError(*IMPORTED)
        sets = len(self.missing)
        own = [corpus for corpus in data.train if corpus.held_out]
        drawn = set_aside(
            partial(self._read_tests, own),
            sets,
            data.held_out_pairs,
            self.config.seed,
            self._telling,
        )
        if not all(drawn):
            paths = ", ".join(corpus.path for corpus in own) or "data.train"
            raise DataError(
                f"{paths}: no train pair is left when some are set aside to validate and test on "
                f"({self._why_few(own)})",
                "Bring more pairs, or name data.valid and data.test.",
            )
        return dict(zip(self.missing, drawn, strict=True))

    def train(self, corpus: CorpusConfig, counts: Counts) -> Iterator[SentencePair]:
        """The pairs of a training corpus that are learned from; `counts` tells of the others."""
        return self._learnable(corpus, self._read(corpus, "cleaning and encoding"), counts)

    def _learnable(
        self, corpus: CorpusConfig, pairs: Iterator[SentencePair], counts: Counts
    ) -> Iterator[SentencePair]:
        """What every training pair passes, one stage after the other."""
        cleaned = Counts()
        pairs = self._without_held_out(pairs, counts)
        cleaner = Cleaner.of(self.config, corpus, self._similarity_of)
        yield from cleaner.clean(pairs, cleaned)
        counts.follow(cleaned)

    def _without_held_out(
        self, pairs: Iterator[SentencePair], counts: Counts
    ) -> Iterator[SentencePair]:
        texts = self._held_out_texts
        for pair in pairs:
            if texts and shares_text(self._telling(pair), texts):
                counts.read += 1
                counts.drop(_SHARED)
            else:
                yield pair

    def leave_out_held_out(self, counts: Counts) -> None:
        """Count the pairs that were drawn no longer as read and dropped, after all were read."""
        drawn = sum(map(len, self.drawn.values()))
        counts.read -= drawn
        if counts.dropped.get(_SHARED, 0) > drawn:
            counts.dropped[_SHARED] -= drawn
        else:
            counts.dropped.pop(_SHARED, None)

    def sample(self, size: int, counts: Counts | None = None) -> list[SentencePair]:
        """Some training pairs, `size` at most, in the order of the files.

        `counts` tells of those that were drawn and dropped.
        """
        seed = stream_seed(self.config.seed, "tokenizer sample")
        return self._sampled(size, seed, lambda _: 1.0, counts)

    def replay(self, size: int) -> list[SentencePair]:
        """Some training pairs, `size` at most: those of a corpus as often as its weight says."""
        seed = stream_seed(self.config.seed, "replay")
        return self._sampled(size, seed, attrgetter("weight"))

    def _sampled(
        self,
        size: int,
        seed: int,
        weight_of: Callable[[CorpusConfig], float],
        counts: Counts | None = None,
    ) -> list[SentencePair]:
        numbered = enumerate(
            (corpus, pair)
            for corpus in self.config.data.train
            for pair in self._read(corpus, "sampling")
        )
        drawn, _ = draw(numbered, size, seed, weight=lambda item: weight_of(item[1][0]))
        drawn.sort(key=itemgetter(0))
        sample: list[SentencePair] = []
        for corpus, group in itertools.groupby((item for _, item in drawn), itemgetter(0)):
            pairs = tracked((pair for _, pair in group), "cleaning the sample")
            sample += self._learnable(corpus, pairs, Counts() if counts is None else counts)
        return sample

    @cached_property
    def _held_out_texts(self) -> set[str]:
        """The bare texts of the drawn sets and of data.leave_out; others the user judges by."""
        sets = (pairs for each in (self, *self._others) for pairs in each.drawn.values())
        return self._left_out_texts | self._bare_texts(itertools.chain.from_iterable(sets))

    @cached_property
    def _left_out_texts(self) -> set[str]:
        pairs = (
            pair for each in self.config.data.leave_out for pair in self._read(each, "reading")
        )
        return self._bare_texts(pairs) - {""}

    def _bare_texts(self, pairs: Iterable[SentencePair]) -> set[str]:
        return {bare_text(side) for pair in pairs for side in self._telling(pair)}

    def _telling(self, pair: SentencePair) -> tuple[str, ...]:
        return telling_sides(pair, self.config.model)

    def _read_tests(self, corpora: Sequence[CorpusConfig]) -> Iterator[SentencePair]:
        """The pairs that may be set aside."""
        purpose = "setting pairs aside:"
        pairs = (pair for corpus in corpora for pair in self._read(corpus, purpose))
        left_out = self._left_out_texts
        return (p for p in pairs if not left_out or not shares_text(self._telling(p), left_out))

    def _why_few(self, corpora: Sequence[CorpusConfig]) -> str:
        """Why too few pairs may be set aside."""
        read = sum(1 for corpus in corpora for _ in self._read(corpus, "counting"))
        if not read:
            return "none was read"
        own = [self._telling(pair) for pair in self._read_tests(corpora)]
        dropped = {_SHARED: read - len(own), "duplicate": len(own) - len({*own})}
        dropped = {reason: number for reason, number in dropped.items() if number}
        return ", ".join(filter(None, [f"read: {read:,}", Counts(dropped=dropped).reasons]))

    def _read(self, corpus: CorpusConfig, purpose: str) -> Iterator[SentencePair]:
        """The pairs of a corpus; who looks sees what they are read for."""
        total = self._sizes.get(corpus.path)
        with activity(f"{purpose} {corpus.path}", total, "pairs") as reading:
            for pair in read_corpus(corpus, self.config):
                reading.done += 1
                yield pair
        self._sizes[corpus.path] = reading.done


def draw(
    items: Iterable[T],
    count: int,
    seed: int,
    refused: Callable[[T], bool] | None = None,
    weight: Callable[[T], float] = lambda _: 1.0,
) -> tuple[list[T], int]:
    """The first `count` of the items in a random order of all, less refused ones; how many all are.

    Items of more `weight` come earlier: each is the next one with a probability in proportion to
    it (Efraimidis and Spirakis, 2006). One pass, with memory for `count` items.
    """
    key = random.Random(seed).random
    total = 0

    def keyed() -> Iterator[tuple[float, int, T]]:
        nonlocal total
        for total, item in enumerate(items, start=1):
            place = key()
            if refused is None or not refused(item):
                yield -math.log1p(-place) / weight(item), total, item

    return [item for _, _, item in heapq.nsmallest(count, keyed())], total


def set_aside(
    read: Callable[[], Iterable[SentencePair]],
    sets: int,
    size: int,
    seed: int,
    sides: Callable[[SentencePair], tuple[str, ...]] = tuple,
) -> list[list[SentencePair]]:
    """Held-out sets of `size` pairs, at most a tenth of all, drawn from what `read` reads.

    In a random order, which the seed fixes, they are the first that have letters on both sides
    and share no text with an earlier one. Memory is for some times their number. The seed is used
    as it is, by this purpose alone: of a run that does not keep its sets they are drawn again.
    `sides` are those by which a pair is known again.
    """
    taken = {""}

    def refused(pair: SentencePair) -> bool:
        return shares_text(sides(pair), taken)

    held_out: list[list[SentencePair]] = [[] for _ in range(sets)]
    order, total = draw(read(), _CANDIDATES * sets * size, seed)
    size = min(size, total // 10 or 1)
    while order:
        for pair in order:
            smallest = next((pairs for pairs in held_out if len(pairs) < size), None)
            if smallest is None:
                return held_out
            if not refused(pair):
                taken |= set(map(bare_text, sides(pair)))
                smallest.append(pair)
        order, _ = draw(read(), _CANDIDATES * sets * size, seed, refused)
    return held_out
