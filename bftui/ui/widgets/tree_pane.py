"""The tree: every token ever generated, one row for a run without a fork.

Signs: ○ a prompt, ▲ forced, ▸ the row where the session stands, ■ end of text; letters name branches, and the number is
the BF after the row's last token.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

from rich.cells import cell_len
from rich.style import Style

from bftui.core.text import label
from bftui.ui.strips import LineBuilder, counted, factor, fit
from bftui.ui.themes import Palette
from bftui.ui.widgets.pane import Pane
from bftui.ui.widgets.tree_rows import letters

_PROMPT_BYTES = 400
_END = "■"


class TreePane(Pane):
    """Draws `View.rows`; the selection follows the session until it is moved."""

    NAME = "tree"
    EMPTY = "every branch that is taken stays here"

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette)
        self._cursor = -1
        self._run = 0

    def count(self) -> int:
        return len(self.view.rows) if self.view else 0

    def sync(self) -> None:
        view = self.now
        if view.cursor != self._cursor:
            self._cursor = view.cursor
            self._run = view.rows.run_of(view.cursor)
        # Rows that came in above must not move the selection to another run.
        self.selected = view.rows.order.index(self._run)
        self.reveal()

    def select(self, row: int) -> bool:
        moved = super().select(row)
        if self.view:
            self._run = self.view.rows.run_at(self.selected)
        return moved

    def target(self) -> int | None:
        """The node that `enter` goes to: the last of the selected row."""
        return self.view.rows.tail(self._run) if self.view else None

    def heading(self) -> str:
        return "BF at the end" if self.view else ""

    def footing(self) -> str:
        return (
            f"{counted(len(self.view.tree), 'node')} · {counted(self.count(), 'row')}"
            if self.view
            else ""
        )

    def same(self, row: int) -> Hashable:
        view = self.now
        rows, run = view.rows, view.rows.run_at(row)
        tail = rows.tail(run)
        here = view.cursor if rows.run_of(view.cursor) == run else None
        guides = self._levels(run)
        return run, rows.head(run), tail, rows.letter(run), guides, here, view.tree.entropies(tail)

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        view, palette = self.now, self.palette
        run = view.rows.run_at(row)
        here = view.rows.run_of(view.cursor) == run
        tail = view.rows.tail(run)
        note, note_style = self._note(run, tail)
        width = line.width - cell_len(note) - 1
        body = LineBuilder(max(4, width), palette.text)
        # A column of its own, so that nothing moves when the session comes or goes.
        body.add("▸" if here else " ", palette.accent)
        self._guides(body, run)
        if view.tree.parent(tail) is None:
            body.add("○ ", palette.accent if here else palette.dim)
            body.add(fit(self._prompt(tail), body.room), palette.dim)
        else:
            self._tokens(body, run, here)
        for segment in body.strip():
            line.add(segment.text, segment.style)
        line.right(note, note_style)
        if row != self.selected:
            return None
        return palette.cursor if self.has_focus else palette.cursor_idle

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
        return f"{name:>2} {factor(math.exp(entropies[1])):>5}", self.palette.text

    def _levels(self, run: int) -> tuple[tuple[bool, ...], bool]:
        """The guides of a run. All rows leave out the same outer levels: those far above the selected row."""
        rows, shown = self.now.rows, self.columns // 6
        return rows.guides(run, rows.above(self._run, shown), shown + self.rows)

    def _guides(self, body: LineBuilder, run: int) -> None:
        last, more = self._levels(run)
        if more:
            body.add("‹ ", self.palette.line)
        for ends in last[:-1]:
            body.add("   " if ends else "│  ", self.palette.line)
        if last:
            body.add("└─ " if last[-1] else "├─ ", self.palette.line)

    def _prompt(self, root: int) -> str:
        view = self.now
        data = b"".join(
            view.session.model.token_bytes(i) for i in view.tree.prompt_ids(root)[:_PROMPT_BYTES]
        )
        whole = data[:_PROMPT_BYTES].decode(errors="ignore")
        return label(whole.encode()) if whole else "(empty prompt)"

    def _tokens(self, body: LineBuilder, run: int, here: bool) -> None:
        """The run's tokens; of a long run its beginning, and for the session's own row also where it stands."""
        view = self.now
        rows, length = view.rows, view.rows.length(run)
        leading = rows.leading(run, body.room + 1)
        offset = view.tree.depth(view.cursor) - view.tree.depth(rows.head(run)) if here else 0
        if sum(map(self._cells, leading)) <= body.room and len(leading) == length:
            self._put(body, leading, body.room)
            return
        if here and not self._fits(leading[: offset + 1], body.room - 6):
            rest = offset + 1 - self._put(body, leading[:offset], body.room // 3)
            near = self._before_cursor(body.room - 1, rest)
            body.add("…" if len(near) < rest else "", self.palette.dim)
            if self._put(body, near, body.room) == 0:
                body.add(fit(self._text(view.cursor), body.room), self.palette.accent)
            return
        shown = self._put(body, leading, body.room - len(f" +{length:,}"))
        if shown == 0:
            body.add(fit(self._text(leading[0]), body.room), self.palette.text)
        elif shown < length:
            body.add(f" +{length - shown:,}", self.palette.dim)

    def _before_cursor(self, cells: int, count: int) -> list[int]:
        """The nodes that end at the cursor, as many as fit, the cursor's own in any case; at most `count`."""
        view = self.now
        near = [view.cursor]
        room = cells - self._cells(view.cursor)
        while len(near) < count and (parent := view.tree.parent(near[-1])) is not None:
            room -= self._cells(parent)
            if room < 0:
                break
            near.append(parent)
        return near[::-1]

    def _fits(self, nodes: list[int], cells: int) -> bool:
        return sum(map(self._cells, nodes)) <= cells

    def _put(self, body: LineBuilder, nodes: list[int], cells: int) -> int:
        """Draws nodes while they fit; how many did."""
        view, palette = self.now, self.palette
        limit = body.at + cells
        for place, node in enumerate(nodes):
            if body.at + self._cells(node) > limit:
                return place
            style = palette.forced if self._forced(node) else palette.text
            if node == view.cursor:
                style += Style(underline=True, bold=True)
            body.add(self._text(node), style)
        return len(nodes)

    def _text(self, node: int) -> str:
        view = self.now
        token = view.tree.token_id(node)
        text = "" if token is None else view.label(token)
        heads_row = view.rows.head(view.rows.run_of(node)) == node
        begins = view.session.begins_force(node) or (heads_row and self._forced(node))
        return f"▲{text}" if begins else text

    def _cells(self, node: int) -> int:
        return cell_len(self._text(node))

    def _forced(self, node: int) -> bool:
        return self.now.tree.source(node).word == "forced"
