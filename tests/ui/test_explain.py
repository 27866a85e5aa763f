"""`K` explains the numbers that are on the screen, `y` copies what is selected."""

from __future__ import annotations

import pytest

from bftui.core.noise_floor import Noise
from bftui.model.noise_cache import Recorded
from bftui.ui.explain import explain_items
from tests.ui.driver import Driver, workbench

QUANTISED = Noise(48, 32, 0.2, 1.1, 0.05, 0.3, 0.06, 0.34, 0.1, 0.7)
"""A floor of the size that quantised weights have."""


async def explained(w: Driver) -> str:
    """All lines of the explanation, read by scrolling."""
    await w.press("K")
    seen = [w.screen()]
    for _ in range(6):
        await w.press("pagedown")
        seen.append(w.screen())
    await w.press("K")
    assert w.app.screen is w.bench
    return "\n".join(seen)


async def test_candidates_are_explained_with_their_values(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("down")
        following = w.session.node.next
        assert following is not None
        text = await explained(w)
        for shown in (
            f"BF  {following.bf:.1f}",
            "exp H(P~)",
            "p of ·Sure  0.2",
            f"kept  {following.kept} tokens",
            f"full  {following.bf_full:.1f}",
            f"H  {following.entropy:.3f} nats",
            "arXiv 2506.17871",
            "rank  2 of",
        ):
            assert shown in text, shown


async def test_every_pane_explains_what_it_shows(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("g", "space", "1", "tab")
        assert "how it came  forced" in await explained(w)
        await w.press("comma")
        assert "as number 0 of the session's draws" in " ".join((await explained(w)).split())
        await w.press("home")
        assert "prompt  given" in await explained(w)
        await w.press("tab")
        assert "exp of the mean H(P~)" in await explained(w)
        await w.press("tab")
        assert "BF at the end" in await explained(w)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_the_noise_floor_is_told_and_no_number_says_more(
    fruit: str, size: tuple[int, int]
) -> None:
    async with workbench(fruit, size=size) as w:
        w.session.model.floor = Recorded(QUANTISED)
        await w.press("down")
        following = w.session.node.next
        assert following is not None
        text = " ".join((await explained(w)).replace("│", " ").split())
        assert "noise floor H(P) ±0.06 nats" in text
        assert "true to the noise floor of this model, 0.06 nats of H(P)" in text
        assert "H(P) moves by 0.06 nats (at most 0.34)" in text
        assert "Exact" not in text
        assert f"H {following.entropy:.2f} nats" in text
        assert "p of ·Sure 0.2 " in text
        assert "Σp 0.5 " in text
        # The same digits on every pane.
        screen = w.screen()
        assert f"now {following.bf:.1f}" in screen
        assert f"BF {following.bf:.1f} (" in screen


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 36)])
async def test_it_fits_any_screen(fruit: str, size: tuple[int, int]) -> None:
    async with workbench(fruit, size=size) as w:
        await w.press("K")
        assert all(len(line) <= size[0] for line in w.screen().splitlines())
        await w.press("escape")


async def test_an_end_of_text_is_explained(fruit: str) -> None:
    async with workbench(fruit, prompt="A:.") as w:
        await w.press("g")
        assert w.bench.view is not None
        (item,) = explain_items.distribution(w.bench.view)
        assert item.value == "the text ends here"


async def test_copying(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("y")
        assert w.app.clipboard == " The"
        assert w.notice == "copied the token ·The, 4 characters"
        await w.press("g", "g", "tab", "y")
        assert w.app.clipboard == " The fruit"
        assert w.notice == "copied the text after the prompt, 10 characters"
        await w.press("comma", "y")
        assert w.app.clipboard == " The"
        await w.press("end", "left", "1", "shift+tab", "shift+tab", "up", "y")
        assert w.app.clipboard == " The fruit"
        assert "copied the branch" in w.notice
        await w.press("home", "y")
        assert w.notice.startswith("copied the prompt")
