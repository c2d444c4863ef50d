"""Training speed on an idle machine and beside one busy process, by how long threads wait awake.

    python scripts/bench_busy.py [CORPUS.tsv[.xz]] [--rounds 5] [--steps 6] [--spin none 3000 10000]
        [--optimizer adamw|muon] [--set KEY=VALUE]...

Each figure is of a process of its own that trains the reference model of bench_train.py, unless
--set changes it, with as many threads as there are cores; the settings take turns. A number is a
GOMP_SPINCOUNT, `none` what OpenMP does by itself, `ours` what the program chooses. Speeds count
target tokens without padding; medians over the rounds. It wants a machine that does nothing else.
"""

import translator  # noqa: F401  # isort: skip  # before torch: it says how long threads wait

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from bench_train import reference_config, tokens_per_second

from translator.hardware import processor
from translator.preparation import prepare_data
from translator.runs import RunDirectory
from translator.training import Trainer

WARM_UP = 2  # steps
SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def show_speed(options: argparse.Namespace, folder: Path) -> None:
    """Train for some steps and print the target tokens of a second."""
    config, run = reference_config(options), RunDirectory(folder / "bench")
    trainer = Trainer(config, run, prepare_data(config, run))
    batches = iter(trainer.stream)

    def step() -> int:
        return trainer.train_step([next(batches)])[1]

    tokens_per_second(step, WARM_UP, trainer.device)
    print(tokens_per_second(step, options.steps, trainer.device))


def environment(spin: str) -> dict[str, str]:
    """What makes the threads of a process wait so."""
    free = {key: value for key, value in os.environ.items() if key not in SETTINGS}
    if spin == "ours":
        return free
    # Any of the three keeps the program from choosing; GNU's OpenMP knows nothing of Intel's.
    return free | ({"KMP_BLOCKTIME": "200"} if spin == "none" else {"GOMP_SPINCOUNT": spin})


def speed(options: argparse.Namespace, folder: Path, spin: str, *, busy: bool) -> float:
    """What `show_speed` prints in a process of its own."""
    words = [options.corpus, "--steps", str(options.steps), "--optimizer", options.optimizer]
    words += [f"--set={setting}" for setting in options.set]
    with busy_process() if busy else nullcontext():
        done = subprocess.run(
            [sys.executable, __file__, *words, "--show", folder],
            env=environment(spin),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return float(done.stdout)


@contextmanager
def busy_process() -> Iterator[None]:
    """A program that keeps one core to itself."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def compare(options: argparse.Namespace, folder: Path) -> None:
    """Measure all settings in turn, and print their medians."""
    prepare_data(reference_config(options), RunDirectory(folder / "bench"))
    found: dict[tuple[str, bool], list[float]] = {}
    for _ in range(options.rounds):
        for spin in options.spin:
            for busy in (False, True):
                measured = speed(options, folder, spin, busy=busy)
                print(f"{spin}, {'busy' if busy else 'idle'}: {measured:,.0f}", file=sys.stderr)
                found.setdefault((spin, busy), []).append(measured)
    print(f"{processor()}, {os.cpu_count()} cores; target tokens/s")
    print("GOMP_SPINCOUNT    idle    busy  share")
    for spin in options.spin:
        idle, beside = (statistics.median(found[spin, busy]) for busy in (False, True))
        print(f"{spin:>14} {idle:7,.0f} {beside:7,.0f} {beside / idle:6.0%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", nargs="?", default="embedded:train-grammar")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--spin", nargs="+", default=["none", "3000", "10000"])
    parser.add_argument("--optimizer", choices=("adamw", "muon"), default="adamw")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--show", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.show is not None:
        show_speed(options, options.show)
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(options, Path(folder))


if __name__ == "__main__":
    main()
