"""The words of calibration that commands, reports and screens share."""

from __future__ import annotations

from collections.abc import Mapping

from bftui.core.valid.frontier import ORACLES
from bftui.core.valid.node_reading import Rule
from bftui.results.calibration_result import CalibrationResult, FrontierPoint

RULES: Mapping[Rule, str] = {
    "none": "temperature alone",
    "top_k": "top-k",
    "top_p": "top-p",
    "min_p": "min-p",
    "top_n_sigma": "top-nσ",
    "typical": "typical",
    "epsilon": "epsilon",
    "cutoff_oracle": "cutoff oracle",
    "validity_oracle": "validity oracle",
}
"""Each way to truncate a distribution, as it is called."""


_WELL, _PARTLY = 0.9, 0.5
"""Recall of the cutoff oracle, and diversity, from which on a model knows the answers, and says them evenly."""

_TINY = 0.2
"""Where no real setting makes valid answers so probable, a picture of validity has a logarithmic axis."""


def verdict(found: CalibrationResult) -> str:
    """Says in plain words what was found; "" before it is known. Where words change is bftui's choice."""
    if found.validity is None:
        return ""
    count = f"{found.answers_in_set:,} answers"
    if not found.validity:
        return "No sample is valid." if found.how == "sampled" else "No valid answer ever comes."
    said = f"An answer is valid {share(found.validity)} of the time."
    if found.effective is None:
        worth = "valid ones are too rare to say how evenly they come"
    else:
        worth = f"{count} are worth {_few(found.effective)}"
    even = found.diversity is not None and found.diversity >= _WELL
    if found.order is None:
        return f"{said} {worth[0].upper()}{worth[1:]}."
    recall = found.order.oracle_recall
    known = f"(order {recall:.2f})"
    if recall >= _WELL:
        order = f"The model knows the valid ones {known}"
    elif recall >= _PARTLY:
        order = f"The model knows the valid ones in part {known}"
    else:
        order = f"The model does not tell the valid ones from others here {known}"
    if found.how == "grammar":
        return f"{said} {order}."
    if found.effective is None:
        return f"{said} {order}; {worth}."
    if recall >= _WELL:
        return f"{said} {order} {'and says' if even else 'but does not say'} them evenly: {worth}."
    return f"{said} {order}, and {'says' if even else 'does not say'} them evenly: {worth}."


def _few(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def real_points(found: CalibrationResult) -> list[FrontierPoint]:
    """The settings that a sampler can follow and whose diversity is known."""
    return [p for p in found.frontier if p.rule not in ORACLES and p.diversity is not None]


def is_tiny(found: CalibrationResult) -> bool:
    """Whether no real setting reaches a validity that a linear axis would show."""
    return max((each.validity for each in real_points(found)), default=1.0) < _TINY


def setting_name(point: FrontierPoint) -> str:
    """Says which setting a point of the frontier is."""
    value = (
        "" if point.rule in ("none", "cutoff_oracle", "validity_oracle") else f" {point.value:g}"
    )
    return f"{RULES[point.rule]}{value}, temperature {point.temperature:g}"


def share(value: float | None) -> str:
    """A probability in percent; small ones with one digit that counts; – where it is not known."""
    if value is None:
        return "–"
    if 0 < value < 0.0005:
        return f"{100 * value:.1g} %".replace("e-0", "e-")
    return f"{100 * value:.1f} %"
