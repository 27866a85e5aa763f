"""Makes the pictures of the README from a real session on the practice model: `python -m screenshots.make`.

The same keys that a person presses, at a fixed seed and size, drawn by the program itself.
"""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from bftui.core.sampler import Sampler
from bftui.practice import NAMES
from bftui.session.prompt import Prompt
from bftui.ui.app import WorkbenchApp
from bftui.ui.engine_thread import Word
from bftui.ui.settings import WorkbenchSettings

HERE = Path(__file__).resolve().parent
KEYS = [
    *["space"] * 10,  # a first branch
    *["left"] * 10,
    "1",  # forces "Sure"
    *["g"] * 8,  # to the end of the text
    *["left"] * 9,
    *["space"] * 7,  # a third branch, up to where the fruit is named
    "a",  # looks one step ahead
]
SHOTS = {
    "workbench": ("dark", (120, 36)),
    "workbench-light": ("light", (120, 36)),
}


async def shoot(name: str, theme: str, size: tuple[int, int]) -> None:
    """Plays the keys and writes `screenshots/NAME.svg`."""
    settings = WorkbenchSettings(
        backend="reference",
        prompt=Prompt("Q: Name a fruit.\nA:"),
        sampler=Sampler(seed=9),
        theme=theme,
    )
    app = WorkbenchApp(settings)
    async with app.run_test(size=size) as pilot:
        await settled(app)
        for key in KEYS:
            await pilot.press(key)
            await settled(app)
        await pilot.pause(0.1)
        app.save_screenshot(f"{name}.svg", path=str(HERE))
    app.bridge.close()


async def settled(app: WorkbenchApp) -> None:
    """Waits until the model rests."""
    while (
        app.bridge.session is None
        or app.bridge.working
        or app.bridge.word is not Word.READY
        or app.bridge.experiments.waiting
    ):
        await asyncio.sleep(0.01)


def curves() -> None:
    """Writes `screenshots/curves.svg`: what `bftui measure` prints for the practice models."""
    questions = HERE.parent / "examples" / "questions.jsonl"
    command = [
        *("measure", *NAMES, "--prompts", str(questions), "--max-tokens", "48"),
        *("--estimator", "entropy", "--backend", "reference"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "bftui", *command], check=True, capture_output=True, text=True
    )
    console = Console(record=True, width=80, file=io.StringIO())
    ratios = done.stdout[done.stdout.index("BF of ") :]
    console.print(ratios, markup=False, highlight=False)
    console.save_svg(str(HERE / "curves.svg"), title="bftui measure")


def main() -> None:
    curves()
    print(HERE / "curves.svg")
    for name, (theme, size) in SHOTS.items():
        asyncio.run(shoot(name, theme, size))
        print(HERE / f"{name}.svg")


if __name__ == "__main__":
    main()
