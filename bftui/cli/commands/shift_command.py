"""`bftui shift`: where one model would have gone on otherwise than the other did."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.interrupt import interruptible
from bftui.cli.shared.opening import Watched, check_files, deliver, finish, open_stoppable, stopped
from bftui.cli.shared.pair_options import asked_of_both, prompt_lines, say_templates_of
from bftui.cli.shared.progress_bars import bar

if TYPE_CHECKING:
    from bftui.core.pair.distribution_shift import Author


@o.unfolded
def shift(
    *,
    base: Annotated[
        str, typer.Argument(metavar="[BASE]", help="The model before it was aligned.")
    ] = "practice",
    aligned: Annotated[
        str, typer.Argument(metavar="[ALIGNED]", help="The aligned model.")
    ] = "practice-aligned",
    prompts: Annotated[
        Path | None,
        typer.Option(
            help='JSON Lines, {"id": "…", "prompt": "…"}; - is standard input. An "answer" there is '
            "scored in place of a greedy one."
        ),
    ] = None,
    text: Annotated[
        Literal["aligned", "base"],
        typer.Option(help="Whose answers are scored, by the other model."),
    ] = "aligned",
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens of each greedy answer.")] = 256,
    output: o.Output = None,
    question: o.PromptOptions,
    partner: o.PartnerOptions,
    opening: o.OpeningOptions,
    as_json: o.Json = False,
) -> int:
    """Score the answers of an aligned model with its base: which tokens shifted?

    Each token of the greedy answer is looked up in the other model's distribution: unshifted at rank 1, marginal at 2
    and 3, else shifted (Lin et al., arXiv 2312.01552).
    """
    lines = prompt_lines(question, prompts)
    opening.check_labels(2)
    second = partner.opening(opening)
    models = [(base, opening.backend), (aligned, second.backend)]
    check_files(models, [output], [prompts, question.prompt_file])
    author: Author = "base" if text == "base" else "partner"
    with ExitStack() as stack:
        interruption = stack.enter_context(interruptible())
        show = stack.enter_context(bar(interruption))
        first_model = stack.enter_context(open_stoppable(base, opening, interruption, show))
        second_model = stack.enter_context(open_stoppable(aligned, second, interruption, show))

        from bftui.measures.shift.shift_runs import ShiftRuns
        from bftui.model.model_pair import Pair

        frame = question.frame.around("")
        answers = {line.id: line.answer for line in lines if line.answer is not None}
        pair = Pair(first_model, second_model)
        asked = [asked_of_both(line, frame, partner.partner_template, pair) for line in lines]
        job = ShiftRuns(pair, asked, author=author, max_tokens=max_tokens, answers=answers)
        say_templates_of(show, pair, asked)
        error = finish(job, Watched(interruption, show), lambda: job.doing)
        if job.found:
            from bftui.cli.reports.shift_report import report
            from bftui.measures.shift import shift_runs
            from bftui.results.codec import encode

            show(None, "estimating")
            found = shift_runs.output(pair, job.found, author)
            note = first_model.info.note or second_model.info.note
            told = report(found)
            deliver(show, encode(found), told, as_json=as_json, output=output, note=note)
    if error is not None:
        kept = f"{len(job.found)} of {job.units} answers are kept and shown" if job.found else ""
        raise stopped(error, kept)
    return 0
