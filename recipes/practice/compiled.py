"""A grammar cut into words: the tables that writing and filtering walk.

Spaces and capitals that one part owes to the next are settled here, once, by making up to four
variants of a rule (after a space or not, with a capital or not). What is left is a stack machine
without any text handling: literals are tuples of words, slots are tables of tuples of words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

from recipes.practice.rules import Alternative, Category, Literal, Rule, Slot, SubRule
from recipes.practice.words import SPECIAL, edge, split_words


@dataclass(frozen=True, eq=False)
class Table:
    """The words of every entry of a category in one form, after a space or not, capital or not."""

    category: Category
    texts: tuple[tuple[str, ...], ...]

    @cached_property
    def starting(self) -> dict[str, list[int]]:
        """First word to the entries that begin with it."""
        found: dict[str, list[int]] = {}
        for index, text in enumerate(self.texts):
            found.setdefault(text[0], []).append(index)
        return found

    @cached_property
    def total(self) -> float:
        """Sum of the weights."""
        return sum(self.category.weights)

    @cached_property
    def cumulative(self) -> list[float]:
        """Running sums of the weights."""
        return list(accumulate(self.category.weights))


@dataclass(frozen=True, eq=False)
class Draw:
    """A slot: `key` numbers what is bound (None: free); `table` says how it is written."""

    key: int | None
    table: Table


@dataclass(eq=False)
class Variant:
    """A rule as it is written in one surrounding.

    choices: (number of the alternative, probability). starting: first word to those choices that
    can begin with it; passing: those that can write nothing at all.
    """

    name: str
    choices: list[tuple[int, float]] = field(default_factory=list)
    starting: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    passing: list[tuple[int, float]] = field(default_factory=list)
    last: set[str] = field(default_factory=set)

    @cached_property
    def cumulative(self) -> list[float]:
        """Running sums of the probabilities."""
        return list(accumulate(chance for _, chance in self.choices))


Item = tuple[str, ...] | Variant | Draw


class Compiled:
    """The variants of all rules that `start` needs, with the alternatives they share numbers with.

    Raises:
        ValueError: a space or capital is owed to nothing, two parts would run into one word, or
            blanks are doubled. The message names the rule.
    """

    def __init__(self, rules: Mapping[str, Rule], categories: Mapping[str, Category]) -> None:
        self.items: list[tuple[Item, ...]] = []
        self.keys: list[tuple[str, str]] = []
        self._rules, self._categories = rules, categories
        self._variants: dict[tuple[str, bool, bool], Variant] = {}
        self._tables: dict[tuple[str, int, bool, bool], Table] = {}
        self._key_numbers: dict[tuple[str, str], int] = {}

    def variant(self, name: str, space: bool = False, capital: bool = False) -> Variant:
        """Return the rule `name` as it is written after a space, with a capital, or neither."""
        known = self._variants.get((name, space, capital))
        if known is not None:
            return known
        rule = self._rules[name]
        made = Variant(name)
        total = sum(alternative.weight for alternative in rule.alternatives)
        for alternative in rule.alternatives:
            chance = alternative.weight / total
            items = self._items(name, alternative, space, capital)
            number = len(self.items)
            self.items.append(items)
            made.choices.append((number, chance))
            first, empty, last = self._edges(name, items)
            made.last |= last
            for word in first:
                made.starting.setdefault(word, []).append((number, chance))
            if empty:
                made.passing.append((number, chance))
        if made.passing and (space or capital):
            raise ValueError(f"rule {name!r} may be empty where a space or a capital is due")
        self._variants[name, space, capital] = made
        return made

    def _items(
        self, name: str, alternative: Alternative, space: bool, capital: bool
    ) -> tuple[Item, ...]:
        items: list[Item] = []
        for part in alternative.parts:
            if isinstance(part, Literal):
                words, space = _literal_words(name, part.text, space, capital)
                capital = False if words else capital
                if words:
                    items.append(words)
                continue
            lifted = capital or part.capital
            if isinstance(part, SubRule):
                items.append(self.variant(part.rule, space, lifted))
            else:
                items.append(Draw(self._key(part), self._table(part, space, lifted)))
            space = capital = False
        if alternative.parts and (space or capital):
            raise ValueError(f"rule {name!r} ends where a space or a capital is due")
        return tuple(items)

    def _key(self, slot: Slot) -> int | None:
        if slot.tag is None:
            return None
        key = (slot.category, slot.tag)
        if key not in self._key_numbers:
            self._key_numbers[key] = len(self.keys)
            self.keys.append(key)
        return self._key_numbers[key]

    def _table(self, slot: Slot, space: bool, capital: bool) -> Table:
        category = self._categories[slot.category]
        identity = (slot.category, category.form_index(slot.form), space, capital)
        if identity not in self._tables:
            texts = []
            for entry in category.entries:
                text = entry[identity[1]]
                text = text[0].upper() + text[1:] if capital else text
                texts.append(tuple(split_words(" " * space + text)))
            self._tables[identity] = Table(category, tuple(texts))
        return self._tables[identity]

    def _edges(self, name: str, items: tuple[Item, ...]) -> tuple[set[str], bool, set[str]]:
        """Return first words, whether nothing may be written, and the kinds of last characters."""
        first: set[str] = set()
        empty = True
        last: set[str] = set()
        for item in items:
            starts, passes, ends = _item_edges(item)
            if empty:
                first |= starts
            for word in starts:
                # A space belongs to the word after it, so only bare words can run together.
                bare = not SPECIAL.fullmatch(word) and not word.startswith("'")
                if bare and edge(word[0]) in last - {"space"}:
                    raise ValueError(f"rule {name!r}: {word!r} would run into what is before it")
            last = ends | last if passes else ends
            empty = empty and passes
        return first, empty, last


def _item_edges(item: Item) -> tuple[set[str], bool, set[str]]:
    if isinstance(item, Variant):
        return set(item.starting), bool(item.passing), item.last
    if isinstance(item, Draw):
        return set(item.table.starting), False, {_last(text[-1]) for text in item.table.texts}
    return {item[0]}, False, {_last(item[-1])}


def _last(word: str) -> str:
    return "space" if SPECIAL.fullmatch(word) else edge(word[-1])


def _literal_words(
    name: str, text: str, space: bool, capital: bool
) -> tuple[tuple[str, ...], bool]:
    """Return the words of a literal, and whether it owes a space to what comes next."""
    if capital and text.strip():
        at = len(text) - len(text.lstrip())
        text = text[:at] + text[at].upper() + text[at + 1 :]
    text = " " * space + text
    owed = text.endswith(" ")
    if "  " in text or "\n\n\n" in text or "\n " in text:
        raise ValueError(f"rule {name!r} doubles its blanks at {text!r}")
    return tuple(split_words(text.removesuffix(" "))), owed
