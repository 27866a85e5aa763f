"""Where a session stands and how its tree is looked at: what undo brings back, and the rules of marks, folds, pruning.

A place never changes; every change makes another one, so that undo is a list of places. Nodes on the path to the cursor
are never pruned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from bftui.core.errors import UsageError
from bftui.core.tree import Tree

LONGEST_NAME = 40
"""Characters of a mark's name."""


def _no_marks() -> Mapping[str, int]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Place:
    """What undo brings back.

    Attributes:
        cursor: the node where the session stands.
        sampler: the number of the sampler in force.
        marks: the node of each name, in the order they were given.
        folded: nodes that hide what comes after them.
        pruned: nodes that are hidden with all that comes after them.
    """

    cursor: int
    sampler: int = 0
    marks: Mapping[str, int] = field(default_factory=_no_marks)
    folded: frozenset[int] = frozenset()
    pruned: frozenset[int] = frozenset()

    def at(self, cursor: int) -> Place:
        """The same with the cursor elsewhere."""
        return replace(self, cursor=cursor)


class History:
    """Places to go back to, and forth again; each with the word of the trace for what was done there."""

    def __init__(self) -> None:
        self._undo: list[tuple[Place, str]] = []
        self._redo: list[tuple[Place, str]] = []

    @property
    def undoes(self) -> str | None:
        """What undo takes back, None where there is nothing."""
        return self._undo[-1][1] if self._undo else None

    @property
    def redoes(self) -> str | None:
        """What redo does again, None where there is nothing."""
        return self._redo[-1][1] if self._redo else None

    def record(self, before: Place, op: str) -> None:
        """Something was done; nothing can be redone after it."""
        self._undo.append((before, op))
        self._redo.clear()

    def undo(self, now: Place) -> Place:
        """The place before the last change. Raises UsageError."""
        return self._trade(self._undo, self._redo, now, "undo")

    def redo(self, now: Place) -> Place:
        """The place that undo left. Raises UsageError."""
        return self._trade(self._redo, self._undo, now, "redo")

    @staticmethod
    def _trade(
        source: list[tuple[Place, str]], target: list[tuple[Place, str]], now: Place, word: str
    ) -> Place:
        if not source:
            raise UsageError(f"there is nothing to {word}")
        place, op = source.pop()
        target.append((now, op))
        return place


def marked(place: Place, name: str) -> Place:
    """Names the cursor; the same name again moves it here, and here again takes it away. Raises UsageError."""
    if not isinstance(name, str) or not name.strip():
        raise UsageError("a mark needs a name")
    if len(name) > LONGEST_NAME or "\n" in name or not name.isprintable():
        raise UsageError(f"a mark is a name in one line of at most {LONGEST_NAME} characters")
    marks = dict(place.marks)
    if marks.get(name) == place.cursor:
        del marks[name]
    else:
        marks[name] = place.cursor
    return replace(place, marks=MappingProxyType(marks))


def folded(tree: Tree, place: Place, node: int) -> Place:
    """Hides what comes after a node, or shows it again. Raises UsageError."""
    check_node(tree, node)
    if node not in place.folded and not tree.child_count(node):
        raise UsageError("nothing comes after this token yet", hint="there is nothing to fold")
    return replace(place, folded=place.folded ^ {node})


def pruned(tree: Tree, place: Place, node: int) -> Place:
    """Hides a node and what comes after it. A cursor in there goes to the parent, of a root to another root.

    Raises UsageError for the only root that is left, and for what is hidden already.
    """
    check_node(tree, node)
    if not place.pruned.isdisjoint(tree.path(node)):
        raise UsageError("this is pruned already", hint="go there, or undo, to bring it back")
    cursor = place.cursor
    if node in tree.path(cursor):
        parent = tree.parent(node)
        if parent is None:
            roots = [root for root in tree.roots if root not in place.pruned]
            if roots == [node]:
                raise UsageError("this is the only prompt", hint="give another prompt first")
            at = roots.index(node)
            parent = roots[at - 1] if at else roots[1]
        cursor = parent
    return replace(place, cursor=cursor, pruned=place.pruned | {node})


def shown(tree: Tree, place: Place, before: Place) -> Place:
    """The place with nothing pruned on the path to its cursor; `before` is where the session stood."""
    if not place.pruned or place.cursor == before.cursor:
        return place
    if tree.parent(place.cursor) == before.cursor:
        # A path of any length grows by a step in no time.
        back = place.pruned & {place.cursor}
    else:
        back = place.pruned & set(tree.path(place.cursor))
    return replace(place, pruned=place.pruned - back) if back else place


def onward(tree: Tree, place: Place) -> int:
    """The child that `forward` goes to: the one last visited, or the newest that is not pruned. Raises UsageError."""
    last = tree.last_visited(place.cursor)
    if last is None:
        raise UsageError("nothing comes after this token yet")
    if last not in place.pruned:
        return last
    children = [child for child in tree.children(place.cursor) if child not in place.pruned]
    if not children:
        raise UsageError("what comes after this token is pruned", hint="undo brings it back")
    return children[-1]


def check_node(tree: Tree, node: int) -> None:
    """Raises UsageError for what is no node of the tree."""
    if type(node) is not int or not 0 <= node < len(tree):
        raise UsageError(f"there is no node {node}", f"the tree has {len(tree)}")
