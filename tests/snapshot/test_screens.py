"""The screens as pictures, each with a plain-text twin that a review can read.

Made on one Python and one system; elsewhere fonts and widths are the same but nothing is promised. To make them again:
`pytest tests/snapshot --snapshot-update`.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from bftui.model.prompt import Prompt
from bftui.ui.app import WorkbenchApp
from bftui.ui.screens.open_screen import OpenScreen
from bftui.workbench.settings import PartnerSettings, WorkbenchSettings
from bftui.workbench.snapshot import Status
from tests.models import tiny_model
from tests.ui.driver import PROMPT, TEXT, WORDS, Driver, host_in_process, rules, table
from tests.ui.test_open import known_machine, weights
from tests.ui.test_partner import BYTES, aligned

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11) or sys.platform != "linux",
    reason="the pictures are made with Python 3.11 on Linux",
)

LARGE, WIDE, MIDDLE, NARROW = (200, 60), (120, 36), (100, 30), (80, 24)
MEASURED, PARTNERED = "measured", "partnered"
"""Stand among keys where all experiments are waited for, and the partner."""
SESSION = ["g", "space", "space", "left", "left", "left", "1", "g", "g", "g", "g"]

Snap = Callable[..., bool]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("NO_COLOR", "COLORTERM", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    host_in_process(monkeypatch)
    return table(tmp_path / "fruit.json")


@pytest.fixture
def shown(
    snap_compare: Snap, model: str, request: pytest.FixtureRequest
) -> Iterator[Callable[..., None]]:
    """Compares a screen, after some keys, with its picture and its text."""
    apps: list[WorkbenchApp] = []

    def compare(size: tuple[int, int], keys: list[str], **settings: Any) -> None:
        app = WorkbenchApp(
            WorkbenchSettings(
                **{"model": model, "prompt": Prompt(PROMPT), "response": "off", **settings}
            )
        )
        apps.append(app)
        text: list[str] = []

        async def before(_: Pilot[Any]) -> None:
            driver = Driver(app)
            await driver.until(lambda: app.workbench.now.status in (Status.READY, Status.FAILED))
            await driver.settled()
            for key in keys:
                if key == PARTNERED:
                    await driver.until(lambda: app.workbench.now.paired.ready)
                    await driver.partnered(everything=True)
                else:
                    await (driver.measured() if key == MEASURED else driver.press(key))
            await app.workers.wait_for_complete()
            if isinstance(app.screen, OpenScreen):
                await driver.until(lambda: not app.screen.reading)
            await driver.settled()
            text.append(driver.screen() + "\n")

        run: Callable[[Pilot[Any]], Awaitable[None]] = before
        matches = snap_compare(app, terminal_size=size, run_before=run)
        twin = Path(__file__).parent / "text" / f"{request.node.name}.txt"
        if request.config.getoption("--snapshot-update"):
            twin.parent.mkdir(exist_ok=True)
            twin.write_text(text[0], encoding="utf-8")
        assert text[0] == twin.read_text(encoding="utf-8")
        assert matches

    yield compare
    for app in apps:
        app.workbench.close()


def test_wide(shown: Callable[..., None]) -> None:
    shown(WIDE, SESSION)


def test_narrow(shown: Callable[..., None]) -> None:
    shown(NARROW, SESSION)


def test_large(shown: Callable[..., None]) -> None:
    shown(LARGE, SESSION)


def test_middle(shown: Callable[..., None]) -> None:
    shown(MIDDLE, SESSION)


@pytest.mark.parametrize(
    "theme", ["ansi", "colour-blind", "fathom", "foolscap", "high-contrast", "mono"]
)
def test_themes(shown: Callable[..., None], theme: str) -> None:
    shown(NARROW, SESSION, theme=theme)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_compare(shown: Callable[..., None], size: tuple[int, int]) -> None:
    shown(size, [*SESSION, "c"])


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_settings(shown: Callable[..., None], size: tuple[int, int]) -> None:
    shown(size, [*SESSION, "f2"])


VALID = [*"v", *"words:a fig|a pear|The apple|The pear --end .", "enter", MEASURED]


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_valid(shown: Callable[..., None], size: tuple[int, int]) -> None:
    shown(size, [*VALID, "enter"])


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_valid_frontier(shown: Callable[..., None], size: tuple[int, int]) -> None:
    shown(size, [*VALID, "tab"])


def test_valid_choice(shown: Callable[..., None]) -> None:
    shown(NARROW, ["v"])


def test_valid_candidates(shown: Callable[..., None]) -> None:
    shown(NARROW, [*VALID, "escape"])


def test_theme_list(shown: Callable[..., None]) -> None:
    shown(NARROW, [*SESSION, "T"])


def test_light(shown: Callable[..., None]) -> None:
    shown(NARROW, [*SESSION, "tab"], theme="light")


def test_mono_entropy(shown: Callable[..., None]) -> None:
    shown(NARROW, [*SESSION, "H", "shift+tab"], theme="mono")


def test_prompts(shown: Callable[..., None]) -> None:
    shown(WIDE, [], prompt=None)


def test_force(shown: Callable[..., None]) -> None:
    shown(NARROW, [*SESSION, "f", "space", "S", "u", "r", "e"])


def test_sampler(shown: Callable[..., None]) -> None:
    shown(NARROW, [*SESSION, "t", "left", "down", "down", "left"])


def test_prompt_editor(shown: Callable[..., None]) -> None:
    shown(NARROW, [*SESSION, "i"])


def test_prompt_that_cannot_be_rendered(shown: Callable[..., None]) -> None:
    shown(MIDDLE, [*SESSION, "i", "ctrl+t", "ctrl+t"])


def test_small_editor(shown: Callable[..., None]) -> None:
    shown((60, 16), ["i", "tab", "tab"])


def test_explain(shown: Callable[..., None]) -> None:
    shown(MIDDLE, [*SESSION, "K"])


def test_text_cursor(shown: Callable[..., None]) -> None:
    shown(NARROW, [*SESSION, "w", "w", "tab", "comma", "comma"])


def test_marks(shown: Callable[..., None]) -> None:
    shown(MIDDLE, [*SESSION, "m", "enter", "left", "left", "m", "enter", "apostrophe"])


def test_folded_tree(shown: Callable[..., None]) -> None:
    keys = [
        "m",
        "enter",
        "left",
        "left",
        "g",
        "shift+tab",
        "slash",
        "s",
        "u",
        "r",
        "enter",
        "home",
        "x",
    ]
    shown(MIDDLE, [*SESSION, *keys])


def test_candidates_searched(shown: Callable[..., None]) -> None:
    shown(NARROW, [*SESSION, "slash", "f", "enter", "n"])


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_open(
    shown: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
) -> None:
    known_machine(monkeypatch)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "models"
    (folder / "plain").mkdir(parents=True)
    tiny_model(folder / "one.gguf", "bpe", chat_template="{{ messages[0].content }}")
    (folder / "cut.gguf").write_bytes(b"GGUF" + b"x" * 1_996)
    weights(folder / "hf-model", 2_500_000)
    weights(folder / "hf-large", 9_000_000_000)
    shown(size, ["o", "ctrl+u", *"models", "slash", "down", "down"])


@pytest.fixture
def open_start(tmp_path: Path) -> str:
    """A scripted model with so many beginnings that there are matched controls enough."""
    after = dict.fromkeys((f" {word}" for word in [*WORDS[:6], *TEXT[:10]]), 0.055)
    return table(tmp_path / "open.json", rules={**rules(), '["A:"]': after})


MEASURING = ["g", "space", "left", "left", "a", MEASURED, "1", MEASURED]


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_measured(shown: Callable[..., None], open_start: str, size: tuple[int, int]) -> None:
    keys = [*MEASURING, "a", MEASURED, "r", MEASURED, "escape"]
    shown(size, keys, model=open_start, response="auto")


def test_ordered(shown: Callable[..., None], open_start: str) -> None:
    shown(NARROW, [*MEASURING, "left", "S"], model=open_start, response="auto")


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_rollouts(shown: Callable[..., None], open_start: str, size: tuple[int, int]) -> None:
    shown(size, [*MEASURING, "r", MEASURED, "down"], model=open_start, response="auto")


def test_sampled_again(shown: Callable[..., None], open_start: str) -> None:
    keys = [*MEASURING, "g", "g", "g", "left", "left", "left", "R", MEASURED]
    shown(MIDDLE, keys, model=open_start, response="auto")


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_response(shown: Callable[..., None], open_start: str, size: tuple[int, int]) -> None:
    shown(size, [*MEASURING, "E", MEASURED], model=open_start, response="auto")


def test_help_wide(shown: Callable[..., None]) -> None:
    shown((120, 50), ["question_mark"])


def test_help(shown: Callable[..., None]) -> None:
    shown((100, 50), ["question_mark"])


def test_no_model(shown: Callable[..., None]) -> None:
    shown(NARROW, [], model="table:no/such/table.json")


@pytest.fixture
def pair(tmp_path: Path) -> dict[str, Any]:
    """The settings of a base and a partner."""
    answer = [" Sure", "!", " Great", " is", " a", " pear", "."]
    return {
        "model": table(tmp_path / "fruit.json", tokens=BYTES),
        "partner": PartnerSettings(aligned(tmp_path / "helper.json", answer)),
    }


def test_partner(shown: Callable[..., None], pair: dict[str, Any]) -> None:
    shown(WIDE, [PARTNERED, *SESSION, PARTNERED, "w", "w", "w"], **pair)


def test_partner_narrow(shown: Callable[..., None], pair: dict[str, Any]) -> None:
    shown(NARROW, [PARTNERED, *SESSION, PARTNERED], **pair)


def test_shift(shown: Callable[..., None], pair: dict[str, Any]) -> None:
    shown(WIDE, [PARTNERED, "s", PARTNERED, "n"], **pair)


def test_shift_of_the_path(shown: Callable[..., None], pair: dict[str, Any]) -> None:
    keys = [PARTNERED, *SESSION, PARTNERED, "s", PARTNERED, "s", PARTNERED]
    shown(NARROW, keys, theme="mono", **pair)


def test_nudge(shown: Callable[..., None], pair: dict[str, Any]) -> None:
    shown(WIDE, [PARTNERED, "b", "space", PARTNERED], theme="light", **pair)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_dial(
    shown: Callable[..., None], pair: dict[str, Any], tmp_path: Path, size: tuple[int, int]
) -> None:
    dial = f"dial:{pair['model']}::table:{tmp_path / 'helper.json'}"
    shown(size, ["<", "<", "D", MEASURED, "down"], model=dial)
