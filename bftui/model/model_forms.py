"""What a MODEL of the command line stands for: a file, a folder or an address, and the backend that opens it.

Looks at names only; nothing is opened.
"""

from __future__ import annotations

import os
from pathlib import Path

from bftui import practice
from bftui.backends.registry import automatic, kinds, require
from bftui.core.errors import ModelError, ModelLoadError
from bftui.formats.mixture_forms import SEPARATOR, joined, parts_of, together
from bftui.formats.model_facts import DIRECTORY, GGUF, ModelFacts, SourceKind, read
from bftui.formats.open_spec import OpenSpec
from bftui.formats.safetensors_file import check_directory

PRACTICE = "practice"

_URLS = ("http://", "https://")
_HUB = "hf:"


def resolve(model: str = PRACTICE, backend: str = "auto") -> OpenSpec:
    """Turn any MODEL form into what is opened.

    Raises UsageError for an unknown backend, ModelLoadError for a path that does not exist and for a directory without
    a model, MissingDependency for a backend that is not installed.
    """
    source, kind = source_of(model)
    if kind is not None and kind.roles:
        return _mixture(source, kind, backend)
    if backend == "auto":
        found = None if kind is None else automatic(kind)
        if found is None:
            raise ModelLoadError(
                f"cannot open {model}",
                "this version runs GGUF files, directories of safetensors and tables only",
                "give the path of a .gguf file or of a Hugging Face directory",
            )
        backend = found.name
    require(backend)
    return OpenSpec(source=source, backend=backend)


def _mixture(source: str, kind: SourceKind, backend: str) -> OpenSpec:
    """What is opened for a mixture: each of its models by this backend, or by its own. Raises as `resolve`."""
    found = automatic(kind)
    assert found is not None
    models, of_each = parts_of(kind, source), "auto" if backend == found.name else backend
    form = joined(kind.name, list(map(_written, models)))
    return OpenSpec(form, found.name, parts=tuple(resolve(each, of_each) for each in models))


def with_itself(model: str) -> str:
    """Return the MODEL that mixes one with itself, for two prompts; a mixture stays as it is."""
    kind = _kind_by_scheme(model)
    return model if kind is not None and kind.roles else joined("dial", [model, model])


def _written(model: str) -> str:
    """A MODEL as a trace keeps it: a practice model by its path."""
    source, kind = source_of(model)
    return model if kind is None else kind.model(source)


def source_of(model: str) -> tuple[str, SourceKind | None]:
    """Return the path or address behind a MODEL, and its kind; None for an address that no backend opens.

    Raises ModelLoadError for a path that does not exist and for a directory without a model.
    """
    if (kind := _kind_by_scheme(model)) is not None:
        path = kind.path(model)
        if os.path.exists(path) and not (kind.folder or os.path.isfile(path)):
            raise ModelLoadError(f"cannot open {path}", "it is not a regular file")
        return path, kind
    if model.startswith((*_URLS, _HUB)):
        return model.removeprefix(_HUB), None
    if not os.path.exists(model) and os.sep not in model and not Path(model).suffix:
        if model in practice.NAMES:
            return str(practice.path(model)), GGUF
        if model.startswith(PRACTICE):
            raise ModelLoadError(
                f"there is no practice model {model}", hint=f"choose {', '.join(practice.NAMES)}"
            )
    if not os.path.exists(model):
        raise ModelLoadError(
            f"there is no model at {model}",
            "the path does not exist",
            f"give the path of a .gguf file or a Hugging Face directory, or `{PRACTICE}` for the model inside bftui",
        )
    if os.path.isdir(model):
        # Before anything heavy is imported for it.
        check_directory(Path(model))
        return model, DIRECTORY
    if not os.path.isfile(model):
        raise ModelLoadError(f"cannot open {model}", "it is not a regular file")
    return model, _kind_of_file(model)


def path_of(model: str) -> str:
    """Return the path in a MODEL form, whether it exists or not; a practice model's name and an address stay.

    Of a mixture it is that of its first model.
    """
    return paths_of(model)[0]


def paths_of(model: str) -> list[str]:
    """Return the path in a MODEL form as `path_of` does, of a mixture those of all its models."""
    kind = _kind_by_scheme(model)
    if kind is None:
        return [model]
    path = kind.path(model)
    return list(map(path_of, path.split(SEPARATOR))) if kind.roles else [path]


def has_scheme(model: str) -> bool:
    """Whether a MODEL begins with what tells its kind, so that it is not a path alone."""
    return model.startswith(("http:", "https:", _HUB)) or _kind_by_scheme(model) is not None


def _kind_by_scheme(model: str) -> SourceKind | None:
    """The kind that the beginning of a MODEL tells; None where it tells none."""
    if ":" not in model:
        return None
    return next((k for k in kinds() if k.scheme and model.startswith(k.scheme)), None)


def _kind_of_file(path: str) -> SourceKind:
    """The kind that the end of a file's name tells; GGUF where it tells none."""
    fitting = (k for k in kinds() if not k.scheme and k.suffixes and path.endswith(k.suffixes))
    return next(fitting, GGUF)


def carries_template(model: str) -> bool:
    """Whether a MODEL has a chat template, by its headers; not one that cannot be read: opening it says why."""
    try:
        return facts_of(model).chat_template
    except ModelError:
        return False


def facts_of(model: str) -> ModelFacts:
    """Read the headers of any MODEL, of a mixture those of all its models. Raises ModelError."""
    source, kind = source_of(model)
    if kind is None:
        raise ModelLoadError(f"cannot read {model}", "it is not on this machine")
    if kind.roles:
        return together(kind, list(map(facts_of, parts_of(kind, source))))
    return read(kind, source)
