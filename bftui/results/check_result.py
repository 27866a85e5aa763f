"""A trace held against a model: how far its numbers are off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from bftui.results.codec import LEFT_OUT, OR_NULL
from bftui.results.result_types import Count, Number


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckTolerance:
    """How far a number may be off at a node and in the mean over all, nats; absent where that is not judged."""

    entropy: Annotated[Number | None, LEFT_OUT] = None
    logprob: Annotated[Number | None, LEFT_OUT] = None
    mean_entropy: Annotated[Number | None, LEFT_OUT] = None
    mean_logprob: Annotated[Number | None, LEFT_OUT] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedModel:
    """What tells two models and ways of running them apart."""

    name: str
    backend: str
    dtype: str
    kv: str
    device: str
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedModels:
    """The model that the trace names, and the one that it was checked with."""

    trace: CheckedModel
    checked: CheckedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutput:
    """What `bftui check --json` says; differences in nats.

    Attributes:
        nodes: how many were checked.
        max_entropy_drift, max_logprob_drift: the largest differences, and `…_node` where; null for an infinite one.
        mean_entropy_drift, mean_logprob_drift: the means.
        first_past_tolerance: the first node that is off by more than the tolerance.
        same_model: whether it is the model of the trace, by checksum; None where there is none.
        ranks_changed: nodes with another rank.
        tolerance: how far numbers may be off.
        within_noise: whether they are off by no more than the model's noise floor.
        same_batches: whether positions were read in the batches in which they were made.
        model: the model of the trace and the one that it was checked with.
    """

    nodes: Count
    max_entropy_drift: Annotated[Number | None, OR_NULL]
    max_logprob_drift: Annotated[Number | None, OR_NULL]
    first_past_tolerance: Count | None
    same_model: bool | None
    mean_entropy_drift: Annotated[Number | None, OR_NULL]
    mean_logprob_drift: Annotated[Number | None, OR_NULL]
    max_entropy_drift_node: Count | None
    max_logprob_drift_node: Count | None
    ranks_changed: Count
    tolerance: CheckTolerance
    within_noise: bool
    same_batches: bool
    model: CheckedModels
