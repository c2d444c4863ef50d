"""Every command of the other pages is run as it stands there, on tiny runs that they share."""

import lzma
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import docx
import pytest

from tests.commands import started_as
from tests.helpers import ROOT, ended
from tests.hub.stand_in import Repository, environment_of, stand_in
from tests.pages import PAGES, SMALL, blocks_of, run, runnable, small, write_place
from tests.spoiled import everything
from translator.cli.console import VERDICT
from translator.config import load_config
from translator.data import SentencePair, read_pairs
from translator.runs import RunDirectory

ELSEWHERE = {  # the files that run the commands of the other pages
    "test_readme.py": (
        *("README", "architectures", "command-line", "translating"),
        *("student", "practitioner", "engineer"),
    ),
    "test_adapting_page.py": ("adapting",),
    "test_media_page.py": ("media",),
    "test_pages.py": ("serving",),
}
PARTS_ELSEWHERE = ("Back-translation and distillation\n", "Summaries\n")  # of recipes.md
HERE = [page for page in PAGES if not any(page.stem in names for names in ELSEWHERE.values())]
SHAPE = ("num_heads=4", "encoder_layers=2", "decoder_layers=2")  # that `explain` can look into
EXIT_CODES = {"translator data check spoiled.en-es.tsv": VERDICT}  # what is serious
CHANGED = {  # what is added
    "translator data mine": " --threshold 0",  # nothing is like anything here
    "pip install ./": " --quiet --no-index --no-deps --no-build-isolation --target .",
}
COPIES = {  # of the run everyday: what a page calls its runs
    "embeddings": ("both",),
    "evaluation": ("a", "b", "tatoeba"),
}
FILES = {  # of 40 pairs: those with two languages in their name, or one side of them
    "embeddings": ("queries.en", "corpus.en", "news.en", "news.es", "tatoeba-valid.en-es.tsv"),
    "evaluation": (
        *("a.other.es", "theirs.es", "ours.es", "others.es", "out.es", "news.es", "news.en-es.tsv"),
        *("tatoeba-test.en-es.tsv", "tatoeba-valid.en-es.tsv", "newstest2008.en-es.tsv"),
        *("newstest2008.en", "beam5.es"),
    ),
    "recipes": (
        *("tatoeba-valid.en-es.tsv", "tatoeba-test.en-es.tsv"),
        *("chem.en-es.tsv", "chem-valid.en-es.tsv", "chem-test.en-es.tsv"),
    ),
}


def trained(command: str) -> str:
    """A training with a tiny model, of a shape that every command can look into.

    One that starts from a run has the shape of that run.
    """
    if "training.start_from" in command:
        kept = [each for each in SMALL if each.startswith(("training.", "data."))]
        kept.append("data.max_tokens_per_sentence=40")
        return command + "".join(f" --set {each}" for each in kept)
    keys = [each for each in SHAPE if each.partition("=")[0] not in command]
    return small(command) + "".join(f" --set model.{each}" for each in keys)


# --- what the pages speak of ----------------------------------------------------------------------


def prepare_data(place: Path, pairs: list[SentencePair]) -> None:
    """A corpus with every fault there is."""
    test = pairs[:40]
    (place / "tatoeba-test.en-es.tsv").write_text(lines_of(test, 0, 1), encoding="utf-8")
    everything(pairs[40:], test, place / "spoiled.en-es.tsv")


def prepare_documents(place: Path, pairs: list[SentencePair]) -> None:
    (place / "page.html").write_text("<p lang=en>Pizza is <b>great</b>.</p>", encoding="utf-8")


def prepare_embeddings(place: Path, pairs: list[SentencePair]) -> None:
    shutil.copytree(ROOT / "scripts", place / "scripts")


def prepare_evaluation(place: Path, pairs: list[SentencePair]) -> None:
    """A set in sacrebleu's cache, a program like COMET's, scores, and a translation."""
    (place / "beam5.es").rename(place / "beam5")
    (place / "scores.txt").write_text("0.5\n" * 40, encoding="utf-8")
    for name in ("a.en", "a.es"):
        kept = (place / name).read_text(encoding="utf-8").splitlines(keepends=True)[:40]
        (place / name).write_text("".join(kept), encoding="utf-8")
    folder = Path(os.environ["SACREBLEU"]) / "wmt13"
    folder.mkdir(parents=True, exist_ok=True)
    for field in ("src", "ref", "docid", "genre", "origlang"):
        (folder / f"wmt13.en-es.{field}").write_text("one\ntwo\n", encoding="utf-8")
    program = place / "comet" / "bin" / "comet-score"
    program.parent.mkdir(parents=True)
    shown = r'"mt\tSegment " NR - 1 "\tscore: 0.5"'
    program.write_text(f"#!/bin/sh\nawk '{{ print {shown} }}' \"$2\"\n", encoding="utf-8")
    program.chmod(0o755)


def prepare_importing(place: Path, run: RunDirectory, pairs: list[SentencePair]) -> None:
    """A MarianMT model, and a run whose export translates as it does, with pairs like its own."""
    from tests.importing.test_importing import write_checkpoint

    write_checkpoint(place / "marian")
    shutil.copytree(ROOT / "scripts", place / "scripts")
    shutil.copytree(run.path, place / "runs" / "tatoeba")
    packed = lzma.compress(lines_of(pairs, 0, 1).encode())
    (place / "react_docs.en-es.tsv.xz").write_bytes(packed)


def prepare_serving(place: Path, pairs: list[SentencePair]) -> None:
    document = docx.Document()
    document.add_paragraph("Pizza is great.")
    document.save(str(place / "report.docx"))


PREPARE: dict[str, Callable[[Path, list[SentencePair]], None]] = {
    "data": prepare_data,
    "documents": prepare_documents,
    "embeddings": prepare_embeddings,
    "evaluation": prepare_evaluation,
    "serving": prepare_serving,
}


def lines_of(pairs: list[SentencePair], *sides: int) -> str:
    return "".join("\t".join(pair[side] for side in sides) + "\n" for pair in pairs)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory as the pages speak of, with a run of `translator train` and one backwards."""
    place = tmp_path_factory.mktemp("pages")
    write_place(place)
    backwards = "name=backwards --set data.source_language=es --set data.target_language=en"
    for command in (f"translator train --set {backwards}", "translator train"):
        done = run(trained(command), place)
        assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def place(shared: Path, tmp_path: Path, page: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of it, with what a page has besides."""
    shutil.copytree(shared, tmp_path, dirs_exist_ok=True)
    pairs = list(read_pairs(load_config().data.train[-1], "en", "es"))[200:400]
    for name in FILES.get(page.stem, ()):
        sides = [int(side == "es") for side in re.findall(r"(?<=[.-])(?:en|es)\b", name)]
        (tmp_path / name).write_text(lines_of(pairs[:40], *sides), encoding="utf-8")
    for name in COPIES.get(page.stem, ()):
        shutil.copytree(tmp_path / "runs" / "everyday", tmp_path / "runs" / name)
    if page.stem in PREPARE:
        PREPARE[page.stem](tmp_path, pairs)
    if page.stem == "importing":
        learned = request.getfixturevalue("trained_run"), request.getfixturevalue("cipher_pairs")
        prepare_importing(tmp_path, *learned)
    return tmp_path


# --- the commands ---------------------------------------------------------------------------------


def of_here(page: Path) -> str:
    """What of a page no other file runs."""
    parts = page.read_text(encoding="utf-8").split("\n## ")
    return "\n## ".join(part for part in parts if not part.startswith(PARTS_ELSEWHERE))


@pytest.mark.slow
@pytest.mark.parametrize("page", HERE, ids=lambda page: page.stem)
def test_every_command_of_a_page_runs(page: Path, place: Path) -> None:
    with ExitStack() as stack:
        variables = {}
        if page.stem == "importing":
            hub = stack.enter_context(stand_in())
            files = {file.name: file.read_bytes() for file in (place / "marian").iterdir()}
            hub.repositories["Helsinki-NLP/opus-mt-en-es"] = Repository(False, [files])
            variables = environment_of(hub, place / "home")
        for command in runnable(of_here(page)):
            if command.startswith("translator train"):
                command = trained(command)
            command += "".join(CHANGED[each] for each in CHANGED if command.startswith(each))
            done = run(command, place, variables)
            [expected] = {c for b, c in EXIT_CODES.items() if command.startswith(b)} or {0}
            assert done.returncode == expected, f"{command}\n{done.stdout}{done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("page", [ROOT / "docs" / "serving.md"])
def test_every_command_of_the_page_of_serving_runs(page: Path, place: Path) -> None:
    """The server answers what the page asks it."""
    text = page.read_text(encoding="utf-8")
    starts = [each for each in runnable(text) if each.startswith("translator serve")]
    asked = [each for each in runnable(text) if each.startswith("curl ")]
    [client] = [each for each in blocks_of(text, "python") if "libretranslatepy" in each]
    assert len(starts) == 2 and len(asked) == 3
    for command in starts:
        with served(command, place) as address:
            for words in [*asked, f"python -c '{client}'"]:
                done = run(words.replace("http://127.0.0.1:8000", address), place)
                assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
                assert not words.startswith("curl") or '"translated' in done.stdout, done.stdout


@contextmanager
def served(command: str, place: Path) -> Iterator[str]:
    """The address of a server that a command of the page starts, at a free port."""
    words = [*started_as(), *command.split()[1:], "--port", "0"]
    started = subprocess.Popen(words, cwd=place, stderr=subprocess.PIPE, text=True)
    with ended(started) as process:
        assert process.stderr
        yield next(line.strip() for line in process.stderr if line.startswith("http"))
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130


@pytest.mark.slow
@pytest.mark.parametrize("page", [ROOT / "docs" / "embeddings.md"])
def test_the_classes_of_the_page_of_embeddings_are_found(page: Path, place: Path) -> None:
    [recipe] = blocks_of(page.read_text(encoding="utf-8"), "python")
    done = run(f"python -c {shlex.quote(recipe)}", place)
    assert done.returncode == 0, done.stderr
    found = [line.partition(" ") for line in done.stdout.splitlines()]
    assert [text for _, _, text in found] == ["The bread is cold.", "When does the train leave?"]
    assert {name for name, _, _ in found} <= {"food", "travel"}


def test_every_page_is_run_by_a_test() -> None:
    """What stands in `ELSEWHERE` is on its file, and nothing else."""
    for name, pages in ELSEWHERE.items():
        text = (ROOT / "tests" / "repository" / name).read_text(encoding="utf-8")
        assert all(page in text for page in pages), name
