"""What is answered: the routes, in the form of LibreTranslate where it has them.

https://docs.libretranslate.com: its clients work unchanged. What it does not have is /live, which
the page uses.
"""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib import resources
from typing import Any, TypeVar
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from translator.config import DecodingConfig
from translator.documents import Format
from translator.errors import DataError, RunError
from translator.hypotheses import Translation, check_translates
from translator.server.answers import Answer, Question
from translator.server.files import Downloads, FileTranslation
from translator.server.interface import (
    FORM,
    JSON,
    ApiRequest,
    Detected,
    DetectRequest,
    Language,
    LiveRequest,
    TranslateFileRequest,
    TranslateRequest,
    TranslateResponse,
    described,
)
from translator.server.keys import AccessKey
from translator.server.live import LiveEvent
from translator.server.metrics import Metrics
from translator.server.observed import Observed
from translator.server.requests import Gate, is_form, parse, parse_with_file
from translator.server.settings import ServerSettings
from translator.server.worker import BusyError, Worker
from translator.text.glossary import Glossary
from translator.text.languages import LanguageIdentifier, are_alike, name_of, standard
from translator.translation import Translator
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
_SIDES = ("source", "target")
_FILES_AT_ONCE = 8  # each may take some hundred megabytes; others wait
_TOO_LONG = "the translation took too long"
_REFUSALS = {
    400: "What was sent is not a request.",
    403: "The api_key is missing or wrong.",
    408: "The body did not come in time.",
    413: "More bytes or characters than a request may have.",
    415: "Neither JSON nor a form.",
    429: "Too many requests of this address; Retry-After says when to come back.",
    503: "Too much to do; Retry-After says when to come back. Without it, this takes too long.",
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


def create_app(
    translator: Translator,
    settings: ServerSettings | None = None,
    others: Sequence[Translator] = (),
) -> FastAPI:
    """An ASGI application that translates with runs; its one worker starts and ends with it.

    RunError for a run that has not learned to translate.
    """
    return _Service(translator, settings or ServerSettings(), others).app()


class _Service:
    """What the routes share."""

    def __init__(
        self,
        translator: Translator,
        settings: ServerSettings,
        others: Sequence[Translator] = (),
    ) -> None:
        self._translators: dict[tuple[str, str], Translator] = {}
        for each in (way for run in (translator, *others) for way in run.directions):
            same = self._translators.setdefault(_ways(each), each)
            if same is not each:
                raise RunError(
                    f"the runs {same.config.name} and {each.config.name} translate the same way, "
                    f"{' to '.join(_ways(each))}",
                    "Serve one of them, or each at a port of its own.",
                )
            check_translates(each.config)
            if each.config.model.source != "text":
                raise RunError(
                    f"the run {each.config.name} reads {each.config.model.source}, and the server "
                    "takes text",
                    "Use `translator translate`.",
                )
        self._settings = settings
        self._metrics = Metrics()
        for way, each in self._translators.items():
            self._metrics.model.labels(each.config.name, *way).info({})
        self._gate = Gate(settings)
        self._worker = Worker(translator, self._metrics, settings)
        self._identifier = LanguageIdentifier()
        self._downloads = Downloads.of(settings)
        # Threads of their own: texts, which need those of asyncio, are not to wait for files.
        self._files = ThreadPoolExecutor(_FILES_AT_ONCE, thread_name_prefix="file")
        self._source, self._target = _ways(translator)

    def app(self) -> FastAPI:
        app = FastAPI(
            title=f"translator: {self._said(name_of)}",
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
                allow_headers=("Authorization",),
            )
        app.add_middleware(Observed, metrics=self._metrics)
        return app

    def _add_routes(self, app: FastAPI) -> None:
        sources, targets = (
            list(dict.fromkeys(side)) for side in zip(*self._translators, strict=True)
        )
        languages = {"source": {"enum": [*sources, "auto"]}, "target": {"enum": targets}}
        app.post(
            "/translate",
            openapi_extra=described(TranslateRequest, **languages),
            response_model=TranslateResponse,
            response_model_exclude_none=True,
            responses=_RESPONSES,
        )(self.translate)
        # No schema can say what a document is: docs.html describes these two.
        app.post("/translate_file", include_in_schema=False)(self.translate_file)
        app.get("/download_file/{name}", include_in_schema=False)(self.download)
        app.post(
            "/detect",
            openapi_extra=described(DetectRequest),
            response_model=list[Detected],
            responses=_RESPONSES,
        )(self.detect)
        app.post(
            "/live",
            openapi_extra=described(LiveRequest, **languages),
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
        self._files.shutdown(wait=False, cancel_futures=True)

    # --- LibreTranslate's -------------------------------------------------------------------------

    async def translate(self, request: Request) -> dict[str, Any]:
        """Translate a text, or several: `q` is a string or a list, and so are the answers."""
        asked, key = await self._read(TranslateRequest, request)
        terms = asked.glossary
        self._gate.check_size([*asked.texts, *terms, *terms.values()], key)
        kept = {text for text in asked.texts if self._is_in(asked.target, text, asked.source)}
        others = [text for text in asked.texts if text not in kept]
        translated = iter(await self._answers(others, asked, request) if others or not kept else ())
        answers = [
            self._answer(Answer(text, text, [], 0.0) if text in kept else next(translated), asked)
            for text in asked.texts
        ]
        if isinstance(asked.q, str):
            return answers[0]
        keys = answers[0] if answers else ("translatedText",)
        return {key: [answer[key] for answer in answers] for key in keys}

    async def _answers(
        self, texts: list[str], asked: TranslateRequest, request: Request
    ) -> list[Answer]:
        """What is answered to some texts of a request."""
        question = Question.of(asked.model_copy(update={"q": texts}))
        translator = self._chosen(asked.source, asked.target, question.texts)
        decoding, glossary = _decoding(translator, asked.alternatives), _glossary(asked.glossary)
        translations: dict[str, Translation] = {}
        missing = question.texts
        while True:
            future = self._worker.translate(
                missing, decoding, translator=translator, glossary=glossary
            )
            translated = await self._await(future, request)
            translations.update(zip(missing, translated, strict=True))
            found, missing = await asyncio.to_thread(
                question.answers, translations, translator.word_attention
            )
            if not missing:
                break
        self._metrics.characters.inc(sum(map(len, texts)))
        return found

    async def translate_file(self, request: Request) -> dict[str, str]:
        """Translate a document: its texts, and nothing else. The answer is where to fetch it."""
        self._gate.check_rate(request)
        body = await self._gate.read(
            request, self._settings.max_file_bytes + self._settings.max_bytes
        )
        content_type = request.headers.get("Content-Type", "")
        asked, upload = parse_with_file(TranslateFileRequest, body, content_type)
        self._gate.check_key(asked, request)
        translator = self._chosen(asked.source, asked.target, [])
        try:
            job = await asyncio.get_running_loop().run_in_executor(
                self._files, FileTranslation, upload, _ways(translator), self._settings
            )
            data = await self._await_file(job, translator, request)
        except DataError as error:
            raise HTTPException(400, f"{error.message}. {_hint(error)}".strip()) from None
        name = self._downloads.add(job.name, data)
        return {"translatedFileUrl": f"{request.base_url}download_file/{quote(name)}"}

    async def download(self, name: str) -> Response:
        """Fetch a translated document; it is not kept for long."""
        data = self._downloads.get(name)
        if data is None:
            raise HTTPException(404, "there is no such file, or not any more")
        plain = quote(name.partition(".")[2])
        headers = {"Content-Disposition": f"attachment; filename*=utf-8''{plain}"}
        return Response(data, media_type="application/octet-stream", headers=headers)

    async def detect(self, request: Request) -> list[dict[str, Any]]:
        """Say which language a text seems to be in, and how sure that is, of 100."""
        asked, key = await self._read(DetectRequest, request)
        self._gate.check_size([asked.q], key)
        return [self._detected(asked.q)]

    async def languages(self) -> list[dict[str, Any]]:
        """Say what is translated into what."""
        codes = dict.fromkeys(code for way in self._translators for code in way)
        return [
            {
                "code": code,
                "name": name_of(code),
                "targets": [target for source, target in self._translators if source == code],
            }
            for code in codes
        ]

    async def frontend_settings(self) -> dict[str, Any]:
        """Say what a page that translates must know."""
        return {
            "apiKeys": bool(self._settings.all_keys),
            "charLimit": self._settings.max_characters,
            "directions": [dict(zip(_SIDES, way, strict=True)) for way in self._translators],
            "filesTranslation": True,
            "frontendTimeout": 500,
            "keyRequired": bool(self._settings.all_keys),
            "language": {
                side: {"code": code, "name": name_of(code)}
                for side, code in zip(_SIDES, (self._source, self._target), strict=True)
            },
            "suggestions": False,
            "supportedFilesFormat": Format.endings(),
        }

    # --- others -----------------------------------------------------------------------------------

    async def live(self, request: Request) -> Response:
        """Translate a text while it is watched: a line of JSON for each event.

        `{"text": …}` is what is written so far; `{"sentence": …}` has the words of a sentence and
        its translation, `alternatives` and `attention[layer][head][target][source]`, null for one
        that is too long to be seen at once; `{"translatedText": …}` is the last, or `{"error": …}`.
        """
        asked, key = await self._read(LiveRequest, request)
        self._gate.check_size([asked.q], key)
        translator = self._chosen(asked.source, asked.target or self._target, [asked.q])
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[LiveEvent | None] = asyncio.Queue()

        def put(event: LiveEvent | None) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(events.put_nowait, event)

        decoding = _decoding(translator, asked.alternatives)
        future = self._worker.watch(asked.q, decoding, put, translator=translator)
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

    async def _read(
        self, model: type[_Request], request: Request
    ) -> tuple[_Request, AccessKey | None]:
        self._gate.check_rate(request)
        body, kind = await self._gate.read(request), request.headers.get("Content-Type", "")
        query: bytes = request.scope["query_string"]
        if query and (not body or is_form(kind)):
            body, kind = b"&".join(filter(None, (query, body))), FORM
        asked = parse(model, body, kind if body or kind else FORM)
        return asked, self._gate.check_key(asked, request)

    def _chosen(self, source: str, target: str, texts: Iterable[str]) -> Translator:
        """The translator of a request: a code may have another region, or be in capitals.

        400 for languages that none translates. With auto, the language that the texts seem to be
        in decides, else the first run that translates into the target.
        """
        sides = [
            way
            for way in self._translators
            if are_alike(way[1], target) and (source == "auto" or are_alike(way[0], source))
        ]
        if not sides:
            raise HTTPException(400, f"this model translates {self._said()} only")
        if source == "auto" and len(sides) > 1:
            source = self._identifier.identify(" ".join(" ".join(texts).split()))[0] or source
        sides.sort(key=lambda way: (_unlike(way[0], source), _unlike(way[1], target)))
        return self._translators[sides[0]]

    def _is_in(self, target: str, text: str, source: str) -> bool:
        """Whether a text is in the language that it is to be translated into, and so stays.

        With auto it is if it seems to be in it for certain; else if both are the same language,
        between whose variants no run translates.
        """
        if not any(are_alike(code, target) for way in self._translators for code in way):
            return False
        if source == "auto":
            return self._identifier.is_in(text, target)
        ways = ((are_alike(way[0], source), are_alike(way[1], target)) for way in self._translators)
        return are_alike(source, target) and not any(map(all, ways))

    def _said(self, name: Callable[[str], str] = str) -> str:
        """What is translated into what, in words."""
        return ", ".join(
            f"{name(source)} to {name(target)}" for source, target in self._translators
        )

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
            raise BusyError(_TOO_LONG)
        finally:
            left.cancel()
            future.cancel()

    async def _await_file(
        self, job: FileTranslation, translator: Translator, request: Request
    ) -> bytes:
        """The translated file; the work ends when the client leaves or the time is over."""
        characters = sum(map(len, job.texts))
        if characters > self._settings.max_file_characters:
            limit = self._settings.max_file_characters
            raise HTTPException(413, f"more than {limit:,} characters in the file")
        gone = threading.Event()
        submit = partial(
            self._worker.translate, decoding=_decoding(translator, 0), translator=translator
        )
        work = asyncio.get_running_loop().run_in_executor(
            self._files, job.run, submit, translator.word_attention, gone
        )
        left = asyncio.create_task(_until_left(request))
        try:
            await asyncio.wait((work, left), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise HTTPException(400, "the client has left")
            self._metrics.characters.inc(characters)
            return work.result()
        finally:
            left.cancel()
            gone.set()

    def _answer(self, found: Answer, asked: TranslateRequest) -> dict[str, Any]:
        answer: dict[str, Any] = {"translatedText": found.text}
        if asked.alternatives:
            answer["alternatives"] = found.alternatives
        if asked.scores:
            answer["score"] = found.score
        if asked.source == "auto":
            answer["detectedLanguage"] = self._detected(found.source)
        return answer

    def _detected(self, text: str) -> dict[str, Any]:
        language, probability = self._identifier.identify(text)
        return {"language": language or self._source, "confidence": round(100 * probability, 1)}


def _ways(translator: Translator) -> tuple[str, str]:
    data = translator.config.data
    return standard(data.source_language), standard(data.target_language)


def _unlike(code: str, asked: str) -> tuple[bool, bool]:
    """How little a code is what was asked for, smallest first."""
    return not are_alike(code, asked), code != standard(asked)


def _decoding(translator: Translator, alternatives: int) -> DecodingConfig:
    return translator.config.decoding.model_copy(update={"n_best": alternatives + 1})


def _hint(error: DataError) -> str:
    """What mends a file that was sent; who sends it has no options of the command line."""
    if "--encoding" in error.hint:
        return "Send it in UTF-8."
    return "" if "--" in error.hint else error.hint


def _glossary(terms: dict[str, str]) -> Glossary | None:
    """The terms that say something, if there are any."""
    said = {term: target for term, target in terms.items() if term.strip() and target.strip()}
    return Glossary(said) if said else None


async def _until_left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _refuse(request: Request, error: Exception) -> Response:
    """An error in the form of LibreTranslate."""
    if isinstance(error, BusyError):
        seconds = error.retry_seconds
        headers = {"Retry-After": str(seconds)} if seconds else None
        return JSONResponse({"error": str(error)}, 503, headers)
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
