"""Which paths are evaluated together."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from bftui.backends.client.path_batches import PathGroup, groups


def nodes(answers):
    return sorted({tuple(answer[:n]) for answer in answers for n in range(len(answer) + 1)})


def covered(found: list[PathGroup]) -> set[tuple[int, ...]]:
    paths = set()
    for group in found:
        paths.add(group.path)
        paths |= {(*group.path, *row[: n + 1]) for row in group.rows for n in range(len(row))}
    return paths


def evaluated(found: list[PathGroup]) -> int:
    """Tokens that are forwarded: one where a group begins, and those of its rows."""
    return sum(1 + sum(map(len, group.rows)) for group in found)


@pytest.mark.parametrize("width", [1, 4, 16, 32])
def test_every_node_is_in_a_group(width):
    rng = np.random.default_rng(width)
    answers = [tuple(rng.integers(0, 5, rng.integers(1, 7)).tolist()) for _ in range(300)]
    paths = nodes(answers)
    found = groups(paths, width)
    assert covered(found) == set(paths)
    assert found == groups(paths[::-1], width)
    for group in found:
        assert [len(row) for row in group.rows] == sorted(map(len, group.rows), reverse=True)
        # A row ends where no other goes on.
        assert not any(a != b and a == b[: len(a)] for a in group.rows for b in group.rows)


@pytest.mark.parametrize("width", [16, 32])
def test_shared_prefixes_are_not_evaluated_again_and_again(width):
    paths = nodes(product(range(10), repeat=4))
    found = groups(paths, width)
    assert len(paths) == 11_111
    assert covered(found) == set(paths)
    assert evaluated(found) < 1.3 * len(paths)
    # One batch for about ten nodes: evaluations alone would be as many batches as nodes.
    assert sum(1 + -(-len(group.rows) // width) for group in found) < len(paths) / 4


def test_short_answers_are_rows_of_one_batch():
    paths = nodes([(n,) for n in range(46)] + [(50, n) for n in range(4)])
    (group,) = groups(paths, 64)
    assert group.path == ()
    assert len(group.rows) == 50
    assert group.rows[0][0] == 50


def test_a_part_is_what_is_asked_for():
    assert groups([], 8) == []
    assert groups([(4, 5, 6)], 8) == [PathGroup((4, 5, 6), ())]
    assert groups([(4, 5, 6), (4, 5, 7)], 8) == [PathGroup((4, 5), ((6,), (7,)))]
    assert covered(groups([(4,), (4, 5, 7), (8,)], 8)) == {(), (4,), (4, 5), (4, 5, 7), (8,)}
