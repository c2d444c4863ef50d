"""How do others use a run over HTTP? A server with LibreTranslate's interface, and its page.

`worker` owns the models, and `pace` is how fast they are; `requests` reads and checks, by `keys`
and limits; `app` answers, by `answers` to texts and `files` to documents; `live` shows a
translation being written, to the files in `page/`.
"""

import importlib
import logging
import math
import os
import socket
from collections.abc import Sequence

from translator.errors import MissingLibraryError, TranslatorError
from translator.server.keys import AccessKey, read_keys
from translator.server.settings import MAX_ALTERNATIVES, ServerSettings
from translator.translation import Translator

__all__ = [
    "MAX_ALTERNATIVES",
    "AccessKey",
    "ServerError",
    "ServerSettings",
    "check_installed",
    "listen",
    "read_keys",
    "serve",
]


class ServerError(TranslatorError):
    """A server that cannot be started."""


def check_installed() -> None:
    """MissingLibraryError when the libraries of the extra `serve` are not installed."""
    for name in ("fastapi", "uvicorn", "prometheus_client", "python_multipart"):
        try:
            importlib.import_module(name)
        except ImportError:
            raise MissingLibraryError(f"{name} is not installed", "serve") from None


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at an address; port 0 takes a free one. ServerError if it is taken."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None) or 0  # below 0: no such host
        reason = os.strerror(number) if number > 0 else getattr(error, "strerror", error)
        raise ServerError(
            f"cannot listen at {host}, port {port}: {reason}", "Choose another --host or --port."
        ) from None


def serve(
    translator: Translator,
    settings: ServerSettings,
    listening: socket.socket,
    others: Sequence[Translator] = (),
    *,
    log_requests: bool = True,
) -> None:
    """Serve until SIGINT or SIGTERM; then refuse what comes and answer what was accepted.

    Without `log_requests` only what goes wrong is logged. Raises ServerError where two runs
    translate between the same languages.
    """
    import uvicorn

    from translator.server.app import create_app

    pairs = [p for each in (translator, *others) for p in each.config.data.all_directions]
    ways = [f"{pair.source} to {pair.target}" for pair in pairs]
    if len(set(ways)) < len(ways):
        twice = next(way for way in ways if ways.count(way) > 1)
        raise ServerError(f"two runs translate {twice}", "Serve one of them.")
    logging.basicConfig(
        format="%(asctime)s %(message)s", level=logging.INFO if log_requests else logging.WARNING
    )
    config = uvicorn.Config(
        create_app(translator, settings, others),
        log_config=None,
        access_log=False,  # it would log queries
        server_header=False,
        # A request may take so long to arrive, and so long again to be answered.
        timeout_graceful_shutdown=math.ceil(2 * settings.request_seconds) + 1,
    )
    uvicorn.Server(config).run([listening])
