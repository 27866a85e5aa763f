"""Temperature, truncation and what changes logits: fields that the arrows step, and what BF would become here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from bftui.core.errors import UsageError
from bftui.core.noise_floor import Noise, factor, nats
from bftui.core.sampler import Sampler
from bftui.core.text import label, safe
from bftui.model.token_names import TOKEN_SETTINGS, without_texts
from bftui.ui.drawing.line_builder import probability
from bftui.ui.screens.dialog import BoxScreen
from bftui.ui.screens.fields import LineField
from bftui.ui.screens.sampler_settings import (
    GROUPS,
    ORDER,
    SamplerSetting,
    parsed,
    shown_values,
    stepped,
    written,
)
from bftui.ui.themes.theme_styles import Palette
from bftui.ui.view import View
from bftui.workbench.queries import PreviewKey, Query

if TYPE_CHECKING:
    from bftui.core.distribution import NextToken
    from bftui.core.kept_tokens import RuleEffect

_NAMED = 4
"""Tokens of a list that are named beside it."""


class SettingField(LineField):
    """A setting: left and right step a number, up and down go to the next field, what is typed takes its place."""

    BINDINGS = [  # noqa: RUF012
        Binding("left", "step(-1)", "Less", show=False),
        Binding("right", "step(1)", "More", show=False),
    ]

    def __init__(self, setting: SamplerSetting, value: str) -> None:
        listed = setting.read is not None
        super().__init__(value, compact=True, id=setting.name, max_length=0 if listed else 24)
        self.cursor_blink = False
        self.setting = setting

    def action_step(self, by: int) -> None:
        """Goes to the next or previous sensible value; in a list the cursor moves, and what is not a number stays."""
        if self.setting.read is not None:
            self.cursor_position += by
            return
        try:
            value = float(self.value)
        except ValueError:
            return
        self.value = written(stepped(self.setting, value, by))
        self.action_select_all()


class SamplerScreen(BoxScreen[Mapping[str, Any] | None]):
    """Ends with the settings that were chosen, in which tokens may be named by their text, or None."""

    DEFAULT_CSS = """
    /* With the margin what runs stays to be seen above it. */
    SamplerScreen > Vertical {
        width: 78; max-width: 100%; height: 22; max-height: 100%; margin: 1 0;
    }
    SamplerScreen VerticalScroll { height: 1fr; overflow-y: scroll; scrollbar-size-vertical: 1; }
    SamplerScreen Horizontal { height: 1; }
    SamplerScreen .title { width: 14; }
    SamplerScreen .heading { height: 1; color: $accent; text-overflow: ellipsis; text-wrap: nowrap; }
    SamplerScreen .note { width: 1fr; }
    SamplerScreen .bad { color: $text-error; text-style: bold; }
    SamplerScreen SettingField { width: 16; padding: 0 1; background: $cursor-idle; }
    SamplerScreen SettingField:focus {
        color: $cursor-text; background: $cursor; background-tint: $cursor;
    }
    SamplerScreen .line { height: 1; text-overflow: ellipsis; text-wrap: nowrap; }
    SamplerScreen #order { color: $dim; }
    """

    BINDINGS = [  # noqa: RUF012
        # With priority: else what is typed fast after them would go into the field before.
        Binding("up,shift+tab", "app.focus_previous", "Up", show=False, priority=True),
        Binding("down,tab", "app.focus_next", "Down", show=False, priority=True),
        Binding("pagedown", "group(1)", "Next group", show=False, priority=True),
        Binding("pageup", "group(-1)", "Group before", show=False, priority=True),
    ]

    def __init__(
        self,
        view: View,
        previews: Query[PreviewKey, NextToken | str],
        effects: Query[PreviewKey, tuple[RuleEffect, ...]],
        palette: Palette,
    ) -> None:
        super().__init__("temperature and truncation", palette)
        self._view = view
        self._previews, self._effects = previews, effects
        self._groups = GROUPS if view.mixing is not None else GROUPS[:-1]
        self._values: dict[str, Any] = {}
        self._sampler: Sampler | None = view.sampler
        self._wrong: dict[str, str] = {}

    def fields(self) -> ComposeResult:
        values = shown_values(self._view.sampler)
        with VerticalScroll(can_focus=False):
            for place, group in enumerate(self._groups):
                if group.heading:
                    name = f"group-{place}"
                    yield Static(group.heading, id=name, classes="heading", markup=False)
                for setting in group.settings:
                    with Horizontal():
                        yield Static(setting.title, classes="title", markup=False)
                        yield SettingField(setting, values[setting.name])
                        note = f"{setting.name}-note"
                        yield Static(f"  {setting.help}", id=note, classes="note", markup=False)
        yield Static(ORDER, id="order", classes="line", markup=False)
        yield Static(id="now", classes="line", markup=False)
        yield Static(id="then", classes="line", markup=False)

    def keys(self) -> tuple[tuple[str, str], ...]:
        return (
            ("← →", "step"),
            ("↑ ↓", "field"),
            ("pgdn", "more"),
            ("enter", "apply"),
            ("esc", "leave"),
        )

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#temperature", SettingField))
        self._read()

    def action_group(self, by: int) -> None:
        """Goes to the first field of the next group, or of the one before."""
        firsts = [group.settings[0].name for group in self._groups]
        focused = self.focused.id if isinstance(self.focused, SettingField) else "temperature"
        here = next(
            place
            for place, group in enumerate(self._groups)
            if any(setting.name == focused for setting in group.settings)
        )
        there = (here + by) % len(firsts)
        self.set_focus(self.query_one(f"#{firsts[there]}", SettingField), scroll_visible=False)
        rows = self.query_one(VerticalScroll)
        if there:
            heading = self.query_one(f"#group-{there}", Static)
            rows.scroll_to_widget(heading, top=True, animate=False)
        else:
            rows.scroll_home(animate=False)

    # What holds, and what would --------------------------------------------------------------------------------

    def news(self) -> None:
        """Shows what the distribution here is now, what it would be, and what each rule does alone."""
        view = self._view
        view.sync()
        now = told(view.next, view.noise) if view.next else "the text ends here"
        self._line("now", f"now   {now}")
        effects: dict[str, RuleEffect] = {}
        if self._sampler is None:
            self._line("then", "then  –")
        elif view.next is None:
            self._line("then", "then  it holds from the next token on")
        else:
            key = PreviewKey(view.cursor, self._sampler)
            answer = self._previews.ask(key)
            if isinstance(answer, str):
                self._line("then", f"then  {answer}")
            elif answer is not None:
                self._line("then", f"then  {told(answer, view.noise)}")
                effects = {each.name: each for each in self._effects.ask(key) or ()}
        for group in self._groups:
            for setting in group.settings:
                self._note(setting, effects)

    def _note(self, setting: SamplerSetting, effects: Mapping[str, RuleEffect]) -> None:
        """What stands beside a field: what is wrong with it, what its rule does here, or what it is for."""
        note = self.query_one(f"#{setting.name}-note", Static)
        wrong = self._wrong.get(setting.name)
        note.set_class(wrong is not None, "bad")
        effect = effects.get(setting.rule)
        if wrong is not None:
            text = f"! {wrong}"
        elif effect is not None:
            text = f"  {_alone(effect, self._view.noise)}"
        elif setting.name in TOKEN_SETTINGS and self._values.get(setting.name):
            text = f"  {self._named(setting.name)}"
        else:
            text = f"  {setting.help}"
        note.update(Content(safe(text)), layout=False)

    def _named(self, name: str) -> str:
        """The tokens of a field, as texts."""
        found = []
        for each in self._values[name][:_NAMED]:
            token, value = each if name == "bias" else (each, None)
            text = self._text(token)
            found.append(text if value is None else f"{text} {value:+g}")
        more = len(self._values[name]) - _NAMED
        return ", ".join(found) + (f" and {more} more" if more > 0 else "")

    def _text(self, token: int | str) -> str:
        if isinstance(token, str):
            return label(token.encode())
        known = token < self._view.session.model.info.n_vocab
        return self._view.label(token) if known else f"there is no token {token}"

    def _line(self, name: str, text: str) -> None:
        self.query_one(f"#{name}", Static).update(Content(safe(text)), layout=False)

    # Reading the fields ----------------------------------------------------------------------------------------

    @on(Input.Changed)
    def _read(self) -> None:
        self._values, self._wrong = {}, {}
        for field in self.query(SettingField):
            try:
                self._values[field.setting.name] = parsed(field.setting, field.value)
            except UsageError as error:
                self._wrong[field.setting.name] = error.line()
        self._sampler = None
        if not self._wrong:
            try:
                # Tokens that are named by a text wait until they are applied.
                self._sampler = replace(self._view.sampler, **without_texts(self._values))
            except UsageError as error:
                self._wrong["bias"] = error.line()
        self.news()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        if self._sampler is not None:
            before = shown_values(self._view.sampler)
            fields = {field.setting.name: field.value for field in self.query(SettingField)}
            self.dismiss({n: self._values[n] for n in fields if fields[n] != before[n]})
            return
        self.set_focus(self.query_one(f"#{next(iter(self._wrong))}", SettingField))


def told(following: NextToken, noise: Noise | None) -> str:
    """One distribution in a line."""
    return (
        f"BF {factor(following.bf, noise)} · {following.kept:,} kept · "
        f"H(P~) {nats(following.entropy_truncated, 2, noise, 'entropy_truncated')} nats · T {following.temperature:.4g}"
    )


def _alone(effect: RuleEffect, noise: Noise | None) -> str:
    """What a rule does where it is the only one."""
    if effect.mass is None:
        return f"alone keeps {effect.kept:,}"
    removed = probability(max(0.0, 1.0 - effect.mass), noise)
    return f"alone keeps {effect.kept:,}, removes {removed} of the mass"
