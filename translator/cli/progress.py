"""The progress of a command on stderr: a bar on a terminal, else a line now and then."""

import itertools
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated

import typer

from translator.cli.console import bar, duration, say
from translator.progress import Activity, under_way

_SECONDS_BETWEEN_LOOKS = 0.25
_FIRST_LINE = 1.0  # seconds of silence before a line that is no terminal's
_SPARSER = 3.0  # times as long until the next one,
_LONGEST_SILENCE = 600.0  # but no longer than that


def _be_quiet(wanted: bool) -> bool:
    bar.quiet = wanted
    return wanted


QuietOption = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        callback=_be_quiet,
        help="Show warnings and results only, no progress.",
    ),
]


@contextmanager
def shown_progress(*, quiet: bool = False) -> Iterator[None]:
    """Show on stderr what is under way, for as long as the block lasts, from another thread."""
    quiet = quiet or bar.quiet
    over = threading.Event()
    watch = _drawn if sys.stderr.isatty() else _now_and_then
    thread = threading.Thread(target=watch, args=(over,), name="progress", daemon=True)
    if not quiet:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if not quiet:
            thread.join()
        with bar.lifted():
            pass


@contextmanager
def on_terminal() -> Iterator[None]:
    """Show on a terminal only what is under way: of what is often part of a pipe."""
    with shown_progress(quiet=not sys.stderr.isatty()):
        yield


def _drawn(over: threading.Event) -> None:
    """Draw the bar some times a second."""
    while not over.wait(_SECONDS_BETWEEN_LOOKS):
        if activities := _seen_whole(under_way()):
            width = shutil.get_terminal_size().columns - 1
            bar.draw(_bar(activities, time.monotonic(), width))


def _now_and_then(over: threading.Event) -> None:
    """Say a line after a second, and then more and more seldom; the same progress only once."""
    patience, silent_since = _FIRST_LINE, time.monotonic()
    said = set()
    while not over.wait(_SECONDS_BETWEEN_LOOKS):
        now = time.monotonic()
        if not (activities := _seen_whole(under_way())) or now - silent_since < patience:
            continue
        progress = (_name(activities), activities[-1].done, activities[-1].note)
        if progress not in said:
            said.add(progress)
            say(_line(activities, now))
            patience, silent_since = min(_SPARSER * patience, _LONGEST_SILENCE), now


def _seen_whole(activities: list[Activity]) -> list[Activity]:
    """The activities, the steps of one that are counted below it as a share of it."""
    for number, (each, below) in enumerate(itertools.pairwise(activities), start=1):
        if each.total and each.step and below.total:
            share = int(each.step * below.done / below.total)
            done = min(each.done + share, each.total)
            return [*activities[: number - 1], replace(each, done=done)]
    return activities


def _line(activities: list[Activity], now: float) -> str:
    """The innermost in words: `test: translating: 1,200 of 5,000 sentences, 240/s, 16 s to go`."""
    last = activities[-1]
    parts = [f"{last.done:,}{f' of {last.total:,}' if last.total else ''} {last.unit}"]
    facts = [*(parts if last.unit else []), *_speed(last, now), *([last.note] if last.note else [])]
    return f"{_name(activities)}: {', '.join(facts)}" if facts else f"{_name(activities)} …"


def _bar(activities: list[Activity], now: float, width: int) -> str:
    """The same as tqdm draws it, in at most `width` columns; nothing counted, nothing drawn."""
    from tqdm import tqdm

    last = activities[-1]
    if not last.unit:
        return f"{_line(activities, now)} {duration(now - last.began)}"[:width]
    return tqdm.format_meter(
        last.done,
        last.total,  # type: ignore[arg-type]  # None is known to tqdm, not to its types
        now - last.began,
        ncols=width,
        prefix=_name(activities),
        unit=f" {last.unit}",
        postfix=last.note,
        initial=last.first,
    )


def _name(activities: list[Activity]) -> str:
    """What is under way; of what a part is counted below, how far the whole is."""
    names = [f"{each.name}{_counted(each)}" for each in activities[:-1]] + [activities[-1].name]
    return ": ".join(dict.fromkeys(names))


def _counted(each: Activity) -> str:
    if not each.unit:
        return ""
    return f" ({each.done:,}{f' of {each.total:,}' if each.total else ''} {each.unit})"


def _speed(last: Activity, now: float) -> list[str]:
    seconds = now - last.began
    made = last.done - last.first
    if not last.unit or made <= 0 or seconds <= 0:
        return []
    rate = made / seconds
    speed = f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s"
    if last.total is None or last.done >= last.total:
        return [speed]
    return [speed, f"{duration((last.total - last.done) / rate)} to go"]
