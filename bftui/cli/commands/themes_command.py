"""`bftui themes`: the themes that there are, and where each comes from."""

from __future__ import annotations

import sys
from pathlib import Path

from bftui.cli.shared import options as o
from bftui.cli.shared.opening import emit


def themes(as_json: o.Json = False, output: o.AnyOutput = None) -> None:
    """List the themes: those that ship, and your own from the folder that is named below them."""
    from bftui.core.text import json_text, safe
    from bftui.trace.document import refuse_inputs
    from bftui.ui.themes.theme_files import DEFAULT, found, own_folder

    known = found()
    refuse_inputs(output, *(Path(theme.file) for theme in known.themes.values()))
    for error in known.damaged.values():
        print(f"bftui: {safe(error.line())}", file=sys.stderr)
    if as_json:
        from bftui.results.codec import encode
        from bftui.results.listing_outputs import ListedTheme, ThemesOutput

        themes = ThemesOutput(
            themes=tuple(
                ListedTheme(name=theme.name, dark=theme.dark, file=theme.file)
                for theme in known.themes.values()
            )
        )
        emit(json_text(encode(themes)), output)
        return
    from bftui.cli.shared.tables import aligned

    rows = []
    for theme in known.themes.values():
        ground = "16 colours" if theme.ansi else "dark" if theme.dark else "light"
        whose = "yours" if theme.own else "ships"
        note = ", the default on a dark terminal" if theme.name == DEFAULT else ""
        if theme.replaces:
            note = ", in the place of the one that ships"
        rows.append([safe(theme.name), ground, whose + note, safe(theme.file)])
    table = aligned([row[:3] for row in rows], "<<<")
    lines = [f"{line}\n    {row[3]}" for line, row in zip(table.split("\n"), rows, strict=True)]
    emit("\n".join([*lines, f"Your own are NAME.toml in {safe(str(own_folder()))}"]), output)
