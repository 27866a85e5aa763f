"""What this machine offers a local backend: compute threads, free memory, and whether there is a GPU at all.

Not for: what a GPU can do, and its memory, which the libraries ask themselves.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

_SMALL = 20_000_000

_WEIGHTS_SHARE = 0.7
"""Of the free memory that weights may take; the rest is for the cache and for what is being computed."""

_ABSURD = 1 << 60

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
    """Return the bytes that can be taken without swapping; else the physical memory; None where neither is known."""
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


def fits_as_float32(stored: int, width: float) -> bool:
    """Whether weights of `stored` bytes, `width` for each number, are held as float32 where nobody says how."""
    free = available_memory()
    return free is None or stored * 4 / width < _WEIGHTS_SHARE * free


def gpu() -> str | None:
    """Return the kind of GPU here, `cuda` or `mps`, as far as that is seen without a library; None where none is."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "mps"
    return "cuda" if shutil.which("nvidia-smi") or os.path.exists("/dev/nvidia0") else None


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
    """Return bytes for people: "512 MiB"."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1023.5:
            return f"{count:.0f} {unit}" if count >= 99.95 else f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:,.1f} GiB"


def cut_short(there: int, claimed: int) -> str:
    """Return the reason against a file of `there` bytes whose header claims more."""
    here, whole = size(there), size(claimed) if claimed < _ABSURD else "more than any disk holds"
    if here == whole:
        here, whole = f"{there:,}", f"{claimed:,} bytes"
    return f"it is cut short: {here} of {whole} are here"
