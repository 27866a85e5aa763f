"""Temperature and truncation: five fields that the arrows step, and what BF would become here."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from bftui.core.errors import UsageError
from bftui.core.noise_floor import Noise, factor, nats
from bftui.core.sampler import Sampler
from bftui.core.text import safe
from bftui.session.commands import SetSampler
from bftui.ui.screens.dialog import BoxScreen
from bftui.ui.screens.fields import LineField
from bftui.ui.themes.theme_styles import Palette
from bftui.ui.view import View
from bftui.workbench.queries import PreviewKey, Query

if TYPE_CHECKING:
    from bftui.core.distribution import NextToken


@dataclass(frozen=True, slots=True)
class SamplerSetting:
    """One field: its name in `Sampler`, how it is called, the values that the arrows step over, what it does."""

    name: str
    title: str
    steps: Sequence[float]
    help: str
    whole: bool = False


_TENTHS = tuple(round(0.1 * n, 1) for n in range(1, 21))
SETTINGS = (
    SamplerSetting(
        "temperature", "temperature", (*_TENTHS, 2.5, 3, 4, 5, 10), "1 is the model's own P"
    ),
    SamplerSetting(
        "top_k",
        "top-k",
        (0, 1, 2, 3, 5, 10, 20, 40, 50, 100, 200, 500, 1000),
        "the K best; 0 is off",
        True,
    ),
    SamplerSetting(
        "top_p",
        "top-p",
        (0.05, *_TENTHS[:9], 0.95, 0.98, 0.99, 1),
        "the best that hold this mass; 1 is off",
    ),
    SamplerSetting(
        "min_p",
        "min-p",
        (0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1),
        "at least this share of the best; 0 is off",
    ),
    SamplerSetting("seed", "seed", (), "of the draws from here on", True),
)


class SettingField(LineField):
    """A number: left and right step it, up and down go to the next one, what is typed takes its place."""

    BINDINGS = [  # noqa: RUF012
        Binding("left", "step(-1)", "Less", show=False),
        Binding("right", "step(1)", "More", show=False),
    ]

    def __init__(self, setting: SamplerSetting, value: str) -> None:
        super().__init__(value, compact=True, id=setting.name, max_length=24)
        self.cursor_blink = False
        self.setting = setting

    def action_step(self, by: int) -> None:
        """Goes to the next or previous sensible value; what is not a number stays."""
        try:
            value = float(self.value)
        except ValueError:
            return
        self.value = written(stepped(self.setting, value, by))
        self.action_select_all()


class SamplerScreen(BoxScreen[SetSampler | None]):
    """Ends with the command that sets what was chosen, or None."""

    DEFAULT_CSS = """
    SamplerScreen > Vertical { width: 78; max-width: 100%; height: 12; }
    SamplerScreen Horizontal { height: 1; }
    SamplerScreen .title { width: 14; }
    SamplerScreen .note { width: 1fr; }
    SamplerScreen .bad { color: $text-error; text-style: bold; }
    SamplerScreen SettingField { width: 16; padding: 0 1; background: $cursor-idle; }
    SamplerScreen SettingField:focus {
        color: $cursor-text; background: $cursor; background-tint: $cursor;
    }
    SamplerScreen .line { height: 1; text-overflow: ellipsis; text-wrap: nowrap; }
    """

    BINDINGS = [  # noqa: RUF012
        # With priority: else what is typed fast after them would go into the field before.
        Binding("up,shift+tab", "app.focus_previous", "Up", show=False, priority=True),
        Binding("down,tab", "app.focus_next", "Down", show=False, priority=True),
    ]

    def __init__(
        self, view: View, previews: Query[PreviewKey, NextToken | str], palette: Palette
    ) -> None:
        super().__init__("temperature and truncation", palette)
        self._view = view
        self._previews = previews
        self._sampler: Sampler | None = view.sampler

    def fields(self) -> ComposeResult:
        values = self._view.sampler.settings()
        for setting in SETTINGS:
            with Horizontal():
                yield Static(setting.title, classes="title", markup=False)
                yield SettingField(setting, written(values[setting.name]))
                yield Static(
                    f"  {setting.help}", id=f"{setting.name}-note", classes="note", markup=False
                )
        yield Static(classes="line")
        yield Static(id="now", classes="line", markup=False)
        yield Static(id="then", classes="line", markup=False)
        yield Static(classes="line")

    def keys(self) -> tuple[tuple[str, str], ...]:
        return (("← →", "step, or type"), ("↑ ↓", "field"), ("enter", "apply"), ("esc", "leave"))

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#temperature", SettingField))
        self.news()

    def news(self) -> None:
        """Shows what the distribution here is now, and what it would be."""
        view = self._view
        view.sync()
        self._line(
            "now", f"now   {told(view.next, view.noise) if view.next else 'the text ends here'}"
        )
        if self._sampler is None:
            self._line("then", "then  –")
        elif view.next is None:
            self._line("then", "then  it holds from the next token on")
        else:
            answer = self._previews.ask(PreviewKey(view.cursor, self._sampler))
            if isinstance(answer, str):
                self._line("then", f"then  {answer}")
            elif answer is not None:
                self._line("then", f"then  {told(answer, view.noise)}")

    def _line(self, name: str, text: str) -> None:
        self.query_one(f"#{name}", Static).update(Content(safe(text)), layout=False)

    @on(Input.Changed)
    def _changed(self) -> None:
        values: dict[str, float] = {}
        for field in self.query(SettingField):
            note = self.query_one(f"#{field.setting.name}-note", Static)
            try:
                values[field.setting.name] = parsed(field.setting, field.value)
                note.update(Content(f"  {field.setting.help}"), layout=False)
                note.remove_class("bad")
            except UsageError as error:
                note.update(Content(f"! {safe(error.line())}"), layout=False)
                note.add_class("bad")
        whole = len(values) == len(SETTINGS)
        self._sampler = Sampler(**values) if whole else None  # type: ignore[arg-type]
        self.news()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        if self._sampler is not None:
            self.dismiss(SetSampler(**self._sampler.settings()))
            return
        for field in self.query(SettingField):
            try:
                parsed(field.setting, field.value)
            except UsageError:
                field.focus()
                return


def parsed(setting: SamplerSetting, text: str) -> float:
    """The value of a field; raises UsageError where it is none."""
    try:
        value = int(text) if setting.whole else float(text)
    except ValueError:
        kind = "a whole number" if setting.whole else "a number"
        raise UsageError(f"not {kind}") from None
    Sampler(**{setting.name: value})  # type: ignore[arg-type]
    return value


def stepped(setting: SamplerSetting, value: float, by: int) -> float:
    """The next sensible value in a direction; the same at the end."""
    if not setting.steps:
        return max(0, min(int(value) + by, 2**64 - 1))
    steps = setting.steps
    place = bisect_right(steps, value) if by > 0 else bisect_left(steps, value) - 1
    return steps[place] if 0 <= place < len(steps) else value


def written(value: float) -> str:
    """A value as a field shows it."""
    return str(value) if isinstance(value, int) else f"{value:.10g}"


def told(following: NextToken, noise: Noise | None) -> str:
    """One distribution in a line."""
    return (
        f"BF {factor(following.bf, noise)} · {following.kept:,} kept · "
        f"H(P~) {nats(following.entropy_truncated, 2, noise, 'entropy_truncated')} nats · T {following.temperature:.4g}"
    )
