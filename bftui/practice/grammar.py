"""The grammar that writes the practice models' text: rules as data, and the generator over them.

A grammar is a set of rules (weighted alternatives of literals, sub-rules and slots) and of
categories (weighted words with their forms). It is finite: a rule never reaches itself. A tagged
slot is bound: its word is drawn at the first mention in a document and stays, and two tags of one
category never hold the same word. Every choice is a draw from known weights, made left to right,
so the probability of what is written is known, and a filter over a finite set of beliefs can
follow it word by word. Not for: the content (see the `grammar_*` and `lexicon*` modules), tokens,
or training.

Source form of rules, as `parse_rules` reads it::

    = greeting
    [3] Hello <person#a>, it is <weekday>.
        A line that starts with spaces goes on with the one before.
    Good morning!¶<^weather> today.

`= name` opens a rule; each further line is one alternative with an optional weight in brackets (1
when left out). `<rule>` is a sub-rule, `<category>` a free slot, `<category#tag>` a bound slot,
`<category#tag.form>` another form of it, `<^...>` the same with a capital letter, ¶ a line break,
~ a space at the edge of an alternative, where plain spaces are trimmed.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import TypeVar

import numpy as np


@dataclass(frozen=True)
class Literal:
    """Text that is written as it stands."""

    text: str


@dataclass(frozen=True)
class SubRule:
    """A reference to another rule; `capital` lifts the first letter of what it writes."""

    rule: str
    capital: bool = False


@dataclass(frozen=True)
class Slot:
    """A word of a category: free (no tag: drawn anew each time) or bound for the document."""

    category: str
    tag: str | None
    form: str | None
    capital: bool = False


Part = Literal | SubRule | Slot


@dataclass(frozen=True)
class Alternative:
    """One way to write a rule; its probability is `weight` over the sum of the rule's weights."""

    weight: float
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Rule:
    """A choice between alternatives."""

    name: str
    alternatives: tuple[Alternative, ...]

    @cached_property
    def cumulative(self) -> list[float]:
        """Running sums of the weights."""
        return list(accumulate(alternative.weight for alternative in self.alternatives))


@dataclass(frozen=True)
class Category:
    """A set of words. An entry holds one text for each form; the first is the word itself."""

    name: str
    forms: tuple[str, ...]
    entries: tuple[tuple[str, ...], ...]
    weights: tuple[float, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """The entries in their first form."""
        return tuple(entry[0] for entry in self.entries)

    @cached_property
    def cumulative(self) -> list[float]:
        """Running sums of the weights."""
        return list(accumulate(self.weights))

    def form_index(self, form: str | None) -> int:
        """Column of `form` in an entry; ValueError when the category has no such form."""
        if form is None:
            return 0
        if form not in self.forms:
            raise ValueError(f"category {self.name!r} has no form {form!r}")
        return self.forms.index(form)


_Named = TypeVar("_Named", Rule, Category)


@dataclass(frozen=True)
class Document:
    """What the grammar wrote.

    nats: minus the natural log of the probability of the choices made. Two series of choices may
        write the same text, so this bounds the information in the text from above.
    bindings: (category, tag) to the word that was bound.
    """

    kind: str
    text: str
    nats: float
    bindings: Mapping[tuple[str, str], str]


@dataclass
class _Writing:
    """The state of one document while it is written."""

    random: np.random.Generator
    pieces: list[str] = field(default_factory=list)
    bound: dict[tuple[str, str], int] = field(default_factory=dict)
    nats: float = 0.0
    capital: bool = False

    def write(self, text: str) -> None:
        if self.capital and text:
            text = text[0].upper() + text[1:]
            self.capital = False
        self.pieces.append(text)

    def choose(self, cumulative: Sequence[float]) -> int:
        total = cumulative[-1]
        index = min(bisect_right(cumulative, self.random.random() * total), len(cumulative) - 1)
        weight = cumulative[index] - (cumulative[index - 1] if index else 0.0)
        self.nats -= math.log(weight / total)
        return index


class Grammar:
    """Rules and categories, checked, with the generator over them.

    Raises:
        ValueError: a reference leads nowhere, a rule reaches itself, or a weight is not positive.
    """

    def __init__(self, rules: Iterable[Rule], categories: Iterable[Category], start: str) -> None:
        self.rules = _by_name(rules)
        self.categories = _by_name(categories)
        self.start = start
        _check(self)

    def document(self, seed: int, index: int, start: str | None = None) -> Document:
        """Write document number `index` of the stream that `seed` names.

        Documents of one stream are independent of each other, so they may be written in any order.
        Its kind is the first rule that `start` (the grammar's own start when left out) leads to.
        """
        random = np.random.Generator(np.random.Philox(key=np.array([seed, index], np.uint64)))
        writing = _Writing(random)
        kind = self._write_rule(start or self.start, writing)
        bindings = {
            (category, tag): self.categories[category].entries[entry][0]
            for (category, tag), entry in writing.bound.items()
        }
        return Document(kind, "".join(writing.pieces), writing.nats, bindings)

    def _write_rule(self, name: str, writing: _Writing) -> str:
        """Write a rule; return the sub-rule that its alternative begins with, or its own name."""
        rule = self.rules[name]
        alternative = rule.alternatives[writing.choose(rule.cumulative)]
        for part in alternative.parts:
            if isinstance(part, Literal):
                writing.write(part.text)
                continue
            writing.capital = writing.capital or part.capital
            if isinstance(part, SubRule):
                self._write_rule(part.rule, writing)
            else:
                self._write_slot(part, writing)
        first = alternative.parts[0] if alternative.parts else None
        return first.rule if isinstance(first, SubRule) else name

    def _write_slot(self, slot: Slot, writing: _Writing) -> None:
        category = self.categories[slot.category]
        if slot.tag is None:
            entry = writing.choose(category.cumulative)
        elif (slot.category, slot.tag) in writing.bound:
            entry = writing.bound[slot.category, slot.tag]
        else:
            taken = {e for (name, _), e in writing.bound.items() if name == slot.category}
            free = [e for e in range(len(category.entries)) if e not in taken]
            entry = free[writing.choose(list(accumulate(category.weights[e] for e in free)))]
            writing.bound[slot.category, slot.tag] = entry
        writing.write(category.entries[entry][category.form_index(slot.form)])


def parse_rules(source: str, categories: Iterable[str]) -> list[Rule]:
    """Read rules in their source form; `categories` are the names that denote slots, not rules."""
    slots = frozenset(categories)
    rules: list[Rule] = []
    for block in re.split(r"^= ", source, flags=re.MULTILINE)[1:]:
        name, _, body = block.partition("\n")
        lines = re.sub(r"\n[ \t]+", " ", body).strip().splitlines()
        alternatives = tuple(_parse_alternative(line, slots) for line in lines if line.strip())
        if not alternatives:
            raise ValueError(f"rule {name!r} has no alternative")
        rules.append(Rule(name.strip(), alternatives))
    return rules


_WEIGHT = re.compile(r"\[([\d.]+)\]\s*")
_REFERENCE = re.compile(r"<(\^?)(\w+)(?:#(\w+))?(?:\.(\w+))?>")


def _parse_alternative(line: str, slots: frozenset[str]) -> Alternative:
    weight = 1.0
    if match := _WEIGHT.match(line):
        weight = float(match[1])
        line = line[match.end() :]
    line = re.sub(r" *¶ *", "\n", line.strip()).replace("~", " ")
    parts: list[Part] = []
    position = 0
    for match in _REFERENCE.finditer(line):
        if match.start() > position:
            parts.append(Literal(line[position : match.start()]))
        capital, name, tag, form = match[1] == "^", match[2], match[3], match[4]
        if name in slots:
            parts.append(Slot(name, tag, form, capital))
        elif tag is None and form is None:
            parts.append(SubRule(name, capital))
        else:
            raise ValueError(f"{match[0]} has a tag or a form, but is no category")
        position = match.end()
    if position < len(line):
        parts.append(Literal(line[position:]))
    return Alternative(weight, tuple(parts))


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
