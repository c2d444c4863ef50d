"""What does this machine compute with? Device, precision, and a name for people."""

import ctypes
import functools
import os
import platform
from pathlib import Path

import torch

from translator.errors import ConfigError

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # of malloc.h
_HEAP = 2**31 - 2**28  # bytes; a longer free end of the heap would be given back
_HUGE_PAGE = 2**21  # bytes
_MADV_HUGEPAGE = 14  # of sys/mman.h


def choose_device(wanted: str) -> torch.device:
    """`auto` takes cuda, else mps, else cpu. ConfigError when the wanted one is not there.

    Of several GPUs it is the current one: see `take_own_gpu`.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        wanted = next(name for name, there in available.items() if there)
    if not available[wanted]:
        raise ConfigError(f"device: {wanted} is not available here", "Set device: auto.")
    if wanted == "cuda":
        return torch.device(wanted, torch.cuda.current_device())
    return torch.device(wanted)


def take_own_gpu() -> None:
    """Let each process that torchrun starts on a machine compute on its own GPU.

    From then on that one is the current one, which torch seeds and `choose_device` takes.
    """
    if "LOCAL_RANK" in os.environ and torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())


def choose_precision(wanted: str, device: torch.device) -> torch.dtype:
    """The number format of training; `auto` takes bfloat16 where it is computed in hardware."""
    if wanted == "float32":
        return torch.float32
    if wanted == "bfloat16" or has_fast_bfloat16(device):
        return torch.bfloat16
    return torch.float32


@functools.cache
def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies matrices of bfloat16, faster than those of float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "mps":
        return False  # as fast as float32 there, and less exact
    capabilities = torch.backends.cpu.get_cpu_capability()
    has_instructions = "AVX512" in capabilities and _cpu_flag("avx512_bf16", "amx_bf16")
    return has_instructions and cpu_multiplies(torch.bfloat16)


@functools.cache
def cpu_multiplies(precision: torch.dtype) -> bool:
    """Whether oneDNN, which computes torch's products on a CPU, takes matrices of these numbers.

    It takes bfloat16 where the processor has AVX-512, or the user did not set it lower.
    """
    if precision != torch.bfloat16:
        return True
    ask = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return ask is not None and bool(ask())


def processor() -> str:
    """The name of the CPU, and which vector instructions torch uses on it."""
    name = _cpu_info("model name") or platform.processor() or platform.machine()
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


def _cpu_flag(*names: str) -> bool:
    flags = _cpu_info("flags").split()
    return any(name in flags for name in names)


def _cpu_info(key: str) -> str:
    """What Linux says of the first core under a key; empty elsewhere."""
    try:
        with Path("/proc/cpuinfo").open(encoding="ascii", errors="replace") as info:
            line = next((line for line in info if line.startswith(key)), "")
    except OSError:  # not Linux: no flag, no claim
        return ""
    return line.partition(":")[2].strip()


@functools.cache  # once is enough
def keep_memory() -> None:
    """Let the C library keep freed memory for the next step instead of returning it at once.

    Every step allocates the same large buffers; fresh pages for them cost a tenth of its time on
    Linux. Another allocator (jemalloc, tcmalloc) keeps memory by itself: where one was preloaded,
    and elsewhere than on glibc, nothing is done.
    """
    if platform.libc_ver()[0] != "glibc" or "malloc" in os.environ.get("LD_PRELOAD", ""):
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_MAX, 0)  # large buffers come from the heap too,
    libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)  # whose free end is kept
    libc.mallopt(_M_TOP_PAD, 64 * 2**20)  # and grows in large pieces
    _take_huge_pages(libc)


def _take_huge_pages(libc: ctypes.CDLL) -> None:
    """Let the heap's next gigabytes be of huge pages, as they are touched.

    Address translation was an eighth of the time of a training step. What is allocated here is
    freed at once: it only makes the heap long enough to be advised about.
    """
    libc.malloc.restype = ctypes.c_void_p
    start = libc.malloc(ctypes.c_size_t(_HEAP))
    if start:
        first = -(-start // _HUGE_PAGE) * _HUGE_PAGE
        length = (start + _HEAP - first) // _HUGE_PAGE * _HUGE_PAGE
        libc.madvise(ctypes.c_void_p(first), ctypes.c_size_t(length), _MADV_HUGEPAGE)
        libc.free(ctypes.c_void_p(start))


def is_out_of_memory(error: Exception) -> bool:
    """Whether torch or NumPy raised this because memory did not suffice."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        "alloc" in str(error) and "memory" in str(error)  # "DefaultCPUAllocator: can't allocate …"
    )


def memory_in_use(device: torch.device) -> float:
    """The share of a device's memory that is taken; 0 where the system does not tell."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return 1.0 - free / total
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # not Linux
        return 0.0
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return 1.0 - kilobytes["MemAvailable"] / kilobytes["MemTotal"]


def describe(device: torch.device) -> str:
    """The device in words, for people."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    if device.type == "mps":
        return "Apple GPU"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' * (threads > 1)}"
