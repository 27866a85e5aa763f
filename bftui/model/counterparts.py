"""The partner's token for each token of the base, wherever a distribution of one is looked up by tokens of the other.

Several tokens may have the same bytes: SentencePiece has `<0x2C>` beside `,`, files add words that were tokens before.
Meant is the one that the partner's own tokenizer would write.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bftui.backends.protocol import F32
from bftui.core.errors import ModelError
from bftui.core.pair.distribution_shift import Author
from bftui.model.loaded_model import Model
from bftui.model.model_pair import Contexts, Pair

I64 = NDArray[np.int64]
Flags = NDArray[np.bool_]

NO_TOKEN = -1
"""In the place of a token of the partner's, where it has none."""


@dataclass(frozen=True, slots=True)
class Known:
    """A whole vocabulary in that of another model; arrays of shape (n_vocab,) of the base.

    Attributes:
        own: the partner's tokens, `NO_TOKEN` where there is none.
        meant: of several tokens for which the partner has one, the one that the base would write for it.
    """

    own: I64 = field(repr=False)
    meant: Flags = field(repr=False)


class Counterparts:
    """For each token of a pair's base the partner's; `NO_TOKEN` where the partner has none.

    Right after the prompts others may be meant than further on in the text, which has no contexts: None.
    """

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._found: dict[Author | None, Known] = {}

    def prepare(self, contexts: Contexts | None) -> None:
        """Looks all tokens up; asks the tokenizers where several have the same bytes."""
        seam = None if contexts is None else contexts.seam
        if seam not in self._found:
            own = self._own(contexts)
            self._found[seam] = Known(own, self._meant(own, contexts))

    def of(self, token_id: int, row: F32, contexts: Contexts | None) -> int:
        """Return the partner's token, where this was prepared; safe from any thread.

        Args:
            token_id: the base's.
            row: the partner's logits there, shape (n_vocab,): an end of generation is its most probable one.
            contexts: as prepared.
        """
        own = int(self._known(contexts).own[token_id])
        if token_id in self._pair.base.info.eog_ids:
            return most_probable_end(self._pair.partner, row, own)
        return own

    def all(self, base: F32, row: F32, contexts: Contexts | None) -> Known:
        """Return the partner's token for each of the base's; see `of`.

        Args:
            base: the base's logits, shape (n_vocab,): of its ends the most probable one is meant.
        """
        found = self._known(contexts)
        own, meant = found.own.copy(), found.meant.copy()
        for end in self._pair.base.info.eog_ids:
            own[end] = self.of(end, row, contexts)
            meant[end] = end == most_probable_end(self._pair.base, base, end)
        return Known(own, meant)

    def _known(self, contexts: Contexts | None) -> Known:
        return self._found[None if contexts is None else contexts.seam]

    def _own(self, contexts: Contexts | None) -> I64:
        pair, base = self._pair, self._pair.base
        own = np.full(base.info.n_vocab, NO_TOKEN, dtype=np.int64)
        if pair.by == "ids":
            width = min(len(own), pair.partner.info.n_vocab)
            own[:width] = np.arange(width)
            if contexts is None or contexts.seam is None:
                return own
        for token_id in range(len(own)):
            data = base.token_bytes(token_id)
            there = data if contexts is None else contexts.turned(data, "partner")
            if not base.is_text(token_id) or (pair.by == "ids" and there == data):
                continue
            own[token_id] = self._theirs.token(there)
        return own

    def _meant(self, own: I64, contexts: Contexts | None) -> Flags:
        meant = np.ones(len(own), dtype=bool)
        known = np.flatnonzero(own != NO_TOKEN)
        times = np.bincount(own[known])
        for token_id in known[times[own[known]] > 1].tolist():
            data = self._pair.partner.token_bytes(int(own[token_id]))
            here = data if contexts is None else contexts.turned(data, "base")
            meant[token_id] = self._ours.token(here) == token_id
        return meant

    @cached_property
    def _ours(self) -> Spelling:
        return Spelling(self._pair.base)

    @cached_property
    def _theirs(self) -> Spelling:
        return Spelling(self._pair.partner)


class Spelling:
    """The tokens of one model by their bytes. Control tokens are not text."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._first: dict[bytes, int] = {}
        self._several: defaultdict[bytes, set[int]] = defaultdict(set)
        for token_id in range(model.info.n_vocab):
            data = model.token_bytes(token_id)
            if data and model.is_text(token_id):
                first = self._first.setdefault(data, token_id)
                if first != token_id:
                    self._several[data] |= {first, token_id}

    def token(self, data: bytes) -> int:
        """Return the single token that is written for these bytes, `NO_TOKEN` where there is none.

        Of several of which the tokenizer writes none by itself, such as pieces of characters, the smallest id.
        """
        several = self._several.pop(data, None)
        if several is not None:
            with suppress(UnicodeDecodeError, ModelError):
                written = self._model.tokenize(data.decode())
                if len(written) == 1 and written[0] in several:
                    self._first[data] = written[0]
        return self._first.get(data, NO_TOKEN)


def most_probable_end(model: Model, row: F32, otherwise: int) -> int:
    """The most probable end of generation in logits, shape (n_vocab,), the smallest of equals; `otherwise` for none."""
    ends = sorted(model.info.eog_ids)
    return max(ends, key=lambda end: float(row[end])) if ends else otherwise
