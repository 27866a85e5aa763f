"""P beside P~: which rule removes a candidate, where rules begin and end, and keys that change how a token is drawn."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from bftui.core.sampler import Sampler
from bftui.workbench.settings import PartnerSettings
from bftui.workbench.snapshot import Status
from tests.command_line import bftui_
from tests.ui.driver import WORDS, Driver, lines, table, workbench

SHARES = [0.3, 0.25, 0.2, 0.1, 0.06, 0.04]


@pytest.fixture
def shares(tmp_path: Path) -> str:
    """Six words of these shares after every token."""
    words = dict(zip((f" {word}" for word in WORDS), SHARES, strict=False))
    return table(tmp_path / "shares.json", default=words, rules={})


def rows(w: Driver) -> list[list[str]]:
    """The rows of the candidates, in words, without bars."""
    found = [line.strip("│╭╮╰╯ ") for line in lines(w.bench.candidates)[1:-1]]
    return [[word for word in row.split() if not set(word) <= set("█▉▊▋▌▍▎▏")] for row in found]


def borders(w: Driver) -> list[tuple[int, str]]:
    """The place of each border, as the number of candidates above it, and what it says."""
    found, above = [], 0
    for row in rows(w):
        if row[:1] == ["──"]:
            found.append((above, " ".join(row).strip("─ ")))
        elif row:
            above += 1
    return found


async def test_a_row_has_p_and_what_is_drawn_from(shares: str) -> None:
    async with workbench(shares) as w:
        following = w.session.node.next
        assert following is not None
        for place, row in enumerate(rows(w)[:4]):
            p, own = float(row[2]), float(row[3])
            log = following.logprob_truncated(place)
            assert log is not None
            assert own == pytest.approx(math.exp(log), abs=6e-4)
            assert own > p == pytest.approx(SHARES[place], abs=6e-3)
        # Top-p alone removes everything else.
        assert borders(w)[0][0] == following.kept
        assert "top-p .90 keeps" in borders(w)[0][1]
        assert {row[3] for row in rows(w)[following.kept + 1 : 12]} == {"top-p"}


async def test_each_rule_has_its_border_and_a_removed_token_says_which_removed_it(
    shares: str,
) -> None:
    sampler = Sampler(top_k=4, top_p=0.5, min_p=0.15)
    async with workbench(shares, sampler=sampler) as w:
        assert borders(w) == [
            (2, "top-p .50 keeps 2"),
            (4, "top-k 4 keeps 4"),
            (5, "min-p .15 keeps 5"),
        ]
        told = [row[3] for row in rows(w) if row[:1] and row[0].isdigit()]
        assert told[1:5] == ["top-p", "top-p", "top-k", "top-k"]


async def test_rules_that_leave_out_the_best_have_a_border_where_they_begin(shares: str) -> None:
    sampler = Sampler(top_p=1.0, xtc_probability=1.0, xtc_threshold=0.15)
    async with workbench(shares, sampler=sampler) as w:
        assert borders(w)[0] == (2, "XTC leaves out what is above")
        assert [row[3] for row in rows(w)[:2]] == ["XTC", "XTC"]
        following = w.session.node.next
        assert following is not None
        assert following.logprob_truncated(0) is None
        assert following.logprob_truncated(2) is not None


async def test_keys_ban_pin_and_bias_the_candidate_under_the_cursor(shares: str) -> None:
    async with workbench(shares, sampler=Sampler(top_p=0.5)) as w:
        first = w.bench.candidates.chosen()
        await w.press("d")
        assert w.session.sampler.banned == (first,)
        assert "is banned: it is never drawn" in w.notice
        assert rows(w)[0][3] == "ban"
        await w.press("L")
        assert (w.session.sampler.banned, w.session.sampler.pinned) == ((), (first,))
        await w.press("L", "+", "+", "_")
        assert (w.session.sampler.pinned, w.session.sampler.bias) == ((), ((first, 1.0),))
        await w.press("_")
        assert w.session.sampler == Sampler(top_p=0.5)
        await w.press("u")
        assert w.session.sampler.bias == ((first, 1.0),)


async def test_a_pinned_token_is_kept_below_the_border(shares: str) -> None:
    async with workbench(shares, sampler=Sampler(top_p=0.5)) as w:
        await w.press("j", "j", "j", "L")
        fourth = next(row for row in rows(w) if row[0] == "4" or row[0] == "4▸")
        p4, total = 0.1, 0.3 + 0.25 + 0.1
        assert float(fourth[-2]) == pytest.approx(p4 / total, abs=0.01)


async def test_k_explains_p_tilde_and_what_removes_a_token(shares: str) -> None:
    async with workbench(shares, sampler=Sampler(top_k=3, top_p=0.5), size=(120, 60)) as w:
        await w.press("j", "j", "K")
        screen = " ".join(w.screen().split())
        assert "P~ of" in screen
        assert "Removed by top-p." in screen


async def test_a_trace_shows_what_it_knows(shares: str, tmp_path: Path) -> None:
    from bftui.session.records.trace_replay import Replay

    trace = tmp_path / "trace.json"
    done = bftui_(
        "record", shares, "--prompt", "Q:", "--steps", 2, "--top-k", 4, "--top-p", 0.5,
        "--min-p", 0.15, "-o", trace,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    async with workbench("", prompt=None, ready=False, replay=Replay(trace), pace=0.0) as w:
        await w.until(lambda: w.workbench.now.status is Status.REPLAY)
        await w.settled()
        assert borders(w) == [
            (2, "top-p .50 keeps 2"),
            (4, "top-k 4 keeps 4"),
            (5, "min-p .15 keeps 5"),
        ]


# The sampler's screen -------------------------------------------------------------------------------------------------


async def test_the_screen_says_what_each_rule_removes_alone(shares: str) -> None:
    async with workbench(shares, sampler=Sampler(top_k=4, top_p=0.5)) as w:
        await w.press("t")
        screen = w.screen()
        assert "alone keeps 4, removes" in screen
        assert "alone keeps 2, removes" in screen
        assert "order: bias, penalties, DRY, bans, constraint → ÷ T → rules → pinned → P~" in screen
        # Another value, and what it would do.
        await w.press("down", "right")
        assert "alone keeps 5, removes" in w.screen()


async def test_further_groups_are_a_key_away_and_tokens_are_typed_as_texts(shares: str) -> None:
    async with workbench(shares) as w:
        await w.press("t", "pagedown", "pagedown")
        assert w.app.screen.focused is not None
        assert w.app.screen.focused.id == "bias"
        await w.type("' Sure=2'")
        await w.press("down")
        await w.type("' Thank' 3")
        await w.press("enter")
        sure, thank = (w.session.model.tokenize(text)[0] for text in (" Sure", " Thank"))
        assert w.session.sampler == Sampler(bias=((sure, 2.0),), banned=(thank, 3))
        await w.press("t", "pagedown", "pagedown")
        assert "·Sure +2" in w.screen()
        await w.press("pagedown")
        assert w.app.screen.focused is not None
        assert w.app.screen.focused.id == "temperature"


async def test_what_cannot_be_applied_is_one_line_and_changes_nothing(shares: str) -> None:
    async with workbench(shares) as w:
        await w.press("t", "pagedown", "pagedown", "down")
        await w.type("'no such word'")
        await w.press("enter")
        assert "is 12 tokens" in w.notice or "tokens of" in w.notice
        assert w.session.sampler == Sampler()
        await w.press("t", "pagedown", "pagedown", "down")
        await w.type("'")
        assert "! a quote is not closed" in w.screen()
        await w.press("escape")


async def test_settings_that_have_no_field_stay(shares: str) -> None:
    from bftui.core.sampler import SamplerWindow

    windows = (SamplerWindow(5, 9, (("temperature", 0.5),)),)
    async with workbench(shares, sampler=Sampler(windows=windows)) as w:
        await w.press("t", "right", "enter")
        assert w.session.sampler == Sampler(temperature=1.1, windows=windows)


async def test_tokens_of_the_sampler_are_not_those_of_a_partner_with_other_ones(
    shares: str, tmp_path: Path
) -> None:
    words = dict(zip((f" {word}" for word in WORDS), SHARES, strict=False))
    base = table(tmp_path / "base.json", tokens=[" more", " words"], default=words, rules={})
    # The last token of the base is past the end of the partner's vocabulary.
    sampler = Sampler(top_p=0.5, pinned=(136,), bias=((4, 0.5),))
    async with workbench(base, partner=PartnerSettings(shares), sampler=sampler) as w:
        await w.partnered()
        assert w.session.partner is not None
        view = w.session.partner.view(w.session.cursor)
        assert view is not None
        assert view.next is not None
        # The partner's own P~: top-p alone.
        assert view.next.kept == 2
        own = w.session.node.next
        assert own is not None
        before = {row[1]: row[3] for row in rows(w)[:6] if row[3].startswith(".")}
        await w.press("S")
        # In the partner's order P~ is still that of the session's changed logits.
        after = {row[1]: row[3] for row in rows(w)[:6]}
        assert "by the partner's rank" in lines(w.bench.candidates)[-1]
        assert before
        assert before.items() <= after.items()


async def test_rules_that_end_at_one_place_share_a_line(shares: str) -> None:
    sampler = Sampler(top_k=2, top_p=0.5, min_p=0.5)
    async with workbench(shares, sampler=sampler, size=(80, 24)) as w:
        assert borders(w) == [(2, "top-k 2 · top-p .50 keep 2"), (3, "min-p .50 keeps 3")]
