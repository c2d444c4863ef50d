"""What does a text mean, as a vector? Context-aware embeddings by the encoder of a trained run.

Shapes: N texts, B sentences, S length of the longest, D d_model.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from translator.config import Config
from translator.errors import RunError, check_texts
from translator.hardware import choose_device, keep_memory
from translator.inference import Engine, batches_of_like_length, padded_sources
from translator.runs import RunDirectory
from translator.text.parts import TextProcessor

Vectors = npt.NDArray[np.float32]

TEXTS_AT_ONCE = 4096  # of a stream: enough to make batches of like length


class Embedder:
    """The encoder of a trained run as a function from texts to vectors.

    Mean pooling: the mean of the encoder's last states at the tokens of a text, EOS left out. A
    text is cut into sentences, and these into what the model can see, as for translation; the mean
    is over the tokens of all. It is scaled to length 1 (L2), so that the product of two vectors is
    their cosine. A blank text has no tokens, and its vector is zero.

    On a CPU a text has the same vector, bit for bit, whatever texts are beside it.
    """

    def __init__(self, config: Config, engine: Engine, processor: TextProcessor) -> None:
        """Raises RunError for a model without an encoder."""
        if not engine.has_encoder:
            raise RunError(
                "embeddings are an encoder's, and the model of the run has none",
                "Name a run of another architecture.",
            )
        self.config = config
        self._engine = engine
        self._processor = processor

    @classmethod
    def from_run(
        cls,
        path: str | Path,
        device: str = "auto",
        precision: Literal["float32", "bfloat16"] | None = None,
    ) -> "Embedder":
        """Load the encoder of a run; RunError when the run is missing or damaged, or has none.

        The process keeps the memory that it frees from then on: see `hardware.keep_memory`.
        """
        config, tokenizer, model = RunDirectory(Path(path)).read_trained()
        keep_memory()
        model = model.to(choose_device(device)).eval()
        precision = precision or config.decoding.precision
        engine = Engine(model, getattr(torch, precision))
        return cls(config, engine, TextProcessor(config, tokenizer))

    @property
    def size(self) -> int:
        """The numbers of a vector, D."""
        return self.config.model.d_model

    def embed(self, texts: Sequence[str]) -> Vectors:
        """The vectors of texts, one for one and in order: float32 [N, D], each of length 1 or 0."""
        check_texts("embed", texts)
        decoding = self.config.decoding
        parts = self._processor.parts(texts, split=decoding.split_sentences)
        sums = np.zeros((len(parts), self.size))
        lengths = [len(part.ids) for part in parts]
        for batch in batches_of_like_length(lengths, decoding.tokens_per_batch):
            sums[batch] = self._sums([parts[i].ids for i in batch])
        vectors = np.zeros((len(texts), self.size))
        np.add.at(vectors, [part.text for part in parts], sums)
        return normalized(vectors)

    def stream(self, texts: Iterable[str]) -> Iterator[Vectors]:
        """The vectors of many texts, some thousands at a time: float32 [n, D], Σ n = N."""
        iterator = iter(texts)
        while chunk := list(itertools.islice(iterator, TEXTS_AT_ONCE)):
            yield self.embed(chunk)

    @torch.inference_mode()
    def _sums(self, sentences: Sequence[Sequence[int]]) -> npt.NDArray[np.float64]:
        """The sum of the states of each sentence: [B, D].

        NumPy adds the rows of a sentence one after the other, whatever is beside them.
        """
        source = padded_sources(sentences, self._engine.device)
        states = self._engine.states(source).states.cpu().numpy()  # [B, S, D]
        pairs = zip(states, map(len, sentences), strict=True)
        return np.stack([each[:length].sum(0, np.float64) for each, length in pairs])


def normalized(vectors: npt.NDArray[np.float64]) -> Vectors:
    """Vectors [N, D] scaled to length 1; those that are zero stay so."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths == 0.0, 1.0, lengths)).astype(np.float32)
