"""Drives the workbench in tests: a scripted model, keys, waiting on facts, and the screen as text."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
import unicodedata
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from rich.cells import cell_len
from textual import events
from textual._context import visible_screen_stack
from textual.app import App
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widget import Widget

from bftui.model import loaded_model as models
from bftui.model.prompt import Prompt
from bftui.session.session import Session
from bftui.ui.app import WorkbenchApp
from bftui.workbench.settings import WorkbenchSettings
from bftui.workbench.snapshot import Beside, Status

PROMPT = "Q: Name a fruit.\nA:"
WORDS = [
    "Sure",
    "Thank",
    "you",
    "Of",
    "course",
    "Here",
    "Great",
    "question",
    "I'm",
    "sorry",
    "However",
]
TEXT = [
    "The",
    "I",
    "An",
    "One",
    "is",
    "a",
    "fruit",
    "that",
    "like",
    "apple",
    "pear",
    "fig",
    "Hello",
    "Let",
]
END = "<|end|>"


def rules() -> dict[str, dict[str, float]]:
    """A little grammar: an open start, `Sure` narrows, sentences end."""
    row = {
        "A:": {" The": 0.3, " Sure": 0.2, " I": 0.15, " An": 0.15, " One": 0.1},
        " Sure": {"!": 0.9},
        "!": {" Here": 0.9},
        " Here": {" is": 0.95},
        " is": {" a": 0.9},
        " a": {" fig": 0.5, " pear": 0.3, " fruit": 0.15},
        " The": {" fruit": 0.6, " apple": 0.2, " pear": 0.1},
        " fruit": {" that": 0.5, " is": 0.4},
        " that": {" I": 0.9},
        " I": {" like": 0.9},
        ".": {END: 0.9},
    }
    return {json.dumps([context]): after for context, after in row.items()}


def table(path: Path, *, tokens: Sequence[str | bytes] = (), **fields: Any) -> str:
    """Writes a table model and gives its MODEL form; `tokens` come on top of the usual ones."""
    letters = [chr(c) for c in range(32, 127)]
    plain = ["\n", "Q:", "A:", *(f" {word}" for word in [*WORDS, *TEXT]), *WORDS, END, *letters]
    written: list[Any] = list(dict.fromkeys(plain))
    for token in tokens:
        data = token.encode() if isinstance(token, str) else token
        written.append({"bytes": base64.b64encode(data).decode()})
    document = {
        "name": "fruit",
        "tokens": written,
        "eog": [written.index(END)],
        "rules": rules(),
        "default": {" a": 0.2, ".": 0.2, " fruit": 0.1},
        **fields,
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return f"table:{path}"


_DROPPED = ("NO_COLOR", "COLORTERM", "FORCE_COLOR", "CLICOLOR_FORCE", "XDG_CONFIG_HOME", "TMUX")


def clean_environment(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Takes out of the environment what changes a screen, and has a home folder of its own."""
    for name in list(os.environ):
        if name in _DROPPED or name.startswith(("TEXTUAL_", "BFTUI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("HOME", str(home))


def host_in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the workbench open its models in this process, not each in a worker process of its own."""
    opened = models.open_model

    def open_here(model: str, *, worker: bool = False, **options: Any) -> models.Model:
        return opened(model, **options)

    monkeypatch.setattr(models, "open_model", open_here)


class FactPilot(Pilot[None]):
    """A pilot that waits until all that was sent is handled and drawn, and never for time."""

    async def press(self, *keys: str) -> None:
        """Presses keys, each after the one before was handled."""
        for key in keys:
            send(self.app, key)
            await self.pause()

    async def pause(self, delay: float | None = None) -> None:
        """Waits until keys and messages are handled and the screen is laid out; `delay` seconds come first."""
        if delay is not None:
            await asyncio.sleep(delay)
        end = time.monotonic() + 10.0
        # Who waits in the way of something is not waited for.
        while await self._wait_for_screen() and not self._at_rest and time.monotonic() < end:
            await asyncio.sleep(0.001)
        # What is below a screen draws first: it is seen through it.
        for screen in self.app._background_screens:
            screen._on_timer_update()
            # It has told the one in front what to draw again, and need not tell it again at every pause.
            screen._repaint_required = False
        self.app.screen._on_timer_update()

    @property
    def _at_rest(self) -> bool:
        """Whether nothing typed is on its way, no message waits and nothing has to be laid out; or the app ends."""
        app, screen = self.app, self.app.screen
        assert isinstance(app, WorkbenchApp)
        return app.return_code is not None or not (
            app.typing
            or screen._layout_required
            or screen._callbacks
            or app._resize_event
            or app.message_queue_size
            or any(each.message_queue_size for each in screen.walk_children(with_self=True))
        )


def send(app: WorkbenchApp, key: str) -> None:
    """Sends one key as a terminal does; nothing is waited for."""
    name = _character_to_key(key) if len(key) == 1 and not key.isalnum() else key
    try:
        written = unicodedata.lookup(_get_unicode_name_from_key(REPLACED_KEYS.get(name, name)))
    except KeyError:
        written = name if len(name) == 1 else None
    event = events.Key(name, written)
    event.set_sender(app)
    app._driver.send_message(event)


def strips_of(app: App[None]) -> list[Strip]:
    """The lines of the whole screen, with what is seen through the one in front."""
    visible_screen_stack.set(app._background_screens)
    return app.screen._compositor.render_strips(app.size)


class Driver:
    """One running workbench."""

    def __init__(self, app: WorkbenchApp) -> None:
        self.app = app
        self.pilot = FactPilot(app)
        self.bench = app.bench
        self.workbench = app.workbench

    @property
    def session(self) -> Session:
        assert self.workbench.now.session is not None
        return self.workbench.now.session

    @property
    def notice(self) -> str:
        notice = self.bench.notice.notice
        return notice.text if notice else ""

    @property
    def tokens(self) -> list[str]:
        """The text of each token of the path below the prompt."""
        tree = self.session.tree
        ids = [tree.token_id(node) for node in tree.path(self.session.cursor)[1:]]
        return [
            self.session.model.token_bytes(i).decode(errors="replace") for i in ids if i is not None
        ]

    async def until(self, fact: Callable[[], bool], seconds: float = 10.0) -> None:
        """Waits for a fact, then for the screen."""
        end = time.monotonic() + seconds
        while not fact():
            if time.monotonic() > end:
                raise AssertionError(f"never came; on the screen:\n{self.screen()}")
            await asyncio.sleep(0.001)
        # The next frame of its own may be some time off.
        self.bench.frame()
        await self.pilot.pause()

    async def settled(self) -> None:
        """Waits until nothing is being done and all of it is drawn."""
        await self.until(lambda: not self.workbench.working)

    async def measured(self) -> None:
        """Waits until no experiment runs, and all of it is drawn."""
        await self.until(lambda: not (self.workbench.working or self.workbench.measuring), 60.0)

    async def partnered(self, *, everything: bool = False) -> None:
        """Waits until the partner is opened, or could not be, and has nothing to do; all of it is drawn.

        `everything`: also what nobody waits for.
        """
        await self.until(
            lambda: (
                self.workbench.now.paired.state is not Beside.LOADING
                and self.workbench.settled(idle=everything)
            ),
            60.0,
        )

    async def press(self, *keys: str) -> None:
        """Presses keys, each after what the one before did."""
        for key in keys:
            await self.pilot.press(key)
            await self.settled()

    async def press_only(self, *keys: str) -> None:
        """Presses keys without waiting for the model."""
        await self.pilot.press(*keys)

    async def together(self, *keys: str) -> None:
        """Presses keys all at once: those after the first are on their way before it is answered."""
        for key in keys:
            send(self.app, key)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Types into whatever has the focus, faster than it is drawn."""
        await self.together(*text)

    def screen(self) -> str:
        """The whole screen as text."""
        strips = strips_of(self.app)
        return "\n".join(strip.text.rstrip() for strip in strips)


_BAD = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def bad(text: str) -> set[str]:
    """Characters of a drawn line that could move a cursor, hide or turn it."""
    return {character for character in text if unicodedata.category(character) in _BAD}


def check(w: Driver, where: str) -> None:
    """Every line of what is on the screen is as wide as the screen, and shows nothing that acts."""
    size = w.app.size
    strips = strips_of(w.app)
    assert len(strips) == size.height, where
    for y, strip in enumerate(strips):
        assert cell_len(strip.text) == size.width, (where, y, strip.text)
        assert not bad(strip.text), (where, y, strip.text)


def lines(widget: Widget) -> list[str]:
    """What a widget draws, line by line."""
    return [widget.render_line(y).text for y in range(widget.size.height)]


@asynccontextmanager
async def workbench(
    model: str,
    *,
    size: tuple[int, int] = (120, 36),
    prompt: str | None = PROMPT,
    ready: bool = True,
    response: Literal["auto", "off"] = "off",
    **settings: Any,
) -> AsyncIterator[Driver]:
    """A workbench on a model; `ready` waits until it is loaded. Forced texts are measured with `response`."""
    asked = None if prompt is None else Prompt(prompt)
    app = WorkbenchApp(WorkbenchSettings(model=model, prompt=asked, response=response, **settings))
    try:
        async with app.run_test(size=size):
            driver = Driver(app)
            if ready:
                await driver.until(lambda: app.workbench.now.status is Status.READY)
                await driver.settled()
            yield driver
    finally:
        app.workbench.close()
