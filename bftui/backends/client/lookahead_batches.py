"""Candidates looked at ahead: the distribution after each of them, in batches of continuations of one prefix.

Not for: draws; a look-ahead goes on with the most probable token.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from bftui.backends.client.continuation_batches import ContinuationPool
from bftui.core.distribution import NextToken
from bftui.core.sampler import Sampler


def lookahead(
    pool: ContinuationPool,
    prefix: Callable[[], Sequence[int]],
    token_ids: Sequence[int],
    sampler: Sampler,
    steps: int,
    prompt: int,
    check: Callable[[], None],
) -> Generator[tuple[int, NextToken | None], None, int]:
    """Yield each token with the distribution after it and `steps` - 1 greedy ones; see `ModelClient.lookahead`.

    Args:
        prefix: gives the absolute prefix; called while the turn is held.
        prompt: how many of its tokens are the prompt.
        check: raises Cancelled when the work is to stop.
    """
    backend, eog_ids = pool.backend, pool.backend.info.eog_ids
    live = [token_id for token_id in token_ids if token_id not in eog_ids]
    yield from ((token_id, None) for token_id in token_ids if token_id in eog_ids)
    evaluated = 0
    while live:
        chunk = live[: backend.info.batch_rows if backend.info.padded else pool.room(steps)]
        del live[: len(chunk)]
        with pool.turn:
            before = backend.evaluated
            found = _ahead(pool, prefix(), chunk, sampler, steps, prompt, check)
            evaluated += backend.evaluated - before
        yield from zip(chunk, found, strict=True)
    return evaluated


def _ahead(
    pool: ContinuationPool,
    prefix: Sequence[int],
    token_ids: Sequence[int],
    sampler: Sampler,
    steps: int,
    prompt: int,
    check: Callable[[], None],
) -> list[NextToken | None]:
    """What comes after each token of one batch; None after an end of generation, and where a constraint cannot hold."""
    info = pool.backend.info
    found: list[NextToken | None] = [None] * len(token_ids)
    texts = {row: [token_id] for row, token_id in enumerate(token_ids)}
    width = info.batch_rows if info.padded else len(token_ids)
    with pool.open(prefix, width, steps, ahead=True) as batch:
        for later in range(1, steps + 1):
            # Rows of padding, and those that ended, take any token.
            rows = list(range(width)) if info.padded else list(texts)
            logits = batch.step(rows, [texts[row][-1] if row in texts else 0 for row in rows])
            check()
            for row, each in zip(rows, logits, strict=True):
                if row not in texts:
                    continue
                whole = [*prefix, *texts[row]]
                distribution = pool.sampling.distribution(each, sampler, whole, prompt)
                summary = distribution.summary() if sampler.constraint or later == steps else None
                if summary is not None and summary.constraint and not summary.constraint.holds:
                    del texts[row]
                elif later == steps:
                    found[row] = summary
                else:
                    texts[row].append(distribution.greedy())
                    if texts[row][-1] in info.eog_ids:
                        del texts[row]
            if not texts:
                break
    return found
