"""Branches beside the visible path: what leaves it where, which one is worth drawing, and which can be compared.

A branch is a line of nodes that goes on along the children last visited. Reads a session, draws nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bftui.core.text import safe
from bftui.trace.branch_names import letters

if TYPE_CHECKING:
    from bftui.core.tree import Tree
    from bftui.ui.view import View

_MOST = 200
"""Branches that are offered at most."""


@dataclass(frozen=True, slots=True)
class Apart:
    """The part of a branch that is not on the path.

    Attributes:
        first: the depth of its first node; 0 for a branch of another prompt.
        nodes: it, from there to its end.
        name: what people call it.
    """

    first: int
    nodes: tuple[int, ...]
    name: str

    @property
    def end(self) -> int:
        """Its last node."""
        return self.nodes[-1]

    @property
    def marked(self) -> bool:
        """Whether it is a mark's."""
        return self.name.startswith("'")

    def at(self, depth: int) -> int | None:
        """The node at a depth; None before it leaves the path and past its end."""
        place = depth - self.first
        return self.nodes[place] if 0 <= place < len(self.nodes) else None


def apart(view: View, target: int, name: str = "") -> Apart | None:
    """The branch through a node, or None where nothing of it lies off the path; a pruned branch is none.

    Of the cursor's node it is what comes after. Without a name it gets its letter.
    """
    tree, path, pruned = view.tree, view.path, view.shown.pruned
    if target >= view.count or (target != view.cursor and path.at(tree.depth(target)) == target):
        return None
    nodes: list[int] = []
    node: int | None = target
    while node is not None and path.at(tree.depth(node)) != node:
        if node in pruned:
            return None
        nodes.append(node)
        node = tree.parent(node)
    nodes.reverse()
    at = target
    while (child := _onward(view, at)) is not None:
        at = child
        nodes.append(child)
    if not nodes:
        return None
    return Apart(tree.depth(nodes[0]), tuple(nodes), name or named(view, nodes[0]))


def named(view: View, node: int) -> str:
    """What a branch is called that begins with a node: its letter, or what it is of a single path."""
    if letter := letter_of(view, node):
        return f"branch {letter}"
    return "another prompt" if view.tree.parent(node) is None else "what comes after"


def letter_of(view: View, node: int) -> str:
    """The letter of the last branch on the way to a node; "" where nothing forks above it, or it is newer."""
    # While it plays the tree is ahead of its rows by some nodes.
    known = node < view.rows.known
    letter = view.rows.letter(view.rows.run_of(node)) if known else None
    return "" if letter is None else letters(letter)


def beside(view: View, forks: Sequence[int]) -> Apart | None:
    """The branch that is drawn behind the path: the one that was compared, else a mark's, else the one left last.

    Args:
        forks: the places of the path where more than one token was taken, in order.
    """
    if (
        view.against is not None
        and (found := apart(view, view.against)) is not None
        and found.first
    ):
        return found
    for name, node in reversed(list(view.session.marks.items())):
        found = apart(view, node, f"'{safe(name)}")
        if found is not None and found.first:
            return found
    return apart(view, view.cursor) or _left(view, forks)


def _left(view: View, forks: Sequence[int]) -> Apart | None:
    """The newest branch at the last fork that has another one to show."""
    for place in reversed(forks):
        mine = view.path.at(place + 1)
        others = [child for child in _children(view, view.path.nodes[place]) if child != mine]
        if others:
            return apart(view, others[-1])
    return None


def others(view: View) -> list[Apart]:
    """Branches that the path can be compared with: marks first, then those that part last, then other prompts."""
    found: dict[int, Apart] = {}

    def take(branch: Apart | None) -> None:
        if branch is not None:
            found.setdefault(branch.end, branch)

    for name, node in reversed(list(view.session.marks.items())):
        take(apart(view, node, f"'{safe(name)}"))
    nodes = view.path.nodes
    for place in range(len(nodes) - 1, -1, -1):
        if view.tree.child_count(nodes[place]):
            mine = view.path.at(place + 1)
            for end in _ends(view, nodes[place], mine):
                take(_ending(view, end, place + 1))
                if len(found) >= _MOST:
                    return list(found.values())
    for root in reversed(view.tree.roots):
        if root != nodes[0] and len(found) < _MOST:
            take(apart(view, root))
    return list(found.values())


def _ending(view: View, end: int, first: int) -> Apart:
    """The branch that leaves the path at a depth and ends with a node."""
    nodes = [end]
    while view.tree.depth(nodes[-1]) > first:
        parent = view.tree.parent(nodes[-1])
        assert parent is not None
        nodes.append(parent)
    nodes.reverse()
    letter = letter_of(view, end)
    return Apart(first, tuple(nodes), f"branch {letter}" if letter else named(view, nodes[0]))


def _onward(view: View, node: int) -> int | None:
    """The child last visited, where it is shown."""
    child = view.tree.last_visited(node)
    hidden = child is None or child >= view.count or child in view.shown.pruned
    return None if hidden else child


def _children(view: View, node: int) -> list[int]:
    """The children that are shown, oldest first."""
    pruned = view.shown.pruned
    return [
        child for child in view.tree.children(node) if child < view.count and child not in pruned
    ]


def _ends(view: View, node: int, mine: int | None) -> Iterator[int]:
    """The ends of all branches from a node but the one that begins with `mine`, the newest first."""
    waiting = [child for child in _children(view, node) if child != mine]
    while waiting:
        at = waiting.pop()
        children = _children(view, at)
        if children:
            waiting += children
        else:
            yield at


def forks(tree: Tree, nodes: Sequence[int], kept: int, known: list[int]) -> None:
    """Brings the places of a path where more than one token was taken up to date.

    Args:
        kept: nodes at the start of the path that are as they were.
        known: those places, changed here.
    """
    # A path that changed may have got its second child where it parts from the one before.
    since = max(0, kept - 1)
    while known and known[-1] >= since:
        known.pop()
    known += [place for place in range(since, len(nodes)) if tree.child_count(nodes[place]) > 1]
