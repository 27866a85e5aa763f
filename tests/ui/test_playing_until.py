"""Breakpoints in the workbench: set by a key, playing stops there and says why, undo and resuming keep them."""

from __future__ import annotations

from pathlib import Path

from bftui.session.records.resume import read_saved
from bftui.trace.journals import latest
from tests.ui.driver import Driver, check, lines, table, workbench


async def entered(w: Driver, typed: str) -> None:
    await w.press("B")
    await w.type(typed)
    check(w, typed)
    await w.press("enter")
    await w.settled()


async def played(w: Driver) -> None:
    await w.press_only("p")
    await w.until(lambda: not w.workbench.now.playing)
    await w.settled()


async def test_playing_stops_where_a_condition_holds_and_says_so(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("f")
        await w.type(" Sure")
        await w.press("enter")
        w.workbench.set_rate(len(w.workbench.rates) - 1)
        await entered(w, "token:is")
        assert w.notice == "p stops at token:is"
        await played(w)
        assert w.tokens == [" Sure", "!", " Here", " is"]
        assert w.notice == "stopped at token 4 by token:is: the token is ·is"
        await entered(w, "entropy>1")
        await entered(w, "token:is")
        assert w.notice == "p stops at entropy>1"
        await played(w)
        assert w.notice.startswith(f"stopped at token {len(w.tokens)} by entropy>1: H(P) is ")
        await w.press("u", "u", "u")
        assert "playing stops at token:is" in w.notice


async def test_the_line_says_what_is_set_and_what_is_wrong(fruit: str) -> None:
    async with workbench(fruit, size=(80, 24)) as w:
        await entered(w, "bf>3")
        await w.press("B")
        assert any(
            "now: bf>3 · the same again takes it away" in line for line in w.screen().splitlines()
        )
        await w.type("bf>x")
        assert "takes a number" in w.screen()
        await w.press("enter")
        assert "takes a number" in w.notice
        assert [each.written for each in w.session.state.view.breakpoints] == ["bf>3"]
        await w.press("B")
        await w.type("fork")
        assert "there is no partner" in w.screen()
        await w.press("escape")
        await entered(w, "none")
        assert w.notice == "no breakpoints"


async def test_an_expression_that_explodes_pauses_playing(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("f")
        await w.type(" " + "a" * 40)
        await w.press("enter")
        await entered(w, r"regex:(a+)+$|(a|b|ab)*!")
        await played(w)
        assert "was ended: it takes more than 1 s" in w.notice
        await w.press("left")
        assert len(w.tokens) == len(w.session.tree.path(w.session.cursor)) - 1


async def test_a_fork_waits_for_the_partner(fruit: str, tmp_path: Path) -> None:
    other = table(tmp_path / "other.json", rules={'["!"]': {" Great": 0.9}})
    async with workbench(fruit) as w:
        w.workbench.set_rate(len(w.workbench.rates) - 1)
        await w.press("O")
        await w.type(other)
        await w.press("enter")
        await w.partnered()
        await w.press("f")
        await w.type(" Sure")
        await w.press("enter")
        await w.partnered()
        await entered(w, "fork")
        await played(w)
        session = w.session
        assert session.partner is not None
        seen, own = session.partner.view(session.cursor), session.tree.next(session.cursor)
        assert seen is not None
        assert seen.next is not None
        assert own is not None
        assert seen.next.top_ids[0] != own.top_ids[0]
        assert "the partner would say" in w.notice


async def test_they_are_there_when_the_session_is_resumed(fruit: str, tmp_path: Path) -> None:
    async with workbench(fruit, state_dir=lambda: tmp_path / "kept") as w:
        await entered(w, "bf>3")
    saved = read_saved(latest(tmp_path / "kept"))
    async with workbench(fruit, prompt=saved.prompt.text, resumed=saved) as w:
        await w.press("B")
        assert "now: bf>3" in w.screen()
        assert lines(w.bench.status)
