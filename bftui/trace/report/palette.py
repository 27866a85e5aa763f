"""The colours of a report: two palettes, which its pictures and its page share."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Ink:
    """Colours by role, as #rrggbb; no two of a palette are equal, so that a colour in a picture tells its role.

    `ramp` is the background of a token from sure to open, `ramp_text` what is readable on its last steps.
    """

    background: str
    text: str
    dim: str
    line: str
    accent: str
    forced: str
    good: str
    bad: str
    ramp: tuple[str, ...]
    ramp_text: str

    def roles(self) -> dict[str, str]:
        """Returns each colour by the name of its role; the steps of the ramp count from 0."""
        named = {
            field.name: getattr(self, field.name) for field in fields(self) if field.name != "ramp"
        }
        return named | {f"ramp-{step}": colour for step, colour in enumerate(self.ramp)}


LIGHT = Ink(
    background="#fdfcfa",
    text="#23262e",
    dim="#656b78",
    line="#c3c6cd",
    accent="#1d5fb4",
    forced="#955300",
    good="#1d7040",
    bad="#b42a2a",
    ramp=(
        *("#f7f4ec", "#f6ebd6", "#f5e2c0", "#f3d7a8"),
        *("#f0cc90", "#edc078", "#e8b360", "#e2a548"),
    ),
    ramp_text="#0c0d10",
)
DARK = Ink(
    background="#12151c",
    text="#d7dce5",
    dim="#8b94a5",
    line="#3a4252",
    accent="#7cb7ff",
    forced="#f2b455",
    good="#7fce9a",
    bad="#ff8f8f",
    ramp=(
        *("#161a22", "#241f20", "#33261f", "#432d1c"),
        *("#543418", "#663c13", "#78450d", "#8a4f06"),
    ),
    ramp_text="#ffffff",
)
