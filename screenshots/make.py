"""Makes the pictures of the README from real sessions: `python -m screenshots.make`.

The same keys that a person presses, at a fixed seed and size, drawn by the program itself; on the practice models, and
one on a pretrained model, which `make test-real` fetches.
"""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bftui.core.sampler import Sampler
from bftui.model.prompt import Prompt, Template
from bftui.practice import NAMES
from bftui.ui.app import WorkbenchApp
from bftui.workbench.settings import PartnerSettings, WorkbenchSettings
from bftui.workbench.snapshot import Beside, Status
from screenshots import report
from tests.real.models import SMOLLM2, fetch

HERE = Path(__file__).resolve().parent
TREE = (
    *["space"] * 9,  # a first branch
    *["left"] * 9,
    *["space"] * 6,  # a second one
    *["left"] * 6,
    "1",  # forces "Sure"
    "E",  # what will be measured
    "E",  # measured to its end, however slow the machine
    "escape",
    *["g"] * 14,  # up to where there is a choice again
    "a",  # looks one step ahead
)
STORY = "Tell me a story."
PRETRAINED = (
    *["space"] * 12,  # a first answer
    *["left"] * 12,
    *["space"] * 8,  # a second one
    *["left"] * 8,
    "1",  # forces "Sure"
    *["space"] * 6,
    "a",  # looks one step ahead
)
STATE = "A random US state:"
STATES = ("v", "3")  # a valid set: the US states
NUDGED = ("b", "p")  # the partner writes where the base is unsure, to the end of its text


RULES = Sampler(top_k=11, top_p=0.53, min_p=0.05, typical_p=0.4, seed=9)


@dataclass(frozen=True)
class Shot:
    """One picture: the keys that lead to it."""

    keys: tuple[str, ...]
    theme: str = "dark"
    partner: str | None = None
    question: str = "Name a fruit."
    model: str = "practice"
    template: Template | None = None
    sampler: Sampler = Sampler(seed=9)


SHOTS = {
    "workbench": Shot(TREE, question=STORY),
    "workbench-light": Shot(TREE, theme="light", question=STORY),
    "shift": Shot(("s",), partner="practice-aligned"),
    "nudge": Shot(NUDGED, partner="practice-aligned"),
    "smollm2": Shot(PRETRAINED, model=str(SMOLLM2.gguf)),
    "valid": Shot(STATES, question=STATE, model="practice-aligned", template="raw"),
    "rules": Shot(("j",), model=str(SMOLLM2.gguf), sampler=RULES),
    "frontier": Shot((*STATES, "tab"), question=STATE, model="practice-aligned", template="raw"),
}
SIZE = (120, 36)


async def shoot(name: str, shot: Shot) -> None:
    """Plays the keys and writes `screenshots/NAME.svg`."""
    practice = shot.model in NAMES
    settings = WorkbenchSettings(
        model=shot.model,
        backend="reference" if practice else "llama-cpp",
        prompt=Prompt(shot.question, template=shot.template or ("page" if practice else "chat")),
        sampler=shot.sampler,
        theme=shot.theme,
        partner=PartnerSettings(shot.partner, "reference") if shot.partner else None,
        response="off",
    )
    app = WorkbenchApp(settings)
    async with app.run_test(size=SIZE) as pilot:
        await settled(app)
        for key in shot.keys:
            await pilot.press(key)
            await pilot.pause()
            await settled(app)
        await pilot.pause(0.1)
        app.save_screenshot(f"{name}.svg", path=str(HERE))
    app.workbench.close()


async def settled(app: WorkbenchApp) -> None:
    """Waits until the models rest."""
    workbench = app.workbench
    while (
        workbench.now.session is None
        or workbench.now.status is not Status.READY
        or workbench.now.paired.state is Beside.LOADING
        or workbench.measuring
        or not workbench.settled(idle=True)
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
    fetch(SMOLLM2)
    for name, shot in SHOTS.items():
        asyncio.run(shoot(name, shot))
        print(HERE / f"{name}.svg")
    print(report.make())


if __name__ == "__main__":
    main()
