"""What is true about the text of the grammar: exact distributions, entropies, valid sets, probes.

All of it comes from forward filtering (`belief`), without sampling and without a model. Words are
those of `words`: an answer begins with a space, the empty word is the end of the document. Entropies
and probabilities are of the untempered distribution without truncation, in nats.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from recipes.practice.belief import Belief, Filter, NotWritten
from recipes.practice.chat import render
from recipes.practice.grammar import Grammar
from recipes.practice.lexicon import VALID_SETS
from recipes.practice.words import END, split_words


@dataclass(frozen=True)
class Probe:
    """A question with known truth; `valid_set` names a set of `lexicon.VALID_SETS`, if one fits."""

    question: str
    valid_set: str | None = None

    @property
    def page(self) -> str:
        """The prompt for the base model: an open question-and-answer page."""
        return f"Q: {self.question}\nA:"

    @property
    def chat(self) -> str:
        """The prompt for an aligned model: a rendered chat, open for the answer."""
        return render([("user", self.question)])

    @property
    def valid(self) -> tuple[str, ...]:
        """The complete set of right answers, empty where there is none."""
        return VALID_SETS[self.valid_set] if self.valid_set else ()


CLOSED = (
    ("A random digit:", "digits:1"),
    ("A random month:", "months"),
    ("A random US state:", "us-states"),
    ("A random fruit:", None),
    ("A random number from 1 to 100:", "range:1-100"),
)
"""Beginnings of documents that one of finitely many answers ends, and the set of `bftui calibrate` that they are."""

PROBES = (
    Probe("Name a fruit.", "fruit"),
    Probe("Name an animal.", "animal"),
    Probe("Tell me a story."),
    Probe("What is your favourite colour?", "colour"),
    Probe("How are you?"),
    Probe("Name a month.", "month"),
    Probe("Name a day of the week.", "weekday"),
    Probe("Name a country.", "country"),
    Probe("Name a US state.", "state"),
    Probe("Pick a number from 1 to 100.", "number"),
)
"""The questions at which models are looked at; the first five are the program's example prompts."""


@dataclass(frozen=True)
class Continuations:
    """Continuations, as tuples of words, with their probabilities; `rest` is what was left out."""

    chances: Mapping[tuple[str, ...], float]
    rest: float


class Truth:
    """The exact truth about the documents of a grammar that start from `start`."""

    def __init__(self, grammar: Grammar, start: str | None = None) -> None:
        self._filter = Filter(grammar, start)

    def nats(self, text: str) -> float:
        """Return minus the log-probability of a whole document, its end included.

        Raises NotWritten where the grammar cannot write it.
        """
        return self._filter.nats(text)

    def words(self, text: str) -> list[str]:
        """Return the words that `nats` counts: those of the text, and its end."""
        return [*split_words(text), END]

    def word_nats(self, text: str) -> list[float]:
        """Return minus the log-probability of every word of a document, its end included."""
        belief, found = self._filter.begin(), []
        for word in self.words(text):
            after = self._filter.advance(belief, word)
            found.append(after.nats - belief.nats)
            belief = after
        return found

    def next_words(self, prefix: str) -> dict[str, float]:
        """Return every word that may follow `prefix` with its probability."""
        return self._filter.next_words(self._filter.follow(split_words(prefix)))

    def entropy(self, prefix: str, depth: int = 1) -> float:
        """Return the entropy of the next `depth` words after `prefix`, jointly.

        The cost grows with the number of continuations; more than 2 is slow at an open prompt.
        """
        return self._entropy(self._filter.follow(split_words(prefix)), depth)

    def _entropy(self, belief: Belief, depth: int) -> float:
        chances = self._filter.next_words(belief)
        total = entropy(chances)
        if depth > 1:
            for word, chance in chances.items():
                if word != END:
                    inner = self._filter.advance(belief, word)
                    total += chance * self._entropy(inner, depth - 1)
        return total

    def continuations(self, prefix: str, depth: int, least: float = 0.0) -> Continuations:
        """Return all continuations of `prefix` by `depth` words, or fewer where a document ends.

        least: continuations less probable than this are left out; what they weigh is `rest`.
        """
        found: dict[tuple[str, ...], float] = {}
        rest = 0.0
        open_ones: list[tuple[tuple[str, ...], float, Belief]] = [
            ((), 1.0, self._filter.follow(split_words(prefix)))
        ]
        while open_ones:
            words, weight, belief = open_ones.pop()
            for word, chance in self._filter.next_words(belief).items():
                longer, share = (*words, word), weight * chance
                if share < least:
                    rest += share
                elif word == END or len(longer) == depth:
                    found[longer] = share
                else:
                    open_ones.append((longer, share, self._filter.advance(belief, word)))
        return Continuations(found, rest)

    def answers(self, prefix: str, depth: int) -> dict[str, float]:
        """Return the texts that end a document after `prefix`, of up to `depth` words, with their probabilities."""
        found = self.continuations(prefix, depth + 1).chances
        return {"".join(words): chance for words, chance in found.items() if words[-1] == END}

    def parses(self, text: str, *, whole: bool = True) -> bool:
        """Say whether the grammar can write `text`, as a document or (not whole) as its beginning."""
        words = split_words(text)
        if "".join(words) != text:
            return False
        try:
            self._filter.follow([*words, END] if whole else words)
        except NotWritten:
            return False
        return True


def entropy(chances: Mapping[str, float]) -> float:
    """Return the Shannon entropy of a distribution in nats."""
    return -math.fsum(p * math.log(p) for p in chances.values() if p > 0.0)


def total_variation(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Return half the sum of differences; mass that either leaves out counts as a word of its own."""
    shared = math.fsum(abs(p - other.get(word, 0.0)) for word, p in one.items())
    shared += math.fsum(p for word, p in other.items() if word not in one)
    missing = abs(math.fsum(one.values()) - math.fsum(other.values()))
    return 0.5 * (shared + missing)
