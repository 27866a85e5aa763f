"""The sentence that says what a response found: for each verdict, and while there is none."""

from dataclasses import replace

import pytest

from bftui.core.bf.looks import FEW_SAMPLES, SEVERAL, SPREAD, HorizonRatio
from bftui.results import response_words as words
from bftui.results.response_result import (
    ControlsResult,
    ExtendedResult,
    ForcedResult,
    MatchResult,
    ResponseResult,
)

MATCHED = ControlsResult(
    kind="matched", texts=(" a",) * 12, bf=3.0, ci=None, delta=None, delta_ci=None
)
FOUND = ResponseResult(
    forced=ForcedResult(text=" Sure", logprob=-3.0, bf=2.07, ci=None, ended=0.0),
    controls=(MATCHED,),
    match=MatchResult(low=-3.5, high=-2.5, gap=0.2),
    delta=-0.371,
    delta_ci=(-1.109, 0.392),
    noise_ci=(-0.5, -0.25),
    verdict="undecided",
    reason=SPREAD,
    by_horizon=(HorizonRatio(4, 32, 0.81, (0.7, 0.95)), HorizonRatio(8, 32, 0.6934, None)),
    horizon=8,
    samples=32,
)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {},
            "after “Sure” BF is 0.69 × that after 12 openings like it (0.33 – 1.48): "
            "within what such openings do",
        ),
        (
            {"reason": FEW_SAMPLES},
            "after “Sure” BF is 0.69 × that after 12 openings like it (0.33 – 1.48): "
            "too few samples to tell",
        ),
        (
            {"delta_ci": (-0.7, -0.1), "reason": SEVERAL},
            "after “Sure” BF is 0.69 × that after 12 openings like it (0.50 – 0.90): "
            "more than such openings do, but not clearly as one of several texts",
        ),
        (
            {"reason": None},
            "after “Sure” BF is 0.69 × that after 12 openings like it (0.33 – 1.48): undecided",
        ),
        (
            {"reason": "look 1 of 3: more samples can tell"},
            "after “Sure” BF is 0.69 × that after 12 openings like it (0.33 – 1.48): "
            "undecided, look 1 of 3: more samples can tell",
        ),
        (
            {"verdict": "narrows", "delta_ci": (-0.6, -0.1), "reason": None},
            "after “Sure” BF is 0.69 × that after 12 openings like it (0.55 – 0.90): "
            "it narrows, more than such openings do",
        ),
        (
            {"verdict": "widens", "delta": 2.5, "delta_ci": (0.1, 12.0), "reason": None},
            "after “Sure” BF is 12.18 × that after 12 openings like it (1.11 – 2e+05): "
            "it widens, more than such openings do",
        ),
        (
            {"verdict": "no effect", "delta": 0.01, "noise_ci": (-0.03, 0.05), "reason": None},
            "after “Sure” BF is 1.01 × that after 12 openings like it (0.97 – 1.05 by sampling alone): "
            "no effect, less than 10 %",
        ),
        (
            {"delta": None, "delta_ci": None, "reason": "only 0 texts are about as improbable"},
            "after “Sure” BF is 2.07: undecided, only 0 texts are about as improbable",
        ),
        (
            {"verdict": None, "reason": None},
            "after “Sure” BF is 0.69 × that after 12 openings like it so far (32 samples of 8 tokens): "
            "not judged yet",
        ),
        (
            {"verdict": None, "by_horizon": FOUND.by_horizon[:1]},
            "after “Sure” BF is 0.81 × that after 12 openings like it so far "
            "(0.70 – 0.95 by sampling alone, 32 samples of 4 tokens): not judged yet",
        ),
        (
            {"verdict": None, "by_horizon": ()},
            "after “Sure” BF is 2.07 so far: not judged yet",
        ),
    ],
)
def test_the_sentence_answers_the_question(changes, says):
    assert words.sentence(replace(FOUND, **changes), "Sure") == says


def test_the_ratio_over_the_first_tokens_is_one_line():
    assert words.over_tokens(FOUND) == "over the first tokens: 4 ×0.81, 8 ×0.69"
    assert words.over_tokens(replace(FOUND, by_horizon=())) == ""


@pytest.mark.parametrize(
    ("match", "says"),
    [
        (None, ""),
        (FOUND.match, ""),
        (MatchResult(low=-9.0, high=-5.0, gap=2.34), "2.3 nats"),
        (MatchResult(low=-9.0, high=-5.0, gap=None), "no probability"),
    ],
)
def test_controls_that_are_not_like_the_text_are_warned_of(match, says):
    told = words.gap(replace(FOUND, match=match))
    assert says in told
    assert bool(told) is bool(says)


def test_what_was_added_gives_no_verdict():
    found = ExtendedResult(
        samples=64, horizon=128, delta=-0.371, delta_ci=(-1.109, 0.392), noise_ci=(-0.5, -0.25)
    )
    assert words.added(found) == (
        "extended to 64 samples of 128 tokens: 0.69 × (0.33 – 1.48), 0.61 – 0.78 by sampling alone; "
        "no verdict comes from it"
    )


@pytest.mark.parametrize(
    ("delta", "says"),
    [(0.0, "1.00"), (-3.5, "0.03"), (-8.0, "0.00034"), (5.0, "148"), (5000.0, "1e+304")],
)
def test_a_ratio_has_few_digits_wherever_it_is(delta, says):
    assert words.times(delta) == says
