"""How long did it work? A clock that stands still while its process does."""

import threading
import time
from types import TracebackType

_BEAT = 0.2  # seconds between two looks at the time
_LONGEST_GAP = 1.0  # seconds: if more lie between two looks, the process was stopped


class WorkClock:
    """Seconds in which this process ran, and those that it begins with, as long as the block lasts.

    A process may be stopped (SIGSTOP, Ctrl-Z, a suspended laptop), which no system tells it. A
    thread looks at the time every fifth of a second; a longer gap than a second counts as one.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="clock", daemon=True)
        self._seconds = seconds
        self._looked = time.perf_counter()

    def __call__(self) -> float:
        """The seconds so far."""
        with self._lock:
            now = time.perf_counter()
            self._seconds += min(now - self._looked, _LONGEST_GAP)
            self._looked = now
            return self._seconds

    def _beat(self) -> None:
        while not self._over.wait(_BEAT):
            self()

    def __enter__(self) -> "WorkClock":
        self()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
