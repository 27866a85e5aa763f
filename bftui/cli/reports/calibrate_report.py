"""Calibration for people: what was found in a sentence, the numbers, the answers, and the frontier as a picture."""

from __future__ import annotations

from collections.abc import Sequence

from bftui.cli.shared.plot import Point, coloured, scatter
from bftui.cli.shared.tables import WIDTH, aligned, clipped, number, paragraph
from bftui.core.text import counted, safe
from bftui.results.calibration_result import (
    CalibrateOutputs,
    CalibrationResult,
    CalibrationStep,
    FrontierPoint,
    ModelCalibration,
)
from bftui.results.calibration_words import (
    RULES,
    is_tiny,
    real_points,
    setting_name,
    share,
    verdict,
)

_ANSWERS = 8
"""Answers that are printed of each end; the JSON has more."""

_ASKED = 160
"""Cells of the prompt that are printed."""

_STEPS = 12
_PLACES = 8
_PROMPTS = 20

_SAYS_NOTHING = 0.9995
"""A bound from here on is printed as 1."""


def report(found: CalibrateOutputs) -> str:
    """Writes the result for people; safe to print."""
    blocks = [_model(found, each) for each in found.models]
    parts = [_side_by_side(found.models), *blocks] if len(blocks) > 1 else blocks
    return "\n\n".join([*parts, _definition(found)])


def _side_by_side(models: Sequence[ModelCalibration]) -> str:
    rows = [["", "validity", "diversity", "effective", "oracle", "AUC", "gap", "evenness"]]
    for each in models:
        result = each.result
        order, shape = result.order, result.shape
        rows.append(
            [
                safe(each.facts["name"]),
                share(result.validity),
                _decimal(result.diversity),
                number(result.effective),
                _decimal(None if order is None else order.oracle_recall),
                _decimal(None if order is None else order.auc),
                _decimal(None if shape is None else shape.gap),
                _decimal(None if shape is None else shape.evenness),
            ]
        )
    return aligned(rows, "<>>>>>>>", first=18)


def _model(found: CalibrateOutputs, each: ModelCalibration) -> str:
    """The answer first, then what it rests on, the details last."""
    result = each.result
    said = paragraph(verdict(result))
    parts = [_title(found, each)]
    if each.prompts:
        parts.append(_prompts(each))
        first = f"The first prompt, {safe(each.prompts[0].id)}:"
        said = f"{clipped(first, WIDTH)}\n{said}"
    parts += [said, _numbers(result), _answers(result)]
    if result.frontier:
        parts.append(_frontier(result))
    parts += [_places(result), _steps(result.steps)]
    parts += [paragraph(safe(note)) for note in result.notes]
    return "\n\n".join(filter(None, parts))


def _title(found: CalibrateOutputs, each: ModelCalibration) -> str:
    result = each.result
    how = {
        "exact": f"exact, over all answers ({counted(result.nodes, 'place')} read)",
        "sampled": "estimated from samples of the model",
        "grammar": f"order alone, at {counted(result.nodes, 'place')} of "
        f"{counted(result.answers_in_set, 'answer')} that were drawn",
    }[result.how]
    words = [f"{safe(found.settings.valid)} on {safe(each.facts['name'])}"]
    if result.how != "grammar":
        words.append(f"{result.answers_in_set:,} valid answers")
    words.append(how)
    if result.how == "exact" and result.read < result.nodes:
        words.append(f"stopped after {result.read}: not all is known")
    prompt = clipped(safe(" ".join(each.prompt.split())), _ASKED)
    asked = f"after “{prompt}” ({safe(each.template)})"
    if len(each.prompts) > 1:
        asked += f" and {counted(len(each.prompts) - 1, 'more prompt')}"
    return f"{paragraph(' · '.join(words))}\n{paragraph(asked)}"


# The numbers -----------------------------------------------------------------------------------------------------


def _numbers(result: CalibrationResult) -> str:
    """Each number with what it means."""
    order, shape = result.order, result.shape
    rows = [
        ["", "P", "P~", ""],
        [
            "validity",
            share(result.validity),
            share(result.validity_truncated),
            "how often an answer is valid",
        ],
    ]
    if result.how != "grammar":
        rows += [
            [
                "diversity",
                _decimal(result.diversity),
                _decimal(result.diversity_truncated),
                "1: all valid answers equally likely",
            ],
            [
                "effective answers",
                number(result.effective),
                number(_effective(result)),
                "worth so many equally likely ones",
            ],
        ]
    if result.kl_uniform is not None:
        rows.append(["KL from even, nats", _decimal(result.kl_uniform), "", "0: equally likely"])
    if result.distance_uniform is not None:
        told = "share of mass in the wrong place"
        rows.append(["distance from even", _decimal(result.distance_uniform), "", told])
    if result.other_spellings:
        told = "neither valid nor invalid"
        rows.append(["other spellings, up to", share(result.other_spellings), "", told])
    if order is not None:
        rows += [
            [
                "order: oracle recall",
                _decimal(order.oracle_recall),
                "",
                "1: valid tokens above all others",
            ],
            ["order: AUC", _decimal(order.auc), "", "1: the same, over all cutoffs"],
            [
                "order: recall at .8",
                _decimal(order.recall_at_precision),
                "",
                "kept where 80 % of tokens are valid",
            ],
            ["order: inversions", number(order.inversions), "", "pairs out of order at a place"],
        ]
    if shape is not None:
        rows += [
            ["shape: gap, nats", _decimal(shape.gap), "", "0: mass by the answers behind"],
            ["shape: evenness", _decimal(shape.evenness), "", "1: mass by the answers behind"],
        ]
    told = aligned(rows, "<>><", first=24)
    lines = [_intervals(result)]
    logits = result.logits
    if logits is not None:
        lines.append(
            f"Logits at the first place fall by {-logits.slope:.3f} a rank down to rank {logits.cutoff}, then by "
            f"{-logits.factor:.2f} × ln of the rank."
        )
    bound = None if result.bounds is None else result.bounds.shape
    if bound is not None and bound < _SAYS_NOTHING:
        lines.append(
            f"Logits that fall evenly would allow a diversity of {_decimal(bound)} at most at this validity."
        )
    return "\n".join([told, *map(paragraph, filter(None, lines))])


def _effective(result: CalibrationResult) -> float | None:
    """That of P~."""
    diversity = result.diversity_truncated
    return None if diversity is None else diversity * result.answers_in_set


def _intervals(result: CalibrationResult) -> str:
    """Those of sampled numbers."""
    told = []
    if result.validity_ci is not None:
        told.append("validity [{}, {}]".format(*map(share, result.validity_ci)))
    if result.diversity_ci is not None:
        told.append("diversity [{}, {}]".format(*map(_decimal, result.diversity_ci)))
    return f"95 % intervals: {', '.join(told)}" if told else ""


def _places(result: CalibrationResult) -> str:
    """The places where most answers part."""
    # With one way on there is nothing to share, and the gap is 0.
    parting = [each for each in result.places if each.evenness is not None and each.gap != 0]
    if len(parting) < 2:
        return ""
    rows = [["after", "answers", "valid", "oracle", "AUC", "gap", "evenness"]]
    for each in sorted(parting, key=lambda one: -one.answers)[:_PLACES]:
        rows.append(
            [
                f"“{safe(each.text)}”",
                str(each.answers),
                share(each.validity),
                _decimal(each.oracle_recall),
                _decimal(each.auc),
                _decimal(each.gap),
                _decimal(each.evenness),
            ]
        )
    return f"Order and shape where most answers part:\n{aligned(rows, '<>>>>>>')}"


def _steps(steps: Sequence[CalibrationStep]) -> str:
    if not steps:
        return ""
    rows = [["token", "precision", "recall", "both so far"]]
    precision = recall = 1.0
    for place, step in enumerate(steps[:_STEPS]):
        precision *= step.precision or 0.0
        recall *= step.recall or 0.0
        rows.append(
            [
                str(place),
                _decimal(step.precision),
                _decimal(step.recall),
                f"{precision:.3f} · {recall:.3f}",
            ]
        )
    more = len(steps) - _STEPS
    last = f"\n{counted(more, 'more token')} in the JSON" if more > 0 else ""
    return f"What P~ keeps, token by token:\n{aligned(rows, '<>>>')}{last}"


def _answers(result: CalibrationResult) -> str:
    listed = result.answers
    if not listed:
        return ""
    shortened = len(listed) < result.answers_in_set
    best = listed[:_ANSWERS]
    last = [] if shortened else listed[_ANSWERS:][-_ANSWERS:]
    names = [("most probable", best), ("least probable", last)]
    told = [
        f"{name}: "
        + " · ".join(f"{safe(each.text.strip())} {share(_prob(each.logprob))}" for each in some)
        for name, some in names
        if some
    ]
    return "\n".join(map(paragraph, told))


def _prob(logprob: float | None) -> float:
    from math import exp

    return 0.0 if logprob is None else exp(logprob)


def _prompts(each: ModelCalibration) -> str:
    rows = [["prompt", "validity", "diversity", "oracle", "gap"]]
    for one in each.prompts[:_PROMPTS]:
        order, shape = one.result.order, one.result.shape
        rows.append(
            [
                safe(one.id),
                share(one.result.validity),
                _decimal(one.result.diversity),
                _decimal(None if order is None else order.oracle_recall),
                _decimal(None if shape is None else shape.gap),
            ]
        )
    more = len(each.prompts) - _PROMPTS
    last = f"\n{counted(more, 'more prompt')} in the JSON" if more > 0 else ""
    return f"{aligned(rows, '<>>>>')}{last}"


# The frontier ------------------------------------------------------------------------------------------------------


def _frontier(result: CalibrationResult) -> str:
    if not real_points(result):
        return paragraph(
            "No temperature or truncation makes a valid answer as probable as one in a million: there is no frontier."
        )
    groups = []
    for rule in RULES:
        points = [
            Point(each.validity, each.diversity)
            for each in result.frontier
            if each.rule == rule and each.diversity is not None
        ]
        if points:
            groups.append((RULES[rule], points))
    axes = ("validity", "diversity")
    picture = scatter(groups, axes, colour=coloured(), logarithmic=is_tiny(result))
    rows = [["no other setting is better in both", "validity", "diversity"]]
    rows += [_point(each) for each in _thinned(list(result.best))]
    told = "Every temperature and truncation of the grid:"
    return f"{told}\n{picture}\n\n{aligned(rows, '<>>', first=44)}"


def _point(each: FrontierPoint) -> list[str]:
    return [setting_name(each), share(each.validity), _decimal(each.diversity)]


def _thinned(points: Sequence[FrontierPoint], most: int = 10) -> Sequence[FrontierPoint]:
    """At most so many points, evenly taken, the first and the last among them."""
    if len(points) <= most:
        return points
    return [points[round(k * (len(points) - 1) / (most - 1))] for k in range(most)]


def _decimal(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


# What the numbers are ----------------------------------------------------------------------------------------------


def _definition(found: CalibrateOutputs) -> str:
    results = [each.result for each in found.models]
    lines = [f"P is the model's distribution, P~ the one that is sampled from: {_sampler(found)}."]
    if all(each.how == "sampled" for each in results):
        lines = ["P is the model's distribution; the samples are drawn from it."]
    if any(each.steps for each in results):
        lines.append(
            "Precision and recall: of the tokens that P~ keeps, those that are valid; of the valid answers, those that "
            "it still allows."
        )
    if any(each.order is not None for each in results):
        lines.append(
            "Cutoff oracle: keeps as many of the best tokens as are valid. Validity oracle: keeps the valid ones. No "
            "sampler can: they show what is lost to order, and what to shape."
        )
    return "\n".join(map(paragraph, lines))


def _sampler(found: CalibrateOutputs) -> str:
    sampler = found.settings.sampler
    words = [f"temperature {sampler.temperature:g}"]
    words += [f"top-k {sampler.top_k}"] if sampler.top_k else []
    words += [f"top-p {sampler.top_p:g}"] if sampler.top_p < 1 else []
    words += [f"min-p {sampler.min_p:g}"] if sampler.min_p else []
    return ", ".join(words)
