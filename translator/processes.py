"""Work that is spread over the cores: other processes do it, and the results are the same."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import redirect_stdout, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any, Generic, TypeVar

from translator.errors import RunError

_MOST = 8  # more would wait for the one that reads and writes
_ALONE = 1.0  # seconds of work before others are started, which takes them half a second

T = TypeVar("T")
R = TypeVar("R")


def spread(function: Callable[[T], R], items: Iterable[T]) -> Generator[R, None, None]:
    """Yield `function(item)` of each item, in their order: after a while a process on each core.

    The function must be pure; it, the items and the results must be such as `pickle` can send.
    Some items are taken before they are asked for. RunError when a process ends too early.
    """
    waiting = iter(items)
    most = min(_MOST, _cores())
    worked = 0.0
    for item in waiting:
        started = time.perf_counter()
        result = function(item)
        worked += time.perf_counter() - started
        yield result
        if worked > _ALONE and most > 1:
            yield from _by_processes(function, waiting, most)


def _cores() -> int:
    """The cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _by_processes(
    function: Callable[[T], R], items: Iterator[T], count: int
) -> Generator[R, None, None]:
    processes = [_Process(function) for _ in range(count)]
    idle: SimpleQueue[_Process[T, R]] = SimpleQueue()
    for process in processes:
        idle.put(process)

    def elsewhere(item: T) -> R:
        process = idle.get()
        try:
            return process(item)
        finally:
            idle.put(process)

    threads = ThreadPoolExecutor(count, thread_name_prefix="process")
    results: deque[Future[R]] = deque()
    try:
        for item in items:
            results.append(threads.submit(elsewhere, item))
            if len(results) > 2 * count:
                yield results.popleft().result()
        while results:
            yield results.popleft().result()
    finally:
        for process in processes:
            process.kill()
        threads.shutdown(cancel_futures=True)  # they hear that their processes have ended
        for process in processes:
            process.close()


class _Process(Generic[T, R]):
    """Another process, which does one function.

    It is a new interpreter. A fork would copy the locks of threads that do not exist in it, and
    what `multiprocessing` starts would import the user's script once more.
    """

    def __init__(self, function: Callable[[T], R]) -> None:
        path = os.pathsep.join(each or str(Path.cwd()) for each in sys.path)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        self._unsent: list[object] = [function]

    def __call__(self, item: T) -> R:
        items, results = self._process.stdin, self._process.stdout
        assert items is not None and results is not None, "both are pipes"
        try:
            for each in (*self._unsent, item):
                pickle.dump(each, items, pickle.HIGHEST_PROTOCOL)
            items.flush()
            self._unsent.clear()
            result: R = pickle.load(results)
        except (EOFError, OSError, pickle.UnpicklingError):
            status = self._process.wait()
            raise RunError(
                f"a process that this one had started ended too early, with status {status}",
                "What it printed says why; without a word it was killed, as by a system that has "
                "no memory left. Start again.",
            ) from None
        return result

    def kill(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()

    def close(self) -> None:
        """Close its pipes, once nobody uses them."""
        self._process.communicate()


def _serve() -> None:
    """Be such a process: take a function, then items, and answer with results."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that asks
    items, results = sys.stdin.buffer, sys.stdout.buffer
    function = _next(items)
    while True:
        item = _next(items)
        with redirect_stdout(sys.stderr):  # what a library prints is no result
            result = function(item)
        with suppress(BrokenPipeError):  # the next read says that the one that asks has ended
            pickle.dump(result, results, pickle.HIGHEST_PROTOCOL)
            results.flush()


def _next(stream: IO[bytes]) -> Any:
    """What is sent next; ends this process when the one that asks has ended."""
    try:
        return pickle.load(stream)
    except (EOFError, pickle.UnpicklingError):
        sys.exit()


if __name__ == "__main__":
    _serve()
