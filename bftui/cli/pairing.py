"""What the commands on two models have in common: whose prompts, and what is refused before anything is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bftui.cli import options as o
from bftui.cli.opening import check_output
from bftui.core.errors import UsageError

if TYPE_CHECKING:
    from bftui.session.nudging_runs import Question
    from bftui.session.pair import Pair
    from bftui.session.prompt import Prompt, Template
    from bftui.trace.prompts import PromptLine


def prompt_lines(question: o.Question, prompts: Path | None) -> list[PromptLine]:
    """The prompts of --prompt or --prompts. Raises UsageError where there is not one of them, InputError."""
    from bftui.trace.prompts import PromptLine, parse_prompts

    text = question.text()
    if text is None and prompts is None:
        raise UsageError("there is no prompt", hint="give --prompt TEXT or --prompts FILE")
    if text is not None and prompts is not None:
        raise UsageError("--prompt and --prompts exclude each other")
    if prompts is None:
        return [PromptLine("prompt", text or "")]
    return list(parse_prompts(o.read_bytes(prompts), str(prompts)))


def asked_of_both(line: PromptLine, frame: Prompt, template: Template, pair: Pair) -> Question:
    """A prompt as either model is asked it.

    Args:
        frame: what the base's prompts are put into; `auto` is a page of questions where it has no chat template.
        template: what the aligned model's are put into; see `Pair.partner_prompt`.
    """
    from bftui.session.nudging_runs import Question
    from bftui.session.prompt import framed
    from bftui.session.templates import asking

    base = asking(framed(line, frame), bool(pair.base.info.chat_template))
    taken = "chat" if base.template == "auto" else base.template
    return Question(line.id, base, pair.partner_prompt(base, taken, template))


def check_pair(
    base: tuple[str, o.Opening],
    aligned: tuple[str, o.Opening],
    prompts: Path | None,
    *targets: Path | None,
) -> None:
    """Refuses what can be known to fail: models that are not there, results that would overwrite what is read.

    Raises ModelError, UsageError, NotSaved.
    """
    from bftui.session.model import resolve
    from bftui.trace.document import refuse_model

    sources = [resolve(model, opening.backend).source for model, opening in (base, aligned)]
    for target in targets:
        if target is None:
            continue
        for source in sources:
            refuse_model(target, source)
        there = target.exists() and prompts is not None and prompts.exists()
        if there and prompts is not None and target.samefile(prompts):
            hint = "choose another file for the result"
            raise UsageError(f"{target} is the prompts file", hint=hint)
        check_output(target)
