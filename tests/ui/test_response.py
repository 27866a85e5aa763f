"""The response to a forced text: measured in the background, told in a line and on a screen, stopped and taken up."""

from __future__ import annotations

import math
import os
import signal
from itertools import pairwise
from pathlib import Path

import pytest

import bftui
from bftui.measures.response import Response
from bftui.results.codec import encode
from bftui.session import commands
from bftui.session.records.resume import read_saved
from bftui.session.session import Session
from bftui.trace.journals import latest
from bftui.ui.panes.response_pane import ResponsePane
from bftui.ui.response_line import told
from bftui.ui.screens.response_screen import ResponseScreen
from bftui.workbench import responding
from bftui.workbench.response_shown import ResponseShown
from bftui.workbench.settings import ResponsePlan
from bftui.workbench.snapshot import Status
from tests.ui.driver import PROMPT, TEXT, WORDS, Driver, lines, rules, table, workbench
from tests.unit.test_journal import files_of_at_most

SMALL = ResponsePlan(samples=16, horizon=16)
LOOKS = (4, 12, 16)


def opening() -> dict[str, dict[str, float]]:
    """The little grammar with so many beginnings that there are matched controls enough."""
    after = dict.fromkeys((f" {word}" for word in [*WORDS[:6], *TEXT[:10]]), 0.055)
    return {**rules(), '["A:"]': after}


@pytest.fixture
def fruit(tmp_path: Path) -> str:
    return table(tmp_path / "fruit.json", rules=opening())


@pytest.fixture
def slow(tmp_path: Path) -> str:
    """The same with a pause in every evaluation, so that it can be stopped in the middle."""
    return table(tmp_path / "slow.json", rules=opening(), step_ms=3)


@pytest.fixture
def slower(tmp_path: Path) -> str:
    """The same with so long a pause that its speed is known."""
    return table(tmp_path / "slower.json", rules=opening(), step_ms=30)


def line(w: Driver) -> str:
    """The line that tells the response, without the key that it names where there is room."""
    edge = lines(w.bench.strip)[-1].strip("╰─╯ ")
    # The branch that is drawn over the bars is named before it.
    return edge[max(0, edge.find("“")) :].removesuffix(" · E details")


def shown(w: Driver) -> ResponseShown:
    """The response of the path."""
    assert w.bench.view is not None
    found = w.bench.view.responded
    assert found is not None
    return found


async def begun(w: Driver) -> None:
    """Waits until something was drawn after every text."""
    await w.until(
        lambda: any(
            each.result is not None and each.result.by_horizon
            for each in w.workbench.now.measured.responses.values()
        )
    )


def undisturbed(
    model: str, text: str = " Sure", *, others: bool = True, prompt: str = PROMPT
) -> Response:
    """The same response from the interface for programs, with nothing in between."""
    with bftui.open_model(model) as opened:
        session = Session(opened, prompt)
        found = session.respond(text, looks=LOOKS, horizon=16, others=others)
        found.result()
        return found


def kept(w: Driver) -> dict[str, object]:
    """The one response that the trace holds, without what was drawn."""
    (found,) = (
        each for each in w.session.trace().as_dict()["measurements"] if each["kind"] == "response"
    )
    result = dict(found["result"])
    assert len(result.pop("drawn")) > 8
    return result


# What is shown, and when ----------------------------------------------------------------------------------------


async def test_a_forced_text_is_measured_with_the_numbers_of_the_api(fruit: str) -> None:
    async with workbench(fruit, response="auto", plan=SMALL, size=(160, 36)) as w:
        await w.press("1")
        await w.measured()
        found = undisturbed(fruit, others=False).result()
        assert found.delta is not None
        assert found.delta_ci is not None
        low, high = (math.exp(end) for end in found.delta_ci)
        assert (
            f"×{math.exp(found.delta):.2f} [×{low:.2f}, ×{high:.2f}] among {found.matched} openings like it: "
            in line(w)
        )
        assert found.verdict is not None
        assert found.verdict in shown(w).result.verdict  # type: ignore[union-attr]
        assert kept(w) == encode(found)


async def test_bf_now_is_there_before_anything_is_drawn(slow: str) -> None:
    async with workbench(slow, response="auto", plan=SMALL) as w:
        await w.press_only("1")
        await w.until(lambda: "BF now" in line(w))
        nodes = w.session.cursor, shown(w).node
        after, before = (math.exp(w.session.tree.next(node).entropy_truncated) for node in nodes)  # type: ignore[union-attr]
        assert f"“·Sure”: BF now {before:.1f} → {after:.1f}" in line(w)


async def test_the_factor_comes_over_ever_more_tokens_then_the_looks(slower: str) -> None:
    async with workbench(slower, response="auto", plan=SMALL) as w:
        seen: list[tuple[int, int]] = []
        left: list[float] = []

        def note() -> bool:
            known = list(w.workbench.now.measured.responses.values())
            result = known[0].result if known else None
            if result is not None:
                seen.append((len(result.looks), len(result.by_horizon)))
                if known[0].left is not None:
                    left.append(known[0].left)
            return bool(known) and known[0].complete

        await w.press_only("1")
        await w.until(note, 60.0)
        assert seen == sorted(seen)
        assert seen[0][0] == 0
        assert seen[-1] == (3, 3)
        # What is said to be left at most only falls.
        assert all(later <= before for before, later in pairwise(left))


async def test_the_line_stays_with_its_text(fruit: str) -> None:
    async with workbench(fruit, response="auto", plan=SMALL) as w:
        await w.press("1")
        await w.measured()
        told_once = line(w)
        await w.press("g", "g")
        assert line(w) == told_once
        await w.press("left", "left", "left")
        assert line(w) == told_once
        await w.press("g")
        assert "BF now" not in line(w)
        await w.press("left", "1")
        await w.measured()
        assert line(w) == told_once
        assert len(w.session.experiments.responses) == 1


async def test_every_way_of_forcing_is_measured(fruit: str) -> None:
    async with workbench(fruit, response="auto", plan=SMALL) as w:
        await w.press("enter")
        await w.measured()
        assert f"“{w.tokens[0].replace(' ', '·')}”: BF now" in line(w)
        await w.press("left", "f", "space", "S", "u", "r", "e", "exclamation_mark", "enter")
        await w.measured()
        assert "“·Sure!”" in line(w)
        await w.press("f", "space", "a", "enter")
        await w.measured()
        assert "“·a”" in line(w)


async def test_the_setting_is_in_the_palette(fruit: str) -> None:
    async with workbench(fruit, response="auto") as w:
        for name in ("response off", "response auto"):
            found = {each.title: each.callback for each in w.app.get_system_commands(w.bench)}
            found[name]()
            assert name in w.notice
        assert w.workbench.now.automatic


async def test_undo_does_not_take_measurements_away(fruit: str) -> None:
    async with workbench(fruit, response="auto", plan=SMALL) as w:
        await w.press("1")
        await w.measured()
        told_once = line(w)
        w.workbench.send(commands.Undo())
        await w.settled()
        assert line(w) == told_once


# Stopping and going on ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("processes")
async def test_a_stopped_one_goes_on_to_what_it_would_have_been(slow: str) -> None:
    async with workbench(slow, response="auto", plan=SMALL) as w:
        await w.press_only("1")
        await begun(w)
        await w.press_only("escape")
        await w.until(lambda: not w.workbench.measuring and not w.workbench.working)
        assert "E goes on" in line(w)
        assert not shown(w).complete
        assert kept(w)["by_horizon"]
        await w.press("escape", "E")
        await w.measured()
        assert "esc back " in w.screen()
        assert kept(w) == encode(undisturbed(slow).result())
        await w.press("escape")
        assert "among 12 openings like it" in line(w)


async def test_another_force_has_it_wait_and_coming_back_goes_on(slow: str) -> None:
    async with workbench(slow, response="auto", plan=SMALL) as w:
        await w.press_only("1")
        await begun(w)
        await w.press("left", "2")
        await w.until(lambda: "“·Thank·you”" in line(w))
        first, second = w.session.experiments.responses
        assert (len(first.token_ids), len(second.token_ids)) == (1, 2)
        assert [each.name for each in w.workbench.now.measured.running] == ["response"]
        await w.measured()
        assert second.done
        await w.press("left", "left", "1")
        await w.measured()
        assert w.session.experiments.responses == [first, second]
        assert first.done
        assert encode(first.result()) == encode(undisturbed(slow, others=False).result())


async def test_it_waits_when_its_time_is_spent(slow: str) -> None:
    plan = ResponsePlan(16, 16, seconds=0.2)
    async with workbench(slow, response="auto", plan=plan) as w:
        await w.press_only("1")
        await w.until(lambda: w.workbench.measuring)
        await w.measured()
        assert shown(w).paused
        assert "E goes on" in line(w)
        (response,) = w.session.experiments.responses
        assert response.seconds >= 0.2
        # Whatever else is measured takes what it holds of the model.
        await w.press("a")
        await w.measured()
        await w.press("E")
        await w.measured()
        assert kept(w) == encode(undisturbed(slow).result())


@pytest.mark.parametrize("asked", [False, True])
async def test_a_session_that_is_taken_up_goes_on_with_it(
    slow: str, tmp_path: Path, asked: bool
) -> None:
    folder = tmp_path / "kept"
    async with workbench(slow, response="auto", plan=SMALL, state_dir=lambda: folder) as w:
        await w.press_only("1")
        await begun(w)
        if asked:
            await w.press_only("E")
    saved = read_saved(latest(folder))
    assert saved.prompt is not None
    async with workbench(
        slow, prompt=saved.prompt.text, resumed=saved, state_dir=lambda: folder
    ) as w:
        assert "E goes on" in line(w)
        known = shown(w).result
        assert known is not None
        assert known.by_horizon
        await w.press("E")
        await w.measured()
        assert kept(w) == encode(undisturbed(slow).result())


@pytest.mark.usefixtures("processes")
async def test_what_a_killed_worker_leaves_is_shown_and_goes_on(slow: str) -> None:
    async with workbench(slow, response="auto", plan=SMALL) as w:
        await w.press_only("1")
        await begun(w)
        os.kill(w.session.model.client.pid, signal.SIGKILL)  # type: ignore[attr-defined]
        await w.until(lambda: w.workbench.now.status is Status.FAILED)
        assert not shown(w).running
        assert "by noise" in line(w) or "×" in line(w)
        await w.press("ctrl+r")
        await w.until(lambda: w.workbench.now.status is Status.READY)
        await w.press("escape", "E")
        await w.measured()
        assert kept(w) == encode(undisturbed(slow).result())


async def test_another_model_leaves_it_in_the_session_before(
    slow: str, fruit: str, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    async with workbench(slow, response="auto", plan=SMALL, state_dir=lambda: folder) as w:
        await w.press_only("1")
        await begun(w)
        w.workbench.open_other(fruit)
        await w.until(
            lambda: w.workbench.now.source == fruit and w.workbench.now.status is Status.READY
        )
        assert not w.workbench.now.measured.responses
        (path,) = [each for each in folder.iterdir() if "slow" in each.read_text()]
        measured = [row for row in path.read_text().splitlines() if '"response"' in row]
        assert measured


async def test_only_the_latest_responses_hold_their_samples(
    fruit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responding, "_HELD", 2)
    async with workbench(fruit, response="auto", plan=SMALL) as w:
        for key in "123":
            await w.press(key)
            await w.measured()
            await w.press(*["left"] * len(w.tokens))
        assert len(w.session.experiments.responses) == 2
        assert len(w.workbench.now.measured.responses) == 3
        # What is not held any more is taken up from the trace.
        await w.press("1", "E")
        await w.measured()
        assert len([each for each in w.session.experiments.responses if each.done]) == 2
        assert shown(w).complete


async def test_under_another_sampler_it_is_another_one(fruit: str) -> None:
    async with workbench(fruit, response="auto", plan=SMALL) as w:
        await w.press("1")
        await w.measured()
        told_once = line(w)
        w.workbench.send(commands.SetSampler(top_p=0.5))
        await w.settled()
        assert "BF now" not in line(w)
        await w.press("E")
        await w.measured()
        await w.press("escape")
        assert line(w) != told_once
        assert len(w.workbench.now.measured.responses) == 2
        w.workbench.send(commands.Undo())
        await w.settled()
        assert line(w) == told_once


# Its size -------------------------------------------------------------------------------------------------------


async def test_before_it_begins_the_keys_change_what_is_planned(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("1", "g")
        assert not w.workbench.measuring
        assert "BF now" not in line(w)
        await w.press("E")
        assert isinstance(w.app.screen, ResponseScreen)
        assert "32 samples of up to 32 tokens after “·Sure”" in w.screen()
        assert "E begins · how long it takes is known when some were drawn" in w.screen()
        await w.press("-", "[", "[")
        assert "16 samples of up to 10 tokens" in w.screen()
        assert not w.session.experiments.responses
        await w.press("E")
        await w.measured()
        assert shown(w).settings.looks == (4, 12, 16)
        assert shown(w).settings.horizon == 10
        await w.press("E")
        assert w.app.screen is w.bench


async def test_how_long_it_takes_is_said_before_it_begins(slower: str) -> None:
    async with workbench(slower, response="auto", plan=SMALL) as w:
        await w.press("1")
        await w.until(lambda: w.workbench.now.measured.speed is not None, 60.0)
        w.workbench.respond_by_itself(False)
        await w.press("left", "2", "E")
        assert "E begins · at most " in w.screen()


async def test_more_samples_and_longer_ones_are_added_without_a_verdict(fruit: str) -> None:
    async with workbench(fruit, response="auto", plan=SMALL, size=(120, 60)) as w:
        await w.press("1")
        await w.measured()
        judged = shown(w).result
        assert judged is not None
        await w.press("E")
        await w.measured()
        await w.press("=")
        await w.measured()
        await w.press("]")
        await w.measured()
        found = shown(w).result
        assert found is not None
        assert (found.verdict, found.looks, found.delta) == (
            judged.verdict,
            judged.looks,
            judged.delta,
        )
        assert found.extended is not None
        assert (found.extended.samples, found.extended.horizon) == (32, 20)
        assert f" 32 × 20    ×{math.exp(found.extended.delta):.2f} " in w.screen()
        assert "- = 32 samples" in w.screen()
        await w.press("-")
        assert "what was begun stays" in w.screen()


async def test_what_was_added_half_way_goes_on_in_another_run(slow: str, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    async with workbench(slow, response="auto", plan=SMALL, state_dir=lambda: folder) as w:
        await w.press("1", "E")
        await w.measured()
        await w.press("=")
        await w.until(lambda: w.workbench.measuring)
        await w.press_only("escape")
        await w.press_only("escape")
        await w.until(lambda: shown(w).paused)
    saved = read_saved(latest(folder))
    assert saved.prompt is not None
    async with workbench(
        slow, prompt=saved.prompt.text, resumed=saved, state_dir=lambda: folder
    ) as w:
        assert shown(w).wanted == (32, 16)
        await w.press("E")
        await w.measured()
        found = shown(w).result
        assert shown(w).complete
        assert found is not None
        assert found.extended is not None
        assert (found.extended.samples, found.extended.horizon) == (32, 16)


async def test_other_controls_half_way_go_on_in_another_run(slow: str, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    async with workbench(slow, response="auto", plan=SMALL, state_dir=lambda: folder) as w:
        await w.press("1")
        await w.measured()
        await w.press_only("E")
        await w.until(lambda: "other controls" in shown(w).doing)
        (response,) = w.session.experiments.responses
        before = response.tokens
        await w.until(lambda: response.tokens > before)
    saved = read_saved(latest(folder))
    assert saved.prompt is not None
    async with workbench(
        slow, prompt=saved.prompt.text, resumed=saved, state_dir=lambda: folder
    ) as w:
        assert shown(w).paused
        await w.press("E")
        await w.measured()
        assert kept(w) == encode(undisturbed(slow).result())


async def test_before_the_first_look_the_chart_says_over_how_much_it_is(slower: str) -> None:
    plan = ResponsePlan(32, 16)
    async with workbench(slower, response="auto", plan=plan, size=(120, 60)) as w:
        await w.press_only("1")
        await begun(w)
        await w.press_only("escape")
        await w.until(lambda: shown(w).paused)
        result = shown(w).result
        assert result is not None
        assert not result.looks
        told = result.by_horizon[-1]
        assert result.size == (told.samples, told.tokens)
        w.app.push_screen(
            ResponseScreen(w.workbench, w.bench.view, w.bench.palette, 0, (14,), shown(w).end)
        )
        await w.settled()
        of = "sample" if told.samples == 1 else "samples"
        assert f"over {told.tokens} tokens in {told.samples} {of}" in w.screen()


async def test_a_full_disk_is_said_and_loses_nothing_of_a_response(
    fruit: str, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    async with workbench(fruit, response="off", plan=SMALL, state_dir=lambda: folder) as w:
        await w.press("1", "E")
        assert w.workbench.now.journal is not None
        journal = w.workbench.now.journal.path
        with files_of_at_most(journal.stat().st_size + 100):
            await w.press_only("E")
            await w.measured()
            assert "File too large" in w.notice
            assert shown(w).complete
            assert kept(w) == encode(undisturbed(fruit).result())
        # Where there is room again, what had to wait is written with what comes next.
        await w.press("escape", "space")
    saved = read_saved(journal)
    (found,) = (each for each in saved.player.measurements if each["kind"] == "response")
    assert found["result"]["verdict"] == undisturbed(fruit).result().verdict


async def test_a_horizon_that_has_no_room_is_told(tmp_path: Path) -> None:
    model = table(tmp_path / "short.json", rules=opening(), n_ctx=24)
    async with workbench(model, response="auto") as w:
        await w.press("1")
        await w.measured()
        assert "response: a horizon of 32 tokens is past the end of the context" in w.notice
        assert w.tokens == [" Sure"]
        await w.press("E")
        assert "a horizon of 32 tokens is past the end" in w.screen()
        await w.press("[", "[", "E")
        await w.measured()
        assert shown(w).settings.horizon == 10
        await w.press("]")
        assert "a horizon of 20 tokens is past the end" in w.screen()
        assert shown(w).complete


async def test_a_text_of_200_tokens(tmp_path: Path) -> None:
    endless = {" a": 0.3, " fruit": 0.3, " fig": 0.3}
    model = table(tmp_path / "long.json", rules={}, default=endless, n_ctx=1024)
    plan = ResponsePlan(samples=8, horizon=4)
    async with workbench(model, response="auto", plan=plan) as w:
        w.workbench.send(commands.Force(" a" * 200))
        await w.settled()
        await w.measured()
        assert len(shown(w).settings.token_ids) == 200
        assert shown(w).complete
        await w.press("E")
        await w.measured()
        assert "now      BF " in w.screen()


async def test_too_few_controls_are_undecided_with_the_reason(tmp_path: Path) -> None:
    alone = {'["A:"]': {" Sure": 0.96}}
    async with workbench(table(tmp_path / "sure.json", rules=alone), response="auto") as w:
        await w.press("1")
        await w.measured()
        assert "undecided, only" in line(w)


async def test_a_forced_end_is_not_measured(fruit: str) -> None:
    async with workbench(fruit, prompt="A:.", response="auto") as w:
        await w.press("enter")
        await w.measured()
        assert w.session.ended
        assert not w.session.experiments.responses
        await w.press("E")
        assert "the forced text ends the text" in w.notice


# The screen -----------------------------------------------------------------------------------------------------


async def test_the_screen_holds_every_kind_of_controls(fruit: str) -> None:
    async with workbench(fruit, response="auto", plan=SMALL, size=(120, 90)) as w:
        await w.press("1")
        await w.measured()
        await w.press("E")
        await w.measured()
        screen = w.screen()
        for kind in ("free", "neutral", "random"):
            assert f"{kind} " in screen, kind
        result = shown(w).result
        assert result is not None
        found = {each.kind: each for each in result.controls}
        free = found["free"].delta
        assert free is not None
        assert f"×{math.exp(free):.2f}" in screen
        assert "the model might have written" in screen or "noise" in screen
        rows = screen.splitlines()
        # Every control has its row with its own BF, the forced text the first.
        for text, bf in zip(found["matched"].texts, found["matched"].bfs, strict=True):
            assert any(text.replace(" ", "·") in row and f"{bf:.2f}" in row for row in rows), text
        assert "ln P " in screen
        assert kept(w) == encode(undisturbed(fruit).result())


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 36)])
async def test_it_is_read_on_every_size(fruit: str, size: tuple[int, int]) -> None:
    async with workbench(fruit, response="auto", plan=SMALL, size=size) as w:
        await w.press("1")
        await w.measured()
        await w.press("E")
        await w.measured()
        seen = [w.screen()]
        for _ in range(12):
            await w.press("pagedown")
            seen.append(w.screen())
        whole = "\n".join(seen)
        for part in ("now ", "then ", "looks [", "┊", "random", "by sampling"):
            assert part in whole, part


async def test_nothing_moves_while_numbers_come(slow: str) -> None:
    async with workbench(slow, response="auto", plan=SMALL) as w:
        await w.press_only("1")
        await begun(w)
        await w.press_only("E")
        await w.until(lambda: isinstance(w.app.screen, ResponseScreen))
        places: set[tuple[int, ...]] = set()

        def note() -> bool:
            rows = [
                "".join(text for _, text in parts)
                for parts in w.app.screen.query_one(ResponsePane).lines
            ]
            places.add(
                tuple(
                    next((at for at, row in enumerate(rows) if row.startswith(part)), -1)
                    for part in ("now", "then", "work", "like it", "factor", "BF after each")
                )
            )
            return shown(w).complete

        await w.until(note, 60.0)
        assert len(places) == 1


async def test_it_is_explained_in_plain_words_first(fruit: str) -> None:
    async with workbench(fruit, response="auto", plan=SMALL, size=(120, 60)) as w:
        await w.press("1", "r")
        await w.measured()
        await w.press("K")
        assert "rollouts BF" in w.screen()
        assert "exp of the mean over continuations" in w.screen()
        await w.press("escape", "escape", "E")
        await w.measured()
        await w.press("K")
        seen = w.screen()
        plain, formula = seen.find("Narrows: after the forced text"), seen.find("ln BF(forced)")
        assert 0 <= plain < formula
        await w.press("escape", "escape", "tab", "tab", "K")
        seen = w.screen()
        await w.press("pagedown", "pagedown", "pagedown", "pagedown")
        assert "Narrows: after the forced text" in seen + w.screen()
        await w.press("escape", "shift+tab", "shift+tab", "left", "a")
        await w.measured()
        await w.press("K")
        assert "BF after" in w.screen()


async def test_the_line_has_forms_for_every_width(slow: str) -> None:
    async with workbench(slow, response="auto", plan=SMALL) as w:
        await w.press_only("1")
        await begun(w)
        assert w.bench.view is not None
        for until in ("begun", "stopped", "complete"):
            if until == "stopped":
                await w.press_only("escape")
                await w.until(lambda: not w.workbench.measuring and not w.workbench.working)
            elif until == "complete":
                await w.press("escape", "E")
                await w.measured()
            forms = told(w.bench.view, shown(w))
            assert forms.whole
            assert all("BF now" in form for form in forms.whole)
            assert all(
                len(a) >= len(b) for each in (forms.whole, forms.short) for a, b in pairwise(each)
            )
            assert min(map(len, forms.short)) <= 60
