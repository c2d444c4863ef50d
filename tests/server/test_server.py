"""The server as clients meet it: over a socket, with faults; its page in a real browser."""

import asyncio
import errno
import itertools
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import threading
import time
import tracemalloc
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import hypothesis
import numpy as np
import pytest
import uvicorn
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.commands import run_command, started_as
from tests.helpers import CIPHER, all_of, ended, one
from translator.cli.serve import _ORIGIN
from translator.config import DecodingConfig
from translator.runs import RunDirectory
from translator.server import ServerSettings, listen
from translator.server.app import _Service, create_app
from translator.server.metrics import Metrics
from translator.server.pace import Pace, work_of
from translator.server.worker import BusyError, Worker, _JobBatch
from translator.translation import Translator
from translator.version import __version__

TEXT = "ana bebe. Nina banana?"
JSON = {"Content-Type": "application/json"}
POST = b"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def translator(trained_run: RunDirectory) -> Translator:
    return Translator.from_run(trained_run.path, device="cpu")


@contextmanager
def answering(app: Any) -> Iterator[str]:
    """The address of a server in a thread of this process."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    with listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=30)
            assert not thread.is_alive()


@contextmanager
def serving(translator: Translator, **settings: Any) -> Iterator[str]:
    """The address of a server with these settings."""
    with answering(create_app(translator, ServerSettings(**settings))) as address:
        yield address


@pytest.fixture(scope="module")
def server(translator: Translator) -> Iterator[str]:
    with serving(translator) as address:
        yield address


def ask(
    address: str, body: bytes | dict[str, Any] | None = None, **headers: str
) -> tuple[int, Any, Any]:
    """Status, answer and headers; a body is sent with POST."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(address, data, JSON | sent if data is not None else sent)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read()), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()), error.headers


def request_of(q: Any, **others: Any) -> dict[str, Any]:
    return {"q": q, "source": "en", "target": "es", **others}


def host_and_port(address: str) -> tuple[str, int]:
    parts = urllib.parse.urlsplit(address)
    return str(parts.hostname), int(parts.port or 0)


def raw(address: str, *parts: bytes, answer: bool = True) -> bytes:
    """What comes back when these bytes are sent; without an answer, the connection is cut."""
    with socket.create_connection(host_and_port(address), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
        return b"".join(iter(lambda: connection.recv(65536), b"")) if answer else b""


def assert_serves(address: str, translator: Translator) -> None:
    status, answer, _ = ask(f"{address}/translate", request_of(TEXT))
    assert (status, answer) == (200, {"translatedText": translator.translate([TEXT])[0].text})


# --- LibreTranslate's interface -------------------------------------------------------------------


def test_a_text_gets_its_translation_and_a_list_a_list(server: str, translator: Translator) -> None:
    expected = [each.text for each in translator.translate([TEXT, " ", "baba"])]
    status, answer, _ = ask(f"{server}/translate", request_of([TEXT, " ", "baba"]))
    assert (status, answer) == (200, {"translatedText": expected})
    assert ask(f"{server}/translate", request_of(TEXT))[1] == {"translatedText": expected[0]}
    assert ask(f"{server}/translate", request_of([]))[1] == {"translatedText": []}


@pytest.mark.parametrize(
    ("source", "target"),
    [("EN", "ES"), ("en-US", "es_MX"), ("eng", "spa_Latn"), ("auto", "es-419")],
)
def test_languages_are_known_by_any_of_their_tags(
    server: str, translator: Translator, source: str, target: str
) -> None:
    status, answer, _ = ask(f"{server}/translate", request_of(TEXT, source=source, target=target))
    assert status == 200
    assert answer["translatedText"] == translator.translate([TEXT])[0].text


def test_lines_stay_lines(server: str, translator: Translator) -> None:
    lines = ["ana bebe", "nina", "abba ana. Bebe"]
    expected = [each.text for each in translator.translate(lines)]
    answer = ask(f"{server}/translate", request_of("\n\n".join(lines)))[1]
    assert answer["translatedText"] == "\n\n".join(expected)
    assert live(server, "\n\n".join(lines))[-1]["translatedText"] == "\n\n".join(expected)


def test_alternatives_are_the_other_hypotheses_of_the_search(
    server: str, translator: Translator
) -> None:
    decoding = translator.config.decoding.model_copy(update={"n_best": 3})
    [expected] = translator.translate([TEXT], decoding)
    asked = request_of(TEXT, alternatives=2)
    answer = {
        "translatedText": expected.text,
        "alternatives": [each.text for each in expected.alternatives[1:]],
    }
    assert ask(f"{server}/translate", asked)[1] == answer
    assert len(answer["alternatives"]) == 2
    several = ask(f"{server}/translate", asked | {"q": [TEXT, "ana"]})[1]
    assert [each[0] for each in several.values()] == list(answer.values())


def test_the_public_client_of_libretranslate_works_unchanged(
    server: str, translator: Translator
) -> None:
    from libretranslatepy import LibreTranslateAPI

    client = LibreTranslateAPI(server)
    text = "nina ¿qué? & = ana"
    assert client.translate(text, "en", "es") == translator.translate([text])[0].text
    assert client.languages() == [
        {"code": "en", "name": "English", "targets": ["es"]},
        {"code": "es", "name": "Spanish", "targets": []},
    ]
    [found] = client.detect("Where is the station? I would like a cup of coffee.")
    assert found["language"] == "en"
    assert 70 < found["confidence"] <= 100


def test_auto_says_which_language_it_seems_to_be(server: str) -> None:
    text = "Where is the station? I would like a cup of coffee."
    answer = ask(f"{server}/translate", request_of([text], source="auto"))[1]
    assert answer["detectedLanguage"][0]["language"] == "en"


def test_what_is_in_the_target_language_stays(server: str, translator: Translator) -> None:
    spanish = "¿Dónde está la estación? Quisiera una taza de café."
    expected = [spanish, translator.translate(["nina"])[0].text]
    answer = ask(f"{server}/translate", request_of([spanish, "nina"], source="auto"))[1]
    assert answer["translatedText"] == expected
    assert answer["detectedLanguage"][0]["language"] == "es"
    for language in ("en", "es", "es-MX"):
        asked = request_of("ana", source=language, target=language, alternatives=1)
        answer = {"translatedText": "ana", "alternatives": []}
        assert ask(f"{server}/translate", asked)[:2] == (200, answer)
    assert ask(f"{server}/translate", request_of("ana", source="de", target="de"))[0] == 400


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b'{"q": "ana", "source": "en", "target": "es"', 400, "Invalid JSON"),
        (b'{"q": "\xff\xfe", "source": "en", "target": "es"}', 400, "Invalid JSON"),
        (b'{"q": "\\ud800", "source": "en", "target": "es"}', 400, "Invalid JSON"),
        (b"[]", 400, "object"),
        (b"", 400, "Invalid JSON"),
        (request_of(5), 400, "q"),
        ({"q": "ana"}, 400, "source"),
        (request_of("ana", source="de"), 400, "en to es only"),
        (request_of("ana", target="de"), 400, "en to es only"),
        (request_of("ana", source=f"en{'-x' * 50}"), 400, "source: String should have at most"),
        (request_of("ana", format="pdf"), 400, "format"),
        (request_of("ana", glossary=["ana"]), 400, "glossary"),
        (request_of("ana", alternatives=11), 400, "alternatives"),
        (request_of("ana", alternatives="1"), 400, "alternatives"),
        (request_of("ana " * 1300), 413, "5,000 characters"),
        (request_of(["a"] * 3000), 413, "5,000 characters"),
    ],
)
def test_what_is_no_request_is_refused_with_a_reason(
    server: str, translator: Translator, body: Any, status: int, said: str
) -> None:
    found, answer, _ = ask(f"{server}/translate", body)
    assert found == status
    assert said in answer["error"]
    assert "ana" not in answer["error"]
    assert_serves(server, translator)


def test_fields_may_stand_in_the_query(server: str, translator: Translator) -> None:
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    query, expected = (
        "source=en&target=es",
        {"translatedText": translator.translate(["¿ana?"])[0].text},
    )
    for address, body, headers in [
        (f"{server}/translate?{query}&q=%C2%BFana%3F", b"", {}),
        (f"{server}/translate?{query}&q=%C2%BFana%3F", b"", {"Content_Type": ""}),
        (f"{server}/translate?{query}", "q=¿ana?".encode(), form),
    ]:
        assert ask(address, body, **headers)[:2] == (200, expected)
    status, answer, _ = ask(f"{server}/translate", b"", Content_Type="")
    assert (status, answer["error"].split(";")[0]) == (400, "q: Field required")


def test_a_form_must_be_utf8_and_another_type_is_none(server: str) -> None:
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    assert ask(f"{server}/translate", b"q=%FF&source=en&target=es", **form)[0] == 400
    assert ask(f"{server}/translate", b"q=\xff&source=en&target=es", **form)[0] == 400
    assert ask(f"{server}/translate", b"q=ana", Content_Type="text/plain")[0] == 415


def test_a_path_or_method_that_is_not_there_is_said_as_json(server: str) -> None:
    assert ask(f"{server}/nothing")[:2] == (404, {"error": "Not Found"})
    assert ask(f"{server}/translate?q=secret")[:2] == (405, {"error": "Method Not Allowed"})


@pytest.mark.parametrize("path", ["", "page.js", "health", "nothing"])
def test_no_answer_lets_a_browser_fetch_from_elsewhere_or_keep_it(server: str, path: str) -> None:
    try:
        headers = urllib.request.urlopen(f"{server}/{path}", timeout=30).headers
    except urllib.error.HTTPError as error:
        headers = error.headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert "unsafe" not in policy and "*" not in policy and "http" not in policy
    assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")


class Key(str):
    """A key that may not be compared letter by letter: how long that takes would tell of it."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise AssertionError("it was compared")

    __ne__ = __eq__
    __hash__ = str.__hash__


@pytest.mark.parametrize("path", ["translate", "detect", "live"])
def test_a_key_opens_every_door_and_nothing_else_does(translator: Translator, path: str) -> None:
    with serving(translator, api_key=Key("ключ")) as address:
        for wrong in ({}, {"api_key": ""}, {"api_key": "ключ "}):
            status, answer, _ = ask(f"{address}/{path}", request_of("ana") | wrong)
            assert (status, answer) == (403, {"error": "the api_key is missing or wrong"})
        assert ask(f"{address}/frontend/settings")[1]["keyRequired"]
        with urllib.request.urlopen(
            urllib.request.Request(
                f"{address}/{path}", json.dumps(request_of("ana", api_key="ключ")).encode(), JSON
            )
        ) as answer:
            assert answer.status == 200


def test_other_sites_may_ask_only_when_they_are_named(translator: Translator) -> None:
    site = "https://example.org"
    for allowed in ((), (site,)):
        with serving(translator, allowed_origins=allowed) as address:
            headers = ask(f"{address}/health", Origin=site)[2]
            assert headers["Access-Control-Allow-Origin"] == (site if allowed else None)
            headers = ask(f"{address}/health", Origin="https://example.com")[2]
            assert headers["Access-Control-Allow-Origin"] is None
            before_json = (  # what a browser asks before a page may send JSON
                f"OPTIONS /translate HTTP/1.1\r\nHost: x\r\nOrigin: {site}\r\n"
                "Access-Control-Request-Method: POST\r\nConnection: close\r\n"
                "Access-Control-Request-Headers: content-type\r\n\r\n"
            )
            answer = raw(address, before_json.encode())
            assert answer.startswith(b"HTTP/1.1 200" if allowed else b"HTTP/1.1 405")


# --- many at once ---------------------------------------------------------------------------------


def test_nobody_gets_what_another_asked_for(server: str, translator: Translator) -> None:
    words = list(CIPHER)
    texts = [" ".join((words * 4)[i : i + 1 + i % 9]) for i in range(30)]
    wanted = [text for text in texts for _ in range(10)]
    expected = {
        text: each.text for text, each in zip(texts, translator.translate(texts), strict=True)
    }
    with ThreadPoolExecutor(32) as pool:
        found = pool.map(lambda text: ask(f"{server}/translate", request_of(text)), wanted)
        for text, (status, answer, _) in zip(wanted, found, strict=True):
            assert (status, answer) == (200, {"translatedText": expected[text]})
    figures = metrics(server)
    batches = figures["translator_batch_texts_count"]
    assert figures["translator_batch_texts_sum"] > 1.5 * batches  # they were translated together
    assert figures["translator_waiting_requests"] == 0


def test_figures_name_the_version_and_the_runs(server: str, translator: Translator) -> None:
    run = f'run="{translator.config.name}",source="en",target="es"'
    names = {f'translator_build_info{{version="{__version__}"}}', f"translator_model_info{{{run}}}"}
    found = metrics(server)
    assert {name for name in found if "_info" in name} == names
    assert all(found[name] == 1 for name in names)


def test_what_waits_together_is_answered_as_each_has_asked(translator: Translator) -> None:
    texts, alternatives = ["ana bebe", "nina", "baba ana"], [0, 2, 1]
    decodings = [
        translator.config.decoding.model_copy(update={"n_best": n + 1}) for n in alternatives
    ]
    expected = [
        [each.text for each in translator.translate([text], decoding)[0].alternatives]
        for text, decoding in zip(texts, decodings, strict=True)
    ]
    with ThreadPoolExecutor(4) as pool, serving(translator) as address, held(translator) as gate:
        first = pool.submit(ask, f"{address}/translate", request_of("ene"))
        wait_until(lambda: gate.encodes)
        found = [
            pool.submit(ask, f"{address}/translate", request_of(text, alternatives=n))
            for text, n in zip(texts, alternatives, strict=True)
        ]
        wait_until(lambda: metrics(address)["translator_waiting_requests"] == 3)
        gate.go_on.set()
        answers = [each.result()[1] for each in found]
        assert first.result()[0] == 200
    assert expected == [[each["translatedText"], *each.get("alternatives", [])] for each in answers]


def metrics(address: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{address}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")
    }


class Held:
    """The model of a translator while somebody holds it: a lock that decoding waits for."""

    def __init__(self, translator: Translator, passing: int) -> None:
        self._engine = translator._engine
        self._passing = passing
        self.go_on = threading.Event()
        self.encodes = self.steps = 0
        self.sentences: list[int] = []  # of each source that is read

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def read(self, source: Any) -> Any:
        self.encodes += 1
        self.sentences.append(len(source))
        if self.encodes > self._passing:
            self.go_on.wait(30)
        return self._engine.read(source)

    def step(self, *arguments: Any) -> Any:
        self.steps += 1
        return self._engine.step(*arguments)


@contextmanager
def held(translator: Translator, passing: int = 0) -> Iterator[Held]:
    """Let the translator wait before it encodes once more than `passing` times, until go_on."""
    engine, gate = translator._engine, Held(translator, passing)
    translator._engine = gate  # type: ignore[assignment]
    try:
        yield gate
    finally:
        gate.go_on.set()
        translator._engine = engine


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_one_more_than_may_wait_is_sent_away_for_a_while(translator: Translator) -> None:
    with (
        ThreadPoolExecutor(3) as pool,
        serving(translator, max_waiting=2) as address,
        held(translator) as gate,
    ):
        first = pool.submit(ask, f"{address}/translate", request_of("ana"))
        wait_until(lambda: gate.encodes)
        rest = [pool.submit(ask, f"{address}/translate", request_of(t)) for t in ("nina", "baba")]
        wait_until(lambda: metrics(address)["translator_waiting_requests"] == 2)
        for path in ("translate", "live"):
            status, answer, headers = ask(f"{address}/{path}", request_of("ene"))
            assert (status, answer["error"]) == (503, "too many requests are waiting")
            assert int(headers["Retry-After"]) > 0
        gate.go_on.set()
        assert [each.result()[0] for each in (first, *rest)] == [200] * 3


@contextmanager
def clients(address: str, path: str, texts: list[str]) -> Iterator[None]:
    """Clients that ask, each for its text, and close the connection at the end of the block."""
    connections = []
    for text in texts:
        body = json.dumps(request_of(text)).encode()
        head = f"POST /{path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connections.append(socket.create_connection(host_and_port(address), timeout=30))
        connections[-1].sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    try:
        yield
    finally:
        for connection in connections:
            connection.close()


def ended_requests(address: str) -> float:
    """How many requests for a translation have ended, with whatever status."""
    name = 'translator_request_seconds_count{path="/'
    paths = tuple(f'{name}{path}"' for path in ("translate", "live"))
    return sum(count for name, count in metrics(address).items() if name.startswith(paths))


def test_hundreds_that_have_left_keep_nobody_out(translator: Translator) -> None:
    with (
        ThreadPoolExecutor(2) as pool,
        serving(translator, max_waiting=100) as address,
        held(translator) as gate,
    ):
        first = pool.submit(ask, f"{address}/translate", request_of("ana"))
        wait_until(lambda: gate.encodes)
        for count, path in enumerate(("translate", "live", "translate"), start=1):
            with clients(address, path, ["bebe"] * 100):
                wait_until(lambda: metrics(address)["translator_waiting_requests"] == 100)
            wait_until(lambda done=100 * count: ended_requests(address) == done)
        honest = pool.submit(ask, f"{address}/translate", request_of("nina"))
        wait_until(lambda: metrics(address)["translator_waiting_requests"] or honest.done())
        gate.go_on.set()
        assert (first.result()[0], honest.result()[0]) == (200, 200)
        assert metrics(address)["translator_cancelled_requests_total"] == 300
        assert metrics(address)["translator_batch_texts_sum"] == 2


@pytest.mark.parametrize("path", ["translate", "live"])
def test_work_under_way_ends_when_its_client_leaves(translator: Translator, path: str) -> None:
    with serving(translator) as address, held(translator) as gate:
        with clients(address, path, ["Ana bebe. " * 100]):
            wait_until(lambda: gate.encodes)
        wait_until(lambda: ended_requests(address) == 1)
        gate.go_on.set()
        steps = []
        for _ in range(2):
            assert_serves(address, translator)  # what came before has been dealt with
            steps.append(gate.steps)
        once, twice = steps
        assert once - (twice - once) == 1


def test_work_under_way_ends_when_its_time_is_over(translator: Translator) -> None:
    with (
        ThreadPoolExecutor(2) as pool,
        serving(translator, request_seconds=1.0) as address,
        held(translator) as gate,
    ):
        asked = [
            pool.submit(ask, f"{address}/{path}", request_of("Ana bebe. " * 100))
            for path in ("translate", "live")
        ]
        assert {answer["error"] for _, answer, _ in (each.result() for each in asked)} == {
            "the translation took too long"
        }
        gate.go_on.set()
        assert_serves(address, translator)
        once = gate.steps
        assert_serves(address, translator)
        assert once - (gate.steps - once) == 1


def test_a_failure_that_nobody_waits_for_is_none_for_the_next(translator: Translator) -> None:
    with serving(translator) as address:
        with held(translator) as gate:
            read = gate.read

            def fail(source: Any) -> None:
                read(source)
                raise RuntimeError("a defect")

            gate.read = fail  # type: ignore[method-assign]
            for number, path in enumerate(("translate", "live"), start=1):
                gate.go_on.clear()
                with clients(address, path, ["ana"]):
                    wait_until(lambda done=number: gate.encodes == done)
                wait_until(lambda done=number: ended_requests(address) == done)
                gate.go_on.set()
        assert_serves(address, translator)


def test_a_client_that_leaves_before_the_first_line_is_not_worked_for(
    translator: Translator,
) -> None:
    """What would have been sent is never asked for, so nothing of it can say that it ends."""
    service = _Service(translator, ServerSettings())  # its thread has not begun
    body = json.dumps({"q": "ana"}).encode()
    messages = [{"type": "http.request", "body": body}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        await asyncio.sleep(0)

    scope = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "path": "/live"}
    headers = [(b"content-type", b"application/json")]
    request = {"method": "POST", "query_string": b"", "headers": headers, "client": None}
    asyncio.run(service.app()(scope | request, receive, send))
    assert service._worker.seconds_to_do() == 0
    assert service._metrics.cancelled._value.get() == 1
    assert service._worker._waiting() == 0


# --- what could not be answered in time -----------------------------------------------------------


def test_what_could_not_be_answered_in_time_is_refused_at_once(translator: Translator) -> None:
    service = _Service(translator, ServerSettings(request_seconds=20.0))
    long = "ana " * 100
    work = work_of([long], translator.config.decoding)
    for line in (service._worker._short, service._worker._watched):
        line.pace.observe(2000.0, begun=work, done=work, full=True)
    with (
        ThreadPoolExecutor(1) as pool,
        answering(service.app()) as address,
        held(translator) as gate,
    ):
        first = pool.submit(ask, f"{address}/translate", request_of(long))  # the server is idle
        wait_until(lambda: gate.encodes)
        for path in ("translate", "live"):
            status, answer, headers = ask(f"{address}/{path}", request_of(long))
            assert (status, answer["error"]) == (503, "too much is waiting for an answer in time")
            assert 900 <= int(headers["Retry-After"]) <= 1000
        assert metrics(address)["translator_refused_requests_total"] == 2
        assert metrics(address)["translator_waiting_requests"] == 0
        gate.go_on.set()
        assert first.result()[0] == 200
        assert_serves(address, translator)


def test_the_pace_is_that_of_full_batches_and_of_faster_ones() -> None:
    pace = Pace()
    found = []
    for seconds, begun, done, full in [
        (4.0, 100, 100, False),  # the first
        (8.0, 100, 100, False),  # slower because it was alone
        (1.0, 0, 0, True),  # nothing was to be done
        (2.0, 100, 100, False),  # faster though it was alone
        (10.0, 1000, 1000, True),
        (50.0, 1000, 1000, True),  # the machine has become slower
        (0.1, 1000, 0, True),  # all have left at once
        (4.0, 200, 50, True),  # some have left: between 0.02 and 0.08
        (20.0, 200, 0, True),  # all have left after a long time
        (1.0, 100, 50, False),  # even if half was not done
    ]:
        pace.observe(seconds, begun=begun, done=done, full=full)
        found.append(pace.seconds_per_unit)
    expected = [0.04, 0.04, 0.04, 0.03, 0.02, 0.035, 0.035, 0.035, 0.0675, 0.04375]
    assert found == pytest.approx(expected)


def test_work_is_characters_for_each_hypothesis() -> None:
    one, four = (DecodingConfig(beam_size=2, n_best=n) for n in (1, 4))
    assert work_of(["ana", " bebe \n nina"], one) == 2 * 11
    assert work_of(["ana"], four) == 4 * 3
    assert work_of([" " * 5000, ""], one) == 0


@pytest.fixture
def worker(translator: Translator) -> Worker:
    """A worker that has not begun; a letter takes a second, and 15 seconds may be accepted."""
    worker = Worker(translator, Metrics(), ServerSettings(request_seconds=20.0))
    for line in worker._lines:
        line.pace.observe(1.0, begun=1, done=1, full=True)
    return worker


GREEDY = DecodingConfig(beam_size=1)


def test_a_job_is_accepted_as_long_as_it_can_be_done_in_time(worker: Worker) -> None:
    first = worker.translate(["a" * 100], GREEDY)  # whatever it is, when nobody else is there
    with pytest.raises(BusyError) as refused:
        worker.translate(["a"], GREEDY)
    assert refused.value.retry_seconds == 50  # when half of it is done
    first.cancel()
    assert worker.seconds_to_do() == 0
    worker.translate(["a" * 10], GREEDY)
    worker.translate(["a" * 5], GREEDY)
    with pytest.raises(BusyError):
        worker.translate(["a"], GREEDY)
    assert worker.seconds_to_do() == 15


def test_texts_that_are_watched_take_turns_with_the_others(worker: Worker) -> None:
    worker.watch("a" * 100, GREEDY, print)
    worker.translate(["a" * 7], GREEDY)  # is done after 7 of its own seconds and 7 of the other's
    with pytest.raises(BusyError):
        worker.translate(["a"], GREEDY)
    with pytest.raises(BusyError):
        worker.watch("a", GREEDY, print)


@pytest.mark.parametrize(
    ("seconds_per_letter", "letters"),
    [(0.0001, 10_000), (1.0, 2500), (0.0, 2500)],  # of two seconds; at least 5,000
)
def test_a_batch_is_what_can_be_done_in_a_tenth_of_the_time(
    worker: Worker, seconds_per_letter: float, letters: int
) -> None:
    line = worker._short if letters <= 5000 else worker._long
    line.pace.seconds_per_unit = 0.0
    text, other = "a" * letters, GREEDY.model_copy(update={"n_best": 2})
    accepted = [(text, GREEDY), (text, other), (text, GREEDY), (text, GREEDY)]
    futures = [worker.translate([text], decoding) for text, decoding in accepted]
    line.pace.seconds_per_unit = seconds_per_letter

    def batch() -> tuple[bool, list[int]]:
        begun = worker._begin_texts(line)
        assert begun
        return begun.is_full, [futures.index(job.future) for job in begun.jobs]

    assert batch() == (True, [0, 2])
    assert batch() == (False, [1])
    assert batch() == (False, [3])


def test_what_is_under_way_counts_until_it_is_cancelled(worker: Worker) -> None:
    first, second = worker.translate(["a"], GREEDY), worker.translate(["a"] * 14, GREEDY)
    [job, _] = worker._short.waiting
    worker._short.waiting.remove(job)
    worker._short.begun.append(_JobBatch([job], worker._steps_of_texts([job]), is_full=False))
    assert worker.seconds_to_do() == 15
    first.cancel()
    assert worker.seconds_to_do() == 14
    second.cancel()
    assert worker.translate(["a" * 100], GREEDY)  # nobody else is there


def test_a_long_text_that_is_watched_makes_nobody_wait_for_its_end(translator: Translator) -> None:
    with (
        ThreadPoolExecutor(2) as pool,
        serving(translator, request_seconds=10.0) as address,
        held(translator) as gate,
    ):
        watched = pool.submit(live, address, "Ana bebe. " * 5)
        wait_until(lambda: gate.encodes)
        other = pool.submit(ask, f"{address}/translate", request_of("ana\nbebe"))
        wait_until(lambda: metrics(address)["translator_waiting_requests"])
        time.sleep(1.1)  # the turn of the first is over
        gate.go_on.set()
        assert other.result()[0] == 200
        assert watched.result()[-1] == {
            "translatedText": translator.translate(["Ana bebe. " * 5])[0].text
        }
    assert gate.sentences[:6] == [1, 2, 1, 1, 1, 1]


@pytest.mark.parametrize("looks_short", [False, True])
def test_a_text_that_takes_long_makes_nobody_wait_for_its_end(
    translator: Translator, monkeypatch: pytest.MonkeyPatch, looks_short: bool
) -> None:
    monkeypatch.setattr("translator.server.worker._LEAST_BATCH", 5000 if looks_short else 10)
    worker = Worker(translator, Metrics(), ServerSettings())
    long, short = ["ana bebe nina. " * 5], ["ana"]
    order: list[str] = []
    with held(translator) as gate:
        worker.start()
        asked = {"long": worker.translate(long, GREEDY)}
        wait_until(lambda: gate.encodes)
        asked["short"] = worker.translate(short, GREEDY)
        for name, future in asked.items():
            future.add_done_callback(partial(lambda name, _: order.append(name), name))
        time.sleep(0.3)  # the turn of the first is over
        gate.go_on.set()
        worker.close()
    assert order == ["short", "long"]
    for name, texts in (("long", long), ("short", short)):
        assert asked[name].result() == translator.translate(texts, GREEDY)


def test_a_batch_that_takes_too_long_lets_others_of_its_line_go_first(worker: Worker) -> None:
    line = worker._long
    line.pace.seconds_per_unit = 1e-9
    for n_best in (1, 2, 1):  # which do not go together
        worker.translate(["a" * 6000], GREEDY.model_copy(update={"n_best": n_best}))
    first, same = (worker._next_batch(line, worker._begin_texts) for _ in range(2))
    assert first is same
    assert first
    first.spent = 2.1  # a batch may take two seconds
    second = worker._next_batch(line, worker._begin_texts)
    assert second
    assert list(line.begun) == [second, first]
    assert worker._next_batch(line, worker._begin_texts) is second
    second.spent = 2.1
    assert worker._next_batch(line, worker._begin_texts) is second  # nothing else waits


def test_a_translation_that_takes_too_long_is_given_up(translator: Translator) -> None:
    with serving(translator, request_seconds=1.0) as address:
        with held(translator) as gate:
            status, answer, headers = ask(f"{address}/translate", request_of("ana"))
            assert (status, answer["error"]) == (503, "the translation took too long")
            assert headers["Retry-After"] is None  # to ask again would take as long
            live = ask(f"{address}/live", request_of("ana"))
            assert live[:2] == (200, {"error": "the translation took too long"})
            assert gate.encodes == 1  # of the second nothing was computed
        assert_serves(address, translator)


def test_a_failure_is_told_and_the_service_goes_on(translator: Translator) -> None:
    def fail(source: Any) -> None:
        raise RuntimeError("a defect")

    with serving(translator) as address:
        with held(translator) as gate:
            gate.read = fail  # type: ignore[method-assign]
            found = ask(f"{address}/translate", request_of("ana"))
            assert found[:2] == (500, {"error": "the server has failed"})
            found = ask(f"{address}/live", request_of("ana"))
            assert found[:2] == (200, {"error": "the translation failed"})
        assert_serves(address, translator)


def test_what_a_client_that_left_has_asked_for_is_not_translated(translator: Translator) -> None:
    with serving(translator) as address, ThreadPoolExecutor(1) as pool, held(translator) as gate:
        first = pool.submit(ask, f"{address}/translate", request_of("ana"))
        wait_until(lambda: gate.encodes)
        for path in ("translate", "live"):
            body = json.dumps(request_of("nina")).encode()
            head = f"POST /{path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            raw(address, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body, answer=False)
        wait_until(lambda: metrics(address).get(_seconds_of("translate", 503)))
        wait_until(lambda: metrics(address).get(_seconds_of("live", 200)))
        gate.go_on.set()
        assert first.result()[0] == 200
        encodes = [1]
        for _ in range(2):
            assert_serves(address, translator)  # what came before has been dealt with
            encodes.append(gate.encodes)
        assert encodes[1] - encodes[0] == encodes[2] - encodes[1]
        assert metrics(address)["translator_batch_texts_sum"] == 3


def _seconds_of(path: str, status: int) -> str:
    return f'translator_request_seconds_count{{path="/{path}",status="{status}"}}'


def test_an_address_that_asks_too_often_is_told_when_to_come_back(translator: Translator) -> None:
    with serving(translator, requests_per_minute=3) as address:
        found = [ask(f"{address}/translate", request_of("ana")) for _ in range(8)]
        statuses = [status for status, _, _ in found]
        assert statuses[:3] == [200] * 3
        assert 429 in statuses  # a new minute may begin meanwhile
        refused = found[statuses.index(429)]
        assert 0 < int(refused[2]["Retry-After"]) <= 60
        assert ask(f"{address}/health")[0] == 200


# --- faults ---------------------------------------------------------------------------------------


def test_ten_megabytes_are_refused_and_not_kept(server: str, translator: Translator) -> None:
    """Spaces around a small request: no number of characters would tell."""
    body = json.dumps(request_of("ana")).encode()
    spaces = [b" " * 100_000] * 100
    head = f"Content-Length: {10_000_000 + len(body)}\r\nConnection: close\r\n\r\n".encode()
    tracemalloc.start()
    try:
        answer = raw(server, POST, head, *spaces, body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.startswith(b"HTTP/1.1 413")
    assert peak < 3_000_000
    assert_serves(server, translator)


def test_a_body_that_is_said_to_be_huge_is_not_waited_for(server: str) -> None:
    answer = raw(server, POST, b"Content-Length: 99999999999\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_body_that_does_not_come_is_not_waited_for(translator: Translator) -> None:
    with serving(translator, request_seconds=1.5) as address, ThreadPoolExecutor(8) as pool:
        slow = [
            pool.submit(raw, address, POST, b'Content-Length: 60\r\n\r\n{"q": "ana', answer=True)
            for _ in range(8)
        ]
        assert_serves(address, translator)  # meanwhile
        for each in slow:
            assert each.result().startswith(b"HTTP/1.1 408")
        assert_serves(address, translator)


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"POST /translate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http_is_refused(server: str, translator: Translator, sent: bytes) -> None:
    assert raw(server, sent).startswith(b"HTTP/1.1 400")
    assert_serves(server, translator)


def test_a_client_that_leaves_in_mid_body_does_no_harm(server: str, translator: Translator) -> None:
    for _ in range(5):
        raw(server, POST, b'Content-Length: 60\r\n\r\n{"q": "ana', answer=False)
    assert_serves(server, translator)


@pytest.mark.slow
@pytest.mark.parametrize("valid", [True, False])
def test_any_request_is_answered_as_the_description_says(server: str, valid: bool) -> None:
    import schemathesis  # takes a second
    from schemathesis.core.result import Ok

    mode = schemathesis.GenerationMode.POSITIVE if valid else schemathesis.GenerationMode.NEGATIVE
    description = schemathesis.openapi.from_url(f"{server}/openapi.json")
    found = description.get_all_operations()
    operations = [each.ok() for each in found if isinstance(each, Ok)]
    assert len(operations) == 7
    for operation in operations:
        if not valid and not operation.body:
            continue  # nothing about it can be wrong

        @hypothesis.given(operation.as_strategy(generation_mode=mode))
        @hypothesis.settings(max_examples=25)
        def check(case: schemathesis.Case) -> None:
            case.call_and_validate()

        check()


# --- live -----------------------------------------------------------------------------------------


def live(address: str, text: str, **others: Any) -> list[dict[str, Any]]:
    data = json.dumps({"q": text, **others}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{address}/live", data, JSON)) as answer:
        return [json.loads(line) for line in answer]


@pytest.mark.parametrize("text", [TEXT, " ", "", "\n ana. \n\n nina! ", "ana " * 300, "。 ana。 "])
def test_what_is_watched_ends_as_what_is_translated(
    server: str, translator: Translator, text: str
) -> None:
    *_, last = live(server, text)
    assert last == {"translatedText": translator.translate([text])[0].text}


def test_a_translation_grows_and_says_where_it_looked(server: str, translator: Translator) -> None:
    *events, last = live(server, TEXT, alternatives=1)
    texts = [event["text"] for event in events if "text" in event]
    assert len(texts) >= 4
    two_best = translator.config.decoding.model_copy(update={"n_best": 2})
    grown = translator.stream(TEXT, two_best)
    assert texts == [text for text, _ in itertools.groupby(grown)]
    first, second = [event["sentence"] for event in events if "sentence" in event]
    assert first["source"] == ["ana", "bebe."]
    assert second["source"] == ["Nina", "banana?"]
    assert " ".join(first["target"] + second["target"]) == last["translatedText"]
    assert len(first["alternatives"]) == 1
    for sentence in (first, second):
        [[head, _]] = sentence["attention"]  # a layer of two heads
        assert [len(row) for row in head] == [len(sentence["source"])] * len(sentence["target"])
        assert all(0 <= weight <= 1 for row in head for weight in row)


# --- the page, in a real browser ------------------------------------------------------------------


def type_and_translate(browser: Any, text: str) -> list[Any]:
    """The words of the translation that the page shows for a text."""
    one(browser, "#text").clear()
    one(browser, "#text").send_keys(text, Keys.ENTER)
    wait_until(lambda: one(browser, "#status").get_attribute("textContent").startswith("Trans"))
    wait_until(lambda: all_of(browser, "#translation .word"))
    return all_of(browser, "#translation .word")


def lit(browser: Any) -> list[float]:
    """How brightly each word of the source is lit, the brightest 1."""
    script = "return arguments[0].style.getPropertyValue('--share')"
    words = all_of(browser, "#source-words .word")
    return [float(browser.execute_script(script, word) or 0) for word in words]


def weights_of(server: str, text: str) -> Any:
    """Cross-attention [layers, heads, target words, source words] of the one sentence of a text."""
    [sentence] = [event["sentence"] for event in live(server, text) if "sentence" in event]
    return np.array(sentence["attention"])


def assert_asked_only(browser: Any, server: str) -> None:
    """Nothing was fetched from elsewhere, and nothing was complained of."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    fetched = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert len(fetched) >= 5
    assert all(url.startswith((server, "data:")) for url in fetched), fetched
    assert browser.get_log("browser") == []


@pytest.mark.slow
def test_what_is_typed_is_translated_and_each_word_shows_its_sources(
    browser: Any, server: str, translator: Translator
) -> None:
    text = "nina ana banana"
    weights = weights_of(server, text)
    browser.get_log("performance")
    browser.get(server)
    wait_until(lambda: browser.title == "English to Spanish")
    words = type_and_translate(browser, text)
    assert " ".join(word.text for word in words) == translator.translate([text])[0].text
    assert [word.text for word in all_of(browser, "#source-words .word")] == text.split()
    assert len(all_of(browser, "#alternatives li")) == 3

    def assert_shown(target: int, expected: Any) -> None:
        np.testing.assert_allclose(lit(browser), expected[target] / max(expected[target]), 0.02)
        source = text.split()[expected[target].argmax()]
        share = round(100 * float(max(expected[target])))
        assert one(browser, "#source-words .most").text == source
        readout = one(browser, "#readout").get_attribute("textContent")
        assert readout.startswith(f"{words[target].text} looks at “{source}” ")
        assert abs(int(readout.split("” ")[1].split("\N{NO-BREAK SPACE}%")[0]) - share) <= 1

    ActionChains(browser).move_to_element(words[2]).perform()
    assert_shown(2, weights[0].mean(axis=0))
    one(browser, "#head").send_keys("2")
    assert_shown(2, weights[0, 1])
    browser.execute_script("arguments[0].focus()", one(browser, "button"))
    ActionChains(browser).send_keys(Keys.TAB, Keys.ARROW_RIGHT).perform()
    assert browser.switch_to.active_element == words[1]
    assert words[1].get_attribute("aria-selected") == "true"
    assert words[2].get_attribute("aria-selected") == "false"
    assert_shown(1, weights[0, 1])
    marked = "<i>nina</i> <img/src=x> ana"  # what is typed is text
    type_and_translate(browser, marked)
    assert [word.text for word in all_of(browser, "#source-words .word")] == marked.split()
    assert all_of(browser, "main i, main img") == []
    assert_asked_only(browser, server)


@pytest.mark.slow
def test_a_sample_and_what_is_typed_are_translated_without_a_button(
    browser: Any, server: str, translator: Translator
) -> None:
    browser.get(server)
    wait_until(lambda: one(browser, "#sample").is_displayed())
    one(browser, "#sample").click()
    wait_until(lambda: all_of(browser, "#translation .word"))
    sample = one(browser, "#text").get_attribute("value")
    assert one(browser, "#translation").text == translator.translate([sample])[0].text
    assert not one(browser, "#sample").is_displayed()
    one(browser, "#text").clear()
    one(browser, "#text").send_keys("ana bebe")
    wait_until(
        lambda: one(browser, "#translation").text == translator.translate(["ana bebe"])[0].text
    )
    assert browser.get_log("browser") == []


@pytest.mark.slow
def test_a_translation_is_seen_while_it_is_written(browser: Any, translator: Translator) -> None:
    [first] = translator.translate(["ana bebe."])
    with serving(translator) as address, held(translator, passing=1) as gate:
        browser.get(address)
        one(browser, "#text").send_keys("ana bebe. Nina.", Keys.ENTER)
        wait_until(lambda: one(browser, "#translation").text == first.text)
        assert all_of(browser, "#translation .word") == []
        gate.go_on.set()
        wait_until(lambda: all_of(browser, "#translation .word"))
        assert one(browser, "#translation").text.startswith(f"{first.text} ")


@pytest.mark.slow
def test_the_page_says_what_went_wrong_and_recovers(browser: Any, translator: Translator) -> None:
    def problem() -> str:
        return str(one(browser, "#problem").text)

    with serving(translator, max_characters=30, api_key="key") as address:
        browser.get(address)
        wait_until(lambda: one(browser, "#key").is_displayed())
        one(browser, "button").click()
        assert problem() == "There is nothing to translate yet."
        one(browser, "#text").send_keys("ana", Keys.ENTER)
        missing = "This server asks for an API key: give it below the text."
        assert problem() == missing
        assert one(browser, "#key").get_attribute("type") == "password"
        one(browser, "#key").send_keys("ke")  # translated without a button
        wait_until(lambda: problem() == "Not translated: the api_key is missing or wrong.")
        one(browser, "#key").clear()
        one(browser, "#text").send_keys(" ")  # so is a text that is typed without a key
        wait_until(lambda: problem() == missing)
        one(browser, "#key").send_keys("key")
        wait_until(lambda: all_of(browser, "#translation .word"))
        one(browser, "#text").send_keys(" ana" * 10, Keys.ENTER)
        wait_until(lambda: problem() == "Not translated: more than 30 characters.")
        assert type_and_translate(browser, "ana bebe")
        assert problem() == ""
    one(browser, "button").click()
    wait_until(lambda: problem() == "The server does not answer. Is it running?")
    assert all_of(browser, "#translation .word") == []
    browser.get_log("browser")  # the browser itself complains of 403, 413 and no connection


@pytest.mark.slow
def test_the_interface_is_described_to_people(browser: Any, server: str) -> None:
    browser.get_log("performance")
    browser.get(f"{server}/docs")
    wait_until(lambda: len(all_of(browser, "#operations section")) == 7)
    command = shlex.split(one(browser, "#example").text)
    done = (
        subprocess.run(command, capture_output=True, check=True) if shutil.which("curl") else None
    )
    assert done is None or "translatedText" in json.loads(done.stdout)
    assert browser.get_log("browser") == []


# --- the command ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_server_that_is_asked_to_end_answers_first_and_logs_no_text(
    trained_run: RunDirectory, translator: Translator
) -> None:
    command = [*started_as(), "serve", "--run", str(trained_run.path)]
    started = subprocess.Popen(
        [*command, "--port", "0"], stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    texts = ["banana ana nina " * 20 + "bebe " * i for i in range(8)]
    with ended(started) as process, ThreadPoolExecutor(8) as pool:
        assert process.stderr
        address = next(line.strip() for line in process.stderr if line.startswith("http"))
        assert ask(f"{address}/health")[:2] == (200, {"status": "ok"})
        assert ask(f"{address}/banana?q=banana")[0] == 404
        found = [pool.submit(ask, f"{address}/translate", request_of(text)) for text in texts]

        def accepted() -> bool:
            now = metrics(address)
            return now["translator_batch_texts_sum"] + now["translator_waiting_requests"] == 8

        wait_until(accepted)
        process.send_signal(signal.SIGTERM)
        answers = [each.result() for each in found]
        _, log = process.communicate(timeout=30)
    assert [status for status, _, _ in answers] == [200] * 8
    for text, (_, answer, _) in zip(texts, answers, strict=True):
        assert answer == {"translatedText": translator.translate([text])[0].text}
    assert log.count("POST /translate 200") == 8
    assert "banana" not in log
    assert "Traceback" not in log


@pytest.mark.slow
def test_the_command_sets_the_limits_that_it_is_given(trained_run: RunDirectory) -> None:
    options = {"--port": "0", "--max-characters": "7", "--requests-per-minute": "3"}
    arguments = [part for option in options.items() for part in option]
    command = [*started_as(), "serve", "--quiet", "--run", str(trained_run.path)]
    started = subprocess.Popen(
        [*command, *arguments, "--allow-origin", "https://example.org"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TRANSLATOR_API_KEY": "key"},
    )
    with ended(started) as process:
        assert process.stderr
        address = process.stderr.readline().strip()
        text = request_of("ana", api_key="key")
        status, _, headers = ask(f"{address}/translate", text, Origin="https://example.org")
        assert (status, headers["Access-Control-Allow-Origin"]) == (200, "https://example.org")
        assert ask(f"{address}/translate", request_of("ana"))[0] == 403
        assert "7 characters" in ask(f"{address}/translate", text | {"q": "ana " * 2})[1]["error"]
        assert ask(f"{address}/translate", text)[0] == 429
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        assert process.stderr.read() == "interrupted\n"  # --quiet logs no requests


def test_an_origin_that_no_browser_sends_is_refused() -> None:
    written = "foo example.org https://example.org/ https://Example.org https://*.org".split()
    written += ["http://example.org:80", "https://example.org:443"]
    sent = "* null http://localhost:3000 https://example.org:80 http://[::1]:5000".split()
    sent.append("moz-extension://0b7e1f6a-11")
    assert [each for each in written + sent if _ORIGIN.fullmatch(each)] == sent
    ended = run_command("serve", "--allow-origin", "foo")
    assert ended.returncode == 2
    assert "foo is no origin" in ended.stderr


def test_a_port_that_is_taken_is_said(trained_run: RunDirectory) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*started_as(), "serve", "--port", port],
            capture_output=True,
            text=True,
            check=False,
            cwd=trained_run.path.parents[1],
        )
    assert done.returncode == 1
    reason = os.strerror(errno.EADDRINUSE)
    assert f"error: cannot listen at 127.0.0.1, port {port}: {reason}\n" in done.stderr
    assert "hint: Choose another" in done.stderr
