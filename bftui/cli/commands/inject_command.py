"""`bftui inject`: what a style does to a text where it is injected for some positions."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.bulk_run import EachModel, store_beside
from bftui.cli.shared.interrupt import interruptible
from bftui.cli.shared.opening import Watched, check_files, deliver, stopped
from bftui.cli.shared.progress_bars import bar
from bftui.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bftui.core.pair.instruction_parts import Instruction
    from bftui.measures.injection import Injection
    from bftui.model.loaded_model import Model


@o.unfolded
def inject(
    *,
    model: o.Model = "practice",
    content: Annotated[
        str | None, typer.Option(help="What is to be written: the first condition.")
    ] = None,
    style: Annotated[
        str | None,
        typer.Option(
            help="How: the second condition reads the content, a blank and this. Left out where MODEL is "
            "dial:BASE::ALIGNED and the style is ALIGNED's."
        ),
    ] = None,
    instruction: Annotated[
        str | None,
        typer.Option(
            help="Both in one, split at --separator, or else by rule: later sentences that name a manner are style, "
            "and so is the end of the first one from “in the style of”, “like a”, “using … words” on."
        ),
    ] = None,
    separator: Annotated[
        str, typer.Option(help="What stands between content and style in an instruction.")
    ] = "",
    prompts: Annotated[
        Path | None,
        typer.Option(
            help='Several instructions: JSON Lines, {"id": "…", "content": "…", "style": "…"}, or with "instruction" '
            "in place of the two; - is standard input."
        ),
    ] = None,
    windows: Annotated[
        str,
        typer.Option(
            metavar="FROM-TO,…",
            help="Positions after the prompt, from 0, TO excluded; without TO to the end.",
        ),
    ] = "0-8,8-16,16-24,0-",
    weights: Annotated[
        str,
        typer.Option(
            metavar="W,…",
            help="w within the windows: logits (1−w)·content + w·both. Outside it is 0.",
        ),
    ] = "1",
    after: Annotated[
        int, typer.Option(min=1, help="Positions after a window at which texts are judged.")
    ] = 16,
    samples: Annotated[int, typer.Option(min=2, help="Texts of each instruction and window.")] = 32,
    output: o.Output = None,
    frame: o.Frame,
    sampling: o.Sampling,
    opening: o.OpeningOptions,
    as_json: o.Json = False,
) -> int:
    """Say what a style does to BF, and to what is written, where it is injected early, late, or all along.

    With -o the same command goes on where it was stopped.
    """
    from dataclasses import asdict

    from bftui.cli.reports.injection_report import report
    from bftui.measures.bulk.sample_store import PartialFile
    from bftui.measures.injection import DrawnPacking, Injection, InjectionAsked, parse_positions
    from bftui.measures.injection_prompts import rendered_instruction
    from bftui.model.model_forms import with_itself
    from bftui.model.prompt import frame_fields
    from bftui.results.codec import encode
    from bftui.results.injection_result import InjectionOutput
    from bftui.trace.header import model_fields

    sampling.checked()
    around = frame.around("")
    asked = InjectionAsked(parse_positions(windows), _weights(weights), samples, after)
    instructions = _instructions(content, style, instruction, separator, prompts)
    name = model if all(each.style == "" for _, each in instructions) else with_itself(model)
    check_files([(name, opening.backend)], [output], [prompts])
    jobs: list[Injection] = []
    with ExitStack() as stack:
        interruption = stack.enter_context(interruptible())
        show = stack.enter_context(bar(interruption))
        drawing = {
            "asked": asdict(asked),
            "prompts": [asdict(each) for _, each in instructions],
            "frame": frame_fields(around),
        }
        store = stack.enter_context(store_beside(output, drawing, DrawnPacking()))

        def begin(opened: Model, place: int) -> Injection:
            asking = [
                rendered_instruction(opened, each, around, named) for named, each in instructions
            ]
            job = Injection(opened, asking, asked, sampling.on(opened), store)
            jobs.append(job)
            told.append((model_fields(opened.info, opened.noise), opened.info.note))
            return job

        told: list[tuple[dict[str, object], str]] = []
        run = EachModel([name], [name], Watched(interruption, show), begin)
        error = run.carry_out(opening)
        partial = store if isinstance(store, PartialFile) else None
        if error is not None and partial is not None and not partial.empty:
            raise stopped(error, f"what is finished is in {partial.path}: the same command goes on")
        found = jobs[0].result() if jobs else None
        if found is not None and found.windows:
            facts, note = told[0]
            whole = InjectionOutput(result=found, settings=jobs[0].settings(), model=facts)
            deliver(show, encode(whole), report(whole), as_json=as_json, output=output, note=note)
            if partial is not None:
                partial.remove()
    if error is not None:
        raise stopped(error, f"{run.kept} and shown" if found and found.windows else "")
    return 0


def _weights(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(each) for each in text.split(","))
    except ValueError:
        raise UsageError(
            f"--weights does not understand {text!r}", hint="write numbers, as 0.5,1"
        ) from None


def _instructions(
    content: str | None,
    style: str | None,
    instruction: str | None,
    separator: str,
    prompts: Path | None,
) -> Sequence[tuple[str, Instruction]]:
    """The instructions with their names. Raises UsageError, InputError."""
    from bftui.core.pair.instruction_parts import by_hand, by_rule, by_separator, content_alone
    from bftui.trace.instructions_file import parse_instructions

    if sum(each is not None for each in (content, instruction, prompts)) != 1:
        raise UsageError(
            "there is not one instruction", hint="give --content, --instruction or --prompts"
        )
    if prompts is not None:
        return parse_instructions(o.read_bytes(prompts), str(prompts), separator)
    if instruction is not None:
        found = by_separator(instruction, separator) if separator else by_rule(instruction)
    elif style is None:
        found = content_alone(content or "")
    else:
        found = by_hand(content or "", style)
    return [("instruction", found)]
