"""Kernels of likeness between texts, and what they say of their diversity: Vendi and mean distance.

A kernel G has shape (K, K), is symmetric and 1 on its diagonal. Vendi and mean distance are of one kernel, so that they
can be read side by side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from bftui.core.errors import UsageError
from bftui.core.logits import F64

GRAM = 3
"""Characters in an n-gram of `ngram_kernel`."""


def ngram_kernel(texts: Sequence[str]) -> F64:
    """Returns the cosines between the texts' counts of character trigrams; shape (K, K), entries in [0, 1].

    White space counts as one blank, and none at both ends; two blanks are put before and behind, so that beginnings and
    ends of texts count and even an empty text has a trigram. Letters keep their case. It knows no meaning: "yes" and
    "certainly" are as unlike as can be. Ours, for want of an embedding.
    """
    pad = " " * (GRAM - 1)
    rows = [_grams(pad + " ".join(text.split()) + pad) for text in texts]
    kernel = np.eye(len(rows))
    norms = [float(np.sqrt(sum(n * n for n in row.values()))) for row in rows]
    for i, row in enumerate(rows):
        for j in range(i):
            few, many = sorted((row, rows[j]), key=len)
            shared = sum(n * many[gram] for gram, n in few.items() if gram in many)
            kernel[i, j] = kernel[j, i] = shared / (norms[i] * norms[j])
    return _alike(kernel)


def _grams(text: str) -> Counter[str]:
    return Counter(text[start : start + GRAM] for start in range(len(text) - GRAM + 1))


def cosine_kernel(vectors: F64) -> F64:
    """Returns the cosines between vectors, shape (K, d), as a kernel of shape (K, K), entries in [-1, 1].

    A vector of length 0 has no direction: it is like its own kind (1) and unlike all others (0). Raises UsageError for
    another shape, or a number that is not finite.
    """
    vectors = np.asarray(vectors, np.float64)
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise UsageError(
            f"vectors of shape {vectors.shape} have no cosines",
            "a kernel needs one row of finite numbers for each text",
        )
    # By the largest entry first, so that no square is past what a float holds.
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0.0)
    scaled = vectors / np.where(largest > 0, largest, 1)
    lengths = np.sqrt((scaled**2).sum(axis=1, keepdims=True))
    unit = scaled / np.where(lengths > 0, lengths, 1)
    # Not `@`: the threads of a BLAS would fight with those of the model.
    kernel: F64 = np.einsum("id,jd->ij", unit, unit)
    zero = lengths[:, 0] == 0
    kernel[np.ix_(zero, zero)] = 1
    return _alike(kernel)


def _alike(kernel: F64) -> F64:
    """Takes rounding off a kernel: symmetric, within [-1, 1], 1 on the diagonal."""
    kernel = np.clip((kernel + kernel.T) / 2, -1, 1)
    np.fill_diagonal(kernel, 1)
    return kernel


def vendi(kernel: F64) -> float | None:
    """Returns the Vendi score, the effective number of different texts, in [1, K] (Friedman and Dieng, TMLR 2023).

    exp of the entropy of the eigenvalues of G / K. None below two texts. Raises UsageError for what is not a kernel.
    """
    if len(kernel) < 2:
        return None
    return float(vendis(kernel, np.ones((1, len(kernel))))[0])


def vendis(kernel: F64, counts: F64) -> F64:
    """Returns the Vendi scores of the texts, each counted as often as a row of `counts` says; shape (n,).

    A text that counts c times is as good as c copies: the eigenvalues are those of G weighted by sqrt(w_i w_j), with w
    the counts over their sum.

    Args:
        kernel: shape (K, K).
        counts: shape (n, K), at least one above 0 in each row.

    Raises UsageError for a kernel that is not square, symmetric, finite and 1 on its diagonal.
    """
    # What the package `vendi_score` gets wrong, and is avoided here: it takes any matrix, also one whose
    # diagonal is not 1, as its own n-gram kernel where a text is shorter than n, and the score falls below 1; of a
    # sparse kernel it takes the six largest eigenvalues for all; `score_X` forgets the order q; its embeddings are
    # those of a pooler that many models never trained, and a batch of one text fails.
    _check(kernel)
    roots = np.sqrt(counts / counts.sum(axis=1, keepdims=True))
    values = np.linalg.eigvalsh(kernel * roots[:, :, None] * roots[:, None, :])
    # By rounding, or where a kernel is not quite one, some are a little below 0; the rest then sum to more than 1.
    values = np.maximum(values, 0)
    shares = values / values.sum(axis=1, keepdims=True)
    logs = np.log(np.where(shares > 0, shares, 1))
    score: F64 = np.exp(-(shares * logs).sum(axis=1))
    score = np.clip(score, 1, np.count_nonzero(counts, axis=1))
    return score


def mean_distance(kernel: F64) -> float | None:
    """Returns 1 minus the mean of the kernel over pairs of two texts, in [0, 2].

    With an embedding's cosines the semantic diversity of Karouzos et al. (arXiv 2604.16027); with scores of entailment,
    which need not be a kernel's, their logical one. Pairs of which nothing is known are NaN and left out. None below
    two texts, or where no pair is known. Raises UsageError for what is not symmetric or not 1 on its diagonal.
    """
    if len(kernel) < 2:
        return None
    known = ~np.isnan(kernel)
    _check(np.where(known, kernel, 0))
    pairs = kernel[np.triu(known, 1)]
    return 1 - float(pairs.mean()) if len(pairs) else None


def mean_distances(kernel: F64, counts: F64) -> F64:
    """Returns the mean distance of the texts, each counted as often as a row of `counts` says; shape (n,).

    Copies are at distance 0 and their pairs count. Shapes as in `vendis`; every row sums to 2 or more.
    """
    total = counts.sum(axis=1)
    # Pairs of a text with itself are at distance 0, so that they can stay in the sum.
    apart = 1 - kernel
    np.fill_diagonal(apart, 0)
    found: F64 = np.einsum("ni,ij,nj->n", counts, apart, counts) / (total * (total - 1))
    return found


def _check(kernel: F64) -> None:
    square = kernel.ndim == 2 and kernel.shape[0] == kernel.shape[1]
    if square and np.isfinite(kernel).all() and np.allclose(kernel, kernel.T, atol=1e-9):
        if np.allclose(np.diagonal(kernel), 1, atol=1e-9):
            return
        raise UsageError("a kernel is not 1 on its diagonal", "a text is as like itself as can be")
    raise UsageError(
        f"a matrix of shape {kernel.shape} is not a kernel",
        "it has to be square, symmetric and finite",
    )
