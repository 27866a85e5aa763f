"""Whatever a model can emit stays inside the curves, the compared texts and the lists: whole lines, no control."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.geometry import Size

from bftui.core.sampler import Sampler
from bftui.results.rollouts_result import RolloutsSettings
from bftui.session.commands import ForceIds, Goto
from bftui.ui import response_line
from bftui.ui.panes.bf_pane import StripPane
from bftui.ui.panes.compared_panes import BranchPane, ComparedPane
from bftui.ui.panes.continuations_pane import ContinuationsPane
from bftui.ui.panes.pane import Pane
from bftui.ui.panes.response_pane import ResponsePane
from bftui.ui.panes.rollouts_pane import RolloutsPane
from bftui.ui.path_comparison import pair
from bftui.ui.side_branches import others
from bftui.ui.themes.theme_styles import find, palette
from bftui.ui.view import View
from bftui.workbench.rollout_series import Continuation, Rolled
from bftui.workbench.settings import ResponsePlan
from tests.ui.driver import lines, table, workbench

HOSTILE: list[bytes] = [
    *(b"[/b]", b"[red]", b"[@click=app.quit]x[/]", b"[/", b"\\["),
    *(
        b"\x1b[2J",
        b"\x1b]52;c;aGk=\x07",
        b"\x9b31m",
        b"\x1b",
        b"\x00",
        b"\x7f",
        b"\r",
        b"\t\t",
        b"\n\n",
    ),
    *(b"\xe2\x82", b"\xf0\x9f", b"\xff\xfe", b"\x80"),
    *(
        "אבג".encode(),
        "\u202eabc".encode(),
        "\u2066x\u2069".encode(),
        "\u200d".encode(),
        "\u200b".encode(),
    ),
    *(
        "日本語".encode(),
        "👩‍👩‍👧".encode(),
        "🇩🇪".encode(),
        "e\u0301".encode(),
        "\u0301".encode(),
        "\ufeff".encode(),
    ),
    *("\u2028".encode(), "\u00ad".encode(), "ﷺ".encode(), b"y" * 10_000, "日".encode() * 3_000),
]


def whole(pane: Pane) -> None:
    """Every line has the pane's width in cells, and nothing that moves a cursor or hides."""
    for line in lines(pane):
        assert cell_len(line) == pane.size.width, line
        assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in line), (
            line
        )


def sized(pane: Pane, width: int, height: int) -> None:
    """Gives a pane a size without a screen around it."""
    pane._size = Size(width, height)


def rolled(node: int, sampler: int, texts: Sequence[Sequence[int]]) -> Rolled:
    """Rollouts that drew some texts, before there is an estimate."""
    found = tuple(Continuation(tuple(ids), n, 1, "length") for n, ids in enumerate(texts))
    asked = RolloutsSettings(samples=len(found), horizon=8, first=0, sampler=Sampler())
    more = {"share": 0.5, "running": True, "stopped": False, "left": None}
    nothing = {"result": None, "curve": (), "windows": (), "compared": None}
    return Rolled(node, sampler, asked, version=1, continuations=found, **more, **nothing)


def panes(view: View, texts: Sequence[Sequence[int]], width: int, height: int) -> list[Pane]:
    """All panes of this family on one session."""
    colors = palette(find("dark"))
    strip = StripPane(colors)
    sized(strip, width, height)
    strip.show(view)
    known = others(view)
    shown: list[Pane] = [strip]
    compared = ComparedPane(colors, view)
    sized(compared, width, height)
    found = pair(view, known[0]) if known else None
    compared.show_pair(found, 1)
    shown.append(compared)
    for number in (0, 1):
        text = BranchPane(colors, view, f"side{number}")
        sized(text, width, height)
        text.show_side(found.sides[number] if found else None, found.parted if found else 0, 1)
        shown.append(text)
    rolls = rolled(view.cursor, view.in_force, texts)
    listed, curve = ContinuationsPane(colors, view), RolloutsPane(colors, view)
    for each in (listed, curve):
        sized(each, width, height)
    listed.show_rolled(rolls)
    curve.show_rolled(rolls, None)
    name = response_line.name(view, texts[0] if texts else [])
    response = ResponsePane(colors, view, view.root, view.cursor, name)
    sized(response, width, height)
    response.show_response(None, ResponsePlan(), None)
    return [*shown, listed, curve, response]


@pytest.fixture
def hostile(tmp_path: Path) -> str:
    return table(tmp_path / "hostile.json", tokens=HOSTILE, eog=[])


async def test_nothing_leaves_a_pane(hostile: str) -> None:
    async with workbench(hostile, size=(80, 24)) as w:
        session = w.session
        first = session.model.info.n_vocab - len(HOSTILE)
        root = session.cursor
        ids = st.lists(st.integers(first, first + len(HOSTILE) - 1), min_size=1, max_size=6)

        @settings(
            max_examples=25,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(ids, ids, st.integers(12, 120), st.integers(3, 30))
        def each(mine: list[int], theirs: list[int], width: int, height: int) -> None:
            for tokens in (theirs, mine):
                session.do(Goto(root))
                session.do(ForceIds(tuple(tokens)))
            for pane in panes(View(session), [mine, theirs], width, height):
                whole(pane)

        each()


async def test_the_screens_hold_them_at_80_by_24(hostile: str) -> None:
    async with workbench(hostile, size=(80, 24)) as w:
        session = w.session
        first = session.model.info.n_vocab - len(HOSTILE)
        root = session.cursor
        for start in (0, 1):
            session.do(Goto(root))
            session.do(ForceIds(tuple(range(first + start, first + len(HOSTILE), 2))))
        w.bench.frame()
        for keys in (["c"], ["escape", "K"], ["escape", "r"]):
            await w.press(*keys)
            await w.measured()
            screen = w.screen().splitlines()
            assert len(screen) <= 24
            for line in screen:
                assert cell_len(line) <= 80
                assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in line)
            w.app.export_screenshot()
