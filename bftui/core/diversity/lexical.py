"""Diversity of the words of several texts: distinct n-grams, adjusted for their expectation, and compression.

Every number is of the texts of one prompt together, and None below two texts: one text says nothing of how far texts
differ.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

from bftui.core.errors import UsageError

ORDERS = (1, 2, 3, 4, 5)
"""The lengths of n-grams that EAD is the mean over."""

DROPPED = str.maketrans("", "", ".\n")


def words(text: str) -> list[str]:
    """Splits a text at white space, without its full stops and line ends; letters keep their case.

    These are the words of Karouzos et al. (arXiv 2604.16027), as their code makes them: it drops `.` and the line end
    before it splits, other punctuation stays on its word, and a line that ends without a blank runs into the next.
    """
    return text.translate(DROPPED).split()


def _count(texts: Sequence[str], n: int) -> tuple[int, int]:
    """How many distinct n-grams of words the texts hold, and how many in all; none goes across two texts."""
    if n < 1:
        raise UsageError(f"there are no n-grams of {n} words", hint="ask for 1 or more")
    found, total = set[tuple[str, ...]](), 0
    for text in texts:
        parts = words(text)
        grams = list(zip(*(parts[start:] for start in range(n)), strict=False))
        found.update(grams)
        total += len(grams)
    return len(found), total


def distinct_ngrams(texts: Sequence[str], n: int) -> float | None:
    """Returns the distinct n-grams of words over all of them, in (0, 1] (Li et al., NAACL 2016).

    It falls with the length of the texts and with their number: compare the same number of texts. None below two
    texts, or where none has `n` words. Raises UsageError for n < 1.
    """
    distinct, total = _count(texts, n)
    return distinct / total if total and len(texts) > 1 else None


def expectation_adjusted_distinct(
    texts: Sequence[str], vocabulary: int, orders: Sequence[int] = ORDERS
) -> float | None:
    """Returns EAD in [0, 1], the mean over `orders` of U / (V (1 - ((V - 1) / V)^T)).

    U of T n-grams are distinct; the denominator is how many would be if they were drawn evenly from V (Liu et al., ACL
    2022). As in Karouzos et al. (arXiv 2604.16027) each order is kept within [0, 1] and V is the size of a tokenizer's
    vocabulary: take the same V for all models that are compared. Where no text is n words long their code counts 0 for
    that order; here it is left out of the mean, since nothing is known of it.

    Args:
        texts: the outputs of one prompt.
        vocabulary: V, at least 2.
        orders: the lengths n, in words.

    Returns:
        None below two texts, or where no text has a word. Raises UsageError for a vocabulary below 2.
    """
    if vocabulary < 2:
        raise UsageError(
            f"a vocabulary of {vocabulary} cannot adjust distinct n-grams",
            hint="give the number of tokens of a tokenizer",
        )
    if len(texts) < 2:
        return None
    found = []
    for n in orders:
        distinct, total = _count(texts, n)
        if total:
            # 1 - ((V - 1) / V)^T, without losing its digits where T is far below V.
            expected = -vocabulary * math.expm1(total * math.log1p(-1 / vocabulary))
            found.append(min(distinct / expected, 1.0))
    return math.fsum(found) / len(found) if found else None


def compression_ratio(texts: Sequence[str]) -> float | None:
    """Returns the bytes of the texts over those of their deflated form: the more alike they are, the higher.

    The texts are joined by line ends, in UTF-8, and deflated at level 9 without a header (Shaib et al., arXiv
    2403.00553, who use gzip, whose header of 18 bytes weighs on short texts). It rises with their number and length:
    compare like with like. None below two texts, or where all are empty.
    """
    if len(texts) < 2 or not any(texts):
        return None
    # What is left of a character that was split is one byte either way.
    data = "\n".join(texts).encode("utf-8", "replace")
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return len(data) / len(deflate.compress(data) + deflate.flush())
