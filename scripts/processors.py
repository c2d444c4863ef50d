"""Run the numeric tests as other processors compute: with fewer instructions, with more threads.

    python scripts/processors.py            # all six
    python scripts/processors.py --only 1 3

What a variable asks for and this processor does not have is left out, and that is said: it can be
made to use fewer instructions than it has, never more.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
NUMERIC = (
    "functional model inference decoding translation alignment capitals training export importing "
    "evaluation guarantees"
).split()
LEVELS = ("default", "avx2", "avx512")  # what ATen calls them
COMBINATIONS = (  # ATen's vector instructions, oneDNN's, threads
    ("default", "SSE41", 1),
    ("avx2", "AVX2", 2),
    ("avx2", "AVX512_CORE", 4),
    ("avx512", "AVX512_CORE", 1),
    ("avx512", "AVX512_CORE_BF16", 2),
    ("avx512", "AVX512_CORE_AMX", 4),
)


def environment(aten: str, onednn: str, threads: int) -> dict[str, str]:
    """The variables of a combination, as far as this processor goes along."""
    here = torch.backends.cpu.get_cpu_capability().lower()
    most = LEVELS.index(here) if here in LEVELS else 0
    return {
        "ATEN_CPU_CAPABILITY": LEVELS[min(LEVELS.index(aten), most)],
        "ONEDNN_MAX_CPU_ISA": onednn,  # a limit: it may be above what is there
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "passive",  # there may be more threads than cores
    }


def run(number: int, combination: tuple[str, str, int], arguments: list[str]) -> bool:
    variables = environment(*combination)
    shown = " ".join(f"{key}={variables[key]}" for key in list(variables)[:3])
    if variables["ATEN_CPU_CAPABILITY"] != combination[0]:
        shown += f" (this processor has no {combination[0]})"
    print(f"{number}. {shown}", flush=True)
    files = [str(ROOT / "tests" / f"test_{name}.py") for name in NUMERIC]
    processes = max(1, (os.cpu_count() or 1) // combination[2])
    command = [sys.executable, "-m", "pytest", *files, "--numprocesses", str(processes)]
    started = time.monotonic()
    done = subprocess.run(
        [*command, "--dist", "worksteal", "-m", "not slow", *arguments],
        env={**os.environ, **variables},
        cwd=ROOT,
        check=False,
    )
    verdict = "passed" if done.returncode == 0 else "FAILED"
    print(f"{number}. {verdict} in {time.monotonic() - started:.0f} s", flush=True)
    return done.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    numbers = range(1, len(COMBINATIONS) + 1)
    parser.add_argument("--only", nargs="+", type=int, choices=numbers, default=list(numbers))
    chosen, arguments = parser.parse_known_args()  # the others are pytest's
    results = [run(number, COMBINATIONS[number - 1], arguments) for number in chosen.only]
    print(f"{sum(results)} of {len(results)} combinations passed")
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
