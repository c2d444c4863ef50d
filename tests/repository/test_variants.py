"""The commands of pages that take long, or ask other machines, are run smaller, or against ours."""

import json
import lzma
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.data.site import served
from tests.helpers import ROOT, ended
from tests.pages import IN_VARIANTS, SMALL, run, shown, small, write_place
from tests.repository.test_adapting_page import TWO_STEPS, assert_judged, write_memory
from translator.runs import RunDirectory

SETTINGS = "".join(f" --set {shlex.quote(each)}" for each in SMALL)
OTHERS = ["news.en-es.tsv", "bible.en-es.tsv", "europarl.en-es.tsv", "physics.en-es.tsv"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the files that the pages speak of, the scripts, and a tiny run."""
    place = tmp_path_factory.mktemp("variants")
    write_place(place)
    shutil.copytree(ROOT / "scripts", place / "scripts")
    for name in ("tatoeba", "news_commentary_v11"):
        packed = lzma.compress((place / "mine.en-es.tsv").read_bytes())
        (place / f"{name}.en-es.tsv.xz").write_bytes(packed)
    for name in ("tatoeba-test", "newstest2011"):
        for side in ("en", "es"):
            shutil.copy(place / f"mine.{side}", place / f"{name}.{side}")
    succeeds(small("translator train"), place)
    shutil.copytree(place / "runs" / "everyday", place / "runs" / "tatoeba")
    return place


def succeeds(command: str, place: Path, **environment: str) -> str:
    """What a command prints; its exit code is 0."""
    done = run(command, place, environment)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def commands(beginning: str) -> list[str]:
    """The commands of the pages that begin so; there are some."""
    found = shown(beginning)
    assert found and beginning.startswith(IN_VARIANTS), beginning
    return found


def figures(text: str) -> dict[str, str]:
    """What stands behind each name at the beginning of a line."""
    return {name: value.strip() for name, _, value in (x.partition(" ") for x in text.splitlines())}


def number(text: str) -> float:
    return float(text.replace(",", ""))


# --- benchmarks -----------------------------------------------------------------------------------


TRAININGS = commands("python scripts/bench_train.py ")


def assert_is_a_comparison(text: str, other: str, optimizer: str) -> None:
    found = figures(text)
    ours, theirs = (float(found[f"{each}_tokens_per_second"]) for each in ("ours", other))
    assert ours > 0 and theirs > 0
    assert float(found["ratio"]) == pytest.approx(ours / theirs, abs=0.01)
    assert found["ratios"] == f"[{found['ratio']}]"
    parts = ("data", "forward", "backward", "optimizer")
    assert sum(float(found[f"{each}_share_of_step"]) for each in parts) == pytest.approx(
        1, abs=0.01
    )
    assert (found["optimizer"], found["rounds"]) == (optimizer, "1")


@pytest.mark.parametrize("command", TRAININGS)
def test_training_is_compared_with_a_plain_loop(command: str, place: Path) -> None:
    text = succeeds(f"{command} --rounds 1 --steps 2{SETTINGS}", place)
    assert_is_a_comparison(text, "plain", "muon" if "muon" in command else "adamw")


def test_training_is_compared_with_hugging_face(place: Path) -> None:
    pytest.importorskip("accelerate")
    pytest.importorskip("transformers")
    command = f"{TRAININGS[0]} --against huggingface --rounds 1 --steps 2"
    assert_is_a_comparison(succeeds(command + SETTINGS, place), "huggingface", "adamw")


@pytest.mark.parametrize("command", commands("python scripts/bench_busy.py "))
def test_training_is_measured_beside_a_busy_process(command: str, place: Path) -> None:
    text = succeeds(f"{command} --rounds 1 --steps 2 --spin none{SETTINGS}", place)
    name, idle, beside, share = text.splitlines()[-1].split()
    assert name == "none" and share.endswith("%")
    assert number(beside) / number(idle) == pytest.approx(int(share[:-1]) / 100, abs=0.02)


@pytest.mark.parametrize("command", commands("python scripts/bench_data.py "))
def test_the_way_from_files_to_batches_is_measured(command: str, place: Path) -> None:
    text = succeeds(f"{command} --pairs 300 --steps 2{SETTINGS}", place)
    stages = {
        name: dict(re.findall(r"(\w+) ([\d,.]+)(?:,|$)", rest))
        for name, rest in figures(text).items()
    }
    assert stages["train"]["steps"] == "2"
    for name in ("generate", "prepare", "read", "tokenizer", "clean", "clean+encode"):
        assert number(stages[name]["pairs_per_second"]) > 0
    for name in ("batches", "augmented"):
        assert number(stages[name]["tokens_per_second"]) > 0
        assert 0 <= float(stages[name]["padding"]) < 1
    assert re.search(r"^2\d\d pairs, prepared in", text, re.MULTILINE)  # 20 are held out


@pytest.mark.parametrize(
    ("command", "systems"),
    [
        *zip(
            commands("python scripts/bench_decode.py "),
            (("ours", "ctranslate2"), ("ctranslate2 int8",)),
            strict=True,
        )
    ],
)
def test_ways_to_decode_are_compared(command: str, systems: tuple[str, ...], place: Path) -> None:
    pytest.importorskip("ctranslate2")
    few = f"--sentences 6 --rounds 1 --beams 1 --systems {shlex.join(systems)}"
    head, *rows = succeeds(f"{command} {few}", place).splitlines()
    assert head.split()[:2] == ["beam", "sent./s"]
    found = {row[:18].strip(): list(map(number, row[18:].split())) for row in rows}
    assert tuple(found) == systems
    for beam, sentences, tokens, bleu, same, first, warm, memory in found.values():
        assert beam == 1 and min(sentences, tokens, first, warm, memory) > 0
        assert 0 <= bleu <= 100 and 0 <= same <= 1
    assert found[systems[0]][4] == 1  # it is compared with itself


@pytest.mark.parametrize("command", commands("python scripts/bench_serve.py "))
def test_the_server_answers_right_under_load(command: str, place: Path) -> None:
    pytest.importorskip("fastapi")
    few = "--sentences 6 --clients 2 --seconds 0.2 --requests 8"
    found = figures(succeeds(f"{command} {few}", place))
    assert (found["errors"], found["wrong"]) == ("[]", "0")
    assert found["requests_for_memory"] == "8"
    assert number(found["sentences_per_second"]) > 0
    assert 0 < float(found["p50_ms"].replace(",", "")) <= number(found["p99_ms"])


@pytest.mark.parametrize("command", commands("python scripts/bench_gpu.py "))
def test_what_a_gpu_is_measured_by_runs_on_a_cpu(command: str, place: Path) -> None:
    """There the device is the CPU that it is compared with, so nothing may differ."""
    text = succeeds(f"{command} mine.en-es.tsv --device cpu --quick", place)
    assert (place / "bench_gpu.md").read_text(encoding="utf-8").strip() == text.strip()
    found = json.loads((place / "bench_gpu.json").read_text(encoding="utf-8"))
    assert list(found) == ["machine", "agreement", "training", "decoding", "graphs"]
    expected, *others = found["agreement"]
    for row in others:
        exact = row["precision"] == "float32"
        assert (row["losses"] == expected["losses"]) == (row["largest"] == 0) == exact
    assert others[-1]["same_again"]
    [speed] = found["training"]
    assert speed["share"] > 0 and speed["tokens_per_second"] > 0
    for row in found["decoding"] + found["graphs"]:
        assert row["sentences_per_second"] > 0
        assert row["others"] == 0 or row.get("precision") == "bfloat16"


# --- other measurements ---------------------------------------------------------------------------


def test_a_model_is_trained_and_measured(place: Path, tmp_path: Path) -> None:
    """The script, with fewer systems that decode."""
    pytest.importorskip("ctranslate2")
    pytest.importorskip("matplotlib")
    [command] = commands("scripts/train_and_measure.sh ")
    for folder in ("bin", "configs", "scripts"):
        shutil.copytree(place / folder, tmp_path / folder)
    script = tmp_path / "scripts" / "train_and_measure.sh"
    text = script.read_text(encoding="utf-8")
    for many, few in (
        (
            "--sentences 1000 \\\n        --rounds 2",
            "--sentences 4 --rounds 1 --beams 1 --systems ctranslate2",
        ),
        ("float32 int8", "float32"),  # after two steps all is about as likely: int8 tips it over
    ):
        assert text.count(many) == 1
        text = text.replace(many, few)
    script.write_text(text, encoding="utf-8")
    lines = (place / "mine.en-es.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    write_corpora(tmp_path / "corpus", lines)
    one_set = "data.test={tatoeba-test: {path: corpus/test/tatoeba-test.en-es.tsv}}"
    succeeds(f"{command}{SETTINGS} --set {shlex.quote(one_set)}", tmp_path)
    measured = tmp_path / "measured" / "en-es"
    for name in ("beam-1.txt", "beam-5.txt", "robustness.txt"):
        assert re.search(r"BLEU", (measured / name).read_text(encoding="utf-8")), name
    assert "<title>" in (measured / "report.html").read_text(encoding="utf-8")
    for test in ("tatoeba-test", "newstest2011"):
        assert (measured / f"speed-{test}.json").read_text(encoding="utf-8").count('"system"') == 1
    assert len((measured / "sizes.txt").read_text(encoding="utf-8").splitlines()) == 2


def write_corpora(folder: Path, lines: list[str]) -> None:
    """What the recipe reads: some pairs for each of its corpora and sets."""
    [recipe] = re.findall(r"configs/\S+", commands("scripts/train_and_measure.sh ")[0])
    named = re.findall(r"corpus/(train/\S+\.xz)", (ROOT / recipe).read_text(encoding="utf-8"))
    for number, name in enumerate(named):
        file = folder / name.replace("*", "any")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(lzma.compress("".join(lines[number::20] * 2).encode()))
    sets = ["valid/tatoeba-valid", "valid/newstest2008", "test/tatoeba-test"]
    sets += [f"test/newstest20{year}" for year in ("09", "10", "11")]
    for letter, name in zip("ABCDEF", sets, strict=True):
        file = folder / f"{name}.en-es.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        own = [f"{letter} {line}".replace("\t", f"\t{letter} ") for line in lines[:4]]
        file.write_text("".join(own), encoding="utf-8")


def test_sentences_are_told_apart_by_their_embeddings(place: Path) -> None:
    pytest.importorskip("sklearn")
    [command] = commands("python scripts/measure_embeddings.py classes ")
    for name in re.findall(r"--corpus (\S+)", command):
        texts = (f"{name} {word} and so it goes {word}\n" for word in range(40))
        (place / name).write_text("".join(texts), encoding="utf-8")
    runs = re.findall(r"runs/\w+", command)
    for name in runs:
        shutil.copytree(place / "runs" / "everyday", place / name)
    tfidf, *others = succeeds(f"{command} --sentences 20", place).splitlines()
    assert tfidf == "TF-IDF: accuracy 100.0%"  # each line names its corpus
    assert [line.partition(":")[0] for line in others] == runs
    for line in others:
        assert re.search(r"accuracy \d+\.\d%, adjusted Rand index of k-means -?[01]\.\d\d$", line)


def test_a_corpus_with_too_few_sentences_is_named(place: Path) -> None:
    texts = "".join(f"one two three {number}\none two\n" for number in range(9))
    (place / "small.txt").write_text(texts, encoding="utf-8")
    command = "python scripts/measure_embeddings.py classes runs/everyday --corpus small.txt"
    done = run(f"{command} --sentences 10", place)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: small.txt has 9 different sentences of four words at least, fewer than "
        "--sentences 10\nhint: Ask for fewer, or name a larger file.\n"
    )


# --- other machines, packages and processes -------------------------------------------------------


def test_corpora_are_read_from_other_machines(place: Path, tmp_path: Path) -> None:
    lines = (place / "mine.en-es.tsv").read_text(encoding="utf-8").splitlines()
    pairs = [(line.split("\t")[0], line.split("\t")[1]) for line in lines]
    with served() as site:
        site.put_opus("Books", "v1", pairs)
        write_memory(tmp_path / "memory.tmx")
        site.files["memory.tmx"] = (tmp_path / "memory.tmx").read_bytes()
        where = {"TRANSLATOR_OPUS": site.address, "TRANSLATOR_CACHE": str(tmp_path / "cache")}
        [train] = commands("translator train opus:")
        succeeds(train + SETTINGS, place, **where)
        assert RunDirectory(place / "runs" / "Books").model_file.is_file()
        [check] = commands("translator data check opus:")
        assert re.search(
            r"^opus:Books/v1 +train +en → es +200 ", succeeds(check, place, **where), re.M
        )
        [adapt] = commands("translator adapt runs/everyday https:")
        words = adapt.replace("https://example.org", site.address)
        assert_adapts(f"{words} {TWO_STEPS}", place, **where)
        archive = "OPUS-Books/v1/moses/en-es.txt.zip"
        assert site.requests == [archive, "memory.tmx"]


def assert_adapts(command: str, place: Path, **environment: str) -> None:
    assert_judged(run(command, place, environment), "-adapted test/held-out")


def test_a_model_is_installed_and_adapted(place: Path, tmp_path: Path) -> None:
    """The package of the repository, with a tiny run, built without an index."""
    pytest.importorskip("pip")
    pytest.importorskip("hatchling")
    package = place / "models" / "en-es"
    shutil.copytree(ROOT / "models" / "en-es", package, ignore=lambda *_: ["run"])
    succeeds(f"python scripts/package_model.py runs/everyday {package}", place)
    [install] = commands("pip install ./models/en-es")
    offline = "--quiet --no-index --no-deps --no-build-isolation --target ."  # here it is found
    succeeds(f"{install} {offline}", place)
    write_memory(place / "memory.tmx")
    [adapt] = commands("translator adapt model:en-es ")
    assert_adapts(f"{adapt} {TWO_STEPS}", place)


def test_two_processes_train(place: Path) -> None:
    [command] = commands("torchrun --nproc-per-node 2 ")
    (place / "bin" / "torchrun").write_text(
        '#!/bin/sh\nexec python -m torch.distributed.run "$@"\n'
    )
    (place / "bin" / "torchrun").chmod(0o755)
    shutil.rmtree(place / "runs" / "tatoeba")
    done = run(command + SETTINGS, place, {"PYTHON_EXEC": str(place / "bin" / "python")})
    assert done.returncode == 0, done.stderr
    assert "2 processes" in done.stderr
    assert RunDirectory(place / "runs" / "tatoeba").model_file.is_file()


def test_trackio_keeps_the_curves_and_shows_them(place: Path, tmp_path: Path) -> None:
    pytest.importorskip("trackio")
    variables = {"TRACKIO_DIR": str(tmp_path), "BROWSER": "true"}  # a program that opens nothing
    [train] = commands("translator train mine.en-es.tsv --set training.trackers='[trackio]'")
    succeeds(f"{train}{SETTINGS} --set name=tracked", place, **variables)
    [show] = commands("trackio show ")
    words = [sys.executable, "-u", "-m", "trackio.cli", *shlex.split(show)[1:]]
    started = subprocess.Popen(
        words, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True
    )
    with ended(started) as process:
        assert process.stdout
        found = (re.search(r"http://127\.0\.0\.1:\d+/[^\s\x1b]*", line) for line in process.stdout)
        address = next(each[0] for each in found if each)
        with urlopen(address) as answer:
            assert "trackio" in answer.read().decode().lower()
        process.kill()
