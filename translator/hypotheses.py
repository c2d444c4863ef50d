"""From what a search found to a translation: the same for a run and for its export, without torch.

A translator brings a `PartSearch`, ids → hypotheses. What it finds is checked and searched for once
more where it went wrong; then the parts of a text are joined.
"""

import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any, Literal, NamedTuple, TypeVar

from translator.config import Config, DecodingConfig
from translator.errors import RunError
from translator.progress import activity
from translator.text.parts import TextPart, TextProcessor
from translator.text.placeholders import placeholders

_Result = TypeVar("_Result")
LengthNormalization = Literal["gnmt", "length"]

LOOP_REPEATS = 4  # the same ids this many times, one after another, are a loop
_NAMES_TRIED = 60  # to find those that a model copies


@dataclass(frozen=True)
class Hypothesis:
    """A finished sentence: its ids without the end token, and how probable it is."""

    tokens: tuple[int, ...]
    log_prob: float  # natural logarithm, summed over the tokens and the end
    score: float  # log_prob ÷ length penalty; what ranks hypotheses


_NOTHING = Hypothesis((), -math.inf, -math.inf)  # of a broken model, or before the search
_KEPT = Hypothesis((), 0.0, 0.0)  # of a part that is not translated


def length_penalty(length: Any, exponent: float, kind: LengthNormalization = "gnmt") -> Any:
    """What a log-probability is divided by; a number or a tensor of lengths, the end counted.

    gnmt: ((5 + length) / 6) ** exponent, equation 14 of Wu et al. (2016); length: plain
    length ** exponent.
    """
    return ((5.0 + length) / 6.0) ** exponent if kind == "gnmt" else (1.0 * length) ** exponent


@dataclass(frozen=True)
class Token:
    """A piece of the translation and its log-probability given all before it."""

    piece: str
    log_prob: float


@dataclass(frozen=True)
class Alternative:
    """Another translation of the same text."""

    text: str
    score: float


@dataclass(frozen=True)
class Translation:
    """A translated text, how sure the model was of it, and what else was asked for."""

    source: str
    text: str
    score: float  # log-probability ÷ length penalty, mean of what was translated; 0 for nothing
    alternatives: tuple[Alternative, ...] = ()  # decoding.n_best of them, the text itself first
    tokens: tuple[Token, ...] = ()  # with details
    alignment: tuple[tuple[int, int], ...] = ()  # with details: words (source, target), from 0
    warnings: tuple[str, ...] = ()
    error: str = ""  # why a picture or a recording could not be read; there is no text then

    @property
    def pharaoh(self) -> str:
        """The word alignment as `0-0 1-2 …`."""
        return " ".join(f"{source}-{target}" for source, target in self.alignment)

    @property
    def losses(self) -> tuple[str, ...]:
        """The warnings of what the text lacks or has at a guessed place, not of other searches."""
        return tuple(each for each in self.warnings if each not in (LOOPED.warning, _EMPTY.warning))

    def _repr_html_(self) -> str:
        """What a notebook shows: the source, the translation, and other ones with their scores."""
        others = [f"<br><small>{escape(o.text)} ({o.score:.2f})</small>" for o in self.alternatives]
        text = escape(self.text or self.error)
        return f"<p>{escape(self.source)}<br><b>{text}</b>{''.join(others[1:])}</p>"


# --- a search, and a second one where it went wrong -----------------------------------------------


class Round(NamedTuple):
    """Parts that are searched for alike: which of them, and how."""

    indices: Sequence[int]
    decoding: DecodingConfig


PartSearch = Callable[
    [Sequence[TextPart], deque[Round]], Iterator[tuple[Sequence[int], list[list[Hypothesis]]]]
]
"""Ids → hypotheses, all that a translator brings: yields indices of parts and what is found.

It may yield none, after any step, so that whoever runs it can do something else. It searches until
no rounds are left; whoever gets its results may add some."""


class Fault(NamedTuple):
    """What can go wrong with a search, and the settings of the second one."""

    warning: str
    remedy: dict[str, float]


LOOPED = Fault(
    "the translation repeated itself; it was searched again",
    {"no_repeat_ngram_size": 3},
)
_EMPTY = Fault(
    "the translation was empty; it was searched again",
    {"min_length_ratio": 0.5},  # of target to source ids
)


@dataclass
class Found:
    """The hypotheses of a part, best first, and what was odd about their search."""

    part: TextPart
    hypotheses: list[Hypothesis] = field(default_factory=lambda: [_NOTHING])
    warnings: list[str] = field(default_factory=list)
    before: "Found | None" = None  # what was found before it was searched with constraints

    @property
    def best(self) -> tuple[TextPart, tuple[int, ...]]:
        """The part and the ids of its best hypothesis."""
        return self.part, self.hypotheses[0].tokens

    def keep(
        self, hypotheses: list[Hypothesis], processor: TextProcessor
    ) -> dict[str, float] | None:
        """Keep what a search found; where it went wrong, what the next is to do otherwise."""
        nothing = self.hypotheses == [_NOTHING]
        if hypotheses and (math.isfinite(hypotheses[0].log_prob) or nothing):
            self.hypotheses = hypotheses
        text = processor.text(*self.best)
        looped, empty = loops(self.part.ids, self.hypotheses[0].tokens), not text.strip()
        for went_wrong, fault in ((looped, LOOPED), (empty, _EMPTY)):
            if went_wrong and fault.warning not in self.warnings:
                self.warnings.append(fault.warning)
                return fault.remedy
        return None

    def lost(self, processor: TextProcessor) -> list[str]:
        """Placeholders and numbers that the best hypothesis lacks, or has too often."""
        return processor.lost(*self.best)

    def constrain(self, copied: Callable[[], Sequence[str]], processor: TextProcessor) -> TextPart:
        """The part with what is lost as terms, for another search."""
        self.before = replace(self)
        words = copied() if placeholders(self.part.source) else ()
        self.part = processor.constrained(self.part, words)
        self.hypotheses = [_NOTHING]
        return self.part

    def settle(self, processor: TextProcessor) -> None:
        """After the last search: choose between both, and say what the translation lacks."""
        if not self.part.required and not self.before:
            return
        lost = self.lost(processor)
        if self.before and (lost or self.hypotheses == [_NOTHING]):
            earlier = self.before.lost(processor)
            if self.hypotheses == [_NOTHING] or len(earlier) < len(lost):
                self.part = replace(self.before.part, stand_ins=())  # what is lost gets a place
                self.hypotheses = self.before.hypotheses
                lost = self.lost(processor)
        text = processor.text(*self.best)
        missing = processor.missing_terms(self.part, text)
        self.warnings += [f"the required term {term!r} is missing" for term in missing]
        misplaced = processor.misplaced(*self.best)
        self.warnings += [f"the place of {each!r} was guessed" for each in misplaced]
        self.warnings += [f"{each!r} of the source is missing" for each in lost]


def search_parts(
    search: PartSearch,
    parts: Sequence[TextPart],
    decoding: DecodingConfig,
    processor: TextProcessor,
    copied: Callable[[], Sequence[str]] = tuple,
) -> list[Found]:
    """Search for parts, and once more for those whose search went wrong, beside the others.

    Where placeholders or numbers are lost, the next search has them as constraints. `copied` gives
    words that the model leaves as they are; they stand for placeholders then.
    """
    return result_of(steps_of_parts(search, parts, decoding, processor, copied))


def steps_of_parts(
    search: PartSearch,
    parts: Sequence[TextPart],
    decoding: DecodingConfig,
    processor: TextProcessor,
    copied: Callable[[], Sequence[str]] = tuple,
) -> Generator[None, None, list[Found]]:
    """The same, step by step."""
    parts = list(parts)
    found = [Found(part, [_KEPT]) if part.is_kept else Found(part) for part in parts]
    searched = [i for i, part in enumerate(parts) if not part.is_kept]
    rounds = deque([Round(searched, decoding)])
    with activity("translating", len(searched), "sentences") as progress:
        for indices, results in search(parts, rounds):
            again: dict[DecodingConfig, list[int]] = {}
            for index, hypotheses in zip(indices, results, strict=True):
                each = found[index]
                remedy = each.keep(hypotheses, processor)
                again_with_lost = decoding.recover_lost and not each.before
                if remedy is None and again_with_lost and each.lost(processor):
                    parts[index], remedy = each.constrain(copied, processor), {}
                if remedy is None or not parts[index].is_wanted:
                    each.settle(processor)
                    progress.done += 1
                else:
                    again.setdefault(decoding.model_copy(update=remedy), []).append(index)
            rounds.extend(Round(each, other) for other, each in again.items())
            yield
    return found


def result_of(steps: Generator[Any, None, _Result]) -> _Result:
    """What a generator returns when all its steps have been taken."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def copied_words(
    search: PartSearch, decoding: DecodingConfig, processor: TextProcessor
) -> list[str]:
    """Names that a model leaves as they are, the surest first: words to stand for placeholders."""
    names = processor.names[:_NAMES_TRIED]
    parts = processor.parts([f"{name}." for name in names], split=False, keep=False)
    greedy = DecodingConfig(beam_size=1, tokens_per_batch=decoding.tokens_per_batch)
    copied: list[tuple[float, str]] = []
    for indices, results in search(parts, deque([Round(range(len(parts)), greedy)])):
        for index, found in zip(indices, results, strict=True):
            name = names[parts[index].text]
            best = found[0] if found else _NOTHING  # of a broken model
            if processor.text(parts[index], best.tokens).strip("¡!.") == name:
                copied.append((-best.score, name))
    return [name for _, name in sorted(copied)]


# --- from hypotheses to translations --------------------------------------------------------------


def translations(
    texts: Sequence[str], found: Iterable[Found], n_best: int, processor: TextProcessor
) -> list[Translation]:
    """The translations of texts, from what was found for their parts."""
    return [
        translation_of(text, each, n_best, processor)
        for text, each in zip(texts, by_text(found, len(texts)), strict=True)
    ]


def by_text(found: Iterable[Found], texts: int) -> list[list[Found]]:
    """For each text what was found for its parts."""
    grouped: list[list[Found]] = [[] for _ in range(texts)]
    for each in found:
        grouped[each.part.text].append(each)
    return grouped


def translation_of(
    source: str, found: Sequence[Found], n_best: int, processor: TextProcessor
) -> Translation:
    """Join the parts of a text: the r-th alternative of it is the r-th of each part.

    Alternatives that differ in their ids only are one.
    """
    if not found:
        return Translation(source, source, 0.0)
    searched = [not each.part.is_kept for each in found]
    most = max(len(each.hypotheses) for each in found)
    scores: dict[str, float] = {}
    for rank in range(most):
        chosen = [each.hypotheses[min(rank, len(each.hypotheses) - 1)] for each in found]
        pairs = zip(found, chosen, strict=True)
        joined = processor.join((each.part, hypothesis.tokens) for each, hypothesis in pairs)
        scores.setdefault(joined, sum(h.score for h in chosen) / max(1, sum(searched)))
        if len(scores) == n_best:
            break
    alternatives = tuple(Alternative(*each) for each in scores.items())
    warnings = dict.fromkeys(warning for each in found for warning in each.warnings)
    best = alternatives[0]
    return Translation(source, best.text, best.score, alternatives, warnings=tuple(warnings))


# --- limits and faults ----------------------------------------------------------------------------


def max_target_tokens(
    config: Config, decoding: DecodingConfig, source_tokens: int, required: int = 0
) -> int:
    """How many ids the translation of `source_tokens` may have; what is required comes on top.

    None of these counts the end.
    """
    free = int(decoding.max_length_ratio * (source_tokens + 1)) + decoding.max_length_extra
    room = config.model.max_positions - 1
    if config.model.architecture == "decoder_only":  # source and target are one sequence
        room -= source_tokens + 1 + bool(config.data.directions)
    return min(free + required, room) - 1


def check_translates(config: Config) -> None:
    """Raise RunError unless a run has learned to translate."""
    objective = config.training.objective
    if objective != "translate":
        raise RunError(
            f"the run {config.name} does not translate: its training.objective is {objective}",
            "Train one that does; it may start from this one (training.start_from).",
        )
    if config.model.target != "text":
        raise RunError(
            f"the run {config.name} writes no text: it draws",
            "Give `translator translate` a text and --output PICTURE.png.",
        )


def loops(source: Sequence[int], target: Sequence[int]) -> bool:
    """Whether the ids of a translation repeat themselves where those of its source do not."""
    return repeats(target) and not repeats(source)


def repeats(ids: Sequence[int]) -> bool:
    """Whether ids are a loop: the same ones many times, one after another."""
    for size in range(1, len(ids) // LOOP_REPEATS + 1):
        same = 0  # ids in a row that equal the one `size` before them
        for i in range(size, len(ids)):
            same = same + 1 if ids[i] == ids[i - size] else 0
            if same >= size * (LOOP_REPEATS - 1) and same >= 2 * LOOP_REPEATS:
                return True
    return False
