"""Text in, text out: the public Python interface of a trained run."""

import copy
import math
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from translator.alignment import align_words, force_decode
from translator.config import Config, DecodingConfig
from translator.data import Codebook
from translator.decoding import (
    Hypothesis,
    Rule,
    Strategy,
    beam_search,
    begin_with,
    constrained_beam_search,
    end_loops,
    no_end_before,
    no_repeated_ngram,
    sampling,
    steps_of_search,
    while_wanted,
)
from translator.embedding import Embedder, Vectors
from translator.errors import RunError, check_texts
from translator.hardware import keep_memory
from translator.inference import (
    Engine,
    SearchJob,
    batches_of_like_length,
    run_searches,
    stream_search,
)
from translator.inputs import processor_of, source_of
from translator.media import Frames, Pixels
from translator.model import Transformer
from translator.runs import RunDirectory
from translator.text.directions import directions_among
from translator.text.glossary import Glossary
from translator.text.parts import TextPart, TextProcessor
from translator.text.placeholders import placeholders
from translator.tokenizer import BOS_ID, EOS_ID, Tokenizer

Precision = Literal["float32", "bfloat16"]

_ROWS_AT_ONCE = {"cpu": 256}  # hypotheses in a step of the model: what its caches hold …
_ROWS_AT_ONCE_ELSEWHERE = 4096  # … or what keeps many cores busy
_SLOTS_FOR_TERMS = 10  # Post and Vilar (2018): required terms need a beam of ten or more
_NAMES_TRIED = 60  # to find those that a model copies
_LOOP_REPEATS = 4  # the same ids this many times, one after another, are a loop
_NOTHING = Hypothesis((), -math.inf, -math.inf)  # of a broken model, or before the search
_KEPT = Hypothesis((), 0.0, 0.0)  # of a part that is not translated


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


# --- a search, and a second one where it went wrong -----------------------------------------------


class Round(NamedTuple):
    """Parts that are searched for alike: which of them, and how."""

    indices: Sequence[int]
    decoding: DecodingConfig


PartSearch = Callable[
    [Sequence[TextPart], deque[Round]], Iterator[tuple[Sequence[int], list[list[Hypothesis]]]]
]
"""Ids → hypotheses, all that a translator brings: yields indices of parts and what is found.

It searches until no rounds are left; whoever gets its results may add some."""


class _Fault(NamedTuple):
    """What can go wrong with a search, and the settings of the second one."""

    warning: str
    remedy: dict[str, float]


_LOOPED = _Fault(
    "the translation repeated itself; it was searched again",
    {"no_repeat_ngram_size": 3},
)
_EMPTY = _Fault(
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
        for went_wrong, fault in ((looped, _LOOPED), (empty, _EMPTY)):
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
    parts = list(parts)
    found = [Found(part, [_KEPT]) if part.is_kept else Found(part) for part in parts]
    rounds = deque([Round([i for i, part in enumerate(parts) if not part.is_kept], decoding)])
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
            else:
                again.setdefault(decoding.model_copy(update=remedy), []).append(index)
        rounds.extend(Round(each, other) for other, each in again.items())
    return found


def copied_words(
    search: PartSearch, decoding: DecodingConfig, processor: TextProcessor
) -> list[str]:
    """Names that a model leaves as they are, the surest first: words to stand for placeholders."""
    names = processor.names[:_NAMES_TRIED]
    parts = processor.parts([f"{name}." for name in names], split=False, keep=False)
    greedy = DecodingConfig(beam_size=1, tokens_per_batch=decoding.tokens_per_batch)
    copied: list[tuple[float, str]] = []
    for indices, results in search(parts, deque([Round(range(len(parts)), greedy)])):
        for index, (best, *_) in zip(indices, results, strict=True):
            name = names[parts[index].text]
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


# --- the translator -------------------------------------------------------------------------------


class Translator:
    """A trained model that translates texts. Several threads may use one at the same time.

    >>> Translator.from_run("runs/everyday").translate(["Pizza is great."])[0].text
    '¡La pizza es genial!'
    """

    def __init__(
        self,
        config: Config,
        tokenizer: Tokenizer,
        model: Transformer,
        precision: Precision | None = None,
        codebook: Codebook | None = None,
    ) -> None:
        """Take a model as it is now; what it learns later is not seen.

        `precision` replaces that of `config.decoding`. A model that draws has a `codebook`.
        """
        self.config = config
        self.tokenizer = tokenizer
        self.model = model.eval()
        precision = precision or config.decoding.precision
        self._engine = Engine(model, getattr(torch, precision))
        self._rows_at_once = _ROWS_AT_ONCE.get(self._engine.device.type, _ROWS_AT_ONCE_ELSEWHERE)
        self._processor = processor_of(config, tokenizer)
        self._codebook = codebook
        self._drawn = codebook.config.patches if codebook else None  # tokens of a picture
        self._continues_word = torch.tensor(
            self._processor.continues_word, device=self._engine.device
        )
        self._by_direction = {config.data.direction: self}

    @classmethod
    def from_run(
        cls, path: str | Path, device: str = "auto", precision: Precision | None = None
    ) -> "Translator":
        """Load the best model of a run directory; RunError when it is missing or damaged.

        The process keeps the memory that it frees from then on: see `hardware.keep_memory`.
        """
        run = RunDirectory(Path(path))
        trained = run.read_trained(device)
        keep_memory()
        model = trained.config.model
        codebook = run.read_codebook(model.image) if model.target == "image" else None
        return cls(*trained, precision, codebook)

    def toward(self, to: str) -> "Translator":
        """The same model in another of its directions: `es`, or `fr-es` if there are several.

        RunError for one that it has not learned. The model is shared.
        """
        pair = directions_among(to, self.config)[0]
        if pair not in self._by_direction:
            other = copy.copy(self)
            other.config = self.config.toward(pair)
            other._processor = processor_of(other.config, self.tokenizer)
            other.__dict__.pop("_copied", None)
            self._by_direction[pair] = other
        return self._by_direction[pair]

    @property
    def directions(self) -> "list[Translator]":
        """One for each direction of the model, in the order of data.directions."""
        return [self.toward(str(pair)) for pair in self.config.data.all_directions]

    def translate(
        self,
        texts: Sequence[str],
        decoding: DecodingConfig | None = None,
        *,
        to: str | None = None,
        prefix: str = "",
        glossary: Glossary | None = None,
        details: bool = False,
        wanted: Callable[[int], bool] | None = None,
    ) -> list[Translation]:
        """Translate texts, one for one and in order; one without a letter stays as it is.

        `decoding` replaces the settings of the run. A model of several directions translates in
        the default one unless `to` names another, as `toward` does. Every translation begins with
        `prefix` and holds the terms that `glossary` requires. With `details` come the tokens and
        the word alignment of each translation, at the price of a second pass.

        A text is translated sentence by sentence. One IN CAPITALS is read in other letters, and its
        translation is put in capitals, though its `tokens` are not: see `capitals`. A ¿ or ¡ that
        the model does not close is closed, in a language that has them. One longer than
        the model can see is cut at the end of a clause, else at words, and its translated parts are
        joined with spaces.

        `wanted` is asked at every step of the search whether anybody still waits for text i. Once
        it says no, the text leaves the search, and what is returned for it is unfinished.
        """
        check_texts("translate", texts)
        check_translates(self.config)
        if to is not None:
            return self.toward(to).translate(
                texts, decoding, prefix=prefix, glossary=glossary, details=details, wanted=wanted
            )
        decoding = decoding or self.config.decoding
        parts = self._processor.parts(
            texts, split=decoding.split_sentences, prefix=prefix, glossary=glossary
        )
        problems = {part.text: part.problem for part in parts if part.problem}
        parts = [part for part in parts if not part.problem]
        if wanted:
            parts = [replace(part, wanted=partial(wanted, part.text)) for part in parts]
        found = self._search(self._hypotheses, parts, decoding)
        results = translations(texts, found, decoding.n_best, self._processor)
        for index, problem in problems.items():
            results[index] = Translation(texts[index], "", 0.0, error=problem)
        if not details:
            return results
        pairs = zip(results, by_text(found, len(texts)), strict=True)
        return [self._with_details(*each) for each in pairs]

    def stream(
        self,
        text: str,
        decoding: DecodingConfig | None = None,
        *,
        on_sentence: Callable[[Translation], None] | None = None,
    ) -> Generator[str, None, Translation]:
        """Translate a text and yield what is written so far, after each step of the search.

        Returns what `translate` gives for the text. Its sentences are translated one after the
        other, and `on_sentence` is given the translation of each; the last words of what is
        written may change while the search goes on.
        """
        check_translates(self.config)
        decoding = decoding or self.config.decoding
        found: list[Found] = []
        begun = 0  # how many of what was found belong to earlier sentences
        for part in self._processor.parts([text], split=decoding.split_sentences):
            watched = yield from self._watched(part, decoding, [each.best for each in found])
            search = partial(self._after_watching, watched)
            found += self._search(search, [part], decoding)
            if on_sentence and not part.goes_on:
                on_sentence(
                    translation_of(part.sentence, found[begun:], decoding.n_best, self._processor)
                )
                begun = len(found)
        return translation_of(text, found, decoding.n_best, self._processor)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """The meanings of texts as vectors, one for one: float32 [N, D], each of length 1.

        D is the model's width. They are the mean of the encoder's states: see `Embedder`, which
        also takes a stream. The vector of a blank text is zero. RunError for a model without an
        encoder.
        """
        return Embedder(self.config, self._engine, self._processor).embed(texts)

    def search(
        self, sources: Sequence[Sequence[int] | Frames], decoding: DecodingConfig | None = None
    ) -> list[list[Hypothesis]]:
        """The hypotheses for each source, as one sequence, best first.

        A source is ids without special ids, or the frames [S, F] of a picture or a recording.
        """
        parts = [
            TextPart(i, (), frames=each)
            if isinstance(each, np.ndarray)
            else TextPart(i, tuple(each), self._processor.tag)
            for i, each in enumerate(sources)
        ]
        decoding = decoding or self.config.decoding
        found = search_parts(self._hypotheses, parts, decoding, self._processor)
        return [each.hypotheses for each in found]

    def draw(self, texts: Sequence[str], decoding: DecodingConfig | None = None) -> list[Pixels]:
        """Draw a picture for each text, [size, size, 3], patch by patch, as `decoding` searches.

        RunError for a model that writes text. A blank text gives a white picture.
        """
        check_texts("draw", texts)
        if self._codebook is None:
            raise RunError(
                f"the run {self.config.name} draws nothing: its model.target is text",
                "Name a run of target image.",
            )
        decoding = decoding or self.config.decoding
        parts = self._processor.parts(texts, split=False)
        rounds = deque([Round(range(len(parts)), decoding)])
        pictures = [self._codebook.decode(()) for _ in texts]
        for indices, results in self._hypotheses(parts, rounds):
            for index, [best, *_] in zip(indices, results, strict=True):
                pictures[parts[index].text] = self._codebook.decode(best.tokens)
        return pictures

    # --- parts to hypotheses ----------------------------------------------------------------------

    def _search(
        self, search: PartSearch, parts: Sequence[TextPart], decoding: DecodingConfig
    ) -> list[Found]:
        return search_parts(search, parts, decoding, self._processor, lambda: self._copied)

    @cached_property
    def _copied(self) -> list[str]:
        """Names that the model leaves as they are; found when a placeholder first needs one."""
        return copied_words(self._hypotheses, self.config.decoding, self._processor)

    def _hypotheses(
        self, parts: Sequence[TextPart], rounds: deque[Round]
    ) -> Iterator[tuple[Sequence[int], list[list[Hypothesis]]]]:
        """Search for all rounds (a `PartSearch`); those that are added are served beside others."""
        waiting: deque[SearchJob] = deque()
        self._enqueue(waiting, parts, rounds)
        for job, results in run_searches(self._engine, waiting, self._rows_at_once):
            yield job.sentences, results
            self._enqueue(waiting, parts, rounds)
            while waiting and not any(parts[i].is_wanted for i in waiting[0].sentences):
                waiting.popleft()

    def _enqueue(
        self, waiting: deque[SearchJob], parts: Sequence[TextPart], rounds: deque[Round]
    ) -> None:
        """Turn rounds into jobs, which come before those that wait already."""
        while rounds:
            waiting.extendleft(reversed([*self._jobs(parts, *rounds.popleft())]))

    def _after_watching(
        self, watched: list[list[Hypothesis]], parts: Sequence[TextPart], rounds: deque[Round]
    ) -> Iterator[tuple[Sequence[int], list[list[Hypothesis]]]]:
        """A `PartSearch` whose first round has been watched."""
        yield rounds.popleft().indices, watched
        yield from self._hypotheses(parts, rounds)

    def _watched(
        self,
        part: TextPart,
        decoding: DecodingConfig,
        before: Sequence[tuple[TextPart, tuple[int, ...]]],
    ) -> Generator[str, None, list[list[Hypothesis]]]:
        """Search for one part and yield the text so far, from `before` on; returns hypotheses."""
        if part.is_kept:
            return []
        steps = stream_search(self._engine, self._job([part], [0], decoding))
        growing = replace(part, goes_on=True)
        while True:
            try:
                yield self._processor.join([*before, (growing, next(steps))])
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]

    def _jobs(
        self, parts: Sequence[TextPart], indices: Sequence[int], decoding: DecodingConfig
    ) -> Iterator[SearchJob]:
        """Parts of like length are decoded together, those that must hold terms by themselves."""
        for constrained in (False, True):
            chosen = [i for i in indices if bool(parts[i].terms) == constrained]
            most = max(1, self._rows_at_once // _slots(decoding, constrained))
            lengths = [parts[i].source_tokens for i in chosen]
            tokens = decoding.tokens_per_batch
            for batch in batches_of_like_length(
                lengths, tokens, most, equal=not self._engine.has_encoder
            ):
                yield self._job(parts, [chosen[i] for i in batch], decoding)

    def _job(
        self, all_parts: Sequence[TextPart], indices: Sequence[int], decoding: DecodingConfig
    ) -> SearchJob:
        """A batch of parts and the search for their translations."""
        parts = [all_parts[i] for i in indices]
        device = self._engine.device
        source = source_of(parts, device)
        limits = torch.tensor(
            [1 + self._max_target_tokens(part, decoding) for part in parts], device=device
        )
        slots = _slots(decoding, bool(parts[0].terms))
        search = steps_of_search(
            limits,
            self._strategy(parts, decoding, limits),
            bos=BOS_ID,
            eos=EOS_ID,
            slots=slots,
            n_best=1 if decoding.n_best == 1 else slots,  # more than n: texts may be equal
            penalty=decoding.length_penalty,
            normalization=decoding.length_normalization,
            rules=self._rules(parts, decoding),
        )
        return SearchJob(source, search, indices, slots)

    def _max_target_tokens(self, part: TextPart, decoding: DecodingConfig) -> int:
        if self._drawn is not None:
            return self._drawn
        return max_target_tokens(self.config, decoding, part.source_tokens, part.required_tokens)

    def _rules(self, parts: list[TextPart], decoding: DecodingConfig) -> list[Rule]:
        device = self._engine.device
        if self._drawn is None:
            return rules_of(parts, decoding, device)
        return [no_end_before(torch.full((len(parts),), self._drawn, device=device), EOS_ID)]

    def _strategy(
        self, parts: list[TextPart], decoding: DecodingConfig, limits: Tensor
    ) -> Strategy:
        slots = _slots(decoding, bool(parts[0].terms))
        if parts[0].terms:
            terms = [part.terms for part in parts]
            marks = [self._processor.closing_marks(part) for part in parts]
            return constrained_beam_search(terms, slots, EOS_ID, self._continues_word, marks)
        if decoding.sampling:
            return sampling_of(parts, decoding, slots, int(limits.max()), limits.device)
        return beam_search(slots, decoding.diversity)

    # --- details ----------------------------------------------------------------------------------

    def _with_details(self, translation: Translation, found: Sequence[Found]) -> Translation:
        tokens: list[Token] = []
        alignment: list[tuple[int, int]] = []
        source_words = target_words = 0
        for part, target in (each.best for each in found):
            source_words += len(part.head.split())
            target_words += len(part.head.split())
            if part.is_kept:
                continue
            frames = None if part.frames is None else source_of([part], self._engine.device)[0]
            read = part.read if frames is None else frames
            log_probs, attention = force_decode(self.model, read, target)
            target_pieces = self.tokenizer.pieces(target)
            tokens += map(Token, [*target_pieces, "</s>"], log_probs)
            if part.frames is not None:  # no words to align
                continue
            attention = attention[:, len(part.tag) :]
            source_pieces = self.tokenizer.pieces(part.ids)
            alignment += [
                (source_words + i, target_words + j)
                for i, j in align_words(attention, source_pieces, target_pieces)
            ]
            source_words += len((self.tokenizer.decode([part.ids])[0] + part.tail).split())
            target_words += len((self._processor.text(part, target) + part.tail).split())
        return replace(translation, tokens=tuple(tokens), alignment=tuple(alignment))


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


def _slots(decoding: DecodingConfig, constrained: bool) -> int:
    """How many hypotheses of a sentence are under way."""
    if decoding.sampling and not constrained:
        return decoding.n_best
    return max(decoding.beam_size, decoding.n_best, _SLOTS_FOR_TERMS if constrained else 1)


def rules_of(parts: list[TextPart], decoding: DecodingConfig, device: torch.device) -> list[Rule]:
    """What may not follow; each rule leaves what those before it demand."""
    rules: list[Rule] = []
    if any(part.prefix for part in parts):
        rules.append(begin_with([part.prefix for part in parts]))
    if decoding.min_length_ratio:
        ratio = decoding.min_length_ratio
        lengths = [max(1, int(ratio * part.source_tokens)) for part in parts]
        rules.append(no_end_before(torch.tensor(lengths, device=device), EOS_ID))
    if decoding.no_repeat_ngram_size:
        rules.append(no_repeated_ngram(decoding.no_repeat_ngram_size))
    may_loop = [_repeats(part.ids) for part in parts]
    rules.append(end_loops(may_loop, _LOOP_REPEATS, 2 * _LOOP_REPEATS, EOS_ID))
    wanted = [part.wanted for part in parts if part.wanted]  # of all parts or of none
    return [*rules, while_wanted(wanted)] if wanted else rules


def sampling_of(
    parts: list[TextPart],
    decoding: DecodingConfig,
    samples: int,
    steps: int,
    device: torch.device,
) -> Strategy:
    """A strategy that draws `samples` hypotheses of each part, with chance for `steps` tokens."""
    draws = _draws(parts, decoding.sampling_seed, samples, steps).to(device)
    return sampling(draws, decoding.temperature, decoding.top_k, decoding.top_p)


def _draws(parts: list[TextPart], seed: int, samples: int, steps: int) -> Tensor:
    """Random numbers in [0, 1) for each part, sample and step [B, samples, steps].

    They come from the seed and what the part reads, so no other sentence changes a sample.
    """
    draws = [
        np.random.Generator(np.random.Philox(key=[seed, zlib.crc32(_content(part))])).random(
            (steps, samples), dtype=np.float32
        )
        for part in parts
    ]
    return torch.from_numpy(np.stack(draws)).transpose(1, 2)


def _content(part: TextPart) -> bytes:
    """What a part reads, as bytes."""
    return (np.array(part.ids, np.int64) if part.frames is None else part.frames).tobytes()


def loops(source: Sequence[int], target: Sequence[int]) -> bool:
    """Whether the ids of a translation repeat themselves where those of its source do not."""
    return _repeats(target) and not _repeats(source)


def _repeats(ids: Sequence[int]) -> bool:
    for size in range(1, len(ids) // _LOOP_REPEATS + 1):
        same = 0  # ids in a row that equal the one `size` before them
        for i in range(size, len(ids)):
            same = same + 1 if ids[i] == ids[i - size] else 0
            if same >= size * (_LOOP_REPEATS - 1) and same >= 2 * _LOOP_REPEATS:
                return True
    return False
