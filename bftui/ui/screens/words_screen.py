"""`W`: which word of the style palette narrows most here, in both models; live while it is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult

from bftui.core.text import counted
from bftui.session import commands
from bftui.ui.actions.bindings import bound, moving, sizing
from bftui.ui.panes.chosen_word_pane import ChosenWordPane
from bftui.ui.panes.pane import Pane
from bftui.ui.panes.words_pane import WordsPane
from bftui.ui.screens.live_screen import LiveScreen
from bftui.workbench.keys import hint, key
from bftui.workbench.response_shown import forced_end
from bftui.workbench.snapshot import Notice

if TYPE_CHECKING:
    from bftui.ui.explain.explain_items import Item
    from bftui.ui.themes.theme_styles import Palette
    from bftui.ui.view import View
    from bftui.workbench.settings import ResponsePlan
    from bftui.workbench.words_shown import WordsShown
    from bftui.workbench.workbench import Workbench


class WordsScreen(LiveScreen[tuple[int, tuple[int, ...], int] | None]):
    """Ends with a word whose own response is to be shown: where, its tokens, and the node of the last; or None."""

    NAME = "words"

    DEFAULT_CSS = """
    WordsScreen #words { height: 1fr; min-height: 12; max-height: 16; }
    WordsScreen #chosen { height: 1fr; }
    """

    BINDINGS = [  # noqa: RUF012
        bound("enter", "force"),
        bound("all_words", "go_on"),
        *sizing(),
        *moving(),
    ]

    def __init__(
        self, workbench: Workbench, view: View, palette: Palette, words: tuple[str, ...]
    ) -> None:
        """Shows the responses to some words at the cursor."""
        super().__init__(workbench, view, palette)
        self._words, self._place = words, (view.cursor, view.in_force)
        self._table = WordsPane(palette, view)
        self._chosen = ChosenWordPane(palette, view)
        self._awaited: tuple[int, ...] | None = None

    def parts(self) -> ComposeResult:
        yield self._table
        yield self._chosen

    def listed(self) -> Pane:
        return self._table

    @property
    def _found(self) -> WordsShown | None:
        return self._workbench.now.measured.words.get(self._place)

    def news(self) -> None:
        """Shows what is known by now; ends where the word that was to be forced is there."""
        if self._awaited is not None and self._leave_for(self._awaited):
            return
        self._table.show_words(self._found, self._words)
        self._show_chosen()
        self._show_keys()

    def _show_chosen(self) -> None:
        now, found = self._workbench.now, self._found
        self._chosen.show_chosen(
            found,
            self._table.chosen(),
            self._table.reason,
            now.plan,
            len(self._words),
            now.measured.speed,
        )

    def _show_keys(self) -> None:
        found, plan = self._found, self._workbench.now.plan
        keys: list[tuple[str, str]] = []
        if found is None:
            keys += [
                (key("all_words"), "begin"),
                (hint("{slower} {faster}"), counted(plan.samples, "sample")),
                (hint("{previous_fork} {next_fork}"), counted(plan.horizon, "token")),
            ]
        elif found.paused:
            keys.append((key("all_words"), "go on"))
        if found is not None:
            keys.append((key("enter"), "force the word, its own response"))
        leaves = "back, it goes on" if found is not None and found.running else "back"
        self._keys.show((*keys, ("esc", leaves), (key("explain"), "explain")))

    # Keys ------------------------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        """Selects another word."""
        super().action_move(by)
        self._show_chosen()

    def action_edge(self, end: int) -> None:
        """Selects the first word or the last."""
        super().action_edge(end)
        self._show_chosen()

    @on(Pane.Pointed)
    def _pointed(self) -> None:
        self._show_chosen()

    def action_go_on(self) -> None:
        """Begins, goes on, or closes where nothing waits."""
        self.tell(None)
        found = self._found
        if found is None or found.paused:
            self._workbench.respond_to_words(self._place[0], self._words)
        else:
            self.action_leave()

    def action_samples(self, by: int) -> None:
        """Plans more samples of each text, or fewer."""
        self._plan(self._workbench.now.plan.step(by))

    def action_horizon(self, by: int) -> None:
        """Plans longer samples, or shorter ones."""
        self._plan(self._workbench.now.plan.stretch(by))

    def _plan(self, plan: ResponsePlan) -> None:
        self.tell(None)
        if self._found is not None:
            self.warn("what was begun is measured as it was planned")
            return
        if plan == self._workbench.now.plan:
            self.tell(Notice("that is as far as the keys go"))
        self._workbench.plan_responses(plan)
        self.news()

    @on(Pane.Chosen)
    def action_force(self) -> None:
        """Goes to the selected word, which is forced where it is not there yet, and shows its own response."""
        self.tell(None)
        word, node = self._table.chosen(), self._place[0]
        if word is None:
            reason = self._table.reason
            nothing = hint("nothing is measured yet: {all_words} begins")
            self.warn(f"it cannot be forced here: {reason}" if reason else nothing)
            return
        if self._leave_for(word.ids):
            return
        if not self._workbench.source.can("force"):
            self.warn("this is a replay: the word was not forced here")
            return
        if self._view.cursor != node:
            self._workbench.send(commands.Goto(node))
        self._workbench.send(commands.ForceIds(word.ids))
        self._awaited = word.ids

    def _leave_for(self, ids: tuple[int, ...]) -> bool:
        """Ends with a word whose nodes are there; whether they are."""
        node = self._place[0]
        end = forced_end(self._view.tree, node, ids)
        if end is None:
            return False
        self._awaited = None
        self.dismiss((node, ids, end))
        return True

    def explained(self) -> list[Item]:
        from bftui.ui.explain.explain_experiments import words

        return words(self._view, self._found)
