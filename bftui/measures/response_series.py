"""The responses to several texts, measured look by look: which of them narrows most is known early, of all of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import closing

from bftui.core.bf.contrast import holm
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
        at: which of them goes on now.
        budget: seconds after which no further look is begun, nor other controls; None sets no limit.
        out_of_time: whether something was left undone because they are spent.
    """

    def __init__(self, responses: Sequence[Response], budget: float | None = None) -> None:
        self.responses, self.budget = tuple(responses), budget
        self.at, self.out_of_time = 0, False
        self._least = math.inf
        self._before = 0.0, sum(each.tokens for each in responses)
        super().__init__()

    @property
    def doing(self) -> str:
        """What is done now, for people."""
        return self.responses[self.at].doing

    @property
    def share(self) -> float:
        if self.done:
            return 1.0
        tokens = self._tokens()
        return tokens / (tokens + self._to_draw()) if tokens else 0.0

    @property
    def left(self) -> float | None:
        """Seconds that it takes yet, at most; only falls while it goes on. None where no speed is known."""
        seconds, tokens = self.seconds - self._before[0], self._tokens() - self._before[1]
        if self.done or seconds < _SETTLED_S or not tokens:
            return None
        self._least = min(self._least, self._to_draw() * seconds / tokens)
        return self._least

    def _tokens(self) -> int:
        return sum(each.tokens for each in self.responses)

    def _to_draw(self) -> int:
        return sum(each.to_draw() for each in self.responses)

    def go_on(self) -> None:
        """Takes it up again where it was stopped."""
        self.close()
        self.done = self.out_of_time = False
        self._least = math.inf
        self._before = self.seconds, self._tokens()
        self._pieces = self._work()

    def _work(self) -> Iterator[None]:
        for count in range(1, 1 + max(len(each.setup.looks) for each in self.responses)):
            for place, each in enumerate(self.responses):
                self.at = place
                yield from _looked(each, count)
            if self._spent() and not all(each.decided for each in self.responses):
                self.out_of_time = True
                return
        for place, each in enumerate(self.responses):
            self.at = place
            with closing(each):
                each.go_on()
                while not self._spent() and each.advance():
                    yield
            if not each.done and each.to_draw():
                self.out_of_time = True
                return

    def _spent(self) -> bool:
        return self.budget is not None and self.seconds >= self.budget

    def results(self) -> list[ResponseResult | None]:
        """Says what was found so far of each text; with Holm's p of their last looks where there are several.

        None for a text after which nothing is drawn.
        """
        adjusted = self._holm()
        return [
            each.result(p) if each.measured else None
            for each, p in zip(self.responses, adjusted, strict=True)
        ]

    def stored_each(self) -> list[StoredResult]:
        """Returns what a trace keeps of each text after which something is drawn, with Holm's p."""
        found = [each.stored(p) for each, p in zip(self.responses, self._holm(), strict=True)]
        return [each for each in found if each is not None]

    def _holm(self) -> list[float | None]:
        ps = [each.looks[-1].p if each.looks else None for each in self.responses]
        return holm(ps) if len(ps) > 1 else [None]


def _looked(response: Response, count: int) -> Iterator[None]:
    """Goes on until so many looks are done, then gives back what it holds."""
    if response.decided or len(response.looks) >= count:
        return
    with closing(response):
        response.go_on()
        while not response.decided and len(response.looks) < count and response.advance():
            yield
