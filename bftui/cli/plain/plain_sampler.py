"""The plain workbench's commands that change how tokens are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bftui.cli.plain import plain_sentences as tell
from bftui.cli.plain.plain_sentences import say
from bftui.core.errors import UsageError
from bftui.core.sampler import NUMBERS
from bftui.core.text import did_you_mean, safe
from bftui.model.token_names import token_id, typed_bias, typed_token

if TYPE_CHECKING:
    from bftui.cli.plain.plain_session import Plain

_SETTINGS = {name.replace("_", "-"): number for name, number in NUMBERS.items()}


def change(plain: Plain, rest: str) -> None:
    """Changes settings by name, and says what holds. Raises UsageError."""
    parts = rest.split()
    if len(parts) % 2:
        raise UsageError(
            "sampler takes names with values", hint="such as: sampler top-p 0.8 seed 3"
        )
    changes: dict[str, Any] = {}
    for name, value in zip(parts[::2], parts[1::2], strict=True):
        known = name.lower().replace("_", "-")
        if known not in _SETTINGS:
            hint = did_you_mean(known, _SETTINGS)
            raise UsageError(f"there is no setting '{safe(name[:40])}'", hint=hint)
        whole = _SETTINGS[known].whole
        try:
            changes[known.replace("-", "_")] = int(value) if whole else float(value)
        except ValueError:
            what = "whole number" if whole else "number"
            raise UsageError(f"'{safe(value[:40])}' is not a {what}") from None
    if changes:
        plain.live.set_sampler(**changes)
    _say(plain)


def turn(plain: Plain, setting: str, text: str) -> None:
    """Bans or pins a token, or no longer. Raises UsageError."""
    wanted = token_id(plain.live.model, typed_token(text))
    before = getattr(plain.live.sampler, setting)
    after = tuple(each for each in before if each != wanted)
    changes: dict[str, Any] = {setting: after if wanted in before else (*before, wanted)}
    plain.live.set_sampler(**changes)
    _say(plain)


def bias(plain: Plain, text: str) -> None:
    """Biases a token by TOKEN=VALUE; 0 takes the bias away. Raises UsageError."""
    name, value = typed_bias(text)
    wanted = token_id(plain.live.model, name)
    others = tuple(each for each in plain.live.sampler.bias if each[0] != wanted)
    plain.live.set_sampler(bias=(*others, (wanted, value)) if value else others)
    _say(plain)


def _say(plain: Plain) -> None:
    """Says what holds now, and what each rule does here."""
    session = plain.live
    said = tell.sampler(session.sampler)
    for word, ids in (("banned", session.sampler.banned), ("pinned", session.sampler.pinned)):
        if ids:
            said += f", {word} {', '.join(tell.quoted(session.model.token_bytes(i)) for i in ids)}"
    for token, value in session.sampler.bias:
        said += f", {tell.quoted(session.model.token_bytes(token))} biased by {value:g}"
    say(said)
    for line in tell.rules(session):
        say(line)
    say(tell.place(session))
