"""Who uses the model? One thread, which translates together what waits.

While a batch is translated the next requests gather; the busier the server, the larger its
batches, up to a share of the time that a request may take. Long requests stand in a line of their
own, and a text that is watched is translated by itself: these take turns with the short ones, which
do not wait for their end. What looked short but is not goes on among the long ones. The engine
computes each sentence as if it were alone, so nobody sees who else asked.

Who cancels the future of a job takes it back: it leaves the queue at once, or the batch under way
at the next step of the search. A job that could not be done in time is refused when it comes.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
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
_LEAST_TURN = 0.25  # seconds of a batch while others wait; as much as the short ones have taken
_MOST_BEGUN = 4  # batches of a line that take turns: each needs memory
_WAITING_SHARE = 0.75  # of request_seconds: how much may be accepted; estimates are not exact


class BusyError(Exception):
    """There is too much to do, as its message says: come back in `retry_seconds`, or with less."""

    def __init__(self, message: str, retry_seconds: int | None = None) -> None:
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


@dataclass(eq=False)
class _JobBatch(Generic[_Job]):
    """Jobs that are done together, step by step; the steps return a result for each."""

    jobs: list[_Job]
    steps: Generator[None, None, Sequence[Any]]
    is_full: bool  # there was no room for more
    spent: float = 0.0  # seconds, before the present turn
    turn_began: float | None = None

    @property
    def work(self) -> int:
        """What somebody still waits for."""
        return sum(job.work for job in self.jobs if not job.future.cancelled())

    @property
    def seconds_spent(self) -> float:
        """How long it has been worked on."""
        now = time.perf_counter()
        return self.spent + (now - self.turn_began if self.turn_began is not None else 0.0)

    def begin_turn(self) -> None:
        """From now on the time counts."""
        self.turn_began = time.perf_counter()

    def end_turn(self) -> None:
        """It does no longer."""
        self.spent, self.turn_began = self.seconds_spent, None


class _Line(Generic[_Job]):
    """Jobs of one kind, oldest first; those under way; and how long such jobs take."""

    def __init__(self) -> None:
        self.waiting: deque[_Job] = deque()
        self.begun: deque[_JobBatch[_Job]] = deque()  # the first has its turns, then the next
        self.pace = Pace()

    @property
    def is_busy(self) -> bool:
        """Whether something is under way that somebody waits for."""
        return any(not job.future.cancelled() for batch in self.begun for job in batch.jobs)

    @property
    def has_work(self) -> bool:
        """Whether something is under way or waits."""
        return bool(self.begun or self.waiting)

    def seconds_to_do(self, more_work: int = 0) -> float:
        """The estimate for what is under way, what waits, and more."""
        pace = self.pace.seconds_per_unit
        begun = sum(max(0.0, pace * each.work - each.seconds_spent) for each in self.begun)
        return begun + pace * (sum(job.work for job in self.waiting) + more_work)

    def finish(self, batch: _JobBatch[_Job]) -> None:
        """A batch is done or cancelled: learn how long it took."""
        begun = sum(job.work for job in batch.jobs)
        self.pace.observe(batch.seconds_spent, begun=begun, done=batch.work, full=batch.is_full)
        self.begun.remove(batch)


class Worker:
    """Translators behind a bounded queue. All methods may be called from any thread."""

    def __init__(self, translator: Translator, metrics: Metrics, settings: ServerSettings) -> None:
        """Serve a translator; each job may have another one."""
        self._translator = translator
        self._metrics = metrics
        self._max_waiting = settings.max_waiting
        self._batch_seconds = _BATCH_SHARE * settings.request_seconds
        self._most_seconds = _WAITING_SHARE * settings.request_seconds
        self._short = _Line[_TextsJob]()
        self._long: _Line[Any] = _Line()  # of texts
        self._watched = _Line[WatchedJob]()
        self._lines: tuple[_Line[Any], ...] = (self._short, self._long, self._watched)
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
        self._add(job, self._short if work <= _LEAST_BATCH else self._long)
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
        self._add(job, self._watched)
        return job.future

    def seconds_to_do(self) -> float:
        """The estimate for all that has been accepted."""
        with self._changed:
            return sum(line.seconds_to_do() for line in self._lines)

    def retry_seconds(self) -> int:
        """When to come back: there is room once half of what has been accepted is done."""
        return max(1, math.ceil(self.seconds_to_do() / 2))

    # --- accepted or refused ----------------------------------------------------------------------

    def _add(self, job: _Job, line: _Line[_Job]) -> None:
        with self._changed:
            others = [each.seconds_to_do() for each in self._lines if each is not line]
            refusal = self._refusal(line.seconds_to_do(job.work), others)
            if refusal:
                self._metrics.refused.inc()
                raise BusyError(refusal, self.retry_seconds())
            line.waiting.append(job)
            self._changed.notify()
        job.future.add_done_callback(partial(self._take_back, job, line))

    def _refusal(self, seconds: float, seconds_of_others: Sequence[float]) -> str | None:
        """Why a job is not accepted that would be done after `seconds` of its own line.

        As long as there are others, the lines take turns.
        """
        if self._closing:
            return "the server is about to end"
        if self._waiting() >= self._max_waiting:
            return "too many requests are waiting"
        busy = any(line.waiting or line.is_busy for line in self._lines)
        meanwhile = sum(min(seconds, others) for others in seconds_of_others)
        if busy and seconds + meanwhile > self._most_seconds:
            return "too much is waiting for an answer in time"
        return None

    def _take_back(self, job: _Job, line: _Line[_Job], future: "Future[Any]") -> None:
        if future.cancelled():
            self._metrics.cancelled.inc()
            with self._changed:
                if job in line.waiting:
                    line.waiting.remove(job)

    def _waiting(self) -> int:
        return sum(len(line.waiting) for line in self._lines)

    # --- the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._has_work():
            began = time.perf_counter()
            while self._take_turn(self._short, self._begin_texts, _LEAST_TURN):
                pass  # it was longer than it looked: the next one first
            seconds = max(_LEAST_TURN, time.perf_counter() - began)
            self._take_turn(self._long, self._begin_texts, seconds)
            self._take_turn(self._watched, self._begin_watched, seconds)

    def _has_work(self) -> bool:
        """Wait for a job; False at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or any(e.has_work for e in self._lines))
            return any(line.has_work for line in self._lines)

    def _take_turn(
        self,
        line: _Line[_Job],
        begin: Callable[[_Line[_Job]], "_JobBatch[_Job] | None"],
        seconds: float,
    ) -> bool:
        """Let a batch of a line have its turn of some seconds, or of more while nobody else waits.

        Returns whether its turn was over before it was done. What goes wrong is said to those whose
        jobs are in the batch.
        """
        with self._changed:
            batch = self._next_batch(line, begin)
            if batch is None:
                return False
            batch.begin_turn()
        ends = time.perf_counter() + seconds
        results: Sequence[Any] | None = None
        try:
            while time.perf_counter() < ends or not self._others_wait(line, batch):
                next(batch.steps)
        except StopIteration as end:
            results = end.value
        except Exception as error:
            log.exception("a translation failed")
            with self._changed:
                line.begun.remove(batch)
            for job in batch.jobs:
                if job.future.set_running_or_notify_cancel():
                    job.future.set_exception(error)
            return False
        with self._changed:
            if results is None:
                batch.end_turn()
                if line is self._short:  # it is as much work as long ones
                    line.begun.remove(batch)
                    self._long.begun.append(batch)
                elif self._is_slow(batch):
                    line.begun.rotate(-1)
                return True
            line.finish(batch)
        for job, result in zip(batch.jobs, results, strict=True):
            if job.future.set_running_or_notify_cancel():
                job.future.set_result(result)
        return False

    def _next_batch(
        self, line: _Line[_Job], begin: Callable[[_Line[_Job]], "_JobBatch[_Job] | None"]
    ) -> "_JobBatch[_Job] | None":
        """The batch whose turn it is: a new one where none is begun, or only slow ones are."""
        batch = None
        if len(line.begun) < _MOST_BEGUN and all(map(self._is_slow, line.begun)):
            batch = begin(line)
        if batch:
            line.begun.appendleft(batch)
        return line.begun[0] if line.begun else None

    def _is_slow(self, batch: _JobBatch[Any]) -> bool:
        """Whether it has taken longer than a batch should."""
        return batch.seconds_spent > self._batch_seconds

    def _others_wait(self, line: _Line[Any], batch: _JobBatch[Any]) -> bool:
        """Whether a batch is to stop for others, once its turn is over.

        One of short jobs stops only if it goes on among the long ones: if there are not too many,
        and if it is not as large as those of a busy server.
        """
        if line is self._short and (batch.is_full or len(self._long.begun) >= _MOST_BEGUN):
            return False
        if any(each.begun or each.waiting for each in self._lines if each is not line):
            return True
        if line is self._short:
            return bool(line.waiting)
        return self._is_slow(batch) and bool(line.waiting or len(line.begun) > 1)

    def _begin_texts(self, line: _Line[_TextsJob]) -> _JobBatch[_TextsJob] | None:
        """Begin the oldest job and those that can be translated with it in a batch's time."""
        pace, is_full = line.pace.seconds_per_unit, False
        room = max(_LEAST_BATCH, self._batch_seconds / pace if pace else 0.0)
        jobs: list[_TextsJob] = []
        left: deque[_TextsJob] = deque()
        for job in line.waiting:
            first = jobs[0] if jobs else job
            if not job.goes_with(first):
                left.append(job)
            elif job is first or job.work <= room:
                jobs.append(job)
                room -= job.work
            else:
                left.append(job)
                is_full = True
        line.waiting = left
        return _JobBatch(jobs, self._steps_of_texts(jobs), is_full) if jobs else None

    def _steps_of_texts(
        self, jobs: list[_TextsJob]
    ) -> Generator[None, None, list[list[Translation]]]:
        owners = [job for job in jobs for _ in job.texts]
        self._metrics.batch_texts.observe(len(owners))
        found = iter(
            (
                yield from jobs[0].translator.steps_of_translating(
                    [text for job in jobs for text in job.texts],
                    jobs[0].decoding,
                    glossary=jobs[0].glossary,
                    wanted=lambda text: not owners[text].future.cancelled(),
                )
            )
        )
        return [[next(found) for _ in job.texts] for job in jobs]

    def _begin_watched(self, line: _Line[WatchedJob]) -> _JobBatch[WatchedJob] | None:
        if not line.waiting:
            return None
        job = line.waiting.popleft()
        return _JobBatch([job], _steps_of_watching(job), is_full=True)


def _steps_of_watching(job: WatchedJob) -> Generator[None, None, list[None]]:
    """Put each event, until the last or until nobody waits for more."""
    while not job.future.cancelled() and (event := next(job.events, None)):
        job.put(event)
        yield
    job.events.close()
    return [None]
