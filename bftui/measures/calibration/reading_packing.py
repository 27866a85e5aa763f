"""How readings of a valid set stand in a file that a measurement goes on from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bftui.core.valid.node_reading import NodeReading
from bftui.measures.bulk.sample_store import base64_of, from_base64

_WORDS = (
    "node",
    "entropy",
    "entropy_truncated",
    "kept",
    "other_mass",
    "auc",
    "recall_at_precision",
    "oracle_recall",
    "inversions",
    "gap",
    "evenness",
)


class ReadingPacking:
    """Packs the readings of some nodes; numbers lose nothing."""

    def pack(self, found: tuple[NodeReading, ...]) -> dict[str, Any]:
        return {"readings": [_packed(each) for each in found]}

    def unpack(self, fields: Mapping[str, Any]) -> tuple[NodeReading, ...]:
        return tuple(map(_unpacked, fields["readings"]))


def _packed(reading: NodeReading) -> dict[str, Any]:
    return {
        **{name: getattr(reading, name) for name in _WORDS},
        "logprobs": base64_of(reading.logprobs),
        "ranks": reading.ranks.tolist(),
        "kept_of": reading.kept_of.tolist(),
        "probs": base64_of(reading.probs),
        "kept_ids": base64_of(reading.kept_ids.astype(np.float64)),
    }


def _unpacked(fields: Mapping[str, Any]) -> NodeReading:
    kept_of = np.array(fields["kept_of"], dtype=np.int64)
    grid = len(kept_of), -1
    return NodeReading(
        **{name: fields[name] for name in _WORDS},
        logprobs=from_base64(fields["logprobs"]),
        ranks=np.array(fields["ranks"], dtype=np.int64),
        kept_of=kept_of,
        probs=from_base64(fields["probs"]).reshape(grid),
        kept_ids=from_base64(fields["kept_ids"]).reshape(grid).astype(np.int64),
    )
