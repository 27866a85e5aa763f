"""A session in the workbench that is taken up again: what was on the screen is there, and it goes on."""

import os
import tempfile
import time
from dataclasses import replace

import pytest

from bftui.session.records.resume import read_saved
from bftui.trace.journal import Journal
from bftui.trace.journals import latest, listed
from bftui.workbench.journal_keeping import farewell
from bftui.workbench.settings import PartnerSettings
from tests.ui.driver import lines, table, workbench


async def recorded(model, folder, *keys, **settings):
    """A workbench that was used with these keys, and left; what it showed."""
    async with workbench(model, state_dir=lambda: folder, **settings) as driver:
        for key in keys:
            await driver.press(key)
            await driver.measured()
        return shown(driver), driver.tokens, driver.workbench.now.measured


def shown(driver):
    """What the panes draw."""
    return [lines(pane) for pane in driver.bench.panes]


def taken_up(model, folder, **settings):
    """The same workbench with the latest session."""
    saved = read_saved(latest(folder))
    return workbench(
        model, prompt=saved.prompt.text, resumed=saved, state_dir=lambda: folder, **settings
    )


async def test_what_was_on_the_screen_is_there_again(fruit, tmp_path):
    keys = ["1", "space", "space", "left", "g", "m", "x", "enter", "t", "escape", "a"]
    before, tokens, _ = await recorded(fruit, tmp_path / "kept", *keys)
    async with taken_up(fruit, tmp_path / "kept") as driver:
        assert shown(driver) == before
        assert driver.tokens == tokens
        assert "resumed with" in driver.notice


async def test_that_a_newer_session_still_runs_is_said(fruit, tmp_path):
    await recorded(fruit, tmp_path / "kept", "space")
    saved = replace(read_saved(latest(tmp_path / "kept")), overtaken=True)
    prompt = saved.prompt.text
    async with workbench(
        fruit, prompt=prompt, resumed=saved, state_dir=lambda: tmp_path / "kept"
    ) as driver:
        assert "one that was used later still runs elsewhere" in driver.notice


async def test_the_session_goes_on_in_the_same_journal(fruit, tmp_path):
    _, tokens, _ = await recorded(fruit, tmp_path / "kept", "1", "space")
    async with taken_up(fruit, tmp_path / "kept") as driver:
        await driver.press("space")
        went_on = driver.tokens
        assert went_on[:-1] == tokens
    kept = listed(tmp_path / "kept")
    assert [each.state for each in kept] == ["ended"]
    assert kept[0].nodes == 4
    async with taken_up(fruit, tmp_path / "kept") as driver:
        assert driver.tokens == went_on


async def test_a_resumed_session_draws_what_it_would_have_drawn(fruit, tmp_path):
    _, unbroken, _ = await recorded(fruit, tmp_path / "one", *["space"] * 6)
    await recorded(fruit, tmp_path / "two", *["space"] * 3)
    async with taken_up(fruit, tmp_path / "two") as driver:
        await driver.press(*["space"] * 3)
        assert driver.tokens == unbroken


async def test_what_was_measured_is_known_again(fruit, tmp_path):
    _, _, before = await recorded(
        fruit, tmp_path / "kept", "a", "1", "r", "escape", "E", "E", "escape"
    )
    async with taken_up(fruit, tmp_path / "kept") as driver:
        again = driver.workbench.now.measured
        assert again.looked == before.looked
        (known,), (found,) = before.responses.values(), again.responses.values()
        assert found.result == known.result
        assert again.rolled.keys() == before.rolled.keys()
        for place, each in again.rolled.items():
            assert each.result.bf == before.rolled[place].result.bf
            assert each.continuations == before.rolled[place].continuations
            assert each.curve == before.rolled[place].curve
        drawn = next(iter(again.rolled.values())).drawn
        assert found.result.controls_curve
        await driver.press("r", "r")
        await driver.measured()
        assert next(iter(driver.workbench.now.measured.rolled.values())).drawn == 2 * drawn


async def test_sampling_again_is_known_again_and_goes_on(fruit, tmp_path):
    keys = ["space", "space", "space", "left", "left", "R", "escape"]
    _, _, before = await recorded(fruit, tmp_path / "kept", *keys)
    async with taken_up(fruit, tmp_path / "kept") as driver:
        (known,), (found,) = before.rolled.values(), driver.workbench.now.measured.rolled.values()
        assert found.resampled
        assert found.compared.shared == known.compared.shared
        assert found.compared.path.token_ids == known.compared.path.token_ids
        for name in ("bf", "surprisal", "sampled", "low", "high"):
            wanted = getattr(known.compared, name)
            assert getattr(found.compared, name) == pytest.approx(wanted, abs=1e-9)
        await driver.press("R", "r")
        await driver.measured()
        (more,) = driver.workbench.now.measured.rolled.values()
        assert more.drawn == 2 * known.drawn


async def test_a_killed_session_says_what_was_left_out(fruit, tmp_path):
    await recorded(fruit, tmp_path / "kept", "1", "space")
    path = latest(tmp_path / "kept")
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b'{"end"')] + b'{"action":{"at_ms"')
    async with taken_up(fruit, tmp_path / "kept") as driver:
        assert len(driver.tokens) == 2
        assert "the last record was cut and is left out" in driver.notice


async def test_another_vocabulary_is_refused_and_the_journal_stays(fruit, tmp_path):
    await recorded(fruit, tmp_path / "kept", "1", "space")
    before = latest(tmp_path / "kept").read_bytes()
    other = table(tmp_path / "other.json", tokens=["one more"])
    async with taken_up(other, tmp_path / "kept") as driver:
        assert "another vocabulary" in driver.notice
        assert driver.workbench.now.session is None
    assert latest(tmp_path / "kept").read_bytes() == before


async def test_a_trace_goes_on_in_a_journal_of_its_own(fruit, tmp_path):
    trace = tmp_path / "trace.json"
    async with workbench(fruit, trace=trace) as driver:
        await driver.press("1", "space", "e")
        tokens = driver.tokens
    saved = read_saved(trace)
    async with workbench(fruit, resumed=saved, state_dir=lambda: tmp_path / "kept") as driver:
        assert driver.tokens == tokens
        await driver.press("space")
    async with taken_up(fruit, tmp_path / "kept") as driver:
        assert driver.tokens[:-1] == tokens


async def test_journals_that_are_too_old_go_with_a_notice(fruit, tmp_path):
    folder = tmp_path / "kept"
    Journal(folder).close()
    (old,) = folder.iterdir()
    os.utime(old, (time.time() - 365 * 86_400,) * 2)
    os.rename(old, folder / "20200101T000000Z-aaaaaa.jsonl")
    async with workbench(fruit, state_dir=lambda: folder) as driver:
        assert "removed 1 old journal" in driver.notice
        assert len(list(folder.iterdir())) == 1


async def test_the_partner_of_a_session_is_known(fruit, tmp_path):
    partner = table(tmp_path / "partner.json", name="partner")
    folder, trace = tmp_path / "kept", tmp_path / "pair.json"
    wanted = PartnerSettings(partner, template="page")
    async with workbench(fruit, partner=wanted, state_dir=lambda: folder, trace=trace) as driver:
        await driver.partnered()
        await driver.press("1", "e")
        await driver.partnered()
    for path in (latest(folder), trace):
        opening, template = read_saved(path).partner
        assert (opening.model, template) == (partner, "page")
    again = PartnerSettings(opening.model, opening.backend, opening.keywords, template=template)
    async with taken_up(fruit, folder, partner=again) as driver:
        await driver.partnered()
        assert driver.session.partner.view(driver.session.cursor).compared is not None
        driver.workbench.part()
        await driver.settled()
    assert read_saved(latest(folder)).partner is None


async def paired(fruit, tmp_path, *keys):
    """A workbench with a partner that was used with these keys; the partner, and what was known of it."""
    partner = table(tmp_path / "partner.json", name="partner", default={" fig": 0.6, ".": 0.3})
    wanted = PartnerSettings(partner)
    async with workbench(fruit, partner=wanted, state_dir=lambda: tmp_path / "kept") as driver:
        await driver.partnered()
        for key in keys:
            await driver.press(key)
            await driver.partnered()
        return wanted, driver.workbench.now.paired, dict(driver.session.partner.views)


async def test_what_was_done_with_the_partner_is_there_again(fruit, tmp_path):
    keys = ["1", "space", "left", "s", "escape", "left", "space", "b", "space"]
    wanted, before, views = await paired(fruit, tmp_path, *keys)
    async with taken_up(fruit, tmp_path / "kept", partner=wanted) as driver:
        await driver.partnered()
        again = driver.workbench.now.paired
        known, found = (each.shifted[0].result for each in (before, again))
        assert found.answer == known.answer
        assert [each.kind for each in found.positions] == [each.kind for each in known.positions]
        assert before.nudged is not None
        assert again.nudged == before.nudged
        assert driver.session.partner.views.keys() == views.keys()
        # Asked again it is shown, and its tokens can be forced.
        await driver.press("s", "enter")
        assert driver.app.screen is driver.bench
        assert driver.tokens[-1].encode() == known.positions[0].text


async def test_what_another_partner_did_is_not_shown(fruit, tmp_path):
    await paired(fruit, tmp_path, "1", "s", "escape")
    other = PartnerSettings(table(tmp_path / "other.json", name="other"))
    async with taken_up(fruit, tmp_path / "kept", partner=other) as driver:
        await driver.partnered()
        assert driver.workbench.now.paired.name == "other"
        assert driver.workbench.now.paired.shifted == {}


@pytest.mark.parametrize("removed", [False, True])
async def test_what_no_journal_holds_is_saved_when_it_is_left(
    fruit, tmp_path, monkeypatch, removed
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "rescued"))
    (tmp_path / "rescued").mkdir()
    folder = tmp_path / "kept"
    if not removed:
        folder.write_text("")
    async with workbench(fruit, state_dir=lambda: folder) as driver:
        await driver.press("space", "space")
        if removed:
            latest_running(folder).unlink()
        told = farewell(driver.session, driver.workbench.now.journal).text
    (trace,) = (tmp_path / "rescued").rglob("session.json")
    assert str(trace) in told
    assert "removed" in told if removed else "no journal" in told
    assert len(read_saved(trace).player.state.tree) == 3


def latest_running(folder):
    """The journal that is written."""
    (path,) = folder.iterdir()
    return path
