import math
import operator
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from itertools import islice

import pytest

from tests.helpers import ROOT
from translator import processes
from translator.errors import RunError
from translator.processes import spread


@pytest.fixture(autouse=True)
def two_at_once(monkeypatch):
    """Other processes from the second item on."""
    monkeypatch.setattr(processes, "_cores", lambda: 2)
    monkeypatch.setattr(processes, "_ALONE", -1)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_results_come_in_the_order_of_the_items_however_long_each_takes():
    numbers = [20_000, 1, 10_000, 2, 3, 30_000, 0]
    assert list(spread(math.factorial, numbers)) == list(map(math.factorial, numbers))
    assert list(spread(str.upper, [])) == []


def test_the_first_item_is_done_here_and_the_others_by_two_processes():
    first, *others = spread(operator.call, [os.getpid] * 20)
    assert first == os.getpid()
    assert len({*others}) == 2
    assert first not in others


def test_little_work_is_done_here(monkeypatch):
    monkeypatch.setattr(processes, "_ALONE", 60)
    assert {*spread(operator.call, [os.getpid] * 20)} == {os.getpid()}


def test_items_are_taken_as_they_are_needed():
    items = iter(range(1000))
    results = spread(abs, items)
    assert list(islice(results, 10)) == list(range(10))
    assert next(items) < 20
    results.close()


def test_whoever_stops_asking_leaves_no_process_behind():
    results = spread(operator.call, [os.getpid] * 1000)
    _, pid = islice(results, 2)
    assert is_running(pid)
    results.close()
    assert not is_running(pid)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_an_interruption_is_answered_by_the_one_that_asks_alone():
    results = spread(operator.call, [os.getpid] * 30)
    _, pid = islice(results, 2)
    os.kill(pid, signal.SIGINT)
    assert len(list(results)) == 28


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_a_process_that_is_killed_is_an_error_and_not_a_wait():
    signals = [signal.SIGURG, *[signal.SIGKILL] * 3]  # the first, which is ignored, is raised here
    with pytest.raises(RunError, match="ended too early, with status -9"):
        list(spread(signal.raise_signal, signals))


def test_an_error_in_a_process_is_shown_and_an_error_here(capfd):
    with pytest.raises(RunError, match="ended too early, with status 1"):
        list(spread(math.sqrt, [1, 4, -1]))
    assert "ValueError" in capfd.readouterr().err


def test_a_function_that_meets_the_end_of_a_file_is_an_error_too(capfd):
    with pytest.raises(RunError, match="ended too early, with status 1"):
        list(spread(pickle.loads, [pickle.dumps(1), b""]))
    assert "EOFError" in capfd.readouterr().err


def test_the_processes_of_one_that_was_killed_end_too():
    program = """
        import operator, os
        from translator import processes
        processes._cores, processes._ALONE = lambda: 2, -1
        for pid in processes.spread(operator.call, iter(lambda: os.getpid, None)):
            print(pid, flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as asking:
        assert asking.stdout is not None
        _, pid = (int(next(asking.stdout)) for _ in range(2))
        asking.kill()
    deadline = time.monotonic() + 30
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(pid)
