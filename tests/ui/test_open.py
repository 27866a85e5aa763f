"""The model picker and changing the model: the old session stays until the new one stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from bftui.core.sampler import Sampler
from bftui.ui.engine_thread import Word
from bftui.ui.nearby import completed, entries, size_text
from bftui.ui.screens.open import OpenScreen
from tests.ui.driver import PROMPT, Driver, lines, table, workbench


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with models of every kind."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "one.gguf").write_bytes(b"x" * 2_000)
    for part in (1, 2):
        (folder / f"big-0000{part}-of-00002.gguf").write_bytes(b"x" * 1_500)
    (folder / "notes.txt").write_text("x")
    (folder / "plain").mkdir()
    directory = folder / "hf"
    directory.mkdir()
    (directory / "config.json").write_text("{}")
    (directory / "model.safetensors").write_bytes(b"x" * 5_000_000)
    return folder


def test_what_lies_in_a_folder(models: Path) -> None:
    found = [(entry.name, entry.kind, entry.size) for entry in entries(str(models))]
    assert found == [
        ("big-00001-of-00002.gguf", "gguf", 3_000),
        ("hf/", "safetensors", 5_000_000),
        ("one.gguf", "gguf", 2_000),
        ("plain/", "folder", None),
    ]
    assert entries(str(models / "nowhere")) == []
    assert entries("\x00") == []


def test_completing_a_path() -> None:
    names = ["model-a.gguf", "model-b.gguf", "other/"]
    assert completed("/x/mo", names) == "/x/model-"
    assert completed("/x/o", names) == "/x/other/"
    assert completed("o", names) == "other/"
    assert completed("/x/z", names) == "/x/z"


def test_sizes() -> None:
    assert [size_text(n) for n in (0, 999, 1_500, 4_300_000, 7.1e9, 2e12)] == [  # type: ignore[arg-type]
        *("0 B", "999 B", "2 kB", "4.3 MB", "7.1 GB", "2.0 TB")
    ]


async def opened(w: Driver, path: str) -> None:
    """Opens the picker on a path and waits for what lies there."""
    await w.press("o")
    assert isinstance(w.app.screen, OpenScreen)
    field = w.app.screen.query_one(Input)
    field.value = path
    field.cursor_position = len(path)
    await w.pilot.pause()
    await w.app.workers.wait_for_complete()
    await w.pilot.pause()


async def test_the_picker_shows_what_is_there(fruit: str, models: Path) -> None:
    async with workbench(fruit) as w:
        await opened(w, f"{models}/")
        screen = w.screen()
        for shown in ("practice", "one.gguf", "2 kB", "hf/", "5.0 MB", "Hugging Face", "plain/"):
            assert shown in screen, shown
        assert "notes.txt" not in screen
        field = w.app.screen.query_one(Input)
        await w.type("on")
        assert "hf/" not in w.screen()
        await w.press("tab")
        assert field.value == f"{models}/one.gguf"
        field.value = f"{models}/pl"
        await w.press("down", "enter")
        assert field.value == f"{models}/plain/"
        await w.app.workers.wait_for_complete()
        await w.press("enter")
        assert "this folder is no model" in w.screen()
        await w.press("escape")
        assert w.app.screen is w.bench
        assert w.session.prompt.text == PROMPT


async def test_a_name_after_the_folder_is_a_practice_model_or_the_only_one_listed(
    fruit: str, models: Path
) -> None:
    async with workbench(fruit) as w:
        for typed, meant in (
            ("practice-aligned", "practice-aligned"),
            ("ONE", f"{models}/one.gguf"),
            ("pla", f"{models}/pla"),
            ("nothing", f"{models}/nothing"),
        ):
            chosen: list[str | None] = []
            screen = OpenScreen(fruit, w.bench.palette)
            w.app.push_screen(screen, chosen.append)
            await w.pilot.pause()
            screen.query_one(Input).value = f"{models}/{typed}"
            await w.pilot.pause()
            await w.app.workers.wait_for_complete()
            await w.pilot.press("enter")
            await w.pilot.pause()
            assert chosen == [meant]


async def test_another_model_takes_prompt_and_sampler_along(fruit: str, tmp_path: Path) -> None:
    other = table(tmp_path / "other.json", name="other", chat_template="{{ 'Hello' }}")
    state = tmp_path / "state"
    async with workbench(fruit, state_dir=lambda: state, sampler=Sampler(seed=5)) as w:
        await w.press("g", "g", "tab", "comma", "slash", "f", "enter")
        old = w.session
        host = old.model.host
        await opened(w, other)
        await w.press("enter")
        assert w.session is not old
        assert w.session.model.info.name == "other"
        assert w.session.prompt == old.prompt
        assert w.session.sampler == Sampler(seed=5)
        assert "other is open; the session before is kept in" in w.notice
        assert "other" in lines(w.bench.status)[0]
        assert host._process.poll() is not None  # type: ignore[attr-defined]
        assert len(list(state.iterdir())) == 2
        assert w.bridge.kept[0][0] == 3
        assert "0 tokens" in lines(w.bench.text_pane)[0]
        assert lines(w.bench.text_pane)[1].startswith("│ Hello▮")
        assert "Hello" in lines(w.bench.tree_pane)[1]
        assert not w.bench.candidates.wanted
        await w.press("g", "left", "shift+tab", "g")
        assert w.tokens == [" a"]


async def test_a_model_that_cannot_be_opened_leaves_everything(fruit: str, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    async with workbench(fruit) as w:
        await w.press("g")
        old = w.session
        await opened(w, f"table:{tmp_path / 'bad.json'}")
        await w.press("enter")
        assert "bad.json" in w.notice
        assert "the model before stays open" in w.notice
        assert w.session is old
        assert w.bridge.word is Word.READY
        await w.press("g")
        assert w.tokens == [" The", " fruit"]


async def test_opening_can_be_stopped(fruit: str, tmp_path: Path) -> None:
    slow = table(tmp_path / "slow.json", name="slow", load_ms=60_000)
    async with workbench(fruit) as w:
        await w.press("g")
        old = w.session
        await opened(w, slow)
        await w.press_only("enter")
        await w.until(lambda: "%" in lines(w.bench.status)[0])
        assert "slow.json" in lines(w.bench.status)[0]
        assert "·The" in lines(w.bench.tree_pane)[2]
        await w.press_only("space")
        assert w.notice == "the model is still loading"
        await w.press_only("o")
        assert w.notice == "a model is loading: esc stops that"
        await w.press_only("escape", "escape")
        await w.until(lambda: w.bridge.word is Word.READY)
        await w.settled()
        assert "loading was cancelled" in w.notice
        assert w.session is old
        await w.press("g")
        assert len(w.tokens) == 2


async def test_a_prompt_that_the_new_model_refuses(fruit: str, tmp_path: Path) -> None:
    tiny = table(tmp_path / "tiny.json", name="tiny", n_ctx=4)
    async with workbench(fruit, state_dir=lambda: tmp_path / "state") as w:
        old = w.session
        await opened(w, tiny)
        await w.press("enter")
        assert "do not fit the context" in w.notice
        assert w.session is old
        assert len(list((tmp_path / "state").iterdir())) == 1
        await w.press("g")
        assert w.tokens == [" The"]


async def test_opening_after_a_failed_start(fruit: str, tmp_path: Path) -> None:
    async with workbench(f"table:{tmp_path / 'none.json'}", ready=False) as w:
        await w.until(lambda: w.bridge.word is Word.FAILED)
        await w.settled()
        await opened(w, fruit)
        await w.press("enter")
        assert w.bridge.word is Word.READY
        assert w.session.prompt.text == PROMPT
        await w.press("ctrl+r")
        assert w.notice == "the model runs"
