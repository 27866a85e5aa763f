"""Continuations in places of their own: where a row is evaluated follows from the request alone.

Of models whose numbers depend on their batches: continuation n is in place n mod R of batch n div R, with as many
rows beside it as its numbers need, of those that nobody asked for or that ended. And of every model where texts advance
in rounds: what was drawn before is evaluated again beside the rows that it was drawn beside.
What a row loses to other work is evaluated again in the same places.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from itertools import pairwise

from bftui.backends.client.client_protocol import RolloutStep
from bftui.backends.client.continuation_batches import (
    ContinuationPool,
    ContinuationRow,
    Drawer,
    DrawingPlan,
    Start,
    Text,
    rows_of,
)
from bftui.backends.protocol import check_prefix, common_prefix
from bftui.core.batch import afresh
from bftui.core.errors import ContextFull, Displaced

_PADDING = 0
"""The token of a row that has none; any is right, for rows do not see each other."""

_OWN = 32
"""Texts advance in batches that they share where none has more tokens of its own, else each in batches of its own.

A fixed number, so that a longer horizon changes no batch. It is about where both cost the same: tokens that are
evaluated for every row, or three batches that are not full in the place of one.
"""

Rows = dict[int, ContinuationRow]
"""Rows by their places, counted on over all batches of their prefix."""


def placed_rollouts(
    pool: ContinuationPool, plan: DrawingPlan, check: Callable[[], None]
) -> Generator[RolloutStep, None, None]:
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
    """The batches of a plan, in the order in which they are drawn."""
    width, n_ctx = pool.width, pool.backend.info.n_ctx
    for shared, rows in _rounds(plan, n_ctx) if plan.rounds else _texts(plan, n_ctx):
        starts: list[Start] = []
        of: dict[int, Rows] = {}
        for place, row in rows.items():
            of.setdefault(place // width, {})[place % width] = row
        for places in of.values():
            yield _Batch(pool, plan, shared, places, starts, check)


def _texts(plan: DrawingPlan, n_ctx: int) -> Iterator[tuple[Text, Rows]]:
    """The rows of one text after those of another, with what their prefix holds of the text."""
    for text, suffix in enumerate(plan.suffixes):
        yield suffix, {row.number: row for row in rows_of(plan, text, suffix, n_ctx)}


def _rounds(plan: DrawingPlan, n_ctx: int) -> Iterator[tuple[Text, Rows]]:
    """The rows of all texts by number, or by round where texts are long, with what their prefix holds of the text."""
    # All that lie between the first and the last in order begin as these two do.
    first, last = min(plan.suffixes, default=()), max(plan.suffixes, default=())
    shared: Text = first[: common_prefix(first, last)]
    if all(len(suffix) - len(shared) <= _OWN for suffix in plan.suffixes):
        texts = [rows_of(plan, text, shared, n_ctx) for text in range(len(plan.suffixes))]
        yield shared, dict(enumerate(row for rows in zip(*texts, strict=True) for row in rows))
        return
    texts = [rows_of(plan, text, suffix, n_ctx) for text, suffix in enumerate(plan.suffixes)]
    for low, high in pairwise((0, *plan.rounds, 2**64)):
        for suffix, rows in zip(plan.suffixes, texts, strict=True):
            yield suffix, dict(enumerate(row for row in rows if low <= row.number < high))


class _Batch:
    """Rows in their places, stepped together until the last one ended."""

    def __init__(
        self,
        pool: ContinuationPool,
        plan: DrawingPlan,
        shared: Text,
        places: Mapping[int, ContinuationRow],
        starts: list[Start],
        check: Callable[[], None],
    ) -> None:
        """`starts` holds the distribution after the prefix once it was asked for, for all batches of a text."""
        info = pool.backend.info
        self._pool, self._plan, self._check = pool, plan, check
        self._prefix = (*plan.prefix, *shared)
        self._places, self._starts = places, starts
        self._drawer = Drawer(pool, plan)
        self._eog_ids, self._padded = info.eog_ids, info.padded
        # Of padded rows whose numbers need all of them, so many as there are.
        self._multiple = (info.step_rows or info.batch_rows) if info.padded else 1
        self._longest = max(row.own + row.most for row in places.values())

    def run(self) -> Iterator[RolloutStep]:
        """Yield everything, one step after another."""
        fresh = [row for row in self._places.values() if not row.token_ids]
        if fresh:
            with self._pool.turn:
                self._check()
                drawn = self._drawer.draw_first(fresh, self._start())
            yield drawn
        waiting = [range(self._pool.width)]
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

    def _start(self) -> Start:
        if not self._starts:
            backend = self._pool.backend
            logits = backend.drawing.next_logits(self._prefix, afresh(len(self._prefix)))
            plan, sampling = self._plan, self._pool.sampling
            distribution = sampling.distribution(logits, plan.sampler, self._prefix, plan.prompt)
            self._starts.append((distribution, logits))
        return self._starts[0]

    def _together(self, places: range) -> Iterator[RolloutStep]:
        """Feeds the rows in these places what they have, then draws on until all of them ended."""
        rows = list(places) if self._padded else self._fed(places, 0)
        if not self._padded and len(rows) > self._pool.room(self._longest, reserve=True):
            raise ContextFull("others draw beside these continuations")
        at_row = {place: row for row, place in enumerate(rows)}
        with self._pool.open(self._prefix, len(rows), self._longest, placed=True) as batch:
            at = 0
            while live := self._live(places):
                with self._pool.turn:
                    self._check()
                    # What the others hold stays: their cells would go to rows that had others without them.
                    fed = self._fed(places, at)
                    ids = [self._token(place, at) for place in fed]
                    logits = batch.step([at_row[place] for place in fed], ids)
                    at += 1
                    self._check()
                    going = [place for place, row in live.items() if len(row.token_ids) == at]
                    drawn = None
                    if going:
                        drawn_rows = [live[place] for place in going]
                        found = [logits[fed.index(place)] for place in going]
                        drawn = self._drawer.draw(drawn_rows, found)
                if drawn is not None:
                    yield drawn

    def _fed(self, places: range, at: int) -> list[int]:
        """The rows that take part in a step: up to the token that each draws last, and what is padded beside them."""
        going, others = list[int](), list[int]()
        for place in places:
            row = self._places.get(place)
            goes = row is not None and (at + 1 < len(row.token_ids) or not row.ended(self._eog_ids))
            (going if goes else others).append(place)
        return sorted(going + others[: -len(going) % self._multiple])

    def _token(self, place: int, at: int) -> int:
        row = self._places.get(place)
        return _PADDING if row is None or at >= len(row.token_ids) else row.token_ids[at]
