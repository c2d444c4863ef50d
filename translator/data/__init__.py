"""What is a batch? Files → pairs → cleaned, encoded examples → token-budget batches."""

from translator.data.augmentation import Augmenter
from translator.data.batches import Batch, BatchStream, all_batches
from translator.data.cleaning import Cleaner, Verdicts
from translator.data.corpus import (
    Corpus,
    CorpusFiles,
    CorpusWriter,
    Example,
    Part,
    corpora_fingerprint,
    corpus_fingerprint,
)
from translator.data.examples import (
    Counts,
    bare_text,
    draw,
    encode_pairs,
    set_aside,
    shares_text,
)
from translator.data.fingerprints import FingerprintCollector, Fingerprints, fingerprints, occurring
from translator.data.packing import pack_rows
from translator.data.readers import SentencePair, read_lines, read_pairs
from translator.data.seeds import STREAMS, generator, stream_seed

__all__ = [
    "STREAMS",
    "Augmenter",
    "Batch",
    "BatchStream",
    "Cleaner",
    "Corpus",
    "CorpusFiles",
    "CorpusWriter",
    "Counts",
    "Example",
    "FingerprintCollector",
    "Fingerprints",
    "Part",
    "SentencePair",
    "Verdicts",
    "all_batches",
    "bare_text",
    "corpora_fingerprint",
    "corpus_fingerprint",
    "draw",
    "encode_pairs",
    "fingerprints",
    "generator",
    "occurring",
    "pack_rows",
    "read_lines",
    "read_pairs",
    "set_aside",
    "shares_text",
    "stream_seed",
]
