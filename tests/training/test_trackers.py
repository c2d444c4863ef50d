"""TensorBoard, Weights & Biases and trackio, as their own files say what they were told."""

import json
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.commands import MAIN, run_command
from tests.helpers import tiny_config
from tests.hub.stand_in import stand_in
from translator.config import Config, differences, dump_config
from translator.runs import RunDirectory

Points = dict[str, list[tuple[int, float]]]  # of each scalar
NAMES = {
    "train/loss": "train_loss",
    "train/learning_rate": "learning_rate",
    "train/tokens_per_second": "tokens_per_second",
    "valid/loss": "valid_loss",
    "valid/bleu": "valid_bleu",
    "valid/chrf": "valid_chrf",
}
TRAINING = """
import sys
from pathlib import Path
from translator.config import load_config
from translator.training import StepDone, train, with_trackers
config = load_config(Path(sys.argv[1]))
events = with_trackers(train(config), config.name, config.training.trackers)
for event in events:
    if isinstance(event, StepDone) and event.step == int(sys.argv[2]):
        break
events.close()
"""


def in_tensorboard(run: RunDirectory) -> Points:
    """What TensorBoard's own reader finds."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(run.tensorboard), {"scalars": 0}).Reload()
    return {
        tag: [(point.step, point.value) for point in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
    }


def in_wandb(run: RunDirectory) -> Points:
    """What the files of all sittings hold, which are of one run of Weights & Biases."""
    from wandb.proto import wandb_internal_pb2

    points: Points = {}
    ids = set()
    for file in sorted((run.path / "wandb").glob("offline-run-*/run-*.wandb")):
        for content in wandb_records(file.read_bytes()):
            record = wandb_internal_pb2.Record.FromString(content)
            if record.HasField("run"):
                ids.add(record.run.run_id)
                assert (record.run.project, record.run.display_name) == ("translator", "tiny")
            for item in record.history.item:
                name = item.key or ".".join(item.nested_key)
                step = record.history.step.num
                points.setdefault(name, []).append((step, json.loads(item.value_json)))
    assert ids == {run.wandb_id_file.read_text(encoding="utf-8")}
    return {name: values for name, values in points.items() if not name.startswith("_")}


def wandb_records(data: bytes) -> Iterator[bytes]:
    """The records of a .wandb file: a log of LevelDB in blocks of 32 KiB, behind seven bytes."""
    place, record = 7, b""
    while place + 7 <= len(data):
        if (left := -place % 32768) < 7 and left:
            place += left
        _, length, kind = struct.unpack_from("<IHB", data, place)
        record += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield record
            record = b""


def in_trackio(run: RunDirectory) -> Points:
    """What trackio's own command says of the run."""
    names = ("--project", "translator", "--run", "tiny")
    points = {}
    for name in NAMES:
        command = [sys.executable, "-m", "trackio.cli", "get", "metric", *names, "--metric", name]
        told = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
        values = json.loads(told.stdout)["values"]
        points[name] = [(point["step"], point["value"]) for point in values]
    return points


@pytest.mark.parametrize(
    ("tracker", "points_of"),
    [("tensorboard", in_tensorboard), ("wandb", in_wandb), ("trackio", in_trackio)],
)
def test_a_tracker_has_each_point_once_after_an_interruption(
    tracker: str,
    points_of: Callable[[RunDirectory], Points],
    trained_run: RunDirectory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip(tracker)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    file = tmp_path / "tiny.yaml"
    file.write_text(dump_config(tracked_config(trained_run, tracker)), encoding="utf-8")
    for last_step in (7, 12):  # steps 5 … 7 are made twice
        done = run_command(file, last_step, cwd=tmp_path, program=TRAINING)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    run = RunDirectory(tmp_path / "runs" / "tiny")
    found = points_of(run)
    assert set(found) == set(NAMES)
    assert [step for step, _ in found["train/loss"]] == [2, 4, 6, 8, 10, 12]
    for tag, key in NAMES.items():
        expected = [(e["step"], e[key]) for e in run.read_metrics() if key in e]
        assert [step for step, _ in found[tag]] == [step for step, _ in expected]
        if tag != "train/tokens_per_second":  # steps are made again at another speed
            values = [value for _, value in expected]
            assert [value for _, value in found[tag]] == pytest.approx(values, rel=1e-6)


def tracked_config(trained_run: RunDirectory, tracker: str) -> Config:
    """A training of twelve steps with checkpoints after 4, 8 and 12."""
    config = tiny_config(trained_run.path.parents[1] / "cipher.en-es.tsv")
    steps = {"max_steps": 12, "warmup_steps": 3, "log_every_steps": 2, "trackers": [tracker]}
    often = {"validate_every_steps": 4, "checkpoint_every_steps": 4, "validation_pairs": 2}
    training = config.training.model_copy(update=steps | often)
    return config.model_copy(update={"training": training})


@pytest.mark.parametrize(
    ("tracker", "library"),
    [
        ("tensorboard", "torch.utils.tensorboard"),
        ("wandb", "wandb"),
        ("trackio", "trackio"),
    ],
)
def test_a_tracker_that_is_not_installed_is_told_before_training(
    tracker: str, library: str, tmp_path: Path
) -> None:
    wanted = (f"--set=training.trackers=[{tracker}]", f"--set=name={tmp_path.name}")
    program = f"import sys; sys.modules[{library!r}] = None; {MAIN}"
    done = run_command("train", *wanted, program=program)
    assert done.returncode == 1
    assert f"pip install '{tracker}" in done.stderr
    assert not (Path("runs") / tmp_path.name).exists()


def test_weights_and_biases_without_a_login_or_an_answer_refuses_in_a_sentence(
    trained_run: RunDirectory, tmp_path: Path
) -> None:
    pytest.importorskip("wandb")
    file = tmp_path / "tiny.yaml"
    file.write_text(dump_config(tracked_config(trained_run, "wandb")), encoding="utf-8")
    environment = {"WANDB_MODE": "online", "HOME": str(tmp_path), "WANDB_API_KEY": ""}
    with stand_in() as server:
        for address, message in (
            (server.address, "refuses the run"),
            ("http://127.0.0.1:9", "does not answer at http://127.0.0.1:9 ([Errno"),
        ):
            settings = environment | {"WANDB_BASE_URL": address}
            done = run_command("train", file, cwd=tmp_path, environment=settings)
            assert done.returncode == 1
            assert f"error: Weights & Biases {message}" in done.stderr
            assert "WANDB_MODE=offline" in done.stderr and "Traceback" not in done.stderr


def test_the_key_of_version_0_1_is_read_and_trackers_are_no_other_configuration() -> None:
    old = Config.model_validate({"training": {"tensorboard": True}})
    assert old.training.trackers == ["tensorboard"]
    assert Config.model_validate({"training": {"tensorboard": False}}) == Config()
    assert differences(old, Config()) == []
