"""What was drawn in a measurement as numbers: the fields of `bftui measure --json`."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bftui.core.bf.estimate import (
    CurvePoint,
    Estimate,
    Window,
    curve,
    estimate,
    overall,
    ratio,
    windows,
)
from bftui.core.bf.prompt_intervals import basis
from bftui.core.errors import BftuiError
from bftui.core.sampler import Sampler
from bftui.core.text import of_path
from bftui.measures.bulk.bulk_measurement import WINDOW, Drawn, MeasureSettings, Samples
from bftui.results.codec import encode
from bftui.results.rollouts_result import SampleResult
from bftui.trace.header import sampler_fields


def document(
    drawn: Sequence[Drawn],
    settings: MeasureSettings,
    names: Sequence[str] = (),
    failed: Mapping[str, BftuiError] | None = None,
    *,
    keep_tokens: bool = False,
) -> dict[str, Any]:
    """The whole result, of the prompts that are finished; models without one are left out.

    Args:
        names: the models that were asked for, where they may not all be in `drawn`. Ratios are of the first: without it
            there are none.
        failed: why models are missing or not measured to the end.
    """
    measured = [each for each in drawn if each.plain]
    based = not names or (bool(measured) and measured[0].model == of_path(names[0]))
    found: dict[str, Any] = {
        "models": [model_fields(each, settings, keep_tokens=keep_tokens) for each in measured],
        "ratios": [ratio_fields(measured[0], each, settings) for each in measured[1:] if based],
    }
    if failed:
        found["failed"] = [
            {"model": of_path(name), "reason": error.line()} for name, error in failed.items()
        ]
    return {**found, "settings": _settings(settings)}


def model_fields(
    drawn: Drawn, settings: MeasureSettings, *, keep_tokens: bool = False
) -> dict[str, Any]:
    """One model: BF over prompts, each prompt, curve and windows, and what else was asked for."""
    found = {
        "model": drawn.model,
        **_overall(drawn.plain, settings),
        "prompts": [
            {
                "id": prompt,
                **_prompt(samples, settings),
                "samples": [encode(SampleResult.of(each, tokens=keep_tokens)) for each in samples],
            }
            for prompt, samples in zip(drawn.ids, drawn.plain, strict=False)
        ],
        "curve": _curve(drawn.plain, settings),
        "windows": _windows(drawn.plain, settings, compat=settings.compat),
        "facts": dict(drawn.facts),
        "template": drawn.template,
        "notes": list(drawn.notes),
    }
    if settings.think:
        found["segments"] = {
            "inside": _part(drawn.inside, settings, "no sample holds a thinking block"),
            "after": _part(drawn.after, settings, "no sample goes on after a thinking block"),
            "empty_block": _part(drawn.empty, settings, "nothing was measured"),
        }
    if settings.insert:
        found["insertion"] = insertion_fields(drawn, settings)
    if settings.sweep:
        found |= sweep_fields(drawn, settings)
    return found


def ratio_fields(base: Drawn, aligned: Drawn, settings: MeasureSettings) -> dict[str, Any]:
    """Mean BF of one model over mean BF of another, over the prompts that both have; null with a reason where not."""
    found: dict[str, Any] = {"base": base.model, "aligned": aligned.model}
    both = min(len(base.plain), len(aligned.plain))
    tokenizers = {each.facts["tokenizer_sha256"] for each in (base, aligned)}
    if len(tokenizers) > 1 or None in tokenizers:
        reason = "the tokenizers differ: BF is over tokens, and theirs are not the same"
        return {**found, "ratio": None, "ci": None, "ci_basis": None, "reason": reason}
    value, ci = ratio(
        base.plain[:both],
        aligned.plain[:both],
        settings.estimator,
        compat=settings.compat,
        seed=settings.sampler.seed,
    )
    samples = sum(map(len, base.plain[:both]))
    of = None if ci is None else basis(both, samples)
    ends = None if ci is None else list(ci)
    return {**found, "ratio": value, "ci": ends, "ci_basis": of, "reason": None}


def sweep_fields(drawn: Drawn, settings: MeasureSettings) -> dict[str, Any]:
    """BF under each setting of the sweep, and how far apart they are (methods 1.1.12: mean difference of two)."""
    found = [
        {**_tempered(sampler), **_overall(drawn.sweep[sampler], settings)}
        for sampler in settings.sweep
        if drawn.sweep.get(sampler)
    ]
    bfs = [each["bf"] for each in found]
    apart = [abs(one - other) for one, other in itertools.combinations(bfs, 2)]
    spread = {
        "low": min(bfs, default=None),
        "high": max(bfs, default=None),
        "mean_difference": sum(apart) / len(apart) if apart else None,
    }
    return {"sweep": found, "spread": spread}


def insertion_fields(drawn: Drawn, settings: MeasureSettings) -> dict[str, Any]:
    """Windowed BF before random tokens, after them, and of the same samples without them."""
    half = settings.max_tokens // 2
    places = {"before": 0, "continued": half, "inserted": half + settings.insert}
    found: dict[str, Any] = {
        "tokens": settings.insert,
        "position": half,
        "n": sum(map(len, drawn.inserted)),
    }
    for name, position in places.items():
        groups = [samples for samples in getattr(drawn, name) if samples]
        part = _part(groups, settings, f"no sample goes on after {half} tokens")
        part["windows"] = [
            {**window, "position": window["position"] + position}
            for window in _windows(groups, settings, compat=False)
        ]
        if name == "before":
            # Where something was put in, nothing ends.
            part["ended"] = None
        found[name] = part
    return found


def _overall(prompts: Sequence[Samples], settings: MeasureSettings) -> dict[str, Any]:
    found = overall(prompts, settings.estimator, compat=settings.compat, seed=settings.sampler.seed)
    return _fields(found)


def _prompt(samples: Samples, settings: MeasureSettings) -> dict[str, Any]:
    found = estimate(
        samples, settings.estimator, compat=settings.compat, seed=settings.sampler.seed
    )
    return _fields(found)


def _fields(found: Estimate) -> dict[str, Any]:
    length = found.tokens / found.samples
    more = {"ci_basis": found.basis, "ended": found.ended, "mean_length": length}
    return {
        "bf": found.bf,
        "ci": None if found.ci is None else list(found.ci),
        "bf_full": found.bf_full,
        "estimator": found.estimator,
        "bf_entropy": found.bf_entropy,
        "bf_nll": found.bf_nll,
        **more,
    }


def _part(prompts: Sequence[Samples], settings: MeasureSettings, otherwise: str) -> dict[str, Any]:
    """The BF of parts of samples, over the prompts that have some; `otherwise` says why there is none.

    Always aggregated as the paper has it: parts may be few.
    """
    groups = [samples for samples in prompts if samples]
    if not groups:
        return {"bf": None, "ci": None, "ci_basis": None, "n": 0, "reason": otherwise}
    found = overall(groups, settings.estimator, seed=settings.sampler.seed)
    return {**_fields(found), "n": found.samples, "reason": None}


def _curve(prompts: Sequence[Samples], settings: MeasureSettings) -> list[dict[str, Any]]:
    found: list[CurvePoint] = curve(
        prompts, settings.estimator, compat=settings.compat, seed=settings.sampler.seed
    )
    return [asdict(point) for point in found]


def _windows(
    prompts: Sequence[Samples], settings: MeasureSettings, *, compat: bool
) -> list[dict[str, Any]]:
    if not prompts:
        return []
    found: list[Window] = windows(prompts, WINDOW, compat=compat, seed=settings.sampler.seed)
    return [asdict(window) for window in found]


def _tempered(sampler: Sampler) -> dict[str, Any]:
    """A setting of the sweep; the seed is that of all."""
    fields = sampler_fields(sampler)
    del fields["seed"]
    return fields


def _settings(settings: MeasureSettings) -> dict[str, Any]:
    found = settings.drawing()
    sampler = found.pop("sampler")
    return {
        **sampler,
        **found,
        "estimator": settings.estimator,
        "compat": "repo" if settings.compat else None,
    }
