"""Wrapping of token text: what is kept up is what a fresh layout gives, and nothing is lost or too wide."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from bftui.core.text import spans
from bftui.ui.drawing.text_layout import TextLayout, visible

TOKENS = [
    *(
        b" the",
        b"fruit",
        b" ",
        b"\n",
        b".\n\n",
        b"a",
        b" extraordinarily",
        b"x" * 70,
        b"\xe6\xb2\xb3",
    ),
    *(b"\xf0\x9f", b"\x8d\x8f", b"\xe2", b"\x1b[31m", "\u202e".encode(), b"", "e\u0301".encode()),
]


def lines(layout: TextLayout) -> list[list[tuple[int, int, str]]]:
    return [[tuple(piece) for piece in line.pieces] for line in layout.lines]


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 40),
    st.lists(
        st.tuples(st.integers(0, 30), st.lists(st.sampled_from(TOKENS), max_size=12)), max_size=6
    ),
)
def test_kept_up_is_fresh(width: int, changes: list[tuple[int, list[bytes]]]) -> None:
    layout = TextLayout(width)
    data: list[bytes] = []
    for back, more in changes:
        start = max(0, len(data) - back)
        data[start:] = more
        layout.replace(start, more)
        fresh = TextLayout(width)
        fresh.replace(0, data)
        assert lines(layout) == lines(fresh)
        text = "".join(piece.text for line in layout.lines for piece in line.pieces)
        assert text == "".join(visible(span) for span in spans(data))
        for line in layout.lines:
            assert line.cells == sum(cell_len(piece.text) for piece in line.pieces)
            assert line.cells <= width or len(line.pieces) == 1
        layout.resize(width + 3)
        layout.resize(width)
        assert lines(layout) == lines(fresh)


def test_words_stay_whole_and_line_ends_show() -> None:
    layout = TextLayout(12)
    layout.replace(0, [b"Q:", b" Name", b" a", b" fr", b"uit.", b"\n", b"A:"])
    assert ["".join(p.text for p in line.pieces) for line in layout.lines] == [
        "Q:·Name·a·",
        "fruit.⏎",
        "A:",
    ]
    assert [layout.line_of(token) for token in range(7)] == [0, 0, 0, 0, 1, 1, 2]


def test_a_long_text_costs_little_a_token() -> None:
    layout = TextLayout(60)
    layout.replace(0, [b" word"] * 10_000)
    before = layout.lines[:800]
    layout.replace(10_000, [b" more"])
    assert all(a is b for a, b in zip(before, layout.lines, strict=False))
