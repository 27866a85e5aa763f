"""Injected style as a section of a report."""

from __future__ import annotations

import math

from bftui.core import definitions
from bftui.core.text import safe
from bftui.results.injection_result import InjectionResult, InjectionSettings, JudgedTexts
from bftui.results.injection_words import named, sentence
from bftui.trace.report.content import number
from bftui.trace.report.figures import injection_figure
from bftui.trace.report.sentences import LONG, Asked, Section, Table, clipped, interval, signed


def injection(asked: Asked) -> Section:
    """Says what a style does to BF after each window."""
    found: InjectionResult = asked.stored.result
    settings: InjectionSettings = asked.stored.settings
    rows = tuple(
        (
            f"{named(each.start, each.stop)}, w {each.weight:g}",
            named(*each.judged),
            number(each.found.bf),
            interval(each.found.ci),
            number(each.plain.bf),
            f"{math.exp(each.delta):.2f}",
            interval(each.delta_ci and tuple(map(math.exp, each.delta_ci))),
            *_nats(each.found),
        )
        for each in found.windows
    )
    head = ("window", "judged", "BF", "95 %", "alone", "×", "95 %", "style", "content", "KL")
    apart = tuple(
        (
            f"{named(*each.first)} less {named(*each.second)}, w {each.weight:g}",
            signed(each.delta),
            "–" if each.ci is None else f"[{signed(each.ci[0])}, {signed(each.ci[1])}]",
        )
        for each in found.contrasts
    )
    further = (Table(("effects apart", "nats", "95 %"), apart),) if apart else ()
    instructions = "; ".join(f"{each.content} | {each.style}" for each in settings.prompts)
    return Section(
        sentence(found),
        definitions.INJECTION,
        Table(head, rows, definitions.INJECTION.meaning),
        injection_figure.injection(asked.name, found),
        notes=(clipped(safe(f"Content | style: {instructions}"), LONG),),
        further=further,
    )


def _nats(found: JudgedTexts) -> tuple[str, ...]:
    return signed(found.style), signed(found.content), signed(found.kl)
