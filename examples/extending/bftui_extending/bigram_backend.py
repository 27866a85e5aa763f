"""A model of which byte follows which, counted in the lines of a text file: `bftui run bigram:FILE.txt`.

Token ids 0 to 255 are bytes; 256 begins and ends a line. Logits are ln of the share of each next token, with a little
of every token mixed in. It implements `bftui.backends.protocol.Backend`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from bftui.backends.protocol import F32, ModelInfo, check_prefix
from bftui.backends.shared.vocabulary import vocabulary_sha256
from bftui.core.batch import Batch
from bftui.core.distribution import Distribution
from bftui.core.errors import ModelLoadError
from bftui.core.sampler import Sampler
from bftui.formats.open_spec import OpenSpec, Progress
from bftui_extending.bigram_spec import N_CTX

END, END_TEXT = 256, "<end>"
_PIECES = [*(bytes([byte]) for byte in range(256)), END_TEXT.encode()]
_SMOOTHING = 0.01
"""Counts that every pair begins with."""

Batches = Sequence[Batch] | None


class BigramBackend:
    """One table of counts; every method is a look-up."""

    def __init__(self, spec: OpenSpec, lines: Sequence[bytes]) -> None:
        counts = np.full((257, 257), _SMOOTHING)
        for line in lines:
            ids = [END, *line, END]
            np.add.at(counts, (ids[:-1], ids[1:]), 1)
        self._logits: F32 = np.log(counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)
        self.evaluated = 0
        self.aside = self.drawing = self
        self.info = ModelInfo(
            name=Path(spec.source).stem,
            backend="bigram",
            library="bftui-extending 1",
            source=spec.source,
            architecture="bigram",
            n_vocab=257,
            n_ctx=spec.n_ctx or N_CTX,
            n_ctx_train=N_CTX,
            bos_id=END,
            add_bos=True,
            eog_ids=frozenset({END}),
            special_ids=frozenset({END}),
            chat_template=None,
            parameters=self._logits.size,
            quantization="none",
            bytes=self._logits.nbytes,
            kv_bytes_per_token=0,
            dtype="float32",
            kv="f32",
            device="cpu",
            threads=1,
            tokenizer_sha256=vocabulary_sha256(_PIECES),
            max_continuations=spec.max_continuations,
            ragged=True,
        )

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        first, *rest = text.split(END_TEXT) if special else [text]
        return [*first.encode(), *(i for part in rest for i in (END, *part.encode()))]

    def tokenize_prompt(
        self, parts: Sequence[str | int], *, special: bool = False, begins: bool = True
    ) -> list[int]:
        ids = (
            [each] if isinstance(each, int) else self.tokenize(each, special=special)
            for each in parts
        )
        return [i for some in ids for i in some]

    def token_bytes(self, token_id: int) -> bytes:
        return _PIECES[token_id]

    def after(self, prefix: Sequence[int]) -> F32:
        """Look up the logits after a prefix: float32 of shape (257,). Raises ContextFull, InvalidToken."""
        check_prefix(prefix, self.info.n_vocab, self.info.n_ctx)
        self.evaluated += 1
        return self._logits[prefix[-1]].copy()

    def next_logits(self, prefix: Sequence[int], batches: Batches = None) -> F32:
        return self.after(prefix)

    def path_logits(
        self, prefix: Sequence[int], token_ids: Sequence[int], batches: Batches = None
    ) -> Iterator[F32]:
        whole = [*prefix, *token_ids]
        check_prefix(whole, self.info.n_vocab, self.info.n_ctx)
        return (self.after(whole[: len(prefix) + n]) for n in range(1, len(token_ids) + 1))

    @contextmanager
    def continuations(
        self, prefix: Sequence[int], rows: int, batches: Batches = None, tokens: int = 0
    ) -> Iterator[BigramContinuations]:
        yield BigramContinuations(self, prefix, rows)

    def distribution(self, logits: F32, sampler: Sampler) -> Distribution:
        return Distribution(logits, sampler)

    def cancel(self) -> None:
        """Do nothing: no look-up takes long enough to be stopped."""

    def close(self) -> None:
        """Do nothing: the table is freed with the backend."""


class BigramContinuations:
    """Continuations of one prefix as lists of token ids."""

    def __init__(self, backend: BigramBackend, prefix: Sequence[int], rows: int) -> None:
        self._backend, self._prefix = backend, tuple(prefix)
        self._rows = [list(prefix) for _ in range(rows)]

    def step(self, rows: Sequence[int], token_ids: Sequence[int]) -> F32:
        for row, token_id in zip(rows, token_ids, strict=True):
            self._rows[row].append(token_id)
        return np.stack([self._backend.after(self._rows[row]) for row in rows])

    def drop(self, rows: Sequence[int]) -> None:
        self.renew(rows)

    def renew(self, rows: Sequence[int]) -> None:
        for row in rows:
            self._rows[row] = list(self._prefix)

    def rewind(self, row: int, tokens: int) -> None:
        del self._rows[row][len(self._prefix) + tokens :]


def open_model(spec: OpenSpec, progress: Progress) -> BigramBackend:
    """Count a file's bigrams. Raises ModelLoadError where it cannot be read."""
    try:
        return BigramBackend(spec, Path(spec.source).read_bytes().splitlines())
    except OSError as error:
        raise ModelLoadError(f"cannot open {spec.source}", error.strerror or str(error)) from error
