"""What is a batch? Files → pairs → cleaned, encoded examples → token-budget batches."""

import importlib
from typing import TYPE_CHECKING, Any

from translator.data.augmentation import Augmenter
from translator.data.cleaning import Cleaner, Similarity, Verdicts
from translator.data.codebook import Codebook, drawn_vocabulary, png
from translator.data.corpus import (
    Corpus,
    CorpusFiles,
    CorpusWriter,
    Example,
    Part,
    corpora_fingerprint,
    corpus_fingerprint,
)
from translator.data.counts import Counts
from translator.data.examples import encode_frames, encode_pairs, encode_pictures
from translator.data.fingerprints import (
    FingerprintCollector,
    Fingerprints,
    bare_text,
    fingerprints,
    occurring,
    shares_text,
    telling_sides,
)
from translator.data.objectives import Denoise, Masked, View, noise_of
from translator.data.packing import pack_rows
from translator.data.readers import (
    SentencePair,
    checksums,
    column_names,
    fetched,
    files_of,
    is_in_table,
    read_corpus,
    read_frames,
    read_lines,
    read_pairs,
    side_names,
    told_languages,
)
from translator.data.seeds import STREAMS, generator, stream_seed
from translator.data.splits import IMPORTED, Splits, draw, set_aside

if TYPE_CHECKING:
    from translator.data.batches import BatchStream, all_batches
    from translator.data.distortion import Distortion
    from translator.data.layouts import (
        Batch,
        DecoderOnlyLayout,
        EncoderDecoderLayout,
        EncoderOnlyLayout,
        Layout,
        Sequences,
        layout_of,
    )

__all__ = [
    "IMPORTED",
    "STREAMS",
    "Augmenter",
    "Batch",
    "BatchStream",
    "Cleaner",
    "Codebook",
    "Corpus",
    "CorpusFiles",
    "CorpusWriter",
    "Counts",
    "DecoderOnlyLayout",
    "Denoise",
    "Distortion",
    "EncoderDecoderLayout",
    "EncoderOnlyLayout",
    "Example",
    "FingerprintCollector",
    "Fingerprints",
    "Layout",
    "Masked",
    "Part",
    "SentencePair",
    "Sequences",
    "Similarity",
    "Splits",
    "Verdicts",
    "View",
    "all_batches",
    "bare_text",
    "checksums",
    "column_names",
    "corpora_fingerprint",
    "corpus_fingerprint",
    "draw",
    "drawn_vocabulary",
    "encode_frames",
    "encode_pairs",
    "encode_pictures",
    "fetched",
    "files_of",
    "fingerprints",
    "generator",
    "is_in_table",
    "layout_of",
    "noise_of",
    "occurring",
    "pack_rows",
    "png",
    "read_corpus",
    "read_frames",
    "read_lines",
    "read_pairs",
    "set_aside",
    "shares_text",
    "side_names",
    "stream_seed",
    "telling_sides",
    "told_languages",
]

_WITH_TORCH = ("layouts", "batches", "distortion")


def __getattr__(name: str) -> Any:
    """Import what needs torch on first use: a process that only encodes must not wait for it."""
    if name in __all__:
        for module in _WITH_TORCH:
            found = importlib.import_module(f"{__name__}.{module}")
            if hasattr(found, name):
                return getattr(found, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
