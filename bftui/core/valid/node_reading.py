"""What one distribution does to the valid ways on: all numbers of a node of a valid set.

Order and shape are those of arXiv 2605.11128, sections 4 and 5, at one prefix: whether valid tokens stand above invalid
ones, and whether they share their mass as the numbers of valid answers behind them do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bftui.core.sampler import Sampler
from bftui.core.valid.token_trie import TrieNode

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

Rule = Literal[
    "none",
    "top_k",
    "top_p",
    "min_p",
    "top_n_sigma",
    "typical",
    "epsilon",
    "cutoff_oracle",
    "validity_oracle",
]
"""How a distribution is cut. The cutoff oracle keeps as many of the best tokens as are valid; the validity oracle keeps
the valid ones."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One point of a grid: a rule with its value, judged on P at a temperature; `value` is 0 for rules without one."""

    rule: Rule
    value: float
    temperature: float


@dataclass(frozen=True, slots=True)
class NodeReading:
    """The numbers of one node; nats, ranks from 1.

    Attributes:
        node: its number in the trie.
        entropy, entropy_truncated, kept: of P and of P~ under the sampler, and the number of tokens of P~.
        logprobs: ln P of each edge, shape (edges,).
        ranks: the rank of the best token of each edge, shape (edges,).
        other_mass: P of tokens that begin another tokenisation of a valid answer.
        auc: area under precision against recall over the ranks; recall counts valid answers, not tokens.
        recall_at_precision: the largest recall at a precision of 0.8 or more; 0 where there is none.
        oracle_recall: recall of the cutoff oracle; 1 where the order is calibrated.
        inversions: pairs of a valid and an invalid token with the invalid one more probable.
        gap: KL of the shares of valid answers from P over the valid tokens, nats; inf where a share has P 0.
        evenness: exp of the entropy of P over the valid tokens, over exp of that of the shares.
        kept_of, probs, kept_ids: row 0 is P~ of the sampler, the others those of the grid: the number of tokens that
            are kept, shape (1 + settings,); P~ of each edge, and how many ids of it are kept, shape
            (1 + settings, edges).
    """

    node: int
    entropy: float
    entropy_truncated: float
    kept: int
    logprobs: F64 = field(repr=False)
    ranks: I64 = field(repr=False)
    other_mass: float
    auc: float
    recall_at_precision: float
    oracle_recall: float
    inversions: int
    gap: float
    evenness: float
    kept_of: I64 = field(repr=False)
    probs: F64 = field(repr=False)
    kept_ids: I64 = field(repr=False)

    @property
    def valid_mass(self) -> float:
        """P of all valid tokens."""
        return float(np.exp(self.logprobs).sum())


def read_node(
    logits: NDArray[np.float32],
    number: int,
    node: TrieNode,
    sampler: Sampler,
    grid: Sequence[Setting],
) -> NodeReading:
    """Reads one node from logits, shape (n_vocab,). Raises NonFiniteLogits."""
    raise NotImplementedError
