"""Nodes of a valid set, read in batches that share prefixes; see `path_batches.py`."""

from __future__ import annotations

from collections.abc import Callable, Generator

from bftui.backends.client.client_protocol import TriePlan
from bftui.backends.client.continuation_batches import ContinuationPool
from bftui.backends.client.path_batches import PathReader
from bftui.backends.client.path_walks import Path
from bftui.backends.client.text_reading import in_memory
from bftui.backends.protocol import F32, Logits, check_prefix
from bftui.core.errors import UsageError
from bftui.core.sampler import Sampler
from bftui.core.steering import Steering
from bftui.core.valid.node_reading import NodeReading, read_node


def read_trie(
    pool: ContinuationPool, plan: TriePlan, check: Callable[[], None]
) -> Generator[NodeReading, None, None]:
    """Yield each node of a plan; see `ModelClient.read_trie`. Raises ContextFull, InvalidToken, UsageError.

    `check` raises Cancelled when the work is to stop.
    """
    info = pool.backend.info
    wanted = {node.path: (number, node) for number, node in plan.nodes}
    if len(wanted) < len(plan.nodes):
        raise UsageError("two nodes of a valid set have the same path")
    for path in wanted:
        check_prefix([*plan.prefix, *path], info.n_vocab, info.n_ctx)

    begun = len(plan.prefix) if plan.prompt is None else plan.prompt

    def at(path: Path) -> tuple[Sampler, Steering | None]:
        return pool.sampling.at(plan.sampler, (*plan.prefix, *path), begun)

    def take(path: Path, logits: Logits) -> F32:
        return in_memory(logits, at(path)[0])

    def read(path: Path, logits: F32) -> NodeReading:
        number, node = wanted[path]
        sampler, steering = at(path)
        steered = None if steering is None else steering.of(logits, sampler)
        return read_node(logits, number, node, sampler, plan.grid, steered=steered, fit=plan.fit)

    return PathReader(pool, plan.prefix, wanted, take, read, check).run()
