"""Nodes of a valid set, read in batches that share prefixes.

Not for: the order in which people look at them; a plan of one node is one evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from bftui.backends.client.client_protocol import TriePlan
from bftui.backends.client.continuation_batches import ContinuationPool
from bftui.backends.client.text_reading import in_memory
from bftui.backends.protocol import check_prefix
from bftui.core.batch import Batch, afresh, step
from bftui.core.errors import UsageError
from bftui.core.valid.node_reading import NodeReading, read_node


def read_trie(
    pool: ContinuationPool, plan: TriePlan, check: Callable[[], None]
) -> Generator[NodeReading, None, None]:
    """Yield each node of a plan; see `ModelClient.read_trie`. Raises ContextFull, InvalidToken, UsageError.

    `check` raises Cancelled when the work is to stop.
    """
    info = pool.backend.info
    paths = {node.path for _, node in plan.nodes}
    if len(paths) < len(plan.nodes):
        raise UsageError("two nodes of a valid set have the same path")
    for path in paths:
        check_prefix([*plan.prefix, *path], info.n_vocab, info.n_ctx)
    return _read(pool, plan, check)


def _read(
    pool: ContinuationPool, plan: TriePlan, check: Callable[[], None]
) -> Generator[NodeReading, None, None]:
    begun = len(plan.prefix)
    for number, node in sorted(plan.nodes, key=lambda each: each[1].path):
        path = [*plan.prefix, *node.path]
        batches: list[Batch] | None = None
        if pool.backend.info.shaped:
            batches = [*afresh(begun), *map(step, range(begun, len(path)))]
        with pool.turn:
            check()
            logits = in_memory(pool.backend.drawing.next_logits(path, batches))
        yield read_node(logits, number, node, plan.sampler, plan.grid, fit=plan.fit)
