"""Table models whose responses are known: every text is a token after which a chain of tokens of its own follows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bftui.backends.protocol import Backend
from bftui.core.batch import afresh
from tests.real.definitions import numbers

F64 = NDArray[np.float64]
Rows = dict[str, dict[str, float]]

PROMPT, END, FORCED = "?", "</s>", " f"

_TEXTS, _TOPICS, _WORDS = 24, 2, 12
"""Control texts of a chain, topics that a sample keeps to, and tokens of each topic."""

_MIDDLE, _TOPIC, _TOKEN = math.log(4), 0.15, 0.3
"""ln BF of a chain, nats; how far topics lie from it, and tokens of a topic at most."""


@dataclass(frozen=True)
class _Chain:
    """What follows one text: a topic is drawn, and its tokens follow each other for ever.

    Attributes:
        first: P of each token right after the text, shape (topics * words,).
        rows: P of each token after each, shape (topics * words, topics * words).
    """

    first: F64
    rows: F64

    def log_bf(self, tokens: int) -> float:
        """Mean of H over the first tokens, nats, exactly: a chain needs only where it is at each of them."""
        entropies = _entropies(self.rows)
        at, total = self.first, float(_entropies(self.first[None])[0])
        for _ in range(tokens - 1):
            total += float(at @ entropies)
            at = at @ self.rows
        return total / tokens


def effect_table(path: Path, number: int, factor: float, spread: float, tokens: int) -> str:
    """Writes a table where a text changes BF by a factor; returns its MODEL form.

    BF over `tokens` tokens after `FORCED` is `factor` times the geometric mean of that after the others, whose ln BF
    have this standard deviation in nats. Each of them is as probable as it after `PROMPT`.
    """
    random = np.random.default_rng([number, 1])
    places = stats.norm.ppf((np.arange(_TEXTS) + 0.5) / _TEXTS)
    shifts = random.permutation(places / places.std(ddof=1) * spread)
    chains = [
        _chain(int(random.integers(2**32)), _MIDDLE + shift, tokens)
        for shift in (math.log(factor), *shifts)
    ]
    texts = [FORCED, *(f" t{i}" for i in range(_TEXTS))]
    rules: Rows = {PROMPT: dict.fromkeys(texts, 1 / len(texts))}
    for text, chain in zip(texts, chains, strict=True):
        words = [f"{text}.{i}" for i in range(len(chain.first))]
        for name, row in zip([text, *words], [chain.first, *chain.rows], strict=True):
            rules[name] = {w: float(p) for w, p in zip(words, row, strict=True) if p}
    return _written(path, rules)


def random_table(path: Path, number: int) -> str:
    """Writes a small table of even and of peaked rows, some nearly certain; returns its MODEL form."""
    random = np.random.default_rng([number, 2])
    words = [f" w{i}" for i in range(12)]
    texts = [FORCED, *(f" t{i}" for i in range(16))]

    def row() -> dict[str, float]:
        names = [*words, END]
        evenness = random.choice([0.05, 0.2, 1.0, 5.0])
        p = random.dirichlet(np.where(np.array(names) == END, 0.3, 1.0) * evenness)
        return {name: float(each) for name, each in zip(names, p, strict=True)}

    rules: Rows = {PROMPT: dict.fromkeys(texts, 1 / len(texts))}
    rules |= {word: row() for word in words}
    for text in texts:
        rules[text] = row()
        rules |= {json.dumps([text, word]): row() for word in words}
    return _written(path, rules)


def expected(backend: Backend, sampler: Any, prefix: Sequence[int], tokens: int) -> float:
    """ln BF after a prefix by every continuation: the mean of H(P~) over its first tokens, or up to its end, nats."""
    total, open_ones = 0.0, [(tuple(prefix), 1.0, 0.0)]
    while open_ones:
        path, weight, before = open_ones.pop()
        found = numbers(backend.next_logits(path, afresh(len(path))), sampler)
        nats, length = before + found.entropy_truncated, len(path) - len(prefix) + 1
        for token_id in found.kept_ids if length < tokens else ():
            share = weight * float(found.truncated[token_id])
            if token_id in backend.info.eog_ids:
                total += share * nats / length
            else:
                open_ones.append(((*path, int(token_id)), share, nats))
        if length == tokens:
            total += weight * nats / length
    return total


def _chain(seed: int, log_bf: float, tokens: int) -> _Chain:
    """A chain with this ln BF over its first tokens, nats, whose tokens have entropies of their own."""
    random = np.random.default_rng(seed)
    first = random.gumbel(size=(1, _TOPICS * _WORDS))
    shapes = random.gumbel(size=(_TOPICS, _WORDS, _WORDS))
    offsets = random.uniform(-_TOKEN, _TOKEN, size=(_TOPICS, _WORDS))
    offsets += np.array([[-_TOPIC], [_TOPIC]])
    level = log_bf
    while True:
        rows = np.zeros((_TOPICS * _WORDS, _TOPICS * _WORDS))
        for topic in range(_TOPICS):
            own = slice(topic * _WORDS, (topic + 1) * _WORDS)
            rows[own, own] = _with_entropies(shapes[topic], level + offsets[topic])
        found = _Chain(_with_entropies(first, np.array([level]))[0], rows)
        missing = log_bf - found.log_bf(tokens)
        if abs(missing) < 1e-6:
            return found
        # One nat more in every row is about one nat more in their mean.
        level += missing


def _with_entropies(shapes: F64, aims: F64) -> F64:
    """Probabilities with these entropies, nats: softmax of each shape at the temperature that has it."""
    low, high = np.zeros(len(aims)), np.full(len(aims), 200.0)
    for _ in range(60):
        middle = (low + high) / 2
        weights = np.exp(middle[:, None] * (shapes - shapes.max(axis=1, keepdims=True)))
        p: F64 = weights / weights.sum(axis=1, keepdims=True)
        wide = _entropies(p) > aims
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    return p


def _entropies(rows: F64) -> F64:
    """H of each row, nats."""
    found: F64 = -(rows * np.log(np.where(rows > 0, rows, 1.0))).sum(axis=1)
    return found


def _written(path: Path, rules: Rows) -> str:
    names: Iterable[str] = dict.fromkeys(
        name for context, row in rules.items() for name in (*_context(context), *row)
    )
    tokens = list(dict.fromkeys([END, PROMPT, *names]))
    document = {"name": path.stem, "tokens": tokens, "eog": [0], "n_ctx": 256}
    path.write_text(json.dumps(document | {"rules": rules, "default": {END: 1.0}}), "utf-8")
    return f"table:{path}"


def _context(context: str) -> list[str]:
    found: list[str] = json.loads(context) if context.startswith("[") else [context]
    return found
