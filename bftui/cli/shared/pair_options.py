"""What the commands on two models have in common: the prompts, and how either model is asked them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bftui.cli.shared import options as o
from bftui.core.errors import UsageError

if TYPE_CHECKING:
    from bftui.cli.shared.progress_bars import Bar
    from bftui.measures.nudging.nudging_runs import PairedPrompt
    from bftui.model.model_pair import Pair
    from bftui.model.prompt import Prompt, Template
    from bftui.trace.prompts_file import PromptLine


def prompt_lines(question: o.PromptOptions, prompts: Path | None) -> list[PromptLine]:
    """The prompts of --prompt or --prompts. Raises UsageError where there is not one of them, InputError."""
    from bftui.trace.prompts_file import PromptLine, parse_prompts

    text = question.text()
    if text is None and prompts is None:
        raise UsageError("there is no prompt", hint="give --prompt TEXT or --prompts FILE")
    if text is not None and prompts is not None:
        raise UsageError("--prompt and --prompts exclude each other")
    if prompts is None:
        return [PromptLine("prompt", text or "")]
    return list(parse_prompts(o.read_bytes(prompts), str(prompts)))


def say_templates(show: Bar, named: Sequence[tuple[str, Iterable[str]]]) -> None:
    """Says before the work what the prompts of each model are put into: it moves numbers as much as a model does.

    `named`: each model's name with the templates of its prompts.
    """
    said = (f"{', '.join(sorted(set(taken)))} for {name}" for name, taken in named)
    show.say(f"templates: {'; '.join(said)}")


def say_templates_of(show: Bar, pair: Pair, questions: Sequence[PairedPrompt]) -> None:
    """As `say_templates`, for the prompts of a pair."""
    taken = [
        ["chat" if p.template == "auto" else p.template for p in prompts]
        for prompts in ([each.base for each in questions], [each.partner for each in questions])
    ]
    say_templates(show, [(pair.base.name, taken[0]), (pair.partner.name, taken[1])])


def asked_of_both(line: PromptLine, frame: Prompt, template: Template, pair: Pair) -> PairedPrompt:
    """A prompt as either model is asked it.

    Args:
        frame: what the base's prompts are put into; `auto` is a page of questions where it has no chat template.
        template: what the aligned model's are put into; see `Pair.partner_prompt`.
    """
    from bftui.measures.nudging.nudging_runs import PairedPrompt
    from bftui.model.prompt import framed
    from bftui.model.templates import asking

    base = asking(framed(line, frame), bool(pair.base.info.chat_template))
    taken = "chat" if base.template == "auto" else base.template
    return PairedPrompt(line.id, base, pair.partner_prompt(base, taken, template))
