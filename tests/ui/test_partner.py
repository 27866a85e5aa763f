"""A second model beside the session: it reads along, shows where it differs, writes where the first is unsure."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bftui.ui.panes.candidates_pane import CandidateOrder
from bftui.ui.panes.nudge_panes import SurePane
from bftui.ui.panes.text_shading import Shading
from bftui.ui.screens.nudge_screen import NudgeScreen
from bftui.ui.screens.shift_screen import ShiftScreen
from bftui.workbench.settings import PartnerSettings
from bftui.workbench.snapshot import Beside
from tests.ui.driver import END, Driver, lines, table, workbench

BYTES = [bytes([byte]) for byte in range(128, 256)]
"""With these tokens a vocabulary writes any text, as it must to be compared with another."""

ANSWER = [" Sure", "!", " Here", " is", " a", " pear", "."]


def aligned(path: Path, answer: Sequence[str] = ANSWER, **fields: Any) -> str:
    """A model that always answers the same."""
    after = dict(zip(["A:", *answer], [*answer, END], strict=True))
    rules = {json.dumps([before]): {word: 0.95} for before, word in after.items()}
    return table(path, rules=rules, **{"name": "helper", "tokens": BYTES, **fields})


@pytest.fixture
def fruit(tmp_path: Path) -> str:
    """The scripted base."""
    return table(tmp_path / "fruit.json", tokens=BYTES)


@pytest.fixture
def helper(tmp_path: Path) -> str:
    """The scripted partner."""
    return aligned(tmp_path / "helper.json")


@asynccontextmanager
async def both(base: str, partner: str, **settings: Any) -> AsyncIterator[Driver]:
    """A workbench with both, when the partner has read what there is."""
    async with workbench(base, partner=PartnerSettings(partner), **settings) as w:
        await w.until(lambda: w.workbench.now.paired.state is not Beside.NONE)
        await w.partnered()
        yield w


def pid(w: Driver) -> int:
    """The process of the partner."""
    assert w.session.partner is not None
    return int(w.session.partner.model.client.pid)  # type: ignore[attr-defined]


def alive(process: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


# Beside the session ---------------------------------------------------------------------------------------------


async def test_it_reads_along_and_every_pane_shows_it(fruit: str, helper: str) -> None:
    async with both(fruit, helper) as w:
        assert "fruit ⇄ helper" in lines(w.bench.status)[0]
        assert "tokens go to it as ids" in w.notice
        rows = lines(w.bench.candidates)
        assert "#1 = unshifted" in rows[2]
        assert "#2 ≈ marginal" in rows[1]
        assert "partner" in rows[-1]
        assert "partner now" in lines(w.bench.strip)[-1]
        await w.press("g", "g")
        await w.partnered()
        partner = w.session.partner
        assert partner is not None
        found = partner.view(w.session.cursor)
        assert found is not None
        assert found.compared is not None
        (head,) = [w.session.trace().as_dict()["partner"]]
        assert head["model"]["name"] == "helper"


async def test_in_a_narrow_terminal_a_sign_stands_for_the_class(fruit: str, helper: str) -> None:
    async with both(fruit, helper, size=(80, 24)) as w:
        assert lines(w.bench.candidates)[2].rstrip("│ ").endswith("#1=")


async def test_the_text_is_shaded_by_class_and_by_who_would_write(fruit: str, helper: str) -> None:
    async with both(fruit, helper) as w:
        await w.press("g", "g", "w", "w", "w")
        assert w.bench.text_pane.shading is Shading.SHIFT
        assert "underlined shifted" in lines(w.bench.text_pane)[0]
        await w.press("w")
        assert w.bench.text_pane.shading is Shading.NUDGE
        assert "γ 0.40" in lines(w.bench.text_pane)[0]


async def test_candidates_come_in_the_partners_order(fruit: str, helper: str) -> None:
    async with both(fruit, helper) as w:
        pane = w.bench.candidates
        total = pane.count() - 1
        await w.press("S")
        assert w.notice == "candidates by the partner's rank"
        assert f"1 of {total:,} by the partner's rank" in lines(pane)[-1]
        assert pane.count() == total
        partner = w.session.partner
        assert partner is not None
        shown: list[int] = []
        for row in (0, 1, 150, total - 1):
            await w.until(lambda row=row: pane.candidate(row) is not None)  # type: ignore[misc]
            found = pane.candidate(row)
            assert found is not None
            shown.append(found.token_id)
        standings = partner.candidates(w.session.cursor, shown)
        assert standings is not None
        ranks = [each.rank for each in standings if each is not None]
        assert ranks == sorted(ranks)
        await w.press("end")
        assert f"{total:,} of {total:,} by" in lines(pane)[-1]
        await w.press("home", "enter")
        assert w.tokens == [" Sure"]
        assert "by the partner's rank" not in lines(pane)[-1]


async def test_the_order_leaves_out_what_is_not_known(fruit: str, helper: str) -> None:
    async with both(fruit, helper) as w:
        told = []
        await w.press("a")
        await w.measured()
        for _ in range(4):
            await w.press("S")
            told.append(w.notice.split(":")[0].removeprefix("candidates "))
        assert told == [
            "narrows most first",
            "opens most first",
            "by the partner's rank",
            "by rank",
        ]
        await w.press("S", "S", "S", "O", "down", "enter")
        await w.until(lambda: w.workbench.now.paired.state is Beside.NONE)
        await w.settled()
        assert "by the partner's rank" not in lines(w.bench.candidates)[-1]
        assert w.bench.candidates.order is CandidateOrder.RANK
        await w.press("left", "g", "S")
        assert "a looks at the best ones" in w.notice


async def test_without_a_partner_its_keys_say_why(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("s")
        assert w.notice == "there is no partner yet: O opens a second model"
        await w.press("w", "w", "w")
        assert w.bench.text_pane.shading is Shading.NUDGE
        assert "nudge" not in lines(w.bench.key_line)[0]


async def test_it_is_opened_and_taken_away_by_key(fruit: str, helper: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "O")
        await w.pilot.press("ctrl+u")
        await w.type(helper)
        await w.press("enter")
        await w.until(lambda: w.workbench.now.paired.ready)
        await w.partnered()
        assert "⇄ helper" in lines(w.bench.status)[0]
        await w.press("O", "down", "enter")
        await w.until(lambda: w.workbench.now.paired.state is Beside.NONE)
        assert w.session.partner is None
        await w.press("g")
        assert len(w.tokens) == 2
        assert "⇄" not in lines(w.bench.status)[0]


async def test_one_that_cannot_be_opened_leaves_the_session_alone(fruit: str) -> None:
    async with both(fruit, "no/such.gguf") as w:
        assert w.workbench.now.paired.state is Beside.FAILED
        assert "there is no model at no/such.gguf" in w.notice
        assert "partner failed" in lines(w.bench.status)[0]
        await w.press("g")
        assert len(w.tokens) == 1


@pytest.mark.usefixtures("processes")
async def test_one_that_dies_leaves_the_session_alone(fruit: str, helper: str) -> None:
    async with both(fruit, helper) as w:
        await w.press("g")
        os.kill(pid(w), signal.SIGKILL)
        # Also where nobody asks it anything.
        await w.until(lambda: w.workbench.now.paired.state is Beside.FAILED)
        await w.until(lambda: "O opens it again" in w.notice)
        assert w.session.partner is None
        await w.press("g")
        assert len(w.tokens) == 2


@pytest.mark.usefixtures("processes")
async def test_it_is_opened_behind_the_screen_and_can_be_stopped(
    fruit: str, tmp_path: Path
) -> None:
    slow = aligned(tmp_path / "slow.json", load_ms=60_000)
    async with workbench(fruit, partner=PartnerSettings(slow)) as w:
        await w.until(lambda: w.workbench.now.paired.state is Beside.LOADING)
        await w.until(lambda: "partner" in lines(w.bench.status)[0])
        await w.press("g", "s")
        assert len(w.tokens) == 1
        assert w.notice == "the partner is still loading"
        await w.press("escape", "escape")
        await w.until(lambda: w.workbench.now.paired.state is Beside.NONE, 60.0)
        await w.until(lambda: "the partner is not opened" in w.notice)
        await w.press("g")
        assert len(w.tokens) == 2


async def test_a_full_context_of_the_partner_is_said_and_goes_away(
    fruit: str, tmp_path: Path
) -> None:
    small = aligned(tmp_path / "small.json", n_ctx=20)
    async with both(fruit, small) as w:
        for _ in range(12):
            await w.press("g")
        await w.partnered()
        assert "context of 20 tokens is full" in w.workbench.now.paired.error
        assert w.workbench.now.paired.ready
        await w.press("home", *["left"] * 12)
        await w.partnered()
        assert w.workbench.now.paired.error == ""
        assert "partner now" in lines(w.bench.strip)[-1]


async def test_a_long_pass_of_the_partner_gives_way_to_keys(fruit: str, tmp_path: Path) -> None:
    slow = aligned(tmp_path / "slow.json", prefill_ms=150)
    async with workbench(fruit, partner=PartnerSettings(slow)) as w:
        await w.until(lambda: w.session.partner is not None)
        for count in range(1, 6):
            await w.press("space")
            assert len(w.tokens) == count
        await w.partnered()
        assert w.session.partner is not None
        assert w.session.partner.view(w.session.cursor) is not None


@pytest.mark.usefixtures("processes")
async def test_one_that_does_not_answer_is_ended_and_the_session_goes_on(
    fruit: str, helper: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bftui.workbench.pairing._SILENT_S", 0.2)
    async with both(fruit, helper) as w:
        await w.partnered(everything=True)
        os.kill(pid(w), signal.SIGSTOP)
        await w.press_only("g")
        await w.until(lambda: len(w.session.tree) == 2)
        for nodes in (3, 4):
            await w.press_only("g")
            await w.until(lambda nodes=nodes: len(w.session.tree) == nodes)  # type: ignore[misc]
        await w.until(lambda: w.workbench.now.paired.state is Beside.FAILED)
        await w.until(lambda: "partner failed" in lines(w.bench.status)[0])


@pytest.mark.usefixtures("processes")
async def test_no_process_is_left_of_one_that_does_not_answer(fruit: str, helper: str) -> None:
    async with both(fruit, helper) as w:
        await w.partnered(everything=True)
        left = pid(w)
        os.kill(left, signal.SIGSTOP)
        await w.press_only("g")
        await w.until(lambda: len(w.session.tree) == 2)
        w.workbench.close()
        await w.until(lambda: not alive(left))


async def test_another_vocabulary_is_handed_text(fruit: str, tmp_path: Path) -> None:
    other = aligned(tmp_path / "other.json", tokens=[*BYTES, " more", " tokens"])
    async with both(fruit, other) as w:
        assert "as text: the vocabularies differ" in w.notice
        await w.press("g", "s")
        await w.partnered()
        assert "no divergence" in w.screen()


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_two_vocabularies_leave_no_half_of_the_shift_screen_empty(
    fruit: str, tmp_path: Path, size: tuple[int, int]
) -> None:
    """There are no divergences then: P is drawn, and the columns are those of the model that wrote."""
    other = aligned(tmp_path / "other.json", tokens=[*BYTES, " more", " tokens"])
    async with both(fruit, other, size=size) as w:
        await w.press("s")
        await w.partnered()
        screen = w.screen()
        assert "█ P in fruit" in screen
        assert "own rank" in screen
        assert "KL p‖b" not in screen
        assert "–       –" not in screen
        await w.press("H")
        assert "no divergence to draw" in w.screen()
        await w.press("escape")


async def test_both_templates_stand_over_the_text(fruit: str, tmp_path: Path) -> None:
    chatty = aligned(
        tmp_path / "chat.json",
        chat_template="{% for m in messages %}{{ m['content'] }}{% endfor %}A:",
    )
    async with both(fruit, chatty, size=(80, 24)) as w:
        assert "raw ⇄ chat · 0 tokens" in lines(w.bench.text_pane)[0]
    async with workbench(chatty) as w:
        assert "chat · 0 tokens" in lines(w.bench.text_pane)[0]


async def test_another_session_gets_the_partner(fruit: str, helper: str, tmp_path: Path) -> None:
    async with both(fruit, helper) as w:
        w.workbench.open_other(table(tmp_path / "second.json", name="second", tokens=BYTES))
        await w.until(lambda: w.session.model.name == "second")
        await w.partnered()
        assert w.session.partner is not None
        assert "second ⇄ helper" in lines(w.bench.status)[0]


# Shift ----------------------------------------------------------------------------------------------------------


async def test_the_answer_is_read_and_its_shifted_tokens_are_found(
    fruit: str, tmp_path: Path
) -> None:
    answer = [" Sure", "!", " Great", " is", " a", " pear", "."]
    async with both(fruit, aligned(tmp_path / "great.json", answer)) as w:
        await w.press("s")
        await w.partnered()
        assert isinstance(w.app.screen, ShiftScreen)
        found = w.workbench.now.paired.shifted[0].result
        assert b"".join(each.text for each in found.positions) == "".join([*answer, END]).encode()
        shifted = [each for each in found.positions if each.kind == "shifted"]
        assert f"≠ shifted {len(shifted)}" in w.screen()
        await w.press("n")
        assert w.app.screen.query_one("#positions").selected == found.positions.index(shifted[0])  # type: ignore[attr-defined]
        await w.press("H", "s")
        assert "the path of fruit" in w.screen()
        await w.press("escape")
        (kept,) = w.session.trace().as_dict()["measurements"]
        assert kept["kind"] == "shift"


async def test_enter_forces_the_partners_token_after_the_common_text(
    fruit: str, helper: str
) -> None:
    async with both(fruit, helper) as w:
        await w.press("1")
        node = w.session.cursor
        await w.press("s")
        await w.partnered()
        await w.press("down", "down", "down", "enter")
        await w.settled()
        assert w.tokens == ANSWER[:4]
        path = w.session.tree.path(w.session.cursor)
        assert path[1] == node
        sources = [w.session.tree.source(each).word for each in path[1:]]
        assert sources == ["forced", "nudged", "nudged", "forced"]
        assert w.notice == "“·is” forced after 3 tokens of the partner's answer"
        await w.press("u")
        assert w.tokens == ANSWER[:3]


async def test_the_path_is_read_by_the_partner(fruit: str, helper: str) -> None:
    async with both(fruit, helper) as w:
        await w.press("g", "g")
        await w.partnered()
        first = w.session.tree.path(w.session.cursor)[0]
        await w.press("s", "s")
        await w.partnered()
        assert "rank and P in helper" in w.screen()
        await w.press("home", "enter")
        await w.settled()
        assert w.tokens == [" Sure"]
        assert w.session.tree.parent(w.session.cursor) == first


# Nudging --------------------------------------------------------------------------------------------------------


async def test_a_word_at_a_time(fruit: str, helper: str) -> None:
    async with both(fruit, helper) as w:
        await w.press("b")
        await w.until(lambda: w.workbench.now.paired.draft is not None)
        await w.settled()
        assert "the partner: ◇·Sure!" in w.screen()
        await w.press("enter")
        await w.partnered()
        assert w.tokens == [" Sure", "!"]
        assert w.session.node.source == "nudged"
        await w.press("u")
        assert w.tokens == []
        await w.press("escape")
        assert w.app.screen is w.bench


async def test_both_write_until_the_partner_ends_the_text(fruit: str, helper: str) -> None:
    async with both(fruit, helper) as w:
        await w.press("b", "space")
        await w.partnered()
        shown = w.workbench.now.paired.nudged
        assert shown is not None
        found = shown.result
        assert shown.stop == "partner"
        assert f"◇ {found.share_nudged:.1%} by the partner" in w.screen()
        assert f"BF {found.bf_nudged:.2f} nudged" in w.screen()
        assert "last run, γ 0.40, from token 0: ◇" in w.screen()
        assert f"wrote {found.tokens_nudged} of them" in w.screen()
        sources = {w.session.tree.source(n).word for n in w.session.tree.path(w.session.cursor)[1:]}
        assert sources <= {"nudged", "greedy"}
        assert "nudged" in sources
        await w.press("escape")
        assert "◇" in lines(w.bench.text_pane)[2]
        assert "◇" in lines(w.bench.tree_pane)[2]


async def test_the_numbers_of_a_run_are_dim_once_text_or_gamma_are_others(
    fruit: str, helper: str
) -> None:
    async with both(fruit, helper) as w:
        await w.press("b", "space")
        await w.partnered()

        def dim() -> bool:
            pane = w.app.screen.query_one("#sure", SurePane)
            row = next(y for y, line in enumerate(lines(pane)) if "last run" in line)
            share = next(each for each in pane.render_line(row) if "◇" in each.text)
            return share.style == pane.palette.dim

        assert not dim()
        await w.press("minus")
        assert dim()
        await w.press("equals_sign")
        assert not dim()
        await w.press("left")
        await w.settled()
        assert dim()


async def test_where_the_partner_ends_the_text_it_is_nobodys_turn(fruit: str, helper: str) -> None:
    async with both(fruit, helper) as w:
        await w.press("b", "space")
        await w.partnered()
        await w.until(lambda: "the partner ends the text here" in w.screen())
        assert "turn" not in w.screen()


@pytest.mark.parametrize("key", ["s", "b"])
async def test_q_quits_from_where_two_models_are_compared(
    fruit: str, helper: str, key: str
) -> None:
    async with both(fruit, helper) as w:
        await w.press(key)
        await w.partnered()
        await w.pilot.press("q")
        assert w.app.return_code == 0
        assert not w.app.is_running


async def test_gamma_is_a_slider_and_stays(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "g", "b")
        assert isinstance(w.app.screen, NudgeScreen)
        assert "γ 0.40 · the partner would be asked at 1 of 2 tokens" in w.screen()
        assert "dry run" in w.screen()
        await w.press(*["minus"] * 4, "enter")
        assert "γ 0.20 · the partner would be asked at 0 of 2 tokens" in w.screen()
        assert "there is no partner" in w.screen()
        await w.press("escape", "b")
        assert "γ 0.20" in w.screen()


# The style palette ----------------------------------------------------------------------------------------------


async def test_its_beginnings_are_offered_as_style_words(fruit: str, helper: str) -> None:
    async with both(fruit, helper) as w:
        await w.partnered(everything=True)
        await w.until(lambda: bool(w.workbench.now.paired.words))
        commands = {each.title: each.callback for each in w.app.get_system_commands(w.bench)}
        commands["style words: the partner's"]()
        assert w.bench.words == w.workbench.now.paired.words
        await w.press("1")
        assert "".join(w.tokens).strip() == w.bench.words[0].strip()
        again = {each.title: each.callback for each in w.app.get_system_commands(w.bench)}
        again["style words: your own"]()
        assert w.bench.words == w.bench.settings.words


async def test_a_partners_name_is_text_in_the_command_palette(fruit: str, tmp_path: Path) -> None:
    async with both(fruit, aligned(tmp_path / "helper.json", name="[/b]")) as w:
        await w.partnered(everything=True)
        await w.until(lambda: bool(w.workbench.now.paired.words))
        await w.press_only("ctrl+p")
        await w.type("partner's")
        await w.until(lambda: "Force how [/b] begins answers." in w.screen())
