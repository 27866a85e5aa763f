"""Panes draw only the lines that changed; what is on the screen is what a drawing from nothing shows."""

from __future__ import annotations

import random

import pytest

from tests.ui.driver import workbench

KEYS = (
    *("space", "space", "g", "left", "right", "1", "2", "tab", "shift+tab", "up", "down", "home"),
    *("G", "H", "w", "x", "u", "U", "a", "S", "[", "]", "!", "z", "enter", "comma", "full_stop"),
)


@pytest.mark.parametrize("seed", range(2))
async def test_a_screen_is_what_a_new_drawing_shows(fruit: str, seed: int) -> None:
    chance = random.Random(seed)
    async with workbench(fruit, size=(100, 30)) as w:
        for _ in range(40):
            key = chance.choice(KEYS)
            await w.press(key)
            await w.measured()
            shown = w.screen()
            for pane in w.bench.panes:
                pane.redraw()
                pane.refresh()
            await w.pilot.pause()
            assert w.screen() == shown, key
