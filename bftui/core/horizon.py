"""A tree of continuations that is grown explicitly: every text down to a depth, the most probable first.

Entropies are exact by the chain rule: the entropy of the texts of d tokens is the sum, over the nodes above that depth,
of the probability of their path times H(P~) there. What was not read yet counts 0 in the lower bound, and as much as a
vocabulary can give in the upper one. Nothing here is drawn.
Not for: estimates from samples, which are `core.bf.estimate`'s; reading the distributions, which a client does.
"""

from __future__ import annotations

import heapq
import math
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bftui.core.errors import UsageError
from bftui.core.path_round import Path, PathReading, PathRound

F64 = NDArray[np.float64]
I32 = NDArray[np.int32]

DEEPEST = 256
"""Tokens of the longest texts that a tree may have."""

MOST_NODES = 1_000_000
"""Nodes of the largest tree."""

_NOTHING = -1
"""Stands for the token after a text that nothing can follow."""

_FEWEST = 16
"""Paths that a round asks for at least."""

_FIRST = 0.02
"""The least probability of a path that is read below the first one."""

_REACHED = 1e-12
"""How far below a share of the mass a sum of float64 still reaches it."""


@dataclass(frozen=True, slots=True)
class DepthNumbers:
    """The texts of up to `depth` tokens: those of so many, and those that ended before.

    Attributes:
        bf_low, bf_high: bounds of exp(H/depth), H being the entropy of these texts in nats.
        entropy_low, entropy_high: bounds of H.
        texts: how many of them are known, each by its last distribution.
        mass: the probability that they hold together; 1 where all are known.
        length: their tokens on average; a lower bound where not all are known.
    """

    depth: int
    entropy_low: float
    entropy_high: float
    texts: int
    mass: float
    length: float

    @property
    def bf_low(self) -> float:
        return math.exp(self.entropy_low / self.depth)

    @property
    def bf_high(self) -> float:
        return math.exp(self.entropy_high / self.depth)


@dataclass(frozen=True, slots=True)
class MassTexts:
    """How few texts hold a share of the mass.

    Attributes:
        share: of the mass.
        low: they are at least so many.
        high: and so many are enough; None where what is known does not hold the share.
    """

    share: float
    low: int
    high: int | None

    @property
    def exact(self) -> bool:
        """Whether the bounds are one number."""
        return self.low == self.high


@dataclass(frozen=True, slots=True)
class Text:
    """One text of the tree: the token ids after its place, its probability under P~, whether it ended."""

    token_ids: Path
    prob: float
    ended: bool


class HorizonTree:
    """All continuations of one place, grown from the most probable ones.

    A node is a path whose distribution was read. Its children that end a generation, and those at the depth, are texts;
    the others are open until they are read, too.

    Attributes:
        depth: tokens of the longest texts.
        paths: the path of each node, in the order in which they were read; the first one is empty.
    """

    def __init__(self, depth: int, n_vocab: int, eog_ids: Collection[int]) -> None:
        """Raises UsageError for a depth that no tree has."""
        check_depth(depth)
        self.depth = depth
        self.paths: list[Path] = []
        self._ends = frozenset(eog_ids)
        self._log_vocab = math.log(n_vocab)
        self._logprob = array("d")
        self._readings: list[PathReading] = []
        self._numbers_of: dict[Path, int] = {}
        # Of each node only the best child that is still to come is here: children stand in their order.
        self._open: list[tuple[float, int, int]] = [(0.0, -1, 0)]
        self._round: PathRound | None = None
        self._asked: dict[Path, float] = {}
        # Children that were read before they were asked for.
        self._ahead: dict[int, set[int]] = {}
        size = depth + 1
        self._entropy = [0.0] * size
        self._arrived, self._read = [1.0] + [0.0] * depth, [0.0] * size
        self._unread = [1] + [0] * depth
        self._ended, self._ended_texts = [0.0] * size, [0] * size
        self._living_texts = [1] + [0] * depth
        self._leaves = list[_Leaves]()
        self._unlisted = list[float]()

    def __len__(self) -> int:
        """How many nodes were read."""
        return len(self.paths)

    # Growing ---------------------------------------------------------------------------------------------------

    def next_round(self, most: int, least: float = 0.0) -> PathRound | None:
        """Return what is to be read next, the most probable paths; None where there is nothing.

        It is the same until `end_round`, and follows from the tree alone.

        Args:
            most: nodes that the tree may have.
            least: the probability that a path has at least.
        """
        if self._round is None and (left := most - len(self)) > 0:
            floor = math.log(least) - _REACHED if least > 0 else -math.inf
            count = min(left, max(_FEWEST, len(self) // 2))
            asked = self._asked
            while len(asked) < count and self._waits() and -self._open[0][0] >= floor:
                surprisal, node, child = self._pop()
                asked[self._path(node, child)] = -surprisal
            if asked:
                paths, logprobs = tuple(asked), tuple(asked.values())
                lowest = max(floor, min(logprobs) if len(self) else math.log(_FIRST))
                below = max(0, left - len(asked))
                self._round = PathRound(paths[:left], logprobs[:left], lowest, self.depth, below)
        return self._round

    def end_round(self) -> None:
        """Ends a round that was read, or stopped: what was not read of it is asked for in the next one."""
        self._round = None

    @property
    def finished(self) -> bool:
        """Whether nothing is open but what no node lists."""
        return not self._asked and not self._waits()

    @property
    def next_prob(self) -> float:
        """The probability of the most probable path that was not read; 0 where there is none."""
        known = [*self._asked.values(), *([-self._open[0][0]] if self._waits() else [])]
        return math.exp(max(known)) if known else 0.0

    def add(self, reading: PathReading) -> None:
        """Take in what was read of a path, after what was read of its parent; what is known already changes nothing."""
        if reading.path in self._numbers_of:
            return
        logprob = self._asked.pop(reading.path, None)
        if logprob is None:
            node = self._numbers_of[reading.path[:-1]]
            above = self._readings[node]
            child = int(np.flatnonzero(above.token_ids == reading.path[-1])[0])
            self._ahead.setdefault(node, set()).add(child)
            logprob = self._child_logprob(node, child)
        self._add(logprob, reading)

    def _waits(self) -> bool:
        """Whether a path is open; then the most probable one is the first."""
        while self._open:
            _, node, child = self._open[0]
            if child not in self._ahead.get(node, ()):
                return True
            self._pop()
        return False

    def _child_logprob(self, node: int, child: int) -> float:
        return self._logprob[node] + float(self._readings[node].logprobs[child])

    def _pop(self) -> tuple[float, int, int]:
        """Takes the most probable open path; its next sibling takes its place."""
        found = heapq.heappop(self._open)
        _, node, child = found
        self._ahead.get(node, set()).discard(child)
        if node >= 0:
            self._push(node, child + 1)
        return found

    def _push(self, node: int, child: int) -> None:
        """Opens the first living child of a node that is not before this one."""
        reading = self._readings[node]
        count = len(reading.token_ids)
        while child < count and int(reading.token_ids[child]) in self._ends:
            child += 1
        if child < count:
            heapq.heappush(self._open, (-self._child_logprob(node, child), node, child))

    def _path(self, node: int, child: int) -> Path:
        if node < 0:
            return ()
        return (*self.paths[node], int(self._readings[node].token_ids[child]))

    def _ending(self, token_ids: I32) -> NDArray[np.bool_]:
        """Which of these tokens end a generation."""
        found = np.zeros(len(token_ids), dtype=bool)
        for token_id in self._ends:
            found |= token_ids == token_id
        return found

    def _add(self, logprob: float, reading: PathReading) -> None:
        prob = math.exp(logprob)
        number, after = len(self), len(reading.path) + 1
        ending = self._ending(reading.token_ids)
        probs = prob * np.exp(reading.logprobs)
        ended = float(probs[ending].sum())
        self.paths.append(reading.path)
        self._logprob.append(logprob)
        self._numbers_of[reading.path] = number
        self._readings.append(reading)
        self._read[after - 1] += prob
        self._unread[after - 1] -= 1
        if not len(probs):
            # Nothing can follow: the text ended with its last token.
            self._ended[after] += prob
            self._ended_texts[after] += 1
            nothing = np.array([_NOTHING], dtype=np.int32)
            self._leaves.append(_Leaves(number, nothing, np.array([prob])))
            return
        self._entropy[after - 1] += prob * reading.next.entropy_truncated
        ends = int(np.count_nonzero(ending))
        living = reading.next.kept - ends
        self._ended[after] += ended
        self._ended_texts[after] += ends
        self._living_texts[after] += living
        self._unread[after] += living
        if living:
            self._arrived[after] += max(0.0, prob - ended)
        if reading.next.kept > len(probs):
            self._unlisted.append(max(0.0, prob - float(probs.sum())))
        if after == self.depth:
            self._leaves.append(_Leaves(number, reading.token_ids, probs))
            return
        if ends:
            self._leaves.append(_Leaves(number, reading.token_ids[ending], probs[ending]))
        self._push(number, 0)

    def reading(self, path: Path) -> PathReading:
        """Return what was read after the path of a node; raises KeyError for any other path."""
        return self._readings[self._numbers_of[path]]

    def prob(self, path: Path) -> float:
        """Return the probability of a node's path; raises KeyError for any other path."""
        return math.exp(self._logprob[self._numbers_of[path]])

    # Numbers ---------------------------------------------------------------------------------------------------

    def mass(self, depth: int | None = None) -> float:
        """Return the probability of the texts that are known at a depth (default: the tree's)."""
        at = self.depth if depth is None else depth
        return min(1.0, sum(self._ended[: at + 1]) + self._arrived[at])

    def _unexplored(self, depth: int) -> float:
        """The probability of the paths of this length that are open."""
        if not self._unread[depth]:
            return 0.0
        return max(0.0, self._arrived[depth] - self._read[depth])

    def numbers(self) -> list[DepthNumbers]:
        """Return the numbers of each depth, from 1."""
        return [self._numbers(depth) for depth in range(1, self.depth + 1)]

    def _numbers(self, depth: int) -> DepthNumbers:
        low = sum(self._entropy[:depth])
        left = sum(self._unexplored(at) * (depth - at) for at in range(depth))
        return DepthNumbers(
            depth=depth,
            entropy_low=low,
            entropy_high=low + left * self._log_vocab,
            texts=sum(self._ended_texts[: depth + 1]) + self._living_texts[depth],
            mass=self.mass(depth),
            length=sum(self._arrived[:depth]),
        )

    def texts_for_mass(self, shares: Sequence[float]) -> list[MassTexts]:
        """Return how few texts of the whole depth hold each of these shares of the mass.

        For the lower bound each open path is one text, for the upper one it is none.
        """
        known = np.concatenate([*(each.probs for each in self._leaves), []])
        lumps = np.exp(np.fromiter(self._waiting(), dtype=np.float64))
        sums = np.cumsum(np.sort(known)[::-1])
        bounds = np.cumsum(np.sort(np.concatenate([known, lumps, self._unlisted]))[::-1])
        return [MassTexts(each, _enough(bounds, each), _within(sums, each)) for each in shares]

    def _waiting(self) -> Iterator[float]:
        """ln P~ of every open path that a node lists, in no order."""
        yield from self._asked.values()
        for surprisal, node, child in self._open:
            if node < 0:
                yield -surprisal
                continue
            reading = self._readings[node]
            living = ~self._ending(reading.token_ids)
            living[:child] = False
            living[list(self._ahead.get(node, ()))] = False
            yield from (self._logprob[node] + reading.logprobs[living]).tolist()

    def texts(self) -> Iterator[Text]:
        """Yield the texts that are known one by one, in the order in which their nodes were read."""
        for leaves in self._leaves:
            for place in range(len(leaves.probs)):
                yield self._text(leaves, place)

    def best_texts(self, count: int) -> list[Text]:
        """Return the most probable of the texts that are known; of equals those that were read before."""
        probs = np.concatenate([*(each.probs for each in self._leaves), []])
        starts = np.cumsum([0, *(len(each.probs) for each in self._leaves)])
        best = np.argsort(-probs, kind="stable")[:count]
        of = np.searchsorted(starts, best, side="right") - 1
        return [
            self._text(self._leaves[n], int(at - starts[n]))
            for n, at in zip(of.tolist(), best.tolist(), strict=True)
        ]

    def _text(self, leaves: _Leaves, place: int) -> Text:
        path, token_id = self.paths[leaves.node], int(leaves.token_ids[place])
        if token_id == _NOTHING:
            return Text(path, float(leaves.probs[place]), True)
        return Text((*path, token_id), float(leaves.probs[place]), token_id in self._ends)


@dataclass(frozen=True, slots=True)
class _Leaves:
    """The texts that a node lists: their last tokens and their probabilities."""

    node: int
    token_ids: I32
    probs: F64


@dataclass(frozen=True, slots=True)
class MergedText:
    """Texts of the same bytes that end alike: together one text, whatever tokens it is written in.

    Attributes:
        prob: the sum of their probabilities.
        spellings: how many there are.
        token_ids: the most probable of them.
    """

    text: bytes
    ended: bool
    prob: float
    spellings: int
    token_ids: Path


def merged_texts(
    texts: Iterable[Text], token_bytes: Callable[[int], bytes], eog_ids: Collection[int]
) -> list[MergedText]:
    """Sum the probabilities of texts of the same bytes; the most probable first, equals by their bytes.

    `token_bytes` gives the bytes of a token; those of a last token that ends a generation are left out.
    """
    found: dict[tuple[bytes, bool], list[Text]] = {}
    for each in texts:
        ids = each.token_ids[:-1] if each.token_ids[-1] in eog_ids else each.token_ids
        spelled = b"".join([token_bytes(token_id) for token_id in ids])
        found.setdefault((spelled, each.ended), []).append(each)
    merged = [
        MergedText(
            text=spelled,
            ended=ended,
            prob=math.fsum(each.prob for each in same),
            spellings=len(same),
            token_ids=max(same, key=lambda each: each.prob).token_ids,
        )
        for (spelled, ended), same in found.items()
    ]
    return sorted(merged, key=lambda each: (-each.prob, each.text))


def merged_for_mass(
    merged: Sequence[MergedText], unknown: float, shares: Sequence[float]
) -> list[MassTexts]:
    """Return how few merged texts, the most probable first, hold each share of the mass.

    For the lower bound all that is unknown, `unknown` of the mass, is of the text that is most probable already.
    """
    sums = np.cumsum([each.prob for each in merged])
    return [
        MassTexts(each, _enough(sums, each - unknown) if len(sums) else 1, _within(sums, each))
        for each in shares
    ]


def check_depth(depth: int) -> None:
    """Raises UsageError for a depth that no tree has."""
    if not 1 <= depth <= DEEPEST:
        raise UsageError(f"a depth of {depth} tokens is not in [1, {DEEPEST}]")


def check_growth(depth: int, mass: float, least: float, most: int) -> None:
    """Raises UsageError for what no tree is grown to; see `HorizonTree.next_round`. `mass` is a share of 1."""
    check_depth(depth)
    if not 0 < mass <= 1:
        raise UsageError(f"a mass of {mass:g} is not in (0, 1]", hint="it is a share of all texts")
    if not 0 <= least < 1:
        raise UsageError(f"a least probability of {least:g} is not in [0, 1)", hint="0 is none")
    if not 1 <= most <= MOST_NODES:
        raise UsageError(f"a tree of {most} nodes is not one of 1 to {MOST_NODES}")


def _enough(sums: F64, share: float) -> int:
    """How many of these terms, the largest first, come to a share: all of them, where they do not."""
    return min(len(sums), int(np.searchsorted(sums, share - _REACHED, side="left")) + 1)


def _within(sums: F64, share: float) -> int | None:
    return _enough(sums, share) if len(sums) and sums[-1] >= share - _REACHED else None
