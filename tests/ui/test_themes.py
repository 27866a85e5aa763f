"""Every theme that ships: it is readable, its ramp goes one way, in all colours and in 256; and how one is put on."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from rich.color import ColorType
from rich.segment import Segment
from rich.style import Style
from textual.filter import monochrome_style

from bftui.core.errors import InputError, UsageError
from bftui.ui.panes.notice_box import NoticeBox
from bftui.ui.screens.dialog import Dialog
from bftui.ui.screens.open_screen import OpenScreen
from bftui.ui.screens.theme_screen import ThemeScreen
from bftui.ui.terminal.terminal_colors import TerminalColors, terminal_colors
from bftui.ui.themes.theme_colors import within_256
from bftui.ui.themes.theme_files import ThemeFile, own_folder, shipped
from bftui.ui.themes.theme_styles import find, palette, themes
from tests.ui import colours
from tests.ui.colours import contrast, lightness, shown_in_256
from tests.ui.driver import Driver, strips_of, workbench

TRUE_COLOR = [name for name, theme in shipped().items() if not theme.ansi]
GROUNDS = ("background", "cursor", "cursor_idle")
TEXTS = ("text", "dim", "accent", "forced", "good", "bad")


def least(name: str) -> float:
    """The contrast that WCAG asks for: AAA where the name promises it, else AA."""
    return 7.0 if name == "high-contrast" else 4.5


def terminals(name: str) -> list[ThemeFile]:
    """A theme as it is, and as a terminal of 256 colours shows it."""
    theme, fitted = shipped()[name], within_256(shipped()[name])
    return [
        theme,
        ThemeFile(
            name,
            theme.dark,
            {role: shown_in_256(color) for role, color in fitted.colors.items()},
            tuple(map(shown_in_256, fitted.ramp_text)),
            tuple(map(shown_in_256, fitted.ramp_steps)),
            theme.file,
        ),
    ]


def test_what_ships() -> None:
    assert list(themes()) == [
        *("dark", "ansi", "colour-blind", "fathom", "foolscap", "high-contrast", "light", "mono")
    ]
    assert [name for name, theme in themes().items() if not theme.dark] == ["foolscap", "light"]


@pytest.mark.parametrize("name", TRUE_COLOR)
def test_text_is_readable_on_every_ground(name: str) -> None:
    for theme in terminals(name):
        c = theme.colors
        for ground in GROUNDS:
            for role in TEXTS:
                assert contrast(c[role], c[ground]) >= least(name), (role, ground)
        for text, step in zip(theme.ramp_text, theme.ramp_steps, strict=True):
            assert contrast(text, step) >= least(name), step


@pytest.mark.parametrize("name", TRUE_COLOR)
def test_bars_and_frames_stand_out(name: str) -> None:
    for theme in terminals(name):
        c = theme.colors
        assert contrast(c["bar"], c["background"]) >= 3
        assert contrast(c["bar_past"], c["background"]) >= 3
        assert contrast(c["bar"], c["cursor"]) >= 3
        assert contrast(c["bar"], c["bar_past"]) >= 1.2
        assert contrast(c["line"], c["background"]) >= 2
        assert len({c[ground] for ground in GROUNDS}) == len(GROUNDS)


@pytest.mark.parametrize("name", TRUE_COLOR)
def test_the_ramp_goes_one_way_in_lightness_from_the_background_on(name: str) -> None:
    for theme in terminals(name):
        ground = lightness(theme.colors["background"])
        steps = [lightness(step) for step in theme.ramp_steps]
        way = 1 if theme.dark else -1
        assert all(way * (b - a) >= 1.5 for a, b in pairwise(steps)), steps
        assert abs(steps[0] - ground) < 6
        assert abs(steps[-1] - ground) > 20


@pytest.mark.parametrize(
    "seen", [colours.PROTANOPIA, colours.DEUTERANOPIA, colours.TRITANOPIA], ids=["p", "d", "t"]
)
def test_colour_blind_says_the_same_to_every_eye(seen: colours.Matrix) -> None:
    theme = shipped()["colour-blind"]
    steps = [lightness(step, seen) for step in theme.ramp_steps]
    assert all(b - a >= 5 for a, b in pairwise(steps)), steps
    roles = [theme.colors[role] for role in ("text", "accent", "forced", "good", "bad")]
    for one, other in combinations(roles, 2):
        assert math.dist(colours.lab(one, seen), colours.lab(other, seen)) > 10, (one, other)


def test_mono_has_no_hue() -> None:
    theme = shipped()["mono"]
    for color in (*theme.colors.values(), *theme.ramp_text, *theme.ramp_steps):
        assert len(set(re.findall("..", color[1:]))) == 1, color


def test_ansi_leaves_every_colour_to_the_terminal() -> None:
    theme = shipped()["ansi"]
    assert all(color.startswith("ansi_") for color in theme.colors.values())
    drawn = palette(theme)
    for style in (drawn.text, drawn.cursor, drawn.bar, *drawn.ramp):
        assert style.color is not None
        assert style.color.type is not ColorType.TRUECOLOR
    # A ground that may be dark or light: nothing is written in what may be its own colour.
    assert theme.colors["text"] == theme.colors["background"] == "ansi_default"
    assert not {"ansi_black", "ansi_white", "ansi_bright_white"} & set(theme.colors.values())
    assert within_256(theme) is theme


@pytest.mark.parametrize("name", list(shipped()))
def test_every_style_has_both_colours(name: str) -> None:
    drawn = palette(shipped()[name])
    for style in (drawn.text, drawn.dim, drawn.line, drawn.bar, *drawn.ramp):
        assert style.color is not None
        assert style.bgcolor is not None
    assert drawn.shade(0) == drawn.ramp[0]
    assert drawn.shade(1.0) == drawn.shade(99) == drawn.ramp[-1]


# What the terminal says ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "theme"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "dark"),
        ({"TERM": "tmux-256color"}, "dark"),
        ({"TERM": "xterm-256color", "COLORFGBG": "0;15"}, "light"),
        ({"TERM": "rxvt-256color", "COLORFGBG": "0;default;7"}, "light"),
        ({"TERM": "xterm-256color", "COLORFGBG": "15;0"}, "dark"),
        ({"TERM": "xterm-256color", "COLORFGBG": "nonsense"}, "dark"),
        ({"TERM": "linux"}, "ansi"),
        ({"TERM": "linux", "COLORFGBG": "0;15"}, "ansi"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": ""}, "ansi"),
    ],
)
def test_whoever_names_no_theme_gets_what_suits_the_terminal(
    environ: dict[str, str], theme: str
) -> None:
    said = terminal_colors(environ)
    assert said.suited == theme
    assert find(None, said).name == find("auto", said).name == theme
    assert find("mono", said).name == "mono"


def test_colours_are_counted_as_the_library_does() -> None:
    assert terminal_colors({"TERM": "tmux-256color"}).depth == "256"
    assert terminal_colors({"TERM": "tmux-256color", "COLORTERM": "24bit"}).depth == "truecolor"
    assert terminal_colors({"TERM": "linux"}).depth == "16"
    assert find("dark", TerminalColors("256")) == within_256(shipped()["dark"])


def test_a_theme_that_does_not_exist_has_a_nearest_one() -> None:
    with pytest.raises(UsageError, match="no theme 'color-blind'; did you mean colour-blind"):
        find("color-blind")


def test_a_damaged_file_in_the_place_of_the_default_hides_nothing_from_who_asks_for_none(
    own: Path,
) -> None:
    (own / "dark.toml").write_text("dark = maybe")
    assert find(None) == shipped()["dark"]
    with pytest.raises(InputError, match=r"dark\.toml is damaged"):
        find("dark")


def test_any_ramp_of_a_persons_own_is_fitted_to_256_colours() -> None:
    steps = ("#000000", "#ffffff", "#000000", "#123456")
    theme = replace(shipped()["dark"], ramp_steps=steps, ramp_text=("#808080",) * len(steps))
    fitted = within_256(theme)
    assert fitted.ramp_steps[:3] == steps[:3]
    assert len(fitted.ramp_text) == len(steps)


# NO_COLOR --------------------------------------------------------------------------------------------------------


def styles_on(w: Driver) -> list[Style]:
    """Every style on the screen."""
    strips = strips_of(w.app)
    return [segment.style for strip in strips for segment in strip if segment.style is not None]


@pytest.mark.parametrize("name", list(shipped()))
async def test_without_colour_a_theme_is_in_greys_and_the_terminals_own_in_none(
    name: str, fruit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    # Another theme is worn first: what is drawn follows the one that is on.
    async with workbench(fruit, theme="ansi" if name == "dark" else "dark") as w:
        w.app.put_on(find(name))
        await w.press("1", "space", "t")
        assert w.app.theme_file.name == name
        for style in styles_on(w):
            for color in (style.color, style.bgcolor):
                if shipped()[name].ansi:
                    assert color is None or color.is_default
                elif color is not None:
                    assert len(set(color.get_truecolor())) == 1
            if style.color is not None and not style.color.is_default:
                assert style.bgcolor is not None


@pytest.mark.parametrize("name", TRUE_COLOR)
def test_greys_are_readable(name: str) -> None:
    drawn = palette(shipped()[name])
    for style in (drawn.text, drawn.dim, drawn.accent, drawn.forced, drawn.bad, *drawn.ramp):
        grey = monochrome_style(style)
        assert grey.color is not None
        assert grey.bgcolor is not None
        assert contrast(grey.color.name, grey.bgcolor.name) >= 3


async def texts_of(fruit: str, theme: str) -> list[str]:
    """The screens of a tour, as text; what names the theme itself is not among them."""
    found = []
    async with workbench(fruit, theme=theme) as w:
        await w.press("1", "space", "left")
        for keys in (["w"], ["question_mark"], ["t"], ["f"], ["i"], ["o"], ["K"], ["tab"]):
            await w.press(*keys)
            screen = w.app.screen
            if isinstance(screen, OpenScreen):
                await w.until(lambda screen=screen: not screen.reading)
            found.append(w.screen())
            if keys not in (["w"], ["tab"]):
                await w.press("escape")
    return found


async def test_without_colour_every_screen_says_the_same(
    fruit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_colour = await texts_of(fruit, "dark")
    monkeypatch.setenv("NO_COLOR", "1")
    assert await texts_of(fruit, "dark") == with_colour
    assert await texts_of(fruit, "ansi") == with_colour


# Choosing one ----------------------------------------------------------------------------------------------------


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """This person's folder of themes."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    own_folder().mkdir(parents=True)
    return own_folder()


def on(w: Driver) -> str:
    """The theme that the workbench wears, and draws with."""
    assert w.bench.palette == palette(w.app.theme_file)
    assert w.app.current_theme.background == w.app.theme_file.colors["background"]
    return w.app.theme_file.name


async def test_the_list_shows_each_theme_as_it_is_reached(fruit: str) -> None:
    async with workbench(fruit, theme="light") as w:
        await w.press("T")
        assert all(name in w.screen() for name in shipped())
        assert "▸ light" in w.screen()
        assert on(w) == "light"
        await w.press("up")
        assert on(w) == "high-contrast"
        await w.press("escape")
        assert on(w) == "light"
        await w.press("T", "end", "T")
        assert on(w) == "dark"
        await w.press("down", "enter")
        assert on(w) == "ansi"
        assert w.notice.startswith("theme: ansi")


async def test_a_theme_of_ones_own_is_seen_while_it_is_written(fruit: str, own: Path) -> None:
    file = own / "rose [b]{x}.toml"
    file.write_text('extends = "dark"\n[colors]\naccent = "#ff7ac6"\n')
    async with workbench(fruit) as w:
        await w.press("T", "end")
        assert on(w) == "rose [b]{x}"
        assert "yours, dark" in w.screen()
        file.write_text("accent = ")
        await w.press("up", "end")
        assert on(w) == "mono"
        assert "is damaged" in w.notice
        file.write_text('extends = "dark"\n[colors]\naccent = "#ffffff"\n')
        await w.press("up", "end", "enter")
        assert w.app.theme_file.colors["accent"] == "#ffffff"
        assert "rose [b]{x}" in w.notice


async def test_a_damaged_theme_that_lies_there_is_told_and_stops_nothing(
    fruit: str, own: Path
) -> None:
    (own / "oops.toml").write_text('extends = "dark"\n[colors]\nacent = "#ff7ac6"\n')
    async with workbench(fruit) as w:
        assert "no role 'acent'; did you mean accent?" in w.notice
        await w.press("space")
        assert len(w.tokens) == 1


def drawn(w: Driver) -> list[list[Segment]]:
    """The whole screen with its styles, in pieces as long as can be."""
    return [list(Segment.simplify(strip)) for strip in strips_of(w.app)]


@pytest.mark.parametrize(
    "key", ["f", "t", "i", "r", "R", "E", "A", "c", "K", "question_mark", "f2", "m"]
)
async def test_an_open_dialog_wears_the_theme_that_is_put_on(fruit: str, key: str) -> None:
    async with workbench(fruit, theme="dark") as w:
        await w.press("1", "space", "space", "left", "left")
        await w.press(key)
        await w.measured()
        dialog = w.app.screen
        assert isinstance(dialog, Dialog)
        w.bench.act("theme")  # as the command palette does
        await w.until(lambda: isinstance(w.app.screen, ThemeScreen))
        while w.app.theme_file.name != "light":
            await w.press("T")
        await w.press("enter")
        assert w.app.screen is dialog
        for box in [w.bench.notice, *dialog.query(NoticeBox)]:
            box.tell(None)
        # What shows through from the screen behind comes with a frame of its own.
        await w.pilot.pause(0.1)
        changed = drawn(w)
        await w.press("escape", key)
        await w.measured()
        assert drawn(w) == changed
