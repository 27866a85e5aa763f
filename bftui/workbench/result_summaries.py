"""Experiments as `measured_results.py` has them. For the loop: the screen never computes an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bftui.measures.response import Response
from bftui.workbench.measured_results import Against, Interval, Responded


def responded(job: Response, known: Responded) -> Responded:
    """What a response found so far; `snapshot` says where it belongs, and whether it runs."""
    found = job.estimate
    planned = job.controls.get("matched")
    compared = job.contrast
    kinds: tuple[Against, ...] = known.kinds
    controls = known.controls
    if len(job.controls) != len(kinds) and compared is not None:
        kinds = tuple(
            Against(
                kind=each["kind"],
                texts=tuple(each["texts"]),
                bf=each["bf"],
                ci=_interval(each["ci"]),
                delta=each["delta"],
                delta_ci=_interval(each["delta_ci"]),
            )
            for each in job.result()["controls"]
        )
    if planned and not controls:
        controls = tuple(job.controls_curve())
    return replace(
        known,
        share=job.share,
        doing=job.doing,
        planned=job.setup.controls if planned is None else len(planned),
        logprob=job.logprob,
        bf=None if found is None else found.bf_entropy,
        ci=None if found is None else found.ci,
        ended=None if found is None else found.ended,
        delta=None if compared is None else compared.delta,
        delta_ci=None if compared is None else compared.delta_ci,
        verdict=None if compared is None else compared.verdict,
        reason=job.reason,
        kinds=kinds,
        controls=controls,
        positions=job.positions,
    )


def _interval(pair: Sequence[float] | None) -> Interval | None:
    return None if pair is None else (pair[0], pair[1])
