"""What goes to the clipboard through the terminal (OSC 52), and what a person is told about it."""

from __future__ import annotations

from collections.abc import Mapping

from bftui.core.text import counted

LIMIT = 74_994
"""Bytes that fit into an escape sequence of 100,000 in base64: terminals drop longer ones without a word."""


def copied(text: str, what: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """The text to hand to the terminal, and a sentence that says what that is.

    Args:
        text: everything that is meant.
        what: its name, safe to draw.
        environ: tells whether the terminal is within tmux, which passes nothing on unless it is told to.
    """
    data = text.encode(errors="replace")
    kept = data[:LIMIT].decode(errors="ignore")
    told = f"copied {what}, {counted(len(text), 'character')}"
    if len(data) > LIMIT:
        told = f"copied the first {counted(len(kept), 'character')} of {len(text):,} of {what}"
        told += ": terminals take no more"
    if "TMUX" in environ:
        told += " (tmux passes it on with set-clipboard on)"
    return kept, told
