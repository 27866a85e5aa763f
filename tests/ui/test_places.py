"""Marks, folds, pruning, searching the tree, jumps; and that undo brings everything back and says what."""

from __future__ import annotations

from bftui.workbench import jumps
from tests.ui.driver import Driver, lines, workbench


def tree(w: Driver) -> list[str]:
    return lines(w.bench.tree_pane)


async def branched(w: Driver) -> None:
    """Two branches from the prompt, one of them forked again; the session stands in the last."""
    await w.press("g", "g", "left", "1", "left", "left", "2")


async def test_marks_are_named_shown_and_gone_to(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("apostrophe")
        assert w.notice == "nothing is marked yet: m marks this place"
        await w.press("g", "m")
        assert "mark this place" in w.screen()
        await w.press("enter")
        assert dict(w.session.marks) == {"a": 1}
        assert "'a" in tree(w)[2]
        await w.press("g", "g", "m")
        await w.press("enter")
        assert dict(w.session.marks) == {"a": 1, "b": 3}
        await w.press("apostrophe")
        assert "'a" in w.screen()
        assert "○·The" in w.screen()
        await w.press("a")
        assert w.session.cursor == 1
        await w.press("apostrophe", "down", "enter")
        assert w.session.cursor == 3


async def test_a_mark_is_taken_away_and_moved(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "m", "enter", "m")
        assert "takes this mark away" in w.screen()
        await w.press("enter")
        assert not w.session.marks
        await w.press("u")
        assert "mark a is at ·The" in w.notice
        await w.press("g", "m", "backspace", "a")
        assert "moves this mark here" in w.screen()
        await w.press("enter")
        assert dict(w.session.marks) == {"a": 2}


async def test_folding_hides_rows_and_says_how_many(fruit: str) -> None:
    async with workbench(fruit) as w:
        await branched(w)
        rows = w.bench.tree_pane.count()
        assert rows == 5
        await w.press("x")
        assert w.notice == "this is done to a row of the tree: tab goes there"
        await w.press("shift+tab", "home", "x")
        assert w.bench.tree_pane.count() == 1
        assert "⋯ 4 rows" in tree(w)[1]
        assert tree(w)[1].startswith("│ ▸○")
        assert "4 hidden" in tree(w)[-1]
        await w.press("x")
        assert w.bench.tree_pane.count() == rows
        await w.press("x", "u")
        assert w.bench.tree_pane.count() == rows
        assert "the prompt is unfolded" in w.notice
        await w.press("end", "x")
        assert w.notice == "nothing comes after this row"


async def test_pruning_hides_a_branch_and_undo_brings_it_back(fruit: str) -> None:
    async with workbench(fruit) as w:
        await branched(w)
        await w.press("shift+tab", "home", "down", "X")
        assert [line[3:12] for line in tree(w)[2:3]] == ["└─ ▲·Than"]
        assert w.bench.tree_pane.count() == 2
        assert len(w.session.tree) == 6
        await w.press("u")
        assert w.bench.tree_pane.count() == 5
        assert "·The (token 1) is back" in w.notice
        await w.press("U")
        assert "done again: prune; ·The (token 1) is hidden" in w.notice
        assert w.bench.tree_pane.count() == 2


async def test_pruning_where_the_session_stands_goes_to_the_parent(fruit: str) -> None:
    async with workbench(fruit) as w:
        await branched(w)
        await w.press("shift+tab", "end", "X")
        assert w.tokens == []
        assert w.bench.tree_pane.count() == 4
        await w.press("home", "X")
        assert "this is the only prompt" in w.notice


async def test_undo_names_moves(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "g", "u")
        assert w.notice == "undone: greedy; at ·The (token 1)"
        await w.press("U")
        assert w.notice == "done again: greedy; at ·fruit (token 2)"


async def test_searching_the_tree(fruit: str) -> None:
    async with workbench(fruit) as w:
        await branched(w)
        await w.press("shift+tab", "slash")
        await w.type("sure")
        assert "1 of 1 row" in w.screen()
        await w.press("enter")
        pane = w.bench.tree_pane
        assert "sure: 1 of 1 row" in tree(w)[-1]
        await w.press("escape", "slash", "t", "h", "enter")
        assert pane.wanted == "th"
        at = [pane.selected]
        for key in ("n", "n", "N"):
            await w.press(key)
            at.append(pane.selected)
        assert at[1] != at[0]
        assert at[3] == at[1]
        await w.press("escape", "n")
        assert "nothing is searched for" in w.notice


async def test_jumps_move_the_session_from_the_candidates(fruit: str) -> None:
    async with workbench(fruit) as w:
        await branched(w)
        await w.press("left_square_bracket")
        assert w.session.cursor == 0
        await w.press("left_square_bracket")
        assert w.notice == "no fork before this"
        await w.press("exclamation_mark")
        assert w.session.node.source == "forced"
        await w.press("left", "left", "right_curly_bracket")
        assert w.notice in ("", "no uncertain token after this")


async def test_jumps_move_the_cursor_of_the_text_and_the_tree(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "g", "g", "left", "1", "tab")
        stands = w.session.cursor
        await w.press("left_square_bracket")
        assert w.bench.text_pane.place == 2
        await w.press("exclamation_mark")
        assert w.bench.text_pane.place == 3
        await w.press("left_curly_bracket")
        peak = w.bench.text_pane.place
        path = w.session.tree.path(stands)
        values = [w.session.tree.entropies(n)[0] for n in path[:-1]]  # type: ignore[index]
        assert values[peak - 1] == max(values)
        await w.press("tab", "tab", "left_square_bracket")
        assert w.bench.tree_pane.has_focus
        assert w.bench.tree_pane.target() == 2
        await w.press("right_square_bracket")
        assert w.notice == "no fork after this"
        assert w.session.cursor == stands


async def test_what_was_measured_is_gone_to_from_anywhere(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("right_parenthesis")
        assert w.notice == "nothing was measured in this session under this sampler"
        for keys in (("a",), ("g", "g", "a"), ("left", "left", "1", "tab")):
            await w.press(*keys)
            await w.measured()
        assert w.session.cursor == 3
        await w.press("right_parenthesis")
        assert (w.session.cursor, w.notice) == (0, "measured, 1 of 2: look-ahead")
        await w.press("right_parenthesis")
        assert (w.session.cursor, w.notice) == (2, "measured, 2 of 2: look-ahead")
        await w.press("right_parenthesis")
        assert w.session.cursor == 0
        await w.press("left_parenthesis")
        assert w.session.cursor == 2
        await w.press("left", "left_parenthesis")
        assert w.session.cursor == 0
        await w.pilot.press("tab", "tab")
        assert w.bench.tree_pane.has_focus
        w.bench.tree_pane.select_node(2)
        await w.press("X", "right_parenthesis")
        assert (w.session.cursor, w.notice) == (0, "measured, 1 of 1: look-ahead")


async def test_places_on_a_line(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "g", "left", "1", "left", "left")
        tree_ = w.session.tree
        nodes, at = jumps.line(tree_, 0)
        assert at == 0
        assert [tree_.source(n).word for n in nodes] == ["prompt", "greedy", "forced"]
        assert jumps.line(tree_, 0, pruned={nodes[1]}) == ([0], 0)
        assert jumps.forks(tree_, nodes) == [1]
        assert jumps.forks(tree_, nodes, pruned={nodes[2]}) == []
        assert jumps.forced(tree_, nodes) == [2]
        values = [tree_.entropies(n)[0] for n in nodes]  # type: ignore[index]
        assert jumps.peaks(tree_, nodes) == [values.index(max(values))]
        assert jumps.peaks(tree_, []) == []
        assert (jumps.before([1, 4], 4), jumps.after([1, 4], 4)) == (1, None)
