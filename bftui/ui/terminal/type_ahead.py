"""Keys and pasted text, handed on one after the other: each goes where the one before led.

Textual sends a key to what has the focus, and runs what is bound to it only when the key has come up again through all
that it stands in. Of keys that come together, over a slow line or from a program, the second would be somewhere else by
then: `f` asks for a text, and the text would be taken for keys of the workbench.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from textual.app import ScreenStackError
from textual.events import Key, Paste

if TYPE_CHECKING:
    from textual.app import App
    from textual.dom import DOMNode

_STOPS = "ctrl+c"

_LONGEST_S = 0.5
"""That a key waits for the one before, whatever that one does."""


class TypeAhead:
    """What was typed and waits its turn."""

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._waiting: deque[Key | Paste] = deque()
        self._let_through: Key | Paste | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether something typed is still on its way."""
        return self._task is not None

    def forget(self) -> None:
        """Drops what waits: it was typed for what did not come."""
        self._waiting.clear()

    def holds(self, event: Key | Paste) -> bool:
        """Whether an event has to wait; it is posted to the app again when its turn has come."""
        if isinstance(event, Key) and event.key == _STOPS:
            # Whoever stops everything does not want the rest.
            self.forget()
            return False
        if event is self._let_through:
            self._let_through = None
            return False
        if self._task is None:
            self._task = asyncio.create_task(self._follow())
            return False
        self._waiting.append(event)
        return True

    async def _follow(self) -> None:
        while True:
            # While the program ends there is no screen.
            with suppress(TimeoutError, ScreenStackError):
                async with asyncio.timeout(_LONGEST_S):
                    await self._done()
            if not self._waiting:
                break
            self._let_through = self._waiting.popleft()
            self._app.post_message(self._let_through)
        self._task = None

    async def _done(self) -> None:
        """Waits until what was typed has come up, what it led to has been done, and the focus stays where it is."""
        app, stood = self._app, None
        await _passed(app)
        while stood != (stood := (app.screen, app.focused)):
            for node in (app.focused or app.screen).ancestors_with_self:
                await _passed(node)


async def _passed(node: DOMNode) -> None:
    """Waits until a node has heard all that was sent to it until now."""
    heard = asyncio.Event()
    if node.call_later(heard.set):
        await heard.wait()
