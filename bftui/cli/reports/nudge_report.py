"""Nudged texts for people: the texts with their authors, a table of prompts, and one of gammas."""

from __future__ import annotations

from collections.abc import Sequence

from bftui.cli.shared.tables import aligned, clipped, interval, number, paragraph
from bftui.core.bf.prompt_intervals import rests
from bftui.core.definitions import BF_NUDGED, FEI
from bftui.core.schedule import gammas_told
from bftui.core.text import counted, safe
from bftui.results.nudging_result import (
    FactorOverPrompts,
    NamedNudging,
    NudgingOutput,
    NudgingResult,
    NudgingSummary,
    RatioOverPrompts,
)

MARKS = "«", "»"
"""Stand around what the aligned model wrote."""

_TEXTS = 8
"""Texts that are printed; of more there is a line each."""

_STOPS = {
    "partner": ("ended", "the aligned model ended the text"),
    "repeat": ("repeats", "stopped: the aligned model said the same again and again"),
    "rounds": ("rounds", "stopped after the rounds asked for"),
    "length": ("length", "stopped at the length asked for"),
    "context": ("context", "stopped: a context is full"),
}

_SPLIT = {
    False: "where the base keeps its own tokens",
    True: "where the whole text is split again each time, as published (--plain)",
}


def report(found: NudgingOutput) -> str:
    """Writes the result for people; safe to print."""
    several = len(found.sweep) > 1
    said = (
        f"{template} for {safe(found.models[which]['name'])}"
        for which, template in found.templates.items()
    )
    parts = [paragraph(f"Templates: {'; '.join(said)}.")]
    texts = found.results
    parts += [_text(each, several) for each in texts] if len(texts) <= _TEXTS else []
    if len(texts) > 1:
        parts.append(_prompts(texts, several))
    else:
        parts.append(_outcome(texts[0].result))
    parts.append(_sweep(found.sweep))
    scheduled = gammas_told(found.settings.settings.windows)
    notes = [f"In place of gamma: {scheduled}, positions after the prompt."] if scheduled else []
    parts.append("\n".join(map(paragraph, [*notes, _definition(found), *found.warnings])))
    return "\n\n".join(parts)


def _text(each: NamedNudging, several: bool) -> str:
    run = each.result
    gamma = f" · gamma {run.gamma:g}" if several else ""
    left, lines = len(run.text), list[str]()
    for piece in run.pieces:
        said = piece.text.decode(errors="replace")[:left]
        left -= len(said)
        body = said.lstrip()
        if piece.author == "partner" and body:
            # The blank before a word stays outside: marks stand at what is read.
            said = f"{said[: len(said) - len(body)]}{MARKS[0]}{body}{MARKS[1]}"
        lines.append(said)
    text = "".join(lines).strip()
    folded = "\n".join(paragraph(safe(line)) for line in text.split("\n"))
    return f"{safe(each.id)}{gamma}\n{folded or '(no text)'}"


def _outcome(found: NudgingResult) -> str:
    tokens, rounds = counted(found.tokens, "token"), counted(found.rounds, "round")
    share = _percent(found.share_nudged)
    return paragraph(f"{tokens}, {share} nudged · {rounds} · {_STOPS[str(found.stop)][1]}")


def _prompts(results: Sequence[NamedNudging], several: bool) -> str:
    rows = [["prompt", "gamma", "nudged", "tokens", "rounds", "stop", "BF alone", "nudged", "own"]]
    rows += [
        [
            safe(each.id),
            f"{run.gamma:g}",
            _percent(run.share_nudged),
            str(run.tokens),
            str(run.rounds),
            _STOPS[str(run.stop)][0],
            *map(number, (run.bf_base, run.bf_nudged, run.bf_base_written)),
        ]
        for each in results
        for run in (each.result,)
    ]
    if not several:
        rows = [[*row[:1], *row[2:]] for row in rows]
    return aligned(rows, "<" + ">" * (len(rows[0]) - 1), first=12 if several else 20)


def _sweep(summaries: Sequence[NudgingSummary]) -> str:
    rows = [["", "nudged", "BF", "95 % interval", "ratio", "95 % interval"]]
    base = summaries[0]
    rows.append(["base alone", "", *_bf(base.bf_base), "", ""])
    for each in summaries:
        share, ratio = each.share_nudged, each.ratio
        mean = None if share is None else share.mean
        name = f"gamma {each.gamma:g}"
        rows.append([name, _percent(mean), *_bf(each.bf_nudged), *_ratio(ratio)])
        rows.append(["  own", "", *_bf(each.bf_base_written), "", ""])
    rows.append(["aligned alone", "", *_bf(base.bf_partner), *_ratio(base.ratio_aligned)])
    return aligned(rows, "<>>>>>", first=20)


def _bf(found: FactorOverPrompts | None) -> list[str]:
    return ["–", "–"] if found is None else [number(found.bf), interval(found.ci)]


def _ratio(found: RatioOverPrompts | None) -> list[str]:
    return ["–", "–"] if found is None else [number(found.ratio), interval(found.ci)]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def _basis(prompts: int) -> str:
    return f"; its intervals are 95 %, {rests(prompts)}" if prompts > 1 else ""


def _definition(found: NudgingOutput) -> str:
    handed = found.hand_over.by
    by = "as ids" if handed.by == "ids" else "as text"
    why = f" ({safe(handed.why)})" if handed.why else ""
    base, partner = (
        clipped(safe(model["name"]), 40)
        for model in (found.models["base"], found.models["aligned"])
    )
    return (
        f"{MARKS[0]}…{MARKS[1]} was written by {partner}, the rest by {base}, both by their most probable tokens; "
        f"handed over {by}{why}, {_SPLIT[found.hand_over.split_anew]}; drafts of {found.settings.settings.draft} "
        f"tokens ({FEI}). BF: {BF_NUDGED.formula}, of the aligned model's along its own text alone; over prompts the "
        "mean"
        f"{_basis(found.summary.prompts)}; ratio: BF of the base alone over it. "
        "own: positions of tokens that the base wrote."
    )
