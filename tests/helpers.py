"""What tests of several rooms use: a cipher to learn, a tiny configuration, ways to end things."""

import io
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import settings

from translator.config import Config
from translator.data import SentencePair
from translator.documents import Format, Settings, blocks, read_document, translate_block
from translator.model import Seq2SeqTransformer, Transformer
from translator.runs import RunDirectory

ROOT = Path(__file__).parents[1]  # of the repository
CIPHER = {
    "ana": "oto", "bebe": "tita", "nina": "rosa", "banana": "mimi", "baba": "sol",
    "ene": "mar", "benne": "lila", "anne": "ramo", "nabe": "sisi", "abba": "tor",
}  # fmt: skip


def encoder_decoder(model: Transformer) -> Seq2SeqTransformer:
    """A model that is known to have both halves."""
    assert isinstance(model, Seq2SeqTransformer)
    return model


def tiny_config(corpus: Path) -> Config:
    return Config.model_validate(
        {
            "name": "tiny",
            "device": "cpu",
            "precision": "float32",
            "data": {
                "train": {"path": str(corpus)},
                "held_out_pairs": 20,
                "max_tokens_per_sentence": 40,
            },
            "tokenizer": {"vocabulary_size": 300},
            "model": {
                "d_model": 32,
                "num_heads": 2,
                "d_ff": 64,
                "encoder_layers": 1,
                "decoder_layers": 1,
                "dropout": 0.0,
                "max_positions": 64,
            },
            "training": {
                "max_steps": 320,
                "tokens_per_batch": 512,
                "learning_rate": 0.01,
                "warmup_steps": 30,
                "validate_every_steps": 320,
                "checkpoint_every_steps": 320,
            },
        }
    )


def draw_cipher_pairs() -> Iterator[SentencePair]:
    """Pairs in which each word of the source has become its other in the cipher."""
    draw = random.Random(1)
    for _ in range(300):
        words = draw.choices(list(CIPHER), k=draw.randint(2, 5))
        yield SentencePair(" ".join(words), " ".join(CIPHER[word] for word in words))


def examples(number: int) -> settings:
    """How many examples a property is tried on; of these, `make fast` tries a tenth."""
    return settings(max_examples=max(1, number * settings().max_examples // 100))


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A directory that one worker of pytest-xdist fills, and of which each worker has a copy."""
    workers = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        workers = workers.parent
    made, done = workers / name, workers / f"{name}.done"
    with FileLock(workers / f"{name}.lock"):
        if not done.exists():
            made.mkdir()
            make(made)
            done.touch()
    return Path(shutil.copytree(made, factory.mktemp(name), dirs_exist_ok=True))


@contextmanager
def full_disk(bytes_left: int) -> Iterator[None]:
    """A limit of the system on the size of files: a write beyond it fails, as on a full disk."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextmanager
def ended(process: "subprocess.Popen[Any]") -> "Iterator[subprocess.Popen[Any]]":
    """A process that is gone after the block, with all that it has started, however it ends.

    The workers of torchrun have sessions of their own: killed alone, it would leave them behind.
    """
    try:
        with process:
            try:
                yield process
            finally:
                for pid in _family(process.pid) if process.poll() is None else []:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"it hangs: {error.stderr or error.stdout!r}") from None


def _family(pid: int) -> list[int]:
    """A process and those that descend from it; where there is no /proc, it alone."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    with suppress(OSError):
        found = map(int, children.read_text(encoding="ascii").split())
        return [pid, *(each for child in found for each in _family(child))]
    return [pid]


def all_of(browser: Any, selector: str) -> list[Any]:
    return list(browser.find_elements("css selector", selector))


def one(browser: Any, selector: str) -> Any:
    return browser.find_element("css selector", selector)


def translated_document(
    content: str | bytes,
    file_format: str,
    translate: Any,
    languages: tuple[str, str] = ("en", "es"),
) -> bytes:
    """A document with its texts translated, in small blocks."""
    data = content.encode() if isinstance(content, str) else content
    document = read_document(io.BytesIO(data), Settings(Format(file_format), languages))
    parts = [translate_block(block, translate) for block in blocks(document.segments, 3)]
    result = b"".join(map(document.encode, parts))
    return document.pack(result) if document.pack else result


def half_forgotten(run: RunDirectory, path: Path) -> RunDirectory:
    """A copy of a run, with weights of which any training makes better ones."""
    copied = RunDirectory(Path(shutil.copytree(run.path, path)))
    tokenizer = copied.read_tokenizer()
    weights = copied.read_model(tokenizer)
    copied.write_model({name: 0.8 * each for name, each in weights.items()}, tokenizer)
    return copied
