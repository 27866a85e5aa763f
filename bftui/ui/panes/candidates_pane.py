"""The candidates: the whole vocabulary by probability, each truncation rule drawn in place, removed tokens greyed.

A search looks at all of it too. p is of P, at temperature 1, whatever the sampler; P~ is what is drawn from, and where
it is 0 the rule stands that removed the token. The best 50 are stored with every node; rows below come from the model
as pages, when they are looked at. Rows that look-ahead looked at show BF one step later; in an order by that they alone
are shown. With a partner each row shows the token's rank in its distribution, and the whole vocabulary can be shown in
that order.
Control tokens have a colour of their own, and ■ stands after what ends the text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

from rich.style import Style

from bftui.core.noise_floor import factor, fine, nats
from bftui.core.text import SPACE, counted, safe
from bftui.ui.drawing.line_builder import LineBuilder, bar, fit, probability, starred
from bftui.ui.drawing.shift_style import SIGNS, kind_style
from bftui.ui.panes.pane import Pane
from bftui.ui.panes.removal import Border, Removal, ShownCandidate
from bftui.ui.themes.theme_styles import Palette
from bftui.workbench.keys import hint
from bftui.workbench.queries import PageKey, PreviewKey, Query

if TYPE_CHECKING:
    from bftui.backends.client.client_protocol import Page
    from bftui.core.distribution import NextToken
    from bftui.core.kept_tokens import RuleEffect
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
_SUMS = 12
"""Cells that name and bar keep beside Σp."""
_TRUNCATED = 6
"""Cells of P~, or of the rule that removes the token."""
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


class CandidatesPane(Pane):
    """Draws the distribution after the cursor, or those of its tokens that a search keeps."""

    NAME = "candidates"
    EMPTY = (
        "every token that could come next, the most probable first: {enter} forces one, "
        "{search} searches them all, {look_ahead} looks ahead. {prompt} writes the prompt to begin with"
    )

    def __init__(
        self,
        palette: Palette,
        pages: Query[PageKey, Page],
        effects: Query[PreviewKey, tuple[RuleEffect, ...]],
        playing: Callable[[], bool],
    ) -> None:
        """`pages` are the rows below the stored ones, and `effects` what rules keep, both fetched when needed."""
        super().__init__(palette)
        self._removal = Removal(effects, playing)
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
        return super().state(), self.wanted, pages, known, self._removal.state(self.view)

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
        stored = {each.token_id: each for each in self._stored}
        self._ordered = _ordered(view.looked, self.order, stored) if view.looked else []
        self._removal.sync(view)
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
        return self._known() + len(self._borders())

    def _known(self) -> int:
        """How many candidates there are: the vocabulary, or the stored ones where nobody knows more."""
        exact = self.now.session.model.info.exact
        return self.now.next.n_vocab if exact and self.now.next else len(self._stored)

    def _borders(self) -> Sequence[Border]:
        """The lines at which rules begin or end; the n-th of them is n rows below its place."""
        if self.view is None or self.wanted or self.order is not CandidateOrder.RANK:
            return ()
        return [each for each in self._removal.borders if each.place < self._known()]

    def _border(self, row: int) -> Border | None:
        """The line that a row shows."""
        rows = enumerate(self._borders())
        return next((each for above, each in rows if each.place + above == row), None)

    def _key(self, page: int) -> PageKey:
        view = self.now
        start = page * _PAGE
        by = view.partner if self.order is CandidateOrder.PARTNER else None
        return PageKey(view.cursor, view.in_force, start, start + _PAGE, self.wanted, by)

    def candidate(self, row: int) -> ShownCandidate | None:
        """What a row shows; None for a border, and for what is not there yet (it is asked for)."""
        if self.order in BY_AHEAD:
            return self._ordered[row] if row < len(self._ordered) else None
        if self._border(row) is not None:
            return None
        row -= sum(each.place + above < row for above, each in enumerate(self._borders()))
        if self.order is CandidateOrder.RANK and not self.wanted and row < len(self._stored):
            return self._told(row)
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
        log = found.logprob_truncated
        return ShownCandidate(
            found.token_id,
            found.rank,
            math.exp(found.logprob),
            None,
            found.kept,
            None if log is None else math.exp(log),
            found.removed_by or None,
        )

    def _told(self, row: int) -> ShownCandidate:
        """A stored candidate; where its place does not tell which rule removes it, with what the model says of that."""
        found = self._stored[row]
        known = found.kept or self._removal.names(found) is not None
        if known or self._removal.playing() or self.now.stale(self.now.cursor):
            return found
        page = self._ask(self._key(row // _PAGE))
        rows = () if page is None else page.rows[row - page.start : row - page.start + 1]
        return replace(found, removed_by=rows[0].removed_by or None) if rows else found

    def chosen(self) -> int | None:
        """The token id of the selected row."""
        if self.view is None or self.view.next is None:
            return None
        found = self.candidate(self.selected)
        return found.token_id if found else None

    def select(self, row: int) -> bool:
        by = 1 if row > self.selected else -1
        while self._border(row) is not None:
            row += by
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
        summed = summed and room >= _SUMS
        columns = "p, P~, Σp" if summed else "p, P~"
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
        border = self._border(row)
        if border is not None:
            text = fit(f"── {border.text} ", line.width)
            line.add(text.ljust(line.width, "─"), palette.accent if border.last else palette.dim)
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
        sums = flexible >= _SUMS
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
        self._truncated(found, line, text)
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
        always = 20 + _TRUNCATED + self._beside(width) + valid
        return width - always - (_AHEAD if width >= _WIDE else 0)

    def _truncated(self, found: ShownCandidate, line: LineBuilder, text: Style) -> None:
        """P~, or the rule that removes the token."""
        if found.truncated is not None:
            line.add(f" {probability(found.truncated, self.now.noise):>5}", text)
        else:
            named = "" if found.kept else self._removal.short(found)
            line.add(f" {fit(named, _TRUNCATED - 1):>{_TRUNCATED - 1}}", self.palette.dim)

    def removed_by(self, found: ShownCandidate) -> tuple[str, ...] | None:
        """Names of the rules that remove a candidate; None where that is not known."""
        return self._removal.names(found)

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
    looked: LookaheadResult, order: CandidateOrder, stored: Mapping[int, ShownCandidate]
) -> list[ShownCandidate]:
    """The rows that were looked at in an order by BF after; those that end the text come last."""
    sign = 1 if order is CandidateOrder.NARROWS else -1

    def key(at: tuple[int, AheadResult]) -> tuple[bool, float, int]:
        after = at[1].after
        return after is None, sign * (after.bf if after else 0.0), at[1].rank

    rows = []
    for _, row in sorted(enumerate(looked.candidates), key=key):
        known = stored.get(row.token_id)
        rows.append(
            ShownCandidate(row.token_id, row.rank, min(1.0, row.prob), None, False)
            if known is None
            else replace(known, total=None)
        )
    return rows


def _candidates(following: NextToken) -> list[ShownCandidate]:
    """The stored candidates, best first."""
    rows, total = [], 0.0
    ids, logprobs = following.top_ids.tolist(), following.top_logprobs.tolist()
    for place, (token_id, logprob) in enumerate(zip(ids, logprobs, strict=True)):
        p, log = math.exp(logprob), following.logprob_truncated(place)
        total += p
        truncated = None if log is None else math.exp(log)
        kept = truncated is not None
        rows.append(ShownCandidate(token_id, place + 1, p, min(total, 1.0), kept, truncated))
    return rows


def _short(rank: int) -> str:
    """A rank in at most four cells, of any vocabulary below a million."""
    return str(rank) if rank < 10_000 else f"{rank // 1000}k"
