"""What the engine keeps of a session's tree: enough to write down the absolute prefix of every node.

Not for: logits and distributions, which the engine keeps for the latest nodes alone.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from bftui.core.batch import CHUNK, Batch, batches, step


@dataclass
class TreePaths:
    """One tree as the engine knows it; node numbers are the session's.

    Attributes:
        parents, tokens: one entry for each node, -1 where it has none.
        prompts: the token ids of each root.
        batches: what each node was evaluated in, where numbers depend on it.
    """

    parents: array[int] = field(default_factory=lambda: array("i"))
    tokens: array[int] = field(default_factory=lambda: array("i"))
    prompts: dict[int, tuple[int, ...]] = field(default_factory=dict)
    batches: dict[int, Batch] = field(default_factory=dict)

    def add(self, node: int, parent: int, token_id: int, batch: Batch | None = None) -> None:
        """Add a node. Numbers only grow; those below `node` that never came stay unused."""
        while len(self.parents) <= node:
            self.parents.append(-1)
            self.tokens.append(-1)
        self.parents[node] = parent
        self.tokens[node] = token_id
        if batch is not None:
            self.batches[node] = batch

    def prefix(self, node: int) -> tuple[list[int], list[Batch], int]:
        """Return the ids of a path, the batch that each was evaluated in, and how many ids are the prompt."""
        nodes = []
        while node not in self.prompts:
            nodes.append(node)
            node = self.parents[node]
        nodes.reverse()
        prompt = self.prompts[node]
        known, begun = self.batches, len(prompt)
        own = [known.get(each) or step(begun + place) for place, each in enumerate(nodes)]
        ids = [*prompt, *(self.tokens[each] for each in nodes)]
        size = known[node].rows if node in known else CHUNK
        return ids, [*batches(0, begun, size), *own], begun
