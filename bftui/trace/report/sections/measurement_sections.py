"""The measurements of a trace as sections of a report: numbers, a table, a picture, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from typing import Any

from bftui.core import definitions
from bftui.core.bf.estimate import curve, windows
from bftui.core.text import counted, safe
from bftui.results.codec import FieldError
from bftui.results.lookahead_result import LookaheadResult
from bftui.results.rollouts_result import RolloutsResult
from bftui.results.stored_result import StoredResult
from bftui.trace.report.content import Content, number
from bftui.trace.report.figures import session_figures
from bftui.trace.report.sections import pair_sections
from bftui.trace.report.sections.calibration_section import calibration
from bftui.trace.report.sections.dial_section import dial
from bftui.trace.report.sections.forks_section import forks
from bftui.trace.report.sections.horizon_section import horizon
from bftui.trace.report.sections.injection_section import injection
from bftui.trace.report.sections.response_section import partner_response, response
from bftui.trace.report.sentences import (
    LONG,
    ROWS,
    Asked,
    Section,
    Table,
    clipped,
    interval,
    settings_shown,
    shown,
    token_text,
    where,
)

MOST = 24
"""Measurements that are shown; of more the last ones are counted."""

_TEXTS = 6
_MOST_DRAWN = 400_000
"""Tokens of rollouts beyond which the curve would take longer than all the rest."""


def sections(content: Content) -> tuple[list[Section], int]:
    """The first `MOST` measurements, and how many there are in all."""
    found: list[Section] = []
    count = 0
    for fields in content.file.measurements():
        count += 1
        if len(found) < MOST:
            found.append(_section(content, fields, count))
    return found, count


def _section(content: Content, fields: dict[str, Any], place: int) -> Section:
    kind = fields["kind"]
    title, tell = KINDS.get(kind, (clipped(safe(kind), 40) or "measurement", None))
    if tell is None:
        told = _as_it_is(fields["result"], "bftui has no picture of this kind of measurement.")
    else:
        try:
            told = tell(Asked(content, StoredResult.read(fields), f"{place}-{kind}"))
        except FieldError as error:
            told = _as_it_is(fields["result"], safe(f"It cannot be drawn: {error}."))
    at, settings = where(content, fields["node"]), settings_shown(fields["settings"])
    return replace(told, title=title, where=at, settings=settings)


def _as_it_is(result: dict[str, Any], note: str) -> Section:
    rows = tuple(
        (clipped(safe(str(name)), 40), shown(value)) for name, value in list(result.items())[:ROWS]
    )
    return Section("", None, Table(("", ""), rows, words=1), notes=(note,))


def _rollouts(asked: Asked) -> Section:
    found: RolloutsResult = asked.stored.result
    samples = found.drawn()
    ended = sum(each.finish == "eog" for each in samples)
    estimator = _ESTIMATORS.get(found.estimator, "given")
    said = (
        f"BF {number(found.bf)} {interval(found.ci)} by the {estimator} estimator, full BF {number(found.bf_full)}; "
        f"{counted(len(found.samples), 'continuation')}, {ended} of them ended"
    )
    notes, picture = [], None
    if max(each.length for each in samples) * len(samples) > _MOST_DRAWN:
        notes.append("There are too many continuations to draw their curve here.")
    else:
        points = curve([samples], "entropy", seed=asked.stored.settings.sampler.seed)
        picture = session_figures.rollouts(asked.name, points, windows([samples]), len(samples))
    count = f"{len(found.samples):,}"
    table = Table(
        ("estimator", "BF", "n"),
        (
            ("entropy, H(P~)", number(found.bf_entropy), count),
            ("likelihood, −ln P~ of the tokens", number(found.bf_nll), count),
            ("full, H(P)", number(found.bf_full), count),
        ),
        "BF, exp of the mean over the n continuations of each one's mean of what the estimator takes. "
        f"The BF that counts is that by {estimator}; its 95 % interval is by bootstrap over continuations.",
    )
    spelled = (
        ("base", f"{place}. {text}\n")
        for place, sample in enumerate(samples, start=1)
        if (text := _continued(asked.content, sample.token_ids)) is not None
    )
    pieces = tuple(islice(spelled, _TEXTS))
    first = f"the first {len(pieces)} of " if len(pieces) < len(samples) else ""
    written = f"The continuations, {first}{len(samples)}." if first else "The continuations."
    return Section(said, definitions.BF_ROLLOUTS, table, picture, pieces, written, tuple(notes))


_ESTIMATORS = {"entropy": "entropy", "nll": "likelihood"}


def _continued(content: Content, token_ids: Iterable[int]) -> str | None:
    """The text of tokens; None where the trace does not spell them."""
    try:
        data = b"".join(map(content.file.token_bytes, token_ids))
    except KeyError:
        return None
    return clipped(safe(data.decode(errors="replace")), LONG)


def _lookahead(asked: Asked) -> Section:
    found: LookaheadResult = asked.stored.result
    rows = tuple(
        (
            token_text(each.text),
            str(each.rank),
            f"{each.prob:.4g}",
            "the text ends" if each.after is None else number(each.after.bf),
            "" if each.after is None else number(each.after.bf_full),
        )
        for each in found.candidates[:ROWS]
    )
    drawn = [
        session_figures.Spread(token_text(each.text), each.after.bf, None)
        for each in found.candidates[:ROWS]
        if each.after is not None
    ]
    picture = None
    if drawn:
        steps = asked.stored.settings.steps
        later = f" and {steps - 1:,} greedy tokens came after it" if steps > 1 else ""
        caption = (
            f"BF, exp H(P~), after each of the {len(drawn)} best candidates, were it forced{later}, best first. "
            f"Nothing is sampled, so there is no interval. The line is the BF before, {number(found.width.bf)}."
        )
        picture = session_figures.spreads(
            asked.name, "BF after the candidate", drawn, caption, before=found.width.bf
        )
    more = len(found.candidates) - ROWS
    notes = (f"{more} more candidates are not shown.",) if more > 0 else ()
    said = f"BF {number(found.width.bf)} before, full {number(found.width.bf_full)}"
    table = Table(
        ("candidate", "rank", "p", "BF after", "full BF after"),
        rows,
        "p and rank are those of the candidate in P; BF after is exp H(P~), full BF exp H(P).",
        tokens=True,
        folded=picture is not None and len(rows) > 8,
    )
    return Section(said, definitions.BF_AFTER, table, picture, notes=notes)


_Tell = Callable[[Asked], Section]

KINDS: dict[str, tuple[str, _Tell | None]] = {
    "rollouts": ("Rollouts", _rollouts),
    "resampling": ("Sampled again", _rollouts),
    "response": ("Response to a forced text", response),
    "partner_response": ("Response of the partner to a forced text", partner_response),
    "lookahead": ("Look-ahead", _lookahead),
    "shift": ("Token distribution shift", pair_sections.shift),
    "nudging": ("Nudging", pair_sections.nudging),
    "calibration": ("Calibration on valid answers", calibration),
    "forks": ("Forking tokens", forks),
    "horizon": ("Tree of all continuations", horizon),
    "dial": ("A dial between models", dial),
    "injection": ("Injected style", injection),
}
