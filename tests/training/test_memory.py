"""Memory that a training step finds where it left it."""

import subprocess
import sys
from pathlib import Path

import pytest

THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")
BUFFERS = """
import torch
from translator.hardware import keep_memory
keep_memory()
buffers = [torch.ones(1024, 1024) for _ in range(64)]
for line in open("/proc/self/smaps", encoding="ascii"):
    if line.startswith("AnonHugePages:"):
        print(line.split()[1])
"""


@pytest.mark.skipif(
    not THP.is_file() or "[never]" in THP.read_text("ascii"),
    reason="this kernel gives no huge pages",
)
def test_large_buffers_lie_in_huge_pages() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BUFFERS], capture_output=True, text=True, check=True
    )
    assert sum(map(int, done.stdout.split())) >= 64 * 4096 / 2  # kB: most of 64 buffers of 4 MB
