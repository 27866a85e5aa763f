"""A report as one HTML page that loads nothing: its style, its script and its pictures are in it.

Everything from the trace is text, escaped by the template; a policy in the page lets no script run but ours.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import islice
from typing import Any, Literal

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from bftui.core.text import label, safe
from bftui.trace.reading import TraceFile
from bftui.trace.report import drawing, measured, pictures, words
from bftui.trace.report.branches import ROWS, Branches, branches
from bftui.trace.report.content import RAMP_TOP, STEPS, Content, gather, lines, number, probability
from bftui.trace.report.drawing import Picture
from bftui.trace.report.ink import DARK, LIGHT, Ink
from bftui.trace.report.measured import Section, Table, clipped

Theme = Literal["light", "dark"]

_ACTIONS, _SAMPLERS = 200, 20
_PROMPT = 20_000

_MODEL = (
    *("name", "backend", "library", "architecture", "n_vocab", "n_ctx", "dtype", "kv", "device"),
    *("threads", "sha256", "tokenizer_sha256"),
)
"""What is told of a model. Where its file lay is nobody else's business; the checksum tells which it was."""


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """All that a report shows, before it is drawn.

    Attributes:
        content, branches: the path and the tree.
        measurements: the first of them; `measured_count` counts all.
        shift: the shares over the path, where a partner read along.
    """

    content: Content
    branches: Branches
    measurements: tuple[Section, ...]
    measured_count: int
    path: Picture
    tree: Picture | None
    shift: Picture | None

    def pictures(self) -> Iterator[Picture]:
        """Every picture, in the order of the page."""
        yield self.path
        for picture in (self.shift, self.tree, *(each.picture for each in self.measurements)):
            if picture is not None:
                yield picture

    def left_out(self) -> list[str]:
        """What of the trace is not shown, in words."""
        found = []
        if self.content.left_out:
            found.append(f"{self.content.left_out:,} tokens of the path are not written out")
        if self.branches.left_out:
            found.append(f"{self.branches.left_out:,} branches are not shown")
        if self.measured_count > len(self.measurements):
            more = self.measured_count - len(self.measurements)
            found.append(f"{more:,} measurements are not shown")
        return found


def report_of(file: TraceFile) -> Report:
    """Gathers a report from a trace. Raises InputError where the file changed."""
    content = gather(file)
    found, count = measured.sections(content)
    tree = branches(content)
    path = content.path
    compared = any(each is not None for each in path.classes)
    return Report(
        content,
        tree,
        tuple(found),
        count,
        pictures.path_curve(path),
        pictures.tree(tree) if tree.count > 1 else None,
        pictures.shares("path-shift", path.classes) if compared else None,
    )


def page(report: Report, version: str, theme: Theme | None = None) -> str:
    """The page, made by this version of the program.

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
        drawn=lambda picture: Markup(drawing.inline(picture)),
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


def _told(report: Report) -> dict[str, Any]:
    """What the template shows, all of it safe text."""
    content, tree = report.content, report.branches
    file, path = content.file, content.path
    outline = file.outline
    root = outline.path[0] if outline.path else 0
    prompt = file.prompts()[root]
    name = clipped(safe(outline.model.name), 60)
    partner = outline.partner
    models = [outline.model, *([] if partner is None else [partner.model])]
    title = f"{name}: {clipped(label(prompt.text.encode()), 60)}"
    actions = [_action(each) for each in islice(file.actions(), _ACTIONS)]
    shown = f", of which {ROWS} rows are shown" if tree.left_out else ""
    return {
        "title": title,
        "heading": name,
        "subtitle": _subtitle(report),
        "model_notes": sorted({safe(model.note) for model in models if model.note}),
        "key_figures": _key_figures(report),
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
        "chosen": _chosen(content),
        "chosen_more": max(0, content.chosen_count - len(content.chosen)),
        "shift_picture": report.shift,
        "shift_said": _shift_said(content),
        "tree_said": f"{file.count:,} nodes in {tree.count:,} branches{shown}. A row is a run of tokens without a "
        "branch, with the BF along it; ▲ begins with a forced token, ◆ with a nudged one, ■ ends the text. The visible "
        "path has a line beside it.",
        "rows": tree.rows,
        "tree_picture": report.tree,
        "measurements": report.measurements,
        "measurements_more": report.measured_count - len(report.measurements),
        "model_facts": _facts(outline.model),
        "partner_facts": None if partner is None else _facts(partner.model),
        "samplers": _samplers(file),
        "actions": Table(("at", "action", "", "node"), tuple(actions)) if actions else None,
        "actions_more": max(0, file.counts["actions"] - len(actions)),
        "definitions": _definitions(report),
        "source": safe(file.path.name),
        "counts": f"{file.count:,} nodes, {file.counts['actions']:,} actions, "
        f"{file.counts['measurements']:,} measurements",
    }


def _subtitle(report: Report) -> str:
    outline = report.content.file.outline
    sampler = outline.samplers[-1]
    partner = (
        "" if outline.partner is None else f"with {clipped(safe(outline.partner.model.name), 60)}"
    )
    parts = [
        partner,
        f"temperature {sampler.temperature:g}",
        f"top-p {sampler.top_p:g}",
        *([f"top-k {sampler.top_k}"] if sampler.top_k else []),
        *([f"min-p {sampler.min_p:g}"] if sampler.min_p else []),
        f"seed {sampler.seed}",
        clipped(safe(outline.created), 40),
    ]
    return " · ".join(filter(None, parts))


def _key_figures(report: Report) -> list[tuple[str, str]]:
    path = report.content.path
    found = [
        (number(path.factor(path.entropy_truncated)), "BF along the path"),
        (number(path.factor(path.entropy)), "without the cut"),
    ]
    if (partner := path.factor(path.partner)) is not None:
        found.append((number(partner), "BF of the partner along it"))
    counts = [(f"{path.length:,}", "tokens")]
    for source in ("forced", "nudged"):
        if count := len(path.places(source)):
            counts.append((f"{count:,}", f"of them {source}"))
    counts.append((f"{report.branches.count:,}", "branches"))
    return [*found, *counts]


def _prompt(prompt: Any) -> str:
    parts = [] if prompt.system is None else [f"system: {lines(prompt.system)}"]
    parts.append(lines(prompt.text) or "(empty)")
    if prompt.prefill:
        parts.append(f"the answer begins: {lines(prompt.prefill)}")
    return clipped("\n\n".join(parts), _PROMPT)


def _chosen(content: Content) -> Table:
    rows = [
        (
            each.text,
            each.source,
            str(each.position),
            probability(None) if each.prob is None else f"{each.prob:.4g}",
            "–" if each.rank is None else f"{each.rank:,}",
            number(each.bf_before),
            number(each.bf_after),
        )
        for each in content.chosen
    ]
    head = ("token", "", "position", "p", "rank", "BF before", "BF after")
    return Table(head, tuple(rows))


def _shift_said(content: Content) -> str:
    known = [each for each in content.path.classes if each is not None]
    if not known:
        return ""
    shares = (f"{each} {100 * known.count(each) / len(known):.1f} %" for each in pictures.CLASSES)
    apart = content.path.kl[np.isfinite(content.path.kl)]
    kl = f"; KL(partner ‖ base) {float(apart.mean()):.3f} nats in the mean" if len(apart) else ""
    return f"{len(known):,} tokens were compared: {', '.join(shares)}{kl}."


def _facts(model: Any) -> list[tuple[str, str]]:
    values = [(name, getattr(model, name)) for name in _MODEL]
    return [
        (_FACTS.get(name, name), f"{value:,}" if isinstance(value, int) else safe(str(value)))
        for name, value in values
        if value not in (None, "")
    ]


_FACTS = {"n_vocab": "vocabulary", "n_ctx": "context", "tokenizer_sha256": "tokenizer"}


def _samplers(file: TraceFile) -> Table:
    used = sorted(set(file.links.samplers))
    rows = [
        (
            str(place),
            *(f"{value:g}" for value in (each.temperature, each.top_k, each.top_p, each.min_p)),
            str(each.seed),
        )
        for place in used[:_SAMPLERS]
        for each in (file.outline.samplers[place],)
    ]
    return Table(("", "temperature", "top-k", "top-p", "min-p", "seed"), tuple(rows))


def _action(fields: dict[str, Any]) -> tuple[str, ...]:
    args = json.dumps(fields["args"], ensure_ascii=False) if fields["args"] else ""
    return (
        f"{fields['at_ms'] / 1e3:.1f} s",
        clipped(safe(fields["op"]), 40),
        clipped(safe(args), 100),
        f"{fields['node']:,}",
    )


def _definitions(report: Report) -> Sequence[words.Definition]:
    """Those of what is on the page, once each."""
    found = dict.fromkeys(words.ALWAYS)
    if report.shift is not None:
        found[words.PARTNER] = None
    found.update(
        (each.definition, None) for each in report.measurements if each.definition is not None
    )
    return tuple(found)
