"""The prompt editor: a text of any length, and at an empty start five prompts to begin with."""

from __future__ import annotations

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from bftui.core.text import label
from bftui.ui.screens.fields import TextField
from bftui.ui.settings import EXAMPLES


class PromptScreen(ModalScreen[str | None]):
    """Ends with the prompt, or with None where it was left."""

    DEFAULT_CSS = """
    PromptScreen { align: center middle; background: $background 60%; }
    PromptScreen > Vertical {
        width: 76; max-width: 96%; height: 18; max-height: 90%; padding: 0 1;
        border: round $accent; border-title-style: bold; background: $background;
    }
    PromptScreen TextField { height: 1fr; border: round $line; padding: 0; background: $background; }
    PromptScreen TextField:focus { border: round $accent; }
    PromptScreen OptionList { height: 5; border: none; padding: 0; background: $background; }
    PromptScreen OptionList:focus { border: none; background-tint: $background; }
    PromptScreen .note { height: 1; color: $dim; }
    """

    BINDINGS = [  # noqa: RUF012
        Binding("escape", "leave", "Leave", show=False),
        Binding("ctrl+s,ctrl+enter", "take", "Take", show=False, priority=True),
    ]

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = "prompt"
        with box:
            area = TextField(
                self._text, soft_wrap=True, tab_behavior="focus", show_line_numbers=False
            )
            area.cursor_blink = False
            yield area
            yield Static(
                "examples: enter starts with one, or type a prompt of your own", classes="note"
            )
            yield OptionList(
                *(Option(Content(label(example.encode()))) for example in EXAMPLES), markup=False
            )
            yield Static("^s start   tab text or examples   esc leave", classes="note")

    def on_mount(self) -> None:
        area = self.query_one(TextField)
        area.move_cursor(area.document.end)
        if self._text:
            area.focus()
        else:
            self.query_one(OptionList).focus()

    def on_key(self, event: events.Key) -> None:
        """What is typed over the examples goes into the editor."""
        area = self.query_one(TextField)
        if not area.has_focus and event.is_printable and event.character:
            event.stop()
            area.focus()
            area.insert(event.character)

    def on_paste(self, event: events.Paste) -> None:
        area = self.query_one(TextField)
        if not area.has_focus:
            area.focus()
            area.insert(event.text)

    @on(OptionList.OptionSelected)
    def _example(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(EXAMPLES[event.option_index])

    def action_take(self) -> None:
        self.dismiss(self.query_one(TextField).text)

    def action_leave(self) -> None:
        self.dismiss(None)
