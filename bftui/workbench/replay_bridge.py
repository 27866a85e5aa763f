"""The bridge to a trace that stands in the place of a model; what its thread runs is `replay_engine.py`.

What a model would be asked for is refused in words, here and in `action_table.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bftui.workbench.bridge import Bridge
from bftui.workbench.notice import Kind
from bftui.workbench.settings import WorkbenchSettings
from bftui.workbench.workbench_state import RATES, RECORDED

if TYPE_CHECKING:
    from bftui.session.records.trace_replay import Replay
    from bftui.workbench.loop import Engine


class ReplayBridge(Bridge):
    """The bridge to a trace."""

    rates = (RECORDED, *RATES)

    def __init__(
        self, settings: WorkbenchSettings, replay: Replay, changed: Callable[[], None]
    ) -> None:
        super().__init__(settings, changed)
        self._replay = replay
        self.rate = self.rates.index(settings.pace) if settings.pace in self.rates else 0
        self.played = (0, replay.count)

    def _made(self) -> Engine:
        from bftui.workbench.replay_engine import ReplayEngine

        return ReplayEngine(self, self._replay)

    # What a model is needed for --------------------------------------------------------------------------------

    def _refuse(self, *asked: Any, **named: Any) -> None:
        self.say("this is a replay: there is no model to ask", Kind.WARNING)

    def _silent(self, *asked: Any, **named: Any) -> None:
        """What screens ask for by themselves."""

    roll = resample = force_answer = force_partners = nudge = take_word = force_word = _refuse
    look_ahead = reload = open_other = open_partner = part = set_prompt = export = _refuse
    look = respond = shift = _silent


def bridge_of(settings: WorkbenchSettings, changed: Callable[[], None]) -> Bridge:
    """The bridge to a model, or to a trace."""
    if settings.replay is not None:
        return ReplayBridge(settings, settings.replay, changed)
    return Bridge(settings, changed)
