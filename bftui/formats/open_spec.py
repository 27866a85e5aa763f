"""What to open and how, and how loading says how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

Device = Literal["auto", "cpu", "cuda", "mps"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Kv = Literal["auto", "f32", "f16"]

Progress = Callable[[float | None, str], bool]
"""Called while loading with a share in [0, 1] (None: unknown) and what is being done; False cancels."""


@dataclass(frozen=True, slots=True)
class OpenSpec:
    """What to open and how; the shared options of the command line, resolved to one backend.

    Attributes:
        source: a path, name or address, without the scheme.
        backend: a name of the registry.
        n_ctx: logical limit of the context in tokens; 0 takes min(the model's own, 4096).
        threads: compute threads; 0 takes the physical cores, or fewer for a small model.
        gpu_layers: layers on the GPU; -1 all.
        max_continuations: how many continuations may be open at once: two batches of rollouts, and a look-ahead.
        parts: of a mixture, its models: source and backend count, all else is as here.
    """

    source: str
    backend: str
    n_ctx: int = 0
    threads: int = 0
    gpu_layers: int = -1
    device: Device = "auto"
    dtype: Dtype = "auto"
    kv: Kv = "auto"
    max_continuations: int = 96
    parts: tuple[OpenSpec, ...] = ()

    def part(self, part: OpenSpec) -> OpenSpec:
        """Return how one of the parts is opened."""
        return replace(self, source=part.source, backend=part.backend, parts=())

    @property
    def files(self) -> tuple[str, ...]:
        """What is read when it is opened: paths, names or addresses."""
        return tuple(each.source for each in self.parts) or (self.source,)
