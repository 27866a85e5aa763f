"""The text of every row of the tree, for searching: kept up node by node. Pure: no Textual, no drawing."""

from __future__ import annotations

from collections.abc import Callable

from bftui.ui.drawing.tree_rows import Links, TreeRows


class TreeTexts:
    """Lower-case texts by run; one more token costs what its row is long at most, and nothing where it goes on."""

    def __init__(self, tree: Links, rows: TreeRows, label: Callable[[int], str]) -> None:
        """`label` gives the text of a node, which never changes."""
        self._tree, self._rows, self._label = tree, rows, label
        self._labels: list[str] = []
        self._texts: dict[int, str] = {}

    def sync(self) -> None:
        """Takes in what the tree grew; the rows have it already."""
        seen = len(self._labels)
        self._labels += [self._label(node).lower() for node in range(seen, len(self._tree))]
        if seen == 0:
            parts: dict[int, list[str]] = {}
            for node, text in enumerate(self._labels):
                parts.setdefault(self._rows.run_of(node), []).append(text)
            self._texts = {run: "".join(texts) for run, texts in parts.items()}
            return
        stale: set[int] = set()
        for node in range(seen, len(self._labels)):
            run, parent = self._rows.run_of(node), self._tree.parent(node)
            if parent is None:
                stale.add(run)
                continue
            beside = [self._rows.run_of(child) for child in self._tree.children(parent)]
            if len(beside) == 1 and run == self._rows.run_of(parent) and run not in stale:
                self._texts[run] = self._texts.get(run, "") + self._labels[node]
            else:
                # A fork may have split its row, and named the rows anew.
                stale.update((self._rows.run_of(parent), *beside))
        for run in stale:
            self._texts[run] = self._whole(run)

    def _whole(self, run: int) -> str:
        parts, node, head = [], self._rows.tail(run), self._rows.head(run)
        while node != head:
            parts.append(self._labels[node])
            parent = self._tree.parent(node)
            assert parent is not None
            node = parent
        return "".join(reversed([*parts, self._labels[head]]))

    def containing(self, wanted: str) -> set[int]:
        """The runs whose text contains this, whatever its case."""
        wanted = wanted.lower()
        return {run for run, text in self._texts.items() if wanted in text}
