"""How the nodes of a trace hang together, as columns: what can be checked without holding the nodes."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence


class Links:
    """Parents, tokens and samplers of nodes that are added one after another.

    Attributes:
        parents, tokens: of each node; -1 where it has none.
        samplers: of each node.
        roots: nodes without a parent.
        used: every token id that occurs, candidates included.
    """

    def __init__(self) -> None:
        self.parents, self.tokens, self.samplers = array("i"), array("i"), array("i")
        self.roots: list[int] = []
        self.used: set[int] = set()

    def __len__(self) -> int:
        return len(self.parents)

    def add(
        self,
        number: int,
        parent: int | None,
        token_id: int | None,
        sampler: int,
        candidates: Sequence[int] = (),
    ) -> None:
        """Adds one node; raises ValueError where it cannot stand here."""
        place = len(self)
        if number != place:
            raise ValueError(f"node {number} stands at place {place}")
        if (parent is None) != (token_id is None):
            raise ValueError(f"node {place}: a prompt has no token, any other node has one")
        if parent is None or token_id is None:
            self.roots.append(place)
            parent = token_id = -1
        elif parent >= place:
            raise ValueError(f"node {place}: its parent {parent} does not come before it")
        else:
            self.used.add(token_id)
        self.used.update(candidates)
        self.parents.append(parent)
        self.tokens.append(token_id)
        self.samplers.append(sampler)

    def check_roots(self, prompts: Iterable[int]) -> None:
        """Raises ValueError unless the nodes without a parent are node 0 and these."""
        wanted = {0, *prompts}
        for place in sorted(wanted.symmetric_difference(self.roots)):
            raise ValueError(f"node {place}: only prompts have no parent")

    def check_samplers(self, count: int) -> None:
        """Raises ValueError for a node with a sampler that is none of `count`."""
        if max(self.samplers, default=0) >= count:
            place = next(i for i, sampler in enumerate(self.samplers) if sampler >= count)
            raise ValueError(f"node {place}: there is no sampler {self.samplers[place]}")

    def check_ids(self, n_vocab: int, more: Iterable[int] = ()) -> None:
        """Raises ValueError for a token id outside the vocabulary, in nodes or in `more`."""
        highest = max(max(self.used, default=0), max(more, default=0))
        if highest >= n_vocab:
            raise ValueError(f"token {highest} is not in the vocabulary of {n_vocab}")

    def check_references(self, groups: Mapping[str, Iterable[int]]) -> None:
        """Raises ValueError for a number that no node has."""
        for name, numbers in groups.items():
            if max(numbers, default=0) >= len(self):
                raise ValueError(f"{name}: there are only {len(self)} nodes")

    def check_path(self, path: Sequence[int]) -> None:
        """Raises ValueError unless each node is the parent of the next, and the first has none."""
        before = -1
        for node in path:
            if self.parents[node] != before:
                shown = "nothing" if before < 0 else before
                raise ValueError(f"path: node {node} does not follow {shown}")
            before = node

    def depths(self) -> array[int]:
        """Tokens between each node and its root."""
        depths = array("i")
        for parent in self.parents:
            depths.append(0 if parent < 0 else depths[parent] + 1)
        return depths
