"""`c` sets two branches side by side; the curve draws another branch, and has a cursor of its own."""

from __future__ import annotations

import math
from pathlib import Path

from rich.cells import cell_len

from bftui.session.records.trace_replay import Replay
from bftui.ui.drawing.glyphs import glyphs
from bftui.ui.path_comparison import pair
from bftui.ui.screens.compare_screen import CompareScreen
from bftui.ui.screens.pick_screen import PickScreen
from bftui.ui.screens.workbench_screen import WorkbenchScreen
from bftui.ui.side_branches import others
from bftui.ui.view import View
from tests.ui.driver import Driver, lines, table, workbench

TWO = ["1", "g", "g", "g", "left", "left", "left", "left", "g", "g", "g"]
"""A forced branch of four tokens, and a greedy one of three."""
THREE = [*TWO, "left", "left", "left", "3", "g", "g"]
"""A third one, which is the path."""


def compared(w: Driver) -> CompareScreen:
    """The screen, which is in front."""
    assert isinstance(w.app.screen, CompareScreen)
    return w.app.screen


async def test_two_branches_are_set_side_by_side(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press(*TWO, "c")
        compared(w)
        screen = w.screen()
        assert "from the first token on “·The” against “·Sure”" in screen
        view = w.bench.view
        assert view is not None
        (other,) = others(view)
        mine, theirs = pair(view, other).sides
        tree = w.session.tree
        expected = [tree.next(node).entropy_truncated for node in theirs.nodes[1:-1]]  # type: ignore[union-attr]
        assert theirs.since is not None
        assert theirs.since.count == 3
        assert math.isclose(theirs.since.entropy, math.fsum(expected) / 3)
        assert mine.whole is not None
        for side in (mine, theirs):
            assert side.since is not None
            assert f"{side.since.bf:.2f}" in screen
            assert f"{side.since.entropy:.3f} nats" in screen
        assert "3 greedy, 1 forced" in screen
        assert "A:·The·fruit" in screen
        assert "A:▲·Sure" in screen


async def test_positions_are_walked_along_both(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press(*TWO, "c")
        assert "pos 0 · █ BF" in w.screen()
        await w.press("right", "right")
        assert "pos 2 " in w.screen()
        await w.press("end")
        assert "pos 4 · █ past its end" in w.screen()
        await w.press("home", "H")
        assert f"pos 0 · █ H {w.session.tree.next(0).entropy:.2f} “·The” greedy" in w.screen()  # type: ignore[union-attr]


async def test_a_click_in_the_chart_or_a_text_goes_to_the_position(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press(*TWO, "c")
        chart = w.app.screen.query_one("#compared")
        await w.pilot.click(chart, offset=(2 + 6 + 3 * 2, 8))
        await w.settled()
        assert "pos 2 " in w.screen()
        text = w.app.screen.query_one("#second")
        line = next(y for y, line in enumerate(lines(text)) if "·Sure" in line)
        await w.pilot.click(text, offset=(lines(text)[line].index("·Sure") + 1, line))
        await w.settled()
        assert "pos 0 " in w.screen()


async def test_swapping_and_going_there(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press(*TWO, "c")
        here = w.session.cursor
        await w.press("x")
        assert "from the first token on “·Sure” against “·The”" in w.screen()
        assert w.session.cursor == here
        await w.press("enter")
        assert isinstance(w.app.screen, WorkbenchScreen)
        assert w.tokens[0] == " Sure"
        assert len(w.tokens) == 4


async def test_it_asks_which_branch_unless_one_is_marked(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press(*THREE, "c")
        assert isinstance(w.app.screen, PickScreen)
        await w.type("A")
        await w.settled()
        assert "branch A · " not in w.screen()
        assert "against “·Sure”" in w.screen()
        await w.press("n")
        assert "against “·The”" in w.screen()
        await w.press("escape", "left", "left", "left", "left", "right", "m", "enter")
        name = next(iter(w.session.marks))
        await w.press("left", "2", "g", "c")
        compared(w)
        assert f"'{name}" in w.screen()


async def test_with_one_path_it_says_what_to_do(fruit: str) -> None:
    async with workbench(fruit, size=(80, 24)) as w:
        await w.press("c")
        screen = w.screen()
        assert "There is one path so far." in screen
        for told in ("← and sample again with space", "marked with m"):
            assert told in " ".join(screen.replace("│", " ").split())
        await w.press("enter", "K", "escape", "escape")
        assert isinstance(w.app.screen, WorkbenchScreen)


async def test_two_draws_of_one_token_are_one_text(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "left")
        session = w.session
        session.step()
        while w.tokens != [" The"]:
            session.back()
            session.step()
        w.bench.frame()
        await w.press("c")
        view = w.bench.view
        assert view is not None
        same = next(
            each
            for each in others(view)
            if session.tree.token_id(each.nodes[0]) is not None
            and view.label(session.tree.token_id(each.nodes[0]) or 0) == "·The"
        )
        found = pair(view, same)
        assert found.parted == 2
        assert found.sides[0].since is None


async def test_it_works_without_a_model(fruit: str, tmp_path: Path) -> None:
    trace = tmp_path / "t.json"
    async with workbench(fruit) as w:
        await w.press(*TWO)
        w.session.trace().save(trace)
    async with workbench(fruit, ready=False, replay=Replay(trace)) as w:
        await w.until(lambda: w.workbench.now.session is not None and not w.workbench.working)
        await w.press("c")
        assert "from the first token on “·The” against “·Sure”" in w.screen()
        await w.press("enter")
        assert w.tokens[0] == " Sure"


# The curve ------------------------------------------------------------------------------------------------------


async def test_the_curve_names_and_draws_the_other_branch(fruit: str) -> None:
    async with workbench(fruit) as w:
        dotted = glyphs().legend_dotted
        await w.press(*THREE)
        assert f"{dotted} branch B" in lines(w.bench.strip)[-1]
        await w.press("c", "A", "escape")
        assert f"{dotted} branch A" in lines(w.bench.strip)[-1]
        assert w.bench.view is not None
        w.bench.view.against = None
        await w.press("u", "left", "left", "left", "right", "m", "enter", "left", "space")
        assert f"{dotted} '" in lines(w.bench.strip)[-1]


async def test_its_cursor_says_what_stands_there_and_enter_goes_there(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press(*TWO, "shift+tab", "shift+tab", "shift+tab", "shift+tab", "tab", "tab")
        w.bench.strip.focus()
        await w.press("comma", "up")
        edge = lines(w.bench.strip)[-1]
        assert "pos 1: BF" in edge
        assert "greedy" in edge
        assert "◆" in lines(w.bench.strip)[-2]
        await w.press("K")
        assert "BF at position 1" in w.screen()
        await w.press("escape", "enter")
        assert len(w.tokens) == 1


async def test_a_long_path_scrolls_with_the_cursor(tmp_path: Path) -> None:
    endless = table(tmp_path / "endless.json", eog=[])
    async with workbench(endless, size=(80, 24)) as w:
        for _ in range(150):
            w.session.greedy()
        w.bench.frame()
        await w.settled()
        w.bench.strip.focus()
        assert "150" not in lines(w.bench.strip)[-2]
        assert "140" in lines(w.bench.strip)[-2]
        await w.press("home")
        axis = lines(w.bench.strip)[-2]
        assert "◆" in axis
        assert "10" in axis
        assert "140" not in axis
        for line in lines(w.bench.strip):
            assert cell_len(line) == 80


async def test_a_mark_on_the_path_is_no_other_branch(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "m", "enter", "g")
        assert others(View(w.session)) == []
