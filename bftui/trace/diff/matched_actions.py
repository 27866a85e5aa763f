"""The actions of two traces, matched: what was done in both, and what in one of them alone."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from bftui.trace.reading import TraceFile

MOST_ACTIONS = 1000
"""Most differences that are listed; all of them are counted."""

_MOST_MATCHED = 400
"""Actions between a common beginning and a common end that are matched; of more, the same places are compared."""


@dataclass(frozen=True, slots=True)
class ActionPair:
    """Two actions that stand beside each other and are not the same, or one that has none beside it.

    Attributes:
        places: the place of each in its trace, from 0; None for the one that is not there.
        actions: what was done.
    """

    places: tuple[int | None, int | None]
    actions: tuple[dict[str, Any] | None, dict[str, Any] | None]


def match_actions(a: TraceFile, b: TraceFile, matched: array[int]) -> tuple[list[ActionPair], int]:
    """Returns the actions that differ, in order, at most `MOST_ACTIONS`, and how many there are.

    Actions are the same that do the same, whatever came of it: the same operation with the same arguments, nodes among
    them as `matched` says.
    """
    known: dict[str, int] = {}
    keys = [
        array("q", (known.setdefault(_key(each, nodes), len(known)) for each in trace.actions()))
        for trace, nodes in ((a, matched), (b, None))
    ]
    pairs = list(_differing(*keys))
    listed = pairs[:MOST_ACTIONS]
    wanted = [{pair[side] for pair in listed} for side in (0, 1)]
    found = [
        {place: each for place, each in enumerate(trace.actions()) if place in wanted[side]}
        for side, trace in enumerate((a, b))
    ]
    return [
        ActionPair(
            (left, right),
            (
                None if left is None else found[0][left],
                None if right is None else found[1][right],
            ),
        )
        for left, right in listed
    ], len(pairs)


def _key(action: dict[str, Any], matched: array[int] | None) -> str:
    """What an action does, with the nodes of B in the place of A's; `matched` is None for B."""
    args = action["args"]
    node = args.get("node")
    if matched is not None and type(node) is int:
        there = matched[node] if 0 <= node < len(matched) else -1
        args = {**args, "node": there if there >= 0 else f"{node} of the first"}
    return json.dumps([action["op"], args], sort_keys=True)


def _differing(a: Sequence[int], b: Sequence[int]) -> Iterator[tuple[int | None, int | None]]:
    """The places that are not the same in both."""
    start, end = 0, 0
    shorter = min(len(a), len(b))
    while start < shorter and a[start] == b[start]:
        start += 1
    while end < shorter - start and a[-1 - end] == b[-1 - end]:
        end += 1
    left, right = a[start : len(a) - end], b[start : len(b) - end]
    if max(len(left), len(right)) > _MOST_MATCHED:
        for place in range(max(len(left), len(right))):
            here, there = place < len(left), place < len(right)
            if not (here and there and left[place] == right[place]):
                yield start + place if here else None, start + place if there else None
        return
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        for step in range(max(i_end - i, j_end - j)):
            yield (
                start + i + step if i + step < i_end else None,
                start + j + step if j + step < j_end else None,
            )
