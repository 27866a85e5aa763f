"""What a session says when something changed; frozen, without payloads that could go stale."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeAdded:
    """A token (or a prompt) joined the tree."""

    node: int


@dataclass(frozen=True, slots=True)
class CursorMoved:
    """The session stands at another node."""

    node: int


@dataclass(frozen=True, slots=True)
class SamplerChanged:
    """Another sampler is in force; `Session.align` makes the numbers of the visible path anew."""

    sampler: int


@dataclass(frozen=True, slots=True)
class PathAligned:
    """Numbers of the visible path were made anew; `left` nodes of it still wait."""

    left: int


@dataclass(frozen=True, slots=True)
class BranchesChanged:
    """Marks, folds or pruned branches changed."""


@dataclass(frozen=True, slots=True)
class MeasurementKept:
    """A measurement joined the trace, or took the place of a shorter one; `number` counts from 0."""

    number: int


@dataclass(frozen=True, slots=True)
class PartnerChanged:
    """Another partner reads along, or none does."""


@dataclass(frozen=True, slots=True)
class JournalFailed:
    """The journal cannot be written for now; the session goes on."""

    reason: str


Event = (
    NodeAdded
    | CursorMoved
    | SamplerChanged
    | PathAligned
    | BranchesChanged
    | MeasurementKept
    | PartnerChanged
    | JournalFailed
)
