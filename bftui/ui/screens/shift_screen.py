"""`s`: where alignment changed the text: the partner's answer as the base sees it, or the path as the partner does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal

from bftui.core.pair.shift_summary import Position
from bftui.core.text import safe
from bftui.ui.actions.bindings import bound, moving
from bftui.ui.drawing.line_builder import how_far
from bftui.ui.panes.pane import Pane
from bftui.ui.panes.shift_panes import (
    MostShiftedPane,
    PositionsPane,
    ShiftPane,
    ShiftReading,
)
from bftui.ui.screens.live_screen import LiveScreen
from bftui.ui.themes.theme_styles import Palette
from bftui.workbench.keys import hint, key
from bftui.workbench.snapshot import Notice

if TYPE_CHECKING:
    from bftui.ui.explain.explain_items import Item
    from bftui.ui.view import View
    from bftui.workbench.workbench import Workbench


@dataclass(frozen=True, slots=True)
class PartnerChoice:
    """Where the partner's token is to be forced.

    Attributes:
        answered: along the partner's answer to a prompt, or after a node of the path.
        node: the prompt, or that node.
        index: which position of the answer.
        text, after: its bytes, and how many tokens of the partner stand before it in its answer.
    """

    answered: bool
    node: int
    index: int = 0
    text: bytes = b""
    after: int = 0


class ShiftScreen(LiveScreen[PartnerChoice | None]):
    """Ends with the place where the partner's token is to be forced, or None."""

    NAME = "shift"

    DEFAULT_CSS = """
    ShiftScreen #shift { height: 2fr; max-height: 24; }
    ShiftScreen Horizontal { height: 3fr; }
    ShiftScreen #positions { width: 1fr; height: 100%; }
    ShiftScreen #most { width: 30; height: 100%; }
    ShiftScreen.-narrow #most { display: none; width: 1fr; }
    ShiftScreen.-narrow.most #most { display: block; }
    ShiftScreen.-narrow.most #positions { display: none; }
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012

    BINDINGS = [  # noqa: RUF012
        bound("enter", "force"),
        bound("shift", "switch"),
        bound("curve", "curve"),
        bound("next_match", "step(1)"),
        bound("previous_match", "step(-1)"),
        bound("rollouts", "read"),
        bound("next_pane", "other_list", priority=True),
        bound("previous_pane", "other_list", priority=True),
        *moving(),
    ]

    def __init__(self, workbench: Workbench, view: View, palette: Palette) -> None:
        super().__init__(workbench, view, palette)
        self._answer = True
        self._curve = ShiftPane(palette, view)
        self._list = PositionsPane(palette, view)
        self._most = MostShiftedPane(palette, view)

    def parts(self) -> ComposeResult:
        yield self._curve
        with Horizontal():
            yield self._list
            yield self._most

    def listed(self) -> Pane:
        return self._list

    def on_mount(self) -> None:
        if self._view.paired.shifted.get(self._view.root) is None:
            self._workbench.shift()
        super().on_mount()

    def on_resize(self) -> None:
        # How broad the screen is called is known only after this.
        self.call_after_refresh(self.news)

    # What is shown ---------------------------------------------------------------------------------------------

    def news(self) -> None:
        """Shows what was read by now."""
        view = self._view
        if view.partner is None:
            self.dismiss(None)
            return
        known = view.partner_noise is not None
        state = (view.paired.version, view.cursor, self._answer, known, self.has_class("-narrow"))
        if state == self._drawn:
            return
        self._drawn = state
        read = self._of_answer() if self._answer else self._of_path()
        partner, base = safe(view.paired.name), view.model_name
        about = f"the answer of {partner}, read by {base}"
        if not self._answer:
            about = f"the path of {base}, read by {partner}"
        self._curve.show_read(read, about)
        self._list.show_read(read)
        self._most.show_rows(read.rows)
        other = "the path" if self._answer else "the answer"
        curve = "KL" if self._curve.by_p else "P"
        running = self._answer and bool(view.paired.running)
        narrow = self.has_class("-narrow")
        self._keys.show(
            (
                (hint("{next_match} {previous_match}"), "shifted"),
                (key("enter"), "force" if narrow else "force the partner's token"),
                (key("shift"), other),
                *(((key("next_pane"), "most"),) if narrow else ()),
                *(((key("curve"), curve),) if read.apart else ()),
                ("esc", "back, it goes on" if running and not narrow else "back"),
                (key("explain"), "explain"),
            )
        )

    def _of_answer(self) -> ShiftReading:
        view = self._view
        found = view.paired.shifted.get(view.root)
        if found is None:
            doing = view.paired.error or "the answer is about to be read …"
            if self._workbench.now.played is not None:
                doing = hint("no answer was recorded: {shift} shows the path")
            return ShiftReading("partner", (), None, doing, view.model_name)
        rows = tuple(
            Position(
                each.position,
                each.text,
                each.token_ids,
                "partner",
                each.compared,
                each.within_noise,
            )
            for each in found.result.positions
        )
        doing = ""
        if found.running:
            what = "reading" if rows else "the partner answers"
            doing = how_far(what, found.share, found.left)
        elif found.stopped:
            doing = f"stopped at {found.share:.0%}: {key('rollouts')} reads it"
        return ShiftReading("partner", rows, found.result.answer.ended, doing, view.model_name)

    def _of_path(self) -> ShiftReading:
        view = self._view
        assert view.partner is not None
        rows, unread = [], 0
        nodes, noise = view.path.nodes, view.partner_noise
        move = None if noise is None else 2 * noise.logit_sd
        for place, node in enumerate(nodes[1:]):
            found = view.partnered(node)
            if found is None:
                unread += not view.tree.of_prompt(node)
            elif found.compared is not None and found.last:
                first = max(0, place - found.tokens + 1)
                text = b"".join(view.bytes(each) for each in nodes[first + 1 : place + 2])
                within = move is not None and found.compared.partner.unsettled(move)
                rows.append(Position(first, text, (), "base", found.compared, within))
        doing = f"{unread:,} tokens are not read yet" if unread else ""
        if view.paired.error:
            doing = safe(view.paired.error)
        elif len(nodes) == 1:
            doing = hint(
                "there is no token after the prompt yet: {escape}, then {step} samples one"
            )
        return ShiftReading("base", tuple(rows), None, doing, safe(view.paired.name))

    # Keys ------------------------------------------------------------------------------------------------------

    @on(Pane.Chosen)
    def action_force(self) -> None:
        """Goes to the selected place and forces what the partner takes there."""
        chosen = self._list.chosen()
        if chosen is None:
            self.warn("nothing is read yet")
            return
        index, row = chosen
        if self._answer:
            self.dismiss(PartnerChoice(True, self._view.root, index, row.text, row.position))
        elif row.kind == "unshifted":
            self.tell(
                Notice(
                    hint(
                        "the partner takes this very token here: {next_match} goes to the next shifted one"
                    )
                )
            )
        else:
            self.dismiss(PartnerChoice(False, self._view.path.nodes[row.position]))

    def action_switch(self) -> None:
        """Shows the other text."""
        self._answer = not self._answer
        self.tell(None)
        self.news()

    def action_curve(self) -> None:
        """Draws P instead of KL, or back."""
        if not self._curve.apart:
            self.tell(Notice("the two vocabularies differ: there is no divergence to draw"))
            return
        self._curve.toggle()
        self._drawn = None
        self.news()

    def action_step(self, by: int) -> None:
        """Goes to the next shifted position, or the one before."""
        self.tell(None)
        if not self._list.step_shifted(by):
            where = "after" if by > 0 else "before"
            self.tell(Notice(f"no shifted token {where} this"))

    def action_read(self) -> None:
        """Reads what was stopped, from its beginning."""
        self._workbench.shift()

    def action_other_list(self) -> None:
        """Positions or the most shifted texts, where there is no room for both."""
        self.toggle_class("most")

    def explained(self) -> list[Item]:
        from bftui.ui.explain.explain_pair import shift

        chosen = self._list.chosen()
        return shift(self._view, None if chosen is None else chosen[1])
