"""`bftui dial`: two models mixed, and the branching factor at each weight."""

from __future__ import annotations

from typing import Annotated

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.opening import deliver, finish, open_session, stopped
from bftui.core.errors import UsageError


@o.unfolded
def dial(
    *,
    base: Annotated[
        str,
        typer.Argument(
            metavar="[BASE]", help="The model at weight 0, or a mixture: proxy:…, contrast:…"
        ),
    ] = "practice",
    aligned: Annotated[
        str | None, typer.Argument(metavar="[ALIGNED]", help="The model at weight 1.")
    ] = None,
    weights: Annotated[
        str, typer.Option(help="Weights, separated by commas: from -10 to 10.")
    ] = "-1,-0.5,0,0.25,0.5,0.75,1,1.5,2",
    samples: Annotated[int, typer.Option(min=1, help="Continuations at each weight.")] = 32,
    horizon: Annotated[int, typer.Option(min=1, help="Tokens of a continuation at most.")] = 32,
    output: o.Output = None,
    options: o.SessionOptions,
    as_json: o.Json = False,
) -> int:
    """Mix two models of one vocabulary, logits (1 - w) BASE + w ALIGNED, and measure BF at each weight w.

    At 0 and 1 it is the models themselves; beyond, what alignment changed is taken back or exaggerated.
    """
    from bftui.formats.mixture_forms import joined, mixture_kind
    from bftui.measures.dial import DialAsked
    from bftui.results.codec import encode
    from bftui.results.dial_result import DialOutput

    asked = DialAsked(_numbers(weights), samples, horizon)
    asked.check()
    model = base
    if mixture_kind(base) is None:
        usual = "practice-aligned" if base == "practice" else None
        if aligned is None and usual is None:
            raise UsageError("there is one model alone", hint="name the other one as ALIGNED")
        model = joined("dial", [base, aligned or str(usual)])
    elif aligned is not None:
        raise UsageError(f"{base} is a mixture already", hint="leave ALIGNED out")
    with open_session(model, options.settled(), output=output) as opened:
        session = opened.session
        job = session.experiments.start_dial(asked)
        error = finish(job, opened, lambda: job.doing)
        if job.result().weights:
            from bftui.cli.reports.dial_report import report

            info = session.model.info
            found = DialOutput(
                model=info.name,
                mixing=info.architecture,
                prompt=session.rendered.text,
                found=job.result(),
                samples=asked.samples,
                horizon=asked.horizon,
                sampler=job.settings().sampler,
            )
            document, told = encode(found), report(found)
            deliver(opened.show, document, told, as_json=as_json, output=output, note=info.note)
    if error is not None:
        done = len(job.result().weights)
        raise stopped(error, f"{done} of {len(asked.weights)} weights are shown" if done else "")
    return 0


def _numbers(text: str) -> tuple[float, ...]:
    """The weights of --weights. Raises UsageError."""
    from bftui.core.sampler import Sampler

    try:
        found = tuple(float(each) for each in text.split(","))
    except ValueError:
        raise UsageError(
            f"--weights {text!r:.60} is not a list of numbers", hint="write them as -1,0,0.5,1,2"
        ) from None
    return tuple(Sampler(weight=each).weight for each in found)
