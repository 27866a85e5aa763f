"""Continuations drawn together: batches of rows that share a prefix, each row with draws of its own.

A batch is stepped by the taker of its items, so that other requests come in between two steps. Where the backend can
step rows of different lengths, the next row takes the place of one that ended. What a row holds of the cache can be
lost to other requests (the path goes first): it is then evaluated again from its tokens, in smaller batches.
Not for: estimates, which are `core.bf.estimate`'s; rows whose places are settled before, see `placed_batches.py`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bftui.backends.client.client_protocol import RolloutPlan, RolloutStep
from bftui.backends.client.steered_sampling import SteeredSampling
from bftui.backends.client.text_reading import in_memory
from bftui.backends.protocol import (
    Backend,
    ContinuationBatch,
    Logits,
    TokenDistribution,
    check_prefix,
)
from bftui.core.batch import Batch, afresh
from bftui.core.batch_sampling import draw_rows
from bftui.core.distribution import Sampled
from bftui.core.draws import Purpose, prefix_key, uniform
from bftui.core.errors import ContextFull, UsageError
from bftui.core.mixed_logits import StackedLogits
from bftui.core.pair.injection_numbers import conditions
from bftui.core.sampler import Sampler

_LOOKAHEAD_ROWS = 32
"""Rows of one batch of look-ahead. More gain little, and the step that a foreground request waits for grows."""

_RESERVE = 9
"""One part of so many is left by rollouts to look-ahead, of rows and of tokens."""

_WORTH = 2**18
"""Logits from which on it is worth to wake a thread for them: as much work as some ten thousand of such calls."""

Text = tuple[int, ...]

Start = tuple[TokenDistribution, Logits]
"""The distribution after a prefix, and the logits that it is of."""


@dataclass(frozen=True, slots=True)
class DrawingPlan:
    """What is to be drawn: a `RolloutPlan` with the token ids of its path in the place of tree and node.

    `prompt` says how many of these are the prompt.
    """

    prefix: Text
    suffixes: tuple[Text, ...]
    sampler: Sampler
    numbers: tuple[int, ...]
    horizon: int
    purpose: Purpose
    cap_k: int
    rounds: tuple[int, ...]
    conditions: bool
    prompt: int
    given: Mapping[tuple[int, int], Text]

    @classmethod
    def of(cls, prefix: Text, prompt: int, plan: RolloutPlan) -> DrawingPlan:
        """Put a plan after the token ids of its path; raises UsageError for what cannot be drawn."""
        suffixes, numbers = tuple(map(tuple, plan.suffixes)), tuple(plan.numbers)
        _check(numbers, plan.horizon, plan.cap_k)
        rounds, given = tuple(plan.rounds), {(row.text, row.number): row for row in plan.given}
        if any(low >= high for low, high in pairwise((0, *rounds))):
            raise UsageError("the rounds of continuations do not ascend from 1")
        if given and not rounds:
            raise UsageError("only rounds go on with what was drawn before")
        asked = {(text, number) for text in range(len(suffixes)) for number in numbers}
        if len(given) != len(plan.given) or not given.keys() <= asked:
            raise UsageError("what was drawn before is not of these texts and numbers, once each")
        return cls(
            prefix=prefix,
            suffixes=suffixes,
            sampler=plan.sampler,
            numbers=numbers,
            horizon=plan.horizon,
            purpose=plan.purpose,
            cap_k=plan.cap_k,
            rounds=rounds,
            conditions=plan.conditions,
            prompt=prompt,
            given={place: row.token_ids for place, row in given.items()},
        )


def _check(numbers: tuple[int, ...], horizon: int, cap_k: int) -> None:
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


@dataclass(slots=True)
class ContinuationRow:
    """One continuation.

    Attributes:
        text, number: which of the suffixes it follows, and its number there.
        key: the prefix key of its draws.
        token_ids: what it has beyond the prefix of its batch: `own` tokens of its text, then those drawn.
        most: tokens that may be drawn.
        fed: how many of its tokens were evaluated in the open batch.
    """

    text: int
    number: int
    key: int
    token_ids: list[int]
    own: int
    most: int
    fed: int = 0

    @property
    def drawn(self) -> int:
        """Tokens drawn so far."""
        return len(self.token_ids) - self.own

    def ended(self, eog_ids: frozenset[int]) -> bool:
        """Whether nothing more is drawn."""
        if not self.drawn:
            return False
        return self.drawn >= self.most or self.token_ids[-1] in eog_ids


def rows_of(plan: DrawingPlan, text: int, shared: Text, n_ctx: int) -> list[ContinuationRow]:
    """Return the continuations of one text, in the order of the plan's numbers, with what is given of them.

    `shared` is what the prefix of their batch holds of the text.
    """
    suffix = plan.suffixes[text]
    whole, own = (*plan.prefix, *suffix), suffix[len(shared) :]
    key, most = prefix_key(whole), min(plan.horizon, n_ctx - len(whole))

    def row(number: int) -> ContinuationRow:
        ids = [*own, *plan.given.get((text, number), ())[:most]]
        return ContinuationRow(text, number, key, ids, len(own), most)

    return [row(number) for number in plan.numbers]


class Drawer:
    """Draws tokens for rows of a plan, each with the draws that its number has."""

    def __init__(self, pool: ContinuationPool, plan: DrawingPlan) -> None:
        self._pool, self._backend, self._plan = pool, pool.backend, plan

    def draw(self, rows: list[ContinuationRow], logits: Sequence[Logits]) -> RolloutStep:
        """Return one token more for each of these rows, from these logits."""
        plan, us = self._plan, self._uniforms(rows)
        if isinstance(logits[0], np.ndarray | StackedLogits) and plan.sampler.plain:
            return self._told(rows, self._sampled(logits, us), logits)
        # One after the other: a distribution is several times as large as its logits.
        return self._told(
            rows,
            [
                self._distribution(row, each).sample(u, plan.cap_k)
                for row, each, u in zip(rows, logits, us, strict=True)
            ],
            logits,
        )

    def _distribution(self, row: ContinuationRow, logits: Logits) -> TokenDistribution:
        plan = self._plan
        whole = (*plan.prefix, *plan.suffixes[row.text], *row.token_ids[row.own :])
        return self._pool.sampling.distribution(logits, plan.sampler, whole, plan.prompt)

    def draw_first(self, rows: list[ContinuationRow], start: Start) -> RolloutStep:
        """Return the first token of these rows, from the distribution after their prefix."""
        (distribution, logits), cap_k = start, self._plan.cap_k
        found = [distribution.sample(u, cap_k) for u in self._uniforms(rows)]
        return self._told(rows, found, [logits] * len(rows))

    def _sampled(self, logits: Sequence[Logits], us: list[float]) -> list[Sampled]:
        """One token for each row of a batch; large vocabularies keep all threads of the model busy."""

        def part(at: slice) -> list[Sampled]:
            plan = self._plan
            found = [in_memory(each, plan.sampler) for each in logits[at]]
            return draw_rows(found, plan.sampler, us[at], plan.cap_k)

        info, count = self._backend.info, len(us)
        size = max(-(-count // max(1, info.threads)), _WORTH // info.n_vocab, 1)
        parts = [slice(start, start + size) for start in range(0, count, size)]
        # This thread has nothing else to do.
        own, *others = parts
        waited = [self._pool.threads.submit(part, at) for at in others]
        found = part(own)
        for each in waited:
            found += each.result()
        return found

    def _uniforms(self, rows: list[ContinuationRow]) -> list[float]:
        seed, purpose = self._plan.sampler.seed, self._plan.purpose
        return [uniform(seed, purpose, row.drawn, row.number, row.key) for row in rows]

    def _told(
        self, rows: list[ContinuationRow], found: list[Sampled], logits: Sequence[Logits]
    ) -> RolloutStep:
        """Gives each row its token, which was drawn from these logits."""
        for row, each in zip(rows, found, strict=True):
            row.token_ids.append(each.token_id)
        eog_ids = self._backend.info.eog_ids
        return RolloutStep(
            texts=tuple(row.text for row in rows),
            numbers=tuple(row.number for row in rows),
            token_ids=tuple(each.token_id for each in found),
            entropy=tuple(each.entropy for each in found),
            entropy_truncated=tuple(each.entropy_truncated for each in found),
            logprob=tuple(each.logprob for each in found),
            logprob_truncated=tuple(each.logprob_truncated for each in found),
            eog=tuple(each.token_id in eog_ids for each in found),
            conditions=tuple(
                conditions(of.rows[0], of.rows[1], each.token_id)
                for of, each in zip(logits, found, strict=True)
            )
            if self._plan.conditions
            else (),
        )


class ContinuationPool:
    """The open continuations of one backend: how many more there is room for, and their opening and closing.

    Attributes:
        sampling: makes distributions of logits.
        finished: batches of rollouts that came to their end.
        threads: compute what the model's own threads wait for.
    """

    def __init__(self, backend: Backend, turn: threading.RLock) -> None:
        """`turn` is held during everything that the backend does."""
        self.backend = backend
        self.sampling = SteeredSampling(backend)
        self.turn = turn
        self.finished = 0
        self.threads = ThreadPoolExecutor(max(1, backend.info.threads - 1), "draws")
        self._rows = 0
        self._tokens = 0

    def room(self, tokens: int, *, reserve: bool = False) -> int:
        """Return rows that a batch of up to `tokens` tokens each may have, at least one.

        With `reserve` it is a batch of rollouts, which leaves some room to look-ahead.
        """
        info = self.backend.info
        parts = _RESERVE - 1 if reserve else _RESERVE
        most = info.batch_rows if reserve else _LOOKAHEAD_ROWS
        rows = min(most, info.max_continuations * parts // _RESERVE - self._rows)
        if info.continuation_tokens:
            rows = min(
                rows, (info.continuation_tokens * parts // _RESERVE - self._tokens) // tokens
            )
        return max(1, rows)

    @property
    def width(self) -> int:
        """Rows of every batch whose rows have places of their own."""
        info = self.backend.info
        if info.padded:
            return info.batch_rows
        return max(1, min(info.batch_rows, info.max_continuations * (_RESERVE - 1) // _RESERVE))

    @contextmanager
    def open(
        self,
        prefix: Sequence[int],
        rows: int,
        tokens: int,
        *,
        ahead: bool = False,
        placed: bool = False,
        batches: Sequence[Batch] | None = None,
    ) -> Iterator[ContinuationBatch]:
        """Open rows of up to `tokens` tokens until the end of the block, also after an error; the turn is free inside.

        `ahead` is for look-ahead, which is soon done. The prefix is read in `batches`; without them it is read afresh
        where numbers depend on batches, and for rows that are `placed`.
        """
        with self.turn:
            of = self.backend.aside if ahead else self.backend.drawing
            if batches is None and (placed or self.backend.info.shaped):
                batches = afresh(len(prefix))
            context = of.continuations(prefix, rows, batches, tokens)
            batch = context.__enter__()
            self._rows += rows
            self._tokens += rows * tokens
        try:
            yield batch
            self.finished += not ahead
        finally:
            with self.turn:
                self._rows -= rows
                self._tokens -= rows * tokens
                context.__exit__(None, None, None)


def rollouts(
    pool: ContinuationPool,
    plan: DrawingPlan,
    first: Callable[[Text], Start],
    check: Callable[[], None],
) -> Generator[RolloutStep, None, None]:
    """Yield the continuations of a plan; raises ContextFull or InvalidToken for its texts.

    Args:
        first: the distribution after the prefix and one of the suffixes.
        check: raises Cancelled when the work is to stop.
    """
    info = pool.backend.info
    for suffix in plan.suffixes:
        check_prefix([*plan.prefix, *suffix, 0], info.n_vocab, info.n_ctx)
    batches = [
        _Batches(pool, plan, text, suffix, first, check)
        for text, suffix in enumerate(plan.suffixes)
    ]
    return (drawn for each in batches for drawn in each.run())


class _Batches:
    """Draws the rows of one text, batch after batch."""

    def __init__(
        self,
        pool: ContinuationPool,
        plan: DrawingPlan,
        text: int,
        suffix: Text,
        first: Callable[[Text], Start],
        check: Callable[[], None],
    ) -> None:
        info = pool.backend.info
        self._pool, self._plan, self._check = pool, plan, check
        self._first, self._suffix = first, suffix
        self._prefix = (*plan.prefix, *suffix)
        self._eog_ids, self._ragged = info.eog_ids, info.ragged
        self._start: Start | None = None
        self._drawer = Drawer(pool, plan)
        self._waiting = deque(rows_of(plan, text, suffix, info.n_ctx))
        self._longest = max((row.own + row.most for row in self._waiting), default=0)
        self._going: dict[int, ContinuationRow] = {}
        self._steps = 0

    def run(self) -> Iterator[RolloutStep]:
        """Yield everything, one step of a batch after another."""
        narrow = 0
        while self._waiting:
            self._going, self._steps = {}, 0
            try:
                yield from self._batch(narrow or self._width(), refill=self._ragged and not narrow)
                narrow = 0
            except ContextFull:
                # The path of the foreground took the room that these rows had, or they outgrew it together.
                left = list(self._going.values())
                if not left or (len(left) == 1 and not self._steps):
                    raise
                for row in reversed(left):
                    row.fed = 0
                    self._waiting.appendleft(row)
                narrow = (len(left) + 1) // 2

    def _width(self) -> int:
        """Rows of the next batch. Where none takes the place of another, batches are about equally large."""
        room = self._pool.room(self._longest, reserve=True)
        if self._ragged:
            return room
        alike = sum(_length(row) == _length(self._waiting[0]) for row in self._waiting)
        batches = -(-alike // room)
        return -(-alike // batches)

    def _batch(self, width: int, *, refill: bool) -> Iterator[RolloutStep]:
        """Rows until all of them ended; with `refill` others take their places."""
        going = self._going
        yield from self._admit(deque(range(width)))
        if not going:
            return
        # Others may have opened continuations since the width was settled.
        room = max(1, min(len(going), self._pool.room(self._longest, reserve=True)))
        for place in sorted(going, reverse=True)[: len(going) - room]:
            self._waiting.appendleft(going.pop(place))
        with self._pool.open(self._prefix, room, self._longest) as batch:
            free: deque[int] = deque()
            while going:
                with self._pool.turn:
                    self._check()
                    drawn = self._step(batch)
                if drawn is not None:
                    yield drawn
                ended = [place for place, row in going.items() if row.ended(self._eog_ids)]
                for place in ended:
                    del going[place]
                free.extend(ended)
                # The last rows end with the batch: a row begins again as a copy of one that goes on.
                if not going:
                    break
                with self._pool.turn:
                    batch.drop(ended)
                if refill and free and self._waiting:
                    yield from self._join(batch, free)

    def _join(self, batch: ContinuationBatch, free: deque[int]) -> Iterator[RolloutStep]:
        """Waiting rows take the free places."""
        before = set(self._going)
        yield from self._admit(free)
        with self._pool.turn:
            batch.renew([place for place in self._going if place not in before])

    def _admit(self, free: deque[int]) -> Iterator[RolloutStep]:
        """Gives the free places to the rows that wait first, as many as go on after their first token.

        Where rows of different lengths do not go together, only those as long as the first one.
        """
        while free and self._waiting:
            rows = [self._waiting.popleft()]
            while self._waiting and len(rows) < len(free):
                if not self._ragged and _length(self._waiting[0]) != _length(rows[0]):
                    break
                rows.append(self._waiting.popleft())
            alike = _length(rows[0])
            fresh = [row for row in rows if not row.token_ids]
            if fresh:
                with self._pool.turn:
                    self._check()
                    drawn = self._draw_first(fresh)
                yield drawn
            for row in rows:
                if not row.ended(self._eog_ids):
                    self._going[free.popleft()] = row
            if not self._ragged and self._waiting and _length(self._waiting[0]) != alike:
                return

    def _step(self, batch: ContinuationBatch) -> RolloutStep | None:
        """Evaluates one token more of each row; what is drawn by those that have no other left."""
        going = self._going
        logits = batch.step(list(going), [row.token_ids[row.fed] for row in going.values()])
        self._check()
        rows: list[ContinuationRow] = []
        found: list[Logits] = []
        for row, each in zip(going.values(), logits, strict=True):
            row.fed += 1
            if row.fed == len(row.token_ids):
                rows.append(row)
                found.append(each)
        if not rows:
            return None
        self._steps += 1
        return self._drawer.draw(rows, found)

    def _draw_first(self, rows: list[ContinuationRow]) -> RolloutStep:
        """The first token of these rows, from the distribution after the prefix."""
        if self._start is None:
            self._start = self._first(self._suffix)
        return self._drawer.draw_first(rows, self._start)


def _length(row: ContinuationRow) -> int:
    """Tokens of a row that a batch evaluates before the row draws again; a new row draws its first token before."""
    return len(row.token_ids) or 1
