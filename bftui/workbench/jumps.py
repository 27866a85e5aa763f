"""Places worth going to: forks, uncertain choices and forced tokens on a line of tokens; what was measured, anywhere.

A line is a list of nodes, each the child of the one before; a place is an index into it. Reads a tree, draws nothing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bftui.core.tree import Tree
    from bftui.session.session import Session
    from bftui.workbench.snapshot import Measured, Paired

PERCENTILE = 90
"""Of the entropies of a line: a choice below it is not called uncertain."""


def line(tree: Tree, node: int, pruned: Collection[int] = ()) -> tuple[list[int], int]:
    """The path to a node, continued along the children last visited; and the node's place."""
    nodes = tree.path(node)
    place = len(nodes) - 1
    while (child := tree.last_visited(nodes[-1])) is not None and child not in pruned:
        nodes.append(child)
    return nodes, place


def ids_between(tree: Tree, start: int, end: int) -> tuple[int, ...]:
    """The tokens after a node, up to one further down."""
    ids: list[int] = []
    while end != start:
        token, parent = tree.token_id(end), tree.parent(end)
        assert token is not None
        assert parent is not None
        ids.append(token)
        end = parent
    return tuple(reversed(ids))


def forks(tree: Tree, nodes: Sequence[int], pruned: Collection[int] = ()) -> list[int]:
    """Where more than one token was taken."""
    return [
        place
        for place, node in enumerate(nodes)
        if tree.child_count(node) > 1 and sum(c not in pruned for c in tree.children(node)) > 1
    ]


def peaks(tree: Tree, nodes: Sequence[int]) -> list[int]:
    """Where the distribution after the node is uncertain: its H(P) is a local maximum and not below the percentile."""
    values = [entropies[0] if (entropies := tree.entropies(n)) else 0.0 for n in nodes]
    if not values:
        return []
    least = sorted(values)[math.ceil(len(values) * PERCENTILE / 100) - 1]
    return [
        place
        for place, value in enumerate(values)
        if value >= least
        and value > 0
        and (place == 0 or value > values[place - 1])
        and (place + 1 == len(values) or value >= values[place + 1])
    ]


def forced(tree: Tree, nodes: Sequence[int]) -> list[int]:
    """Where a forced token stands."""
    return [place for place, node in enumerate(nodes) if tree.source(node).word == "forced"]


def forced_text(session: Session, nodes: Sequence[int]) -> tuple[int, int] | None:
    """The nodes before and at the end of the last text that was forced on a line; None where none was."""
    known = forced(session.tree, nodes)
    if not known:
        return None
    first = known[-1]
    while first - 1 in known and nodes[first] not in session.state.force_starts:
        first -= 1
    return nodes[first - 1], nodes[known[-1]]


def measured(found: Measured, paired: Paired, sampler: int) -> dict[int, list[str]]:
    """The nodes where something was measured, and what; of what depends on a sampler only under this one."""
    known: dict[int, list[str]] = {}
    looked = [(node, "look-ahead") for node, under in found.looked if under == sampler]
    rolled = [(node, "rollouts") for node, under in found.rolled if under == sampler]
    responses = [
        (end, "response")
        for (end, under), each in found.responses.items()
        if under == sampler and each.result is not None
    ]
    dials = [(node, "dial") for node in found.dials]
    words = [(node, "all words") for node, under in found.words if under == sampler]
    grown = [(node, "tree") for node, under in found.grown if under == sampler]
    pair = [(root, "shift") for root in paired.shifted]
    if paired.nudged is not None:
        pair.append((paired.nudged.start, "nudging"))
    for node, what in (*looked, *rolled, *responses, *words, *grown, *dials, *pair):
        known.setdefault(node, []).append(what)
    return known


def before(places: Sequence[int], at: int) -> int | None:
    """The nearest place before another."""
    return next((place for place in reversed(places) if place < at), None)


def after(places: Sequence[int], at: int) -> int | None:
    """The nearest place after another."""
    return next((place for place in places if place > at), None)
