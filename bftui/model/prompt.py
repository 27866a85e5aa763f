"""What a person asks with: a text, and the frame that it is put into. Frozen, so that commands can carry it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from bftui.core.errors import UsageError

if TYPE_CHECKING:
    from bftui.trace.prompts_file import PromptLine

Taken = Literal["raw", "chat", "page", "urial"]
Template = Literal["auto", "raw", "chat", "page", "urial"]
Special = Literal["text", "tokens"]
"""What control tokens that are written in a text are read as."""
Examples = tuple[tuple[str, str], ...]
"""Queries, each with its answer."""

STOPS: Mapping[str, tuple[str, ...]] = {"page": ("\nQ:",), "urial": ("# Query", "```")}
"""The strings that end an answer, by template; a template that is not here has none."""

_RESERVED = ("messages", "add_generation_prompt", "continue_final_message")
"""What an argument of a template cannot be called: these are the conversation's own."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as it was asked for; `Model.render` turns it into tokens.

    Attributes:
        text: the text, or the user's turn.
        system: the system text; None for none.
        template: `raw` takes the text as it is, `chat` puts it into the model's chat template, `page` writes it as a
            page of questions and answers, `urial` after an instruction and three examples; `auto` takes `chat` where
            the model carries a template, else `raw`. See `model.templates`.
        prefill: how the answer begins.
        special: whether control tokens that are written in any of it are text, or read as such.
        template_args: what the chat template is told beside the conversation, by name: plain data for JSON.
        date: the day that the chat template is told, YYYY-MM-DD; None for today.
        examples: what stands before the query of `urial`; None for ours.
        styled: the same text with a style, which the later models of a mixture read in its place; empty where all
            models read `text`.
    """

    text: str = ""
    system: str | None = None
    template: Template = "auto"
    prefill: str = ""
    special: Special = "text"
    template_args: Mapping[str, Any] = field(default_factory=dict, hash=False)
    date: str | None = None
    examples: Examples | None = None
    styled: str = ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt as the model sees it.

    Attributes:
        text: every token written out, control tokens and the start token too.
        token_ids: the tokens; never empty.
        messages: what the chat template was given, each with `role` and `content`; None without a chat template. The
            last one is the assistant's where an answer was begun.
        template: which way was taken.
        date: the day that the chat template was told, YYYY-MM-DD; None where it did not ask and none was named.
        notes: what people should know of it, in words.
        styled_ids: the tokens of the prompt with its style; empty where there is none.
    """

    text: str
    token_ids: tuple[int, ...]
    messages: tuple[Mapping[str, str], ...] | None
    template: Taken
    date: str | None = None
    notes: tuple[str, ...] = ()
    styled_ids: tuple[int, ...] = ()

    @property
    def stops(self) -> tuple[str, ...]:
        """The strings that end an answer to this prompt; most prompts have none."""
        return STOPS.get(self.template, ())


def special_field(special: Special) -> dict[str, str]:
    """Says how control tokens in a text are read, as a field of an action or a trace; nothing where they are text."""
    return {} if special == "text" else {"special": special}


def checked_special(special: object) -> Special:
    """Raises UsageError for what is none of `Special`."""
    if special == "text" or special == "tokens":
        return special
    raise UsageError(f"special is not {str(special)[:40]!r}", hint="choose text or tokens")


def framed(line: PromptLine, frame: Prompt) -> Prompt:
    """Puts a line of a prompts file into a frame: its own system text goes before the frame's."""
    system = frame.system if line.system is None else line.system
    return replace(frame, text=line.prompt, system=system)


def as_prompt(
    prompt: str | Prompt,
    system: str | None = None,
    template: Template = "auto",
    prefill: str = "",
    template_args: Mapping[str, Any] | None = None,
    date: str | None = None,
    examples: Sequence[tuple[str, str]] | None = None,
    special: Special = "text",
    styled: str = "",
) -> Prompt:
    """Makes a Prompt of a text and its frame; a Prompt stays as it is.

    Raises UsageError for what is neither, for a Prompt with another frame around it, for an unknown template, for a day
    that does not exist, and for arguments of a template that are not JSON or are the conversation's own.
    """
    shown = (
        None if examples is None else tuple((str(query), str(answer)) for query, answer in examples)
    )
    told = dict(template_args or {})
    frame = Prompt("", system, template, prefill, special, told, date, shown, styled)
    if isinstance(prompt, Prompt):
        if frame != Prompt():
            raise UsageError("this prompt has its frame already", hint="change it in the Prompt")
    elif isinstance(prompt, str):
        prompt = replace(frame, text=prompt)
    else:
        raise UsageError(f"a prompt is a text, not {type(prompt).__name__}")
    if prompt.template not in get_args(Template):
        choices = ", ".join(get_args(Template))
        raise UsageError(f"there is no template {prompt.template!r}", hint=f"choose {choices}")
    _check_told(prompt)
    checked_special(prompt.special)
    return prompt


def _check_told(prompt: Prompt) -> None:
    """Raises UsageError for a day or an argument that no template can be told."""
    if prompt.date is not None:
        try:
            # Other forms of ISO 8601 are days too, but not this one.
            if datetime.date.fromisoformat(prompt.date).isoformat() != prompt.date:
                raise ValueError
        except (TypeError, ValueError):
            raise UsageError(
                f"{prompt.date!r} is not a day", hint="write it as YYYY-MM-DD"
            ) from None
    for name, value in prompt.template_args.items():
        if not isinstance(name, str) or not name.isidentifier() or name in _RESERVED:
            raise UsageError(f"an argument of a template cannot be called {str(name)[:40]!r}")
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise UsageError(f"the template's argument {name} is not JSON", str(error)) from error


def frame_fields(frame: Prompt) -> dict[str, Any]:
    """Lists what texts are put into, by the names of `Prompt`; a frame has no style."""
    return {name: value for name, value in asdict(frame).items() if name != "styled"}


def told_fields(prompt: Prompt) -> dict[str, Any]:
    """Lists what a template is told beside the conversation, and the examples, as fields; what is usual is left out."""
    fields: dict[str, Any] = {}
    if prompt.template_args:
        fields["template_args"] = dict(prompt.template_args)
    if prompt.date is not None:
        fields["date"] = prompt.date
    if prompt.examples is not None:
        fields["examples"] = [list(example) for example in prompt.examples]
    if prompt.special != "text":
        fields["special"] = prompt.special
    if prompt.styled:
        fields["styled"] = prompt.styled
    return fields


def asked_fields(prompt: Prompt) -> dict[str, Any]:
    """Lists what was asked for, as the arguments of an action; `prompt_from` reads them."""
    return {
        "text": prompt.text,
        "system": prompt.system,
        "template": prompt.template,
        "prefill": prompt.prefill,
        **told_fields(prompt),
    }


def prompt_from(fields: Mapping[str, Any]) -> Prompt:
    """Reads a prompt from the fields of a trace or an action; raises UsageError, and ValueError for damaged ones."""
    examples = fields.get("examples")
    return as_prompt(
        fields["text"],
        fields.get("system"),
        fields.get("template", "auto"),
        fields.get("prefill", ""),
        fields.get("template_args"),
        fields.get("date"),
        None if examples is None else [(query, answer) for query, answer in examples],
        "tokens" if fields.get("special") == "tokens" else "text",
        fields.get("styled") or "",
    )
