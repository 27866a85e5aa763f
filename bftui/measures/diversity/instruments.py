"""What outputs are read with: kernels, a checker, and models of the user's."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bftui.core.diversity.kernels import ngram_kernel
from bftui.core.logits import F64
from bftui.measures.diversity.checkers import Checker
from bftui.measures.diversity.self_bleu import SelfBleu
from bftui.measures.diversity.surprise import AnswerSurprise

Surprise = Callable[[str, Sequence[str]], Generator[None, None, AnswerSurprise]]


class TextKernel(Protocol):
    """Outputs to how alike they are, shape (K, K); says what it is called, and how many inputs it had to cut so far."""

    name: str
    cut: int

    def __call__(self, texts: Sequence[str], /) -> F64: ...


class Ngrams:
    """Likeness of spelling, where no model of embeddings is given."""

    name = "cosine of character 3-grams"
    cut = 0

    def __call__(self, texts: Sequence[str]) -> F64:
        """Returns `ngram_kernel`."""
        return ngram_kernel(texts)


@dataclass(frozen=True, slots=True)
class Instruments:
    """What outputs are read with.

    Attributes:
        kernel: how alike outputs are.
        checker: says which are correct; None leaves out all that needs it.
        bleu: None without sacrebleu.
        entailment: scores of entailment, NaN for pairs of which nothing is known; None without a model for it.
        surprise: a prompt and its outputs to what each costs given the others; None without a model.
        surprise_name: what that model is called.
    """

    kernel: TextKernel = field(default_factory=Ngrams)
    checker: Checker | None = None
    bleu: SelfBleu | None = None
    entailment: TextKernel | None = None
    surprise: Surprise | None = None
    surprise_name: str | None = None
