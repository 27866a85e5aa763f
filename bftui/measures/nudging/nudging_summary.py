"""Nudged texts as numbers: what the texts of many prompts say together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from bftui.core.bf.estimate import overall, ratio
from bftui.core.bf.prompt_intervals import basis, mean_interval
from bftui.core.bf.samples import Sample
from bftui.measures.nudging.nudging_run import Nudging
from bftui.measures.nudging.nudging_runs import NudgedPrompt
from bftui.model.model_pair import Pair
from bftui.results.nudging_result import (
    MANY,
    FactorOverPrompts,
    NamedNudging,
    NudgingAsked,
    NudgingHandOver,
    NudgingOutput,
    NudgingSummary,
    RatioOverPrompts,
    ShareOverPrompts,
)
from bftui.results.shift_result import HandedOver
from bftui.trace.header import model_fields


def output(pair: Pair, found: Sequence[NudgedPrompt]) -> NudgingOutput:
    """Puts all runs of a pair together, at least one; of some prompts under one or several gammas."""
    by_gamma: dict[float, list[Nudging]] = {}
    for each in found:
        by_gamma.setdefault(each.run.settings.gamma, []).append(each.run)
    summaries = tuple(summary(runs) for runs in by_gamma.values())
    first = found[0].run
    contexts = first.site.contexts
    return NudgingOutput(
        results=tuple(NamedNudging(id=each.id, result=each.run.result()) for each in found),
        summary=summaries[0],
        sweep=summaries,
        models={
            "base": model_fields(pair.base.info),
            "aligned": model_fields(pair.partner.info),
        },
        hand_over=NudgingHandOver(by=HandedOver(by=pair.by, why=pair.why), split_anew=first.plain),
        templates={"base": contexts.base.template, "aligned": contexts.partner.template},
        settings=NudgingAsked(settings=first.settings, sampler=first.site.sampler),
        warnings=tuple(_warnings(summaries)),
    )


def summary(runs: Sequence[Nudging]) -> NudgingSummary:
    """Takes the runs of one gamma together: means over prompts, with 95 % intervals over them.

    What the models write alone counts for every prompt. `ratio` is the base's BF alone over that along nudged texts,
    `ratio_aligned` over the aligned model's alone; both are of the prompts whose nudged text holds a token.
    """
    seed = runs[0].site.sampler.seed
    written = [run for run in runs if run.nudged is not None]
    nudged = [(run.nudged,) for run in written if run.nudged is not None]
    own = [(run.base_written,) for run in written if run.base_written is not None]
    alone = [run.alone for run in runs if run.alone is not None]
    beside = [run.alone for run in written if run.alone is not None]
    base = [(each.base,) for each in beside]
    same_tokens = runs[0].site.pair.by == "ids"
    return NudgingSummary(
        gamma=runs[0].settings.gamma,
        prompts=len(runs),
        share_nudged=_share(written, seed),
        bf_base=_bf([(each.base,) for each in alone], seed),
        bf_nudged=_bf(nudged, seed),
        bf_base_written=_bf(own, seed),
        bf_partner=_bf([(each.partner,) for each in alone], seed),
        ratio=_ratio(base, nudged, seed),
        # BF is over tokens: those of another vocabulary are not the same choices.
        ratio_aligned=_ratio(base, [(each.partner,) for each in beside], seed)
        if same_tokens
        else None,
        stops=Counter(str(run.stop) for run in runs),
        tokens=sum(run.tokens for run in runs),
    )


def _bf(texts: Sequence[tuple[Sample]], seed: int) -> FactorOverPrompts | None:
    if not texts:
        return None
    found = overall(texts, "entropy", seed=seed)
    return FactorOverPrompts(bf=found.bf, ci=found.ci, ci_basis=found.basis)


def _ratio(
    above: Sequence[tuple[Sample]], below: Sequence[tuple[Sample]], seed: int
) -> RatioOverPrompts | None:
    if not above or len(above) != len(below):
        return None
    found, ci = ratio(above, below, "entropy", seed=seed)
    of = None if ci is None else basis(len(above), 0)
    return RatioOverPrompts(ratio=found, ci=ci, ci_basis=of)


def _share(runs: Sequence[Nudging], seed: int) -> ShareOverPrompts | None:
    """Takes the mean over prompts of the share of nudged tokens."""
    values = np.array([[run.share_nudged] for run in runs], dtype=np.float64)
    if not len(values):
        return None
    mean, ends = float(values.mean()), mean_interval(values, seed)
    if ends is None:
        return ShareOverPrompts(mean=mean, ci=None, ci_basis=None)
    low, high = np.clip([end[0] for end in ends], 0, 1).tolist()
    return ShareOverPrompts(mean=mean, ci=(low, high), ci_basis=basis(len(values), 0))


def _warnings(summaries: Sequence[NudgingSummary]) -> list[str]:
    found = []
    for each in summaries:
        share = each.share_nudged
        if share is not None and share.mean > MANY:
            wrote = f"the aligned model wrote {100 * share.mean:.0f} % of the tokens"
            found.append(
                f"with gamma {each.gamma:g} {wrote}: above {100 * MANY:.0f} % pairs tend to fail (BlendIn, "
                "arXiv 2606.11201)"
            )
    return found
