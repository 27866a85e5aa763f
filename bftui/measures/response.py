"""The response to a forced text: does it change the branching factor, and more than texts like it would?

The forced text is held against texts of the same length that the model itself might have written there (matched
controls). All texts are continued together; the BF over the tokens that follow is judged in planned looks, and what is
known between them is told without a verdict (contract 4).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from bftui.core.bf.looks import Look
from bftui.core.errors import UsageError
from bftui.core.job import Job
from bftui.measures import control_texts
from bftui.measures.control_texts import ControlText
from bftui.measures.drawn_texts import DrawnTexts
from bftui.measures.response_numbers import response_result
from bftui.measures.response_state import Kind, ResponseState, Setup
from bftui.measures.rollouts import MOST_SAMPLES, MOST_TOKENS, check_size
from bftui.measures.site import Site
from bftui.results.response_result import ResponseResult, ResponseSettings
from bftui.results.stored_result import StoredResult

NEUTRAL = ("The", "It", "This", "There", "In", "A", "When", "One")
"""Openings that commit a text to little; those that the forced text equals are left out."""

_SETTLED_S, _SETTLED = 1.0, 100
"""Seconds of drawing, and tokens drawn, after which its own speed is what it is said to have."""


class Response(Job):
    """Continuations of a forced text and of its controls, judged while they come.

    What is drawn stays, whatever stops it: `go_on` takes it up again, and finds what it would have found without a
    stop.

    Attributes:
        node, token_ids, sampler, setup: where, what was forced, and how it is measured.
        state: what is known; None before the controls are chosen.
        doing: what is done now, for people.
        rate: tokens a second that it is expected to draw before it knows by itself; None where nobody knows.
    """

    def __init__(
        self,
        site: Site,
        token_ids: Sequence[int],
        neutral: Sequence[tuple[int, ...]],
        setup: Setup,
        known: ResponseResult | None = None,
        rate: float | None = None,
        stored_as: Callable[[StoredResult], StoredResult] | None = None,
    ) -> None:
        """`neutral` are the neutral texts as tokens; `known` is what another run of the program found of the same.

        `stored_as` gives what a trace keeps of it, where that is another measurement.

        Raises UsageError for sizes that make no sense, and for a horizon past the context.
        """
        setup.check()
        self.node, self.sampler = site.node, site.sampler
        self.token_ids, self.setup = tuple(token_ids), setup
        self._site = site
        self._room = site.model.info.n_ctx - len(site.prefix) - len(self.token_ids)
        self._check_room(setup.horizon)
        self.state = None if known is None else ResponseState.restored(known)
        self.doing, self.rate, self._stored_as = "", rate, stored_as
        self._neutral = [ids for ids in neutral if ids != self.token_ids]
        self._least = math.inf
        self._before = 0.0, self.tokens
        self._found: tuple[object, ResponseResult] | None = None
        super().__init__()

    def _check_room(self, horizon: int) -> None:
        if horizon > self._room:
            raise UsageError(
                f"a horizon of {horizon} tokens is past the end of the context",
                f"it has room for {max(0, self._room)} after the text",
                "take a shorter horizon, or open the model with a larger --ctx",
            )

    # How far it is ---------------------------------------------------------------------------------------------

    @property
    def looks(self) -> Sequence[Look]:
        """Those that were done."""
        return () if self.state is None else self.state.looks

    @property
    def decided(self) -> bool:
        """Whether no further look is planned."""
        return self.state is not None and self.state.decided(self.setup)

    @property
    def measured(self) -> bool:
        """Whether anything is known of what follows the forced text."""
        return self.state is not None and bool(self.state.drawn.samples(0, 1, 1))

    @property
    def tokens(self) -> int:
        """Tokens drawn so far, over all texts."""
        return 0 if self.state is None else self.state.tokens

    @property
    def ratio(self) -> float | None:
        """BF(forced) over that of its matched controls so far, over as many tokens as all have; None before any."""
        told = [] if self.state is None else self.state.told(self.setup)
        return told[-1].ratio if told else None

    @property
    def positions(self) -> tuple[int, int]:
        """Positions that the BF of the forced text, and that of its matched controls, are means over."""
        size = None if self.state is None else self.state.size(self.setup)
        if self.state is None or size is None:
            return 0, 0
        own, *theirs = (
            sum(sample.length for sample in self.state.drawn.samples(place, *size))
            for place in range(1 + len(self.state.matched))
        )
        return own, sum(theirs)

    @property
    def share(self) -> float:
        if self.done:
            return 1.0
        left, tokens = self.to_draw(), self.tokens
        return tokens / (tokens + left) if tokens else 0.0

    @property
    def left(self) -> float | None:
        """Seconds that it takes yet, at most; only falls while it goes on. None where no speed is known."""
        speed = self._speed()
        if speed is None or self.done:
            return None
        self._least = min(self._least, self.to_draw() / speed)
        return self._least

    def spent(self, budget: float) -> bool:
        """Whether work that nobody asked for ends here.

        It does when `budget` seconds are spent and a look is done, or when the first look takes that long once more.
        """
        if self.seconds < budget:
            return False
        if self.state is None or self.state.looks:
            return True
        left = self.state.drawn.left(self.setup.looks[0], self.setup.horizon)
        return left > budget * (self._speed() or math.inf)

    @property
    def speed(self) -> float | None:
        """Tokens that it drew a second; None where it did not go on long enough to say."""
        seconds, tokens = self.seconds - self._before[0], self.tokens - self._before[1]
        return tokens / seconds if seconds >= _SETTLED_S and tokens >= _SETTLED else None

    def _speed(self) -> float | None:
        return self.speed or self.rate

    def to_draw(self) -> int:
        """Says how many tokens are at most to be drawn yet."""
        setup, state = self.setup, self.state
        samples, others = setup.looks[setup.asked - 1], None
        if state is None:
            left = (1 + setup.controls) * samples * setup.horizon
        else:
            left = 0 if state.decided(setup) else state.drawn.left(samples, setup.horizon)
            left += state.drawn.left(*state.extra) if state.extra else 0
            samples, others = state.looks[-1].samples if state.looks else samples, state.others
        if not setup.others:
            return left
        if others is not None:
            return left + others.left(samples, setup.horizon)
        return left + (2 + len(self._neutral) + control_texts.RANDOM) * samples * setup.horizon

    # Asking for more -------------------------------------------------------------------------------------------

    def widen(self) -> None:
        """Measures the other kinds of controls too."""
        if not self.setup.others:
            self.setup = replace(self.setup, others=True)
            self._least = math.inf
            if self.done:
                self.go_on()

    def extend(self, samples: int, horizon: int) -> None:
        """Draws more samples of each text, or longer ones; what they say is an estimate beside the looks.

        Raises UsageError for sizes that make no sense, before the controls are chosen, and for a horizon past the
        context.
        """
        check_size("samples", samples, MOST_SAMPLES)
        check_size("horizon", horizon, MOST_TOKENS)
        self._check_room(horizon)
        if self.state is None:
            raise UsageError("nothing is drawn yet that could go on")
        done = self.state.looks[-1].samples if self.decided else self.setup.samples
        self.state.extra = max(samples, done), max(horizon, self.setup.horizon)
        self.go_on()

    def go_on(self) -> None:
        """Takes it up again where it was stopped, or where more is asked for."""
        self.close()
        self.done = False
        self._least = math.inf
        self._before = self.seconds, self.tokens
        self._pieces = self._work()

    # The work --------------------------------------------------------------------------------------------------

    def _work(self) -> Iterator[None]:
        if self.state is None:
            self.doing = "choosing controls"
            self.state = yield from self._chosen()
            self._before = self.seconds, 0
        state = self.state
        yield from self._look_on(state)
        if state.extra is not None:
            self.doing = "drawing more"
            samples, horizon = state.extra
            rounds = sorted({*self.setup.looks, samples})
            yield from state.drawn.draw(self._site, samples, horizon, rounds)
        if self.setup.others:
            self.doing = "other controls"
            yield from self._draw_others(state)

    def _chosen(self) -> Generator[None, None, ResponseState]:
        site = self._site
        scores = site.model.client.score(site.tree, site.node, self.token_ids, self.sampler)
        first, kept = scores[0], scores[0].logprob_truncated is not None
        yield
        matched = yield from control_texts.matched(
            site,
            self.token_ids,
            first.logprob,
            kept=kept,
            count=self.setup.controls,
        )
        forced = ControlText(self.token_ids, math.fsum(each.logprob for each in scores))
        return ResponseState.begun(forced, first.rank, matched, kept=kept)

    def _look_on(self, state: ResponseState) -> Iterator[None]:
        """Draws the planned samples until no further look is planned."""
        setup = self.setup
        if state.decided(setup):
            return
        # All samples are asked for at once: a look that is not done changes no batch.
        drawing = state.drawn.draw(self._site, setup.samples, setup.horizon, setup.looks)
        with closing(drawing):
            while not state.decided(setup):
                self.doing = f"look {len(state.looks) + 1} of {len(setup.looks)}"
                if not state.judge(setup):
                    next(drawing, None)
                yield

    def _draw_others(self, state: ResponseState) -> Iterator[None]:
        site, samples = self._site, state.looks[-1].samples
        if state.others is None:
            drawn = yield from control_texts.random(site, self.token_ids)
            best = yield from control_texts.most_probable(site, self.token_ids)
            neutral = [
                ControlText(ids, self._logprob(ids))
                for ids in self._neutral
                if control_texts.lets_follow(site, ids)
            ]
            found: dict[Kind, list[ControlText]] = {
                "free": [ControlText((), 0.0)],
                "neutral": neutral,
                "random": drawn,
                "top1": best,
            }
            state.kinds = [(kind, each) for kind, texts in found.items() for each in texts]
            state.others = DrawnTexts([each.token_ids for _, each in state.kinds])
        yield from state.others.draw(site, samples, self.setup.horizon, [samples])

    def _logprob(self, token_ids: Sequence[int]) -> float:
        """ln P of a text here, nats."""
        site = self._site
        scored = site.model.client.score(site.tree, site.node, token_ids, self.sampler)
        return math.fsum(each.logprob for each in scored)

    # What was found --------------------------------------------------------------------------------------------

    def settings(self) -> ResponseSettings:
        """Says what was asked for."""
        return self.setup.settings(self.token_ids, self.sampler)

    def result(self, p_holm: float | None = None) -> ResponseResult:
        """Says what was found so far; `p_holm` is the last look's p, corrected for the texts of one run.

        Before the first look there is no verdict. Raises UsageError before the first token.
        """
        if self.state is None:
            raise UsageError("nothing is known of the response yet")
        known = self.tokens, len(self.state.looks), self.state.extra, p_holm
        if self._found is None or self._found[0] != known:
            found = response_result(
                self.state, self.setup, self._spelled, p_holm, self.sampler.seed
            )
            self._found = known, found
        return self._found[1]

    def stored(self, p_holm: float | None = None) -> StoredResult | None:
        """Returns what a trace keeps, all that was drawn included; None before the first token.

        `p_holm` as in `result`.
        """
        if self.state is None or not self.measured:
            return None
        drawn, asked = tuple(self.state.stored()), self.state.extra
        result = replace(self.result(p_holm), drawn=drawn, asked=asked)
        found = StoredResult("response", self.node, self.settings(), result)
        return found if self._stored_as is None else self._stored_as(found)

    def _spelled(self, token_ids: Sequence[int]) -> str:
        return b"".join(map(self._site.model.token_bytes, token_ids)).decode(errors="replace")
