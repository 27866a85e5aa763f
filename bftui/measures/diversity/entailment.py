"""Logical diversity: whether texts follow from each other or contradict each other, by a classifier of the user's.

As in Karouzos et al. (arXiv 2604.16027): s of two texts is the mean over both directions of P(entailment) -
P(contradiction), and diversity is 1 minus the mean of s (`mean_distance` of `core.diversity.kernels`): 0 where all
follow from all, 1 where they say nothing of each other, above 1 where they contradict. Such classifiers know single
sentences, so that texts are compared sentence by sentence, those at the same place with each other, and s is the mean
over the places that both texts have.

Here, and not in the paper: all places count up to `PLACES`, evenly spread where there are more, in the place of three
drawn ones; and every pair of texts counts once, however many places it has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from bftui.backends.text_models import TextModel
from bftui.core.logits import F64

PLACES = 8
"""Sentences of two texts that are compared at most."""

_ENDS = re.compile(r"(?<=[.!?])\s+|[\r\n]+")


class EntailmentScores:
    """Texts to the scores of all pairs.

    Attributes:
        name: of the model: the label of a result.
        cut: how many pairs of sentences were longer than the model reads, so far.
    """

    def __init__(self, model: TextModel) -> None:
        """Asks an open model, which the caller closes."""
        self._model = model
        self.name = model.info.name
        self.cut = 0

    def __call__(self, texts: Sequence[str]) -> F64:
        """Returns s of all pairs, shape (K, K), in [-1, 1], symmetric and 1 on the diagonal.

        NaN for a pair of which one text has no sentence. Raises ModelError, Cancelled.
        """
        parts = [sentences(text) for text in texts]
        compared = {
            (i, j): [(parts[i][place], parts[j][place]) for place in _places(parts[i], parts[j])]
            for i in range(len(texts))
            for j in range(i)
        }
        # Of outputs that are alike most pairs of sentences come many times.
        asked = list(
            dict.fromkeys(
                each for pairs in compared.values() for a, b in pairs for each in ((a, b), (b, a))
            )
        )
        rows = self._model.read(asked)
        self.cut += sum(rows.cut)
        values = rows.values.astype(np.float64)
        score = {pair: float(row[0] - row[1]) for pair, row in zip(asked, values, strict=True)}
        found = np.eye(len(texts))
        for (i, j), pairs in compared.items():
            both = [(score[a, b] + score[b, a]) / 2 for a, b in pairs]
            found[i, j] = found[j, i] = np.mean(both) if both else np.nan
        return found


def sentences(text: str) -> list[str]:
    """Splits a text after `.`, `!` and `?` before white space, and at line ends; empty for white space alone."""
    return [part for each in _ENDS.split(text) if (part := each.strip())]


def _places(one: Sequence[str], other: Sequence[str]) -> list[int]:
    """The places that both texts have, evenly spread where there are more than `PLACES`."""
    shared = min(len(one), len(other))
    if shared <= PLACES:
        return list(range(shared))
    return [place * shared // PLACES for place in range(PLACES)]
