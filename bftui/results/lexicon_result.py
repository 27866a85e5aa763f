"""The style lexicon: what the answers of a model begin with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bftui.results.result_types import Count, Id, Share


@dataclass(frozen=True, slots=True, kw_only=True)
class LexiconPrefix:
    """A beginning that `count` answers have, a `share` of all.

    `published`: whether its first word is among the tokens that alignment shifts most (arXiv 2312.01552).
    """

    text: bytes
    token_ids: tuple[Id, ...]
    count: Count
    share: Share
    published: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LexiconOutput:
    """What `bftui lexicon --json` says.

    Attributes:
        model: whose answers they are.
        answers: how many.
        samples: of each prompt, or `greedy` for the one of the most probable tokens.
        length, count: tokens of the longest prefix, and answers that one must begin to be listed.
        prefixes: longest first.
        words: the same as words of a palette.
    """

    model: str
    answers: Count
    samples: Count | Literal["greedy"]
    length: Count
    count: Count
    prefixes: tuple[LexiconPrefix, ...]
    words: tuple[str, ...]
