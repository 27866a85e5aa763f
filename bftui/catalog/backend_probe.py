"""What is installed for a backend, and which devices it can compute on: asked in a process of its own.

Importing a library of this size takes seconds, and a broken one may end the process that does it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bftui.backends import registry

_SECONDS = 120.0

_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from bftui.catalog.backend_probe import answer; answer(sys.argv[2])"
)


@dataclass(frozen=True)
class ProbeReport:
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


def probe(backend: str) -> ProbeReport:
    """Asks one backend; takes as long as importing its libraries does."""
    spec = registry.require(backend, libraries=False)
    missing = registry.missing(backend)
    if missing or spec.problem:
        return ProbeReport(missing=tuple(missing), problem=spec.problem)
    if not spec.libraries:
        return ProbeReport(spec.library, ("cpu",))
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
        return ProbeReport(problem=f"its libraries were not imported within {_SECONDS:.0f} s")
    lines = child.stdout.decode(errors="replace").splitlines()
    try:
        library, devices = json.loads(lines[-1])
        return ProbeReport(str(library), tuple(map(str, devices)))
    except (IndexError, TypeError, ValueError):
        said = child.stderr.decode(errors="replace").strip().splitlines()
        return ProbeReport(
            problem=said[-1] if said else f"importing it ended with {child.returncode}"
        )


def answer(backend: str) -> None:
    """The child's whole life: prints what the backend finds as one line of JSON."""
    print(json.dumps(registry.require(backend).load_probe()()))
