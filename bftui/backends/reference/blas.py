"""How many threads the products of NumPy may use, for as long as a block runs.

On the small products of a small model the threads of a BLAS mostly wait for each other, and wait for long where another
program has a core. Only OpenBLAS as NumPy's wheels bring it along is known here; any other one keeps its threads.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

_NAMES = ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads")


@cache
def _library() -> tuple[Any, Any] | None:
    """What tells and what sets the number of threads; None where there is no such library."""
    folder = Path(np.__file__).parent
    for path in [*folder.parent.glob("numpy.libs/*openblas*"), *folder.glob(".dylibs/*openblas*")]:
        with suppress(OSError):
            library = ctypes.CDLL(str(path))
            for name in _NAMES:
                if hasattr(library, name.format("set")):
                    return getattr(library, name.format("get")), getattr(
                        library, name.format("set")
                    )
    return None


@contextmanager
def blas_threads(count: int) -> Iterator[None]:
    """At most `count` threads inside; 0 leaves it to NumPy. Other threads' products are held to it, too."""
    known = _library() if count else None
    if known is None:
        yield
        return
    get, set_ = known
    before = get()
    set_(min(count, before))
    try:
        yield
    finally:
        set_(before)
