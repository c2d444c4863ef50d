"""Which of several processes this one is, and what they have together.

`torchrun` starts the processes and says in the environment who is who (RANK, WORLD_SIZE). A
process alone is a world of one, for which all of this does nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from translator.errors import TranslatorError
from translator.hardware import take_own_gpu

T = TypeVar("T")
_PATIENCE = timedelta(minutes=10)  # with a silent peer, before this process ends with an error


@dataclass(frozen=True)
class World:
    """The processes that train one model together."""

    rank: int = 0
    size: int = 1

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

    def any(self, flag: bool, device: torch.device) -> bool:
        """Whether the flag is set in any process; a process alone waits for no device."""
        if self.size == 1:
            return flag
        return bool(self.sum(torch.tensor(flag, device=device, dtype=torch.int64)))

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
    missing = [each for each in ("RANK", "MASTER_ADDR", "MASTER_PORT") if each not in os.environ]
    if missing:
        raise TranslatorError(
            f"WORLD_SIZE is {size} in the environment, without {', '.join(missing)}",
            "torchrun sets them all; for a process alone, unset WORLD_SIZE.",
        )
    world = World(int(os.environ["RANK"]), size)
    take_own_gpu()
    # Objects, and what is computed on CPUs, go through gloo on every machine.
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    with _peers():
        dist.init_process_group(
            backend, store=_store(), rank=world.rank, world_size=size, timeout=_PATIENCE
        )
    try:
        yield world
    finally:
        dist.destroy_process_group()


def _store() -> Any:  # a torch.distributed.Store, whose type is not public
    """Where the processes find each other's addresses.

    torchrun's store outlives its workers: restarted ones would find the addresses of the dead.
    On one machine its count of restarts tells them apart; each of several machines has its own
    count, and there TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 makes a new store (docs/scaling.md).
    """
    store, _, _ = next(iter(rendezvous("env://", timeout=_PATIENCE)))
    if os.environ.get("GROUP_WORLD_SIZE", "1") == "1":
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        store = dist.PrefixStore(attempt, store)  # type: ignore[attr-defined]
    return store


@contextmanager
def _peers() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise TranslatorError(
            f"another process of this training is lost: {str(error).splitlines()[0]}",
            "See its own message. The same command goes on from the last checkpoint.",
        ) from error
