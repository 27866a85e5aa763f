"""`bftui lookahead`: the branching factor one step later, for each of the best candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.opening import deliver, finish, measured_noise, open_session, stopped
from bftui.core.definitions import BF_AFTER

if TYPE_CHECKING:
    from bftui.model.loaded_model import Model
    from bftui.results.lookahead_result import LookaheadResult


@o.unfolded
def lookahead(
    *,
    model: o.Model = "practice",
    top: Annotated[int, typer.Option(min=1, help="How many candidates, best first.")] = 20,
    steps: Annotated[
        int, typer.Option(min=1, help="Tokens later: the candidate, then greedy ones.")
    ] = 1,
    output: o.Output = None,
    options: o.SessionOptions,
    as_json: o.Json = False,
) -> int:
    """Say what the branching factor would be after each of the best candidates."""
    from bftui.results.codec import encode

    with open_session(model, options.settled(), output=output) as opened:
        session = opened.session
        job = session.experiments.start_lookahead(top, steps=steps)
        error = finish(job, opened, lambda: f"{len(job.candidates)} of {top} candidates")
        if error is None or job.candidates:
            if error is None and not as_json:
                error = measured_noise(session.model, opened)
            found = job.result()
            document, told = encode(found), table(found, steps, session.model)
            note = session.model.info.note
            deliver(opened.show, document, told, as_json=as_json, output=output, note=note)
    if error is not None:
        raise stopped(error, f"kept the {len(job.candidates)} candidates looked at so far")
    return 0


def table(found: LookaheadResult, steps: int, model: Model) -> str:
    """The candidates for people, best first; safe to print."""
    from bftui.cli.shared.tables import aligned, clipped, number, paragraph
    from bftui.core.noise_floor import exactness, share
    from bftui.core.text import label

    noise = model.noise
    rows = [["rank", "token", "P", "BF after", "whole vocabulary"]]
    for each in found.candidates:
        after = each.after
        name = label(model.token_bytes(each.token_id))
        ends = (
            ["the text ends", ""]
            if after is None
            else [number(after.bf, noise), number(after.bf_full, noise)]
        )
        p = share(each.prob, 4, noise)
        rows.append([str(each.rank), clipped(name, 24), p, *ends])
    later = "" if steps == 1 else f" and {steps - 1} greedy tokens more"
    definition = paragraph(
        f"BF after: {BF_AFTER.formula}{later}. {BF_AFTER.use} BF now "
        f"{number(found.width.bf, noise)}, over the whole vocabulary {number(found.width.bf_full, noise)}. "
        f"{exactness(noise, model.info.backend)}"
    )
    return f"{aligned(rows, '><>>>')}\n\n{definition}"
