"""The practice models in the workbench: every screen with their numbers says what they are, however small it is."""

from __future__ import annotations

import re

import pytest

from bftui import practice
from tests.ui.driver import workbench

SCREENS = {
    "workbench": (),
    "zoomed": ("z",),
    "prompt": ("i",),
    "open": ("o",),
    "sampler": ("t",),
    "force": ("f",),
    "explained": ("K",),
    "look-ahead": ("a",),
    "rollouts": ("r",),
    "rollouts explained": ("r", "K"),
    "response": ("1", "E"),
    "all words": ("W",),
    "grow": ("A",),
}


@pytest.mark.parametrize("size", [(60, 16), (120, 36)])
@pytest.mark.parametrize("name", practice.NAMES)
async def test_every_screen_says_that_it_is_a_practice_model(
    name: str, size: tuple[int, int]
) -> None:
    async with workbench(name, size=size, options={"threads": 1}) as w:
        w.bench.rollout_size.samples, w.bench.rollout_size.horizon = 2, 2
        for screen, keys in SCREENS.items():
            await w.press(*keys)
            assert "practice" in w.screen(), screen
            w.workbench.stop_experiments()
            while w.app.screen is not w.bench:
                await w.press("escape")
            if screen == "zoomed":
                await w.press("z")


async def test_the_list_of_models_says_it_of_each() -> None:
    async with workbench("practice", options={"threads": 1}) as w:
        await w.press("o")
        shown = w.screen().splitlines()
        for name in practice.NAMES:
            assert any(re.search(f" {name} +practice ", line) for line in shown), name
