"""A run's translations by CTranslate2: the same texts in and out, without torch's model.

Their search ranks hypotheses by another length penalty than ours, so it is asked for all that a
beam finds, with plain log-probabilities, and they are ranked here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from translator.capitals import encode_sentences
from translator.config import Config, DecodingConfig
from translator.decoding import Hypothesis, length_penalty
from translator.errors import MissingLibraryError, RunError, check_texts
from translator.sentences import join_sentences, split_sentences
from translator.tokenizer import Tokenizer
from translator.translation import (
    LEAST_RATIO,
    LOOP_NGRAM,
    Translation,
    finished,
    loops,
    split_long,
)

Device = Literal["auto", "cpu", "cuda"]


class _Place(NamedTuple):
    """Where the translation of a part belongs, and how it is written."""

    text: int
    space: str  # after it
    in_capitals: bool
    goes_on: bool  # the next part is of the same sentence


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
                str(model), device=device, intra_threads=threads
            )
        except Exception as error:  # of a damaged file it raises many kinds
            raise RunError(
                f"CTranslate2 cannot load {model} ({error})", "Export the run anew."
            ) from None
        pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
        self._id_of = {piece: i for i, piece in enumerate(pieces)}

    @staticmethod
    def check_decoding(decoding: DecodingConfig) -> None:
        """Raise RunError for settings that this search does not know."""
        plain = DecodingConfig()
        beyond = ("sampling", "diversity", "n_best", "no_repeat_ngram_size", "min_length_ratio")
        for name in beyond:
            if getattr(decoding, name) != getattr(plain, name):
                raise RunError(
                    f"CTranslate2 does not search with decoding.{name}={getattr(decoding, name)}",
                    "Translate with the run itself: --engine own.",
                )

    @property
    def compute_type(self) -> str:
        """The numbers that this machine computes with, such as int8_float32."""
        return str(self._engine.compute_type)

    def translate(
        self, texts: Sequence[str], decoding: DecodingConfig | None = None
    ) -> list[Translation]:
        """Translate texts, one for one and in order, as `Translator.translate` does.

        Raises RunError for settings of `decoding` that this search does not know.
        """
        check_texts("translate", texts)
        decoding = decoding or self.config.decoding
        self.check_decoding(decoding)
        limit = min(self.config.data.max_tokens_per_sentence, self.config.model.max_positions - 1)
        parts: list[list[int]] = []  # of all texts
        places: list[_Place] = []  # of their translations
        for index, text in enumerate(texts):
            pairs = split_sentences(text) if decoding.split_sentences else [(text, "")]
            sentences = [sentence for sentence, _ in pairs]
            encoded = encode_sentences(self.tokenizer, sentences, self.config.data.source_language)
            for (_, space), ids, capitals in zip(pairs, *encoded, strict=True):
                pieces = list(split_long(ids, self.tokenizer.pieces(ids), limit))
                spaces = [" "] * (len(pieces) - 1) + [space] * bool(pieces)
                parts += pieces
                last = len(spaces) - 1
                places += [
                    _Place(index, each, capitals, goes_on=n < last) for n, each in enumerate(spaces)
                ]
        found: list[list[tuple[_Place, Hypothesis]]] = [[] for _ in texts]
        for place, best in zip(places, self.search(parts, decoding), strict=True):
            found[place.text].append((place, best))
        return [
            self._translation(text, each) if each else Translation(text, text, 0.0)
            for text, each in zip(texts, found, strict=True)
        ]

    def search(
        self, sentences: Sequence[Sequence[int]], decoding: DecodingConfig
    ) -> list[Hypothesis]:
        """The best hypothesis for the ids of each sentence, without special ids.

        A search that went wrong is tried again, as `Translator` does.
        """
        found = self._search(sentences, decoding)
        for index, ids in enumerate(sentences):
            if loops(ids, found[index].tokens):
                [found[index]] = self._search([ids], decoding, no_repeat_ngram_size=LOOP_NGRAM)
            limit = max_target_tokens(self.config, decoding, len(ids))
            if limit and not self.tokenizer.decode([found[index].tokens])[0].strip():
                least = min(max(1, int(LEAST_RATIO * len(ids))), limit)
                [found[index]] = self._search([ids], decoding, min_decoding_length=least)
        return found

    def _search(
        self, sentences: Sequence[Sequence[int]], decoding: DecodingConfig, **remedy: int
    ) -> list[Hypothesis]:
        limits = [max_target_tokens(self.config, decoding, len(ids)) for ids in sentences]
        settings = {
            "max_batch_size": decoding.tokens_per_batch,
            "batch_type": "tokens",
            "beam_size": decoding.beam_size,
            "num_hypotheses": decoding.beam_size,
            "length_penalty": 0,
            "max_input_length": 0,
            "max_decoding_length": max(limits, default=1),
            "min_decoding_length": 0,  # 1 would take the end's share of the first probabilities
            "return_scores": True,
        }
        pieces = [self.tokenizer.pieces(ids) for ids in sentences]
        try:
            results = self._engine.translate_batch(pieces, **(settings | remedy))
            return [
                best_hypothesis(
                    [[self._id_of[p] for p in pieces][:limit] for pieces in result.hypotheses],
                    result.scores,
                    decoding,
                )
                for result, limit in zip(results, limits, strict=True)
            ]
        except (KeyError, RuntimeError, ValueError) as error:  # of files that are damaged unnoticed
            raise RunError(
                f"CTranslate2 cannot translate ({error})",
                "Export the run anew, or translate with --engine own.",
            ) from None

    def _translation(self, text: str, parts: list[tuple[_Place, Hypothesis]]) -> Translation:
        texts = self.tokenizer.target.decode([best.tokens for _, best in parts])
        language = self.config.data.target_language
        texts = [
            finished(each, language, in_capitals=place.in_capitals, goes_on=place.goes_on)
            for each, (place, _) in zip(texts, parts, strict=True)
        ]
        score = sum(best.score for _, best in parts) / len(parts)
        return Translation(text, join_sentences(texts, [place.space for place, _ in parts]), score)


def max_target_tokens(config: Config, decoding: DecodingConfig, source_tokens: int) -> int:
    """How many ids the translation of so many may have; neither counts the end."""
    limit = int(decoding.max_length_ratio * (source_tokens + 1)) + decoding.max_length_extra
    return min(limit, config.model.max_positions - 1) - 1


def best_hypothesis(
    found: Sequence[Sequence[int]], log_probs: Sequence[float], decoding: DecodingConfig
) -> Hypothesis:
    """Of the ids that another search has found, those that ours would rank first."""
    penalty = (decoding.length_penalty, decoding.length_normalization)
    hypotheses = [
        Hypothesis(tuple(ids), log_prob, log_prob / length_penalty(len(ids) + 1, *penalty))
        for ids, log_prob in zip(found, log_probs, strict=True)
    ]
    return max(hypotheses, key=lambda hypothesis: hypothesis.score)


def _import_ctranslate2() -> Any:
    try:
        import ctranslate2
    except ImportError:
        raise MissingLibraryError("ctranslate2 is not installed", "export") from None
    return ctranslate2
