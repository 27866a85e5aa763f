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
    from bftui.measures.response import Response
    from bftui.model.loaded_model import Model
    from bftui.results.response_result import ResponseResult


@o.unfolded
def respond(
    *,
    force: Annotated[
        list[str], typer.Option(help="Text to force, literally; may be given several times.")
    ],
    model: o.Model = "practice",
    samples: Annotated[int, typer.Option(min=1, help="Continuations of each text.")] = 32,
    horizon: Annotated[int, typer.Option(min=1, help="Tokens of each continuation.")] = 32,
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
    from bftui.measures.response_state import Setup
    from bftui.results.codec import encode
    from bftui.results.response_result import PrintedResponse, PrintedResponses

    start = options.settled()
    setup = Setup((samples,), horizon, controls, not only_matched, early=len(force) == 1)
    error: BftuiError | None = None
    with open_session(model, start, output=output) as opened:
        experiments = opened.session.experiments
        special = options.question.frame.special
        jobs = [experiments.start_response(each, setup=setup, special=special) for each in force]
        for place, job in enumerate(jobs):
            doing = partial(_doing, job, place + 1, len(jobs))
            error = finish(job, opened, doing, partial(getattr, job, "left"))
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
                    response=one,
                    within_noise=None
                    if one.delta is None
                    else within(one.delta, noise, job.positions),
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


def corrected(jobs: Sequence[Response]) -> list[ResponseResult]:
    """What was found of each text; with Holm's correction where there are several."""
    from bftui.core.bf.contrast import holm

    found = [job.result() for job in jobs]
    if len(found) < 2:
        return found
    return [job.result(p) for job, p in zip(jobs, holm([one.p for one in found]), strict=True)]


def report(jobs: Sequence[Response], verdicts: Sequence[ResponseResult], model: Model) -> str:
    """The responses for people: a table and a verdict for each, then the definition; safe to print."""
    from bftui.cli.shared.tables import paragraph

    parts = [_block(job, one, model) for job, one in zip(jobs, verdicts, strict=True)]
    setup = jobs[0].setup
    holm = " Several texts were forced: verdicts are corrected with Holm's method."
    parts.append(
        paragraph(
            f"{RESPONSE.meaning} BF: {BF_PATH.formula}, over the {setup.horizon} tokens after the text, or up to its "
            f"end; {setup.samples} samples. Δ ln BF: {RESPONSE.formula}. {RESPONSE.use}"
            + (holm if sum(one.verdict is not None for one in verdicts) > 1 else "")
        )
    )
    return "\n\n".join(parts)


def _block(job: Response, found: ResponseResult, model: Model) -> str:
    from bftui.cli.shared.tables import aligned, interval, number, paragraph, signed
    from bftui.core.text import label

    name = label(b"".join(map(model.token_bytes, job.token_ids)))
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
    logprob = "no probability" if forced.logprob is None else f"ln P {forced.logprob:.2f}"
    ended = f"{100 * forced.ended:.0f} % of its samples ended"
    return "\n".join(
        [
            paragraph(f"{name} · {logprob} · {ended}"),
            "",
            aligned(rows, "<>>>>>"),
            "",
            paragraph(_said(found) + _noise(found, job, model)),
        ]
    )


def _noise(found: ResponseResult, job: Response, model: Model) -> str:
    from bftui.core.noise_floor import within

    if not within(found.delta, model.noise, job.positions):
        return ""
    return " · the difference is within the noise floor of the model"


def _said(found: ResponseResult) -> str:
    """The verdict in words."""
    if found.verdict is None:
        return "no verdict: the first look is not done"
    if found.delta is None or found.delta_ci is None or found.p is None:
        return f"undecided: {found.reason}"
    low, high = map(math.exp, found.delta_ci)
    p = f"p {found.p:.2g}" + ("" if found.p_holm is None else f", Holm {found.p_holm:.2g}")
    reason = f" · {found.reason}" if found.reason else ""
    factor = f"BF ×{math.exp(found.delta):.2f} [×{low:.2f}, ×{high:.2f}] against matched controls"
    return f"{found.verdict}: {factor}, {p}{reason}"
