"""`bftui horizon`: the tree of everything that a model may write next, grown until it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.bulk_run import EachModel
from bftui.cli.shared.interrupt import interruptible
from bftui.cli.shared.opening import Watched, check_files, deliver, stopped
from bftui.cli.shared.pair_options import say_templates
from bftui.cli.shared.progress_bars import bar
from bftui.cli.shared.sampling_options import Sampling

if TYPE_CHECKING:
    from bftui.measures.tree_growth import ModelHorizonRun
    from bftui.model.loaded_model import Model
    from bftui.model.prompt import Prompt


@o.unfolded
def horizon(
    *,
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="practice, paths to GGUF files or Hugging Face directories, or table:FILE.json.",
        ),
    ] = None,
    depth: Annotated[int, typer.Option(help="Tokens of the longest texts.")] = 6,
    mass: Annotated[
        float | None,
        typer.Option(
            help="Grow until the texts hold this share of the mass [default: 0.95, with --least 1]."
        ),
    ] = None,
    least: Annotated[
        float, typer.Option(metavar="P", help="Read no path that is less probable than this.")
    ] = 0.0,
    most: Annotated[int, typer.Option(metavar="N", help="Nodes of the tree at most.")] = 10_000,
    merge: Annotated[
        bool, typer.Option("--merge", help="Also tell texts of the same bytes as one.")
    ] = False,
    output: o.Output = None,
    question: o.PromptOptions,
    sampling: Sampling,
    opening: o.OpeningOptions,
    as_json: o.Json = False,
) -> int:
    """Grow the tree of all texts that a model may write next, and count it: BF by depth, and how few hold the mass.

    Nothing is drawn; what is not known is a bound. With several models their trees stand side by side.
    """
    from bftui.measures.tree_growth import HorizonAsked, ModelHorizonRun, settings
    from bftui.model.model_forms import carries_template
    from bftui.model.templates import asking
    from bftui.results.codec import encode
    from bftui.results.horizon_result import HorizonOutput

    names = models or ["practice"]
    opening.check_labels(len(names))
    sampler = sampling.checked()
    held = mass if mass is not None else 1.0 if least else 0.95
    asked = HorizonAsked(depth, held, least, most, merge)
    asked.check()
    check_files([(name, opening.backend) for name in names], [output], [question.prompt_file])
    prompt = question.frame.around(question.text() or "")
    shown = [opening.after(place).named or name for place, name in enumerate(names)]
    chats = [carries_template(name) for name in names]
    beside_chat = len(names) > 1 and any(chats)
    jobs: list[ModelHorizonRun] = []
    with interruptible() as interruption, bar(interruption) as show:
        if len(names) > 1:
            taken = [[_template(prompt, chat, beside_chat)] for chat in chats]
            say_templates(show, list(zip(shown, taken, strict=True)))

        def begin(model: Model, place: int) -> ModelHorizonRun:
            its = asking(prompt, bool(model.info.chat_template), beside_chat)
            job = ModelHorizonRun(model, shown[place], its, sampling.on(model), asked)
            jobs.append(job)
            return job

        run = EachModel(names, shown, Watched(interruption, show), begin)
        error = run.carry_out(opening)
        found = tuple(result for job in jobs if (result := job.result()) is not None)
        if found:
            from bftui.cli.reports.horizon_report import report

            output_of = HorizonOutput(
                settings=settings(asked, sampler), prompt=prompt.text, models=found
            )
            note = next((each.facts["note"] for each in found if each.facts.get("note")), "")
            deliver(
                show,
                encode(output_of),
                report(found),
                as_json=as_json,
                output=output,
                note=note,
            )
    if error is not None:
        raise stopped(error, "what is known of the tree is shown" if found else "")
    for failed in run.failed.values():
        raise stopped(failed, "the other models are measured" if found else "")
    return 0


def _template(prompt: Prompt, chat: bool, beside_chat: bool) -> str:
    from bftui.model.templates import asking

    taken = asking(prompt, chat, beside_chat).template
    return taken if taken != "auto" else "chat" if chat else "raw"
