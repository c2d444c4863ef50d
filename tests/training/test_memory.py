"""Memory that a training step finds where it left it."""

import subprocess
import sys
from pathlib import Path

import pytest

THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")
HEAP = """
from translator.hardware import keep_memory
keep_memory()
size = 0
for line in open("/proc/self/smaps", encoding="ascii"):
    name, *rest = line.split()
    if name == "Size:":
        size = int(rest[0])
    elif name == "VmFlags:" and "hg" in rest:  # advised to be of huge pages
        print(size)
"""


@pytest.mark.skipif(not THP.is_file(), reason="this kernel has no huge pages")
def test_the_heap_is_to_be_of_huge_pages() -> None:
    done = subprocess.run([sys.executable, "-c", HEAP], capture_output=True, text=True, check=True)
    assert sum(map(int, done.stdout.split())) >= 2**20  # kB
