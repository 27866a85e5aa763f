"""Valid answers as token paths: every node knows how many valid answers go on from it.

A set of valid answers V* is a set of strings (arXiv 2605.11128, section 3). Each has one path here, the tokens that the
model's own tokenizer gives it, and ends with a terminator. N of a node is the number of valid answers through it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bftui.core.errors import UsageError


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
    """All valid answers; node 0 is where they begin, and each node stands before those below it (preorder).

    Every answer is one end edge, which leads to no node; the sum of N over those below a node is its N.
    """

    nodes: tuple[TrieNode, ...]

    @property
    def answers(self) -> int:
        """The number of valid answers |V*|."""
        return self.nodes[0].completions


def token_trie(
    answers: Sequence[Sequence[int]],
    ends: Sequence[int],
    others: Mapping[tuple[int, ...], Collection[int]] | None = None,
) -> TokenTrie:
    """Makes the trie of answers, each given by its tokens without the terminator.

    Args:
        answers: the tokens of each answer, one or more; none twice.
        ends: the ids that end an answer; one or more. An id that is there twice counts once.
        others: the ids that begin another tokenisation of a valid answer, by the path of the node; those of them that
            are valid there are left out.

    Raises UsageError for no answers, an answer without tokens, one that is there twice or holds an end, and no ends.
    """
    paths = [tuple(answer) for answer in answers]
    ending = tuple(sorted(set(ends)))
    _check(paths, ending)
    complete = set(paths)
    through = Counter(path[:length] for path in paths for length in range(len(path) + 1))
    # Sorted prefixes are the preorder: each stands before those that it begins.
    number = {prefix: n for n, prefix in enumerate(sorted(through))}
    edges: dict[tuple[int, ...], list[Edge]] = {prefix: [] for prefix in number}
    for prefix, n in number.items():
        if prefix:
            edges[prefix[:-1]].append(Edge(prefix[-1:], through[prefix], n))
        if prefix in complete:
            edges[prefix].append(Edge(ending, 1, None))
    return TokenTrie(
        tuple(
            _node(prefix, edges[prefix], (others or {}).get(prefix, ()), through[prefix])
            for prefix in number
        )
    )


def _node(
    path: tuple[int, ...], edges: Sequence[Edge], others: Collection[int], completions: int
) -> TrieNode:
    valid = {token_id for edge in edges for token_id in edge.token_ids}
    ordered = tuple(sorted(edges, key=lambda edge: edge.token_ids))
    return TrieNode(path, ordered, tuple(sorted(set(others) - valid)), completions)


def _check(paths: Sequence[tuple[int, ...]], ending: tuple[int, ...]) -> None:
    if not paths:
        raise UsageError("the set has no valid answers")
    if not ending:
        raise UsageError("nothing ends a valid answer", hint="name a terminator")
    if () in paths:
        raise UsageError("a valid answer has no tokens")
    twice = next((path for path, times in Counter(paths).items() if times > 1), None)
    if twice is not None:
        raise UsageError(f"the valid answer of the tokens {list(twice)} is there twice")
    # Whoever draws stops there, so that such an answer never comes.
    holding = next((path for path in paths if not set(ending).isdisjoint(path)), None)
    if holding is not None:
        raise UsageError(f"the valid answer of the tokens {list(holding)} holds its own terminator")
