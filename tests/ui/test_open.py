"""The model picker and changing the model: the old session stays until the new one stands."""

from __future__ import annotations

import json
import os
import re
import struct
import threading
from pathlib import Path
from typing import Any

import gguf
import pytest
from textual.widgets import Input

from bftui.catalog.model_listing import completed, listing, places
from bftui.catalog.model_summary import amount
from bftui.core.sampler import Sampler
from bftui.formats import model_facts
from bftui.formats.machine import size as size_text
from bftui.ui.screens.open_screen import OpenScreen
from bftui.workbench.snapshot import Status
from tests.models import rewritten, tiny_model
from tests.ui.driver import PROMPT, Driver, lines, table, workbench

GIB = 1 << 30


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    known_machine(monkeypatch)


def known_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of which it is known how much memory is free, without a GPU and models of other programs."""
    for name in ("HF_HOME", "HF_HUB_CACHE", "LLAMA_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("bftui.catalog.model_summary.available_memory", lambda: 8 * GIB)
    monkeypatch.setattr("bftui.backends.builtin_backends.gpu", lambda: None)
    monkeypatch.setattr("bftui.formats.machine.available_memory", lambda: 8 * GIB)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with models of every kind, sound and damaged."""
    folder = tmp_path / "models"
    folder.mkdir()
    tiny_model(folder / "one.gguf", "bpe", chat_template="{{ messages[0].content }}")
    for part in (1, 2):
        (folder / f"big-0000{part}-of-00002.gguf").write_bytes(b"GGUF" + b"x" * 1_496)
    (folder / "notes.txt").write_text("x")
    (folder / "notes.json").write_text('{"tokens": 3}')
    (folder / "plain").mkdir()
    table(folder / "scripted.json", name="scripted")
    weights(folder / "hf", 2_500_000)
    return folder


def weights(path: Path, numbers: int, **config: Any) -> Path:
    """A Hugging Face directory without any data: its file is as long as its header says."""
    path.mkdir()
    sizes = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 64}
    document = {"model_type": "llama", "max_position_embeddings": 2048, **sizes, **config}
    (path / "config.json").write_text(json.dumps(document))
    tensor = {"dtype": "BF16", "shape": [numbers], "data_offsets": [0, 2 * numbers]}
    header = json.dumps({"w": tensor}).encode()
    with (path / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + 2 * numbers)
    return path


def test_what_lies_in_a_folder(models: Path) -> None:
    found = [(entry.name, entry.kind) for entry in listing(str(models)).entries]
    assert found == [
        ("big-00001-of-00002.gguf", "gguf"),
        ("hf/", "directory"),
        ("one.gguf", "gguf"),
        ("scripted.json", "table"),
        ("plain/", "folder"),
    ]
    sizes = {entry.name: entry.size for entry in listing(str(models)).entries}
    assert sizes["big-00001-of-00002.gguf"] == 3_000
    assert sizes["plain/"] is None
    for unreadable in (str(models / "nowhere"), "\x00", str(models / "notes.txt")):
        seen = listing(unreadable)
        assert seen.entries == ()
        assert seen.problem


def test_what_leads_nowhere_is_left_out(models: Path) -> None:
    for name in ("loop", "loop.gguf", "loop.json"):
        (models / name).symlink_to(models / name)
    (models / "round").symlink_to(models)
    os.mkfifo(models / "pipe.gguf")
    os.mkfifo(models / "pipe.json")
    os.mkfifo(models / "plain" / "config.json")
    names = [entry.name for entry in listing(str(models)).entries]
    assert [name for name in names if name.startswith(("loop", "pipe"))] == []
    assert "round/" in names
    assert "plain/" in names


def test_a_folder_of_a_great_many_says_that_it_was_not_all_looked_at(tmp_path: Path) -> None:
    for number in range(2_001):
        (tmp_path / f"{number}.gguf").touch()
    seen = listing(str(tmp_path))
    assert (len(seen.entries), seen.whole) == (2_000, False)


def test_models_in_the_cache_of_the_hub_have_their_names(tmp_path: Path) -> None:
    one = tmp_path / "models--org--chat--v2" / "snapshots"
    two = tmp_path / "models--org--files" / "snapshots"
    for folder in (one, two / "abcdef0123", two / "1234567890"):
        folder.mkdir(parents=True)
    weights(one / "abcdef0123", 10)
    (two / "abcdef0123" / "a.gguf").write_bytes(b"GGUF")
    (two / "1234567890" / "notes.txt").touch()
    (tmp_path / "models--half").mkdir()
    found = [(entry.name, entry.kind, entry.path) for entry in listing(str(tmp_path)).entries]
    assert found == [
        ("org/chat--v2/", "directory", f"{one}/abcdef0123/"),
        ("org/files@abcdef0/a.gguf", "gguf", f"{two}/abcdef0123/a.gguf"),
        ("models--half/", "folder", f"{tmp_path}/models--half/"),
    ]


async def test_where_other_programs_keep_models_is_a_line(
    fruit: str, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = tmp_path / ".cache" / "huggingface" / "hub"
    (hub / "models--org--chat" / "snapshots").mkdir(parents=True)
    weights(hub / "models--org--chat" / "snapshots" / "main", 10)
    monkeypatch.setenv("LLAMA_CACHE", str(models))
    assert [(entry.name, entry.path) for entry in places()] == [
        ("~/.cache/huggingface/hub/", f"{hub}/"),
        ("~/models/", f"{models}/"),
    ]
    async with workbench(fruit) as w:
        await opened(w, f"{tmp_path}/")
        await w.press("up", *["down"] * 30, "up", "enter")
        await read(w)
        assert w.app.screen.query_one(Input).value == f"{hub}/"
        assert "BF16" in row(w, "org/chat/")
        assert "~/.cache/huggingface/hub/" not in w.screen().split("models and folders")[1]


def test_completing_a_path() -> None:
    names = ["model-a.gguf", "model-b.gguf", "other/"]
    assert completed("/x/mo", names) == "/x/model-"
    assert completed("/x/o", names) == "/x/other/"
    assert completed("o", names) == "other/"
    assert completed("/x/z", names) == "/x/z"


def test_numbers_of_parameters() -> None:
    assert [amount(n) for n in (None, 0, 999, 627_360, 8_030_261_248, 2 * 10**12)] == [
        *("", "", "999", "627 K", "8.03 B", "2 T")
    ]


async def test_a_path_may_begin_anew_behind_the_folder_that_stands_there(
    fruit: str, models: Path
) -> None:
    async with workbench(fruit) as w:
        await w.press("o")
        await w.type(f"{models}/one.gg")
        await w.until(lambda: w.app.screen.typed == f"{models}/one.gg" and not w.app.screen.reading)
        assert "one.gguf  " in w.screen()
        await w.type("/nowhere/x/~/table:none.json")
        assert w.app.screen.typed == "table:none.json"


async def test_a_path_that_leads_nowhere_can_be_mended(fruit: str, models: Path) -> None:
    async with workbench(fruit) as w:
        await w.press("o", "ctrl+u")
        await w.type(f"{models}/none.gguf")
        await w.press("enter")
        assert isinstance(w.app.screen, OpenScreen)
        assert "there is no model at" in w.screen()


async def opened(w: Driver, path: str) -> None:
    """Opens the picker on a path and waits for what lies there, and for what is known of it."""
    await w.press("o")
    assert isinstance(w.app.screen, OpenScreen)
    await typed(w, path)


async def typed(w: Driver, path: str) -> None:
    await typed_only(w, path)
    await read(w)


async def typed_only(w: Driver, path: str) -> None:
    field = w.app.screen.query_one(Input)
    field.value = path
    field.cursor_position = len(path)
    await w.pilot.pause()


async def read(w: Driver) -> None:
    """Waits until all that is drawn is known."""
    screen = w.app.screen
    assert isinstance(screen, OpenScreen)
    await w.pilot.pause()
    await w.until(lambda: not screen.reading)
    await w.pilot.pause()
    await w.until(lambda: not screen.reading)
    await w.pilot.pause()


def row(w: Driver, name: str) -> str:
    """The line of a model in the table."""
    (found,) = [line for line in w.screen().splitlines() if line.startswith(f"│ │ {name}")]
    return found


async def test_the_picker_shows_what_is_there(fruit: str, models: Path) -> None:
    async with workbench(fruit) as w:
        await opened(w, f"{models}/")
        screen = w.screen()
        for shown in ("practice", "plain/"):
            assert shown in screen, shown
        assert "notes" not in screen
        field = w.app.screen.query_one(Input)
        await w.type("on")
        assert "hf/" not in w.screen()
        await w.press("tab")
        assert field.value == f"{models}/one.gguf"
        field.value = f"{models}/pl"
        await w.press("down", "enter")
        assert field.value == f"{models}/plain/"
        await read(w)
        await w.press("enter")
        assert "this folder is not a model" in w.screen()
        await w.press("escape")
        assert w.app.screen is w.bench
        assert w.session.prompt.text == PROMPT


@pytest.mark.parametrize(
    ("size", "headings"),
    [
        ((60, 16), ["size", "needs"]),
        ((80, 24), ["stored", "size", "needs", "chat"]),
        ((120, 36), ["kind", "stored", "params", "size", "needs", "context", "chat"]),
    ],
)
async def test_columns_by_what_there_is_room_for(
    fruit: str, models: Path, size: tuple[int, int], headings: list[str]
) -> None:
    async with workbench(fruit, size=size) as w:
        await opened(w, f"{models}/one")
        header = next(line for line in w.screen().splitlines() if "models and folders" in line)
        assert re.findall("[a-z]+", header.split("folders")[1]) == headings
        line = row(w, "one.gguf")
        on_disk = size_text((models / "one.gguf").stat().st_size)
        # What has words begins where its heading begins, numbers end where theirs end.
        begin = {"kind": "GGUF", "stored": "F32", "chat": "yes"}
        end = {"params": "176 K", "size": on_disk, "context": "1,024"}
        for heading, cell in (begin | end).items():
            assert (cell in line) == (heading in headings)
        for heading, cell in begin.items():
            if heading in headings:
                assert line.index(cell) == header.index(heading)
        for heading, cell in end.items():
            if heading in headings:
                assert line.index(cell) + len(cell) == header.index(heading) + len(heading)


async def test_every_kind_has_its_line(fruit: str, models: Path) -> None:
    async with workbench(fruit, options={"device": "cpu"}) as w:
        await opened(w, f"{models}/")
        hf = row(w, "hf/")
        for cell in ("HF", "BF16", "2.5 M", "4.77 MiB", "2,048", "no"):
            assert cell in hf, cell
        scripted = row(w, "scripted.json")
        for cell in ("table", "512", "no"):
            assert cell in scripted, cell
        assert "practice  F16" in row(w, "practice-aligned ")
        assert "✗" in row(w, "big-00001-of-00002.gguf")


async def test_the_selected_model_is_told_about_below(fruit: str, models: Path) -> None:
    async with workbench(fruit, size=(80, 24), options={"ctx": 300, "device": "cpu"}) as w:
        await opened(w, f"{models}/one")
        assert "needs: memory for the weights and a context" in w.screen()
        await w.press("down")
        screen = w.screen()
        assert "176 K parameters · trained with 1,024 tokens · F32 · chat template" in screen
        assert "context of 300 tokens" in screen
        assert "8.0 GiB of memory are free" in screen
        await typed(w, f"{models}/big")
        await w.press("down")
        assert "✗" in w.screen()
        assert "download it again" in w.screen()


async def test_what_needs_more_than_is_free_says_so(
    fruit: str, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights(models / "huge", 6 * GIB)
    async with workbench(fruit, options={"device": "cpu"}) as w:
        await opened(w, f"{models}/")
        assert "⚠ too big 12.0 GiB" in row(w, "huge/")
        assert "⚠" not in row(w, "one.gguf")
        await typed(w, f"{models}/huge")
        await w.press("down")
        assert "⚠ does not fit: 8.0 GiB of memory are free; take a smaller" in w.screen()
    monkeypatch.setattr("bftui.backends.builtin_backends.gpu", lambda: "cuda")
    async with workbench(fruit, size=(80, 24)) as w:
        await opened(w, f"{models}/huge")
        assert "⚠ 12.0 GiB" in row(w, "huge/")
        await w.press("down")
        assert "but a GPU may hold it" in w.screen()


async def test_a_backend_that_is_not_installed_is_named(
    fruit: str, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bftui.catalog.model_summary.missing", lambda name: [name])
    async with workbench(fruit) as w:
        await opened(w, f"{models}/hf")
        await w.press("down")
        assert "transformers is not installed: pip install 'bftui[transformers]'" in w.screen()


async def test_names_come_before_headers_are_read(
    fruit: str, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    def slow(kind: Any, path: str) -> Any:
        gate.wait(30)
        return model_facts.read(kind, path)

    monkeypatch.setattr("bftui.catalog.model_summary.read", slow)
    async with workbench(fruit) as w:
        await w.press("o")
        screen = w.app.screen
        assert isinstance(screen, OpenScreen)
        screen.query_one(Input).value = f"{models}/"
        await w.until(lambda: "one.gguf" in w.screen())
        assert "F32" not in row(w, "one.gguf")
        await typed_only(w, f"{models}/one")
        await w.press_only("down")
        assert "reading its header" in w.screen()
        gate.set()
        await read(w)
        assert "F32" in row(w, "one.gguf")
        await w.press("escape")


async def test_only_what_is_drawn_is_read(
    fruit: str, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(200):
        (models / f"many-{number:03}.gguf").symlink_to(models / "one.gguf")
    asked: list[str] = []

    def counted(kind: Any, path: str) -> Any:
        if path.startswith(str(models)):
            # Whether a practice model is still drawn before the path is typed is a matter of time.
            asked.append(path)
        return model_facts.read(kind, path)

    monkeypatch.setattr("bftui.catalog.model_summary.read", counted)
    async with workbench(fruit, size=(80, 24)) as w:
        await opened(w, f"{models}/many")
        assert 5 < len(asked) < 25
        await w.press(*["pagedown"] * 30)
        await read(w)
        assert f"{models}/many-199.gguf" in asked
        assert "F32" in row(w, "many-199.gguf")
        before = len(asked)
        await w.press("escape")
        await opened(w, f"{models}/many")
        assert len(asked) == before


async def test_hostile_names_and_headers_are_only_text(fruit: str, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    evil = "\x1b]0;x\x07[red]\u202e.gguf"
    tiny_model(folder / "own.gguf", "bpe")
    rewritten(
        folder / "own.gguf",
        folder / evil,
        architecture="llama",
        changes={"general.name": ("[/b]\x1b[2J\u202e\nx", gguf.GGUFValueType.STRING)},
    )
    weights(folder / "[@click=app.quit]x", 10, model_type="\x1b[31m[/")
    (folder / os.fsdecode(b"\xff.gguf")).write_bytes(b"GGUF")
    async with workbench(fruit) as w:
        await opened(w, f"{folder}/")
        screen = w.screen()
        assert "[@click=app.quit]x/" in screen
        assert "[red]‹202E›.gguf" in screen
        assert "‹DCFF›.gguf" in screen
        for _ in range(9):
            await w.press("down")
            await read(w)
            assert not {"\x1b", "\u202e", "\x07"} & set(w.screen())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_what_may_not_be_read_says_so(fruit: str, models: Path) -> None:
    (models / "one.gguf").chmod(0)
    (models / "plain").chmod(0)
    async with workbench(fruit) as w:
        await opened(w, f"{models}/")
        assert "Permission denied" in row(w, "one.gguf")
        await typed(w, f"{models}/plain/")
        assert "this folder cannot be read: Permission denied" in w.screen()
    (models / "plain").chmod(0o700)


async def test_a_folder_that_is_not_there_says_so(fruit: str, models: Path) -> None:
    async with workbench(fruit) as w:
        await opened(w, f"{models}/nowhere/")
        assert "this folder cannot be read: No such file or directory" in w.screen()


async def test_a_name_after_the_folder_is_a_practice_model_or_the_only_one_listed(
    fruit: str, models: Path
) -> None:
    async with workbench(fruit) as w:
        for name, meant in (
            ("practice-aligned", "practice-aligned"),
            ("ONE", f"{models}/one.gguf"),
            ("pla", None),
            ("nothing", None),
        ):
            chosen: list[str | None] = []
            screen = OpenScreen(fruit, w.bench.palette)
            w.app.push_screen(screen, chosen.append)
            await w.pilot.pause()
            screen.query_one(Input).value = f"{models}/{name}"
            await read(w)
            await w.pilot.press("enter")
            await w.pilot.pause()
            assert chosen == ([] if meant is None else [meant])
            if meant is None:
                assert f"there is no model at {models}/{name}" in w.screen()
                await w.pilot.press("escape")


@pytest.mark.usefixtures("processes")
async def test_another_model_takes_prompt_and_sampler_along(fruit: str, tmp_path: Path) -> None:
    other = table(
        tmp_path / "other.json", name="other", chat_template="Hello{{ messages[0].content }}Hello"
    )
    state = tmp_path / "state"
    async with workbench(fruit, state_dir=lambda: state, sampler=Sampler(seed=5)) as w:
        await w.press("g", "g", "tab", "comma", "slash", "f", "enter")
        old = w.session
        client = old.model.client
        await opened(w, other)
        await w.press("enter")
        assert w.session is not old
        assert w.session.model.info.name == "other"
        assert w.session.prompt == old.prompt
        assert w.session.sampler == Sampler(seed=5)
        assert "other is open; the session before: " in w.notice
        assert "other" in lines(w.bench.status)[0]
        assert client._process.poll() is not None  # type: ignore[attr-defined]
        assert len(list(state.iterdir())) == 2
        assert w.workbench.now.kept[0].text.startswith("3 nodes kept in ")
        assert "0 tokens" in lines(w.bench.text_pane)[0]
        assert lines(w.bench.text_pane)[1].startswith("│ Hello")
        assert "Hello" in lines(w.bench.tree_pane)[1]
        assert not w.bench.candidates.wanted
        await w.press("g", "left", "shift+tab", "g")
        assert w.tokens == [" a"]


@pytest.mark.usefixtures("processes")
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
        assert w.workbench.now.status is Status.READY
        await w.press("g")
        assert w.tokens == [" The", " fruit"]


@pytest.mark.usefixtures("processes")
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
        await w.until(lambda: w.workbench.now.status is Status.READY)
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
        await w.until(lambda: w.workbench.now.status is Status.FAILED)
        await w.settled()
        await opened(w, fruit)
        await w.press("enter")
        assert w.workbench.now.status is Status.READY
        assert w.session.prompt.text == PROMPT
        await w.press("ctrl+r")
        assert w.notice == "the model runs"
