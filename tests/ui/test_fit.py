"""Every screen at every size that is supported: whole lines, nothing cut without a sign, keys to leave in view."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from bftui.ui.screens.bench import Bench
from tests.ui.driver import workbench

SIZES = [(60, 16), (80, 24), (100, 30), (120, 36), (200, 60)]
OPENED = {
    "t": "enter apply   esc leave",
    "i": "esc leave",
    "o": "enter open   esc leave",
    "f": "enter take it   esc leave",
    "m": "enter take it   esc leave",
    "apostrophe": "esc leaves",
    "K": "esc closes",
    "question_mark": "esc closes",
    "slash": "enter take it   esc leave",
}


@pytest.mark.parametrize("size", SIZES)
async def test_screens_fit(fruit: str, size: tuple[int, int]) -> None:
    async with workbench(fruit, size=size) as w:
        await w.press("1", "g", "m", "enter", "g")
        for key, hint in OPENED.items():
            await w.press(key)
            await w.app.workers.wait_for_complete()
            await w.settled()
            assert not isinstance(w.app.screen, Bench), key
            screen = w.screen()
            assert len(screen.splitlines()) <= size[1]
            assert all(cell_len(line) <= size[0] for line in screen.splitlines())
            # The editor scrolls where it has no room.
            assert hint in screen or (key == "i" and size[1] < 22), key
            await w.press("escape")
            assert isinstance(w.app.screen, Bench), key


@pytest.mark.parametrize("size", SIZES)
async def test_a_frame_is_whole_in_every_pane(fruit: str, size: tuple[int, int]) -> None:
    async with workbench(fruit, size=size) as w:
        await w.press("1", *["g"] * 8, "m", "enter", "left", "left", "space", "shift+tab")
        for keys in (["home", "x"], ["x"], ["tab", "w"], ["tab", "comma"], ["w", "w", "H"]):
            await w.press(*keys)
            for pane in w.bench.panes:
                for y in range(pane.size.height):
                    line = pane.render_line(y).text
                    assert cell_len(line) == pane.size.width
                    assert line[0] in "│╭╰"
                    assert line[-1] in "│╮╯"
