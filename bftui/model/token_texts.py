"""Tokens found by their bytes: which of a vocabulary a text begins with, and which begin with a text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator


class TokenTexts:
    """The tokens of a vocabulary by what they write; several ids may write the same."""

    def __init__(self, tokens: Iterable[tuple[int, bytes]]) -> None:
        """Takes ids and their bytes; those that write nothing are passed over."""
        self._ids: dict[bytes, list[int]] = {}
        for token_id, piece in tokens:
            if piece:
                self._ids.setdefault(piece, []).append(token_id)
        self._sorted = sorted(self._ids)
        self._longest = max(map(len, self._sorted), default=0)

    def beginning(self, text: bytes) -> Iterator[int]:
        """Yields the tokens that a text begins with, the shortest first; a text that is a token begins with it."""
        for size in range(1, min(len(text), self._longest) + 1):
            yield from self._ids.get(text[:size], ())

    def past(self, text: bytes) -> Iterator[int]:
        """Yields the tokens that begin with a text and go on after it."""
        if len(text) < self._longest:
            for at in range(bisect_left(self._sorted, text), len(self._sorted)):
                piece = self._sorted[at]
                if not piece.startswith(text):
                    return
                if piece != text:
                    yield from self._ids[piece]
