"""Forward filtering: what the grammar knows about a document after some of its words.

A belief is a finite set of configurations with their probabilities. A configuration is the rest of
a fixed run of words, the stack of open alternatives, and the words that are bound. From a belief
follow, exactly and without sampling, the distribution of the next word and the probability of the
text so far. Nothing is pruned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from recipes.practice.compiled import Draw, Variant
from recipes.practice.grammar import Grammar
from recipes.practice.words import END, split_words

Stack = tuple[tuple[int, int], ...]
"""(alternative, item within it) of every open alternative, the innermost last."""

Bound = tuple[tuple[int, int], ...]
"""(key, entry) of every bound slot, in the order in which they were bound."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One way to have come here: words that must follow, open alternatives, bound words."""

    pending: tuple[str, ...]
    stack: Stack
    bound: Bound


@dataclass(frozen=True)
class Belief:
    """Configurations with probabilities that sum to 1; `nats` is -log P of the words so far.

    position: how many words were seen; a document's end counts as one.
    """

    configurations: dict[Configuration, float]
    nats: float = 0.0
    position: int = 0


class NotWritten(ValueError):
    """The grammar cannot write the text; `position` is the number of words that it could."""

    def __init__(self, word: str, position: int) -> None:
        super().__init__(f"the grammar never writes {word or 'an end'!r} as word {position}")
        self.position = position


_Sink = Callable[[str, float, Configuration], None]


class Filter:
    """Exact next-word distributions and document probabilities of a grammar, from a start rule."""

    def __init__(self, grammar: Grammar, start: str | None = None) -> None:
        self._items = grammar.compiled.items
        self._start = grammar.compiled.variant(start or grammar.start)
        self._category_of = grammar.compiled.keys

    def begin(self) -> Belief:
        """Return the belief before the first word."""
        weights: dict[Configuration, float] = {}
        for number, chance in self._start.choices:
            stack: Stack = ((number, 0),) if self._items[number] else ()
            state = Configuration((), stack, ())
            weights[state] = weights.get(state, 0.0) + chance
        return Belief(weights)

    def advance(self, belief: Belief, word: str) -> Belief:
        """Return the belief after one more word; `words.END` is the end of the document.

        Raises NotWritten where the grammar gives the word probability 0.
        """
        after: dict[Configuration, float] = {}

        def take(_word: str, weight: float, state: Configuration) -> None:
            after[state] = after.get(state, 0.0) + weight

        for state, weight in belief.configurations.items():
            self._emit(state, weight, word, take)
        total = math.fsum(after.values())
        if total <= 0.0:
            raise NotWritten(word, belief.position)
        scaled = {state: weight / total for state, weight in after.items()}
        return Belief(scaled, belief.nats - math.log(total), belief.position + 1)

    def follow(self, words: Iterable[str], belief: Belief | None = None) -> Belief:
        """Return the belief after `words`, from the first word on or from `belief`."""
        belief = belief or self.begin()
        for word in words:
            belief = self.advance(belief, word)
        return belief

    def next_words(self, belief: Belief) -> dict[str, float]:
        """Return every word that may come next with its probability; they sum to 1."""
        chances: dict[str, float] = {}

        def take(word: str, weight: float, _state: Configuration) -> None:
            chances[word] = chances.get(word, 0.0) + weight

        for state, weight in belief.configurations.items():
            self._emit(state, weight, None, take)
        return chances

    def nats(self, text: str) -> float:
        """Return minus the natural log of the probability of the whole document `text`."""
        return self.follow([*split_words(text), END]).nats

    def _emit(self, state: Configuration, weight: float, wanted: str | None, take: _Sink) -> None:
        """Give `take` every next word (or only `wanted`) of a configuration and what follows it."""
        if not state.pending:
            self._open(state.stack, state.bound, weight, wanted, take)
        elif wanted is None or state.pending[0] == wanted:
            rest = Configuration(state.pending[1:], state.stack, state.bound)
            take(state.pending[0], weight, rest)

    def _open(
        self, stack: Stack, bound: Bound, weight: float, wanted: str | None, take: _Sink
    ) -> None:
        if not stack:
            if wanted is None or wanted == END:
                take(END, weight, Configuration((), (), ()))
            return
        number, index = stack[-1]
        items = self._items[number]
        item = items[index]
        after = stack[:-1]
        if index + 1 < len(items):
            after += ((number, index + 1),)
        if isinstance(item, Variant):
            for choice, chance in _choices(item, wanted):
                inner = (*after, (choice, 0)) if self._items[choice] else after
                self._open(inner, bound, weight * chance, wanted, take)
        elif isinstance(item, Draw):
            self._draw(item, after, bound, weight, wanted, take)
        elif wanted is None or item[0] == wanted:
            take(item[0], weight, Configuration(item[1:], after, bound))

    def _draw(
        self,
        slot: Draw,
        after: Stack,
        bound: Bound,
        weight: float,
        wanted: str | None,
        take: _Sink,
    ) -> None:
        texts, weights = slot.table.texts, slot.table.category.weights
        total, taken = slot.table.total, set[int]()
        if slot.key is not None:
            name = slot.table.category.name
            for key, entry in bound:
                if key == slot.key:
                    text = texts[entry]
                    if wanted is None or text[0] == wanted:
                        take(text[0], weight, Configuration(text[1:], after, bound))
                    return
                if self._category_of[key][0] == name:
                    taken.add(entry)
            total -= sum(weights[entry] for entry in taken)
        entries: Iterable[int] = range(len(texts))
        if wanted is not None:
            entries = slot.table.starting.get(wanted, ())
        for entry in entries:
            if entry in taken:
                continue
            text = texts[entry]
            held = bound if slot.key is None else (*bound, (slot.key, entry))
            chance = weight * weights[entry] / total
            take(text[0], chance, Configuration(text[1:], after, held))


def _choices(variant: Variant, wanted: str | None) -> Iterable[tuple[int, float]]:
    """Return the alternatives that can write `wanted` next, or pass on to what follows."""
    if wanted is None:
        return variant.choices
    starting = variant.starting.get(wanted, [])
    if not variant.passing:
        return starting
    return dict.fromkeys([*starting, *variant.passing])
