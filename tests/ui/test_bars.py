"""Bars of values, a token each: how broad, how high, and what stands below."""

from __future__ import annotations

import pytest

from bftui.ui.drawing.bars import Bars, ChartLine
from bftui.ui.drawing.chart import Fixed, Linear
from bftui.ui.drawing.glyphs import ASCII, CONSOLE, FINE, Glyphs, glyphs

COLUMNS, ROWS = 70, 4


def bars(values: dict[int, float], **kwargs: object) -> Bars:
    """On an axis from 0 to 1."""
    signs = {place: "!" for place, value in values.items() if value < 0.5}
    return Bars(COLUMNS, ROWS, Linear(1.0), values, signs, **kwargs)  # type: ignore[arg-type]


def drawn(found: Bars) -> list[str]:
    """All rows, as text."""
    return ["".join(text for text, _, _ in found.row(row)) for row in range(ROWS)]


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


# Lines and intervals --------------------------------------------------------------------------------------------


def cells(found: Bars, row: int) -> list[tuple[str, str, str]]:
    """Each cell of a row with what it shows and stands on."""
    return [(sign, what, ground) for text, what, ground in found.row(row) for sign in text]


def lined(signs_of: Glyphs, **line: bool) -> Bars:
    """Bars of half the height, and a line above the first and within the second."""
    lines = (ChartLine("other", {0: 0.9, 1: 0.1}, **line),)
    return Bars(2, ROWS, Linear(1.0), {0: 0.5, 1: 0.5}, None, lines=lines, signs_of=signs_of)


def test_a_line_is_drawn_where_it_stands_and_on_a_bar_that_it_crosses() -> None:
    found = lined(FINE, joined=False)
    assert cells(found, 0) == [("⠒", "other", ""), (" ", "", "")]
    assert cells(found, 3) == [("█", "bar", ""), ("⠤", "other", "bar")]


def test_steps_of_a_line_are_joined_and_a_dotted_one_has_half_the_dots() -> None:
    assert cells(lined(FINE), 1)[1] == ("⡇", "other", "")
    assert cells(lined(FINE, dotted=True), 0)[0] == ("⠂", "other", "")


@pytest.mark.parametrize(("signs_of", "line", "bar"), [(CONSOLE, "·", "█"), (ASCII, ".", "#")])
def test_terminals_without_braille_get_other_signs(signs_of: Glyphs, line: str, bar: str) -> None:
    found = lined(signs_of, dotted=True)
    drawn = "".join(sign for row in range(ROWS) for sign, _, _ in cells(found, row))
    assert set(drawn) == {line, bar, " "}
    assert signs_of is not ASCII or drawn.isascii()


@pytest.mark.parametrize(
    ("term", "encoding", "chosen"),
    [
        ("xterm-256color", "UTF-8", FINE),
        ("", "utf8", FINE),
        ("linux", "utf-8", CONSOLE),
        ("linux", "ISO-8859-1", ASCII),
        ("xterm", "ANSI_X3.4-1968", ASCII),
    ],
)
def test_signs_are_chosen_by_what_the_terminal_can(
    monkeypatch: pytest.MonkeyPatch, term: str, encoding: str, chosen: Glyphs
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("locale.getpreferredencoding", lambda _: encoding)
    assert glyphs() is chosen


def test_an_interval_stands_around_the_end_of_a_bar() -> None:
    band = {0: (0.25, 1.0)}
    found = Bars(1, ROWS, Linear(1.0), {0: 0.5}, None, band=band, span=1, signs_of=FINE)
    assert [cells(found, row)[0] for row in range(ROWS)] == [
        ("█", "band", ""),
        ("█", "band", ""),
        ("█", "weak", ""),
        ("█", "bar", ""),
    ]


def test_the_ends_of_an_interval_are_as_fine_as_those_of_bars() -> None:
    band = {0: (0.3, 0.8)}
    found = Bars(1, ROWS, Linear(1.0), {0: 0.6}, None, band=band, span=1, signs_of=FINE)
    assert [cells(found, row)[0] for row in range(ROWS)] == [
        ("▂", "band", ""),
        ("▃", "weak", "band"),
        ("▂", "bar", "weak"),
        ("█", "bar", ""),
    ]


def test_a_span_takes_the_whole_width() -> None:
    found = Bars(70, ROWS, Linear(1.0), dict.fromkeys(range(10), 1.0), None, first=0, span=10)
    assert drawn(found) == ["█" * 70] * ROWS
    assert (found.column(1), found.place(69), found.last) == (7, 9, 9)


@pytest.mark.parametrize("rows", [2, 3, 4, 9, 10, 40])
def test_a_fixed_scale_names_its_ends_and_never_two_values_in_a_row(rows: int) -> None:
    for entropy in (False, True):
        ticks = Fixed(rows, entropy).ticks(rows)
        assert all(0 <= row < rows for row in ticks)
        assert ticks[0]
        assert Fixed(rows, entropy).share(0.0) == 0.5 / rows
        assert Fixed(rows, entropy).share(100.0) == 1.0
