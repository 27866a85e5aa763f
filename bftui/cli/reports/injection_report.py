"""Injected style for people: a sentence, the windows in a table, and a picture of BF along the texts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bftui.cli.shared.plot import Line, coloured, plot
from bftui.cli.shared.tables import aligned, interval, number, paragraph, signed
from bftui.core.bf.prompt_intervals import rests
from bftui.core.definitions import INJECTION
from bftui.results.injection_result import InjectedWindow, InjectionOutput, JudgedTexts
from bftui.results.injection_words import named, sentence


def report(output: InjectionOutput) -> str:
    """Writes the result for people; safe to print."""
    found, settings = output.result, output.settings
    said = sentence(found)
    parts = [
        paragraph(f"{said[:1].upper()}{said[1:]}."),
        _table(found.windows),
        _alone(found.windows),
    ]
    rows = [
        [
            f"{named(*each.first)} less {named(*each.second)}",
            f"{each.weight:g}",
            signed(each.delta),
            interval(each.ci, difference=True),
        ]
        for each in found.contrasts
    ]
    if rows:
        head = ["effects apart, nats", "w", "Δ", "95 % interval"]
        parts.append(aligned([head, *rows], "<>>>"))
    lines = [Line("content alone", [each.bf for each in found.plain])]
    lines += [
        Line(
            f"w {each.weight:g} at {named(each.start, each.stop)}",
            [place.bf for place in each.positions],
        )
        for each in found.windows
    ]
    title = "BF at each position of the texts"
    parts.append(f"{title}\n{plot([each for each in lines if each.values], colour=coloured())}")
    prompts = len(settings.prompts)
    basis = (
        f"bootstrap over {settings.samples} texts"
        if prompts == 1
        else rests(prompts, "instructions").removeprefix("by ")
    )
    parts.append(
        paragraph(
            f"{INJECTION.brief}. Judged over {settings.after} positions after each window, one without an end from its "
            f"beginning on; {settings.samples} texts of each instruction and window. Intervals are 95 %, {basis}."
        )
    )
    return "\n\n".join(parts)


def _table(windows: Sequence[InjectedWindow]) -> str:
    rows = [["window", "w", "BF", "95 %", "× alone", "95 %", "style", "content", "KL"]]
    rows += [
        [
            named(each.start, each.stop),
            f"{each.weight:g}",
            number(each.found.bf),
            interval(each.found.ci),
            f"{math.exp(each.delta):.2f}",
            interval(None if each.delta_ci is None else [math.exp(end) for end in each.delta_ci]),
            *_numbers(each.found),
        ]
        for each in windows
    ]
    return aligned(rows, "<>>>>>>>>")


def _alone(windows: Sequence[InjectedWindow]) -> str:
    rows = [["content alone, at", "BF", "95 %", "style", "content", "KL"]]
    spans = {each.judged: each.plain for each in windows}
    rows += [
        [named(*span), number(plain.bf), interval(plain.ci), *_numbers(plain)]
        for span, plain in sorted(spans.items())
    ]
    return aligned(rows, "<>>>>>")


def _numbers(found: JudgedTexts) -> list[str]:
    return [signed(found.style), signed(found.content), number_or_none(found.kl)]


def number_or_none(value: float | None) -> str:
    """A number of nats; – where there is none."""
    return "–" if value is None else f"{value:.2f}"
