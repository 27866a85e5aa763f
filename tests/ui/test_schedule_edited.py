"""Windows of a schedule in the workbench: typed or from a file, drawn below their positions, and taken away."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from bftui.core.sampler import SamplerWindow
from tests.ui.driver import Driver, check, workbench

TWO = (
    SamplerWindow(0, 3, (("temperature", 2.0),)),
    SamplerWindow(5, None, (("top_p", 0.5),)),
)


async def entered(w: Driver, typed: str) -> None:
    await w.press("P", "home", "ctrl+k")
    await w.type(typed)
    check(w, typed)
    await w.press("enter")
    await w.settled()


async def test_windows_are_drawn_below_their_positions_and_undone(fruit: str) -> None:
    async with workbench(fruit, size=(140, 40)) as w:
        await entered(w, "0 3 temperature=2; 5 end top_p=0.5")
        assert w.session.sampler.windows == TWO
        assert "2 windows" in w.screen()
        await w.press("f")
        await w.type(" Sure Here is a fruit that I like")
        await w.press("enter")
        await w.settled()
        tree, path = w.session.tree, w.session.tree.path(w.session.cursor)
        assert [tree.next(node).temperature for node in path[:5]] == [2, 2, 2, 1, 1]
        axis, drawn = next(pair for pair in pairwise(w.screen().splitlines()) if "╶temp" in pair[1])
        assert axis.index("└") + 1 == drawn.index("╶temp")
        assert drawn.index("╶temp") < drawn.index("╶top")
        await w.press("P")
        assert "0 3 temperature=2; 5 end top_p=0.5" in w.screen()
        await w.press("escape")
        await entered(w, "none")
        assert w.session.sampler.windows == ()
        assert "windows" not in w.screen()
        await w.press("u")
        await w.settled()
        assert w.session.sampler.windows == TWO


async def test_a_file_is_read_and_what_is_wrong_is_said(fruit: str, tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("[[windows]]\nfrom = 2\nto = 4\ntemperature = 0.5\n")
    async with workbench(fruit, size=(140, 40)) as w:
        await entered(w, str(path))
        found = w.session.sampler.windows
        assert found == (SamplerWindow(2, 4, (("temperature", 0.5),)),)
        for typed, said in (
            ("0 4 top_p=0.5; 3 9 top_p=0.6", "overlap"),
            ("0 4 top_p=7", "top-p 7"),
            ("4 4 1", "holds no position"),
            ("0 4 gamma=0.5", "gamma"),
            ("nonsense", "line 1 is not a window"),
            (str(tmp_path / "none.toml"), "none.toml"),
        ):
            await w.press("P", "home", "ctrl+k")
            await w.type(typed)
            await w.until(lambda said=said: said in w.screen())
            await w.press("enter")
            await w.settled()
            assert w.session.sampler.windows == found
