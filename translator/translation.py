"""Text in, text out: the public Python interface of a trained run."""

import math
import re
import unicodedata
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from translator.alignment import align_words, read_again
from translator.capitals import encode_sentences, likely_cases
from translator.config import Config, DecodingConfig
from translator.data.languages import has_opening_marks, upper
from translator.decoding import (
    Chooser,
    Hypothesis,
    Rule,
    begin_with,
    best_extensions,
    drawn_extensions,
    end_loops,
    extensions_with_terms,
    no_end_before,
    no_repeated_ngram,
    steps_of_search,
    while_wanted,
)
from translator.errors import RunError, check_texts
from translator.glossary import Glossary
from translator.hardware import choose_device, keep_memory
from translator.inference import Engine, SearchJob, run_searches, stream_search
from translator.model import Seq2SeqTransformer, build_model, parameter_shapes
from translator.runs import RunDirectory
from translator.sentences import MARKS, close_marks, join_sentences, split_sentences
from translator.tokenizer import BOS_ID, EOS_ID, PAD_ID, Tokenizer

Precision = Literal["float32", "bfloat16"]

_ROWS_AT_ONCE = {"cpu": 256}  # hypotheses in a step of the model: what its caches hold …
_ROWS_AT_ONCE_ELSEWHERE = 4096  # … or what keeps many cores busy
_SLOTS_FOR_TERMS = 10  # Post and Vilar (2018): required terms need a beam of ten or more
_LOOP_REPEATS = 4  # so many times the same ids, one after another, are a loop
_CONTINUES_CHARACTER = re.compile("<0x[89AB].>")  # a piece that is no first byte in UTF-8
_NOTHING = Hypothesis((), -math.inf, -math.inf)  # of a broken model, or before the search
_LOOPED = "the translation repeated itself; it was searched again"
_EMPTY = "the translation was empty; it was searched again"
LOOP_NGRAM = 3  # what a search that went into a loop may not repeat in its second try
LEAST_RATIO = 0.5  # of target to source ids, for the second try of a search that found nothing


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
    score: float  # log-probability ÷ length penalty, the mean of its sentences; 0 for blank input
    alternatives: tuple[Alternative, ...] = ()  # decoding.n_best of them, the text itself first
    tokens: tuple[Token, ...] = ()  # with details
    alignment: tuple[tuple[int, int], ...] = ()  # with details: words (source, target), from 0
    warnings: tuple[str, ...] = ()

    @property
    def pharaoh(self) -> str:
        """The word alignment as `0-0 1-2 …`."""
        return " ".join(f"{source}-{target}" for source, target in self.alignment)


@dataclass(frozen=True)
class _Part:
    """What is translated as one sequence: a sentence, or a piece of one that is too long."""

    text: int  # which of the given texts
    ids: tuple[int, ...]
    space: str  # what stands between its translation and the next one's
    prefix: tuple[int, ...] = ()  # what its translation must begin with
    required: tuple[str, ...] = ()  # the terms that its translation must hold …
    terms: tuple[tuple[int, ...], ...] = ()  # … and their ids, as many as there is room for
    in_capitals: bool = False  # the translation is put in capitals; the ids are of small letters
    goes_on: bool = False  # the next part is of the same sentence
    wanted: Callable[[], bool] | None = None  # whether somebody still waits for it; None: always

    @property
    def is_wanted(self) -> bool:
        return self.wanted is None or self.wanted()


@dataclass
class _Found:
    """The hypotheses of a part, best first, and what was odd about their search."""

    hypotheses: list[Hypothesis] = field(default_factory=lambda: [_NOTHING])
    warnings: list[str] = field(default_factory=list)


class Translator:
    """A trained model that translates texts. Several threads may use one at the same time.

    >>> Translator.from_run("runs/everyday").translate(["Pizza is great."])[0].text
    '¡La pizza es genial!'
    """

    def __init__(
        self,
        config: Config,
        tokenizer: Tokenizer,
        model: Seq2SeqTransformer,
        precision: Precision | None = None,
    ) -> None:
        """Take a model as it is now; what it learns later is not seen.

        `precision` replaces that of `config.decoding`.
        """
        self.config = config
        self.tokenizer = tokenizer
        self.model = model.eval()
        precision = precision or config.decoding.precision
        self._engine = Engine(model, getattr(torch, precision))
        self._rows_at_once = _ROWS_AT_ONCE.get(self._engine.device.type, _ROWS_AT_ONCE_ELSEWHERE)
        pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
        self._marks = frozenset(i for i, piece in enumerate(pieces) if piece[-1] in MARKS)
        self._continues_word = torch.tensor(
            [
                not piece.startswith("▁") and any(map(str.isalnum, piece)) and i > EOS_ID
                for i, piece in enumerate(pieces)
            ],
            device=self._engine.device,
        )

    @classmethod
    def from_run(
        cls, path: str | Path, device: str = "auto", precision: Precision | None = None
    ) -> "Translator":
        """Load the best model of a run directory; RunError when it is missing or damaged.

        The process keeps the memory that it frees from then on: see `hardware.keep_memory`.
        """
        run = RunDirectory(Path(path))
        run.check_model()
        config = run.read_config()
        tokenizer = run.read_tokenizer()
        weights = run.read_model(tokenizer)
        expected = parameter_shapes(config.model, tokenizer.vocabulary_size)
        if expected != {name: weight.shape for name, weight in weights.items()}:
            raise RunError(
                f"{run.model_file} does not have the shape that {run.config_file} describes",
                "Both files must come from the same run.",
            )
        model = build_model(config.model, tokenizer.vocabulary_size)
        model.load_state_dict(weights, strict=False)  # tied names are one parameter, stored once
        keep_memory()
        return cls(config, tokenizer, model.to(choose_device(device)), precision)

    def translate(
        self,
        texts: Sequence[str],
        decoding: DecodingConfig | None = None,
        *,
        prefix: str = "",
        glossary: Glossary | None = None,
        details: bool = False,
        wanted: Callable[[int], bool] | None = None,
    ) -> list[Translation]:
        """Translate texts, one for one and in order; a blank text stays as it is.

        `decoding` replaces the settings of the run. Every translation begins with `prefix` and
        holds the terms that `glossary` requires. With `details` come the tokens and the word
        alignment of each translation, at the price of a second pass.

        A text is translated sentence by sentence. One IN CAPITALS is read in other letters, and its
        translation is put in capitals, though its `tokens` are not: see `capitals`. A ¿ or ¡ that
        the model does not close is closed, in a language that has them. One longer than
        the model can see is cut at the end of a clause, else at words, and its translated parts are
        joined with spaces.

        `wanted` is asked at every step of the search whether anybody still waits for text i. Once
        it says no, the text leaves the search, and what is returned for it is unfinished.
        """
        check_texts("translate", texts)
        decoding = decoding or self.config.decoding
        parts = list(self._parts(texts, decoding, prefix, glossary or Glossary()))
        if wanted:
            parts = [replace(part, wanted=partial(wanted, part.text)) for part in parts]
        found: list[list[tuple[_Part, _Found]]] = [[] for _ in texts]
        for part, result in zip(parts, self._search(parts, decoding), strict=True):
            found[part.text].append((part, result))
        return [
            self._translation(text, each, decoding.n_best, details)
            for text, each in zip(texts, found, strict=True)
        ]

    def stream(
        self, text: str, decoding: DecodingConfig | None = None
    ) -> Generator[str, None, Translation]:
        """Translate a text and yield what is written so far, after each step of the search.

        Returns what `translate` gives for the text. Its sentences are translated one after the
        other; the last words of what is written may change while the search goes on.
        """
        decoding = decoding or self.config.decoding
        found: list[tuple[_Part, _Found]] = []
        for part in self._parts([text], decoding, "", Glossary()):
            steps = stream_search(self._engine, self._job([part], [0], decoding))
            while True:
                try:
                    prefix = next(steps)
                except StopIteration as end:
                    [hypotheses] = end.value
                    break
                written = [self._text(done, each.hypotheses[0].tokens) for done, each in found]
                yield join_sentences(
                    [*written, self._text(replace(part, goes_on=True), prefix)],
                    [*(before.space for before, _ in found), ""],
                )
            kept = _Found()
            other = self._keep(kept, part, hypotheses, decoding)
            if other:
                self._run(deque(self._jobs([part], [0], other)), [part], [kept], decoding)
            found.append((part, kept))
        return self._translation(text, found, decoding.n_best, details=False)

    def search(
        self, sources: Sequence[Sequence[int]], decoding: DecodingConfig | None = None
    ) -> list[list[Hypothesis]]:
        """The hypotheses for source ids without special ids, each as one sequence, best first."""
        parts = [_Part(i, tuple(ids), "") for i, ids in enumerate(sources)]
        return [each.hypotheses for each in self._search(parts, decoding or self.config.decoding)]

    # --- texts to parts ---------------------------------------------------------------------------

    def _parts(
        self, texts: Sequence[str], decoding: DecodingConfig, prefix: str, glossary: Glossary
    ) -> Iterator[_Part]:
        data, positions = self.config.data, self.config.model.max_positions
        limit = min(data.max_tokens_per_sentence, positions - 1)
        quiet = likely_cases(self.tokenizer.target, [prefix], data.target_language)
        begins = [
            next(split_long(ids, self.tokenizer.target.pieces(ids), positions // 2), [])
            for ids in self.tokenizer.target.encode([prefix, *quiet])
        ]
        fits_capitals = prefix == upper(prefix, data.target_language)
        texts = [unicodedata.normalize("NFC", text) for text in texts]  # as the glossary's terms
        split = split_sentences if decoding.split_sentences else lambda text: [(text, "")]
        sentences = [
            (i, *pair)
            for i, text in enumerate(texts)
            for pair in _whole_spans(split(text), glossary.spans(text) if glossary else ())
        ]
        encoded = encode_sentences(
            self.tokenizer, [sentence for _, sentence, _ in sentences], data.source_language
        )
        begun = -1  # the text whose first part was given
        for (index, sentence, space), ids, loud in zip(sentences, *encoded, strict=True):
            in_capitals = loud and fits_capitals
            pieces = list(split_long(ids, self.tokenizer.pieces(ids), limit))
            for number, piece in enumerate(pieces, start=1):
                if len(pieces) > 1:
                    [sentence] = self.tokenizer.decode([piece])
                    sentence = upper(sentence, data.source_language) if loud else sentence
                required = tuple(glossary.required(sentence)) if glossary else ()
                yield _Part(
                    index,
                    tuple(piece),
                    space if number == len(pieces) else " ",
                    tuple(begins[in_capitals]) if index > begun else (),
                    required,
                    self._terms(required),
                    in_capitals,
                    goes_on=number < len(pieces),
                )
                begun = index

    def _terms(self, required: Sequence[str]) -> tuple[tuple[int, ...], ...]:
        """The ids of required terms, as many as half of the model's positions hold."""
        terms: list[tuple[int, ...]] = []
        if not required:
            return ()
        room = self.config.model.max_positions // 2 - 1
        for ids in self.tokenizer.target.encode(required):
            if ids and len(ids) <= room:
                terms.append(tuple(ids))
                room -= len(ids)
        return tuple(terms)

    # --- parts to hypotheses ----------------------------------------------------------------------

    def _search(self, parts: Sequence[_Part], decoding: DecodingConfig) -> list[_Found]:
        found = [_Found() for _ in parts]
        waiting = deque(self._jobs(parts, range(len(parts)), decoding))
        self._run(waiting, parts, found, decoding)
        return found

    def _run(
        self,
        waiting: deque[SearchJob],
        parts: Sequence[_Part],
        found: list[_Found],
        decoding: DecodingConfig,
    ) -> None:
        """Run the jobs; parts whose search went wrong are searched again beside the others."""
        for job, results in run_searches(self._engine, waiting, self._rows_at_once):
            again: dict[DecodingConfig, list[int]] = {}
            for index, hypotheses in zip(job.sentences, results, strict=True):
                other = self._keep(found[index], parts[index], hypotheses, decoding)
                if other and parts[index].is_wanted:
                    again.setdefault(other, []).append(index)
            for other, indices in again.items():
                waiting.extendleft(self._jobs(parts, indices, other))  # long ones come first
            while waiting and not any(parts[i].is_wanted for i in waiting[0].sentences):
                waiting.popleft()

    def _keep(
        self, found: _Found, part: _Part, hypotheses: list[Hypothesis], decoding: DecodingConfig
    ) -> DecodingConfig | None:
        """Keep what a search found; where it went wrong, say so and how to search again."""
        nothing = found.hypotheses == [_NOTHING]
        if hypotheses and (math.isfinite(hypotheses[0].log_prob) or nothing):
            found.hypotheses = hypotheses
        best = found.hypotheses[0].tokens
        text = self._text(part, best)
        for went_wrong, warning, remedy in (
            (loops(part.ids, best), _LOOPED, {"no_repeat_ngram_size": LOOP_NGRAM}),
            (not text.strip(), _EMPTY, {"min_length_ratio": LEAST_RATIO}),
        ):
            if went_wrong and warning not in found.warnings:
                found.warnings.append(warning)
                return decoding.model_copy(update=remedy)
        found.warnings += [
            f"the required term {term!r} is missing"
            for term in part.required
            if self._cased(part, term) not in text
        ]
        return None

    def _jobs(
        self, parts: Sequence[_Part], indices: Sequence[int], decoding: DecodingConfig
    ) -> Iterator[SearchJob]:
        """Parts of like length are decoded together, those that must hold terms by themselves."""
        for constrained in (False, True):
            chosen = [i for i in indices if bool(parts[i].terms) == constrained]
            most = max(1, self._rows_at_once // _slots(decoding, constrained))
            lengths = [len(parts[i].ids) for i in chosen]
            for batch in _batches_of_like_length(lengths, decoding.tokens_per_batch, most):
                yield self._job(parts, [chosen[i] for i in batch], decoding)

    def _job(
        self, all_parts: Sequence[_Part], indices: Sequence[int], decoding: DecodingConfig
    ) -> SearchJob:
        """A batch of parts and the search for their translations."""
        parts = [all_parts[i] for i in indices]
        device = self._engine.device
        width = max(len(part.ids) for part in parts) + 1
        source = torch.tensor(
            [[*part.ids, EOS_ID, *[PAD_ID] * (width - 1 - len(part.ids))] for part in parts],
            device=device,
        )
        limits = torch.tensor([self._limit(part, decoding) for part in parts], device=device)
        slots = _slots(decoding, bool(parts[0].terms))
        search = steps_of_search(
            limits,
            self._chooser(parts, decoding, limits),
            bos=BOS_ID,
            eos=EOS_ID,
            slots=slots,
            n_best=1 if decoding.n_best == 1 else slots,  # more than n: texts may be equal
            penalty=decoding.length_penalty,
            normalization=decoding.length_normalization,
            rules=_rules(parts, decoding, device),
        )
        return SearchJob(source, search, indices, slots)

    def _limit(self, part: _Part, decoding: DecodingConfig) -> int:
        """How many ids the translation may have, the end counted; what is required comes on top."""
        free = int(decoding.max_length_ratio * (len(part.ids) + 1)) + decoding.max_length_extra
        required = len(part.prefix) + sum(map(len, part.terms))
        return min(free + required, self._engine.max_positions - 1)

    def _chooser(self, parts: list[_Part], decoding: DecodingConfig, limits: Tensor) -> Chooser:
        slots = _slots(decoding, bool(parts[0].terms))
        if parts[0].terms:
            terms = [part.terms for part in parts]
            marks = [self._closing_marks(part) for part in parts]
            return extensions_with_terms(terms, slots, EOS_ID, self._continues_word, marks)
        if decoding.sampling:
            draws = _draws(parts, decoding.sampling_seed, slots, int(limits.max()))
            return drawn_extensions(
                draws.to(limits.device), decoding.temperature, decoding.top_k, decoding.top_p
            )
        return best_extensions(slots, decoding.diversity)

    def _closing_marks(self, part: _Part) -> frozenset[int]:
        """The ids that end in a mark, where the part has none before its own end.

        Elsewhere, or beside digits, such a mark may belong to a word or a number.
        """
        pieces = self.tokenizer.pieces(part.ids)
        while pieces and not any(map(str.isalnum, pieces[-1])):
            pieces.pop()
        inner = "".join(pieces)
        if any(map(str.isdigit, inner)) or not MARKS.isdisjoint(inner):
            return frozenset()
        return frozenset() if self._marks.intersection(part.prefix) else self._marks

    # --- hypotheses to texts ----------------------------------------------------------------------

    def _text(self, part: _Part, ids: Sequence[int]) -> str:
        [text] = self.tokenizer.target.decode([ids])
        language = self.config.data.target_language
        return finished(text, language, in_capitals=part.in_capitals, goes_on=part.goes_on)

    def _cased(self, part: _Part, text: str) -> str:
        return upper(text, self.config.data.target_language) if part.in_capitals else text

    def _translation(
        self, source: str, found: list[tuple[_Part, _Found]], n_best: int, details: bool
    ) -> Translation:
        """Join the parts of a text: the r-th alternative of it is the r-th of each part.

        Alternatives that differ in their ids only are one.
        """
        if not found:
            return Translation(source, source, 0.0)
        most = max(len(each.hypotheses) for _, each in found)
        scores: dict[str, float] = {}
        for rank in range(most):
            chosen = [each.hypotheses[min(rank, len(each.hypotheses) - 1)] for _, each in found]
            joined = join_sentences(
                [
                    self._text(part, each.tokens)
                    for (part, _), each in zip(found, chosen, strict=True)
                ],
                [part.space for part, _ in found],
            )
            scores.setdefault(joined, sum(h.score for h in chosen) / len(chosen))
            if len(scores) == n_best:
                break
        alternatives = [Alternative(*each) for each in scores.items()]
        warnings = tuple(dict.fromkeys(w for _, each in found for w in each.warnings))
        best = alternatives[0]
        translation = Translation(
            source, best.text, best.score, tuple(alternatives), warnings=warnings
        )
        return self._with_details(translation, found) if details else translation

    def _with_details(
        self, translation: Translation, found: list[tuple[_Part, _Found]]
    ) -> Translation:
        tokens: list[Token] = []
        alignment: list[tuple[int, int]] = []
        source_words = target_words = 0
        for part, each in found:
            target = each.hypotheses[0].tokens
            log_probs, attention = read_again(self.model, part.ids, target)
            source_pieces = self.tokenizer.pieces(part.ids)
            target_pieces = self.tokenizer.pieces(target)
            tokens += map(Token, [*target_pieces, "</s>"], log_probs)
            alignment += [
                (source_words + i, target_words + j)
                for i, j in align_words(attention, source_pieces, target_pieces)
            ]
            source_words += len(self.tokenizer.decode([part.ids])[0].split())
            target_words += len(self._text(part, target).split())
        return replace(translation, tokens=tuple(tokens), alignment=tuple(alignment))


def finished(text: str, language: str, *, in_capitals: bool = False, goes_on: bool = False) -> str:
    """What a model wrote as it is shown: with single spaces, closed marks, and in capitals.

    `language` is that of the text. What opens a text that `goes_on` may be closed later.
    """
    text = " ".join(text.split())  # a model may write two spaces, or nothing but one
    if has_opening_marks(language) and not goes_on:
        text = close_marks(text)
    return upper(text, language) if in_capitals else text


def _slots(decoding: DecodingConfig, constrained: bool) -> int:
    """How many hypotheses of a sentence are under way."""
    if decoding.sampling and not constrained:
        return decoding.n_best
    return max(decoding.beam_size, decoding.n_best, _SLOTS_FOR_TERMS if constrained else 1)


def _rules(parts: list[_Part], decoding: DecodingConfig, device: torch.device) -> list[Rule]:
    """What may not follow; each rule leaves what those before it demand."""
    rules: list[Rule] = []
    if any(part.prefix for part in parts):
        rules.append(begin_with([part.prefix for part in parts]))
    if decoding.min_length_ratio:
        lengths = [max(1, int(decoding.min_length_ratio * len(part.ids))) for part in parts]
        rules.append(no_end_before(torch.tensor(lengths, device=device), EOS_ID))
    if decoding.no_repeat_ngram_size:
        rules.append(no_repeated_ngram(decoding.no_repeat_ngram_size))
    may_loop = [_repeats(part.ids) for part in parts]
    rules.append(end_loops(may_loop, _LOOP_REPEATS, 2 * _LOOP_REPEATS, EOS_ID))
    wanted = [part.wanted for part in parts if part.wanted]  # of all parts or of none
    return [*rules, while_wanted(wanted)] if wanted else rules


def _draws(parts: list[_Part], seed: int, samples: int, steps: int) -> Tensor:
    """Random numbers in [0, 1) for each part, sample and step [B, samples, steps].

    They come from the seed and the part's own ids, so no other sentence changes a sample.
    """
    draws = [
        np.random.Generator(
            np.random.Philox(key=[seed, zlib.crc32(np.array(part.ids, np.int64).tobytes())])
        ).random((steps, samples), dtype=np.float32)
        for part in parts
    ]
    return torch.from_numpy(np.stack(draws)).transpose(1, 2)


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


def _whole_spans(
    sentences: Sequence[tuple[str, str]], spans: Sequence[tuple[int, int]]
) -> Iterator[tuple[str, str]]:
    """The sentences with their spaces; those that share a span of the text are one."""
    held: list[str] = []
    end = begun = furthest = 0  # of the spans that have begun before `end`, where the last one ends
    spans = sorted(spans)
    for sentence, space in sentences:
        end += len(sentence) + len(space)
        while begun < len(spans) and spans[begun][0] < end:
            furthest = max(furthest, spans[begun][1])
            begun += 1
        if end < furthest:
            held += (sentence, space)
        else:
            yield "".join([*held, sentence]), space
            held = []


def split_long(ids: list[int], pieces: list[str], limit: int) -> Iterator[list[int]]:
    """Cut ids into parts of at most `limit`: after the last sentence end, clause end or word.

    A text without ids, which is blank, has no parts.
    """
    start = 0
    while len(ids) - start > limit:
        cut = _last_boundary(pieces, start + limit // 2, start + limit)
        yield ids[start:cut]
        start = cut
    if start < len(ids):
        yield ids[start:]


def _last_boundary(pieces: list[str], first: int, last: int) -> int:
    """The best place to cut before a piece in first … last: the latest of the best kind."""
    words = [
        i
        for i in range(last, first, -1)
        if pieces[i].startswith("▁") or pieces[i - 1][-1] in "。！？；，、："
    ]
    for marks in (".!?…;؟۔।॥。！？；", ",:،，、："):
        found = next((i for i in words if pieces[i - 1][-1] in marks), None)
        if found:
            return found
    characters = (i for i in range(last, first, -1) if not _CONTINUES_CHARACTER.match(pieces[i]))
    return words[0] if words else next(characters, last)


def _batches_of_like_length(lengths: list[int], tokens: int, most: int) -> Iterator[list[int]]:
    """Indices of sentences, longest first, cut where a batch would pass `tokens` with padding.

    A batch has at most `most` sentences.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        full = batch and (len(batch) + 1) * (lengths[batch[0]] + 1) > tokens
        if full or len(batch) == most:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
