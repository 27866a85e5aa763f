"""A text that is given as a sample: what a model says along it, in one teacher-forced pass."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence

import numpy as np

from bftui.backends.client.client_protocol import StepResult
from bftui.core.batch import batches
from bftui.core.bf.samples import Finish, Sample
from bftui.core.distribution import NextToken
from bftui.core.logits import F64
from bftui.core.sampler import Sampler
from bftui.measures.site import prompt_site
from bftui.model.loaded_model import Model

_SLICE = 32
"""Tokens that are read between two pieces of other work."""


def sample_of(
    before: NextToken,
    steps: Sequence[StepResult],
    token_bytes: Callable[[int], bytes],
    *,
    finish: Finish,
    chosen: bool,
) -> Sample:
    """Tokens and the distributions that they were read from as a sample; `before` is the first one's."""
    following = [before, *(each.next for each in steps[:-1] if each.next is not None)]
    ids = tuple(each.scored.token_id for each in steps)
    return Sample(
        token_ids=ids,
        entropy=_column(each.entropy for each in following),
        entropy_truncated=_column(each.entropy_truncated for each in following),
        logprob_truncated=_column(each.scored.logprob_truncated for each in steps),
        logprob=_column(each.scored.logprob for each in steps),
        n_bytes=sum(len(token_bytes(each.scored.token_id)) for each in steps if not each.eog),
        finish=finish,
        chosen=chosen,
    )


def read(
    model: Model,
    prefix: Sequence[int],
    token_ids: Sequence[int],
    sampler: Sampler,
    *,
    finish: Finish,
) -> Generator[None, None, Sample]:
    """Reads chosen tokens after a prefix, which no session's tree need hold; pauses between pieces.

    Raises ModelError, Cancelled.
    """
    client, count = model.client, len(token_ids)
    found: list[StepResult | NextToken] = []
    with prompt_site(model, prefix, sampler) as site:
        prompts = {0: tuple(prefix)}
        begun = len(prefix)
        passes = batches(begun, begun + count, _SLICE, scored=True)
        client.load_tree(
            site.tree, list(range(-1, count)), [-1, *token_ids], prompts, [None, *passes]
        )
        for start in range(0, count + 1, _SLICE):
            nodes = range(start, min(count + 1, start + _SLICE))
            # Nothing of what comes after the last token is asked for.
            found += client.rescore(site.tree, list(nodes), sampler, nodes[-1] < count)
            yield
    before, *steps = found
    assert isinstance(before, NextToken)
    return sample_of(
        before,
        [each for each in steps if isinstance(each, StepResult)],
        model.token_bytes,
        finish=finish,
        chosen=True,
    )


def places(sample: Sample, wanted: Sequence[bool]) -> Sample | None:
    """The tokens of a sample at which `wanted` is true, their bytes not counted; None where it is nowhere."""
    mask = np.array(wanted, dtype=bool)
    if not mask.any():
        return None
    ids = tuple(token for token, yes in zip(sample.token_ids, wanted, strict=True) if yes)
    return Sample(
        token_ids=ids,
        entropy=sample.entropy[mask],
        entropy_truncated=sample.entropy_truncated[mask],
        logprob_truncated=sample.logprob_truncated[mask],
        logprob=sample.logprob[mask],
        n_bytes=0,
        finish=sample.finish,
        chosen=sample.chosen,
    )


def _column(values: Iterable[float | None]) -> F64:
    """Numbers with NaN for None."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
