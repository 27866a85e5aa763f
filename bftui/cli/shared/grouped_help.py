"""Help in which options that belong together stand together, below the others."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class GroupedCommand(TyperCommand):
    """A command whose options with a `rich_help_panel` have a heading of their own."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes the options without a heading as ever, then each group."""
        groups: dict[str, list[tuple[str, str]]] = {}
        own = self.params
        try:
            self.params = [each for each in own if not _heading(each)]
            super().format_options(ctx, formatter)
        finally:
            self.params = own
        for each in own:
            record = each.get_help_record(ctx)
            if _heading(each) and record is not None:
                groups.setdefault(_heading(each), []).append(record)
        for heading, rows in groups.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


def _heading(parameter: Any) -> str:
    return getattr(parameter, "rich_help_panel", None) or ""
