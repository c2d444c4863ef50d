"""How does a model of others become a run? It is read, renamed, and compared with what it was.

MarianMT checkpoints of Hugging Face transformers, such as the Helsinki-NLP/opus-mt ones: a file for
each step on their way.
"""

from translator.importing.checkpoint import MarianCheckpoint, load_checkpoint
from translator.importing.marian import import_checkpoint
from translator.importing.pieces import joint_model
from translator.importing.proof import Proof, prove

__all__ = [
    "MarianCheckpoint",
    "Proof",
    "import_checkpoint",
    "joint_model",
    "load_checkpoint",
    "prove",
]
