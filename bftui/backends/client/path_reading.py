"""The distributions after many texts, read in batches that share prefixes; see `path_batches.py`."""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np

from bftui.backends.client.client_protocol import PathsPlan
from bftui.backends.client.continuation_batches import ContinuationPool
from bftui.backends.client.path_batches import PathReader
from bftui.backends.client.path_walks import Path
from bftui.backends.protocol import Logits, TokenDistribution, check_prefix
from bftui.core.errors import NothingLeft, UsageError
from bftui.core.mixed_logits import StackedLogits
from bftui.core.path_round import PathReading, PathsBelow
from bftui.core.sampler import Sampler

_FREE = Sampler(top_p=1.0)
"""Under it P~ is P."""


def read_paths(
    pool: ContinuationPool, plan: PathsPlan, check: Callable[[], None]
) -> Generator[PathReading, None, None]:
    """Yield the reading of each text of a plan; see `ModelClient.read_paths`.

    Raises ContextFull, InvalidToken, UsageError. `check` raises Cancelled when the work is to stop.
    """
    info, asked = pool.backend.info, plan.wanted
    if len(set(asked.paths)) < len(asked.paths):
        raise UsageError("a text is to be read twice")
    if plan.most < 1:
        raise UsageError(f"{plan.most} kept tokens are too few", hint="take 1 or more")
    begun = len(plan.prefix) if plan.prompt is None else plan.prompt
    deepest = info.n_ctx - len(plan.prefix)
    below = PathsBelow(asked, info.eog_ids, deepest)
    for path in asked.paths:
        check_prefix([*plan.prefix, *path], info.n_vocab, info.n_ctx)

    def take(path: Path, logits: Logits) -> Logits | PathReading:
        # What is on a device is read while nothing else is evaluated there.
        return logits if isinstance(logits, np.ndarray | StackedLogits) else read(path, logits)

    def read(path: Path, kept: Logits | PathReading) -> PathReading:
        if isinstance(kept, PathReading):
            return kept
        ids = (*plan.prefix, *path)
        try:
            distribution = pool.sampling.distribution(kept, plan.sampler, ids, begun)
            return _reading(distribution, path, plan.most, info.eog_ids)
        except NothingLeft:
            # Bans and a constraint may bring a text to where nothing can follow; where all begin it is an error.
            if not path:
                raise
            free, none = pool.backend.distribution(kept, _FREE), np.empty(0)
            return PathReading(path, free.summary(), none.astype(np.int32), none)

    reader = PathReader(
        pool, plan.prefix, asked.paths, take, read, check, below.after, below.longest
    )
    return reader.run()


def _reading(
    distribution: TokenDistribution, path: Path, most: int, eog_ids: frozenset[int]
) -> PathReading:
    """What is kept of a distribution: its best tokens, and the ends of generation wherever they stand."""
    ids, logprobs = distribution.kept_tokens(most)
    if distribution.kept > len(ids):
        further = sorted(eog_ids.difference(ids.tolist()))
        scored = [distribution.score(token_id) for token_id in further]
        kept = [
            (each.token_id, each.logprob_truncated)
            for each in scored
            if each.logprob_truncated is not None
        ]
        if kept:
            ids = np.append(ids, np.array([each for each, _ in kept], dtype=np.int32))
            logprobs = np.append(logprobs, [each for _, each in kept])
    return PathReading(path, distribution.summary(), ids, logprobs)
