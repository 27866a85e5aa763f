"""The measurements of a trace as sections of a report: numbers, a table, a picture, and what they mean."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from pydantic import ValidationError

from bftui.core.branching import Sample, curve, windows
from bftui.core.text import label, safe
from bftui.trace.report import pictures, shapes, words
from bftui.trace.report.content import Content, factor, lines, number
from bftui.trace.report.drawing import Picture

MOST = 24
"""Measurements that are shown; of more the last ones are counted."""

_ROWS = 30
_TEXTS = 6
_LONG = 400
_MOST_DRAWN = 400_000
"""Tokens of rollouts beyond which the curve would take longer than all the rest."""


@dataclass(frozen=True, slots=True)
class Table:
    """A head and rows of safe text; all columns but the first hold numbers."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One measurement. All text is safe to show.

    Attributes:
        title, where: what was measured, and after what.
        said: what came out, in one line.
        settings: names and values.
        table, picture: None where there is none.
        pieces: a text by (author, text), where authors matter.
        notes: what else is to be said.
        definition: what the numbers are; None for a kind that is not known here.
    """

    title: str
    where: str
    said: str
    settings: tuple[tuple[str, str], ...]
    definition: words.Definition | None
    table: Table | None = None
    picture: Picture | None = None
    pieces: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Told:
    """What one kind of measurement has to say."""

    said: str
    definition: words.Definition
    table: Table | None = None
    picture: Picture | None = None
    pieces: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


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
    kind, settings, result = fields["kind"], fields["settings"], fields["result"]
    title, tell = KINDS.get(kind, (clipped(safe(kind), 40) or "measurement", None))
    where = _where(content, fields["node"])
    asked = tuple((safe(str(name)), _value(value)) for name, value in list(settings.items())[:20])
    notes: tuple[str, ...] = ("bftui has no picture of this kind of measurement.",)
    if tell is not None:
        try:
            told = tell(content, settings, result, f"{place}-{kind}")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            at = ".".join(map(str, first["loc"]))
            notes = (safe(f"It cannot be drawn: {at}: {first['msg']}."),)
        else:
            return Section(
                title,
                where,
                told.said,
                asked,
                told.definition,
                told.table,
                told.picture,
                told.pieces,
                told.notes,
            )
    rows = tuple((safe(str(name)), _value(value)) for name, value in list(result.items())[:_ROWS])
    return Section(title, where, "", asked, None, Table(("", ""), rows), notes=notes)


def clipped(text: str, length: int) -> str:
    """At most so many characters, ending in … where something was cut."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _where(content: Content, node: int) -> str:
    links = content.file.links
    if links.parents[node] < 0:
        return "after the prompt"
    name = clipped(content.file.text(links.tokens[node]), 30)
    return f"after node {node}, {name}"


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return clipped(safe(value if isinstance(value, str) else json.dumps(value)), 120)


def _interval(ci: Sequence[float] | None) -> str:
    return "–" if ci is None else f"[{number(ci[0])}, {number(ci[1])}]"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.2f}"


def _text(text: str) -> str:
    return clipped(label(text.encode(errors="replace")), 40)


# Kinds -------------------------------------------------------------------------------------------------------------


def _rollouts(content: Content, settings: dict[str, Any], result: Any, name: str) -> _Told:
    found = shapes.Rollouts.model_validate(result)
    samples = [
        _sample(each)
        for each in found.samples
        if each.token_ids and len(each.entropy) == len(each.token_ids)
    ]
    lengths = [len(sample.token_ids) for sample in samples]
    ended = Counter(each.finish for each in found.samples)["eog"]
    said = (
        f"BF {number(found.bf)} {_interval(found.ci)} by the {_ESTIMATORS.get(found.estimator, 'given')} estimator, "
        f"full {number(found.bf_full)}; {len(found.samples)} continuations, {ended} of them ended"
    )
    notes, picture = [], None
    if not samples:
        notes.append("The continuations are not in the trace.")
    elif max(lengths) * len(samples) > _MOST_DRAWN:
        notes.append("There are too many continuations to draw their curve here.")
    else:
        points = curve([samples], "entropy", seed=_seed(settings.get("seed")))
        picture = pictures.rollouts(name, points, windows([samples]))
    table = Table(
        ("", "entropy", "likelihood"), (("BF", number(found.bf_entropy), number(found.bf_nll)),)
    )
    spelled = (
        ("base", f"{place}. {text}\n")
        for place, sample in enumerate(samples, start=1)
        if (text := _continued(content, sample.token_ids)) is not None
    )
    pieces = tuple(islice(spelled, _TEXTS))
    if len(pieces) < len(samples):
        notes.append(f"{len(pieces)} of {len(samples)} continuations are written out.")
    return _Told(said, words.ROLLOUTS, table, picture, pieces, tuple(notes))


_ESTIMATORS = {"entropy": "entropy", "nll": "likelihood"}


def _seed(value: Any) -> int:
    return value if type(value) is int and 0 <= value < 2**64 else 0


def _sample(found: shapes.Sampled) -> Sample:
    """Enough of a sample for the entropy estimator: what is not in the trace is NaN."""
    unknown = np.full(len(found.token_ids), math.nan)
    return Sample(
        token_ids=tuple(found.token_ids),
        entropy=unknown,
        entropy_truncated=np.array(found.entropy, dtype=np.float64),
        logprob_truncated=unknown,
        logprob=unknown,
        n_bytes=0,
        finish=found.finish,
        chosen=True,
    )


def _continued(content: Content, token_ids: Iterable[int]) -> str | None:
    """The text of tokens; None where the trace does not spell them."""
    try:
        data = b"".join(map(content.file.token_bytes, token_ids))
    except KeyError:
        return None
    return clipped(safe(data.decode(errors="replace")), _LONG)


def _response(content: Content, settings: dict[str, Any], result: Any, name: str) -> _Told:
    found = shapes.Response.model_validate(result)
    forced = found.forced
    text = _text(forced.text)
    if found.verdict is None or found.delta is None or found.delta_ci is None:
        said = f"{text}: {safe(found.verdict or 'no verdict')}"
    else:
        low, high = (_times(end) for end in found.delta_ci)
        said = f"{text}: {safe(found.verdict)}, BF {_times(found.delta)} [{low}, {high}]"
        said += " against matched controls" + ("" if found.p is None else f", p {found.p:.2g}")
    rows = [(f"forced {text}", "1", number(forced.bf), _interval(forced.ci), "", "")]
    drawn = [pictures.Spread(f"forced {text}", forced.bf, forced.ci, True)]
    for kind in found.controls[:_ROWS]:
        kind_name = clipped(safe(kind.kind), 20)
        delta_ci = "–"
        if kind.delta_ci is not None:
            delta_ci = f"[{_signed(kind.delta_ci[0])}, {_signed(kind.delta_ci[1])}]"
        rows.append(
            (
                kind_name,
                str(len(kind.texts)),
                number(kind.bf),
                _interval(kind.ci),
                _signed(kind.delta),
                delta_ci,
            )
        )
        if kind.bf is not None:
            drawn.append(pictures.Spread(f"{kind_name} ({len(kind.texts)})", kind.bf, kind.ci))
    head = ("", "texts", "BF", "95 % interval", "Δ ln BF", "95 % interval")
    notes = [f"{100 * forced.ended:.0f} % of the samples after the forced text ended."]
    if found.reason:
        notes.append(safe(found.reason))
    picture = pictures.spreads(name, "BF of what follows", drawn)
    return _Told(
        said, words.RESPONSE, Table(head, tuple(rows)), picture, notes=tuple(map(_sentence, notes))
    )


def _times(log: float) -> str:
    return f"×{number(factor(log))}"


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _lookahead(content: Content, settings: dict[str, Any], result: Any, name: str) -> _Told:
    found = shapes.Lookahead.model_validate(result)
    rows = tuple(
        (
            _text(each.text),
            str(each.rank),
            f"{each.prob:.4g}",
            "the text ends" if each.after is None else number(each.after.bf),
            "" if each.after is None else number(each.after.bf_full),
        )
        for each in found.candidates[:_ROWS]
    )
    drawn = [
        pictures.Spread(_text(each.text), each.after.bf, None)
        for each in found.candidates[:_ROWS]
        if each.after is not None
    ]
    picture = None
    if drawn:
        picture = pictures.spreads(name, "BF after the candidate", drawn, before=found.bf)
    more = len(found.candidates) - _ROWS
    notes = (f"{more} more candidates are not shown.",) if more > 0 else ()
    said = f"BF {number(found.bf)} before, full {number(found.bf_full)}"
    table = Table(("candidate", "rank", "p", "BF after", "full"), rows)
    return _Told(said, words.LOOKAHEAD, table, picture, notes=notes)


def _shift(content: Content, settings: dict[str, Any], result: Any, name: str) -> _Told:
    found = shapes.Shift.model_validate(result)
    shares = [(each, getattr(found, each)) for each in pictures.CLASSES]
    said = ", ".join(f"{each} {100 * share:.1f} %" for each, share in shares if share is not None)
    counted = Counter(each.text for each in found.positions if each.kind == "shifted")
    rows = tuple((_text(text), str(count)) for text, count in counted.most_common(12))
    picture = None
    if found.positions:
        kinds = [each.kind for each in sorted(found.positions, key=lambda each: each.position)]
        picture = pictures.shares(name, kinds)
    return _Told(
        f"{said or 'nothing was compared'}; {len(found.positions)} tokens",
        words.PARTNER,
        Table(("shifted token", "times"), rows) if rows else None,
        picture,
        pieces=(("base", clipped(lines(found.text), 4 * _LONG)),),
    )


def _nudging(content: Content, settings: dict[str, Any], result: Any, name: str) -> _Told:
    found = shapes.Nudging.model_validate(result)
    named = (
        ("base alone", found.bf_base),
        ("along the nudged text", found.bf_nudged),
        ("where the base wrote", found.bf_base_written),
        ("partner alone", found.bf_partner),
    )
    known = [(each, bf) for each, bf in named if bf is not None]
    picture = None
    if known:
        drawn = [pictures.Spread(each, bf, None, each.startswith("along")) for each, bf in known]
        picture = pictures.spreads(name, "BF of the text", drawn)
    share = "–" if found.share_nudged is None else f"{100 * found.share_nudged:.0f} %"
    said = f"{found.tokens} tokens, {share} of them nudged, gamma {found.gamma:g}"
    left, pieces = 8 * _LONG, list[tuple[str, str]]()
    for piece in found.pieces:
        text = lines(piece.text)
        pieces.append((piece.author, clipped(text, left)))
        left -= len(text)
        if left <= 0:
            break
    return _Told(
        f"{said}; {found.rounds} round{'' if found.rounds == 1 else 's'}",
        words.NUDGING,
        Table(("", "BF"), tuple((each, number(bf)) for each, bf in named)),
        picture,
        tuple(pieces),
    )


_Tell = Callable[[Content, dict[str, Any], Any, str], _Told]

KINDS: dict[str, tuple[str, _Tell | None]] = {
    "rollouts": ("Rollouts", _rollouts),
    "resampling": ("Sampled again", _rollouts),
    "response": ("Response to a forced text", _response),
    "lookahead": ("Look-ahead", _lookahead),
    "shift": ("Token distribution shift", _shift),
    "nudging": ("Nudging", _nudging),
}
