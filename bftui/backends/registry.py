"""Backend names to modules, so that nothing heavy is imported before it is used."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import cast

from bftui.backends.base import Backend, OpenSpec, Progress
from bftui.core.errors import MissingDependency, UsageError

BUILTIN = {
    "reference": "bftui.backends.reference:open_model",
    "llama-cpp": "bftui.backends.llama_cpp:open_model",
    "table": "bftui.backends.table:open_model",
}

_NEEDS = {"llama-cpp": ("llama_cpp", "llama")}

GROUP = "bftui.backends"
"""Entry points of this group add backends: name = "module:callable" (see `base.Opener`)."""


def names() -> list[str]:
    """Every backend that can be named, built in or installed."""
    return [*BUILTIN, *sorted(e.name for e in entry_points(group=GROUP) if e.name not in BUILTIN)]


def installed(name: str) -> bool:
    """Whether the library of a built-in backend can be imported; imports nothing."""
    return name not in _NEEDS or find_spec(_NEEDS[name][0]) is not None


def require(name: str) -> None:
    """Raises UsageError for an unknown name and MissingDependency for an extra that is not installed."""
    if name not in names():
        raise UsageError(
            f"there is no backend {name!r}", hint=f"choose one of {', '.join(names())}"
        )
    if not installed(name):
        extra = _NEEDS[name][1]
        raise MissingDependency(
            f"the backend {name} is not installed",
            f"{_NEEDS[name][0]} cannot be imported",
            f"pip install 'bftui[{extra}]'",
        )


def open_backend(spec: OpenSpec, progress: Progress) -> Backend:
    """Imports the backend that `spec` names and opens the model with it; blocks."""
    require(spec.backend)
    target = BUILTIN.get(spec.backend)
    if target is None:
        entry = next(e for e in entry_points(group=GROUP) if e.name == spec.backend)
        return cast(Backend, entry.load()(spec, progress))
    module, _, attribute = target.partition(":")
    return cast(Backend, getattr(import_module(module), attribute)(spec, progress))
