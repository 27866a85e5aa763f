"""How model processes end: those that do not answer are ended, those that end by themselves are noticed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bftui.core.errors import BackendCrashed
    from bftui.model.loaded_model import Model


def kill(model: Model | None) -> None:
    """Ends the process of a model, if it has one; whoever waits for it gets BackendCrashed. From any thread."""
    pid = getattr(model.client, "pid", None) if model is not None else None
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def watch(model: Model, ended: Callable[[], None]) -> None:
    """Has `ended` called when the process of a model ends by itself, from a thread of its own."""
    from bftui.backends.client.worker_client import WorkerClient

    if isinstance(model.client, WorkerClient):
        model.client.watch(ended)


def crash(model: Model | None) -> BackendCrashed | None:
    """What a model raises whose process ended by itself; None for one that lives."""
    from bftui.backends.client.worker_client import WorkerClient

    if model is None or not isinstance(model.client, WorkerClient):
        return None
    return model.client.crash
