"""A disk loses, cuts and changes files: each command says so, or does what it does without them.

A table of every file of a run, what may happen to it, and the commands that read it. None ends in a
traceback; what is given out in spite of the damage is right.
"""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from translator.cli import app
from translator.errors import TranslatorError
from translator.evaluation import sets_of_split
from translator.export.certified import export_certified
from translator.runs import RunDirectory, lock

TEXT, TRANSLATION = "ana bebe", "oto tita\n"


# --- what may happen to a file --------------------------------------------------------------------


def _changed(file: Path, place: int, mask: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= mask
    file.write_bytes(data)


def _randomised(file: Path) -> None:
    file.write_bytes(random.Random(1).randbytes(file.stat().st_size))


def _other_content(file: Path) -> None:
    """What the format allows, and no version of this program wrote there."""
    others = {".json": b"[1, 2, 3]", ".jsonl": b"[1]\n7\n{}\n", ".yaml": b"- a\n- b\n"}
    file.write_bytes(others.get(file.suffix, b"[1, 2, 3]"))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "emptied": lambda file: file.write_bytes(b""),
    "cut in half": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "a bit in the middle": lambda file: _changed(file, file.stat().st_size // 2, 1),
    "a byte at the start": lambda file: _changed(file, 3, 0xFF),
    "zeros": lambda file: file.write_bytes(bytes(file.stat().st_size)),
    "random bytes": _randomised,
    "other content": _other_content,
}


# --- the run and the commands ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(trained_run: RunDirectory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs/tiny that has been trained, evaluated and exported; nobody changes it."""
    folder = tmp_path_factory.mktemp("whole")
    shutil.copytree(trained_run.path.parent, folder / "runs")
    run = RunDirectory(folder / "runs" / "tiny")
    shutil.rmtree(run.exports, ignore_errors=True)
    shutil.copyfile(run.config_file, folder / "tiny.yaml")
    test_set = sets_of_split(run, "valid")[0]
    export_certified(run, "ctranslate2", test_set, sentences=5)
    done = CliRunner().invoke(app, ["evaluate", "--run", str(run.path), "--resamples", "0"])
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def here(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of it, as the working directory."""
    shutil.copytree(whole, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    yield tmp_path / "here"
    shutil.rmtree(tmp_path / "here")


RUN = "runs/tiny"
COMMANDS = {
    "translate": ["translate", "--run", RUN, TEXT],
    "translate --engine auto": ["translate", "--run", RUN, "--engine", "auto", TEXT],
    "translate --engine ctranslate2": ["translate", "--run", RUN, "--engine", "ctranslate2", TEXT],
    "evaluate": ["evaluate", "--run", RUN, "--resamples", "0"],
    "inspect": ["inspect", "--run", RUN],
    "train": ["train", "tiny.yaml"],
    "export": ["export", RUN, "--sample", "5", "--force"],
    "plot": ["plot", RUN],
    "report": ["report", RUN],
}
READ_BY = {  # the commands that read a file; plot and report take seconds and stand in for few
    "config.yaml": ["translate", "evaluate", "train"],
    "tokenizer.model": ["translate", "translate --engine auto", "train"],
    "model.safetensors": ["translate", "inspect", "train", "translate --engine auto"],
    "environment.json": ["train"],
    "training_fingerprints.safetensors": ["evaluate", "train"],
    "metrics.jsonl": ["train"],
    "held_out/test.held-out.jsonl": ["evaluate"],
    "checkpoints/step-320/state.json": ["train"],
    "checkpoints/step-320/model.safetensors": ["train"],
    "checkpoints/step-320/optimizer-0.safetensors": ["train"],
    "export/ctranslate2/model.bin": ["translate --engine auto", "translate --engine ctranslate2"],
    "export/ctranslate2/config.json": ["translate --engine auto"],
    "export/ctranslate2/shared_vocabulary.json": ["translate --engine auto"],
    "export/ctranslate2/certificate.json": ["translate --engine auto"],
}
SLOW = [
    ("metrics.jsonl", "other content", "plot"),
    ("metrics.jsonl", "a byte at the start", "report"),
    ("environment.json", "other content", "report"),
    ("evaluations/test-held-out.beam-5.json", "other content", "report"),
    ("evaluations/test-held-out.beam-5.hypotheses.txt", "a bit in the middle", "report"),
    ("training_fingerprints.safetensors", "a bit in the middle", "report"),
    ("certificate", "other content", "export"),
    ("model.safetensors", "zeros", "export"),
]
TABLE = [
    *((file, damage, name) for file in READ_BY for damage in DAMAGES for name in READ_BY[file]),
    *((f.replace("certificate", "export/ctranslate2/certificate.json"), d, c) for f, d, c in SLOW),
]


def invoke(name: str) -> Result:
    return CliRunner().invoke(app, COMMANDS[name])


def assert_clean(done: Result) -> None:
    """It succeeded, or ended in an error that the command line tells in one sentence."""
    if done.exit_code:
        assert isinstance(done.exception, TranslatorError | OSError), repr(done.exception)
        if isinstance(done.exception, TranslatorError):
            assert done.exception.message and done.exception.hint


@pytest.mark.parametrize(("file", "damage", "name"), TABLE)
def test_damage_is_an_error_or_a_warning(here: Path, file: str, damage: str, name: str) -> None:
    DAMAGES[damage](here / RUN / file)
    done = invoke(name)
    assert_clean(done)
    if name.startswith("translate") and done.exit_code == 0:
        assert done.stdout == TRANSLATION
    harmless = file.endswith("certificate.json") and damage == "a bit in the middle"  # a figure
    if name == "translate --engine auto" and file.startswith("export/") and not harmless:
        assert "warning: " in done.stderr
        assert "; translating with the run itself" in done.stderr
    if file == "export/ctranslate2/model.bin" and name == "translate --engine ctranslate2":
        assert done.exit_code == 1
    if file in ("tokenizer.model", "model.safetensors") and name == "translate":
        assert done.exit_code == 1


def test_a_lost_best_model_is_written_anew_when_training_goes_on(here: Path) -> None:
    for damage in ("deleted", "zeros"):
        DAMAGES[damage](here / RUN / "model.safetensors")
        done = invoke("train")
        assert done.exit_code == 0, done.output
        assert "warning: " in done.stderr and "model.safetensors" in done.stderr
        assert invoke("translate").stdout == TRANSLATION


def test_damaged_metrics_are_told_by_all_who_read_them(here: Path) -> None:
    with (here / RUN / "metrics.jsonl").open("ab") as stream:
        stream.write(b"\xff\n[1]\n")
    for name in ("plot", "train"):
        done = invoke(name)
        assert done.exit_code == 0, done.output
        assert "2 lines damaged and passed over" in done.stderr


def test_training_says_that_its_metrics_are_gone(here: Path) -> None:
    assert "metrics.jsonl" not in invoke("train").stderr
    file = here / RUN / "metrics.jsonl"
    whole = file.read_text(encoding="utf-8").splitlines(keepends=True)
    for left, first in ((whole[: len(whole) // 2], None), ([], 1)):
        file.write_text("".join(left), encoding="utf-8")
        first = first or json.loads(left[-1])["step"] + 1
        done = invoke("train")
        assert done.exit_code == 0, done.output
        assert f"warning: {RUN}/metrics.jsonl has no lines of steps {first} to 320" in done.stderr
    file.unlink()
    assert "metrics.jsonl has no lines of steps 1 to 320" in invoke("train").stderr


def test_a_report_says_what_it_leaves_out(here: Path) -> None:
    assert "environment.json" not in invoke("report").stderr
    (here / RUN / "environment.json").unlink()
    done = invoke("report")
    assert done.exit_code == 0, done.output
    assert f"warning: {RUN} has no environment.json" in done.stderr


@pytest.mark.parametrize("damage", ["a bit in the middle", "zeros", "cut in half"])
@pytest.mark.parametrize("name", ["train.ids", "train.offsets", "valid.ids", "description.json"])
def test_damaged_prepared_corpora_are_made_anew(here: Path, name: str, damage: str) -> None:
    (file,) = (here / "runs" / ".prepared").glob(f"*/{name}")
    before = file.read_bytes()
    DAMAGES[damage](file)
    assert file.read_bytes() != before
    done = invoke("train")
    assert done.exit_code == 0, done.output
    assert file.read_bytes() == before


def test_a_giant_shape_is_refused_before_it_is_made(here: Path) -> None:
    shutil.rmtree(here / RUN / "export")  # which has a shape of its own
    file = here / RUN / "config.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in (("d_model: 32", "d_model: 8192"), ("encoder_layers: 1", "encoder_layers: 64")):
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")
        done = invoke("translate")
        assert isinstance(done.exception, TranslatorError)
        assert "does not have the shape" in done.exception.message


def test_an_export_without_checksums_is_used_and_its_damage_noticed(here: Path) -> None:
    folder = here / RUN / "export" / "ctranslate2"
    certificate = folder / "certificate.json"
    content = json.loads(certificate.read_text(encoding="utf-8"))
    del content["files"]  # as earlier versions wrote it
    certificate.write_text(json.dumps(content), encoding="utf-8")
    done = invoke("translate --engine auto")
    assert (done.stdout, done.stderr.count("\n")) == (TRANSLATION, 1)
    assert done.stderr.startswith("engine: the run's CTranslate2 export")
    DAMAGES["cut in half"](folder / "model.bin")
    done = invoke("translate --engine auto")
    assert done.stdout == TRANSLATION
    assert "is damaged" in done.stderr


def test_two_exports_at_once_are_one_and_a_refusal(here: Path) -> None:
    folder = (here / RUN / "export" / "ctranslate2").absolute()
    stale = folder.with_name(".ctranslate2.partial")
    stale.mkdir()  # of a killed one
    (stale / "model.bin").write_bytes(b"half")
    with lock(folder):
        done = invoke("export")
        assert isinstance(done.exception, TranslatorError)
        assert "another process is exporting to" in done.exception.message
        assert stale.exists()
    done = invoke("export")
    assert done.exit_code == 0, done.output
    assert [path.name for path in folder.parent.iterdir()] == ["ctranslate2"]
