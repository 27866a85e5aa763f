"""What a response found, as a result: BF after each text, the ratio over each horizon, the looks and their verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from bftui.core.bf.contrast import Contrast, contrast, contrast_samples, mean_interval
from bftui.core.bf.curves import CurvePoint, curve
from bftui.core.bf.estimate import estimate
from bftui.core.bf.looks import FEWEST, HorizonRatio, corrected, horizons, why_undecided
from bftui.core.errors import UsageError
from bftui.measures.control_texts import DRAWN
from bftui.measures.drawn_texts import DrawnTexts
from bftui.measures.response_state import Kind, ResponseState, Setup
from bftui.results.codec import finite
from bftui.results.response_result import (
    ControlsResult,
    ExtendedResult,
    ForcedResult,
    MatchResult,
    ResponseResult,
)

Spell = Callable[[Sequence[int]], str]
"""Tokens as text, for people."""


def response_result(
    state: ResponseState, setup: Setup, spell: Spell, p_holm: float | None, seed: int
) -> ResponseResult:
    """Says what was found so far; `p_holm` is the last look's p, corrected for the texts of one run.

    Before the first look there is no verdict. Raises UsageError before the first token.
    """
    size = state.size(setup)
    samples = state.drawn.samples(0, *(size or (setup.samples, setup.horizon)))
    if not samples:
        raise UsageError("nothing is known of the response yet")
    found = estimate(samples, "entropy", seed=seed)
    last = corrected(state.looks[-1], p_holm) if state.looks else None
    told = state.told(setup)
    kinds: list[ControlsResult] = []
    if size is not None and state.matched:
        places = range(1, 1 + len(state.matched))
        kinds += [_kind(state, "matched", state.drawn, places, size, spell)]
        kinds += _others(state, size, spell)
    return ResponseResult(
        forced=ForcedResult(
            text=spell(state.forced.token_ids),
            token_ids=state.forced.token_ids,
            logprob=finite(state.forced.logprob),
            rank=state.rank,
            kept=state.kept,
            bf=found.bf_entropy,
            ci=found.ci,
            ended=found.ended,
        ),
        controls=tuple(kinds),
        match=_match(state),
        delta=None if last is None else last.delta,
        delta_ci=None if last is None else last.delta_ci,
        p=None if last is None else last.p,
        p_holm=p_holm,
        verdict=None if last is None else last.verdict,
        reason=_reason(state, setup) if last is None or last.verdict == "undecided" else None,
        noise_ci=None if last is None else last.noise_ci,
        by_horizon=tuple(told),
        looks=tuple(state.looks),
        horizon=setup.horizon,
        samples=state.looks[-1].samples if state.looks else setup.samples,
        extended=_extended(state, size, told),
        controls_curve=() if size is None else tuple(_controls_curve(state, size)),
    )


def _reason(state: ResponseState, setup: Setup) -> str | None:
    """Why the last look that was done is undecided; None before the first."""
    if not state.looks:
        return None
    if setup.controls < FEWEST:
        return f"only {setup.controls} matched controls were asked for; {FEWEST} are needed"
    count = len(state.matched)
    if count < FEWEST:
        texts = "1 text" if count == 1 else f"{count} different texts"
        are = "is" if count == 1 else "are"
        if state.kept:
            return f"only {texts} of this length {are} among {DRAWN} draws; {FEWEST} are needed"
        return f"only {texts} {are} about as improbable as this one; {FEWEST} are needed"
    done, planned = len(state.looks), len(setup.looks)
    if done < planned:
        return f"look {done} of {planned}: more samples can tell"
    return why_undecided(state.looks[-1])


def _kind(
    state: ResponseState,
    kind: Kind,
    drawn: DrawnTexts,
    places: Sequence[int],
    size: tuple[int, int],
    spell: Spell,
) -> ControlsResult:
    """The controls of one kind over so many samples and tokens."""
    means = [drawn.means(place, *size) for place in places]
    logs = [float(np.mean(each)) for each in means]
    compared = _compared(state.drawn.means(0, *size), means)
    chosen = [text for of, text in state.kinds if of == kind]
    if kind == "matched":
        chosen = state.matched
    single = drawn.samples(places[0], *size)
    return ControlsResult(
        kind=kind,
        texts=tuple(spell(each.token_ids) for each in chosen),
        logprobs=tuple(finite(each.logprob) for each in chosen),
        bfs=tuple(map(math.exp, logs)),
        bf=math.exp(float(np.mean(logs))),
        ci=mean_interval(logs) if len(logs) > 1 else estimate(single, "entropy").ci,
        delta=compared.delta,
        delta_ci=compared.delta_ci,
    )


def _others(state: ResponseState, size: tuple[int, int], spell: Spell) -> Iterator[ControlsResult]:
    """The other kinds of controls, over the samples and tokens that all of their texts have."""
    if state.others is None:
        return
    samples, horizon = size
    tokens = [each for each in horizons(horizon) if state.others.common(each)]
    if not tokens:
        return
    shared = min(samples, state.others.common(tokens[-1])), tokens[-1]
    for kind in dict.fromkeys(kind for kind, _ in state.kinds):
        places = [place for place, (of, _) in enumerate(state.kinds) if of == kind]
        yield _kind(state, kind, state.others, places, shared, spell)


def _compared(forced: Sequence[float], controls: Sequence[Sequence[float]]) -> Contrast:
    """One text against several like it, or against a single one by the noise of sampling."""
    if len(controls) == 1:
        return contrast_samples(forced, controls)
    return contrast(float(np.mean(forced)), [float(np.mean(each)) for each in controls])


def _match(state: ResponseState) -> MatchResult | None:
    if not state.matched:
        return None
    logprobs = [each.logprob for each in state.matched]
    gap = abs(math.fsum(logprobs) / len(logprobs) - state.forced.logprob)
    return MatchResult(low=min(logprobs), high=max(logprobs), gap=finite(gap))


def _extended(
    state: ResponseState, size: tuple[int, int] | None, told: Sequence[HorizonRatio]
) -> ExtendedResult | None:
    """What samples and tokens say that were added after the looks."""
    if state.extra is None or not state.looks or not told:
        return None
    samples, horizon = told[-1].samples, told[-1].tokens
    if (samples, horizon) == size:
        return None
    forced, *controls = state.means(samples, horizon)
    among = contrast(float(np.mean(forced)), [float(np.mean(each)) for each in controls])
    assert among.delta is not None
    return ExtendedResult(
        samples=samples,
        horizon=horizon,
        delta=among.delta,
        delta_ci=among.delta_ci,
        noise_ci=contrast_samples(forced, controls).delta_ci,
    )


def _controls_curve(state: ResponseState, size: tuple[int, int]) -> list[CurvePoint]:
    """Cumulative BF over positions after the matched controls; empty before every one has a token."""
    found = [state.drawn.samples(place, *size) for place in range(1, 1 + len(state.matched))]
    return curve(found, "entropy") if found else []
