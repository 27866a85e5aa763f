"""What a style does to texts that it is injected into for some positions: BF, style and content after the window.

Condition A is the content, condition B the content and the style. A text is drawn from softmax(l_A + w(t)(l_B - l_A)),
with w above 0 in a window of positions and 0 elsewhere, and judged in positions after the window, where A alone goes on
from what was written. Windows of another place are compared by the same number of positions after each, and each with
texts of A alone at the same positions, since BF falls along a text by itself. All numbers are in nats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bftui.core.bf.bootstrap import REPLICATES, Group, generator, group_of, interval, resample
from bftui.core.bf.prompt_intervals import mean_interval, over_prompts
from bftui.core.bf.samples import F64
from bftui.core.errors import UsageError
from bftui.core.logits import F32
from bftui.core.pair.distribution_shift import kl_divergence, log_probabilities

Ends = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Conditions:
    """One token in both conditions.

    Attributes:
        content: ln P_A of the token.
        style: ln P_B - ln P_A of the token.
        kl: KL(P_B || P_A), inf where P_A is 0 and P_B is not.
    """

    content: float
    style: float
    kl: float


def conditions(a: F32, b: F32, token_id: int) -> Conditions:
    """Looks a token up in the logits of both conditions, each of shape (n_vocab,). Raises NonFiniteLogits."""
    ours, theirs = log_probabilities(a), log_probabilities(b)
    content, styled = float(ours[token_id]), float(theirs[token_id])
    style = 0.0 if content == styled else styled - content
    return Conditions(content, style, kl_divergence(theirs, ours))


@dataclass(frozen=True, slots=True, eq=False)
class InjectedText:
    """One text; each array has shape (tokens,), in nats.

    Attributes:
        entropy: H(P~) that each token was drawn from.
        content, style, kl: its `Conditions`.
    """

    entropy: F64
    content: F64
    style: F64
    kl: F64

    def __post_init__(self) -> None:
        """Raises UsageError for arrays of other lengths."""
        if len({each.shape for each in (self.entropy, self.content, self.style, self.kl)}) != 1:
            raise UsageError("the numbers of an injected text are not one for each token")


@dataclass(frozen=True, slots=True)
class JudgedSpan:
    """Positions after the prompt, from 0, `stop` excluded."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class SpanNumbers:
    """Texts in a span of positions, over prompts.

    A text's own number is its mean over its positions in the span; then follow the mean over texts and that over
    prompts. Texts that end before the span do not count.

    Attributes:
        bf, bf_ci: exp of the mean H(P~), mean over prompts; its 95 % interval, None for a single text.
        style, content, kl: means of ln P_B - ln P_A, ln P_A and KL(P_B || P_A), nats a token, each with its interval.
        texts: how many reach the span.
    """

    bf: float
    bf_ci: Ends | None
    style: float
    style_ci: Ends | None
    content: float
    content_ci: Ends | None
    kl: float
    kl_ci: Ends | None
    texts: int


Texts = Sequence[InjectedText]


def span_numbers(prompts: Sequence[Texts], span: JudgedSpan, seed: int = 0) -> SpanNumbers | None:
    """Says what texts of some prompts are in a span; None where none reaches it."""
    reaching = [found for texts in prompts if len(found := _means(texts, span))]
    if not reaching:
        return None
    groups = [group_of(means[:, :1]) for means in reaching]
    bfs = np.exp([max(0.0, float(each.observed()[0])) for each in groups])
    ends = over_prompts(groups, bfs[:, None], seed)
    # Over one prompt the texts are what varies, else the prompts.
    units = reaching[0] if len(reaching) == 1 else np.array([m.mean(axis=0) for m in reaching])
    others = mean_interval(units[:, 1:], seed)
    content, style, kl = units[:, 1:].mean(axis=0).tolist()

    def of(place: int) -> Ends | None:
        return None if others is None else (float(others[0][place]), float(others[1][place]))

    return SpanNumbers(
        bf=float(bfs.mean()),
        bf_ci=None if ends is None else (float(ends[0][0]), float(ends[1][0])),
        style=style,
        style_ci=of(1),
        content=content,
        content_ci=of(0),
        kl=kl,
        kl_ci=of(2),
        texts=sum(map(len, reaching)),
    )


@dataclass(frozen=True, slots=True)
class Effect:
    """A difference of ln BF in nats, mean over prompts, with its 95 % interval: None where nothing says how wide."""

    delta: float
    ci: Ends | None


Side = tuple[Sequence[Texts], JudgedSpan]
"""Texts of each prompt and the span in which they are judged."""


def effect(injected: Side, plain: Side, seed: int = 0) -> Effect | None:
    """How far injected texts are from those of the content alone: ln BF less ln BF; None where no prompt has both."""
    return _apart([injected], [plain], seed)


def effects_apart(
    first: tuple[Side, Side], second: tuple[Side, Side], seed: int = 0
) -> Effect | None:
    """How far the effect of one window is above that of another one; each as (injected, plain).

    Over prompts the differences are paired by prompt; of one prompt the four sets of texts are resampled apart, though
    the plain ones are the same texts in two spans, which makes the interval wider rather than narrower where they vary
    together.
    """
    return _apart([first[0], second[1]], [first[1], second[0]], seed)


def _apart(above: Sequence[Side], below: Sequence[Side], seed: int) -> Effect | None:
    """The sum of ln BF of some sides less that of others."""
    signs = [1.0] * len(above) + [-1.0] * len(below)
    sides = [*above, *below]
    found: list[list[Group]] = []
    for number in range(len(sides[0][0])):
        means = [_means(prompts[number], span) for prompts, span in sides]
        if all(map(len, means)):
            found.append([group_of(each[:, :1]) for each in means])
    if not found:
        return None
    values = np.array(
        [
            [
                sum(s * float(g.observed()[0]) for s, g in zip(signs, groups, strict=True))
                for groups in found
            ]
        ]
    ).T
    delta = float(values.mean())
    if len(found) > 1:
        ends = mean_interval(values, seed)
        assert ends is not None
        return Effect(delta, (float(ends[0][0]), float(ends[1][0])))
    groups = found[0]
    units = min(each.size for each in groups)
    if units < 2:
        return Effect(delta, None)
    rng = generator(seed)
    replicates = sum(s * resample(g, REPLICATES, rng) for s, g in zip(signs, groups, strict=True))
    moved = np.concatenate(
        [
            s * (g.values - g.values.mean(axis=0)) / g.size
            for s, g in zip(signs, groups, strict=True)
            if g.values is not None
        ]
    )
    low, high = interval(np.asarray(replicates), values[0], units, moved)
    return Effect(delta, (float(low[0]), float(high[0])))


def _means(texts: Texts, span: JudgedSpan) -> F64:
    """Each text's means over its positions in a span: H(P~), content, style, KL; shape (texts that reach it, 4)."""
    rows = [
        [
            float(each[span.start : span.stop].mean())
            for each in (text.entropy, text.content, text.style, text.kl)
        ]
        for text in texts
        if len(text.entropy) > span.start
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


@dataclass(frozen=True, slots=True)
class Place:
    """All texts at one position: exp of the mean H(P~), means of the other numbers, and how many texts reach it."""

    position: int
    bf: float
    style: float
    content: float
    kl: float
    texts: int


def by_position(prompts: Sequence[Texts]) -> list[Place]:
    """Says what texts are at each position that one of them reaches, prompts put together."""
    every = [text for texts in prompts for text in texts]
    found = []
    for position in range(max((len(text.entropy) for text in every), default=0)):
        means = _means(every, JudgedSpan(position, position + 1))
        entropy, content, style, kl = means.mean(axis=0).tolist()
        bf = float(np.exp(max(0.0, entropy)))
        found.append(Place(position, bf, style, content, kl, len(means)))
    return found
