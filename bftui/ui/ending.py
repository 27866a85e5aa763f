"""Ends model processes that do not answer."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bftui.session.model import Model


def kill(model: Model | None) -> None:
    """Ends the process of a model, if it has one; whoever waits for it gets BackendCrashed. From any thread."""
    pid = getattr(model.host, "pid", None) if model is not None else None
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
