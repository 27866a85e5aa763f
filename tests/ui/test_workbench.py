"""The workbench without a screen, and while its loop is not there yet: a person may be faster than its imports."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bftui.model.prompt import Prompt
from bftui.session import commands
from bftui.workbench.settings import WorkbenchSettings
from bftui.workbench.snapshot import Beside, Status
from bftui.workbench.workbench import Workbench
from tests.ui.driver import PROMPT, table


def bridge_to(tmp_path: Path, prompt: Prompt | None = None) -> Workbench:
    settings = WorkbenchSettings(model=table(tmp_path / "fruit.json"), prompt=prompt)
    return Workbench(settings, lambda: None)


def until(fact: Callable[[], bool]) -> None:
    """Waits for a fact."""
    end = time.monotonic() + 30.0
    while not fact():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_nothing_is_known_and_nothing_can_be_stopped(tmp_path: Path) -> None:
    bridge = bridge_to(tmp_path)
    assert bridge.now.status is Status.LOADING
    assert not bridge.measuring
    assert bridge.now.paired.state is Beside.NONE
    assert bridge.opening_partner is None
    assert not bridge.stop_experiments()
    assert not bridge.stop_partner()
    bridge.close()
    assert bridge.now.session is None


def test_what_is_asked_is_done_as_soon_as_it_is_there(tmp_path: Path) -> None:
    bridge = bridge_to(tmp_path)
    bridge.set_prompt(Prompt(PROMPT))
    assert bridge.send(commands.Greedy())
    assert bridge.splits.ask((" fig", "text")) is None
    bridge.start()
    try:
        until(lambda: not bridge.working)
        assert bridge.now.session is not None
        assert bridge.now.session.text() == " The"
        assert bridge.splits.ask((" fig", "text")) == [(b" fig", False)]
    finally:
        bridge.close()


@pytest.mark.usefixtures("processes")
def test_what_is_stopped_is_not_done(tmp_path: Path) -> None:
    bridge = bridge_to(tmp_path, Prompt(PROMPT))
    bridge.send(commands.Greedy())
    assert bridge.cancel()
    bridge.start()
    try:
        until(lambda: not bridge.working)
        assert bridge.now.session is None or not bridge.now.session.text()
    finally:
        bridge.close()
