"""What is installed for a backend, and which devices it can compute on: asked in a process of its own.

Importing a library of this size takes seconds, and a broken one may end the process that does it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bftui.backends import registry

_SECONDS = 120.0

_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from bftui.catalog.backend_probe import answer; answer(sys.argv[2])"
)


@dataclass(frozen=True)
class Report:
    """What one backend has to work with.

    Attributes:
        library: name and version of what it runs on.
        devices: where it can compute, the best first: `cpu`, `cuda (NVIDIA …)`, `mps`, `gpu`.
        missing: libraries that are not installed.
        problem: why it cannot be used although everything is installed, or "".
    """

    library: str = ""
    devices: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    problem: str = ""

    @property
    def ready(self) -> bool:
        """Whether a model can be opened with it."""
        return not self.missing and not self.problem


def probe(backend: str) -> Report:
    """Asks one built-in backend; takes as long as importing its libraries does."""
    missing = registry.missing(backend)
    if missing:
        return Report(missing=tuple(missing))
    if backend not in _ANSWERS:
        return Report("part of bftui", ("cpu",))
    root = str(Path(__file__).resolve().parents[2])
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-c", _BOOT, root, backend],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Report(problem=f"its libraries were not imported within {_SECONDS:.0f} s")
    lines = child.stdout.decode(errors="replace").splitlines()
    try:
        library, devices = json.loads(lines[-1])
        return Report(str(library), tuple(map(str, devices)))
    except (IndexError, TypeError, ValueError):
        said = child.stderr.decode(errors="replace").strip().splitlines()
        return Report(problem=said[-1] if said else f"importing it ended with {child.returncode}")


def answer(backend: str) -> None:
    """The child's whole life: prints what `_ANSWERS` finds as one line of JSON."""
    print(json.dumps(_ANSWERS[backend]()))


def _llama_cpp() -> tuple[str, list[str]]:
    from bftui.backends.llama_cpp.llama_library import LIBRARY, C

    devices = ["cpu"]
    if C.llama_supports_gpu_offload():
        kind = "cuda" if b"CUDA" in C.llama_print_system_info() else "gpu"
        devices.insert(0, "mps" if sys.platform == "darwin" else kind)
    return LIBRARY, devices


def _transformers() -> tuple[str, list[str]]:
    from bftui.backends.transformers.hf_library import LIBRARY, torch

    devices = [f"cuda ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return LIBRARY, [*devices, "cpu"]


_ANSWERS: dict[str, Callable[[], tuple[str, list[str]]]] = {
    "llama-cpp": _llama_cpp,
    "transformers": _transformers,
}
