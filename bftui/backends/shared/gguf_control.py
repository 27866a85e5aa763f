"""Which tokens of a GGUF file are control tokens, and end a generation, whatever types it gives them.

Files are often wrong there, and llama.cpp goes by what tokens are called. Done here the same way for those backends
that read the file themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bftui.backends.shared.vocabulary import END_TEXTS

_FILL_IN: dict[str, tuple[str, ...]] = {
    "fim_pre": (
        *("<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>"),
        *("<|code_prefix|>", "<|prefix|>"),
    ),
    "fim_suf": (
        *("<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>"),
        *("<|code_suffix|>", "<|suffix|>"),
    ),
    "fim_mid": (
        *("<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>"),
        *("<|code_middle|>", "<|middle|>"),
    ),
    "fim_pad": ("<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"),
    "fim_rep": ("<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"),
    "fim_sep": ("<|file_sep|>",),
}
"""The tokens of fill-in-the-middle, by the name of their part in the metadata: of each part one token is taken."""

_FILL_IN_ENDS = ("fim_pad", "fim_rep", "fim_sep")
"""Parts that end a generation, too."""

_SHOWN = ("<|channel|>", "<|message|>", "<|start|>", "<|constrain|>")
"""Tokens that stand for their text whatever else they are."""


@dataclass(frozen=True)
class ByName:
    """What tokens are by their names.

    Attributes:
        control: control tokens.
        ends: the tokens that end a generation.
        shown: tokens that stand for their text.
    """

    control: frozenset[int]
    ends: frozenset[int]
    shown: frozenset[int]


def by_name(tokens: Sequence[str], named: Callable[[str], int | None]) -> ByName:
    """Return what a file's tokens are; `named` gives the id that its metadata have for a part, as `fim_pre`."""
    ids = {token: i for i, token in enumerate(tokens)}
    control, ends = set[int](), {ids[text] for text in END_TEXTS if text in ids}
    for part, texts in _FILL_IN.items():
        token_id = named(part)
        if token_id is None:
            token_id = next((ids[text] for text in texts if text in ids), None)
            control |= set() if token_id is None else {token_id}
        if token_id is not None and part in _FILL_IN_ENDS:
            ends.add(token_id)
    control |= {ids[text] for text in END_TEXTS if text in ids}
    shown = {ids[text] for text in _SHOWN if text in ids}
    # In the format that has calls and returns, the end of a message is none of the generation.
    calls = {"<|return|>", "<|call|>", "<|end|>"} <= ids.keys()
    if calls or (
        "<|flush|>" in ids and "<|end|>" in ids and not {"<|call|>", "<|calls|>"}.isdisjoint(ids)
    ):
        ends.discard(ids["<|end|>"])
        shown.add(ids["<|end|>"])
    return ByName(frozenset(control - shown), frozenset(ends), frozenset(shown))
