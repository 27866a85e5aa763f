"""The sampler screen, and what happens to the numbers on the screen when another sampler is taken."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from bftui.core.sampler import Sampler
from bftui.ui.drawing.glyphs import glyphs
from bftui.ui.screens.sampler_screen import SamplerScreen
from bftui.ui.screens.sampler_settings import SETTINGS, parsed, stepped
from bftui.ui.view import View
from tests.ui.driver import Driver, lines, table, workbench

BY_NAME = {setting.name: setting for setting in SETTINGS}


def field(w: Driver, name: str) -> Input:
    return w.app.screen.query_one(f"#{name}", Input)


async def test_arrows_step_and_the_preview_follows(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("t")
        assert isinstance(w.app.screen, SamplerScreen)
        await w.press("left", "left", "down", "down", "left")
        assert field(w, "temperature").value == "0.8"
        assert field(w, "top_p").value == "0.8"
        expected = w.session.model_tree.preview(Sampler(temperature=0.8, top_p=0.8))
        assert expected is not None
        assert f"then  BF {expected.bf:.1f} · {expected.kept} kept" in w.screen()
        now = w.session.node.next
        assert now is not None
        assert f"now   BF {now.bf:.1f} · {now.kept} kept" in w.screen()
        assert w.session.sampler == Sampler()
        await w.press("enter")
        assert w.session.sampler == Sampler(temperature=0.8, top_p=0.8)
        assert "T 0.8  top-p .80" in lines(w.bench.status)[0]


async def test_leaving_changes_nothing(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("t", "left", "escape")
        assert w.session.sampler == Sampler()
        await w.press("U")
        assert "nothing to redo" in w.notice


async def test_what_is_no_value_says_so_in_place(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("t", "down", "down")
        field(w, "top_p").value = "1.5"
        field(w, "seed").value = "x"
        await w.pilot.pause()
        assert "! top-p 1.5 is not in (0, 1]" in w.screen()
        assert "! not a whole number" in w.screen()
        assert "then  –" in w.screen()
        await w.press("enter")
        assert isinstance(w.app.screen, SamplerScreen)
        assert field(w, "top_p").has_focus
        field(w, "seed").value = "9"
        await w.press("end", "backspace", "backspace", "enter")
        assert w.session.sampler == Sampler(top_p=1.0, seed=9)


async def test_what_is_typed_takes_the_place_of_the_value(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("t", "0", "full_stop", "7", "down", "right", "5", "enter")
        assert w.session.sampler == Sampler(temperature=0.7, top_k=5)


async def test_what_is_typed_without_a_pause_goes_into_its_field(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("t")
        for key in ("0", ".", "7", "down", "down", "0", ".", "8", "tab", "tab", "9"):
            w.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await w.pilot.pause()
        await w.press("enter")
        assert w.session.sampler == Sampler(temperature=0.7, top_p=0.8, seed=9)


async def test_the_path_is_made_anew_in_the_background(tmp_path: Path) -> None:
    slow = table(tmp_path / "slow.json", n_ctx=512, eog=[])
    async with workbench(slow) as w:
        w.session.force("Sure" * 200)
        await w.settled()
        await w.press("t", "left", "enter")
        tree = w.session.tree
        assert w.session.state.stale() == 0
        assert w.workbench.now.left == 0
        assert {tree.sampler(node) for node in tree.path(w.session.cursor)} == {1}
        mean = [e[1] for n in tree.path(w.session.cursor)[:-1] if (e := tree.entropies(n))]
        assert f"path {2.718281828459045 ** (sum(mean) / len(mean)):.1f}" in lines(w.bench.strip)[0]


@pytest.mark.usefixtures("processes")
async def test_long_work_on_the_path_says_how_much_is_left(
    fruit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bftui.workbench.session_slot._RECOMPUTED", 1)
    monkeypatch.setattr("bftui.workbench.loop._LONG_S", 0.0)
    async with workbench(fruit) as w:
        w.session.force("Sure" * 200)
        await w.settled()
        seen: list[str] = []
        show = w.bench.status.show

        def noted(view: View | None) -> None:
            show(view)
            seen.extend(lines(w.bench.status)[:1])

        monkeypatch.setattr(w.bench.status, "show", noted)
        await w.press_only("t", "left", "enter")
        await w.settled()
        assert any(" left" in line and "busy" in line for line in seen)
        assert "ready" in lines(w.bench.status)[0]
        assert "left" not in lines(w.bench.status)[0]


async def test_between_the_steps_of_playing_it_goes_on(tmp_path: Path) -> None:
    endless = table(tmp_path / "endless.json", eog=[])
    async with workbench(endless) as w:
        w.session.force("Sure" * 100)
        await w.settled()
        await w.press_only("minus", "t", "left", "enter", "p")
        await w.until(lambda: w.workbench.now.playing and w.session.state.stale() == 0)
        assert w.workbench.now.playing
        await w.press("p")


async def test_keys_go_before_the_background(fruit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with workbench(fruit) as w:
        w.session.force("Sure" * 100)
        await w.settled()
        monkeypatch.setattr("bftui.workbench.session_slot._RECOMPUTED", 1)
        await w.press_only("t", "left", "enter", "left", "left")
        await w.until(lambda: len(w.tokens) == 98)
        await w.settled()
        assert w.session.state.stale() == 0


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_numbers_of_another_sampler_are_marked(fruit: str, size: tuple[int, int]) -> None:
    async with workbench(fruit, size=size) as w:
        await w.press("g", "g", "left", "1")
        tree = w.session.tree
        assert tree.depth(2) == 2
        assert "*" not in w.screen()
        await w.press("t", "left", "enter")
        assert w.bench.view is not None
        assert w.bench.view.stale(2)
        assert not w.bench.view.stale(w.session.cursor)
        entropies = tree.entropies(2)
        assert entropies is not None
        marked = f" *{math.exp(entropies[1]):.1f}"
        rows = lines(w.bench.tree_pane)
        assert [row for row in rows if marked in row]
        # In words, and not by a colour alone.
        assert "* other sampler" in rows[-1]
        assert f"{glyphs().legend_dotted} branch A*" in lines(w.bench.strip)[-1]
        await w.press("u")
        assert w.session.sampler == Sampler()
        assert "undone: sampler; T 1.0 top-p .90 seed 0" in w.notice
        assert not w.bench.view.stale(2)
        await w.press("escape")
        assert "*" not in w.screen()


async def test_another_seed_makes_no_other_numbers(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "g", "left", "1", "t", *["down"] * 4, "right", "enter")
        assert w.session.sampler == Sampler(seed=1)
        assert w.bench.view is not None
        assert not w.bench.view.stale(2)
        assert "*" not in w.screen()


async def test_compared_branches_say_what_is_of_another_sampler(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "g", "g", "left", "left", "left", "1", "g", "t", "left", "enter", "c")
        screen = w.screen()
        assert "* 2 of another sampler" in screen
        side = next(line for line in screen.splitlines() if "branch A" in line)
        assert side.count("*") == 4
        await w.press("K")
        assert "*: numbers of positions that were made" in " ".join(w.screen().split())


async def test_at_the_end_of_a_text_it_holds_from_then_on(fruit: str) -> None:
    async with workbench(fruit, prompt="A:.") as w:
        await w.press("g", "t", "left")
        assert "it holds from the next token on" in w.screen()
        await w.press("enter")
        assert w.session.sampler.temperature == 0.9


@pytest.mark.parametrize(
    ("name", "value", "less", "more"),
    [
        ("temperature", 1.0, 0.9, 1.1),
        ("temperature", 0.75, 0.7, 0.8),
        ("temperature", 2.0, 1.9, 2.5),
        ("top_k", 0, 0, 1),
        ("top_k", 40, 20, 50),
        ("top_p", 0.9, 0.8, 0.95),
        ("top_p", 1.0, 0.99, 1.0),
        ("min_p", 0.05, 0.02, 0.1),
        ("seed", 7, 6, 8),
        ("seed", 0, 0, 1),
    ],
)
def test_steps_are_sensible(name: str, value: float, less: float, more: float) -> None:
    setting = BY_NAME[name]
    assert (stepped(setting, value, -1), stepped(setting, value, 1)) == (less, more)


def test_every_step_is_a_value() -> None:
    for setting in SETTINGS:
        for step in setting.steps:
            assert parsed(setting, str(step)) == step
