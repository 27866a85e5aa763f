"""The screen behind a dialog, in fainter colours."""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.css.styles import RulesMap
from textual.geometry import Size
from textual.renderables.background_screen import BackgroundScreen
from textual.strip import Strip
from textual.style import Style as VisualStyle
from textual.visual import RenderOptions, Visual


class Behind(Visual):
    """Draws what Textual's `BackgroundScreen` draws, but blends the colours of each style once, not of each word.

    A dialog that opens draws the screen behind it several times.
    """

    def __init__(self, drawn: BackgroundScreen) -> None:
        self._drawn = drawn

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        return container_width

    def get_height(self, rules: RulesMap, width: int) -> int:
        return self._drawn.screen.size.height

    def render_strips(
        self, width: int, height: int | None, style: VisualStyle, options: RenderOptions
    ) -> list[Strip]:
        size = Size(width, self.get_height({}, width) if height is None else height)
        color, base = self._drawn.color, style.rich_style
        return [
            Strip(
                [Segment(text, _blended(own, color, base)) for text, own, _ in strip],
                strip.cell_length,
            )
            for strip in self._drawn.screen._compositor.render_strips(size)
        ]


@lru_cache(maxsize=2048)
def _blended(style: Style | None, color: Color, base: Style) -> Style | None:
    """The style under a color that is seen through, on top of a base."""
    (segment,) = BackgroundScreen.process_segments([Segment(" ", style)], color)
    return base + segment.style if base else segment.style
