"""Where a session stands and how its tree is looked at: what undo brings back, and the rules of marks, folds, pruning.

A view state never changes; every change makes another one, so that undo is a list of them. Nodes on the path to the
cursor are never pruned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from bftui.core.errors import UsageError
from bftui.session.breakpoints import Breakpoint

if TYPE_CHECKING:
    from bftui.core.tree import Tree

LONGEST_NAME = 40
"""Characters of a mark's name."""


def _no_marks() -> Mapping[str, int]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ViewState:
    """What undo brings back.

    Attributes:
        cursor: the node where the session stands.
        sampler: the number of the sampler in force.
        marks: the node of each name, in the order they were given.
        folded: nodes that hide what comes after them.
        pruned: nodes that are hidden with all that comes after them.
        breakpoints: where playing stops by itself.
    """

    cursor: int
    sampler: int = 0
    marks: Mapping[str, int] = field(default_factory=_no_marks)
    folded: frozenset[int] = frozenset()
    pruned: frozenset[int] = frozenset()
    breakpoints: tuple[Breakpoint, ...] = ()

    def at(self, cursor: int) -> ViewState:
        """Returns the same with the cursor elsewhere."""
        return replace(self, cursor=cursor)


class History:
    """View states to go back to, and forth again; each with the word of the trace for what was done there."""

    def __init__(self) -> None:
        self._undo: list[tuple[ViewState, str]] = []
        self._redo: list[tuple[ViewState, str]] = []

    @property
    def undoes(self) -> str | None:
        """What undo takes back, None where there is nothing."""
        return self._undo[-1][1] if self._undo else None

    @property
    def redoes(self) -> str | None:
        """What redo does again, None where there is nothing."""
        return self._redo[-1][1] if self._redo else None

    def record(self, before: ViewState, op: str) -> None:
        """Records what was done at a view; nothing can be redone after it."""
        self._undo.append((before, op))
        self._redo.clear()

    def undo(self, now: ViewState) -> ViewState:
        """Returns the view before the last change. Raises UsageError."""
        return self._trade(self._undo, self._redo, now, "undo")

    def redo(self, now: ViewState) -> ViewState:
        """Returns the view that undo left. Raises UsageError."""
        return self._trade(self._redo, self._undo, now, "redo")

    @staticmethod
    def _trade(
        source: list[tuple[ViewState, str]],
        target: list[tuple[ViewState, str]],
        now: ViewState,
        word: str,
    ) -> ViewState:
        if not source:
            raise UsageError(f"there is nothing to {word}")
        view, op = source.pop()
        target.append((now, op))
        return view


def marked(view: ViewState, name: str) -> ViewState:
    """Names the cursor; the same name again moves it here, and here again takes it away. Raises UsageError."""
    if not isinstance(name, str) or not name.strip():
        raise UsageError("a mark needs a name")
    if len(name) > LONGEST_NAME or "\n" in name or not name.isprintable():
        raise UsageError(f"a mark is a name in one line of at most {LONGEST_NAME} characters")
    marks = dict(view.marks)
    if marks.get(name) == view.cursor:
        del marks[name]
    else:
        marks[name] = view.cursor
    return replace(view, marks=MappingProxyType(marks))


def folded(tree: Tree, view: ViewState, node: int) -> ViewState:
    """Hides what comes after a node, or shows it again. Raises UsageError."""
    check_node(tree, node)
    if node not in view.folded and not tree.child_count(node):
        raise UsageError("nothing comes after this token yet", hint="there is nothing to fold")
    return replace(view, folded=view.folded ^ {node})


def pruned(tree: Tree, view: ViewState, node: int) -> ViewState:
    """Hides a node and what comes after it. A cursor in there goes to the parent, of a root to another root.

    Raises UsageError for the only root that is left, and for what is hidden already.
    """
    check_node(tree, node)
    if not view.pruned.isdisjoint(tree.path(node)):
        raise UsageError("this is pruned already", hint="go there, or undo, to bring it back")
    cursor = view.cursor
    if node in tree.path(cursor):
        parent = tree.parent(node)
        if parent is None:
            roots = [root for root in tree.roots if root not in view.pruned]
            if roots == [node]:
                raise UsageError("this is the only prompt", hint="give another prompt first")
            at = roots.index(node)
            parent = roots[at - 1] if at else roots[1]
        cursor = parent
    return replace(view, cursor=cursor, pruned=view.pruned | {node})


def shown(tree: Tree, view: ViewState, before: ViewState) -> ViewState:
    """Unprunes the path to the cursor; `before` is where the session stood."""
    if not view.pruned or view.cursor == before.cursor:
        return view
    if tree.parent(view.cursor) == before.cursor:
        # A path of any length grows by a step in no time.
        back = view.pruned & {view.cursor}
    else:
        back = view.pruned & set(tree.path(view.cursor))
    return replace(view, pruned=view.pruned - back) if back else view


def onward(tree: Tree, view: ViewState) -> int:
    """Finds the child that `forward` goes to: the last visited, or the newest that is not pruned. Raises UsageError."""
    last = tree.last_visited(view.cursor)
    if last is None:
        raise UsageError("nothing comes after this token yet")
    if last not in view.pruned:
        return last
    children = [child for child in tree.children(view.cursor) if child not in view.pruned]
    if not children:
        raise UsageError("what comes after this token is pruned", hint="undo brings it back")
    return children[-1]


def check_node(tree: Tree, node: int) -> None:
    """Raises UsageError for what is not a node of the tree."""
    if type(node) is not int or not 0 <= node < len(tree):
        raise UsageError(f"there is no node {node}", f"the tree has {len(tree)}")
