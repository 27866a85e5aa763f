"""What the end-to-end tests share."""

import pytest

from tests.e2e.terminal import Terminal


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Starts the program in a terminal of its own, with its state in a folder of the test."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    started = []

    def start(*arguments, **settings):
        terminal = Terminal("run", *arguments, cwd=tmp_path, **settings)
        started.append(terminal)
        return terminal

    yield start
    for terminal in started:
        terminal.close()
