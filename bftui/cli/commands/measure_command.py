"""`bftui measure`: the branching factor of many prompts, on one or several models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.interrupt import Interruption, interruptible
from bftui.cli.shared.opening import check_files, deliver, open_stoppable, stopped, to_file
from bftui.cli.shared.pair_options import say_templates
from bftui.cli.shared.progress_bars import Bar, bar
from bftui.core.errors import BftuiError, ModelError, UsageError

if TYPE_CHECKING:
    from bftui.core.sampler import Sampler
    from bftui.measures.bulk.bulk_measurement import (
        BulkMeasurement,
        Drawn,
        MeasureSettings,
        Samples,
    )
    from bftui.measures.bulk.sample_store import Store
    from bftui.model.prompt import Prompt
    from bftui.trace.prompts_file import PromptLine


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
        bool, typer.Option("--keep-tokens", help="Keep token ids and numbers in the JSON.")
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
    from bftui.measures.bulk.sample_store import PartialFile, SamplePacking, Store
    from bftui.trace.prompts_file import parse_prompts

    chosen = sampling.sampler()
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
    store: Store[Samples] = Store()
    with ExitStack() as stack:
        interruption = stack.enter_context(interruptible())
        show = stack.enter_context(bar(interruption))
        # What is not a regular file has no place beside it.
        if to_file(output) and (output.is_file() or not output.exists()):
            store = stack.enter_context(PartialFile(output, settings.drawing(), SamplePacking()))
        shown = [opening.after(place).named or name for place, name in enumerate(names)]
        run = _Run(names, shown, lines, settings, store, interruption, show)
        error = run.carry_out(opening)
        if error is not None and isinstance(store, PartialFile) and run.finished:
            raise stopped(error, f"{run.kept} in {store.path}: the same command goes on")
        if run.finished:
            show(None, "estimating")
            from bftui.cli.reports.measure_report import report
            from bftui.measures.bulk import bulk_summary
            from bftui.results.codec import encode

            found = bulk_summary.output(
                run.drawn, settings, shown, run.failed, keep_tokens=keep_tokens
            )
            deliver(show, encode(found), report(found), as_json=as_json, output=output)
            if isinstance(store, PartialFile):
                store.remove()
    if error is not None:
        raise stopped(error, f"{run.kept} and shown" if run.finished else "")
    for failed in run.failed.values():
        raise stopped(failed, "the other models are measured" if run.finished else "")
    return 0


class _Run:
    """All models one after the other, each opened once.

    Attributes:
        drawn: what was found, model by model.
        failed: why models could not be measured, or not to the end.
        finished: runs of one prompt under one setting that are finished.
    """

    def __init__(
        self,
        names: Sequence[str],
        shown: Sequence[str],
        lines: Sequence[PromptLine],
        settings: MeasureSettings,
        store: Store[Samples],
        interruption: Interruption,
        show: Bar,
    ) -> None:
        from bftui.model.model_forms import carries_template

        self.drawn: list[Drawn] = []
        self.failed: dict[str, ModelError] = {}
        self.finished = 0
        self._names, self._shown = names, shown
        self._lines, self._settings, self._store = lines, settings, store
        self._interruption, self._show = interruption, show
        chats = [carries_template(name) for name in names]
        self._beside_chat = len(names) > 1 and any(chats)
        if len(names) > 1:
            say_templates(
                show,
                [
                    (
                        name,
                        [
                            _template(line, settings.frame, chat, self._beside_chat)
                            for line in lines
                        ],
                    )
                    for name, chat in zip(shown, chats, strict=True)
                ],
            )
        self._units = 0

    @property
    def kept(self) -> str:
        """How far it came, for people."""
        return f"{self.finished} of {self._units} measurements are kept"

    def carry_out(self, opening: o.OpeningOptions) -> BftuiError | None:
        """Measures everything that can be; the error that stopped it, if one did.

        One of several models that fails does not stop the others.
        """
        try:
            for place, name in enumerate(self._shown):
                try:
                    self._measure(place, opening)
                except ModelError as error:
                    if len(self._names) == 1:
                        return error
                    self.failed[name] = error
        except BftuiError as error:
            return error
        return None

    def _measure(self, place: int, opening: o.OpeningOptions) -> None:
        from bftui.measures.bulk.bulk_measurement import BulkMeasurement

        name, before = self._names[place], self.finished
        own = opening.after(place)
        with open_stoppable(name, own, self._interruption, self._show) as opened:
            job = BulkMeasurement(
                opened,
                self._shown[place],
                self._lines,
                self._settings,
                self._store,
                beside_chat=self._beside_chat,
            )
            self.drawn.append(job.drawn)
            self._units = job.units * len(self._names)
            try:
                while job.advance():
                    self.finished = before + job.units_done
                    share = (place + job.share) / len(self._names)
                    self._show(share, self._doing(job), self._left(job, place))
                    self._interruption.check()
            finally:
                self.finished = before + job.units_done
                job.close()

    def _left(self, job: BulkMeasurement, place: int) -> float | None:
        """Seconds to the end of all models, which are taken to be as fast as this one."""
        units = job.units * (len(self._names) - place - job.share)
        return None if job.seconds_a_unit is None else job.seconds_a_unit * units

    def _doing(self, job: BulkMeasurement) -> str:
        from bftui.cli.shared.tables import clipped
        from bftui.core.text import safe

        name = f"{clipped(safe(job.drawn.facts['name']), 16)}: " if len(self._names) > 1 else ""
        return f"{name}{job.doing}"


def _template(line: PromptLine, frame: Prompt, chat: bool, compared: bool) -> str:
    """What a prompt is put into on a model that has a chat template or none."""
    from bftui.model.prompt import framed
    from bftui.model.templates import asking

    taken = asking(framed(line, frame), chat, compared).template
    return taken if taken != "auto" else "chat" if chat else "raw"


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
    found = [Sampler(**{**asdict(base), **changes}) for changes in grid]
    return tuple(dict.fromkeys(found))
