"""The candidates: the whole vocabulary by probability, the truncation drawn in place, tokens past it greyed.

A search looks at all of it too. p is of P, at temperature 1, whatever the sampler. The best 50 are stored with every
node; rows below come from the model as pages, when they are looked at. Rows that look-ahead looked at show BF one step
later; in an order by that they alone are shown. With a partner each row shows the token's rank in its distribution, and
the whole vocabulary can be shown in that order.
Control tokens have a colour of their own, and ■ stands after what ends the text.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from rich.style import Style

from bftui.core.noise_floor import factor, fine, nats
from bftui.core.text import SPACE, counted, safe
from bftui.ui.drawing.line_builder import LineBuilder, bar, fit, probability, starred
from bftui.ui.drawing.shift_style import SIGNS, kind_style
from bftui.ui.panes.pane import Pane
from bftui.ui.themes.theme_styles import Palette
from bftui.workbench.keys import hint
from bftui.workbench.queries import PageKey, Query
from bftui.workbench.wording import truncation

if TYPE_CHECKING:
    from bftui.backends.client.client_protocol import Page
    from bftui.core.distribution import NextToken
    from bftui.results.lookahead_result import AheadResult, LookaheadResult

_BOLD = Style(bold=True)
_PAGE = 100
_END = "■"
_SIGN = "✓"
"""Stands at a valid token."""

_AHEAD = 12
"""Cells of the column "BF after", where there is room for all columns."""
_WIDE = 60
"""Cells of a line that has that room."""
_PARTNER = 18
"""Cells of the partner's column with rank, sign and word; without the word, and in a narrow line."""
_RANKED, _SHORT = 8, 6
_SUMS = 13
"""Cells that name and bar keep beside Σp where there is a partner."""
_VALID = 7
"""Cells of the share of valid answers behind a token."""
_AHEAD_BAR = 4
_AHEAD_TOP = math.log(25)
"""ln BF at which the bar of "BF after" is full."""


class CandidateOrder(StrEnum):
    """How the rows are ordered."""

    RANK = "by rank"
    NARROWS = "narrows most first"
    OPENS = "opens most first"
    PARTNER = "by the partner's rank"


BY_AHEAD = (CandidateOrder.NARROWS, CandidateOrder.OPENS)
"""The orders in which only the candidates are shown that were looked at."""


@dataclass(frozen=True, slots=True)
class ShownCandidate:
    """One row's numbers; `total` is the probability down to it, None where that is not known."""

    token_id: int
    rank: int
    p: float
    total: float | None
    kept: bool


class CandidatesPane(Pane):
    """Draws the distribution after the cursor, or those of its tokens that a search keeps."""

    NAME = "candidates"
    EMPTY = (
        "every token that could come next, the most probable first: {enter} forces one, "
        "{search} searches them all, {look_ahead} looks ahead. {prompt} writes the prompt to begin with"
    )

    def __init__(self, palette: Palette, pages: Query[PageKey, Page]) -> None:
        """`pages` are the rows below the stored ones, fetched when they are looked at."""
        super().__init__(palette)
        self._ask = pages.ask
        self._pages = pages.answers
        self._node = -1
        self._stored: list[ShownCandidate] = []
        self._taken: dict[int, int] = {}
        self._shares: dict[int, float] = {}
        self.wanted = ""
        self.order = CandidateOrder.RANK
        self._ordered: list[ShownCandidate] = []

    def forget(self) -> None:
        self._node, self._stored, self._taken, self.wanted = -1, [], {}, ""
        self.order, self._ordered = CandidateOrder.RANK, []
        self.selected = self.top = 0

    # State -----------------------------------------------------------------------------------------------------

    def state(self) -> Hashable:
        pages = len(self._pages), next(reversed(self._pages), None)
        known = (self.view.measured.version, self.view.paired.version) if self.view else None
        return super().state(), self.wanted, pages, known

    def sync(self) -> None:
        view = self.now
        if view.cursor != self._node:
            self._node = view.cursor
            self.selected = self.top = 0
            self.order = CandidateOrder.RANK
        self._stored = _candidates(view.next) if view.next else []
        self._taken = view.taken()
        self._shares = view.valid_shares()
        view.standings([each.token_id for each in self._stored])
        if self.order not in self.orders():
            # Under another sampler nothing is known again, and the partner may be gone.
            self.order = CandidateOrder.RANK
        self._ordered = _ordered(view.looked, self.order, view.next) if view.looked else []
        self.reveal()

    def orders(self) -> list[CandidateOrder]:
        """The orders that there are numbers for."""
        view = self.now
        known = [CandidateOrder.RANK, *(BY_AHEAD if view.looked is not None else ())]
        return [*known, CandidateOrder.PARTNER] if view.ranked else known

    def next_order(self) -> None:
        """Orders the rows in the next way."""
        orders = self.orders()
        self.order = orders[(orders.index(self.order) + 1) % len(orders)]
        self.wanted = ""
        self.selected = self.top = 0
        self.redraw()

    def search(self, query: str) -> None:
        """Shows only the tokens whose label contains this; all of them for an empty text."""
        self.order = CandidateOrder.RANK
        self.wanted = safe(query).replace(" ", SPACE)
        self.selected = self.top = 0
        self.redraw()

    def count(self) -> int:
        view = self.view
        if view is None or view.next is None:
            return 1
        if self.wanted:
            page = self._pages.get(self._key(0))
            return max(1, page.total) if page else 1
        if self.order in BY_AHEAD:
            return max(1, len(self._ordered))
        return self._known() + (self._border() is not None)

    def _known(self) -> int:
        """How many candidates there are: the vocabulary, or the stored ones where nobody knows more."""
        exact = self.now.session.model.info.exact
        return self.now.next.n_vocab if exact and self.now.next else len(self._stored)

    def _border(self) -> int | None:
        """The row where the truncation is drawn."""
        following = self.view.next if self.view else None
        if following is None or self.wanted or self.order is not CandidateOrder.RANK:
            return None
        return following.kept if following.kept < self._known() else None

    def _key(self, page: int) -> PageKey:
        view = self.now
        start = page * _PAGE
        by = view.partner if self.order is CandidateOrder.PARTNER else None
        return PageKey(view.cursor, view.in_force, start, start + _PAGE, self.wanted, by)

    def candidate(self, row: int) -> ShownCandidate | None:
        """What a row shows; None for the truncation, and for what is not there yet (it is asked for)."""
        if self.order in BY_AHEAD:
            return self._ordered[row] if row < len(self._ordered) else None
        border = self._border()
        if border is not None and row >= border:
            if row == border:
                return None
            row -= 1
        if self.order is CandidateOrder.RANK and not self.wanted and row < len(self._stored):
            return self._stored[row]
        key = self._key(row // _PAGE)
        page = self._ask(key)
        if page is None:
            return None
        place = row - page.start
        if place >= len(page.rows):
            return None
        view = self.now
        view.standings([each.token_id for each in page.rows])
        found = page.rows[place]
        return ShownCandidate(found.token_id, found.rank, math.exp(found.logprob), None, found.kept)

    def chosen(self) -> int | None:
        """The token id of the selected row."""
        if self.view is None or self.view.next is None:
            return None
        found = self.candidate(self.selected)
        return found.token_id if found else None

    def select(self, row: int) -> bool:
        border = self._border()
        if row == border:
            row += 1 if row > self.selected else -1
        return super().select(row)

    def step_match(self, by: int) -> bool:
        """Selects the next or previous match, round the end; False where nothing matches."""
        total = self.count()
        if self.candidate(0) is None:
            return False
        self.select((self.selected + by) % total)
        return True

    # Drawing ---------------------------------------------------------------------------------------------------

    def heading(self) -> str:
        following = self.view.next if self.view else None
        if following is None:
            return ""
        # P is at temperature 1 whatever the session's is; where they differ each number says its own.
        tempered = following.temperature != 1
        at, at_one = (f" at T {following.temperature:.3g}", " at T 1") if tempered else ("", "")
        value = starred(
            f"BF {factor(following.bf, self.now.noise)}", self.now.stale(self.now.cursor)
        )
        bf = f"{value} ({following.kept:,} kept{at})"
        full = f"{bf} · full {factor(following.bf_full, self.now.noise)}{at_one}"
        short = f"{value}{at}"
        forms = (f"{full} · H {nats(following.entropy, 2, self.now.noise)} nats", full, bf, short)
        room = self.size.width - len(self.NAME) - 8
        return next((form for form in forms if len(form) <= room), "")

    def footing(self) -> str:
        if self.view is None or self.view.next is None:
            return ""
        if self.wanted:
            page = self._pages.get(self._key(0))
            found = counted(page.total, "token") if page else "searching"
            return f"{found} with {fit(safe(self.wanted), 20)}"
        chosen = self.candidate(self.selected)
        place = f"{chosen.rank if chosen else '…'} of {self.view.next.n_vocab:,}"
        if self._known() < self.view.next.n_vocab:
            place += f", {self._known():,} stored"
        at_one = " at T 1" if self.view.next.temperature != 1 else ""
        looked = self.view.looked
        partner = ", rank in partner" if self.view.partner is not None else ""
        if looked is not None and self.order in BY_AHEAD:
            place = f"{len(looked.candidates):,} looked at, {self.order.value}"
        elif self.order is CandidateOrder.PARTNER:
            place = f"{self.selected + 1:,} of {self._known():,} {self.order.value}"
        room = self._flexible(self.columns)
        summed = self.order is CandidateOrder.RANK and (looked is None or self.columns >= _WIDE)
        summed = summed and room >= (_SUMS if self._beside(self.columns) else 16)
        columns = "p, Σp" if summed else "p"
        columns += ", BF after" if looked is not None else ""
        columns += self._validity()
        forms = (
            f"{columns}{partner}{at_one} · {place}",
            f"{columns}{at_one} · {place}",
            f"{columns} · {place}",
            place,
        )
        room = self.size.width - 6
        return next((form for form in forms if len(form) <= room), "")

    def _validity(self) -> str:
        """What the sign of valid tokens stands for, or that none is valid here."""
        valid, place = self.now.valid, self.now.valid_place
        if valid is None or valid.trie is None:
            return ""
        if self._shares:
            return f", {_SIGN} share of answers"
        return ", before or beside the valid set" if place is None else ", not valid any more"

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        view, palette = self.now, self.palette
        if view.next is None:
            line.add("■ the text ends here", palette.accent)
            ways = hint(": {back} goes back, {force} forces a text")
            line.add(fit(ways, line.room), palette.dim)
            return None
        if row == self._border():
            kept = f"── {truncation(view.sampler_of(view.cursor))} keeps {view.next.kept:,} "
            line.add(kept.ljust(line.width, "─"), palette.accent)
            return None
        found = self.candidate(row)
        if found is None:
            line.add(
                "     …" if self.wanted == "" or not self._pages.get(self._key(0)) else "no token",
                palette.dim,
            )
            return None
        selected = row == self.selected
        self._row(found, line, selected)
        if not selected:
            return None
        return palette.cursor if self.has_focus else palette.cursor_idle

    def _row(self, found: ShownCandidate, line: LineBuilder, selected: bool) -> None:
        view, palette = self.now, self.palette
        text = palette.text if found.kept and not view.stale(view.cursor) else palette.dim
        wide = line.width >= _WIDE
        # A narrow line has one place for the sum and for BF after; a wide one keeps its place free until it is known.
        ahead = view.looked is not None
        beside, valid = self._beside(line.width), _VALID if self._shares else 0
        flexible = self._flexible(line.width)
        sums = flexible >= (_SUMS if beside else 16)
        flexible += 0 if sums else 6
        name = max(8, min(28, flexible * (3 if beside else 2) // 5))
        room = max(1, flexible - name)
        # In the model's own order all of a screen are as long; in the partner's they would shift what comes after.
        rank = _short(found.rank) if self.order is CandidateOrder.PARTNER else str(found.rank)
        line.add(f"{rank:>4}", palette.dim).add("▸" if selected else " ", palette.accent)
        line.add("•" if found.token_id in self._taken else " ", palette.forced)
        start = line.at
        self._token(found, line, name, text)
        line.to(start + name + 1)
        start = line.at
        # Beside the best one: how flat the distribution is shows at any scale, the numbers say the rest.
        share = found.p / self._stored[0].p if self._stored else 0.0
        style = palette.bar if found.kept else palette.bar_past
        line.add(bar(min(share, 1.0), room), style).to(start + room)
        line.add(f" {probability(found.p, self.now.noise):>5}", text)
        if sums and found.total is not None and (wide or not ahead):
            line.add(f" {probability(found.total, self.now.noise):>5}", palette.dim)
        end = line.width - beside - valid
        if ahead and sums:
            line.to(end - (_AHEAD if wide else 6))
            self._after(found, line, wide=wide)
        if (answers := self._shares.get(found.token_id)) is not None:
            line.to(end).add(f" {_SIGN}{100 * answers:>4.0f}%", palette.good)
        if beside:
            line.to(line.width - beside)
            self._partnered(found, line)

    def _flexible(self, width: int) -> int:
        """Cells of a line for name, bar and, where they are enough, Σp."""
        valid = _VALID if self._shares else 0
        return width - 20 - self._beside(width) - valid - (_AHEAD if width >= _WIDE else 0)

    def _token(self, found: ShownCandidate, line: LineBuilder, cells: int, style: Style) -> None:
        """The token; a control token in a colour of its own, and ■ after one that ends the text."""
        view, info = self.now, self.now.session.model.info
        end = f" {_END}" if found.token_id in info.eog_ids else ""
        if found.token_id in info.special_ids and found.kept:
            style = self.palette.accent
        line.add(fit(view.label(found.token_id), cells - len(end)), style)
        line.add(end, self.palette.accent if found.kept else self.palette.dim)

    def _beside(self, width: int) -> int:
        """Cells of the partner's column."""
        if self.now.partner is None:
            return 0
        if width < _WIDE:
            return _SHORT
        return _PARTNER if width >= _WIDE + _RANKED else _RANKED

    def _partnered(self, found: ShownCandidate, line: LineBuilder) -> None:
        """The token's rank in the partner's distribution, with the class that it has there as far as there is room."""
        standing = self.now.standings(()).get(found.token_id)
        if standing is None:
            return
        kind, room = standing.kind, line.room
        style = kind_style(self.palette, kind) if found.kept else self.palette.dim
        rank = f"#{_short(standing.rank)}"
        if room <= _SHORT:
            line.add(f"{rank:>5}{SIGNS[kind]}", style)
        else:
            word = f" {kind}" if room >= _PARTNER else ""
            line.add(f" {rank:>5} {SIGNS[kind]}{word}", style)

    def _after(self, found: ShownCandidate, line: LineBuilder, *, wide: bool) -> None:
        """BF one step later, with a bar where there is room; ◀ marks the smallest."""
        looked, palette = self.now.looked, self.palette
        if looked is None or found.token_id not in looked.after:
            return
        bf = looked.after[found.token_id]
        best = found.token_id == looked.narrowest
        style = palette.good + _BOLD if best else palette.text
        told = "end" if bf is None else fine(bf, self.now.noise)
        if not wide:
            line.add(f"{told:>5}" if len(told) < 6 else told, style)
            line.add("◀" if best else "", style)
            return
        line.add(f"{told:>6}", style).add("◀" if best else " ", style)
        if bf is not None:
            line.add(bar(math.log(max(1.0, bf)) / _AHEAD_TOP, _AHEAD_BAR), palette.bar)


def _ordered(
    looked: LookaheadResult, order: CandidateOrder, following: NextToken | None
) -> list[ShownCandidate]:
    """The rows that were looked at in an order by BF after; those that end the text come last."""
    sign = 1 if order is CandidateOrder.NARROWS else -1
    kept = 0 if following is None else following.kept

    def key(at: tuple[int, AheadResult]) -> tuple[bool, float, int]:
        after = at[1].after
        return after is None, sign * (after.bf if after else 0.0), at[1].rank

    return [
        ShownCandidate(row.token_id, row.rank, min(1.0, row.prob), None, place < kept)
        for place, row in sorted(enumerate(looked.candidates), key=key)
    ]


def _candidates(following: NextToken) -> list[ShownCandidate]:
    """The stored candidates, best first."""
    rows, total = [], 0.0
    ids, logprobs = following.top_ids.tolist(), following.top_logprobs.tolist()
    for place, (token_id, logprob) in enumerate(zip(ids, logprobs, strict=True)):
        p = math.exp(logprob)
        total += p
        rows.append(ShownCandidate(token_id, place + 1, p, min(total, 1.0), place < following.kept))
    return rows


def _short(rank: int) -> str:
    """A rank in at most four cells, of any vocabulary below a million."""
    return str(rank) if rank < 10_000 else f"{rank // 1000}k"
