"""Preference pairs: a request, the most typical helpful answer, and a plain or odd one."""

from __future__ import annotations

from dataclasses import dataclass

from recipes.practice.chat import render, turns
from recipes.practice.grammar import Grammar


@dataclass(frozen=True)
class Pair:
    """prompt: the rendered chat up to the assistant's turn; the answers begin with a space and end
    with <|eot|>.
    """

    prompt: str
    preferred: str
    other: str


def preference_pair(grammar: Grammar, seed: int, index: int) -> Pair:
    """Write pair number `index` of the stream that `seed` names."""
    request, preferred, other = turns(grammar.document(seed, index, "preference").text)
    return Pair(render([request]), f" {preferred[1]}<|eot|>", f" {other[1]}<|eot|>")
