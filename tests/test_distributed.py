"""Several processes train one model: real ones, started by torchrun, talking through gloo."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from translator.runs import RUNS, RunDirectory

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
SETTINGS = {
    "device": "cpu",
    "precision": "float32",
    "data.train.path": "numbers.en-es.tsv",
    "data.held_out_pairs": 10,
    "tokenizer.vocabulary_size": 320,
    "model.d_model": 16,
    "model.num_heads": 2,
    "model.d_ff": 32,
    "model.encoder_layers": 1,
    "model.decoder_layers": 1,
    "model.dropout": 0,
    "training.max_steps": 30,
    "training.warmup_steps": 3,
    "training.tokens_per_batch": 512,
    "training.validate_every_steps": 10,
    "training.checkpoint_every_steps": 5,
    "training.log_every_steps": 1,
}


@pytest.fixture(autouse=True)
def _in_a_directory_with_a_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [f"the number {n} and {n + 1}\tel número {n} y {n + 1}\n" for n in range(200)]
    Path("numbers.en-es.tsv").write_text("".join(lines), encoding="utf-8")


def command(processes: int, name: str, *options: str, **settings: object) -> list[str]:
    sets = [f"--set={key}={value}" for key, value in (SETTINGS | settings).items()]
    launcher = [sys.executable, "-m"]
    if processes > 1:
        launcher = [*TORCHRUN, f"--nproc-per-node={processes}", *options, "-m"]
    return [*launcher, "translator", "train", f"--set=name={name}", *sets]


def run(arguments: list[str], timeout: float = 120) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        arguments, capture_output=True, text=True, timeout=timeout, env=environment, check=False
    )


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
            assert len(together) == len(alone) == {"train_loss": 30, "valid_loss": 3}[key]
            assert together == pytest.approx(alone, rel=1e-3)


@pytest.mark.slow
def test_a_killed_worker_is_restarted_and_the_model_has_the_same_bytes() -> None:
    assert run(command(2, "whole")).returncode == 0
    # More than one: a restarted process may be given the port of the one that has just died.
    arguments = command(2, "killed", "--max-restarts=3")
    process = subprocess.Popen(
        arguments, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    until = time.monotonic() + 100
    metrics = RunDirectory(RUNS / "killed").metrics_file
    while not (metrics.is_file() and '"step": 7,' in metrics.read_text(encoding="utf-8")):
        assert time.monotonic() < until, process.poll()
        time.sleep(0.01)
    os.kill(workers_of(process.pid)[-1], signal.SIGKILL)
    _, messages = process.communicate(timeout=100)
    assert process.returncode == 0, messages
    assert "continuing at step" in messages
    whole, killed = (RunDirectory(RUNS / name).model_file for name in ("whole", "killed"))
    assert killed.read_bytes() == whole.read_bytes()


def workers_of(parent: int) -> list[int]:
    children = Path(f"/proc/{parent}/task/{parent}/children")
    if not children.is_file():
        pytest.skip("needs /proc to find the workers of torchrun")
    return [int(child) for child in children.read_text(encoding="ascii").split()]


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
    made = run([*TORCHRUN, "--nproc-per-node=2", "differ.py"])
    assert made.returncode == 0, made.stderr
    for rank in (0, 1):
        total, message = json.loads(Path(f"{rank}.json").read_text(encoding="utf-8"))
        assert total == [1, 2]
        assert message == "the processes of this training disagree on the weather: sun, rain"


@pytest.mark.slow
def test_a_lost_peer_is_an_error_soon_and_no_hang() -> None:
    Path("lose.py").write_text(
        "import os, torch\n"
        "from translator.distributed import joined\n"
        "from translator.errors import TranslatorError\n"
        "with joined() as world:\n"
        "    world.sum(torch.ones(1))\n"
        "    if world.rank == 1:\n"
        "        os._exit(0)\n"  # a process that vanishes; torchrun sees nothing wrong
        "    try:\n"
        "        world.sum(torch.ones(1))\n"
        "    except TranslatorError as error:\n"
        "        open('told.txt', 'w').write(error.message)\n"
        "        os._exit(0)\n",
        encoding="utf-8",
    )
    made = run([*TORCHRUN, "--nproc-per-node=2", "lose.py"], timeout=60)
    assert made.returncode == 0, made.stderr
    told = Path("told.txt").read_text(encoding="utf-8")
    assert told.startswith("another process of this training is lost")
