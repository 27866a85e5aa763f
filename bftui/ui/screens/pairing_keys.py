"""Keys that need a second model: open it, look where the two differ, have both write."""

from __future__ import annotations

from dataclasses import replace

from bftui.core.text import counted, label, safe
from bftui.ui.drawing.line_builder import fit
from bftui.ui.screens.measuring_keys import Measuring
from bftui.workbench.keys import key
from bftui.workbench.snapshot import Notice

_TEXT = 24
"""Cells of a token in a notice."""


class Pairing(Measuring):
    """Partner, shift, nudge."""

    def do_partner(self) -> None:
        from bftui.catalog.model_summary import PlannedOpening
        from bftui.ui.screens.open_screen import OpenScreen

        wanted = self.partner_settings
        paired = self.bridge.now.paired

        def opened(model: str | None) -> None:
            if model:
                self.partner_settings = replace(wanted, model=model)
                self.bridge.open_partner(self.partner_settings)
                self.expect_work()
            elif model == "" and paired.ready:
                self.bridge.part()
                self.expect_work()

        none = f"no partner: close {safe(paired.name)}" if paired.ready else ""
        source = wanted.model or self.bridge.now.source
        title = "open a partner beside this model"
        opening = PlannedOpening.of(wanted.options, wanted.backend, source)
        screen = OpenScreen(source, self.palette, title, opening=opening, none=none)
        self.app.push_screen(screen, opened)

    def do_shift(self) -> None:
        from bftui.ui.screens.shift_screen import Chosen, ShiftScreen

        if self.view is None:
            return

        def left(chosen: Chosen | None) -> None:
            if chosen is None:
                return
            if chosen.answered:
                self.bridge.force_answer(chosen.node, chosen.index)
                text = f"“{fit(label(chosen.text), _TEXT)}” forced"
                if chosen.after:
                    text += f" after {counted(chosen.after, 'token')} of the partner's answer"
                self.tell(Notice(text))
            else:
                self.bridge.force_partners(chosen.node)
            self.expect_work()

        self.app.push_screen(ShiftScreen(self.bridge, self.view, self.palette), left)

    def do_nudge(self) -> None:
        from bftui.ui.screens.nudge_screen import NudgeScreen

        if self.view is None:
            return

        def left(gamma: float | None) -> None:
            if gamma is not None:
                self.text_pane.gamma = gamma
                self.text_pane.redraw()

        screen = NudgeScreen(self.bridge, self.view, self.palette, self.text_pane.gamma)
        self.app.push_screen(screen, left)

    # The style palette -----------------------------------------------------------------------------------------

    def swap_words(self) -> None:
        """The keys 1 to 9 force how the partner's answers begin, or the palette's own words again."""
        own = self.words is self.settings.words
        self.words = self.bridge.now.paired.words if own else self.settings.words
        whose = "the partner's beginnings" if own else "your words"
        listed = " · ".join(label(word.encode()) for word in self.words)
        self.tell(Notice(f"{key('word')} force {whose}: {listed}"))
