"""The response to a forced text: measured in the background, told in a line, explained on request."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

import bftui
from bftui.results.codec import encode
from bftui.results.response_result import ResponseSettings
from bftui.session import commands
from bftui.session.session import Session
from bftui.ui.panes.bf_pane import told
from bftui.ui.screens.response_screen import ResponseScreen
from bftui.workbench import measuring
from bftui.workbench.response_shown import ResponseShown
from bftui.workbench.snapshot import Measured
from tests.ui.driver import PROMPT, TEXT, WORDS, Driver, lines, rules, table, workbench


@pytest.fixture
def fruit(tmp_path: Path) -> str:
    """The scripted model with so many beginnings that there are matched controls enough."""
    after = dict.fromkeys((f" {word}" for word in [*WORDS[:6], *TEXT[:10]]), 0.055)
    return table(tmp_path / "fruit.json", rules={**rules(), '["A:"]': after})


def line(w: Driver) -> str:
    """The line that tells the response."""
    edge = lines(w.bench.strip)[-1].strip("╰─╯ ")
    # The branch that is drawn over the bars is named before it.
    return edge[max(0, edge.find("“")) :]


async def test_a_forced_text_is_measured_with_the_numbers_of_the_api(fruit: str) -> None:
    async with workbench(fruit, response="auto") as w:
        await w.press("1")
        await w.measured()
        with bftui.open_model(fruit) as model:
            session = Session(model, PROMPT)
            expected = session.respond(" Sure", others=False)
        found = expected.contrast
        assert found is not None
        assert found.delta is not None
        assert found.delta_ci is not None
        low, high = (math.exp(end) for end in found.delta_ci)
        assert (
            f"“·Sure” against {len(expected.controls['matched'])} matched: ×{math.exp(found.delta):.2f} "
            f"[×{low:.2f}, ×{high:.2f}] {found.verdict}" in line(w)
        )
        (kept,) = w.session.trace().as_dict()["measurements"]
        assert (kept["kind"], kept["node"]) == ("response", 0)
        assert kept["result"] == encode(expected.result())


async def test_the_line_stays_with_its_text(fruit: str) -> None:
    async with workbench(fruit, response="auto") as w:
        await w.press("1")
        await w.measured()
        shown = line(w)
        await w.press("g", "g")
        assert line(w) == shown
        await w.press("left", "left", "left")
        assert line(w) == shown
        await w.press("g")
        assert "matched" not in line(w)
        await w.press("left", "1")
        await w.measured()
        assert line(w) == shown
        assert len(w.session.experiments.responses) == 1


async def test_every_way_of_forcing_is_measured(fruit: str) -> None:
    async with workbench(fruit, response="auto") as w:
        await w.press("enter")
        await w.measured()
        assert f"“{w.tokens[0].replace(' ', '·')}” against" in line(w)
        await w.press("left", "f", "space", "S", "u", "r", "e", "exclamation_mark", "enter")
        await w.measured()
        assert "“·Sure!”" in line(w)
        await w.press("f", "space", "a", "enter")
        await w.measured()
        assert "“·a”" in line(w)


async def test_another_force_drops_the_one_before(tmp_path: Path) -> None:
    async with workbench(table(tmp_path / "slow.json", step_ms=20), response="auto") as w:
        await w.press_only("1")
        await w.until(lambda: "measuring" in line(w))
        await w.press_only("2")
        await w.until(lambda: "“·Thank·you”" in line(w))
        (response,) = w.session.experiments.responses
        assert len(response.token_ids) == 2
        assert [each.name for each in w.workbench.now.measured.running] == ["response"]
        await w.press("left", "left")
        assert "“·Sure”: stopped" in line(w) or "“·Thank·you”" in line(w)


async def test_off_measures_nothing_until_it_is_asked_for(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("1", "g")
        assert not w.workbench.measuring
        assert "matched" not in line(w)
        await w.press("E")
        await w.measured()
        assert isinstance(w.app.screen, ResponseScreen)
        assert "matched" in w.screen()
        await w.press("E")
        assert "“·Sure” against" in line(w)
        assert not w.session.experiments.responses[0].node


async def test_the_setting_is_in_the_palette(fruit: str) -> None:
    async with workbench(fruit, response="auto") as w:
        for name in ("response off", "response auto"):
            found = {each.title: each.callback for each in w.app.get_system_commands(w.bench)}
            found[name]()
            assert name in w.notice
        assert w.workbench.now.automatic


async def test_what_takes_long_waits_to_be_asked_for(
    fruit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "PATIENCE_S", 0.0)
    async with workbench(fruit, response="auto") as w:
        await w.press("1")
        await w.until(lambda: "E goes on" in line(w))
        await w.measured()
        assert "s more, E goes on" in line(w)
        await w.press("g", "E")
        await w.measured()
        await w.press("escape")
        assert "“·Sure” against" in line(w)
        assert "E details" in line(w)


async def test_the_details_hold_every_kind_of_controls(fruit: str) -> None:
    async with workbench(fruit, response="auto", size=(120, 60)) as w:
        await w.press("1")
        await w.measured()
        await w.press("E")
        await w.measured()
        screen = w.screen()
        for kind in ("matched", "free", "neutral", "random", "top1"):
            assert f"{kind} " in screen, kind
        response = w.session.experiments.responses[0]
        found = response.against("free")
        assert found is not None
        assert found.delta is not None
        assert f"×{math.exp(found.delta):.2f}" in screen
        assert "by the entropy estimator" in screen
        assert "esc closes" in screen
        assert "measuring goes on" not in screen
        with bftui.open_model(fruit) as model:
            expected = Session(model, PROMPT).respond(" Sure")
        # The first part of it is in the trace since before: it is one measurement.
        (kept,) = w.session.trace().as_dict()["measurements"]
        assert kept["result"] == encode(expected.result())


async def test_too_few_controls_are_undecided_with_the_reason(tmp_path: Path) -> None:
    rules = {'["A:"]': {" Sure": 0.96}}
    async with workbench(table(tmp_path / "sure.json", rules=rules), response="auto") as w:
        await w.press("1")
        await w.measured()
        assert "“·Sure”: undecided, only" in line(w)


async def test_a_forced_end_is_not_measured(fruit: str) -> None:
    async with workbench(fruit, prompt="A:.", response="auto") as w:
        await w.press("enter")
        await w.measured()
        assert w.session.ended
        assert not w.session.experiments.responses
        await w.press("E")
        assert "the forced text ends the text" in w.notice


@pytest.mark.usefixtures("processes")
async def test_a_stopped_one_begins_anew(tmp_path: Path) -> None:
    async with workbench(table(tmp_path / "slow.json", step_ms=20), response="auto") as w:
        await w.press_only("1")
        await w.until(lambda: "measuring" in line(w))
        await w.press_only("escape")
        await w.until(lambda: not w.workbench.measuring)
        await w.settled()
        assert "E begins anew" in line(w)
        await w.press_only("escape", "E")
        await w.until(lambda: w.workbench.measuring)
        assert "esc closes, measuring goes on" in w.screen()
        await w.press_only("escape")
        assert w.app.screen is w.bench


async def test_only_the_latest_responses_keep_their_samples(
    fruit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "_RESPONSES", 2)
    async with workbench(fruit, response="auto") as w:
        for key in "123":
            await w.press(key)
            await w.measured()
            await w.press(*["left"] * len(w.tokens))
        assert len(w.session.experiments.responses) == 2
        assert len(w.workbench.now.measured.responses) == 3


async def test_it_is_explained(fruit: str) -> None:
    async with workbench(fruit, response="auto", size=(120, 60)) as w:
        await w.press("1", "r")
        await w.measured()
        await w.press("K")
        assert "rollouts BF" in w.screen()
        assert "exp of the mean over continuations" in w.screen()
        await w.press("escape", "escape", "tab", "tab", "K")
        seen = w.screen()
        await w.press("pagedown", "pagedown", "pagedown", "pagedown")
        seen += w.screen()
        assert "ln BF(forced)" in seen
        await w.press("escape", "shift+tab", "shift+tab", "left", "a")
        await w.measured()
        await w.press("K")
        assert "BF after" in w.screen()


# Pure -----------------------------------------------------------------------------------------------------------


async def test_the_line_has_forms_for_every_width(fruit: str) -> None:
    async with workbench(fruit) as w:
        assert w.bench.view is not None
        ids = tuple(w.session.model.tokenize(" Sure"))
        asked = ResponseSettings(
            token_ids=ids, samples=32, horizon=64, controls=12, sampler=w.session.sampler
        )
        plain = ResponseShown(0, 1, 0, asked, 12)
        forms = told(w.bench.view, plain)
        assert forms[0] == "“·Sure” against 12 matched: measuring   0%"
        assert all(len(a) >= len(b) for a, b in pairwise(forms))
        assert Measured().responses == {}
        slow = told(w.bench.view, replace(plain, share=0.25, left=200.0))
        assert slow[0] == "“·Sure” against 12 matched: measuring  25% · 3 min left"
        assert slow[-1] == "“·Sure”: measuring  25%"
        assert all(len(a) >= len(b) for a, b in pairwise(slow))
        paused = told(w.bench.view, replace(plain, running=False, paused=297.0))
        assert "takes 5 min more" in paused[0]


async def test_undo_does_not_take_measurements_away(fruit: str) -> None:
    async with workbench(fruit, response="auto") as w:
        await w.press("1")
        await w.measured()
        shown = line(w)
        w.workbench.send(commands.Undo())
        await w.settled()
        assert line(w) == shown
