"""`v`: a valid set at the cursor, walked by keys: validity and diversity, order and shape, the frontier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding

from bftui.session import commands
from bftui.ui.actions.bindings import bound, moving
from bftui.ui.panes.frontier_pane import FrontierPane
from bftui.ui.panes.pane import Pane
from bftui.ui.panes.valid_pane import ValidHere, ValidPane
from bftui.ui.panes.ways_pane import WaysPane
from bftui.ui.screens.live_screen import LiveScreen
from bftui.workbench.keys import hint, key
from bftui.workbench.queries import ValidKey
from bftui.workbench.valid_shown import PRESETS, AskedSet

if TYPE_CHECKING:
    from bftui.core.valid.node_reading import NodeReading
    from bftui.ui.explain.explain_items import Item
    from bftui.ui.themes.theme_styles import Palette
    from bftui.ui.view import View
    from bftui.workbench.valid_shown import ValidShown
    from bftui.workbench.workbench import Workbench


_MOST = 24
"""Places of a path that are all read for its products, fewer than answers are kept; of a longer one only the last."""


class ValidScreen(LiveScreen[bool]):
    """Ends with whether another set is to be chosen."""

    NAME = "valid set"

    DEFAULT_CSS = """
    ValidScreen #valid { height: 11; }
    ValidScreen #ways { height: 1fr; }
    ValidScreen #frontier { height: 1fr; display: none; }
    ValidScreen.-picture #valid { height: 6; }
    ValidScreen.-picture #ways { display: none; }
    ValidScreen.-picture #frontier { display: block; }
    """

    BINDINGS = [  # noqa: RUF012
        bound("enter", "take"),
        bound("forward", "take"),
        bound("back", "back"),
        bound("next_pane", "turn"),
        bound("previous_pane", "turn"),
        bound("valid", "choose"),
        *(Binding(digit, f"preset('{digit}')", show=False) for digit in PRESETS),
        *moving(),
    ]

    def __init__(self, workbench: Workbench, view: View, palette: Palette) -> None:
        super().__init__(workbench, view, palette)
        self._numbers = ValidPane(palette, view)
        self._ways = WaysPane(palette, view)
        self._picture = FrontierPane(palette, view)

    def parts(self) -> ComposeResult:
        yield self._numbers
        yield self._ways
        yield self._picture

    def listed(self) -> Pane:
        return self._picture if self.has_class("-picture") else self._ways

    @property
    def _valid(self) -> ValidShown | None:
        return self._workbench.now.measured.valid

    @property
    def _replay(self) -> bool:
        return not self._workbench.source.can("measure")

    # What is shown ---------------------------------------------------------------------------------------------

    def news(self) -> None:
        """Shows what is known by now."""
        valid, here = self._valid, self._here()
        # What is large is told apart by identity: the panes hold it, so that no other one gets its place.
        known = (id(valid), here.place, here.why, *map(id, here.readings))
        state = (known, self._view.state, self.size)
        if state != self._drawn:
            self._drawn = state
            self._numbers.show_valid(valid, here)
            self._ways.show_valid(valid, here)
            self._picture.show_valid(valid)
        self._show_keys()

    def _here(self) -> ValidHere:
        """The cursor's place, and what is read on the way there; what is not is asked for."""
        valid, place = self._valid, self._view.valid_place
        if valid is None or place is None or place.number is None:
            return ValidHere(place)
        if self._replay:
            return ValidHere(place, why="not read: a replay has no model")
        if valid.loaded < 0:
            return ValidHere(place, why=hint("{valid} loads it again"))
        readings: list[NodeReading | None] = []
        why, last = "", len(place.ids)
        for depth in range(last + 1):
            if last >= _MOST and depth < last:
                readings.append(None)
                continue
            number = valid.number(place.ids[:depth])
            assert number is not None
            found = self._reading(valid, number)
            why = found if isinstance(found, str) else ""
            readings.append(None if isinstance(found, str) else found)
        return ValidHere(place, tuple(readings), why)

    def _reading(self, valid: ValidShown, number: int) -> NodeReading | str | None:
        return self._workbench.readings.ask(ValidKey(valid.loaded, number, self._view.in_force))

    def _show_keys(self) -> None:
        valid = self._valid
        keys: list[tuple[str, str]] = []
        if valid is None:
            keys.append((key("valid"), "choose a set"))
        else:
            if self._goes_on(valid):
                keys.append((key("valid"), "go on"))
            else:
                keys.append((key("valid"), "another set"))
            keys += [(key("enter"), "into it"), (key("back"), "back")]
            picture = self.has_class("-picture")
            keys.append((key("next_pane"), "ways on" if picture else "frontier"))
        leaves = "back, it goes on" if valid is not None and valid.running else "back"
        self._keys.show((*keys, ("esc", leaves), (key("explain"), "explain"), ("1-5", "presets")))

    def _goes_on(self, valid: ValidShown) -> bool:
        return not self._replay and (valid.stopped or valid.loaded < 0)

    # Keys ------------------------------------------------------------------------------------------------------

    def action_choose(self) -> None:
        """Goes on with what was stopped, or ends so that another set is chosen."""
        self.tell(None)
        valid = self._valid
        if valid is not None and self._goes_on(valid):
            self._workbench.calibrate(valid.asked, valid.node)
        elif self._replay:
            self.warn("this is a replay: there is no model to ask")
        else:
            self.dismiss(True)

    def action_preset(self, digit: str) -> None:
        """Loads a preset where the session stands."""
        self.tell(None)
        if self._replay:
            self.warn("this is a replay: there is no model to ask")
        elif self._view.session.ended:
            self.warn(hint("the text ends here, no answer begins: {back} goes back"))
        else:
            self._workbench.calibrate(AskedSet.of(digit), self._view.cursor)

    def action_turn(self) -> None:
        """Turns between the ways on and the frontier."""
        self.toggle_class("-picture")
        self.set_focus(self.listed())
        self._drawn = None
        self.news()

    @on(Pane.Chosen)
    def action_take(self) -> None:
        """Goes into the selected way on; from outside, to where answers begin."""
        self.tell(None)
        valid, view = self._valid, self._view
        if valid is None:
            return
        if view.valid_place is None:
            self._workbench.send(commands.Goto(valid.node))
            return
        way = self._ways.chosen()
        if way is None:
            self.warn(hint("no valid token comes next here: {back} goes back"))
            return
        taken = view.taken()
        node = next((taken[i] for i in way.token_ids if i in taken), None)
        if node is not None:
            self._workbench.send(commands.Goto(node))
        elif not self._workbench.source.can("force"):
            self.warn("this is a replay: this way was not taken here")
        elif way.token_ids[0] < 0:
            self.warn("which token ends an answer is known once the set is loaded again")
        else:
            self._workbench.take_way((self._likeliest(way.token_ids),))

    def _likeliest(self, token_ids: tuple[int, ...]) -> int:
        following = self._view.next
        stored = [] if following is None else following.top_ids.tolist()
        return next((i for i in stored if i in token_ids), token_ids[0])

    def action_back(self) -> None:
        """One token back; the branch stays."""
        self.tell(None)
        if self._valid is not None and self._view.cursor == self._valid.node:
            self.warn("answers begin here: what comes before belongs to none")
        else:
            self._workbench.send(commands.Back())

    def explained(self) -> list[Item]:
        from bftui.ui.explain.explain_valid import valid

        return valid(self._valid)

    def action_leave(self) -> None:
        """Goes back; what is read goes on."""
        self.dismiss(False)
