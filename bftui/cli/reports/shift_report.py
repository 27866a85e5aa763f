"""A token distribution shift for people: shares, means by position, the curve, and the tokens that shifted most."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import attrgetter

from bftui.cli.shared.plot import Line, coloured, plot
from bftui.cli.shared.tables import WIDTH, aligned, clipped, number, paragraph
from bftui.core.bf.prompt_intervals import rests
from bftui.core.definitions import LIN, SHIFT
from bftui.core.pair.distribution_shift import KINDS
from bftui.core.text import counted, label, safe
from bftui.results.shift_result import PositionMean, ShiftedText, ShiftOutput

_LISTED = 12
"""Shifted tokens that are printed; the JSON has all."""

_BINS = ((0, 1), (1, 2), (2, 3), (3, 5), (5, 10), (10, 20), (20, 50), (50, 100), (100, 10**9))
"""Positions that a row of the table stands for: first, and one past the last."""

_SMOOTH = 2
"""Positions to either side that a point of the curve is the mean of."""

_Of = Callable[[PositionMean], float]

_rank: _Of = attrgetter("mean_rank")
_prob: _Of = attrgetter("mean_prob")
_kl: _Of = attrgetter("mean_kl")
_SHARES: dict[str, _Of] = {kind: attrgetter(f"shares.{kind}") for kind in KINDS}


def report(found: ShiftOutput) -> str:
    """Writes the result for people; safe to print."""
    writer, scorer = _names(found)
    answers = len(found.answers)
    several = "s" if answers > 1 else ""
    title = clipped(f"{answers} answer{several} of {writer}, scored by {scorer}", WIDTH)
    parts = [
        f"{title}\n{paragraph(_templates(found))}\n{_shares(found)}",
        f"by position in the answer\n{_positions(found.by_position)}",
        f"classes by position (mean over {2 * _SMOOTH + 1} positions)\n{_curve(found)}",
    ]
    if found.most_shifted:
        parts.append(f"most often shifted\n{_shifted(found.most_shifted)}")
    parts.append("\n".join(map(paragraph, _notes(found))))
    return "\n\n".join(parts)


def _names(found: ShiftOutput) -> tuple[str, str]:
    """Says who wrote the answers, and who scored them."""
    base, other = (safe(found.models[which]["name"]) for which in ("base", "aligned"))
    return (base, other) if found.text == "base" else (other, base)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _shares(found: ShiftOutput) -> str:
    rows = [["", "share", "95 % interval", "rank"]]
    intervals = found.intervals or (None, None, None)
    for kind, ranks, ends in zip(KINDS, ("1", "2-3", "4-"), intervals, strict=True):
        span = "–" if ends is None else f"[{_percent(ends[0])}, {_percent(ends[1])}]"
        rows.append([kind, _percent(found.shares.share(kind)), span, ranks])
    told = counted(found.n, "token")
    if found.within_noise:
        told += f", {found.within_noise} of them with a class within the noise floor"
    return f"{aligned(rows, '<>>>')}\n{told}"


def _positions(means: Sequence[PositionMean]) -> str:
    # Models with vocabularies of their own have no divergence anywhere.
    apart = _apart(means)
    rows = [["tokens", "answers", *KINDS, "mean rank", "mean P", *(["mean KL"] if apart else [])]]
    for first, end in _BINS:
        there = [mean for mean in means if first <= mean.position < end]
        if not there:
            continue
        last = there[-1].position
        name = str(first) if last == first else f"{first}-{last}"
        known = [mean for mean in there if mean.mean_kl is not None]
        kl = f"{_weighed(known, _kl):.3f}" if known else "–"
        rows.append(
            [
                name,
                str(max(mean.n for mean in there)),
                *(_percent(_weighed(there, share)) for share in _SHARES.values()),
                number(_weighed(there, _rank)),
                f"{_weighed(there, _prob):.3f}",
                *([kl] if apart else []),
            ]
        )
    return aligned(rows, "<" + ">" * (len(rows[0]) - 1))


def _apart(means: Sequence[PositionMean]) -> bool:
    """Says whether the two distributions could be compared as a whole at any position."""
    return any(mean.mean_kl is not None for mean in means)


def _weighed(means: Sequence[PositionMean], of: _Of) -> float:
    """Takes the mean over all answers at these positions."""
    total = math.fsum(mean.n for mean in means)
    return math.fsum(of(mean) * mean.n for mean in means) / total


def _curve(found: ShiftOutput) -> str:
    means = {mean.position: mean for mean in found.by_position}
    lines = []
    for name, of in (*_SHARES.items(), ("mean P of the token", _prob)):
        values: list[float] = []
        for place in range(max(means) + 1):
            near = range(place - _SMOOTH, place + _SMOOTH + 1)
            there = [means[each] for each in near if each in means]
            # Pieces of a text that two tokenizers split differently leave positions out.
            values.append(_weighed(there, of) if there else values[-1])
        lines.append(Line(name, values))
    return plot(lines, colour=coloured(), shares=True)


def _shifted(counted: Sequence[ShiftedText]) -> str:
    rows = [["token", "times"]]
    for each in counted[:_LISTED]:
        rows.append([label(each.text.encode()), str(each.count)])
    more = len(counted) - _LISTED
    return aligned(rows, "<>") + (f"\nand {more} more" if more > 0 else "")


def _basis(answers: int) -> str:
    return f" Intervals are 95 %, over answers {rests(answers, 'answers')}." if answers > 1 else ""


def _templates(found: ShiftOutput) -> str:
    """Says what the prompts of either model were put into."""
    said = []
    for which in ("base", "aligned"):
        taken = {getattr(each.answer.contexts, which).template for each in found.answers}
        said.append(f"{', '.join(sorted(taken))} for {safe(found.models[which]['name'])}")
    return f"Templates: {'; '.join(said)}."


def _notes(found: ShiftOutput) -> list[str]:
    """Says what the numbers are, and what each model read."""
    writer, scorer = (
        ("aligned model", "base") if found.text == "aligned" else ("base", "aligned model")
    )
    kl = f" KL is KL({writer} || {scorer}), nats." if _apart(found.by_position) else ""
    notes = [
        f"Shift: {SHIFT.formula} ({LIN}). The {scorer} reads; rank and P are its own, over the whole vocabulary, and a "
        "token within 0.001 of the best logit counts as unshifted."
        f"{kl}{_basis(len(found.answers))}"
    ]
    if found.within_noise:
        notes.append(
            f"Within the noise floor: with another shape of batch the {scorer} might give another class, for the gap "
            f"to it is at most twice the floor of a logit; or the {writer}, which wrote the token as its best, has "
            "another one in this pass. Their classes stay."
        )
    if any(each.answer.contexts.seam for each in found.answers):
        notes.append(
            "The first token begins with a blank for one model only: its rank is that of the word with or without the "
            "blank, and it has no KL."
        )
    if found.hand_over.by == "text":
        notes.append(
            f"The answer was handed over as text, for {safe(found.hand_over.why)}: the smallest pieces that "
            "begin and end with a token of both are compared, by the largest rank and the product of the "
            "probabilities in them, without KL."
        )
    ended = [each.answer.ended for each in found.answers]
    for reason, said in (("length", "reached --max-tokens"), ("context", "filled a context")):
        if reason in ended:
            notes.append(f"{ended.count(reason)} of {len(ended)} answers {said}.")
    return notes
