"""The text pane: its cursor, what it says of a token, its shades, searching it."""

from __future__ import annotations

import math

from bftui.ui.drawing.line_builder import probability
from bftui.ui.drawing.text_layout import TextLayout
from bftui.ui.panes.text_shading import Shading
from tests.ui.driver import PROMPT, Driver, lines, workbench


def footing(w: Driver) -> str:
    return lines(w.bench.text_pane)[-1]


async def test_the_cursor_says_what_stands_there(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("1", "g", "space", "tab")
        pane = w.bench.text_pane
        assert pane.token == len(w.session.tree.token_ids(w.session.cursor)) - 1
        await w.press("comma", "comma")
        node = w.session.tree.node(w.session.tree.path(w.session.cursor)[1])
        before = w.session.tree.next(0)
        assert before is not None
        assert node.logprob is not None
        for said in (
            f"·Sure · id {node.token_id} · pos {len(w.session.tree.prompt_ids(0))}",
            f"p {probability(math.exp(node.logprob))}",
            f"surprisal {-node.logprob:.2f} nats",
            f"rank {node.rank}",
            f"H before {before.entropy:.2f} · forced",
        ):
            assert said in footing(w), said
        await w.press("comma")
        assert "of the prompt" in footing(w)
        await w.press("full_stop", "full_stop", "full_stop")
        assert not pane.away


async def test_it_moves_by_lines_and_keeps_its_column(fruit: str) -> None:
    async with workbench(fruit, size=(60, 24)) as w:
        await w.press(*["g"] * 24, "tab")
        pane = w.bench.text_pane
        end = pane.token
        await w.press("up")
        line, column = pane._layout.first_cell(pane.token)
        assert line == pane.count() - 2
        await w.press("up", "down")
        assert pane._layout.first_cell(pane.token) == (line, column)
        await w.press("home")
        assert pane.token == 0
        await w.press("up")
        assert pane.token == 0
        await w.press("G")
        assert pane.token == end
        assert not pane.away


async def test_enter_moves_the_session_to_the_token(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "g", "g", "tab", "comma", "comma", "enter")
        assert w.tokens == [" The"]
        await w.press("home", "enter")
        assert w.tokens == []


async def test_the_pane_follows_the_end_unless_the_cursor_is_away(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "tab", "g")
        pane = w.bench.text_pane
        assert pane.token == len(w.session.tree.token_ids(w.session.cursor)) - 1
        await w.press("comma")
        at = pane.token
        await w.press("g", "g")
        assert pane.token == at
        await w.press("end", "g")
        assert pane.token == len(w.session.tree.token_ids(w.session.cursor)) - 1
        await w.press("comma", "comma", "left", "left", "left")
        assert pane.token == len(w.session.tree.token_ids(w.session.cursor)) - 1
        assert not pane.away


async def test_keys_of_the_text_say_so_elsewhere(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("comma")
        assert w.notice == "this moves in the text and along the curve: tab goes there"


async def test_shadings_go_round_and_name_themselves(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "1", "space")
        pane = w.bench.text_pane
        styles = []
        legends = (
            "surprisal 0 to 8 nats",
            "greedy: slanted",
            "γ 0.40",
            "not shaded",
            "H 0 to 4 nats",
        )
        for legend in legends:
            await w.press("w")
            assert legend in lines(pane)[0]
            first = len(w.session.tree.prompt_ids(0))
            styles.append([pane._style(first + i) for i in range(3)])
        author = styles[1]
        assert author[0].italic
        assert author[1].bold
        assert not author[2].italic
        assert styles[2][0].underline
        assert styles[3][0] == w.bench.palette.text
        assert pane.shading is Shading.ENTROPY


async def test_searching_the_text(fruit: str) -> None:
    async with workbench(fruit) as w:
        w.session.force(" Sure a fig is a fig")
        await w.settled()
        await w.press("tab", "slash")
        await w.type("A F")
        assert "of 3 matches" in w.screen()
        await w.press("enter")
        assert "A F: 1 of 3 matches" in footing(w)
        seen = set()
        for _ in range(4):
            await w.press("n")
            seen.add(w.bench.text_pane.token)
        assert len(seen) == 3
        await w.press("N")
        assert w.bench.text_pane.token in seen
        await w.press("escape", "n")
        assert w.notice == "nothing is searched for in this pane: / searches"


async def test_a_text_without_a_match(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "tab", "slash", "Z", "enter", "n")
        assert w.notice == "nothing matches"


async def test_clicks_go_to_tokens(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "g")
        pane = w.bench.text_pane
        line, column = pane._layout.first_cell(pane.token - 1)
        await w.pilot.click(pane, offset=(column + 2, line + 1))
        assert pane.token == len(w.session.tree.token_ids(w.session.cursor)) - 2


def layout(width: int, *tokens: str) -> TextLayout:
    made = TextLayout(width)
    made.replace(0, [token.encode() for token in tokens], {1: "▲"})
    return made


def test_cells_and_tokens() -> None:
    text = layout(10, "one", " two", " three", "")
    assert text.first_cell(0) == (0, 0)
    assert text.first_cell(1) == (0, 3)
    assert text.token_at(0, 4) == 1
    # The space before a word stays on the line before.
    assert text.token_at(0, 99) == 2
    assert text.token_at(*text.first_cell(2)) == 2
    assert TextLayout(10).token_at(0, 3) == 0


def test_finding_ignores_case_and_marks() -> None:
    text = layout(80, "İone", " Two", " three")
    assert text.find("ONE TWO") == [range(0, 2)]
    assert text.find("t") == [range(1, 2), range(2, 3)]
    assert text.find("") == []
    assert text.find("▲") == []


async def test_the_prompt_alone_has_a_cursor(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("tab", "home")
        assert "of the prompt" in footing(w)
        assert w.session.prompt.text == PROMPT
