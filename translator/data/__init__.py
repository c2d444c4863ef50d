"""What is a batch? Files → pairs → cleaned, encoded examples → token-budget batches."""

from translator.data.batches import Batch, BatchStream, all_batches, pack_rows
from translator.data.cleaning import Cleaner, Verdicts
from translator.data.examples import Corpus, Counts, Example, bare_text, encode_pairs, set_aside
from translator.data.readers import SentencePair, read_lines, read_pairs

__all__ = [
    "Batch",
    "BatchStream",
    "Cleaner",
    "Corpus",
    "Counts",
    "Example",
    "SentencePair",
    "Verdicts",
    "all_batches",
    "bare_text",
    "encode_pairs",
    "pack_rows",
    "read_lines",
    "read_pairs",
    "set_aside",
]
