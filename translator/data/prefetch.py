"""What comes next is made ready while what came before is used."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def prefetch(items: Iterator[T], count: int) -> Iterator[T]:
    """Yield the same items, of which a thread makes up to `count` before they are asked for.

    An error in the thread is raised here, in its place. The thread ends with this iterator.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
    end = object()
    try:
        waiting = deque(thread.submit(next, items, end) for _ in range(count))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(thread.submit(next, items, end))
            yield item  # type: ignore[misc]  # mypy does not know that `end` is no T
    finally:
        thread.shutdown(cancel_futures=True)
