"""Continuations of a model whose numbers depend on its batches: each row's place is its own, and batches are padded.

A row's numbers follow from its prefix and its number alone: continuation n is in place n mod R of batch n div R, and
rows that nobody asked for, or that ended, go on as padding, so that no row's cache cells depend on another row. What a
row loses to other work is evaluated again in the same places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from bftui.backends.client.client_protocol import RolloutStep
from bftui.backends.client.continuation_batches import (
    ContinuationPool,
    ContinuationRow,
    Drawer,
    DrawingPlan,
    Text,
    rows_of,
    share_batches,
)
from bftui.backends.protocol import TokenDistribution, check_prefix
from bftui.core.batch import afresh
from bftui.core.errors import ContextFull, Displaced

_PADDING = 0
"""The token of a row that has none; any is right, for rows do not see each other."""


def padded_rollouts(
    pool: ContinuationPool, plan: DrawingPlan, check: Callable[[], None]
) -> Iterator[RolloutStep]:
    """Yield the continuations of a plan; raises ContextFull or InvalidToken for its texts.

    `check` raises Cancelled when the work is to stop.
    """
    info = pool.backend.info
    for suffix in plan.suffixes:
        check_prefix([*plan.prefix, *suffix, 0], info.n_vocab, info.n_ctx)
    return (drawn for each in _batches(pool, plan, check) for drawn in each.run())


def _batches(
    pool: ContinuationPool, plan: DrawingPlan, check: Callable[[], None]
) -> Iterator[_Batch]:
    """The batches of a plan, in the order of its texts and numbers."""
    info = pool.backend.info
    width = info.batch_rows
    texts = range(len(plan.suffixes))
    shared = share_batches(plan)
    if shared:
        # Texts that are compared go in one order: the same request gives the same batches.
        every = [row for text in texts for row in rows_of(plan, text, (), info.n_ctx)]
        groups: list[tuple[Text, dict[int, ContinuationRow]]] = [((), dict(enumerate(every)))]
    else:
        groups = [
            (suffix, {row.number: row for row in rows_of(plan, text, suffix, info.n_ctx)})
            for text, suffix in enumerate(plan.suffixes)
        ]
    for suffix, rows in groups:
        starts: list[TokenDistribution] = []
        of: dict[int, dict[int, ContinuationRow]] = {}
        for number, row in rows.items():
            of.setdefault(number // width, {})[number % width] = row
        for places in of.values():
            yield _Batch(pool, plan, suffix, places, starts, check)


class _Batch:
    """Rows in their places, stepped together until the last one ended."""

    def __init__(
        self,
        pool: ContinuationPool,
        plan: DrawingPlan,
        shared: Text,
        places: Mapping[int, ContinuationRow],
        starts: list[TokenDistribution],
        check: Callable[[], None],
    ) -> None:
        """`starts` holds the distribution after the prefix once it was asked for, for all batches of a text."""
        self._pool, self._plan, self._check = pool, plan, check
        self._prefix = (*plan.prefix, *shared)
        self._places, self._starts = places, starts
        self._drawer = Drawer(pool.backend, plan)
        self._eog_ids = pool.backend.info.eog_ids
        self._longest = max(row.own + row.most for row in places.values())

    def run(self) -> Iterator[RolloutStep]:
        """Yield everything, one step after another."""
        fresh = [row for row in self._places.values() if not row.token_ids]
        if fresh:
            with self._pool.turn:
                self._check()
                drawn = self._drawer.draw_first(fresh, self._start())
            yield drawn
        waiting = [range(self._pool.backend.info.batch_rows)]
        while waiting:
            places = waiting.pop(0)
            try:
                while self._live(places):
                    try:
                        yield from self._together(places)
                    except Displaced:
                        continue
            except ContextFull:
                # They outgrew the cache together, as they would without any others there: two halves go on.
                if len(places) == 1:
                    raise
                half = len(places) // 2
                waiting[:0] = [places[:half], places[half:]]

    def _live(self, places: range) -> dict[int, ContinuationRow]:
        """The rows in these places that go on."""
        return {
            place: row
            for place in places
            if (row := self._places.get(place)) is not None and not row.ended(self._eog_ids)
        }

    def _start(self) -> TokenDistribution:
        if not self._starts:
            backend = self._pool.backend
            logits = backend.drawing.next_logits(self._prefix, afresh(len(self._prefix)))
            self._starts.append(backend.distribution(logits, self._plan.sampler))
        return self._starts[0]

    def _together(self, places: range) -> Iterator[RolloutStep]:
        """Feeds the rows in these places what they have, then draws on until all of them ended."""
        with self._pool.open(self._prefix, len(places), self._longest) as batch:
            fed = 0
            while live := self._live(places):
                with self._pool.turn:
                    self._check()
                    logits = batch.step(range(len(places)), [self._token(p, fed) for p in places])
                    fed += 1
                    self._check()
                    going = {at: row for at, row in live.items() if len(row.token_ids) == fed}
                    drawn = None
                    if going:
                        rows = list(going.values())
                        found = [logits[at - places[0]] for at in going]
                        drawn = self._drawer.draw(rows, found)
                if drawn is not None:
                    yield drawn

    def _token(self, place: int, at: int) -> int:
        row = self._places.get(place)
        return _PADDING if row is None or at >= len(row.token_ids) else row.token_ids[at]
