"""What a click, a drag and the wheel do: whatever a person would click on answers."""

from __future__ import annotations

import pytest
from textual.events import MouseScrollDown
from textual.widget import Widget

from bftui.ui.actions.work_actions import LIMIT, copied
from bftui.ui.panes.key_line import KeyBar
from bftui.ui.screens.open_screen import OpenScreen
from bftui.ui.screens.prompt_screen import PromptScreen
from bftui.ui.screens.sampler_screen import SamplerScreen
from tests.ui.driver import Driver, lines, workbench


async def clicked(w: Driver, widget: Widget, text: str, *, times: int = 1, y: int = 0) -> None:
    """Clicks on the first cell of a text in a line of a widget."""
    column = lines(widget)[y].index(text)
    assert await w.pilot.click(widget, offset=(column, y), times=times)
    await w.settled()


async def dragged(w: Driver, widget: Widget, start: tuple[int, int], end: tuple[int, int]) -> None:
    await w.pilot.mouse_down(widget, offset=start)
    await w.pilot.hover(widget, offset=end)
    await w.pilot.mouse_up(widget, offset=end)
    await w.settled()


async def test_the_key_line_does_what_it_says(fruit: str) -> None:
    async with workbench(fruit) as w:
        await clicked(w, w.bench.key_line, "sample")
        assert len(w.tokens) == 1
        await clicked(w, w.bench.key_line, "← back")
        assert w.tokens == []
        await clicked(w, w.bench.key_line, "1-9")
        assert "1 ·Sure" in w.notice
        await w.pilot.click(w.bench.notice, offset=(3, 0))
        assert w.notice == ""


@pytest.mark.parametrize(
    ("text", "screen"), [("top-p", SamplerScreen), ("fruit", OpenScreen), ("T 1.0", SamplerScreen)]
)
async def test_the_status_line_leads_to_what_it_shows(
    fruit: str, text: str, screen: type[object]
) -> None:
    async with workbench(fruit) as w:
        await clicked(w, w.bench.status, text)
        assert isinstance(w.app.screen, screen)
        await clicked(w, w.app.screen.query_one(KeyBar), "esc")
        assert w.app.screen is w.bench


async def test_two_clicks_on_a_candidate_force_it(fruit: str) -> None:
    async with workbench(fruit) as w:
        await clicked(w, w.bench.candidates, "·Sure", y=2)
        assert w.tokens == []
        assert w.bench.candidates.selected == 1
        await clicked(w, w.bench.candidates, "·Sure", y=2, times=2)
        assert w.tokens == [" Sure"]


async def test_a_row_of_the_tree_is_gone_to(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("1", "g", "left", "left", "space")
        here = w.session.cursor
        await clicked(w, w.bench.tree_pane, "Sure", y=2)
        assert w.session.cursor == here
        await clicked(w, w.bench.tree_pane, "Sure", y=2, times=2)
        assert w.tokens == [" Sure", "!"]


async def test_a_click_on_folded_rows_shows_them(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("1", "g", "left", "left", "space", "shift+tab", "home", "x")
        pane = w.bench.tree_pane
        assert pane.count() == 1
        await clicked(w, pane, "2 rows", y=1)
        assert pane.count() == 3


async def test_a_position_of_the_curve_is_looked_at_in_the_text(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press(*["g"] * 6)
        strip = w.bench.strip
        first = lines(strip)[-2].index("└") + 1
        await w.pilot.click(strip, offset=(first + 2, 2))
        await w.settled()
        assert w.bench.text_pane.place == 1  # two or three cells a bar
        await w.pilot.click(strip, offset=(first + 2, 2), times=2)
        await w.settled()
        assert w.tokens == []


async def test_a_title_gives_the_focus(fruit: str) -> None:
    async with workbench(fruit) as w:
        for pane in w.bench.panes:
            await clicked(w, pane, pane.HEADING or pane.NAME)
            assert w.app.focused is pane


async def test_the_wheel_scrolls_what_is_under_it(fruit: str) -> None:
    async with workbench(fruit, size=(80, 24)) as w:
        pane = w.bench.candidates
        await w.pilot._post_mouse_events([MouseScrollDown], pane, (5, 3), 0)
        await w.settled()
        assert pane.top == 3
        assert pane.selected == 3


async def test_the_text_stays_where_the_wheel_left_it_and_follows_again(fruit: str) -> None:
    async with workbench(fruit, size=(80, 24), prompt="Q:\n" * 9 + "A:") as w:
        pane = w.bench.text_pane
        end = pane.top
        pane.roll(-3)
        assert (pane.top, pane.away) == (end - 3, True)
        await w.press("space")
        assert pane.top == end - 3
        pane.roll(9)
        assert not pane.away
        await w.press("space")
        assert "▮" in "".join(lines(pane))


# Selecting -----------------------------------------------------------------------------------------------------


def chosen(w: Driver) -> str:
    return w.bench.text_pane.selected_bytes().decode()


async def test_a_drag_selects_and_y_copies(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press(*["g"] * 4)
        pane = w.bench.text_pane
        line = next(y for y, text in enumerate(lines(pane)) if "A:" in text)
        row = lines(pane)[line]
        first = row.index("A:") + 2
        await dragged(w, pane, (first, line), (first + 6, line))
        assert chosen(w) == "".join(w.tokens[:2])
        assert "2 tokens selected · y copies" in lines(pane)[-1]
        await w.press("y")
        assert w.app.clipboard == chosen(w)
        assert w.notice.startswith("copied the 2 tokens selected, 10 characters")
        await w.press("escape", "escape")
        assert chosen(w) == ""


async def test_a_click_after_a_drag_selects_nothing(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press(*["g"] * 4)
        pane = w.bench.text_pane
        await dragged(w, pane, (3, 2), (8, 2))
        await w.pilot.click(pane, offset=(4, 2))
        assert pane.selection is None


async def test_shift_and_arrows_select(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press(*["g"] * 4, "tab")
        assert w.app.focused is w.bench.text_pane
        await w.press("shift+left", "shift+left")
        assert chosen(w) == "".join(w.tokens[1:])
        await w.press("shift+right")
        assert chosen(w) == "".join(w.tokens[2:])
        await w.press("shift+up")
        assert "\n" in chosen(w)
        await w.press("comma")
        assert w.bench.text_pane.selection is None


async def test_the_wheel_leaves_the_selection(fruit: str) -> None:
    async with workbench(fruit, size=(80, 24), prompt="Q:\n" * 9 + "A:") as w:
        await w.press(*["g"] * 4, "tab", "shift+left")
        before = chosen(w)
        for by in (-6, 3, 9):
            w.bench.text_pane.roll(by)
            assert chosen(w) == before


async def test_what_is_selected_goes_with_its_text(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press(*["g"] * 4, "tab", "shift+left", "left", "left")
        assert w.bench.text_pane.selection is None


def test_what_is_too_long_for_a_terminal_is_cut_and_told() -> None:
    assert copied("é", "the token", {}) == ("é", "copied the token, 1 character")
    kept, told = copied("é" * LIMIT, "the text", {})
    assert len(kept.encode()) <= LIMIT
    assert told.startswith(f"copied the first {len(kept):,} characters of {LIMIT:,} of the text")
    assert "set-clipboard on" in copied("x", "it", {"TMUX": "/tmp/x"})[1]


# Screens -------------------------------------------------------------------------------------------------------


async def test_the_editors_templates_and_keys_answer(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("i")
        screen = w.app.screen
        assert isinstance(screen, PromptScreen)
        await clicked(w, screen._choice, "page")
        assert screen.prompt.template == "page"
        await clicked(w, screen.query_one(KeyBar), "esc")
        assert w.app.screen is w.bench


async def test_a_model_is_chosen_by_a_click_and_opened_by_enter(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("o")
        await w.app.workers.wait_for_complete()
        await w.settled()
        screen = w.app.screen
        assert isinstance(screen, OpenScreen)
        pane = screen._pane
        row = next(y for y, text in enumerate(lines(pane)) if "practice-aligned-small" in text)
        await clicked(w, pane, "practice", y=row)
        assert w.app.screen is screen
        opened: list[str] = []
        w.workbench.open_other = opened.append  # type: ignore[method-assign]
        await w.press("enter")
        assert opened == ["practice-aligned-small"]


async def test_before_a_prompt_its_key_is_in_view(fruit: str) -> None:
    async with workbench(fruit, prompt=None, size=(80, 24)) as w:
        await w.press("escape")
        await clicked(w, w.bench.key_line, "i prompt")
        assert isinstance(w.app.screen, PromptScreen)


async def test_panes_without_a_session_say_what_they_will_show(fruit: str) -> None:
    async with workbench(fruit, prompt=None) as w:
        await w.press("escape")
        shown = {pane.NAME: "\n".join(lines(pane)) for pane in w.bench.panes}
        assert "i writes the prompt" in shown["candidates"]
        assert "every branch" in shown["tree"]
        assert "the text, token by token" in shown["text"]
        assert "{" not in "".join(shown.values())
