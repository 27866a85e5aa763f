"""Keys that change what is seen and leave the session as it is."""

from __future__ import annotations

from bftui.ui.panes.candidates_pane import CandidatesPane
from bftui.ui.panes.pane import Pane
from bftui.ui.panes.text_pane import Shading, TextPane
from bftui.ui.panes.tree_pane import TreePane
from bftui.ui.screens.moving import Moving
from bftui.workbench.keys import hint
from bftui.workbench.snapshot import Notice

_SEARCHED = {
    "candidates": (
        "search the vocabulary",
        "tokens that contain this; ⏎ is a line end; empty shows all",
    ),
    "tree": (
        "search the tree",
        "rows whose text contains this; n and N go to the next and the one before",
    ),
    "text": (
        "search the text",
        "where the text contains this; n and N go to the next and the one before",
    ),
}


class Looking(Moving):
    """Moving in a pane, searching, shading, explaining."""

    def do_up(self) -> None:
        self.pane().move(-1)

    def do_down(self) -> None:
        self.pane().move(1)

    def do_page_up(self) -> None:
        self.pane().move(-self.pane().rows)

    def do_page_down(self) -> None:
        self.pane().move(self.pane().rows)

    def do_first(self) -> None:
        self.pane().to_first()

    def do_last(self) -> None:
        self.pane().to_last()

    def do_token_left(self) -> None:
        self._along(-1)

    def do_token_right(self) -> None:
        self._along(1)

    def _along(self, by: int) -> None:
        if self.pane() is self.strip:
            self.strip.move(by)
        else:
            self.text_pane.go_to(self.text_pane.token + by)

    def do_select_left(self) -> None:
        self.text_pane.extend(self.text_pane.token - 1)

    def do_select_right(self) -> None:
        self.text_pane.extend(self.text_pane.token + 1)

    def do_select_up(self) -> None:
        self.text_pane.extend_lines(-1)

    def do_select_down(self) -> None:
        self.text_pane.extend_lines(1)

    # Searching -------------------------------------------------------------------------------------------------

    def do_search(self) -> None:
        pane = self.pane()
        if not isinstance(pane, CandidatesPane | TreePane | TextPane):
            return
        title, help_ = _SEARCHED[pane.NAME]

        def hint(text: str) -> str:
            if text != pane.wanted:
                pane.search(text)
                if not isinstance(pane, CandidatesPane):
                    pane.step_match(1, stay=True)
            if not text or isinstance(pane, CandidatesPane):
                return help_
            return pane.matches()

        def searched(text: str | None) -> None:
            pane.search(text or "")
            pane.focus()

        self.ask(title, pane.wanted, hint, searched)

    def do_next_match(self) -> None:
        self._step_match(1)

    def do_previous_match(self) -> None:
        self._step_match(-1)

    def _step_match(self, by: int) -> None:
        pane = self.pane()
        if not isinstance(pane, CandidatesPane | TreePane | TextPane):
            return
        if not pane.wanted:
            self.warn(hint("nothing is searched for in this pane: {search} searches"))
        elif not pane.step_match(by):
            self.warn("nothing matches")

    def end_search(self) -> bool:
        """Ends a selection, else the search of the pane in focus, else of any; False where there is none."""
        if self.text_pane.unselect():
            return True
        for pane in (self.pane(), *self.panes):
            if isinstance(pane, CandidatesPane | TreePane | TextPane) and pane.wanted:
                pane.search("")
                return True
        return False

    # Panes -----------------------------------------------------------------------------------------------------

    def do_next_pane(self) -> None:
        self._step_pane(1)

    def do_previous_pane(self) -> None:
        self._step_pane(-1)

    def _step_pane(self, by: int) -> None:
        panes = [pane for pane in self.panes if self.has_class("zoom") or pane.display]
        pane = panes[(panes.index(self.pane()) + by) % len(panes)]
        if self.has_class("zoom"):
            self.zoom_to(pane)
        pane.focus()

    def do_zoom(self) -> None:
        self.zoom_to(None if self.has_class("zoom") else self.pane())

    def zoom_to(self, pane: Pane | None) -> None:
        """Gives a pane the whole screen, or takes it back."""
        with self.app.batch_update():
            for other in self.panes:
                other.set_class(other is pane, "zoomed")
            upper = self.query_one("#upper")
            upper.set_class(pane in (self.tree_pane, self.candidates, self.text_pane), "zoomed")
            self.set_class(pane is not None, "zoom")

    def do_shading(self) -> None:
        alone = self.view is None or self.view.partner is None
        shadings = [each for each in Shading if each is not Shading.SHIFT or not alone]
        if self.text_pane.shading not in shadings:
            self.text_pane.shade_by(Shading.AUTHOR)
        shading = shadings[(shadings.index(self.text_pane.shading) + 1) % len(shadings)]
        self.text_pane.shade_by(shading)
        self.tell(Notice(f"shading: {shading.value}"))

    def do_curve(self) -> None:
        self.strip.toggle()

    def do_theme(self) -> None:
        from bftui.ui.screens.theme_screen import ThemeScreen

        self.app.push_screen(ThemeScreen(self.palette))

    def do_explain(self) -> None:
        from bftui.ui.explain import explain_experiments, explain_items, explain_pair
        from bftui.ui.screens.explain_screen import ExplainScreen

        pane, view = self.pane(), self.view
        if view is None:
            return
        if isinstance(pane, CandidatesPane):
            items = explain_items.distribution(view)
            chosen = pane.candidate(pane.selected)
            items[1:1] = explain_items.candidate(view, chosen)
            if chosen is not None:
                items[1:1] = explain_pair.standing(view, chosen.token_id)
                items[1:1] = explain_experiments.ahead(view, chosen.token_id)
        elif isinstance(pane, TextPane) and (node := pane.target()) is not None:
            parent = view.tree.parent(node)
            before = None if parent is None else view.tree.next(parent)
            items = explain_items.token(view, view.tree.node(node), before) + explain_pair.token(
                view, node
            )
        elif isinstance(pane, TreePane) and (target := pane.target()) is not None:
            items = explain_items.branch(view, target)
        else:
            items = explain_items.curve(view)
            items += explain_items.beside(view, self.strip.beside)
            if self.strip.away:
                items[:0] = explain_items.position(view, self.strip.place)
            if view.rolled is not None:
                items += explain_experiments.rollouts(view, view.rolled)
            items += explain_experiments.response(view, view.responded)
            items += explain_pair.partner(view)
        title = f"what the numbers mean: {pane.HEADING or pane.NAME}"
        self.app.push_screen(ExplainScreen(title, items, self.palette, view.model_name))

    def do_help(self) -> None:
        from bftui.ui.screens.help_screen import HelpScreen

        self.app.push_screen(HelpScreen(self.palette, self.words))
