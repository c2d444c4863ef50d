"""`translator serve`: runs over HTTP."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translator.cli.console import DEPLOY, app, bar, find_run, load, loading_torch, note, say
from translator.cli.progress import QuietOption, shown_progress

if TYPE_CHECKING:
    from translator.runs import RunDirectory
    from translator.server import ServerSettings
    from translator.translation import Translator

_ORIGIN = re.compile(  # RFC 6454: no path, no capital, no port that the scheme has anyway
    r"\*|null|(?!http:.*:80$|https:.*:443$)[a-z][a-z\d+.-]*://([^/?#@*:\sA-Z]+|\[[\da-f:.]+\])(:\d+)?"
)


@app.command("serve", rich_help_panel=DEPLOY)
def serve_cli(
    named: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN", help="The same as --run.", show_default=False),
    ] = None,
    run: Annotated[
        list[Path] | None,
        typer.Option(help="Run directory. Repeatable. Else $TRANSLATOR_RUN, else the newest."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="The address to listen at; 0.0.0.0: all of this machine.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 8000,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar="TRANSLATOR_API_KEY",
            show_envvar=True,
            help="Refuse requests without this key; others can read it on the command line.",
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(help="Refuse requests without a key of this YAML file (docs/serving.md)."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="Let pages of this site send requests: https://example.org, or *."),
    ] = None,
    max_characters: Annotated[
        int, typer.Option(min=1, help="Characters in the texts of a request.")
    ] = 5000,
    max_waiting: Annotated[
        int, typer.Option(min=1, help="Requests in the queue; one more gets 503.")
    ] = 256,
    request_seconds: Annotated[
        float, typer.Option(min=0.1, help="Time for a request to arrive and to be answered.")
    ] = 30.0,
    requests_per_minute: Annotated[
        int, typer.Option(min=0, help="Requests of one address; one more gets 429; 0: any number.")
    ] = 0,
    max_file_bytes: Annotated[
        int, typer.Option(min=1, help="Bytes of a file to translate.")
    ] = 10_000_000,
    quiet: QuietOption = False,
) -> None:
    """Serve runs over HTTP with LibreTranslate's interface, and a page to try it.

    Ctrl-C or SIGTERM ends it, after what was accepted is answered. Nothing that users send is
    logged. It speaks no TLS: to other machines, put a proxy that does in front of it.
    """
    for origin in allow_origin or ():
        if not _ORIGIN.fullmatch(origin):
            raise typer.BadParameter(
                f"{origin} is no origin: write it as browsers send it, such as "
                "https://example.org or http://localhost:3000, or * for all",
                param_hint="--allow-origin",
            )
    with loading_torch():
        from translator.server import ServerSettings, check_installed, read_keys

    check_installed()
    settings = ServerSettings(
        api_key=api_key,
        keys=read_keys(keys) if keys else (),
        allowed_origins=tuple(allow_origin or ()),
        max_characters=max_characters,
        max_waiting=max_waiting,
        request_seconds=request_seconds,
        requests_per_minute=requests_per_minute,
        max_file_bytes=max_file_bytes,
    )
    serve([*(named or ()), *(run or ())], settings, host, port)


def serve(names: list[Path], settings: "ServerSettings", host: str, port: int) -> None:
    """Serve runs, without a name the newest, until somebody ends it."""
    import translator.server as server

    with server.listen(host, port) as listening:
        with shown_progress():
            wanted: Sequence[Path | None] = names or [None]
            runs = [find_run(each, translating=True) for each in wanted]
            translator, *others = [load(each) for each in runs]
        _say_what_is_served(runs, [translator, *others])
        say(f"http://{host}:{listening.getsockname()[1]}")
        server.serve(translator, settings, listening, others, log_requests=not bar.quiet)


def _say_what_is_served(runs: "list[RunDirectory]", translators: "list[Translator]") -> None:
    import torch

    for run, each in zip(runs, translators, strict=True):
        pairs = each.config.data.all_directions
        said = ", ".join(f"{pair.source} → {pair.target}" for pair in pairs)
        note(f"{run.name}: {said}")
    threads = torch.get_num_threads()
    note(f"engine own, {threads} thread{'s' * (threads > 1)}; Ctrl-C ends it")
