"""A deterministic n-gram table read from a JSON file: for tests, screenshots, teaching and bug reports.

The file: `{"name", "tokens": ["text", …], "bos", "eog": [ids], "n_ctx", "rules": {"context": {"token": p}}, "default":
{"token": p}, "load_ms", "step_ms", "prefill_ms", "faults": [{"at": n, "kind": "error|crash|hang|nan"}]}`. A token is
its text, or `{"bytes": "base64"}`. A context is a JSON list of token texts; the longest one that ends the prefix
counts, else `default`. What a rule leaves of the mass is spread evenly over the tokens that it does not name.
`step_ms` is slept once for an evaluation, `prefill_ms` for each of its tokens; a fault strikes at the n-th evaluation,
at 0 while the table is opened.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bftui.backends import protocol
from bftui.backends.protocol import F32, ModelInfo, check_prefix
from bftui.backends.shared.vocabulary import Parts, Vocabulary, Words, vocabulary_sha256
from bftui.core.batch import Batch
from bftui.core.distribution import Distribution
from bftui.core.errors import Cancelled, CapabilityError, ModelError, ModelLoadError
from bftui.core.sampler import Sampler
from bftui.core.steering import Steering
from bftui.formats.open_spec import OpenSpec, Progress

_TICK = 0.005
_SEE = "see `table:` in the README"
_KINDS = ("error", "crash", "hang", "nan")


class TableBackend:
    """One table; implements `protocol.Backend`."""

    def __init__(self, spec: OpenSpec, progress: Progress) -> None:
        path = Path(spec.source)
        table = _load(path)
        self._cancel = threading.Event()
        self._pause(float(table.get("load_ms", 0)), progress)
        self._tokens = [_bytes(token) for token in table["tokens"]]
        self._ids = {data: i for i, data in reversed(list(enumerate(self._tokens)))}
        self._step_ms = float(table.get("step_ms", 0))
        self._prefill_ms = float(table.get("prefill_ms", 0))
        self._faults = {int(fault["at"]): str(fault["kind"]) for fault in table.get("faults", [])}
        if not set(self._faults.values()) <= set(_KINDS):
            raise ValueError(f"a fault is none of {', '.join(_KINDS)}")
        self._evaluations = 0
        self._evaluated = 0
        self._closed = False
        self._strike()
        self._rules = self._compile(table.get("rules", {}))
        self._depth = max((len(context) for context in self._rules), default=0)
        self._default = self._logits(table.get("default", {}))
        n_ctx = int(table.get("n_ctx", 512))
        eog = frozenset(int(i) for i in table.get("eog", []))
        bos = table.get("bos")
        for token_id in [*eog, *([] if bos is None else [bos])]:
            if type(token_id) is not int or not 0 <= token_id < len(self._tokens):
                raise ValueError(f"bos or eog {token_id!r} is not a token")
        if n_ctx < 1:
            raise ValueError(f"n_ctx {n_ctx} is not a context")
        special = eog | ({int(bos)} if bos is not None else frozenset())
        self._vocabulary = Vocabulary(self._tokens, special_ids=special)
        self._plain = {data: i for data, i in self._ids.items() if data and i not in special}
        self._control = Words({self._tokens[i]: i for i in special})
        self._longest = max(map(len, self._plain), default=0)
        data = path.read_bytes()
        self.info = ModelInfo(
            name=str(table.get("name", path.stem)),
            backend="table",
            library="bftui",
            source=str(path),
            architecture="table",
            n_vocab=len(self._tokens),
            n_ctx=min(spec.n_ctx, n_ctx) if spec.n_ctx else n_ctx,
            n_ctx_train=n_ctx,
            bos_id=bos,
            add_bos=bos is not None,
            eos_id=min(eog, default=None),
            eog_ids=eog,
            special_ids=special,
            chat_template=table.get("chat_template"),
            parameters=0,
            quantization="none",
            bytes=len(data),
            kv_bytes_per_token=0,
            dtype="float32",
            kv="f32",
            device="cpu",
            threads=1,
            sha256=hashlib.sha256(data).hexdigest(),
            tokenizer_sha256=vocabulary_sha256(self._tokens),
            max_continuations=spec.max_continuations,
            ragged=True,
            note=str(table.get("note", "")),
        )

    @property
    def evaluated(self) -> int:
        return self._evaluated

    def _compile(self, rules: Mapping[str, Any]) -> dict[tuple[int, ...], F32]:
        compiled = {}
        for context, row in rules.items():
            texts = json.loads(context) if context.startswith("[") else [context]
            compiled[tuple(self._id(text) for text in texts)] = self._logits(row)
        return compiled

    def _id(self, text: str) -> int:
        try:
            return self._ids[text.encode()]
        except KeyError:
            raise ModelLoadError(
                "the table is damaged", f"{text!r} is not among its tokens"
            ) from None

    def _logits(self, row: Mapping[str, float]) -> F32:
        """ln P; what the row leaves of the mass goes evenly to the tokens that it does not name."""
        named = {self._id(text): float(p) for text, p in row.items()}
        rest = 1.0 - sum(named.values())
        others = len(self._tokens) - len(named)
        if not rest >= -1e-6 or not all(p >= 0 for p in named.values()):
            raise ModelLoadError("the table is damaged", "the probabilities of a rule exceed 1")
        fill = math.log(rest / others) if others and rest > 1e-12 else -math.inf
        logits = np.full(len(self._tokens), fill, dtype=np.float32)
        for token_id, p in named.items():
            logits[token_id] = math.log(p) if p > 0 else -math.inf
        return logits

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        return self._vocabulary.tokenize(text, self._literal, special=special)

    def tokenize_prompt(
        self, parts: Parts, *, special: bool = False, begins: bool = True
    ) -> list[int]:
        ids: list[int] = []
        for part in parts:
            ids += [part] if isinstance(part, int) else self.tokenize(part, special=special)
        return ids

    def _literal(self, text: str, special: bool) -> list[int]:
        ids: list[int] = []
        for part in self._control.split(text) if special else [text]:
            ids += [part] if isinstance(part, int) else self._encode(part)
        return ids

    def _encode(self, text: str) -> list[int]:
        """Longest match from the left; nothing where a byte has no token."""
        data, ids = text.encode(), list[int]()
        place = 0
        while place < len(data):
            for size in range(min(self._longest, len(data) - place), 0, -1):
                token_id = self._plain.get(data[place : place + size])
                if token_id is not None:
                    ids.append(token_id)
                    place += size
                    break
            else:
                return []
        return ids

    def token_bytes(self, token_id: int) -> bytes:
        return self._vocabulary.token_bytes(token_id)

    @property
    def aside(self) -> protocol.Evaluator:
        return self

    @property
    def drawing(self) -> protocol.Evaluator:
        return self

    def next_logits(self, prefix: Sequence[int], batches: Sequence[Batch] | None = None) -> F32:
        check_prefix(prefix, self.info.n_vocab, self.info.n_ctx)
        self._evaluate(1)
        return self._look_up(prefix)

    def path_logits(
        self,
        prefix: Sequence[int],
        token_ids: Sequence[int],
        batches: Sequence[Batch] | None = None,
    ) -> Iterator[F32]:
        check_prefix(prefix, self.info.n_vocab, self.info.n_ctx)
        whole = [*prefix, *token_ids]
        check_prefix(whole, self.info.n_vocab, self.info.n_ctx)
        self._evaluate(len(token_ids))
        for end in range(len(prefix) + 1, len(whole) + 1):
            yield self._look_up(whole[:end])

    @contextmanager
    def continuations(
        self,
        prefix: Sequence[int],
        rows: int,
        batches: Sequence[Batch] | None = None,
        tokens: int = 0,
    ) -> Iterator[_TableContinuations]:
        check_prefix(prefix, self.info.n_vocab, self.info.n_ctx)
        if not 0 < rows <= self.info.max_continuations:
            raise CapabilityError(f"{rows} continuations at once are not possible")
        yield _TableContinuations(self, prefix, rows)

    def _look_up(self, prefix: Sequence[int]) -> F32:
        for size in range(min(self._depth, len(prefix)), 0, -1):
            logits = self._rules.get(tuple(prefix[-size:]))
            if logits is not None:
                return logits.copy()
        return self._default.copy()

    def _evaluate(self, tokens: int) -> None:
        if self._closed:
            raise ModelError("the model is closed")
        self._cancel.clear()
        self._evaluations += 1
        self._evaluated += tokens
        fault = self._strike()
        wait = math.inf if fault == "hang" else self._step_ms + self._prefill_ms * tokens
        self._pause(wait)
        if fault == "nan":
            self._default = np.full_like(self._default, math.nan)
            self._rules = {}

    def _strike(self) -> str | None:
        """Does the fault that is scripted here, if it is one that ends everything; its kind."""
        fault = self._faults.get(self._evaluations)
        if fault == "crash":
            os.abort()
        if fault == "error":
            raise ModelError("the table failed", "a fault is scripted here")
        return fault

    def _pause(self, milliseconds: float, progress: Progress | None = None) -> None:
        start = time.monotonic()
        while (gone := (time.monotonic() - start) * 1e3) < milliseconds:
            if progress is not None and not progress(gone / milliseconds, "loading the table"):
                raise Cancelled("loading was cancelled")
            if self._cancel.wait(min(_TICK, (milliseconds - gone) / 1e3)):
                raise Cancelled("stopped")

    def distribution(
        self, logits: F32, sampler: Sampler, steering: Steering | None = None
    ) -> protocol.TokenDistribution:
        return Distribution(
            logits, sampler, None if steering is None else steering.of(logits, sampler)
        )

    def cancel(self) -> None:
        self._cancel.set()

    def close(self) -> None:
        self._closed = True
        self._rules = {}


class _TableContinuations:
    """Continuations as plain lists."""

    def __init__(self, backend: TableBackend, prefix: Sequence[int], rows: int) -> None:
        self._backend = backend
        self._prefix = tuple(prefix)
        self._rows = [list(prefix) for _ in range(rows)]

    def step(self, rows: Sequence[int], token_ids: Sequence[int]) -> F32:
        for row, token_id in zip(rows, token_ids, strict=True):
            self._rows[row].append(token_id)
            check_prefix(self._rows[row], self._backend.info.n_vocab, self._backend.info.n_ctx)
        self._backend._evaluate(len(rows))
        return np.stack([self._backend._look_up(self._rows[row]) for row in rows])

    def drop(self, rows: Sequence[int]) -> None:
        for row in rows:
            self._rows[row] = []

    def renew(self, rows: Sequence[int]) -> None:
        for row in rows:
            self._rows[row] = list(self._prefix)

    def rewind(self, row: int, tokens: int) -> None:
        del self._rows[row][len(self._prefix) + tokens :]


def _bytes(token: Any) -> bytes:
    return token.encode() if isinstance(token, str) else base64.b64decode(token["bytes"])


def _load(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelLoadError(f"cannot open {path}", error.strerror or str(error)) from error
    except ValueError as error:
        raise ModelLoadError(
            f"{path} is not a table", str(error), "see `table:` in the README"
        ) from error
    if not isinstance(table, dict) or not table.get("tokens"):
        raise ModelLoadError(
            f"{path} is not a table", 'it has no "tokens"', "see `table:` in the README"
        )
    return table


def open_model(spec: OpenSpec, progress: Progress) -> TableBackend:
    """Opens a table; raises ModelLoadError where the file is missing or damaged."""
    try:
        return TableBackend(spec, progress)
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ModelLoadError(f"{spec.source} is a damaged table", reason, _SEE) from error
