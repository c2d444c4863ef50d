"""Several processes train one model: real ones, started by torchrun, talking through gloo."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.commands import started_as
from tests.helpers import ended
from translator.config import load_config
from translator.distributed import joined
from translator.errors import TranslatorError
from translator.runs import RUNS, RunDirectory
from translator.training import train

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--no-python"]
RUN_SCRIPT = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0])"
SETTINGS = {
    "device": "cpu",
    "precision": "float32",
    "data.train.path": "numbers.en-es.tsv",
    "data.held_out_pairs": 60,  # more than one batch
    "tokenizer.vocabulary_size": 320,
    "model.d_model": 16,
    "model.num_heads": 2,
    "model.d_ff": 32,
    "model.encoder_layers": 1,
    "model.decoder_layers": 1,
    "model.dropout": 0,
    "training.max_steps": 12,
    "training.warmup_steps": 3,
    "training.tokens_per_batch": 512,
    "training.validate_every_steps": 6,
    "training.checkpoint_every_steps": 5,
    "training.log_every_steps": 1,
}


@pytest.fixture(autouse=True)
def _in_a_directory_with_a_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_corpus(Path("numbers.en-es.tsv"))


def write_corpus(file: Path, first: int = 0) -> None:
    numbers = range(first, first + 600)
    lines = [f"the number {n} and {n + 1}\tel número {n} y {n + 1}\n" for n in numbers]
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(lines), encoding="utf-8")


def command(processes: int, name: str, *options: str) -> list[str]:
    sets = [f"--set={key}={value}" for key, value in SETTINGS.items()]
    launcher = [*TORCHRUN, f"--nproc-per-node={processes}", *options] if processes > 1 else []
    return [*launcher, *started_as(), "train", f"--set=name={name}", *sets]


def start(arguments: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def run(arguments: list[str], timeout: float = 120) -> subprocess.CompletedProcess[str]:
    with ended(start(arguments)) as process:
        said, messages = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(arguments, process.returncode, said, messages)


def curve(name: str, key: str) -> list[float]:
    return [entry[key] for entry in RunDirectory(RUNS / name).read_metrics() if key in entry]


@pytest.mark.slow
def test_two_and_three_processes_learn_what_one_learns() -> None:
    for processes in (1, 2, 3):
        made = run(command(processes, f"of-{processes}"))
        assert made.returncode == 0, made.stderr
        if processes > 1:
            assert f"{processes} processes" in made.stderr
            assert made.stderr.count("best model") == 1  # one speaks for all
    for processes in (2, 3):
        for key in ("train_loss", "valid_loss"):
            alone, together = curve("of-1", key), curve(f"of-{processes}", key)
            assert len(together) == len(alone) == {"train_loss": 12, "valid_loss": 2}[key]
            assert together == pytest.approx(alone, rel=1e-3)


@pytest.mark.slow
def test_a_killed_worker_is_restarted_and_the_model_has_the_same_bytes() -> None:
    assert run(command(2, "whole")).returncode == 0
    with ended(start(command(2, "killed", "--max-restarts=1"))) as process:
        until = time.monotonic() + 100
        metrics = RunDirectory(RUNS / "killed").metrics_file
        while not (metrics.is_file() and '"step": 7,' in metrics.read_text(encoding="utf-8")):
            assert time.monotonic() < until, process.poll()
            time.sleep(0.01)
        os.kill(workers_of(process.pid)[-1], signal.SIGKILL)
        _, messages = process.communicate(timeout=100)
    assert process.returncode == 0, messages
    assert "continuing at step" in messages
    assert curve("killed", "train_loss") == curve("whole", "train_loss")
    whole, killed = (
        {file.name: file.read_bytes() for file in (RUNS / name).glob("checkpoints/step-12/*.s*")}
        | {"best": RunDirectory(RUNS / name).model_file.read_bytes()}
        for name in ("whole", "killed")
    )
    assert len(whole) > 2
    assert killed == whole


@pytest.mark.slow
def test_restarted_processes_do_not_meet_the_addresses_of_the_dead() -> None:
    """The first one looks for the other long before that one says where it is to be found."""
    Path("again.py").write_text(
        "import os, time\n"
        "from translator.distributed import joined\n"
        "again = os.environ['TORCHELASTIC_RESTART_COUNT'] == '1'\n"
        "last = os.environ['RANK'] == '1'\n"
        "time.sleep(3 * (again and last))\n"
        "with joined() as world:\n"
        "    found = world.gather(world.rank)\n"
        "    if not again:\n"
        "        os._exit(last)\n"
        "open(f'{world.rank}.txt', 'w').write(str(found))\n",
        encoding="utf-8",
    )
    made = run(
        [*TORCHRUN, "--nproc-per-node=2", "--max-restarts=1", *started_as(RUN_SCRIPT), "again.py"],
        timeout=60,
    )
    assert made.returncode == 0, made.stderr
    assert [Path(f"{rank}.txt").read_text("utf-8") for rank in (0, 1)] == ["[0, 1]"] * 2


def workers_of(parent: int) -> list[int]:
    children = Path(f"/proc/{parent}/task/{parent}/children")
    if not children.is_file():
        pytest.skip("needs /proc to find the workers of torchrun")
    return [int(child) for child in children.read_text(encoding="ascii").split()]


def test_a_world_without_its_other_variables_is_an_error_that_names_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"WORLD_SIZE": "2", "RANK": "0", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with (
        pytest.raises(TranslatorError, match=r"WORLD_SIZE is 2 .*, without MASTER_ADDR$"),
        joined(),
    ):
        pass


@pytest.mark.slow
def test_processes_that_see_different_things_end_with_an_error() -> None:
    Path("differ.py").write_text(
        "import json, sys\n"
        "from translator.distributed import joined\n"
        "from translator.errors import TranslatorError\n"
        "with joined() as world:\n"
        "    total = world.gather(world.rank + 1)\n"
        "    world.agree('the weather', 'sun')\n"
        "    try:\n"
        "        world.agree('the weather', ['sun', 'rain'][world.rank])\n"
        "    except TranslatorError as error:\n"
        "        open(f'{world.rank}.json', 'w').write(json.dumps([total, error.message]))\n",
        encoding="utf-8",
    )
    made = run([*TORCHRUN, "--nproc-per-node=2", *started_as(RUN_SCRIPT), "differ.py"])
    assert made.returncode == 0, made.stderr
    for rank in (0, 1):
        total, message = json.loads(Path(f"{rank}.json").read_text(encoding="utf-8"))
        assert total == [1, 2]
        assert message == "the processes of this training disagree on the weather: sun, rain"


@pytest.mark.slow
def test_processes_with_other_data_or_another_checkpoint_do_not_train(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two processes, each in a directory of its own, as on machines that share no disk."""
    sets = [f"{key}={value}" for key, value in (SETTINGS | {"training.max_steps": 5}).items()]
    for name, first in (("data-0", 0), ("data-1", 7), ("step-0", 0)):
        write_corpus(Path(name, "numbers.en-es.tsv"), first)
    with monkeypatch.context() as patch:
        patch.chdir("step-0")
        list(train(load_config(None, sets)))
    shutil.copytree("step-0", "step-1")
    begun = RunDirectory(Path("step-1") / RUNS / "everyday")
    begun.model_file.unlink()
    shutil.rmtree(begun.checkpoints)
    Path("places.py").write_text(
        "import os, sys\n"
        "from translator.config import load_config\n"
        "from translator.errors import TranslatorError\n"
        "from translator.training import train\n"
        "for attempt, place in enumerate(('data', 'step')):\n"
        "    os.environ['TORCHELASTIC_RESTART_COUNT'] = str(attempt)\n"  # they meet anew
        "    os.chdir(f'{place}-' + os.environ['RANK'])\n"
        "    try:\n"
        "        list(train(load_config(None, sys.argv[1:])))\n"
        "    except TranslatorError as error:\n"
        "        open('told.txt', 'w').write(error.message)\n"
        "    os.chdir('..')\n",
        encoding="utf-8",
    )
    made = run([*TORCHRUN, "--nproc-per-node=2", *started_as(RUN_SCRIPT), "places.py", *sets])
    assert made.returncode == 0, made.stderr
    told = {place.parent.name: place.read_text("utf-8") for place in Path().glob("*/told.txt")}
    disagree = "the processes of this training disagree on the "
    assert told["data-0"] == told["data-1"]
    assert told["data-0"].startswith(f"{disagree}training data: ")
    assert told["step-0"] == told["step-1"] == f"{disagree}step to go on from: 5, 0"


@pytest.mark.slow
@pytest.mark.parametrize("fate", ["os._exit(0)", "time.sleep(600)"], ids=["vanishes", "is silent"])
def test_a_peer_that_is_lost_is_an_error_soon_and_no_hang(fate: str) -> None:
    Path("lose.py").write_text(
        "import datetime, os, time, torch\n"
        "from translator import distributed\n"
        "from translator.errors import TranslatorError\n"
        "distributed._PATIENCE = datetime.timedelta(seconds=5)\n"
        "with distributed.joined() as world:\n"
        "    world.sum(torch.ones(1))\n"
        "    if world.rank == 1:\n"
        f"        {fate}\n"  # torchrun sees nothing wrong
        "    try:\n"
        "        world.sum(torch.ones(1))\n"
        "    except TranslatorError as error:\n"
        "        open('told.txt', 'w').write(error.message)\n"
        "    os._exit(1)\n",  # which ends the other, too
        encoding="utf-8",
    )
    made = run([*TORCHRUN, "--nproc-per-node=2", *started_as(RUN_SCRIPT), "lose.py"], timeout=60)
    told = Path("told.txt").read_text(encoding="utf-8") if made.returncode == 1 else made.stderr
    assert told.startswith("another process of this training is lost")
