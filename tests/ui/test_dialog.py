"""Dialogs end once, however many keys that end them were pressed together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual._compositor import visible_screen_stack
from textual.screen import Screen
from textual.strip import Strip
from textual.visual import RichVisual
from textual.widgets import OptionList

from bftui.ui.app import WorkbenchApp
from bftui.ui.drawing.behind import Behind
from bftui.ui.screens.dialog import Dialog, TooSmall
from bftui.ui.screens.palette_screen import ActionPalette
from tests.ui.driver import table, workbench


@pytest.mark.parametrize("key", ["f", "slash", "t", "o", "O", "i", "r", "K", "question_mark", "m"])
async def test_a_dialog_that_is_gone_cannot_end_again(tmp_path: Path, key: str) -> None:
    async with workbench(table(tmp_path / "fruit.json")) as w:
        await w.press_only(key)
        dialog = w.app.screen
        assert isinstance(dialog, Dialog)
        dialog.dismiss(None)
        dialog.dismiss(None)
        await w.until(lambda: w.app.screen is w.bench)
        await w.press("space")
        assert len(w.session.tree) == 2


@pytest.mark.parametrize(
    ("keys", "sources"),
    [
        # What is found is done once; the second key is then one of the workbench: escape stops what is not done, and
        # enter forces nothing while the candidates are those of the node before.
        (("enter", "enter"), [["greedy", "forced"], ["greedy"]]),
        (("enter", "escape"), [["greedy"], []]),
        (("escape", "enter"), [["forced"]]),
    ],
)
async def test_the_palette_ends_once(
    tmp_path: Path, keys: tuple[str, str], sources: list[list[str]]
) -> None:
    async with workbench(table(tmp_path / "fruit.json")) as w:
        await w.press_only("ctrl+p", *"greedy", "down")
        await w.until(lambda: w.app.screen.query_one(OptionList).highlighted is not None)
        await w.together(*keys)
        await w.until(lambda: w.app.screen is w.bench)
        await w.press("space")
        tree = w.session.tree
        path = tree.path(w.session.cursor)[1:]
        *before, last = (tree.source(node).name.lower() for node in path)
        assert before in sources
        assert last == "sampled"
        assert len(tree) == 1 + len(path)


async def test_there_is_one_palette_and_none_while_the_terminal_is_too_small(
    tmp_path: Path,
) -> None:
    async with workbench(table(tmp_path / "fruit.json")) as w:
        await w.press_only("ctrl+p")
        await w.pilot.resize_terminal(40, 10)
        await w.until(lambda: isinstance(w.app.screen, TooSmall))
        await w.press_only("ctrl+p", "ctrl+p")
        await w.pilot.resize_terminal(120, 36)
        await w.until(lambda: isinstance(w.app.screen, ActionPalette))
        await w.press_only("escape")
        await w.until(lambda: w.app.screen is w.bench)


async def test_the_palette_can_be_paged_before_it_is_drawn(tmp_path: Path) -> None:
    async with workbench(table(tmp_path / "fruit.json")) as w:
        keys, ends = ("pagedown", "pagedown", "pageup", "pageup", "pagedown"), []
        for send in (w.together, w.press_only):
            await w.press_only("ctrl+p")
            commands = w.app.screen.query_one(OptionList)
            await w.until(lambda commands=commands: commands.option_count > 20)  # type: ignore[misc]
            await send(*keys)
            await w.until(lambda commands=commands: bool(commands.highlighted))  # type: ignore[misc]
            page = commands.highlighted
            assert page is not None
            await w.press_only("end")
            assert commands.highlighted == page
            await w.press_only("pagedown")
            assert commands.highlighted == 2 * page
            ends.append(page)
            await w.press_only("escape")
            await w.until(lambda: w.app.screen is w.bench)
        assert ends[0] == ends[1]


@pytest.mark.parametrize("key", ["m", "i", "f", "O", "t", "question_mark", "space"])
async def test_what_is_typed_after_quit_does_nothing(tmp_path: Path, key: str) -> None:
    async with workbench(table(tmp_path / "fruit.json")) as w:
        await w.together("q", key)
        await w.until(lambda: w.app.return_code == 0)
        assert w.app.screen is w.bench
        assert len(w.session.tree) == 1


@pytest.mark.parametrize("theme", ["dark", "light", "ansi", "mono"])
async def test_what_is_behind_a_dialog_is_in_textuals_fainter_colours(
    fruit: str, monkeypatch: pytest.MonkeyPatch, theme: str
) -> None:
    drawn: list[bool] = []
    ours = Behind.render_strips

    def both(self: Behind, *asked: Any) -> list[Strip]:
        screens = visible_screen_stack.get()
        behind = list(screens)
        textuals = RichVisual(w.app.screen, self._drawn).render_strips(*asked)
        screens[:] = behind
        strips = ours(self, *asked)
        drawn.append([*map(Strip.simplify, strips)] == [*map(Strip.simplify, textuals)])
        return strips

    monkeypatch.setattr(Behind, "render_strips", both)
    async with workbench(fruit, theme=theme) as w:
        await w.press("g", "t", "escape", "T", "escape", "i", "K")
    assert len(drawn) > 4
    assert all(drawn)


async def test_a_dialog_opens_in_one_frame(fruit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frames: list[Any] = []
    display = WorkbenchApp._display

    def noted(app: WorkbenchApp, screen: Screen[Any], drawn: Any) -> None:
        if isinstance(screen, Dialog) and drawn is not None:
            frames.append(drawn)
        display(app, screen, drawn)

    monkeypatch.setattr(WorkbenchApp, "_display", noted)
    async with workbench(fruit) as w:
        for key in ("question_mark", "T", "t", "m"):
            await w.press(key)
            # One may come just before its parts are there, and whoever drives it here asks for one.
            assert 1 <= len(frames) <= 3, key
            await w.press("escape")
            frames.clear()
