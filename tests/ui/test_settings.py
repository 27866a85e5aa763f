"""The person's keys on every screen, and the settings screen with the config file that it writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.command import CommandPalette

from bftui.ui.actions.action_table import USUAL
from bftui.ui.app import SELDOM_S
from bftui.ui.config_file import default_text, read_config
from bftui.ui.panes.text_shading import Shading
from bftui.ui.screens.explain_screen import ExplainScreen
from bftui.ui.screens.help_screen import HelpScreen
from bftui.ui.screens.prompt_screen import PromptScreen
from bftui.ui.screens.rollouts_screen import RolloutsScreen
from bftui.ui.screens.settings_screen import SettingsScreen
from bftui.workbench import keys
from bftui.workbench.settings import ResponsePlan
from tests.ui.driver import lines, workbench

MINE = USUAL.with_keys(
    {
        "step": ["Y", "space"],
        "undo": "ctrl+u",
        "help": [],
        "prompt": "Q",
        "explain": "i",
        "palette": "f9",
        "quit": "Z",
        "word": ["f3", "f4"],
    }
)


async def test_the_persons_keys_act_and_the_usual_ones_do_not(fruit: str) -> None:
    async with workbench(fruit, keymap=MINE) as w:
        await w.press("Y")
        assert len(w.tokens) == 1
        await w.press("ctrl+u")
        assert w.tokens == []
        await w.press("u")
        assert "u does nothing here; f9 “help” shows the keys" in w.notice
        await w.press("q", "K", "1")
        assert w.app.screen is w.bench
        assert w.tokens == []
        await w.press("f4")
        assert w.tokens == [" Thank", " you"]
        line = lines(w.bench.key_line)[0]
        assert "Y sample" in line
        assert "Z quit" in line
        assert "help" not in line
        await w.press("Q")
        assert isinstance(w.app.screen, PromptScreen)
    assert keys.in_force() == MINE


async def test_other_screens_follow_the_same_keys(fruit: str) -> None:
    async with workbench(fruit, keymap=MINE) as w:
        await w.press("i")
        assert isinstance(w.app.screen, ExplainScreen)
        await w.press("i")
        await w.press("r")
        assert isinstance(w.app.screen, RolloutsScreen)
        await w.measured()
        assert "i explain" in w.screen()
        await w.press("i")
        assert isinstance(w.app.screen, ExplainScreen)
        await w.press("escape", "escape")
        w.bench.act("help")
        await w.pilot.pause()
        assert isinstance(w.app.screen, HelpScreen)
        pages = [w.screen()]
        for _ in range(4):
            await w.press("pagedown")
            pages.append(w.screen())
        assert any("^u  Take back the last change" in page for page in pages)


async def test_a_letter_for_the_palette_is_text_in_a_field(fruit: str) -> None:
    async with workbench(fruit, keymap=MINE) as w:
        await w.press("f")
        await w.type(" B")
        assert w.app.screen.query_one("Input").value == " B"  # type: ignore[attr-defined]
        await w.press("escape")
        await w.press_only("ctrl+p")
        assert w.app.screen is w.bench
        await w.press_only("f9")
        assert isinstance(w.app.screen, CommandPalette)


async def test_without_a_keymap_the_usual_keys_are_in_force(fruit: str) -> None:
    async with workbench(fruit) as w:
        assert keys.in_force() == USUAL
        await w.press("left")
        assert w.notice == "this is the prompt: there is nothing before it"


# The settings screen ----------------------------------------------------------------------------------------------


async def test_what_is_changed_holds_at_once_and_is_kept(fruit: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    async with workbench(fruit, config=lambda: path) as w:
        theme = w.app.theme_file.name
        await w.press("f2")
        assert isinstance(w.app.screen, SettingsScreen)
        assert "kept in " in w.screen()
        assert "config.toml ─╯" in w.screen()
        await w.press("left")
        assert w.app.theme_file.name != theme
        await w.press("down", "right")
        assert w.workbench.now.automatic
        await w.press("down", "right", "down", "left", "down", "right")
        assert w.workbench.now.plan == ResponsePlan(samples=50, horizon=20, seconds=20.0)
        await w.press("down", "right")
        assert w.bench.text_pane.shading is Shading.SURPRISAL
        await w.press("down", "right")
        assert w.app.frame_s == SELDOM_S
        await w.press("down", "enter")
        await w.type("Well, Indeed")
        await w.press("enter", "escape")
        await w.press("2")
        assert "".join(w.tokens) == " Indeed"
        found = read_config(path)
        assert found.theme == w.app.theme_file.name
        assert (found.response, found.shading, found.words) == (
            "auto",
            "surprisal",
            ("Well", "Indeed"),
        )
        assert found.low_bandwidth
        assert (found.response_samples, found.response_horizon, found.response_seconds) == (
            50,
            20,
            20.0,
        )
        assert len(path.read_text().splitlines()) == len(default_text().splitlines())


async def test_the_sampler_of_now_becomes_the_one_to_begin_with(fruit: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    async with workbench(fruit, config=lambda: path) as w:
        w.session.set_sampler(top_p=0.5, seed=4)
        await w.press("f2", *["down"] * 8, "enter")
        assert dict(read_config(path).sampler) == {
            "temperature": 1.0,
            "top_k": 0,
            "top_p": 0.5,
            "min_p": 0.0,
            "seed": 4,
        }


@pytest.mark.parametrize("text", ["theme = ", "'theme' = 'dark'"])
async def test_a_file_that_defies_it_is_left_alone(fruit: str, tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    async with workbench(fruit, config=lambda: path) as w:
        await w.press("f2", "right")
        assert "config.toml" in w.notice
        await w.press("escape", "space")
        assert len(w.tokens) == 1
    assert path.read_text() == text


async def test_without_a_file_it_holds_until_the_end(fruit: str) -> None:
    async with workbench(fruit, size=(80, 24)) as w:
        await w.press("f2")
        assert "these hold until it ends" in w.screen()
        await w.press(*["down"] * 5, "right")
        assert w.bench.text_pane.shading is Shading.SURPRISAL
