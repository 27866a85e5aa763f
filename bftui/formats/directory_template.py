"""Where a directory keeps its chat template: one reader, before the model is opened and after.

As `transformers` reads them: `chat_template.jinja`, with `additional_chat_templates/NAME.jinja` beside it, before the
`chat_template` of `tokenizer_config.json`, which is a text or several under names; then that of `chat_template.json`,
where processors of pictures kept it. Of several the one called `default` is taken, and a single one whatever it is
called. No library is imported.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_MOST = 32 << 20
_CONFIGS = ("tokenizer_config.json", "chat_template.json")


def read_templates(path: Path) -> dict[str, str]:
    """Return the templates of a directory by name; the only one of a file without names is `default`.

    Files that cannot be read hold none: opening the directory says what is wrong with them.
    """
    found: dict[str, str] = {}
    for name, file in (
        ("default", path / "chat_template.jinja"),
        *((each.stem, each) for each in sorted(path.glob("additional_chat_templates/*.jinja"))),
    ):
        data = _data(file)
        if data is not None:
            found[name] = data.decode(errors="replace")
    for config in _CONFIGS:
        if "default" not in found:
            found = _named(_json(path / config).get("chat_template")) | found
    return found


def default_template(templates: Mapping[str, str]) -> str | None:
    """Return the template that prompts are put into; None where there is none, or several without a default."""
    if "default" in templates:
        return templates["default"] or None
    return (next(iter(templates.values())) or None) if len(templates) == 1 else None


def _named(value: Any) -> dict[str, str]:
    """Templates as a config holds them: a text, texts by name, or a list of names with texts."""
    if isinstance(value, str):
        return {"default": value} if value else {}
    if isinstance(value, list):
        pairs = [
            (each.get("name"), each.get("template")) for each in value if isinstance(each, dict)
        ]
    else:
        pairs = list(value.items()) if isinstance(value, dict) else []
    return {name: text for name, text in pairs if isinstance(name, str) and isinstance(text, str)}


def _data(file: Path) -> bytes | None:
    try:
        if not file.is_file() or file.stat().st_size > _MOST:
            return None
        return file.read_bytes()
    except OSError:
        return None


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(_data(file) or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
