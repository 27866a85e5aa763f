"""The responses to several texts, measured look by look: which of them narrows most is known early, of all of them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing

from bftui.core.bf.contrast import holm
from bftui.core.errors import BftuiError, Cancelled
from bftui.core.job import Job
from bftui.measures.response import Response
from bftui.results.response_result import ResponseResult
from bftui.results.stored_result import StoredResult

_SETTLED_S = 1.0
"""Seconds of drawing after which its speed is what it is said to have."""


class ResponseSeries(Job):
    """Does the first look at every text, then the second, and so on; other kinds of controls come last.

    What is drawn stays, whatever stops it: `go_on` takes it up again, and finds what it would have found without a
    stop. Several texts are each set up without an early end, so that Holm's correction is over the same look of all.

    Attributes:
        responses: one for each text.
        partner: those of a second model to the same texts, in turn at each look; its failures are its own.
        at: which of them all goes on now, those of the partner after the others.
        budget: seconds after which no further look is begun, nor other controls; None sets no limit.
        out_of_time: whether something was left undone because they are spent.
        error: what stopped the partner's; None where nothing did.
    """

    def __init__(
        self,
        responses: Sequence[Response],
        budget: float | None = None,
        partner: Sequence[Response] = (),
    ) -> None:
        self.responses, self.partner, self.budget = tuple(responses), tuple(partner), budget
        self.at, self.out_of_time = 0, False
        self.error: BftuiError | None = None
        self._least = math.inf
        super().__init__()
        self._before = self._used()

    @property
    def both(self) -> tuple[Response, ...]:
        """Those of both models."""
        return (*self.responses, *self.partner)

    @property
    def doing(self) -> str:
        """What is done now, for people."""
        return self.both[self.at].doing

    @property
    def share(self) -> float:
        if self.done:
            return 1.0
        tokens, left = (sum(each) for each in zip(*map(_tokens, self._sides()), strict=True))
        return tokens / (tokens + left) if tokens else 0.0

    @property
    def left(self) -> float | None:
        """Seconds that it takes yet, at most; only falls while it goes on. None where no speed is known."""
        if self.done:
            return None
        needed, known = 0.0, True
        for side, speed in zip(self._sides(), self._speeds(), strict=True):
            if left := _tokens(side)[1]:
                if speed is None:
                    return None
                needed += left / speed[0]
                known = known and speed[1]
        if not known:
            return needed
        self._least = min(self._least, needed)
        return self._least

    def _speeds(self) -> list[tuple[float, bool] | None]:
        """Tokens a second of each model, and whether it is its own speed of this run; None where nobody knows."""
        found: list[tuple[float, bool] | None] = []
        for side, (seconds, tokens), (spent, drawn) in zip(
            self._sides(), self._before, self._used(), strict=True
        ):
            if spent - seconds >= _SETTLED_S and drawn > tokens:
                found.append(((drawn - tokens) / (spent - seconds), True))
            else:
                rate = next((each.rate for each in side if each.rate is not None), None)
                found.append(None if rate is None else (rate, False))
        # Before a model has drawn anything, it is taken to be as fast as the other one.
        other = next((speed for speed in found if speed is not None), None)
        return [speed or (None if other is None else (other[0], False)) for speed in found]

    def _sides(self) -> list[tuple[Response, ...]]:
        return [self.responses, self.partner if self.error is None else ()]

    def _used(self) -> list[tuple[float, int]]:
        """Seconds that were spent on each model, and tokens that it drew."""
        theirs = sum(each.seconds for each in self.partner)
        return [
            (self.seconds - theirs, _tokens(self.responses)[0]),
            (theirs, _tokens(self.partner)[0]),
        ]

    def go_on(self) -> None:
        """Takes it up again where it was stopped."""
        self.close()
        self.done, self.out_of_time, self.error = False, False, None
        self._least = math.inf
        self._before = self._used()
        self._pieces = self._work()

    def _work(self) -> Iterator[None]:
        for count in range(1, 1 + max(len(each.setup.looks) for each in self.both)):
            for place in range(len(self.both)):
                yield from self._turn(place, count)
            if self._spent() and not all(each.decided for each in self._open()):
                self.out_of_time = True
                return
        for place, each in enumerate(self.both):
            if each not in self._open():
                continue
            yield from self._turn(place, None)
            if not each.done and each.to_draw() and each in self._open():
                self.out_of_time = True
                return

    def _open(self) -> list[Response]:
        """Those that nothing stopped."""
        return [each for side in self._sides() for each in side]

    def _turn(self, place: int, count: int | None) -> Iterator[None]:
        """Goes on with one until so many looks are done, or for None with all that is left of it."""
        each = self.both[place]
        if each not in self._open():
            return
        self.at = place
        try:
            yield from _looked(each, count) if count else self._rest(each)
        except Cancelled:
            raise
        except BftuiError as error:
            if place < len(self.responses):
                raise
            self.error = error

    def _rest(self, response: Response) -> Iterator[None]:
        with closing(response):
            response.go_on()
            while not self._spent() and response.advance():
                yield

    def _spent(self) -> bool:
        return self.budget is not None and self.seconds >= self.budget

    def results(self, *, partner: bool = False) -> list[ResponseResult | None]:
        """Says what was found so far of each text; with Holm's p of their last looks where there are several.

        None for a text after which nothing is drawn. `partner`: of the second model.
        """
        side = self.partner if partner else self.responses
        return [
            each.result(p) if each.measured else None
            for each, p in zip(side, _holm(side), strict=True)
        ]

    def stored_each(self, of: Collection[Response] | None = None) -> list[StoredResult]:
        """Returns what a trace keeps of each text after which something is drawn, with Holm's p; `of` names some."""
        found = [
            each.stored(p)
            for side in (self.responses, self.partner)
            for each, p in zip(side, _holm(side), strict=True)
            if of is None or each in of
        ]
        return [each for each in found if each is not None]

    @property
    def speed(self) -> float | None:
        """Tokens a second that the first model drew since it went on; None before that can be said."""
        speed = self._speeds()[0]
        return speed[0] if speed is not None and speed[1] else None


def _holm(responses: Sequence[Response]) -> list[float | None]:
    ps = [each.looks[-1].p if each.looks else None for each in responses]
    return holm(ps) if len(ps) > 1 else [None] * len(ps)


def _tokens(responses: Sequence[Response]) -> tuple[int, int]:
    """Tokens that are drawn, and those that are at most to be drawn yet."""
    return sum(each.tokens for each in responses), sum(each.to_draw() for each in responses)


def _looked(response: Response, count: int) -> Iterator[None]:
    """Goes on until so many looks are done, then gives back what it holds."""
    if response.decided or len(response.looks) >= count:
        return
    with closing(response):
        response.go_on()
        while not response.decided and len(response.looks) < count and response.advance():
            yield
