"""Changes single values of the config file and leaves everything else in it as the person wrote it.

There is no parser here that knows comments: lines are found and replaced, and the result is parsed and compared with
what it should say before it takes the file's place. Where it does not, nothing is written.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bftui.core.errors import InputError
from bftui.ui.config_file import config_of, default_text, read_text, toml

_HEADER = re.compile(r"\s*\[([^\[\]]+)\]\s*(#.*)?$")


def edited(text: str, changes: Mapping[tuple[str, str], Any]) -> str | None:
    """The text of a file with these values, by (section, key); None where it is written in a way that defies this."""
    expected = tomllib.loads(text)
    lines = text.split("\n")
    for (section, key), value in changes.items():
        table = expected.setdefault(section, {}) if section else expected
        if not isinstance(table, dict):
            return None
        table[key] = list(value) if isinstance(value, tuple) else value
        _set(lines, section, key, toml(value))
    result = "\n".join(lines)
    with suppress(ValueError):
        if tomllib.loads(result) == expected:
            return result
    return None


def _set(lines: list[str], section: str, key: str, value: str) -> None:
    start, end = _range(lines, section)
    if start is None:
        while lines and not lines[-1]:
            lines.pop()
        lines += ["", f"[{section}]", f"{key} = {value}", ""]
        return
    for pattern in (rf"\s*{key}\s*=", rf"#\s?{key}\s*="):
        for place in range(start, end):
            if re.match(pattern, lines[place]):
                last, comment = _extent(lines, place, end)
                lines[place:last] = [f"{key} = {value}{comment}"]
                return
    place = end
    while place > start and not lines[place - 1].strip():
        place -= 1
    lines.insert(place, f"{key} = {value}")


def _range(lines: Sequence[str], section: str) -> tuple[int | None, int]:
    """The lines of a section, without its header; (None, 0) where there is none."""
    headers = [
        (place, found[1].strip())
        for place, line in enumerate(lines)
        if (found := _HEADER.match(line))
    ]
    ends = [*(place for place, _ in headers), len(lines)]
    if not section:
        return 0, ends[0]
    for number, (place, name) in enumerate(headers):
        if name == section:
            return place + 1, ends[number + 1]
    return None, 0


def _extent(lines: Sequence[str], place: int, end: int) -> tuple[int, str]:
    """Where the value that begins on a line ends, and the comment after it; a line that is a comment has none."""
    if lines[place].startswith("#"):
        return place + 1, ""
    for last in range(place + 1, end + 1):
        chunk = "\n".join(lines[place:last])
        with suppress(ValueError):
            whole = tomllib.loads(chunk)
            for at in (found.start() for found in re.finditer(r"\s*#", chunk)):
                with suppress(ValueError):
                    if tomllib.loads(chunk[:at]) == whole:
                        return last, chunk[at:] if "\n" not in chunk[at:] else ""
            return last, ""
    return place + 1, ""


def write_config(path: Path, changes: Mapping[tuple[str, str], Any]) -> None:
    """Changes values of the config file, which is begun as the commented default where there is none.

    The file is replaced as a whole or stays as it was. Raises InputError for a file that cannot be read or defies
    this, NotSaved.
    """
    from bftui.trace.document import replacing, saving

    old = read_text(path)
    text = default_text() if old is None else old
    config_of(text, path)
    new = edited(text, changes)
    if new is None:
        (section, key), value = next(iter(changes.items()))
        line = f"{key} = {toml(value)}" + (f" under [{section}]" if section else "")
        raise InputError(f"cannot change {path} in place", "", f"write {line} yourself")
    config_of(new, path)
    with saving(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(new)
