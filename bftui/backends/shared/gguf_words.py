"""The tokens that llama.cpp takes out of a text as a whole, before it tokenises the rest: which of them goes first.

It tries the longest ones first. Those of one length stand in the order that sorting them by length leaves them in,
and `std::sort` is not stable: where two of one length overlap in a text, that order decides. It is that of the
standard library of GCC here, with which llama.cpp is built on Linux.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bftui.backends.shared.vocabulary import Words

BLANKS = " \t\n\v\f\r"
"""What a token may swallow beside it: C's `isspace`."""

_FEW = 16
"""Where `std::sort` leaves the rest to an insertion sort, which is stable."""


def whole_words(
    pieces: Sequence[bytes], special_ids: Collection[int], user_ids: Collection[int]
) -> dict[bool, Words]:
    """Return what is taken out of a text without and with control tokens."""
    order = _sorted([*sorted({*special_ids, *user_ids})], [len(piece) for piece in pieces])
    return {
        special: Words({pieces[i]: i for i in order if special or i not in special_ids})
        for special in (False, True)
    }


def _sorted(ids: list[int], sizes: Sequence[int]) -> list[int]:
    """The ids by falling size, as `std::sort` has it: quicksort down to a few, then insertion."""
    waiting = [(0, len(ids))]
    while waiting:
        first, last = waiting.pop()
        while last - first > _FEW:
            cut = _partitioned(ids, sizes, first, last)
            waiting.append((cut, last))
            last = cut
    return sorted(ids, key=lambda i: -sizes[i])


def _partitioned(ids: list[int], sizes: Sequence[int], first: int, last: int) -> int:
    """Parts ids[first:last] around the median of three; where the second part begins."""

    def before(a: int, b: int) -> bool:
        return sizes[ids[a]] > sizes[ids[b]]

    def swap(a: int, b: int) -> None:
        ids[a], ids[b] = ids[b], ids[a]

    a, b, c = first + 1, first + (last - first) // 2, last - 1
    if before(a, b):
        median = b if before(b, c) else c if before(a, c) else a
    else:
        median = a if before(a, c) else c if before(b, c) else b
    swap(first, median)
    left, right = first + 1, last
    while True:
        while before(left, first):
            left += 1
        right -= 1
        while before(first, right):
            right -= 1
        if left >= right:
            return left
        swap(left, right)
        left += 1
