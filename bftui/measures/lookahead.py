"""Look-ahead: the branching factor one step later, for each of the best candidates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bftui.backends.client.client_protocol import CandidateRow
from bftui.core.distribution import NextToken
from bftui.core.job import Job
from bftui.measures.site import Site
from bftui.results.lookahead_result import AheadResult, LookaheadResult, LookaheadSettings, Width
from bftui.results.stored_result import StoredResult

MOST_CANDIDATES, MOST_STEPS = 1000, 64


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate and the distribution after it; `after` is None where the text would end."""

    row: CandidateRow
    after: NextToken | None


class Lookahead(Job):
    """What comes after each of some candidates, in one batch; says nothing of what follows later.

    Attributes:
        node, sampler, steps: where, under which sampler, and how many tokens later: the candidate itself and
            `steps` - 1 greedy ones.
        before: the distribution at the node.
        evaluated: tokens forwarded for it; counted when all of it is done.
    """

    def __init__(
        self,
        site: Site,
        before: NextToken,
        rows: Sequence[CandidateRow],
        known: dict[int, NextToken | None],
        steps: int = 1,
    ) -> None:
        """`known` holds what was found at this node before, and gets what is found now."""
        self.node, self.sampler, self.steps, self.before = site.node, site.sampler, steps, before
        self.evaluated = 0
        self._site = site
        self._rows, self._known = tuple(rows), known
        super().__init__()

    @property
    def share(self) -> float:
        if not self._rows:
            return 1.0
        return sum(row.token_id in self._known for row in self._rows) / len(self._rows)

    @property
    def found(self) -> Mapping[int, NextToken | None]:
        """The distributions that are known by now, by candidate id."""
        return self._known

    @property
    def candidates(self) -> list[Candidate]:
        """The candidates, best first, that were looked at by now."""
        return [
            Candidate(row, self._known[row.token_id])
            for row in self._rows
            if row.token_id in self._known
        ]

    def settings(self) -> LookaheadSettings:
        """Says what was asked for."""
        return LookaheadSettings(top=len(self._rows), steps=self.steps)

    def result(self) -> LookaheadResult:
        """Says what was found by now."""
        token_bytes = self._site.model.token_bytes
        return LookaheadResult(
            width=Width.of(self.before),
            evaluated=self.evaluated,
            candidates=tuple(
                AheadResult(
                    token_id=each.row.token_id,
                    text=token_bytes(each.row.token_id).decode(errors="replace"),
                    prob=math.exp(each.row.logprob),
                    rank=each.row.rank,
                    after=None if each.after is None else Width.of(each.after),
                )
                for each in self.candidates
            ),
        )

    def stored(self) -> StoredResult:
        """Returns what a trace keeps."""
        return StoredResult("lookahead", self.node, self.settings(), self.result())

    def _work(self) -> Iterator[None]:
        wanted = [row.token_id for row in self._rows if row.token_id not in self._known]
        found = self._site.model.client.lookahead(
            self._site.tree, self.node, wanted, self.sampler, self.steps
        )
        while True:
            try:
                token_id, after = next(found)
            except StopIteration as end:
                self.evaluated = end.value
                return
            self._known[token_id] = after
            yield
