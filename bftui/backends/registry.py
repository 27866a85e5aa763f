"""Backends by name: those of bftui and those of other packages, so that nothing heavy is imported before it is used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from bftui.backends.backend_spec import BackendSpec
from bftui.backends.builtin_backends import BUILTIN
from bftui.core.added_code import load_added
from bftui.core.errors import Cancelled, MissingDependency, ModelLoadError, UsageError
from bftui.formats.mixture_forms import in_words
from bftui.formats.model_facts import DIRECTORY, GGUF, ModelFacts, Need, SourceKind
from bftui.formats.open_spec import OpenSpec, Progress

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from bftui.backends.protocol import Backend

GROUP = "bftui.backends"
"""Entry points of this group add backends: name = "module:SPEC", a `BackendSpec`, or an `Opener` alone."""

_LONGEST_REASON = 300


def names() -> list[str]:
    """Return the name of every backend, of bftui first; imports nothing."""
    return [*BUILTIN, *sorted(_added(tuple(sys.path)))]


def find(name: str) -> BackendSpec | None:
    """Return the backend of this name; None where there is none. Imports at most the module that describes it."""
    if name in BUILTIN:
        return BUILTIN[name]
    path = tuple(sys.path)
    return _described(name, path) if name in _added(path) else None


def specs() -> Iterator[BackendSpec]:
    """Yield every backend in the order of their names; imports what describes those of other packages."""
    for name in names():
        found = find(name)
        assert found is not None
        yield found


def kinds() -> Iterator[SourceKind]:
    """Yield every kind of model that some backend opens, each once, those of bftui first."""
    seen: set[str] = set()
    for spec in specs():
        for kind in spec.opens:
            if kind.name not in seen:
                seen.add(kind.name)
                yield kind


def missing(name: str) -> list[str]:
    """Return the libraries of a backend that cannot be imported; imports none."""
    spec = find(name)
    return [library for library in (spec.libraries if spec else ()) if not _importable(library)]


def installed(name: str) -> bool:
    """Whether the libraries of a backend can be imported; imports none."""
    return not missing(name)


def automatic(kind: SourceKind, usable: Callable[[str], bool] | None = None) -> BackendSpec | None:
    """Return the backend that `auto` takes for a kind of model; None where no backend opens it.

    Args:
        usable: whether a backend can be used, by its name; by default whether it is installed. Where none can be used,
            the first that would do is taken, so that its error says what to install.
    """
    able = sorted((s for s in specs() if s.can_open(kind)), key=lambda spec: -spec.preference)
    ready = (spec for spec in able if (usable or installed)(spec.name))
    return next(ready, able[0] if able else None)


def needed(facts: ModelFacts, spec: OpenSpec) -> Need:
    """Estimate the memory that a model takes when it is opened as `spec` says, with the backend that it names.

    A mixture takes what its models take together.

    Raises UsageError for an unknown backend, ModelLoadError where its estimate fails.
    """
    backend = require(spec.backend, libraries=False)
    if spec.parts:
        parts = zip(facts.parts, spec.parts, strict=True)
        return _summed(spec.backend, [needed(each, spec.part(part)) for each, part in parts])
    try:
        return backend.needs(facts, spec)
    except Exception as error:
        # Other people's code may raise anything; the other models must stay in reach.
        what = f"the backend {spec.backend} cannot estimate the memory of {facts.name}"
        raise ModelLoadError(what, _reason(error)) from error


def _summed(backend: str, needs: Sequence[Need]) -> Need:
    return Need(
        weights=sum(each.weights for each in needs),
        context=sum(each.context for each in needs),
        n_ctx=min(each.n_ctx for each in needs),
        backend=backend,
        precision=in_words(each.precision for each in needs),
        on_gpu=all(each.on_gpu for each in needs),
    )


def require(name: str, *, libraries: bool = True) -> BackendSpec:
    """Return a backend; with `libraries` only where it is installed.

    Raises UsageError for an unknown name, MissingDependency where its libraries are not there or where what describes
    it cannot be imported.
    """
    spec = find(name)
    if spec is None:
        raise UsageError(
            f"there is no backend {name!r}", hint=f"choose one of {', '.join(names())}"
        )
    if libraries and spec.problem:
        raise _not_importable(name, spec.problem)
    if libraries and (absent := missing(name)):
        raise MissingDependency(
            f"the backend {name} is not installed",
            f"{absent[0]} cannot be imported",
            f"{spec.install}; `bftui doctor` says more",
        )
    return spec


def open_backend(spec: OpenSpec, progress: Progress) -> Backend:
    """Import the backend that `spec` names and open the model with it; blocks.

    Raises MissingDependency where it or its libraries are installed and broken, Cancelled.
    """
    backend = require(spec.backend)
    if backend.libraries and not progress(None, f"importing {backend.libraries[0]}"):
        raise Cancelled("loading was cancelled")
    try:
        opener = backend.load_opener()
    except Exception as error:
        raise _not_importable(spec.backend, _reason(error)) from error
    return opener(spec, progress)


def _not_importable(name: str, reason: str) -> MissingDependency:
    hint = "`bftui doctor` says how to mend it"
    return MissingDependency(f"the backend {name} cannot be imported", reason, hint)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST_REASON] or type(error).__name__


def _importable(library: str) -> bool:
    try:
        return find_spec(library) is not None
    except (ImportError, ValueError):
        return False


@lru_cache(maxsize=1)
def _added(path: tuple[str, ...]) -> dict[str, EntryPoint]:
    """Entry points of other packages by name, as long as the path of imports is this one."""
    from importlib.metadata import entry_points

    return {each.name: each for each in entry_points(group=GROUP) if each.name not in BUILTIN}


@lru_cache(maxsize=64)
def _described(name: str, path: tuple[str, ...]) -> BackendSpec:
    """What an entry point says of its backend; one that cannot be imported has that as its problem."""
    entry = _added(path)[name]
    library = f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else entry.module
    try:
        found = load_added(entry)
    except Exception as error:
        # Other people's code may raise anything; the other backends must stay in reach.
        return BackendSpec(entry.name, library=library, problem=_reason(error))
    if isinstance(found, BackendSpec):
        return replace(found, name=entry.name, library=library)
    if callable(found):
        return BackendSpec(entry.name, (GGUF, DIRECTORY), opener=found, library=library)
    problem = f"{entry.value} is neither a BackendSpec nor a function that opens models"
    return BackendSpec(entry.name, library=library, problem=problem)
