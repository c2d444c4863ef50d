"""Where does chance come from? One seed for all, and of it a stream of its own for each purpose."""

import hashlib
import json

import numpy as np

STREAMS = 1  # another number where the same seed gives other streams: checkpoints hold it


def stream_seed(seed: int, purpose: str, *numbers: int) -> int:
    """A seed of 64 bits for one purpose, such as the shuffle of epoch `numbers`.

    A hash keeps purposes apart: numpy would take [seed, 3] and [seed, 3, 0] for the same.
    """
    key = json.dumps([purpose, seed, *numbers]).encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")


def generator(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """The stream of a purpose."""
    return np.random.default_rng(stream_seed(seed, purpose, *numbers))
