"""Every screen at every size that is supported: whole lines, nothing cut without a sign, keys to leave in view."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from bftui.ui.panes.status_bar import fitted
from bftui.ui.screens.bench import Bench
from tests.ui.driver import lines, table, workbench

SIZES = [(60, 16), (80, 24), (100, 30), (120, 36), (200, 60)]
OPENED = {
    "t": "enter apply  esc leave",
    "i": "esc leave",
    "o": "enter open  esc leave",
    "f": "enter take it  esc leave",
    "m": "enter take it  esc leave",
    "apostrophe": "esc leaves",
    "K": "esc closes",
    "question_mark": "esc closes",
    "slash": "enter take it  esc leave",
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


async def test_what_a_bf_is_of_stays_in_view_and_nothing_moves(tmp_path: Path) -> None:
    slow = table(
        tmp_path / "slow.json", name="a-model-with-a-long-name-Q4_K_M", step_ms=300, eog=[]
    )
    async with workbench(slow, size=(80, 24)) as w:
        ready = lines(w.bench.status)[0]
        assert "a-model-with-a-long-name…" in ready
        assert "T 1.0  top-p .90  seed 0" in ready
        await w.press_only("space")
        await w.until(lambda: "busy" in lines(w.bench.status)[0])
        busy = lines(w.bench.status)[0]
        assert busy.index("ctx") == ready.index("ctx")
        await w.settled()
        await w.press_only("p")
        await w.until(lambda: "tok/s" in lines(w.bench.status)[0])
        playing = lines(w.bench.status)[0]
        assert "T 1.0  top-p .90  seed 0 " in playing
        await w.press("p")


async def test_a_bar_past_the_scale_says_so(tmp_path: Path) -> None:
    many = [f"<{i}>" for i in range(200)]
    flat = table(tmp_path / "flat.json", tokens=many, default={}, rules={}, eog=[])
    async with workbench(flat, size=(80, 24)) as w:
        assert w.session.node.next is not None
        assert w.session.node.next.bf > 200
        assert "↑" in lines(w.bench.strip)[1]


async def test_the_end_of_a_text_is_cut_with_a_sign(fruit: str) -> None:
    async with workbench(fruit, size=(80, 24), prompt="A:.") as w:
        await w.press("g")
        row = lines(w.bench.candidates)[1]
        assert "■ the text ends here" in row
        assert "…" in row


@pytest.mark.parametrize(
    ("names", "cells", "shown"),
    [
        ("first.gguf ⇄ second.gguf", 24, "first.gguf ⇄ second.gguf"),
        ("first.gguf ⇄ second.gguf", 15, "first… ⇄ secon…"),
        ("a ⇄ a-very-long-name.gguf", 15, "a ⇄ a-very-lon…"),
        ("a-very-long-name.gguf ⇄ b", 15, "a-very-lon… ⇄ b"),
        ("a-very-long-name.gguf", 10, "a-very-lo…"),
    ],
)
def test_two_names_share_the_room(names: str, cells: int, shown: str) -> None:
    assert fitted(names, cells) == shown
    assert cell_len(fitted(names, cells)) <= cells
