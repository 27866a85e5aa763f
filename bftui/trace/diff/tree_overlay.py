"""The trees of two traces laid over each other: which nodes are the same, and where the trees part."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bftui.results.diff_result import PromptPair
from bftui.trace.reading import TraceFile

MOST_PARTINGS, MOST_TOKENS = 1000, 20
"""Most places that are listed, and most tokens of each; all of them are counted."""


@dataclass(frozen=True, slots=True)
class Parting:
    """A node of both traces after which not the same tokens follow.

    Attributes:
        nodes: the node in each.
        position: of the tokens that differ, after the prompt, from 0.
        prompt: the place of its `PromptPair`.
        only: in each trace the nodes that follow there alone, the first `MOST_TOKENS` of them.
        counts: how many these are.
    """

    nodes: tuple[int, int]
    position: int
    prompt: int
    only: tuple[tuple[int, ...], tuple[int, ...]]
    counts: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Overlay:
    """Two trees, laid over each other.

    Attributes:
        matched: the node of B that each node of A is, -1 where it is none.
        prompts: those of both, then of A alone, then of B alone.
        partings: where the trees part, in the order of A's nodes; the first `MOST_PARTINGS`.
        parted: how many these are.
    """

    matched: array[int]
    prompts: list[PromptPair]
    partings: list[Parting]
    parted: int


def overlay(a: TraceFile, b: TraceFile) -> Overlay:
    """Lays two trees over each other.

    Prompts are the same that are the same tokens, else those that were asked alike, in their order: of another model or
    template. Other nodes are the same where their parents and tokens are; several of one kind in their order. Tokens
    are compared by id within one vocabulary, by their bytes across two.
    """
    roots = _same_prompts(a, b)
    matched = _matched(a, b, roots)
    found = _prompts(a, b, roots, matched)
    place_of = {pair.roots[0]: place for place, pair in enumerate(found)}
    of_root = _roots_of(a)
    depths = a.links.depths()
    only: dict[int, tuple[list[int], list[int]]] = {}
    back = array("i", [-1]) * b.count
    for node, other in enumerate(matched):
        if other >= 0:
            back[other] = node
    for node, other in enumerate(matched):
        parent = a.links.parents[node]
        if other < 0 and parent >= 0 and matched[parent] >= 0:
            only.setdefault(parent, ([], []))[0].append(node)
    for other, parent in enumerate(b.links.parents):
        if parent >= 0 and back[parent] >= 0 and back[other] < 0:
            only.setdefault(back[parent], ([], []))[1].append(other)
    partings = [
        Parting(
            nodes=(node, matched[node]),
            position=depths[node],
            prompt=place_of[of_root[node]],
            only=(tuple(only[node][0][:MOST_TOKENS]), tuple(only[node][1][:MOST_TOKENS])),
            counts=(len(only[node][0]), len(only[node][1])),
        )
        for node in sorted(only)[:MOST_PARTINGS]
    ]
    return Overlay(matched, found, partings, len(only))


def _spelling(a: TraceFile, b: TraceFile) -> Callable[[TraceFile, int], int | bytes]:
    """What a token is known by in both traces."""
    ours, theirs = (each.outline.model.tokenizer_sha256 for each in (a, b))
    if ours is not None and ours == theirs:
        return lambda trace, token_id: token_id
    spelled = {id(trace): {i: trace.token_bytes(i) for i in _ids(trace)} for trace in (a, b)}
    return lambda trace, token_id: spelled[id(trace)][token_id]


def _ids(trace: TraceFile) -> Iterator[int]:
    yield from trace.links.used
    for prompt in trace.prompts().values():
        yield from prompt.token_ids


def _same_prompts(a: TraceFile, b: TraceFile) -> dict[int, int]:
    """The root of B that each root of A is; those without are missing."""
    spelling = _spelling(a, b)
    found: dict[int, int] = {}

    def rendered(trace: TraceFile, root: int) -> object:
        return tuple(spelling(trace, i) for i in trace.prompts()[root].token_ids)

    def asked(trace: TraceFile, root: int) -> object:
        prompt = trace.prompts()[root]
        return prompt.text, prompt.system, prompt.prefill

    for known_by in (rendered, asked):
        waiting: dict[object, list[int]] = {}
        taken = set(found.values())
        for root in reversed(b.links.roots):
            if root not in taken:
                waiting.setdefault(known_by(b, root), []).append(root)
        for root in a.links.roots:
            if root not in found and (there := waiting.get(known_by(a, root))):
                found[root] = there.pop()
    return found


def _matched(a: TraceFile, b: TraceFile, roots: dict[int, int]) -> array[int]:
    spelling = _spelling(a, b)
    waiting = _Waiting(b, spelling)
    matched = array("i")
    for node, parent in enumerate(a.links.parents):
        if parent < 0:
            matched.append(roots.get(node, -1))
        elif matched[parent] < 0:
            matched.append(-1)
        else:
            matched.append(waiting.take(matched[parent], spelling(a, a.links.tokens[node])))
    return matched


class _Waiting:
    """The nodes of a trace that are no other's yet, by parent and token; most parents have one child."""

    def __init__(self, trace: TraceFile, spelling: Callable[[TraceFile, int], int | bytes]) -> None:
        self._trace, self._spelling = trace, spelling
        self._first = array("i", [-1]) * trace.count
        self._sibling = array("i", [-1]) * trace.count
        for node in range(trace.count - 1, -1, -1):
            parent = trace.links.parents[node]
            if parent >= 0:
                self._sibling[node], self._first[parent] = self._first[parent], node
        self._several: dict[int, dict[int | bytes, list[int]]] = {}

    def take(self, parent: int, token: int | bytes) -> int:
        """Takes the oldest child with a token that was not taken yet; -1 where there is none."""
        only = self._first[parent]
        if only < 0:
            return -1
        if self._sibling[only] < 0:
            if self._spelling(self._trace, self._trace.links.tokens[only]) != token:
                return -1
            self._first[parent] = -1
            return only
        if parent not in self._several:
            self._several[parent] = self._children(only)
        there = self._several[parent].get(token)
        return there.pop() if there else -1

    def _children(self, node: int) -> dict[int | bytes, list[int]]:
        """A node and its younger siblings by token, the youngest first."""
        nodes = []
        while node >= 0:
            nodes.append(node)
            node = self._sibling[node]
        found: dict[int | bytes, list[int]] = {}
        for each in reversed(nodes):
            token = self._spelling(self._trace, self._trace.links.tokens[each])
            found.setdefault(token, []).append(each)
        return found


def _prompts(
    a: TraceFile, b: TraceFile, roots: dict[int, int], matched: array[int]
) -> list[PromptPair]:
    sizes = [_sizes(trace) for trace in (a, b)]
    common: dict[int, int] = {}
    for node, root in enumerate(_roots_of(a)):
        common[root] = common.get(root, 0) + (matched[node] >= 0)
    asked = a.prompts(), b.prompts()
    both: list[PromptPair] = []
    alone: list[PromptPair] = []
    for root in a.links.roots:
        other = roots.get(root)
        nodes = sizes[0][root], 0 if other is None else sizes[1][other]
        pair = PromptPair((root, other), asked[0][root].text, nodes, common[root])
        (alone if other is None else both).append(pair)
    taken = set(roots.values())
    for other in b.links.roots:
        if other not in taken:
            pair = PromptPair((None, other), asked[1][other].text, (0, sizes[1][other]), 0)
            alone.append(pair)
    return both + alone


def _roots_of(trace: TraceFile) -> array[int]:
    """The root above each node."""
    roots = array("i")
    for node, parent in enumerate(trace.links.parents):
        roots.append(node if parent < 0 else roots[parent])
    return roots


def _sizes(trace: TraceFile) -> dict[int, int]:
    """How many nodes each root has below it, itself included."""
    sizes = dict.fromkeys(trace.links.roots, 0)
    for root in _roots_of(trace):
        sizes[root] += 1
    return sizes
