"""What is said of a measurement, and the words that its parts share."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bftui.core.definitions import Definition
from bftui.core.text import label, safe
from bftui.results.stored_result import StoredResult
from bftui.trace.report.content import Content, factor, number
from bftui.trace.report.figures.axes import Picture

ROWS = 30
"""Rows of a table, at most."""

LONG = 400
"""Characters of one continuation, at most."""


@dataclass(frozen=True, slots=True)
class Table:
    """A head and rows of safe text; all columns but the first and some last ones hold numbers.

    Attributes:
        caption: what the numbers are; safe text.
        tokens: whether the first column is token text, and not words of ours.
        words: how many of the last columns hold words.
        folded: whether it repeats what a picture shows, and is opened on demand.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    tokens: bool = False
    folded: bool = False
    words: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """One measurement. All text is safe to show.

    Attributes:
        said: what came out, in one line.
        definition: what the numbers are; None for a kind that is not known here.
        table, picture: None where there is none.
        pieces: a text by (author, text), where authors matter.
        written: what `pieces` are.
        notes: what else is to be said.
        further: tables that come after it.
        title, where: what was measured, and after what.
        settings: names and values.
    """

    said: str
    definition: Definition | None
    table: Table | None = None
    picture: Picture | None = None
    pieces: tuple[tuple[str, str], ...] = ()
    written: str = ""
    notes: tuple[str, ...] = ()
    further: tuple[Table, ...] = ()
    title: str = ""
    where: str = ""
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A measurement of the trace.

    Attributes:
        content: the report that it belongs to.
        stored: what was asked for, where, and what was found.
        name: a name for its picture.
    """

    content: Content
    stored: StoredResult
    name: str


def clipped(text: str, length: int) -> str:
    """Cuts a text to so many characters; … stands for the rest."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def token_text(text: str) -> str:
    """Writes the text of one token or several, short and safe."""
    return clipped(label(text.encode(errors="replace")), 40)


def interval(ci: Sequence[float] | None) -> str:
    """Writes the interval of a branching factor."""
    return "–" if ci is None else f"[{number(ci[0])}, {number(ci[1])}]"


def signed(value: float | None) -> str:
    """Writes a difference with its sign."""
    return "–" if value is None else f"{value:+.2f}".replace("-", "−")


def times(log: float) -> str:
    """Writes a difference of logarithms as a ratio."""
    return f"×{number(factor(log))}"


def sentence(text: str) -> str:
    """Ends a text with a full stop."""
    return text if text.endswith(".") else f"{text}."


def shown(value: Any) -> str:
    """Writes a value of a setting or a result, whatever it is."""
    if isinstance(value, float):
        return f"{value:g}"
    return clipped(safe(value if isinstance(value, str) else json.dumps(value)), 120)


def settings_shown(settings: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Names and values of settings, in words where these are known; what restricts nothing is left out."""
    return tuple(
        (_NAMES.get(name) or clipped(safe(str(name)), 40), shown(value))
        for name, value in list(settings.items())[:20]
        if name not in _ELSEWHERE and not (name in _NEUTRAL and value == 0)
    )


_NAMES = {"top_k": "top-k", "top_p": "top-p", "min_p": "min-p", "max_tokens": "max tokens"}
_NEUTRAL = {"top_k", "min_p", "first"}
_ELSEWHERE = {"token_ids", "base_token_ids", "prefix", "sha256", "original", "early"}


def where(content: Content, node: int) -> str:
    """Says after what something was measured."""
    links = content.file.links
    if links.parents[node] < 0:
        return "after the prompt"
    name = clipped(content.file.text(links.tokens[node]), 30)
    return f"after node {node}, {name}"


def finite(value: float | None) -> float:
    """Returns a number, or NaN for None."""
    return math.nan if value is None else value
