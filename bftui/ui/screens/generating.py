"""Keys that make tokens, and that change how they are drawn."""

from __future__ import annotations

from textual import on

from bftui.core.text import counted, label
from bftui.session import commands
from bftui.ui.actions.action_table import BY_ID
from bftui.ui.drawing.clickable import ClickableLine
from bftui.ui.panes.bf_pane import StripPane
from bftui.ui.panes.candidates_pane import CandidatesPane
from bftui.ui.panes.pane import Pane
from bftui.ui.panes.text_pane import TextPane
from bftui.ui.panes.tree_pane import TreePane
from bftui.ui.screens.bench import Bench
from bftui.workbench.keys import hint
from bftui.workbench.settings import LONGEST_S
from bftui.workbench.snapshot import Notice
from bftui.workbench.workbench_state import RECORDED


class Generating(Bench):
    """Sample, take the best, play, force."""

    def do_step(self) -> None:
        self.send(commands.Step())

    def do_greedy(self) -> None:
        self.send(commands.Greedy())

    def do_play(self) -> None:
        self.bridge.play(not self.bridge.now.playing)
        self.frame()

    def do_slower(self) -> None:
        self._pace(-1)

    def do_faster(self) -> None:
        self._pace(1)

    def _pace(self, by: int) -> None:
        self.bridge.set_rate(self.bridge.now.rate + by)
        rate, replays = self.bridge.rates[self.bridge.now.rate], self.bridge.now.played is not None
        told = "as fast as it goes" if replays else "as fast as the model goes"
        if rate == RECORDED:
            told = f"as it was recorded, pauses of at most {LONGEST_S:g} s"
        elif rate:
            told = f"{counted(int(rate), 'action' if replays else 'token')} a second"
        self.tell(Notice(f"play: {told}"))

    def do_word(self, place: str) -> None:
        words = self.words
        if int(place) > len(words):
            self.warn(f"the palette has {len(words)} words")
            return
        self.bridge.force_word(words[int(place) - 1])
        self.expect_work()

    def shown_word(self, word: str) -> str:
        """A palette word as it would be forced here: a space before it is shown."""
        session = self.view.session if self.view is not None else None
        return label((word if session is None else session.spaced(word)).encode())

    def force_words(self, text: str) -> None:
        """Forces a text with the space before it that it needs, or says why not."""
        if (reason := BY_ID["force"].why_not(self.facts())) is not None:
            self.warn(reason)
            return
        self.bridge.force_word(text)
        self.expect_work()

    def do_enter(self) -> None:
        pane = self.pane()
        if isinstance(pane, CandidatesPane):
            self._force_chosen()
        elif (
            isinstance(pane, TreePane | TextPane | StripPane)
            and (target := pane.target()) is not None
        ):
            self.send(commands.Goto(target))

    def _force_chosen(self) -> None:
        token = self.candidates.chosen()
        facts = self.facts()
        if facts.replay and self.view is not None and token in self.view.taken():
            self.send(commands.Goto(self.view.taken()[token]))
        elif (reason := BY_ID["force"].why_not(facts)) is not None:
            self.warn(reason)
        elif token is not None:
            self.candidates.wanted = ""
            self.send(commands.ForceIds((token,)))
        elif facts.ended:
            self.warn(hint("the text ends here: {back} goes back, {force} forces a text"))

    @on(Pane.Pointed)
    def _pointed(self, event: Pane.Pointed) -> None:
        if event.pane is self.strip and self.view is not None:
            # The token that was drawn at the position; the open one has none yet.
            self.text_pane.go_to_place(self.strip.place + 1)

    @on(TreePane.Unfolded)
    def _unfolded(self) -> None:
        self.act("fold")

    @on(Pane.Chosen)
    def _chosen(self) -> None:
        self.act("enter")

    @on(ClickableLine.Pressed)
    def _pressed(self, event: ClickableLine.Pressed) -> None:
        if event.action != "word":
            self.act(event.action)
            return
        words = " ".join(
            f"{place + 1} {self.shown_word(word)}" for place, word in enumerate(self.words)
        )
        self.tell(Notice(f"forces a word: {words}"))

    def do_force(self) -> None:
        from bftui.ui.screens.line_screen import LineScreen, Switch

        def hint(text: str) -> str:
            if not text:
                return "literal: nothing is added or cut, so a word mostly wants a space before it"
            tokens = self.bridge.splits.ask((text, self.special))
            if tokens is None:
                return "…"
            shown = " ".join(label(data) for data, _ in tokens)
            control = sum(special for _, special in tokens)
            of_them = f", {control} of them control" if control else ""
            return f"{counted(len(tokens), 'token')}{of_them}: {shown}"

        def turn() -> None:
            self.special = "tokens" if self.special == "text" else "text"

        def forced(text: str | None) -> None:
            if text:
                self.send(commands.Force(text, self.special))

        switch = Switch(lambda: f"special: {self.special}", turn)
        self.app.push_screen(
            LineScreen("force text", "", hint, self.palette, lines=True, switch=switch), forced
        )

    def do_sampler(self) -> None:
        from bftui.ui.screens.sampler_screen import SamplerScreen

        if self.view is None:
            return

        def chosen(command: commands.SetSampler | None) -> None:
            if command is not None:
                self.send(command)

        self.app.push_screen(SamplerScreen(self.view, self.bridge.previews, self.palette), chosen)
