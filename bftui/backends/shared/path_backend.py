"""What the backends that run in this process share: one cached path, and how it is kept, extended and left.

A subclass forwards tokens; which tokens need it, how results are split into pieces of bounded memory, cancelling and
counting are here, once. The path is the list of ids whose keys and values the cache holds.
Not for: remote servers, which keep no cache of ours.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bftui.backends import protocol
from bftui.backends.protocol import Logits, ModelInfo, check_prefix, common_prefix
from bftui.backends.shared.checkpoints import EVERY, Checkpoints
from bftui.backends.shared.vocabulary import Parts, TextTokenizer, Vocabulary
from bftui.core.batch import CHUNK, Batch, most_scored
from bftui.core.distribution import Distribution
from bftui.core.errors import (
    Cancelled,
    CapabilityError,
    ContextFull,
    Displaced,
    InvalidToken,
    ModelError,
    NonFiniteLogits,
)
from bftui.core.sampler import Sampler
from bftui.core.steering import Steering
from bftui.formats.open_spec import Progress


class PathContinuations(ABC):
    """Continuations of one prefix; implements `ContinuationBatch`. Closed with the `with` block that opened it."""

    def __init__(self, backend: PathBackend, length: int, rows: int) -> None:
        """Starts `rows` continuations of the first `length` ids of the backend's path."""
        self._backend = backend
        self._begun = length
        self.lengths = [length] * rows
        self._dropped: set[int] = set()
        self._open = True
        self._lost = False

    def step(self, rows: Sequence[int], token_ids: Sequence[int]) -> Logits:
        """Appends one token to each of these rows; logits of shape (len(rows), n_vocab).

        Raises InvalidToken, ContextFull, Cancelled. After any of these but InvalidToken the batch is closed.
        """
        backend = self._backend
        self._check_open()
        if len(rows) != len(token_ids) or len(set(rows)) != len(rows) or not rows:
            raise ModelError(
                "a step of continuations takes one token for each of some different rows"
            )
        if not all(0 <= row < len(self.lengths) for row in rows):
            raise ModelError(f"there are {len(self.lengths)} continuations")
        if not self._dropped.isdisjoint(rows):
            raise ModelError("a continuation that was dropped cannot go on")
        backend.check_ids(token_ids)
        try:
            if max(self.lengths[row] for row in rows) >= backend.info.n_ctx:
                raise context_full(backend.info.n_ctx + 1, backend.info.n_ctx)
            backend.begin()
            logits = self._forward(rows, token_ids)
        except BaseException:
            self.close()
            raise
        for row in rows:
            self.lengths[row] += 1
        backend.count(len(rows))
        return logits

    def drop(self, rows: Sequence[int]) -> None:
        """Frees what these rows hold; they are not stepped any more."""
        gone = [row for row in rows if row not in self._dropped]
        self._dropped.update(gone)
        if self._open:
            self._drop(gone)

    def renew(self, rows: Sequence[int]) -> None:
        """Puts dropped rows back to the end of the prefix; see `protocol.ContinuationBatch`."""
        self._check_open()
        if not self._dropped.issuperset(rows) or len(self._dropped) == len(self.lengths):
            raise ModelError("only dropped continuations begin again, beside one that goes on")
        try:
            self._renew(rows)
        except BaseException:
            self.close()
            raise
        self._dropped.difference_update(rows)
        for row in rows:
            self.lengths[row] = self._begun

    def rewind(self, row: int, tokens: int) -> None:
        """Takes a row back; see `protocol.ContinuationBatch`."""
        self._check_open()
        if row in self._dropped or not 0 <= tokens <= self.lengths[row] - self._begun:
            raise ModelError(f"a continuation cannot go back to {tokens} tokens")
        self._rewind(row, self._begun + tokens)
        self.lengths[row] = self._begun + tokens

    def _check_open(self) -> None:
        if self._lost:
            raise Displaced(
                "the cache has no room for these continuations",
                "other work needed it",
                "open the model with a larger --ctx",
            )
        if not self._open:
            raise ModelError("these continuations are closed")

    def close(self) -> None:
        """Gives back what the rows hold; the path stays as it is."""
        if self._open:
            self._open = False
            self._release()

    def lose(self) -> None:
        """Closes it for the sake of other work; a step then raises Displaced."""
        self.close()
        self._lost = True

    @abstractmethod
    def _forward(self, rows: Sequence[int], token_ids: Sequence[int]) -> Logits: ...

    @abstractmethod
    def _drop(self, rows: Sequence[int]) -> None:
        """Frees what these rows hold of their own, where that can be done for some rows."""

    def _renew(self, rows: Sequence[int]) -> None:
        """Makes these rows hold the prefix alone; called only where `info.ragged`."""
        raise ModelError(f"{self._backend.info.name} cannot begin a continuation again")

    def _rewind(self, row: int, length: int) -> None:
        """Makes a row hold its first `length` ids, those of the prefix included; called only where `info.ragged`."""
        raise ModelError(f"{self._backend.info.name} cannot take a continuation back")

    @abstractmethod
    def _release(self) -> None: ...


class PathBackend(ABC):
    """One model over one cached path; implements `protocol.Backend` but for opening and forwarding."""

    def __init__(self, info: ModelInfo, vocabulary: Vocabulary, tokenizer: TextTokenizer) -> None:
        self._info = info
        self._vocabulary = vocabulary
        self._tokenizer = tokenizer
        self._path: list[int] = []
        # The batches that it was forwarded in, where the caller named them.
        self._batches: list[Batch] = []
        self._checkpoints = Checkpoints()
        self._saved = 0
        self._evaluated = 0
        self._cancelled = False
        self._closed = False

    @property
    def info(self) -> ModelInfo:
        return self._info

    @property
    def evaluated(self) -> int:
        return self._evaluated

    def check_logits(self) -> None:
        """Evaluates one token and forgets it; raises NonFiniteLogits or UnsupportedModel."""
        peak = float(self.next_logits([self._info.bos_id or 0]).max())
        self._shorten(0)
        self._evaluated = 0
        if not math.isfinite(peak):
            hint = "the weights are damaged: download the file again"
            if self._info.dtype == "float16":
                hint = "its numbers overflow in float16: try --dtype float32; else " + hint
            raise NonFiniteLogits(
                f"cannot use {self._info.source}",
                f"its logits are not a distribution: their maximum is {peak}",
                hint,
            )

    def count(self, tokens: int) -> None:
        """Counts tokens that were forwarded."""
        self._evaluated += tokens

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        self.check_open()
        return self._vocabulary.tokenize(text, self._tokenizer.literal, special=special)

    def tokenize_prompt(
        self, parts: Parts, *, special: bool = False, begins: bool = True
    ) -> list[int]:
        self.check_open()
        return self._vocabulary.prompt(parts, self._tokenizer, special=special, begins=begins)

    def token_bytes(self, token_id: int) -> bytes:
        return self._vocabulary.token_bytes(token_id)

    def check_ids(self, token_ids: Sequence[int]) -> None:
        """Raises InvalidToken for an id outside the vocabulary."""
        for token_id in token_ids:
            if not 0 <= token_id < self._info.n_vocab:
                raise InvalidToken(
                    f"token {token_id} is not in the vocabulary of {self._info.n_vocab}"
                )

    @property
    def aside(self) -> protocol.Evaluator:
        return self

    @property
    def drawing(self) -> protocol.Evaluator:
        return self

    def next_logits(self, prefix: Sequence[int], batches: Sequence[Batch] | None = None) -> Logits:
        path = self._start(prefix)
        return self._forward_to(path, len(path) - 1, batches)[0]

    def path_logits(
        self,
        prefix: Sequence[int],
        token_ids: Sequence[int],
        batches: Sequence[Batch] | None = None,
    ) -> Iterator[Logits]:
        start = len(self._start(prefix))
        path = [*prefix, *token_ids]
        check_prefix(path, self._info.n_vocab, self._info.n_ctx)
        if batches is None:
            return self._path_rows(path, start)
        return self._batch_rows(path, start, batches)

    def _path_rows(self, path: list[int], start: int) -> Iterator[Logits]:
        """Rows after path[: start + 1], path[: start + 2], …; each window finds the cache as others left it."""
        self._cancelled = False
        window = most_scored(self._info.n_vocab)
        for first in range(start, len(path), window):
            self.check_open()
            yield from self._forward_to(path[: first + window], first)

    def _batch_rows(
        self, path: list[int], start: int, batches: Sequence[Batch]
    ) -> Iterator[Logits]:
        """The same rows, each from the batch that it is said to be of."""
        self._cancelled = False
        at = start
        while at < len(path):
            self.check_open()
            batch = batches[at]
            end = min(len(path), batch.start + batch.rows)
            yield from self._forward_to(path[:end], at, batches[:end])
            at = end

    @contextmanager
    def continuations(
        self,
        prefix: Sequence[int],
        rows: int,
        batches: Sequence[Batch] | None = None,
        tokens: int = 0,
    ) -> Iterator[protocol.ContinuationBatch]:
        path = self._start(prefix)
        if not 0 < rows <= self._info.max_continuations:
            raise CapabilityError(
                f"{rows} continuations at once are not possible",
                f"this model was opened for up to {self._info.max_continuations}",
            )
        cached = self._path[: len(path)] if self._info.rewind == "any" else self._path
        if batches is not None or cached != path:
            self._forward_to(path, len(path), batches)
        batch = self._open_continuations(len(path), rows)
        try:
            yield batch
        finally:
            batch.close()

    def distribution(
        self, logits: Logits, sampler: Sampler, steering: Steering | None = None
    ) -> protocol.TokenDistribution:
        return Distribution(
            logits, sampler, None if steering is None else steering.of(logits, sampler)
        )

    def cancel(self) -> None:
        self._cancelled = True

    def begin(self) -> None:
        """Begins an evaluation: a cancel that came before is forgotten."""
        self._cancelled = False

    def check_cancelled(self) -> None:
        """Raises Cancelled once `cancel` was called during this evaluation."""
        if self._cancelled:
            raise Cancelled("stopped")

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._path = []
            self._checkpoints.clear()
            self._free()

    def check_open(self) -> None:
        """Raises ModelError once the model is closed."""
        if self._closed:
            raise ModelError("the model is closed")

    def _start(self, prefix: Sequence[int]) -> list[int]:
        """Begins an evaluation: checks the prefix and forgets a cancel that came before; an own copy of the prefix."""
        self.check_open()
        check_prefix(prefix, self._info.n_vocab, self._info.n_ctx)
        self._cancelled = False
        return list(prefix)

    def _forward_to(
        self, path: Sequence[int], first: int, batches: Sequence[Batch] | None = None
    ) -> list[Logits]:
        """Makes the cache hold exactly `path`; the logits after each of path[first:], which are forwarded.

        With `batches` every token that the cache holds is of the batch that they name, and its logits are, too.
        """
        if batches is not None:
            return self._forward_batches(path, first, batches)
        self._batches = []
        keep = min(common_prefix(self._path, path), first)
        saving = self._info.rewind == "checkpoint"
        if saving and (keep < len(self._path) or keep < first):
            self._seek(path, keep, first)
        elif keep < len(self._path):
            del self._path[self._shorten_cache(keep) :]
        rows: list[Logits] = []
        while len(self._path) < len(path):
            self.check_cancelled()
            start = len(self._path)
            # Where this path leaves the one before, a state is saved: the next branch from there is one token.
            again = saving and start < keep
            chunk = path[start : min(start + CHUNK, keep if again else len(path))]
            rows += self._forward(chunk, max(first - start, 0))
            self._path += chunk
            self._evaluated += len(chunk)
            if saving and (again or len(chunk) > 1 or len(self._path) - self._saved >= EVERY):
                self._save_checkpoint()
        return rows

    def _forward_batches(
        self, path: Sequence[int], first: int, batches: Sequence[Batch]
    ) -> list[Logits]:
        if self._info.rewind != "any":
            batches = _as_held(batches[: len(path)])
        keep = min(common_prefix(self._path, path), common_prefix(self._batches, batches), first)
        if keep < len(path):
            # What is left of a batch would be of another one: it is forwarded as a whole.
            keep = batches[keep].start
        if self._info.rewind == "checkpoint" and (keep < len(self._path) or keep < first):
            self._seek(path, keep, first, batches)
        elif keep < len(self._path):
            self._shorten(keep)
        rows: list[Logits] = []
        while len(self._path) < len(path):
            self.check_cancelled()
            start = len(self._path)
            rows += self._forward_batch(path[start : start + batches[start].rows], first, batches)
            if self._info.rewind == "checkpoint" and (
                batches[start].rows > 1 or len(self._path) - self._saved >= EVERY
            ):
                self._save_checkpoint()
        return rows

    def _forward_batch(
        self, token_ids: Sequence[int], first: int, batches: Sequence[Batch]
    ) -> list[Logits]:
        """Forwards one batch after the path; the logits after those of its tokens that are not before `first`."""
        start, count = len(self._path), len(token_ids)
        batch = batches[start]
        # What comes after a token changes nothing but the shape.
        whole = [*token_ids, *[token_ids[-1]] * (batch.rows - count)]
        wanted = max(first - start, 0)
        scored = min(wanted, 0 if batch.scored else batch.rows - 1)
        if wanted >= count:
            scored = len(whole)
        found = self._forward(whole, scored)
        self._path += whole
        self._batches += [batch] * len(whole)
        self._evaluated += len(whole)
        if count < len(whole):
            self._shorten(start + count)
        return found[wanted - scored : count - scored] if wanted < count else []

    def _shorten(self, length: int) -> None:
        """Shortens the cache to `length` ids, or to fewer where it cannot."""
        del self._path[self._shorten_cache(length) :]
        del self._batches[len(self._path) :]

    def _seek(
        self, path: Sequence[int], keep: int, most: int, batches: Sequence[Batch] = ()
    ) -> None:
        """Makes the cache hold a start of `path`: the path that is held, or what a checkpoint of up to `most` holds."""
        held = keep if keep == len(self._path) else 0
        checkpoint = self._checkpoints.longest(path, most, batches)
        if checkpoint is None or len(checkpoint.ids) <= held:
            if not held:
                self._shorten(0)
        elif self._restore(checkpoint.state):
            self._checkpoints.used(checkpoint)
            self._path, self._batches = list(checkpoint.ids), list(checkpoint.batches)
        else:
            self._checkpoints.drop(checkpoint)
            self._shorten(0)
        self._saved = len(self._path)

    def _save_checkpoint(self) -> None:
        saved = self._save()
        if saved is not None:
            self._checkpoints.add(self._path, *saved, self._batches)
            self._saved = len(self._path)

    @abstractmethod
    def _shorten_cache(self, length: int) -> int:
        """Shortens the cache to `length` ids, or to fewer where it cannot; how many are left."""

    def _save(self) -> tuple[Any, int] | None:
        """A copy of what the cache holds, which is `self._path`, and its bytes; None where that cannot be had.

        Called only where `info.rewind` is "checkpoint".
        """
        return None

    def _restore(self, state: Any) -> bool:
        """Makes the cache hold what it held when `state` was saved, whatever it holds now; open continuations go on.

        False where that fails: the cache is then emptied, and evaluated again.
        """
        return False

    @abstractmethod
    def _forward(self, token_ids: Sequence[int], scored: int) -> list[Logits]:
        """Forwards up to CHUNK tokens after the path; own arrays of logits after each of token_ids[scored:].

        When it raises, `self._path` is again what the cache holds.
        """

    @abstractmethod
    def _open_continuations(self, length: int, rows: int) -> PathContinuations:
        """Continuations of the first `length` ids of the path."""

    @abstractmethod
    def _free(self) -> None:
        """Frees the model; called once."""


def _as_held(batches: Sequence[Batch]) -> list[Batch]:
    """Batches of a memory that cannot be shortened: what a path leaves before its end was never forwarded further."""
    found: list[Batch] = []
    at = 0
    while at < len(batches):
        batch = batches[at]
        count = 1
        while at + count < len(batches) and batches[at + count] == batch:
            count += 1
        found += [Batch(batch.start, count, batch.scored and count > 1)] * count
        at += count
    return found


def share(progress: Progress, start: float, stop: float) -> Progress:
    """Return the same report, for work that is one part of loading: its shares lie between these two."""

    def report(part: float | None, text: str) -> bool:
        return progress(None if part is None else start + part * (stop - start), text)

    return report


def context_full(needed: int, limit: int) -> ContextFull:
    """Return the error for a path of `needed` tokens where `limit` fit."""
    return ContextFull(
        f"{needed} tokens do not fit the context of {limit}",
        hint="go back, or open the model with a larger --ctx",
    )
