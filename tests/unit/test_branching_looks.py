"""Looks at a forced text and its controls: verdicts by hand, how often they are wrong, ratios over the first tokens."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bftui.core.bf import looks
from bftui.core.bf.contrast import contrast_samples
from bftui.core.bf.looks import Grown, Look, by_horizon, common, corrected, look, why_undecided
from tests.groups import STATISTICS, Later

pytestmark = STATISTICS

stats = Later("scipy.stats")

Rows = list[list[float]]


def samples(means: list[float], noise: float) -> Rows:
    """Two samples of each text, at the same distance from its mean."""
    return [[mean - noise, mean + noise] for mean in means]


def spread(width: float) -> list[float]:
    return [1 + width * x for x in (-1.0, 1.0) * 6]


@pytest.mark.parametrize(
    ("forced", "width", "noise", "last", "verdict", "reason"),
    [
        (0.0, 0.1, 0.01, False, "narrows", None),
        (2.0, 0.1, 0.01, False, "widens", None),
        # Within ±ln 1.10 by sampling, whatever the spread is; before the last look nothing is said of it.
        (1.05, 0.2, 0.001, True, "no effect", None),
        (1.05, 0.2, 0.001, False, "undecided", looks.SPREAD),
        (1.3, 0.2, 0.001, True, "undecided", looks.SPREAD),
        (1.05, 0.2, 0.1, True, "undecided", looks.FEW_SAMPLES),
    ],
)
def test_verdicts(
    forced: float, width: float, noise: float, last: bool, verdict: str, reason: str | None
) -> None:
    one, *others = samples([forced, *spread(width)], noise)
    found = look(one, others, planned=3, last=last)
    assert (found.verdict, found.samples, found.level) == (verdict, 2, 1 - 0.05 / 3)
    assert reason is None or why_undecided(found) == reason


def test_a_look_is_judged_at_its_part_of_5_percent() -> None:
    """An interval of 95 % would say `narrows`, that of one of three looks does not."""
    one, *others = samples([0.48, *spread(0.2)], 0.01)
    single, of_three = (look(one, others, planned=planned, last=True) for planned in (1, 3))
    assert (single.verdict, of_three.verdict) == ("narrows", "undecided")
    assert single.p == of_three.p
    scale = np.std(spread(0.2), ddof=1) * math.sqrt(1 + 1 / 12)
    half = stats.t.ppf(1 - 0.05 / 6, 11) * scale
    assert of_three.delta_ci == pytest.approx((-0.52 - half, -0.52 + half))
    assert of_three.noise_ci == contrast_samples(one, others, 0.05 / 3).delta_ci


def test_fewer_than_eight_controls_decide_nothing() -> None:
    one, *others = samples([0.0, *spread(0.1)], 0.001)
    assert look(one, others[:8], planned=1, last=True).verdict == "narrows"
    seven = look(one, others[:7], planned=1, last=True)
    assert seven.verdict == "undecided"
    assert seven.delta_ci is not None
    assert seven.delta_ci[1] < 0
    none = look(one, [], planned=1, last=True)
    assert (none.delta, none.delta_ci, none.noise_ci, none.verdict) == (
        None,
        None,
        None,
        "undecided",
    )


def test_a_single_sample_has_no_noise_and_so_no_absence_of_effect() -> None:
    found = look([1.0], [[each] for each in spread(0.2)], planned=1, last=True)
    assert (found.noise_ci, found.verdict) == (None, "undecided")
    assert why_undecided(found) == looks.FEW_SAMPLES


def made(verdict: str, noise: tuple[float, float]) -> Look:
    return Look(32, 0.983, -0.5, (-0.9, -0.1), noise, 0.01, verdict)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verdict", "p_holm", "noise", "said"),
    [
        ("narrows", None, (-0.6, -0.4), "narrows"),
        ("narrows", 0.049, (-0.6, -0.4), "narrows"),
        ("narrows", 0.051, (-0.6, -0.4), "undecided"),
        ("widens", 0.051, (0.01, 0.09), "no effect"),
        ("no effect", 0.9, (-0.09, 0.09), "no effect"),
        ("undecided", 0.001, (-0.6, -0.4), "undecided"),
    ],
)
def test_one_of_several_texts_narrows_only_where_holm_says_so_too(
    verdict: str, p_holm: float | None, noise: tuple[float, float], said: str
) -> None:
    found = made(verdict, noise)
    assert corrected(found, p_holm).verdict == said
    assert corrected(found, p_holm).p == found.p
    if said == "undecided" != verdict:
        assert why_undecided(found) == looks.SEVERAL


# How often an effect is found that is not there ----------------------------------------------------------------


def drawn(rng: np.random.Generator, texts: int, spread_of: float, noise: float) -> Rows:
    """Texts that are all of one kind, with 32 samples each."""
    means = rng.normal(1.5, spread_of, (texts, 1))
    return [list(map(float, row)) for row in rng.normal(means, noise, (texts, 32))]


@pytest.mark.parametrize(
    ("spread_of", "noise"),
    [(0.3, 0.3), (0.05, 0.6), (0.0, 0.5)],
    ids=["both", "noise", "no spread"],
)
def test_looks_at_a_text_of_the_same_kind_find_an_effect_in_5_of_100_at_most(
    spread_of: float, noise: float
) -> None:
    """Over all three looks together, with an early end. 2000 runs: 5 % ± 3 standard errors."""
    rng = np.random.default_rng(2)
    runs, wrong = 2000, 0
    for _ in range(runs):
        texts = drawn(rng, 13, spread_of, noise)
        for count in (4, 12, 32):
            forced, *controls = ([*row[:count]] for row in texts)
            found = look(forced, controls, planned=3, last=count == 32)
            if found.verdict in ("narrows", "widens"):
                wrong += 1
                break
    assert wrong <= runs * (0.05 + 3 * math.sqrt(0.05 * 0.95 / runs))
    # Not by being blind.
    assert wrong >= runs * 0.015


def test_the_same_looks_find_an_effect_that_is_there() -> None:
    rng = np.random.default_rng(3)
    found = 0
    for _ in range(200):
        forced, *controls = drawn(rng, 13, 0.1, 0.3)
        one = [each - 0.6 for each in forced]
        found += look(one, controls, planned=3, last=True).verdict == "narrows"
    assert found >= 180


# Ratios over the first tokens ----------------------------------------------------------------------------------


def grown(*values: float, ended: bool = False) -> Grown:
    return Grown(np.array(values), ended)


def test_horizons_double_up_to_the_one_asked_for() -> None:
    assert looks.horizons(32) == [4, 8, 16, 32]
    assert looks.horizons(20) == [4, 8, 16, 20]
    assert looks.horizons(4) == [4]
    assert looks.horizons(1) == [1]


def test_a_ratio_is_over_as_many_samples_as_every_text_has() -> None:
    """By hand: samples count from the first on, and one that ended has all that it ever has."""
    forced = [grown(1, 1, 1, 1, 9, 9), grown(2, ended=True), grown(3, 3, 3, 3)]
    control = [grown(0, 0, 0, 0, 5, 5), grown(1, 1, 1, 1), grown(1, 1, 1)]
    assert common([forced, control], 4) == 2
    assert common([forced, control], 6) == 1
    found = by_horizon(forced, [control], 6)
    assert [(each.tokens, each.samples) for each in found] == [(4, 2), (6, 1)]
    assert found[0].ratio == pytest.approx(math.exp(1.5 - 0.5))
    low, high = stats.t.interval(0.95, 1, 1.0, math.sqrt(0.5 / 2 + 0.5 / 2))
    assert found[0].noise_ci == pytest.approx((math.exp(low), math.exp(high)))
    assert found[1].ratio == pytest.approx(math.exp((4 + 18) / 6 - 10 / 6))
    assert found[1].noise_ci is None


def test_there_is_no_ratio_without_controls_or_before_each_has_its_tokens() -> None:
    assert by_horizon([grown(1, 1, 1, 1)], [], 4) == []
    assert by_horizon([grown(1, 1, 1, 1)], [[grown(1, 1, 1)]], 4) == []
    assert by_horizon([grown(1, 1, 1, 1)], [[]], 4) == []
