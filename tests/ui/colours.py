"""Measures of colour for the tests of themes, apart from those that the program uses."""

from __future__ import annotations

from rich.color import EIGHT_BIT_PALETTE, Color, ColorSystem

Matrix = tuple[tuple[float, float, float], ...]

# Machado, Oliveira and Fernandes 2009 (doi 10.1109/TVCG.2009.113), table 1, severity 1.0, on linear RGB.
PROTANOPIA: Matrix = (
    (0.152286, 1.052583, -0.204868),
    (0.114503, 0.786281, 0.099216),
    (-0.003882, -0.048116, 1.051998),
)
DEUTERANOPIA: Matrix = (
    (0.367322, 0.860646, -0.227968),
    (0.280085, 0.672501, 0.047413),
    (-0.011820, 0.042940, 0.968881),
)
TRITANOPIA: Matrix = (
    (1.255528, -0.076749, -0.178779),
    (-0.078411, 0.930809, 0.147602),
    (0.004733, 0.691367, 0.303900),
)
USUAL: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def linear(color: str, seen: Matrix = USUAL) -> list[float]:
    """Linear RGB from 0 to 1, as seen with this colour vision."""
    channels = [value / 255 for value in Color.parse(color).get_truecolor()]
    plain = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return [min(1.0, max(0.0, sum(k * c for k, c in zip(row, plain, strict=True)))) for row in seen]


def luminance(color: str, seen: Matrix = USUAL) -> float:
    """Relative luminance (WCAG 2.2)."""
    red, green, blue = linear(color, seen)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: str, b: str) -> float:
    """From 1 to 21 (WCAG 2.2)."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def lab(color: str, seen: Matrix = USUAL) -> tuple[float, float, float]:
    """CIE L*, a*, b* under D65."""
    red, green, blue = linear(color, seen)
    x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883
    fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def lightness(color: str, seen: Matrix = USUAL) -> float:
    """CIE L*, from 0 to 100."""
    return lab(color, seen)[0]


def shown_in_256(color: str) -> str:
    """What a terminal of 256 colours shows for a colour, by the library that writes to it."""
    number = Color.parse(color).downgrade(ColorSystem.EIGHT_BIT).number
    assert number is not None
    return "#{:02x}{:02x}{:02x}".format(*EIGHT_BIT_PALETTE[number])
