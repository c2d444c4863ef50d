"""What several test files share: one thread, repeatable examples, and a really trained tiny run."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: the tests share their machine

import functools
import gc
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.main
import typer.testing
from hypothesis import HealthCheck, settings

import translator  # noqa: F401 - before torch: it says how long threads wait for work awake

if TYPE_CHECKING:  # the process that gives pytest-xdist's workers their tests needs no torch
    from translator.data import SentencePair
    from translator.runs import RunDirectory

gc.disable()  # until all tests are collected: what is imported by then stays

for variable in ("TRANSLATOR_RUN", "TRANSLATOR_API_KEY", "RANK", "WORLD_SIZE", "LOCAL_RANK"):
    os.environ.pop(variable, None)  # what stands in a developer's shell is no part of a test

# No test reads the test sets that whoever runs it has downloaded, or adds to them. The workers of
# pytest-xdist share one place, as they share the server of commands.
if "PYTEST_XDIST_WORKER" not in os.environ:
    _CACHE = tempfile.TemporaryDirectory(prefix="sacrebleu-")
    os.environ["SACREBLEU"] = _CACHE.name

# A shell ignores Ctrl-C for what it starts in the background, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# All commands with their options, from their signatures: 20 ms for each of hundreds of tests.
typer.testing._get_command = functools.cache(typer.main.get_command)  # type: ignore[attr-defined]

settings.register_profile(
    "translator",
    max_examples=50,
    deadline=None,  # a busy machine is no defect
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.register_profile("fast", settings.get_profile("translator"), max_examples=10)
settings.load_profile("translator")


_HEAVY_FIXTURES = {"trained_run", "both_ways", "imported", "chromium", "built"}


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: tests of servers, locks and kills wait now and then."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) + 1
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what trains, or waits for a trained run, a browser or a wheel."""
    for item in items:
        if _HEAVY_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("heavy")


def pytest_collection_finish() -> None:
    """From here on no collection of garbage looks at the modules and the tests themselves."""
    gc.freeze()
    gc.enable()


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Two threads share each computation, as on a user's machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> "RunDirectory":
    """A run that has learned to replace each word by another; its path is absolute."""
    from tests.helpers import draw_cipher_pairs, made_once, tiny_config
    from translator.runs import RunDirectory
    from translator.training import train

    def make(directory: Path) -> None:
        corpus = directory / "cipher.en-es.tsv"
        lines = [f"{pair.source}\t{pair.target}\n" for pair in draw_cipher_pairs()]
        corpus.write_text("".join(lines), encoding="utf-8", newline="\n")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(directory)  # runs go to ./runs
            for _ in train(tiny_config(corpus)):
                pass

    return RunDirectory(made_once(tmp_path_factory, "trained", make) / "runs" / "tiny")


@pytest.fixture(scope="session")
def cipher_pairs() -> "list[SentencePair]":
    """The pairs that `trained_run` was trained on, its held-out ones included."""
    from tests.helpers import draw_cipher_pairs

    return list(draw_cipher_pairs())


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
