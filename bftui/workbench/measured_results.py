"""What experiments found, as the screen shows it: frozen, made by the engine's thread when a piece of work is done.

Pure data; imports no NumPy. Places are nodes of the session's tree, `sampler` is a sampler's number in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bftui.core.bf.estimate import CurvePoint, Estimate, Window

Place = tuple[int, int]
"""A node and the number of a sampler."""

Ids = tuple[int, ...]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Ahead:
    """One candidate that was looked at; `bf` is None where it ends the text."""

    token_id: int
    rank: int
    p: float
    kept: bool
    bf: float | None


@dataclass(frozen=True, slots=True)
class Looked:
    """The candidates of one place that were looked at, best first.

    Attributes:
        rows: in the order of their rank.
        after: BF one step later by token id; None where the text ends.
        narrowest: the token after which BF is smallest; None for fewer than two that go on.
    """

    rows: tuple[Ahead, ...]
    after: Mapping[int, float | None]
    narrowest: int | None


@dataclass(frozen=True, slots=True)
class Continuation:
    """A text that some rollouts have in common.

    Attributes:
        token_ids: the text.
        number: of the first rollout that has it.
        count: how many have it.
        finish: `eog`, `length` or `context`; `open` where more comes or would have come.
    """

    token_ids: Ids
    number: int
    count: int
    finish: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A path against what was sampled in its place.

    Attributes:
        token_ids, finish: the path's.
        bf: exp of the mean H(P~) along it.
        surprisal: its mean -ln P a token, nats.
        sampled, low, high: the samples' mean -ln P a token: their mean, least and largest.
        shared: how many samples begin with its first 1, 5, and all tokens, as (tokens, samples).
    """

    token_ids: Ids
    finish: str
    bf: float
    surprisal: float
    sampled: float
    low: float
    high: float
    shared: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Rolled:
    """Rollouts from one place, all that were drawn there under one sampler and to one horizon.

    Attributes:
        node, sampler, horizon: where and how far.
        version: differs wherever two of them differ.
        asked, drawn: how many were asked for, and have a token.
        share: how much of what was asked for last is done.
        running, stopped: whether more comes, or would have.
        left: seconds that it takes yet; None where nobody knows.
        estimate: BF with its interval.
        lengths: least, median and largest number of tokens.
        curve, windows: BF over positions.
        continuations: the different ones; while it runs, every one by its number.
        resampled: whether they are drawn to be compared with a path.
        compared: that comparison, as soon as there is a sample.
    """

    node: int
    sampler: int
    horizon: int
    version: int
    asked: int
    drawn: int
    share: float
    running: bool
    stopped: bool
    left: float | None
    estimate: Estimate | None
    lengths: tuple[int, int, int]
    curve: tuple[CurvePoint, ...]
    windows: tuple[Window, ...]
    continuations: tuple[Continuation, ...]
    resampled: bool
    compared: Compared | None


@dataclass(frozen=True, slots=True)
class Against:
    """The forced text against the controls of one kind, as texts; BF in its unit, `delta` in nats."""

    kind: str
    texts: tuple[str, ...]
    bf: float | None
    ci: Interval | None
    delta: float | None
    delta_ci: Interval | None


@dataclass(frozen=True, slots=True)
class Responded:
    """The response to one forced text.

    Attributes:
        node, token_ids, end: where it was forced, what, and the node of its last token.
        sampler: the number of the sampler it is measured under.
        share, doing, running: how much is done, what is being done, and whether it is.
        left: seconds that it takes yet while it runs; None where nobody knows.
        paused: seconds that are left where it waits to be asked for; None where it does not wait.
        planned: matched controls that are measured.
        logprob, bf, ci, ended: of the forced text: ln P, the BF after it with its interval, the share that ended.
        delta, delta_ci, verdict: against the matched controls; None before they are measured.
        reason: why there can be no verdict.
        kinds: all controls that are measured.
        controls: the cumulative curve of the matched ones.
        samples, horizon: of each text.
        positions: that the BF of the forced text and that of the matched controls are means over.
    """

    node: int
    token_ids: Ids
    end: int
    sampler: int
    samples: int
    horizon: int
    planned: int
    share: float = 0.0
    doing: str = ""
    running: bool = True
    left: float | None = None
    paused: float | None = None
    logprob: float | None = None
    bf: float | None = None
    ci: Interval | None = None
    ended: float | None = None
    delta: float | None = None
    delta_ci: Interval | None = None
    verdict: str | None = None
    reason: str | None = None
    kinds: tuple[Against, ...] = ()
    controls: tuple[CurvePoint, ...] = ()
    positions: tuple[int, int] = (0, 0)

    @property
    def matched(self) -> int:
        """Matched controls that were measured."""
        return next((len(each.texts) for each in self.kinds if each.kind == "matched"), 0)
