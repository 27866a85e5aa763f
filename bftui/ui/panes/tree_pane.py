"""The tree: every token ever generated, one row for a run without a fork.

Signs: ○ a prompt, ▲ forced, ◇ by the partner, ▸ the row where the session stands, ■ end of text, 'a a mark, ⋯ rows
that are folded away, ⋯9⋯ tokens of thinking; letters name branches, and the number is the BF after the row's last
token, with * and dimmed where it is of another sampler.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Hashable, Iterable

from rich.cells import cell_len
from rich.style import Style
from textual.message import Message

from bftui.core.noise_floor import factor
from bftui.core.text import SPACE, counted, label, safe
from bftui.trace.branch_names import letters
from bftui.ui.drawing.line_builder import OTHER_SAMPLER, LineBuilder, fit
from bftui.ui.drawing.text_layout import FORCED, NUDGED
from bftui.ui.drawing.tree_rows import TreeTexts
from bftui.ui.panes.pane import Pane
from bftui.ui.themes.theme_styles import Palette

_PROMPT_BYTES = 400
_SAME = 16
"""Characters of a template that may stand before a prompt in its row."""
_END = "■"


class TreePane(Pane):
    """Draws `View.rows`; the selection follows the session until it is moved."""

    class Unfolded(Message):
        """The sign of folded rows was clicked, in the row that is selected now."""

    NAME = "tree"
    EMPTY = (
        "every branch that is taken stays here, with its BF: "
        "{enter} goes to one, {fold} folds it, {prune} hides it"
    )

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette)
        self.wanted = ""
        self._cursor = -1
        self._run = 0
        self._found: list[int] = []
        self._hits: frozenset[int] = frozenset()
        self._searched: Hashable = None
        self._texts: TreeTexts | None = None
        # Of the row that is drawn: thinking that is a sign, by its first node its last.
        self._folds: dict[int, int] = {}

    def forget(self) -> None:
        self._cursor, self._run, self.selected, self.top = -1, 0, 0, 0
        self.wanted, self._found, self._hits, self._searched = "", [], frozenset(), None
        self._texts = None

    def count(self) -> int:
        return len(self.view.shown) if self.view else 0

    def state(self) -> Hashable:
        if self.view is None:
            return None
        shown = self.view.shown
        marks = tuple(self.view.marks.items())
        return super().state(), shown.folded, shown.pruned, marks, self.wanted

    def sync(self) -> None:
        view = self.now
        if view.cursor != self._cursor:
            self._cursor = view.cursor
            self._run = view.rows.run_of(view.cursor)
        # Rows that came in above must not move the selection to another run.
        self.selected = view.shown.row_of(self._run)
        self._run = view.shown.run_at(self.selected)
        self._find()
        self.reveal()

    def select(self, row: int) -> bool:
        moved = super().select(row)
        if self.view:
            self._run = self.view.shown.run_at(self.selected)
        return moved

    def point(self, row: int, column: int) -> None:
        super().point(row, column)
        if self.view is not None and self.selected == row:
            start, away, _, _ = self._parts(self._run, self.columns)
            if start <= column < start + cell_len(away):
                self.post_message(self.Unfolded())

    def select_node(self, node: int) -> bool:
        """Selects the row that shows a node; False where it was selected already."""
        return self.select(self.now.shown.row_of(self.now.rows.run_of(node)))

    def target(self) -> int | None:
        """The node that `enter` goes to: the last of the selected row."""
        return self.view.rows.tail(self._run) if self.view else None

    def head(self) -> int:
        """The first node of the selected row."""
        return self.now.rows.head(self._run)

    # Searching -------------------------------------------------------------------------------------------------

    def search(self, query: str) -> None:
        """Marks the rows whose text contains this; none for an empty one."""
        self.wanted = query
        self._strips.clear()
        self._find()
        self.redraw()

    def _find(self) -> None:
        """Looks through all rows that are shown, once for each state of the tree."""
        view = self.view
        if view is None:
            return
        state = (self.wanted, len(view.tree), view.shown.folded, view.shown.pruned)
        if state == self._searched:
            return
        self._searched, self._found, self._hits = state, [], frozenset()
        wanted = safe(self.wanted).replace(" ", SPACE)
        if not wanted:
            return
        if self._texts is None:
            self._texts = TreeTexts(view.tree, view.rows, self._plain)
        self._texts.sync()
        self._hits = frozenset(self._texts.containing(wanted))
        self._found = [row for row, run in enumerate(view.shown.runs()) if run in self._hits]

    def _plain(self, node: int) -> str:
        """The text of a node without signs."""
        token = self.now.tree.token_id(node)
        return self._prompt(node) if token is None else self.now.label(token)

    def matches(self) -> str:
        """How many rows match, in words."""
        found = counted(len(self._found), "row")
        if self.selected in self._found:
            return f"{bisect_left(self._found, self.selected) + 1:,} of {found}"
        return found

    def step_match(self, by: int, *, stay: bool = False) -> bool:
        """Goes to the next or previous match, round the end; False where there is none. `stay`: unless on one."""
        rows = self._found
        if not rows:
            return False
        if stay and self.selected in rows:
            return True
        if by > 0:
            self.select(next((row for row in rows if row > self.selected), rows[0]))
        else:
            self.select(next((row for row in reversed(rows) if row < self.selected), rows[-1]))
        return True

    # Drawing ---------------------------------------------------------------------------------------------------

    def heading(self) -> str:
        return "BF at the end" if self.view else ""

    def footing(self) -> str:
        view = self.view
        if view is None:
            return ""
        if self.wanted:
            return f"{fit(safe(self.wanted), 16)}: {self.matches()}"
        hidden = len(view.rows) - self.count()
        rows = counted(self.count(), "row") + (f", {hidden:,} hidden" if hidden else "")
        whole = f"{counted(len(view.tree), 'node')} · {rows}"
        if not self._other_in_sight():
            return whole
        legend = f"{OTHER_SAMPLER} other sampler"
        forms = (f"{whole} · {legend}", f"{counted(self.count(), 'row')} · {legend}")
        room = self.size.width - 6
        return next((form for form in forms if cell_len(form) <= room), legend)

    def _other_in_sight(self) -> bool:
        """Whether a row that is on the screen has a number of another sampler."""
        view = self.now
        rows = range(self.top, min(self.top + self.rows, self.count()))
        return any(view.stale(view.rows.tail(view.shown.run_at(row))) for row in rows)

    def same(self, row: int) -> Hashable:
        view = self.now
        rows, run = view.rows, view.shown.run_at(row)
        tail = rows.tail(run)
        here = view.cursor if rows.run_of(view.cursor) == run else None
        guides = self._levels(run)
        numbers = view.tree.entropies(tail), view.stale(tail)
        signs = self._marks(run), view.shown.folded_rows(run), run in self._hits, view.unfolded
        return run, rows.head(run), tail, rows.letter(run), guides, here, numbers, signs

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        view, palette = self.now, self.palette
        run = view.shown.run_at(row)
        here = view.shown.row_of(view.rows.run_of(view.cursor)) == row
        standing = view.rows.run_of(view.cursor) == run
        tail = view.rows.tail(run)
        width, away, marks, (note, note_style) = self._parts(run, line.width)
        body = LineBuilder(width, palette.text)
        # A column of its own, so that nothing moves when the session comes or goes.
        body.add("▸" if here else " ", palette.accent)
        self._guides(body, run)
        if view.tree.parent(tail) is None:
            body.add("○ ", palette.accent if here else palette.dim)
            body.add(fit(self._asked(tail), body.room), palette.dim)
        else:
            self._tokens(body, run, standing)
        over = Style(bold=True, underline=True) if run in self._hits else None
        for segment in body.strip(over):
            line.add(segment.text, segment.style)
        line.add(away, palette.accent).add(marks, palette.forced)
        line.right(note, note_style)
        if row != self.selected:
            return None
        return palette.cursor if self.has_focus else palette.cursor_idle

    def _parts(self, run: int, width: int) -> tuple[int, str, str, tuple[str, Style]]:
        """Of a row of so many cells: those of its tokens, how many rows are folded away, marks, and the note."""
        note = self._note(run, self.now.rows.tail(run))
        marks, folded = fit(self._marks(run), width // 4), self.now.shown.folded_rows(run)
        marks = f" {marks}" if marks else ""
        away = f" ⋯ {counted(folded, 'row')}" if folded else ""
        room = width - cell_len(note[0]) - cell_len(marks) - cell_len(away) - 1
        return max(4, room), away, marks, note

    def _note(self, run: int, tail: int) -> tuple[str, Style]:
        """What stands at the right: the branch's letter, and its BF or that the text ends."""
        view = self.now
        letter = view.rows.letter(run)
        name = letters(letter) if letter is not None else ""
        if view.tree.eog(tail):
            return f"{name:>2}     {_END}", self.palette.accent
        entropies = view.tree.entropies(tail)
        if entropies is None:
            return name, self.palette.text
        value, style = factor(math.exp(entropies[1]), view.noise), self.palette.text
        if view.stale(tail):
            # Before the number, so that the column stays in line.
            value, style = f"{OTHER_SAMPLER}{value}", self.palette.dim
        return f"{name:>2} {value:>5}", style

    def _marks(self, run: int) -> str:
        """The marks that stand in a row."""
        view = self.now
        if not view.marks:
            return ""
        return " ".join(name for node, name in view.marks.items() if view.rows.run_of(node) == run)

    def _levels(self, run: int) -> tuple[tuple[bool, ...], bool]:
        """The guides of a run. All rows leave out the same outer levels: those far above the selected row."""
        rows, shown = self.now.rows, self.columns // 6
        return rows.guides(run, rows.above(self._run, shown), shown + self.rows)

    def _guides(self, body: LineBuilder, run: int) -> None:
        last, more = self._levels(run)
        parts = ["‹ "] if more else []
        parts += ["   " if ends else "│  " for ends in last[:-1]]
        if last:
            parts.append("└─ " if last[-1] else "├─ ")
        body.add("".join(parts), self.palette.line)

    def _asked(self, root: int) -> str:
        """A prompt in its row: from what a person wrote on, where a template writes much before it."""
        asked, rendered = self.now.session.state.prompts[root]
        before = rendered.text.find(asked.text) if asked.text else -1
        if before <= _SAME:
            return self._prompt(root)
        data = rendered.text[before : before + _PROMPT_BYTES].encode(errors="replace")
        return f"…{label(data)}"

    def _prompt(self, root: int) -> str:
        view = self.now
        data = b"".join(
            view.session.model.token_bytes(i) for i in view.tree.prompt_ids(root)[:_PROMPT_BYTES]
        )
        whole = data[:_PROMPT_BYTES].decode(errors="ignore")
        return label(whole.encode()) if whole else "(empty prompt)"

    def _tokens(self, body: LineBuilder, run: int, here: bool) -> None:
        """The run's tokens; of a long run its beginning, and for the session's own row also where it stands.

        Thinking is a sign with the number of its tokens.
        """
        view = self.now
        rows, length, depth = view.rows, view.rows.length(run), view.tree.depth
        self._fold(run, here)
        leading = self._leading(run, body.room + 1)
        offset = depth(view.cursor) - depth(rows.head(run)) if here else 0
        if sum(map(self._cells, leading)) <= body.room and self._covered(leading) == length:
            self._put(body, leading, body.room)
            return
        before = [node for node in leading if depth(node) < depth(view.cursor)] if here else []
        if here and sum(map(self._cells, [*before, view.cursor])) > body.room - 6:
            shown = self._put(body, before, body.room // 3)
            rest = offset + 1 - self._covered(before[:shown])
            near = self._before_cursor(body.room - 1, rest)
            body.add("…" if self._covered(near) < rest else "", self.palette.dim)
            if self._put(body, near, body.room) == 0:
                body.add(fit(self._text(view.cursor), body.room), self.palette.accent)
            return
        shown = self._put(body, leading, body.room - len(f" +{length:,}"))
        if shown == 0:
            body.add(fit(self._text(leading[0]), body.room), self.palette.text)
        elif (left := length - self._covered(leading[:shown])) > 0:
            body.add(f" +{left:,}", self.palette.dim)

    def _fold(self, run: int, here: bool) -> None:
        """Finds the thinking of a run that is drawn as a sign: all of it that the session does not stand in."""
        view, self._folds = self.now, {}
        rows, tree, tail = view.rows, view.tree, view.rows.tail(run)
        top, stands = tree.depth(rows.head(run)), tree.depth(view.cursor) if here else 0
        node = tail
        for block in reversed(view.folds_to(tail)):
            first, last = max(top, block.start + 1), block.stop
            if last < first or first <= stands <= last:
                continue
            end = node = self._up(node, last)
            node = self._up(node, first)
            self._folds[node] = end

    def _up(self, node: int, depth: int) -> int:
        """The node above another, or that itself, at a depth."""
        view = self.now
        if view.path.at(view.tree.depth(node)) == node:
            return view.path.nodes[depth]
        while view.tree.depth(node) > depth and (parent := view.tree.parent(node)) is not None:
            node = parent
        return node

    def _leading(self, run: int, count: int) -> list[int]:
        """The first nodes of a run, at most `count`; of what is folded its first."""
        rows, tree = self.now.rows, self.now.tree
        if not self._folds:
            return rows.leading(run, count)
        node, tail = rows.head(run), rows.tail(run)
        nodes = [node]
        while (end := self._folds.get(node, node)) != tail and len(nodes) < count:
            node = next(tree.children(end))
            nodes.append(node)
        return nodes

    def _covered(self, nodes: Iterable[int]) -> int:
        """How many nodes these stand for."""
        depth = self.now.tree.depth
        return sum(depth(self._folds.get(node, node)) - depth(node) + 1 for node in nodes)

    def _before_cursor(self, cells: int, count: int) -> list[int]:
        """The nodes that end at the cursor, as many as fit, the cursor's own in any case; at most `count`."""
        view = self.now
        ends = {end: first for first, end in self._folds.items()}
        near = [view.cursor]
        room = cells - self._cells(view.cursor)
        while self._covered(near) < count and (parent := view.tree.parent(near[-1])) is not None:
            first = ends.get(parent, parent)
            room -= self._cells(first)
            if room < 0:
                break
            near.append(first)
        return near[::-1]

    def _put(self, body: LineBuilder, nodes: list[int], cells: int) -> int:
        """Draws nodes while they fit; how many did."""
        view, palette = self.now, self.palette
        limit = body.at + cells
        for place, node in enumerate(nodes):
            if body.at + self._cells(node) > limit:
                return place
            style = palette.forced if self._by(node, "forced") else palette.text
            if node in self._folds:
                style = palette.accent
            if self._by(node, "nudged"):
                style = palette.good + Style(underline=True)
            if node == view.cursor:
                style += Style(underline=True, bold=True)
            body.add(self._text(node), style)
        return len(nodes)

    def _text(self, node: int) -> str:
        view = self.now
        if node in self._folds:
            return f"⋯{self._covered([node]):,}⋯"
        token = view.tree.token_id(node)
        text = "" if token is None else view.label(token)
        heads_row = view.rows.head(view.rows.run_of(node)) == node
        if node in view.session.state.force_starts or (heads_row and self._by(node, "forced")):
            return f"{FORCED}{text}"
        return f"{NUDGED}{text}" if view.begins_nudge(node, heads_row) else text

    def _cells(self, node: int) -> int:
        return cell_len(self._text(node))

    def _by(self, node: int, source: str) -> bool:
        return self.now.tree.source(node).word == source
