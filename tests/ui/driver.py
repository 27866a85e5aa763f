"""Drives the workbench in tests: a scripted model, keys, waiting on facts, and the screen as text."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from textual import events
from textual.keys import key_to_character
from textual.pilot import Pilot
from textual.widget import Widget

from bftui.model.prompt import Prompt
from bftui.session.session import Session
from bftui.ui.app import WorkbenchApp
from bftui.workbench.settings import WorkbenchSettings
from bftui.workbench.snapshot import Beside
from bftui.workbench.workbench_state import Word

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


class Driver:
    """One running workbench."""

    def __init__(self, app: WorkbenchApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self.bench = app.workbench
        self.bridge = app.bridge

    @property
    def session(self) -> Session:
        assert self.bridge.session is not None
        return self.bridge.session

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
        for _ in range(int(seconds / 0.005)):
            if fact():
                break
            await asyncio.sleep(0.005)
        else:
            raise AssertionError(f"never came; on the screen:\n{self.screen()}")
        # The next frame of its own may be some time off.
        self.bench.frame()
        await self.pilot.pause()

    async def settled(self) -> None:
        """Waits until nothing is being done and all of it is drawn."""
        await self.until(lambda: not self.bridge.working)

    async def measured(self) -> None:
        """Waits until no experiment runs, and all of it is drawn."""
        await self.until(lambda: not (self.bridge.working or self.bridge.measuring), 60.0)

    async def partnered(self, *, everything: bool = False) -> None:
        """Waits until the partner is opened, or could not be, and has nothing to do; all of it is drawn.

        `everything`: also what nobody waits for.
        """
        await self.until(
            lambda: (
                not (
                    self.bridge.working
                    or self.bridge.paired.state is Beside.LOADING
                    or self.bridge.partnering is None
                    or self.bridge.partnering.waiting(idle=everything)
                )
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
        await self.pilot.pause()

    async def together(self, *keys: str) -> None:
        """Presses keys all at once: those after the first are on their way before it is answered."""
        for key in keys:
            self.app.post_message(events.Key(key, key_to_character(key)))
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Types into whatever has the focus."""
        await self.pilot.press(*({" ": "space"}.get(c, c) for c in text))
        await self.pilot.pause()

    def screen(self) -> str:
        """The whole screen as text."""
        strips = self.app.screen._compositor.render_strips(self.app.size)
        return "\n".join(strip.text.rstrip() for strip in strips)


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
        async with app.run_test(size=size) as pilot:
            driver = Driver(app, pilot)
            if ready:
                await driver.until(lambda: app.bridge.word is Word.READY)
                await driver.settled()
            yield driver
    finally:
        app.bridge.close()
