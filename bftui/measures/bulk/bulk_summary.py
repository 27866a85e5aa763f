"""What was drawn in a measurement as numbers: the result of `bftui measure`."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from bftui.core.bf.estimate import Estimate, Window, curve, estimate, overall, ratio, windows
from bftui.core.bf.prompt_intervals import basis
from bftui.core.errors import BftuiError
from bftui.core.text import of_path
from bftui.measures.bulk.bulk_measurement import WINDOW, Drawn, MeasureSettings, Samples
from bftui.model.prompt import frame_fields
from bftui.results.measure_result import (
    BulkEstimate,
    BulkFailure,
    BulkInsertion,
    BulkModel,
    BulkPart,
    BulkPrompt,
    BulkRatio,
    BulkSample,
    BulkSegments,
    BulkSettings,
    BulkSpread,
    BulkTempered,
    MeasureOutput,
)
from bftui.results.rollouts_result import SampleResult


def output(
    drawn: Sequence[Drawn],
    settings: MeasureSettings,
    names: Sequence[str] = (),
    failed: Mapping[str, BftuiError] | None = None,
    *,
    keep_tokens: bool = False,
) -> MeasureOutput:
    """Makes the whole result, of the prompts that are finished; models without one are left out.

    Args:
        names: the models that were asked for, where they may not all be in `drawn`. Ratios are of the first: without it
            there are none.
        failed: why models are missing or not measured to the end.
    """
    measured = [each for each in drawn if each.plain]
    based = not names or (bool(measured) and measured[0].model == of_path(names[0]))
    return MeasureOutput(
        models=tuple(_model(each, settings, keep_tokens=keep_tokens) for each in measured),
        ratios=tuple(_ratio(measured[0], each, settings) for each in measured[1:] if based),
        failed=tuple(
            BulkFailure(model=of_path(name), reason=error.line())
            for name, error in (failed or {}).items()
        ),
        settings=BulkSettings(
            sampler=settings.sampler,
            samples=settings.samples,
            max_tokens=settings.max_tokens,
            cap_k=settings.cap_k,
            sweep=settings.sweep,
            frame=frame_fields(settings.frame),
            think=settings.think,
            insert=settings.insert,
            estimator=settings.estimator,
            compat="repo" if settings.compat else None,
        ),
    )


def _model(drawn: Drawn, settings: MeasureSettings, *, keep_tokens: bool) -> BulkModel:
    """Summarises one model: BF over prompts, each prompt, curve and windows, and what else was asked for."""
    seed, compat = settings.sampler.seed, settings.compat
    sweep = _sweep(drawn, settings) if settings.sweep else None
    return BulkModel(
        model=drawn.model,
        estimate=_overall(drawn.plain, settings),
        prompts=tuple(
            BulkPrompt(
                id=prompt,
                estimate=_estimate(estimate(samples, settings.estimator, compat=compat, seed=seed)),
                samples=tuple(
                    BulkSample(
                        sample=SampleResult.of(each, tokens=keep_tokens),
                        text=text if keep_tokens else None,
                    )
                    for each, text in zip(samples, texts, strict=True)
                ),
            )
            for prompt, samples, texts in zip(drawn.ids, drawn.plain, drawn.texts, strict=False)
        ),
        curve=tuple(curve(drawn.plain, settings.estimator, compat=compat, seed=seed)),
        windows=_windows(drawn.plain, settings, compat=compat),
        facts=drawn.facts,
        template=drawn.template,
        notes=tuple(drawn.notes),
        segments=_segments(drawn, settings) if settings.think else None,
        insertion=_insertion(drawn, settings) if settings.insert else None,
        sweep=sweep,
        spread=None if sweep is None else _spread([each.estimate.bf for each in sweep]),
    )


def _ratio(base: Drawn, aligned: Drawn, settings: MeasureSettings) -> BulkRatio:
    both = min(len(base.plain), len(aligned.plain))
    tokenizers = {each.facts["tokenizer_sha256"] for each in (base, aligned)}
    if len(tokenizers) > 1 or None in tokenizers:
        reason = "the tokenizers differ: BF is over tokens, and theirs are not the same"
        return BulkRatio(base=base.model, aligned=aligned.model, reason=reason)
    value, ci = ratio(
        base.plain[:both],
        aligned.plain[:both],
        settings.estimator,
        compat=settings.compat,
        seed=settings.sampler.seed,
    )
    of = None if ci is None else basis(both, sum(map(len, base.plain[:both])))
    return BulkRatio(base=base.model, aligned=aligned.model, ratio=value, ci=ci, ci_basis=of)


def _sweep(drawn: Drawn, settings: MeasureSettings) -> tuple[BulkTempered, ...]:
    """Estimates BF under each setting of the sweep; the seed is that of all."""
    return tuple(
        BulkTempered(
            temperature=sampler.temperature,
            top_k=sampler.top_k,
            top_p=sampler.top_p,
            min_p=sampler.min_p,
            estimate=_overall(drawn.sweep[sampler], settings),
        )
        for sampler in settings.sweep
        if drawn.sweep.get(sampler)
    )


def _spread(bfs: Sequence[float]) -> BulkSpread:
    """Says how far apart the settings of a sweep are (methods 1.1.12: mean difference of two)."""
    apart = [abs(one - other) for one, other in itertools.combinations(bfs, 2)]
    return BulkSpread(
        low=min(bfs, default=None),
        high=max(bfs, default=None),
        mean_difference=sum(apart) / len(apart) if apart else None,
    )


def _segments(drawn: Drawn, settings: MeasureSettings) -> BulkSegments:
    return BulkSegments(
        inside=_part(drawn.inside, settings, "no sample holds a thinking block"),
        after=_part(drawn.after, settings, "no sample goes on after a thinking block"),
        empty_block=_part(drawn.empty, settings, "nothing was measured"),
    )


def _insertion(drawn: Drawn, settings: MeasureSettings) -> BulkInsertion:
    """Estimates windowed BF before random tokens, after them, and of the same samples without them."""
    half = settings.max_tokens // 2

    def part(prompts: Sequence[Samples], position: int) -> BulkPart:
        groups = [samples for samples in prompts if samples]
        found = _part(groups, settings, f"no sample goes on after {half} tokens")
        along = _windows(groups, settings, compat=False)
        moved = (replace(window, position=window.position + position) for window in along)
        return replace(found, windows=tuple(moved))

    return BulkInsertion(
        tokens=settings.insert,
        position=half,
        n=sum(map(len, drawn.inserted)),
        # Where something was put in, nothing ends.
        before=replace(part(drawn.before, 0), ended=None),
        continued=part(drawn.continued, half),
        inserted=part(drawn.inserted, half + settings.insert),
    )


def _overall(prompts: Sequence[Samples], settings: MeasureSettings) -> BulkEstimate:
    return _estimate(
        overall(prompts, settings.estimator, compat=settings.compat, seed=settings.sampler.seed)
    )


def _estimate(found: Estimate) -> BulkEstimate:
    return BulkEstimate(
        bf=found.bf,
        ci=found.ci,
        bf_full=found.bf_full,
        estimator=found.estimator,
        bf_entropy=found.bf_entropy,
        bf_nll=found.bf_nll,
        ci_basis=found.basis,
        ended=found.ended,
        mean_length=found.tokens / found.samples,
    )


def _part(prompts: Sequence[Samples], settings: MeasureSettings, otherwise: str) -> BulkPart:
    """Estimates the BF of parts of samples, over the prompts that have some; `otherwise` says why there is none.

    Always aggregated as the paper has it: parts may be few.
    """
    groups = [samples for samples in prompts if samples]
    if not groups:
        return BulkPart(n=0, reason=otherwise)
    found = overall(groups, settings.estimator, seed=settings.sampler.seed)
    return BulkPart(**asdict(_estimate(found)), n=found.samples, reason=None)


def _windows(
    prompts: Sequence[Samples], settings: MeasureSettings, *, compat: bool
) -> tuple[Window, ...]:
    if not prompts:
        return ()
    return tuple(windows(prompts, WINDOW, compat=compat, seed=settings.sampler.seed))
