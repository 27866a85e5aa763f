"""Reading any text with a model: prefixes that no session's tree holds, as a second model's do.

Where numbers depend on batches, what is read follows from the text and from what is asked, not from what was read
before.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from bftui.backends.client.client_protocol import TopToken
from bftui.backends.protocol import F32, Backend, Logits
from bftui.core.batch import Batch, afresh, batches, most_scored, step
from bftui.core.errors import UsageError
from bftui.core.mixed_logits import StackedLogits
from bftui.core.sampler import Sampler

_PLAIN = Sampler(top_k=1, top_p=1.0)

_PASS = 64
"""Tokens read in one pass: their logits are in memory together, and foreground work waits for no more of them."""


class Reading:
    """What `ModelClient` says of `best`, `greedy` and `path_logits`, over one backend."""

    def __init__(self, backend: Backend, turn: threading.RLock, check: Callable[[], None]) -> None:
        """`turn` is held while something is evaluated; `check` raises Cancelled when the work is to stop."""
        self._backend, self._turn, self._check = backend, turn, check
        self._evaluator, self._shaped = backend.aside, backend.info.shaped
        self._rows_of_pass = min(_PASS, most_scored(backend.info.n_vocab))

    def best(
        self, prefix: Sequence[int], token_ids: Sequence[int], sampler: Sampler
    ) -> list[TopToken]:
        """Return what is most probable after a prefix and after each of these tokens."""
        return [self._best(logits, sampler) for logits in self._pass(prefix, token_ids)]

    def greedy(self, prefix: Sequence[int], limit: int, sampler: Sampler) -> Iterator[TopToken]:
        """Yield the most probable tokens, one after another. Raises UsageError for a limit below 1, ContextFull."""
        if limit < 1:
            raise UsageError(f"{limit} tokens are too few", hint="take 1 or more")
        return self._greedily(list(prefix), limit, sampler)

    def _greedily(self, ids: list[int], limit: int, sampler: Sampler) -> Iterator[TopToken]:
        for taken in range(limit):
            if taken and len(ids) > self._backend.info.n_ctx:
                return
            with self._turn:
                self._check()
                path = [*afresh(len(ids) - taken), *map(step, range(len(ids) - taken, len(ids)))]
                best = self._best(self._evaluator.next_logits(ids, self._said(path)), sampler)
            yield best
            if best.eog:
                return
            ids.append(best.token_id)

    def path_logits(
        self, prefix: Sequence[int], token_ids: Sequence[int], sampler: Sampler
    ) -> Generator[F32, None, None]:
        """Yield the logits that each of these tokens is read from. Raises UsageError without tokens, ContextFull."""
        return _all_in_memory(self.rows(prefix, token_ids), sampler)

    def rows(
        self, prefix: Sequence[int], token_ids: Sequence[int]
    ) -> Generator[Logits, None, None]:
        """Yield the same as the backend gives them; raises the same."""
        if not token_ids:
            raise UsageError("there are no tokens to read")
        return self._rows(list(prefix), list(token_ids[:-1]))

    def _rows(self, prefix: list[int], ids: list[int]) -> Generator[Logits, None, None]:
        path = self._batches(len(prefix), len(ids))
        for start in range(0, len(ids) + 1, _PASS):
            before = prefix + ids[: max(0, start - 1)]
            with self._turn:
                self._check()
                # Other work may come between two passes: none is left half read.
                if start == 0:
                    rows = self._pass(before, ids[: _PASS - 1], path)
                else:
                    now = ids[start - 1 : start + _PASS - 1]
                    known = self._said(path[: len(before) + len(now)])
                    rows = self._evaluator.path_logits(before, now, known)
                found = list(rows)
            yield from found

    def _batches(self, begun: int, count: int) -> list[Batch]:
        """A prefix, but for its last token, and then passes that begin with that one."""
        end = begun + count
        found = afresh(begun - 1)
        for start in range(begun - 1, end, _PASS):
            stop = min(end, start + _PASS)
            found += batches(start, stop, self._rows_of_pass, scored=True)
        return found

    def _said(self, path: list[Batch]) -> list[Batch] | None:
        return path if self._shaped else None

    def _pass(
        self, prefix: Sequence[int], token_ids: Sequence[int], path: list[Batch] | None = None
    ) -> Iterator[Logits]:
        """Logits after a prefix and after each of these tokens; one pass, but where the prefix is a single token.

        `path` has the batches of a longer text that begins so.
        """
        path = path or self._batches(len(prefix), len(token_ids))
        known = self._said(path[: len(prefix) + len(token_ids)])
        if len(prefix) < 2 or not token_ids:
            yield self._evaluator.next_logits(prefix, known and known[: len(prefix)])
            if token_ids:
                yield from self._evaluator.path_logits(prefix, token_ids, known)
            return
        # The last token of the prefix joins the pass, so that all rows are made alike.
        yield from self._evaluator.path_logits(prefix[:-1], [prefix[-1], *token_ids], known)

    def _best(self, logits: Logits, sampler: Sampler) -> TopToken:
        weighed = replace(_PLAIN, weight=sampler.weight, plausibility=sampler.plausibility)
        distribution = self._backend.distribution(logits, weighed)
        token_id = distribution.greedy()
        prob = math.exp(distribution.score(token_id).logprob)
        return TopToken(token_id, prob, token_id in self._backend.info.eog_ids)


def _all_in_memory(
    rows: Generator[Logits, None, None], sampler: Sampler
) -> Generator[F32, None, None]:
    with closing(rows):
        for row in rows:
            yield in_memory(row, sampler)


def in_memory(logits: Logits, sampler: Sampler) -> F32:
    """Return logits of any backend as an array of the host; of a mixture those at the sampler's weight, in float64."""
    if isinstance(logits, StackedLogits):
        return logits.under(sampler)
    rows = logits.cpu() if hasattr(logits, "cpu") else logits
    return np.asarray(rows, dtype=np.float32)
