"""`bftui respond`: what forcing a text does to the branching factor, against texts like it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.opening import deliver, finish, measured_noise, open_session, stopped
from bftui.core.errors import BftuiError, Unwritable, UsageError

if TYPE_CHECKING:
    from bftui.cli.reports.response_report import ReportedResponse
    from bftui.measures.response import Response
    from bftui.measures.response_series import ResponseSeries
    from bftui.measures.response_state import Setup
    from bftui.model.loaded_model import Model
    from bftui.results.response_result import PrintedResponse, ResponseResult
    from bftui.session.session import Session

_LOOKS = "4,12,32"

_TOLD = 50
"""Tokens after which the ratio so far is computed again for the bar."""


@o.unfolded
def respond(
    *,
    force: Annotated[
        list[str], typer.Option(help="Text to force, literally; may be given several times.")
    ],
    model: o.Model = "practice",
    looks: Annotated[
        str | None,
        typer.Option(
            help=f"Samples of each text at each look that is judged; {_LOOKS} where left out.",
            metavar="N,N,…",
        ),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(help="The same as --looks with one number: a single look.")
    ] = None,
    stop_after: Annotated[
        int | None, typer.Option(help="Do only so many of the planned looks.")
    ] = None,
    horizon: Annotated[int, typer.Option(min=1, help="Tokens of each continuation.")] = 32,
    controls: Annotated[int, typer.Option(min=1, help="Matched controls of each text.")] = 12,
    budget: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds after which no further look is begun."),
    ] = None,
    only_matched: Annotated[
        bool, typer.Option("--only-matched", help="Measure no other kinds of controls.")
    ] = False,
    partner: Annotated[
        str | None,
        typer.Option(
            help="A second model, in which the same texts are forced at the same place.",
            metavar="MODEL",
        ),
    ] = None,
    output: o.Output = None,
    options: o.SessionOptions,
    second: o.PartnerOptions,
    as_json: o.Json = False,
) -> int:
    """Force a text and say whether it narrows or widens the branching factor, against controls."""
    from bftui.cli.reports.response_report import report, report_beside
    from bftui.measures.response_series import ResponseSeries
    from bftui.measures.response_state import Setup
    from bftui.results.codec import encode
    from bftui.results.response_result import PartnerResponses, PrintedResponses

    start = options.settled()
    planned = _planned(looks, samples)
    setup = Setup(planned, horizon, controls, not only_matched, len(force) == 1, stop_after)
    setup.check()
    pair = None
    if partner is not None:
        pair = o.SecondModel(partner, second.opening(start.opening), second.partner_template)
    with open_session(model, start, output=output, beside=pair) as opened:
        session = opened.session
        begin = session.experiments.start_response
        special = options.question.frame.special
        begun = _begun(
            force,
            lambda place: begin(force[place], setup=setup, special=special),
            lambda text, why: opened.show.say(f"{text} is left out: {why}"),
        )
        jobs = [job for _, job in begun]
        theirs = _in_partner(session, begun, setup, opened.show.say)
        series = ResponseSeries(jobs, budget, theirs)
        doing = _Doing(series)
        error = finish(series, opened, doing, lambda: series.left)
        error = error or series.error
        measured = _measured(jobs, series.results())
        if measured:
            if error is None:
                error = measured_noise(session.model, opened)
            results, told = _printed(measured, session.model)
            several = PrintedResponses(responses=tuple(results))
            text = report(told)
            if session.partner is not None:
                its = session.partner.model
                if error is None:
                    error = measured_noise(its, opened)
                found, told = _printed(_measured(theirs, series.results(partner=True)), its)
                beside = PartnerResponses(model=its.info.name, responses=tuple(found))
                several = replace(several, partner=beside)
                if told:
                    text = f"{text}\n\n{report_beside(its.info.name, told)}"
            flat = len(force) == 1 and session.partner is None
            document = encode(results[0] if flat else several)
            note = session.model.info.note
            deliver(opened.show, document, text, as_json=as_json, output=output, note=note)
        if series.out_of_time:
            opened.show.say(_out_of_time(series))
    if error is not None:
        known = f"what is known of {_count(len(measured))} is shown"
        raise stopped(error, known if measured else "nothing is known yet")
    return 0


def _begun(
    texts: Sequence[str], begin: Callable[[int], Response], say: Callable[[str, str], None]
) -> list[tuple[str, Response]]:
    """Begins to measure those of some texts, by their places, that can be measured; says which are left out, and why.

    Raises UsageError and Unwritable where none can be, with the reason of the first one.
    """
    from bftui.core.text import label

    begun: list[tuple[str, Response]] = []
    refused: list[tuple[str, BftuiError]] = []
    for place, text in enumerate(texts):
        try:
            begun.append((text, begin(place)))
        except (UsageError, Unwritable) as error:
            refused.append((text, error))
    if not begun:
        raise refused[0][1]
    for text, why in refused:
        say(label(text.encode()), why.line())
    return begun


def _in_partner(
    session: Session,
    begun: Sequence[tuple[str, Response]],
    setup: Setup,
    say: Callable[[str], None],
) -> list[Response]:
    """The same texts in the session's partner; none without one. Its controls are the matched ones."""
    partner = session.partner
    if partner is None:
        return []
    site, setup, node = partner.site(session.cursor), replace(setup, others=False), session.cursor

    def begin(place: int) -> Response:
        text, own = begun[place]
        ids = partner.forced(node, text)
        return session.experiments.start_partner_response(site, node, own.token_ids, ids, setup)

    theirs = _begun(
        [text for text, _ in begun],
        begin,
        lambda text, why: say(f"{text} is left out in the partner: {why}"),
    )
    return [job for _, job in theirs]


def _measured(
    jobs: Sequence[Response], results: Sequence[ResponseResult | None]
) -> list[tuple[Response, ResponseResult]]:
    """Those after which something is drawn."""
    both = zip(jobs, results, strict=True)
    return [(job, found) for job, found in both if found is not None]


def _printed(
    measured: Sequence[tuple[Response, ResponseResult]], model: Model
) -> tuple[list[PrintedResponse], list[ReportedResponse]]:
    """The responses of a model as `--json` has them, and as people read them."""
    results = [printed(*each, model) for each in measured]
    told = [reported(job, one, model) for (job, _), one in zip(measured, results, strict=True)]
    return results, told


def _planned(looks: str | None, samples: int | None) -> tuple[int, ...]:
    """The samples of each text at each look."""
    if samples is not None:
        if looks is not None:
            raise UsageError(
                "--samples and --looks say the same",
                hint="--samples 32 is short for --looks 32: leave out one of them",
            )
        return (samples,)
    try:
        return tuple(int(each) for each in (looks or _LOOKS).split(","))
    except ValueError:
        raise UsageError(
            f"--looks {looks!r} is not a list of numbers",
            hint="give the samples of each text at each look, as 4,12,32",
        ) from None


class _Doing:
    """What is done now, and the ratio so far, for the bar."""

    def __init__(self, series: ResponseSeries) -> None:
        self._series = series
        self._told, self._of = "", (-1, -1)

    def __call__(self) -> str:
        series = self._series
        texts = len(series.both)
        which = f" · {series.at + 1} of {texts}" if texts > 1 else ""
        return f"{series.doing}{self._ratio()}{which}"

    def _ratio(self) -> str:
        from bftui.results.response_words import factor

        response = self._series.both[self._series.at]
        of = self._series.at, response.tokens // _TOLD
        if of != self._of:
            ratio = response.ratio
            self._told, self._of = "" if ratio is None else f" · ×{factor(ratio)}", of
        return self._told


def printed(job: Response, found: ResponseResult, model: Model) -> PrintedResponse:
    """A response as `--json` has it."""
    from bftui.core.noise_floor import within
    from bftui.results.response_result import PrintedResponse

    noise = None if found.delta is None else within(found.delta, model.noise, job.positions)
    return PrintedResponse(response=found, within_noise=noise)


def reported(job: Response, one: PrintedResponse, model: Model) -> ReportedResponse:
    """A response as it is printed for people."""
    from bftui.cli.reports.response_report import ReportedResponse
    from bftui.core.text import label

    name = label(b"".join(map(model.token_bytes, job.token_ids)))
    return ReportedResponse(name, one.response, len(job.setup.looks), bool(one.within_noise))


def _out_of_time(series: ResponseSeries) -> str:
    done = min(len(each.looks) for each in series.both)
    planned = len(series.responses[0].setup.looks)
    spent = f"the budget of {series.budget:g} s is spent"
    if all(each.decided for each in series.both):
        return f"{spent}: not all kinds of controls were measured"
    return f"{spent}: look {done} of {planned} is the last one that was done"


def _count(texts: int) -> str:
    return "1 text" if texts == 1 else f"{texts} texts"
