"""What forced texts did to BF, for people: a sentence and its numbers for each, and a ranked table of several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bftui.cli.shared.tables import WIDTH, aligned, interval, number, paragraph, signed
from bftui.core.text import counted, safe
from bftui.results import response_words as words
from bftui.results.response_result import ResponseResult


@dataclass(frozen=True, slots=True)
class ReportedResponse:
    """One text as it is printed.

    Attributes:
        name: the text as it is shown; safe.
        found: what was found of it.
        planned: how many looks were planned.
        within_noise: whether the difference is within the noise floor of the model.
    """

    name: str
    found: ResponseResult
    planned: int
    within_noise: bool = False


def report(responses: Sequence[ReportedResponse], *, defined: bool = True) -> str:
    """Writes one response, or several, the one that narrows most first; safe to print.

    `defined`: with what the numbers are.
    """
    ranked = sorted(responses, key=_ratio)
    parts = [_ranking(ranked)] if len(ranked) > 1 else []
    # A table of the matched controls alone says what the ranking says.
    if len(ranked) == 1 or any(len(each.found.controls) > 1 for each in ranked):
        parts += [_block(each) for each in ranked]
    return "\n\n".join([*parts, _definition(ranked)] if defined else parts)


def report_beside(model: str, responses: Sequence[ReportedResponse]) -> str:
    """Writes the responses of a second model, by its name, below those of the first; safe to print."""
    head = f"The same in {safe(model)}, after its own prompt:"
    return f"{head}\n\n{report(responses, defined=False)}"


def _ratio(each: ReportedResponse) -> float:
    """ln of the ratio so far; the last where there is none."""
    found = each.found
    if found.delta is not None:
        return found.delta
    return math.log(found.by_horizon[-1].ratio) if found.by_horizon else math.inf


# Several texts -------------------------------------------------------------------------------------------------


def _ranking(ranked: Sequence[ReportedResponse]) -> str:
    rows = [["", "BF ×", "like it", "sampling", "ln P", "gap", "p Holm", "verdict"]]
    rows += [_line(each) for each in ranked]
    numbers = [max(map(len, column)) for column in list(zip(*rows, strict=True))[1:]]
    name = max(8, WIDTH - sum(numbers) - 2 * len(numbers))
    told = [
        "Which text narrows most here:",
        "",
        aligned(rows, "<>>>>>><", first=name),
        "",
        paragraph(words.sentence(ranked[0].found, ranked[0].name)),
    ]
    warned = (each for each in ranked if words.gap(each.found))
    told += [paragraph(f"{each.name}: {words.gap(each.found)}") for each in warned]
    if any(each.within_noise for each in ranked):
        told.append(paragraph(f"~ {_WITHIN}"))
    return "\n".join(told)


def _line(each: ReportedResponse) -> list[str]:
    found, match = each.found, each.found.match
    ratio, told = _ratio(each), found.by_horizon[-1] if found.by_horizon else None
    noise = "–" if found.noise_ci is None else words.span(found.noise_ci)
    if found.verdict is None and told is not None and told.noise_ci is not None:
        noise = words.span((math.log(told.noise_ci[0]), math.log(told.noise_ci[1])))
    logprob, gap = found.forced.logprob, None if match is None else match.gap
    return [
        each.name,
        words.times(ratio) if math.isfinite(ratio) else "–",
        "–" if found.delta_ci is None else words.span(found.delta_ci),
        noise,
        "–" if logprob is None else f"{logprob:.2f}",
        "–" if gap is None else f"{gap:.2f}",
        "–" if found.p_holm is None else f"{found.p_holm:.2g}",
        (found.verdict or "not judged") + ("~" if each.within_noise else ""),
    ]


# One text ------------------------------------------------------------------------------------------------------


def _block(each: ReportedResponse) -> str:
    found = each.found
    lines = [
        paragraph(" · ".join(_heading(each))),
        paragraph(words.sentence(found, each.name)),
        "",
        _kinds(found),
        "",
    ]
    if found.looks:
        lines += [_looks(found, each.planned), ""]
    more = [_match(found), words.gap(found), words.over_tokens(found)]
    if found.extended is not None:
        more.append(words.added(found.extended))
    return "\n".join([*lines, *(paragraph(text) for text in more if text)])


def _heading(each: ReportedResponse) -> list[str]:
    found = each.found
    heading = [each.name, found.verdict or "not judged yet"]
    if found.p is not None:
        holm = "" if found.p_holm is None else f", Holm {found.p_holm:.2g}"
        heading.append(f"p {found.p:.2g}{holm}")
    if found.forced.rank is not None:
        past = "" if found.forced.kept else ", past the truncation"
        heading.append(f"rank {found.forced.rank}{past}")
    heading.append(f"{100 * found.forced.ended:.0f} % of its samples ended")
    return [*heading, _WITHIN] if each.within_noise else heading


_WITHIN = "the difference is within the noise floor of the model"


def _kinds(found: ResponseResult) -> str:
    """BF after the text and after the controls of each kind."""
    forced = found.forced
    rows = [["", "texts", "BF", "95 % interval", "Δ ln BF", "95 % interval"]]
    rows.append(["forced", "1", number(forced.bf), interval(forced.ci), "", ""])
    for kind in found.controls:
        rows.append(
            [
                safe(kind.kind),
                str(len(kind.texts)),
                number(kind.bf),
                interval(kind.ci),
                signed(kind.delta),
                interval(kind.delta_ci, difference=True),
            ]
        )
    return aligned(rows, "<>>>>>")


def _looks(found: ResponseResult, planned: int) -> str:
    level = f"{100 * found.looks[0].level:.4g} %"
    rows = [["look", "samples", "BF ×", f"like it, {level}", f"sampling, {level}", "verdict"]]
    for place, look in enumerate(found.looks, start=1):
        rows.append(
            [
                f"{place} of {planned}",
                str(look.samples),
                "–" if look.delta is None else words.times(look.delta),
                "–" if look.delta_ci is None else words.span(look.delta_ci),
                "–" if look.noise_ci is None else words.span(look.noise_ci),
                look.verdict,
            ]
        )
    return aligned(rows, "<>>>><")


def _match(found: ResponseResult) -> str:
    """How probable the text is, and the matched controls are."""
    own, match = found.forced.logprob, found.match
    of = "ln P of the text: " + ("none" if own is None else f"{own:.2f}")
    if match is None:
        return of
    gap = "" if match.gap is None else f", gap {match.gap:.2f} nats"
    return f"{of}; of the openings like it: {match.low:.2f} to {match.high:.2f}{gap}"


# What the numbers are ------------------------------------------------------------------------------------------


def _definition(responses: Sequence[ReportedResponse]) -> str:
    """What a reader needs at the table; the whole definition is long, and stands where it is looked up."""
    several = any(each.found.p_holm is not None for each in responses)
    corrected = (", p Holm below .05", ", likewise") if several else ("", "")
    lines = [
        "BF ×: BF after the text / BF after openings like it, over up to "
        f"{counted(responses[0].found.horizon, 'token')}.",
        "Like it: its range against one more such opening. Sampling: by chance alone.",
        f"Narrows: “like it” is below 1{corrected[0]}. Widens: above 1{corrected[1]}.",
        "No effect: “sampling” is within 10 % of 1. Else undecided. In full: K, README.",
    ]
    return "\n".join(lines)
