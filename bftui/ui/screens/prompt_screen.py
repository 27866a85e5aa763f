"""The prompt editor: text, system text, the answer's beginning, template, and the exact tokens that come of them."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Input, OptionList, Static, TextArea
from textual.widgets.option_list import Option

from bftui.core.text import label, safe
from bftui.model.prompt import Prompt, Rendered, Special, Template
from bftui.model.templates import asking, written
from bftui.ui.drawing.coloured import ClickableLine
from bftui.ui.drawing.line_builder import LineBuilder, fit
from bftui.ui.panes.key_line import KeyBar
from bftui.ui.panes.notice_box import NoticeBox
from bftui.ui.panes.rendered_pane import RenderedPane
from bftui.ui.screens.dialog import BoxScreen
from bftui.ui.screens.fields import LineField, PastedField, TextField
from bftui.ui.themes.theme_styles import Palette
from bftui.workbench.settings import QUESTIONS
from bftui.workbench.snapshot import Notice
from bftui.workbench.workbench import Workbench

TEMPLATES: tuple[Template, ...] = get_args(Template)

PAGES = tuple(written(Prompt(question, template="page")) for question in QUESTIONS)
"""The examples where no template goes around them."""


def _option(example: str) -> Option:
    return Option(Content(label(example.encode())))


class TemplateChoice(ClickableLine, can_focus=True):
    """One of the templates; left, right and space take another, and so does a click on its name."""

    DEFAULT_CSS = "TemplateChoice { height: 1; background: $background; }"

    BINDINGS = [  # noqa: RUF012
        Binding("right,space,l", "turn(1)", "Next", show=False),
        Binding("left,h", "turn(-1)", "Previous", show=False),
    ]

    class Changed(Message):
        """Another template was taken."""

    def __init__(self, palette: Palette, template: Template) -> None:
        super().__init__()
        self.palette = palette
        self.template = template
        self.here = ""

    def say(self, here: str) -> None:
        """Shows which template is taken here."""
        if here != self.here:
            self.here = here
            self.refresh()

    def action_turn(self, by: int) -> None:
        """Takes the next one or the one before."""
        self.template = TEMPLATES[(TEMPLATES.index(self.template) + by) % len(TEMPLATES)]
        self.refresh()
        self.post_message(self.Changed())

    def clicked(self, what: str) -> None:
        self.action_turn(TEMPLATES.index(what) - TEMPLATES.index(self.template))

    def render_line(self, y: int) -> Strip:
        palette = self.palette
        self.forget_places()
        line = LineBuilder(self.size.width, palette.text)
        line.add(" template ", palette.accent if self.has_focus else palette.dim)
        for name in TEMPLATES:
            self.place(line.at, line.at + len(name) + 3, name)
            if name == self.template:
                over = palette.cursor if self.has_focus else palette.cursor_idle
                line.add(f" ▸{name} ", palette.title + over)
            else:
                line.add(f"  {name} ", palette.dim)
        line.add("  ")
        return line.add(fit(self.here, line.room), palette.dim).strip()


class PromptScreen(BoxScreen[Prompt | None]):
    """Ends with the prompt, or with None where it was left."""

    DEFAULT_CSS = """
    PromptScreen { layers: base over; }
    PromptScreen > Vertical { width: 92; max-width: 96%; height: 92%; max-height: 32; }
    PromptScreen TextField, PromptScreen LineField {
        border: round $line; border-title-color: $dim; padding: 0; background: $background;
    }
    PromptScreen TextField:focus, PromptScreen LineField:focus {
        border: round $accent; border-title-color: $accent; background-tint: $background;
    }
    PromptScreen #text { height: 1fr; min-height: 3; }
    PromptScreen #system { height: auto; max-height: 6; }
    PromptScreen #prefill { height: 3; }
    PromptScreen RenderedPane { height: 7; }
    PromptScreen OptionList { height: 6; border: none; padding: 0; background: $background; }
    PromptScreen OptionList:focus { border: none; background-tint: $background; }
    PromptScreen.-short > Vertical { height: 100%; overflow-y: auto; }
    PromptScreen.-short #text { height: 5; }
    PromptScreen.-empty RenderedPane { display: none; }
    PromptScreen.-written #examples { display: none; }
    PromptScreen #examples { height: 7; }
    """

    INDENT = 1

    VERTICAL_BREAKPOINTS = [(0, "-short"), (22, "-tall")]  # noqa: RUF012

    AUTO_FOCUS = ""
    """The first field would have the focus for a moment, and what is typed fast would go there."""

    BINDINGS = [  # noqa: RUF012
        Binding("ctrl+s,ctrl+enter", "take", "Take", show=False, priority=True),
        Binding("ctrl+t", "template", "Template", show=False, priority=True),
        Binding("ctrl+o", "special", "Control tokens", show=False, priority=True),
        # With priority: else what is typed fast after them would go into the field before.
        Binding("tab", "app.focus_next", "Next field", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", "Field before", show=False, priority=True),
    ]

    def __init__(self, prompt: Prompt, workbench: Workbench, palette: Palette) -> None:
        super().__init__("prompt", palette)
        self._prompt = prompt
        self._workbench = workbench
        self._choice = TemplateChoice(palette, prompt.template)
        self._special: Special = prompt.special
        self._rendered = RenderedPane(palette)
        self._notice = NoticeBox(palette)
        self._examples = PAGES
        self._asked: int | None = None
        """The example that was chosen before the model was open: only then its form is known."""

    def compose(self) -> ComposeResult:
        yield from super().compose()
        yield self._notice

    def fields(self) -> ComposeResult:
        for name, title, text in (
            ("system", "system text", self._prompt.system or ""),
            ("text", "prompt", self._prompt.text),
        ):
            area = TextField(
                text, soft_wrap=True, tab_behavior="focus", show_line_numbers=False, id=name
            )
            area.cursor_blink = False
            area.border_title = title
            yield area
        field = PastedField(self._prompt.prefill, select_on_focus=False, id="prefill")
        field.cursor_blink = False
        field.border_title = "the answer begins"
        yield field
        yield self._choice
        yield self._rendered
        with Vertical(id="examples"):
            yield Static(
                " examples: enter starts with one, or type a prompt of your own", classes="note"
            )
            yield OptionList(*map(_option, self._examples), markup=False)

    def keys(self) -> tuple[tuple[str, str], ...]:
        return (
            ("^s", "start"),
            ("tab", "next"),
            ("^t", "template"),
            ("^o", f"special: {self._special}"),
            ("esc", "leave"),
        )

    def on_mount(self) -> None:
        area = self._area("text")
        area.move_cursor(area.document.end)
        self._sort()
        if self._prompt.text:
            self.set_focus(area)
        else:
            self.set_focus(self.query_one(OptionList))
        self.news()

    def _area(self, name: str) -> TextField:
        return self.query_one(f"#{name}", TextField)

    @property
    def prompt(self) -> Prompt:
        """What is written now."""
        return replace(
            self._prompt,
            text=self._area("text").text,
            system=self._area("system").text or None,
            template=self._choice.template,
            prefill=self.query_one("#prefill", LineField).value,
            special=self._special,
        )

    def news(self) -> None:
        """Shows the tokens of what is written, as soon as they are known."""
        if not any(area.is_mounted for area in self.query("#text")):
            return
        model = self._workbench.now.model
        if model is not None:
            self.query_one(Vertical).border_title = Content(f"prompt · {safe(model.name)}")
        answer = self._workbench.rendered.ask(self.prompt) if model is not None else None
        self._rendered.tell(answer, model)
        has = self._chat
        # Before there is an answer: beside a partner with a template a text may be a page.
        beside = self._workbench.partner.chats
        bare_as = "" if beside else ": takes raw"
        if isinstance(answer, Rendered):
            bare_as = f": takes {answer.template}"
        notes = {
            "auto": "takes chat here" if has else f"no template{bare_as}",
            "chat": "" if has else "no template: ^t goes on",
            "page": "questions on a page",
            "urial": "three examples first",
        }
        self._choice.say(notes.get(self._choice.template, "") if model is not None else "")
        bare = self._choice.template == "raw" or (self._choice.template == "auto" and not has)
        self._offer(PAGES if bare else QUESTIONS)
        if model is not None and self._asked is not None:
            self._start(self._asked)

    def _offer(self, examples: tuple[str, ...]) -> None:
        """Lists the examples in the form that fits the model and the template."""
        if examples == self._examples:
            return
        self._examples = examples
        options = self.query_one(OptionList)
        for place, example in enumerate(examples):
            options.replace_option_prompt_at_index(place, _option(example).prompt)

    def _start(self, place: int) -> None:
        """Ends with an example."""
        self._asked = None
        asked = asking(replace(self.prompt, text=QUESTIONS[place]), self._chat)
        self.dismiss(replace(asked, text=PAGES[place]) if asked.template == "raw" else asked)

    @property
    def _chat(self) -> bool:
        """Whether the model is open and has a chat template."""
        model = self._workbench.now.model
        return model is not None and bool(model.info.chat_template)

    def tell(self, notice: Notice | None) -> None:
        """Shows a notice until something is typed: the editor covers the workbench's."""
        self._notice.tell(notice)

    def _sort(self) -> None:
        """Examples for an empty editor, tokens for a written one."""
        prompt = self.prompt
        written = bool(prompt.text or prompt.prefill or prompt.system)
        self.set_class(written, "-written")
        self.set_class(not written, "-empty")

    @on(TextArea.Changed)
    @on(Input.Changed)
    @on(TemplateChoice.Changed)
    def _changed(self) -> None:
        self._notice.tell(None)
        if self.prompt.text:
            self._asked = None
        self._sort()
        self.news()

    def on_key(self, event: events.Key) -> None:
        """What is typed over the examples goes into the editor, and so does what came before anything had the focus."""
        area = self._area("text")
        if self.focused not in (self.query_one(OptionList), area):
            return
        if event.is_printable and event.character:
            event.stop()
            area.focus()
            area.insert(event.character)

    def on_paste(self, event: events.Paste) -> None:
        if self.query_one(OptionList).has_focus:
            area = self._area("text")
            area.focus()
            area.insert(event.text)

    @on(OptionList.OptionSelected)
    def _example(self, event: OptionList.OptionSelected) -> None:
        if self._workbench.now.model is not None:
            self._start(event.option_index)
            return
        self._asked = event.option_index
        self.tell(Notice("it starts as soon as the model is open"))

    def action_template(self) -> None:
        """Takes the next template."""
        self._choice.action_turn(1)

    def action_special(self) -> None:
        """Reads control tokens that are written in the prompt as such, or as text again."""
        self._special = "tokens" if self._special == "text" else "text"
        self.query_one(KeyBar).show(self.keys())
        self.news()

    @on(Input.Submitted)
    def action_take(self) -> None:
        """Ends with what is written; what is known not to work stays, with the reason."""
        if not isinstance(self._workbench.rendered.answers.get(self.prompt), str):
            self.dismiss(self.prompt)
