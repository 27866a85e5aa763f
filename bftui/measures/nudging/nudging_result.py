"""Nudged texts as numbers: the fields of `bftui nudge --json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from bftui.core.bf.estimate import overall, ratio
from bftui.core.bf.prompt_intervals import basis, mean_interval
from bftui.core.bf.samples import Sample
from bftui.measures.nudging.nudging_run import MANY, Nudging
from bftui.measures.nudging.nudging_runs import Nudged
from bftui.model.model_pair import Pair
from bftui.trace.header import model_fields, sampler_fields


def document(pair: Pair, found: Sequence[Nudged]) -> dict[str, Any]:
    """All runs of a pair, at least one, and what they say together; of some prompts under one or several gammas."""
    by_gamma: dict[float, list[Nudging]] = {}
    for each in found:
        by_gamma.setdefault(each.run.settings.gamma, []).append(each.run)
    summaries = [summary(runs) for runs in by_gamma.values()]
    first = found[0].run
    contexts = first.setting.contexts
    return {
        "results": [{"id": each.id, **each.run.result()} for each in found],
        "summary": summaries[0],
        "sweep": summaries,
        "models": {
            "base": model_fields(pair.base.info),
            "aligned": model_fields(pair.partner.info),
        },
        "hand_over": {"by": pair.by, "why": pair.why, "split_anew": first.plain},
        "templates": {"base": contexts.base.template, "aligned": contexts.partner.template},
        "settings": {**asdict(first.settings), "sampler": sampler_fields(first.setting.sampler)},
        "warnings": _warnings(summaries),
    }


def summary(runs: Sequence[Nudging]) -> dict[str, Any]:
    """The runs of one gamma together: means over prompts, with 95 % intervals over them.

    What the models write alone counts for every prompt. `ratio` is the base's BF alone over that along nudged texts,
    `ratio_aligned` over the aligned model's alone; both are of the prompts whose nudged text holds a token.
    """
    seed = runs[0].setting.sampler.seed
    written = [run for run in runs if run.nudged is not None]
    nudged = [(run.nudged,) for run in written if run.nudged is not None]
    own = [(run.base_written,) for run in written if run.base_written is not None]
    alone = [run.alone for run in runs if run.alone is not None]
    beside = [run.alone for run in written if run.alone is not None]
    base = [(each.base,) for each in beside]
    same_tokens = runs[0].setting.pair.by == "ids"
    return {
        "gamma": runs[0].settings.gamma,
        "prompts": len(runs),
        "share_nudged": _share(written, seed),
        "bf_base": _bf([(each.base,) for each in alone], seed),
        "bf_nudged": _bf(nudged, seed),
        "bf_base_written": _bf(own, seed),
        "bf_partner": _bf([(each.partner,) for each in alone], seed),
        "ratio": _ratio(base, nudged, seed),
        # BF is over tokens: those of another vocabulary are not the same choices.
        "ratio_aligned": _ratio(base, [(each.partner,) for each in beside], seed)
        if same_tokens
        else None,
        "stops": dict(Counter(str(run.stop) for run in runs)),
        "tokens": sum(run.tokens for run in runs),
    }


def _bf(texts: Sequence[tuple[Sample]], seed: int) -> dict[str, Any] | None:
    if not texts:
        return None
    found = overall(texts, "entropy", seed=seed)
    ci = None if found.ci is None else list(found.ci)
    return {"bf": found.bf, "ci": ci, "ci_basis": found.basis}


def _ratio(
    above: Sequence[tuple[Sample]], below: Sequence[tuple[Sample]], seed: int
) -> dict[str, Any] | None:
    if not above or len(above) != len(below):
        return None
    found, ci = ratio(above, below, "entropy", seed=seed)
    of = None if ci is None else basis(len(above), 0)
    return {"ratio": found, "ci": None if ci is None else list(ci), "ci_basis": of}


def _share(runs: Sequence[Nudging], seed: int) -> dict[str, Any] | None:
    """The mean over prompts of the share of nudged tokens."""
    values = np.array([[run.share_nudged] for run in runs], dtype=np.float64)
    if not len(values):
        return None
    ends = mean_interval(values, seed)
    return {
        "mean": float(values.mean()),
        "ci": None if ends is None else np.clip([end[0] for end in ends], 0, 1).tolist(),
        "ci_basis": None if ends is None else basis(len(values), 0),
    }


def _warnings(summaries: Sequence[dict[str, Any]]) -> list[str]:
    found = []
    for each in summaries:
        share = each["share_nudged"]
        if share is not None and share["mean"] > MANY:
            wrote = f"the aligned model wrote {100 * share['mean']:.0f} % of the tokens"
            found.append(
                f"with gamma {each['gamma']:g} {wrote}: above {100 * MANY:.0f} % pairs tend to fail (BlendIn, "
                "arXiv 2606.11201)"
            )
    return found
