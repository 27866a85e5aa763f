"""A measurement for people: tables, ratios, the curves, and what the numbers are."""

from __future__ import annotations

from typing import Any

from bftui.cli.shared.plot import Line, coloured, plot
from bftui.cli.shared.tables import WIDTH, aligned, clipped, interval, number, paragraph
from bftui.core.bf.prompt_intervals import rests
from bftui.core.definitions import BF_LIKELIHOOD, BF_ROLLOUTS
from bftui.core.text import safe


def report(found: dict[str, Any]) -> str:
    """The result for people: tables, ratios, the curves, and what the numbers are; safe to print."""
    settings, models = found["settings"], found["models"]
    called = _called(models)
    parts = [_model_table(each, called) for each in models]
    ratios = [_ratio_line(each, called) for each in found["ratios"]]
    parts += ["\n".join(ratios)] if ratios else []
    lines = [Line(called[each["model"]], [at["bf"] for at in each["curve"]]) for each in models]
    title = "BF over the first tokens of the answers, up to each position (cumulative)"
    parts.append(f"{title}\n{plot(lines, colour=coloured())}")
    notes = list(dict.fromkeys(note for each in models for note in each["notes"]))
    prompts = max(len(each["prompts"]) for each in models)
    said = [_definition(settings, prompts), _templates(models, called), *notes]
    parts.append("\n".join(map(paragraph, said)))
    return "\n\n".join(parts)


def _called(models: list[dict[str, Any]]) -> dict[str, str]:
    """What each MODEL is called: its name, or as it was asked for where two have one name."""
    names = {each["model"]: safe(each["facts"]["name"]) for each in models}
    shared = {name for name in names.values() if list(names.values()).count(name) > 1}
    return {asked: safe(asked) if name in shared else name for asked, name in names.items()}


def _model_table(model: dict[str, Any], called: dict[str, str]) -> str:
    of = f" · template {model['template']}"
    title = clipped(called[model["model"]], WIDTH - len(of)) + of
    rows = [["", "BF", "95 % interval", "entropy", "nll", "tokens", "ended"]]
    rows += [_row(safe(each["id"]), each) for each in model["prompts"]]
    if len(model["prompts"]) > 1:
        rows.append(_row(f"all {len(model['prompts'])} prompts", model))
    for name, part in model.get("segments", {}).items():
        rows.append(_row(_SEGMENTS[name], part))
    for name in _INSERTION if "insertion" in model else ():
        rows.append(_row(_INSERTION[name], model["insertion"][name]))
    for each in model.get("sweep", ()):
        cut = [f"top-p {each['top_p']:g}"]
        cut += [f"top-k {each['top_k']}"] if each["top_k"] else []
        cut += [f"min-p {each['min_p']:g}"] if each["min_p"] else []
        rows.append(_row(f"T {each['temperature']:g}, {', '.join(cut)}", each))
    lines = [title, aligned(rows, "<>>>>>>")]
    reasons = [
        part["reason"]
        for part in [*model.get("segments", {}).values(), *_parts(model.get("insertion", {}))]
        if part["reason"]
    ]
    lines += list(dict.fromkeys(reasons))
    if model.get("insertion", {}).get("n"):
        lines.append(_insertion_line(model["insertion"]))
    if "spread" in model:
        lines.append(_spread_line(model["spread"]))
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


def _parts(insertion: dict[str, Any]) -> list[dict[str, Any]]:
    return [insertion[name] for name in _INSERTION if name in insertion]


def _row(name: str, fields: dict[str, Any]) -> list[str]:
    if fields["bf"] is None:
        return [name, "–", "", "", "", "", ""]
    return [
        name,
        number(fields["bf"]),
        interval(fields["ci"]),
        number(fields["bf_entropy"]),
        number(fields["bf_nll"]),
        f"{fields['mean_length']:.1f}",
        "" if fields["ended"] is None else f"{100 * fields['ended']:.0f} %",
    ]


def _ratio_line(fields: dict[str, Any], called: dict[str, str]) -> str:
    pair = f"BF of {called[fields['base']]} / BF of {called[fields['aligned']]}"
    if fields["ratio"] is None:
        return paragraph(f"{pair}: none, {fields['reason']}")
    ci = "" if fields["ci"] is None else f" {interval(fields['ci'])}"
    return paragraph(f"{pair}: {number(fields['ratio'])}{ci}")


def _insertion_line(insertion: dict[str, Any]) -> str:
    before, without, after = (insertion[name]["windows"] for name in _INSERTION)
    last = before[-1]["bf"] if before else None
    following = [number(each[0]["bf"] if each else None) for each in (after, without)]
    return paragraph(
        f"{insertion['tokens']} random tokens after {insertion['position']}: windowed BF {number(last)} just before, "
        f"then {following[0]} with them and {following[1]} without, in {insertion['n']} samples"
    )


def _spread_line(spread: dict[str, Any]) -> str:

    found = f"over the settings BF is {number(spread['low'])} to {number(spread['high'])}"
    if spread["mean_difference"] is None:
        return found
    return f"{found}; two settings differ by {number(spread['mean_difference'])} on average"


def _templates(models: list[dict[str, Any]], called: dict[str, str]) -> str:
    """What the prompts were put into: it moves BF as much as the model does."""
    taken = {each["template"] for each in models}
    of = "; ".join(f"{each['template']} for {called[each['model']]}" for each in models)
    bare = {"raw", "chat"} <= taken
    hint = " A base that gets a bare question need not answer it: --template page asks it one."
    return f"Templates: {of}.{hint if bare else ''}"


def _definition(settings: dict[str, Any], prompts: int) -> str:
    cap = f", on the {settings['cap_k']} best tokens" if settings["cap_k"] else ""
    how = (
        "aggregated position by position over the samples that reach it, as the authors' code does"
        if settings["compat"]
        else "over a prompt's samples, each averaged over its own length (arXiv 2506.17871)"
    )
    return (
        f"BF: {BF_ROLLOUTS.formula} (entropy) or {BF_LIKELIHOOD.formula} (nll), {how}{cap}; estimator "
        f"{settings['estimator']}. Over prompts the mean of their BFs. {settings['samples']} samples of up to "
        f"{settings['max_tokens']} tokens, temperature {settings['temperature']:g}, top-p {settings['top_p']:g}, seed "
        f"{settings['seed']}. Intervals are 95 %: of a prompt by bootstrap over its samples"
        + (f"; over prompts {rests(prompts)}." if prompts > 1 else ".")
    )
