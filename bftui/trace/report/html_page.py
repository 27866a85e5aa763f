"""A report as one HTML page that loads nothing: its style, its script and its pictures are in it.

Everything from the trace is text, escaped by the template; a policy in the page lets no script run but ours.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from bftui.core import definitions
from bftui.core.definitions import Definition
from bftui.core.noise_floor import nats
from bftui.core.noise_floor import probability as digits
from bftui.core.pair.distribution_shift import KINDS
from bftui.core.sampler import Sampler
from bftui.core.text import counted, label, safe
from bftui.trace.header import noise_of
from bftui.trace.reading import TraceFile
from bftui.trace.report import provenance
from bftui.trace.report.branch_rows import ROWS, Branches, branches
from bftui.trace.report.content import (
    RAMP_TOP,
    STEPS,
    Content,
    PathColumns,
    gather,
    lines,
    number,
    probability,
)
from bftui.trace.report.figures import axes, pair_figures, session_figures
from bftui.trace.report.figures.axes import Picture
from bftui.trace.report.palette import DARK, LIGHT, Ink
from bftui.trace.report.sections import measurement_sections
from bftui.trace.report.sentences import Section, Table, clipped

Theme = Literal["light", "dark"]

_PROMPT = 20_000

_OPEN_ROWS = 40
"""Rows of the tree that need no click."""

_OTHER = "numbers of another sampler than at the end of the visible path are among these"

_ALWAYS = (
    definitions.P,
    definitions.TRUNCATED,
    definitions.TRUNCATION,
    definitions.ENTROPY,
    definitions.BF,
    definitions.BF_FULL,
    definitions.BF_PATH,
    definitions.RANK,
    definitions.SURPRISAL,
)
"""Words of every report."""

_LONG = 400
"""Tokens from which on a page has contents."""


@dataclass(frozen=True, slots=True, eq=False)
class TraceReport:
    """All that a report shows, before it is drawn.

    Attributes:
        content, branches: the path and the tree.
        measurements: the first of them; `measured_count` counts all.
        shift: the classes of the path's tokens, where a partner read along.
        nudge: who wrote what of the path, where a partner wrote and no measurement tells.
    """

    content: Content
    branches: Branches
    measurements: tuple[Section, ...]
    measured_count: int
    path: Picture
    tree: Picture | None
    shift: Picture | None
    nudge: Picture | None

    def pictures(self) -> Iterator[Picture]:
        """Yields every picture, in the order of the page."""
        yield self.path
        for picture in (
            self.nudge,
            self.shift,
            self.tree,
            *(each.picture for each in self.measurements),
        ):
            if picture is not None:
                yield picture

    def left_out(self) -> list[str]:
        """Returns what of the trace is not shown, in words."""
        found = []
        if self.content.left_out:
            found.append(f"{self.content.left_out:,} tokens of the path are not written out")
        if self.branches.left_out:
            found.append(f"{self.branches.left_out:,} branches are not shown")
        if self.measured_count > len(self.measurements):
            more = self.measured_count - len(self.measurements)
            found.append(f"{more:,} measurements are not shown")
        return found


def report_of(file: TraceFile) -> TraceReport:
    """Gathers a report from a trace. Raises InputError where the file changed."""
    content = gather(file)
    found, count = measurement_sections.sections(content)
    tree = branches(content)
    path = content.path
    return TraceReport(
        content,
        tree,
        tuple(found),
        count,
        session_figures.path_curve(path),
        session_figures.tree(tree) if tree.count > 1 else None,
        _path_shift(path),
        None if any(each.title == "Nudging" for each in found) else _path_nudge(content),
    )


def _path_shift(path: PathColumns) -> Picture | None:
    if not any(each is not None for each in path.classes):
        return None
    compared = pair_figures.ComparedText(
        kinds=path.classes,
        kl=path.kl[:-1],
        labels=path.labels,
        whose="the rank of the path's tokens in the partner",
        direction="partner ‖ base",
    )
    return pair_figures.shift("path-shift", compared)


def _path_nudge(content: Content) -> Picture | None:
    path = content.path
    if not path.places("nudged"):
        return None
    nodes = content.file.outline.path[:-1]
    authors = ["partner" if each == "nudged" else "base" for each in path.sources]
    return pair_figures.sure(
        "path-nudge", content.best[nodes].tolist(), authors, path.labels, gamma=None
    )


def page(report: TraceReport, version: str, theme: Theme | None = None) -> str:
    """Writes the page, as made by this version of the program.

    Without a theme it is light or dark as its reader's system; on paper it is always light.
    """
    here = files("bftui.trace.report")
    style, script, source = (
        here.joinpath(f"page.{form}").read_text("utf-8") for form in ("css", "js", "html")
    )
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.from_string(source).render(
        **_told(report),
        version=version,
        theme=theme,
        colours=Markup(_colours()),
        style=Markup(style),
        script=Markup(script),
        script_hash=f"sha256-{digest}",
        # Drawn by us, with every text in it escaped by the writer of the SVG.
        drawn=lambda picture: Markup(axes.inline(picture)),
        number=number,
    )


def _colours() -> str:
    """The two palettes as CSS variables."""

    def variables(ink: Ink) -> str:
        return "".join(f"--{role}:{colour};" for role, colour in ink.roles().items())

    light, dark = (
        f"color-scheme:{name};{variables(ink)}" for name, ink in (("light", LIGHT), ("dark", DARK))
    )
    return (
        f":root{{{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme]){{{dark}}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{{dark}}}}}"
    )


def _told(report: TraceReport) -> dict[str, Any]:
    """What the template shows, all of it safe text."""
    content, tree = report.content, report.branches
    file, path = content.file, content.path
    outline = file.outline
    root = outline.path[0] if outline.path else 0
    prompt = file.prompts()[root]
    name = clipped(safe(outline.model.name), 60)
    partner = outline.partner
    models = [outline.model, *([] if partner is None else [partner.model])]
    done, done_more = provenance.actions(file)
    return {
        "title": f"{name}: {clipped(label(prompt.text.encode()), 60)}",
        "heading": name,
        "subtitle": _subtitle(report),
        "model_notes": sorted({safe(model.note) for model in models if model.note}),
        "key_figures": _key_figures(report),
        "contents": path.length > _LONG or len(report.measurements) > 1,
        "prompt": _prompt(prompt),
        "template": safe(prompt.template),
        "rendered": clipped(lines(prompt.rendered), _PROMPT)
        if prompt.rendered != prompt.text
        else "",
        "tokens": content.tokens,
        "steps": range(STEPS),
        "ramp_top": f"{RAMP_TOP:g}",
        "ways": sorted(set(path.sources) - {"sampled"}),
        "path_picture": report.path,
        "nudge_picture": report.nudge,
        "chosen": _chosen(content),
        "chosen_more": max(0, content.chosen_count - len(content.chosen)),
        "shift_picture": report.shift,
        "shift_said": _shift_said(content),
        "tree_said": _tree_said(report),
        "open_rows": tree.rows[:_OPEN_ROWS],
        "folded_rows": tree.rows[_OPEN_ROWS:],
        "tree_picture": report.tree,
        "measurements": report.measurements,
        "measurements_more": report.measured_count - len(report.measurements),
        "trace_facts": provenance.trace_facts(file),
        "commands": provenance.commands(file),
        "model_facts": provenance.model_facts(outline.model),
        "partner_facts": None if partner is None else provenance.model_facts(partner.model),
        "samplers": provenance.samplers(content),
        "actions": done,
        "actions_more": done_more,
        "definitions": _definitions(report),
    }


def _tree_said(report: TraceReport) -> str:
    tree = report.branches
    shown = f", of which {ROWS} rows are shown" if tree.left_out else ""
    return (
        f"{counted(report.content.file.count, 'node')} in {tree.count:,} "
        f"{'branch' if tree.count == 1 else 'branches'}{shown}. A row is a run of tokens without a fork: from which "
        "position on, how many tokens, and the BF along it, exp of their mean H(P~). At a fork the rows that turn off "
        "are indented, and below them, after an ellipsis, the line goes on. ▲ begins with a forced token, ◆ with a "
        "nudged one, ■ ends the text, ⚑ is a mark; the visible path has a bar beside it."
        + (f" * {_OTHER}." if any(row.apart for row in tree.rows) else "")
    )


def _subtitle(report: TraceReport) -> str:
    outline = report.content.file.outline
    along = report.content.along
    partner = (
        "" if outline.partner is None else f"with {clipped(safe(outline.partner.model.name), 60)}"
    )
    first = " · ".join(_sampler(along[0]))
    more = [f"(earlier on the path {' · '.join(_sampler(each))})" for each in along[1:3]]
    more += [f"(and {len(along) - 3} more samplers, below)"] if len(along) > 3 else []
    return " · ".join(filter(None, [partner, " ".join([first, *more]), f"seed {along[0].seed}"]))


def _sampler(sampler: Sampler) -> list[str]:
    """A sampler in words, but for its seed."""
    return [
        f"temperature {sampler.temperature:g}",
        f"top-p {sampler.top_p:g}",
        *([f"top-k {sampler.top_k}"] if sampler.top_k else []),
        *([f"min-p {sampler.min_p:g}"] if sampler.min_p else []),
        *([f"a {sampler.constraint.called} as constraint"] if sampler.constraint else []),
    ]


def _key_figures(report: TraceReport) -> list[tuple[str, str, str]]:
    """(value, name, what it is)."""
    path = report.content.path
    mixed = ", of several samplers" if len(report.content.along) > 1 else ""
    found = [
        (
            number(path.factor(path.entropy_truncated)),
            "BF along the path",
            f"exp of mean H(P~){mixed}",
        ),
        (number(path.factor(path.entropy)), "full BF along it", "exp of mean H(P), not truncated"),
    ]
    if (free := path.factor(path.free)) is not None:
        inside = path.factor(np.where(np.isfinite(path.free), path.entropy_truncated, np.nan))
        found.append((number(free), "BF without the constraint", f"{number(inside)} with it there"))
    if (partner := path.factor(path.partner)) is not None:
        found.append((number(partner), "partner's BF along it", "exp of mean H(P~)"))
    parts = report.content.thinking
    for name, part in (
        () if parts is None else (("thinking", parts.thinking), ("answer", parts.answer))
    ):
        if part is not None:
            tokens, entropy = counted(part.tokens, "token"), nats(part.entropy, 2, None)
            found.append((number(part.bf), f"BF of the {name}", f"{tokens}, H {entropy} nats"))
    ways = [
        f"{count:,} {source}"
        for source in ("forced", "nudged")
        if (count := len(path.places(source)))
    ]
    tokens = "token" if path.length == 1 else "tokens"
    found.append((f"{path.length:,}", f"{tokens} of the path", ", ".join(ways) or "none forced"))
    count = report.branches.count
    nodes = counted(report.content.file.count, "node")
    return [*found, (f"{count:,}", "branch" if count == 1 else "branches", nodes)]


def _prompt(prompt: Any) -> str:
    parts = [] if prompt.system is None else [f"system: {lines(prompt.system)}"]
    parts.append(lines(prompt.text) or "(empty)")
    if prompt.prefill:
        parts.append(f"the answer begins: {lines(prompt.prefill)}")
    return clipped("\n\n".join(parts), _PROMPT)


def _chosen(content: Content) -> Table:
    noise = noise_of(content.file.outline.model)
    rows = [
        (
            clipped(each.text, 40),
            each.source,
            str(each.position),
            probability(None) if not each.prob else digits(each.prob, 4, noise),
            "–" if each.rank is None else f"{each.rank:,}",
            number(each.bf_before, noise),
            number(each.bf_after, noise),
        )
        for each in content.chosen
    ]
    head = ("token", "", "position", "p", "rank", "BF before", "BF after")
    return Table(
        head,
        tuple(rows),
        "p and rank are the token's in P. BF before is of the distribution that it comes from, BF after of the one "
        "that follows: one step, and no word about what comes later.",
        tokens=True,
    )


def _shift_said(content: Content) -> str:
    known = [each for each in content.path.classes if each is not None]
    if not known:
        return ""
    shares = (f"{each} {100 * known.count(each) / len(known):.1f} %" for each in KINDS)
    apart = content.path.kl[np.isfinite(content.path.kl)]
    kl = f"; KL(partner ‖ base) {float(apart.mean()):.3f} nats in the mean" if len(apart) else ""
    return f"{len(known):,} tokens were compared: {', '.join(shares)}{kl}."


def _definitions(report: TraceReport) -> Sequence[Definition]:
    """Those of what is on the page, once each."""
    found = dict.fromkeys(_ALWAYS)
    if report.shift is not None:
        found.update({definitions.SHIFT: None, definitions.KL: None})
    if report.content.thinking is not None:
        found[definitions.THINKING] = None
    found.update(
        (each.definition, None) for each in report.measurements if each.definition is not None
    )
    return tuple(found)
