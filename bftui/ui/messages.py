"""What screens and the engine's thread say to the app, which alone changes what holds for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from bftui.ui.themes.theme_files import ThemeFile
    from bftui.workbench.settings import WorkbenchSettings
    from bftui.workbench.snapshot import Notice


class Changed(Message):
    """Something changed in the engine's thread; what, is read from the session."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, Changed)


class ForgetTyped(Message):
    """What was typed together with a key that was refused is not wanted."""


class ThemeChosen(Message):
    """Everything is to be drawn in a theme's colours."""

    def __init__(self, theme: ThemeFile) -> None:
        super().__init__()
        self.theme = theme


class SettingsChanged(Message):
    """Other settings are to hold; `changed` names those that were chosen, if only to be what they are."""

    def __init__(self, settings: WorkbenchSettings, changed: frozenset[str]) -> None:
        super().__init__()
        self.settings, self.changed = settings, changed


class NoticeGiven(Message):
    """A person is to be told something."""

    def __init__(self, notice: Notice) -> None:
        super().__init__()
        self.notice = notice
