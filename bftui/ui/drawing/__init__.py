"""Lines, charts and layouts, drawn from plain data."""
