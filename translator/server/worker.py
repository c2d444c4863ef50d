"""Who uses the model? One thread, which translates together what waits.

While a batch is translated the next requests gather; the busier the server, the larger its
batches, up to a share of the time that a request may take. A text that is watched is translated by
itself, in turns with the batches. The engine computes each sentence as if it were alone, so nobody
sees who else asked.

Who cancels the future of a job takes it back: it leaves the queue at once, or the batch under way
at the next step of the search. A job that could not be done in time is refused when it comes.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from translator.config import DecodingConfig
from translator.hypotheses import Translation
from translator.server.live import LiveEvent, live_events
from translator.server.metrics import Metrics
from translator.server.pace import Pace, work_of
from translator.server.settings import ServerSettings
from translator.text.glossary import Glossary
from translator.translation import Translator

log = logging.getLogger("translator.server")

_BATCH_SHARE = 0.1  # of request_seconds: how long a batch may take; a request is never split
_LEAST_BATCH = 5000  # work, as of 1,000 characters with a beam of five: less takes hardly less time
_WAITING_SHARE = 0.75  # of request_seconds: how much may be accepted; estimates are not exact


class BusyError(Exception):
    """There is too much to do, as its message says: come back in `retry_seconds`."""

    def __init__(self, message: str, retry_seconds: int) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


@dataclass(eq=False)
class _TextsJob:
    """Texts to translate, and where their translations go."""

    texts: list[str]
    decoding: DecodingConfig
    work: int
    translator: Translator
    glossary: Glossary | None = None
    future: "Future[list[Translation]]" = field(default_factory=Future)

    def goes_with(self, other: "_TextsJob") -> bool:
        """Whether both can be translated at once."""
        same = self.translator is other.translator and self.glossary is other.glossary
        return same and self.decoding == other.decoding


@dataclass(eq=False)
class WatchedJob:
    """A text whose translation is watched while it is written: what is seen, and who gets it."""

    events: Generator[LiveEvent, None, None]
    put: Callable[[LiveEvent], Any]
    work: int
    future: "Future[None]" = field(default_factory=Future)


_Job = TypeVar("_Job", _TextsJob, WatchedJob)


class _Line(Generic[_Job]):
    """Jobs of one kind, oldest first; those under way; and how long such jobs take."""

    def __init__(self) -> None:
        self.waiting: deque[_Job] = deque()
        self.under_way: list[_Job] = []
        self.pace = Pace()
        self._spent = 0.0  # seconds on what is under way, before the present turn
        self._turn_began: float | None = None

    def begin_turn(self) -> None:
        """From now on the time counts for what is under way."""
        self._turn_began = time.perf_counter()

    def end_turn(self) -> None:
        """It does no longer."""
        self._spent, self._turn_began = self.seconds_spent(), None

    def seconds_spent(self) -> float:
        """How long what is under way has been worked on."""
        now = time.perf_counter()
        return self._spent + (now - self._turn_began if self._turn_began is not None else 0.0)

    def is_busy(self) -> bool:
        """Whether something is under way that somebody waits for."""
        return not all(job.future.cancelled() for job in self.under_way)

    def seconds_to_do(self, more_work: int = 0) -> float:
        """The estimate for what is under way, what waits, and more."""
        pace = self.pace.seconds_per_unit
        begun = pace * sum(job.work for job in self.under_way if not job.future.cancelled())
        waiting = pace * (sum(job.work for job in self.waiting) + more_work)
        return max(0.0, begun - self.seconds_spent()) + waiting

    def finish(self, *, full: bool) -> None:
        """What was under way is done or cancelled: learn how long it took."""
        begun = sum(job.work for job in self.under_way)
        done = sum(job.work for job in self.under_way if not job.future.cancelled())
        self.pace.observe(self.seconds_spent(), begun=begun, done=done, full=full)
        self.clear()

    def clear(self) -> None:
        """Nothing is under way any more."""
        self.under_way = []
        self._spent, self._turn_began = 0.0, None


class Worker:
    """Translators behind a bounded queue. All methods may be called from any thread."""

    def __init__(self, translator: Translator, metrics: Metrics, settings: ServerSettings) -> None:
        """Serve a translator; each job may have another one."""
        self._translator = translator
        self._metrics = metrics
        self._max_waiting = settings.max_waiting
        self._batch_seconds = _BATCH_SHARE * settings.request_seconds
        self._most_seconds = _WAITING_SHARE * settings.request_seconds
        self._texts = _Line[_TextsJob]()
        self._watched = _Line[WatchedJob]()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="translator", daemon=True)
        metrics.waiting.set_function(self._waiting)
        metrics.wait_seconds.set_function(self.seconds_to_do)

    def start(self) -> None:
        """Begin to translate."""
        self._thread.start()

    def close(self) -> None:
        """Translate what waits, then end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def translate(
        self,
        texts: list[str],
        decoding: DecodingConfig,
        *,
        translator: Translator | None = None,
        glossary: Glossary | None = None,
    ) -> "Future[list[Translation]]":
        """Translate texts as soon as possible; who cancels the future takes them back.

        BusyError when too many requests wait, or it could not be done in time.
        """
        work = work_of(texts, decoding)
        job = _TextsJob(texts, decoding, work, translator or self._translator, glossary)
        self._add(job, self._texts, self._watched)
        return job.future

    def watch(
        self,
        text: str,
        decoding: DecodingConfig,
        put: Callable[[LiveEvent], Any],
        *,
        translator: Translator | None = None,
    ) -> "Future[None]":
        """Translate a text and put each event of it, from the worker's thread.

        The future is done after the last event. BusyError as of `translate`.
        """
        events = live_events(translator or self._translator, text, decoding)
        job = WatchedJob(events, put, work_of([text], decoding))
        self._add(job, self._watched, self._texts)
        return job.future

    def seconds_to_do(self) -> float:
        """The estimate for all that has been accepted."""
        with self._changed:
            return self._texts.seconds_to_do() + self._watched.seconds_to_do()

    def retry_seconds(self) -> int:
        """When to come back: there is room once half of what has been accepted is done."""
        return max(1, math.ceil(self.seconds_to_do() / 2))

    # --- accepted or refused ----------------------------------------------------------------------

    def _add(self, job: _Job, line: _Line[_Job], other: _Line[Any]) -> None:
        with self._changed:
            refusal = self._refusal(line.seconds_to_do(job.work), other.seconds_to_do())
            if refusal:
                self._metrics.refused.inc()
                raise BusyError(refusal, self.retry_seconds())
            line.waiting.append(job)
            self._changed.notify()
        job.future.add_done_callback(partial(self._take_back, job, line))

    def _refusal(self, seconds: float, seconds_of_others: float) -> str | None:
        """Why a job is not accepted that would be done after `seconds` of its own line.

        As long as there are others, the two lines take turns.
        """
        if self._closing:
            return "the server is about to end"
        if self._waiting() >= self._max_waiting:
            return "too many requests are waiting"
        busy = self._waiting() or self._texts.is_busy() or self._watched.is_busy()
        if busy and seconds + min(seconds, seconds_of_others) > self._most_seconds:
            return "too much is waiting for an answer in time"
        return None

    def _take_back(self, job: _Job, line: _Line[_Job], future: "Future[Any]") -> None:
        if future.cancelled():
            self._metrics.cancelled.inc()
            with self._changed:
                if job in line.waiting:
                    line.waiting.remove(job)

    def _waiting(self) -> int:
        return len(self._texts.waiting) + len(self._watched.waiting)

    # --- the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._has_work():
            self._take_turn(self._texts, self._translate)
            self._take_turn(self._watched, self._show)

    def _has_work(self) -> bool:
        """Wait for a job; False at the end."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._waiting() or self._watched.under_way or self._closing
            )
            return bool(self._waiting() or self._watched.under_way)

    def _take_turn(self, line: _Line[Any], work: Callable[[], None]) -> None:
        """Let a line have its turn; what goes wrong is said to those whose jobs are under way."""
        try:
            work()
        except Exception as error:
            log.exception("a translation failed")
            with self._changed:
                failed = line.under_way
                line.clear()
            for job in failed:
                if job.future.set_running_or_notify_cancel():
                    job.future.set_exception(error)

    def _translate(self) -> None:
        full = self._begin_batch()
        jobs = self._texts.under_way
        if not jobs:
            return
        owners = [job for job in jobs for _ in job.texts]
        self._metrics.batch_texts.observe(len(owners))
        found = iter(
            jobs[0].translator.translate(
                [text for job in jobs for text in job.texts],
                jobs[0].decoding,
                glossary=jobs[0].glossary,
                wanted=lambda text: not owners[text].future.cancelled(),
            )
        )
        results = [[next(found) for _ in job.texts] for job in jobs]
        with self._changed:
            self._texts.finish(full=full)
        for job, result in zip(jobs, results, strict=True):
            if job.future.set_running_or_notify_cancel():
                job.future.set_result(result)

    def _begin_batch(self) -> bool:
        """Take the oldest job and those that can be translated with it in a batch's time.

        Returns whether there was no room for more.
        """
        line, full = self._texts, False
        with self._changed:
            pace = line.pace.seconds_per_unit
            room = max(_LEAST_BATCH, self._batch_seconds / pace if pace else 0.0)
            left: deque[_TextsJob] = deque()
            for job in line.waiting:
                first = line.under_way[0] if line.under_way else job
                if not job.goes_with(first):
                    left.append(job)
                elif job is first or job.work <= room:
                    line.under_way.append(job)
                    room -= job.work
                else:
                    left.append(job)
                    full = True
            line.waiting = left
            if line.under_way:
                line.begin_turn()
        return full

    def _show(self) -> None:
        line = self._watched
        with self._changed:
            if not line.under_way and line.waiting:
                line.under_way.append(line.waiting.popleft())
            if not line.under_way:
                return
            [job] = line.under_way
            line.begin_turn()
        ends = time.perf_counter() + self._batch_seconds
        while not job.future.cancelled() and (event := next(job.events, None)):
            job.put(event)
            if self._texts.waiting and time.perf_counter() > ends:
                with self._changed:
                    line.end_turn()
                return
        job.events.close()
        with self._changed:
            line.finish(full=True)
        if job.future.set_running_or_notify_cancel():
            job.future.set_result(None)
