"""Experiments beside the session: they run in turn, block no key, move nothing, stop on request and fail alone."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

import bftui
from bftui.measures.rollouts import Rollouts
from bftui.results.codec import encode
from bftui.session.session import Session
from bftui.ui.drawing.glyphs import glyphs
from bftui.ui.screens.rollouts_screen import RolloutsScreen
from bftui.workbench.snapshot import Status
from tests.ui.driver import PROMPT, Driver, lines, table, workbench


def slow(path: Path, **fields: object) -> str:
    """A model whose rollouts take seconds."""
    return table(path, step_ms=20, default={" a": 0.5, " fruit": 0.4}, rules={}, **fields)


def latest(w: Driver) -> Rollouts:
    return w.session.experiments.rollouts[-1]


# Look-ahead -----------------------------------------------------------------------------------------------------


def column(w: Driver) -> list[str]:
    """What stands in the rows of the candidates after p."""
    return [line.strip("│ ") for line in lines(w.bench.candidates)[1:-1]]


async def test_look_ahead_shows_bf_one_step_later(fruit: str) -> None:
    async with workbench(fruit) as w:
        before = [line[:46] for line in column(w)]
        await w.press("a")
        await w.measured()
        found = {each.row.token_id: each.after for each in w.session.lookahead(20).candidates}
        assert len(found) == 20
        assert [line[:46] for line in column(w)] == before
        sure = w.session.model.tokenize(" Sure")[0]
        after = found[sure]
        assert after is not None
        assert f" {after.bf:.2f}" in column(w)[1]
        assert "BF after" in lines(w.bench.candidates)[-1]
        best = min((each for each in found.values() if each), key=lambda each: each.bf)
        (marked,) = (line for line in column(w) if "◀" in line)
        assert f" {best.bf:.2f}◀" in marked


async def test_the_order_cycles_over_what_was_looked_at(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("S")
        assert "a looks at the best ones" in w.notice
        await w.press("a")
        await w.measured()
        await w.press("S")
        assert "20 looked at, narrows most first" in lines(w.bench.candidates)[-1]
        assert w.bench.candidates.count() == 20
        found = w.session.lookahead(20).candidates
        narrowest = min((each for each in found if each.after), key=lambda each: each.after.bf)
        assert w.bench.candidates.chosen() == narrowest.row.token_id
        await w.press("S")
        assert "opens most first" in lines(w.bench.candidates)[-1]
        await w.press("enter")
        assert w.session.node.token_id in [each.row.token_id for each in found]
        assert w.session.node.source == "forced"
        assert "looked at" not in lines(w.bench.candidates)[-1]
        await w.press("left", "S", "S", "S")
        assert "1 of" in lines(w.bench.candidates)[-1]


async def test_looking_again_looks_at_more(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("a")
        await w.measured()
        await w.press("a")
        await w.measured()
        assert w.bench.view is not None
        assert w.bench.view.looked is not None
        assert len(w.bench.view.looked.candidates) == 40


async def test_a_candidate_that_ends_the_text_says_so(fruit: str) -> None:
    async with workbench(fruit, prompt="A:.") as w:
        await w.press("a")
        await w.measured()
        assert " end" in column(w)[0]
        await w.press("S")
        assert "end" not in column(w)[0]


async def test_in_a_narrow_terminal_it_takes_the_place_of_the_sum(fruit: str) -> None:
    async with workbench(fruit, size=(80, 24)) as w:
        before = column(w)
        await w.press("a")
        await w.measured()
        after = column(w)
        assert [line[:30] for line in before] == [line[:30] for line in after]
        assert "p, P~, BF after" in lines(w.bench.candidates)[-1]
        await w.press("S")
        assert "20 looked at, narrows most first" in lines(w.bench.candidates)[-1]


# Rollouts -------------------------------------------------------------------------------------------------------


async def test_rollouts_have_the_numbers_of_the_api(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("r")
        await w.measured()
        assert isinstance(w.app.screen, RolloutsScreen)
        with bftui.open_model(fruit) as model:
            expected = Session(model, PROMPT).rollouts(32, 64)
        found = expected.branching_factor()
        assert found.ci is not None
        shown = f"BF {found.bf:.2f} [{found.ci[0]:.2f}, {found.ci[1]:.2f}]"
        assert shown in w.screen()
        assert f"{len(expected.distinct())} different of 32" in w.screen()
        await w.press("escape")
        assert f"rollouts {found.bf:.2f} [{found.ci[0]:.2f}" in lines(w.bench.strip)[0]
        (kept,) = w.session.trace().as_dict()["measurements"]
        assert kept["result"] == encode(expected.result())


async def test_rollouts_stay_with_their_node(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("r")
        await w.measured()
        await w.press("escape", "g")
        assert "rollouts" not in lines(w.bench.strip)[0]
        await w.press("left")
        assert "rollouts" in lines(w.bench.strip)[0]
        await w.press("r")
        await w.measured()
        assert len(w.session.experiments.rollouts) == 1


async def test_as_many_again_are_counted_on(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("r")
        await w.measured()
        await w.press("r")
        await w.measured()
        assert "different of 64" in w.screen()
        assert [job.first for job in w.session.experiments.rollouts] == [0, 32]


async def test_samples_and_tokens_are_chosen_in_the_screen(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("r")
        await w.measured()
        await w.press("minus", "left_square_bracket")
        assert "draw 16×32" in w.screen()
        await w.press("r")
        await w.measured()
        assert (latest(w).size, latest(w).horizon, latest(w).first) == (16, 32, 32)
        assert "different of 16" in w.screen()


async def test_a_continuation_becomes_a_branch(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("r")
        await w.measured()
        await w.press("down", "down")
        chosen = w.app.screen.query_one("#continuations").chosen()  # type: ignore[attr-defined]
        await w.press("enter")
        assert w.app.screen is w.bench
        path = w.session.tree.path(w.session.cursor)[1:]
        assert tuple(w.session.tree.token_id(node) for node in path) == chosen.token_ids
        assert w.session.node.source == "rollout"


async def test_playing_goes_on_while_rollouts_run(tmp_path: Path) -> None:
    async with workbench(slow(tmp_path / "slow.json")) as w:
        await w.press_only("r")
        await w.press_only("escape", "p")
        nodes = len(w.session.tree)
        await w.until(lambda: len(w.session.tree) > nodes + 4)
        assert w.workbench.measuring
        tokens = latest(w).tokens
        await w.until(lambda: latest(w).tokens > tokens)
        await w.press_only("escape")
        await w.until(lambda: not w.workbench.now.playing)
        assert w.workbench.measuring


async def test_at_full_speed_both_go_on(tmp_path: Path) -> None:
    async with workbench(slow(tmp_path / "slow.json")) as w:
        await w.press_only("r")
        await w.press_only("escape", *["equals_sign"] * 6, "p")
        await w.until(lambda: latest(w).tokens > 200 and len(w.session.tree) > 3)
        nodes, tokens = len(w.session.tree), latest(w).tokens
        await w.until(lambda: len(w.session.tree) > nodes and latest(w).tokens > tokens)
        assert w.workbench.now.playing
        assert w.workbench.measuring


async def test_it_is_ready_while_it_measures_and_says_how_far_it_is(tmp_path: Path) -> None:
    async with workbench(slow(tmp_path / "slow.json")) as w:
        await w.press_only("r")
        await w.press_only("escape")
        await w.until(lambda: "rollouts " in lines(w.bench.status)[0])
        status = lines(w.bench.status)[0]
        assert status.rstrip().endswith("ready")
        assert "%" in status
        await w.press("g")
        assert w.tokens == [" a"]
        await w.press_only("escape")
        await w.until(lambda: not w.workbench.measuring)
        await w.settled()
        assert "stopped: rollouts at" in w.notice
        assert "rollouts" not in lines(w.bench.status)[0]
        assert not w.session.trace().as_dict()["measurements"]
        assert w.tokens == [" a"]


@pytest.mark.usefixtures("processes")
async def test_escape_stops_what_a_person_waits_for_first(tmp_path: Path) -> None:
    model = slow(tmp_path / "slow.json", prefill_ms=150)
    async with workbench(model) as w:
        # Each token of each continuation takes its time too.
        w.bench.rollout_size.samples = 2
        await w.press_only("r")
        await w.press_only("escape")
        await w.until(lambda: latest(w).tokens > 0)
        w.workbench.send(bftui.session.commands.Force(" a" * 40))
        await w.until(lambda: w.workbench.now.status is Status.BUSY)
        # What the model has not heard of cannot be stopped in it; no person is that fast.
        await asyncio.sleep(0.1)
        await w.press_only("escape")
        await w.until(lambda: not w.workbench.working)
        assert w.workbench.measuring
        tokens = latest(w).tokens
        await w.until(lambda: latest(w).tokens > tokens)
        assert len(w.session.tree) == 1


async def test_a_fault_ends_the_experiment_alone(tmp_path: Path) -> None:
    model = table(tmp_path / "fault.json", faults=[{"at": 4, "kind": "error"}])
    async with workbench(model) as w:
        await w.press("r")
        await w.measured()
        assert "a fault is scripted here" in w.notice
        assert "stopped at" in w.screen()
        await w.press("escape", "g")
        assert len(w.tokens) == 1
        assert "ready" in lines(w.bench.status)[0]


@pytest.mark.usefixtures("processes")
async def test_a_dead_model_ends_experiments_and_they_can_be_made_again(tmp_path: Path) -> None:
    async with workbench(slow(tmp_path / "slow.json")) as w:
        await w.press_only("r")
        await w.until(lambda: w.workbench.measuring)
        os.kill(w.session.model.client.pid, signal.SIGKILL)  # type: ignore[attr-defined]
        await w.until(lambda: w.workbench.now.status is Status.FAILED)
        await w.press("escape", "escape", "ctrl+r")
        await w.until(lambda: w.workbench.now.status is Status.READY)
        await w.press_only("r")
        await w.until(lambda: latest(w).tokens > 0)
        assert len(w.session.experiments.rollouts) == 2


async def test_another_model_forgets_what_was_measured(fruit: str, tmp_path: Path) -> None:
    other = table(tmp_path / "other.json", name="other")
    async with workbench(fruit) as w:
        await w.press("a")
        await w.measured()
        w.workbench.open_other(other)
        await w.until(
            lambda: w.workbench.now.source == other and w.workbench.now.status is Status.READY
        )
        await w.settled()
        assert not w.workbench.now.measured.looked
        assert "BF after" not in lines(w.bench.candidates)[-1]


async def test_another_sampler_has_its_own_measurements(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("a")
        await w.measured()
        w.workbench.send(bftui.session.commands.SetSampler(top_p=0.5))
        await w.settled()
        assert "BF after" not in lines(w.bench.candidates)[-1]
        await w.press("u")
        assert "BF after" in lines(w.bench.candidates)[-1]


async def test_keys_that_measure_say_why_they_cannot(fruit: str) -> None:
    async with workbench(fruit, prompt="A:.") as w:
        await w.press("R")
        assert "no text goes on from here" in w.notice
        await w.press("E")
        assert "no text was forced on this path" in w.notice
        await w.press("g")
        assert w.session.ended
        for key in ("r", "R", "a", "A", "W"):
            await w.press(key)
            assert "the text ends here" in w.notice, key


# Sampling again -------------------------------------------------------------------------------------------------


async def test_sampling_again_compares_with_the_path(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("1", "g", "g", "left", "left", "left", "R")
        await w.measured()
        with bftui.open_model(fruit) as model:
            session = Session(model, PROMPT)
            session.force(" Sure")
            session.greedy()
            session.greedy()
            session.back()
            session.back()
            session.back()
            expected = session.resample(32)
        assert expected.original is not None
        assert latest(w).result() == expected.result()
        same = sum(sample.token_ids == expected.original.token_ids for sample in expected.samples)
        assert f"of 32 samples {same} are the path" in w.screen()
        first = expected.original.token_ids[:1]
        sharing = sum(sample.token_ids[:1] == first for sample in expected.samples)
        assert f"{sharing} share its first token" in w.screen()
        assert f"BF {expected.branching_factor().bf:.2f}" in w.screen()
        assert "◆ " in w.screen()
        await w.press("escape")
        kinds = [each["kind"] for each in w.session.trace().as_dict()["measurements"]]
        assert kinds == ["resampling"]
        await w.press("right", "R")
        await w.measured()
        assert latest(w).horizon == 2


# Drawing --------------------------------------------------------------------------------------------------------


async def test_the_branch_that_was_left_is_drawn_behind(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "g", "g", "left", "left", "left")
        dotted = glyphs().legend_dotted
        assert f"{dotted} what comes after" in lines(w.bench.strip)[-1]
        assert any("⠂" in line for line in lines(w.bench.strip)[1:-1])
        await w.press("right", "right", "right")
        assert not any("⠂" in line for line in lines(w.bench.strip))


# The practice model ---------------------------------------------------------------------------------------------


async def test_on_the_practice_model() -> None:
    async with workbench("practice") as w:
        w.bench.rollout_size.samples, w.bench.rollout_size.horizon = 8, 10
        await w.press("a")
        await w.measured()
        await w.press("r")
        await w.measured()
        with bftui.open_model("practice") as model:
            session = Session(model, PROMPT)
            session.lookahead(20)
            expected = session.rollouts(8, 10)
            document = session.trace().as_dict()["measurements"]
        assert f"BF {expected.branching_factor().bf:.2f}" in w.screen()
        assert f"different of {len(expected.samples)}" in w.screen()
        assert w.session.trace().as_dict()["measurements"] == document
