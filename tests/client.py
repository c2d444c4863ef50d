"""The program that stands for a command: it has the server of tests/commands.py run it.

    python -I -S tests/client.py ADDRESS PROGRAM [ARGUMENT]...

It is started for each command of a shell, so it imports little.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Sequence


def request(
    address: str,
    words: Sequence[str],
    directory: str,
    environment: dict[str, str],
    streams: Sequence[int],
) -> tuple[socket.socket, int]:
    """Ask for a process with three streams; the connection to it, and its number.

    The process is killed when the connection is closed.
    """
    content = json.dumps({"words": words, "cwd": directory, "environment": environment}).encode()
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(address)
    connection.send(len(content).to_bytes(4))
    sent = socket.send_fds(connection, [content], streams)
    connection.sendall(content[sent:])
    return connection, int.from_bytes(connection.recv(4))


def exit_code(connection: socket.socket) -> int:
    """Wait for the end of the process; a signal that ended it is a negative number."""
    return int(connection.recv(16) or b"1")


def main() -> None:
    streams = (0, 1, 2)
    place = os.getcwd()  # noqa: PTH109 - pathlib takes as long to import as all else here
    connection, process = request(sys.argv[1], sys.argv[2:], place, dict(os.environ), streams)
    for number in streams:
        os.close(number)  # so that the command alone holds them
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda each, _: os.kill(process, each))
    code = exit_code(connection)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main()
