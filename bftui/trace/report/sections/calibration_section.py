"""Calibration on a valid set as a section of a report."""

from __future__ import annotations

import math

from bftui.core import definitions
from bftui.core.text import counted, safe
from bftui.results.calibration_result import CalibrationResult, CalibrationSettings
from bftui.results.calibration_words import setting_name, share, verdict
from bftui.trace.report.content import number
from bftui.trace.report.figures import calibration_figure
from bftui.trace.report.sentences import ROWS, Asked, Section, Table, clipped

_DECIMALS = 3


def calibration(asked: Asked) -> Section:
    """Says what the model does to the valid answers."""
    found: CalibrationResult = asked.stored.result
    settings: CalibrationSettings = asked.stored.settings
    name = clipped(safe(settings.valid), 40)
    said = f"{name}: {verdict(found) or 'not all is known'}"
    notes = list(map(safe, found.notes))
    if found.how == "sampled":
        notes.append("The set is too large to be walked: the numbers are estimates from samples.")
    elif found.read < found.nodes:
        notes.append(f"{found.read} of {counted(found.nodes, 'place')} were read.")
    further = tuple(each for each in (_best(found), _steps(found)) if each is not None)
    return Section(
        said,
        definitions.VALIDITY,
        _numbers(found),
        calibration_figure.calibration(asked.name, found),
        notes=tuple(notes),
        further=further,
    )


def _numbers(found: CalibrationResult) -> Table:
    rows = [
        ("validity", share(found.validity), share(found.validity_truncated)),
        ("diversity", _decimal(found.diversity), _decimal(found.diversity_truncated)),
        ("effective answers", _effective(found.effective), _effective(_truncated(found))),
        ("KL from even, nats", _decimal(found.kl_uniform), ""),
        ("other spellings, up to", share(found.other_spellings), ""),
    ]
    if found.order is not None:
        rows.append(("order: recall of the cutoff oracle", _decimal(found.order.oracle_recall), ""))
        rows.append(("order: AUC", _decimal(found.order.auc), ""))
    if found.shape is not None:
        rows.append(("shape: gap, nats", _decimal(found.shape.gap), ""))
        rows.append(("shape: evenness", _decimal(found.shape.evenness), ""))
    words = definitions.VALID_DIVERSITY, definitions.ORDER, definitions.SHAPE
    return Table(
        ("", "of P", "of P~"), tuple(rows), " ".join(each.meaning for each in words), words=1
    )


def _truncated(found: CalibrationResult) -> float | None:
    """Effective answers of P~."""
    diversity = found.diversity_truncated
    return None if diversity is None else diversity * found.answers_in_set


def _effective(value: float | None) -> str:
    return "–" if value is None else number(value)


def _best(found: CalibrationResult) -> Table | None:
    points = found.best
    if not points:
        return None
    rows = tuple(
        (setting_name(each), share(each.validity), _decimal(each.diversity))
        for each in points[:ROWS]
    )
    return Table(
        ("temperature and truncation", "validity", "diversity"),
        rows,
        definitions.FRONTIER.meaning,
        words=1,
        folded=len(rows) > 8,
    )


def _steps(found: CalibrationResult) -> Table | None:
    if not found.steps:
        return None
    rows = tuple(
        (str(place), _decimal(step.precision), _decimal(step.recall))
        for place, step in enumerate(found.steps[:ROWS])
    )
    return Table(("token", "precision", "recall"), rows, definitions.PRECISION_RECALL.meaning)


def _decimal(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.{_DECIMALS}f}"
