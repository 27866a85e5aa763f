"""A valid set in the workbench: loaded by a key, read, walked, drawn, kept, and shown of a trace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bftui.session.records.resume import read_saved
from bftui.trace.journals import latest
from bftui.ui.panes.candidates_pane import CandidatesPane
from bftui.ui.panes.frontier_pane import FrontierPane
from bftui.ui.panes.valid_pane import ValidPane
from bftui.ui.panes.ways_pane import WaysPane
from bftui.ui.screens.valid_choice_screen import ValidChoiceScreen
from bftui.ui.screens.valid_screen import ValidScreen
from bftui.workbench.valid_shown import AskedSet, ValidShown
from tests.ui.driver import PROMPT, Driver, check, lines, table, workbench
from tests.ui.test_replay import replayed

SET = "words:apple|pear|a fig|a pear --end ."
RULES = {
    "A:": {" a": 0.5, " apple": 0.2, " pear": 0.1, " The": 0.2},
    " a": {" fig": 0.6, " pear": 0.1, " fruit": 0.3},
    " apple": {".": 0.9, " is": 0.1},
    " fig": {".": 0.8, " is": 0.2},
    " pear": {".": 0.5, " is": 0.5},
}
P = {"apple": 0.2 * 0.9, "pear": 0.1 * 0.5, "a fig": 0.5 * 0.6 * 0.8, "a pear": 0.5 * 0.1 * 0.5}
"""P of each answer with its terminator, by hand."""


@pytest.fixture
def fruit(tmp_path: Path) -> str:
    rules = {json.dumps([context]): after for context, after in RULES.items()}
    return table(tmp_path / "valid.json", rules=rules)


def shown(w: Driver) -> ValidShown:
    """The set that is loaded."""
    found = w.workbench.now.measured.valid
    assert found is not None
    return found


def told(w: Driver, pane: type[ValidPane | WaysPane | FrontierPane]) -> str:
    return "\n".join(lines(w.app.screen.query_one(pane)))


async def loaded(w: Driver, typed: str = SET) -> None:
    """Loads a set at the cursor, and waits until all of it is read."""
    await w.press("v")
    assert isinstance(w.app.screen, ValidChoiceScreen)
    await w.type(typed)
    await w.press("enter")
    await w.until(lambda: w.workbench.now.measured.valid is not None)
    await w.measured()
    await w.settled()


async def test_a_set_is_loaded_read_and_told(fruit: str) -> None:
    async with workbench(fruit) as w:
        await loaded(w)
        assert isinstance(w.app.screen, ValidScreen)
        result = shown(w).result
        assert result is not None
        assert result.validity == pytest.approx(sum(P.values()), abs=1e-6)
        text = told(w, ValidPane)
        assert "54" in text
        assert "4 valid answers" in text
        assert "here, at the beginning · 4 of 4 answers go on, 3 valid tokens" in text
        check(w, "a valid set")


async def test_ways_on_say_p_rank_and_share_of_answers(fruit: str) -> None:
    async with workbench(fruit) as w:
        await loaded(w)
        _, first, second, third = lines(w.app.screen.query_one(WaysPane))[1:5]
        assert all(each in first for each in ("·a ", ".500", "#1", "62.5 %", "50.0 %", "×1.3"))
        assert all(each in second for each in ("·apple", ".200", "25.0 %", "×1.0"))
        assert all(each in third for each in ("·pear", ".100", "12.5 %", "×0.50 little"))


async def test_keys_walk_the_trie_and_the_session_follows(fruit: str) -> None:
    async with workbench(fruit) as w:
        await loaded(w)
        await w.press("enter")
        await w.until(lambda: w.tokens == [" a"])
        await w.settled()
        assert "here, after “·a” · 2 of 4 answers go on" in told(w, ValidPane)
        await w.press("enter")
        await w.until(lambda: w.tokens == [" a", " fig"])
        await w.settled()
        assert "■ end" in told(w, WaysPane)
        await w.press("enter")
        await w.until(lambda: w.tokens == [" a", " fig", "."])
        await w.settled()
        assert "a valid answer: “·a·fig.” · P 24.0 %, evenly 25.0 %" in told(w, ValidPane)
        await w.press("left", "left", "left")
        await w.until(lambda: w.tokens == [])
        await w.press("left")
        assert "answers begin here" in w.screen()
        # A way that was taken before is the same place.
        await w.press("enter")
        await w.until(lambda: w.tokens == [" a"])
        assert len(w.session.tree) == 4


async def test_products_are_those_of_the_path(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("t", "escape")
        w.session.set_sampler(top_p=0.65)
        await loaded(w)
        # P~ keeps " a" and one of the two at .2: of three ways on " a" and, by its id, " apple" or " The".
        kept = [each for each in (" apple", " The") if each in _kept(w)]
        precision = (1 + (kept == [" apple"])) / 2
        recall = (2 + (kept == [" apple"])) / 4
        assert f"precision {_told(precision)} · recall {_told(recall)}" in told(w, ValidPane)
        await w.press("enter")
        await w.until(lambda: w.tokens == [" a"])
        await w.settled()
        # After it .6 and .3 are kept: " fig" is valid, " fruit" is not.
        text = told(w, ValidPane)
        assert f"2 tokens: precision {_told(precision / 2)} · recall {_told(recall / 2)}" in text


def _kept(w: Driver) -> list[str]:
    following = w.session.tree.next(w.session.cursor)
    assert following is not None
    model = w.session.model
    return [model.token_bytes(i).decode() for i in following.top_ids[: following.kept].tolist()]


def _told(value: float) -> str:
    return "1" if value == 1 else f"{value:.3f}"[1:]


async def test_valid_candidates_are_marked_with_their_share(fruit: str) -> None:
    async with workbench(fruit) as w:
        await loaded(w)
        await w.press("escape")
        pane = w.bench.query_one(CandidatesPane)
        rows = lines(pane)
        assert "✓  50%" in next(row for row in rows if "·a " in row)
        assert "✓" not in next(row for row in rows if "·The" in row)
        assert "✓ share of answers" in rows[-1]
        await w.press("down", "enter")
        await w.until(lambda: len(w.tokens) == 1)
        await w.settled()
        if w.tokens == [" The"]:
            assert "not valid any more" in lines(pane)[-1]


async def test_the_frontier_is_drawn_and_told_in_words(fruit: str) -> None:
    async with workbench(fruit) as w:
        await loaded(w)
        await w.press("tab")
        text = told(w, FrontierPane)
        assert all(sign in text for sign in ("●", "○", "+", "P"))
        assert "validity oracle 100.0 %" in text
        assert "near .9: " in text
        check(w, "the frontier")
        await w.press("tab")
        assert "valid ways on" in told(w, WaysPane)


@pytest.mark.parametrize("size", [(80, 24), (60, 16)])
async def test_it_fits_small_terminals(fruit: str, size: tuple[int, int]) -> None:
    async with workbench(fruit, size=size) as w:
        await w.press("v")
        check(w, "choosing")
        await w.press("escape")
        await loaded(w)
        check(w, "ways on")
        await w.press("tab")
        check(w, "the frontier")
        await w.press("escape")
        check(w, "candidates")


async def test_one_key_loads_a_preset(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("v", "5")
        await w.until(lambda: w.workbench.now.measured.valid is not None)
        assert shown(w).asked == AskedSet("coin")
        await w.measured()
        await w.press("1")
        await w.until(lambda: shown(w).asked == AskedSet("digits:1"))


async def test_an_empty_session_is_asked_the_question_of_the_set(fruit: str) -> None:
    async with workbench(fruit, prompt=None) as w:
        await w.press("escape", "v", "5")
        await w.until(lambda: w.workbench.now.measured.valid is not None)
        assert w.session.prompt.text.startswith("Toss a fair coin.")
        assert shown(w).node == 0


async def test_what_names_no_set_is_said(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("v")
        await w.type("nonsense")
        await w.press("enter")
        await w.until(lambda: "neither a valid set nor a file" in w.notice)
        assert "no valid set is loaded" in told(w, ValidPane)
        await w.press("v")
        await w.until(lambda: isinstance(w.app.screen, ValidChoiceScreen))


async def test_outside_of_the_set_enter_leads_to_where_answers_begin(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("enter")
        await w.until(lambda: len(w.tokens) == 1)
        await loaded(w)
        start = w.session.cursor
        await w.press("escape", "left", "v")
        await w.settled()
        assert "outside" in told(w, ValidPane)
        await w.press("enter")
        await w.until(lambda: w.session.cursor == start)


async def test_a_set_that_was_stopped_goes_on(tmp_path: Path) -> None:
    rules = {json.dumps([context]): after for context, after in RULES.items()}
    slow = table(tmp_path / "slow.json", rules=rules, step_ms=5)
    async with workbench(slow) as w:
        await w.press("v")
        await w.type("pin:3")
        await w.press("enter")
        await w.until(lambda: w.workbench.measuring)
        await w.press("escape", "escape")
        await w.until(lambda: not w.workbench.measuring)
        assert shown(w).stopped
        assert "goes on" in w.notice
        await w.press("v", "v")
        await w.until(lambda: w.workbench.measuring)


async def test_it_is_there_again_after_a_resume(fruit: str, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    async with workbench(fruit, state_dir=lambda: folder) as w:
        await loaded(w)
        before = shown(w)
    saved = read_saved(latest(folder))
    async with workbench(fruit, prompt=PROMPT, resumed=saved, state_dir=lambda: folder) as w:
        again = shown(w)
        assert again.result is not None
        assert before.result is not None
        assert again.result.validity == pytest.approx(before.result.validity, abs=1e-5)
        await w.press("v")
        assert "here, at the beginning" in told(w, ValidPane)
        # Loaded again nothing is read a second time.
        await w.press("v")
        await w.until(lambda: shown(w).loaded > 0)
        assert not w.workbench.measuring
        await w.settled()
        assert "along this path" in told(w, ValidPane)


async def test_a_recorded_trace_shows_what_was_recorded(fruit: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    async with workbench(fruit) as w:
        await loaded(w)
        await w.press("enter")
        await w.until(lambda: w.tokens == [" a"])
        w.session.trace().save(trace)
    async with replayed(trace) as w:
        await w.press("v")
        text = told(w, ValidPane)
        assert "not read: a replay has no model" in text
        assert "here, after “·a” · 2 of 4 answers go on" in text
        assert "over all answers" in text
        await w.press("tab")
        assert "near .9" in told(w, FrontierPane)
        await w.press("3")
        assert "this is a replay" in w.screen()


async def test_the_numbers_are_explained(fruit: str) -> None:
    async with workbench(fruit) as w:
        await loaded(w)
        await w.press("K")
        assert all(word in w.screen() for word in ("validity", "diversity", "Val ="))


async def test_a_path_longer_than_what_is_kept_is_walked_on(fruit: str) -> None:
    async with workbench(fruit) as w:
        await loaded(w, f"words:{'a fig ' * 30}pear --end !")
        for _ in range(30):
            before = len(w.tokens)
            await w.press("enter")
            await w.until(lambda before=before: len(w.tokens) > before)  # type: ignore[misc]
        await w.settled()
        text = told(w, ValidPane)
        assert "1 of 1 answers go on" in text
        assert "31 tokens: precision" in text
        assert "over all answers" in text


async def test_a_set_that_is_too_large_is_sampled_and_says_so(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("v")
        await w.type("pin:9")
        await w.press("enter")
        await w.until(lambda: w.workbench.measuring)
        await w.settled()
        assert "not all answers are at hand" in told(w, ValidPane)
        await w.press("tab")
        assert "too large for a frontier" in told(w, FrontierPane)
