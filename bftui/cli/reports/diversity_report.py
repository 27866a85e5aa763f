"""Diversity for people: one table over the stages, a picture of where it goes, and what the numbers are."""

from __future__ import annotations

from collections.abc import Sequence

from bftui.cli.shared.plot import Spot, coloured, spots
from bftui.cli.shared.tables import aligned, interval, number, paragraph, signed
from bftui.core.bf.prompt_intervals import rests
from bftui.core.definitions import (
    COMPRESSION,
    CONDITIONAL_SURPRISE,
    DECOMPOSITION,
    DISTINCT_ANSWERS,
    EAD,
    ENTAILED,
    MEAN_DISTANCE,
    PASS_AT_K,
    SELF_BLEU,
    VENDI,
    Definition,
)
from bftui.core.text import counted, safe
from bftui.results.diversity_result import (
    DiversityFall,
    DiversityModel,
    DiversityOutput,
    OutputMeans,
)

_ROWS = (
    ("Vendi", "vendi"),
    ("mean distance", "distance"),
    ("distinct answers", "distinct"),
    ("EAD", "ead"),
    ("Self-BLEU", "self_bleu"),
    ("compression", "compression"),
    ("entailment", "entailment"),
    ("surprise", "surprise"),
)


def report(found: DiversityOutput) -> str:
    """Writes the result for people; safe to print."""
    models, names = found.models, _names(found.models)
    parts = [_head(found), _table(models, names)]
    checked = found.settings.check is not None
    if any(each.means.distance is not None for each in models):
        parts.append(_picture(models, names, checked=checked))
    if checked:
        parts.append(_correct(models, names))
    falls = [
        _fall(name, each.decomposition)
        for each, name in zip(models, names, strict=True)
        if each.decomposition is not None
    ]
    parts += ["\n".join(falls)] if falls else []
    parts += [_by_k(models, names)] if any(len(each.by_k) > 1 for each in models) else []
    parts.append("\n".join(map(paragraph, _said(found, names))))
    return "\n\n".join(parts)


def _names(models: Sequence[DiversityModel]) -> list[str]:
    """What each stage is called: a model's name, or as it was asked for where two have one name."""
    plain = [each.facts["name"] if each.facts else each.model for each in models]
    asked = {
        name: {each.model for each, n in zip(models, plain, strict=True) if n == name}
        for name in plain
    }
    return [
        safe(each.model if len(asked[name]) > 1 else name)
        + (", no thinking" if each.no_thinking else "")
        for each, name in zip(models, plain, strict=True)
    ]


def _head(found: DiversityOutput) -> str:
    models, settings = found.models, found.settings
    k = next((each.k for each in models if each.k is not None), None)
    of = f"Diversity of {k} outputs a prompt" if k else "Diversity: nothing to compare"
    said = f"{of}, over {counted(settings.compared, 'prompt')}."
    if k is None:
        said += " One output of a prompt says nothing of how far outputs differ: it takes two."
    right = next((each.correct for each in models if each.correct is not None), None)
    if right is not None:
        said += (
            f" Correct only: {right.k} correct outputs a prompt, over the "
            f"{counted(right.prompts, 'prompt')} with two of them in every model."
            if right.k
            else " Correct only: no prompt has two correct outputs in every model."
        )
    return paragraph(said)


def _table(models: Sequence[DiversityModel], names: Sequence[str]) -> str:
    checked = any(each.correct is not None for each in models)
    head = ["", "all outputs", "95 % interval"]
    head += ["correct only", "95 % interval"] if checked else []
    rows = [head]
    for title, field in _ROWS:
        if all(getattr(each.means, field) is None for each in models):
            continue
        rows.append([title, *[""] * (len(head) - 1)])
        for each, name in zip(models, names, strict=True):
            row = [f"  {name}", *_cells(each.means, field)]
            if checked:
                row += ["–", "–"] if each.correct is None else _cells(each.correct.means, field)
            rows.append(row)
    return aligned(rows, "<" + ">" * (len(head) - 1))


def _cells(means: OutputMeans, field: str) -> list[str]:
    return [number(getattr(means, field)), interval(getattr(means, f"{field}_ci"))]


def _picture(models: Sequence[DiversityModel], names: Sequence[str], *, checked: bool) -> str:
    def spot(means: OutputMeans | None) -> Spot | None:
        if means is None or means.distance is None:
            return None
        return Spot(means.distance, means.distance_ci)

    rows = []
    for each, name in zip(models, names, strict=True):
        right = None if each.correct is None else each.correct.means
        rows.append((name, [spot(each.means), *([spot(right)] if checked else [])]))
    kinds = ["all outputs", "correct only"] if checked else ["all outputs"]
    title = "Mean distance of two outputs of a prompt, stage by stage"
    return f"{title}\n{spots(rows, kinds, colour=coloured())}"


def _correct(models: Sequence[DiversityModel], names: Sequence[str]) -> str:
    rows = [["", "correct", "of", "95 % interval", "pass@1", "pass@K", "K", "majority"]]
    for each, name in zip(models, names, strict=True):
        passes = {at.k: at.value for at in each.pass_at_k or ()}
        last = max(passes, default=None)
        rows.append(
            [
                name,
                number(each.k_correct),
                f"{each.outputs:g}",
                interval(each.k_correct_ci),
                number(passes.get(1)),
                number(None if last is None else passes[last]),
                "–" if last is None else str(last),
                number(each.majority),
            ]
        )
    return aligned(rows, "<>>>>>>>")


def _fall(name: str, fall: DiversityFall) -> str:
    if fall.all is None:
        return paragraph(f"{name}: no fall to take apart, {fall.reason}.")
    all_ci, correct_ci = (
        "" if ci is None else f" {interval(ci, difference=True)}"
        for ci in (fall.all_ci, fall.correct_ci)
    )
    said = (
        f"{name}: distance fell by {signed(fall.all)}{all_ci} over all outputs and by "
        f"{signed(fall.correct)}{correct_ci} over correct ones"
    )
    if fall.residual_share is None:
        return paragraph(f"{said}; no share, {fall.reason}.")
    share_ci = fall.residual_share_ci
    ends = "" if share_ci is None else f" [{100 * share_ci[0]:.0f}, {100 * share_ci[1]:.0f}]"
    return paragraph(
        f"{said}: {100 * fall.residual_share:.0f} %{ends} of the fall is left among correct outputs, the rest went "
        f"with wrong ones."
    )


def _by_k(models: Sequence[DiversityModel], names: Sequence[str]) -> str:
    sizes = [str(each.k) for each in models[0].by_k]
    rows = [["Vendi of K outputs, K =", *sizes]]
    rows += [
        [f"  {name}", *(number(at.vendi) for at in each.by_k)]
        for each, name in zip(models, names, strict=True)
    ]
    rows.append(["distinct answers", *[""] * len(sizes)])
    rows += [
        [f"  {name}", *(number(at.distinct) for at in each.by_k)]
        for each, name in zip(models, names, strict=True)
    ]
    return aligned(rows, "<" + ">" * len(sizes))


def _said(found: DiversityOutput, names: Sequence[str]) -> list[str]:
    """What the numbers are and what they are made from."""
    settings, models = found.settings, found.models
    words: list[Definition] = [VENDI, MEAN_DISTANCE, DISTINCT_ANSWERS, EAD]
    words += [SELF_BLEU] if settings.self_bleu else []
    words += [COMPRESSION]
    words += [ENTAILED] if settings.entailment else []
    words += [CONDITIONAL_SURPRISE] if settings.surprise else []
    words += [PASS_AT_K, DECOMPOSITION] if settings.check else []
    said = [f"{word.name}: {word.meaning[0].lower()}{word.meaning[1:]}" for word in words]
    made = [f"Kernel: {safe(settings.kernel)}", f"V of EAD: {settings.vocabulary:,}"]
    made += [f"Self-BLEU: {settings.self_bleu}"] if settings.self_bleu else []
    made += [f"entailment: {safe(settings.entailment)}"] if settings.entailment else []
    made += [f"surprise: {safe(settings.surprise)}"] if settings.surprise else []
    made += [f"correct: {safe(settings.check)}"] if settings.check else []
    said.append(f"{'; '.join(made)}.")
    for name, cut in (("kernel", settings.kernel_cut), ("entailment", settings.entailment_cut)):
        if cut:
            said.append(f"{counted(cut, 'input')} of the {name} were longer than its model reads.")
    if settings.sampling is not None:
        how = settings.sampling
        said.append(
            f"{how.samples} outputs of up to {how.max_tokens} tokens, temperature {how.sampler.temperature:g}, top-p "
            f"{how.sampler.top_p:g}, seed {how.sampler.seed}."
        )
    if settings.compared > 1:
        said.append(f"Intervals are 95 %, {rests(settings.compared)}.")
    elif settings.compared:
        said.append("Intervals are 95 %, by bootstrap over the outputs of one prompt.")
    right = next((each.correct.prompts for each in models if each.correct), 0)
    if 0 < right < settings.compared:
        rest = rests(right) if right > 1 else "by bootstrap over the outputs of one prompt"
        said.append(f"Those of correct outputs alone: {rest}.")
    for each, name in zip(models, names, strict=True):
        said += _warnings(each, name)
    taken = {each.template for each in models if each.template}
    if taken:
        of = "; ".join(
            f"{each.template} for {name}"
            for each, name in zip(models, names, strict=True)
            if not each.no_thinking
        )
        said.append(f"Templates: {of}.")
    return said + list(dict.fromkeys(note for each in models for note in each.notes))


def _warnings(model: DiversityModel, name: str) -> list[str]:
    said = []
    total = sum(each.k for each in model.prompts) + model.unfinished
    if model.cut:
        said.append(
            f"{name}: {model.cut} of {total} outputs were cut at the limit of tokens, and count as they are."
        )
    if model.unfinished:
        said.append(
            f"{name}: {model.unfinished} of {total} outputs ended inside of a thinking block and are left out."
        )
    if model.unknown:
        said.append(
            f"{name}: {model.unknown} of {total} outputs could not be judged and count as neither correct nor wrong."
        )
    return said
