"""A loaded model as a session and a notebook see it: `open_model` and `Model`."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import get_args

from bftui.backends.base import Device, Dtype, Kv, ModelInfo, OpenSpec, Progress
from bftui.backends.engine import Engine
from bftui.backends.host import Host
from bftui.backends.registry import installed, open_backend, require
from bftui.backends.worker import WorkerHost
from bftui.core.errors import ModelError, ModelLoadError, UsageError

PRACTICE = "practice"
PRACTICE_NOTE = "a practice model: results on it show how the tool works, not how the world is"

MAX_THREADS = 512
"""Beyond it libraries abort instead of refusing."""

_URLS = ("http://", "https://")


class Model:
    """One loaded model; closes with its context manager."""

    def __init__(self, host: Host) -> None:
        self.host = host

    @property
    def name(self) -> str:
        """What people call it; of a practice model it says that it is one."""
        name = self.info.name
        return f"{name} model" if self.is_practice else name

    @property
    def is_practice(self) -> bool:
        """Whether this is a model of the package: it shows how the tool works, not how the world is."""
        from bftui import practice

        return self.info.source in {str(practice.path(name)) for name in practice.NAMES}

    @property
    def info(self) -> ModelInfo:
        """What the model says of itself."""
        return self.host.info

    @cached_property
    def _bytes(self) -> list[bytes]:
        return self.host.token_bytes()

    def tokenize(self, text: str) -> list[int]:
        """Ids of plain text: their bytes joined are the text's UTF-8, nothing is put before or after."""
        return self.host.tokenize(text)

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes of one token; a control token's written form, b"" for padding ids."""
        if not 0 <= token_id < len(self._bytes):
            raise IndexError(f"token {token_id} is not in the vocabulary of {len(self._bytes)}")
        return self._bytes[token_id]

    def prompt_ids(self, text: str) -> list[int]:
        """The ids of a raw prompt: the start token where the model has one, then the text's.

        Raises ModelError for a text without tokens on a model without a start token.
        """
        start = [self.info.bos_id] if self.info.add_bos and self.info.bos_id is not None else []
        ids = [*start, *self.tokenize(text)]
        if not ids:
            raise ModelError(
                "the prompt is empty and this model has no start token",
                hint="give a prompt of at least one character",
            )
        return ids

    def close(self) -> None:
        """Frees the model; may be called twice."""
        self.host.close()

    def __enter__(self) -> Model:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def resolve(model: str = PRACTICE, backend: str = "auto") -> OpenSpec:
    """Turns any MODEL form of the command line into what is opened; looks at names only, opens nothing.

    Raises UsageError for an unknown backend, ModelLoadError for a path that does not exist, MissingDependency for a
    backend that is not installed.
    """
    source, kind = _source(model)
    name = _backend_for(kind, model) if backend == "auto" else backend
    require(name)
    return OpenSpec(source=source, backend=name)


def _source(model: str) -> tuple[str, str]:
    """The path or address behind a MODEL, and its kind."""
    if model.startswith("table:"):
        path = model.removeprefix("table:")
        if os.path.exists(path) and not os.path.isfile(path):
            raise ModelLoadError(f"cannot open {path}", "it is no regular file")
        return path, "table"
    if model.startswith(_URLS):
        return model, "server"
    if model.startswith("hf:"):
        return model.removeprefix("hf:"), "hub"
    if not os.path.exists(model) and os.sep not in model and not Path(model).suffix:
        from bftui import practice

        if model in practice.NAMES:
            return str(practice.path(model)), "gguf"
        if model.startswith(PRACTICE):
            raise ModelLoadError(
                f"there is no practice model {model}", hint=f"choose {', '.join(practice.NAMES)}"
            )
    if not os.path.exists(model):
        raise ModelLoadError(
            f"there is no model at {model}",
            "the path does not exist",
            f"give the path of a .gguf file, or `{PRACTICE}` for the model inside bftui",
        )
    if not os.path.isdir(model) and not os.path.isfile(model):
        raise ModelLoadError(f"cannot open {model}", "it is no regular file")
    return model, "directory" if os.path.isdir(model) else "gguf"


def _backend_for(kind: str, model: str) -> str:
    if kind == "gguf":
        return "llama-cpp" if installed("llama-cpp") else "reference"
    if kind == "table":
        return "table"
    raise ModelLoadError(
        f"cannot open {model}",
        "this version runs GGUF files and tables only",
        "give the path of a .gguf file",
    )


def open_model(
    model: str | os.PathLike[str] = PRACTICE,
    *,
    backend: str = "auto",
    ctx: int = 0,
    threads: int = 0,
    gpu_layers: int = -1,
    device: Device = "auto",
    dtype: Dtype = "auto",
    kv: Kv = "auto",
    worker: bool = False,
    progress: Progress = lambda share, text: True,
) -> Model:
    """Opens any MODEL form; blocks until it is loaded.

    Args:
        model: `practice`, a path to a GGUF file, or `table:FILE.json`.
        backend: `auto`, or a name of the registry.
        ctx: logical limit of the context in tokens; 0 takes the model's own, at most 4096.
        threads: compute threads; 0 takes the physical cores.
        gpu_layers: layers on the GPU; -1 takes all.
        device, dtype, kv: where to compute, and in which types; see `OpenSpec`.
        worker: host the model in a child process, whose crash is then an error and not the end of this one.
        progress: called while loading with (share or None, text); returning False cancels.

    Raises ModelError where the model cannot be loaded, UsageError for an unknown backend, Cancelled.
    """
    for name, value, allowed in (
        ("device", device, get_args(Device)),
        ("dtype", dtype, get_args(Dtype)),
        ("kv", kv, get_args(Kv)),
    ):
        if value not in allowed:
            raise UsageError(f"there is no {name} {value!r}", hint=f"choose {', '.join(allowed)}")
    for name, number, low, high in (
        ("ctx", ctx, 0, 2**31 - 1),
        ("threads", threads, 0, MAX_THREADS),
        ("gpu_layers", gpu_layers, -1, 2**31 - 1),
    ):
        if type(number) is not int or not low <= number <= high:
            raise UsageError(f"{name} {number!r} is not a whole number in [{low}, {high}]")
    spec = replace(
        resolve(os.fspath(model), backend),
        n_ctx=ctx,
        threads=threads,
        gpu_layers=gpu_layers,
        device=device,
        dtype=dtype,
        kv=kv,
    )
    host: Host = WorkerHost(spec, progress) if worker else Engine(open_backend(spec, progress))
    return Model(host)
