"""Where chat templates are rendered in tests: in this process, but where the process of their own is what is tested."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from bftui.backends.chat import chat_renderer, chat_sandbox

_APART = chat_renderer.ask


def _here(request: Mapping[str, Any]) -> dict[str, Any]:
    """The sandbox's answer without its process, through the same JSON, without its limits."""
    reply: dict[str, Any] = json.loads(
        json.dumps(chat_sandbox.answer(json.loads(json.dumps(request))))
    )
    return reply


@contextmanager
def rendered(*, apart: bool) -> Iterator[None]:
    """Has templates rendered in a process of their own, as the program does, or in this one, which is fast."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chat_renderer, "ask", _APART if apart else _here)
        yield
