"""Any text a model, a person or a file can bring: every line of every pane and screen is whole, nothing gets out."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from bftui.core.text import label
from bftui.ui.drawing.line_builder import LineBuilder, fit
from bftui.ui.drawing.text_layout import TextLayout
from bftui.workbench.settings import PartnerSettings
from bftui.workbench.snapshot import Notice, Tone
from tests.ui.driver import bad, check, table, workbench
from tests.ui.test_faults import HOSTILE

MORE: list[str | bytes] = [
    *("\x1b", "\u202e"),
    *("\x1b]52;c;YQ==\x07", "\x1bP+q\x1b\\", "\u2066x\u2069", "\u200d", "\U000e0041", "\x00"),
    *("🇩🇪", "👍🏽", "\ufe0f", "ᄀ", "ﷺ", "한" * 40, "\u0300" * 500, b"\xed\xa0\x80", b"\xc3"),
]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 40))
def test_a_line_is_as_wide_as_it_says(data: bytes, width: int) -> None:
    text = fit(label(data), width)
    assert cell_len(text) <= width
    strip = LineBuilder(width, Style()).add(label(data)).strip()
    assert cell_len(strip.text) == strip.cell_length == width
    assert not bad(strip.text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.integers(2, 30))
def test_any_text_wraps_within_its_width(text: str, width: int) -> None:
    layout = TextLayout(width)
    layout.replace(0, [text[i : i + 7].encode(errors="replace") for i in range(0, len(text), 7)])
    for line in layout.lines:
        drawn = "".join(piece.text for piece in line.pieces)
        assert cell_len(drawn) <= width
        assert not bad(drawn)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_every_pane_stays_whole(tmp_path: Path, size: tuple[int, int]) -> None:
    tokens = [*HOSTILE, *MORE]
    model = table(
        tmp_path / "\u202e[b]model.json",
        tokens=tokens,
        rules={},
        default={},
        name="[red]\x1b[31mevil\u202e",
    )
    async with workbench(model, size=size, prompt="[/b]\x1b[31m\u202e\U0001f34f\nA:") as w:
        check(w, "start")
        first = w.session.tree.n_vocab - len(tokens)
        for token in range(first, first + len(tokens)):
            w.session.force(ids=[token])
        w.session.force(ids=[first])
        await w.settled()
        check(w, "forced")
        for token in range(first, first + len(tokens)):
            w.session.back()
            w.session.force(ids=[token])
        await w.settled()
        for pane in w.bench.panes:
            pane.focus()
            await w.pilot.pause()
            for keys in (["home"], ["end"], ["z"], ["home"], ["z"], ["K"], ["escape"]):
                await w.press(*keys)
                check(w, f"{pane.NAME} {keys}")
        w.bench.text_pane.focus()
        await w.press("home", "shift+down", "shift+down")
        check(w, "selected")
        assert w.bench.text_pane.selection is not None
        await w.press("y")
        check(w, "copied")
        for tone in Tone:
            w.bench.tell(Notice("[/b]\x1b]0;x\x07\u202e" + "河" * 300, tone))
            await w.pilot.pause()
            check(w, f"notice {tone}")


async def test_a_storm_of_sizes(tmp_path: Path) -> None:
    chance = random.Random(1)
    model = table(tmp_path / "many.json", tokens=HOSTILE, rules={}, default={})
    async with workbench(model, size=(80, 24), prompt="A:") as w:
        first = w.session.tree.n_vocab - len(HOSTILE)
        for token in range(first, first + len(HOSTILE)):
            w.session.force(ids=[token])
        for turn in range(30):
            width, height = chance.randrange(8, 220), chance.randrange(3, 70)
            await w.pilot.resize_terminal(width, height)
            if turn % 5 == 0:
                await w.pilot.press(chance.choice(["z", "tab", "home", "end", "shift+up"]))
            if turn % 3 == 0:
                await w.settled()
                check(w, f"{width}×{height}")
        await w.pilot.resize_terminal(120, 36)
        await w.settled()
        check(w, "after the storm")
        assert w.app.screen is w.bench


async def test_the_screens_of_two_models_stay_whole(tmp_path: Path) -> None:
    tokens = [*HOSTILE, *MORE]
    texts = {"rules": {}, "default": {}, "name": "[/b]\x1b[31mpartner\u202e"}
    model = table(tmp_path / "a.json", tokens=tokens, **texts)
    other = table(tmp_path / "b.json", tokens=tokens, **texts)
    async with workbench(model, size=(80, 24), prompt="A:", partner=PartnerSettings(other)) as w:
        await w.partnered()
        first = w.session.tree.n_vocab - len(tokens)
        for token in range(first, first + len(tokens), 2):
            w.session.force(ids=[token])
        await w.partnered()
        check(w, "with a partner")
        for key in ("s", "b"):
            await w.press_only(key)
            await w.partnered()
            check(w, key)
            await w.press("escape")
            await w.press("escape")
