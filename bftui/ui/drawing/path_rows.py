"""The visible path as a list that is kept up, not rebuilt: one more token costs one step, going back costs none.

Pure: reads a tree, draws nothing.
"""

from __future__ import annotations

from typing import Protocol


class Parents(Protocol):
    """What a path reads of a tree."""

    def parent(self, node: int) -> int | None: ...

    def depth(self, node: int) -> int: ...


class Path:
    """Nodes from the prompt to the cursor.

    Attributes:
        nodes: the path; `nodes[i]` has depth i.
        version: grows with every change.
    """

    def __init__(self) -> None:
        self.nodes: list[int] = []
        self.version = 0

    def __len__(self) -> int:
        return len(self.nodes)

    def at(self, depth: int) -> int | None:
        """The node at a depth; None past the end."""
        return self.nodes[depth] if depth < len(self.nodes) else None

    def follow(self, tree: Parents, cursor: int) -> int:
        """Goes to another cursor; how many nodes at the start stayed."""
        fresh: list[int] = []
        node: int | None = cursor
        while node is not None:
            depth = tree.depth(node)
            if depth < len(self.nodes) and self.nodes[depth] == node:
                break
            fresh.append(node)
            node = tree.parent(node)
        kept = 0 if node is None else tree.depth(node) + 1
        if fresh or kept < len(self.nodes):
            del self.nodes[kept:]
            self.nodes += reversed(fresh)
            self.version += 1
        return kept
