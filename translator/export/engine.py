"""A run's translations by CTranslate2: the same texts in and out, without torch's model.

Their search ranks hypotheses by another length penalty than ours, so it is asked for all that a
beam finds, with plain log-probabilities, and they are ranked here.
"""

import copy
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from translator.config import Config, DecodingConfig
from translator.errors import MissingLibraryError, RunError, check_texts
from translator.export.certificate import Certificate
from translator.hypotheses import (
    Hypothesis,
    Round,
    Translation,
    copied_words,
    length_penalty,
    max_target_tokens,
    search_parts,
    translations,
)
from translator.runs import RunDirectory
from translator.text.directions import directions_among
from translator.text.glossary import Glossary
from translator.text.parts import TextPart, TextProcessor
from translator.tokenizer import Tokenizer

Device = Literal["auto", "cpu", "cuda"]


class CTranslate2Translator:
    """Translates texts like `Translator`, with a model that was exported to CTranslate2."""

    def __init__(
        self,
        config: Config,
        model: Path,
        tokenizer: Tokenizer,
        *,
        device: Device = "auto",
        threads: int = 0,
    ) -> None:
        """Load a CTranslate2 folder with the configuration and the tokenizer of its run.

        `threads` compute one batch on a CPU; 0: CTranslate2's choice. Raises RunError when the
        folder holds no model that this version of CTranslate2 reads.
        """
        ctranslate2 = _import_ctranslate2()
        self.config = config
        self.tokenizer = tokenizer
        try:
            self._engine: Any = ctranslate2.Translator(
                str(model), device, device_index=_own_gpu(device), intra_threads=threads
            )
        except Exception as error:  # of a damaged file it raises many kinds
            raise RunError(
                f"CTranslate2 cannot load {model} ({error})", "Export the run anew."
            ) from None
        self._processor = TextProcessor(config, tokenizer)
        pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
        self._id_of = {piece: i for i, piece in enumerate(pieces)}

    @staticmethod
    def check_decoding(decoding: DecodingConfig) -> None:
        """Raise RunError for settings that this search does not know."""
        plain = DecodingConfig()
        beyond = ("sampling", "diversity", "n_best", "no_repeat_ngram_size", "min_length_ratio")
        for name in beyond:
            if getattr(decoding, name) != getattr(plain, name):
                raise _unknown(f"decoding.{name}={getattr(decoding, name)}")

    @property
    def compute_type(self) -> str:
        """The numbers that this machine computes with, such as int8_float32."""
        return str(self._engine.compute_type)

    def toward(self, to: str) -> "CTranslate2Translator":
        """The same model in another of its directions: see `Translator.toward`."""
        pair = directions_among(to, self.config)[0]
        if pair == self.config.data.direction:
            return self
        other = copy.copy(self)
        other.config = self.config.toward(pair)
        other._processor = TextProcessor(other.config, self.tokenizer)
        other.__dict__.pop("_copied", None)
        return other

    @property
    def is_exact(self) -> bool:
        """Whether it computes in float32 on a CPU, so that no text depends on those beside it.

        Rounded to 8 bits, 2 to 7 of 400 translations did.
        """
        return (self._engine.device, self.compute_type) == ("cpu", "float32")

    def translate(
        self,
        texts: Sequence[str],
        decoding: DecodingConfig | None = None,
        *,
        to: str | None = None,
        prefix: str = "",
        glossary: Glossary | None = None,
        details: bool = False,
    ) -> list[Translation]:
        """Translate texts, one for one and in order, as `Translator.translate` does.

        Raises RunError for what this search does not know: some settings of `decoding`, a prefix,
        a glossary, and details.
        """
        check_texts("translate", texts)
        if to is not None:
            return self.toward(to).translate(
                texts, decoding, prefix=prefix, glossary=glossary, details=details
            )
        decoding = decoding or self.config.decoding
        self.check_decoding(decoding)
        for what, asked in (("a prefix", prefix), ("a glossary", glossary), ("details", details)):
            if asked:
                raise _unknown(what)
        parts = self._processor.parts(texts, split=decoding.split_sentences)
        found = search_parts(
            self._hypotheses, parts, decoding, self._processor, lambda: self._copied
        )
        return translations(texts, found, decoding.n_best, self._processor)

    def search(
        self, sources: Sequence[Sequence[int]], decoding: DecodingConfig | None = None
    ) -> list[list[Hypothesis]]:
        """The hypotheses for source ids without special ids, each as one sequence, best first."""
        decoding = decoding or self.config.decoding
        self.check_decoding(decoding)
        parts = [TextPart(i, tuple(ids), self._processor.tag) for i, ids in enumerate(sources)]
        found = search_parts(self._hypotheses, parts, decoding, self._processor)
        return [each.hypotheses for each in found]

    @cached_property
    def _copied(self) -> list[str]:
        """Names that the model leaves as they are: see `Translator`."""
        return copied_words(self._hypotheses, self.config.decoding, self._processor)

    def _hypotheses(
        self, parts: Sequence[TextPart], rounds: deque[Round]
    ) -> Iterator[tuple[Sequence[int], list[list[Hypothesis]]]]:
        """Search for all rounds (a `PartSearch`), for those with one least length together."""
        while rounds:
            indices, decoding = rounds.popleft()
            by_least: dict[int, list[int]] = {}
            for index in indices:
                least = self._min_target_tokens(len(parts[index].ids), decoding)
                by_least.setdefault(least, []).append(index)
            for least, chosen in by_least.items():
                yield chosen, self._search([parts[i] for i in chosen], decoding, least)

    def _min_target_tokens(self, source_tokens: int, decoding: DecodingConfig) -> int:
        """How many ids a translation must have, without the end."""
        if not decoding.min_length_ratio:
            return 0  # 1 would take the end's share of the first probabilities
        least = max(1, int(decoding.min_length_ratio * source_tokens))
        return min(least, max_target_tokens(self.config, decoding, source_tokens))

    def _search(
        self, parts: Sequence[TextPart], decoding: DecodingConfig, least: int
    ) -> list[list[Hypothesis]]:
        """Search for sentences together; again, with those of its limit, for one that reaches it.

        CTranslate2 has one limit for all. What ends before its own is what it is with any other.
        """
        limits = [max_target_tokens(self.config, decoding, part.source_tokens) for part in parts]
        most = max(1, *limits)
        found = self._search_to(most, parts, decoding, least)
        at_limit: dict[int, list[int]] = {}
        for index, (limit, hypotheses) in enumerate(zip(limits, found, strict=True)):
            if limit < most and any(len(each.tokens) >= limit for each in hypotheses):
                at_limit.setdefault(limit, []).append(index)
        for limit, chosen in at_limit.items():
            again = self._search_to(limit, [parts[i] for i in chosen], decoding, least)
            for index, hypotheses in zip(chosen, again, strict=True):
                found[index] = hypotheses
        return found

    def _search_to(
        self,
        limit: int,
        parts: Sequence[TextPart],
        decoding: DecodingConfig,
        least: int,
    ) -> list[list[Hypothesis]]:
        settings = {
            "max_batch_size": decoding.tokens_per_batch,
            "batch_type": "tokens",
            "beam_size": decoding.beam_size,
            "num_hypotheses": decoding.beam_size,
            "length_penalty": 0,
            "max_input_length": 0,
            "max_decoding_length": max(1, limit),
            "min_decoding_length": least,
            "no_repeat_ngram_size": decoding.no_repeat_ngram_size,
            "return_scores": True,
        }
        pieces = [self.tokenizer.pieces(part.read) for part in parts]
        try:
            results = _results(self._engine.translate_batch(pieces, asynchronous=True, **settings))
            return [
                ranked(
                    [[self._id_of[p] for p in pieces][:limit] for pieces in result.hypotheses],
                    result.scores,
                    decoding,
                )
                for result in results
            ]
        except (KeyError, RuntimeError, ValueError) as error:  # of files that are damaged unnoticed
            raise RunError(
                f"CTranslate2 cannot translate ({error})",
                "Export the run anew, or translate with --engine own.",
            ) from None


def _results(promised: Sequence[Any]) -> list[Any]:
    """What CTranslate2 computes in threads of its own, awaited so that Ctrl-C is heard."""
    for each in promised:
        while not each.done():
            time.sleep(0.002)
    return [each.result() for each in promised]


def certified_engine(run: RunDirectory, device: Device = "auto") -> CTranslate2Translator:
    """The engine of the run's CTranslate2 export; RunError without one that fits the model."""
    folder = run.exports / "ctranslate2"
    hint = f"Make one: translator export {run.name} --format ctranslate2"
    certificate = Certificate.read(folder)
    if certificate is None:
        raise RunError(f"{folder} holds no certified export", f"{hint}.")
    if certificate.model_sha256 != run.model_sha256():
        raise RunError(
            f"{folder} is an export of other weights than {run.name} has now", f"{hint} --force."
        )
    if damaged := certificate.damaged_file(folder):  # CTranslate2 may crash on it
        raise RunError(
            f"{folder} is damaged: {damaged} is not what was certified", f"{hint} --force."
        )
    return CTranslate2Translator(run.read_config(), folder, run.read_tokenizer(), device=device)


def ranked(
    found: Sequence[Sequence[int]], log_probs: Sequence[float], decoding: DecodingConfig
) -> list[Hypothesis]:
    """What another search has found, ids and log-probabilities, in the order of ours."""
    penalty = (decoding.length_penalty, decoding.length_normalization)
    hypotheses = [
        Hypothesis(tuple(ids), log_prob, log_prob / length_penalty(len(ids) + 1, *penalty))
        for ids, log_prob in zip(found, log_probs, strict=True)
    ]
    return sorted(hypotheses, key=lambda hypothesis: -hypothesis.score)


def _unknown(what: str) -> RunError:
    return RunError(
        f"CTranslate2 does not search with {what}", "Translate with the run itself: --engine own."
    )


def _own_gpu(device: Device) -> int:
    """Which of a machine's GPUs is that of this process, where torchrun started it; else 0."""
    gpus = 0 if device == "cpu" else _import_ctranslate2().get_cuda_device_count()
    return int(os.environ.get("LOCAL_RANK", "0")) % max(1, gpus)


def _import_ctranslate2() -> Any:
    try:
        import ctranslate2
    except ImportError:
        raise MissingLibraryError("ctranslate2 is not installed", "export") from None
    return ctranslate2
