"""What calibration says in words, and where its pictures change their axis."""

from dataclasses import replace

import pytest

from bftui.cli.shared.plot import Point, scatter
from bftui.results.calibration_result import CalibrationResult, FrontierPoint, OrderCalibration
from bftui.results.calibration_words import is_tiny, real_points, share, verdict
from bftui.trace.report.figures.calibration_figure import calibration

FOUND = CalibrationResult(
    how="exact",
    answers_in_set=50,
    nodes=2,
    read=2,
    validity=0.58,
    diversity=0.68,
    validity_truncated=0.6,
    diversity_truncated=0.5,
    effective=34.0,
    kl_uniform=0.4,
    distance_uniform=0.3,
    other_spellings=0.0,
    order=None,
    shape=None,
    steps=(),
    bounds=None,
    frontier=(),
    answers=(),
)


def ordered(recall, **changes):
    order = OrderCalibration(auc=0.5, recall_at_precision=0.5, oracle_recall=recall, inversions=1)
    return replace(FOUND, order=order, **changes)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (
            ordered(0.99),
            "The model knows the valid ones (order 0.99) but does not say them evenly: 50 answers are worth 34.0.",
        ),
        (
            ordered(0.99, diversity=0.95, effective=47.5),
            "The model knows the valid ones (order 0.99) and says them evenly: 50 answers are worth 47.5.",
        ),
        (
            ordered(0.7),
            "The model knows the valid ones in part (order 0.70), and does not say them evenly: 50 answers are worth "
            "34.0.",
        ),
        (
            ordered(0.1, diversity=None, effective=None),
            "The model does not tell the valid ones from others here (order 0.10); valid ones are too rare to say how "
            "evenly they come.",
        ),
        (
            ordered(0.3, how="grammar", diversity=None, effective=None),
            "The model does not tell the valid ones from others here (order 0.30).",
        ),
        (FOUND, "50 answers are worth 34.0."),
    ],
)
def test_a_verdict_says_how_often_whether_it_knows_them_and_how_evenly(found, says):
    assert verdict(found) == f"An answer is valid 58.0 % of the time. {says}"


def test_before_validity_is_known_there_is_no_verdict():
    assert verdict(replace(FOUND, validity=None)) == ""


def test_what_never_comes_is_said_so():
    assert verdict(replace(FOUND, validity=0.0)) == "No valid answer ever comes."
    assert verdict(replace(FOUND, how="sampled", validity=0.0)) == "No sample is valid."


def test_small_shares_have_a_digit_that_counts():
    assert [share(each) for each in (None, 0.0, 0.5, 0.0004, 3e-8)] == [
        *("–", "0.0 %", "50.0 %", "0.04 %", "3e-6 %")
    ]


def point(rule, validity, diversity):
    return FrontierPoint(
        rule=rule, value=0.0, temperature=1.0, validity=validity, diversity=diversity
    )


def test_oracles_alone_are_no_frontier_and_tiny_validity_has_an_axis_of_its_own():
    oracle, rare = point("validity_oracle", 1.0, 0.5), point("top_p", 0.01, 0.4)
    alone = replace(FOUND, frontier=(oracle, point("top_k", 1e-9, None)))
    assert (real_points(alone), calibration("a", alone)) == ([], None)
    tiny = replace(FOUND, frontier=(oracle, rare))
    assert is_tiny(tiny)
    assert "logarithmic" in calibration("a", tiny).caption
    usual = replace(tiny, frontier=(oracle, rare, point("top_k", 0.6, 0.2)))
    assert not is_tiny(usual)
    assert "logarithmic" not in calibration("a", usual).caption


def test_a_logarithmic_scatter_spreads_what_a_linear_one_heaps_up():
    groups = [("all", [Point(0.001, 0.5), Point(0.01, 0.5), Point(1.0, 0.5)])]
    axes = ("validity", "diversity")
    linear = scatter(groups, axes, colour=False).splitlines()
    (row,) = [line for line in linear if "●" in line and "all" not in line]
    assert row.startswith("    50 % ┤●●")
    assert linear[-2].split() == ["0", "%", "validity", "100", "%"]
    spread = scatter(groups, axes, colour=False, logarithmic=True).splitlines()
    (row,) = [line for line in spread if "●" in line and "all" not in line]
    places = [place for place, sign in enumerate(row) if sign == "●"]
    first, second, last = places
    assert last - second == pytest.approx(2 * (second - first), abs=1)
    assert spread[-2].split() == ["0.1", "%", "validity,", "logarithmic", "100", "%"]
    assert max(map(len, spread)) <= 80
