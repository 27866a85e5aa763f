"""The frontier of a valid set as a picture: validity against diversity, with the two oracles as references."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from bftui.results.calibration_words import setting_name, share
from bftui.ui.drawing.chart import Linear
from bftui.ui.drawing.glyphs import glyphs
from bftui.ui.drawing.line_builder import probability
from bftui.ui.drawing.scatter import Cell, Marks, scattered
from bftui.ui.panes.pane import LinesPane
from bftui.workbench.keys import hint

if TYPE_CHECKING:
    from bftui.results.calibration_result import CalibrationResult, FrontierPoint
    from bftui.workbench.valid_shown import ValidShown

_AXIS = 6
_TARGET = 0.9
"""The validity at which settings are told in words."""


class FrontierPane(LinesPane):
    """Draws the grid of the valid set that is loaded."""

    NAME = "frontier"
    HEADING = "frontier: validity against diversity"

    _valid: ValidShown | None = None

    def show_valid(self, valid: ValidShown | None) -> None:
        """Brings it up to date."""
        if valid is not self._valid or not self.lines:
            self._valid = valid
            self.renew()

    def make(self) -> Sequence[Sequence[Cell]]:
        valid = self._valid
        result = None if valid is None else valid.result
        if result is None or not result.frontier:
            return [[("dim", self._why(valid))]]
        told = _told(result.frontier)
        if self.rows < 8:
            return told[: self.rows]
        # Where nothing but the validity oracle is valid at all, the rest gets the width; that oracle stands at the end.
        most = max(p.validity for p in result.frontier if p.rule != "validity_oracle")
        high = Linear.around([most]).high if most < 0.5 else 1.0
        groups = _groups(result, high)
        signs = glyphs()
        legend: list[Cell] = []
        for role, sign, name in (
            ("dim", "·", "settings"),
            ("accent", signs.dot, "best"),
            ("forced", signs.ring, "cutoff oracle"),
            ("good", "+", "validity oracle" if high == 1 else "validity oracle, past the end"),
            ("title", "P", "T 1"),
        ):
            legend += [(role, sign), ("dim", f" {name}  ")]
        rows = max(3, self.rows - len(told) - 3)
        columns = max(8, self.columns - _AXIS)
        lines: list[list[Cell]] = []
        for row, cells in enumerate(scattered(groups, columns, rows)):
            tick = {0: "1", rows - 1: "0"}.get(row, "")
            tick = tick or ("div" if row == rows // 2 else "")
            axis: list[Cell] = [("dim", f"{tick:>{_AXIS - 2}} "), ("line", "┤" if tick else "│")]
            runs = groupby(cells, key=lambda cell: cell[0])
            lines.append([*axis, *((role, "".join(sign for _, sign in run)) for role, run in runs)])
        lines.append([("line", " " * (_AXIS - 1) + "└" + "─" * columns)])
        last = f"{100 * high:.0f} %"
        ends = f"0 %{'validity':^{columns - 3 - len(last)}}{last}"
        lines.append([("dim", " " * _AXIS + ends)])
        return [*lines, legend, *told]

    def _why(self, valid: ValidShown | None) -> str:
        if valid is None:
            return hint("no valid set is loaded: {valid} loads one")
        if valid.trie is None:
            return "the set is too large for a frontier: it is sampled, not read"
        return "the frontier is drawn once every place of the set is read"


def _groups(result: CalibrationResult, high: float) -> list[Marks]:
    def points(of: Sequence[FrontierPoint]) -> list[tuple[float, float]]:
        return [(p.validity / high, p.diversity) for p in of if p.diversity is not None]

    frontier, signs = result.frontier, glyphs()
    real = [each for each in frontier if not each.rule.endswith("oracle")]
    plain = [each for each in real if each.rule == "none" and each.temperature == 1]
    return [
        Marks("dim", "·", points(real)),
        Marks("good", "+", points([p for p in frontier if p.rule == "validity_oracle"])),
        Marks("forced", signs.ring, points([p for p in frontier if p.rule == "cutoff_oracle"])),
        Marks("accent", signs.dot, points([p for p in real if p.best])),
        Marks("title", "P", points(plain)),
    ]


def _told(frontier: Sequence[FrontierPoint]) -> list[list[Cell]]:
    """The best real setting near the target in words, and what the oracles reach there."""
    real = near([each for each in frontier if each.best])
    if real is None:
        return [[("dim", "no setting has a diversity that is known")]]
    reached = "near .9" if real.validity >= _TARGET else "most valid"
    main = f"{setting_name(real)}: validity {share(real.validity)}, diversity {_diversity(real)}"
    found: list[list[Cell]] = [[("text", f"{reached}: {main}")]]
    oracles = []
    for rule, name in (("cutoff_oracle", "cutoff oracle"), ("validity_oracle", "validity oracle")):
        point = near([each for each in frontier if each.rule == rule])
        if point is None:
            oracles.append(f"{name}: no valid answer")
        else:
            oracles.append(f"{name} {share(point.validity)}, {_diversity(point)}")
    return [*found, [("dim", " · ".join(oracles))]]


def near(points: Sequence[FrontierPoint]) -> FrontierPoint | None:
    """The most diverse of these whose validity is .9 or more, else the most valid; None where none is known."""
    known = [each for each in points if each.diversity is not None]
    valid = [each for each in known if each.validity >= _TARGET]
    if valid:
        return max(valid, key=lambda each: (each.diversity or 0.0, each.validity))
    return max(known, key=lambda each: each.validity, default=None)


def _diversity(point: FrontierPoint) -> str:
    return "–" if point.diversity is None else probability(point.diversity)
