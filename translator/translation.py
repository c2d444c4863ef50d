"""Text in, text out: the public Python interface of a trained run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from translator.config import Config, DecodingConfig
from translator.decoding import Hypothesis, beam_search, greedy_search
from translator.errors import RunError
from translator.hardware import choose_device
from translator.model import LayerCache, Seq2SeqTransformer, build_model
from translator.runs import RunDirectory
from translator.tokenizer import BOS_ID, EOS_ID, PAD_ID, Tokenizer


@dataclass(frozen=True)
class Translation:
    """A translated text and how sure the model was of it."""

    source: str
    text: str
    score: float  # log-probability ÷ length penalty of the best hypothesis; 0 for blank input


class Translator:
    """A trained model that translates texts.

    >>> Translator.from_run("runs/everyday").translate(["Pizza is great."])[0].text
    '¡La pizza es genial!'
    """

    def __init__(self, config: Config, tokenizer: Tokenizer, model: Seq2SeqTransformer) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.model = model.eval()

    @classmethod
    def from_run(cls, path: str | Path, device: str = "auto") -> "Translator":
        """Load the best model of a run directory; RunError when it is missing or damaged."""
        run = RunDirectory(Path(path))
        run.check_model()
        config = run.read_config()
        tokenizer = run.read_tokenizer()
        weights = run.read_model(tokenizer)
        model = build_model(config.model, tokenizer.vocabulary_size)
        expected = dict(model.named_parameters())
        if {name: p.shape for name, p in expected.items()} != {
            n: w.shape for n, w in weights.items()
        }:
            raise RunError(
                f"{run.model_file} does not have the shape that {run.config_file} describes",
                "Both files must come from the same run.",
            )
        model.load_state_dict(weights, strict=False)  # tied names are one parameter, stored once
        return cls(config, tokenizer, model.to(choose_device(device)))

    def translate(
        self, texts: Sequence[str], decoding: DecodingConfig | None = None
    ) -> list[Translation]:
        """Translate texts, one for one and in order; a blank text stays as it is.

        `decoding` replaces the settings of the run. A text longer than the model can see is cut
        at sentence ends, else at words, and its translated parts are joined with spaces.
        """
        if isinstance(texts, str):
            raise TypeError("translate() takes a list of texts; put the one text in a list")
        decoding = decoding or self.config.decoding
        limit = min(
            self.config.data.max_tokens_per_sentence,
            self.config.model.max_positions - 1,
        )
        parts: list[list[int]] = []  # of all texts
        owners: list[int] = []  # the text of each part
        for index, ids in enumerate(self.tokenizer.encode(texts)):
            for part in split_long(ids, self.tokenizer.pieces(ids), limit):
                parts.append(part)
                owners.append(index)
        hypotheses = self._search(parts, decoding)
        found: list[list[Hypothesis]] = [[] for _ in texts]
        for owner, hypothesis in zip(owners, hypotheses, strict=True):
            found[owner].append(hypothesis)
        return [
            Translation(
                text,
                " ".join(filter(None, self.tokenizer.decode([h.tokens for h in each])))
                if each
                else text,
                sum(h.score for h in each) / max(1, len(each)),
            )
            for text, each in zip(texts, found, strict=True)
        ]

    def _search(self, sentences: list[list[int]], decoding: DecodingConfig) -> list[Hypothesis]:
        """The best hypothesis of each sentence; they are decoded in batches of like length."""
        device = next(self.model.parameters()).device
        found: dict[int, Hypothesis] = {}
        for indices in _batches_of_like_length(sentences, decoding.tokens_per_batch):
            source = [[*sentences[i], EOS_ID] for i in indices]
            best = search(self.model, source, decoding, device)
            found.update(zip(indices, best, strict=True))
        return [found[index] for index in range(len(sentences))]


class ModelStepper:
    """A model and its memory of the source as the `Stepper` that a search drives."""

    def __init__(self, model: Seq2SeqTransformer, source: Tensor) -> None:
        """Encode source ids [B, S] once."""
        memory = model.encode(source, (source != PAD_ID).long())
        self._model = model
        self._attend_memory = memory.attend
        self._caches: list[LayerCache] = model.decoder.start(memory)
        self._rows = len(source)

    def step(self, tokens: Tensor) -> Tensor:
        """Ids [N] → log-probabilities [N, V] in float32."""
        self._rows = len(tokens)
        logits = self._model.step(tokens, self._caches, self._attend_memory)
        return F.log_softmax(logits, dim=-1, dtype=torch.float32)

    def reorder(self, rows: Tensor) -> None:
        """Keep these rows of the past, and the memory of the sentences that they belong to."""
        sentences = len(self._attend_memory)
        kept = torch.unique_consecutive(rows // max(1, self._rows // max(1, sentences)))
        for cache in self._caches:
            cache.reorder(rows)
            if len(kept) < sentences:
                cache.keep_memory(kept)
        self._attend_memory = self._attend_memory[kept]


@torch.inference_mode()
def search(
    model: Seq2SeqTransformer,
    source: Sequence[Sequence[int]],
    decoding: DecodingConfig,
    device: torch.device,
) -> list[Hypothesis]:
    """The best hypothesis for each source sentence (ids ending in EOS), decoded as one batch."""
    width = max(len(ids) for ids in source)
    padded = torch.tensor([[*ids, *[PAD_ID] * (width - len(ids))] for ids in source], device=device)
    limits = [
        min(
            int(decoding.max_length_ratio * len(ids)) + decoding.max_length_extra,
            model.config.max_positions - 1,
        )
        for ids in source
    ]
    stepper = ModelStepper(model, padded)
    max_lengths = torch.tensor(limits, device=device)
    if decoding.beam_size == 1:
        return greedy_search(
            stepper, max_lengths, bos=BOS_ID, eos=EOS_ID, penalty=decoding.length_penalty
        )
    found = beam_search(
        stepper,
        max_lengths,
        bos=BOS_ID,
        eos=EOS_ID,
        beam_size=decoding.beam_size,
        penalty=decoding.length_penalty,
    )
    return [hypotheses[0] for hypotheses in found]


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
    words = [i for i in range(last, first, -1) if pieces[i].startswith("▁")]
    for marks in (".!?…;", ",:"):
        found = next((i for i in words if pieces[i - 1][-1] in marks), None)
        if found:
            return found
    return words[0] if words else last


def _batches_of_like_length(sentences: list[list[int]], tokens: int) -> Iterator[list[int]]:
    """Indices of sentences, longest first, cut where a batch would pass `tokens` with padding."""
    batch: list[int] = []
    for index in sorted(range(len(sentences)), key=lambda i: -len(sentences[i])):
        if batch and (len(batch) + 1) * (len(sentences[batch[0]]) + 1) > tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
