"""Two paths of one session side by side: where they part, BF along each, who wrote what. Draws nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bftui.ui.side_branches import Apart

if TYPE_CHECKING:
    from bftui.ui.view import View

HERE = "this path"
"""The visible path."""

AUTHORS = ("sampled", "greedy", "forced", "nudged", "rollout", "prompt")
"""How tokens came, in the order in which they are told."""


@dataclass(frozen=True, slots=True)
class BranchMean:
    """H(P~) over some positions, nats: its mean, and how many they are."""

    entropy: float
    count: int

    @property
    def bf(self) -> float:
        """exp of it."""
        return math.exp(self.entropy)


@dataclass(frozen=True, slots=True)
class BranchSide:
    """One of the two paths.

    Attributes:
        name: what people call it, safe to draw.
        nodes: from the prompt to its end; `nodes[i]` has depth i.
        since: over the positions after the token in which the two differ, up to the last token; None where none is.
        whole: over all positions that have a token, those of a user's turn left out; None where none is.
        authors: how its tokens came since they part, by word.
        ended: whether it ends the text.
        stale: positions of `whole` whose numbers were made under another sampler than the one in force.
        stale_since: whether some of `since` were.
    """

    name: str
    nodes: tuple[int, ...]
    since: BranchMean | None
    whole: BranchMean | None
    authors: Mapping[str, int]
    ended: bool
    stale: int
    stale_since: bool

    @property
    def tokens(self) -> int:
        """Tokens after the prompt."""
        return len(self.nodes) - 1


@dataclass(frozen=True, slots=True)
class BranchPair:
    """Two paths; `parted` is the depth of the first token in which they differ, 0 where the prompts do."""

    sides: tuple[BranchSide, BranchSide]
    parted: int

    @property
    def positions(self) -> int:
        """Positions of the longer one, the open one included."""
        return max(len(side.nodes) for side in self.sides)

    def swapped(self) -> BranchPair:
        """The same the other way round."""
        return BranchPair((self.sides[1], self.sides[0]), self.parted)


def pair(view: View, other: Apart) -> BranchPair:
    """The visible path and a branch of it, or of another prompt."""
    mine = tuple(view.path.nodes)
    theirs = (*mine[: other.first], *other.nodes)
    parted = _parted(view, mine, theirs, other.first)
    return BranchPair(
        (_side(view, HERE, mine, parted), _side(view, other.name, theirs, parted)), parted
    )


def _parted(view: View, mine: Sequence[int], theirs: Sequence[int], first: int) -> int:
    """The depth of the first token that differs: two draws of one token are two nodes, and one text."""
    tree = view.tree
    if not first:
        if tree.prompt_ids(mine[0]) != tree.prompt_ids(theirs[0]):
            return 0
        first = 1
    for depth in range(first, min(len(mine), len(theirs))):
        if tree.token_id(mine[depth]) != tree.token_id(theirs[depth]):
            return depth
    return min(len(mine), len(theirs))


def _side(view: View, name: str, nodes: tuple[int, ...], parted: int) -> BranchSide:
    tree = view.tree
    drawn = [place for place in range(len(nodes) - 1) if not tree.of_prompt(nodes[place + 1])]
    stale = [place for place in drawn if view.stale(nodes[place])]
    words = Counter(tree.source(node).word for node in nodes[max(1, parted) :])
    return BranchSide(
        name=name,
        nodes=nodes,
        since=_mean(view, nodes, [place for place in drawn if place >= parted]),
        whole=_mean(view, nodes, drawn),
        authors={word: words[word] for word in AUTHORS if words[word]},
        ended=tree.eog(nodes[-1]),
        stale=len(stale),
        stale_since=any(place >= parted for place in stale),
    )


def _mean(view: View, nodes: Sequence[int], places: Sequence[int]) -> BranchMean | None:
    found = [
        entropies[1]
        for place in places
        if (entropies := view.tree.entropies(nodes[place])) is not None
    ]
    return BranchMean(math.fsum(found) / len(found), len(found)) if found else None
