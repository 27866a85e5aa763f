"""Keys that move the session, mark and hide places of its tree, and jump."""

from __future__ import annotations

import string
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from bftui.core.text import safe
from bftui.session import commands
from bftui.ui.drawing.line_builder import factor
from bftui.ui.panes.text_pane import TextPane
from bftui.ui.panes.tree_pane import TreePane
from bftui.ui.screens.generating import Generating
from bftui.workbench import jumps
from bftui.workbench.keys import hint, key
from bftui.workbench.snapshot import Notice


class Moving(Generating):
    """Back, on, undo, marks, folds, jumps."""

    def do_back(self) -> None:
        self.send(commands.Back())

    def do_forward(self) -> None:
        self.send(commands.Forward())

    def do_undo(self) -> None:
        self.send(commands.Undo())

    def do_redo(self) -> None:
        self.send(commands.Redo())

    # Marks -----------------------------------------------------------------------------------------------------

    def do_mark(self) -> None:
        session = self.bridge.now.session
        if session is None:
            return
        here = session.cursor
        taken = session.marks
        mine = next((name for name, node in taken.items() if node == here), None)
        free = (name for name in string.ascii_lowercase if name not in taken)
        offered = mine or next(free, f"m{len(taken)}")

        def hint(name: str) -> str:
            if not name:
                return "a name for the place where the session stands"
            if name not in taken:
                return f"{key('marks')} goes to {safe(name)} from anywhere"
            return "takes this mark away" if taken[name] == here else "moves this mark here"

        def marked(name: str | None) -> None:
            if name:
                self.send(commands.Mark(name))

        self.ask("mark this place", offered, hint, marked)

    def do_marks(self) -> None:
        from bftui.ui.screens.pick_screen import Pick, PickScreen

        view = self.view
        if view is None:
            return
        picks = []
        for name, node in sorted(view.session.marks.items()):
            picks.append(Pick(name, node, self._about(node), self._bf(node)))

        def picked(node: int | None) -> None:
            if node is not None:
                self.send(commands.Goto(node))

        self.app.push_screen(PickScreen("marks", picks, self.palette), picked)

    def _about(self, node: int) -> str:
        """The end of the text at a node, in visible form."""
        view = self.view
        assert view is not None
        parts: list[str] = []
        at: int | None = node
        while at is not None and len(parts) < 24:
            token = view.tree.token_id(at)
            parts.append("○" if token is None else view.label(token))
            at = view.tree.parent(at)
        return "".join(reversed(parts))

    def _bf(self, node: int) -> str:
        assert self.view is not None
        entropies = self.view.tree.next(node)
        return f"BF {factor(entropies.bf, self.view.noise)}" if entropies else "■"

    # Hiding ----------------------------------------------------------------------------------------------------

    def do_fold(self) -> None:
        target = self.tree_pane.target()
        if target is None or self.view is None:
            return
        if not self.view.tree.child_count(target):
            self.warn("nothing comes after this row")
        else:
            self.send(commands.Fold(target))

    def do_prune(self) -> None:
        self.tell(Notice(hint("hidden: {undo} brings it back")))
        self.send(commands.Prune(self.tree_pane.head()))

    # Jumps: where the text or the tree has the focus its cursor moves, else the session -------------------------

    def do_previous_fork(self) -> None:
        self._jump(self._forks, jumps.before, "no fork before this")

    def do_next_fork(self) -> None:
        self._jump(self._forks, jumps.after, "no fork after this")

    def do_previous_peak(self) -> None:
        self._jump(self._peaks, jumps.before, "no uncertain token before this")

    def do_next_peak(self) -> None:
        self._jump(self._peaks, jumps.after, "no uncertain token after this")

    def do_next_forced(self) -> None:
        def next_or_first(places: Sequence[int], at: int) -> int | None:
            found = jumps.after(places, at)
            return found if found is not None or not places else places[0]

        self._jump(self._forced, next_or_first, "no token was forced here")

    def do_previous_measured(self) -> None:
        self._to_measured(-1)

    def do_next_measured(self) -> None:
        self._to_measured(1)

    def _to_measured(self, way: int) -> None:
        """Moves the session, whatever has the focus: what was measured is shown where it stands. Goes round the end."""
        view = self.view
        if view is None:
            return
        found = jumps.measured(view.measured, view.paired, view.in_force)
        pruned = view.shown.pruned

        def place_of(node: int) -> tuple[int, int]:
            return view.rows.row_of(node), view.tree.depth(node)

        there = sorted(
            (
                node
                for node in found
                if node < view.count and (not pruned or pruned.isdisjoint(view.tree.path(node)))
            ),
            key=place_of,
        )
        if not there:
            self.warn("nothing was measured in this session under this sampler")
            return
        places, at = [place_of(node) for node in there], place_of(view.cursor)
        number = bisect_right(places, at) if way > 0 else bisect_left(places, at) - 1
        number %= len(there)
        if there[number] != view.cursor:
            self.send(commands.Goto(there[number]))
        self.tell(
            Notice(f"measured, {number + 1} of {len(there)}: {', '.join(found[there[number]])}")
        )

    def _forks(self, nodes: Sequence[int]) -> list[int]:
        assert self.view is not None
        return jumps.forks(self.view.tree, nodes, self.view.shown.pruned)

    def _forced(self, nodes: Sequence[int]) -> list[int]:
        assert self.view is not None
        return jumps.forced(self.view.tree, nodes)

    def _peaks(self, nodes: Sequence[int]) -> list[int]:
        """In the text the token that was drawn there; else where it is about to be drawn, its candidates in view."""
        assert self.view is not None
        if isinstance(self.pane(), TextPane):
            return [place + 1 for place in jumps.peaks(self.view.tree, nodes[:-1])]
        return jumps.peaks(self.view.tree, nodes)

    def _jump(
        self,
        find: Callable[[Sequence[int]], list[int]],
        choose: Callable[[Sequence[int], int], int | None],
        none: str,
    ) -> None:
        view, pane = self.view, self.pane()
        if view is None:
            return
        if isinstance(pane, TextPane):
            nodes, at = view.path.nodes, pane.place
        else:
            stands = pane.target() if isinstance(pane, TreePane) else view.cursor
            assert stands is not None
            nodes, at = jumps.line(view.tree, stands, view.shown.pruned)
        place = choose(find(nodes), at)
        if place is None:
            self.warn(none)
        elif isinstance(pane, TextPane):
            pane.go_to_place(place)
        elif isinstance(pane, TreePane):
            pane.select_node(nodes[place])
        else:
            self.send(commands.Goto(nodes[place]))
