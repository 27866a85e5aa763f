"""A valid set in numbers: whole answers, the place at the cursor, and what P~ keeps on the way there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

from bftui.core.text import counted, safe
from bftui.results.calibration_words import share
from bftui.ui.drawing.line_builder import fit, how_far, probability, starred
from bftui.ui.panes.pane import LinesPane
from bftui.workbench.keys import hint

if TYPE_CHECKING:
    from bftui.core.valid.logit_shape import LogitShape
    from bftui.core.valid.node_reading import NodeReading
    from bftui.results.calibration_result import CalibrationPlace, CalibrationResult, HeadAndTail
    from bftui.workbench.valid_shown import ValidPlace, ValidShown

Part = tuple[str, str]
_TEXT = 24
_WIDE = 88
"""Cells of a line from which on nothing is shortened."""


@dataclass(frozen=True, slots=True, eq=False)
class ValidHere:
    """What is known of the cursor's place in the set.

    Attributes:
        place: where it is; None outside of the set.
        readings: of each place from where answers begin to the cursor, None where one is not read.
        why: why the cursor's own is not read; "" where it is, or will be.
    """

    place: ValidPlace | None
    readings: tuple[NodeReading | None, ...] = ()
    why: str = ""

    @property
    def reading(self) -> NodeReading | None:
        """That of the cursor."""
        return self.readings[-1] if self.readings else None


class ValidPane(LinesPane):
    """Says what `show_valid` was given last."""

    NAME = "valid"
    HEADING = "valid set"

    _valid: ValidShown | None = None
    _here: ValidHere = ValidHere(None)

    def show_valid(self, valid: ValidShown | None, here: ValidHere) -> None:
        """Brings it up to date."""
        self._valid, self._here = valid, here
        self.renew()

    def heading(self) -> str:
        valid = self._valid
        if valid is None:
            return ""
        count = "" if valid.answers is None else f" · {counted(valid.answers, 'valid answer')}"
        return f"{safe(valid.asked.typed)}{count}"

    def footing(self) -> str:
        valid = self._valid
        if valid is None:
            return ""
        if valid.running:
            return how_far("reading", valid.share, valid.left)
        if valid.stopped:
            return hint(f"stopped at {valid.share:.0%}: {{valid}} goes on")
        return ""

    def make(self) -> Sequence[Sequence[Part]]:
        valid = self._valid
        if valid is None:
            return [[("dim", hint("no valid set is loaded: {valid} chooses one"))]]
        lines = [self._where(valid), *self._whole(valid), [], *self._place(valid)]
        return [line for line in lines if line is not None]

    # Whole answers -----------------------------------------------------------------------------------------------

    def _where(self, valid: ValidShown) -> list[Part]:
        view = self.now
        ids = view.tree.token_ids(valid.node)
        text = view.text(ids[-_TEXT:])
        about = ""
        result = valid.result
        if result is not None and result.how == "exact":
            about = f" · {result.read:,} of {counted(result.nodes, 'place')} read"
        elif result is not None:
            about = " · sampled: too large to be read"
        room = max(8, self.columns - cell_len("answers begin after “”" + about))
        tail = text if cell_len(text) <= room else f"…{text[-(room - 1) :]}"
        return [("dim", "answers begin after "), ("text", f"“{tail}”"), ("dim", about)]

    def _whole(self, valid: ValidShown) -> list[list[Part]]:
        result = valid.result
        if result is None or result.validity is None:
            return [[("dim", "validity, diversity, order and shape come when all of it is read")]]
        other = valid.sampler != self.now.in_force

        def both(name: str, of_p: str, truncated: str) -> list[Part]:
            parts = [("dim", f"{name} "), ("title", of_p)]
            if truncated != "–":
                parts.append(("dim", f" · P~ {starred(truncated, other)}"))
            return parts

        main = both("validity", share(result.validity), share(result.validity_truncated))
        main.append(("dim", "   "))
        main += both("diversity", _number(result.diversity), _number(result.diversity_truncated))
        if result.effective is not None:
            main += [("dim", "   effective "), ("title", f"{result.effective:.3g}")]
        return [main, *self._order(result)]

    def _order(self, result: CalibrationResult) -> list[list[Part]]:
        lines: list[list[Part]] = []
        order, shape = result.order, result.shape
        if order is not None:
            level = "precision .8:" if self.columns >= _WIDE else ".8"
            lines.append(
                [
                    ("dim", "order "),
                    (
                        "text",
                        f"oracle recall {_number(order.oracle_recall)} · AUC {_number(order.auc)} · "
                        f"recall at {level} {_number(order.recall_at_precision)} · "
                        f"{_count(order.inversions)} inversions",
                    ),
                ]
            )
        if shape is not None:
            gap = "∞" if shape.gap is None else f"{shape.gap:.2f}"
            parts = [
                ("dim", "shape "),
                ("text", f"gap {gap} nats · evenness {_number(shape.evenness)}"),
            ]
            lines.append(parts)
        return lines

    # The cursor's place ------------------------------------------------------------------------------------------

    def _place(self, valid: ValidShown) -> list[list[Part]]:
        here, place = self._here, self._here.place
        if valid.trie is None:
            return [[("dim", "not all answers are at hand: no place of the set is shown")]]
        if place is None:
            return [
                [
                    ("forced", "outside"),
                    ("dim", ": answers do not begin before the cursor; enter goes there"),
                ]
            ]
        text = fit(self.now.text(place.ids), _TEXT) if place.ids else ""
        if place.complete:
            return [
                [("good", "a valid answer"), ("dim", f": “{text}” · "), *self._answer(valid, place)]
            ]
        node = valid.trie_node(place.number)
        if node is None:
            return [[("forced", "not valid"), ("dim", f": no valid answer begins “{text}”")]]
        after = f"after “{text}”" if text else "at the beginning"
        ways = counted(len(node.edges), "valid token")
        head: list[Part] = [
            ("title", f"here, {after}"),
            ("dim", f" · {node.completions:,} of {valid.trie.answers:,} answers go on, {ways}"),
        ]
        reading = here.reading
        known = None if reading is not None else valid.recorded(place.ids)
        lines = [head]
        if reading is not None:
            lines += self._numbers(
                reading.valid_mass,
                reading.other_mass,
                reading,
                reading.gap if math.isfinite(reading.gap) else None,
                reading.logit_shape,
            )
        elif known is not None:
            logits = None if place.ids or valid.result is None else valid.result.logits
            lines += self._numbers(known.validity, known.other_spellings, known, known.gap, logits)
            if here.why:
                lines[-1].append(("dim", f" · {here.why}"))
        else:
            lines.append([("dim", here.why or "this place is being read")])
        products = self._products(valid, place)
        if products:
            lines.append(products)
        return lines

    def _numbers(
        self,
        mass: float,
        other: float,
        order: NodeReading | CalibrationPlace,
        gap: float | None,
        logits: LogitShape | HeadAndTail | None,
    ) -> list[list[Part]]:
        """Order and shape at one place."""
        wide = self.columns >= _WIDE
        told = (
            f" · oracle recall {_number(order.oracle_recall)} · AUC {_number(order.auc)} · "
            f"{order.inversions:,} inversions"
        )
        first: list[Part] = [("dim", "valid "), ("title", share(mass)), ("text", told)]
        if other > 0:
            first.append(("dim", f" · other{' spelling' if wide else ''}s {share(other)}"))
        width = "∞" if gap is None else f"{gap:.2f}{' nats' if wide else ''}"
        shape: list[Part] = [
            ("dim", "shape "),
            ("text", f"gap {width} · evenness {_number(order.evenness)}"),
        ]
        if logits is not None:
            shape.append(("dim", f" · {_logits(logits)}"))
        return [first, shape]

    def _answer(self, valid: ValidShown, place: ValidPlace) -> list[Part]:
        answers = () if valid.result is None else valid.result.answers
        found = next((each for each in answers if each.token_ids == place.ids[:-1]), None)
        if found is None:
            return [("dim", "P is known when all is read")]
        p = 0.0 if found.logprob is None else math.exp(found.logprob)
        even = "" if valid.answers is None else f", evenly {share(1 / valid.answers)}"
        return [("text", f"P {share(p)}"), ("dim", even)]

    def _products(self, valid: ValidShown, place: ValidPlace) -> list[Part]:
        """Precision and recall of P~ from where answers begin, along this path; of a recorded set over all answers."""
        readings = [each for each in self._here.readings if each is not None]
        if readings and len(readings) == len(self._here.readings):
            precision = recall = 1.0
            for depth, reading in enumerate(readings):
                node = valid.trie_node(valid.number(place.ids[:depth]))
                assert node is not None
                kept = reading.kept_ids[0]
                precision *= float(kept.sum()) / max(1, int(reading.kept_of[0]))
                through = sum(
                    edge.completions for edge, n in zip(node.edges, kept, strict=True) if n > 0
                )
                recall *= through / node.completions
            told, whose = (
                f"precision {_number(precision)} · recall {_number(recall)}",
                "along this path",
            )
        else:
            steps = () if valid.result is None else valid.result.steps[: len(place.ids) + 1]
            if not steps:
                return []
            precision = math.prod(each.precision or 0.0 for each in steps)
            recall = math.prod(each.recall or 0.0 for each in steps)
            told, whose = (
                f"precision {_number(precision)} · recall {_number(recall)}",
                "over all answers",
            )
        tokens = counted(len(place.ids) + 1, "token")
        return [
            ("dim", f"P~ keeps so far, {tokens}: "),
            ("text", told),
            ("dim", f" {whose}"),
        ]


def _count(mean: float) -> str:
    return f"{mean:,.0f}" if mean >= 100 else f"{mean:.3g}"


def _logits(logits: LogitShape | HeadAndTail) -> str:
    told = f"logits {logits.slope:.2f} a rank to {logits.cutoff}, then {logits.factor:.1f} × ln"
    return told.replace("-", "−")


def _number(value: float | None) -> str:
    return "–" if value is None else probability(value) if value < 1 else f"{value:.3g}"
