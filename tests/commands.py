"""Run many commands with one import: a server forks a process for each of them.

To import what translates takes seconds, a fork milliseconds. The process is one of its own, with
the streams, the directory, the environment, the signals and the exit code of the command. What
measures imports or memory is started by `subprocess` all the same.
"""

import atexit
import importlib
import io
import json
import os
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[1]
MAIN = "from translator.cli import main; main()"
PYTHON = """
import runpy, shutil, sys
sys.executable = shutil.which("python")  # so that what a script starts is forked, too
words = sys.argv[2:] if sys.argv[1] == "-u" else sys.argv[1:]
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
    "sacrebleu",
    "torch._dynamo",  # by every optimizer
    "torch.distributed.run",
    "translator.cli",
    "translator.documents",
    "translator.evaluation",
    "translator.preparation",
    "translator.training",
    "translator.translation",
    "translator.visualization.attention",
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
    done = subprocess.run(
        [*started_as(program), *words],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        timeout=timeout,
        check=False,
    )
    return subprocess.CompletedProcess(
        words, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def started_as(program: str = MAIN) -> list[str]:
    """What to start for `python -c PROGRAM`; arguments come behind it.

    Signals reach the program, and what kills the started process kills it.
    """
    if not _FORKS:
        return [sys.executable, "-c", program]
    return [sys.executable, str(Path(__file__)), _socket(), program]


def write_programs(folder: Path) -> None:
    """Write `translator` and `python` to a folder, to be put on the path of a shell."""
    for name, command in (("translator", started_as()), ("python", started_as(PYTHON))):
        line = f'exec {shlex.join(command)} "$@"'
        (folder / name).write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        (folder / name).chmod(0o755)


@cache
def _socket() -> str:
    """Start the server, which ends with this process, and tell where it listens."""
    folder = tempfile.TemporaryDirectory(prefix="commands-")
    address = f"{folder.name}/socket"
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__)), address], stdin=subprocess.PIPE, cwd=ROOT
    )

    def end() -> None:
        server.communicate()
        folder.cleanup()

    atexit.register(end)
    while not Path(address).exists():
        assert server.poll() is None, "the server of commands ended"
        time.sleep(0.05)
    return address


# --- the server -----------------------------------------------------------------------------------


def serve(address: str) -> dict[str, Any]:
    """Fork a process for each request, until standard input ends; returns in that process."""
    for module in PRELOADED:
        importlib.import_module(module)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address + ".new")
    listener.listen(64)
    Path(address + ".new").rename(address)
    monitors: set[int] = set()
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        monitors -= {pid for pid in monitors if os.waitpid(pid, os.WNOHANG)[0]}
        if sys.stdin in ready:
            sys.exit()
        connection, _ = listener.accept()
        monitor = os.fork()
        if monitor:
            monitors.add(monitor)
            connection.close()
            continue
        listener.close()
        length = int.from_bytes(connection.recv(4))
        words, streams = b"", list[int]()
        while len(words) < length:
            some, found, _, _ = socket.recv_fds(connection, length - len(words), 3)
            words, streams = words + some, streams + found
        worker = os.fork()
        if worker:
            _watch(worker, connection)
        connection.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        request: dict[str, Any] = json.loads(words)
        return request


def _watch(worker: int, connection: socket.socket) -> NoReturn:
    """Tell who asked for a process its number and how it ended; without them it is killed."""
    connection.send(worker.to_bytes(4))
    ended = os.pidfd_open(worker)
    ready, _, _ = select.select([connection.fileno(), ended], [], [])
    if ended not in ready:
        os.kill(worker, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    with suppress(OSError):
        connection.send(str(code).encode())
    os._exit(0)


def become(request: dict[str, Any]) -> NoReturn:
    """Be the process that was asked for; what it imported is not taken down, which takes long."""
    program, *arguments = request["words"]
    os.chdir(str(request["cwd"]))
    os.environ.clear()
    os.environ.update(request["environment"])
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


# --- the client -----------------------------------------------------------------------------------


def ask(address: str, words: list[str]) -> int:
    """Have the server run a command with the streams of this process; returns the exit code."""
    request = {"words": words, "cwd": str(Path.cwd()), "environment": dict(os.environ)}
    content = json.dumps(request).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        connection.send(len(content).to_bytes(4))
        sent = socket.send_fds(connection, [content], [0, 1, 2])
        connection.sendall(content[sent:])
        for number in (0, 1, 2):
            os.close(number)  # so that the command alone holds them
        worker = int.from_bytes(connection.recv(4))
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda each, _: os.kill(worker, each))
        return int(connection.recv(16) or b"1")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        sys.path[0] = ""  # as `python -c` has it
        become(serve(sys.argv[1]))
    else:
        code = ask(sys.argv[1], sys.argv[2:])
        if code < 0:
            if -code != signal.SIGKILL:
                signal.signal(-code, signal.SIG_DFL)
            os.kill(os.getpid(), -code)
        os._exit(code)
