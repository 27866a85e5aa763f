"""All words of the style palette at one place: ranked, live, stopped and taken up, in two models side by side."""

from __future__ import annotations

import os
import signal
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import bftui
from bftui.core.sampler import Sampler
from bftui.measures.response import Response
from bftui.measures.response_series import ResponseSeries
from bftui.measures.response_state import Setup
from bftui.measures.site import prompt_site
from bftui.results.codec import encode
from bftui.session.records.resume import read_saved
from bftui.session.session import Session
from bftui.trace.journals import latest
from bftui.ui.screens.response_screen import ResponseScreen
from bftui.ui.screens.words_screen import WordsScreen
from bftui.workbench.settings import PartnerSettings, ResponsePlan
from tests.ui.driver import PROMPT, TEXT, WORDS, Driver, check, lines, rules, table, workbench
from tests.ui.test_replay import replayed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bftui.results.response_result import ResponseResult
    from bftui.workbench.words_shown import WordsShown

SMALL = ResponsePlan(samples=8, horizon=8)
SETUP = Setup((4, 8), 8, others=False, early=False)
PALETTE = ("Sure", "Here", "The", "fig")
BYTES = [bytes([byte]) for byte in range(128, 256)]


def opening() -> dict[str, dict[str, float]]:
    """The little grammar with so many beginnings that there are matched controls enough."""
    after = dict.fromkeys((f" {word}" for word in [*WORDS[:6], *TEXT[:10]]), 0.055)
    return {**rules(), '["A:"]': after}


@pytest.fixture
def fruit(tmp_path: Path) -> str:
    return table(tmp_path / "fruit.json", rules=opening(), tokens=BYTES)


@pytest.fixture
def slow(tmp_path: Path) -> str:
    """The same with a pause in every evaluation, so that it can be stopped in the middle."""
    return table(tmp_path / "slow.json", rules=opening(), tokens=BYTES, step_ms=2)


@pytest.fixture
def helper(tmp_path: Path) -> str:
    """A partner with the same vocabulary that goes on otherwise."""
    return table(
        tmp_path / "helper.json",
        name="helper",
        rules=opening(),
        tokens=BYTES,
        default={" a": 0.5, ".": 0.4},
    )


@pytest.fixture
def foreign(tmp_path: Path) -> str:
    """A partner that splits text in another way."""
    model = table(
        tmp_path / "foreign.json",
        name="foreign",
        rules=opening(),
        tokens=BYTES,
        default={" a": 0.5, ".": 0.4},
    )
    path = tmp_path / "foreign.json"
    path.write_text(path.read_text().replace(" Sure", " Sur"))
    return model


@asynccontextmanager
async def opened(model: str, **settings: Any) -> AsyncIterator[Driver]:
    """A workbench with a small plan and a small palette."""
    async with workbench(model, **{"plan": SMALL, "words": PALETTE, **settings}) as w:
        if "partner" in settings:
            await w.partnered()
        yield w


def found(w: Driver) -> WordsShown:
    """All words at the cursor."""
    assert w.bench.view is not None
    known = w.bench.view.worded
    assert known is not None
    return known


async def looked(w: Driver, count: int = 1) -> None:
    """Waits until so many looks are done at every word."""
    await w.until(
        lambda: any(each.done >= count for each in w.workbench.now.measured.words.values()), 60.0
    )


def undisturbed(model: str, words: Sequence[str] = PALETTE) -> list[dict[str, Any]]:
    """The same from the interface for programs, with nothing in between."""
    with bftui.open_model(model) as loaded:
        session = Session(loaded, PROMPT)
        begin = session.experiments.start_response
        series = ResponseSeries([begin(f" {word}", setup=SETUP) for word in words])
        series.finish()
        return [plain(each) for each in series.results()]


def plain(result: ResponseResult | None) -> dict[str, Any]:
    """A result without what was drawn."""
    assert result is not None
    return encode(replace(result, drawn=()))


def kept(w: Driver, kind: str = "response") -> list[dict[str, Any]]:
    """What the trace holds, without what was drawn."""
    measured = w.session.trace().as_dict()["measurements"]
    results = [dict(each["result"]) for each in measured if each["kind"] == kind]
    assert all(each.pop("drawn") for each in results)
    return results


# The table ------------------------------------------------------------------------------------------------------


async def test_the_numbers_are_those_of_the_api_and_the_narrowest_is_first(fruit: str) -> None:
    async with opened(fruit) as w:
        await w.press("W")
        assert isinstance(w.app.screen, WordsScreen)
        assert not w.workbench.now.measured.words
        await w.press("W")
        await w.measured()
        shown = found(w)
        assert shown.complete
        assert [plain(each.result) for each in shown.words] == undisturbed(fruit)
        assert kept(w) == undisturbed(fruit)
        ratios = [each.result.delta for each in shown.ranked() if each.result is not None]
        assert ratios == sorted(ratios, key=float)  # type: ignore[arg-type]
        rows = lines(w.app.screen.listed())
        for place, word in enumerate(shown.ranked(), start=1):
            assert word.result is not None
            assert w.bench.now.text(word.ids) in rows[1 + place]
            assert f"{word.result.p_holm:.3f}" in rows[1 + place] or "<.001" in rows[1 + place]
            assert str(word.result.verdict) in rows[1 + place]
            assert f"{word.result.forced.logprob:.1f}" in rows[1 + place]


async def test_all_first_looks_come_first_and_no_verdict_before_the_last(slow: str) -> None:
    async with opened(slow) as w:
        await w.press("W")
        await w.press_only("W")
        seen: set[tuple[int, ...]] = set()
        screens: set[str] = set()

        def note() -> bool:
            known = list(w.workbench.now.measured.words.values())
            if known:
                seen.add(tuple(each.looks for each in known[0].words))
                if not known[0].judged:
                    screens.add(w.screen())
            return bool(known) and known[0].complete

        await w.until(note, 60.0)
        assert all(max(looks) - min(looks) <= 1 for looks in seen)
        assert screens
        # The last frame before the end is drawn before what it shows is published.
        told = [each for each in screens if "look 1 of 2" in each or "look 0 of 2" in each]
        assert told
        for each in told:
            assert not any(word in each for word in ("no effect", "narrows most,", "undecided"))
        assert "look 1 of 2" not in w.screen()


async def test_the_cost_is_said_before_it_starts_where_a_speed_is_known(tmp_path: Path) -> None:
    model = table(tmp_path / "slower.json", rules=opening(), step_ms=15)
    async with opened(model, response="auto", plan=ResponsePlan(16, 20)) as w:
        await w.press("W")
        assert "known when some were drawn" in w.screen()
        await w.press("equals_sign", "right_square_bracket")
        assert "32 samples of up to 32 tokens" in w.screen()
        await w.press("minus", "left_square_bracket", "escape", "1")
        await w.measured()
        await w.press("left", "W")
        assert w.workbench.now.measured.speed is not None
        assert "at most" in w.screen()
        await w.press_only("W")
        await looked(w)
        assert "more" in w.screen()


async def test_what_cannot_be_measured_is_listed_with_why(tmp_path: Path) -> None:
    model = table(tmp_path / "bare.json", rules=opening())
    async with opened(model, words=("Sure", "é", "Sure")) as w:
        await w.press("W", "W")
        await w.measured()
        shown = found(w)
        assert len(shown.words) == 1
        (accent, why), (again, same) = shown.left_out[0], shown.left_out[-1]
        assert accent == " é"
        assert why
        assert (again, same) == (" Sure", "the same text is listed already")
        assert why[:20] in w.screen()
        await w.press("end", "enter")
        assert "listed already" in w.screen()


async def test_where_no_word_can_be_measured_that_is_said(tmp_path: Path) -> None:
    model = table(tmp_path / "bare.json", rules=opening())
    async with opened(model, words=("é",)) as w:
        await w.press("W", "W")
        assert "no word of the palette can be measured here" in w.screen()


async def test_enter_forces_the_word_and_shows_its_own_response(fruit: str) -> None:
    async with opened(fruit) as w:
        await w.press("W", "W")
        await w.measured()
        ranked = found(w).ranked()
        await w.press("down", "enter")
        await w.until(lambda: isinstance(w.app.screen, ResponseScreen))
        await w.measured()
        first = w.session.tree.path(w.session.cursor)[1:]
        assert tuple(w.session.tree.token_id(node) for node in first) == ranked[1].ids
        (own,) = w.workbench.now.measured.responses.values()
        assert own.result is not None
        assert own.result.delta == ranked[1].result.looks[len(own.result.looks) - 1].delta  # type: ignore[union-attr]
        # Back at the place the table is there.
        await w.press("escape", "left", "W")
        assert found(w).complete
        await w.press("down", "enter")
        await w.until(lambda: isinstance(w.app.screen, ResponseScreen))


@pytest.mark.parametrize("size", [(50, 14), (80, 24), (120, 36), (200, 50)])
async def test_it_fits_whatever_the_words_are(
    fruit: str, helper: str, size: tuple[int, int]
) -> None:
    words = (
        "Sure",
        "\x1b[31mred[/b]",
        "\u202edrawkcab",
        "🍏 and some more words than fit there",
        "é",
    )
    async with opened(
        fruit, partner=PartnerSettings(helper), size=size, words=words, plan=ResponsePlan(2, 4)
    ) as w:
        await w.press("W")
        check(w, "before")
        await w.press("W")
        await w.measured()
        for key in ("down", "down", "down", "down", "end", "home"):
            await w.press(key)
            check(w, key)
        await w.press("escape")
        w.workbench.part()
        await w.settled()
        await w.press("W")
        check(w, "alone")


async def test_k_explains_the_table(fruit: str) -> None:
    async with opened(fruit, size=(120, 50)) as w:
        await w.press("W", "K")
        assert "all words" in w.screen()
        assert "Holm" in w.screen()


# Stopping and going on ------------------------------------------------------------------------------------------


async def test_a_stopped_one_goes_on_to_what_it_would_have_been(slow: str) -> None:
    async with opened(slow) as w:
        await w.press("W")
        await w.press_only("W")
        await looked(w)
        await w.press("escape")
        await w.press_only("escape")
        await w.until(lambda: not w.workbench.measuring and not w.workbench.working)
        assert "W goes on" in w.notice
        assert not found(w).complete
        # Elsewhere something else is measured meanwhile.
        await w.press("space", "a")
        await w.measured()
        await w.press("left", "W")
        assert "W goes on" in w.screen()
        await w.press("W")
        await w.measured()
        assert kept(w) == undisturbed(slow)


async def test_a_force_has_it_wait_and_the_key_goes_on(slow: str) -> None:
    async with opened(slow, response="auto") as w:
        await w.press("W")
        await w.press_only("W")
        await looked(w)
        await w.press("escape", "1")
        await w.until(lambda: not found_at(w, 0).running)
        await w.measured()
        await w.press("left", "W", "W")
        await w.measured()
        assert [plain(each.result) for each in found(w).words] == undisturbed(slow)


def found_at(w: Driver, node: int) -> WordsShown:
    """All words at a node, under the first sampler."""
    return w.workbench.now.measured.words[node, 0]


async def test_a_session_that_is_taken_up_goes_on_with_it(slow: str, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    async with opened(slow, state_dir=lambda: folder) as w:
        await w.press("W")
        await w.press_only("W")
        await looked(w)
    saved = read_saved(latest(folder))
    assert saved.prompt is not None
    async with opened(slow, prompt=saved.prompt.text, resumed=saved, state_dir=lambda: folder) as w:
        shown = found(w)
        assert shown.paused
        assert shown.done >= 1
        await w.press("W")
        assert "W goes on" in w.screen()
        await w.press("W")
        await w.measured()
        assert kept(w) == undisturbed(slow)


async def test_a_replay_shows_what_was_measured(fruit: str, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    async with opened(fruit, trace=path) as w:
        await w.press("W", "W")
        await w.measured()
        await w.press("escape", "e")
        await w.settled()
        before = found(w)
    async with replayed(path) as w:
        await w.press("W")
        shown = found(w)
        assert [each.ids for each in shown.ranked()] == [each.ids for each in before.ranked()]
        assert [each.result.verdict for each in shown.words if each.result] == [
            each.result.verdict for each in before.words if each.result
        ]
        assert not shown.paused
        assert "Thank" not in w.screen()
        await w.press("enter")
        assert "was not forced here" in w.screen()


# In two models --------------------------------------------------------------------------------------------------


def alone(
    partner: str,
    prefix: Sequence[int],
    forced: Sequence[Sequence[int]],
    setup: Setup = SETUP,
) -> list[Any]:
    """The responses of a model to texts after a prompt of these tokens, with nothing beside it."""
    with (
        bftui.open_model(partner) as loaded,
        prompt_site(loaded, prefix, Sampler()) as site,
    ):
        series = ResponseSeries([Response(site, ids, (), setup) for ids in forced])
        series.finish()
        return [plain(each) for each in series.results()]


@pytest.mark.parametrize("which", ["helper", "foreign"])
async def test_the_partners_column_is_what_it_would_be_alone(
    fruit: str, which: str, request: pytest.FixtureRequest
) -> None:
    partner: str = request.getfixturevalue(which)
    async with opened(fruit, partner=PartnerSettings(partner)) as w:
        await w.press("W", "W")
        await w.measured()
        shown, beside = found(w), w.session.partner
        assert beside is not None
        prefix = beside.prefix(shown.node)
        forced = [beside.forced(shown.node, f" {word}") for word in PALETTE]
        if which == "foreign":
            assert len(forced[0]) == 2
        theirs = [each.partner.result for each in shown.words if each.partner is not None]
        expected = alone(partner, prefix, forced)
        assert [plain(each) for each in theirs] == expected
        assert kept(w, "partner_response") == expected
        assert [plain(each.result) for each in shown.words] == undisturbed(fruit)
        assert which in w.screen()
        assert shown.partner_judged


async def test_the_partner_goes_on_in_a_session_that_is_taken_up(
    slow: str, helper: str, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    wanted = PartnerSettings(helper)
    async with opened(slow, partner=wanted, state_dir=lambda: folder) as w:
        await w.press("W")
        await w.press_only("W")
        await w.until(
            lambda: any(
                each.words[-1].partner and each.words[-1].partner.result
                for each in w.workbench.now.measured.words.values()
            ),
            60.0,
        )
    saved = read_saved(latest(folder))
    assert saved.prompt is not None
    async with opened(
        slow, partner=wanted, prompt=saved.prompt.text, resumed=saved, state_dir=lambda: folder
    ) as w:
        assert found(w).partner == "helper"
        await w.press("W", "W")
        await w.measured()
        beside = w.session.partner
        assert beside is not None
        forced = [beside.forced(0, f" {word}") for word in PALETTE]
        assert kept(w, "partner_response") == alone(helper, beside.prefix(0), forced)
        assert kept(w) == undisturbed(slow)


@pytest.mark.usefixtures("processes")
async def test_a_partner_that_dies_leaves_the_other_column(slow: str, tmp_path: Path) -> None:
    dying = table(tmp_path / "d.json", name="dying", rules=opening(), tokens=BYTES, step_ms=2)
    async with opened(slow, partner=PartnerSettings(dying)) as w:
        await w.press("W")
        await w.press_only("W")
        await looked(w)
        assert w.session.partner is not None
        os.kill(w.session.partner.model.client.pid, signal.SIGKILL)  # type: ignore[attr-defined]
        await w.measured()
        shown = found(w)
        assert shown.judged
        assert shown.error
        assert [plain(each.result) for each in shown.words] == undisturbed(slow)


async def test_a_partner_that_is_taken_away_takes_its_column_along(fruit: str, helper: str) -> None:
    async with opened(fruit, partner=PartnerSettings(helper)) as w:
        await w.press("W", "W")
        await w.measured()
        await w.press("escape")
        w.workbench.part()
        await w.settled()
        w.workbench.respond_to_words(0, PALETTE)
        await w.measured()
        assert not found(w).partner
        assert kept(w) == undisturbed(fruit)


async def test_a_text_that_the_partner_cannot_be_given_is_said(fruit: str, foreign: str) -> None:
    async with opened(fruit, partner=PartnerSettings(foreign)) as w:
        # Half a character goes to no model with another vocabulary.
        half = w.session.model.tokenize("é")[:1]
        w.session.force(ids=half)
        await w.press("space", "left", "W", "W")
        await w.measured()
        assert found(w).error
        assert found(w).judged
        assert "partner" in w.screen()


# The partner beside a single text -------------------------------------------------------------------------------


async def test_the_response_of_a_single_text_has_the_partners_beside_it(
    fruit: str, helper: str, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    async with opened(fruit, partner=PartnerSettings(helper), state_dir=lambda: folder) as w:
        await w.press("3")
        w.workbench.plan_responses(SMALL)
        await w.press("E", "E")
        await w.measured()
        (shown,) = w.workbench.now.measured.beside.values()
        beside = w.session.partner
        assert beside is not None
        forced = [beside.forced(0, " The")]
        setup = replace(SETUP, early=True)
        assert [plain(shown.result)] == alone(helper, beside.prefix(0), forced, setup)
        assert "partner  in helper after “·The” BF is" in w.screen()
    saved = read_saved(latest(folder))
    assert saved.prompt is not None
    async with opened(
        fruit, prompt=saved.prompt.text, resumed=saved, state_dir=lambda: folder
    ) as w:
        await w.press("E")
        assert "partner  in helper after “·The” BF is" in w.screen()


@pytest.mark.usefixtures("processes")
async def test_a_partner_that_dies_leaves_the_response_of_a_single_text(
    slow: str, tmp_path: Path
) -> None:
    dying = table(tmp_path / "d.json", name="dying", rules=opening(), tokens=BYTES, step_ms=20)
    async with opened(slow, partner=PartnerSettings(dying)) as w:
        await w.press("3", "E")
        await w.press_only("E")
        await w.until(lambda: bool(w.workbench.now.measured.beside), 60.0)
        assert w.session.partner is not None
        os.kill(w.session.partner.model.client.pid, signal.SIGKILL)  # type: ignore[attr-defined]
        await w.measured()
        (shown,) = w.workbench.now.measured.beside.values()
        assert shown.why
        (own,) = w.workbench.now.measured.responses.values()
        assert own.complete
        assert "it is not measured" in w.screen()


# A partner that hangs -------------------------------------------------------------------------------------------


READ = 26
"""Evaluations of a partner before anything is measured in it: of its noise floor and of the prompt."""


def hanging(folder: Path, at: int) -> PartnerSettings:
    """A partner that gives no answer from an evaluation on."""
    return PartnerSettings(
        table(
            folder / "hanging.json",
            name="hanging",
            rules=opening(),
            tokens=BYTES,
            faults=[{"at": n, "kind": "hang"} for n in range(at, 999)],
        )
    )


async def hangs(w: Driver, at: int) -> None:
    """Waits until the partner was asked for what it does not answer."""
    assert w.session.partner is not None
    client = w.session.partner.model.client
    await w.until(lambda: client.evaluated() >= at, 60.0)


# The forced token is read first, then the text before it once more for what is measured.
@pytest.mark.parametrize("at", [READ + 2, READ + 5])
async def test_a_partner_that_hangs_is_stopped_as_the_model_itself(
    fruit: str, tmp_path: Path, at: int
) -> None:
    async with opened(fruit, partner=hanging(tmp_path, at), response="off") as w:
        await w.partnered(everything=True)
        await w.press("3")
        await w.partnered(everything=True)
        await w.press("E")
        await w.press_only("E")
        await hangs(w, at)
        await w.press_only("escape", "escape")
        await w.measured()
        (own,) = w.workbench.now.measured.responses.values()
        (beside,) = w.workbench.now.measured.beside.values()
        assert own.complete
        assert not beside.complete
        await w.press("left", "space")
        assert len(w.tokens) == 1


@pytest.mark.parametrize("at", [READ + 1, READ + 5])
async def test_a_partner_that_hangs_in_all_words_is_stopped(
    fruit: str, tmp_path: Path, at: int
) -> None:
    async with opened(fruit, partner=hanging(tmp_path, at), response="off") as w:
        await w.partnered(everything=True)
        await w.press("W")
        await w.press_only("W")
        await hangs(w, at)
        await w.press_only("escape", "escape")
        await w.measured()
        await w.press("space")
        assert len(w.tokens) == 1


async def test_quitting_does_not_wait_for_a_partner_that_hangs(fruit: str, tmp_path: Path) -> None:
    async with opened(fruit, partner=hanging(tmp_path, READ + 5), response="off") as w:
        await w.partnered(everything=True)
        await w.press("W")
        await w.press_only("W")
        await hangs(w, READ + 5)
        await w.press_only("escape", "q")
    # It ended by itself: nothing had to be killed, and nothing hangs on in this process.
    assert not w.workbench.measuring
