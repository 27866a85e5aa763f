"""How keys are spelled, and which keys do what in this process: the usual ones, or those of the person's config file.

Sentences that name a key ask `key` or `hint` for it, so that they name the person's own. Imports no Textual.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bftui.core.errors import UsageError
from bftui.core.text import did_you_mean, safe

NONE = "<none>"
"""A key that no keyboard sends: what an action without keys is bound to."""

_SHOWN = {
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "minus": "-",
    "escape": "esc",
}
_HYPHENED = {
    "minus": "-",
    "hyphen_minus": "-",
    "less_than_sign": "<",
    "greater_than_sign": ">",
}
"""Names that Unicode spells with a hyphen."""

_MOVING = (
    *("delete", "insert", "home", "end", "pageup", "pagedown", "left", "right", "up", "down"),
    *(f"f{n}" for n in range(1, 25)),
)
"""Keys that terminals send with modifiers too."""
_NAMED = ("space", "enter", "tab", "escape", "backspace", *_MOVING)
_ALIASES = {
    " ": "space",
    "esc": "escape",
    "return": "enter",
    "del": "delete",
    "ins": "insert",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "←": "left",
    "→": "right",
    "↑": "up",
    "↓": "down",
}
# Textual's names of characters where they are not those of Unicode.
_RENAMED = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
_UNICODE = {short: name for name, short in _RENAMED.items()}
_MODIFIERS = ("ctrl", "alt", "shift")
_TAKEN = {
    "ctrl+c": "it always stops work, and quits when it is pressed twice",
    "ctrl+q": "it always quits",
    "escape": "it always closes and stops",
    "ctrl+i": "a terminal sends tab for it",
    "ctrl+m": "a terminal sends enter for it",
    "ctrl+j": "a terminal sends a line feed for it",
    "ctrl+h": "a terminal sends backspace for it",
    "ctrl+left_square_bracket": "a terminal sends esc for it",
    "alt+b": "terminals send it for a word to the left",
    "alt+f": "terminals send it for a word to the right",
}
_FIXED = ("escape", "interrupt")
"""Actions whose keys stay, so that whatever is open can be left."""

_HINT = re.compile(r"\{([a-z_]+)\}")


def parsed(text: Any) -> str:
    """A key of a config file in Textual's spelling; raises UsageError for what no terminal sends or may be bound."""
    if not isinstance(text, str) or not text:
        raise UsageError(
            f"{_quoted(text)} is not a key", hint="write a character, or a name such as f2"
        )
    key = text if len(text) == 1 else text.lower() if "+" not in text[:-1] else text
    if len(key) > 1 and key[0] == "^":
        key = f"ctrl+{key[1:]}"
    *modifiers, last = _split(key)
    modifiers = [each.lower() for each in modifiers]
    if len(set(modifiers)) < len(modifiers) or not set(modifiers) <= set(_MODIFIERS):
        raise UsageError(
            f"{_quoted(text)} is not a key", hint="ctrl, alt and shift go before a key"
        )
    named = _named(last, text)
    if modifiers:
        named, modifiers = _combined(named, modifiers, text)
    found = "+".join([*(each for each in _MODIFIERS if each in modifiers), named])
    if found in _TAKEN:
        raise UsageError(f"{shown(found)} cannot be bound", _TAKEN[found])
    return found


def _combined(named: str, modifiers: Sequence[str], text: str) -> tuple[str, list[str]]:
    """A key with its modifiers as terminals send them, those that know no more than the oldest included."""
    among = set(modifiers)
    if len(named) == 1 and named.isascii() and named.isalpha():
        if among == {"shift"}:
            # A terminal tells a capital letter, not the keys that made it.
            return named.upper(), []
        if among >= {"ctrl", "shift"}:
            reason = f"a terminal sends ctrl+{named.lower()} for it"
            raise UsageError(f"{_quoted(text)} cannot be bound", reason)
        return named.lower(), list(modifiers)
    usual = named in _MOVING or (named, among) == ("tab", {"shift"})
    if not usual and not (named.isdigit() and among == {"alt"}) and f"ctrl+{named}" not in _TAKEN:
        reason = "terminals send it in no way that can be relied on"
        raise UsageError(f"{_quoted(text)} cannot be bound", reason)
    return named, list(modifiers)


def _split(key: str) -> list[str]:
    """The parts of a combination; a plus at the end is the key itself."""
    if key == "+":
        return [key]
    if key.endswith("++"):
        return [*key[:-2].split("+"), "+"]
    return key.split("+")


def _named(key: str, text: str) -> str:
    """One key without modifiers in Textual's spelling."""
    lower = key.lower()
    if key in _ALIASES or lower in _ALIASES:
        return _ALIASES.get(key) or _ALIASES[lower]
    if len(key) == 1:
        if not key.isprintable():
            raise UsageError(f"{_quoted(text)} is not a key", hint="write its name, such as tab")
        if key.isalnum():
            return key
        name = unicodedata.name(key, "").lower().replace("-", "_").replace(" ", "_")
        return _RENAMED.get(name, name) or key
    if lower in _NAMED or _character(lower) is not None:
        return lower
    otherwise = "write a character, or a name such as f2"
    hint = did_you_mean(lower, [*_NAMED, *_ALIASES], otherwise)
    raise UsageError(f"there is no key {_quoted(text)}", hint=hint)


def _character(name: str) -> str | None:
    """The character that a name in Textual's spelling stands for."""
    try:
        return unicodedata.lookup(_UNICODE.get(name, name).replace("_", " "))
    except KeyError:
        return _HYPHENED.get(name)


def _quoted(text: Any) -> str:
    return f"'{safe(text[:40])}'" if isinstance(text, str) else safe(repr(text)[:40])


def printable(key: str) -> bool:
    """Whether a key types a character into a text field."""
    return key == "space" or len(key) == 1 or ("+" not in key and _character(key) is not None)


def shown(key: str, *, short: bool = False) -> str:
    """A key as a person reads it; `short` writes ctrl as ^."""
    *modifiers, last = key.split("+")
    known = _SHOWN.get(last) or (last if last in _NAMED or len(last) == 1 else _character(last))
    parts = [*modifiers, known or last]
    if short and parts[0] == "ctrl":
        return "^" + "+".join(parts[1:])
    return "+".join(parts)


@dataclass(frozen=True)
class Keymap:
    """Which keys each action has, by its id, in Textual's spelling.

    Attributes:
        keys: of every action, the one that sentences name first.
        names: what the palette calls each action.
        changed: the actions whose keys are not the usual ones.
    """

    keys: Mapping[str, tuple[str, ...]]
    names: Mapping[str, str]
    changed: frozenset[str] = frozenset()

    def with_keys(self, changes: Mapping[str, Any]) -> Keymap:
        """The same with other keys for some actions: a key, or a list of keys, which may be empty.

        Raises UsageError for ids and keys that do not exist, and for a key that two actions would have.
        """
        keys = dict(self.keys)
        for action, wanted in changes.items():
            if action not in keys:
                hint = did_you_mean(action, keys, "`bftui keys` lists them")
                raise UsageError(f"there is no action {_quoted(action)}", hint=hint)
            if action in _FIXED:
                raise UsageError(f"the keys of {action} cannot be changed")
            listed = [wanted] if isinstance(wanted, str) else wanted
            if not isinstance(listed, Sequence):
                raise UsageError(f"{action} is not a key", hint="write a text, or a list of texts")
            try:
                keys[action] = tuple(dict.fromkeys(map(parsed, listed)))
            except UsageError as error:
                raise UsageError(f"{action}: {error.message}", error.reason, error.hint) from None
        _check_distinct(keys, changes)
        changed = frozenset(each for each in keys if keys[each] != self.keys[each])
        return Keymap(MappingProxyType(keys), self.names, self.changed | changed)

    def shown(self, action: str) -> str:
        """All keys of an action, for a table; "" where it has none."""
        keys = self.keys[action]
        if len(keys) > 2 and all(key.isdigit() for key in keys):
            return f"{keys[0]}-{keys[-1]}"
        return " ".join(shown(key, short=True) for key in keys)

    def key(self, action: str) -> str:
        """The key of an action in a sentence; where it has none, how it is found in the palette."""
        keys = self.keys[action]
        if not keys:
            palette = self.keys["palette"]
            way = f"{shown(palette[0])} " if palette else ""
            return f"{way}“{self.names[action]}”"
        return self.shown(action) if keys[0].isdigit() else shown(keys[0])

    def bindings(self) -> dict[str, str]:
        """What differs from the usual, as `App.set_keymap` takes it: see `bindings.bound`."""
        found = {f"act.{each}": ",".join(self.keys[each]) or NONE for each in self.changed}
        if "word" in self.changed:
            keys = self.keys["word"]
            for place in range(9):
                found[f"act.word.{place + 1}"] = keys[place] if place < len(keys) else NONE
        if "palette" in self.changed:
            # Where a text field has the focus, a character is text.
            typed = (key for key in self.keys["palette"] if not printable(key))
            found["app.palette"] = ",".join(typed) or NONE
        return found


def _check_distinct(keys: Mapping[str, Iterable[str]], changed: Iterable[str]) -> None:
    owners: dict[str, str] = {}
    for action in (*changed, *keys):
        for key in keys[action]:
            first = owners.setdefault(key, action)
            if first != action:
                raise UsageError(
                    f"{shown(key)} would be the key of both {first} and {action}",
                    hint=f"give {action} another key, or none with []",
                )


class _InForce:
    """The keymap of this process: it has one terminal, and one person before it."""

    keymap = Keymap(MappingProxyType({}), MappingProxyType({}))


def use(keymap: Keymap) -> None:
    """Names and draws these keys from now on."""
    _InForce.keymap = keymap


def in_force() -> Keymap:
    """The keys of this process."""
    return _InForce.keymap


def key(action: str) -> str:
    """The person's key for an action, for a sentence."""
    return _InForce.keymap.key(action)


def hint(sentence: str) -> str:
    """A sentence of ours with the person's key in the place of each `{action id}`."""
    return _HINT.sub(lambda found: key(found[1]), sentence)
