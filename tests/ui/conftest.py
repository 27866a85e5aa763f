"""A clean environment for every test of the screen, and the scripted model."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ["TEXTUAL_ANIMATIONS"] = "none"

from tests.ui.driver import clean_environment, host_in_process, table


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clean_environment(monkeypatch, tmp_path)


@pytest.fixture
def processes() -> None:
    """Has each model run in a worker process of its own: for tests of faults, kills, stops and memory."""


@pytest.fixture(autouse=True)
def hosting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has models run in this process, where a test does not ask for `processes`."""
    if "processes" not in request.fixturenames:
        host_in_process(monkeypatch)


@pytest.fixture
def fruit(tmp_path: Path) -> str:
    """The scripted model."""
    return table(tmp_path / "fruit.json")
