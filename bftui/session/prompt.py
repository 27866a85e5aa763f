"""What a person asks with: a text, and the frame that it is put into. Frozen, so that commands can carry it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from bftui.core.errors import UsageError
from bftui.session.templates import STOPS

if TYPE_CHECKING:
    from bftui.trace.prompts import PromptLine

Taken = Literal["raw", "chat", "page", "urial"]
Template = Literal["auto", "raw", "chat", "page", "urial"]
Special = Literal["text", "tokens"]
"""What control tokens that are written in a text are read as."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as it was asked for; `Model.render` turns it into tokens.

    Attributes:
        text: the text, or the user's turn.
        system: the system text; None for none.
        template: `raw` takes the text as it is, `chat` puts it into the model's chat template, `page` writes it as a
            page of questions and answers, `urial` after an instruction and three examples; `auto` takes `chat` where
            the model carries a template, else `raw`. See `session.templates`.
        prefill: how the answer begins.
        special: whether control tokens that are written in any of it are text, or read as such.
    """

    text: str = ""
    system: str | None = None
    template: Template = "auto"
    prefill: str = ""
    special: Special = "text"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt as the model sees it.

    Attributes:
        text: every token written out, control tokens and the start token too.
        token_ids: the tokens; never empty.
        messages: what the chat template was given, each with `role` and `content`; None without a chat template. The
            last one is the assistant's where an answer was begun.
        template: which way was taken.
    """

    text: str
    token_ids: tuple[int, ...]
    messages: tuple[Mapping[str, str], ...] | None
    template: Taken

    @property
    def stops(self) -> tuple[str, ...]:
        """The strings that end an answer to this prompt; most prompts have none."""
        return STOPS.get(self.template, ())


def framed(line: PromptLine, frame: Prompt) -> Prompt:
    """A line of a prompts file in a frame: its own system text goes before the frame's."""
    system = frame.system if line.system is None else line.system
    return replace(frame, text=line.prompt, system=system)


def as_prompt(
    prompt: str | Prompt,
    system: str | None = None,
    template: Template = "auto",
    prefill: str = "",
) -> Prompt:
    """A text and its frame as a Prompt; a Prompt as it is.

    Raises UsageError for what is neither, for a Prompt with another frame around it, and for an unknown template.
    """
    if isinstance(prompt, Prompt):
        if (system, template, prefill) != (None, "auto", ""):
            raise UsageError("this prompt has its frame already", hint="change it in the Prompt")
    elif isinstance(prompt, str):
        prompt = Prompt(prompt, system, template, prefill)
    else:
        raise UsageError(f"a prompt is a text, not {type(prompt).__name__}")
    if prompt.template not in get_args(Template):
        choices = ", ".join(get_args(Template))
        raise UsageError(f"there is no template {prompt.template!r}", hint=f"choose {choices}")
    return prompt
