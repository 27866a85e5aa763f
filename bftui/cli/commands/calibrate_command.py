"""`bftui calibrate`: what a model's distribution does to a set of valid answers."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.bulk_run import EachModel, store_beside
from bftui.cli.shared.interrupt import interruptible
from bftui.cli.shared.opening import Watched, check_files, deliver, stopped
from bftui.cli.shared.progress_bars import Bar, bar
from bftui.core.errors import BftuiError, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bftui.core.valid.valid_sets import Valid
    from bftui.measures.calibration.calibration_runs import CalibrationRuns
    from bftui.model.loaded_model import Model
    from bftui.model.prompt import Prompt
    from bftui.results.calibration_result import CalibrationSettings, ModelCalibration
    from bftui.trace.prompts_file import PromptLine


@o.unfolded
def calibrate(
    *,
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="practice, paths to GGUF files or Hugging Face directories, or table:FILE.json.",
        ),
    ] = None,
    valid: Annotated[
        str,
        typer.Option(
            metavar="SET",
            help="The valid answers: digits:2, range:1-100, us-states, months, … , regex:PATTERN, schema:FILE, "
            'or a file with one answer a line or {"valid": […]}.',
        ),
    ],
    prompts: Annotated[
        Path | None,
        typer.Option(help='JSON Lines, {"id": "…", "prompt": "…"}; - is standard input.'),
    ] = None,
    end: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            help="What ends an answer, one token; may be given several times [default: the model's ends of "
            "generation].",
        ),
    ] = None,
    lead: Annotated[
        Literal["auto", "blank", "none", "both"],
        typer.Option(
            help="Whether a blank stands before each answer; auto: where the prompt ends in none."
        ),
    ] = "auto",
    case: Annotated[
        Literal["given", "any"],
        typer.Option(help="any counts answers in lower case, upper case and with a capital too."),
    ] = "given",
    frontier: Annotated[
        bool,
        typer.Option(help="Also measure a grid of temperatures and truncations."),
    ] = True,
    samples: Annotated[
        int, typer.Option(min=2, help="Samples, where a set is too large to be walked.")
    ] = 2000,
    output: o.Output = None,
    question: o.PromptOptions,
    sampling: o.Sampling,
    opening: o.OpeningOptions,
    as_json: o.Json = False,
) -> int:
    """Say what a model does to a set of valid answers: validity, diversity, order, shape, and what truncation changes.

    Without a prompt the set's own question is asked. With -o the same command goes on where it was stopped.
    """
    from bftui.measures.bulk.sample_store import PartialFile
    from bftui.measures.calibration.calibration_runs import CalibrationAsked, CalibrationRuns
    from bftui.measures.calibration.reading_packing import ReadingPacking
    from bftui.model.model_forms import carries_template
    from bftui.model.prompt import frame_fields

    names = models or ["practice"]
    opening.check_labels(len(names))
    asked = CalibrationAsked(
        sampler=sampling.checked(),
        end=tuple(end or ()),
        lead=lead,
        case=case,
        frontier=frontier,
        samples=samples,
    )
    lines, frame = _asked(valid, question, prompts)
    check_files([(name, opening.backend) for name in names], [output], [prompts])
    shown = [opening.after(place).named or name for place, name in enumerate(names)]
    chats = [carries_template(name) for name in names]
    # A set's own question is a page where no template goes around it.
    own = question.text() is None and prompts is None
    beside_chat = own or (len(names) > 1 and any(chats))
    jobs: list[CalibrationRuns] = []
    with ExitStack() as stack:
        interruption = stack.enter_context(interruptible())
        show = stack.enter_context(bar(interruption))
        drawing = {"asked": asdict(asked), "frame": frame_fields(frame), **sampling.texts()}
        store = stack.enter_context(store_beside(output, drawing, ReadingPacking()))

        def begin(model: Model, place: int) -> CalibrationRuns:
            its = replace(asked, sampler=sampling.on(model))
            job = CalibrationRuns(
                model, shown[place], lines, frame, its, store, beside_chat=beside_chat
            )
            jobs.append(job)
            return job

        run = EachModel(names, shown, Watched(interruption, show), begin)
        error = run.carry_out(opening)
        found = [result for job in jobs if (result := job.result()) is not None]
        partial = store if isinstance(store, PartialFile) else None
        if error is not None and partial is not None and not partial.empty:
            raise stopped(error, f"what is finished is in {partial.path}: the same command goes on")
        if found:
            several = len(names) > 1
            _delivered(found, asked.settings(lines[0][1]), several, show, as_json, output)
            if partial is not None:
                partial.remove()
    if error is not None:
        raise stopped(error, f"{run.kept} and shown" if found else "")
    for failed in run.failed.values():
        raise stopped(failed, "the other models are measured" if found else "")
    return 0


def _asked(
    valid: str, question: o.PromptOptions, prompts: Path | None
) -> tuple[list[tuple[PromptLine, Valid]], Prompt]:
    """The prompts, each with its valid set, and what they are put into. Raises UsageError, InputError."""
    from bftui.cli.shared.pair_options import prompt_lines
    from bftui.core.valid.set_questions import question_of
    from bftui.core.valid.valid_sets import valid_set
    from bftui.trace.prompts_file import PromptLine
    from bftui.trace.valid_files import parse_valid

    def read(path: str) -> bytes:
        return o.read_bytes(Path(path))

    def its_own(line: PromptLine) -> Valid:
        if line.valid is None:
            return whole
        try:
            if isinstance(line.valid, str):
                return parse_valid(line.valid, read)
            return valid_set(line.id, line.valid)
        except BftuiError as error:
            raise InputError(
                f"{prompts}: prompt {line.id}: {error.message}", error.reason, error.hint
            ) from error

    whole = parse_valid(valid, read)
    frame = question.frame.around("")
    if question.text() is None and prompts is None:
        text = question_of(whole)
        if text is None:
            raise UsageError(
                f"{whole.name} has no question of its own",
                hint="give --prompt TEXT or --prompts FILE",
            )
        return [(PromptLine("prompt", text), whole)], frame
    lines = prompt_lines(question, prompts)
    return [(line, its_own(line)) for line in lines], frame


def _delivered(
    found: Sequence[ModelCalibration],
    settings: CalibrationSettings,
    several: bool,
    show: Bar,
    as_json: bool,
    output: Path | None,
) -> None:
    """Prints and writes what was found: as a list where `several` models were asked for, however many were measured."""
    from bftui.cli.reports.calibrate_report import report
    from bftui.results.calibration_result import CalibrateOutput, CalibrateOutputs
    from bftui.results.codec import encode

    listed = CalibrateOutputs(settings=settings, models=tuple(found))
    one = CalibrateOutput(settings=settings, model=found[0])
    note = next((each.facts["note"] for each in found if each.facts.get("note")), "")
    document = encode(listed if several else one)
    deliver(show, document, report(listed), as_json=as_json, output=output, note=note)
