"""How does a trained model compute fast? The same mathematics as `model`, one position at a time.

`engine` encodes and decodes, with `layers` that are laid out for fast products and a `past` that
keeps what need not be computed again; `searches` drives many searches with one step of the model.
"""

from translator.inference.engine import Engine
from translator.inference.past import Past
from translator.inference.searches import ModelStepper, SearchJob, run_searches, stream_search
from translator.inference.sources import batches_of_like_length, padded_sources

__all__ = [
    "Engine",
    "ModelStepper",
    "Past",
    "SearchJob",
    "batches_of_like_length",
    "padded_sources",
    "run_searches",
    "stream_search",
]
