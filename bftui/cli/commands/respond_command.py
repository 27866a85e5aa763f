"""`bftui respond`: what forcing a text does to the branching factor, against texts like it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.opening import deliver, finish, measured_noise, open_session, stopped
from bftui.core.definitions import BF_PATH, RESPONSE
from bftui.core.errors import BftuiError

if TYPE_CHECKING:
    from bftui.core.bf.contrast import Contrast
    from bftui.measures.response import Response
    from bftui.model.loaded_model import Model


@o.unfolded
def respond(
    *,
    force: Annotated[
        list[str], typer.Option(help="Text to force, literally; may be given several times.")
    ],
    model: o.Model = "practice",
    samples: Annotated[int, typer.Option(min=1, help="Continuations of each text.")] = 32,
    horizon: Annotated[int, typer.Option(min=1, help="Tokens of each continuation.")] = 64,
    controls: Annotated[int, typer.Option(min=1, help="Matched controls of each text.")] = 12,
    only_matched: Annotated[
        bool, typer.Option("--only-matched", help="Measure no other kinds of controls.")
    ] = False,
    output: o.Output = None,
    options: o.SessionOptions,
    as_json: o.Json = False,
) -> int:
    """Force a text and say whether it narrows or widens the branching factor, against controls."""
    from bftui.core.noise_floor import within
    from bftui.measures.response import Setup
    from bftui.results.codec import encode
    from bftui.results.response_result import PrintedResponse, PrintedResponses

    start = options.settled()
    setup = Setup(samples, horizon, controls, not only_matched)
    error: BftuiError | None = None
    with open_session(model, start, output=output) as opened:
        experiments = opened.session.experiments
        special = options.question.frame.special
        jobs = [experiments.start_response(each, setup=setup, special=special) for each in force]
        for place, job in enumerate(jobs):
            doing = partial(_doing, job, place + 1, len(jobs))
            error = finish(job, opened, doing, partial(getattr, job, "remaining"))
            if error is not None:
                break
        begun = [job for job in jobs if job.measured]
        verdicts = corrected(begun)
        if begun:
            if error is None:
                error = measured_noise(opened.session.model, opened)
            noise = opened.session.model.noise
            results = [
                PrintedResponse(
                    response=job.result(one),
                    within_noise=None if one is None else within(one.delta, noise, job.positions),
                )
                for job, one in zip(begun, verdicts, strict=True)
            ]
            several = len(force) > 1
            document = encode(PrintedResponses(responses=tuple(results)) if several else results[0])
            opened_model = opened.session.model
            told, note = report(begun, verdicts, opened_model), opened_model.info.note
            deliver(opened.show, document, told, as_json=as_json, output=output, note=note)
    if error is not None:
        texts = sum(job.measured for job in jobs)
        raise stopped(error, f"the {texts} texts that were measured are shown")
    return 0


def _doing(job: Response, number: int, count: int) -> str:
    which = f"{number} of {count}: " if count > 1 else ""
    return f"{which}{job.doing}"


def corrected(jobs: Sequence[Response]) -> list[Contrast | None]:
    """The verdicts, None where the matched controls are not all measured; Holm's correction where there are several."""
    from bftui.core.bf.contrast import with_holm

    found = [job.contrast for job in jobs]
    known = [one for one in found if one is not None]
    if len(known) < 2:
        return found
    adjusted = iter(with_holm(known))
    return [None if one is None else next(adjusted) for one in found]


def report(jobs: Sequence[Response], verdicts: Sequence[Contrast | None], model: Model) -> str:
    """The responses for people: a table and a verdict for each, then the definition; safe to print."""
    from bftui.cli.shared.tables import paragraph

    parts = [_block(job, one, model) for job, one in zip(jobs, verdicts, strict=True)]
    setup = jobs[0].setup
    holm = " Several texts were forced: verdicts are corrected with Holm's method."
    parts.append(
        paragraph(
            f"{RESPONSE.meaning} BF: {BF_PATH.formula}, over the {setup.horizon} tokens after the text, or up to its "
            f"end; {setup.samples} samples. Δ ln BF: {RESPONSE.formula}. {RESPONSE.use}"
            + (holm if sum(one is not None for one in verdicts) > 1 else "")
        )
    )
    return "\n\n".join(parts)


def _block(job: Response, verdict: Contrast | None, model: Model) -> str:
    from bftui.cli.shared.tables import aligned, interval, number, paragraph, signed
    from bftui.core.text import label

    name = label(b"".join(map(model.token_bytes, job.token_ids)))
    found = job.result(verdict)
    forced = found.forced
    rows = [["", "texts", "BF", "95 % interval", "Δ ln BF", "95 % interval"]]
    rows.append(["forced", "1", number(forced.bf), interval(forced.ci), "", ""])
    for kind in found.controls:
        rows.append(
            [
                kind.kind,
                str(len(kind.texts)),
                number(kind.bf),
                interval(kind.ci),
                signed(kind.delta),
                interval(kind.delta_ci, difference=True),
            ]
        )
    logprob = "no probability" if job.logprob == -math.inf else f"ln P {job.logprob:.2f}"
    ended = f"{100 * forced.ended:.0f} % of its samples ended"
    return "\n".join(
        [
            paragraph(f"{name} · {logprob} · {ended}"),
            "",
            aligned(rows, "<>>>>>"),
            "",
            paragraph(_said(verdict, found.reason) + _noise(verdict, job, model)),
        ]
    )


def _noise(verdict: Contrast | None, job: Response, model: Model) -> str:
    from bftui.core.noise_floor import within

    if verdict is None or not within(verdict.delta, model.noise, job.positions):
        return ""
    return " · the difference is within the noise floor of the model"


def _said(verdict: Contrast | None, why: str | None) -> str:
    """The verdict in words."""
    if verdict is None:
        return "no verdict: not all matched controls were measured"
    if verdict.delta is None or verdict.delta_ci is None or verdict.p is None:
        return f"undecided: {why}"
    low, high = map(math.exp, verdict.delta_ci)
    p = f"p {verdict.p:.2g}" + ("" if verdict.p_holm is None else f", Holm {verdict.p_holm:.2g}")
    reason = f" · {why}" if why else ""
    factor = f"BF ×{math.exp(verdict.delta):.2f} [×{low:.2f}, ×{high:.2f}] against matched controls"
    return f"{verdict.verdict}: {factor}, {p}{reason}"
