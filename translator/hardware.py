"""What does this machine compute with? Device, precision, and a name for people."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from translator.errors import ConfigError


def choose_device(wanted: str) -> torch.device:
    """`auto` takes cuda, else mps, else cpu. ConfigError when the wanted one is not there."""
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        wanted = next(name for name, there in available.items() if there)
    if not available[wanted]:
        raise ConfigError(f"device: {wanted} is not available here", "Set device: auto.")
    return torch.device(wanted)


def choose_precision(wanted: str, device: torch.device) -> torch.dtype:
    """The number format of training; `auto` takes bfloat16 where it is computed in hardware."""
    if wanted == "float32":
        return torch.float32
    if wanted == "bfloat16" or _has_fast_bfloat16(device):
        return torch.bfloat16
    return torch.float32


def _has_fast_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "mps":
        return False  # as fast as float32 there, and less exact
    capabilities = torch.backends.cpu.get_cpu_capability()
    return "AVX512" in capabilities and _cpu_flag("avx512_bf16", "amx_bf16")


def _cpu_flag(*names: str) -> bool:
    try:
        with Path("/proc/cpuinfo").open(encoding="ascii", errors="replace") as info:
            flags = next((line for line in info if line.startswith("flags")), "").split()
    except OSError:  # not Linux: no flag, no claim
        return False
    return any(name in flags for name in names)


def attention_kernels(device: torch.device) -> AbstractContextManager[None]:
    """The kernels of scaled_dot_product_attention that train fastest on a device.

    On a CPU the backward pass of the fused one takes several times as long as the matrix products
    that it replaces.
    """
    return nullcontext() if device.type != "cpu" else sdpa_kernel(SDPBackend.MATH)


def describe(device: torch.device) -> str:
    """The device in words, for people."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    if device.type == "mps":
        return "Apple GPU"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' * (threads > 1)}"
