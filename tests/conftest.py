"""What several test files share: one thread, repeatable examples, and a really trained tiny run."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: the tests share their machine

import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from translator.config import Config
from translator.data import SentencePair
from translator.runs import RunDirectory

for variable in ("TRANSLATOR_RUN", "TRANSLATOR_API_KEY", "RANK", "WORLD_SIZE", "LOCAL_RANK"):
    os.environ.pop(variable, None)  # what stands in a developer's shell is no part of a test

# A shell ignores Ctrl-C for what it starts in the background, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "translator",
    deadline=None,  # a busy machine is no defect
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.load_profile("translator")

CIPHER = {
    "ana": "oto", "bebe": "tita", "nina": "rosa", "banana": "mimi", "baba": "sol",
    "ene": "mar", "benne": "lila", "anne": "ramo", "nabe": "sisi", "abba": "tor",
}  # fmt: skip


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Two threads share each computation, as on a user's machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run that has learned to replace each word by another; its path is absolute."""
    from translator.training import train

    directory = tmp_path_factory.mktemp("trained")
    corpus = directory / "cipher.en-es.tsv"
    lines = [f"{pair.source}\t{pair.target}\n" for pair in _cipher_pairs()]
    corpus.write_text("".join(lines), encoding="utf-8", newline="\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)  # runs go to ./runs
        for _ in train(tiny_config(corpus)):
            pass
    return RunDirectory(directory / "runs" / "tiny")


@pytest.fixture(scope="session")
def cipher_pairs() -> list[SentencePair]:
    """The pairs that `trained_run` was trained on, its held-out ones included."""
    return list(_cipher_pairs())


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


def _cipher_pairs() -> Iterator[SentencePair]:
    draw = random.Random(1)
    for _ in range(300):
        words = draw.choices(list(CIPHER), k=draw.randint(2, 5))
        yield SentencePair(" ".join(words), " ".join(CIPHER[word] for word in words))


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
        raise AssertionError(f"it hangs: {error.stderr or error.stdout}") from None


def _family(pid: int) -> list[int]:
    """A process and those that descend from it; where there is no /proc, it alone."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    with suppress(OSError):
        found = map(int, children.read_text(encoding="ascii").split())
        return [pid, *(each for child in found for each in _family(child))]
    return [pid]


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium without a window; it records what it fetches and what goes wrong."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("Chromium and its driver are not installed")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = program
    flags = "headless no-sandbox disable-gpu no-first-run disable-background-networking "
    flags += "disable-component-update disable-sync disable-dev-shm-usage window-size=1000,900"
    for flag in flags.split():
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    window = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield window
    window.quit()


@pytest.fixture
def browser(chromium: Any) -> Any:
    """The one Chromium of the session, showing nothing, its records empty."""
    chromium.get("about:blank")
    for kind in ("performance", "browser"):
        chromium.get_log(kind)  # of its own first page, or of an earlier test
    return chromium


def all_of(browser: Any, selector: str) -> list[Any]:
    return list(browser.find_elements("css selector", selector))


def one(browser: Any, selector: str) -> Any:
    return browser.find_element("css selector", selector)
