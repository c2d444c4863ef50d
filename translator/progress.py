"""What is under way, and how far? Whatever takes long says so here; who wants to know looks.

Nothing is called back and nothing printed: an activity is a number that grows, in a list. The
command line looks at the list a few times a second.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(eq=False)
class Activity:
    """Something that takes long; of `total` units, where that is known, `done` are done."""

    name: str
    total: int | None = None
    unit: str = ""  # in the plural; empty where nothing is counted
    done: int = 0
    first: int = 0  # that were done before it began, by an earlier process
    note: str = ""  # what is to be said beside the numbers
    began: float = field(default_factory=time.monotonic)
    step: int = 0  # units that the activity below it does


_activities: list[Activity] = []


def under_way() -> list[Activity]:
    """The activities under way, as they began: each is a part of those before it."""
    return list(_activities)


@contextmanager
def activity(name: str, total: int | None = None, unit: str = "") -> Iterator[Activity]:
    """Be seen to do something for as long as the block lasts; the block counts in `done`."""
    each = Activity(name, total, unit)
    _activities.append(each)
    try:
        yield each
    finally:
        _activities.remove(each)


def tracked(
    items: Iterable[T], name: str, total: int | None = None, unit: str = "pairs"
) -> Iterator[T]:
    """The same items, counted as they are taken."""
    with activity(name, total, unit) as each:
        for item in items:
            each.done += 1
            yield item
