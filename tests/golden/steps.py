"""What may differ from one run, machine or release to another, and what stands in its place in a golden file.

Each step replaces one kind of fact, and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bftui

Step = Callable[[str], str]

DAY = "2026-01-31T12:00:00Z"

_CLOCK = re.compile(r'(?<!\\)("(?:elapsed_ms|at_ms)": ?)[-+.\de]+')
_DAY = re.compile(r'(?<!\\)("(?:created|end|used|resumed)": ?)"[^"]*"')
_VERSION = re.compile(rf'(?<!\\)("bftui": ?)"{re.escape(bftui.__version__)}"')
_STRING_OR_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?')
_MEMORY = re.compile(r'("(?:memory|fits)": )(?:null|true|false|\d+)')
_PICTURE = re.compile(r"(<svg\b[^>]*>).*?</svg>", re.DOTALL)
_THEMES = re.compile(r'("file": )"[^"]*[/\\](\w[^"/\\]*\.toml)"')
_SIZE = re.compile(r'("bytes": )\d+')
_DIGITS = 9


def clock(text: str) -> str:
    """Takes no time for everything, and dates everything at one moment."""
    return _DAY.sub(rf'\1"{DAY}"', _CLOCK.sub(r"\g<1>0.0", text))


def version(text: str) -> str:
    """Names the first version of the program as the one that runs."""
    return _VERSION.sub(r'\1"0.1.0"', text)


def digits(text: str) -> str:
    """Writes floats of JSON with nine digits and nine decimals: processors differ in the last bit of exp and log."""
    return _STRING_OR_NUMBER.sub(_shortened, text)


def _shortened(found: re.Match[str]) -> str:
    number = found[0]
    if number.startswith('"') or number.lstrip("-").isdigit():
        return number
    value = round(float(f"{float(number):.{_DIGITS}g}"), _DIGITS) + 0.0
    return number if value == float(number) and not number.startswith("-0.0") else repr(value)


def memory(text: str) -> str:
    """Knows nothing of the memory of the machine, and so not whether a model fits."""
    return _MEMORY.sub(r"\1null", text)


def theme_files(text: str) -> str:
    """Says of the file of a theme its name alone."""
    return _THEMES.sub(r'\1"\2"', text)


def pictures(text: str) -> str:
    """Leaves out what is drawn inside pictures, which differs from one release of Matplotlib to another."""
    return _PICTURE.sub(r"\1</svg>", text)


def page_size(text: str) -> str:
    """Says nothing of the size of a page, which holds pictures."""
    return _SIZE.sub(r"\g<1>0", text)


def machine(text: str) -> str:
    """Keeps the fields of what is said of a machine, the names of the backends, and none of the facts."""
    return json.dumps(_fields(json.loads(text)), indent=1, ensure_ascii=False) + "\n"


def _fields(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _fields(each, key) for key, each in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [_fields(each) for each in value]
    return value if name == "name" else "…"


def places(folder: Path) -> Step:
    """Writes a folder as HERE."""

    def step(text: str) -> str:
        return text.replace(str(folder), "HERE")

    return step
