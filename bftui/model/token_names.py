"""Tokens that people name by their id or their text, in settings of a sampler. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bftui.core.errors import UsageError
from bftui.core.sampler import NUMBERS, Sampler
from bftui.core.text import label, safe

if TYPE_CHECKING:
    from bftui.model.loaded_model import Model

TokenName = int | str
"""An id, or the text of one token."""

TOKEN_SETTINGS = ("bias", "banned", "pinned")
"""The settings of a sampler that name tokens."""

_TEXT = "text:"


def typed_token(text: str) -> TokenName:
    """Return what is typed for a token: a number is an id, all else is its text; `text:7` is the text 7."""
    if text.isascii() and text.isdecimal():
        return int(text)
    text = text.removeprefix(_TEXT)
    if not text:
        raise UsageError("a token has no empty text", hint="give its id or its text")
    return text


def typed_bias(text: str) -> tuple[TokenName, float]:
    """Return the token and the number of TOKEN=VALUE. Raises UsageError."""
    token, number = _pair(text, "TOKEN=VALUE, as ' Sure=2' or 42=-1.5")
    return typed_token(token), number


def typed_rule(text: str) -> tuple[str, float]:
    """Return the name and the number of NAME=VALUE. Raises UsageError."""
    return _pair(text, "NAME=VALUE, as top-a=0.2")


def _pair(text: str, form: str) -> tuple[str, float]:
    name, _, value = text.rpartition("=")
    try:
        if not name:
            raise ValueError
        return name, float(value)
    except ValueError:
        raise UsageError(f"{text!r} is not understood", hint=f"write {form}") from None


def token_id(model: Model, name: TokenName) -> int:
    """Return the id of a token of a model. Raises UsageError where a text is none or several of its tokens."""
    if isinstance(name, int):
        if not 0 <= name < model.info.n_vocab:
            raise UsageError(
                f"there is no token {name}", f"{model.info.name} has {model.info.n_vocab:,} tokens"
            )
        return name
    ids = model.tokenize(name)
    if len(ids) != 1:
        parts = " ".join(label(model.token_bytes(each)) for each in ids[:8])
        raise UsageError(
            f"{safe(repr(name))} is {len(ids)} tokens of {model.info.name}, not one",
            parts,
            "name one of them, by its text or its id",
        )
    return ids[0]


def with_token_ids(model: Model, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of a sampler in which every token is an id of this model. Raises UsageError.

    Args:
        settings: by name; `bias` may be pairs or a mapping, and tokens may be texts.
    """
    return _mapped(settings, lambda name: token_id(model, name))


def checked_settings(model: Model, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as `with_token_ids` does, with rules of other packages and a constraint that can be used.

    Raises UsageError; MissingDependency for a constraint without its library.
    """
    for name, value in settings.get("added", ()):
        from bftui.core.truncation import added_rule

        added_rule(name).check(value)
    if constraint := settings.get("constraint"):
        from bftui.backends.client.constraint_masks import check_constraint

        check_constraint(constraint)
    return with_token_ids(model, settings)


def without_texts(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return these settings without the tokens that are named by a text, for what is checked before a model is open."""
    return _mapped(settings, lambda name: name if isinstance(name, int) else None)


def typed_settings(sampler: Sampler) -> dict[str, float | list[str]]:
    """Return settings as the options of the command line and the config file have them, tokens by their ids."""
    found: dict[str, float | list[str]] = {name: getattr(sampler, name) for name in NUMBERS}
    found["rule"] = [f"{name}={value!r}" for name, value in sampler.added]
    found["bias"] = [f"{token}={value!r}" for token, value in sampler.bias]
    found["ban"] = [str(token) for token in sampler.banned]
    found["pin"] = [str(token) for token in sampler.pinned]
    return found


def _mapped(
    settings: Mapping[str, Any], id_of: Callable[[TokenName], int | None]
) -> dict[str, Any]:
    found = dict(settings)
    for name in TOKEN_SETTINGS:
        if name not in found:
            continue
        given = found[name]
        if name == "bias":
            pairs = given.items() if isinstance(given, Mapping) else given
            ids = [(id_of(token), value) for token, value in pairs]
            found[name] = tuple((token, value) for token, value in ids if token is not None)
        else:
            found[name] = tuple(i for i in map(id_of, _listed(given)) if i is not None)
    return found


def _listed(tokens: TokenName | Sequence[TokenName]) -> Sequence[TokenName]:
    return (tokens,) if isinstance(tokens, int | str) else tokens
