"""The tree of a trace as rows: a run of tokens without a branch is one row. Nothing here is recursive."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bftui.core.text import safe
from bftui.trace.report.content import SOURCES, Content, factor

ROWS = 200
"""Rows that are drawn at most: of the path from its beginning, and in turn with them marked and large branches."""

_TEXT = 110
_LEVELS = 24


@dataclass(frozen=True, slots=True, eq=False)
class BranchRow:
    """A run of tokens.

    Attributes:
        nodes: the nodes of the run, in order.
        parent: the node before them; -1 of a prompt.
        level: how many times one turns off to get to it, as far as that is drawn.
        goes_on: whether it goes on where its parent ends, at the same level, after what turns off there.
        start: position of its first token; of a prompt 0.
        text: how it begins, safe.
        source: how its first token came.
        bf: exp of the mean H(P~) over its tokens' positions; None for a prompt.
        on_path: whether it begins on the visible path.
        marks: names of places in it, safe.
        ended: whether it ends a generation.
        pruned: whether it is taken out of sight.
        apart: whether a number of it is of another sampler than those at the end of the visible path.
        entropies: H(P~) of the distributions that its tokens come from, shape (tokens,).
        weight: its place in the order in which rows are left out where there is no room; 0 is the last to go.
    """

    nodes: Sequence[int]
    parent: int
    level: int
    goes_on: bool
    start: int
    text: str
    source: str
    bf: float | None
    on_path: bool
    marks: tuple[str, ...]
    ended: bool
    pruned: bool
    apart: bool
    entropies: NDArray[np.float64]
    weight: int

    @property
    def is_prompt(self) -> bool:
        """Whether it is a root: no token of it was chosen from a distribution."""
        return not len(self.entropies)


@dataclass(frozen=True, slots=True)
class Branches:
    """The rows that are drawn, in the order of the tree; prompts are rows too.

    `count` is of all branches, drawn or not; prompts are none.
    """

    rows: tuple[BranchRow, ...]
    count: int

    @property
    def left_out(self) -> int:
        """Branches that are not rows."""
        return self.count - sum(not row.is_prompt for row in self.rows)


def branches(content: Content) -> Branches:
    """Returns the tree of the trace in rows."""
    links = content.file.links
    parents = np.frombuffer(links.parents, dtype=np.int32)
    children = Children(parents)
    sizes = _sizes(links.parents)
    outline = content.file.outline
    path = set(outline.path)
    runs = _runs(links.roots, children, sizes, path)
    marked: dict[int, list[str]] = {}
    for name, node in outline.marks.items():
        marked.setdefault(node, []).append(safe(name))
    marks = [[name for node in nodes for name in marked.get(node, ())] for *_, nodes in runs]
    others = sorted(
        (place for place, (*_, nodes) in enumerate(runs) if nodes[0] not in path),
        key=lambda place: (not marks[place], -sizes[runs[place].nodes[0]]),
    )
    on_path = [place for place, (*_, nodes) in enumerate(runs) if nodes[0] in path]
    weights = {place: weight for weight, place in enumerate(_in_turn(on_path, others))}
    depths = links.depths()
    pruned = set(outline.pruned)
    rows = []
    for place in sorted(place for place, weight in weights.items() if weight < ROWS):
        level, goes_on, nodes = runs[place]
        first = nodes[0]
        root = parents[first] < 0
        before = content.entropy_truncated[parents[list(nodes)]] if not root else np.empty(0)
        known = before[np.isfinite(before)]
        rows.append(
            BranchRow(
                nodes=nodes,
                parent=int(parents[first]),
                level=min(level, _LEVELS),
                goes_on=goes_on,
                start=max(0, depths[first] - 1),
                text=_text(content, nodes),
                source=SOURCES[content.sources[first]],
                bf=factor(float(known.mean())) if len(known) else None,
                on_path=first in path,
                marks=tuple(marks[place]),
                ended=nodes[-1] in content.ended,
                pruned=first in pruned,
                apart=not root and content.apart(parents[list(nodes)].tolist()),
                entropies=before,
                weight=weights[place],
            )
        )
    return Branches(tuple(rows), len(runs) - len(links.roots))


def _in_turn(first: Sequence[int], second: Sequence[int]) -> Iterator[int]:
    for pair in zip_longest(first, second):
        yield from (each for each in pair if each is not None)


class Children:
    """The children of each node, without a list for each."""

    def __init__(self, parents: NDArray[np.int32]) -> None:
        self._order = np.argsort(parents, kind="stable")
        self._starts = np.searchsorted(parents[self._order], np.arange(len(parents) + 1))

    def of(self, node: int) -> list[int]:
        found: list[int] = self._order[self._starts[node] : self._starts[node + 1]].tolist()
        return found


def _sizes(parents: Sequence[int]) -> list[int]:
    """How many nodes hang on each, itself included."""
    sizes = [1] * len(parents)
    for node in range(len(parents) - 1, -1, -1):
        if parents[node] >= 0:
            sizes[parents[node]] += sizes[node]
    return sizes


class _Run(NamedTuple):
    level: int
    goes_on: bool
    nodes: list[int]


def _runs(
    roots: Sequence[int], children: Children, sizes: Sequence[int], path: Container[int]
) -> list[_Run]:
    """The runs, parents before children; a prompt is a run of its own.

    Where a run ends in a fork, one child goes on at its level, after the others: that on the visible path, or else the
    largest. After a prompt all are alike.
    """
    runs: list[_Run] = []
    waiting = [(0, False, root) for root in reversed(roots)]
    is_root = set(roots)
    while waiting:
        level, goes_on, node = waiting.pop()
        nodes = [node]
        after = children.of(node)
        while len(after) == 1 and nodes[0] not in is_root:
            nodes.append(after[0])
            after = children.of(after[0])
        runs.append(_Run(level, goes_on, nodes))
        if after and nodes[0] not in is_root:
            main = max(after, key=lambda child: (child in path, sizes[child]))
            after.remove(main)
            waiting.append((level, True, main))
        waiting.extend((level + 1, False, child) for child in reversed(after))
    return runs


def _text(content: Content, nodes: Sequence[int]) -> str:
    file = content.file
    if file.links.parents[nodes[0]] < 0:
        text = safe(file.prompts()[nodes[0]].text)
        return text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"
    pieces: list[str] = []
    length = 0
    for node in nodes:
        pieces.append(file.text(file.links.tokens[node]))
        length += len(pieces[-1])
        if length > _TEXT:
            return "".join(pieces)[: _TEXT - 1] + "…"
    return "".join(pieces)
