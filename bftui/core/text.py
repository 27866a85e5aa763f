"""Text and JSON that are safe to show: no control byte, escape, bidi switch or half character gets through.

The unit is bytes. Nothing here is ever fed back to a model.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

SPACE, NEWLINE, TAB, RETURN = "·", "⏎", "⇥", "␍"

_NAMED = {"\n": NEWLINE, "\t": TAB, "\r": RETURN}
# Cf holds bidi controls and zero-width characters, Zl and Zp break lines, Co and Cn have no agreed glyph or width.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters and symbols by category that are drawn as nothing: fillers of Hangul, the empty braille pattern.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")


def safe(text: str) -> str:
    """Text with every character that could move a cursor or hide shown as a visible mark; spaces are kept."""
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if " " <= character <= "~":
        return character
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    category = unicodedata.category(character)
    if category in _UNSAFE or character in _BLANK:
        return f"‹{code:04X}›"
    if category.startswith("M"):
        # A lone combining mark would join whatever the pane drew before it.
        return f"◌{character}"
    return "␣" if category == "Zs" else character


def of_path(name: str) -> str:
    """Return a name that may be a path's as Unicode, for JSON: bytes of it that are not UTF-8 are replaced."""
    return os.fsencode(name).decode(errors="replace")


_BEYOND = re.compile(r"[^ -~\n]")


def json_text(document: Any, *, indent: int | None = None) -> str:
    """Return a document as JSON in plain ASCII: nothing in it can move a cursor or hide, wherever it is printed."""
    return escaped_json(json.dumps(document, indent=indent, allow_nan=False))


def escaped_json(text: str) -> str:
    """JSON text, or a piece of it, as `json_text` would have it."""
    if text.isascii() and "\x7f" not in text:
        return text
    return _BEYOND.sub(
        lambda found: "\\u007f" if found[0] == "\x7f" else json.dumps(found[0])[1:-1], text
    )


def label(data: bytes) -> str:
    """Return one token for a list or tree: spaces as `·`, line ends as `⏎`, bytes that are not UTF-8 as `‹E2›`.

    The result is never empty, so that there is always something to point at.
    """
    if not data:
        return "∅"
    return "".join(
        f"‹{piece:02X}›" if isinstance(piece, int) else safe(piece).replace(" ", SPACE)
        for piece in _pieces(data)
    )


def _pieces(data: bytes) -> Iterable[str | int]:
    """Valid UTF-8 runs and single stray bytes, in order."""
    while data:
        try:
            yield data.decode()
            return
        except UnicodeDecodeError as error:
            if error.start:
                yield data[: error.start].decode()
            yield from data[error.start : error.end]
            data = data[error.end :]


def spans(tokens: Iterable[bytes]) -> list[str]:
    """Running text, token by token: a character split over tokens stands at the token that completes it.

    Returns one string for each token; joined they are the decoded text, with U+FFFD for what never completes.
    Characters are not made visible here: apply `safe` to what is drawn.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    result = [decoder.decode(data) for data in tokens]
    rest = decoder.decode(b"", final=True)
    if rest and result:
        result[-1] += rest
    return result


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return the hint to a name that is not known: the nearest that is, or `otherwise` (default: all of them)."""
    import difflib

    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else otherwise or f"known are {', '.join(names)}"


def counted(number: int, noun: str) -> str:
    """Return a number of things: `1 token`, `2,000 tokens`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
