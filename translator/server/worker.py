"""Who uses the model? One thread, which translates together what waits.

While a batch is translated the next requests gather; the busier the server, the larger its
batches. The engine computes each sentence as if it were alone, so nobody sees who else asked.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from translator.config import DecodingConfig
from translator.server.live import Event, live_events
from translator.server.metrics import Metrics
from translator.translation import Translation, Translator

_CHARACTERS_AT_ONCE = 10_000  # of the texts that are translated together; a request is never split


class BusyError(Exception):
    """There is too much to do, as its message says: come back later."""


@dataclass
class _Job:
    """Texts to translate, and where their translations go."""

    texts: list[str]
    decoding: DecodingConfig
    future: "Future[list[Translation]]" = field(default_factory=Future)


@dataclass
class WatchedJob:
    """A text whose translation is watched while it is written."""

    text: str
    decoding: DecodingConfig
    put: Callable[[Event], Any]
    future: "Future[None]" = field(default_factory=Future)
    left: bool = False  # nobody watches any more


class Worker:
    """A translator behind a bounded queue. All methods may be called from any thread."""

    def __init__(self, translator: Translator, metrics: Metrics, max_waiting: int) -> None:
        self._translator = translator
        self._metrics = metrics
        self._max_waiting = max_waiting
        self._jobs: deque[_Job | WatchedJob] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="translator", daemon=True)
        metrics.waiting.set_function(lambda: len(self._jobs))

    def start(self) -> None:
        """Begin to translate."""
        self._thread.start()

    def close(self) -> None:
        """Translate what waits, then end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def translate(self, texts: list[str], decoding: DecodingConfig) -> "Future[list[Translation]]":
        """Translate texts as soon as possible; who cancels the future takes them back.

        BusyError when too many requests wait.
        """
        job = _Job(texts, decoding)
        self._add(job)
        return job.future

    def watch(self, text: str, decoding: DecodingConfig, put: Callable[[Event], Any]) -> WatchedJob:
        """Translate a text and put each event of it, from the worker's thread.

        The future of the job is done after the last event. BusyError when too many wait.
        """
        job = WatchedJob(text, decoding, put)
        self._add(job)
        return job

    def _add(self, job: _Job | WatchedJob) -> None:
        with self._changed:
            if self._closing:
                raise BusyError("the server is about to end")
            if len(self._jobs) >= self._max_waiting:
                raise BusyError("too many requests are waiting")
            self._jobs.append(job)
            self._changed.notify()

    def _run(self) -> None:
        while jobs := self._next_jobs():
            match jobs[0]:
                case _Job():
                    self._translate([job for job in jobs if isinstance(job, _Job)])
                case WatchedJob() as job:
                    self._show(job)

    def _next_jobs(self) -> list[_Job | WatchedJob]:
        """The oldest job and those that can be translated with it; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closing)
            if not self._jobs:
                return []
            first = self._jobs.popleft()
            if isinstance(first, WatchedJob):
                return [first]
            chosen: list[_Job | WatchedJob] = [first]
            left: deque[_Job | WatchedJob] = deque()
            room = _CHARACTERS_AT_ONCE - sum(map(len, first.texts))
            for job in self._jobs:
                size = sum(map(len, job.texts)) if isinstance(job, _Job) else room
                if isinstance(job, _Job) and job.decoding == first.decoding and size < room:
                    chosen.append(job)
                    room -= size
                else:
                    left.append(job)
            self._jobs = left
            return chosen

    def _translate(self, jobs: list[_Job]) -> None:
        wanted = [job for job in jobs if job.future.set_running_or_notify_cancel()]
        texts = [text for job in wanted for text in job.texts]
        if not wanted:
            return
        self._metrics.batch_texts.observe(len(texts))
        try:
            found = iter(self._translator.translate(texts, wanted[0].decoding))
        except Exception as error:
            for job in wanted:
                job.future.set_exception(error)
            return
        for job in wanted:
            job.future.set_result([next(found) for _ in job.texts])

    def _show(self, job: WatchedJob) -> None:
        if not job.future.set_running_or_notify_cancel():
            return
        try:
            for event in live_events(self._translator, job.text, job.decoding):
                if job.left:
                    break
                job.put(event)
        except Exception as error:
            job.future.set_exception(error)
        else:
            job.future.set_result(None)
