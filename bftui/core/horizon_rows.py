"""A tree of continuations as rows to look at: its most probable paths, a chain without a fork in one row.

A path is never more probable than what it goes on from, so that the most probable paths are a tree themselves. What is
left out of it is told as the mass that it holds.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from bftui.core.horizon import HorizonTree
from bftui.core.path_round import Path, PathReading

RowKind = Literal["read", "open", "text", "ended", "rest"]
"""Whether what comes after the row's last token was read, or not yet; a text of the whole depth; one that ended before;
all that is less probable than every path that is shown."""


@dataclass(frozen=True, slots=True)
class GrownRow:
    """One row.

    Attributes:
        kind: what stands at its end.
        path: the token ids from the place of the tree to its end; of a rest to the fork where it goes on.
        chain: how many of these, the last ones, are written in the row.
        prob: the probability of the path; of a rest of all that it stands for.
        last: for it and the rows that it hangs on, outermost first: whether it is the last one below a fork.
        bf: exp H(P~) of what comes after it; None where that was not read.
        count: of a rest, how many tokens it stands for.
    """

    kind: RowKind
    path: Path
    chain: int
    prob: float
    last: tuple[bool, ...]
    bf: float | None = None
    count: int = 0


_Open = tuple[float, int, Path, PathReading, int]
"""Surprisal, order of arrival, the path above, what was read after it, and the place of the child there."""


def grown_rows(tree: HorizonTree, most: int, eog_ids: Collection[int]) -> tuple[GrownRow, ...]:
    """Return the `most` most probable paths of a tree as rows, depth first, the more probable ones first.

    Beside a fork stands the rest of it where that holds as much as the least probable path that is shown.
    """
    first = _read(tree, ())
    if first is None:
        return ()
    ends = frozenset(eog_ids)
    probs: dict[Path, float] = {(): 1.0}
    children: dict[Path, list[Path]] = {}
    waiting: list[_Open] = []
    _push(waiting, 0.0, (), first, 0, 0)
    while waiting and len(probs) <= most:
        surprisal, number, above, reading, place = heapq.heappop(waiting)
        path = (*above, int(reading.token_ids[place]))
        probs[path] = math.exp(-surprisal)
        children.setdefault(above, []).append(path)
        before = surprisal + float(reading.logprobs[place])
        _push(waiting, before, above, reading, place + 1, number)
        after = None if path[-1] in ends else _read(tree, path)
        if after is not None:
            _push(waiting, surprisal, path, after, 0, len(probs))
    least = min(probs.values())
    return tuple(_rows(tree, ends, probs, children, least))


def _push(
    waiting: list[_Open],
    surprisal: float,
    path: Path,
    reading: PathReading,
    place: int,
    number: int,
) -> None:
    """Has a child wait for its turn, if there is one; `surprisal` is that of the path above."""
    if place < len(reading.token_ids):
        own = surprisal - float(reading.logprobs[place])
        heapq.heappush(waiting, (own, number, path, reading, place))


def _rows(
    tree: HorizonTree,
    ends: frozenset[int],
    probs: dict[Path, float],
    children: dict[Path, list[Path]],
    least: float,
) -> list[GrownRow]:
    found = list[GrownRow]()
    # What is still to be written: a path that begins a row, or with None the rest of a fork.
    stack: list[tuple[Path, Path | None, tuple[bool, ...]]] = []

    def fork(path: Path, last: tuple[bool, ...]) -> None:
        below: list[Path | None] = [*children.get(path, ())]
        if below and _rest(tree, path, probs, children) >= least:
            below.append(None)
        for place in range(len(below) - 1, -1, -1):
            stack.append((path, below[place], (*last, place == len(below) - 1)))

    fork((), ())
    while stack:
        above, path, last = stack.pop()
        if path is None:
            reading = _read(tree, above)
            count = 0 if reading is None else reading.next.kept - len(children[above])
            rest = _rest(tree, above, probs, children)
            found.append(GrownRow("rest", above, 0, rest, last, count=count))
            continue
        start, end = len(above), path
        while len(below := children.get(end, [])) == 1 and (
            _rest(tree, end, probs, children) < least
        ):
            end = below[0]
        ended = end[-1] in ends
        reading = None if ended else _read(tree, end)
        kind: RowKind = "ended" if ended else "open" if reading is None else "read"
        if not ended and len(end) == tree.depth:
            kind = "text"
        bf = None if reading is None else math.exp(reading.next.entropy_truncated)
        found.append(GrownRow(kind, end, len(end) - start, probs[end], last, bf))
        fork(end, last)
    return found


def _rest(
    tree: HorizonTree, path: Path, probs: dict[Path, float], children: dict[Path, list[Path]]
) -> float:
    """The probability of the children of a path that are not shown; 0 where it was not read."""
    if _read(tree, path) is None:
        return 0.0
    return max(0.0, probs[path] - math.fsum(probs[each] for each in children.get(path, ())))


def _read(tree: HorizonTree, path: Path) -> PathReading | None:
    """What was read after a path; None where it was not."""
    try:
        return tree.reading(path)
    except KeyError:
        return None
