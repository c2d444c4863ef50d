"""Searches that share the steps of one engine.

Shapes: B sentences, S source length, N hypotheses, V vocabulary.
"""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from translator.decoding import Ask, Search
from translator.hypotheses import Hypothesis
from translator.inference.engine import Engine
from translator.inference.past import Past
from translator.model import Transformer


class ModelStepper:
    """A model as the `Stepper` that a single search drives."""

    @torch.inference_mode()
    def __init__(self, model: Transformer | Engine, source: Tensor) -> None:
        """Read source ids [B, S] once."""
        self._engine = model if isinstance(model, Engine) else Engine(model)
        self._past = self._engine.read(source)

    @torch.inference_mode()
    def step(self, tokens: Tensor) -> Tensor:
        """Ids [N] → log-probabilities [N, V]."""
        return self._engine.step([tokens], [self._past])

    @torch.inference_mode()
    def reorder(self, rows: Tensor, slots: int) -> None:
        """Keep these rows of the past, and the memory of the sentences that they belong to."""
        self._past.reorder(rows, slots)


class SearchJob(NamedTuple):
    """A batch of sources, ids [B, S] or the frames of each, and the search for what they become."""

    source: Tensor | Sequence[Tensor]
    search: Search
    sentences: Sequence[int] = ()  # which they are, for whoever asked
    slots: int = 1  # the most hypotheses of each


@torch.inference_mode()
def run_searches(
    engine: Engine, waiting: deque[SearchJob], rows_at_once: int
) -> Iterator[tuple[SearchJob, list[list[Hypothesis]]] | None]:
    """Run the searches of many batches; yields each job that has ended and what its search found.

    After each step it yields None: whoever runs it may do something else.

    A batch ends with a few long sentences, and steps of few rows take nearly as long as steps of
    many. So the next batch begins as soon as fewer than `rows_at_once` hypotheses are under way,
    and one step of the model serves them all. Whoever gets what was found may add to `waiting`.
    """
    active: list[_ActiveSearch] = []
    while waiting or active:
        under_way = sum(len(each.ask.tokens) for each in active)
        while waiting and under_way < rows_at_once:
            job = waiting.popleft()
            active.append(_ActiveSearch.begun(engine, job))
            under_way += len(job.source) * job.slots
        log_probs = engine.step([each.ask.tokens for each in active], [e.past for e in active])
        going = []
        for each, following in zip(
            active, log_probs.split([len(each.ask.tokens) for each in active]), strict=True
        ):
            try:
                ask = each.job.search.send(following)
            except StopIteration as end:
                yield each.job, end.value
            else:
                each.past.reorder(ask.rows, ask.slots)
                going.append(each._replace(ask=ask))
        active = going
        yield None


@torch.inference_mode()
def stream_search(
    engine: Engine, job: SearchJob
) -> Generator[tuple[int, ...], None, list[list[Hypothesis]]]:
    """Run the search of a job of one sentence, and yield its best prefix after each step.

    What the search returns is what `run_searches` finds. The best prefix may be another one in the
    next step, and what is found at last may be none of them.
    """
    _, past, ask = _ActiveSearch.begun(engine, job)
    prefixes: list[tuple[int, ...]] = [()]
    while True:
        try:
            ask = job.search.send(engine.step([ask.tokens], [past]))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        past.reorder(ask.rows, ask.slots)
        extended = zip(ask.rows.tolist(), ask.tokens.tolist(), strict=True)
        prefixes = [(*prefixes[row], token) for row, token in extended]
        yield prefixes[0]


class _ActiveSearch(NamedTuple):
    """A search under way."""

    job: SearchJob
    past: Past
    ask: Ask

    @classmethod
    def begun(cls, engine: Engine, job: SearchJob) -> "_ActiveSearch":
        return cls(job, engine.read(job.source), next(job.search))
