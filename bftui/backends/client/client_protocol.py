"""The outer protocol: what a session may ask of a model, wherever the model runs.

`InferenceEngine` answers in process, `WorkerClient` through a child process, with the same numbers. Trees are told
apart by a number that the caller chooses: from 0 for those of sessions, below for texts that are read beside them. Node
numbers within a tree are the session's.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from bftui.backends.protocol import F32, ModelInfo
from bftui.core.batch import Batch
from bftui.core.distribution import NextToken, TokenScore
from bftui.core.draws import Purpose
from bftui.core.noise_floor import Noise
from bftui.core.sampler import Sampler


@dataclass(frozen=True, slots=True)
class StepResult:
    """One token more: how probable it was, and the distribution after it (None after an end of generation).

    `batch` says what it was evaluated in, where numbers depend on it (`info.shaped`).
    """

    scored: TokenScore
    next: NextToken | None
    eog: bool
    elapsed_ms: float
    batch: Batch | None = None


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """One candidate of the full vocabulary; ranks from 1, log-probabilities in nats."""

    token_id: int
    rank: int
    logprob: float
    kept: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Rows `start` to `start + len(rows)` of the `total` candidates that match."""

    rows: tuple[CandidateRow, ...]
    start: int
    total: int


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """Continuations to be drawn after the path of a node and each of some texts that follow it outside the tree.

    Continuation i draws its t-th token from P~ with `uniform(sampler.seed, purpose, t, i, prefix_key(prefix))`, where
    the prefix is path and text, whatever else is drawn beside it. It ends with an end of generation, at `horizon`
    tokens, or where the context is full.

    Attributes:
        tree, node: the path.
        suffixes: the token ids of each text; an empty one stands for the path alone.
        sampler: temperature, truncation and seed.
        numbers: which continuations of each text, whole numbers in [0, 2**64).
        horizon: tokens of a continuation at most, 1 or more.
        purpose: what the draws are for; other purposes have other draws.
        cap_k: with it, `entropy_truncated` and `logprob_truncated` are those of P~ restricted to its `cap_k` best
            tokens and the drawn one, renormalised; 0 switches it off.
    """

    tree: int
    node: int
    suffixes: Sequence[Sequence[int]]
    sampler: Sampler
    numbers: Sequence[int]
    horizon: int
    purpose: Purpose = Purpose.ROLLOUT
    cap_k: int = 0


@dataclass(frozen=True, slots=True)
class RolloutStep:
    """One token more of some continuations that are stepped together; columns, one entry for each of `numbers`.

    Attributes:
        texts: which of the suffixes that were asked for they follow, from 0.
        numbers: which continuations of these.
        token_ids: the tokens.
        entropy, entropy_truncated: H(P) and H(P~) of the distributions that they were drawn from, nats.
        logprob, logprob_truncated: ln P and ln P~ of the tokens.
        eog: whether the token ends its continuation.
    """

    texts: tuple[int, ...]
    numbers: tuple[int, ...]
    token_ids: tuple[int, ...]
    entropy: tuple[float, ...]
    entropy_truncated: tuple[float, ...]
    logprob: tuple[float, ...]
    logprob_truncated: tuple[float, ...]
    eog: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class TopToken:
    """The most probable token somewhere, the smallest id of equals; `prob` is under P."""

    token_id: int
    prob: float
    eog: bool


class ModelClient(Protocol):
    """One model, ready to be asked. Methods raise errors of `core.errors`; `cancel` may come from any thread."""

    @property
    def info(self) -> ModelInfo: ...

    def load_tree(
        self,
        tree: int,
        parents: Sequence[int],
        tokens: Sequence[int],
        prompts: dict[int, tuple[int, ...]],
        batches: Sequence[Batch | None] = (),
    ) -> None:
        """Takes over a whole tree at once: after another model was loaded into a session.

        `batches` has one for each node: what it was evaluated in. Without one it is evaluated alone.
        """
        ...

    def release_tree(self, tree: int) -> None:
        """Forgets a tree that no session needs any more."""
        ...

    def add_prompt(
        self, tree: int, node: int, token_ids: Sequence[int], sampler: Sampler
    ) -> tuple[NextToken, float]:
        """A new root: evaluates a prompt; the distribution after it and the milliseconds it took."""
        ...

    def step(
        self, tree: int, node: int, child: int, sampler: Sampler, u: float | None, through_eog: bool
    ) -> StepResult:
        """Draws from the distribution after `node` (`u` in [0, 1); None: greedy), evaluates the token as `child`.

        After an end-of-generation token there is nothing to evaluate, unless `through_eog` asks for it.
        """
        ...

    def extend(
        self,
        tree: int,
        node: int,
        child: int,
        token_ids: Sequence[int],
        sampler: Sampler,
        through_eog: bool,
    ) -> list[StepResult]:
        """Forces tokens after `node` as nodes `child`, `child + 1`, ... in one teacher-forced pass.

        A last token that ends a generation is evaluated only with `through_eog`.
        """
        ...

    def rescore(
        self, tree: int, nodes: Sequence[int], sampler: Sampler, open_end: bool
    ) -> list[StepResult | NextToken]:
        """The numbers of a slice of a path under another sampler: of a root its distribution, else each token's.

        Each node is the parent of the next. Only what is not among the recent logits is evaluated. Without `open_end`
        the last token is an end of generation, with nothing after it.
        """
        ...

    def preview(self, tree: int, node: int, sampler: Sampler) -> NextToken:
        """The distribution after a node under any sampler; nothing changes."""
        ...

    def score(
        self, tree: int, node: int, token_ids: Sequence[int], sampler: Sampler
    ) -> list[TokenScore]:
        """Each token's score along a text after `node`, in one pass; nothing joins the tree."""
        ...

    def page(
        self, tree: int, node: int, sampler: Sampler, start: int, stop: int, query: str
    ) -> Page:
        """Rows of the full vocabulary after `node`, best first; `query` keeps tokens whose label contains it."""
        ...

    def lookahead(
        self, tree: int, node: int, token_ids: Sequence[int], sampler: Sampler, steps: int = 1
    ) -> Generator[tuple[int, NextToken | None], None, int]:
        """The distribution after each of these tokens and `steps` - 1 greedy ones, were it forced after `node`.

        None where an end of generation comes before. Ends with the number of tokens forwarded for it. Background work.
        """
        ...

    def rollouts(self, plan: RolloutPlan) -> Iterator[RolloutStep]:
        """Draw the continuations of a plan; background work.

        The rows of a suffix begin before those of the next one; items mix them, in batches that short suffixes share.
        Many numbers go in batches, one after the other.

        Raises UsageError for a horizon below 1, a negative `cap_k` and numbers that are no draws' or come twice;
        ContextFull where not one token fits. Through a worker the first item raises it.
        """
        ...

    def logits(self, tree: int, node: int) -> F32:
        """The logits after a node, shape (n_vocab,); for comparisons with another model."""
        ...

    def path_logits(self, prefix: Sequence[int], token_ids: Sequence[int]) -> Iterator[F32]:
        """The logits that each of these tokens is read from: after the prefix, and after each token but the last.

        All come from one teacher-forced pass. The prefix need be in no tree; background work.
        """
        ...

    def best(self, prefix: Sequence[int], token_ids: Sequence[int]) -> list[TopToken]:
        """What is most probable after a prefix and after each of these tokens; the prefix need be in no tree."""
        ...

    def greedy(self, prefix: Sequence[int], limit: int) -> Iterator[TopToken]:
        """Takes the most probable token again and again after a prefix, which need be in no tree.

        At most `limit` tokens, and none after an end of generation or past the context; background work.
        """
        ...

    def noise(self) -> Generator[float, None, Noise | None]:
        """Measures the noise floor; yields the share that is done, ends with it. Background work.

        None where nothing is computed, as in a table.
        """
        ...

    def tokenize(self, text: str, special: bool = False) -> list[int]:
        """Ids whose bytes joined are the text's."""
        ...

    def tokenize_prompt(
        self, parts: Sequence[str | int], special: bool = False, begins: bool = True
    ) -> list[int]:
        """Ids of a prompt as the model's own tokenizer gives them; see `protocol.Backend`."""
        ...

    def token_bytes(self) -> list[bytes]:
        """The bytes of every token, by id."""
        ...

    def evaluated(self) -> int:
        """Tokens forwarded through the model so far."""
        ...

    def cancel(self) -> None:
        """Stops what is running now."""
        ...

    def close(self) -> None:
        """Frees the model; may be called twice."""
        ...
