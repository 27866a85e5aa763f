"""A mixture of two or three models in one process: each is opened by its own backend and evaluates every text.

What is given for a prefix are the logits of all of them; they become one distribution under a sampler, so that another
weight evaluates nothing again. Logits come to the host's memory, wherever they were made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from bftui.backends import protocol
from bftui.backends.mixture.mixture_evaluation import Cancelling, MixtureEvaluator
from bftui.backends.mixture.mixture_info import check_alike, mixture_info
from bftui.backends.mixture.prompt_pairs import PromptPairs
from bftui.backends.registry import open_backend
from bftui.backends.shared.path_backend import share
from bftui.core.batch import Batch
from bftui.core.distribution import Distribution
from bftui.core.errors import ModelError
from bftui.core.mixed_logits import StackedLogits
from bftui.core.sampler import Sampler
from bftui.core.steering import Steering
from bftui.formats.open_spec import OpenSpec, Progress


class MixtureBackend:
    """Some models that are mixed; implements `protocol.Backend`."""

    def __init__(self, mixing: str, source: str, parts: Sequence[protocol.Backend]) -> None:
        """Takes models of one vocabulary, which it closes with itself; `source` is the MODEL form."""
        self._parts = parts
        self.info = mixture_info(mixing, source, [each.info for each in parts])
        self._closed = False
        self._cancelling = Cancelling()
        self._prompts = PromptPairs()
        self._own = self._evaluator(parts)
        self._aside = self._evaluator([each.aside for each in parts])
        self._drawing = self._evaluator([each.drawing for each in parts])

    def _evaluator(self, evaluators: Sequence[protocol.Evaluator]) -> MixtureEvaluator:
        shaped = [each.info.shaped for each in self._parts]
        pairs = list(zip(evaluators, shaped, strict=True))
        return MixtureEvaluator(self.info, pairs, self._prompts, self._cancelling, self._check_open)

    def _check_open(self) -> None:
        if self._closed:
            raise ModelError("the model is closed")

    @property
    def evaluated(self) -> int:
        """Tokens that were forwarded, each of them through all models."""
        return max(each.evaluated for each in self._parts)

    @property
    def aside(self) -> protocol.Evaluator:
        return self._aside if self.info.shaped else self

    @property
    def drawing(self) -> protocol.Evaluator:
        return self._drawing if self.info.shaped else self

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        return self._parts[0].tokenize(text, special=special)

    def tokenize_prompt(
        self, parts: Sequence[str | int], *, special: bool = False, begins: bool = True
    ) -> list[int]:
        return self._parts[0].tokenize_prompt(parts, special=special, begins=begins)

    def token_bytes(self, token_id: int) -> bytes:
        return self._parts[0].token_bytes(token_id)

    def pair_prompts(self, first: Sequence[int], second: Sequence[int]) -> None:
        """Implements `protocol.PairedPrompts`."""
        self._prompts.pair(first, second)

    def next_logits(
        self, prefix: Sequence[int], batches: Sequence[Batch] | None = None
    ) -> StackedLogits:
        return self._own.next_logits(prefix, batches)

    def path_logits(
        self,
        prefix: Sequence[int],
        token_ids: Sequence[int],
        batches: Sequence[Batch] | None = None,
    ) -> Iterator[StackedLogits]:
        return self._own.path_logits(prefix, token_ids, batches)

    def continuations(
        self,
        prefix: Sequence[int],
        rows: int,
        batches: Sequence[Batch] | None = None,
        tokens: int = 0,
    ) -> AbstractContextManager[protocol.ContinuationBatch]:
        return self._own.continuations(prefix, rows, batches, tokens)

    def distribution(
        self, logits: StackedLogits, sampler: Sampler, steering: Steering | None = None
    ) -> protocol.TokenDistribution:
        row = logits.under(sampler)
        return Distribution(row, sampler, None if steering is None else steering.of(row, sampler))

    def cancel(self) -> None:
        self._cancelling.cancel()
        for each in self._parts:
            each.cancel()

    def close(self) -> None:
        self._closed = True
        for each in self._parts:
            each.close()


def open_model(spec: OpenSpec, progress: Progress) -> MixtureBackend:
    """Opens the models of a mixture, one after the other, each with its own backend.

    Raises what these raise; ModelLoadError for models that cannot be mixed.
    """
    opened: list[protocol.Backend] = []
    count = len(spec.parts)
    try:
        for place, part in enumerate(spec.parts):
            report = share(progress, place / count, (place + 1) / count)
            opened.append(open_backend(spec.part(part), report))
        check_alike(opened)
        return MixtureBackend(spec.source.partition(":")[0], spec.source, opened)
    except BaseException:
        for each in opened:
            each.close()
        raise
