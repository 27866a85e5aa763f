"""The words of the style palette at one place, the one that narrows most first, a word a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import set_cell_size
from rich.style import Style

from bftui.core.noise_floor import within
from bftui.core.text import label, safe
from bftui.results.response_words import factor, times
from bftui.ui.drawing.line_builder import LineBuilder, fit
from bftui.ui.panes.pane import Pane
from bftui.workbench.wording import sampling
from bftui.workbench.words_shown import WordShown, WordsShown

if TYPE_CHECKING:
    from bftui.results.response_result import ResponseResult
    from bftui.ui.themes.theme_styles import Palette
    from bftui.ui.view import View

_RANK = 3
"""Cells of a word's place, and of the sign of the one that is being drawn."""
_WORD, _LONGEST = 12, 28
"""Cells of a word, at least and at most."""
_INTERVAL = 11


@dataclass(frozen=True, slots=True)
class _Column:
    """One column.

    Attributes:
        name: its heading.
        cells: its width.
        leave: what is left out first where there is no room; 0 never is.
        told: what it says of a word.
    """

    name: str
    cells: int
    leave: int
    told: Callable[[WordsPane, WordShown], str]


class WordsPane(Pane):
    """A table over `WordsShown.ranked`; below it the words that are not measured here, and why."""

    NAME = "words"
    HEADING = "which opening narrows most here"

    def __init__(self, palette: Palette, view: View) -> None:
        super().__init__(palette, view)
        self.selected = 1
        self._found: WordsShown | None = None
        self._words: tuple[str, ...] = ()
        self._rows: tuple[WordShown, ...] = ()

    def show_words(self, found: WordsShown | None, words: tuple[str, ...]) -> None:
        """Brings it up to date; a word that was selected stays selected. `words` are those that would be measured."""
        chosen = self.chosen()
        self._found, self._words = found, words
        self._rows = () if found is None else found.ranked()
        if chosen is not None:
            ids = [each.ids for each in self._rows]
            if chosen.ids in ids:
                self.selected = 1 + ids.index(chosen.ids)
        self.reveal()
        self.refresh()

    def chosen(self) -> WordShown | None:
        """The selected word."""
        place = self.selected - 1
        return self._rows[place] if 0 <= place < len(self._rows) else None

    @property
    def reason(self) -> str:
        """Why the selected line is not measured; "" where it is."""
        place = self.selected - 1 - len(self._rows)
        left_out = () if self._found is None else self._found.left_out
        return left_out[place][1] if 0 <= place < len(left_out) else ""

    def select(self, row: int) -> bool:
        # The first line is the heading of the columns.
        return super().select(max(1, row))

    def count(self) -> int:
        found = self._found
        return 1 + (len(self._words) if found is None else len(found.words) + len(found.left_out))

    def heading(self) -> str:
        sampler = " ".join(sampling(self.now.sampler, mixed=self.now.mixing is not None).split())
        found = self._found
        if found is None or not found.partner:
            return f"{self.now.model_name} · {sampler}"
        return f"{safe(self.now.session.model.info.name)} ⇄ {safe(found.partner)} · {sampler}"

    # Lines -----------------------------------------------------------------------------------------------------

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        palette, found = self.palette, self._found
        if row == 0:
            line.add(f"{'':<{_RANK}}{set_cell_size('word', self._word_cells)}", palette.dim)
            for column in self._columns():
                line.add(f" {column.name:>{column.cells}}", palette.dim)
            return None
        place = row - 1
        if found is None:
            line.add(f"{row:>2} ", palette.dim).add(
                label(self._words[place].encode()), palette.text
            )
        elif place < len(self._rows):
            self._word(place, line)
        else:
            text, why = found.left_out[place - len(self._rows)]
            name = set_cell_size(fit(label(text.encode()), self._word_cells), self._word_cells)
            line.add(f" – {name} ", palette.dim)
            line.add(fit(safe(why), line.room), palette.dim)
        if row != self.selected:
            return None
        return palette.cursor if self.has_focus else palette.cursor_idle

    def _word(self, place: int, line: LineBuilder) -> None:
        palette, found, word = self.palette, self._found, self._rows[place]
        assert found is not None
        drawn = found.running and found.at is not None and found.words[found.at] is word
        line.add(f"{place + 1:>2}{'▸' if drawn else ' '}", palette.forced if drawn else palette.dim)
        name = fit(self.now.text(word.ids), self._word_cells)
        line.add(set_cell_size(name, self._word_cells), palette.text)
        for column in self._columns():
            told = column.told(self, word)
            style = palette.text
            if column.name == "verdict":
                style = palette.accent if told in ("narrows", "widens") else palette.dim
            line.add(f" {told:>{column.cells}}", style)

    @property
    def _word_cells(self) -> int:
        taken = sum(1 + column.cells for column in self._columns())
        return max(_WORD, min(_LONGEST, self.columns - _RANK - taken))

    def _columns(self) -> list[_Column]:
        """Those that there is room for."""
        partner = self._found is not None and bool(self._found.partner)
        columns = [*_OWN, *_PARTNERS] if partner else list(_OWN)
        while self.columns < _RANK + _WORD + sum(1 + column.cells for column in columns):
            least = max(columns, key=lambda column: column.leave)
            if not least.leave:
                break
            columns.remove(least)
        return columns

    # Cells -----------------------------------------------------------------------------------------------------

    def verdict(self, word: WordShown) -> str:
        """What is judged of a word: nothing before the last look at every word."""
        found = self._found
        assert found is not None
        return self._judged(
            word.result, within(_delta(word), self.now.noise, word.positions), found.judged
        )

    def partner_verdict(self, word: WordShown) -> str:
        """The same in the partner."""
        found, theirs = self._found, word.partner
        assert found is not None
        if theirs is None:
            return ""
        if theirs.why:
            return "left out"
        delta = None if theirs.result is None else theirs.result.delta
        noise = within(delta, self.now.partner_noise, theirs.positions)
        return self._judged(theirs.result, noise, found.partner_judged)

    def _judged(self, result: ResponseResult | None, within_noise: bool, judged: bool) -> str:
        if result is None:
            return "–"
        if not judged:
            found = self._found
            assert found is not None
            return f"look {len(result.looks)} of {len(found.looks)}"
        verdict = result.verdict or "–"
        return f"{verdict} ~" if within_noise else verdict

    def p(self, word: WordShown) -> str:
        """Holm's p, once every word has its last look."""
        found = self._found
        assert found is not None
        p = None if word.result is None or not found.judged else word.result.p_holm
        return "–" if p is None else f"{p:.3f}" if p >= 0.0005 else "<.001"


def _delta(word: WordShown) -> float | None:
    return None if word.result is None else word.result.delta


def _ratio(result: ResponseResult | None) -> str:
    if result is None:
        return "–"
    if result.delta is not None:
        return f"×{times(result.delta)}"
    return f"×{factor(result.by_horizon[-1].ratio)}" if result.by_horizon else "–"


def _between(ci: tuple[float, float] | None, say: Callable[[float], str]) -> str:
    return "–" if ci is None else "–".join(map(say, ci))


def _like(result: ResponseResult | None) -> str:
    return _between(None if result is None else result.delta_ci, times)


def _noise(result: ResponseResult | None) -> str:
    if result is None:
        return "–"
    if result.noise_ci is None and result.by_horizon:
        return _between(result.by_horizon[-1].noise_ci, factor)
    return _between(result.noise_ci, times)


def _logprob(result: ResponseResult | None) -> str:
    if result is None or result.forced.logprob is None:
        return "–"
    return f"{result.forced.logprob:z.1f}"


def _gap(result: ResponseResult | None) -> str:
    match = None if result is None else result.match
    return "–" if match is None or match.gap is None else f"{match.gap:.1f}"


def _theirs(word: WordShown) -> ResponseResult | None:
    return None if word.partner is None else word.partner.result


_OWN = (
    _Column("ratio", 6, 0, lambda pane, word: _ratio(word.result)),
    _Column("like texts", _INTERVAL, 2, lambda pane, word: _like(word.result)),
    _Column("sampling", _INTERVAL, 4, lambda pane, word: _noise(word.result)),
    _Column("ln P", 5, 3, lambda pane, word: _logprob(word.result)),
    _Column("gap", 4, 5, lambda pane, word: _gap(word.result)),
    _Column("Holm p", 6, 1, WordsPane.p),
    _Column("verdict", 11, 0, WordsPane.verdict),
)
_PARTNERS = (
    _Column("partner", 7, 0, lambda pane, word: _ratio(_theirs(word))),
    _Column("like texts", _INTERVAL, 6, lambda pane, word: _like(_theirs(word))),
    _Column("verdict", 11, 0, WordsPane.partner_verdict),
)
