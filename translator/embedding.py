"""What does a text mean, as a vector? Context-aware embeddings by the encoder of a trained run.

Shapes: N texts, B sentences, S length of the longest, D d_model; n rows and C columns of a block.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from translator.config import Config
from translator.errors import DataError, RunError, check_texts
from translator.hardware import keep_memory
from translator.inference import Engine, batches_of_like_length
from translator.inputs import processor_of, source_of
from translator.model import Transformer
from translator.runs import RunDirectory
from translator.text.parts import TextPart, TextProcessor

Vectors = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float32]

TEXTS_AT_ONCE = 4096  # of a stream: enough to make batches of like length
ROWS_AT_ONCE = 1024  # vectors that are compared with a block of others


class Embedder:
    """The encoder of a trained run as a function from texts to vectors.

    Mean pooling: the mean of the encoder's last states at the tokens of a text, EOS left out. A
    text is cut into sentences, and these into what the model can see, as for translation; the mean
    is over the tokens of all. It is scaled to length 1 (L2), so that the product of two vectors is
    their cosine. A blank text has no tokens, and its vector is zero.

    A model of several directions reads every text, whatever its language, with the tag of the
    default direction: so texts of two languages differ in nothing but themselves. The state of
    the tag is left out.

    On a CPU a text has the same vector, bit for bit, whatever texts are beside it.
    """

    def __init__(
        self,
        config: Config,
        engine: Engine,
        processor: TextProcessor,
        read: npt.NDArray[np.float64] | None = None,
    ) -> None:
        """`read` is the matrix of `as_read`. Raises RunError for a model without an encoder."""
        if not engine.has_encoder:
            raise RunError(
                "embeddings are an encoder's, and the model of the run has none",
                "Name a run of another architecture.",
            )
        self.config = config
        self._engine = engine
        self._processor = processor
        self._read = read

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
        config, tokenizer, model = RunDirectory.named(path).read_trained(device)
        keep_memory()
        precision = precision or config.decoding.precision
        engine = Engine(model.eval(), getattr(torch, precision))
        return cls(config, engine, processor_of(config, tokenizer), what_is_read(model))

    @property
    def size(self) -> int:
        """The numbers of a vector, D."""
        return self.config.model.d_model

    def embed(self, texts: Sequence[str]) -> Vectors:
        """The vectors of texts, one for one and in order: float32 [N, D], each of length 1 or 0."""
        check_texts("embed", texts)
        vectors = np.empty((len(texts), self.size), np.float32)
        end = 0
        for block in self.stream(texts):
            begin, end = end, end + len(block)
            vectors[begin:end] = block
        return vectors

    def stream(self, texts: Iterable[str]) -> Iterator[Vectors]:
        """The vectors of many texts, some thousands at a time: float32 [n, D], Σ n = N."""
        iterator = iter(texts)
        while block := list(itertools.islice(iterator, TEXTS_AT_ONCE)):
            yield self._embed(block)

    def as_read(self, vectors: Vectors) -> Vectors:
        """Vectors of `embed` [N, D] as the decoder reads them: [N, L D], L layers; length 1 or 0.

        Cross-attention adds up the states times W_V W_O: the rest, such as which language a text
        is in, it does not take. Without a decoder the vectors stay as they are. For an embedder
        `from_run`.
        """
        return vectors if self._read is None else normalized(vectors @ self._read)

    def _embed(self, texts: Sequence[str]) -> Vectors:
        decoding = self.config.decoding
        parts = self._processor.parts(texts, split=decoding.split_sentences, keep=False)
        sums = np.zeros((len(parts), self.size))
        unread = next((part for part in parts if part.problem), None)
        if unread:
            raise DataError(unread.problem, "Leave it out, or mend it.")
        lengths = [part.source_tokens for part in parts]
        for batch in batches_of_like_length(lengths, decoding.tokens_per_batch):
            sums[batch] = self._sums([parts[i] for i in batch])
        vectors = np.zeros((len(texts), self.size))
        np.add.at(vectors, [part.text for part in parts], sums)
        return normalized(vectors)

    @torch.inference_mode()
    def _sums(self, parts: Sequence[TextPart]) -> npt.NDArray[np.float64]:
        """The sum of the states of each part: [B, D].

        NumPy adds the rows of a part one after the other, whatever is beside them.
        """
        memory = self._engine.states(source_of(parts, self._engine.device))
        lengths = memory.segments.sum(1) - int(parts[0].frames is None)  # less EOS
        pairs = zip(memory.states.cpu().numpy(), lengths.tolist(), strict=True)
        first = len(parts[0].tag)
        return np.stack([each[first:length].sum(0, np.float64) for each, length in pairs])


def what_is_read(model: Transformer) -> npt.NDArray[np.float64] | None:
    """W_V W_O of the cross-attention of all layers, side by side [D, L D]; None without one."""
    if model.encoder is None or model.decoder is None:
        return None
    attentions = [layer.cross_attention for layer in model.decoder.layers]
    products = [(each.out_proj.weight @ each.v_proj.weight).T for each in attentions]
    read: npt.NDArray[np.float64] = torch.cat(products, 1).detach().double().cpu().numpy()
    return read


# --- vectors and their neighbours -----------------------------------------------------------------


def normalized(vectors: npt.NDArray[np.floating]) -> Vectors:
    """Vectors [N, D] scaled to length 1; those that are zero stay so."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths == 0.0, 1.0, lengths)).astype(np.float32)


def cosines(left: Vectors, right: Vectors) -> Scores:
    """The cosines of vectors of length 1 [N, D] and [M, D]: [N, M]; -inf where one is zero.

    They are summed in float64 and rounded: which place a vector has in a block changes the last
    bits of a sum, and equal vectors must have equal cosines.
    """
    scores = (left.astype(np.float64) @ right.astype(np.float64).T).astype(np.float32)
    scores[~left.any(1)] = -np.inf
    scores[:, ~right.any(1)] = -np.inf
    return scores


class Nearest:
    """The k best candidates for each of N queries, of candidates that come in blocks.

    `scores` [N, k] fall along a row, and `indices` [N, k] say whose they are; of equal scores that
    of the earlier candidate stands first. Where candidates are missing there are -inf and -1.
    """

    def __init__(self, queries: int, k: int) -> None:
        self.scores = np.full((queries, k), -np.inf, np.float32)
        self.indices = np.full((queries, k), -1, np.int64)

    def add(self, rows: slice, first: int, scores: Scores) -> None:
        """Take scores [n, C] of the queries `rows` and the candidates `first` … `first` + C - 1.

        The blocks of a query come in the order of their candidates.
        """
        k = self.scores.shape[1]
        found, indices = _best(scores, k)
        indices[found > -np.inf] += first
        found = np.concatenate((self.scores[rows], found), axis=1)
        indices = np.concatenate((self.indices[rows], indices), axis=1)
        order = np.argsort(-found, axis=1, kind="stable")[:, :k]
        self.scores[rows] = np.take_along_axis(found, order, 1)
        self.indices[rows] = np.take_along_axis(indices, order, 1)


def _best(scores: Scores, k: int) -> tuple[Scores, npt.NDArray[np.int64]]:
    """The k highest scores of each row [n, C] and their places, of equal ones the first first.

    What is -inf is nowhere, at -1.
    """
    left, rows = scores.copy(), np.arange(len(scores))
    best = np.empty((len(left), min(k, left.shape[1])), np.float32)
    places = np.empty(best.shape, np.int64)
    for rank in range(best.shape[1]):
        place = left.argmax(1)
        best[:, rank], places[:, rank] = left[rows, place], place
        left[rows, place] = -np.inf
    places[best == -np.inf] = -1
    return best, places


def rows_of(vectors: Vectors) -> Iterator[slice]:
    """Slices of vectors, few enough that a block of their scores is some megabytes."""
    return (slice(i, i + ROWS_AT_ONCE) for i in range(0, len(vectors), ROWS_AT_ONCE))


def nearest_texts(
    embedder: Embedder, queries: Vectors, texts: Iterable[str], k: int
) -> tuple[Nearest, dict[int, str]]:
    """The k nearest of many texts for each query, and those texts by their index.

    Nothing else is kept of the texts, so there may be more of them than memory holds.
    """
    found = Nearest(len(queries), k)
    kept: dict[int, str] = {}
    numbered = enumerate(texts)
    while block := dict(itertools.islice(numbered, TEXTS_AT_ONCE)):
        vectors = embedder.embed(list(block.values()))
        for rows in rows_of(queries):
            found.add(rows, min(block), cosines(queries[rows], vectors))
        kept |= block
        kept = {index: kept[index] for index in np.unique(found.indices).tolist() if index >= 0}
    return found, kept
