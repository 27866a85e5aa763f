"""Experiments as `measured_results.py` has them. For the engine's thread: the screen never computes an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from bftui.core.bf.estimate import Sample, curve, estimate, windows
from bftui.core.sampler import Sampler
from bftui.measures.lookahead import Lookahead
from bftui.measures.response import Response
from bftui.measures.rollouts import Start
from bftui.workbench.measured_results import (
    Against,
    Ahead,
    Compared,
    Continuation,
    Interval,
    Looked,
    Responded,
    Rolled,
)

_SHARED = (1, 5)
"""Tokens of a path that samples are asked to share, beside all of them."""


def looked(job: Lookahead) -> Looked:
    """What a look-ahead found so far."""
    rows = [
        Ahead(
            each.row.token_id,
            each.row.rank,
            math.exp(each.row.logprob),
            each.row.kept,
            None if each.after is None else each.after.bf,
        )
        for each in job.candidates
    ]
    open_ = [row for row in rows if row.bf is not None]
    narrowest = min(open_, key=lambda row: row.bf or 0.0).token_id if len(open_) > 1 else None
    return Looked(tuple(rows), {row.token_id: row.bf for row in rows}, narrowest)


class Drawing(Protocol):
    """What is read of `measures.rollouts.Rollouts`; rollouts that another run of the program drew have it too."""

    @property
    def start(self) -> Start: ...
    @property
    def sampler(self) -> Sampler: ...
    @property
    def horizon(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def first(self) -> int: ...
    @property
    def samples(self) -> Sequence[Sample]: ...
    @property
    def share(self) -> float: ...
    @property
    def left(self) -> float | None: ...
    @property
    def done(self) -> bool: ...
    @property
    def original(self) -> Sample | None: ...


def rolled(
    jobs: Sequence[Drawing], running: Sequence[Drawing], sampler: int, version: int
) -> Rolled:
    """Rollouts of one place, sampler and horizon, pooled; some of them may still run."""
    last = jobs[-1]
    shares = [job.share for job in running] or [last.share]
    samples = [sample for job in jobs for sample in job.samples]
    lengths = sorted(sample.length for sample in samples) or [0]
    pooled = tuple(samples)
    return Rolled(
        node=last.start.node,
        sampler=sampler,
        horizon=last.horizon,
        version=version,
        asked=sum(job.size for job in jobs),
        drawn=len(samples),
        share=math.fsum(shares) / len(shares),
        running=bool(running),
        stopped=not running and not last.done,
        left=math.fsum(job.left or 0.0 for job in running) or None,
        estimate=estimate(pooled, seed=last.sampler.seed) if pooled else None,
        lengths=(lengths[0], lengths[len(lengths) // 2], lengths[-1]),
        curve=tuple(curve([pooled], seed=last.sampler.seed)) if pooled else (),
        windows=tuple(windows([pooled], seed=last.sampler.seed)) if pooled else (),
        continuations=_continuations(jobs, together=not running),
        resampled=last.original is not None,
        compared=None if last.original is None else _compared(last.original, pooled),
    )


def _continuations(jobs: Sequence[Drawing], *, together: bool) -> tuple[Continuation, ...]:
    """The different texts with how many have them, or each rollout for itself, in the order of their numbers."""
    found: dict[object, Continuation] = {}
    for job in jobs:
        for place, sample in enumerate(job.samples):
            number = job.first + place
            key = sample.token_ids if together else number
            known = found.get(key)
            if known is not None:
                found[key] = replace(known, count=known.count + 1)
                continue
            more = not job.done and sample.finish != "eog" and sample.length < job.horizon
            finish = "open" if more else sample.finish
            found[key] = Continuation(sample.token_ids, number, 1, finish)
    return tuple(found.values())


def _compared(original: Sample, samples: Sequence[Sample]) -> Compared | None:
    if not samples:
        return None
    means = [sample.surprisal for sample in samples]
    ids = original.token_ids
    shared = [*(tokens for tokens in _SHARED if tokens < len(ids)), len(ids)]
    return Compared(
        token_ids=ids,
        finish=original.finish,
        bf=math.exp(original.mean_entropy),
        surprisal=original.surprisal,
        sampled=math.fsum(means) / len(means),
        low=min(means),
        high=max(means),
        shared=tuple(
            (tokens, sum(sample.token_ids[:tokens] == ids[:tokens] for sample in samples))
            for tokens in shared
        ),
    )


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
