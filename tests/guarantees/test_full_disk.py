"""A disk that is full: every command that writes leaves what was there, and says what it lacks."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers import CIPHER, full_disk
from translator.cli import main
from translator.runs import RunDirectory, write_atomically

OLD = b"<!DOCTYPE html>\nwhat was there before"  # a page, which commands replace
WRITERS = {  # a command, the file that it writes to OUT, and the bytes that a file may have
    "text": ("translate ana bebe --run RUN --output OUT/new", "new", 5),
    "stdin": ("translate --run RUN --output OUT/new", "new", 5),
    "document": ("translate --run RUN --input CORPUS --format lines -o OUT/new", "new", 500),
    "check": ("data check MANY --html OUT/new.html", "new.html", 40_000),
    "attention": ("attention ana --run RUN --output OUT/new", "new.html", 5),
    "plot": ("plot RUN --output OUT/new", "new.html", 5),
    "report": ("report RUN --output OUT/new.html --beam-size 1", "new.html", 5_000),
}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    file = tmp_path / "in" / "pairs.en-es.tsv"
    file.parent.mkdir()
    lines = (f"{a} {b}\t{CIPHER[a]} {CIPHER[b]}\n" for a in CIPHER for b in CIPHER)
    file.write_text("".join(lines), encoding="utf-8", newline="\n")
    many = "data:\n  train:\n" + f"  - path: {file}\n" * 40  # a report beyond other files
    (file.parent / "many.yaml").write_text(many, encoding="utf-8")
    return file


def files_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def command(
    line: str, monkeypatch: pytest.MonkeyPatch, run: RunDirectory, corpus: Path, out: Path
) -> int:
    """Run a command in this process, the corpus its stdin; its exit code."""
    names = {"RUN": run.path, "CORPUS": corpus, "MANY": corpus.parent / "many.yaml", "OUT": out}
    for name, path in names.items():
        line = line.replace(name, str(path))
    monkeypatch.setattr(sys, "argv", ["translator", *line.split()])
    with corpus.open(encoding="utf-8") as lines:
        monkeypatch.setattr(sys, "stdin", lines)
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
    return 0


@contextmanager
def mounted(folder: Path, option: str) -> Iterator[Path]:
    """A file system in memory, mounted with an option."""
    folder.mkdir()
    try:
        mount = ["mount", "-t", "tmpfs", "-o", option, "tmpfs", str(folder)]
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root mounts a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("name", WRITERS)
def test_a_command_that_finds_no_room_leaves_the_old_file(
    trained_run: RunDirectory,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    line, written, bytes_left = WRITERS[name]
    out = tmp_path / "out"
    write_atomically(out / written, OLD)
    with full_disk(bytes_left):
        code = command(line, monkeypatch, trained_run, corpus, out)
    said = capsys.readouterr().err
    assert code == 1, said
    assert "Traceback" not in said
    assert re.search(rf"error: .*{out / written}: File too large; .*bytes are free in {out}", said)
    assert "hint: Make room" in said
    assert "training" not in said.rpartition("hint: ")[2]  # where nothing trains
    kept = files_of(out)
    if name == "document":  # its part stays: --resume goes on from there
        assert "--resume" in said
        kept = {written: kept[written]}
    assert kept == {written: OLD}
    assert command(line, monkeypatch, trained_run, corpus, out) in (0, 1)  # `check` may find faults
    assert files_of(out)[written] != OLD
    assert not [file for file in files_of(out) if "partial" in file]


def test_clean_leaves_nothing_where_one_file_finds_no_room(
    trained_run: RunDirectory,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = "data clean --set data.train.path=CORPUS --output OUT"
    with full_disk(bytes_left=200):
        assert command(line, monkeypatch, trained_run, corpus, tmp_path / "out") == 1
    assert "pairs.en-es.tsv: File too large" in capsys.readouterr().err
    assert files_of(tmp_path / "out") == {}
    assert command(line, monkeypatch, trained_run, corpus, tmp_path / "out") == 0
    assert files_of(tmp_path / "out")["pairs.en-es.tsv"] == corpus.read_bytes()


def test_a_training_that_finds_no_room_says_that_it_goes_on(
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    small = "tokenizer.vocabulary_size=300 model.d_model=32 model.num_heads=2 training.max_steps=2"
    line = "train CORPUS " + " ".join(f"--set {each}" for each in small.split())
    with full_disk(60_000):  # enough for what is prepared, not for the model
        assert command(line, monkeypatch, RunDirectory(tmp_path), corpus, tmp_path) == 1
    said = capsys.readouterr().err
    hint = "hint: Make room there; training goes on from its last checkpoint.\n"
    assert said.endswith(hint), said
    assert command(line, monkeypatch, RunDirectory(tmp_path), corpus, tmp_path) == 0


@pytest.mark.parametrize("form", ["ctranslate2", "huggingface", "argos"])
def test_an_export_that_finds_no_room_leaves_the_older_one(
    trained_run: RunDirectory,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    form: str,
) -> None:
    out = tmp_path / "out" / "export"
    write_atomically(out / "certificate.json", OLD)
    line = f"export RUN --format {form} --output OUT/export --force"
    with full_disk(bytes_left=10_000):
        assert command(line, monkeypatch, trained_run, corpus, tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "File too large; " in said and f"bytes are free in {tmp_path / 'out'}" in said
    assert [file.name for file in out.parent.iterdir()] == ["export"]
    assert files_of(out) == {"certificate.json": OLD}


def test_an_evaluation_that_finds_no_room_leaves_the_kept_one(
    trained_run: RunDirectory,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = "evaluate --run RUN --beam-size 1"
    assert command(line, monkeypatch, trained_run, corpus, tmp_path) == 0
    before = files_of(trained_run.evaluations)
    for bytes_left in (5, 500):  # for neither, for the hypotheses alone
        with full_disk(bytes_left):
            assert command(line, monkeypatch, trained_run, corpus, tmp_path) == 0
        assert "hypotheses not kept in" in capsys.readouterr().err
        assert files_of(trained_run.evaluations) == before


def test_a_small_disk_says_how_much_is_needed_and_free(
    trained_run: RunDirectory,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with mounted(tmp_path / "disk", "size=64k") as disk:
        write_atomically(disk / "new.html", OLD)
        (disk / "ballast").write_bytes(bytes(40_000))
        line = "report RUN --output OUT/new.html --beam-size 1"
        assert command(line, monkeypatch, trained_run, corpus, disk) == 1
        said = capsys.readouterr().err
        found = re.search(r"No space left on device; ([\d,]+) bytes are needed and ([\d,]+)", said)
        assert found, said
        needed, free = (int(number.replace(",", "")) for number in found.groups())
        assert needed > free == 64 * 1024 - 4096 - 40_960
        assert files_of(disk) == {"new.html": OLD, "ballast": bytes(40_000)}


def test_a_folder_that_cannot_be_written_is_not_called_a_matter_of_the_disk(
    trained_run: RunDirectory,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with mounted(tmp_path / "disk", "ro") as disk:
        for line, name in (
            ("attention ana -o OUT/a", "a.html"),
            ("report -o OUT/r.html", "r.html"),
        ):
            assert command(f"{line} --run RUN", monkeypatch, trained_run, corpus, disk) == 1
            said = f"error: {disk / name}: Read-only file system\nhint: Check the permissions, or "
            assert said in capsys.readouterr().err


# --- what is no file of its own -------------------------------------------------------------------


def test_a_pipe_a_device_and_a_link_are_written_through(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_atomically(pipe, b"data")
    reader.join(timeout=10)
    assert read == [b"data"] and pipe.is_fifo()
    write_atomically(Path(os.devnull), b"data")
    assert Path(os.devnull).is_char_device()
    write_atomically(tmp_path / "target", OLD)
    link.symlink_to("target")
    write_atomically(link, b"data")
    assert link.is_symlink() and (tmp_path / "target").read_bytes() == b"data"
    assert {file.name for file in tmp_path.iterdir()} == {"pipe", "link", "target"}


@pytest.mark.parametrize("how", ["pipe", "file"])
def test_stdout_may_be_named_as_the_output(tmp_path: Path, how: str) -> None:
    program = (
        "from pathlib import Path; from translator.runs import write_atomically\n"
        "print('before', flush=True); write_atomically(Path('/dev/stdout'), b'data\\n')"
    )
    if not Path("/dev/stdout").exists():
        pytest.skip("no /dev/stdout here")
    file = tmp_path / "out"
    with file.open("wb") as stream:
        done = subprocess.run(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE if how == "pipe" else stream,
            check=True,
        )
    assert (done.stdout if how == "pipe" else file.read_bytes()) == b"before\ndata\n"
    assert [each.name for each in tmp_path.iterdir()] == ["out"]
