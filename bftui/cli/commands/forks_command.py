"""`bftui forks`: where along an answer another token would have led to another outcome."""

from __future__ import annotations

from typing import Annotated

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.opening import deliver, finish, open_session, stopped
from bftui.core.errors import BftuiError


@o.unfolded
def forks(
    *,
    model: o.Model = "practice",
    answer: Annotated[
        str | None,
        typer.Option(help="The answer that is looked at; a greedy one where it is left out."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Tokens of a greedy answer at most.")] = 48,
    open_share: Annotated[
        float, typer.Option(help="Share of the positions that is looked at: the largest H(P).")
    ] = 0.2,
    alternatives: Annotated[
        int, typer.Option(min=2, help="Tokens that are tried at each, the one taken among them.")
    ] = 4,
    continuations: Annotated[
        int, typer.Option(min=2, help="Continuations of each alternative.")
    ] = 16,
    horizon: Annotated[int, typer.Option(min=1, help="Tokens of each continuation.")] = 64,
    outcome: Annotated[
        str,
        typer.Option(
            metavar="REGEX",
            help="What a text comes to: the first group of this expression, or number for its last number "
            "[default: number where the answer has one, else all of the text].",
        ),
    ] = "",
    output: o.Output = None,
    options: o.SessionOptions,
    as_json: o.Json = False,
) -> int:
    """Find the tokens of an answer where another one would have led to another outcome, more than by chance."""
    from bftui.cli.reports.forks_report import report
    from bftui.measures.forks import ForksAsked
    from bftui.results.codec import encode

    asked = ForksAsked(open_share, alternatives, continuations, horizon, outcome)
    asked.check()
    with open_session(model, options.settled(), output=output) as opened:
        session = opened.session
        if answer is not None:
            session.force(answer)
        else:
            for _ in range(steps):
                if session.greedy().eog:
                    break
                opened.interruption.check()
        job = session.experiments.start_forks(asked)
        error: BftuiError | None = finish(job, opened, lambda: job.doing)
        found = job.result()
        if error is None or found.positions:
            note = session.model.info.note
            document, told = encode(found), report(found)
            deliver(opened.show, document, told, as_json=as_json, output=output, note=note)
    if error is not None:
        done = f"{len(found.positions)} of {len(found.open_positions)} positions"
        raise stopped(error, f"{done} are shown" if found.positions else "")
    return 0
