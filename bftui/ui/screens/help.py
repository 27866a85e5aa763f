"""All keys, made from the action registry, and what the signs on the screen mean."""

from __future__ import annotations

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from bftui.core.text import label
from bftui.ui.actions import groups
from bftui.ui.strips import LineBuilder, fit
from bftui.ui.themes import Palette
from bftui.ui.widgets.pane import Pane

SIGNS = (
    ("▸ ▮", "where the session stands"),
    ("▲", "a token that was forced"),
    ("•", "a candidate that was taken before"),
    ("■", "the text ends"),
    ("A B", "branches of the tree"),
    ("BF", "exp H(P~): at the session's temperature and cut"),
    ("full", "exp H(P): over the whole vocabulary, temperature 1"),
    ("path", "exp of the mean H(P~) over the path's tokens"),
)


class _HelpPane(Pane):
    """The lines of the help: (keys, text), or a heading with no keys."""

    NAME = "help"

    def __init__(self, palette: Palette, lines: list[tuple[str, str]]) -> None:
        super().__init__(palette)
        self._lines = lines

    @property
    def ready(self) -> bool:
        return True

    def count(self) -> int:
        return len(self._lines)

    def move(self, by: int) -> bool:
        """Scrolls: nothing is selected here."""
        self.top = max(0, min(self.top + by, self.count() - self.rows))
        self.refresh()
        return True

    def reveal(self) -> None:
        self.move(0)

    def footing(self) -> str:
        if self.count() <= self.rows:
            return "esc closes"
        return f"{self.top + 1}-{min(self.top + self.rows, self.count())} of {self.count()} · esc closes"

    def draw(self, row: int, line: LineBuilder) -> Style | None:
        keys, text = self._lines[row]
        if keys:
            line.add(f"{keys:>11}  ", self.palette.accent).add(
                fit(text, line.room), self.palette.text
            )
        else:
            line.add(text, self.palette.title)
        return None


class HelpScreen(ModalScreen[None]):
    """Scrolls with the arrows; esc, q, ? and enter close it."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; background: $background 60%; }
    HelpScreen Pane { width: 84; max-width: 100%; height: 100%; max-height: 56; }
    """

    BINDINGS = [  # noqa: RUF012
        Binding("escape,q,question_mark,enter", "leave", "Close", show=False),
        *(
            Binding(keys, f"scroll({by})", "Scroll", show=False)
            for keys, by in (("up,k", -1), ("down,j", 1), ("pageup", -10), ("pagedown,space", 10))
        ),
    ]

    def __init__(self, palette: Palette, words: tuple[str, ...]) -> None:
        super().__init__()
        lines: list[tuple[str, str]] = []
        for group, actions in groups().items():
            lines += [
                ("", group),
                *((action.shown(), action.description) for action in actions),
                ("", ""),
            ]
        lines += [("", "signs"), *SIGNS, ("", ""), ("", "style palette")]
        lines += [(str(i + 1), label(word.encode())) for i, word in enumerate(words)]
        self._pane = _HelpPane(palette, lines)

    def compose(self) -> ComposeResult:
        yield self._pane

    def action_scroll(self, by: int) -> None:
        """Moves by lines."""
        self._pane.move(by)

    def action_leave(self) -> None:
        """Closes it."""
        self.dismiss(None)
