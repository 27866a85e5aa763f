"""The config file: what a person wants every time. TOML, read before the first frame, so nothing heavy is imported."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from bftui.core.errors import InputError, UsageError
from bftui.session.lexicon import MOST_WORDS, WORDS


@dataclass(frozen=True, slots=True)
class Config:
    """What the file may say; every key has a default.

    Attributes:
        words: the style palette under the keys 1 to 9.
    """

    words: tuple[str, ...] = WORDS


def config_path() -> Path:
    """Where the file is looked for; it need not be there."""
    from platformdirs import user_config_path

    return user_config_path("bftui") / "config.toml"


def read_config(path: Path | None = None) -> Config:
    """The config file (default: the one of this person), or the defaults where there is none.

    Raises InputError for a file that cannot be read, is no TOML, or holds an unknown key or a wrong value.
    """
    path = config_path() if path is None else path
    try:
        found = tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        return Config()
    except OSError as error:
        raise InputError(f"cannot read {path}", error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8", str(error)) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not TOML", str(error)) from error
    known = [field.name for field in fields(Config)]
    for key in found:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise InputError(f"{path}: there is no key {key!r}", hint=hint)
    try:
        return Config(checked_words(found["words"], "words") if "words" in found else WORDS)
    except UsageError as error:
        raise InputError(f"{path}: {error.message}", error.reason, error.hint) from error


def checked_words(words: Any, name: str) -> tuple[str, ...]:
    """The words of a palette, without the blanks around them; raises UsageError, which calls them `name`."""
    form = "give one to nine texts, such as Sure and Of course"
    if not isinstance(words, Sequence) or isinstance(words, str):
        raise UsageError(f"{name} is no list", hint=form)
    if not 1 <= len(words) <= MOST_WORDS:
        raise UsageError(f"{name} has {len(words)} entries", hint=form)
    for word in words:
        if not isinstance(word, str) or not word.strip():
            raise UsageError(f"{name}: {word!r} is no word", hint=form)
    return tuple(word.strip() for word in words)
