"""Thinking on the screen: folded in text and tree, jumped into and out of, marked on the curve, told in numbers."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from bftui.core.noise_floor import factor
from bftui.core.thinking import ThinkingParts
from bftui.session.commands import Goto
from bftui.session.session import Session
from tests.ui.driver import Driver, check, lines, table, workbench

THOUGHT = " I like a fruit that is a fig"
SAID = " The fruit is a fig"


@pytest.fixture
def thinker(tmp_path: Path) -> str:
    """The scripted model with tags that are tokens."""
    return table(tmp_path / "thinker.json", tokens=["<think>", "</think>"])


async def forced(w: Driver, text: str) -> None:
    await w.press("f")
    await w.type(text)
    await w.press("enter")
    await w.settled()


async def thought(w: Driver) -> None:
    await forced(w, f"<think>{THOUGHT}</think>{SAID}")


def by_hand(session: Session) -> tuple[list[float], list[float]]:
    """H(P~) of the positions inside and after, from the words."""
    tree, model = session.tree, session.model
    nodes = tree.path(session.cursor)
    texts = [model.token_bytes(tree.token_id(node) or 0).decode() for node in nodes[1:]]
    values = [tree.entropies(node) or (0.0, 0.0) for node in nodes[:-1]]
    close = texts.index("</think>") + 1
    return [each[1] for each in values[1:close]], [each[1] for each in values[close:]]


def found(w: Driver) -> ThinkingParts:
    parts = w.session.thinking()
    assert parts is not None
    return parts


async def test_a_block_is_folded_and_its_numbers_stand_beside_the_answers(thinker: str) -> None:
    async with workbench(thinker) as w:
        await thought(w)
        inside, after = by_hand(w.session)
        parts = found(w)
        assert parts.thinking is not None
        assert parts.answer is not None
        assert parts.thinking.bf == pytest.approx(math.exp(sum(inside) / len(inside)))
        assert parts.answer.bf == pytest.approx(math.exp(sum(after) / len(after)))
        assert (parts.thinking.tokens, parts.answer.tokens) == (len(inside), len(after))
        text = "\n".join(lines(w.bench.text_pane))
        assert f"⋯ {len(inside)} tokens of thinking ⋯" in text
        assert "like" not in text
        assert "·The·fruit·is·a·fig" in text
        told = f"thinking {len(inside)} tokens BF {factor(parts.thinking.bf)}"
        assert f"{told} · answer {len(after)} tokens BF {factor(parts.answer.bf)}" in text
        tree = "\n".join(lines(w.bench.tree_pane))
        assert f"<think>⋯{len(inside)}⋯·The" in tree
        assert "like" not in tree
        strip = lines(w.bench.strip)
        assert (
            f"═ thinking {factor(parts.thinking.bf)} · answer {factor(parts.answer.bf)}" in strip[0]
        )
        check(w, "folded")


async def test_the_curve_marks_the_positions_of_tokens_that_think(thinker: str) -> None:
    async with workbench(thinker) as w:
        await w.press("g", "g")
        await forced(w, "<think>")
        await w.press("g", "g", "g", "g", "g")
        assert lines(w.bench.strip)[-2].count("═") == 5
        await forced(w, "</think>")
        await w.press("g", "g")
        # The tag was forced: a sign of its own stands there.
        assert lines(w.bench.strip)[-2].count("═") == 5


async def test_a_key_jumps_in_and_out(thinker: str) -> None:
    async with workbench(thinker, size=(200, 60)) as w:
        await w.press("J")
        assert w.notice == "nothing on this path thinks"
        await thought(w)
        await w.press("J")
        pane = w.bench.text_pane
        text = "\n".join(lines(pane))
        assert "·I·like·a·fruit" in text
        assert "of thinking" not in text
        assert "like" in "\n".join(lines(w.bench.tree_pane))
        assert w.notice == found(w).line()
        assert pane.place == 2
        await w.press("full_stop", "full_stop")
        assert pane.place == 4
        await w.press("J")
        assert "of thinking ⋯" in "\n".join(lines(pane))
        inside, _ = by_hand(w.session)
        assert pane.place == 2 + len(inside)
        await w.press("comma", "comma")
        assert pane.place == 1
        await w.press("full_stop", "full_stop")
        assert pane.place == 2 + len(inside)
        check(w, "folded again")


async def test_what_was_forced_inside_leaves_no_sign_where_it_is_folded(thinker: str) -> None:
    async with workbench(thinker) as w:
        await forced(w, "<think>")
        await w.press("g")
        await forced(w, " I like")
        await forced(w, "</think>")
        text = "\n".join(lines(w.bench.text_pane)[1:-1])
        assert "▲<think>⋯ 4 tokens of thinking ⋯▮" in text


async def test_what_is_being_thought_is_shown_until_it_is_closed(thinker: str) -> None:
    async with workbench(thinker, size=(80, 24)) as w:
        await forced(w, f"<think>{THOUGHT}")
        assert "like" in "\n".join(lines(w.bench.text_pane))
        assert found(w).answer is None
        await forced(w, "</think>")
        assert "like" not in "\n".join(lines(w.bench.text_pane))
        await w.press("left")
        assert "like" in "\n".join(lines(w.bench.text_pane))
        check(w, "back inside")


async def test_what_is_searched_in_the_text_is_unfolded(thinker: str) -> None:
    async with workbench(thinker) as w:
        await thought(w)
        w.bench.text_pane.focus()
        await w.press("slash")
        await w.type("like")
        await w.press("enter")
        assert "·like" in "\n".join(lines(w.bench.text_pane))
        await w.press("escape")
        assert "of thinking ⋯" in "\n".join(lines(w.bench.text_pane))


async def test_other_branches_are_folded_too(thinker: str) -> None:
    async with workbench(thinker) as w:
        await thought(w)
        w.bench.send(Goto(0))
        await w.settled()
        await forced(w, f" Sure<think>{THOUGHT}{THOUGHT}</think> Here")
        tree = "\n".join(lines(w.bench.tree_pane))
        assert "like" not in tree
        assert tree.count("<think>⋯") == 2
        check(w, "two")


async def test_the_numbers_are_explained(thinker: str) -> None:
    async with workbench(thinker, size=(120, 60)) as w:
        await thought(w)
        w.bench.strip.focus()
        await w.press("K")
        screen = w.screen()
        assert "inside of <think>" in screen
        assert "thinking" in screen
        assert "How open a model's thinking is" in screen
