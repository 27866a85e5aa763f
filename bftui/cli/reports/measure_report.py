"""A measurement for people: tables, ratios, the curves, and what the numbers are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bftui.cli.shared.plot import Line, coloured, plot
from bftui.cli.shared.tables import WIDTH, aligned, clipped, interval, number, paragraph
from bftui.core.bf.prompt_intervals import rests
from bftui.core.definitions import BF_LIKELIHOOD, BF_ROLLOUTS
from bftui.core.text import safe
from bftui.results.measure_result import (
    BulkInsertion,
    BulkModel,
    BulkPart,
    BulkRatio,
    BulkSettings,
    BulkSpread,
    MeasureOutput,
)


class _Estimated(Protocol):
    """A branching factor, or nothing where there is none."""

    @property
    def bf(self) -> float | None: ...
    @property
    def ci(self) -> tuple[float, float] | None: ...
    @property
    def bf_entropy(self) -> float | None: ...
    @property
    def bf_nll(self) -> float | None: ...
    @property
    def mean_length(self) -> float | None: ...
    @property
    def ended(self) -> float | None: ...


def report(found: MeasureOutput) -> str:
    """Writes the result for people: tables, ratios, the curves, and what the numbers are; safe to print."""
    settings, models = found.settings, found.models
    called = _called(models)
    parts = [_model_table(each, called) for each in models]
    ratios = [_ratio_line(each, called) for each in found.ratios]
    parts += ["\n".join(ratios)] if ratios else []
    lines = [Line(called[each.model], [at.bf for at in each.curve]) for each in models]
    title = "BF over the first tokens of the answers, up to each position (cumulative)"
    parts.append(f"{title}\n{plot(lines, colour=coloured())}")
    notes = list(dict.fromkeys(note for each in models for note in each.notes))
    prompts = max(len(each.prompts) for each in models)
    said = [_definition(settings, prompts), _templates(models, called), *notes]
    parts.append("\n".join(map(paragraph, said)))
    return "\n\n".join(parts)


def _called(models: Sequence[BulkModel]) -> dict[str, str]:
    """Says what each MODEL is called: its name, or as it was asked for where two have one name."""
    names = {each.model: safe(each.facts["name"]) for each in models}
    shared = {name for name in names.values() if list(names.values()).count(name) > 1}
    return {asked: safe(asked) if name in shared else name for asked, name in names.items()}


def _model_table(model: BulkModel, called: dict[str, str]) -> str:
    of = f" · template {model.template}"
    title = clipped(called[model.model], WIDTH - len(of)) + of
    rows = [["", "BF", "95 % interval", "entropy", "nll", "tokens", "ended"]]
    rows += [_row(safe(each.id), each.estimate) for each in model.prompts]
    if len(model.prompts) > 1:
        rows.append(_row(f"all {len(model.prompts)} prompts", model.estimate))
    parts = [*_named(model.segments, _SEGMENTS), *_named(model.insertion, _INSERTION)]
    rows += [_row(name, part) for name, part in parts]
    for each in model.sweep or ():
        cut = [f"top-p {each.top_p:g}"]
        cut += [f"top-k {each.top_k}"] if each.top_k else []
        cut += [f"min-p {each.min_p:g}"] if each.min_p else []
        rows.append(_row(f"T {each.temperature:g}, {', '.join(cut)}", each.estimate))
    lines = [title, aligned(rows, "<>>>>>>")]
    lines += list(dict.fromkeys(part.reason for _, part in parts if part.reason))
    if model.insertion is not None and model.insertion.n:
        lines.append(_insertion_line(model.insertion))
    if model.spread is not None:
        lines.append(_spread_line(model.spread))
    return "\n".join(lines)


_SEGMENTS = {
    "inside": "inside <think>",
    "after": "after </think>",
    "empty_block": "after an empty block",
}
_INSERTION = {
    "before": "before random tokens",
    "continued": "without them",
    "inserted": "after them",
}


def _named(found: object, names: dict[str, str]) -> list[tuple[str, BulkPart]]:
    """Returns the parts of samples as they are called; none where they were not asked for."""
    return [] if found is None else [(name, getattr(found, each)) for each, name in names.items()]


def _row(name: str, found: _Estimated) -> list[str]:
    if found.bf is None:
        return [name, "–", "", "", "", "", ""]
    return [
        name,
        number(found.bf),
        interval(found.ci),
        number(found.bf_entropy),
        number(found.bf_nll),
        f"{found.mean_length:.1f}",
        "" if found.ended is None else f"{100 * found.ended:.0f} %",
    ]


def _ratio_line(found: BulkRatio, called: dict[str, str]) -> str:
    pair = f"BF of {called[found.base]} / BF of {called[found.aligned]}"
    if found.ratio is None:
        return paragraph(f"{pair}: none, {found.reason}")
    ci = "" if found.ci is None else f" {interval(found.ci)}"
    return paragraph(f"{pair}: {number(found.ratio)}{ci}")


def _insertion_line(found: BulkInsertion) -> str:
    before, after, without = (
        part.windows or () for part in (found.before, found.inserted, found.continued)
    )
    last = before[-1].bf if before else None
    following = [number(each[0].bf if each else None) for each in (after, without)]
    return paragraph(
        f"{found.tokens} random tokens after {found.position}: windowed BF {number(last)} just before, "
        f"then {following[0]} with them and {following[1]} without, in {found.n} samples"
    )


def _spread_line(spread: BulkSpread) -> str:
    found = f"over the settings BF is {number(spread.low)} to {number(spread.high)}"
    if spread.mean_difference is None:
        return found
    return f"{found}; two settings differ by {number(spread.mean_difference)} on average"


def _templates(models: Sequence[BulkModel], called: dict[str, str]) -> str:
    """Says what the prompts were put into: it moves BF as much as the model does."""
    taken = {each.template for each in models}
    of = "; ".join(f"{each.template} for {called[each.model]}" for each in models)
    bare = {"raw", "chat"} <= taken
    hint = " A base that gets a bare question need not answer it: --template page asks it one."
    return f"Templates: {of}.{hint if bare else ''}"


def _definition(settings: BulkSettings, prompts: int) -> str:
    sampler = settings.sampler
    cap = f", on the {settings.cap_k} best tokens" if settings.cap_k else ""
    how = (
        "aggregated position by position over the samples that reach it, as the authors' code does"
        if settings.compat
        else "over a prompt's samples, each averaged over its own length (arXiv 2506.17871)"
    )
    return (
        f"BF: {BF_ROLLOUTS.formula} (entropy) or {BF_LIKELIHOOD.formula} (nll), {how}{cap}; estimator "
        f"{settings.estimator}. Over prompts the mean of their BFs. {settings.samples} samples of up to "
        f"{settings.max_tokens} tokens, temperature {sampler.temperature:g}, top-p {sampler.top_p:g}, seed "
        f"{sampler.seed}. Intervals are 95 %: of a prompt by bootstrap over its samples"
        + (f"; over prompts {rests(prompts)}." if prompts > 1 else ".")
    )
