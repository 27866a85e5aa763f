"""Continuations drawn together: batches of rows that share a prefix, each row with draws of its own.

A batch is stepped by whoever takes its items, so other requests come in between two steps. What a row holds of the
cache can be lost to them (the path goes first): it is then evaluated again from its tokens, in smaller batches.
Not for: estimates, which are `core.branching`'s.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bftui.backends.base import Backend, Distribution, Fan, check_prefix
from bftui.backends.host import Drawn
from bftui.core.draws import Purpose, prefix_key, uniform
from bftui.core.errors import ContextFull, UsageError
from bftui.core.sampler import Sampler

_ROWS = 32
"""Rows of one batch. More gain little, and the step that a foreground request waits for grows with them."""

_RESERVE = 9
"""One part of so many is left by rollouts to look-ahead, of rows and of tokens."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be drawn: continuations `numbers` of `prefix`; see `host.Host.rollouts`."""

    prefix: tuple[int, ...]
    sampler: Sampler
    numbers: tuple[int, ...]
    horizon: int
    purpose: Purpose
    cap_k: int


@dataclass(slots=True)
class _Row:
    """One continuation and the tokens drawn for it so far."""

    number: int
    token_ids: list[int] = field(default_factory=list)


def check_plan(plan: Plan) -> None:
    """Raises UsageError for what cannot be drawn."""
    numbers, horizon, cap_k = plan.numbers, plan.horizon, plan.cap_k
    # Other integers, NumPy's among them, have not the bits that a draw's counter needs.
    for value in (horizon, cap_k, *numbers):
        if type(value) is not int:
            raise UsageError(f"{value!r} is not a whole number")
    if horizon < 1:
        raise UsageError(f"a horizon of {horizon} tokens is too short", hint="take 1 or more")
    if cap_k < 0:
        raise UsageError(f"cap-k {cap_k} is negative", hint="0 switches it off")
    if len(set(numbers)) != len(numbers):
        raise UsageError("a continuation is asked for twice", "its number is its draws")
    if any(not 0 <= number < 2**64 for number in numbers):
        raise UsageError("numbers of continuations are whole numbers in [0, 2**64)")


class Fans:
    """The open continuations of one backend: how many more there is room for, and their opening and closing."""

    def __init__(self, backend: Backend, turn: threading.RLock) -> None:
        """`turn` is held during everything that the backend does."""
        self.backend = backend
        self.turn = turn
        self._rows = 0
        self._tokens = 0

    def room(self, tokens: int, *, reserve: bool = False) -> int:
        """Rows that a batch of up to `tokens` tokens each may have, at least one; with `reserve` some are left."""
        info = self.backend.info
        parts = _RESERVE - 1 if reserve else _RESERVE
        rows = min(_ROWS, info.max_fan_out * parts // _RESERVE - self._rows)
        if info.fan_tokens:
            rows = min(rows, (info.fan_tokens * parts // _RESERVE - self._tokens) // tokens)
        return max(1, rows)

    @contextmanager
    def open(self, prefix: Sequence[int], rows: int, tokens: int) -> Iterator[Fan]:
        """Rows of up to `tokens` tokens, closed with the block whatever happens in it; the turn is free inside."""
        with self.turn:
            context = self.backend.fan(prefix, rows)
            fan = context.__enter__()
            self._rows += rows
            self._tokens += rows * tokens
        try:
            yield fan
        finally:
            with self.turn:
                self._rows -= rows
                self._tokens -= rows * tokens
                context.__exit__(None, None, None)


def rollouts(
    fans: Fans, plan: Plan, first: Callable[[], Distribution], check: Callable[[], None]
) -> Iterator[Drawn]:
    """The continuations of a plan; raises ContextFull or InvalidToken for its prefix.

    Args:
        first: the distribution after the prefix.
        check: raises Cancelled when the work is to stop.
    """
    info = fans.backend.info
    check_prefix([*plan.prefix, 0], info.n_vocab, info.n_ctx)
    return _batches(_Drawing(fans, plan, check), list(plan.numbers), first)


def _batches(
    drawing: _Drawing, numbers: list[int], first: Callable[[], Distribution]
) -> Iterator[Drawn]:
    """The distribution after the prefix is evaluated once and shared by all batches."""
    if not numbers:
        return
    with drawing.fans.turn:
        start = first()
    while numbers:
        batches = -(-len(numbers) // drawing.fans.room(drawing.most, reserve=True))
        rows = [_Row(number) for number in numbers[: -(-len(numbers) // batches)]]
        del numbers[: len(rows)]
        yield from drawing.batch(rows, start)


class _Drawing:
    """Draws batches of one plan."""

    def __init__(self, fans: Fans, plan: Plan, check: Callable[[], None]) -> None:
        info = fans.backend.info
        self.fans = fans
        self.most = min(plan.horizon, info.n_ctx - len(plan.prefix))
        self._plan = plan
        self._check = check
        self._key = prefix_key(plan.prefix)
        self._eog_ids = info.eog_ids

    def batch(self, rows: list[_Row], start: Distribution) -> Iterator[Drawn]:
        """Rows that have no token yet, to their ends."""
        with self.fans.turn:
            drawn = self._draw(rows, [start] * len(rows))
        yield drawn
        groups = [self._live(rows)]
        while groups:
            group = groups.pop()
            if not group:
                continue
            # Others may have opened continuations since this batch began.
            room = self.fans.room(self.most, reserve=True)
            if len(group) > room:
                groups.append(group[room:])
                del group[room:]
            before = len(group[0].token_ids)
            try:
                yield from self._together(group)
            except ContextFull:
                # The path of the foreground took the room that these rows had, or they outgrew it together.
                left = self._live(group)
                if len(left) == 1 and len(left[0].token_ids) == before:
                    raise
                half = (len(left) + 1) // 2
                groups += [left[half:], left[:half]]

    def _live(self, rows: list[_Row]) -> list[_Row]:
        """The rows that go on; all of them have the same number of tokens."""
        longest = max(len(row.token_ids) for row in rows)
        if longest >= self.most:
            return []
        return [
            row
            for row in rows
            if len(row.token_ids) == longest and row.token_ids[-1] not in self._eog_ids
        ]

    def _together(self, rows: list[_Row]) -> Iterator[Drawn]:
        """Goes on with rows of the same length in one fan, from what they have."""
        known = list(zip(*(row.token_ids for row in rows), strict=True))
        with self.fans.open(self._plan.prefix, len(rows), self.most) as fan:
            for tokens in known[:-1]:
                with self.fans.turn:
                    fan.step(range(len(rows)), tokens)
                    self._check()
            places = {row.number: place for place, row in enumerate(rows)}
            while rows:
                with self.fans.turn:
                    self._check()
                    drawn = self._step(fan, rows, [places[row.number] for row in rows])
                yield drawn
                live = self._live(rows)
                if live and len(live) < len(rows):
                    going = {row.number for row in live}
                    with self.fans.turn:
                        fan.drop([places[r.number] for r in rows if r.number not in going])
                rows = live

    def _step(self, fan: Fan, rows: list[_Row], places: list[int]) -> Drawn:
        logits = fan.step(places, [row.token_ids[-1] for row in rows])
        self._check()
        sampler, distribution = self._plan.sampler, self.fans.backend.distribution
        # One after the other: a distribution is several times as large as its logits.
        return self._draw(rows, (distribution(each, sampler) for each in logits))

    def _draw(self, rows: list[_Row], distributions: Iterable[Distribution]) -> Drawn:
        """One token more for each of these rows, from these distributions."""
        plan = self._plan
        found = []
        for row, distribution in zip(rows, distributions, strict=True):
            t = len(row.token_ids)
            u = uniform(plan.sampler.seed, plan.purpose, t, row.number, self._key)
            found.append(distribution.sample(u, plan.cap_k))
            row.token_ids.append(found[-1].token_id)
        return Drawn(
            numbers=tuple(row.number for row in rows),
            token_ids=tuple(each.token_id for each in found),
            entropy=tuple(each.entropy for each in found),
            entropy_truncated=tuple(each.entropy_truncated for each in found),
            logprob=tuple(each.logprob for each in found),
            logprob_truncated=tuple(each.logprob_truncated for each in found),
            eog=tuple(each.token_id in self._eog_ids for each in found),
        )
