"""The words of calibration that commands, reports and screens share."""

from __future__ import annotations

from collections.abc import Mapping

from bftui.core.valid.node_reading import Rule
from bftui.results.calibration_result import FrontierPoint

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


def setting_name(point: FrontierPoint) -> str:
    """Says which setting a point of the frontier is."""
    value = (
        "" if point.rule in ("none", "cutoff_oracle", "validity_oracle") else f" {point.value:g}"
    )
    return f"{RULES[point.rule]}{value}, temperature {point.temperature:g}"


def share(value: float | None) -> str:
    """A probability in percent; small ones in scientific notation; – where it is not known."""
    if value is None:
        return "–"
    if 0 < value < 0.0005:
        return f"{100 * value:.0e} %".replace("e-0", "e-")
    return f"{100 * value:.1f} %"
