"""Texts whose distributions are read together, and what is kept of each of these distributions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bftui.core.distribution import NextToken

F64 = NDArray[np.float64]
I32 = NDArray[np.int32]

Path = tuple[int, ...]
"""Token ids after the place where the tree begins."""

LISTED = 1024
"""Kept tokens of one node that are told one by one; what is further down is a share of the mass."""


@dataclass(frozen=True, slots=True)
class PathReading:
    """The distribution after one path.

    Attributes:
        path: the token ids after the place where the tree begins.
        next: H(P), H(P~), how many tokens are kept, and the best candidates.
        token_ids: the kept tokens, the most probable first and equals by id; at most so many as were asked for, and
            beyond these the ends of generation; none where nothing can follow. Shape (n,).
        logprobs: ln P~ of these, nats, shape (n,).
    """

    path: Path
    next: NextToken
    token_ids: I32 = field(repr=False)
    logprobs: F64 = field(repr=False)


@dataclass(frozen=True, slots=True)
class PathRound:
    """Paths that are read together, and what is read below them: a node that is read says which children are worth it.

    Attributes:
        paths: each once, in any order.
        logprobs: ln P~ of each, nats; without them nothing is read below.
        least: ln P~ of the least probable path that is read below.
        depth: below are read only paths shorter than this.
        most: how many are read below at most.
    """

    paths: tuple[Path, ...]
    logprobs: tuple[float, ...] = ()
    least: float = 0.0
    depth: int = 0
    most: int = 0


class PathsBelow:
    """Which children of a path that was read are read, too."""

    def __init__(self, wanted: PathRound, eog_ids: Collection[int], deepest: int) -> None:
        """`deepest` is how many tokens there is room for."""
        # Those at the depth are texts: nothing is read after them.
        self.longest = min(wanted.depth - 1, deepest) if wanted.logprobs else 0
        self._least, self._left = wanted.least, wanted.most
        self._ends = frozenset(eog_ids)
        self._logprobs = dict(zip(wanted.paths, wanted.logprobs, strict=False))

    def after(self, reading: PathReading) -> list[Path]:
        """Return the paths that are read after this reading, the most probable first; called once for each."""
        logprob = self._logprobs.pop(reading.path, None)
        if logprob is None or len(reading.path) >= self.longest:
            return []
        count = int(np.searchsorted(-(logprob + reading.logprobs), -self._least, side="right"))
        found = list[Path]()
        for token_id, own in zip(
            reading.token_ids[:count].tolist(), reading.logprobs[:count].tolist(), strict=True
        ):
            if token_id not in self._ends and self._left:
                path = (*reading.path, token_id)
                self._logprobs[path] = logprob + own
                self._left -= 1
                found.append(path)
        return found
