"""How alike do the two sides of a pair mean? The cosine of their embeddings, to clean by."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from translator.data import Similarity
from translator.documents import fingerprint_of
from translator.errors import ConfigError, RunError
from translator.progress import activity
from translator.runs import RunDirectory


def similarity_of(run: str) -> Similarity:
    """The cosines of pairs of texts by a run; ConfigError, which names the key, if it fails."""
    with _named_by_key(), activity("loading torch"):  # which only this needs
        from translator.embedding import Embedder

        embedder = Embedder.from_run(run)

    def similarity(sources: Sequence[str], targets: Sequence[str]) -> npt.NDArray[np.float32]:
        products = embedder.embed(sources) * embedder.embed(targets)
        return np.asarray(products.sum(1, np.float64), np.float32)

    return similarity


def similarity_fingerprint(run: str) -> str:
    """A hash that changes with whatever changes the cosines of `similarity_of`."""
    with _named_by_key():
        directory = RunDirectory.named(run)
        directory.check_model()
    return fingerprint_of(*directory.files)


@contextmanager
def _named_by_key() -> Iterator[None]:
    try:
        yield
    except RunError as error:
        raise ConfigError(f"data.cleaning.similarity_run: {error.message}", error.hint) from None
