"""What goes wrong, and the screen under odd conditions: the session stays, one clear message says what happened."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from bftui.ui.screens.dialog import TooSmall
from bftui.workbench.settings import WorkbenchSettings
from bftui.workbench.snapshot import Status
from tests.ui.driver import lines, table, workbench

HOSTILE: list[str | bytes] = [
    *(
        "[/b]",
        "[red]x",
        "[@click=app.quit]y[/]",
        "\x1b[2J",
        "\x1b]0;title\x07",
        "\x9b31m",
        "\r",
        "\t",
    ),
    *(
        "\u202etfel",
        "\u05e9\u05dc\u05d5\u05dd",
        "\u200b",
        "\u2028",
        "\ufeff",
        "e\u0301\u0301",
        "\u0301",
    ),
    *("河", "👩‍👩‍👧", b"\xf0\x9f", b"\x8d\x8f", b"\xff\xfe", "W" * 10_000, "\\", "%s{}"),
]


async def test_hostile_tokens_are_shown_and_nothing_else_happens(tmp_path: Path) -> None:
    model = table(tmp_path / "hostile.json", tokens=HOSTILE, rules={}, default={})
    async with workbench(model, prompt="A:") as w:
        ids = range(w.session.tree.n_vocab - len(HOSTILE), w.session.tree.n_vocab)
        for token in ids:
            w.session.force(ids=[token])
            await w.settled()
            for pane in w.bench.panes:
                for line in lines(pane):
                    assert cell_len(line) == pane.size.width
                    assert not set(line) & set("\x1b\x9b\x07\r\t\u202e\u200b\u2028\ufeff")
        text = "".join(w.bench.text_pane._layout._texts)
        for shown in ("[/b]", "[red]x", "[@click=app.quit]y[/]", "␛[2J", "‹202E›tfel", "🍏"):
            assert shown in text
        await w.press("left", "1", "z", "tab", "z")
        w.app.export_screenshot()
        assert w.app.is_running


async def test_a_hostile_prompt(tmp_path: Path) -> None:
    model = table(tmp_path / "hostile.json", tokens=["\x1b", "\u202e"])
    async with workbench(model, prompt="[/b]\x1b[31m\u202e[red]") as w:
        assert "[/b]␛[31m‹202E›[red]" in lines(w.bench.text_pane)[1]
        await w.press("i")
        assert "\x1b" not in w.screen()
        assert "\u202e" not in w.screen()
        await w.press("escape")
        await w.press("f")
        await w.type("[/x]")
        await w.settled()
        assert "4 tokens: [ / x ]" in w.screen()
        await w.press("escape", "slash")
        await w.type("[/x]")
        await w.settled()
        assert "0 tokens with [/x]" in w.screen()


@pytest.mark.usefixtures("processes")
async def test_a_killed_worker_leaves_the_session(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "g")
        os.kill(w.session.model.client.pid, signal.SIGKILL)  # type: ignore[attr-defined]
        # Nobody asks it anything.
        await w.until(lambda: "failed" in lines(w.bench.status)[0])
        assert "the model process ended (SIGKILL)" in w.notice
        assert w.tokens == [" The", " fruit"]
        await w.press("space")
        assert w.notice == (
            "the model stopped: the model process ended (SIGKILL); ctrl+r opens it again"
        )
        await w.press("left")
        assert w.tokens == [" The"]
        await w.press("ctrl+r")
        assert "ready" in lines(w.bench.status)[0]
        await w.press("right", "g")
        assert len(w.tokens) == 3


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("at", [0, 1, 2])
async def test_a_model_that_always_ends_the_same_way_is_not_opened_again_and_again(
    tmp_path: Path, at: int
) -> None:
    model = table(tmp_path / "ends.json", faults=[{"at": at, "kind": "crash"}])
    async with workbench(model, ready=False) as w:
        for again in ("ctrl+r opens it again", "o opens another", "o opens another"):
            if at == 2:
                await w.until(lambda: w.workbench.now.status is Status.READY)
                await w.press("space")
            await w.until(lambda: w.workbench.now.status is Status.FAILED)
            await w.settled()
            assert "SIGABRT" in w.notice
            assert again in w.notice
            await w.press("space")
            assert again in w.notice
            await w.press("ctrl+r")


@pytest.mark.usefixtures("processes")
async def test_a_hanging_model_can_be_opened_again(tmp_path: Path) -> None:
    model = table(tmp_path / "hang.json", faults=[{"at": 2, "kind": "hang"}])
    async with workbench(model) as w:
        await w.press_only("space")
        await w.until(lambda: "busy" in lines(w.bench.status)[0])
        await w.press("ctrl+r")
        await w.until(lambda: w.workbench.now.status is Status.READY)
        await w.press("escape")
        assert len(w.session.tree) == 1


async def test_a_fault_of_the_model_is_a_message(tmp_path: Path) -> None:
    model = table(tmp_path / "fault.json", faults=[{"at": 2, "kind": "error"}])
    async with workbench(model) as w:
        await w.press("space")
        assert w.notice == "the table failed: a fault is scripted here"
        await w.press("space")
        assert len(w.session.tree) == 2


async def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    async with workbench(f"table:{tmp_path / 'none.json'}", ready=False, prompt="x") as w:
        await w.until(lambda: w.workbench.now.status is Status.FAILED)
        await w.settled()
        assert "none.json" in w.notice
        assert "failed" in lines(w.bench.status)[0]
        await w.press("space")
        assert w.notice == "there is no model: ctrl+r opens it again"
        table(tmp_path / "none.json")
        await w.press("ctrl+r")
        await w.until(lambda: w.workbench.now.session is not None)
        assert w.session.prompt.text == "x"


async def test_a_prompt_that_does_not_fit(tmp_path: Path) -> None:
    async with workbench(table(tmp_path / "tiny.json", n_ctx=4), prompt="Sure" * 9) as w:
        assert "9 tokens do not fit the context of 4" in w.notice
        assert w.workbench.now.session is None
        await w.press("i")
        assert "Sure" * 9 in w.screen()
        w.app.screen.dismiss("Sure")
        await w.settled()
        await w.press(*["g"] * 6)
        assert "do not fit the context" in w.notice
        assert "ctx 4/4" in lines(w.bench.status)[0]


async def test_a_text_that_cannot_be_spelled(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("f")
        await w.type("é")
        await w.settled()
        await w.press("enter")
        assert "cannot write" in w.notice
        assert len(w.session.tree) == 1


async def test_a_journal_that_cannot_be_written(fruit: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with workbench(fruit, state_dir=lambda: tmp_path / "file") as w:
        assert "no journal can be written" in w.notice
        await w.press("space")
        assert len(w.session.tree) == 2


async def test_the_journal_goes_to_its_folder(fruit: str, tmp_path: Path) -> None:
    async with workbench(fruit, state_dir=lambda: tmp_path / "state") as w:
        await w.press("space")
        (journal,) = (tmp_path / "state").iterdir()
        assert len(journal.read_text().splitlines()) == 3


async def test_no_color_draws_every_pane(fruit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    for theme in ("dark", "ansi"):
        async with workbench(fruit, theme=theme) as w:
            assert w.app.no_color
            await w.press(
                "1", "space", "left", "G", "tab", "tab", "question_mark", "escape", "f", "escape"
            )
            await w.press("i", "escape")
            w.app.export_screenshot()
            assert "·Sure" in w.screen()


async def test_a_storm_of_sizes(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press(*["1"] * 6, "left", "space")
        for width, height in [
            (80, 24),
            (200, 60),
            (60, 16),
            (61, 17),
            (300, 20),
            (20, 5),
            (100, 30),
            (119, 36),
        ]:
            await w.pilot.resize_terminal(width, height)
            await w.pilot.pause()
            for pane in w.bench.panes:
                for line in lines(pane):
                    assert cell_len(line) == pane.size.width
        await w.press("space")
        assert w.app.screen is w.bench


async def test_too_small_says_so_and_comes_back(fruit: str) -> None:
    async with workbench(fruit, size=(59, 20)) as w:
        assert isinstance(w.app.screen, TooSmall)
        assert "59×20 is too small" in w.screen()
        await w.press("space")
        assert len(w.session.tree) == 1
        await w.pilot.resize_terminal(60, 16)
        await w.pilot.pause()
        assert w.app.screen is w.bench
        await w.press("space")
        assert len(w.session.tree) == 2
        await w.pilot.resize_terminal(60, 15)
        await w.pilot.pause()
        await w.pilot.press("q")
        await w.pilot.pause()
        assert w.app.return_code == 0


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("action", ["prompt", "open", "palette", "help"])
async def test_quitting_while_a_screen_opens_is_no_failure(fruit: str, action: str) -> None:
    for turns in range(5):
        async with workbench(fruit) as w:
            w.app.call_later(w.bench.act, action)
            for _ in range(turns):
                await asyncio.sleep(0)
            w.app.exit(return_code=130)
        assert w.app.return_code == 130


@pytest.mark.usefixtures("processes")
async def test_quitting_does_not_wait_for_the_model(tmp_path: Path) -> None:
    import time

    model = table(tmp_path / "hang.json", faults=[{"at": 2, "kind": "hang"}])
    async with workbench(model) as w:
        await w.press_only("space")
        await w.until(lambda: "busy" in lines(w.bench.status)[0])
        await w.press_only("q")
        start = time.monotonic()
    assert time.monotonic() - start < 3


def test_without_a_terminal_run_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    from bftui.core.errors import UsageError
    from bftui.ui.app import run

    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    with pytest.raises(UsageError, match="needs a terminal"):
        run(WorkbenchSettings())


def test_a_theme_that_does_not_exist() -> None:
    from bftui.core.errors import UsageError
    from bftui.ui.app import WorkbenchApp

    with pytest.raises(UsageError, match="no theme 'pink'"):
        WorkbenchApp(WorkbenchSettings(theme="pink"))
