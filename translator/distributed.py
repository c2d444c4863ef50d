"""Which of several processes this one is, and what they have together.

`torchrun` starts the processes and says in the environment who is who (RANK, WORLD_SIZE,
LOCAL_RANK). A process alone is a world of one, for which all of this does nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from translator.errors import TranslatorError

T = TypeVar("T")
_PATIENCE = timedelta(minutes=10)  # with a silent peer, before this process ends with an error


@dataclass(frozen=True)
class World:
    """The processes that train one model together."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # among those of the same machine: which of its GPUs is ours

    @property
    def is_main(self) -> bool:
        """Whether this process writes and speaks for all."""
        return self.rank == 0

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            with _peers():
                dist.all_reduce(tensor)
        return tensor

    def gather(self, value: T) -> list[T]:
        """The values of all processes, by rank."""
        if self.size == 1:
            return [value]
        values: list[T | None] = [None] * self.size
        with _peers():
            dist.all_gather_object(values, value)
        return values  # type: ignore[return-value]

    def agree(self, what: str, value: object) -> None:
        """Raise TranslatorError unless the value is the same in all processes."""
        values = self.gather(str(value))
        others = sorted({other for other in values if other != values[0]})
        if others:
            raise TranslatorError(
                f"the processes of this training disagree on {what}: {values[0]}, {others[0]}",
                "All must see the same files, configuration and run directory.",
            )


@contextmanager
def joined() -> Iterator[World]:
    """The world that torchrun's environment describes; its processes meet here and part again."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    world = World(int(os.environ["RANK"]), size, int(os.environ.get("LOCAL_RANK", "0")))
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    with _peers():
        dist.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield world
    finally:
        dist.destroy_process_group()


@contextmanager
def _peers() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise TranslatorError(
            f"another process of this training is lost: {str(error).splitlines()[0]}",
            "See its own message. The same command goes on from the last checkpoint.",
        ) from error
