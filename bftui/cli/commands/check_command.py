"""`bftui check`: a trace held against its model, or against another one on purpose."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.interrupt import interruptible
from bftui.cli.shared.opening import (
    Watched,
    check_output,
    deliver,
    finish,
    open_stoppable,
    stopped,
    to_file,
)
from bftui.cli.shared.progress_bars import bar
from bftui.core.errors import DifferenceFound, InputError, ModelLoadError, UsageError

if TYPE_CHECKING:
    from bftui.model.loaded_model import Model
    from bftui.session.records.trace_check import Checking
    from bftui.trace.reading import TraceFile


@o.unfolded
def check(
    *,
    trace: Annotated[
        Path, typer.Argument(metavar="TRACE", help="A trace, or the journal of a session.")
    ],
    model: Annotated[
        str | None,
        typer.Option(help="Another model, any MODEL form [default: the one that the trace names]."),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Largest difference in nats [default: 1e-5 of entropies and 1e-4 of log-probabilities where the same "
            "arithmetic is done again, else what the noise floor in the trace allows, or 2e-2].",
        ),
    ] = None,
    fast: Annotated[
        bool,
        typer.Option(
            "--fast",
            help="Read texts in chunks, whatever they were made in; numbers of a quantised model are then off by its "
            "noise floor.",
        ),
    ] = False,
    opening: o.OpeningOptions,
    output: o.Output = None,
    as_json: o.Json = False,
) -> int:
    """Evaluate every path of a trace again, and say how far its numbers are off.

    Each token is read in a batch of the shape in which it was made: quantised weights give other numbers in another.
    The model is opened with the trace's context and types, where no option says otherwise.
    """
    if tolerance is not None and not 0 < tolerance < math.inf:
        hint = "take a finite number above 0, such as 1e-3"
        raise UsageError(
            f"--tolerance {tolerance:g} is not a number of nats to differ by", hint=hint
        )
    from bftui.session.records.open_trace import trace_file
    from bftui.trace.document import refuse_inputs, refuse_model

    with interruptible() as interruption, bar(interruption) as show:
        check_output(output)
        refuse_inputs(output, trace)
        show(None, "reading the trace")
        file = trace_file(trace)
        named, settled = _opening(file, model, opening)
        if model is None:
            _refuse_absent(file, named)
        with open_stoppable(named, settled, interruption, show) as opened:
            if model is None:
                _refuse_another(opened, file, named)
            if to_file(output):
                refuse_model(output, opened.info.source)
            job = _job(opened, file, tolerance, fast)
            watched = Watched(interruption, show)
            error = finish(job, watched, lambda: f"{job.checked} of {file.count} nodes")
            if error is None or job.checked:
                from bftui.results.codec import encode

                deliver(
                    show,
                    encode(job.result()),
                    told(job, opened),
                    as_json=as_json,
                    output=output,
                    note=opened.info.note,
                )
    if error is not None:
        raise stopped(error, f"kept what {job.checked} nodes showed")
    if job.different:
        raise DifferenceFound(
            f"{trace} differs from the model",
            "on average its nodes are off by more than the tolerance"
            if job.past is None
            else f"node {job.past} is the first that is off by more than the tolerance",
        )
    return 0


def _opening(
    file: TraceFile, model: str | None, opening: o.OpeningOptions
) -> tuple[str, o.OpeningOptions]:
    """The MODEL and the options to open it with; where an option was left out, the trace says it.

    Raises InputError for a trace of a backend that is not installed.
    """
    from bftui.backends.registry import names
    from bftui.session.records.resume import opening_of

    recorded = opening_of(file.outline.model.model_dump(mode="json"))
    backend = opening.backend
    if backend == "auto" and model is None:
        backend = recorded.backend
        if backend not in names():
            raise InputError(
                f"{file.path} names a backend that is not here",
                repr(backend),
                f"choose one of {', '.join(names())} with --backend",
            )
    keywords = dict(recorded.keywords)
    if backend != recorded.backend:
        # What one backend calls its types another may not have: only the context is the trace's for sure.
        keywords = {"ctx": keywords["ctx"]}
    given = {
        name: value
        for name, value in opening.keywords().items()
        if value != getattr(o.OpeningOptions(), name)
    }
    return model or recorded.model, replace(opening, backend=backend, **{**keywords, **given})


_LONGEST = 400
"""Characters of a path that a trace names, at most: it may be anything."""


def _refuse_absent(file: TraceFile, named: str) -> None:
    """Raises ModelLoadError where the file that the trace names is not on this machine."""
    import os

    from bftui.model.model_forms import paths_of
    from bftui.practice import NAMES

    for path in paths_of(named):
        if path not in NAMES and not os.path.exists(path):
            shown = path if len(path) <= _LONGEST else f"{path[:_LONGEST]}…"
            raise ModelLoadError(
                f"the model of {file.path} is not here",
                f"there is nothing at {shown}",
                "say with --model where it is, or which other one to check against",
            )


def _refuse_another(model: Model, file: TraceFile, named: str) -> None:
    """Raises DifferenceFound where the file that the trace names holds another model by now."""
    from bftui.session.records.resume import same_model

    if same_model(model, file.outline.model.model_dump(mode="json")) is False:
        raise DifferenceFound(
            f"{named} is not the model of the trace",
            "its checksum is another one",
            "check against it on purpose with --model",
        )


def _job(model: Model, file: TraceFile, tolerance: float | None, fast: bool) -> Checking:
    from bftui.session.records.trace_check import Checking, Tolerance

    allowed = None if tolerance is None else Tolerance(tolerance, tolerance)
    return Checking(model, file, allowed, fast=fast)


def told(job: Checking, model: Model) -> str:
    """The result for people; safe to print."""
    from bftui.cli.shared.tables import aligned, paragraph
    from bftui.core.text import safe

    rows = [["nats", "largest", "at node", "mean", "tolerance"]]
    for name, drift, allowed in (
        ("entropy", job.entropy, job.tolerance.entropy),
        ("log-probability", job.logprob, job.tolerance.logprob),
    ):
        at = "–" if drift.node is None else str(drift.node)
        rows.append([name, f"{drift.most:.2e}", at, f"{drift.mean:.2e}", f"{allowed:g}"])
    same = {
        True: "the same file, by checksum",
        False: "another file than the trace's, by checksum",
        None: "it has no checksum to compare",
    }[job.result().same_model]
    if job.past is not None:
        past = f"node {job.past} is the first past the tolerance"
    elif job.different:
        past = "the mean is past the tolerance"
    elif job.within_noise:
        past = "every node is within the model's noise floor"
    else:
        past = "every node is within the tolerance"
    if not job.alike:
        past += "; they were read in chunks"
    model_line = f"{safe(model.info.name)} on {safe(model.info.backend)}: {same}"
    return "\n".join(
        [
            aligned(rows, "<>>>>"),
            "",
            paragraph(f"{job.checked} nodes, {job.ranks} with another rank; {past}."),
            paragraph(model_line),
        ]
    )
