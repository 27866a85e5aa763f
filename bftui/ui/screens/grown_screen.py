"""`A`: the tree of all continuations of a place, live while it grows; each path can be opened as a branch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding

from bftui.core.horizon import MOST_NODES
from bftui.measures.tree_growth import HorizonAsked
from bftui.session.commands import OpenRollout
from bftui.ui.actions.bindings import bound, moving, sizing
from bftui.ui.panes.grown_panes import GrownNumbersPane, GrownPane, GrownTextsPane
from bftui.ui.panes.pane import Pane
from bftui.ui.screens.live_screen import LiveScreen
from bftui.ui.themes.theme_styles import Palette
from bftui.workbench.keys import hint, key
from bftui.workbench.settings import TreeSize
from bftui.workbench.snapshot import Notice
from bftui.workbench.wording import short

if TYPE_CHECKING:
    from bftui.ui.explain.explain_items import Item
    from bftui.ui.view import View
    from bftui.workbench.grown_shown import GrownShown
    from bftui.workbench.workbench import Workbench

_MORE = 4
"""Times as many nodes, where they were what ended it."""


class GrownScreen(LiveScreen[OpenRollout | None]):
    """Ends with the command that opens a path as a branch, or None; the tree grows on either way."""

    NAME = "tree"

    DEFAULT_CSS = """
    GrownScreen #grown-numbers { height: 9; }
    GrownScreen #grown { height: 1fr; }
    GrownScreen #grown-texts { height: 1fr; display: none; }
    GrownScreen.-texts #grown { display: none; }
    GrownScreen.-texts #grown-texts { display: block; }
    """

    BINDINGS = [  # noqa: RUF012
        bound("grow", "grow"),
        bound("enter", "open"),
        bound("undo", "forget"),
        bound("mark", "merge"),
        bound("next_pane", "turn"),
        bound("previous_pane", "turn"),
        bound("previous_peak", "least(-1)"),
        bound("next_peak", "least(1)"),
        Binding("escape", "leave", "Back", show=False),
        *sizing(),
        *moving(),
    ]

    def __init__(self, workbench: Workbench, view: View, palette: Palette, size: TreeSize) -> None:
        """`size` is how far the next tree grows, and is changed here."""
        super().__init__(workbench, view, palette)
        self._wanted = size
        self._place = view.cursor, view.in_force
        self._numbers = GrownNumbersPane(palette, view)
        self._tree = GrownPane(palette, view)
        self._texts = GrownTextsPane(palette, view)

    def parts(self) -> ComposeResult:
        yield self._numbers
        yield self._tree
        yield self._texts

    def listed(self) -> Pane:
        return self._texts if self.has_class("-texts") else self._tree

    @property
    def _shown(self) -> GrownShown | None:
        return self._workbench.now.measured.grown.get(self._place)

    def news(self) -> None:
        """Shows how far it is."""
        shown = self._shown
        if shown is not self._drawn:
            self._drawn = shown
            for pane in (self._numbers, self._tree, self._texts):
                pane.show_grown(shown)
        self._show_keys()

    def _show_keys(self) -> None:
        shown, size = self._shown, self._wanted
        running = shown is not None and shown.running
        begun = shown is not None and shown.asked.depth == size.depth
        least = f"{size.least:.0e}".replace("e-0", "e-") if size.least else "any"
        self._keys.show(
            (
                *(() if running else ((key("grow"), "go on" if begun else "grow"),)),
                ("esc", "stop" if running else "back"),
                (hint("{previous_fork} {next_fork}"), f"depth {size.depth}"),
                (hint("{slower} {faster}"), f"mass {short(size.mass)}"),
                (hint("{previous_peak} {next_peak}"), f"path {least}"),
                (key("enter"), "branch"),
                (key("next_pane"), "tree" if self.has_class("-texts") else "texts"),
                *(((key("mark"), "merge"),) if self.has_class("-texts") else ()),
                (key("undo"), "take away"),
                (key("explain"), "explain"),
            )
        )

    # Keys ------------------------------------------------------------------------------------------------------

    def action_grow(self) -> None:
        """Begins, or goes on: where what was asked for is there already, one step further."""
        self.tell(None)
        shown, size = self._shown, self._wanted
        if not self._workbench.source.can("measure"):
            self.warn("this is a replay: there is no model to ask")
            return
        if shown is not None and shown.running:
            self.tell(Notice("it grows; esc stops it"))
            return
        same = shown is not None and shown.rows and shown.asked == asked_for(size)
        if same and shown is not None and shown.result is not None:
            stop = shown.result.stop
            if stop == "whole":
                self.tell(
                    Notice(
                        hint("there is nothing more to this depth; {next_fork} takes longer texts")
                    )
                )
                return
            if stop == "mass":
                size.hold(1)
            elif stop == "least":
                size.reach(1)
            elif stop == "nodes":
                size.most = min(MOST_NODES, size.most * _MORE)
        self._workbench.grow(self._place[0], asked_for(size))
        self._show_keys()

    def action_leave(self) -> None:
        """Stops the tree while it grows, else goes back."""
        shown = self._shown
        if shown is not None and shown.running:
            self._workbench.stop_experiments()
        else:
            self.dismiss(None)

    def action_forget(self) -> None:
        """Takes the tree away."""
        self.tell(None)
        self._workbench.forget_grown(self._place)

    def action_horizon(self, by: int) -> None:
        """Takes longer texts the next time, or shorter ones."""
        self._wanted.deepen(by)
        self._show_keys()

    def action_samples(self, by: int) -> None:
        """Grows to a larger share of the mass the next time, or to a smaller one."""
        self._wanted.hold(by)
        self._show_keys()

    def action_least(self, by: int) -> None:
        """Reads less probable paths the next time, or only more probable ones."""
        self._wanted.reach(by)
        self._show_keys()

    def action_turn(self) -> None:
        """Turns between the tree and its texts."""
        self.toggle_class("-texts")
        self.set_focus(self.listed())
        self._show_keys()

    def action_merge(self) -> None:
        """Tells spellings of the same bytes as one text, or apart again."""
        if self.has_class("-texts"):
            self._texts.merge()

    @on(Pane.Chosen)
    def action_open(self) -> None:
        """Makes the selected path a branch and goes to its end."""
        row = self._tree.chosen() if self.listed() is self._tree else None
        text = self._texts.chosen() if self.listed() is self._texts else None
        path = row.path if row is not None else text.token_ids if text is not None else None
        if path is None:
            self.warn("nothing is read yet")
        elif not path:
            self.tell(Notice("this stands for many tokens, none of them a path of its own"))
        else:
            self.dismiss(OpenRollout(self._place[0], path))

    def explained(self) -> list[Item]:
        from bftui.ui.explain.explain_grown import grown

        return grown(self._shown)


def asked_for(size: TreeSize) -> HorizonAsked:
    """Gives what the next tree is asked for."""
    return replace(
        HorizonAsked(), depth=size.depth, mass=size.mass, least=size.least, most=size.most
    )
