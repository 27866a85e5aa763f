"""The tree of continuations in the workbench: grown by a key, stopped, gone on with, opened, taken away, kept."""

from __future__ import annotations

import math
from pathlib import Path

import bftui
from bftui.measures.tree_growth import HorizonAsked
from bftui.session.records.resume import read_saved
from bftui.session.session import Session
from bftui.trace.journals import latest
from bftui.ui.panes.grown_panes import GrownNumbersPane, GrownPane, GrownTextsPane
from bftui.ui.screens.grown_screen import GrownScreen
from bftui.workbench.grown_shown import GrownShown
from tests.ui.driver import PROMPT, Driver, check, lines, table, workbench
from tests.ui.test_replay import replayed


def shown(w: Driver) -> GrownShown:
    found = w.workbench.now.measured.grown.get((w.session.cursor, 0))
    assert found is not None
    return found


def told(w: Driver, pane: type[GrownNumbersPane | GrownPane | GrownTextsPane]) -> str:
    return "\n".join(lines(w.app.screen.query_one(pane)))


async def grown(w: Driver, depth: int = 3, mass: float = 1.0) -> None:
    w.bench.tree_size.depth, w.bench.tree_size.mass = depth, mass
    await w.press("A")
    assert isinstance(w.app.screen, GrownScreen)
    await w.measured()
    await w.settled()


async def test_the_tree_is_that_of_the_python_interface(fruit: str) -> None:
    async with workbench(fruit) as w:
        await grown(w)
        with bftui.open_model(fruit) as model:
            job = Session(model, PROMPT).horizon(HorizonAsked(depth=3, mass=1.0))
        assert shown(w).result == job.result()
        assert shown(w).nodes == len(job.tree)
        numbers = told(w, GrownNumbersPane)
        assert f"{math.exp(job.tree.numbers()[0].entropy_low):.1f}" in numbers
        assert "50%: " in numbers
        assert "there is nothing more" in numbers
        first, best = told(w, GrownPane).splitlines()[1], shown(w).rows[0]
        assert "·The" in first
        assert f"{best.prob:.3f}"[1:] in first
        check(w, "grown")


async def test_a_path_is_opened_as_a_branch_and_undone(fruit: str) -> None:
    async with workbench(fruit) as w:
        await grown(w)
        pane = w.app.screen.query_one(GrownPane)
        await w.press("down")
        chosen = pane.chosen()
        assert chosen is not None
        await w.press("enter")
        assert w.app.screen is w.bench
        ids = [w.session.tree.token_id(n) for n in w.session.tree.path(w.session.cursor)[1:]]
        assert tuple(ids) == chosen.path
        assert w.session.node.source == "rollout"
        await w.press("u")
        assert w.session.cursor == 0


async def test_it_is_stopped_goes_on_and_is_taken_away(tmp_path: Path) -> None:
    slow = table(tmp_path / "slow.json", step_ms=3, default=dict.fromkeys([" a", " I", "."], 0.33))
    async with workbench(slow) as w:
        w.bench.tree_size.depth, w.bench.tree_size.mass = 12, 1.0
        await w.press_only("A")
        await w.until(lambda: bool(w.workbench.now.measured.grown) and shown(w).nodes > 10)
        await w.press_only("A")
        assert "esc stops it" in w.screen()
        await w.press_only("escape")
        await w.until(lambda: not shown(w).running)
        before = shown(w)
        assert before.result is not None
        assert before.result.stop == "stopped"
        assert isinstance(w.app.screen, GrownScreen)
        await w.press_only("A")
        await w.until(lambda: shown(w).nodes > before.nodes)
        await w.press_only("escape")
        await w.until(lambda: not shown(w).running)
        await w.press("u")
        assert not w.workbench.now.measured.grown
        assert "nothing was read yet" in w.screen()
        await w.press("escape")
        assert w.app.screen is w.bench


async def test_going_on_asks_for_more_where_all_was_reached(fruit: str) -> None:
    async with workbench(fruit) as w:
        await grown(w, mass=0.5)
        assert shown(w).result is not None
        first = shown(w).nodes
        await w.press("A")
        await w.measured()
        assert w.bench.tree_size.mass == 0.8
        assert shown(w).nodes >= first
        w.bench.tree_size.mass = 1.0
        await w.press("A")
        await w.measured()
        await w.press("A")
        assert "there is nothing more to this depth" in w.screen()


async def test_keys_say_how_far_the_next_one_grows(fruit: str) -> None:
    async with workbench(fruit, size=(80, 24)) as w:
        await grown(w, depth=3, mass=0.9)
        await w.press("]", "minus", "{")
        size = w.bench.tree_size
        assert (size.depth, size.mass, size.least) == (4, 0.8, 1e-6)
        assert "depth 4" in w.screen()
        check(w, "80x24")
        await w.press("A")
        await w.measured()
        assert shown(w).asked == HorizonAsked(4, 0.8, 1e-6, 10_000)


async def test_spellings_of_the_same_bytes_are_one_text_on_request(tmp_path: Path) -> None:
    rules = {'["A:"]': {" Sure": 0.5, " ": 0.5}, '[" "]': {"Sure": 1.0}}
    model = table(tmp_path / "two.json", rules=rules)
    async with workbench(model, sampler=None) as w:
        await w.press("t", "escape")
        await grown(w, depth=2)
        await w.press("tab")
        apart = told(w, GrownTextsPane)
        assert "each spelling apart" in apart
        await w.press("m")
        merged = told(w, GrownTextsPane)
        assert "spellings of the same bytes as one" in merged
        check(w, "merged")
        await w.press("enter")
        assert w.app.screen is w.bench
        assert len(w.tokens) == 2


async def test_the_numbers_are_explained(fruit: str) -> None:
    async with workbench(fruit) as w:
        await grown(w)
        await w.press("K")
        assert "tree BF" in w.screen()
        assert "over 3 tokens" in w.screen()


async def test_a_replay_and_a_session_that_is_resumed_show_its_numbers(
    fruit: str, tmp_path: Path
) -> None:
    trace = tmp_path / "grown.json"
    async with workbench(fruit, state_dir=lambda: tmp_path / "kept") as w:
        await grown(w)
        numbers = told(w, GrownNumbersPane)
        await w.press("escape")
        w.session.trace().save(trace)
    async with replayed(trace) as w:
        await w.press("A")
        assert told(w, GrownNumbersPane).splitlines()[1:-1] == numbers.splitlines()[1:-1]
        await w.press("A")
        assert "there is no model to ask" in w.screen()
    saved = read_saved(latest(tmp_path / "kept"))
    async with workbench(fruit, prompt=saved.prompt.text, resumed=saved) as w:
        assert shown(w).result is not None
        w.bench.tree_size.depth, w.bench.tree_size.mass = 3, 1.0
        await w.press("A")
        await w.measured()
        assert shown(w).rows


async def test_texts_that_do_not_fit_are_one_line(tmp_path: Path) -> None:
    small = table(tmp_path / "small.json", n_ctx=16)
    async with workbench(small) as w:
        w.bench.tree_size.depth = 64
        await w.press("A")
        assert "do not fit" in w.screen()
        assert isinstance(w.app.screen, GrownScreen)
