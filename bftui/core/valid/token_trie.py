"""Valid answers as token paths: every node knows how many valid answers go on from it.

A set of valid answers V* is a set of strings (arXiv 2605.11128, section 3). Each has one path here, the tokens that the
model's own tokenizer gives it, and ends with a terminator. N of a node is the number of valid answers through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edge:
    """One way on from a node.

    Attributes:
        token_ids: the tokens that take it: one, or the several ids that end an answer. Its P is their sum.
        completions: N of where it leads, 1 or more; 1 for the end of an answer.
        child: the node where it leads; None for the end of an answer.
    """

    token_ids: tuple[int, ...]
    completions: int
    child: int | None


@dataclass(frozen=True, slots=True)
class TrieNode:
    """The valid answers that begin with the same tokens.

    Attributes:
        path: token ids from the prompt to here.
        edges: the ways on, by the smallest of their ids; never empty.
        other_ids: ids that begin another tokenisation of a valid answer: neither valid nor invalid.
        completions: N, the number of valid answers through here.
    """

    path: tuple[int, ...]
    edges: tuple[Edge, ...]
    other_ids: tuple[int, ...]
    completions: int


@dataclass(frozen=True, slots=True)
class TokenTrie:
    """All valid answers; node 0 is where they begin, and each node stands before those below it (preorder)."""

    nodes: tuple[TrieNode, ...]

    @property
    def answers(self) -> int:
        """The number of valid answers |V*|."""
        return self.nodes[0].completions


def token_trie(
    answers: Sequence[Sequence[int]], ends: Sequence[int], others: Sequence[Sequence[int]] = ()
) -> TokenTrie:
    """Makes the trie of answers, each given by its tokens without the terminator.

    Args:
        answers: the tokens of each answer, one or more; none twice.
        ends: the ids that end an answer; one or more.
        others: token paths that spell a valid answer in another way, without the terminator.

    Raises UsageError for no answers, an answer without tokens, one that is there twice, and no ends.
    """
    raise NotImplementedError
