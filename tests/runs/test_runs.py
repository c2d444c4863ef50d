import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from tests.helpers import full_disk
from translator.cli.runs import _listed
from translator.config import Config, TokenizerConfig
from translator.data import SentencePair
from translator.errors import RunError
from translator.runs import (
    CERTIFICATE,
    RUN_VARIABLE,
    RUNS,
    Checkpoint,
    Progress,
    RunDirectory,
    lock,
    write_atomically,
    written_aside,
)
from translator.tokenizer import Tokenizer
from translator.version import __version__

TOKENIZER = Tokenizer.train(["one text", "otro texto"], TokenizerConfig(vocabulary_size=300))
OTHER_TOKENIZER = Tokenizer.train(["¿qué?", "¡sí!"], TokenizerConfig(vocabulary_size=300))
WEIGHTS = {"embedding.weight": torch.arange(12.0).view(3, 4), "norm.bias": torch.zeros(4)}


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path / "run")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory, and no run named by the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(RUN_VARIABLE, raising=False)
    return tmp_path


def trained(path: Path, modified: int = 0) -> RunDirectory:
    """A run directory with the three files that translate."""
    run = RunDirectory(path)
    run.write_config(Config(name=path.name))
    run.write_tokenizer(TOKENIZER)
    run.write_model(WEIGHTS, TOKENIZER)
    os.utime(run.model_file, (modified, modified))
    return run


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint(
        step,
        {"position": {"epoch": 1, "pool": 0, "batch": step}, "best": {}, "seconds": 0.1 + 0.2},
        {
            "weights": {"w": torch.full((2, 3), step / 3), "half": torch.ones(2).bfloat16()},
            "random": {"state": torch.arange(8, dtype=torch.uint8)},
        },
    )


def read_all(run: RunDirectory) -> list[int | RunError]:
    """The steps of the checkpoints that can be read, and the errors of the others."""
    found = run.read_checkpoints()
    return [each.step if isinstance(each, Checkpoint) else each for each in found]


def files_below(path: Path) -> set[str]:
    return {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()}


# --- atomic writes --------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_by_the_file_that_found_no_room(tmp_path: Path) -> None:
    file, partial = tmp_path / "config.yaml", tmp_path / ".config.yaml.partial"
    file.write_bytes(b"old")
    partial.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        write_atomically(file, b"new")
    assert caught.value.filename == str(file)
    assert re.search(
        r"; 3 bytes are needed and [\d,]+ bytes are free in ", str(caught.value.strerror)
    )
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]
    assert file.read_bytes() == b"old"


def test_a_file_is_written_with_its_folder_and_nothing_beside_it(tmp_path):
    write_atomically(tmp_path / "a" / "b" / "file.txt", b"new")
    assert files_below(tmp_path) == {"a/b/file.txt"}
    assert (tmp_path / "a/b/file.txt").read_bytes() == b"new"


def test_a_file_is_replaced_whole(tmp_path):
    file = tmp_path / "file.txt"
    write_atomically(file, b"old" * 1000)
    with file.open("rb") as reader:  # who reads the old one goes on reading it
        write_atomically(file, b"new")
        assert reader.read() == b"old" * 1000
    assert file.read_bytes() == b"new"


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    file = tmp_path / "file.txt"
    write_atomically(file, b"old")
    (tmp_path / ".file.txt.partial").mkdir()  # so the new one cannot be written
    with pytest.raises(OSError):
        write_atomically(file, b"new")
    assert file.read_bytes() == b"old"


def test_what_a_kill_left_half_written_is_overwritten(tmp_path):
    (tmp_path / ".file.txt.partial").write_bytes(b"half a fi")
    write_atomically(tmp_path / "file.txt", b"new")
    assert files_below(tmp_path) == {"file.txt"}


def test_two_that_write_one_file_write_it_whole_each(tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    with written_aside(file) as first:
        first.write(b"a beginning")
        first.flush()
        with written_aside(file) as second:
            second.write(b"all")
        assert file.read_bytes() == b"all"
        first.write(b" and an end")
    assert file.read_bytes() == b"a beginning and an end"
    assert files_below(tmp_path) == {"file.txt"}


def test_texts_are_utf8_with_line_feeds(run):
    run.write_json(run.environment_file, {"text": "¿señal?"})
    assert run.environment_file.read_bytes() == '{\n  "text": "¿señal?"\n}\n'.encode()


# --- the three files that translate ---------------------------------------------------------------


def test_the_configuration_comes_back(run):
    config = Config.model_validate({"name": "mine", "data": {"train": {"path": "ñ.en-es.tsv"}}})
    run.write_config(config)
    assert run.read_config() == config


def test_a_run_of_a_newer_version_asks_for_an_upgrade(run: RunDirectory) -> None:
    run.write_text(run.config_file, "decoding: {new_key: 1}\n")
    for made_by, asks in (("999.0", True), (__version__, False), ("", False)):
        run.write_json(run.environment_file, {"packages": {"translator": made_by}})
        with pytest.raises(RunError, match=r"decoding\.new_key") as caught:
            run.read_config()
        begins = f"{run.path} was made by translator {made_by}, and this is {__version__}: "
        assert caught.value.message.startswith(begins) == asks
        assert (caught.value.hint == f"Upgrade translator to {made_by} or later.") == asks
        assert _listed(run).state == ("newer" if asks else "damaged")


def test_a_damaged_configuration_is_an_error_of_the_run(run):
    run.write_text(run.config_file, "training: {max_setps: 3}\n")
    with pytest.raises(RunError, match=r"damaged.*training.max_setps"):
        run.read_config()


def test_the_weights_come_back_bit_by_bit(run):
    run.write_model(WEIGHTS, TOKENIZER)
    weights = run.read_model(TOKENIZER)
    assert weights.keys() == WEIGHTS.keys()
    assert all(torch.equal(weights[name], WEIGHTS[name]) for name in WEIGHTS)


def test_the_tokenizer_comes_back(run):
    run.write_tokenizer(TOKENIZER)
    assert run.read_tokenizer().model == TOKENIZER.model


def test_the_tokenizer_of_another_run_is_refused(run):
    run.write_model(WEIGHTS, TOKENIZER)
    run.write_tokenizer(OTHER_TOKENIZER)
    with pytest.raises(RunError, match=r"does not belong to model\.safetensors"):
        run.read_model(run.read_tokenizer())


def test_foreign_weights_are_refused(run):
    run.path.mkdir()
    safetensors.torch.save_file(WEIGHTS, run.model_file)
    with pytest.raises(RunError, match="does not belong"):
        run.read_model(TOKENIZER)


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_a_truncated_model_file_is_refused_with_its_name(run, kept):
    run.write_model(WEIGHTS, TOKENIZER)
    run.model_file.write_bytes(run.model_file.read_bytes()[:kept])
    with pytest.raises(RunError) as caught:
        run.read_model(TOKENIZER)
    assert caught.value.message.startswith(f"{run.model_file} is damaged")
    assert caught.value.hint


def test_no_flipped_bit_changes_the_weights_unnoticed(run):
    run.write_model(WEIGHTS, TOKENIZER)
    data = run.model_file.read_bytes()
    for place in range(0, len(data), 3):
        run.model_file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        try:
            weights = run.read_model(TOKENIZER)
        except RunError as error:
            assert "damaged" in error.message
        else:  # the checksum itself was called by another name
            assert all(torch.equal(weights[name], WEIGHTS[name]) for name in WEIGHTS)


def unsealed(run, weights):
    """Write weights as earlier versions did, without a checksum."""
    run.path.mkdir(exist_ok=True)
    metadata = {"tokenizer_sha256": TOKENIZER.sha256}
    safetensors.torch.save_file(weights, run.model_file, metadata)


def test_weights_without_a_checksum_are_read(run):
    unsealed(run, WEIGHTS)
    assert torch.equal(run.read_model(TOKENIZER)["norm.bias"], WEIGHTS["norm.bias"])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_not_finite_are_refused(run, value):
    unsealed(run, {"norm.bias": torch.tensor([0.0, value])})
    with pytest.raises(RunError, match=r"model\.safetensors is damaged: norm\.bias .* not finite"):
        run.read_model(TOKENIZER)


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.bool, torch.float8_e4m3fn])
def test_weights_of_another_type_are_refused(run, dtype):
    unsealed(run, {"norm.bias": torch.zeros(3).to(dtype)})
    with pytest.raises(RunError, match=r"norm\.bias holds "):
        run.read_model(TOKENIZER)


def test_the_same_weights_give_the_same_bytes(run):
    files = set()
    for _ in range(5):
        run.write_model(WEIGHTS, TOKENIZER)
        files.add(run.model_file.read_bytes())
    assert len(files) == 1


def test_every_flipped_bit_of_the_tokenizer_is_noticed_before_it_is_loaded(run):
    run.write_model(WEIGHTS, TOKENIZER)
    for place in range(0, len(TOKENIZER.model), 997):
        flipped = bytearray(TOKENIZER.model)
        flipped[place] ^= 4
        run.tokenizer_file.write_bytes(flipped)
        with pytest.raises(RunError, match=r"does not belong to model\.safetensors, or is damaged"):
            run.read_tokenizer()


def test_held_out_texts_of_other_languages_are_an_error_of_the_run(run):
    kept = run.keep_held_out("valid", [SentencePair("a", "b")], ("en", "es"))
    run.write_json(run.environment_file, {"held_out_sha256": {"valid": kept}})
    assert run.read_held_out("valid", ("en", "es")) == [("a", "b")]
    with pytest.raises(RunError, match="has no texts for 'fr'") as caught:
        run.read_held_out("valid", ("fr", "es"))
    assert str(run.config_file) in caught.value.hint


def test_before_there_is_a_model_the_environment_knows_the_tokenizer(run):
    run.write_tokenizer(OTHER_TOKENIZER)
    assert run.read_tokenizer().sha256 == OTHER_TOKENIZER.sha256
    run.write_json(run.environment_file, {"tokenizer_sha256": TOKENIZER.sha256})
    with pytest.raises(RunError, match="is damaged"):
        run.read_tokenizer()


def test_a_truncated_tokenizer_is_refused(run):
    write_atomically(run.tokenizer_file, TOKENIZER.model[:500])
    with pytest.raises(RunError, match="not a SentencePiece model"):
        run.read_tokenizer()


@pytest.mark.parametrize("name", ["config.yaml", "tokenizer.model", "model.safetensors"])
def test_a_run_without_one_of_the_three_files_is_refused(tmp_path, name):
    run = trained(tmp_path / "run")
    (run.path / name).unlink()
    with pytest.raises(RunError, match=f"run holds no {name}"):
        run.check_model()


def test_an_export_is_no_run_and_said_to_be_one(tmp_path):
    write_atomically(tmp_path / CERTIFICATE, b"{}")
    with pytest.raises(RunError, match=r"holds no config\.yaml") as error:
        RunDirectory(tmp_path).check_model()
    assert error.value.hint == "It is an export: name the run that it was made of."


def test_the_three_files_are_enough(tmp_path):
    run = trained(tmp_path / "run")
    assert files_below(run.path) == {"config.yaml", "tokenizer.model", "model.safetensors"}
    run.check_model()


# --- which run ------------------------------------------------------------------------------------


def test_a_named_run_wins_over_the_environment(here, monkeypatch):
    mine, other = trained(here / "mine"), trained(here / "other")
    monkeypatch.setenv(RUN_VARIABLE, str(other.path))
    assert RunDirectory.find(mine.path).path == mine.path


def test_the_environment_wins_over_the_newest_run(here, monkeypatch):
    mine = trained(here / "mine")
    trained(here / RUNS / "newest", modified=9)
    monkeypatch.setenv(RUN_VARIABLE, str(mine.path))
    assert RunDirectory.find().path == mine.path


def test_the_newest_model_is_found_whatever_its_name(here):
    for name, modified in {"a": 1, "b": 3, "c": 2}.items():
        trained(here / RUNS / name, modified)
    assert RunDirectory.find().path == RUNS / "b"


def test_a_newer_run_without_a_model_is_passed_over(here):
    trained(here / RUNS / "done", modified=1)
    trained(here / RUNS / "begun", modified=9).model_file.unlink()
    assert RunDirectory.find().path == RUNS / "done"


def test_the_newest_run_is_refused_where_a_file_is_missing(here):
    trained(here / RUNS / "a").tokenizer_file.unlink()
    with pytest.raises(RunError, match=r"holds no tokenizer\.model"):
        RunDirectory.find()


@pytest.mark.parametrize("empty", [False, True])
def test_no_run_at_all_is_an_error_with_the_command_that_makes_one(here, empty):
    if empty:
        (here / RUNS).mkdir()
    with pytest.raises(RunError, match="no trained model in runs") as caught:
        RunDirectory.find()
    assert "translator train" in caught.value.hint


def test_runs_that_are_not_taken_are_named_with_the_reason(here):
    for name in ("a", "b", "c", "d"):
        trained(here / RUNS / name).model_file.unlink()
    with pytest.raises(RunError) as caught:
        RunDirectory.find()
    said = ", ".join(f"{name} has no model yet" for name in "abc")
    assert caught.value.message == f"there is no trained model in runs/, where {said} and 1 more"


def test_a_lock_that_cannot_be_made_is_not_taken_for_one_that_is_held():
    with (
        pytest.raises(FileNotFoundError, match=r"/proc/\.nothing\.lock"),
        lock(Path("/proc/nothing"), seconds=0.0),
    ):
        pass


def test_a_file_that_may_not_be_read_is_not_called_damaged(here):
    run = trained(here / RUNS / "a")
    for file in (run.config_file, run.model_file):
        file.chmod(0)
        if os.access(file, os.R_OK):
            pytest.skip("this user may read everything")
        with pytest.raises((RunError, PermissionError)) as caught:
            run.read_trained()
        assert "Permission denied" in str(caught.value)
        assert "damaged" not in str(caught.value)
        file.chmod(0o644)


def test_a_run_that_is_not_there_is_named(here):
    with pytest.raises(RunError, match="there is no run directory nowhere"):
        RunDirectory.find(Path("nowhere"))


def test_a_wrong_environment_is_no_reason_to_take_another_run(here, monkeypatch):
    trained(here / RUNS / "a")
    monkeypatch.setenv(RUN_VARIABLE, "nowhere")
    with pytest.raises(RunError, match="nowhere"):
        RunDirectory.find()


# --- how far training has come --------------------------------------------------------------------


def test_the_newest_whole_checkpoint_tells_how_far_training_has_come(here: Path) -> None:
    run = trained(RUNS / "imported")
    assert (run.progress, run.unfinished_warning()) == (None, None)
    run.write_config(Config(name="imported", training={"max_steps": 9}))
    run.append_metrics({"step": 8})
    for step, known in ((3, "stopped"), (6, "stopped"), (9, "finished")):
        run.write_checkpoint(checkpoint(step), keep=3)
        assert str(run.progress) == f"{known} at step {step} of 9"
    run.measured_file.write_bytes(b"{")  # whoever uses it says so
    assert run.progress is None
    run.measured_file.unlink()
    (run.checkpoints / "step-9" / "state.json").write_bytes(b"{}")
    assert str(run.progress) == "stopped at step 6 of 9"
    warning = run.unfinished_warning()
    assert warning and warning.endswith(f"; `translator train {run.config_file}` goes on")
    with lock(run.path / "training"):
        assert str(run.progress) == "still in training: step 8 of 9"
        assert "goes on" not in str(run.unfinished_warning())


def test_a_run_that_was_renamed_goes_on_by_a_command_with_its_name(here: Path) -> None:
    run = trained(RUNS / "other")
    run.write_config(Config(name="mine"))
    run.write_checkpoint(checkpoint(3), keep=1)
    command = "`translator train runs/other/config.yaml --set name=other`"
    assert str(run.unfinished_warning()).endswith(f"; {command} goes on")
    run.path.rename(here / "elsewhere")  # where no command trains it
    assert "goes on" not in str(RunDirectory(Path("elsewhere")).unfinished_warning())


@pytest.mark.parametrize(
    ("settings", "measured", "expected"),
    [
        ({"max_steps": 8}, {}, Progress("finished", 8, 8)),
        ({"max_steps": 9}, {}, Progress("stopped", 8, 9)),
        ({"max_steps": 9, "patience": 2}, {}, Progress("finished", 8, 9)),  # as far as is known
        ({"max_minutes": 1}, {}, Progress("stopped", 8, None)),
        ({"max_minutes": 1}, {"decisions": [(3, 9), (7, 8), (8, 10)]}, Progress("finished", 8, 8)),
        ({"max_minutes": 1}, {"max_steps": 12}, Progress("stopped", 8, 12)),  # of an old version
    ],
)
def test_without_checkpoints_the_log_tells_how_far_training_has_come(
    settings: dict[str, Any], measured: Any, expected: Progress, tmp_path: Path
) -> None:
    run = trained(tmp_path / "copied")
    run.write_config(Config(training=settings))
    run.write_measured(measured)
    run.append_metrics({"step": 0, "valid_loss": 9.0})
    assert run.progress is not None and run.progress.step == 0
    run.append_metrics({"step": 8})
    assert run.progress == expected
    assert "goes on" not in str(run.unfinished_warning())


# --- checkpoints ----------------------------------------------------------------------------------


def test_a_checkpoint_comes_back_exactly(run):
    written = checkpoint(7)
    run.write_checkpoint(written, keep=1)
    [read] = run.read_checkpoints()
    assert isinstance(read, Checkpoint)
    assert (read.step, read.state) == (written.step, written.state)
    assert read.tensors.keys() == written.tensors.keys()
    for stem, tensors in written.tensors.items():
        assert read.tensors[stem].keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert read.tensors[stem][name].dtype == tensor.dtype
            assert torch.equal(read.tensors[stem][name], tensor)


def test_a_checkpoint_is_tensors_and_json(run):
    run.write_checkpoint(checkpoint(7), keep=1)
    assert files_below(run.checkpoints) == {
        "step-7/state.json",
        "step-7/weights.safetensors",
        "step-7/random.safetensors",
    }


@pytest.mark.parametrize(("keep", "kept"), [(1, [110]), (2, [110, 90]), (9, [110, 90, 8])])
def test_the_newest_checkpoints_are_kept(run, keep, kept):
    for step in (8, 90, 110):
        run.write_checkpoint(checkpoint(step), keep)
    assert run.checkpoint_steps() == read_all(run) == kept


def test_a_checkpoint_of_the_same_step_is_replaced(run):
    run.write_checkpoint(checkpoint(5), keep=2)
    run.write_checkpoint(Checkpoint(5, {"again": True}, {}), keep=2)
    [read] = run.read_checkpoints()
    assert (read.state, read.tensors) == ({"again": True}, {})


def test_without_checkpoints_there_is_nothing_to_go_on_from(run):
    assert (run.checkpoint_steps(), read_all(run)) == ([], [])


def test_a_checkpoint_that_a_kill_left_half_written_does_not_count(run):
    run.write_checkpoint(checkpoint(5), keep=2)
    (run.checkpoints / "step-5").rename(run.checkpoints / ".step-6.partial")
    assert read_all(run) == []
    run.write_checkpoint(checkpoint(6), keep=2)
    assert [folder.name for folder in run.checkpoints.iterdir()] == ["step-6"]


def truncate(folder):
    file = folder / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-3])


def flip_a_bit(folder):
    file = folder / "weights.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


def swap(file, old, new):
    data = file.read_bytes()
    assert old in data
    file.write_bytes(data.replace(old, new))


def rewrite(state):
    return lambda folder: (folder / "state.json").write_text(state, encoding="utf-8")


DAMAGES = {
    "truncated": truncate,
    "a flipped bit": flip_a_bit,
    "a missing file": lambda folder: (folder / "random.safetensors").unlink(),
    "no state": lambda folder: (folder / "state.json").unlink(),
    "half a state": rewrite('{"step": 9, "checks'),
    "an empty state": rewrite(""),
    "a state without checksums": rewrite('{"step": 9}'),
    "a state that is a list": rewrite("[]"),
    "a state that is null": rewrite("null"),
    "a state with wrong checksums": rewrite('{"step": 9, "checksums": 3}'),
    "a state with a wrong step": rewrite('{"step": [9], "checksums": {}}'),
    "another digit": lambda folder: swap(folder / "state.json", b"0.30000000000000004", b"0.8"),
    "half a surrogate pair": rewrite('{"step": 9, "checksums": {}, "\\ud800": 1}'),
    "nesting without end": rewrite("[" * 100_000),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_an_error_and_the_next_one_is_good(run, damage):
    run.write_checkpoint(checkpoint(5), keep=2)
    run.write_checkpoint(checkpoint(9), keep=2)
    DAMAGES[damage](run.checkpoints / "step-9")
    error, good = read_all(run)
    assert isinstance(error, RunError)
    assert error.message.startswith(f"the checkpoint {run.checkpoints / 'step-9'} is damaged: ")
    assert good == 5


def test_a_checkpoint_is_never_deleted_for_a_damaged_newer_one(run):
    run.write_checkpoint(checkpoint(9), keep=1)
    truncate(run.checkpoints / "step-9")
    run.write_checkpoint(checkpoint(6), keep=1)
    assert read_all(run) == [6]


def test_a_folder_that_is_no_checkpoint_is_left_alone(run):
    run.write_checkpoint(checkpoint(5), keep=1)
    (run.checkpoints / "step-5-copy").mkdir()
    run.write_checkpoint(checkpoint(6), keep=1)
    assert read_all(run) == [6]
    assert (run.checkpoints / "step-5-copy").is_dir()


@pytest.mark.parametrize("bytes_left", [0, 10, 200])
def test_a_full_disk_loses_neither_a_checkpoint_nor_the_best_model(run, bytes_left):
    run.write_model(WEIGHTS, TOKENIZER)
    for step in (5, 9):
        run.write_checkpoint(checkpoint(step), keep=1)
    better = {name: weight + 1 for name, weight in WEIGHTS.items()}
    with full_disk(bytes_left):
        with pytest.raises(OSError):
            run.write_checkpoint(checkpoint(11), keep=1)
        with pytest.raises(OSError):
            run.write_model(better, TOKENIZER)
    assert read_all(run) == [9]
    assert torch.equal(run.read_model(TOKENIZER)["norm.bias"], WEIGHTS["norm.bias"])
    run.write_checkpoint(checkpoint(11), keep=1)
    assert read_all(run) == [11]


def test_what_is_written_is_on_the_disk_before_it_takes_its_place(run, monkeypatch):
    """What the system is asked to put on the disk is known by its inode; it must be all of it."""
    synced, sync = {}, os.fsync

    def in_place():
        files = [run.model_file, *run.checkpoints.glob("step-*/*")]
        return {file.stat().st_ino: file.stat().st_size for file in files if file.is_file()}

    def record(descriptor):
        status = os.fstat(descriptor)
        assert status.st_ino not in in_place()
        synced[status.st_ino] = status.st_size
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    run.write_model(WEIGHTS, TOKENIZER)
    run.write_checkpoint(checkpoint(5), keep=1)
    assert in_place() == synced


# --- metrics and environment ----------------------------------------------------------------------


def test_metrics_come_back_line_by_line(run):
    run.path.mkdir()
    entries = [{"step": 1, "loss": 0.1}, {"step": 2, "epoch": 1, "loss": 1e-7}]
    for entry in entries:
        run.append_metrics(entry)
    assert run.read_metrics() == entries
    lines = run.metrics_file.read_bytes().decode().split("\n")
    assert [json.loads(line) for line in lines[:-1]] == entries


def test_metrics_are_rewound_to_a_step(run):
    run.path.mkdir()
    for step in (10, 20, 20, 30, 40):
        run.append_metrics({"step": step})
    run.rewind_metrics(20)
    assert run.read_metrics() == [{"step": 10}, {"step": 20}, {"step": 20}]


def test_a_line_that_a_kill_cut_short_is_left_out_and_rewound(run):
    run.write_text(run.metrics_file, '{"step": 1}\n{"step": 2}\n{"step": 3, "lo')
    assert run.read_metrics() == [{"step": 1}, {"step": 2}]
    run.rewind_metrics(2)
    run.append_metrics({"step": 3})
    assert [entry["step"] for entry in run.read_metrics()] == [1, 2, 3]
    assert run.metrics_warning() is None


DAMAGED_LINES = {
    "no UTF-8": b'{"step": 2, "loss": 0.\xff}',
    "half a line": b'{"step": 2, "lo',
    "a list": b"[1, 2]",
    "a number": b"2",
    "no step": b'{"loss": 2.0}',
    "a step that is no number": b'{"step": "2"}',
    "a step that is null": b'{"step": null}',
    "a value that is no number": b'{"step": 2, "loss": [1]}',
    "a number that nothing holds": b'{"step": 2, "loss": 1' + b"0" * 400 + b"}",
    "nesting without end": b"[" * 100_000,
    "zeros": b"\0" * 20,
}


@pytest.mark.parametrize("damage", DAMAGED_LINES)
def test_a_damaged_line_is_passed_over_and_counted(run, damage):
    lines = [b'{"step": 1}', DAMAGED_LINES[damage], b'{"step": 3}', DAMAGED_LINES[damage]]
    write_atomically(run.metrics_file, b"".join(line + b"\n" for line in lines))
    assert run.read_metrics() == [{"step": 1}, {"step": 3}]
    assert run.metrics_warning() == f"{run.metrics_file}: 2 lines damaged and passed over"
    run.rewind_metrics(3)
    assert (len(run.read_metrics()), run.metrics_warning()) == (2, None)


def test_without_metrics_there_is_nothing_to_rewind(run):
    run.rewind_metrics(5)
    assert run.read_metrics() == []


def test_the_environment_is_empty_before_training(run):
    assert run.read_environment() == {}


def test_the_environment_comes_back(run):
    run.write_json(run.environment_file, {"seed": 1, "command": "translator train ñ"})
    assert run.read_environment() == {"seed": 1, "command": "translator train ñ"}


OTHER_JSON = [
    "",
    "[]",
    "3",
    "null",
    '"text"',
    '{"seed": ',
    "[" * 100_000,
    '{"a": "\\ud800"}',
    "\0" * 9,
]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(("environment", content) for content in OTHER_JSON),
        *(("measured", content) for content in OTHER_JSON),
        ("environment", '{"pairs": 3}'),
        ("environment", '{"pairs": {"train": {"read": 1, "kept": [], "dropped": {}}}}'),
        ("environment", '{"data_fingerprint": 3}'),
        ("measured", '{"max_steps": "many"}'),
        ("measured", '{"max_steps": -3}'),
        ("measured", '{"decisions": 30}'),
        ("measured", '{"decisions": [[30, 0]]}'),
        ("measured", '{"decisions": [[30, 90, 120]]}'),
        ("measured", '{"tokens_per_batch": [512]}'),
    ],
)
def test_what_is_no_object_of_known_fields_is_an_error_of_the_run(run, name, content):
    run.write_text(run.path / f"{name}.json", content)
    with pytest.raises(RunError, match=rf"{name}\.json is damaged") as raised:
        run.read_environment() if name == "environment" else run.read_measured()
    assert raised.value.hint


def test_another_digit_of_what_was_measured_is_noticed(run):
    measured = {"decisions": [(30, 500), (88, 400)], "tokens_per_batch": 1024}
    run.write_measured(measured)
    assert run.read_measured() == measured
    swap(run.measured_file, b"500", b"900")
    with pytest.raises(RunError, match="does not match its checksum"):
        run.read_measured()
    run.write_text(run.measured_file, '{"max_steps": 900}')  # as earlier versions wrote it
    assert run.read_measured() == {"max_steps": 900}


def test_the_newest_that_is_able_to_is_found_and_else_the_newest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, (name, objective) in enumerate({"old": "translate", "new": "denoise"}.items()):
        run = RunDirectory(RUNS / name)
        run.write_config(Config.model_validate({"training": {"objective": objective}}))
        for file in (run.tokenizer_file, run.model_file):
            write_atomically(file, b"")
        os.utime(run.model_file, (number, number))
    assert RunDirectory.find().path == RUNS / "new"
    able = RunDirectory.find(able=lambda config: not config.learns_from_texts)
    assert able.path == RUNS / "old"
    assert RunDirectory.find(able=lambda config: False).path == RUNS / "new"


# --- leftovers ------------------------------------------------------------------------------------


def test_what_kills_left_half_written_is_deleted_and_nothing_else(run):
    write_atomically(run.checkpoints / "step-4" / "state.json", b"{}")
    write_atomically(run.exports / ".ctranslate2.partial" / "model.bin", b"under way")
    write_atomically(run.exports / ".ctranslate2.partial" / ".x.json.partial", b"under way")
    write_atomically(run.evaluations / ".x.json.partial", b"under way")
    before = files_below(run.path)
    write_atomically(run.checkpoints / ".step-8.partial" / "state.json", b"{}")
    for file in (run.model_file, run.tokenizer_file, run.metrics_file, run.samples / "step-4.json"):
        write_atomically(file.with_name(f".{file.name}.partial"), b"half")
    run.delete_leftovers()
    assert files_below(run.path) == before
    assert [folder.name for folder in run.checkpoints.iterdir()] == ["step-4"]
