"""How two or three models are mixed: a dial, proxy tuning, contrastive decoding.

Each is a sum of logits whose coefficients follow from one weight, so that the same evaluations give every weight. The
sums are `mixed_logits.py`'s: nothing here needs NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Mixing:
    """One way to mix models.

    Attributes:
        name: as a MODEL begins: "dial".
        roles: what its models are called, in order.
        coefficients: those of the models, by the weight.
        expert: which of the models says what is plausible, from 0.
        formula: as people read it.
        source: where it comes from, "" where the formula says all.
    """

    name: str
    roles: tuple[str, ...]
    coefficients: Callable[[float], tuple[float, ...]]
    expert: int
    formula: str
    source: str = ""


MIXINGS: Mapping[str, Mixing] = MappingProxyType(
    {
        each.name: each
        for each in (
            Mixing(
                "dial",
                ("BASE", "ALIGNED"),
                lambda w: (1 - w, w),
                expert=1,
                formula="(1 − w) base + w aligned",
            ),
            Mixing(
                "proxy",
                ("LARGE", "ALIGNED", "SMALLBASE"),
                lambda w: (1.0, w, -w),
                expert=0,
                formula="large + w (aligned − small base)",
                source="Liu et al., arXiv 2401.08565",
            ),
            Mixing(
                "contrast",
                ("EXPERT", "AMATEUR"),
                lambda w: (1 + w, -w),
                expert=0,
                formula="(1 + w) expert − w amateur",
                source="Li et al., arXiv 2210.15097; O'Brien and Lewis, arXiv 2309.09117",
            ),
        )
    }
)
"""Every way to mix models, by its name."""
