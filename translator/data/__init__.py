"""What is a batch? Files → pairs → cleaned, encoded examples → token-budget batches."""

from translator.data.batches import IGNORE_INDEX, Batch, BatchStream, collate, fixed_batches
from translator.data.examples import Corpus, Counts, Example, bare_text, encode_pairs, set_aside
from translator.data.readers import SentencePair, read_lines, read_pairs

__all__ = [
    "IGNORE_INDEX",
    "Batch",
    "BatchStream",
    "Corpus",
    "Counts",
    "Example",
    "SentencePair",
    "bare_text",
    "collate",
    "encode_pairs",
    "fixed_batches",
    "read_lines",
    "read_pairs",
    "set_aside",
]
