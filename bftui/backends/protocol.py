"""The inner protocol: one backend, in one process, blocking, called by one thread.

A backend turns absolute prefixes of token ids into logits and nothing more; how it reuses its KV cache is hidden behind
the prefix. Temperature, truncation, draw and entropy are `core.distribution`'s, the same for every backend, so no
sampler of any library is ever used. Logits stay in the process, where `inference_engine.py` summarises them, but for
the comparison of two models.

Positions count from 0, ranks from 1, entropies and log-probabilities are in nats.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bftui.core.batch import Batch
from bftui.core.distribution import NextToken, Sampled, TokenScore
from bftui.core.errors import ContextFull, InvalidToken, ModelError
from bftui.core.kept_tokens import RuleEffect
from bftui.core.sampler import Sampler
from bftui.core.steering import Steering
from bftui.results.model_info import ModelInfo as ModelInfo

F32 = NDArray[np.float32]

Logits = Any
"""Float32 logits of shape (n_vocab,): a NumPy array, or a tensor on a device, which the backend's `distribution` reads.

`numpy.asarray(row.cpu() if hasattr(row, "cpu") else row)` gives the numbers of either.
"""


class TokenDistribution(Protocol):
    """One vector of logits under one sampler, as `core.distribution.Distribution` computes it, wherever the logits are.

    P is the softmax of the logits; P~ is P at the sampler's temperature, truncated and renormalised.
    """

    @property
    def sampler(self) -> Sampler:
        """The sampler of P~."""
        ...

    @property
    def kept(self) -> int:
        """Number of kept tokens: those that P~ may draw."""
        ...

    def summary(self) -> NextToken:
        """Return what is kept of the distribution: entropies in nats, the best candidates."""
        ...

    def draw(self, u: float) -> int:
        """Return the token id that P~ gives for `u` in [0, 1)."""
        ...

    def sample(self, u: float, cap_k: int = 0) -> Sampled:
        """Return the token of `draw` with entropies and log-probabilities in nats; see `RolloutPlan` for `cap_k`."""
        ...

    def greedy(self) -> int:
        """Return the most probable token id, the smallest of equals."""
        ...

    def score(self, token_id: int) -> TokenScore:
        """Return log-probabilities in nats and the rank, from 1, of one token. Raises InvalidToken."""
        ...

    def kept_tokens(self, most: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return the `most` best kept token ids, or all of them, and ln P~ of each in nats; both of shape (n,)."""
        ...

    def ranking(self) -> NDArray[np.int64]:
        """Return every token id, shape (n_vocab,), by logit descending, then by id."""
        ...

    def logprobs_truncated(self, ids: Sequence[int]) -> NDArray[np.float64]:
        """Return ln P~ of these tokens, -inf where P~ is 0; shape (len(ids),), in nats."""
        ...

    def removed_by(self, ids: Sequence[int]) -> list[tuple[str, ...]]:
        """Return for each token the names of the rules that would not keep it, in the order of the stages."""
        ...

    def effects(self) -> list[RuleEffect]:
        """Return what each truncation rule of the sampler would keep alone."""
        ...

    def logprobs(self, ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float64]:
        """Return ln P of these tokens, shape (len(ids),), in nats."""
        ...


class ContinuationBatch(Protocol):
    """Continuations that share one prefix, stepped together. Rows are numbered from 0."""

    def step(self, rows: Sequence[int], token_ids: Sequence[int]) -> Logits:
        """Append one token to each of these rows and return their logits, float32 of shape (len(rows), n_vocab).

        Row i of the logits belongs to rows[i]; the caller owns them. Rows that are left out stay as they are.

        Raises InvalidToken, Cancelled; ContextFull, which for rows shorter than the context says that the cache lacks
        room for them, so that fewer of them may fit; Displaced where their room was given to other work.
        """
        ...

    def drop(self, rows: Sequence[int]) -> None:
        """Free what these rows hold; they are not stepped any more."""
        ...

    def renew(self, rows: Sequence[int]) -> None:
        """Put dropped rows back to the end of the prefix; only where `info.ragged`, beside a row that goes on.

        ContextFull as in `step`, after which the batch is closed.
        """
        ...

    def rewind(self, row: int, tokens: int) -> None:
        """Take a row back to its first `tokens` tokens after the prefix; where `info.ragged` or `info.rows_rewind`."""
        ...


class Evaluator(Protocol):
    """Gives logits after absolute prefixes, over a cache of its own. Prefixes are never empty."""

    def next_logits(self, prefix: Sequence[int], batches: Sequence[Batch] | None = None) -> Logits:
        """Return the logits after a prefix, float32 of shape (n_vocab,). Raises ContextFull, InvalidToken, Cancelled.

        `batches` has one for each token of the prefix: where `info.shaped` the result is then, bit by bit, what these
        batches give, not what was asked before. A last batch may go on past the prefix.
        """
        ...

    def path_logits(
        self,
        prefix: Sequence[int],
        token_ids: Sequence[int],
        batches: Sequence[Batch] | None = None,
    ) -> Iterator[Logits]:
        """Yield teacher-forced logits after prefix + token_ids[:i+1], i = 0, 1, ...; each float32 of shape (n_vocab,).

        Evaluated in batches; the first forwarding covers what of the prefix is not cached. Bad ids and a full context
        are refused by the call, not by the first row. `batches` as in `next_logits`, of prefix and tokens.
        """
        ...

    def continuations(
        self,
        prefix: Sequence[int],
        rows: int,
        batches: Sequence[Batch] | None = None,
        tokens: int = 0,
    ) -> AbstractContextManager[ContinuationBatch]:
        """Open `rows` <= info.max_continuations continuations of a prefix, which is evaluated at most once.

        `batches` as in `next_logits`; `tokens` says how long the rows may become, so that there is room for them.
        """
        ...


class Backend(Evaluator, Protocol):
    """One loaded model. Methods raise errors of `core.errors`; `cancel` alone may be called from another thread.

    Logits that are returned are owned by the caller and do not change later.
    """

    @property
    def info(self) -> ModelInfo: ...

    @property
    def evaluated(self) -> int:
        """Number of tokens that were forwarded through the model so far."""
        ...

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Return the ids of text that goes on inside another, with nothing put before or after it.

        The ids' bytes, joined, are the text's UTF-8. `special` lets control tokens be written in the text.
        """
        ...

    def tokenize_prompt(
        self, parts: Sequence[str | int], *, special: bool = False, begins: bool = True
    ) -> list[int]:
        """Return the ids of a prompt as the model's own tokenizer gives them, without what it puts around a text.

        `parts` are text and the ids of control tokens in it. `special` lets control tokens be written in the text, too.
        Where it does not begin there, what comes before the first control token is literal.
        """
        ...

    def token_bytes(self, token_id: int) -> bytes:
        """Return the bytes of one token; of a control token its written form (`<|end|>`); b"" for padding ids."""
        ...

    @property
    def aside(self) -> Evaluator:
        """Evaluates texts that are not the session's path; this one, unless `info.shaped`."""
        ...

    @property
    def drawing(self) -> Evaluator:
        """Evaluates continuations; this one, unless `info.shaped`."""
        ...

    def distribution(
        self, logits: Logits, sampler: Sampler, steering: Steering | None = None
    ) -> TokenDistribution:
        """Return the distribution of logits, shape (n_vocab,), computed where they are. Raises NonFiniteLogits.

        The sampler has no windows; `steering` says what changes the logits before its temperature.
        """
        ...

    def cancel(self) -> None:
        """Make the evaluation that is running raise Cancelled; the model stays usable. Thread-safe.

        With nothing running, the next call forgets the cancel; a step of open continuations is such a call, too.
        """
        ...

    def close(self) -> None:
        """Free the model; may be called twice."""
        ...


@runtime_checkable
class PairedPrompts(Protocol):
    """A backend whose models may read one text after different prompts."""

    def pair_prompts(self, first: Sequence[int], second: Sequence[int]) -> None:
        """Have the later models read `second` where the first one reads `first`, from now on."""
        ...


def check_prefix(prefix: Sequence[int], n_vocab: int, n_ctx: int) -> None:
    """Refuse what no backend may see: an empty prefix, ids outside the vocabulary, more tokens than the context."""
    if not prefix:
        raise ModelError(
            "the prompt is empty and this model has no start token",
            hint="type at least one character",
        )
    if len(prefix) > n_ctx:
        raise ContextFull(
            f"{len(prefix)} tokens do not fit the context of {n_ctx}",
            hint="go back, or open the model with a larger --ctx",
        )
    for token_id in (min(prefix), max(prefix)):
        if not 0 <= token_id < n_vocab:
            raise InvalidToken(f"token {token_id} is not in the vocabulary of {n_vocab}")


def common_prefix(a: Sequence[object], b: Sequence[object]) -> int:
    """Return the length of the shared start of two lists, or of two texts."""
    n = min(len(a), len(b))
    if a[:n] == b[:n]:
        return n
    return next(i for i in range(n) if a[i] != b[i])
