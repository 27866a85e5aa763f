"""Every theme that ships: it loads, is readable, and its ramp goes one way."""

from __future__ import annotations

import pytest
from rich.color import Color

from bftui.core.errors import InputError
from bftui.ui.themes import find, read, themes


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    triplet = Color.parse(color).get_truecolor()
    channels = [c / 255 for c in triplet]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


TRUE_COLOR = [name for name, theme in themes().items() if not theme.ansi]


def test_a_dark_a_light_a_mono_and_an_ansi_theme_ship() -> None:
    assert list(themes()) == ["dark", "ansi", "light", "mono"]
    assert find(None).name == "dark"
    assert [theme.dark for theme in themes().values()] == [True, True, False, True]


@pytest.mark.parametrize("name", TRUE_COLOR)
def test_text_is_readable(name: str) -> None:
    theme = themes()[name]
    c = theme.colors
    for role in ("text", "dim", "accent", "forced", "good", "bad"):
        assert contrast(c[role], c["background"]) >= 4.5, role
    for ground in ("cursor", "cursor_idle"):
        assert contrast(c["text"], c[ground]) >= 4.5, ground
    for text, step in zip(theme.ramp_text, theme.ramp_steps, strict=True):
        assert contrast(text, step) >= 4.5, step


@pytest.mark.parametrize("name", TRUE_COLOR)
def test_the_ramp_goes_away_from_the_background(name: str) -> None:
    theme = themes()[name]
    distances = [
        abs(luminance(s) - luminance(theme.colors["background"])) for s in theme.ramp_steps
    ]
    assert distances == sorted(distances)
    assert len(set(distances)) == len(distances)


@pytest.mark.parametrize("name", list(themes()))
def test_every_style_has_both_colours(name: str) -> None:
    palette = themes()[name].palette()
    for style in (palette.text, palette.dim, palette.line, palette.bar, *palette.ramp):
        assert style.color is not None
        assert style.bgcolor is not None
    assert palette.shade(0) == palette.ramp[0]
    assert palette.shade(1.0) == palette.shade(99) == palette.ramp[-1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name = ", "damaged"),
        ('name = "x"\ndark = true', "it has no 'colors'"),
        ('name = "x"\ndark = true\n[colors]\ntext = "#fff"', "it has no 'background'"),
    ],
)
def test_a_damaged_theme_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read(text, "x.toml")
