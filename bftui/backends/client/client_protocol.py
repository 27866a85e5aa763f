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
from bftui.core.kept_tokens import RuleEffect
from bftui.core.noise_floor import Noise
from bftui.core.pair.injection_numbers import Conditions
from bftui.core.path_round import LISTED, PathReading, PathRound
from bftui.core.sampler import Sampler
from bftui.core.valid.node_reading import NodeReading, Setting
from bftui.core.valid.token_trie import TrieNode

PLAIN = Sampler()
"""Of one model the sampler changes no logits; a mixture's weight is then 1."""


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
    """One candidate of the full vocabulary; ranks from 1, log-probabilities in nats.

    `logprob_truncated` is ln P~, None where P~ is 0; `removed_by` names the rules that do not keep the token.
    """

    token_id: int
    rank: int
    logprob: float
    logprob_truncated: float | None
    removed_by: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether P~ may draw it."""
        return self.logprob_truncated is not None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows `start` to `start + len(rows)` of the `total` candidates that match."""

    rows: tuple[CandidateRow, ...]
    start: int
    total: int


@dataclass(frozen=True, slots=True)
class GivenRow:
    """A continuation as far as it was drawn before: which of the texts it follows, its number and its tokens."""

    text: int
    number: int
    token_ids: tuple[int, ...]


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
        rounds: ascending numbers; with them all texts advance together: those of its continuations whose numbers are
            below the first one are complete for every text before others are for any, and so on. Where each row is
            evaluated follows from the plan alone, whatever else the model does.
        conditions: whether it is said of each token what the two models of a mixture make of it.
        given: what was drawn before with this plan, or with fewer numbers or a shorter horizon; only with `rounds`. It
            is not drawn again. What follows is what follows without an interruption, bit by bit where the same
            evaluation gives the same bits: of the same plan, and where rows are padded (`info.padded`) of the larger
            one, too.
    """

    tree: int
    node: int
    suffixes: Sequence[Sequence[int]]
    sampler: Sampler
    numbers: Sequence[int]
    horizon: int
    purpose: Purpose = Purpose.ROLLOUT
    cap_k: int = 0
    rounds: Sequence[int] = ()
    given: Sequence[GivenRow] = ()
    conditions: bool = False


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
        conditions: the tokens in both conditions of a mixture, where the plan asks for them; else empty.
    """

    texts: tuple[int, ...]
    numbers: tuple[int, ...]
    token_ids: tuple[int, ...]
    entropy: tuple[float, ...]
    entropy_truncated: tuple[float, ...]
    logprob: tuple[float, ...]
    logprob_truncated: tuple[float, ...]
    eog: tuple[bool, ...]
    conditions: tuple[Conditions, ...] = ()


@dataclass(frozen=True, slots=True)
class TriePlan:
    """Nodes of a valid set that are read after a prompt.

    Where batches are padded (`info.padded`), for numbers depend on what is evaluated together, that follows from the
    plan alone: the same plan gives the same bits, and a plan that reads a node among other nodes gives the same to the
    noise floor of the model. Elsewhere numbers are the same to the rounding of floats.

    Attributes:
        prefix: token ids of the prompt, which need not be in a tree.
        nodes: what is read, each with its number; any part of a trie, in any order.
        sampler: temperature and truncation of row 0 of a reading.
        grid: the settings of its other rows.
        fit: whether head and tail of the logits are fitted at each node.
        prompt: how many tokens of the prefix are the prompt; None: all.
    """

    prefix: Sequence[int]
    nodes: Sequence[tuple[int, TrieNode]]
    sampler: Sampler
    grid: Sequence[Setting] = ()
    fit: bool = False
    prompt: int | None = None


@dataclass(frozen=True, slots=True)
class PathsPlan:
    """Texts that are read after a prefix, each for the distribution at its end.

    What is evaluated together follows from the plan as in a `TriePlan`.

    Attributes:
        prefix: token ids up to where the texts begin, which need not be in a tree.
        wanted: the texts, and what is read below them, where rows of the model can be taken back.
        sampler: temperature and truncation of P~.
        most: kept tokens of a reading at most, 1 or more.
        prompt: how many tokens of the prefix are the prompt; None: all.
    """

    prefix: Sequence[int]
    wanted: PathRound
    sampler: Sampler
    most: int = LISTED
    prompt: int | None = None


@dataclass(frozen=True, slots=True)
class TopToken:
    """The most probable token somewhere, the smallest id of equals; `prob` is under P."""

    token_id: int
    prob: float
    eog: bool


class ModelClient(Protocol):
    """One model, ready to be asked. Methods raise errors of `core.errors`; `cancel` may come from any thread.

    Log-probabilities and entropies are in nats, ranks count from 1, everything else from 0. What evaluates raises
    ContextFull where tokens do not fit, InvalidToken, NonFiniteLogits and Cancelled; through a worker BackendCrashed.
    What gives one result after another is background work: it gives way to other requests, and to leave it ends it.
    """

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
        """Take over a whole tree at once: after another model was loaded into a session.

        Args:
            parents, tokens: one entry for each node; -1 where it has none.
            prompts: the token ids of each root, by its node.
            batches: what each node was evaluated in; a node without one is evaluated alone.
        """
        ...

    def release_tree(self, tree: int) -> None:
        """Forget a tree that no session needs any more."""
        ...

    def pair_prompts(self, first: Sequence[int], second: Sequence[int]) -> None:
        """Have the later models of a mixture read `second` where the first one reads `first`, from now on.

        What follows these prompts is the same for all. The same prompt twice has all read alike again. Raises
        UsageError for a model that is not a mixture.
        """
        ...

    def add_prompt(
        self, tree: int, node: int, token_ids: Sequence[int], sampler: Sampler
    ) -> tuple[NextToken, float]:
        """Evaluate a prompt as a new root; return the distribution after it and the milliseconds it took."""
        ...

    def step(
        self, tree: int, node: int, child: int, sampler: Sampler, u: float | None, through_eog: bool
    ) -> StepResult:
        """Draw from the distribution after `node` (`u` in [0, 1); None: greedy) and evaluate the token as `child`.

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
        """Force tokens after `node` as nodes `child`, `child + 1`, ... in one teacher-forced pass.

        A last token that ends a generation is evaluated only with `through_eog`.
        """
        ...

    def rescore(
        self, tree: int, nodes: Sequence[int], sampler: Sampler, open_end: bool
    ) -> list[StepResult | NextToken]:
        """Return the numbers of a slice of a path under another sampler: a root's distribution, else each token's.

        Each of `nodes` is the parent of the next. Only what is not among the recent logits is evaluated. Without
        `open_end` the last token is an end of generation, with nothing after it.
        """
        ...

    def preview(self, tree: int, node: int, sampler: Sampler) -> NextToken:
        """Return the distribution after a node under any sampler; nothing changes."""
        ...

    def score(
        self, tree: int, node: int, token_ids: Sequence[int], sampler: Sampler
    ) -> list[TokenScore]:
        """Score each token of a text after `node`, in one pass; nothing joins the tree."""
        ...

    def page(
        self, tree: int, node: int, sampler: Sampler, start: int, stop: int, query: str
    ) -> Page:
        """Return rows of the full vocabulary after `node`, best first; `query` keeps tokens whose label contains it."""
        ...

    def rule_effects(self, tree: int, node: int, sampler: Sampler) -> list[RuleEffect]:
        """Return what each truncation rule of a sampler would keep alone after a node, in the order of the stages."""
        ...

    def lookahead(
        self, tree: int, node: int, token_ids: Sequence[int], sampler: Sampler, steps: int = 1
    ) -> Generator[tuple[int, NextToken | None], None, int]:
        """Yield the distribution after each of these tokens and `steps` - 1 greedy ones, were it forced after `node`.

        None where an end of generation comes before. Returns the number of tokens that were forwarded for it. Raises
        UsageError for less than one step.
        """
        ...

    def rollouts(self, plan: RolloutPlan) -> Generator[RolloutStep, None, None]:
        """Draw the continuations of a plan.

        One text is drawn after the other, but with `rounds`, and many numbers in batches, one after the other.

        Raises UsageError for a horizon below 1, a negative `cap_k`, numbers outside their range or asked for twice,
        rounds that do not ascend, given rows that are not of the plan and conditions of a model that mixes no two;
        ContextFull where not one token fits. Through
        a worker the first item raises it.
        """
        ...

    def read_trie(self, plan: TriePlan) -> Generator[NodeReading, None, None]:
        """Read nodes of a valid set, each once, in an order that follows from the plan.

        Nodes are evaluated in batches that share prefixes. Raises UsageError for two nodes of one path.
        """
        ...

    def read_paths(self, plan: PathsPlan) -> Generator[PathReading, None, None]:
        """Read the distribution after each of many texts, each once, in an order that follows from the plan.

        What is read below a text comes after it. Texts are evaluated in batches that share prefixes. Raises UsageError
        for a text that stands there twice.
        """
        ...

    def logits(self, tree: int, node: int, sampler: Sampler = PLAIN) -> F32:
        """Return the logits after a node, float32 of shape (n_vocab,); for comparisons with another model.

        Here and below the sampler says the weight of a mixture, whose logits are float64; one model has none.
        """
        ...

    def path_logits(
        self, prefix: Sequence[int], token_ids: Sequence[int], sampler: Sampler = PLAIN
    ) -> Generator[F32, None, None]:
        """Yield the logits that each of these tokens is read from, float32 of shape (n_vocab,).

        That is after the prefix and after each token but the last, in one teacher-forced pass. The prefix need not be
        in a tree.
        """
        ...

    def best(
        self, prefix: Sequence[int], token_ids: Sequence[int], sampler: Sampler = PLAIN
    ) -> list[TopToken]:
        """Return the most probable token after a prefix, which need not be in a tree, and after each of these."""
        ...

    def greedy(
        self, prefix: Sequence[int], limit: int, sampler: Sampler = PLAIN
    ) -> Iterator[TopToken]:
        """Yield the most probable token again and again after a prefix, which need not be in a tree.

        At most `limit` tokens, and none after an end of generation or past the context.
        """
        ...

    def noise(self) -> Generator[float, None, Noise | None]:
        """Measure the noise floor: yield the share that is done, in [0, 1]; return the floor.

        Returns None where nothing is computed, as in a table.
        """
        ...

    def tokenize(self, text: str, special: bool = False) -> list[int]:
        """Return ids whose bytes joined are the text's. Raises Unwritable where there are none."""
        ...

    def tokenize_prompt(
        self, parts: Sequence[str | int], special: bool = False, begins: bool = True
    ) -> list[int]:
        """Return the ids of a prompt as the model's own tokenizer gives them; see `protocol.Backend`."""
        ...

    def token_bytes(self) -> list[bytes]:
        """Return the bytes of every token, by id."""
        ...

    def evaluated(self) -> int:
        """Return how many tokens were forwarded through the model so far."""
        ...

    def cancel(self) -> None:
        """Stop what is running now."""
        ...

    def close(self) -> None:
        """Free the model; may be called twice."""
        ...
