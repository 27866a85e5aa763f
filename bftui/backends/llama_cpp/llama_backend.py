"""GGUF models of every architecture through llama.cpp.

In a context sequence 0 holds a path, the others continuations of it, all in one pool of cache cells, so that a shared
prefix is stored once. Where weights are rounded, the session's path has a context of its own, in which each token's
cell is that of its position. Models whose memory cannot be shortened (recurrent and hybrid ones) go back to a saved
state.
Not for: sampling and distributions, which are `core.distribution`'s.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from bftui.backends import protocol
from bftui.backends.llama_cpp.llama_aside import Aside
from bftui.backends.llama_cpp.llama_cells import FILLER_SEQUENCES, CellFillers
from bftui.backends.llama_cpp.llama_library import LIBRARY, C, forget_log, logged_reason
from bftui.backends.llama_cpp.llama_load import LoadedLlama, device_name, load
from bftui.backends.llama_cpp.llama_threads import Threads
from bftui.backends.protocol import F32
from bftui.backends.shared.path_backend import PathBackend, PathContinuations
from bftui.core.batch import CHUNK, Batch, afresh
from bftui.core.errors import (
    Cancelled,
    CapabilityError,
    ContextFull,
    ModelError,
    UnsupportedModel,
)
from bftui.formats.context_plan import ASIDE_BATCH, OWN_SEQUENCES
from bftui.formats.machine import available_memory, is_small, size
from bftui.formats.open_spec import OpenSpec, Progress

_NO_SLOT, _ABORTED = 1, 2
"""Results of llama_decode besides 0 (done) and negative ones (failed)."""


class _Batch:
    """The tokens of one decode; at most `capacity`."""

    def __init__(self, capacity: int) -> None:
        self.raw = C.llama_batch_init(capacity, 0, 1)
        self._tokens = np.ctypeslib.as_array(self.raw.token, (capacity,))
        self._positions = np.ctypeslib.as_array(self.raw.pos, (capacity,))
        self._logits = np.ctypeslib.as_array(self.raw.logits, (capacity,))
        self._sequences = [self.raw.seq_id[i] for i in range(capacity)]
        np.ctypeslib.as_array(self.raw.n_seq_id, (capacity,))[:] = 1

    def path(self, token_ids: Sequence[int], position: int, scored: int) -> None:
        """Consecutive tokens of sequence 0, with logits for token_ids[scored:]."""
        count = len(token_ids)
        self.raw.n_tokens = count
        self._tokens[:count] = token_ids
        self._positions[:count] = np.arange(position, position + count)
        self._logits[:scored] = 0
        self._logits[scored:count] = 1
        for i in range(count):
            self._sequences[i][0] = 0

    def rows(
        self, token_ids: Sequence[int], positions: Sequence[int], sequences: Sequence[int]
    ) -> None:
        """One token for each of these sequences, all with logits."""
        count = len(token_ids)
        self.raw.n_tokens = count
        self._tokens[:count] = token_ids
        self._positions[:count] = positions
        self._logits[:count] = 1
        for i, sequence in enumerate(sequences):
            self._sequences[i][0] = sequence

    def fillers(self, count: int, sequence: int) -> None:
        """So many tokens of one sequence from position 0, without logits."""
        self.rows([0] * count, range(count), [sequence] * count)
        self._logits[:count] = 0

    def free(self) -> None:
        C.llama_batch_free(self.raw)


class LlamaCppBackend(PathBackend):
    """One GGUF model with a context; implements `protocol.Backend`."""

    def __init__(self, loaded: LoadedLlama, *, beside: bool = False) -> None:
        """`beside` is a context beside that of the path, whose model belongs to another one."""
        super().__init__(loaded.info, loaded.vocabulary, loaded.tokenizer)
        self._loaded, self._beside = loaded, beside
        # Continuations whose numbers depend on their cells have them to themselves.
        self._alone = beside and loaded.info.padded
        self._asides: list[Aside] = []
        if loaded.info.shaped and not beside:
            most = loaded.plan.n_ctx + loaded.plan.pool
            if loaded.info.padded:
                self._asides = [Aside(self._make_aside, most) for _ in range(2)]
            else:
                self._asides = [Aside(self._make_aside, most, fewest=most)]
        self._model = loaded.model
        self._context = loaded.context
        self._memory = C.llama_get_memory(loaded.context)
        small = is_small(loaded.info.parameters) and not loaded.fixed_threads
        self._threads = Threads(loaded.info.threads, self._use_threads) if small else None
        self._batch = _Batch(max(CHUNK, loaded.info.max_continuations))
        self._row_type = ctypes.c_float * loaded.info.n_vocab
        self._free_sequences = list(range(loaded.info.max_continuations, 0, -1))
        self._open_batches: list[_Continuations] = []
        self._fillers: CellFillers | None = None
        if self._alone and loaded.info.step_rows:
            first = loaded.info.max_continuations + OWN_SEQUENCES
            self._fillers = CellFillers(loaded.context, first, self._evaluate_fillers)
        # The library overwrites cells that are past a sliding window where only one sequence holds them, though the
        # path may go back to them: a second one holds them, too.
        windowed = C.llama_model_n_swa(loaded.model) > 0 and loaded.info.rewind == "any"
        self._keeper = loaded.info.max_continuations + 1 if windowed else None
        # Referenced as long as the context, which calls it between the nodes of its graph.
        self._abort = C.ggml_abort_callback(lambda _data: self._cancelled)
        C.llama_set_abort_callback(loaded.context, self._abort, None)

    @property
    def aside(self) -> protocol.Evaluator:
        return self._asides[0] if self._asides else self

    @property
    def drawing(self) -> protocol.Evaluator:
        return self._asides[-1] if self._asides else self

    @contextmanager
    def continuations(
        self,
        prefix: Sequence[int],
        rows: int,
        batches: Sequence[Batch] | None = None,
        tokens: int = 0,
    ) -> Iterator[protocol.ContinuationBatch]:
        of: AbstractContextManager[protocol.ContinuationBatch]
        if self._asides:
            # The path's own context has no room for continuations.
            of = self.drawing.continuations(prefix, rows, batches or afresh(len(prefix)), tokens)
        else:
            of = super().continuations(prefix, rows, batches, tokens)
        with of as batch:
            yield batch

    @property
    def evaluated(self) -> int:
        return self._evaluated + sum(each.evaluated for each in self._asides)

    def cancel(self) -> None:
        super().cancel()
        for each in self._asides:
            each.cancel()

    def _make_aside(self, cells: int) -> LlamaCppBackend:
        """Another context of the model. Raises ContextFull where the memory does not hold it."""
        plan = self._loaded.plan
        need, free = cells * plan.kv_bytes_per_token, available_memory()
        if self.info.device == "cpu" and free is not None and need > free:
            raise ContextFull(
                "there is no room to measure here",
                f"about {size(need)} are needed and {size(free)} are available",
                "measure at a shorter text, or fewer tokens",
            )
        ubatch = min(plan.ubatch, ASIDE_BATCH) if self.info.padded else plan.ubatch
        sequences = plan.rows + OWN_SEQUENCES + (FILLER_SEQUENCES if self.info.step_rows else 0)
        context = self._loaded.make(cells, sequences, ubatch)
        return LlamaCppBackend(replace(self._loaded, context=context), beside=True)

    def _shorten_cache(self, length: int) -> int:
        if self._keeper is not None:
            C.llama_memory_seq_rm(self._memory, self._keeper, length, -1)
        if self.info.rewind == "any" and C.llama_memory_seq_rm(self._memory, 0, length, -1):
            return length
        C.llama_memory_seq_rm(self._memory, 0, -1, -1)
        return 0

    def _save(self) -> tuple[Any, int] | None:
        size: int = C.llama_state_seq_get_size(self._context, 0)
        state = (ctypes.c_uint8 * size)()
        written = C.llama_state_seq_get_data(self._context, state, size, 0)
        return (state, size) if 0 < written <= size else None

    def _restore(self, state: Any) -> bool:
        return bool(C.llama_state_seq_set_data(self._context, state, len(state), 0))

    def _forward(self, token_ids: Sequence[int], scored: int) -> list[F32]:
        if self._alone:
            self._displace()
        self._batch.path(token_ids, len(self._path), scored)
        try:
            self._decode_path()
        except BaseException:
            self._after_failure()
            raise
        return [self.row(i) for i in range(scored, len(token_ids))]

    def _decode_path(self) -> None:
        """Evaluates the batch; where continuations leave no room for it, they give way."""
        try:
            self.decode()
        except ContextFull:
            if not self._open_batches:
                raise
            self._displace()
            self.decode()
        if self._keeper is not None:
            C.llama_memory_seq_cp(self._memory, 0, self._keeper, len(self._path), -1)

    def _displace(self) -> None:
        """Takes the room of the continuations that are open."""
        for batch in self._open_batches.copy():
            batch.lose()

    def decode(self) -> None:
        """Evaluates the batch; raises ContextFull, Cancelled or ModelError."""
        forget_log()
        result = C.llama_decode(self._context, self._batch.raw)
        if result == 0:
            return
        if result == _NO_SLOT:
            raise ContextFull(
                "the cache has no room for these tokens",
                "the path and its continuations share it",
                "open the model with a larger --ctx",
            )
        if result == _ABORTED:
            raise Cancelled("stopped")
        raise ModelError(
            "llama.cpp cannot evaluate these tokens", logged_reason(f"it gives {result}")
        )

    def row(self, index: int) -> F32:
        """Copy the logits of this token of the batch: the library's own are overwritten by the next decode."""
        pointer = C.llama_get_logits_ith(self._context, index)
        if not pointer:
            raise UnsupportedModel(
                f"{self.info.name} has no next-token distribution", "it gives no logits"
            )
        shared = self._row_type.from_address(ctypes.addressof(pointer.contents))
        return np.frombuffer(memoryview(shared), dtype=np.float32).copy()

    def _after_failure(self) -> None:
        """Brings cache and path together again. What a failed chunk left behind is dropped, even where it is valid."""
        self._shorten(min(len(self._path), C.llama_memory_seq_pos_max(self._memory, 0) + 1))

    def _open_continuations(self, length: int, rows: int) -> PathContinuations:
        if self._alone:
            self._displace()
        if rows > len(self._free_sequences):
            raise CapabilityError(
                f"{rows} more continuations at once are not possible",
                f"{len(self._free_sequences)} of {self.info.max_continuations} are left",
                "close those that are open",
            )
        batch = _Continuations(self, length, rows)
        self._open_batches.append(batch)
        return batch

    def take_sequence(self, length: int) -> int:
        """Return a free sequence that shares the first `length` ids of the path."""
        sequence = self._free_sequences.pop()
        # A state is one thing and copied whole; the path then ends where the continuation starts.
        end = length if self.info.rewind == "any" else -1
        C.llama_memory_seq_cp(self._memory, 0, sequence, -1, end)
        return sequence

    def copy_sequence(self, source: int, length: int) -> int:
        """Return a free sequence that shares the first `length` ids of another one."""
        if not self._free_sequences:
            raise ContextFull("no continuation is free", "others took them", "ask for fewer")
        sequence = self._free_sequences.pop()
        C.llama_memory_seq_cp(self._memory, source, sequence, -1, length)
        return sequence

    def shorten_sequence(self, sequence: int, length: int) -> None:
        """Leaves of a sequence its first `length` ids."""
        self.check_open()
        C.llama_memory_seq_rm(self._memory, sequence, length, -1)

    def closed(self, batch: _Continuations) -> None:
        """Says that a batch holds nothing any more."""
        self._open_batches.remove(batch)
        if self._fillers is not None and not self._closed:
            self._fillers.clear()

    def give_back(self, sequences: Sequence[int]) -> None:
        """Frees these sequences and the cells that only they used."""
        for sequence in sequences:
            if not self._closed:
                C.llama_memory_seq_rm(self._memory, sequence, -1, -1)
            self._free_sequences.append(sequence)
        # The same work has the same sequences, whatever came before: to a recurrent model they are cells.
        self._free_sequences.sort(reverse=True)

    def leave_cells(self, count: int, rows: Sequence[int]) -> None:
        """Gives these of `count` rows the cells that they have where all are stepped; of padded batches alone."""
        if self._fillers is not None and len(rows) < count:
            self.check_open()
            self._fillers.leave(count, rows)

    def _evaluate_fillers(self, count: int, sequence: int) -> None:
        self._batch.fillers(count, sequence)
        self.decode()
        self.count(count)

    def decode_rows(
        self, token_ids: Sequence[int], positions: Sequence[int], sequences: Sequence[int]
    ) -> list[F32]:
        """Appends one token to each of these sequences; the logits after each, of shape (n_vocab,)."""
        self.check_open()
        self._batch.rows(token_ids, positions, sequences)
        with nullcontext() if self._threads is None else self._threads.batch(len(token_ids)):
            self.decode()
        return self._rows(len(token_ids))

    def _use_threads(self, count: int) -> None:
        C.llama_set_n_threads(self._context, count, count)

    def _rows(self, count: int) -> list[F32]:
        """Copies of the logits of a batch of which every token has some.

        One for each row: the system takes back the memory of larger pieces, which costs as much as the copy.
        """
        pointer = C.llama_get_logits(self._context)
        if not pointer:
            raise UnsupportedModel(
                f"{self.info.name} has no next-token distribution", "it gives no logits"
            )
        return [row.copy() for row in np.ctypeslib.as_array(pointer, (count, self.info.n_vocab))]

    def _free(self) -> None:
        for aside in self._asides:
            aside.close()
        if self._beside:
            self._displace()
        self._batch.free()
        C.llama_free(self._context)
        if not self._beside:
            C.llama_model_free(self._model)


class _Continuations(PathContinuations):
    """Continuations as sequences of the context."""

    _backend: LlamaCppBackend

    def __init__(self, backend: LlamaCppBackend, length: int, rows: int) -> None:
        super().__init__(backend, length, rows)
        self._sequences = {row: backend.take_sequence(length) for row in range(rows)}

    def _forward(self, rows: Sequence[int], token_ids: Sequence[int]) -> list[F32]:
        self._backend.leave_cells(len(self.lengths), rows)
        positions = [self.lengths[row] for row in rows]
        return self._backend.decode_rows(
            token_ids, positions, [self._sequences[row] for row in rows]
        )

    def _drop(self, rows: Sequence[int]) -> None:
        self._backend.give_back([self._sequences.pop(row) for row in rows])

    def _renew(self, rows: Sequence[int]) -> None:
        # The path may be elsewhere by now: the prefix is held by the rows that go on.
        source = next(iter(self._sequences.values()))
        for row in rows:
            self._sequences[row] = self._backend.copy_sequence(source, self._begun)

    def _rewind(self, row: int, length: int) -> None:
        self._backend.shorten_sequence(self._sequences[row], length)

    def _release(self) -> None:
        self._backend.give_back(list(self._sequences.values()))
        self._backend.closed(self)


def open_model(spec: OpenSpec, progress: Progress) -> LlamaCppBackend:
    """Opens a GGUF file; see `llama_load.load` for the errors, to which NonFiniteLogits comes."""
    backend = LlamaCppBackend(load(spec, progress))
    try:
        backend.check_logits()
    except BaseException:
        backend.close()
        raise
    return backend


def probe() -> tuple[str, list[str]]:
    """Say which library there is, and on which devices it computes, the best first."""
    gpus = [device_name(gpu=True)] if C.llama_supports_gpu_offload() else []
    return LIBRARY, [*gpus, "cpu"]
