"""The commands of docs/media.md and the recipes of pictures and speech run as they stand there."""

import io
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.commands import write_programs
from tests.helpers import ROOT
from tests.pages import commands_of, run, small

PAGE = (ROOT / "docs" / "media.md").read_text(encoding="utf-8")
SPOKEN = ("speak.py sentences", "/spoken-english", "/spoken-sentences")  # these need espeak-ng
NAMES = ("pizza", "sol", "luna", "mar", "flor", "casa")


def write_table(file: Path, column: str, cells: list[bytes], **names: list[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    media = pa.array([{"bytes": cell, "path": None} for cell in cells], kind)
    pq.write_table(pa.table({column: media, **names}), file)


def pictures() -> list[bytes]:
    from translator.data import png

    random = np.random.default_rng(1)
    return [png(random.integers(0, 256, (32, 32, 3), np.uint8)) for _ in range(60)]


def recordings() -> list[bytes]:
    import soundfile  # type: ignore[import-untyped]

    found = []
    for sound in np.random.default_rng(1).normal(0, 0.1, (60, 3000)):
        stream = io.BytesIO()
        soundfile.write(stream, sound, 8000, format="WAV")
        found.append(stream.getvalue())
    return found


def is_spoken(command: str) -> bool:
    return any(each in command for each in SPOKEN)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the files that the page speaks of, and its programs on the path."""
    place = tmp_path_factory.mktemp("media")
    shutil.copytree(ROOT / "configs", place / "configs")
    shutil.copytree(ROOT / "scripts", place / "scripts")
    media = place / "corpus" / "media"
    media.mkdir(parents=True)
    names = [NAMES[i % len(NAMES)] for i in range(60)]
    for design in ("noto", "openmoji", "fluent"):
        write_table(media / f"emoji-{design}.parquet", "image", pictures(), es=names)
    for part in ("train", "test"):
        speakers = ["george", "lucas"] * 30
        file = media / f"spoken-digits-{part}.parquet"
        write_table(file, "audio", recordings(), es=names, speaker=speakers)
    write_table(place / "spoken-digits-synthetic.parquet", "audio", recordings(), es=names)
    for file in media.iterdir():  # where the measurements have them
        shutil.copy(file, place)
    (place / "pizza.png").write_bytes(pictures()[0])
    (place / "seven.wav").write_bytes(recordings()[0])
    write_programs(place)
    return place


def test_shapes_are_drawn_alike_and_new_pairs_are_new(tmp_path: Path) -> None:
    write_programs(tmp_path)
    script = shlex.quote(str(ROOT / "scripts" / "draw_shapes.py"))
    for folder in ("first", "second"):
        done = run(f"python {script} --pictures 40 --held-out 8 --folder {folder}", tmp_path)
        assert done.returncode == 0, done.stderr
    first, second = (
        {file.name: file.read_bytes() for file in (tmp_path / folder).iterdir()}
        for folder in ("first", "second")
    )
    assert first == second and len(first) == 4 + 40 + 3 * 8
    assert len({*first.values()}) == len(first)

    names = {
        name: {tuple(line.split("\t")[1:]) for line in first[f"{name}.tsv"].decode().splitlines()}
        for name in ("train", "valid", "test", "new-pairs")
    }
    assert len(names["train"]) == 25 and len(names["new-pairs"]) == 5
    assert names["test"] | names["valid"] <= names["train"]
    assert not names["new-pairs"] & names["train"]
    words = {
        name: {word for pair in names[name] for word in " ".join(pair).split()} for name in names
    }
    assert words["new-pairs"] <= words["train"]
    assert ("a red star", "una estrella roja") in names["train"]
    assert ("a purple circle", "un círculo morado") in names["new-pairs"]


@pytest.mark.parametrize("recipe", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda f: f.stem)
def test_a_recipe_says_that_its_files_are_not_in_the_repository(recipe: Path) -> None:
    lines = recipe.read_text(encoding="utf-8").splitlines()
    comments = " ".join(line.lstrip("# ") for line in lines if line.startswith("#"))
    reads = any("corpus/" in line for line in lines if not line.startswith("#"))
    assert not reads or "not in the repository" in comments


@pytest.mark.slow
def test_every_command_of_the_page_runs(place: Path) -> None:
    commands = [each for each in commands_of(PAGE) if not is_spoken(each)]
    assert len(commands) > 5
    for command in commands:
        done = run(small(command) if "translator train" in command else command, place)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert (place / "drawn.png").is_file() and (place / "sheet.png").is_file()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_spoken_sentences_are_made_and_learned_from(place: Path) -> None:
    first, *commands = filter(is_spoken, commands_of(PAGE))
    assert len(commands) == 3
    made = run(f"{first} --sentences 12 --held-out 3", place)
    assert made.returncode == 0, made.stderr
    lines = (place / "spoken" / "train.tsv").read_text(encoding="utf-8").splitlines()
    short = (place / "spoken" / "pieces.tsv").read_text(encoding="utf-8").splitlines()
    lines += short
    assert len(lines) > 24 and max(len(x.split("\t")[1].split()) for x in short) == 3
    assert all((place / "spoken" / x.split("\t")[0]).is_file() for x in lines)
    for command in (*commands, "translator translate spoken/test-0.flac"):
        trains = "translator train" in command
        done = run(small(command) if trains else command, place)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        said = done.stdout + done.stderr
        assert not trains or "translator translate recording.wav --run" in said


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_digits_are_said_by_voices_that_a_seed_draws(place: Path) -> None:
    import pyarrow.parquet as pq

    found = []
    for file in ("first.parquet", "second.parquet"):
        command = f"python scripts/speak.py digits --times 2 --file {file}"
        done = run(command, place)
        assert done.returncode == 0, done.stderr
        found.append(pq.read_table(place / file).to_pylist())
    assert found[0] == found[1] and len(found[0]) == 20
    assert len({row["audio"]["bytes"] for row in found[0]}) == 20
    assert {(row["en"], row["es"]) for row in found[0]} >= {("seven", "siete"), ("zero", "cero")}
