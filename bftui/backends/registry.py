"""Backend names to modules, so that nothing heavy is imported before it is used."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import cast

from bftui.backends.protocol import Backend, Opener
from bftui.core.errors import Cancelled, MissingDependency, UsageError
from bftui.formats.open_spec import OpenSpec, Progress

BUILTIN = {
    "reference": "bftui.backends.reference.reference_backend:open_model",
    "llama-cpp": "bftui.backends.llama_cpp.llama_backend:open_model",
    "transformers": "bftui.backends.transformers.hf_backend:open_model",
    "table": "bftui.backends.table:open_model",
}

_NEEDS = {
    "llama-cpp": (("llama_cpp",), "llama"),
    "transformers": (("torch", "transformers", "safetensors", "accelerate"), "transformers"),
}
"""What a backend imports, and the extra that brings it."""

GROUP = "bftui.backends"
"""Entry points of this group add backends: name = "module:callable" (see `protocol.Opener`)."""


def names() -> list[str]:
    """Every backend that can be named, built in or installed."""
    return [*BUILTIN, *sorted(e.name for e in entry_points(group=GROUP) if e.name not in BUILTIN)]


def missing(name: str) -> list[str]:
    """Libraries of a built-in backend that cannot be imported; imports nothing."""
    return [library for library in _NEEDS.get(name, ((), ""))[0] if find_spec(library) is None]


def extra(name: str) -> str | None:
    """The extra of the package that brings a backend's libraries; None where it needs none."""
    return _NEEDS[name][1] if name in _NEEDS else None


def installed(name: str) -> bool:
    """Whether the libraries of a built-in backend can be imported; imports nothing."""
    return not missing(name)


def require(name: str) -> None:
    """Raises UsageError for an unknown name and MissingDependency for an extra that is not installed."""
    if name not in names():
        raise UsageError(
            f"there is no backend {name!r}", hint=f"choose one of {', '.join(names())}"
        )
    if absent := missing(name):
        raise MissingDependency(
            f"the backend {name} is not installed",
            f"{absent[0]} cannot be imported",
            f"pip install 'bftui[{extra(name)}]'; `bftui doctor` says more",
        )


def open_backend(spec: OpenSpec, progress: Progress) -> Backend:
    """Imports the backend that `spec` names and opens the model with it; blocks.

    Raises MissingDependency where its libraries are installed and broken, Cancelled.
    """
    require(spec.backend)
    if spec.backend in _NEEDS and not progress(None, f"importing {_NEEDS[spec.backend][0][0]}"):
        raise Cancelled("loading was cancelled")
    return _opener(spec.backend)(spec, progress)


def _opener(name: str) -> Opener:
    try:
        if name not in BUILTIN:
            entry = next(e for e in entry_points(group=GROUP) if e.name == name)
            return cast(Opener, entry.load())
        module, _, attribute = BUILTIN[name].partition(":")
        return cast(Opener, getattr(import_module(module), attribute))
    except (ImportError, OSError) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise MissingDependency(
            f"the backend {name} cannot be imported", reason, "`bftui doctor` says how to mend it"
        ) from error
