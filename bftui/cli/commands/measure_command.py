"""`bftui measure`: the branching factor of many prompts, on one or several models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.bulk_run import bulk_run, store_beside
from bftui.cli.shared.interrupt import interruptible
from bftui.cli.shared.opening import Watched, check_files, deliver, stopped
from bftui.cli.shared.progress_bars import bar
from bftui.core.errors import UsageError

if TYPE_CHECKING:
    from bftui.core.sampler import Sampler


@o.unfolded
def measure(
    *,
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="practice, paths to GGUF files or Hugging Face directories, or table:FILE.json; "
            "ratios are of the first to each other.",
        ),
    ] = None,
    prompts: Annotated[
        Path, typer.Option(help='JSON Lines, {"id": "…", "prompt": "…"}; - is standard input.')
    ],
    samples: Annotated[int, typer.Option(min=1, help="Continuations of each prompt.")] = 50,
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens of each continuation.")] = 256,
    estimator: Annotated[
        Literal["auto", "entropy", "nll"],
        typer.Option(help="auto takes nll where every sample is longer than 50 tokens."),
    ] = "auto",
    compat: Annotated[
        Literal["repo"] | None,
        typer.Option(help="repo aggregates as the code of the paper's authors does."),
    ] = None,
    cap_k: Annotated[
        int, typer.Option(min=0, help="Measure on the K best tokens only; 0 measures on all.")
    ] = 0,
    keep_tokens: Annotated[
        bool, typer.Option("--keep-tokens", help="Keep texts, token ids and numbers in the JSON.")
    ] = False,
    sweep: Annotated[
        list[str] | None,
        typer.Option(help="Measure under these settings too, as temperature=0.6,1.0,top-p=0.5,1."),
    ] = None,
    segments: Annotated[
        Literal["think"] | None,
        typer.Option(
            help="think measures inside and after thinking blocks, and after an empty one."
        ),
    ] = None,
    insert_random: Annotated[
        int, typer.Option(min=0, help="Random tokens to put into the middle of each sample.")
    ] = 0,
    output: o.Output = None,
    frame: o.Frame,
    sampling: o.Sampling,
    opening: o.OpeningOptions,
    as_json: o.Json = False,
) -> int:
    """Measure the branching factor of every prompt of a file, with intervals, on one or several models.

    With -o the same command goes on where it was stopped.
    """
    from bftui.measures.bulk.bulk_measurement import MeasureSettings
    from bftui.measures.bulk.sample_store import PartialFile, SamplePacking
    from bftui.trace.prompts_file import parse_prompts

    chosen = sampling.for_all()
    settings = MeasureSettings(
        sampler=chosen,
        samples=samples,
        max_tokens=max_tokens,
        estimator=estimator,
        compat=compat is not None,
        cap_k=cap_k,
        frame=frame.around(""),
        sweep=swept(sweep or [], chosen),
        think=segments is not None,
        insert=insert_random,
    )
    names = models or ["practice"]
    opening.check_labels(len(names))
    lines = parse_prompts(o.read_bytes(prompts), str(prompts))
    check_files([(name, opening.backend) for name in names], [output], [prompts])
    with ExitStack() as stack:
        interruption = stack.enter_context(interruptible())
        show = stack.enter_context(bar(interruption))
        beside = store_beside(output, settings.drawing(), SamplePacking())
        store = stack.enter_context(beside)
        shown = [opening.after(place).named or name for place, name in enumerate(names)]
        watched = Watched(interruption, show)
        run, drawn = bulk_run(names, shown, lines, settings, store, watched)
        error = run.carry_out(opening)
        if error is not None and isinstance(store, PartialFile) and run.finished:
            raise stopped(error, f"{run.kept} in {store.path}: the same command goes on")
        if run.finished:
            show(None, "estimating")
            from bftui.cli.reports.measure_report import report
            from bftui.measures.bulk import bulk_summary
            from bftui.results.codec import encode

            found = bulk_summary.output(drawn, settings, shown, run.failed, keep_tokens=keep_tokens)
            deliver(show, encode(found), report(found), as_json=as_json, output=output)
            if isinstance(store, PartialFile):
                store.remove()
    if error is not None:
        raise stopped(error, f"{run.kept} and shown" if run.finished else "")
    for failed in run.failed.values():
        raise stopped(failed, "the other models are measured" if run.finished else "")
    return 0


def swept(values: Sequence[str], base: Sampler) -> tuple[Sampler, ...]:
    """The samplers of --sweep: every combination of the values that are named. Raises UsageError."""
    from bftui.core.sampler import Sampler

    kinds: dict[str, type[int] | type[float]] = {
        "temperature": float,
        "top-k": int,
        "top-p": float,
        "min-p": float,
    }
    named: dict[str, list[float | int]] = {}
    name = ""
    for word in filter(None, re.split(r"[,\s]+", ",".join(values))):
        start, equals, value = word.rpartition("=")
        name = start if equals else name
        if name not in kinds:
            raise UsageError(
                f"--sweep does not understand {word!r}",
                hint=f"write temperature=0.6,1.0 or another of {', '.join(kinds)}",
            )
        try:
            named.setdefault(name, []).append(kinds[name](value))
        except ValueError:
            raise UsageError(f"--sweep: {value!r} is not a value of {name}") from None
    if not named:
        return ()
    fields = [each.replace("-", "_") for each in named]
    grid = [dict(zip(fields, each, strict=True)) for each in product(*named.values())]
    found = [Sampler(**{**base.settings(), **changes}) for changes in grid]
    return tuple(dict.fromkeys(found))
