"""The response to a forced text as a section of a report: the sentence, its numbers, the looks."""

from __future__ import annotations

from bftui.core import definitions
from bftui.core.text import counted, safe
from bftui.results import response_words as words
from bftui.results.response_result import ControlsResult, PartnerResponseResult, ResponseResult
from bftui.trace.report.content import number
from bftui.trace.report.figures import response_figure
from bftui.trace.report.figures.session_figures import Spread
from bftui.trace.report.sentences import (
    ROWS,
    Asked,
    Section,
    Table,
    clipped,
    interval,
    sentence,
    signed,
    token_text,
)


def response(asked: Asked) -> Section:
    """Says what forcing a text did."""
    return _told(asked, asked.stored.result)


def partner_response(asked: Asked) -> Section:
    """Says what forcing the same text did in the partner."""
    beside: PartnerResponseResult = asked.stored.result
    return _told(asked, beside.response)


def _told(asked: Asked, found: ResponseResult) -> Section:
    text = token_text(found.forced.text)
    said = f"{safe(found.verdict or 'no verdict')}: {words.sentence(found, text)}"
    if found.p is not None:
        said += f"; p {found.p:.2g}"
    if found.p_holm is not None:
        said += f", {found.p_holm:.2g} by Holm's method for several texts"
    kinds = found.controls[:ROWS]
    drawn = [Spread(f"forced {text}", found.forced.bf, found.forced.ci, True)]
    drawn += [
        Spread(f"{_name(kind)} ({len(kind.texts)})", kind.bf, kind.ci, of=kind.bfs[:_DOTS])
        for kind in kinds
        if kind.bf is not None
    ]
    picture = response_figure.response(asked.name, drawn, found.by_horizon[:ROWS], _caption(found))
    notes = [f"{100 * found.forced.ended:.0f} % of the samples after the forced text ended"]
    notes += [words.gap(found)] if words.gap(found) else []
    if found.extended is not None:
        notes.append(words.added(found.extended))
    return Section(
        said,
        definitions.RESPONSE,
        _kinds(found, kinds, text),
        picture,
        notes=tuple(map(sentence, notes)),
        further=(_looks(found),) if found.looks else (),
    )


_DOTS = 400
"""Controls of one kind that are drawn one by one."""


def _name(kind: ControlsResult) -> str:
    return clipped(safe(kind.kind), 20)


def _caption(found: ResponseResult) -> str:
    samples, tokens = found.size
    caption = (
        f"BF over the up to {counted(tokens, 'token')} after each text, entropy estimator, "
        f"{counted(samples, 'continuation')} of each text; with 95 % intervals: of a single text by bootstrap "
        "over its continuations, of several the t-interval of their geometric mean. In brackets: how many texts"
    )
    if any(kind.bfs for kind in found.controls):
        caption += "; each is a stroke"
    if not found.by_horizon:
        return f"{caption}."
    return (
        f"{caption}. Below: BF after the forced text over that after the matched controls, over the first tokens "
        "alone, with the 95 % interval by sampling."
    )


def _kinds(found: ResponseResult, kinds: tuple[ControlsResult, ...], text: str) -> Table:
    forced = found.forced
    rows = [(f"forced {text}", "1", number(forced.bf), interval(forced.ci), "", "", "")]
    for kind in kinds:
        ci = kind.delta_ci
        rows.append(
            (
                _name(kind),
                str(len(kind.texts)),
                number(kind.bf),
                interval(kind.ci),
                signed(kind.delta),
                "–" if ci is None else f"[{signed(ci[0])}, {signed(ci[1])}]",
                definitions.CONTROLS.get(kind.kind, ""),
            )
        )
    interval_of = "95 % interval"
    return Table(
        ("", "texts", "BF", interval_of, "Δ ln BF", interval_of, "what it is held against"),
        tuple(rows),
        "Δ ln BF is that of the forced text minus the mean of the controls'; its interval is that of one more text "
        "like them.",
        words=1,
    )


def _looks(found: ResponseResult) -> Table:
    level = f"{100 * found.looks[0].level:.4g} %"
    rows = tuple(
        (
            f"look {place}",
            str(look.samples),
            "–" if look.delta is None else words.times(look.delta),
            "–" if look.delta_ci is None else words.span(look.delta_ci),
            "–" if look.noise_ci is None else words.span(look.noise_ci),
            safe(look.verdict),
        )
        for place, look in enumerate(found.looks[:ROWS], start=1)
    )
    return Table(
        ("", "samples of each", "BF ×", f"like it, {level}", f"sampling, {level}", "verdict"),
        rows,
        "BF after the forced text over that after the matched controls at each look. Like it: where one more text like "
        "the controls would lie. Sampling: where the ratio to these very controls lies.",
        words=1,
    )
