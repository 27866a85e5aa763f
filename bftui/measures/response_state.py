"""What a response knows: its texts, what was drawn after each, and the looks that were done."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from bftui.core.bf.looks import Grown, HorizonRatio, Look, by_horizon, look
from bftui.core.errors import UsageError
from bftui.core.sampler import Sampler
from bftui.measures.control_texts import DRAWN, ControlText
from bftui.measures.drawn_texts import DrawnTexts
from bftui.measures.rollouts import MOST_SAMPLES, MOST_TOKENS, check_size
from bftui.results.codec import finite
from bftui.results.response_result import DrawnText, ResponseResult, ResponseSettings

LOOKS, HORIZON, CONTROLS = (4, 12, 32), 32, 12

Kind = Literal["matched", "free", "neutral", "random", "top1"]


@dataclass(frozen=True, slots=True)
class Setup:
    """How a response is measured; the defaults are those of `bftui respond`.

    Attributes:
        looks: samples of each text at each planned look, ascending.
        horizon: tokens of each sample.
        controls: matched controls.
        others: whether other kinds of controls are measured too, after the looks.
        early: whether the first look that says `narrows` or `widens` is the last one.
        stop_after: looks that are done at most; None does all.
    """

    looks: tuple[int, ...] = LOOKS
    horizon: int = HORIZON
    controls: int = CONTROLS
    others: bool = True
    early: bool = True
    stop_after: int | None = None

    @property
    def samples(self) -> int:
        """Samples of each text at the last planned look."""
        return self.looks[-1]

    @property
    def asked(self) -> int:
        """Looks that are done at most."""
        return self.stop_after or len(self.looks)

    def settings(self, token_ids: tuple[int, ...], sampler: Sampler) -> ResponseSettings:
        """Says what is asked for with a text."""
        return ResponseSettings(
            token_ids=token_ids,
            samples=self.samples,
            horizon=self.horizon,
            controls=self.controls,
            sampler=sampler,
            looks=self.looks,
            early=self.early,
        )

    def check(self) -> None:
        """Raises UsageError for sizes that make no sense."""
        for samples in self.looks:
            check_size("samples", samples, MOST_SAMPLES)
        if not self.looks or list(self.looks) != sorted(set(self.looks)):
            raise UsageError(
                f"looks {','.join(map(str, self.looks))} do not grow",
                hint="give the samples of each text at each look, as 4,12,32",
            )
        check_size("horizon", self.horizon, MOST_TOKENS)
        check_size("controls", self.controls, DRAWN)
        if self.stop_after is not None:
            check_size("stop-after", self.stop_after, len(self.looks))


@dataclass(slots=True)
class ResponseState:
    """A forced text and its controls, as far as they are measured.

    Attributes:
        forced: the forced text.
        rank, kept: of its first token: its rank from 1, and whether the truncation keeps it.
        matched: the matched controls.
        drawn: what follows the forced text, then each matched control.
        kinds, others: the controls of other kinds, and what follows each; None before they are chosen.
        looks: those that were done.
        extra: samples and tokens that were asked for beside the looks.
    """

    forced: ControlText
    rank: int
    kept: bool
    matched: list[ControlText]
    drawn: DrawnTexts
    kinds: list[tuple[Kind, ControlText]] = field(default_factory=list)
    others: DrawnTexts | None = None
    looks: list[Look] = field(default_factory=list)
    extra: tuple[int, int] | None = None

    @classmethod
    def begun(
        cls, forced: ControlText, rank: int, matched: Sequence[ControlText], *, kept: bool
    ) -> ResponseState:
        """Says what there is before anything is drawn."""
        drawn = DrawnTexts([forced.token_ids, *(each.token_ids for each in matched)])
        return cls(forced, rank, kept, list(matched), drawn)

    @classmethod
    def restored(cls, found: ResponseResult) -> ResponseState | None:
        """Says what another run of the program knew; None where it did not keep what it drew.

        Raises UsageError for a kind of controls that nobody knows.
        """
        ours = [each for each in found.drawn if each.kind in ("forced", "matched")]
        others = [each for each in found.drawn if each.kind not in ("forced", "matched")]
        if not ours or found.forced.rank is None:
            return None
        forced, *matched = map(_control, ours)
        return cls(
            forced,
            found.forced.rank,
            bool(found.forced.kept),
            matched,
            DrawnTexts.restored([(each.token_ids, each.samples) for each in ours]),
            [(_kind(each.kind), _control(each)) for each in others],
            DrawnTexts.restored([(each.token_ids, each.samples) for each in others])
            if others
            else None,
            list(found.looks),
            found.beyond,
        )

    def stored(self) -> Iterator[DrawnText]:
        """Gives what a trace keeps of every text."""
        for place, each in enumerate([self.forced, *self.matched]):
            yield _stored("matched" if place else "forced", each, self.drawn, place)
        if self.others is not None:
            for place, (kind, each) in enumerate(self.kinds):
                yield _stored(kind, each, self.others, place)

    @property
    def tokens(self) -> int:
        """Tokens drawn so far, over all texts."""
        return self.drawn.tokens + (0 if self.others is None else self.others.tokens)

    def decided(self, setup: Setup) -> bool:
        """Whether no further look is planned."""
        if not self.looks:
            return False
        told = setup.early and self.looks[-1].verdict in ("narrows", "widens")
        return told or len(self.looks) >= setup.asked

    def judge(self, setup: Setup) -> bool:
        """Does the next look, where all its samples are there; whether it did."""
        place = len(self.looks)
        samples = setup.looks[place]
        if not self.drawn.complete(samples, setup.horizon):
            return False
        planned = len(setup.looks)
        forced, *controls = self.means(samples, setup.horizon)
        self.looks.append(look(forced, controls, planned=planned, last=place + 1 == planned))
        return True

    def means(self, samples: int, horizon: int) -> list[list[float]]:
        """Mean H(P~) of the first samples over their first tokens, nats: of the forced text, then of each control."""
        count = 1 + len(self.matched)
        return [self.drawn.means(place, samples, horizon) for place in range(count)]

    def told(self, setup: Setup) -> list[HorizonRatio]:
        """Gives the ratio over the first 4, 8, 16, … tokens; after the last look from its samples and those added."""
        rests = self.decided(setup) and self.extra is None
        grown: list[list[Grown]] = self.drawn.grown(self.looks[-1].samples if rests else None)
        horizon = setup.horizon if self.extra is None else max(setup.horizon, self.extra[1])
        return by_horizon(grown[0], grown[1:], horizon)

    def size(self, setup: Setup) -> tuple[int, int] | None:
        """Samples and tokens that BF is over: those of the last look, before it the most that every text has.

        None where some text has less than is told of.
        """
        if self.looks:
            return self.looks[-1].samples, setup.horizon
        told = self.told(setup)
        return (told[-1].samples, told[-1].tokens) if told else None


def _stored(kind: str, text: ControlText, drawn: DrawnTexts, place: int) -> DrawnText:
    return DrawnText(
        kind=kind,
        token_ids=text.token_ids,
        logprob=finite(text.logprob),
        samples=drawn.stored(place),
    )


def _control(text: DrawnText) -> ControlText:
    return ControlText(text.token_ids, -math.inf if text.logprob is None else text.logprob)


def _kind(name: str) -> Kind:
    if name not in get_args(Kind):
        raise UsageError(f"no controls are of the kind {name!r}")
    return cast("Kind", name)
