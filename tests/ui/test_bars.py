"""Bars of values, a token each: how broad, how high, and what stands below."""

from __future__ import annotations

import pytest

from bftui.ui.widgets.bars import Bars
from bftui.ui.widgets.chart import Linear

COLUMNS, ROWS = 70, 4


def bars(values: dict[int, float], **kwargs: object) -> Bars:
    """On an axis from 0 to 1."""
    signs = {place: "!" for place, value in values.items() if value < 0.5}
    return Bars(COLUMNS, ROWS, Linear(1.0, 1), values, signs, **kwargs)  # type: ignore[arg-type]


def drawn(found: Bars) -> list[str]:
    """All rows, as text."""
    return ["".join(text for text, _ in found.row(row)) for row in range(ROWS)]


def test_a_bar_is_as_high_as_its_value_and_nothing_is_still_seen() -> None:
    found = drawn(bars({0: 1.0, 1: 0.5, 2: 0.0}))
    assert [row[:6] for row in found] == ["█     ", "█     ", "█ █   ", "█ █ ▁ "]


def test_they_keep_their_place_while_a_text_grows() -> None:
    few, more = bars({0: 1.0}), bars(dict.fromkeys(range(35), 1.0))
    assert few.column(20) == more.column(20) == 40
    assert few.last == more.last == 34
    assert bars(dict.fromkeys(range(36), 1.0)).column(20) == 20


@pytest.mark.parametrize(("count", "together"), [(70, 1), (71, 2), (140, 2), (141, 4), (560, 8)])
def test_of_more_tokens_than_columns_some_stand_together(count: int, together: int) -> None:
    found = bars(dict.fromkeys(range(count), 1.0))
    assert found.together == together
    assert found.column(count - 1) < COLUMNS
    assert all(len(row) <= COLUMNS for row in drawn(found))


def test_those_that_stand_together_show_what_is_asked_for_and_every_sign() -> None:
    values = dict.fromkeys(range(80), 1.0) | {3: 0.25}
    assert [row[1] for row in drawn(bars(values))] == ["█"] * 4
    lowest = bars(values, choose=min)
    assert [row[1] for row in drawn(lowest)] == [" ", " ", " ", "█"]
    assert lowest.signs().rstrip() == " !"


def test_a_level_is_drawn_across_and_what_is_past_the_axis_has_an_arrow() -> None:
    found = drawn(bars({0: 2.0, 1: 0.1}, level=0.6))
    assert found[0][:3] == "↑  "
    assert found[1] == "╌" * COLUMNS
    assert "╌" not in found[0] + found[2] + found[3]
