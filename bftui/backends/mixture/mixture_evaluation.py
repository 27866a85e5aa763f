"""Several models on one prefix: each evaluates it over a cache of its own, and their logits are stacked.

Models are evaluated one after the other, each with its own threads.
Not for: what the stacked logits mean, which is `core.mixed_logits`'s.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np

from bftui.backends.mixture.prompt_pairs import PromptPairs
from bftui.backends.protocol import ContinuationBatch, Evaluator, Logits, ModelInfo, check_prefix
from bftui.core.batch import Batch
from bftui.core.errors import Cancelled, CapabilityError, ModelError
from bftui.core.mixed_logits import F32, StackedLogits


class Cancelling:
    """Whether what is evaluated now is to stop: between two models nothing else would know."""

    def __init__(self) -> None:
        self._stop = threading.Event()

    def begin(self) -> None:
        """Forgets a cancel that came before."""
        self._stop.clear()

    def cancel(self) -> None:
        """Has the next `check` raise."""
        self._stop.set()

    def check(self) -> None:
        """Raises Cancelled once `cancel` was called."""
        if self._stop.is_set():
            raise Cancelled("stopped")


class MixtureEvaluator:
    """Implements `protocol.Evaluator` over one evaluator of each model."""

    def __init__(
        self,
        info: ModelInfo,
        parts: Sequence[tuple[Evaluator, bool]],
        prompts: PromptPairs,
        cancelling: Cancelling,
        check_open: Callable[[], None],
    ) -> None:
        """Takes evaluators, each with whether its numbers depend on batches.

        `info` is the mixture's; `check_open` raises ModelError once it is closed.
        """
        self._info, self._parts, self._prompts = info, parts, prompts
        self._cancelling, self._check_open = cancelling, check_open

    def _begin(self, path: Sequence[int]) -> None:
        self._check_open()
        check_prefix(path, self._info.n_vocab, self._info.n_ctx)
        self._cancelling.begin()

    def _each(
        self, prefix: Sequence[int], batches: Sequence[Batch] | None
    ) -> Iterator[tuple[Evaluator, Sequence[int], Sequence[Batch] | None]]:
        """What each model reads for a prefix of the first one, and in which batches."""
        for place, (part, shaped) in enumerate(self._parts):
            known = batches if shaped else None
            yield part, *(self._prompts.behind(prefix, known) if place else (prefix, known))

    def next_logits(
        self, prefix: Sequence[int], batches: Sequence[Batch] | None = None
    ) -> StackedLogits:
        self._begin(prefix)
        found = []
        for part, own, known in self._each(prefix, batches):
            found.append(part.next_logits(own, known))
            self._cancelling.check()
        return self._stacked(found)

    def path_logits(
        self,
        prefix: Sequence[int],
        token_ids: Sequence[int],
        batches: Sequence[Batch] | None = None,
    ) -> Iterator[StackedLogits]:
        self._begin(prefix)
        check_prefix([*prefix, *token_ids], self._info.n_vocab, self._info.n_ctx)
        passes = [
            part.path_logits(own, token_ids, known)
            for part, own, known in self._each(prefix, batches)
        ]
        return self._rows(passes)

    def _rows(self, passes: Sequence[Iterator[Logits]]) -> Iterator[StackedLogits]:
        for rows in zip(*passes, strict=True):
            self._cancelling.check()
            yield self._stacked(rows)

    @contextmanager
    def continuations(
        self,
        prefix: Sequence[int],
        rows: int,
        batches: Sequence[Batch] | None = None,
        tokens: int = 0,
    ) -> Iterator[ContinuationBatch]:
        self._begin(prefix)
        if not 0 < rows <= self._info.max_continuations:
            raise CapabilityError(
                f"{rows} continuations at once are not possible",
                f"these models were opened for up to {self._info.max_continuations}",
            )
        with ExitStack() as stack:
            opened = []
            for part, own, known in self._each(prefix, batches):
                opened.append(stack.enter_context(part.continuations(own, rows, known, tokens)))
                self._cancelling.check()
            yield _MixtureContinuations(opened, self._stacked, self._cancelling)

    def _stacked(self, rows: Sequence[Logits]) -> StackedLogits:
        return StackedLogits(self._info.architecture, np.stack([on_host(row) for row in rows]))


class _MixtureContinuations:
    """Continuations of each model, stepped together."""

    def __init__(
        self,
        batches: Sequence[ContinuationBatch],
        stacked: Callable[[Sequence[Logits]], StackedLogits],
        cancelling: Cancelling,
    ) -> None:
        self._batches, self._stacked, self._cancelling = batches, stacked, cancelling
        self._parted = False

    def step(self, rows: Sequence[int], token_ids: Sequence[int]) -> list[StackedLogits]:
        if self._parted:
            raise ModelError("these continuations are closed")
        self._cancelling.begin()
        found = []
        try:
            for batch in self._batches:
                found.append(batch.step(rows, token_ids))
                self._cancelling.check()
        except BaseException:
            # Where one model has the tokens and another has not, they cannot go on together.
            self._parted = bool(found)
            raise
        return [self._stacked(each) for each in zip(*found, strict=True)]

    def drop(self, rows: Sequence[int]) -> None:
        for batch in self._batches:
            batch.drop(rows)

    def renew(self, rows: Sequence[int]) -> None:
        for batch in self._batches:
            batch.renew(rows)

    def rewind(self, row: int, tokens: int) -> None:
        for batch in self._batches:
            batch.rewind(row, tokens)


def on_host(logits: Logits) -> F32:
    """Return logits of one model as an array of the host."""
    return np.asarray(logits.cpu() if hasattr(logits, "cpu") else logits, dtype=np.float32)
