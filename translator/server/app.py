"""What is answered: the routes, in the form of LibreTranslate where it has them.

https://docs.libretranslate.com: its clients work unchanged. What it does not have is /live, which
the page uses.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from importlib import resources
from typing import Any, TypeVar

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from translator.config import DecodingConfig
from translator.errors import RunError
from translator.server.interface import (
    JSON,
    ApiRequest,
    Detected,
    DetectRequest,
    Language,
    LiveRequest,
    TranslateRequest,
    TranslateResponse,
    described,
)
from translator.server.live import LiveEvent
from translator.server.metrics import Metrics
from translator.server.observed import Observed
from translator.server.requests import Gate, parse
from translator.server.settings import ServerSettings
from translator.server.worker import BusyError, Worker
from translator.text.languages import LanguageIdentifier, are_alike, name_of, standard
from translator.translation import Translation, Translator, check_translates
from translator.version import __version__

_Result = TypeVar("_Result")
_Request = TypeVar("_Request", bound=ApiRequest)
_PAGE = {
    "/": "index.html",
    "/page.css": "page.css",
    "/page.js": "page.js",
    "/docs": "docs.html",
    "/docs.js": "docs.js",
}
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_TOO_LONG = "the translation took too long"
_REFUSALS = {
    400: "What was sent is not a request.",
    403: "The api_key is missing or wrong.",
    408: "The body did not come in time.",
    413: "More bytes or characters than a request may have.",
    415: "Neither JSON nor a form.",
    429: "Too many requests of this address; Retry-After says when to come back.",
    503: "Too much to do; Retry-After says when to come back.",
}
_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {JSON: {"schema": _ERROR}}}
    for status, text in _REFUSALS.items()
}


class _Lines(StreamingResponse):
    """Lines of JSON about a job, which is cancelled when they end, or after `seconds`."""

    media_type = "application/x-ndjson"

    def __init__(self, content: AsyncIterator[str], future: "Future[None]", seconds: float) -> None:
        super().__init__(content)
        self._future = future
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them; when the client has left before, `content` does not even begin."""
        timer = asyncio.get_running_loop().call_later(self._seconds, self._future.cancel)
        try:
            await super().__call__(scope, receive, send)
        finally:
            timer.cancel()
            self._future.cancel()


def create_app(translator: Translator, settings: ServerSettings | None = None) -> FastAPI:
    """An ASGI application that translates with a run; its one worker starts and ends with it.

    RunError for a run that has not learned to translate.
    """
    check_translates(translator.config)
    if translator.config.model.source != "text":
        raise RunError(
            f"the run {translator.config.name} reads {translator.config.model.source}, and the "
            "server takes text",
            "Use `translator translate`.",
        )
    return _Service(translator, settings or ServerSettings()).app()


class _Service:
    """What the routes share."""

    def __init__(self, translator: Translator, settings: ServerSettings) -> None:
        self._translator = translator
        self._settings = settings
        self._metrics = Metrics()
        self._gate = Gate(settings)
        self._worker = Worker(translator, self._metrics, settings)
        self._identifier = LanguageIdentifier()
        data = translator.config.data
        self._source, self._target = standard(data.source_language), standard(data.target_language)

    def app(self) -> FastAPI:
        app = FastAPI(
            title=f"translator: {name_of(self._source)} to {name_of(self._target)}",
            version=__version__,
            lifespan=self._lifespan,
            docs_url=None,  # these two pages would be fetched from elsewhere
            redoc_url=None,
            exception_handlers={AnyHTTPException: _refuse, BusyError: _refuse, Exception: _fail},
        )
        self._add_routes(app)
        for path, name in _PAGE.items():
            app.get(path, include_in_schema=False)(_file(name))
        if self._settings.allowed_origins:
            app.add_middleware(
                CORSMiddleware,
                allow_origins=self._settings.allowed_origins,
                allow_methods=("GET", "POST"),
            )
        app.add_middleware(Observed, metrics=self._metrics)
        return app

    def _add_routes(self, app: FastAPI) -> None:
        languages = {"source": {"enum": [self._source, "auto"]}, "target": {"enum": [self._target]}}
        app.post(
            "/translate",
            openapi_extra=described(TranslateRequest, **languages),
            response_model=TranslateResponse,
            response_model_exclude_none=True,
            responses=_RESPONSES,
        )(self.translate)
        app.post(
            "/detect",
            openapi_extra=described(DetectRequest),
            response_model=list[Detected],
            responses=_RESPONSES,
        )(self.detect)
        app.post(
            "/live",
            openapi_extra=described(LiveRequest),
            response_class=_Lines,
            status_code=200,  # FastAPI looks for it in the class
            responses=_RESPONSES,
        )(self.live)
        app.get("/languages", response_model=list[Language])(self.languages)
        app.get("/frontend/settings")(self.frontend_settings)
        app.get("/health")(self.health)
        app.get("/metrics", response_class=PlainTextResponse)(self.metrics)

    @asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        self._worker.start()
        yield
        await asyncio.to_thread(self._worker.close)

    # --- LibreTranslate's -------------------------------------------------------------------------

    async def translate(self, request: Request) -> dict[str, Any]:
        """Translate a text, or several: `q` is a string or a list, and so are the answers."""
        asked = await self._read(TranslateRequest, request)
        fits = asked.source == "auto" or are_alike(asked.source, self._source)
        if not fits or not are_alike(asked.target, self._target):
            raise HTTPException(400, f"this model translates {self._source} to {self._target} only")
        self._gate.check_size(asked.texts)
        future = self._worker.translate(asked.texts, self._decoding(asked.alternatives))
        found = await self._await(future, request)
        self._metrics.characters.inc(sum(map(len, asked.texts)))
        answers = [self._answer(each, asked) for each in found]
        if isinstance(asked.q, str):
            return answers[0]
        keys = answers[0] if answers else ("translatedText",)
        return {key: [answer[key] for answer in answers] for key in keys}

    async def detect(self, request: Request) -> list[dict[str, Any]]:
        """Say which language a text seems to be in, and how sure that is, of 100."""
        asked = await self._read(DetectRequest, request)
        self._gate.check_size([asked.q])
        return [self._detected(asked.q)]

    async def languages(self) -> list[dict[str, Any]]:
        """Say what is translated into what."""
        source, target = self._source, self._target
        return [
            {"code": source, "name": name_of(source), "targets": [target]},
            {"code": target, "name": name_of(target), "targets": []},
        ]

    async def frontend_settings(self) -> dict[str, Any]:
        """Say what a page that translates must know."""
        codes = {"source": self._source, "target": self._target}
        return {
            "charLimit": self._settings.max_characters,
            "keyRequired": self._settings.api_key is not None,
            "language": {
                side: {"code": code, "name": name_of(code)} for side, code in codes.items()
            },
        }

    # --- others -----------------------------------------------------------------------------------

    async def live(self, request: Request) -> Response:
        """Translate a text while it is watched: a line of JSON for each event.

        `{"text": …}` is what is written so far; `{"sentence": …}` has the words of a sentence and
        its translation, `alternatives` and `attention[layer][head][target][source]`, null for one
        that is too long to be seen at once; `{"translatedText": …}` is the last, or `{"error": …}`.
        """
        asked = await self._read(LiveRequest, request)
        self._gate.check_size([asked.q])
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[LiveEvent | None] = asyncio.Queue()

        def put(event: LiveEvent | None) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(events.put_nowait, event)

        future = self._worker.watch(asked.q, self._decoding(asked.alternatives), put)
        future.add_done_callback(lambda _: put(None))
        lines = self._lines(events, future, len(asked.q))
        return _Lines(lines, future, self._settings.request_seconds)

    async def _lines(
        self, events: "asyncio.Queue[LiveEvent | None]", future: "Future[None]", characters: int
    ) -> AsyncIterator[str]:
        """The events of a job until None, as lines of JSON; a failure is the last of them."""
        while event := await events.get():
            yield _line(event)
        if future.cancelled():
            yield _line({"error": _TOO_LONG})
        elif future.exception():
            yield _line({"error": "the translation failed"})
        else:
            self._metrics.characters.inc(characters)

    async def health(self) -> dict[str, str]:
        """Say that the server is there and its model loaded."""
        return {"status": "ok"}

    async def metrics(self) -> Response:
        """Give the figures of the server to Prometheus."""
        return PlainTextResponse(self._metrics.text())

    # --- what they have in common -----------------------------------------------------------------

    async def _read(self, model: type[_Request], request: Request) -> _Request:
        self._gate.check_rate(request)
        body = await self._gate.read(request)
        asked = parse(model, body, request.headers.get("Content-Type", ""))
        self._gate.check_key(asked)
        return asked

    def _decoding(self, alternatives: int) -> DecodingConfig:
        return self._translator.config.decoding.model_copy(update={"n_best": alternatives + 1})

    async def _await(self, future: "Future[_Result]", request: Request) -> _Result:
        """The result; it is not wanted any more when the client has left or the time is over."""
        result = asyncio.wrap_future(future)
        left = asyncio.create_task(_until_left(request))
        try:
            await asyncio.wait(
                (result, left),
                timeout=self._settings.request_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if result.done():
                return result.result()
            raise BusyError(_TOO_LONG, self._worker.retry_seconds())
        finally:
            left.cancel()
            future.cancel()

    def _answer(self, translation: Translation, asked: TranslateRequest) -> dict[str, Any]:
        answer: dict[str, Any] = {"translatedText": translation.text}
        if asked.alternatives:
            answer["alternatives"] = [each.text for each in translation.alternatives[1:]]
        if asked.source == "auto":
            answer["detectedLanguage"] = self._detected(translation.source)
        return answer

    def _detected(self, text: str) -> dict[str, Any]:
        language, probability = self._identifier.identify(text)
        return {"language": language or self._source, "confidence": round(100 * probability, 1)}


async def _until_left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _refuse(request: Request, error: Exception) -> Response:
    """An error in the form of LibreTranslate."""
    if isinstance(error, BusyError):
        return JSONResponse({"error": str(error)}, 503, {"Retry-After": str(error.retry_seconds)})
    assert isinstance(error, AnyHTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _fail(request: Request, error: Exception) -> Response:
    """What nobody thought of; its traceback is logged."""
    return JSONResponse({"error": "the server has failed"}, 500)


def _line(event: LiveEvent) -> str:
    return json.dumps(event, ensure_ascii=False) + "\n"


def _file(name: str) -> Any:
    """The answer with a file of the page."""
    content = (resources.files(__package__) / "page" / name).read_bytes()
    media_type = f"{_TYPES[name.rpartition('.')[2]]}; charset=utf-8"

    async def answer() -> Response:
        return Response(content, media_type=media_type)

    return answer
