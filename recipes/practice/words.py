"""Words, the unit of the grammar: text is cut where the tokenizer's pre-tokenizer cuts it.

A word carries the space before it (" apple"), a line break is a word of its own, and so is a
special such as <|user|>. Because the cuts are those of byte-level BPE (the GPT-2 pattern), no token
ever spans two words, and the probability of a word under a model is that of its tokens.
"""

from __future__ import annotations

import re

SPECIAL = re.compile(r"(<\|\w+\|>)")
"""The specials, as they stand in documents."""

END = ""
"""The word that ends a document."""

_WORD = re.compile(r"'(?:s|t|re|ve|m|ll|d)| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\n| +")


def split_words(text: str) -> list[str]:
    """Cut `text` into words; joined, they are the text again."""
    if "<|" not in text:
        return _WORD.findall(text)
    found: list[str] = []
    for index, part in enumerate(SPECIAL.split(text)):
        found += [part] if index % 2 else _WORD.findall(part)
    return found


def edge(character: str) -> str:
    """Say what a character is at the edge of a word: two of one kind would be cut as one word."""
    if character.isspace():
        return "space"
    if character.isalpha():
        return "letter"
    return "digit" if character.isdigit() else "sign"
