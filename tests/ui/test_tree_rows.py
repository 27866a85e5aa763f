"""The rows of the tree pane against a naive model, and their cost on large trees."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bftui.trace.branch_names import letters
from bftui.ui.drawing.tree_rows import RowOrder, TreeRows


class Links:
    """A token tree with links only."""

    def __init__(self, parents: list[int | None]) -> None:
        self.parents: list[int | None] = []
        self.below: list[list[int]] = []
        self.depths: list[int] = []
        for parent in parents:
            self.add(parent)

    def add(self, parent: int | None) -> None:
        node = len(self.parents)
        self.below.append([])
        self.depths.append(0 if parent is None else self.depths[parent] + 1)
        if parent is not None:
            self.below[parent].append(node)
        self.parents.append(parent)

    def __len__(self) -> int:
        return len(self.parents)

    def parent(self, node: int) -> int | None:
        return self.parents[node]

    def depth(self, node: int) -> int:
        return self.depths[node]

    def children(self, node: int) -> Iterator[int]:
        return iter(self.below[node])


def naive(links: Links) -> list[tuple[list[int], list[bool], bool]]:
    """Every row as (nodes, guides, begins a branch), by walking the whole tree."""
    rows: list[tuple[list[int], list[bool], bool]] = []
    todo: list[tuple[int, list[bool], bool]] = [
        (node, [], False)
        for node, parent in reversed(list(enumerate(links.parents)))
        if parent is None
    ]
    while todo:
        node, guides, branch = todo.pop()
        run = [node]
        if links.parents[node] is not None:
            while len(links.below[run[-1]]) == 1:
                run.append(links.below[run[-1]][0])
        rows.append((run, guides, branch))
        below = links.below[run[-1]]
        todo += [(c, [*guides, c == below[-1]], len(below) > 1) for c in reversed(below)]
    return rows


@st.composite
def parents(draw: st.DrawFn) -> list[int | None]:
    """Trees of all shapes; parents lean to the latest node, so that there are runs to split."""
    result: list[int | None] = [None]
    for node in range(1, draw(st.integers(1, 60))):
        kind = draw(st.integers(0, 9))
        if kind == 0:
            result.append(None)
        elif kind <= 6:
            result.append(node - 1)
        else:
            result.append(draw(st.integers(0, node - 1)))
    return result


@settings(max_examples=200, deadline=None)
@given(parents())
def test_rows_are_those_of_a_whole_walk(shape: list[int | None]) -> None:
    links = Links([])
    rows = TreeRows(links)
    for parent in shape:
        links.add(parent)
        assert rows.sync()
        expected = naive(links)
        assert len(rows) == len(expected)
        for row, (nodes, guides, branch) in enumerate(expected):
            run = rows.run_at(row)
            assert rows.head(run) == nodes[0]
            assert rows.tail(run) == nodes[-1]
            assert rows.length(run) == len(nodes)
            assert rows.leading(run, 3) == nodes[:3]
            assert rows.guides(run, None, 99) == (tuple(guides), False)
            assert (rows.letter(run) is not None) == branch
            assert all(rows.row_of(node) == row for node in nodes)
    assert not rows.sync()


@settings(max_examples=100, deadline=None)
@given(parents())
def test_letters_stay_with_their_branch_and_differ(shape: list[int | None]) -> None:
    links = Links([])
    rows = TreeRows(links)
    named: dict[int, int] = {}
    for parent in shape:
        links.add(parent)
        rows.sync()
        seen = {}
        for row in range(len(rows)):
            run = rows.run_at(row)
            if (letter := rows.letter(run)) is not None:
                seen[rows.head(run)] = letter
        assert len(set(seen.values())) == len(seen)
        assert all(seen[head] == letter for head, letter in named.items())
        named = seen


def test_deep_forks_leave_out_the_same_levels_in_every_row() -> None:
    links = Links([None])
    for _ in range(40):
        fork = len(links) - 1
        links.add(fork)
        links.add(fork)
    rows = TreeRows(links)
    deepest = rows.run_of(len(links) - 1)
    base = rows.above(deepest, 8)
    assert rows.guides(deepest, base, 20)[1], "something is left out"
    assert len(rows.guides(deepest, base, 20)[0]) == 8
    sister = rows.run_of(len(links) - 2)
    assert len(rows.guides(sister, base, 20)[0]) == 8, "rows of one level begin in one column"
    assert rows.guides(base, base, 20) == ((), True)
    assert rows.guides(rows.run_of(0), base, 20) == ((), True)
    assert rows.guides(deepest, base, 7) == ((), True), "too deep below it"
    assert rows.above(deepest, 99) is None
    assert len(rows.guides(deepest, None, 99)[0]) == 40
    assert rows.guides(rows.run_of(0), None, 99) == ((), False)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 10_000), max_size=1500), st.booleans())
def test_order_is_a_list(places: list[int], before: bool) -> None:
    order = RowOrder()
    expected: list[int] = []
    for item, place in enumerate(places):
        if not expected:
            order.append(item)
            expected.append(item)
            continue
        at = place % len(expected)
        if before:
            order.insert_before(expected[at], item)
            expected.insert(at, item)
        else:
            order.insert_after(expected[at], item)
            expected.insert(at + 1, item)
    assert [order[i] for i in range(len(order))] == expected
    assert all(order.index(item) == i for i, item in enumerate(expected))


def test_order_refuses_what_it_does_not_hold() -> None:
    order = RowOrder()
    order.append(3)
    with pytest.raises(IndexError):
        order[1]
    with pytest.raises(ValueError, match="2"):
        order.index(2)


@pytest.mark.parametrize("shape", ["chain", "ladder", "star", "comb"])
def test_a_hundred_thousand_nodes(shape: str) -> None:
    """Every shape is taken in; the cost of one more node is printed, not judged."""
    links = Links([None])
    count = 100_000
    for node in range(1, count):
        if shape == "chain":
            links.add(node - 1)
        elif shape == "ladder":
            links.add(max(0, node - 2 + node % 2))
        elif shape == "star":
            links.add(0)
        else:
            links.add(node - 1 if node % 10 else max(0, node - 5))
    start = time.perf_counter()
    rows = TreeRows(links)
    each = (time.perf_counter() - start) / count * 1e6
    links.add(count // 2)
    start = time.perf_counter()
    rows.sync()
    place = rows.row_of(count)
    once = (time.perf_counter() - start) * 1e3
    print(f"{shape}: {each:.1f} µs a node, {once:.2f} ms for a fork in the middle")
    assert rows.run_at(place) == rows.run_of(count)


def test_letters() -> None:
    assert [letters(n) for n in (0, 1, 25, 26, 27, 701, 702)] == [
        "A",
        "B",
        "Z",
        "AA",
        "AB",
        "ZZ",
        "AAA",
    ]
