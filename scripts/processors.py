"""Run the numeric tests as other processors compute: with fewer instructions, with more threads.

    python scripts/processors.py            # all six
    python scripts/processors.py --only 1 3

A processor can be made to use fewer instructions than it has, never more: what a combination asks
for beyond that is left out, and of combinations that are the same here one is run.
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
    "functional model inference decoding translation alignment capitals embedding training muon "
    "architectures export importing evaluation guarantees"
).split()
COMBINATIONS = (  # ATen's vector instructions, oneDNN's, threads
    ("default", "SSE41", 1),
    ("avx2", "AVX2", 2),
    ("avx2", "AVX512_CORE", 4),
    ("avx512", "AVX512_CORE", 1),
    ("avx512", "AVX512_CORE_BF16", 2),
    ("avx512", "AVX512_CORE_AMX", 4),
)
ATEN = ("default", "avx2", "avx512")  # from few instructions to many
ONEDNN = {  # likewise, with the name that Linux has for what each needs
    "SSE41": "sse4_1",
    "AVX2": "avx2",
    "AVX512_CORE": "avx512bw",
    "AVX512_CORE_BF16": "avx512_bf16",
    "AVX512_CORE_AMX": "amx_bf16",
}


def environment(aten: str, onednn: str, threads: int) -> dict[str, str]:
    """The variables of a combination, as far as this processor goes along."""
    here = torch.backends.cpu.get_cpu_capability().lower()
    flags = set(Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split())
    return {
        "ATEN_CPU_CAPABILITY": least(aten, here, list(ATEN)),
        "ONEDNN_MAX_CPU_ISA": least(
            onednn, [level for level, flag in ONEDNN.items() if flag in flags][-1], list(ONEDNN)
        ),
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "passive",  # there may be more threads than cores
    }


def least(wanted: str, there: str, levels: list[str]) -> str:
    return min(wanted, there, key=levels.index)


def run(variables: dict[str, str], arguments: list[str]) -> bool:
    files = [str(next(ROOT.glob(f"tests/*/test_{name}.py"))) for name in NUMERIC]
    processes = max(1, (os.cpu_count() or 1) // int(variables["OMP_NUM_THREADS"]))
    command = [sys.executable, "-m", "pytest", *files, "--numprocesses", str(processes)]
    done = subprocess.run(
        [*command, "--dist", "worksteal", "-m", "not slow", *arguments],
        env={**os.environ, **variables},
        cwd=ROOT,
        check=False,
    )
    return done.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    numbers = range(1, len(COMBINATIONS) + 1)
    parser.add_argument("--only", nargs="+", type=int, choices=numbers, default=list(numbers))
    chosen, arguments = parser.parse_known_args()  # the others are pytest's
    passed: dict[str, bool] = {}  # by what the variables are here
    for number in chosen.only:
        variables = environment(*COMBINATIONS[number - 1])
        shown = " ".join(f"{key}={value}" for key, value in variables.items())
        print(f"{number}. {shown}", flush=True)
        if shown in passed:
            print(f"{number}. the same as before on this processor", flush=True)
            continue
        started = time.monotonic()
        passed[shown] = run(variables, arguments)
        verdict = "passed" if passed[shown] else "FAILED"
        print(f"{number}. {verdict} in {time.monotonic() - started:.0f} s", flush=True)
    print(f"{sum(passed.values())} of {len(passed)} combinations passed")
    sys.exit(not all(passed.values()))


if __name__ == "__main__":
    main()
