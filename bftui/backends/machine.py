"""What this machine offers a local backend: compute threads and free memory.

Not for: GPUs, which the libraries ask themselves.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_SMALL = 20_000_000

_TOPOLOGY = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def physical_cores() -> int:
    """Cores that this process may use, hyper-threads counted once; at least 1.

    Where the system does not tell hyper-threads apart, its logical processors are counted.
    """
    usable = list(range(os.cpu_count() or 1))
    if hasattr(os, "sched_getaffinity"):
        usable = sorted(os.sched_getaffinity(0))
    cores = set()
    for cpu in usable:
        try:
            cores.add(Path(_TOPOLOGY.format(cpu)).read_text().strip())
        except OSError:
            return max(1, len(usable))
    return max(1, len(cores))


def is_small(parameters: int) -> bool:
    """Whether a step of a model of this size is so short that threads mostly wait for each other."""
    return parameters < _SMALL


def available_memory() -> int | None:
    """Bytes that can be taken without swapping; the physical memory where only that is known, None where nothing is."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    if sys.platform == "win32":
        return _windows_memory()
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None


def _windows_memory() -> int | None:
    import ctypes

    class MemoryStatus(ctypes.Structure):
        _fields_ = [
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *[
                (name, ctypes.c_ulonglong)
                for name in ("total", "available", "a", "b", "c", "d", "e")
            ],
        ]

    status = MemoryStatus()
    status.length = ctypes.sizeof(status)
    known = getattr(ctypes, "windll").kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # noqa: B009
    return int(status.available) if known else None


def size(count: float) -> str:
    """Bytes for people: "512 MiB"."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:,.1f} GiB"
