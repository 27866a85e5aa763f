"""The source form of a grammar: rules, categories, and how rules are read from text.

A grammar is a set of rules (weighted alternatives of literals, sub-rules and slots) and of
categories (weighted words with their forms). Source form of rules, as `parse_rules` reads it::

    = greeting
    [3] Hello <person#a>, it is <weekday>.
        A line that starts with spaces goes on with the one before.
    Good morning!¶<^weather> today.

`= name` opens a rule; each further line is one alternative with an optional weight in brackets (1
when left out). `<rule>` is a sub-rule, `<category>` a free slot, `<category#tag>` a bound slot,
`<category#tag.form>` another form of it, `<^...>` the same with a capital letter, `<|user|>` a
special, ¶ a line break, ~ a space at the edge of an alternative, where plain spaces are trimmed,
`[1] -` an alternative that writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


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
    """A word of a category: free (no tag: drawn again each time) or bound for the document."""

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

    def form_index(self, form: str | None) -> int:
        """Column of `form` in an entry; ValueError when the category has no such form."""
        if form is None:
            return 0
        if form not in self.forms:
            raise ValueError(f"category {self.name!r} has no form {form!r}")
        return self.forms.index(form)


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
    if line == "-":
        line = ""
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
            raise ValueError(f"{match[0]} has a tag or a form, but is not a category")
        position = match.end()
    if position < len(line):
        parts.append(Literal(line[position:]))
    return Alternative(weight, tuple(parts))
