"""Keys while a tree grows: from a key to the rows that answer it, on the practice base up to 100,000 nodes.

python -m tests.benchmarks.grown_tree [--nodes N] [--depth D] [--model MODEL]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time

from textual import events
from textual.geometry import Region
from textual.strip import Strip

from bftui.model.prompt import Prompt
from bftui.ui.app import WorkbenchApp
from bftui.ui.screens.grown_screen import GrownScreen
from bftui.workbench.settings import WorkbenchSettings
from bftui.workbench.snapshot import Status

PROMPT = "Q: What is a good way to learn a language?\nA:"


async def grow(model: str, nodes: int, depth: int) -> None:
    """Grows a tree on the screen, and presses keys all the while."""
    settings = WorkbenchSettings(
        model=model, prompt=Prompt(PROMPT), response="off", options={"threads": 1}
    )
    app = WorkbenchApp(settings)
    chance = random.Random(0)
    async with app.run_test(size=(120, 40)) as pilot:
        while app.workbench.now.status is not Status.READY or app.workbench.working:
            await asyncio.sleep(0.05)
        size = app.bench.tree_size
        size.depth, size.mass, size.most = depth, 1.0, nodes
        begun = time.perf_counter()
        await pilot.press("A")
        screen = app.screen
        assert isinstance(screen, GrownScreen)
        pane, drawn = screen.listed(), dict[int, float]()
        render = pane.render_lines

        def noted(crop: Region) -> list[Strip]:
            found = render(crop)
            drawn.setdefault(pane.selected, time.perf_counter())
            return found

        pane.render_lines = noted  # type: ignore[method-assign]
        place = app.workbench.now
        times: list[tuple[int, float]] = []
        while True:
            shown = next(iter(place.measured.grown.values()), None)
            place = app.workbench.now
            if shown is not None and not shown.running:
                break
            await asyncio.sleep(0.05 + chance.random() * 0.1)
            if pane.count() < 20:
                continue
            key = "down" if pane.selected < 10 else "up"
            wanted = pane.selected + (1 if key == "down" else -1)
            drawn.clear()
            start = time.perf_counter()
            app.post_message(events.Key(key, None))
            while wanted not in drawn and time.perf_counter() < start + 10:
                await asyncio.sleep(0.0005)
            took = drawn.get(wanted, time.perf_counter()) - start
            times.append((0 if shown is None else shown.nodes, took * 1e3))
        seconds = time.perf_counter() - begun
        whole = next(iter(app.workbench.now.measured.grown.values()))
        print(
            f"{model}: {whole.nodes:,} nodes to depth {depth} in {seconds:.0f} s, "
            f"{whole.nodes / seconds:,.0f} a second on the screen"
        )
        for least, most in ((0, nodes // 4), (nodes // 4, nodes + 1)):
            some = sorted(ms for at, ms in times if least <= at < most)
            if some:
                print(
                    f"key to rows at {least:,} to {most - 1:,} nodes: median {statistics.median(some):.0f} ms, p95 "
                    f"{some[int(len(some) * 0.95)]:.0f} ms (budget 50), longest {some[-1]:.0f} ms, {len(some)} keys"
                )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=100_000)
    parser.add_argument("--depth", type=int, default=8)
    parser.add_argument("--model", default="practice")
    chosen = parser.parse_args()
    asyncio.run(grow(chosen.model, chosen.nodes, chosen.depth))


if __name__ == "__main__":
    main()
