"""Text in, text out: the public Python interface of a trained run."""

import copy
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from translator.alignment import align_words, force_decode, forced_attention, word_attention
from translator.config import Config, DecodingConfig
from translator.data import Codebook
from translator.decoding import (
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
from translator.errors import RunError, check_text, check_texts
from translator.hardware import keep_memory
from translator.hypotheses import (
    LOOP_REPEATS,
    Found,
    Hypothesis,
    PartSearch,
    Round,
    Token,
    Translation,
    by_text,
    check_translates,
    copied_words,
    max_target_tokens,
    repeats,
    result_of,
    search_parts,
    steps_of_parts,
    translation_of,
    translations,
)
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
from translator.text.capitals import encode_sentences
from translator.text.directions import directions_among
from translator.text.glossary import Glossary
from translator.text.parts import TextPart
from translator.tokenizer import BOS_ID, EOS_ID, Tokenizer

Precision = Literal["float32", "bfloat16"]

_ROWS_AT_ONCE = {"cpu": 256}  # hypotheses in a step of the model: what its caches hold …
_ROWS_AT_ONCE_ELSEWHERE = 4096  # … or what keeps many cores busy
_SLOTS_FOR_TERMS = 10  # Post and Vilar (2018): required terms need a beam of ten or more


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
        run = RunDirectory.named(path)
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
        translator = self if to is None else self.toward(to)
        steps = translator.steps_of_translating(
            texts, decoding, prefix=prefix, glossary=glossary, details=details, wanted=wanted
        )
        return result_of(steps)

    def steps_of_translating(
        self,
        texts: Sequence[str],
        decoding: DecodingConfig | None = None,
        *,
        prefix: str = "",
        glossary: Glossary | None = None,
        details: bool = False,
        wanted: Callable[[int], bool] | None = None,
    ) -> Generator[None, None, list[Translation]]:
        """What `translate` does, step by step: between two, other texts may be translated."""
        check_texts("translate", texts)
        check_translates(self.config)
        decoding = decoding or self.config.decoding
        parts = self._processor.parts(
            texts, split=decoding.split_sentences, prefix=prefix, glossary=glossary
        )
        problems = {part.text: part.problem for part in parts if part.problem}
        parts = [part for part in parts if not part.problem]
        if wanted:
            parts = [replace(part, wanted=partial(wanted, part.text)) for part in parts]
        found = yield from self._steps(self._hypotheses, parts, decoding)
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
        check_text("stream", text)
        check_translates(self.config)
        decoding = decoding or self.config.decoding
        found: list[Found] = []
        begun = 0  # how many of what was found belong to earlier sentences
        for part in self._processor.parts([text], split=decoding.split_sentences):
            watched = yield from self._watched(part, decoding, [each.best for each in found])
            search = partial(self._after_watching, watched)
            found += self._search(search, [part], decoding)
            yield self._processor.join([each.best for each in found])
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

    def word_attention(self, source: str, translation: str) -> list[list[float]]:
        """How much each word of a translation, whoever made it, looks at each of its source's.

        Words are what spaces separate; a row for each of the translation's. It sums the attention
        of the word's tokens (`forced_attention`, in one pass over both texts as one sequence each)
        to the words of the source, not to its end. There are no rows for texts longer than the
        model can see at once, and where its tokens do not tell the words.
        """
        check_texts("align", [source, translation])
        parts = self._processor.parts([source], split=False, keep=False)
        target, language = self.tokenizer.target, self.config.data.target_language
        [ids], _ = encode_sentences(target, [translation], language)
        if len(parts) != 1 or not ids:
            return []
        [part] = parts
        read = 0 if self._engine.has_encoder else len(part.read) + 1  # in one sequence with the ids
        if read + len(ids) >= self.config.model.max_positions:
            return []
        attention = forced_attention(self.model, part.read, ids)[:, len(part.tag) :]
        pieces = self.tokenizer.pieces(part.ids), self.tokenizer.pieces(ids)
        shared = word_attention(attention, *pieces)[:, :-1]
        if shared.shape != (len(translation.split()), len(source.split())):
            return []  # it reads a sign as a space, or as none
        return shared.tolist()

    # --- parts to hypotheses ----------------------------------------------------------------------

    def _search(
        self, search: PartSearch, parts: Sequence[TextPart], decoding: DecodingConfig
    ) -> list[Found]:
        return result_of(self._steps(search, parts, decoding))

    def _steps(
        self, search: PartSearch, parts: Sequence[TextPart], decoding: DecodingConfig
    ) -> Generator[None, None, list[Found]]:
        return steps_of_parts(search, parts, decoding, self._processor, lambda: self._copied)

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
        for ended in run_searches(self._engine, waiting, self._rows_at_once):
            yield (ended[0].sentences, ended[1]) if ended else ((), [])
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
        if part.is_term:
            return part.required_tokens
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
    may_loop = torch.tensor([repeats(part.ids) for part in parts], device=device)
    rules.append(end_loops(may_loop, LOOP_REPEATS, 2 * LOOP_REPEATS, EOS_ID))
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
