"""What requests may hold and ask: several runs, HTML, files, glossaries, scores, keys."""

import io
import json
import os
import threading
import urllib.request
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docx
import pytest

from tests.helpers import all_of, one
from tests.server.test_server import (
    answering,
    ask,
    held,
    metrics,
    request_of,
    serving,
    wait_until,
)
from translator.errors import ConfigError, RunError
from translator.runs import RunDirectory
from translator.server import AccessKey, ServerError, ServerSettings, listen, read_keys, serve
from translator.server.app import _FILES_AT_ONCE, create_app
from translator.server.files import Downloads, FileTranslation
from translator.translation import Translator

BOUNDARY = "a-boundary"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


@pytest.fixture(scope="module")
def translator(trained_run: RunDirectory) -> Translator:
    return Translator.from_run(trained_run.path, device="cpu")


def into(translator: Translator, source: str, target: str) -> Translator:
    """The same model as one of other languages."""
    languages = {"source_language": source, "target_language": target}
    data = translator.config.data.model_copy(update=languages)
    config = translator.config.model_copy(update={"data": data})
    return Translator(config, translator.tokenizer, translator.model)


@pytest.fixture(scope="module")
def both(translator: Translator) -> Iterator[str]:
    """A server that translates there and back, and into a third language."""
    others = (into(translator, "es", "en"), into(translator, "en", "pt-BR"))
    with answering_to(translator, others) as address:
        yield address


def answering_to(translator: Translator, others: Any) -> Any:
    return answering(create_app(translator, ServerSettings(), others))


def text_of(translator: Translator, text: str) -> str:
    return translator.translate([text])[0].text


def form(file: tuple[str, bytes] | None = None, **fields: str) -> bytes:
    """A form in several parts."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if file:
        head = f'name="file"; filename="{file[0]}"\r\nContent-Type: application/octet-stream'
        head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n"
        parts.append(head.encode() + file[1] + b"\r\n")
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])


def send_file(address: str, name: str, data: bytes, **fields: str) -> tuple[int, Any]:
    body = form((name, data), **{"source": "en", "target": "es", **fields})
    return ask(f"{address}/translate_file", body, Content_Type=MULTIPART)[:2]


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.headers["Content-Disposition"].startswith("attachment")
        return bytes(answer.read())


# --- several runs ---------------------------------------------------------------------------------


def test_several_runs_translate_what_each_is_for(both: str, translator: Translator) -> None:
    assert ask(f"{both}/languages")[1] == [
        {"code": "en", "name": "English", "targets": ["es", "pt-BR"]},
        {"code": "es", "name": "Spanish", "targets": ["en"]},
        {"code": "pt-BR", "name": "Portuguese", "targets": []},
    ]
    expected = {"translatedText": text_of(translator, "ana bebe")}
    for source, target in [("en", "es"), ("es", "en"), ("en", "pt"), ("EN-us", "es_MX")]:
        asked = request_of("ana bebe") | {"source": source, "target": target}
        assert ask(f"{both}/translate", asked)[:2] == (200, expected)
    status, answer, _ = ask(f"{both}/translate", request_of("ana") | {"source": "pt"})
    assert status == 400
    assert answer["error"] == "this model translates en to es, es to en, en to pt-BR only"


def test_each_run_answers_what_it_is_asked(translator: Translator) -> None:
    other = into(translator, "es", "en")
    asked: list[str] = []
    search = other.steps_of_translating
    other.steps_of_translating = lambda *a, **k: (asked.append("other"), search(*a, **k))[1]  # type: ignore
    with answering_to(translator, [other]) as address:
        ask(f"{address}/translate", request_of("ana"))
        assert asked == []
        ask(f"{address}/translate", request_of("ana") | {"source": "es", "target": "en"})
        assert asked == ["other"]
        text = "¿Dónde está la estación? Quisiera una taza de café."
        ask(f"{address}/translate", request_of(text) | {"source": "auto", "target": "en"})
        assert asked == ["other"] * 2


def test_two_runs_between_the_same_languages_are_refused(translator: Translator) -> None:
    with listen("127.0.0.1", 0) as listening, pytest.raises(ServerError, match="two runs"):
        serve(translator, ServerSettings(), listening, [translator])


@pytest.mark.slow
def test_the_page_swaps_the_languages(both: str, browser: Any, translator: Translator) -> None:
    browser.get(both)
    wait_until(lambda: browser.title == "English to Spanish")
    one(browser, "#text").send_keys("ana bebe")
    one(browser, "button[type=submit]").click()
    wait_until(lambda: all_of(browser, "#translation .word"))
    first = text_of(translator, "ana bebe")
    one(browser, "#swap").click()
    wait_until(lambda: browser.title == "Spanish to English")
    assert one(browser, "#text").get_attribute("value") == first
    wait_until(lambda: all_of(browser, "#translation .word"))
    assert one(browser, "#translation").text == text_of(translator, first)
    one(browser, "#direction").send_keys("English to Portuguese")
    wait_until(lambda: browser.title == "English to Portuguese")
    assert not one(browser, "#swap").is_displayed()


# --- what comes in a request ----------------------------------------------------------------------


def test_html_is_translated_around_its_tags(both: str, translator: Translator) -> None:
    html = "<p>ana <b>bebe</b>.</p><script>ana</script>"
    answer = ask(f"{both}/translate", request_of([html, "nina"], format="html"))[1]
    first, second = answer["translatedText"]
    assert first.startswith("<p>") and first.endswith(".</p><script>ana</script>")
    assert text_of(translator, "bebe") in first
    assert (first.count("<b>"), first.count("</b>")) == (1, 1)
    assert second == text_of(translator, "nina")
    status, answer, _ = ask(
        f"{both}/translate", request_of(html, format="html", alternatives=2, scores=True)
    )
    assert status == 200
    assert all(each.endswith("</p><script>ana</script>") for each in answer["alternatives"])
    assert answer["score"] <= 0
    assert ask(f"{both}/translate", request_of("<br>", format="html"))[1] == {
        "translatedText": "<br>"
    }


def test_a_glossary_and_scores_come_with_a_request(both: str, translator: Translator) -> None:
    terms = {"bebe": "mar", " ": "x"}
    answer = ask(f"{both}/translate", request_of("ana bebe", glossary=terms, scores=True))[1]
    assert "mar" in answer["translatedText"].split()
    plain = ask(f"{both}/translate", request_of(["ana bebe"], scores=True))[1]
    [expected] = translator.translate(["ana bebe"])
    assert plain == {"translatedText": [expected.text], "score": [pytest.approx(expected.score)]}
    asked = f"q=ana+bebe&source=en&target=es&glossary={json.dumps(terms).replace(' ', '')}"
    kind = "application/x-www-form-urlencoded"
    found = ask(f"{both}/translate", asked.encode(), Content_Type=kind)[1]
    assert found["translatedText"] == answer["translatedText"]
    many = {f"word{n}": "x" * 40 for n in range(999)}
    assert ask(f"{both}/translate", request_of("ana", glossary=many))[0] == 413


def test_a_form_may_have_several_parts(both: str, translator: Translator) -> None:
    body = form(q="ana ñ", source="en", target="es")
    status, answer, _ = ask(f"{both}/translate", body, Content_Type=MULTIPART)
    assert (status, answer) == (200, {"translatedText": text_of(translator, "ana ñ")})
    for broken in (body[:40], b"", form(q="ana")):
        assert ask(f"{both}/translate", broken, Content_Type=MULTIPART)[0] == 400
    assert ask(f"{both}/translate", body, Content_Type="multipart/form-data")[0] == 400


# --- files ----------------------------------------------------------------------------------------


def test_a_document_is_translated_and_fetched(both: str, translator: Translator) -> None:
    document = docx.Document()
    document.add_paragraph("ana bebe")
    stream = io.BytesIO()
    document.save(stream)
    status, answer = send_file(both, "A letter.docx", stream.getvalue())
    assert status == 200
    assert answer["translatedFileUrl"].startswith(f"{both}/download_file/")
    assert answer["translatedFileUrl"].endswith(".A%20letter_es.docx")
    found = docx.Document(io.BytesIO(fetch(answer["translatedFileUrl"])))
    assert [each.text for each in found.paragraphs] == [text_of(translator, "ana bebe")]
    status, answer = send_file(both, "a.html", b"<p>ana</p>", source="auto", target="en")
    assert fetch(answer["translatedFileUrl"]).decode() == f"<p>{text_of(translator, 'ana')}</p>"
    lines = "ana\n\nbebe nina\n" * 40
    status, answer = send_file(both, "a.txt", lines.encode())
    assert fetch(answer["translatedFileUrl"]).decode().count("\n") == lines.count("\n")


def test_the_formats_of_files_are_listed(both: str) -> None:
    settings = ask(f"{both}/frontend/settings")[1]
    assert {".txt", ".html", ".docx", ".odt", ".srt", ".json"} <= set(
        settings["supportedFilesFormat"]
    )
    assert ".csv" not in settings["supportedFilesFormat"]
    assert settings["filesTranslation"] is True


@pytest.mark.parametrize(
    ("name", "data", "status", "said"),
    [
        ("a.pdf", b"%PDF-", 400, "format"),
        ("a.csv", b"a,b\n", 400, "format"),
        ("a", b"ana", 400, "format"),
        ("a.txt.gz", b"ana", 400, "format"),
        ("a.docx", b"ana", 400, "no Word"),
        ("a.json", b"{", 400, "no JSON"),
        ("a.txt", b"\xff\n", 400, "not UTF-8 (byte 1 of the line). Send it in UTF-8."),
        ("a.txt", "ana".encode("utf-16-le"), 400, "a binary file, no text. Send it in UTF-8."),
        ("a.txt", b"ana bebe " * 60_000, 413, "characters in the file"),
    ],
)
def test_a_file_that_cannot_be_translated_is_refused_with_a_reason(
    both: str, name: str, data: bytes, status: int, said: str
) -> None:
    found, answer = send_file(both, name, data)
    assert found == status
    assert said in answer["error"]


def test_a_file_of_too_many_bytes_is_refused(translator: Translator) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("word/document.xml", b" " * 3_000_000)
    with serving(translator, max_file_bytes=200_000) as address:
        assert send_file(address, "a.txt", b"ana " * 100_000)[0] == 413
        status, answer = send_file(address, "a.docx", bomb.getvalue())
        assert status == 400
        assert "unpacked" in answer["error"]
        assert (
            ask(
                f"{address}/translate_file", form(source="en", target="es"), Content_Type=MULTIPART
            )[0]
            == 400
        )
        assert ask(f"{address}/translate_file", request_of("ana"))[0] == 415
        assert ask(f"{address}/download_file/nothing")[:2] == (
            404,
            {"error": "there is no such file, or not any more"},
        )


def test_a_file_waits_for_others_and_ends_when_its_client_leaves(translator: Translator) -> None:
    with serving(translator, request_seconds=2.0) as address, held(translator) as gate:
        thread = threading.Thread(target=_send_and_leave, args=(address,))
        thread.start()
        wait_until(lambda: gate.encodes)
        thread.join()
        wait_until(lambda: metrics(address)["translator_cancelled_requests_total"] == 1)
        gate.go_on.set()


def test_texts_do_not_wait_for_the_files_that_are_translated(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()

    def run(job: FileTranslation, *_: Any) -> bytes:
        begun.release()
        go_on.wait(30)
        return job.name.encode()

    monkeypatch.setattr(FileTranslation, "run", run)
    files = min(32, (os.cpu_count() or 1) + 4)  # as many as asyncio has threads
    with serving(translator) as address, ThreadPoolExecutor(files) as pool:
        sent = [pool.submit(send_file, address, f"{n}.txt", b"ana") for n in range(files)]
        for _ in range(min(files, _FILES_AT_ONCE)):
            begun.acquire(timeout=30)
        try:
            assert ask(f"{address}/translate", request_of("ana"))[0] == 200
        finally:
            go_on.set()
        assert {each.result()[0] for each in sent} == {200}


def _send_and_leave(address: str) -> None:
    body = form(("a.txt", b"ana\n" * 50), source="en", target="es")
    request = urllib.request.Request(f"{address}/translate_file", body, {"Content-Type": MULTIPART})
    with pytest.raises(TimeoutError):
        urllib.request.urlopen(request, timeout=1)


def test_what_is_kept_goes_when_its_time_or_its_room_is_over() -> None:
    downloads = Downloads(seconds=60, max_bytes=10)
    first, second = (downloads.add(name, b"12345") for name in "ab")
    assert first != second and first.endswith(".a")
    assert (downloads.get(first), downloads.get(second)) == (b"12345", b"12345")
    third = downloads.add("c", b"1")
    assert (downloads.get(first), downloads.get(second)) == (None, b"12345")
    assert downloads.get(third) == b"1"
    brief = Downloads(seconds=0, max_bytes=10)
    assert brief.get(brief.add("a", b"1")) is None


# --- keys -----------------------------------------------------------------------------------------


def test_keys_have_limits_of_their_own(translator: Translator) -> None:
    keys = (
        AccessKey(key="ключ", requests_per_minute=0, max_characters=5100),
        AccessKey(key="few", requests_per_minute=2),
        AccessKey(key="plain"),
    )
    with serving(translator, keys=keys, max_characters=10) as address:

        def status(key: str, text: str = "ana") -> int:
            return ask(f"{address}/translate", request_of(text, api_key=key))[0]

        assert (status(""), status("другой"), status("plain")) == (403, 403, 200)
        assert (status("plain", "ana " * 50), status("ключ", "ana " * 50)) == (413, 200)
        found = [status("few") for _ in range(6)]
        assert 429 in found and set(found) == {200, 429}
        assert status("ключ") == 200
        settings = ask(f"{address}/frontend/settings")[1]
        assert settings["keyRequired"] and settings["apiKeys"]
        assert send_file(address, "a.txt", b"ana\n")[0] == 403
        assert send_file(address, "a.txt", b"ana\n", api_key="plain")[0] == 200

        def by_head(head: str, **fields: str) -> int:
            sent = head.encode().decode("latin-1")
            return ask(f"{address}/translate", request_of("ana", **fields), Authorization=sent)[0]

        assert by_head("Bearer ключ") == by_head("bearer  ключ") == 200
        assert by_head("Bearer plain", api_key="wrong") == by_head("Basic plain") == 403
        assert 429 in [by_head("Bearer few") for _ in range(6)]  # counted by key, too


def test_keys_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(
        "- key: one\n- {key: two, requests_per_minute: 5, max_characters: 9}\n", "utf-8"
    )
    one_key, other = read_keys(file)
    assert one_key == AccessKey(key="one")
    assert (other.requests_per_minute, other.max_characters) == (5, 9)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "keys.yaml is empty: a list of keys is wanted"),
        (b"[]", "keys.yaml is empty"),
        (b"key: Sesame", "keys.yaml is no list"),
        (b"Sesame", "keys.yaml is no list"),
        (b"- Sesame\n", 'entry 1 is not of the form "key: SECRET"'),
        (b"\x93\x00\xff", "keys.yaml is no YAML"),
        (b"- key: 2026-13-01\n", "keys.yaml is no YAML"),
        (b"- key: Sesame\n- key: Sesame\n", "a key is there twice"),
        (b"- Sesame: 5\n", "entry 1 is not of the form"),
        (b"- key: a\n- requests_per_minute: 5\n", "entry 2 is not of the form"),
        (b"- key: a\n  request_per_minute: 5\n", "entry 1 request_per_minute is unknown"),
        (b"- key: a\n  requests_per_minute: -5\n", "entry 1 requests_per_minute: .* than or equal"),
        (b"- key: 'Sesame\n", "line 2, is no YAML"),
        (b"- key: ''\n", "at least 1 character"),
        (b"- key: 12\n", "entry 1 key is no text: put it in quotes"),
        (None, "cannot read .*keys.yaml: No such file"),
    ],
)
def test_a_file_of_keys_that_is_none_is_told_without_its_keys(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    file = tmp_path / "keys.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as error:
        read_keys(file)
    assert 'YAML list of entries such as "- key: SECRET"' in error.value.hint
    assert "Sesame" not in str(error.value) and "\n" not in str(error.value)


def test_two_runs_of_the_same_way_are_refused(translator: Translator) -> None:
    with pytest.raises(RunError, match="translate the same way, en to es"):
        create_app(translator, ServerSettings(), [into(translator, "en", "es")])
