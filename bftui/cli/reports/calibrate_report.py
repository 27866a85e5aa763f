"""Calibration for people: validity and diversity, order and shape, the answers, and the frontier as a picture."""

from __future__ import annotations

from collections.abc import Sequence

from bftui.cli.shared.plot import Point, coloured, scatter
from bftui.cli.shared.tables import aligned, clipped, number, paragraph
from bftui.core.text import counted, safe
from bftui.results.calibration_result import (
    CalibrateOutputs,
    CalibrationResult,
    CalibrationStep,
    FrontierPoint,
    ModelCalibration,
)
from bftui.results.calibration_words import RULES, setting_name, share

_ANSWERS = 8
"""Answers that are printed of each end; the JSON has more."""

_ASKED = 160
"""Cells of the prompt that are printed."""

_STEPS = 12
_PLACES = 8
_PROMPTS = 20


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
    result = each.result
    parts = [_title(found, each), _numbers(result)]
    parts += filter(None, (_order(result), _places(result), _steps(result.steps), _answers(result)))
    if result.frontier:
        parts.append(_frontier(result))
    if each.prompts:
        parts.append(_prompts(each))
    parts += [paragraph(safe(note)) for note in result.notes]
    return "\n\n".join(parts)


def _title(found: CalibrateOutputs, each: ModelCalibration) -> str:
    result = each.result
    how = {
        "exact": f"exact, over all answers ({counted(result.nodes, 'place')} read)",
        "sampled": "estimated from samples of the model",
        "grammar": f"order alone, at {counted(result.nodes, 'place')}",
    }[result.how]
    count = f"{result.answers_in_set:,} valid answers"
    words = [f"{safe(found.settings.valid)} on {safe(each.facts['name'])}", count, how]
    if result.how == "exact" and result.read < result.nodes:
        words.append(f"stopped after {result.read}: not all is known")
    prompt = clipped(safe(" ".join(each.prompt.split())), _ASKED)
    asked = f"after “{prompt}” ({safe(each.template)})"
    return f"{paragraph(' · '.join(words))}\n{paragraph(asked)}"


# The numbers -----------------------------------------------------------------------------------------------------


def _numbers(result: CalibrationResult) -> str:
    rows = [["", "of P", "of P~"]]
    rows.append(["validity", share(result.validity), share(result.validity_truncated)])
    rows.append(["diversity", _decimal(result.diversity), _decimal(result.diversity_truncated)])
    rows.append(["effective answers", number(result.effective), ""])
    rows.append(["KL from even, nats", _decimal(result.kl_uniform), ""])
    rows.append(["distance from even", _decimal(result.distance_uniform), ""])
    if result.other_spellings:
        rows.append(["other spellings, up to", share(result.other_spellings), ""])
    told = aligned(rows, "<>>", first=24)
    ends = [
        f"{name} {clipped(f'[{share(ci[0])}, {share(ci[1])}]', 30)}"
        for name, ci in (("validity", result.validity_ci), ("diversity", result.diversity_ci))
        if ci is not None
    ]
    return told + (f"\n95 % intervals: {', '.join(ends)}" if ends else "")


def _order(result: CalibrationResult) -> str:
    order, shape, bounds = result.order, result.shape, result.bounds
    lines = []
    if order is not None:
        lines.append(
            f"order: recall of the cutoff oracle {_decimal(order.oracle_recall)} · AUC {_decimal(order.auc)} · "
            f"recall at precision .8 {_decimal(order.recall_at_precision)} · "
            f"{number(order.inversions)} inversions a place"
        )
    if shape is not None:
        lines.append(f"shape: gap {_decimal(shape.gap)} nats · evenness {_decimal(shape.evenness)}")
    logits = result.logits
    if logits is not None:
        lines.append(
            f"logits at the first place: {logits.slope:.3f} a rank up to rank {logits.cutoff}, then "
            f"{logits.factor:.2f} × ln of the rank"
        )
    if bounds is not None and bounds.shape is not None:
        lines.append(
            f"bound: a geometric shape allows a diversity of {_decimal(bounds.shape)} at this validity"
        )
    return "\n".join(map(paragraph, lines))


def _places(result: CalibrationResult) -> str:
    """The places where most answers part."""
    parting = [each for each in result.places if each.evenness is not None and each.answers > 1]
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
    return f"order and shape where most answers part\n{aligned(rows, '<>>>>>>')}"


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
    return f"what P~ keeps, token by token\n{aligned(rows, '<>>>')}{last}"


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
    groups = []
    for rule in RULES:
        points = [
            Point(each.validity, each.diversity)
            for each in result.frontier
            if each.rule == rule and each.diversity is not None
        ]
        if points:
            groups.append((RULES[rule], points))
    picture = scatter(groups, ("validity", "diversity"), colour=coloured())
    rows = [["no other setting is better in both", "validity", "diversity"]]
    rows += [_point(each) for each in _thinned(list(result.best))]
    return f"{picture}\n\n{aligned(rows, '<>>', first=44)}"


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
    lines = [
        "Validity: P of all valid answers. Diversity: how many equally likely answers the valid ones are worth, "
        "over their number.",
        "Order is right where every valid token is above every invalid one (oracle recall 1). Shape is right where "
        "each valid token has mass by the answers behind it (gap 0, evenness 1).",
        "Precision and recall: of the tokens that P~ keeps, those that are valid; of the valid answers, those that "
        "it still allows.",
    ]
    if any(each.result.frontier for each in found.models):
        lines.append(
            "Cutoff oracle: keeps as many tokens as are valid. Validity oracle: keeps the valid ones."
        )
    return "\n".join(map(paragraph, lines))
