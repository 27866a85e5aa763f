"""Every screen at every size that is supported: whole lines, nothing cut without a sign, keys to leave in view."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pytest
from rich.cells import cell_len

from bftui.ui.panes.status_bar import fitted
from bftui.ui.screens.workbench_screen import WorkbenchScreen
from tests.ui.driver import PROMPT, check, lines, table, workbench
from tests.ui.test_compare import TWO
from tests.ui.test_faults import HOSTILE
from tests.ui.test_hostile import MORE

SIZES = [(60, 16), (80, 24), (100, 30), (120, 36), (200, 60)]


@dataclass(frozen=True, slots=True)
class Step:
    """Keys, and what the screen then says.

    Attributes:
        leave: how to leave the screen that the keys open, after which it is left; "" where it stays, or none opens.
        scrolls: whether that way may be out of view where there are fewer than 22 lines.
        typed: what its field is given.
        back: the key that it is left with.
        explained: what it says when it is read to its end, page by page.
    """

    keys: tuple[str, ...]
    leave: str = ""
    scrolls: bool = False
    typed: str = ""
    back: str = "escape"
    explained: tuple[str, ...] = ()


SCREENS = (
    Step(("t",), "enter apply  esc leave"),
    Step(("i",), "esc leave", scrolls=True),
    Step(("o",), "enter open  esc leave"),
    Step(("f",), "enter take it  esc leave"),
    Step(("m",), "enter take it  esc leave"),
    Step(("apostrophe",), "esc leaves"),
    Step(("K",), "esc closes"),
    Step(("question_mark",), "esc closes"),
    Step(("slash",), "enter take it  esc leave"),
)
EVIL = "[/x]\x1b[2J\u202e\u200b河\t"
"""What a person may paste into a field."""
EVIL_TOKENS = [*HOSTILE, *MORE]


@dataclass(frozen=True, slots=True)
class Walk:
    """Keys that lead somewhere, and from there along some screens, one after the other."""

    before: tuple[str, ...]
    steps: tuple[Step, ...]
    hostile: bool = False
    response: Literal["auto", "off"] = "off"


WALKS = {
    "session": Walk(("1", "g", "m", "enter", "g"), SCREENS),
    "hostile": Walk(
        ("left", "m", "enter"),
        (
            *(replace(each, typed=EVIL) if each.keys == ("f",) else each for each in SCREENS),
            Step(("m",), "enter take it  esc leave", typed=EVIL, back="enter"),
            Step(("apostrophe",), "esc leaves"),
        ),
        hostile=True,
    ),
    "experiments": Walk(
        ("1", "g", "left", "left", "a"),
        (
            *(Step(("S",)), Step(("S",)), Step(("R",)), Step(("S", "r"))),
            Step(("escape", "right", "E")),
            Step(("escape", "W")),
            Step(("escape", "A")),
        ),
        response="auto",
    ),
    "branches": Walk(
        (*TWO, "c"),
        (
            *(Step(("w",)), Step(("w",)), Step(("K",)), Step(("escape", "x"))),
            Step(
                ("K",),
                explained=("they part", "BF since", "mean H(P~)", "BF path", "arXiv 2506.17871"),
            ),
        ),
    ),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", WALKS)
async def test_every_screen_fits(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    walk, evil = WALKS[name], {"tokens": EVIL_TOKENS, "rules": {}, "default": {}}
    model = table(tmp_path / "model.json", **evil if walk.hostile else {})
    prompt = "[/b]\x1b[31m\u202e\U0001f34f\nA:" if walk.hostile else PROMPT
    async with workbench(model, size=size, prompt=prompt, response=walk.response) as w:
        if walk.hostile:
            first = w.session.tree.n_vocab - len(EVIL_TOKENS)
            w.session.force(ids=range(first, first + len(EVIL_TOKENS)))
            await w.settled()
        await w.press(*walk.before)
        await w.measured()
        check(w, "before")
        for step in walk.steps:
            await w.press(*step.keys)
            await w.app.workers.wait_for_complete()
            await w.measured()
            where, screen = f"{step.keys}", w.screen()
            check(w, where)
            if walk.hostile:
                w.app.export_screenshot()
            if step.typed:
                w.app.screen.query_one("LineField").value = step.typed  # type: ignore[attr-defined]
                await w.settled()
                check(w, f"typed after {where}")
            if step.leave:
                assert not isinstance(w.app.screen, WorkbenchScreen), where
                assert step.leave in screen or (step.scrolls and size[1] < 22), where
                await w.press(step.back)
                assert isinstance(w.app.screen, WorkbenchScreen), where
            for _ in range(8 if step.explained else 0):
                await w.press("pagedown")
                check(w, f"further down after {where}")
                screen += w.screen()
            for each in step.explained:
                assert each in screen, each


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
