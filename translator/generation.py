"""How does a text go on? The public Python interface of a language model."""

from collections.abc import Generator
from pathlib import Path

import torch

from translator.config import Config, DecodingConfig
from translator.decoding import Search, beam_search, steps_of_search
from translator.errors import RunError, check_text
from translator.hardware import keep_memory
from translator.inference import Engine, SearchJob, stream_search
from translator.model import Transformer
from translator.runs import RunDirectory
from translator.text.parts import TextPart
from translator.tokenizer import BOS_ID, EOS_ID, Tokenizer
from translator.translation import rules_of, sampling_of


class LanguageModel:
    """A decoder-only model that has learned texts, and goes on with others.

    >>> LanguageModel.from_run("runs/stories").generate("Once upon a time")
    'Once upon a time there was a little bird.'
    """

    def __init__(self, config: Config, tokenizer: Tokenizer, model: Transformer) -> None:
        """Take a model as it is now; RunError unless it has learned to go on with texts."""
        objective = config.training.objective
        if objective != "language_model":
            raise RunError(
                f"the run {config.name} goes on with no text: its training.objective is "
                f"{objective}",
                "Train one with training.objective: language_model.",
            )
        self.config = config
        self.tokenizer = tokenizer
        self._engine = Engine(model.eval(), getattr(torch, config.decoding.precision))

    @classmethod
    def from_run(cls, path: str | Path, device: str = "auto") -> "LanguageModel":
        """Load the best model of a run directory; RunError when it is missing or damaged."""
        trained = RunDirectory.named(path).read_trained(device)
        keep_memory()
        return cls(*trained)

    def generate(
        self, prompt: str = "", decoding: DecodingConfig | None = None, max_tokens: int = 100
    ) -> str:
        """The prompt and how it goes on, at most this many tokens further.

        `decoding` replaces the settings of the run. The same seed gives the same text.
        """
        steps = self.stream(prompt, decoding, max_tokens)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return str(end.value)

    def stream(
        self, prompt: str = "", decoding: DecodingConfig | None = None, max_tokens: int = 100
    ) -> Generator[str, None, str]:
        """Yield the text so far after each token; returns what `generate` does.

        With beam search, what was written may change until the end.
        """
        check_text("generate", prompt)
        [ids] = self.tokenizer.target.encode([prompt])
        read = [BOS_ID, *ids]
        room = self.config.model.max_positions - len(read)
        if room < 1:
            raise RunError(
                f"the prompt has {len(ids):,} tokens; the model sees "
                f"{self.config.model.max_positions:,} at once",
                "Give its last part only.",
            )
        source = torch.tensor([read[:-1]], dtype=torch.long, device=self._engine.device)
        search = self._search(ids, decoding or self.config.decoding, min(max_tokens, room))
        steps = stream_search(self._engine, SearchJob(source, search))
        while True:
            try:
                yield self._text([*ids, *next(steps)])
            except StopIteration as end:
                [[best, *_]] = end.value
                return self._text([*ids, *best.tokens])

    def _search(self, ids: list[int], decoding: DecodingConfig, max_tokens: int) -> Search:
        """The search for what follows ids, of which the last is its first token."""
        device = self._engine.device
        parts = [TextPart(0, tuple(ids))]
        limits = torch.tensor([max_tokens + 1], device=device)
        slots = 1 if decoding.sampling else decoding.beam_size
        sampled = sampling_of(parts, decoding, slots, max_tokens + 1, device)
        return steps_of_search(
            limits,
            sampled if decoding.sampling else beam_search(slots, decoding.diversity),
            bos=ids[-1] if ids else BOS_ID,
            eos=EOS_ID,
            slots=slots,
            penalty=decoding.length_penalty,
            normalization=decoding.length_normalization,
            rules=rules_of(parts, decoding, device),
        )

    def _text(self, ids: list[int]) -> str:
        [text] = self.tokenizer.target.decode([ids])
        return text
