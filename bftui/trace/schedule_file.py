"""Schedules as TOML files: settings outside of all windows, then the windows.

    weight = 0

    [[windows]]
    from = 0
    to = 8
    weight = 1

Without `to` a window goes on to the end. In place of `weight` stands `variant`, "content" or "both"; `gamma` is that of
nudging; all other names are those of a sampler's settings.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from bftui.core.errors import InputError, UsageError
from bftui.core.sampler import SamplerWindow
from bftui.core.schedule import GammaWindow, Schedule, in_order, read_lines, read_window, window
from bftui.trace.stream import read_bounded

_MOST_BYTES = 1 << 20


def read_schedule(path: Path) -> Schedule:
    """Read the schedule of a file. Raises InputError."""
    return parse_schedule(read_bounded(path, _MOST_BYTES), str(path))


def typed_schedule(text: str) -> Schedule:
    """Make a schedule of what was typed: a TOML file that is there, `none`, or windows with `;` between them.

    Raises UsageError; InputError for a file that cannot be read.
    """
    if text.strip() == "none":
        return Schedule()
    if text.strip().endswith(".toml"):
        found = read_schedule(Path(text.strip()).expanduser())
    else:
        found = read_lines(text.replace(";", "\n"))
    if found.gammas:
        raise UsageError("a gamma is of nudging", hint="`bftui nudge --schedule` takes it")
    return found


def parse_schedule(data: bytes, name: str) -> Schedule:
    """Make a schedule of a file's bytes; `name` is what errors call it. Raises InputError."""
    try:
        found = tomllib.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{name} is not TOML", str(error)) from error
    entries = found.pop("windows", [])
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise InputError(f"{name} has no windows", hint="write each as [[windows]] with from, to")
    windows, gammas = list[SamplerWindow](), list[GammaWindow]()
    try:
        outside = window(0, None, found).changes if found else ()
    except UsageError as error:
        raise InputError(f"{name}: {error.message}", error.reason, error.hint) from error
    for number, entry in enumerate(entries, start=1):
        try:
            one, gamma = _entry(entry)
        except UsageError as error:
            raise InputError(
                f"{name}: window {number}: {error.message}", error.reason, error.hint
            ) from error
        windows += [one] if one else []
        gammas += [gamma] if gamma else []
    try:
        return in_order(windows, gammas, outside)
    except UsageError as error:
        raise InputError(f"{name}: {error.message}", error.reason, error.hint) from error


def _entry(entry: dict[str, Any]) -> tuple[SamplerWindow | None, GammaWindow | None]:
    if "from" not in entry:
        raise UsageError("it has no from", hint="positions count from 0 after the prompt")
    settings = {name: value for name, value in entry.items() if name not in ("from", "to")}
    return read_window(entry["from"], entry.get("to"), settings)


def schedule_text(schedule: Schedule) -> str:
    """Write a schedule as such a file."""
    parts = [f"{name} = {_number(value)}" for name, value in schedule.outside]
    for each in schedule.windows:
        parts.append(_written(each.start, each.stop, each.changes))
    for gamma in schedule.gammas:
        parts.append(_written(gamma.start, gamma.stop, (("gamma", gamma.gamma),)))
    return "\n".join(parts) + "\n"


def _written(start: int, stop: int | None, settings: tuple[tuple[str, float], ...]) -> str:
    lines = ["", "[[windows]]", f"from = {start}"]
    if stop is not None:
        lines.append(f"to = {stop}")
    return "\n".join([*lines, *(f"{name} = {_number(value)}" for name, value in settings)])


def _number(value: float) -> str:
    return repr(value)
