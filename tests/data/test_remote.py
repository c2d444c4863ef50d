"""Corpora by name and by address, from a server on this machine; then without it."""

import gzip
import hashlib
import io
import json
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_cli import assert_clear_error, tiny, translator
from tests.commands import started_as
from tests.data.site import Site, served, zipped
from tests.helpers import draw_cipher_pairs, ended, full_disk
from translator.cli.console import VERDICT
from translator.cli.corpora import config_of
from translator.config import CorpusConfig
from translator.data import SentencePair, checksums, downloads, read_pairs, told_languages
from translator.data.downloads import file_name
from translator.errors import DataError
from translator.export.card import public_name
from translator.runs import RunDirectory

PAIRS = [("Hello.", "Hola."), ("“Good” night", "Buenas noches"), ("The end.", "Fin.")]
BACK = [(es, en) for en, es in PAIRS]
EN, ES = ("".join(f"{pair[side]}\n" for pair in PAIRS) for side in (0, 1))
TSV = "".join(f"{en}\t{es}\n" for en, es in PAIRS).encode()
UNITS = "".join(
    f'<tu><tuv xml:lang="en"><seg>{en}</seg></tuv><tuv xml:lang="es"><seg>{es}</seg></tuv></tu>'
    for en, es in PAIRS
)
TMX = f'<tmx version="1.4"><header srclang="en"/><body>{UNITS}</body></tmx>'
BOOKS = "OPUS-Books/v1/moses/en-es.txt.zip"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server that is taken for OPUS, and an empty cache."""
    monkeypatch.setenv("TRANSLATOR_CACHE", str(tmp_path / "cache"))
    with served() as site:
        monkeypatch.setenv("TRANSLATOR_OPUS", site.address)
        yield site


def read(path: str, source: str = "en", target: str = "es", **keys: Any) -> list[SentencePair]:
    """Read as a process of its own does, which has compared nothing yet."""
    downloads._known.clear()
    return list(read_pairs(CorpusConfig.model_validate({"path": path, **keys}), source, target))


def refused(path: str, source: str = "en", target: str = "es") -> DataError:
    with pytest.raises(DataError) as caught:
        read(path, source, target)
    assert caught.value.hint
    return caught.value


def cached(tmp_path: Path) -> list[str]:
    """The files in the cache, without their folders, less the locks."""
    files = (file for file in (tmp_path / "cache").rglob("*") if file.is_file())
    return sorted(file.name for file in files if file.suffix != ".lock")


def tarred(files: dict[str, str]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return data.getvalue()


# --- what is read ---------------------------------------------------------------------------------


def test_a_corpus_of_opus_is_downloaded_once_and_read_in_both_directions(
    site: Site, tmp_path: Path
) -> None:
    assert site.put_opus("Books", "v1", PAIRS) == BOOKS
    assert read("opus:Books/v1") == PAIRS
    assert read("opus:Books/v1", "es", "en") == BACK
    assert read("opus:Books/v1", max_pairs=2) == PAIRS[:2]
    assert site.requests == [BOOKS]
    texts = ["Books.en-es.en", "Books.en-es.es"]
    assert cached(tmp_path) == [".download.json", *texts, "LICENSE", "README"]


FILES: dict[str, tuple[bytes, dict[str, Any]]] = {
    "a.en-es.tsv": (TSV, {}),
    "a.en-es.tsv.gz": (gzip.compress(TSV), {}),
    "a.tmx": (TMX.encode(), {}),
    "a.tmx.gz": (gzip.compress(TMX.encode()), {}),
    "a.tmx.zip": (zipped({"a/corpus.tmx": TMX, "a/README.txt": "about"}), {}),
    "a.dat": (TSV, {"format": "tsv", "columns": {"en": 0, "es": 1}}),
    "moses.zip": (zipped({"x/a.en.txt": EN, "x/a.es.txt": ES, "__MACOSX/a.en.txt": "?"}), {}),
    "moses.tgz": (tarred({"x/a.eng": EN, "x/a.spa": ES, "x/a.fra": "Fin.\n"}), {}),
    "named.zip": (
        zipped({"a.English": EN, "a.Spanish": ES}),
        {"columns": {"en": "English", "es": "Spanish"}},
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_an_address_gives_the_pairs_of_its_file(site: Site, name: str) -> None:
    content, keys = FILES[name]
    site.files[f"corpora/{name}"] = content
    assert read(site.url(f"corpora/{name}"), **keys) == PAIRS
    assert read(site.url(f"corpora/{name}"), "es", "en", **keys) == BACK
    assert site.requests == [f"corpora/{name}"]


def test_two_addresses_side_by_side_and_what_follows_a_question_mark(site: Site) -> None:
    site.files |= {"en/news.en.gz": gzip.compress(EN.encode()), "es/news.es.gz": b""}
    site.files["es/news.es.gz"] = gzip.compress(ES.encode())
    path = site.url("{language}/news.{language}.gz")
    assert read(path) == PAIRS and read(path, "es", "en") == BACK
    site.files["download.php"] = site.files[site.put_opus("Books", "v1", PAIRS)]
    assert read(site.url(f"download.php?f={BOOKS}")) == PAIRS


@pytest.mark.parametrize(
    ("language", "theirs"), [("pt-BR", "pt_BR"), ("pt-BR", "pt"), ("por", "pt"), ("pt", "pt")]
)
def test_opus_may_spell_a_language_otherwise(site: Site, language: str, theirs: str) -> None:
    files = {"A.en-x.en": EN, f"A.en-x.{theirs}": ES}
    site.files[f"OPUS-A/v1/moses/en-{theirs}.txt.zip"] = zipped(files)
    assert read("opus:A/v1", "en", language) == PAIRS
    asked = len(site.requests)
    assert read("opus:A/v1", language, "en") == BACK
    assert len(site.requests) == asked


def test_what_fsspec_opens_is_read_too(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    mirror = tmp_path / "mirror" / BOOKS
    mirror.parent.mkdir(parents=True)
    site.put_opus("Books", "v1", PAIRS)
    mirror.write_bytes(site.files[BOOKS])
    monkeypatch.setenv("TRANSLATOR_OPUS", f"file://{tmp_path}/mirror/")
    assert read("opus:Books/v1") == PAIRS
    assert "OPUS has no Books/v2" in refused("opus:Books/v2").message

    fsspec.filesystem("memory").pipe("/folder/a.en-es.tsv.gz", gzip.compress(TSV))
    assert read("memory://folder/a.en-es.tsv.gz") == PAIRS
    assert "there is nothing at memory://b.tsv" in refused("memory://b.tsv").message
    assert "fsspec cannot open nowhere://b.tsv" in refused("nowhere://b.tsv").message


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://a.org/b/c.tsv.gz", "c.tsv.gz"),
        ("https://a.org/b/c.tsv.gz?download=1", "c.tsv.gz"),
        ("https://a.org/b.php?f=Books/v1/en-es.txt.zip&x=1", "en-es.txt.zip"),
        ("https://a.org/b/c%20d.tmx", "c d.tmx"),
        ("https://a.org/b/c?d=e", "c"),
        ("https://a.org", "a.org"),
    ],
)
def test_a_file_has_the_name_that_tells_its_format(url: str, name: str) -> None:
    assert file_name(url) == name


def test_languages_are_told_by_names_and_files(site: Site) -> None:
    tagged = TMX.replace('"en"', '"de"').replace('"es"', '"fr"')
    site.files |= {
        "a.de-fr.tsv": TSV,
        "a.tmx": tagged.encode(),
        "a.zip": zipped({"b.de": EN, "b.fr": ES, "README": ""}),
        "b.zip": zipped({"b.tmx": tagged}),
        "guessed.tsv": b"the number is here\tel n\xc3\xbamero est\xc3\xa1 aqu\xc3\xad\n" * 50,
    }
    for name in ("a.de-fr.tsv", "a.tmx", "a.zip", "b.zip"):
        corpus = CorpusConfig(path=site.url(name))
        assert told_languages(corpus) == (corpus, ("de", "fr"))
    corpus, languages = told_languages(CorpusConfig(path=site.url("guessed.tsv")))
    assert (languages, corpus.columns) == (("en", "es"), {"en": 0, "es": 1})
    assert corpus.path == site.url("guessed.tsv")
    named: tuple[tuple[str, tuple[str, str] | None], ...] = (
        *(("opus:A/v1", None), ("mtdata:A-b-1-eng-spa", ("en", "es"))),
    )
    for path, known in named:
        corpus = CorpusConfig(path=path)
        assert told_languages(corpus) == (corpus, known)


# --- the cache ------------------------------------------------------------------------------------


def test_what_is_cached_is_read_offline(site: Site, tmp_path: Path) -> None:
    site.put_opus("Books", "v1", PAIRS)
    site.files["a.en-es.tsv"] = TSV
    paths = ["opus:Books/v1", site.url("a.en-es.tsv")]
    first = [read(path) for path in paths]
    site.files.clear()
    assert [read(path) for path in paths] == first
    assert len(site.requests) == 2
    [(url, sha256)] = checksums(CorpusConfig(path=paths[1]), ("en", "es")).items()
    assert (url, len(sha256)) == (paths[1], 64)
    assert checksums(CorpusConfig(path="a.tsv"), ("en", "es")) == {}


@pytest.mark.parametrize("change", ["changed", "deleted", "record"])
def test_a_file_that_is_not_what_was_downloaded_is_refused_until_it_is_fetched_again(
    site: Site, tmp_path: Path, change: str
) -> None:
    site.put_opus("Books", "v1", PAIRS)
    read("opus:Books/v1")
    [file] = (tmp_path / "cache").rglob(
        ".download.json" if change == "record" else "Books.en-es.es"
    )
    if change == "deleted":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes().replace(b"e", b"E", 1))
    error = refused("opus:Books/v1")
    assert str(file) in error.message
    folder = error.hint.removeprefix("Delete ").partition(",")[0]
    assert Path(folder) == file.parent
    for each in Path(folder).iterdir():
        each.unlink()
    assert read("opus:Books/v1") == PAIRS
    assert site.requests == [BOOKS] * 2


def test_an_interrupted_download_goes_on_where_it_was(site: Site, tmp_path: Path) -> None:
    site.files["a.en-es.tsv"] = TSV
    site.sent_before_breaking = 10
    error = refused(site.url("a.en-es.tsv"))
    assert "broke off (10 of 58 bytes came)" in error.message
    assert "goes on from there" in error.hint
    site.sent_before_breaking = None
    assert read(site.url("a.en-es.tsv")) == PAIRS
    assert site.requests == ["a.en-es.tsv", "a.en-es.tsv bytes=10-"]
    assert cached(tmp_path) == [".download.json", "a.en-es.tsv"]


def test_a_file_that_changed_meanwhile_is_downloaded_from_its_beginning(site: Site) -> None:
    site.files["a.en-es.tsv"] = b"old\tviejo\n" * 5
    site.sent_before_breaking = 12
    refused(site.url("a.en-es.tsv"))
    site.files["a.en-es.tsv"] = TSV
    site.sent_before_breaking = 7
    refused(site.url("a.en-es.tsv"))
    site.sent_before_breaking = None
    assert read(site.url("a.en-es.tsv")) == PAIRS
    assert [each.partition(" ")[2] for each in site.requests] == ["", "bytes=12-", "bytes=7-"]


def test_a_process_killed_after_the_last_byte_leaves_no_trouble(site: Site, tmp_path: Path) -> None:
    site.files["a.en-es.tsv"] = TSV
    site.sent_before_breaking = len(TSV) - 1
    refused(site.url("a.en-es.tsv"))
    [part] = (tmp_path / "cache").rglob("*.part")
    part.write_bytes(TSV)
    site.sent_before_breaking = None
    assert read(site.url("a.en-es.tsv")) == PAIRS
    assert len(site.requests) == 3  # 416, and all of it


def test_a_second_process_waits_for_the_first(site: Site, tmp_path: Path) -> None:
    site.put_opus("Books", "v1", PAIRS)
    site.sent_before_breaking, site.pause = 20, threading.Event()
    command = [*started_as(), "data", "check", "opus:Books/v1", "--json"]
    waits = threading.Event()

    def listen(process: "subprocess.Popen[str]") -> None:
        for line in process.stderr or ():
            if "waiting for another process" in line:
                waits.set()

    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                ended(
                    subprocess.Popen(
                        command,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE,
                        text=True,
                        cwd=tmp_path,
                    )
                )
            )
            for _ in range(2)
        ]
        for process in processes:
            threading.Thread(target=listen, args=(process,), daemon=True).start()
        assert waits.wait(60)
        site.pause.set()
        outputs = [process.stdout.read() for process in processes if process.stdout]
    assert [json.loads(each)["corpora"][0]["counts"]["read"] for each in outputs] == [3, 3]
    assert site.requests == [BOOKS]


# --- what is not to be had ------------------------------------------------------------------------


def _other_languages(site: Site) -> None:
    site.files["a.zip"] = zipped({"a.de": EN, "a.fr": ES})


def _several(site: Site) -> None:
    site.files["a.zip"] = zipped(dict.fromkeys(("a.en", "a.es", "b.en", "b.es"), EN))


def _several_tables(site: Site) -> None:
    site.files["a.zip"] = zipped(dict.fromkeys(("a.en-es.tsv", "b.en-es.tsv", "README.txt"), EN))


def _damaged(site: Site) -> None:
    data = bytearray(zipped({"a.en": EN * 100, "a.es": ES * 100}))
    data[60] ^= 255
    site.files["a.zip"] = bytes(data)


def _no_archive(site: Site) -> None:
    site.files["a.zip"] = b"sorry"


def _page(site: Site) -> None:
    site.files["a.zip"] = b"<html>"
    site.types["a.zip"] = "text/html; charset=utf-8"


def _busy(site: Site) -> None:
    site.files["a.zip"] = b"x"
    site.status = 503


def _closed(site: Site) -> None:
    site.files["a.zip"] = b"x"
    site.status = 403


@pytest.mark.parametrize(
    ("prepare", "message", "hint"),
    [
        (lambda site: None, "there is nothing at {}/a.zip (404)", "Check the address"),
        (_other_languages, "{}/a.zip has no texts in en and es, but a.de, a.fr", "source_language"),
        (_several, "{}/a.zip holds several corpora: a.{{language}}, b.{{language}}", "lie in"),
        (_several_tables, "{}/a.zip holds several corpora: a.en-es.tsv, b.en-es.tsv", "lie in"),
        (_damaged, "{}/a.zip gives a damaged archive, or none", "Try again"),
        (_no_archive, "{}/a.zip gives a damaged archive, or none", "Try again"),
        (_page, "{}/a.zip gives a web page, not a file", "Raw"),
        (_busy, "{}/a.zip: the server answers 503", "Try again later"),
        (_closed, "{}/a.zip is not for everybody (403", "as its owners ask"),
    ],
    ids=lambda each: each.__name__ if callable(each) else "",
)
def test_what_cannot_be_had_is_said_in_a_sentence(
    site: Site, tmp_path: Path, prepare: Callable[[Site], None], message: str, hint: str
) -> None:
    prepare(site)
    error = refused(site.url("a.zip"))
    assert message.format(site.address) in error.message and hint in error.hint
    assert not [name for name in cached(tmp_path) if name.endswith((".zip", ".part"))]


def test_names_that_opus_has_not(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.put_opus("Books", "v1", PAIRS)
    error = refused("opus:Books/v2")
    assert error.message == (
        f"OPUS has no Books/v2 in en and es: there is no {site.url(BOOKS.replace('v1', 'v2'))}"
    )
    assert "in en and fr" in refused("opus:Books/v1", "en", "fr").message
    assert "opus.nlpl.eu" in error.hint
    for path in ("opus:Books", "opus:Books/v1/x", "opus:"):
        assert f"{path} is no corpus of OPUS" in refused(path).message
    monkeypatch.setenv("TRANSLATOR_OPUS", "http://127.0.0.1:9")  # nobody is there
    error = refused("opus:Books/v1")
    assert "cannot reach http://127.0.0.1:9/OPUS-Books" in error.message
    assert "Connection refused" in error.message and "needs no network" in error.hint


def test_a_cache_that_cannot_be_written_is_said(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.put_opus("Books", "v1", PAIRS)
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("TRANSLATOR_CACHE", str(tmp_path / "file"))
    error = refused("opus:Books/v1")
    assert f"{tmp_path / 'file' / 'corpora'} cannot keep" in error.message
    assert "TRANSLATOR_CACHE" in error.hint


def test_a_full_disk_is_said_and_not_kept_full(site: Site, tmp_path: Path) -> None:
    site.files["a.en-es.tsv"] = TSV
    with full_disk(40):
        error = refused(site.url("a.en-es.tsv"))
    assert (
        f"{tmp_path / 'cache' / 'corpora'} cannot keep {site.url('a.en-es.tsv')}" in error.message
    )
    assert "58 bytes are needed" in error.message and "Make room" in error.hint
    assert not list((tmp_path / "cache").rglob("*.part"))
    assert read(site.url("a.en-es.tsv")) == PAIRS


# --- mtdata ---------------------------------------------------------------------------------------

MTDATA = """#!{python}
import json, os, pathlib, sys
assert sys.argv[1] == "list"
file = pathlib.Path(os.environ["MTDATA"], "mtdata.index.0.5.1.jsonl")
file.parent.mkdir()
file.write_text("".join(json.dumps(each) + "\\n" for each in {entries}))
"""


@pytest.fixture
def mtdata(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that writes an index as mtdata 0.5.1 does, on the path."""
    archive = {"url": site.url("b/"), "ext": "zip", "is_archive": True}
    sides = {"in_ext": "txt", "in_paths": ["x/train-ref.en.txt", "x/train-src.es.txt"]}
    entries = [
        {"did": "A-scored-1-eng-spa", "url": site.url("a.txt.gz"), "ext": "tsv.gz", "cols": [1, 2]},
        {"did": "A-plain-1-spa-eng", "url": site.url("p.txt.gz"), "ext": "tsv.gz"},
        {"did": "B-moses-1.1-eng-spa", **archive, **sides},
        {"did": "B-tmx-1-eng-spa", **archive, "in_ext": "tmx", "in_paths": ["y/*.tmx"]},
        {"did": "Hub-a-1-eng-spa", "url": "https://hub/a", "ext": "hfds", "in_ext": "hfds"},
    ]
    program = tmp_path / "bin" / "mtdata"
    program.parent.mkdir()
    program.write_text(MTDATA.format(python=sys.executable, entries=entries), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}")
    monkeypatch.setenv("MTDATA", str(tmp_path / "index"))
    scored = "".join(f"1.05\t{line}\n" for line in TSV.decode().splitlines())
    swapped = "".join(f"{es}\t{en}\n" for en, es in PAIRS)
    site.files |= {
        "a.txt.gz": gzip.compress(scored.encode()),
        "p.txt.gz": gzip.compress(swapped.encode()),
        "b/": zipped(
            {
                **{"x/train-ref.en.txt": EN, "x/train-src.es.txt": ES},
                **{"x/dev.en": "", "x/dev.es": "", "y/b.tmx": TMX, "z/c.tmx": ""},
            }
        ),
    }
    return program


@pytest.mark.parametrize(
    "name", ["A-scored-1-eng-spa", "A-plain-1-spa-eng", "B-moses-1.1-eng-spa", "B-tmx-1-eng-spa"]
)
def test_mtdata_says_where_a_corpus_is_and_how_it_is_read(
    site: Site, mtdata: Path, name: str
) -> None:
    assert read(f"mtdata:{name}") == PAIRS
    mtdata.unlink()
    assert read(f"mtdata:{name}", "es", "en") == BACK
    assert len(site.requests) == 1


def test_what_mtdata_does_not_know(mtdata: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused("mtdata:A-none-1-eng-spa").message == "mtdata has no A-none-1-eng-spa"
    assert "hf:NAME" in refused("mtdata:Hub-a-1-eng-spa").hint
    assert "no pair of languages" in refused("mtdata:A-scored-1-eng").message
    mtdata.unlink()
    monkeypatch.setenv("MTDATA", str(mtdata.parent))
    error = refused("mtdata:A-scored-1-eng-spa")
    assert "not installed" in error.message and "pipx install mtdata" in error.hint
    mtdata.write_text(f"#!{sys.executable}\nraise SystemExit('no disk')\n", encoding="utf-8")
    mtdata.chmod(0o755)
    assert "no index: no disk" in refused("mtdata:A-scored-1-eng-spa").message


# --- where it is used -----------------------------------------------------------------------------


def test_neither_fsspec_nor_media_libraries_are_imported(site: Site) -> None:
    site.put_opus("Books", "v1", PAIRS)
    program = f"""
import sys
import translator, translator.cli
assert "fsspec" not in sys.modules
from translator.config import CorpusConfig
from translator.data import read_pairs
assert len(list(read_pairs(CorpusConfig(path="opus:Books/v1"), "en", "es"))) == {len(PAIRS)}
assert not {{"fsspec", "PIL", "soundfile", "datasets", "requests"}} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_a_run_learns_from_a_corpus_by_name_and_says_from_which_bytes(
    site: Site, tmp_path: Path
) -> None:
    site.put_opus("Cipher", "v1", list(draw_cipher_pairs()))
    site.files["test.en-es.tsv"] = TSV
    test = site.url("test.en-es.tsv")
    words = ("train", "opus:Cipher/v1", *tiny(), f"--set=data.test.x={test}", "--set=name=Cipher")
    done = translator(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "opus:Cipher/v1: en → es, into runs/Cipher" in done.stderr
    run = RunDirectory(tmp_path / "runs" / "Cipher")
    archive = site.url("OPUS-Cipher/v1/moses/en-es.txt.zip")
    sent = {archive: site.files["OPUS-Cipher/v1/moses/en-es.txt.zip"], test: TSV}
    assert run.read_environment()["downloads"] == {
        url: hashlib.sha256(data).hexdigest() for url, data in sent.items()
    }
    count = len(site.requests)
    site.files.clear()
    again = translator(*words, cwd=tmp_path)
    assert (again.returncode, len(site.requests)) == (0, count), again.stderr
    assert "this run is finished" in again.stderr
    site.put_opus("Cipher", "v1", list(draw_cipher_pairs())[::-1])
    shutil.rmtree(tmp_path / "cache" / "corpora")
    site.files["test.en-es.tsv"] = TSV
    other = translator(*words, cwd=tmp_path)
    assert_clear_error(other, f"{archive} gives other bytes than when the run began", "--set name=")


@pytest.mark.parametrize("words", [("data", "check"), ("data", "clean", "--output=out")])
def test_commands_take_a_corpus_by_name(site: Site, tmp_path: Path, words: tuple[str, ...]) -> None:
    site.put_opus("Books", "v1", PAIRS)
    done = translator(*words, "opus:Books/v1", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    if words[1] == "check":
        assert content["corpora"][0]["path"] == "opus:Books/v1"
        assert content["corpora"][0]["counts"]["read"] == 3
    else:
        assert content["opus:Books/v1"]["kept"] == 3
        assert (tmp_path / "out" / "Books.en-es.tsv").read_bytes() == TSV


def test_what_is_wrong_is_a_sentence_before_anything_is_made(site: Site, tmp_path: Path) -> None:
    done = translator("train", "opus:Books/v1", cwd=tmp_path)
    assert_clear_error(done, "OPUS has no Books/v1 in en and es")
    assert not (tmp_path / "runs").exists()
    checked = translator("data", "check", "opus:Books/v1", cwd=tmp_path)
    assert "serious: unreadable: OPUS has no Books/v1" in checked.stdout
    assert checked.returncode == VERDICT


def test_ctrl_c_ends_a_download_and_the_same_command_goes_on(site: Site, tmp_path: Path) -> None:
    site.put_opus("Books", "v1", PAIRS)
    site.sent_before_breaking, site.pause = 50, threading.Event()
    command = [*started_as(), "data", "clean", "opus:Books/v1", "--output=out.tsv"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    with ended(process):
        while not any((tmp_path / "cache").rglob("*.part")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in said, said
    site.pause.set()
    site.sent_before_breaking, site.pause = None, None
    done = translator(*command[-4:], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.tsv").read_bytes() == TSV
    assert len(site.requests) == 2


def test_a_text_is_a_text_whatever_follows_its_name(site: Site) -> None:
    site.files["a.txt"] = EN.encode()
    path = site.url("a.txt?download=1")
    assert CorpusConfig(path=path).of_texts
    assert read(path) == [(en, en) for en, _ in PAIRS]


def test_a_side_is_no_way_out_of_the_cache(site: Site) -> None:
    corpus = CorpusConfig(path=site.url("{language}.txt"), columns={"en": "../a", "es": "b"})
    with pytest.raises(DataError, match=r"'\.\./a' is no language"):
        list(read_pairs(corpus, "en", "es"))


def test_a_run_is_named_after_what_was_named(site: Site) -> None:
    site.files["a/My%20data.de-fr.tsv"] = TSV
    assert config_of(["opus:Books/v1"], [])[0].name == "Books"
    config, _ = config_of([site.url("a/My%20data.de-fr.tsv")], [])
    assert config.name == "My-data"
    assert (config.data.source_language, config.data.target_language) == ("de", "fr")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("opus:Books/v1", "opus:Books/v1"),
        ("mtdata:A-b-1-eng-spa", "mtdata:A-b-1-eng-spa"),
        ("https://me:secret@a.org/b.tsv?key=secret#x", "https://a.org/b.tsv"),
        ("file:///home/me/b.tsv", "b.tsv"),
    ],
)
def test_a_card_says_where_texts_are_from_and_no_secret(path: str, name: str) -> None:
    assert public_name(path) == name
