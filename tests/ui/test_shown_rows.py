"""Which rows are shown when branches are folded and pruned, against a plain walk of the tree."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from bftui.ui.drawing.shown_rows import ShownRows
from bftui.ui.drawing.tree_rows import TreeRows, TreeTexts


class Links:
    """A token tree that only knows who comes after whom."""

    def __init__(self) -> None:
        self.parents: list[int | None] = [None]

    def __len__(self) -> int:
        return len(self.parents)

    def parent(self, node: int) -> int | None:
        return self.parents[node]

    def depth(self, node: int) -> int:
        count = 0
        while (above := self.parents[node]) is not None:
            node, count = above, count + 1
        return count

    def children(self, node: int) -> Iterator[int]:
        return (n for n, above in enumerate(self.parents) if above == node)

    def within(self, node: int, top: int) -> bool:
        at: int | None = node
        while at is not None and at != top:
            at = self.parents[at]
        return at == top


@pytest.mark.parametrize("seed", range(20))
def test_hidden_rows_are_those_below(seed: int) -> None:
    chance = random.Random(seed)
    tree = Links()
    rows = TreeRows(tree)
    shown = ShownRows(rows)
    folded: set[int] = set()
    pruned: set[int] = set()
    for _ in range(60):
        tree.parents.append(chance.choice([len(tree) - 1, chance.randrange(len(tree))]))
        rows.sync()
        forks = [n for n in range(len(tree)) if len(list(tree.children(n))) > 1]
        heads = [rows.head(rows.run_of(n)) for n in range(1, len(tree))]
        if forks and chance.random() < 0.2:
            folded ^= {chance.choice(forks)}
        if chance.random() < 0.1:
            pruned ^= {chance.choice(heads)}
        shown.sync(frozenset(folded), frozenset(pruned))
        runs = [rows.run_at(row) for row in range(len(rows))]
        visible = [run for run in runs if not hidden(tree, rows.head(run), folded, pruned)]
        assert [shown.run_at(row) for row in range(len(shown))] == visible
        assert list(shown.runs()) == visible
        for row, run in enumerate(visible):
            assert shown.row_of(run) == row
        for run in set(runs) - set(visible):
            assert 0 <= shown.row_of(run) < max(1, len(visible))


def hidden(tree: Links, head: int, folded: set[int], pruned: set[int]) -> bool:
    return any(tree.within(head, top) for top in pruned) or any(
        top != head and tree.within(head, top) for top in folded
    )


@pytest.mark.parametrize("seed", range(20))
def test_texts_that_were_kept_up_are_those_of_the_rows(seed: int) -> None:
    chance = random.Random(seed)
    tree = Links()
    rows = TreeRows(tree)
    texts = TreeTexts(tree, rows, lambda node: f"<N{node}>")
    for _ in range(40):
        for _ in range(chance.randrange(1, 4)):
            tree.parents.append(chance.choice([len(tree) - 1, chance.randrange(len(tree))]))
        rows.sync()
        texts.sync()
        node = chance.randrange(len(tree))
        assert texts.containing(f"<n{node}>") == {rows.run_of(node)}
        run = rows.run_of(node)
        whole = "".join(f"<N{n}>" for n in rows.leading(run, len(tree)))
        assert run in texts.containing(whole)


def test_guides_lead_past_what_is_pruned() -> None:
    tree = Links()
    tree.parents += [0, 0]
    rows = TreeRows(tree)
    shown = ShownRows(rows)
    run = rows.run_of(1)
    assert rows.guides(run, None, 9) == ((False,), False)
    shown.sync(frozenset(), frozenset({2}))
    assert rows.guides(run, None, 9) == ((True,), False)
    assert len(shown) == 2
