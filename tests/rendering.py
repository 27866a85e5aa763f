"""Chat templates rendered once for each conversation, for tests that ask for the same one again and again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from bftui.backends.chat import chat_template
from bftui.backends.chat.chat_renderer import Replies, render


@contextmanager
def rendered_once() -> Iterator[None]:
    """Keeps what a template wrote: its process starts once for the same template, conversation and day."""
    known: dict[str, Replies] = {}

    def keeping(source: str, variables: Sequence[Mapping[str, Any]], day: str) -> Replies:
        asked = json.dumps([source, variables, day])
        if asked not in known:
            known[asked] = render(source, variables, day)
        return known[asked]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chat_template, "render", keeping)
        yield
