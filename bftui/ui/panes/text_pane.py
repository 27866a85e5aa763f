"""The text: prompt and path, token by token, each shaded by what `w` chooses, with a cursor that looks at one token.

A selection goes from where it began to the cursor, in whole tokens; any other move ends it.

The prompt is dimmed; forced tokens begin with ▲ and are bold, those of the partner begin with ◇; § stands where a
constraint begins. `▮` is where the session stands, `■` the end of text, and `▮■` where a constraint lets it end.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from itertools import takewhile
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.style import Style
from textual import events

from bftui.core.noise_floor import factor, nats
from bftui.core.text import counted, safe
from bftui.ui.drawing.line_builder import LineBuilder, fit, probability
from bftui.ui.drawing.shift_style import SIGNS, shaded
from bftui.ui.drawing.text_layout import FORCED, NUDGED, TextLayout
from bftui.ui.panes.pane import Pane
from bftui.ui.panes.text_shading import LEGENDS, Shading, token_style
from bftui.ui.themes.theme_styles import Palette
from bftui.ui.view import Path
from bftui.workbench.keys import hint

if TYPE_CHECKING:
    from bftui.core.thinking import ThinkingBlock

_HERE, _END, _GOVERNED = "▮", "■", "§"

GAMMA = 0.4
"""The threshold of nudging that the dry run begins with (arXiv 2410.09300)."""

_BOLD = Style(bold=True)
_HIT = Style(underline=True, bold=True)
_UNDERLINED = Style(underline=True)


class TextPane(Pane):
    """Draws the visible path as wrapped text; its cursor follows the end until it is moved away."""

    NAME = "text"
    EMPTY = (
        "the text, token by token, shaded by entropy: {shading} shades by something else, "
        "{select_right} selects, {copy} copies"
    )

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette)
        self.shading = Shading.ENTROPY
        self.gamma = GAMMA
        self.wanted = ""
        self._path = Path()
        self._prompt = 0
        self._layout = TextLayout(1)
        self._folds: tuple[ThinkingBlock, ...] = ()
        self._governed: int | None = None
        self._away: int | None = None
        self._anchor: int | None = None
        self._pressed: int | None = None
        self._dragged = False
        self._rolled = False
        self._column = 0
        self._found: list[range] = []
        self._hits: set[int] = set()

    # State -----------------------------------------------------------------------------------------------------

    def forget(self) -> None:
        self._path, self._layout = Path(), TextLayout(1)
        self._prompt, self._away, self._anchor, self._rolled = 0, None, None, False
        self.wanted, self._found, self._hits = "", [], set()

    def state(self) -> Hashable:
        partner = self.view.paired.version if self.view else 0
        return super().state(), self.shading, self.gamma, self.wanted, partner

    def sync(self) -> None:
        view = self.now
        self._layout.resize(self.columns)
        before = self._path.version
        kept: int | None = self._path.follow(view.tree, view.cursor)
        kept = kept if self._path.version != before else None
        constraint = view.sampler.constraint
        governed = constraint.start if constraint else None
        if governed != self._governed:
            # The sign of its beginning goes, or comes, or both.
            starts = [each for each in (governed, self._governed) if each is not None]
            self._governed, whole = governed, len(self._path) if kept is None else kept
            kept = min(whole, min(starts) + 1)
        self._fold(kept)
        self._show_cursor()

    def _fold(self, kept: int | None = None) -> None:
        """Takes in what is new on the path after `kept` nodes, if anything, and what of it is folded from now on."""
        # What is searched is shown.
        folds = () if self.wanted else self.now.folds_to(self.now.cursor)
        if folds != self._folds:
            same = sum(
                1
                for _ in takewhile(
                    lambda pair: pair[0] == pair[1], zip(folds, self._folds, strict=False)
                )
            )
            first = min(each[same].start for each in (folds, self._folds) if same < len(each))
            new = len(self._path) if kept is None else kept
            self._folds, kept = folds, min(new, first + 1)
        if kept is None:
            return
        self._take_in(kept)
        self._find()

    def _take_in(self, kept: int) -> None:
        view = self.now
        nodes = self._path.nodes
        fresh = nodes[max(1, kept) :]
        data = [view.bytes(node) for node in fresh]
        if kept == 0:
            prompt = view.tree.prompt_ids(nodes[0])
            self._prompt = len(prompt)
            data = [view.session.model.token_bytes(i) for i in prompt] + data
        start = self._prompt + kept - 1 if kept else 0
        first = self._prompt + max(1, kept) - 1
        marks = {
            first + i: FORCED if forced else NUDGED
            for i, node in enumerate(fresh)
            if (forced := node in view.session.state.force_starts) or view.begins_nudge(node)
        }
        if self._governed is not None and (begins := self._prompt + self._governed) >= first:
            marks[begins] = _GOVERNED + marks.get(begins, "")
        hidden = set[int]()
        for block in self._folds:
            tokens = range(self._prompt + block.start, self._prompt + block.stop)
            hidden.update(tokens)
            marks.update(dict.fromkeys(tokens, ""))
            marks[tokens[0]] = f"⋯ {counted(len(tokens), 'token')} of thinking ⋯"
        self._layout.replace(start, data, marks, hidden)
        if self._away is not None and self._away >= start:
            # What the cursor stood on has gone: it follows the end again.
            self._away = None
        if self._anchor is not None and (self._away is None or self._anchor >= start):
            self._anchor = None

    def on_resize(self) -> None:
        # `Pane.on_resize` is called after this.
        self._layout.resize(self.columns)
        self._show_cursor()

    def count(self) -> int:
        return len(self._layout.lines)

    def shade_by(self, shading: Shading) -> None:
        """Shades by something else from now on."""
        self.shading = shading
        self.redraw()

    # The cursor ------------------------------------------------------------------------------------------------

    @property
    def token(self) -> int:
        """The token under the cursor, counted from 0 with the prompt's."""
        last = max(0, len(self._layout) - 1)
        return last if self._away is None else min(self._away, last)

    @property
    def away(self) -> bool:
        """Whether the cursor was moved away from the end."""
        return self._away is not None

    @property
    def place(self) -> int:
        """The place on the path of the token under the cursor; 0 for every token of the prompt."""
        return max(0, self.token - self._prompt + 1)

    def target(self) -> int | None:
        """The node of the token under the cursor; the prompt's for a token of it."""
        return self._path.nodes[self.place] if self.view and self._path.nodes else None

    def go_to(self, token: int, *, column: bool = True, anchor: int | None = None) -> bool:
        """Puts the cursor on a token; False where it stands there already. What is selected goes on from `anchor`."""
        before, last = self.token, len(self._layout) - 1
        self._anchor, self._rolled = anchor, False
        token = self._off_fold(max(0, min(token, last)), before)
        self._away = token if token < last else None
        if column:
            self._column = self._layout.first_cell(token)[1]
        self._show_cursor()
        self.refresh()
        return token != before

    def _off_fold(self, token: int, before: int) -> int:
        """The token itself, or of what is folded the sign that stands for it, or past that what comes after."""
        for block in self._folds:
            first, stop = self._prompt + block.start, self._prompt + block.stop
            if first < token < stop:
                return min(stop, len(self._layout) - 1) if before <= first else first
        return token

    def jump_thinking(self) -> str:
        """Unfolds thinking and goes to its beginning, or folds it and goes to what comes after; what it is, in words.

        "" where nothing on the path thinks.
        """
        view = self.now
        parts, blocks = view.thinking, view.blocks
        if parts is None:
            return ""
        view.unfolded = not view.unfolded
        self._fold()
        inside = [each for each in blocks if self._prompt + each.start <= self.token]
        block = inside[-1] if inside else blocks[0]
        self.go_to(self._prompt + (block.start if view.unfolded else block.stop))
        return parts.line()

    def go_to_place(self, place: int) -> bool:
        """Puts the cursor on the token at a place of the path."""
        return self.go_to(self._prompt + place - 1)

    def move(self, by: int) -> bool:
        if not len(self._layout):
            return False
        line = self._layout.first_cell(self.token)[0] + by
        if not 0 <= line < self.count():
            return self.go_to(0 if line < 0 else len(self._layout))
        return self.go_to(self._layout.token_at(line, self._column), column=False)

    def point(self, row: int, column: int) -> None:
        if 0 <= row < self.count() and not self._dragged:
            self.go_to(self._layout.token_at(row, column))

    def roll(self, by: int) -> None:
        """Scrolls; who followed the end follows it again as soon as it is back in view."""
        followed, before = self._rolled or not self.away, self.top
        self.top = max(0, min(self.top + by, self.count() - self.rows))
        self.refresh()
        if self.top == before or self._anchor is not None:
            # What is selected stays so out of view.
            return
        line, column = self._layout.first_cell(self.token)
        inside = max(self.top, min(line, self.top + self.rows - 1))
        if followed and self.top == self.count() - self.rows:
            self.go_to(len(self._layout))
        elif inside != line:
            top = self.top
            self.go_to(self._layout.token_at(inside, column), column=False)
            # The token may begin a line earlier.
            self.top, self._rolled = top, followed

    # Selecting -------------------------------------------------------------------------------------------------

    @property
    def selection(self) -> range | None:
        """The tokens that are selected; None where none are."""
        if self._anchor is None:
            return None
        first, last = sorted((self._anchor, self.token))
        return range(first, last + 1)

    def selected_bytes(self) -> bytes:
        """What the selected tokens stand for."""
        found = self.selection
        return b"" if found is None else b"".join(self._layout.data(found))

    def extend(self, token: int) -> None:
        """Moves the cursor, and selects what lies between it and where it stood when that began."""
        if len(self._layout):
            self.go_to(token, anchor=self.token if self._anchor is None else self._anchor)

    def extend_lines(self, by: int) -> None:
        """The same, by lines."""
        anchor = self.token if self._anchor is None else self._anchor
        self.move(by)
        self._anchor = anchor
        self.refresh()

    def unselect(self) -> bool:
        """Ends the selection; False where there is none."""
        if self._anchor is None:
            return False
        self._anchor = None
        self.refresh()
        return True

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._dragged = False
        row = self.top + event.y - 1
        if self.ready and event.button == 1 and 0 < event.y <= self.rows and row < self.count():
            self._pressed = self._layout.token_at(row, event.x - 2)
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._pressed is None:
            return
        # Past an edge the text scrolls on, line by line.
        row = max(0, min(self.top + event.y - 1, self.count() - 1))
        token = self._layout.token_at(row, max(0, event.x - 2))
        if self._dragged or token != self._pressed:
            self._dragged = True
            self.go_to(token, anchor=self._pressed)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        self._pressed = None
        self.release_mouse()

    def to_first(self) -> None:
        self.go_to(0)

    def to_last(self) -> None:
        self.go_to(len(self._layout))

    def _show_cursor(self) -> None:
        end = self.count() - 1
        self.selected = end if self._away is None else self._layout.line_of(self.token)
        self.reveal()

    # Searching -------------------------------------------------------------------------------------------------

    def search(self, query: str) -> None:
        """Marks every place where the text contains this; none for an empty one."""
        self.wanted = query
        if self.view is not None and self._path.nodes:
            self._fold()
        self._find()
        self.redraw()

    def _find(self) -> None:
        self._found = self._layout.find(self.wanted) if self.wanted else []
        self._hits = {token for tokens in self._found for token in tokens}

    def matches(self) -> str:
        """How many there are, in words."""
        found = f"{len(self._found):,} {'match' if len(self._found) == 1 else 'matches'}"
        at = next((i for i, tokens in enumerate(self._found) if self.token in tokens), None)
        return found if at is None else f"{at + 1} of {found}"

    def step_match(self, by: int, *, stay: bool = False) -> bool:
        """Goes to the next or previous match, round the end; False where there is none. `stay`: unless on one."""
        if not self._found:
            return False
        at = self.token
        if stay and at in self._hits:
            return True
        starts = [tokens.start for tokens in self._found]
        if by > 0:
            self.go_to(next((start for start in starts if start > at), starts[0]))
        else:
            self.go_to(next((start for start in reversed(starts) if start < at), starts[-1]))
        return True

    # Drawing ---------------------------------------------------------------------------------------------------

    def heading(self) -> str:
        if self.view is None:
            return ""
        tokens = self._tokens()
        legends = [each.format(gamma=self.gamma) for each in LEGENDS[self.shading]]
        forms = [f"{tokens} · {legend}" for legend in legends]
        if templates := self._templates():
            forms = [*(f"{templates} · {form}" for form in forms), *forms]
        room = self.size.width - len(self.NAME) - 8
        return next((form for form in forms if cell_len(form) <= room), tokens)

    def _tokens(self) -> str:
        """How many tokens there are; where some of them think, with BF of those and of the answer."""
        parts = self.now.thinking
        if parts is None:
            return counted(len(self._path) - 1, "token")
        return " · ".join(
            f"{name} {counted(part.tokens, 'token')} BF {factor(part.bf)}"
            for name, part in (("thinking", parts.thinking), ("answer", parts.answer))
            if part is not None
        )

    def _templates(self) -> str:
        """What the prompt was put into, and what for the partner; nothing for a raw prompt alone."""
        own, partner = self.now.template, self.now.paired.template
        return f"{own} ⇄ {safe(partner)}" if partner else "" if own == "raw" else own

    def footing(self) -> str:
        if self.view is None or not len(self._layout):
            return ""
        if (chosen := self.selection) is not None:
            return hint(f"{counted(len(chosen), 'token')} selected · {{copy}} copies")
        search = f"{fit(safe(self.wanted), 16)}: {self.matches()} · " if self.wanted else ""
        forms = [search + form for form in self._said()]
        room = self.size.width - 6
        return next((form for form in forms if cell_len(form) <= room), forms[-1])

    def _said(self) -> list[str]:
        """What stands under the cursor, the longest form first."""
        view, token = self.now, self.token
        position = f"pos {token:,}"
        if token < self._prompt:
            token_id = view.tree.prompt_ids(self._path.nodes[0])[token]
            name = fit(view.label(token_id), 24)
            return [f"{name} · id {token_id} · {position} · of the prompt", f"{name} · prompt"]
        node = view.tree.node(self._path.nodes[self.place])
        before = view.tree.entropies(self._path.nodes[self.place - 1])
        assert node.token_id is not None
        assert node.logprob is not None
        name = fit(view.label(node.token_id), 24)
        noise = view.noise
        p = probability(math.exp(node.logprob), noise)
        surprisal = f"{nats(-node.logprob, 2, noise, 'logprob')} nats"
        rank, entropy = (
            f"rank {node.rank:,}",
            f"H before {nats(before[0], 2, noise)}" if before else "",
        )
        found = view.partnered(node.id)
        there = None if found is None or found.compared is None else found.compared.partner
        partner = [] if there is None else [f" · partner #{there.rank} {SIGNS[there.kind]}"]
        whole = [
            f"{name} · id {node.token_id} · {position} · p {p} · surprisal {surprisal} · {rank} · "
            f"{entropy} · {node.source}",
            f"{name} · id {node.token_id} · {position} · p {p} · {surprisal} · {rank} · {entropy} · {node.source}",
            f"{name} · p {p} · {surprisal} · {rank} · {entropy} · {node.source}",
            f"{fit(name, 12)} · p {p} · {rank} · {node.source}",
        ]
        return [form + more for form in whole for more in (*partner, "")]

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        palette, at = self.palette, self.token
        looked = self.has_focus or self.away
        chosen = self.selection or range(0)
        for piece in self._layout.lines[row].pieces:
            style = self._style(piece.token)
            if any(piece.token == self._prompt + each.start for each in self._folds):
                style = palette.accent
            if piece.token in self._hits:
                style += _HIT
            if piece.token in chosen:
                style = palette.text + palette.cursor + _UNDERLINED
            if looked and piece.token == at:
                style += Style(reverse=True) if self.has_focus else Style(underline=True, bold=True)
            line.add(piece.text, style)
        if row == self.count() - 1:
            self._draw_end(line)
        return None

    def _draw_end(self, line: LineBuilder) -> None:
        view, palette = self.now, self.palette
        if self._governed == len(self._path) - 1:
            line.add(_GOVERNED, palette.dim)
        line.add(_END if view.session.ended else _HERE, palette.accent)
        here = None if view.next is None else view.next.constraint
        if here is not None and here.state in ("may end", "ends"):
            line.add(_END, palette.dim)

    def _style(self, token: int) -> Style:
        view, palette = self.now, self.palette
        place = token - self._prompt + 1
        if place < 1:
            return palette.dim
        node, before = self._path.nodes[place], self._path.nodes[place - 1]
        if view.tree.of_prompt(node):
            return palette.dim
        if self.shading is Shading.SHIFT:
            found = view.partnered(node)
            compared = None if found is None else found.compared
            style = palette.dim if compared is None else shaded(palette, compared.partner.kind)
        elif self.shading is Shading.NUDGE and (view.sure(before) or 1.0) < self.gamma:
            style = palette.forced + _UNDERLINED
        else:
            return token_style(view, palette, self.shading, before, node)
        return style + _BOLD if view.tree.source(node).word == "forced" else style
