"""`translator serve`: a run over HTTP."""

from typing import Annotated

import typer

from translator.cli.console import RunOption, app, load, say


@app.command("serve")
def serve_cli(
    run: RunOption = None,
    host: Annotated[
        str, typer.Option(help="The address to listen at; 0.0.0.0 is all of this machine.")
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
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="Let pages of this site ask, too: https://example.org, or *."),
    ] = None,
    max_characters: Annotated[int, typer.Option(min=1, help="Of all texts of a request.")] = 5000,
    max_waiting: Annotated[
        int, typer.Option(min=1, help="Requests in the queue; one more gets 503.")
    ] = 256,
    request_seconds: Annotated[
        float, typer.Option(min=0.1, help="For a request to come, and to be answered.")
    ] = 30.0,
    requests_per_minute: Annotated[
        int, typer.Option(min=0, help="Of one address; one more gets 429; 0: any number.")
    ] = 0,
) -> None:
    """Serve a run over HTTP with LibreTranslate's interface, and a page to try it.

    Ctrl-C or SIGTERM ends it, after what was accepted is answered. Nothing that users send is
    logged. It speaks no TLS: to other machines, put a proxy that does in front of it.
    """
    from translator.server import ServerSettings, check_installed, listen, serve

    check_installed()
    settings = ServerSettings(
        api_key=api_key,
        allowed_origins=tuple(allow_origin or ()),
        max_characters=max_characters,
        max_waiting=max_waiting,
        request_seconds=request_seconds,
        requests_per_minute=requests_per_minute,
    )
    with listen(host, port) as listening:
        translator = load(run)
        say(f"http://{host}:{listening.getsockname()[1]}")
        serve(translator, settings, listening)
