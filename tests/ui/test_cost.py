"""What drawing costs on large trees. The figures are printed, not judged; that it works at all is."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from textual import events
from textual.geometry import Region
from textual.strip import Strip

from bftui.core.distribution import Distribution
from bftui.core.sampler import Sampler
from bftui.core.tree import Source, Tree
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt
from bftui.session.session import Session
from bftui.session.session_state import SessionState
from bftui.ui.view import View
from tests.ui.driver import lines, table, workbench


class Standing:
    """A session that only stands somewhere in a ready tree."""

    def __init__(self, model: Model, count: int) -> None:
        self.model = model
        self.tree = Tree(model.info.n_vocab)
        self.sampler = Sampler()
        self.ended = False
        self.partner = None
        self.rendered = model.render(Prompt("A:"))
        self.marks: dict[str, int] = {}
        self.folded = self.pruned = frozenset[int]()
        self.sampler_number = 0
        self.state = SessionState(self.tree, [self.sampler])
        logits = np.random.default_rng(1).normal(size=model.info.n_vocab).astype(np.float32) * 2
        distribution = Distribution(logits, self.sampler)
        self._next = distribution.summary()
        self._scored = [distribution.score(i) for i in range(60)]
        self.cursor = self.tree.add_root((1, 2, 3), self._next, sampler=0, elapsed_ms=0.0)
        self._random = random.Random(1)
        while len(self.tree) < count:
            self.grow(self._random.random() < 0.03)

    def stop(self, node: int) -> None:
        """No stop string was reached."""

    def stale_at(self, node: int) -> bool:
        return False

    def begins_force(self, node: int) -> bool:
        return self.tree.source(node) is Source.FORCED

    def grow(self, fork: bool) -> None:
        """One more token: after the cursor, or a fork somewhere above."""
        parent = self._random.randrange(len(self.tree)) if fork else self.cursor
        scored = self._scored[self._random.randrange(60)]
        source = Source.FORCED if fork else Source.SAMPLED
        self.cursor = self.tree.add(parent, scored, source, self._next, sampler=0)


def _ms(times: list[float]) -> str:
    times.sort()
    return f"median {statistics.median(times):.2f} ms, p95 {times[int(len(times) * 0.95)]:.2f} ms"


@pytest.mark.parametrize("count", [1_000, 10_000, 100_000])
async def test_one_more_node(fruit: str, count: int) -> None:
    async with workbench(fruit, size=(120, 40)) as w:
        standing = Standing(w.session.model, count)
        start = time.perf_counter()
        view = View(cast(Session, standing))
        took = (time.perf_counter() - start) * 1e3
        w.bench.view = view
        w.workbench._state.publish(session=cast(Session, standing))
        w.bench.frame()
        taking, tree, drawing = [], [], []
        for turn in range(60):
            standing.grow(turn % 10 == 9)
            start = time.perf_counter()
            view.sync()
            w.bench.tree_pane.show(view)
            lines(w.bench.tree_pane)
            tree.append((time.perf_counter() - start) * 1e3)
            w.bench.frame()
            taking.append((time.perf_counter() - start) * 1e3)
            for pane in w.bench.panes:
                lines(pane)
            drawing.append((time.perf_counter() - start) * 1e3)
        print(f"\n{count:,} nodes, {len(view.rows):,} rows, taken in at once in {took:.0f} ms")
        print(f"  one more node in the tree pane, drawn: {_ms(tree)}")
        print(f"  all panes brought up to date: {_ms(taking)}")
        print(f"  and every line of them drawn: {_ms(drawing)}")
        row = view.rows.row_of(standing.cursor)
        assert w.bench.tree_pane.top <= row < w.bench.tree_pane.top + w.bench.tree_pane.rows


async def test_a_key_draws_one_frame_where_it_changes_something(
    fruit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a machine that is slow a step may be work that is called busy, in a frame of its own.
    monkeypatch.setattr("bftui.ui.screens.workbench_screen._BUSY_AFTER_S", 60.0)
    async with workbench(fruit) as w:
        frames, frame = [], w.bench.frame

        def counted() -> None:
            frames.append(time.monotonic())
            frame()

        monkeypatch.setattr(w.bench, "frame", counted)

        async def drawn_for(*keys: str) -> int:
            """Frames that keys lead to, until none has come for a while."""
            frames.clear()
            begin = time.monotonic()
            await w.pilot.press(*keys)
            while w.workbench.working or time.monotonic() < max([begin, *frames]) + 0.3:
                await asyncio.sleep(0.01)
            return len(frames)

        await drawn_for()
        assert [await drawn_for(key) for key in ("space", "g", "left", "u", "1")] == [1] * 5
        assert [await drawn_for(key) for key in ("down", "tab", "w", "H", "z")] == [0] * 5


async def test_a_key_while_it_generates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a key to the lines that answer it, while the model plays as fast as it goes."""
    model = table(tmp_path / "quick.json", step_ms=2, eog=[], n_ctx=100_000)
    async with workbench(model, size=(120, 40)) as w:
        strip, drawn = w.bench.strip, dict[bool, float]()
        render = strip.render_lines

        def noted(crop: Region) -> list[Strip]:
            result = render(crop)
            drawn[strip.entropy] = time.perf_counter()
            return result

        monkeypatch.setattr(strip, "render_lines", noted)
        for _ in range(4):
            w.bench.act("faster")
        w.bench.act("play")
        times = []
        for turn in range(40):
            await asyncio.sleep(0.02)
            wanted = turn % 2 == 0
            drawn.pop(wanted, None)
            start = time.perf_counter()
            w.app.post_message(events.Key("H", "H"))
            while wanted not in drawn:
                await asyncio.sleep(0.0005)
            times.append((drawn[wanted] - start) * 1e3)
        assert w.workbench.now.playing
        w.bench.act("play")
        await w.settled()
        print(f"\nkey to drawn lines, while {len(w.session.tree):,} nodes came: {_ms(times)}")
