"""The grammar that writes the practice models' text, and the documents it writes.

A grammar is finite: a rule never reaches itself. A tagged slot is bound: its word is drawn at the
first mention in a document and stays, and two tags of one category never hold the same word. Every
choice is a draw from known weights, made left to right, so the probability of what is written is
known, and `belief` follows it word by word. Not for: the content (see the `grammar_*` and
`lexicon*` modules), tokens, or training.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypeVar

import numpy as np

from recipes.practice.compiled import Compiled, Draw, Table, Variant
from recipes.practice.rules import Category, Rule, Slot, SubRule

_Named = TypeVar("_Named", Rule, Category)


@dataclass(frozen=True)
class Document:
    """What the grammar wrote.

    kind: the first rule that the start rule led to. words: the text, cut into words.
    nats: minus the natural log of the probability of the choices made. Two series of choices may
        write the same text, so this bounds the information in the text from above; the exact
        figure is `belief.Filter.nats`.
    bindings: (category, tag) to the word that was bound.
    """

    kind: str
    words: tuple[str, ...]
    nats: float
    bindings: Mapping[tuple[str, str], str]

    @property
    def text(self) -> str:
        """The document as it is read."""
        return "".join(self.words)


@dataclass
class _Writing:
    """The state of one document while it is written."""

    random: np.random.Generator
    words: list[str] = field(default_factory=list)
    bound: dict[int, int] = field(default_factory=dict)
    nats: float = 0.0

    def choose(self, cumulative: Sequence[float]) -> int:
        total = cumulative[-1]
        index = min(bisect_right(cumulative, self.random.random() * total), len(cumulative) - 1)
        weight = cumulative[index] - (cumulative[index - 1] if index else 0.0)
        self.nats -= math.log(weight / total)
        return index


class Grammar:
    """Rules and categories, checked and compiled, with the generator over them.

    Raises:
        ValueError: a reference leads nowhere, a rule reaches itself, a weight is not positive, or
            two parts would run into one word.
    """

    def __init__(self, rules: Iterable[Rule], categories: Iterable[Category], start: str) -> None:
        self.rules = _by_name(rules)
        self.categories = _by_name(categories)
        self.start = start
        _check(self)
        self.compiled = Compiled(self.rules, self.categories)
        self.compiled.variant(start)

    def document(self, seed: int, index: int, start: str | None = None) -> Document:
        """Write document number `index` of the stream that `seed` names, from the rule `start`.

        Documents of one stream are independent of each other, so they may be written in any order.
        """
        random = np.random.Generator(np.random.Philox(key=np.array([seed, index], np.uint64)))
        writing = _Writing(random)
        kind = self._write(self.compiled.variant(start or self.start), writing)
        bindings = {
            self.compiled.keys[key]: self.categories[self.compiled.keys[key][0]].words[entry]
            for key, entry in writing.bound.items()
        }
        return Document(kind, tuple(writing.words), writing.nats, bindings)

    def _write(self, variant: Variant, writing: _Writing) -> str:
        """Write a rule; return the sub-rule that its alternative begins with, or its own name."""
        number, _ = variant.choices[writing.choose(variant.cumulative)]
        items = self.compiled.items[number]
        for item in items:
            if isinstance(item, Variant):
                self._write(item, writing)
            elif isinstance(item, Draw):
                writing.words += item.table.texts[self._entry(item.key, item.table, writing)]
            else:
                writing.words += item
        return items[0].name if items and isinstance(items[0], Variant) else variant.name

    def _entry(self, key: int | None, table: Table, writing: _Writing) -> int:
        if key is None:
            return writing.choose(table.cumulative)
        if key in writing.bound:
            return writing.bound[key]
        keys, category = self.compiled.keys, table.category
        taken = {entry for k, entry in writing.bound.items() if keys[k][0] == category.name}
        free = [entry for entry in range(len(category.entries)) if entry not in taken]
        entry = free[writing.choose(list(accumulate(category.weights[e] for e in free)))]
        writing.bound[key] = entry
        return entry


def _by_name(items: Iterable[_Named]) -> dict[str, _Named]:
    found: dict[str, _Named] = {}
    for item in items:
        if item.name in found:
            raise ValueError(f"two definitions of {item.name!r}")
        found[item.name] = item
    return found


def _check(grammar: Grammar) -> None:
    for category in grammar.categories.values():
        if any(weight <= 0 for weight in category.weights):
            raise ValueError(f"category {category.name!r} has a weight that is not positive")
    children: dict[str, set[str]] = {}
    for rule in grammar.rules.values():
        if any(alternative.weight <= 0 for alternative in rule.alternatives):
            raise ValueError(f"rule {rule.name!r} has a weight that is not positive")
        children[rule.name] = set()
        for part in (part for alternative in rule.alternatives for part in alternative.parts):
            if isinstance(part, SubRule):
                if part.rule not in grammar.rules:
                    raise ValueError(f"rule {rule.name!r} refers to {part.rule!r}: no such rule")
                children[rule.name].add(part.rule)
            elif isinstance(part, Slot):
                grammar.categories[part.category].form_index(part.form)
    if grammar.start not in grammar.rules:
        raise ValueError(f"there is no start rule {grammar.start!r}")
    # Rules whose sub-rules are all settled are settled; what remains reaches itself.
    settled: set[str] = set()
    while ready := {name for name in children if name not in settled and children[name] <= settled}:
        settled |= ready
    if loop := children.keys() - settled:
        raise ValueError(f"rules that reach themselves: {sorted(loop)}")
