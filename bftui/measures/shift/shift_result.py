"""Shifts as plain data: the document of `bftui shift`, and what the trace keeps of one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bftui.core.bf.prompt_intervals import basis
from bftui.core.pair.distribution_shift import KINDS
from bftui.core.pair.shift_summary import (
    Answers,
    Position,
    Shares,
    by_position,
    most_shifted,
    overall,
)
from bftui.measures.shift.shift_reading import Shift
from bftui.model.model_pair import Pair
from bftui.model.prompt import Rendered
from bftui.trace.header import model_fields

WHOSE = {"base": "base", "partner": "aligned"}
"""The two models in the words of the command."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The shift of one prompt, under the prompt's name."""

    id: str
    shift: Shift


def document(pair: Pair, answers: Sequence[Answered], author: str, seed: int = 0) -> dict[str, Any]:
    """All answers of a pair together; `author` is `base` or `partner`. Shares are null where nothing was compared."""
    positions = [each.shift.positions for each in answers]
    found = overall(positions, seed)
    return {
        **_share_fields(found),
        "n": 0 if found is None else found.n,
        "within_noise": sum(each.shift.within_noise for each in answers),
        "intervals": _interval_fields(found),
        "intervals_basis": None if found is None or found.intervals is None else _basis(positions),
        "text": WHOSE[author],
        "models": {
            name: {**model_fields(model.info, model.noise), "note": model.info.note}
            for name, model in (("base", pair.base), ("aligned", pair.partner))
        },
        "hand_over": {"by": pair.by, "why": pair.why},
        "answers": [{"id": each.id, **_answer_fields(each.shift)} for each in answers],
        "by_position": [
            {
                "position": mean.position,
                "n": mean.n,
                **_share_fields(mean.shares),
                "mean_rank": mean.rank,
                "mean_prob": mean.prob,
                "mean_kl": _finite(mean.kl),
            }
            for mean in by_position(positions)
        ],
        "most_shifted": [
            {"text": text.decode(errors="replace"), "count": count}
            for text, count in most_shifted(positions)
        ],
        "positions": [
            {"prompt": each.id, **_position_fields(position)}
            for each in answers
            for position in each.shift.positions
        ],
    }


def settings(shift: Shift) -> dict[str, Any]:
    """What was asked for, as the trace keeps it."""
    return {"text": WHOSE[shift.author], "max_tokens": shift.max_tokens}


def result(shift: Shift) -> dict[str, Any]:
    """One answer, as the trace keeps it."""
    return {
        **_answer_fields(shift),
        "positions": [_position_fields(position) for position in shift.positions],
    }


def _answer_fields(shift: Shift) -> dict[str, Any]:
    contexts, found = shift.contexts, shift.shares()
    model = shift.pair.base if shift.author == "base" else shift.pair.partner
    text = b"".join(map(model.token_bytes, shift.answer))
    return {
        "text": text.decode(errors="replace"),
        "token_ids": list(shift.answer),
        "ended": shift.ended,
        **_share_fields(found),
        "within_noise": shift.within_noise,
        "contexts": {
            "base": _context_fields(contexts.base),
            "aligned": _context_fields(contexts.partner),
            "seam": contexts.seam is not None,
        },
    }


def _context_fields(rendered: Rendered) -> dict[str, Any]:
    return {
        "template": rendered.template,
        "rendered": rendered.text,
        "tokens": len(rendered.token_ids),
    }


def _position_fields(position: Position) -> dict[str, Any]:
    compared = position.compared
    return {
        "position": position.position,
        "text": position.text.decode(errors="replace"),
        "token_ids": list(position.token_ids),
        "class": position.kind,
        "within_noise": position.within_noise,
        "base_rank": compared.base.rank,
        "base_prob": compared.base.prob,
        "aligned_rank": compared.partner.rank,
        "aligned_prob": compared.partner.prob,
        "kl_aligned_base": _finite(compared.kl_partner_base),
        "kl_base_aligned": _finite(compared.kl_base_partner),
        "js": _finite(compared.js),
    }


def _share_fields(found: Shares | None) -> dict[str, float | None]:
    return {kind: None if found is None else getattr(found, kind) for kind in KINDS}


def _interval_fields(found: Shares | None) -> dict[str, list[float]] | None:
    if found is None or found.intervals is None:
        return None
    return {kind: list(ends) for kind, ends in zip(KINDS, found.intervals, strict=True)}


def _basis(answers: Answers) -> str:
    """What the intervals were made from: answers without positions are none."""
    return basis(sum(bool(len(each)) for each in answers), 0, "answers")


def _finite(value: float | None) -> float | None:
    """JSON has no infinities."""
    return value if value is not None and math.isfinite(value) else None
