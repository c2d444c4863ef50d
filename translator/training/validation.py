"""How good is a model, while it learns? What the loop is handed to find out."""

import random
from dataclasses import dataclass
from typing import Protocol

import torch

from translator.config import Config
from translator.data import all_batches, layout_of, stream_seed
from translator.distributed import World
from translator.evaluation import score
from translator.evaluation.scores import sacrebleu_metric
from translator.model import Transformer
from translator.preparation import TrainingData
from translator.training.loss import loss_sum
from translator.translation import Translator

_METRICS = ("bleu", "chrf")
_SAMPLES = 3  # sentences that are shown


@dataclass(frozen=True)
class Validation:
    """Scores by name, all but the loss the better the higher; and some outputs to look at.

    `loss` is the cross-entropy in nats per target token, without label smoothing.
    """

    scores: dict[str, float]
    samples: tuple[tuple[str, str, str], ...]  # source, reference, hypothesis


class Validator(Protocol):
    """What the loop asks about its model."""

    def __call__(self, model: Transformer, tokens_per_batch: int) -> Validation:
        """Validate a model, which is left in evaluation mode. Every process calls it."""


class LossValidator:
    """The loss on the validation pairs, which every architecture and objective has."""

    def __init__(self, config: Config, data: TrainingData, world: World) -> None:
        self._config = config
        self._data = data
        self._world = world

    @torch.inference_mode()
    def __call__(self, model: Transformer, tokens_per_batch: int) -> Validation:
        """Validate a model; each process computes its share."""
        return Validation({"loss": self._loss(model.eval(), tokens_per_batch)}, ())

    def _loss(self, model: Transformer, tokens_per_batch: int) -> float:
        total = torch.zeros((), dtype=torch.float64)
        tokens = 0
        batches = all_batches(self._data.valid, tokens_per_batch, layout_of(self._config))
        for index, batch in enumerate(batches):
            tokens += batch.num_target_tokens
            if index % self._world.size == self._world.rank:
                total += loss_sum(model, batch).cpu().double()  # Apple's GPUs know no float64
        return sum(self._world.gather(float(total))) / tokens


class TranslationValidator(LossValidator):
    """The loss, and the scores of greedy translations of some of the validation pairs.

    Of several directions a score is the mean of theirs, and each has as many pairs.
    """

    def __init__(self, config: Config, data: TrainingData, world: World) -> None:
        super().__init__(config, data, world)
        draw = random.Random(stream_seed(config.seed, "validation pairs"))
        most = max(1, config.training.validation_pairs // len(data.valid_pairs))
        self._metrics = _metrics_of(config)
        self._pairs = [draw.sample(each, min(most, len(each))) for each in data.valid_pairs]

    @torch.inference_mode()
    def __call__(self, model: Transformer, tokens_per_batch: int) -> Validation:
        """Validate a model; each process computes its share."""
        loss = self._loss(model.eval(), tokens_per_batch)
        translator = Translator(self._config, self._data.tokenizer, model)
        found: list[list[float]] = []  # of each direction, by metric
        samples: list[tuple[str, str, str]] = []
        for each, pairs in zip(translator.directions, self._pairs, strict=True):
            texts = self._translate(each, [pair.source for pair in pairs])
            references = [pair.target for pair in pairs]
            language = each.config.data.target_language
            scores = score(texts, references, metrics=self._metrics, target_language=language)
            found.append([each.score for each in scores])
            shown = max(1, _SAMPLES // len(self._pairs))
            samples += [(*pair, text) for pair, text in zip(pairs[:shown], texts, strict=False)]
        means = (sum(each) / len(each) for each in zip(*found, strict=True))
        scores_by_name = dict(zip(self._metrics, means, strict=True))
        return Validation({"loss": loss, **scores_by_name}, tuple(samples))

    def _translate(self, translator: Translator, texts: list[str]) -> list[str]:
        greedy = self._config.decoding.greedy()
        share = translator.translate(texts[self._world.rank :: self._world.size], greedy)
        found = [""] * len(texts)
        for rank, translations in enumerate(self._world.gather([t.text for t in share])):
            found[rank :: self._world.size] = translations
        return found


def validator_of(config: Config, data: TrainingData, world: World) -> Validator:
    """What an objective asks about a model."""
    if not _has_texts(config):
        return LossValidator(config, data, world)
    return TranslationValidator(config, data, world)


def check_metrics(config: Config) -> None:
    """Raise what a metric of the validation would raise for want of a library, after an hour."""
    for name in _metrics_of(config) if _has_texts(config) else ():
        for pair in config.data.all_directions:
            sacrebleu_metric(name, pair.target)


def _metrics_of(config: Config) -> tuple[str, ...]:
    """Of the names of pictures and spoken words the exact ones too: BLEU has nothing to count."""
    return _METRICS if config.model.source == "text" else (*_METRICS, "exact")


def _has_texts(config: Config) -> bool:
    """Whether there are translations to look at."""
    return not config.learns_from_texts and config.model.target == "text"
